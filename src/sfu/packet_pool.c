#include "packet_pool.h"

#include "mem.h"

enum {
    IDLE_LOW = 16,  /* 100 packets: what a turn may bring at most, and more */
    IDLE_HIGH = 64, /* half a megabyte that may lie idle */
};

void packet_pool_init(struct packet_pool *p, size_t chunks_max) {
    *p = (struct packet_pool){.chunks_max = chunks_max};
}

static void free_one(struct packet_pool *p) {
    struct packet_chunk *chunk = p->idle;
    p->idle = chunk->next;
    p->idle_count--;
    mem_free(chunk);
}

void packet_pool_deinit(struct packet_pool *p) {
    assert(p->taken == 0);
    while (p->idle) {
        free_one(p);
    }
}

enum status packet_pool_refill(struct packet_pool *p) {
    while (p->idle_count > IDLE_HIGH) {
        free_one(p);
    }
    while (p->idle_count < IDLE_LOW && p->taken + p->idle_count < p->chunks_max) {
        struct packet_chunk *chunk = mem_alloc(sizeof *chunk);
        if (!chunk) {
            return STATUS_NO_MEMORY;
        }
        chunk->next = p->idle;
        p->idle = chunk;
        p->idle_count++;
    }
    return STATUS_OK;
}

struct packet_chunk *packet_pool_take(struct packet_pool *p) {
    struct packet_chunk *chunk = p->idle;
    if (chunk) {
        p->idle = chunk->next;
        p->idle_count--;
        p->taken++;
    }
    return chunk;
}

void packet_pool_give(struct packet_pool *p, struct packet_chunk *chunk) {
    assert(p->taken > 0);
    chunk->next = p->idle;
    p->idle = chunk;
    p->idle_count++;
    p->taken--;
}
