/* map.h: hash table of intrusive nodes with keyed hash and incremental growth.
 * Owns: its bucket arrays; nodes live inside the callers' objects.
 * Never: stops to rehash everything: each insert splits two buckets at most, and memory comes in
 *   small pieces, so that no step grows with the number held.
 * Invariant: a node is in at most one map; node.hash is set by map_insert.
 * Source: Litwin, "Linear hashing: a new tool for file and table addressing" (1980).
 * Callers: every lookup by name. */
#pragma once

#include "hash.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};
/* Says whether the object around this node has the key. */
typedef bool (*map_equal)(const struct map_node *node, struct slice key);
struct map {
    struct hash_key key;
    map_equal equal;
    struct map_node **first; /* the buckets of the first segment; small while there are few */
    struct map_node ***more; /* further segments, all of one size */
    size_t more_cap;
    size_t buckets; /* in use; those below buckets - (mask + 1) are split already */
    size_t mask;    /* largest power of two not above buckets, minus 1 */
    size_t count;
    size_t any_hint; /* where map_any looks first: emptying a map stays O(n) in all */
};

/* Allocates the first buckets. `key`: unguessable per process. */
must_check enum status map_init(struct map *m, struct hash_key key, map_equal equal);
void map_deinit(struct map *m); /* nodes are not touched; zeroed: fine */
struct map_node *map_find(const struct map *m, struct slice key);
/* The key must not be in the map yet. Cannot fail: when it cannot grow it gets slower. */
void map_insert(struct map *m, struct map_node *n, struct slice key);
/* As wide as so many nodes will need it: O(nodes), for a start. Without memory it grows later. */
void map_reserve(struct map *m, size_t nodes);
void map_remove(struct map *m, struct map_node *n); /* n is in m (asserted) */
/* The key is about to be looked for, or inserted: its bucket may be fetched from memory meanwhile.
 */
void map_ahead(const struct map *m, struct slice key);
/* n is about to be removed: its bucket may be fetched from memory meanwhile. Changes nothing. */
void map_warm(const struct map *m, const struct map_node *n);
/* Any node, or NULL; for teardown. */
struct map_node *map_any(const struct map *m);
/* Visits all nodes; the callback must not change the map. O(n): tests, teardown, small maps. */
void map_each(const struct map *m, void (*visit)(struct map_node *node, void *arg), void *arg);
/* What its arrays take, for counts of memory. */
size_t map_bytes(const struct map *m);
