#include <stdlib.h>

#include "mem.h"

/* Nothing of ours comes near: a larger size is a subtraction that went below zero. */
static const size_t BLOCK_BYTES_MAX = (size_t)1 << 38;

#ifdef STOA_MEM_FAULTS
/* The only state below floor 1, and only in fault builds. Atomic, since all threads allocate. */
static uint64_t live_blocks;
static uint64_t allocations;
static uint64_t fail_at = UINT64_MAX; /* count of allocations from which on all fail */

void mem_fail_from(uint64_t nth) {
    assert(nth > 0);
    uint64_t done = __atomic_load_n(&allocations, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fail_at, done + nth, __ATOMIC_SEQ_CST);
}

void mem_fail_never(void) {
    __atomic_store_n(&fail_at, UINT64_MAX, __ATOMIC_SEQ_CST);
}

uint64_t mem_live_blocks(void) {
    return __atomic_load_n(&live_blocks, __ATOMIC_SEQ_CST);
}

static bool told_to_fail(void) {
    uint64_t nth = __atomic_add_fetch(&allocations, 1, __ATOMIC_SEQ_CST);
    return nth >= __atomic_load_n(&fail_at, __ATOMIC_SEQ_CST);
}

static void *counted(void *block) {
    if (block) {
        __atomic_add_fetch(&live_blocks, 1, __ATOMIC_SEQ_CST);
    }
    return block;
}

static void uncount(void) {
    uint64_t left = __atomic_sub_fetch(&live_blocks, 1, __ATOMIC_SEQ_CST);
    assert(left != UINT64_MAX);
    (void)left;
}
#else
static bool told_to_fail(void) {
    return false;
}

static void *counted(void *block) {
    return block;
}

static void uncount(void) {
}
#endif

static bool refused(size_t size) {
    return told_to_fail() || size > BLOCK_BYTES_MAX;
}

/* malloc(0) may answer NULL, which would read as failure; realloc(p, 0) frees. So never 0. */
static size_t at_least_one(size_t size) {
    return MAX(size, (size_t)1);
}

void *mem_alloc(size_t size) {
    return refused(size) ? NULL : counted(malloc(at_least_one(size)));
}

void *mem_zalloc(size_t size) {
    return mem_calloc(1, size);
}

void *mem_calloc(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || refused(total)) {
        return NULL;
    }
    return counted(calloc(1, at_least_one(total)));
}

void *mem_realloc(void *p, size_t size) {
    if (!p) {
        return mem_alloc(size);
    }
    return refused(size) ? NULL : realloc(p, at_least_one(size));
}

void mem_free(void *p) {
    if (p) {
        uncount();
        free(p);
    }
}
