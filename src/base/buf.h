/* buf.h: a growing byte buffer with a bound it was born with.
 * Owns: its bytes.
 * Never: grows past bytes_max; an unbounded buffer cannot be made.
 * Invariant: after the first refused append `failed` stays true and later appends do nothing, so
 *   that a writer checks once, at the end.
 * Callers: everybody who builds output. */
#pragma once

#include "slice.h"

struct buf {
    uint8_t *data;
    size_t len, cap, bytes_max;
    bool failed;
};

void buf_init(struct buf *b, size_t bytes_max);
void buf_deinit(struct buf *b);                       /* zeroed: fine */
void buf_clear(struct buf *b);                        /* len 0, failed off; keeps memory */
must_check bool buf_grow(struct buf *b, size_t more); /* buf_reserve when there is no room */
/* Room for `more` bytes behind len, to be written without further asking. */
must_check static inline bool buf_reserve(struct buf *b, size_t more) {
    return (more <= b->cap - b->len && !b->failed) || buf_grow(b, more);
}
static inline struct slice buf_slice(const struct buf *b) {
    return (struct slice){b->data, b->len};
}

static inline void buf_put(struct buf *b, struct slice s) {
    if (s.len > 0 && buf_reserve(b, s.len)) {
        memcpy(b->data + b->len, s.data, s.len);
        b->len += s.len;
    }
}
static inline void buf_put_cstr(struct buf *b, const char *s) {
    buf_put(b, slice_from_cstr(s));
}
static inline void buf_put_u8(struct buf *b, uint8_t v) {
    if (buf_reserve(b, 1)) {
        b->data[b->len++] = v;
    }
}
void buf_put_be16(struct buf *b, uint16_t v);
void buf_put_be32(struct buf *b, uint32_t v);
void buf_put_be64(struct buf *b, uint64_t v);
void buf_put_varint(struct buf *b, uint64_t v); /* protobuf base 128 */
void buf_put_u64_dec(struct buf *b, uint64_t v);
void buf_put_i64_dec(struct buf *b, int64_t v);
void buf_put_hex(struct buf *b, struct slice s); /* lower case */
printf_like(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);
/* Drops the first n bytes (n <= len), moving the rest down. */
void buf_consume(struct buf *b, size_t n);
