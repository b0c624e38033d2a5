/* map.h: hash table of intrusive nodes with keyed hash and incremental growth.
 * Owns: its bucket arrays; nodes live inside the callers' objects.
 * Never: stops to rehash everything: each insert or remove moves a few buckets at most, so that
 *   no step grows with the number held.
 * Invariant: a node is in at most one map; node.hash is set by map_insert.
 * Callers: every lookup by name. */
#pragma once

#include "hash.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};
struct map_table {
    struct map_node **buckets;
    size_t mask; /* count of buckets - 1; 0 with buckets NULL when unused */
};
/* Says whether the object around this node has the key. */
typedef bool (*map_equal)(const struct map_node *node, struct slice key);
struct map {
    struct hash_key key;
    map_equal equal;
    struct map_table now, old; /* old is drained bit by bit while growing */
    size_t old_next;           /* first bucket of old not yet moved */
    size_t count;
    size_t any_hint; /* where map_any looks first: emptying a map stays O(n) in all */
};

/* Allocates the first buckets. `key`: unguessable per process. */
must_check enum status map_init(struct map *m, struct hash_key key, map_equal equal);
void map_deinit(struct map *m); /* nodes are not touched; zeroed: fine */
struct map_node *map_find(const struct map *m, struct slice key);
/* The key must not be in the map yet. Cannot fail: when it cannot grow it gets slower. */
void map_insert(struct map *m, struct map_node *n, struct slice key);
void map_remove(struct map *m, struct map_node *n); /* n is in m (asserted) */
/* Any node, or NULL; for teardown. */
struct map_node *map_any(const struct map *m);
/* Visits all nodes; the callback must not change the map. O(n): tests, teardown, small maps. */
void map_each(const struct map *m, void (*visit)(struct map_node *node, void *arg), void *arg);
