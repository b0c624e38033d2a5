/* fuzz.h: words that the fuzz targets share.
 * Owns: nothing.
 * Never: used outside test/fuzz.
 * Callers: fuzz_*.c. A broken invariant is a failed assert, which libFuzzer reports with its
 * input. */
#pragma once

#include <string.h>

#include "arena.h"
#include "buf.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The view lies inside the input; empty views may lie anywhere. */
static inline bool inside(struct slice view, struct slice input) {
    return view.len == 0 ||
           (view.data >= input.data && view.data + view.len <= input.data + input.len);
}

/* A heap copy of exactly the bytes: a read past its end is seen by the sanitizer. */
static inline struct slice tight_copy(struct slice s) {
    uint8_t *copy = mem_alloc(s.len);
    assert(copy);
    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return slice_of(copy, s.len);
}

static inline void tight_free(struct slice s) {
    mem_free((void *)(uintptr_t)s.data);
}

/* Where to cut an input: some place in it that changes with its bytes. */
static inline size_t cut_of(struct slice s, uint32_t nth) {
    uint32_t h = 2166136261u + nth;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ s.data[i]) * 16777619u;
    }
    return s.len == 0 ? 0 : h % (s.len + 1);
}
