/* Maps are lists of entries in C, so that one key can stand twice: JSON refuses that, protobuf
 * keeps the last. Few entries are compared pair by pair, many are sorted. */
#include <string.h>

#include "proto_priv.h"

enum { PAIRWISE_MAX = 16 };

static int key_compare(const ProtobufCMessage *a, const ProtobufCMessage *b) {
    const ProtobufCFieldDescriptor *key = &a->descriptor->fields[0];
    const void *va = proto_value_of(a, key), *vb = proto_value_of(b, key);
    if (key->type == PROTOBUF_C_TYPE_STRING) {
        return strcmp(*(char *const *)va, *(char *const *)vb);
    }
    return memcmp(va, vb, proto_value_size(key->type)); /* any order will do */
}

/* By key, and within one key by place. */
static bool entry_before(ProtobufCMessage *const *entries, uint32_t a, uint32_t b) {
    int order = key_compare(entries[a], entries[b]);
    return order < 0 || (order == 0 && a < b);
}

static void sift_down(ProtobufCMessage *const *entries, uint32_t *places, size_t at, size_t count) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && entry_before(entries, places[child], places[child + 1])) {
            child++;
        }
        if (!entry_before(entries, places[at], places[child])) {
            return;
        }
        uint32_t swap = places[at];
        places[at] = places[child];
        places[child] = swap;
        at = child;
    }
}

/* Heap sort: no recursion, no worst case. NULL without memory. */
static uint32_t *places_sorted(ProtobufCMessage *const *entries, size_t count,
                               struct arena *arena) {
    assert(count <= UINT32_MAX);
    uint32_t *places = arena_alloc(arena, count * sizeof(*places));
    if (!places) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        places[i] = (uint32_t)i;
    }
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(entries, places, i - 1, count);
    }
    for (size_t left = count; left > 1; left--) {
        uint32_t last = places[0];
        places[0] = places[left - 1];
        places[left - 1] = last;
        sift_down(entries, places, 0, left - 1);
    }
    return places;
}

/* Sets entries to NULL that have a later one of the same key; returns how many. */
static enum status clear_earlier(ProtobufCMessage **entries, size_t count, struct arena *arena,
                                 size_t *ret_cleared) {
    size_t cleared = 0;
    const uint32_t *places = places_sorted(entries, count, arena);
    if (!places) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        if (key_compare(entries[places[i]], entries[places[i + 1]]) == 0) {
            entries[places[i]] = NULL; /* compared for the last time */
            cleared++;
        }
    }
    *ret_cleared = cleared;
    return STATUS_OK;
}

enum status proto_map_is_unique(ProtobufCMessage *const *entries, size_t count, struct arena *arena,
                                bool *ret_unique) {
    bool unique = true;
    if (count <= PAIRWISE_MAX) {
        for (size_t i = 1; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                unique = unique && key_compare(entries[i], entries[j]) != 0;
            }
        }
        *ret_unique = unique;
        return STATUS_OK;
    }
    const uint32_t *places = places_sorted(entries, count, arena);
    if (!places) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        unique = unique && key_compare(entries[places[i]], entries[places[i + 1]]) != 0;
    }
    *ret_unique = unique;
    return STATUS_OK;
}

enum status proto_map_keep_last(ProtobufCMessage **entries, size_t *count, struct arena *arena) {
    bool unique;
    enum status s = proto_map_is_unique(entries, *count, arena, &unique);
    if (s != STATUS_OK || unique) {
        return s;
    }
    size_t cleared, kept = 0;
    s = clear_earlier(entries, *count, arena, &cleared);
    if (s != STATUS_OK) {
        return s;
    }
    for (size_t i = 0; i < *count; i++) {
        if (entries[i]) {
            entries[kept++] = entries[i];
        }
    }
    assert(kept + cleared == *count);
    *count = kept;
    return STATUS_OK;
}
