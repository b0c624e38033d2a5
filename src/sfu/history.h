/* history.h: the last packets of one stream, copied, found by number, for about a second.
 * Owns: its table of numbers; its chunks are borrowed from the pool and given back by age.
 * Never: allocates after init; without a free chunk the oldest packets make room.
 * Invariant: a number that is known is no second time added; a slice that was found lies in a chunk
 *   that is still held.
 * Callers: uplinks. */
#pragma once

#include "packet_pool.h"
#include "slice.h"

enum {
    HISTORY_US = 1000000,    /* RTTs above are not worth a resend */
    HISTORY_CHUNKS_MAX = 96, /* of one stream: a second at 6 Mbit/s; a shorter time above */
    HISTORY_PACKETS_VIDEO = 512,
    HISTORY_PACKETS_AUDIO = 128,
};

struct history_slot {
    uint32_t sequence; /* extended */
    uint32_t serial;   /* of the chunk; the packet may be gone from it */
    uint16_t offset, len;
};
struct history_chunk {
    struct packet_chunk *chunk;
    uint64_t last_us; /* when its youngest packet came */
};
struct history {
    /* borrowed */ struct packet_pool *pool;
    /* owned    */ struct history_slot *slots;
    uint32_t slots_count;                            /* a power of two */
    uint32_t first, next;                            /* serials of the chunks held */
    struct history_chunk chunks[HISTORY_CHUNKS_MAX]; /* by serial, as a ring */
    size_t used;                                     /* bytes of the youngest chunk */
};

/* `packets`: a power of two. */
must_check enum status history_init(struct history *h, struct packet_pool *pool, uint32_t packets);
void history_deinit(struct history *h); /* zeroed: fine */
/* All numbers are unknown again. */
void history_clear(struct history *h);
/* Came already, also when its bytes are gone. `sequence` is less than slots_count behind the newest
 * and not 0. */
bool history_knows(const struct history *h, uint32_t sequence);
/* Remembers the number, and the bytes as far as there is room. */
void history_add(struct history *h, uint64_t now_us, uint32_t sequence, struct slice packet);
must_check bool history_find(const struct history *h, uint32_t sequence, struct slice *ret_packet);
/* Gives back what is older than HISTORY_US. */
void history_trim(struct history *h, uint64_t now_us);
