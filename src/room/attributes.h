/* attributes.h: the attributes of one participant: a sorted list in one block of memory.
 * Owns: the block with all keys and values.
 * Never: changes in place: a merge makes a new set, so that a failed one has changed nothing.
 * Invariant: keys are strictly ascending bytewise; no value is empty; at most ATTRIBUTES_MAX.
 * Source: wire/room-api.md 3.3 (merge rules of UpdateParticipant).
 * Callers: participant. */
#pragma once

#include "claims.h"

struct attributes {
    struct attribute *items; /* owned: one block with the texts behind it, each with a NUL */
    size_t count, bytes;     /* bytes: keys and values, without the NULs */
};

/* `base` with `changes` laid over it, in order: an empty value deletes its key. EXHAUSTED past
 * ATTRIBUTES_MAX or ATTRIBUTES_MERGED_BYTES_MAX. */
must_check enum status attributes_merge(const struct attributes *base,
                                        const struct attribute *changes, size_t count,
                                        struct attributes *ret_merged);
void attributes_deinit(struct attributes *a); /* zeroed: fine */
/* Bytes of keys and values of a request, as the limit counts them. */
size_t attributes_bytes(const struct attribute *items, size_t count);
