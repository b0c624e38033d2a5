#include "heap.h"
#include "mem.h"

/* Four ways: half the levels of a binary heap, and the keys of four children are one cache line. */
enum { HEAP_CAP_FIRST = 16, HEAP_WAYS = 4 };

void heap_init(struct heap *h) {
    *h = (struct heap){0};
}

void heap_deinit(struct heap *h) {
    if (h) {
        mem_free(h->entries);
        *h = (struct heap){0};
    }
}

enum status heap_reserve(struct heap *h, uint32_t count) {
    if (count <= h->cap) {
        return STATUS_OK;
    }
    uint32_t cap = MAX(count, (uint32_t)HEAP_CAP_FIRST);
    if (h->cap <= UINT32_MAX / 2) {
        cap = MAX(cap, h->cap * 2);
    }
    size_t size;
    if (__builtin_mul_overflow((size_t)cap, sizeof(*h->entries), &size)) {
        return STATUS_NO_MEMORY;
    }
    struct heap_entry *entries = mem_realloc(h->entries, size);
    if (!entries) {
        return STATUS_NO_MEMORY;
    }
    h->entries = entries;
    h->cap = cap;
    return STATUS_OK;
}

static void put_at(struct heap *h, struct heap_entry e, uint32_t at) {
    h->entries[at] = e;
    e.node->place = at + 1;
}

/* Moves the hole at `at` towards the root until the key fits there. */
static uint32_t sift_up(struct heap *h, uint64_t key, uint32_t at) {
    while (at > 0) {
        uint32_t parent = (at - 1) / HEAP_WAYS;
        if (h->entries[parent].key <= key) {
            break;
        }
        put_at(h, h->entries[parent], at);
        at = parent;
    }
    return at;
}

static uint32_t least_child(const struct heap *h, uint32_t at) {
    uint32_t first = HEAP_WAYS * at + 1, end = MIN(first + HEAP_WAYS, h->count), least = first;
    for (uint32_t child = first + 1; child < end; child++) {
        least = h->entries[child].key < h->entries[least].key ? child : least;
    }
    return least;
}

/* Moves the hole at `at` towards the leaves until the key fits there. */
static uint32_t sift_down(struct heap *h, uint64_t key, uint32_t at) {
    while (at < (h->count + HEAP_WAYS - 2) / HEAP_WAYS) {
        uint32_t child = least_child(h, at);
        if (key <= h->entries[child].key) {
            break;
        }
        put_at(h, h->entries[child], at);
        at = child;
    }
    return at;
}

static void settle(struct heap *h, struct heap_entry e, uint32_t at) {
    at = sift_up(h, e.key, at);
    at = sift_down(h, e.key, at);
    put_at(h, e, at);
}

void heap_set(struct heap *h, struct heap_node *n, uint64_t key) {
    struct heap_entry e = {.key = key, .node = n};
    if (!heap_has(n)) {
        assert(h->count < h->cap);
        h->count++;
        put_at(h, e, h->count - 1);
    }
    assert(n->place <= h->count && h->entries[n->place - 1].node == n);
    n->key = key;
    settle(h, e, n->place - 1);
}

void heap_remove(struct heap *h, struct heap_node *n) {
    if (!heap_has(n)) {
        return;
    }
    assert(n->place <= h->count && h->entries[n->place - 1].node == n);
    uint32_t at = n->place - 1;
    struct heap_entry last = h->entries[--h->count];
    n->place = 0;
    if (last.node != n) {
        settle(h, last, at);
    }
}

struct heap_node *heap_peek(const struct heap *h) {
    return h->count > 0 ? h->entries[0].node : NULL;
}

/* Reads nothing of the nodes: in a large heap each would be a wait for memory. */
struct heap_node *heap_pop(struct heap *h) {
    struct heap_node *least = heap_peek(h);
    if (least) {
        struct heap_entry last = h->entries[--h->count];
        least->place = 0;
        if (h->count > 0) {
            put_at(h, last, sift_down(h, last.key, 0));
        }
    }
    return least;
}

uint64_t heap_next_key(const struct heap *h) {
    return h->count > 0 ? h->entries[0].key : UINT64_MAX;
}

void heap_check(const struct heap *h) {
    assert(h->count <= h->cap);
    for (uint32_t at = 0; at < h->count; at++) {
        const struct heap_entry *e = &h->entries[at];
        assert(e->node->place == at + 1 && e->node->key == e->key);
        assert(at == 0 || h->entries[(at - 1) / HEAP_WAYS].key <= e->key);
        (void)e;
    }
}
