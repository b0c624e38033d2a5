#include "history.h"

#include <string.h>

#include "mem.h"

enum { CHUNK_BYTES = sizeof(((struct packet_chunk *)0)->bytes) };
static_assert(CHUNK_BYTES <= UINT16_MAX, "an offset is 16 bits");

enum status history_init(struct history *h, struct packet_pool *pool, uint32_t packets) {
    assert(packets > 0 && (packets & (packets - 1)) == 0);
    struct history_slot *slots = mem_calloc(packets, sizeof *slots);
    if (!slots) {
        return STATUS_NO_MEMORY;
    }
    *h = (struct history){.pool = pool, .slots = slots, .slots_count = packets};
    return STATUS_OK;
}

static struct history_chunk *chunk_at(struct history *h, uint32_t serial) {
    return &h->chunks[serial % HISTORY_CHUNKS_MAX];
}

static void give_oldest(struct history *h) {
    assert(h->first != h->next);
    packet_pool_give(h->pool, chunk_at(h, h->first)->chunk);
    h->first++;
}

void history_deinit(struct history *h) {
    while (h->first != h->next) {
        give_oldest(h);
    }
    mem_free(h->slots);
    *h = (struct history){0};
}

void history_clear(struct history *h) {
    while (h->first != h->next) {
        give_oldest(h);
    }
    memset(h->slots, 0, h->slots_count * sizeof *h->slots);
}

static struct history_slot *slot_of(const struct history *h, uint32_t sequence) {
    return &h->slots[sequence & (h->slots_count - 1)];
}

bool history_knows(const struct history *h, uint32_t sequence) {
    return slot_of(h, sequence)->sequence == sequence;
}

void history_trim(struct history *h, uint64_t now_us) {
    while (h->first != h->next && chunk_at(h, h->first)->last_us + HISTORY_US < now_us) {
        give_oldest(h);
    }
}

/* Space for len bytes at the end of the youngest chunk, which may be a new one. */
static bool make_room(struct history *h, uint64_t now_us, size_t len) {
    if (len > CHUNK_BYTES) {
        return false;
    }
    if (h->first != h->next && h->used + len <= CHUNK_BYTES) {
        return true;
    }
    history_trim(h, now_us);
    if (h->next - h->first == HISTORY_CHUNKS_MAX) {
        give_oldest(h);
    }
    struct packet_chunk *chunk = packet_pool_take(h->pool);
    if (!chunk && h->first != h->next) {
        give_oldest(h);
        chunk = packet_pool_take(h->pool);
    }
    if (!chunk) {
        return false;
    }
    h->next++;
    *chunk_at(h, h->next - 1) = (struct history_chunk){.chunk = chunk};
    h->used = 0;
    return true;
}

void history_add(struct history *h, uint64_t now_us, uint32_t sequence, struct slice packet) {
    struct history_slot slot = {.sequence = sequence, .serial = h->first - 1};
    if (packet.len > 0 && make_room(h, now_us, packet.len)) {
        struct history_chunk *c = chunk_at(h, h->next - 1);
        memcpy(c->chunk->bytes + h->used, packet.data, packet.len);
        c->last_us = now_us;
        slot.serial = h->next - 1;
        slot.offset = (uint16_t)h->used;
        slot.len = (uint16_t)packet.len;
        h->used += packet.len;
    }
    *slot_of(h, sequence) = slot;
}

bool history_find(const struct history *h, uint32_t sequence, struct slice *ret_packet) {
    const struct history_slot *slot = slot_of(h, sequence);
    if (slot->sequence != sequence || slot->len == 0 ||
        slot->serial - h->first >= h->next - h->first) {
        return false;
    }
    const struct packet_chunk *chunk = h->chunks[slot->serial % HISTORY_CHUNKS_MAX].chunk;
    *ret_packet = slice_of(chunk->bytes + slot->offset, slot->len);
    return true;
}
