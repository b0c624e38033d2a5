#include <string.h>

#include "rng.h"

/* The cipher's own words for state[12..15]: block counter, then the nonce, which stays 0 because
 * each key starts one stream only. */
enum { WORD_KEY = 4, WORD_COUNTER = 12 };

static uint32_t load_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_le32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static uint32_t rotate_left(uint32_t v, unsigned n) {
    return v << n | v >> (32 - n);
}

void rng_init(struct rng *r, const uint8_t key[32]) {
    *r = (struct rng){.state = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}};
    for (size_t i = 0; i < 8; i++) {
        r->state[WORD_KEY + i] = load_le32(key + 4 * i);
    }
    r->used = sizeof(r->block);
}

/* RFC 8439, section 2.1. */
static inline void quarter_round(uint32_t x[16], size_t a, size_t b, size_t c, size_t d) {
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = rotate_left(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = rotate_left(x[b] ^ x[c], 7);
}

/* RFC 8439, section 2.3: the next 64 bytes of the stream. */
static void next_block(struct rng *r) {
    uint32_t x[16];
    memcpy(x, r->state, sizeof(x));
    for (int i = 0; i < 10; i++) {
        quarter_round(x, 0, 4, 8, 12);
        quarter_round(x, 1, 5, 9, 13);
        quarter_round(x, 2, 6, 10, 14);
        quarter_round(x, 3, 7, 11, 15);
        quarter_round(x, 0, 5, 10, 15);
        quarter_round(x, 1, 6, 11, 12);
        quarter_round(x, 2, 7, 8, 13);
        quarter_round(x, 3, 4, 9, 14);
    }
    for (size_t i = 0; i < 16; i++) {
        store_le32(r->block + 4 * i, x[i] + r->state[i]);
    }
    /* Carrying into the nonce keeps the stream from repeating after 256 GiB. */
    if (++r->state[WORD_COUNTER] == 0) {
        r->state[WORD_COUNTER + 1]++;
    }
    r->used = 0;
}

void rng_bytes(struct rng *r, void *out, size_t len) {
    uint8_t *to = out;
    while (len > 0) {
        if (r->used == sizeof(r->block)) {
            next_block(r);
        }
        size_t some = MIN(len, sizeof(r->block) - r->used);
        memcpy(to, r->block + r->used, some);
        /* What was given is forgotten: a later look at the state does not show past keys. */
        memset(r->block + r->used, 0, some);
        r->used += some;
        to += some;
        len -= some;
    }
}

uint64_t rng_u64(struct rng *r) {
    uint8_t bytes[8];
    rng_bytes(r, bytes, sizeof(bytes));
    return load_le32(bytes) | (uint64_t)load_le32(bytes + 4) << 32;
}

uint64_t rng_below(struct rng *r, uint64_t bound) {
    assert(bound > 0);
    /* 2^64 mod bound of the values are one too many: drop them, else small results win. */
    uint64_t dropped = (0 - bound) % bound;
    uint64_t v;
    do {
        v = rng_u64(r);
    } while (v < dropped);
    return v % bound;
}
