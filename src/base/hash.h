/* hash.h: keyed hashing (SipHash-2-4 and its 128-bit form).
 * Owns: nothing. Never: used without a key that outsiders do not know.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and its reference vectors.
 * Callers: map, dir (digests, sids). */
#pragma once

#include "slice.h"

struct hash_key {
    uint64_t k0, k1;
};
struct hash128 {
    uint64_t lo, hi;
};

uint64_t hash64(const struct hash_key *key, struct slice s);
struct hash128 hash128(const struct hash_key *key, struct slice s);
/* CRC32C (Castagnoli), as used by SCTP and the journal. `crc` is 0 to begin. */
uint32_t crc32c(uint32_t crc, struct slice s);
/* CRC32 (IEEE), as used by the STUN fingerprint. */
uint32_t crc32_ieee(uint32_t crc, struct slice s);
