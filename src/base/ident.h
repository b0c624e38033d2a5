/* ident.h: identifiers as clients know them: a prefix and characters of a 57-letter alphabet.
 * Owns: nothing. Source: wire/room-api.md section 5.
 * Invariant: ident text is NUL-terminated, at most IDENT_MAX bytes with the NUL.
 * Callers: node, dir. */
#pragma once

#include "rng.h"

enum { IDENT_RANDOM_LEN = 12, IDENT_MAX = 24 };

struct ident {
    char text[IDENT_MAX];
};

/* prefix: "RM_", "PA_", "TR_AM", ... */
struct ident ident_make(struct rng *r, const char *prefix);
/* The same shape from 128 given bits (a keyed hash), not from a random stream. */
struct ident ident_from_bits(const char *prefix, uint64_t lo, uint64_t hi);
struct slice ident_slice(const struct ident *id);
bool ident_equal(const struct ident *id, struct slice text);
/* `len` characters of the 62 letters and digits, uniform, NUL-terminated (ICE passwords). */
void ident_base62(struct rng *r, char *out, size_t len);
