#include <string.h>

#include "mem.h"
#include "pool.h"

enum {
    POOL_ALIGN = 16,
    POOL_CHUNK_SLOTS = 64, /* small pools do not hold much; large ones have few chunks */
    POOL_CHUNKS_FIRST = 8,
};

struct pool_slot {
    uint32_t generation; /* of the object that is here, or of the next one */
    uint32_t next_free;  /* index + 1; 0 ends the list */
    bool taken;
    _Alignas(POOL_ALIGN) uint8_t object[];
};
static_assert(offsetof(struct pool_slot, object) % POOL_ALIGN == 0, "objects are aligned");
static_assert(_Alignof(max_align_t) >= POOL_ALIGN, "chunks come aligned from the allocator");

static size_t slot_size(const struct pool *p) {
    size_t object = (p->object_size + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
    return sizeof(struct pool_slot) + object;
}

static struct pool_slot *slot_at(const struct pool *p, uint32_t index) {
    assert(index < p->slots_made);
    uint8_t *chunk = (uint8_t *)p->chunks[index / POOL_CHUNK_SLOTS];
    return (struct pool_slot *)(void *)(chunk + slot_size(p) * (index % POOL_CHUNK_SLOTS));
}

void pool_init(struct pool *p, size_t object_size, uint32_t slots_max) {
    assert(object_size > 0 && object_size < SIZE_MAX / POOL_CHUNK_SLOTS / 2);
    assert(slots_max > 0 && slots_max < UINT32_MAX - POOL_CHUNK_SLOTS);
    *p = (struct pool){.object_size = object_size, .slots_max = slots_max};
}

void pool_deinit(struct pool *p) {
    if (!p) {
        return;
    }
    for (uint32_t made = 0; made < p->slots_made; made += POOL_CHUNK_SLOTS) {
        mem_free(p->chunks[made / POOL_CHUNK_SLOTS]);
    }
    mem_free(p->chunks);
    *p = (struct pool){.object_size = p->object_size, .slots_max = p->slots_max};
}

/* Room for one more chunk pointer. */
static bool reserve_chunk(struct pool *p, uint32_t chunk) {
    if (chunk < p->chunks_cap) {
        return true;
    }
    uint32_t cap = MAX((uint32_t)POOL_CHUNKS_FIRST, p->chunks_cap * 2);
    struct pool_slot **chunks = mem_realloc(p->chunks, cap * sizeof(*chunks));
    if (!chunks) {
        return false;
    }
    p->chunks = chunks;
    p->chunks_cap = cap;
    return true;
}

/* Makes the slot behind the last one, with its chunk if it is the first in it. */
static struct pool_slot *make_slot(struct pool *p) {
    if (p->slots_made == p->slots_max) {
        return NULL;
    }
    if (p->slots_made % POOL_CHUNK_SLOTS == 0) {
        uint32_t chunk = p->slots_made / POOL_CHUNK_SLOTS;
        if (!reserve_chunk(p, chunk)) {
            return NULL;
        }
        size_t slots = MIN((uint32_t)POOL_CHUNK_SLOTS, p->slots_max - p->slots_made);
        p->chunks[chunk] = mem_alloc(slots * slot_size(p));
        if (!p->chunks[chunk]) {
            return NULL;
        }
    }
    struct pool_slot *slot = slot_at(p, p->slots_made++);
    *slot = (struct pool_slot){.generation = 1};
    return slot;
}

void *pool_take(struct pool *p, struct pool_ref *ret_ref) {
    struct pool_slot *slot;
    uint32_t index;
    if (p->free_head != 0) {
        index = p->free_head - 1;
        slot = slot_at(p, index);
        p->free_head = slot->next_free;
    } else {
        index = p->slots_made;
        slot = make_slot(p);
        if (!slot) {
            return NULL;
        }
    }
    assert(!slot->taken && slot->generation > 0);
    slot->taken = true;
    slot->next_free = 0;
    p->count++;
    *ret_ref = (struct pool_ref){.index = index, .generation = slot->generation};
    return memset(slot->object, 0, p->object_size);
}

/* The slot that the reference means, NULL when it is stale. */
static struct pool_slot *slot_of(const struct pool *p, struct pool_ref ref) {
    if (ref.index >= p->slots_made) {
        return NULL;
    }
    struct pool_slot *slot = slot_at(p, ref.index);
    return slot->taken && slot->generation == ref.generation ? slot : NULL;
}

void pool_give(struct pool *p, struct pool_ref ref) {
    struct pool_slot *slot = slot_of(p, ref);
    assert(slot);
    slot->taken = false;
    p->count--;
    if (slot->generation == UINT32_MAX) {
        return; /* spent: used again, its old references would come true once more */
    }
    slot->generation++;
    slot->next_free = p->free_head;
    p->free_head = ref.index + 1;
}

void *pool_resolve(const struct pool *p, struct pool_ref ref) {
    struct pool_slot *slot = slot_of(p, ref);
    return slot ? slot->object : NULL;
}

void *pool_at(const struct pool *p, uint32_t index, struct pool_ref *ret_ref) {
    struct pool_slot *slot = slot_at(p, index);
    if (!slot->taken) {
        return NULL;
    }
    *ret_ref = (struct pool_ref){.index = index, .generation = slot->generation};
    return slot->object;
}

void pool_warm(const struct pool *p, uint32_t index) {
    __builtin_prefetch(slot_at(p, index), 1);
}

uint32_t pool_extent(const struct pool *p) {
    return p->slots_made;
}
