/* rtp_out.h: writes RTP and RTCP into space that the caller has.
 * Owns: nothing; the space is the caller's.
 * Never: allocates or writes outside the space.
 * Invariant: after the first refused put `failed` stays true and later puts do nothing, so that a
 *   writer checks once, at the end; len never exceeds cap.
 * Callers: the writers of rtp.h and rtcp.h, and through them media. */
#pragma once

#include <string.h>

#include "slice.h"

struct rtp_out {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

static inline struct rtp_out rtp_out_over(uint8_t *data, size_t cap) {
    return (struct rtp_out){.data = data, .cap = cap};
}
static inline struct slice rtp_out_slice(const struct rtp_out *o) {
    return slice_of(o->data, o->len);
}
/* Space for n bytes behind what is there, to be filled by the caller; NULL when there is none. */
static inline uint8_t *rtp_out_take(struct rtp_out *o, size_t n) {
    if (o->failed || n > o->cap - o->len) {
        o->failed = true;
        return NULL;
    }
    uint8_t *at = o->data + o->len;
    o->len += n;
    return at;
}

static inline void rtp_put(struct rtp_out *o, struct slice s) {
    uint8_t *at = rtp_out_take(o, s.len);
    if (at && s.len > 0) {
        memcpy(at, s.data, s.len);
    }
}
static inline void rtp_put_u8(struct rtp_out *o, uint8_t v) {
    rtp_put(o, slice_of(&v, 1));
}
static inline void rtp_put_be16(struct rtp_out *o, uint16_t v) {
    rtp_put(o, slice_of((const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2));
}
static inline void rtp_put_be32(struct rtp_out *o, uint32_t v) {
    rtp_put_be16(o, (uint16_t)(v >> 16));
    rtp_put_be16(o, (uint16_t)v);
}
static inline void rtp_put_be64(struct rtp_out *o, uint64_t v) {
    rtp_put_be32(o, (uint32_t)(v >> 32));
    rtp_put_be32(o, (uint32_t)v);
}
static inline void rtp_put_zeros(struct rtp_out *o, size_t n) {
    uint8_t *at = rtp_out_take(o, n);
    if (at) {
        memset(at, 0, n);
    }
}
