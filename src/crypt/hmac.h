/* hmac.h: HMAC keys made ready once, digests, comparison in constant time.
 * Owns: struct hmac_key: the digests of its padded secret, wiped when it goes.
 * Never: compares a secret byte by byte; accepts another algorithm than the key was made for.
 * Source: RFC 2104, RFC 7515 (HS256), RFC 8489 (HMAC-SHA1 of STUN); figures in the design.
 * Callers: edge (tokens, sockets), hook (signatures), media (STUN), control. Nothing
 *   of a key changes once it is made: it may be used by any thread, and so may the functions
 *   without one. */
#pragma once

#include "slice.h"

enum { SHA1_BYTES = 20, SHA256_BYTES = 32 };

enum hmac_kind { HMAC_SHA1, HMAC_SHA256 };
struct hmac_key;

/* Any length of secret. NULL without memory. */
must_check struct hmac_key *hmac_key_create(enum hmac_kind kind, struct slice secret);
struct hmac_key *hmac_key_destroy(struct hmac_key *k);
size_t hmac_key_bytes(const struct hmac_key *k); /* of its result: 20 or 32 */

/* Over the parts one after another; writes hmac_key_bytes. OK: these digests cannot fail. */
must_check enum status hmac_sign(const struct hmac_key *k, const struct slice *parts, size_t count,
                                 uint8_t *ret_mac);
/* OK, UNAUTHENTICATED (differs, or wrong length). */
must_check enum status hmac_check(const struct hmac_key *k, const struct slice *parts, size_t count,
                                  struct slice mac);

/* JSON Web Tokens: the key is of HMAC_SHA256; signatures are the raw 32 bytes. */
must_check enum status hs256_sign(const struct hmac_key *k, struct slice signing_input,
                                  uint8_t ret_signature[SHA256_BYTES]);
must_check enum status hs256_check(const struct hmac_key *k, struct slice signing_input,
                                   struct slice signature);

/* OK or NO_MEMORY. */
must_check enum status sha256(struct slice data, uint8_t ret_digest[SHA256_BYTES]);
must_check enum status sha1(struct slice data, uint8_t ret_digest[SHA1_BYTES]);
/* Time depends on the lengths alone; false when they differ. */
must_check bool crypt_equal(struct slice a, struct slice b);
