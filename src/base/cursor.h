/* cursor.h: reads a slice; the first error sticks and is checked once at the end.
 * Owns: nothing; what it returns points into the slice.
 * Never: reads outside the slice. After `failed`, every read gives 0 or empty.
 * Invariant: at <= end.
 * Callers: every parser of binary bytes. */
#pragma once

#include "slice.h"

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

struct cursor cursor_over(struct slice s);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_be16(struct cursor *c);
uint32_t cursor_be32(struct cursor *c);
uint64_t cursor_be64(struct cursor *c);
/* Protobuf base-128 varint: at most 10 bytes, no bits beyond 64. */
uint64_t cursor_varint(struct cursor *c);
struct slice cursor_take(struct cursor *c, size_t n);
struct slice cursor_rest(struct cursor *c);
void cursor_skip(struct cursor *c, size_t n);
