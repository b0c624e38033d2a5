/* heap.h: min-heap of intrusive nodes keyed by a deadline.
 * Owns: an array of keys with their nodes; the nodes are the caller's.
 * Never: moves a node, only its place in the array; reads one to compare keys.
 * Invariant: node->place is its place + 1 in the array, 0 while it is not in.
 * Callers: deadlines of dir, node, os timers. O(log n). */
#pragma once

#include "base.h"

struct heap_node {
    uint64_t key; /* read only for callers: change it with heap_set */
    uint32_t place;
};
struct heap_entry {
    uint64_t key; /* that of the node: here it is next to those it is compared with */
    struct heap_node *node;
};
struct heap {
    struct heap_entry *entries; /* owned array of borrowed nodes */
    uint32_t count, cap;
};

void heap_init(struct heap *h);
void heap_deinit(struct heap *h);
/* Room for `count` nodes in all: after STATUS_OK heap_set cannot fail up to that count. */
must_check enum status heap_reserve(struct heap *h, uint32_t count);
/* Inserts the node, or moves it to its new key. Inserting needs a reserved place (asserted). */
void heap_set(struct heap *h, struct heap_node *n, uint64_t key);
void heap_remove(struct heap *h, struct heap_node *n); /* not in: nothing */
struct heap_node *heap_peek(const struct heap *h);     /* NULL when empty */
struct heap_node *heap_pop(struct heap *h);            /* NULL when empty */
static inline bool heap_has(const struct heap_node *n) {
    return n->place != 0;
}
/* Key of the least node, UINT64_MAX when empty. */
uint64_t heap_next_key(const struct heap *h);
/* Test and debug builds: asserts order and places. O(n). */
void heap_check(const struct heap *h);
