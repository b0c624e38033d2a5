#include "hash.h"

static uint64_t load_le64(const uint8_t *p) {
    /* Written out: compilers see one load in it, but not in a loop. */
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static uint64_t rotate_left(uint64_t v, unsigned n) {
    return v << n | v >> (64 - n);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_rounds(struct sip *s, int count) {
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate_left(s->v1, 13) ^ s->v0;
        s->v0 = rotate_left(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate_left(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate_left(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate_left(s->v1, 17) ^ s->v2;
        s->v2 = rotate_left(s->v2, 32);
    }
}

static inline void sip_word(struct sip *s, uint64_t word) {
    s->v3 ^= word;
    sip_rounds(s, 2);
    s->v0 ^= word;
}

/* All words of the input; the last one holds what is left over, and the length in its top byte. */
static struct sip sip_input(const struct hash_key *key, struct slice in, uint64_t v1_mark) {
    struct sip s = {
        .v0 = key->k0 ^ 0x736f6d6570736575u,
        .v1 = key->k1 ^ 0x646f72616e646f6du ^ v1_mark,
        .v2 = key->k0 ^ 0x6c7967656e657261u,
        .v3 = key->k1 ^ 0x7465646279746573u,
    };
    size_t whole = in.len - in.len % 8;
    for (size_t at = 0; at < whole; at += 8) {
        sip_word(&s, load_le64(in.data + at));
    }
    uint64_t last = (uint64_t)in.len << 56;
    for (size_t at = whole; at < in.len; at++) {
        last |= (uint64_t)in.data[at] << (8 * (at - whole));
    }
    sip_word(&s, last);
    return s;
}

uint64_t hash64(const struct hash_key *key, struct slice s) {
    struct sip sip = sip_input(key, s, 0);
    sip.v2 ^= 0xff;
    sip_rounds(&sip, 4);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

struct hash128 hash128(const struct hash_key *key, struct slice s) {
    struct sip sip = sip_input(key, s, 0xee);
    struct hash128 h;
    sip.v2 ^= 0xee;
    sip_rounds(&sip, 4);
    h.lo = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
    sip.v1 ^= 0xdd;
    sip_rounds(&sip, 4);
    h.hi = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
    return h;
}
