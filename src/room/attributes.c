#include <string.h>

#include "attributes.h"
#include "caps.h"
#include "mem.h"

/* First place whose key is not below `key`. */
static size_t place_of(const struct attribute *items, size_t count, struct slice key) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(items[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Applies one change to a list of views with room for one more; returns the new count. */
static size_t lay_over(struct attribute *items, size_t count, const struct attribute *change) {
    size_t at = place_of(items, count, change->key);
    bool found = at < count && slice_eq(items[at].key, change->key);
    if (change->value.len == 0) {
        if (found) {
            memmove(&items[at], &items[at + 1], (count - at - 1) * sizeof(*items));
            count--;
        }
        return count;
    }
    if (!found) {
        memmove(&items[at + 1], &items[at], (count - at) * sizeof(*items));
        count++;
    }
    items[at] = *change;
    return count;
}

static struct slice put_text(char **at, struct slice s) {
    char *text = *at;
    if (s.len > 0) {
        memcpy(text, s.data, s.len);
    }
    text[s.len] = '\0';
    *at = text + s.len + 1;
    return slice_of(text, s.len);
}

/* Copies a list of views into one block of their own. */
static enum status seal(const struct attribute *views, size_t count, struct attributes *ret) {
    if (count == 0) {
        *ret = (struct attributes){0};
        return STATUS_OK;
    }
    size_t bytes = attributes_bytes(views, count);
    if (bytes > ATTRIBUTES_MERGED_BYTES_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct attribute *items = mem_alloc(count * sizeof(*items) + bytes + 2 * count);
    if (!items) {
        return STATUS_NO_MEMORY;
    }
    char *at = (char *)(items + count);
    for (size_t i = 0; i < count; i++) {
        items[i].key = put_text(&at, views[i].key);
        items[i].value = put_text(&at, views[i].value);
    }
    *ret = (struct attributes){.items = items, .count = count, .bytes = bytes};
    return STATUS_OK;
}

enum status attributes_merge(const struct attributes *base, const struct attribute *changes,
                             size_t count, struct attributes *ret_merged) {
    assert(base->count <= ATTRIBUTES_MAX);
    struct attribute *views = mem_alloc((ATTRIBUTES_MAX + 1) * sizeof(*views));
    if (!views) {
        return STATUS_NO_MEMORY;
    }
    if (base->count > 0) {
        memcpy(views, base->items, base->count * sizeof(*views));
    }
    size_t held = base->count;
    enum status s = STATUS_OK;
    for (size_t i = 0; i < count && s == STATUS_OK; i++) {
        held = lay_over(views, held, &changes[i]);
        if (held > ATTRIBUTES_MAX) {
            s = STATUS_EXHAUSTED;
        }
    }
    if (s == STATUS_OK) {
        s = seal(views, held, ret_merged);
    }
    mem_free(views);
    return s;
}

void attributes_deinit(struct attributes *a) {
    mem_free(a->items);
    *a = (struct attributes){0};
}

size_t attributes_bytes(const struct attribute *items, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += items[i].key.len + items[i].value.len;
    }
    return bytes;
}
