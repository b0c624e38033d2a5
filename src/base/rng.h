/* rng.h: the one random stream of the core: ChaCha20 (RFC 8439) keyed by the shell.
 * Owns: its state. Never: asks the system; the shell seeds it from getrandom, the simulator from
 *   its seed.
 * Invariant: the same key gives the same stream.
 * Callers: node (ids, passwords), tests, simulator. One thread a stream. */
#pragma once

#include "slice.h"

struct rng {
    uint32_t state[16];
    uint8_t block[64];
    size_t used; /* bytes of block already given */
};

void rng_init(struct rng *r, const uint8_t key[32]);
void rng_bytes(struct rng *r, void *out, size_t len);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* uniform in [0, bound), bound > 0 */
