#include "heap.h"
#include "mem.h"

enum { HEAP_CAP_FIRST = 16 };

void heap_init(struct heap *h) {
    *h = (struct heap){0};
}

void heap_deinit(struct heap *h) {
    if (h) {
        mem_free(h->nodes);
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
    if (__builtin_mul_overflow((size_t)cap, sizeof(*h->nodes), &size)) {
        return STATUS_NO_MEMORY;
    }
    struct heap_node **nodes = mem_realloc(h->nodes, size);
    if (!nodes) {
        return STATUS_NO_MEMORY;
    }
    h->nodes = nodes;
    h->cap = cap;
    return STATUS_OK;
}

static void put_at(struct heap *h, struct heap_node *n, uint32_t at) {
    h->nodes[at] = n;
    n->place = at + 1;
}

/* Moves the hole at `at` towards the root until n fits there. */
static uint32_t sift_up(struct heap *h, const struct heap_node *n, uint32_t at) {
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (h->nodes[parent]->key <= n->key) {
            break;
        }
        put_at(h, h->nodes[parent], at);
        at = parent;
    }
    return at;
}

/* Moves the hole at `at` towards the leaves until n fits there. */
static uint32_t sift_down(struct heap *h, const struct heap_node *n, uint32_t at) {
    while (at < h->count / 2) {
        uint32_t child = 2 * at + 1;
        if (child + 1 < h->count && h->nodes[child + 1]->key < h->nodes[child]->key) {
            child++;
        }
        if (n->key <= h->nodes[child]->key) {
            break;
        }
        put_at(h, h->nodes[child], at);
        at = child;
    }
    return at;
}

static void settle(struct heap *h, struct heap_node *n, uint32_t at) {
    at = sift_up(h, n, at);
    at = sift_down(h, n, at);
    put_at(h, n, at);
}

void heap_set(struct heap *h, struct heap_node *n, uint64_t key) {
    if (!heap_has(n)) {
        assert(h->count < h->cap);
        h->count++;
        put_at(h, n, h->count - 1);
    }
    assert(n->place <= h->count && h->nodes[n->place - 1] == n);
    n->key = key;
    settle(h, n, n->place - 1);
}

void heap_remove(struct heap *h, struct heap_node *n) {
    if (!heap_has(n)) {
        return;
    }
    assert(n->place <= h->count && h->nodes[n->place - 1] == n);
    uint32_t at = n->place - 1;
    struct heap_node *last = h->nodes[--h->count];
    n->place = 0;
    if (last != n) {
        settle(h, last, at);
    }
}

struct heap_node *heap_peek(const struct heap *h) {
    return h->count > 0 ? h->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *h) {
    struct heap_node *least = heap_peek(h);
    if (least) {
        heap_remove(h, least);
    }
    return least;
}

uint64_t heap_next_key(const struct heap *h) {
    return h->count > 0 ? h->nodes[0]->key : UINT64_MAX;
}

void heap_check(const struct heap *h) {
    assert(h->count <= h->cap);
    for (uint32_t at = 0; at < h->count; at++) {
        assert(h->nodes[at]->place == at + 1);
        assert(at == 0 || h->nodes[(at - 1) / 2]->key <= h->nodes[at]->key);
    }
}
