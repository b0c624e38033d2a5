#include <string.h>

#include "arena.h"
#include "mem.h"

enum {
    ARENA_ALIGN = 16,
    ARENA_CHUNK_BYTES_MIN = 992,       /* with its head what malloc keeps at hand for each thread */
    ARENA_CHUNK_BYTES_MAX = 64 * 1024, /* larger ones hold a single allocation */
};

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) uint8_t data[];
};
static_assert(offsetof(struct arena_chunk, data) % ARENA_ALIGN == 0, "data is aligned");

void arena_init(struct arena *a, size_t bytes_max) {
    assert(bytes_max > 0);
    *a = (struct arena){.bytes_max = bytes_max};
}

static void chunks_free(struct arena_chunk *c) {
    while (c) {
        struct arena_chunk *next = c->next;
        mem_free(c);
        c = next;
    }
}

/* Keeps the newest chunk of ordinary size: one huge message must not stay held for good. */
void arena_reset(struct arena *a) {
    struct arena_chunk **at = &a->chunks, *kept = NULL;
    while (*at && (*at)->cap > ARENA_CHUNK_BYTES_MAX) {
        at = &(*at)->next;
    }
    if (*at) {
        kept = *at;
        *at = kept->next;
        kept->next = NULL;
        kept->used = 0;
    }
    chunks_free(a->chunks);
    a->chunks = kept;
    a->used_bytes = 0;
    a->failed = false;
}

void arena_deinit(struct arena *a) {
    if (a) {
        chunks_free(a->chunks);
        *a = (struct arena){.bytes_max = a->bytes_max};
    }
}

/* Chunks double up to their usual size, so that small arenas stay small. */
static struct arena_chunk *chunk_add(struct arena *a, size_t size) {
    size_t usual = a->chunks ? 2 * a->chunks->cap : ARENA_CHUNK_BYTES_MIN;
    usual = MIN(usual, (size_t)ARENA_CHUNK_BYTES_MAX);
    size_t cap = MAX(size, usual);
    struct arena_chunk *c = mem_alloc(sizeof(*c) + cap);
    if (!c) {
        return NULL;
    }
    *c = (struct arena_chunk){.next = a->chunks, .cap = cap};
    a->chunks = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size) {
    size_t left = a->bytes_max - a->used_bytes;
    if (size > left) {
        a->failed = true;
        return NULL;
    }
    size_t padded = (MAX(size, (size_t)1) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (padded < size || padded > SIZE_MAX - sizeof(struct arena_chunk)) {
        a->failed = true;
        return NULL;
    }
    struct arena_chunk *c = a->chunks;
    if (!c || c->cap - c->used < padded) {
        c = chunk_add(a, padded);
        if (!c) {
            a->failed = true;
            return NULL;
        }
    }
    void *p = c->data + c->used;
    c->used += padded;
    a->used_bytes += MIN(padded, left); /* the padding of the last one may lie past the bound */
    assert(a->used_bytes <= a->bytes_max && c->used <= c->cap);
    return p;
}

void *arena_zalloc(struct arena *a, size_t size) {
    void *p = arena_alloc(a, size);
    return p ? memset(p, 0, size) : NULL;
}

struct slice arena_copy(struct arena *a, struct slice s) {
    if (s.len == 0) {
        return (struct slice){0};
    }
    void *p = arena_alloc(a, s.len);
    return p ? slice_of(memcpy(p, s.data, s.len), s.len) : (struct slice){0};
}

char *arena_cstr(struct arena *a, struct slice s) {
    if (s.len == SIZE_MAX) {
        a->failed = true;
        return NULL;
    }
    char *text = arena_alloc(a, s.len + 1);
    if (!text) {
        return NULL;
    }
    if (s.len > 0) {
        memcpy(text, s.data, s.len);
    }
    text[s.len] = '\0';
    return text;
}
