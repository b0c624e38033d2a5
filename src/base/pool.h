/* pool.h: slots of one size with generations, so that references can go stale but never lie.
 * Owns: its slots, in chunks that do not move.
 * Never: hands out more than slots_max.
 * Invariant: a ref resolves exactly while its slot is taken and its generation is current.
 *   Generations start at 1: a zeroed ref never resolves.
 * Callers: edge connections, sessions, transports, dir records. One thread a pool. */
#pragma once

#include "base.h"

struct pool_ref {
    uint32_t index;
    uint32_t generation;
};
struct pool_slot; /* header before each object */
struct pool {
    struct pool_slot **chunks;
    size_t object_size;
    uint32_t slots_max, slots_made, count, free_head, chunks_cap;
};

void pool_init(struct pool *p, size_t object_size, uint32_t slots_max);
void pool_deinit(struct pool *p);
/* Zeroed object; NULL when full or without memory. */
must_check void *pool_take(struct pool *p, struct pool_ref *ret_ref);
void pool_give(struct pool *p, struct pool_ref ref);           /* stale: asserted against */
void *pool_resolve(const struct pool *p, struct pool_ref ref); /* NULL when stale */
/* Walks by index: the object in slot `index`, or NULL when free; index < pool_extent(). A walk
 * may stop and go on later; slots do not move. */
void *pool_at(const struct pool *p, uint32_t index, struct pool_ref *ret_ref);
/* The slot is about to be looked at: it may be fetched from memory meanwhile. index as above. */
void pool_warm(const struct pool *p, uint32_t index);
uint32_t pool_extent(const struct pool *p);
static inline uint64_t pool_ref_pack(struct pool_ref r) {
    return (uint64_t)r.generation << 32 | r.index;
}
static inline struct pool_ref pool_ref_unpack(uint64_t v) {
    return (struct pool_ref){.index = (uint32_t)v, .generation = (uint32_t)(v >> 32)};
}
