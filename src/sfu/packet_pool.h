/* packet_pool.h: the memory of packet histories, in chunks of one size that a thread's streams
 * share. Owns: its chunks; a history borrows some and gives them back. Never: allocates when a
 * packet comes: packet_pool_refill does that between packets. Invariant: chunks that exist never
 * exceed chunks_max; a taken chunk is given back once. Callers: a media worker (one pool), the
 * histories of its uplinks. One thread. */
#pragma once

#include "base.h"

enum { PACKET_CHUNK_BYTES = 8192 }; /* 7 video packets, or a second of audio */

struct packet_chunk {
    struct packet_chunk *next;
    uint8_t bytes[PACKET_CHUNK_BYTES - sizeof(struct packet_chunk *)];
};
struct packet_pool {
    struct packet_chunk *idle;
    size_t idle_count, taken, chunks_max;
};

void packet_pool_init(struct packet_pool *p, size_t chunks_max);
void packet_pool_deinit(struct packet_pool *p); /* all were given back (asserted) */
/* Between packets, after each turn: brings the free chunks near what the next milliseconds
 * may need, by allocating or freeing. NO_MEMORY: fewer; histories get shorter then. */
enum status packet_pool_refill(struct packet_pool *p);
/* NULL when none is free: the history gives up its own oldest chunk instead. */
must_check struct packet_chunk *packet_pool_take(struct packet_pool *p);
void packet_pool_give(struct packet_pool *p, struct packet_chunk *chunk);
