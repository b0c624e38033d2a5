/* arena.h: a bump allocator that is freed as a whole.
 * Owns: its chunks. What was allocated from it dies with arena_reset or arena_deinit.
 * Never: grows past bytes_max.
 * Invariant: pointers stay valid until reset (chunks do not move).
 * Callers: one message, one request, one step each have one. */
#pragma once

#include "slice.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* owned, newest first */
    size_t used_bytes;          /* of all chunks */
    size_t bytes_max;
    bool failed; /* sticky: some allocation was refused */
};

void arena_init(struct arena *a, size_t bytes_max);
void arena_reset(struct arena *a); /* keeps one chunk for reuse */
void arena_deinit(struct arena *a);
/* Aligned to 16; not zeroed. NULL (and failed set) at the bound or without memory. */
must_check void *arena_alloc(struct arena *a, size_t size);
must_check void *arena_zalloc(struct arena *a, size_t size);
/* Copies; the empty slice when it fails (see failed). */
struct slice arena_copy(struct arena *a, struct slice s);
/* Copy with a NUL behind it, for C APIs; NULL when it fails. */
char *arena_cstr(struct arena *a, struct slice s);
