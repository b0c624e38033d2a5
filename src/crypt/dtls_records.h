/* dtls_records.h: the records of an association whose handshake is over, without OpenSSL's SSL.
 * Owns: struct dtls_records the keys of both directions, the next number out and the window in.
 * Never: uses a nonce twice, or takes a record twice.
 * Invariant: numbers and nonces go on where OpenSSL stopped.
 * Source: RFC 6347 section 4.1; RFC 5246 section 6.3 (keys); RFC 5288 (AES-GCM), RFC 7905
 * (ChaCha20). Callers: dtls*.c. */
#pragma once

#include <openssl/ssl.h>

#include "slice.h"

enum {
    DTLS_HEADER_BYTES = 13,
    DTLS_TAG_BYTES = 16,
    DTLS_NONCE_BYTES = 12,
    DTLS_OVERHEAD_BYTES_MAX = DTLS_HEADER_BYTES + 8 + DTLS_TAG_BYTES,
    DTLS_RECORD_ALERT = 21,
    DTLS_RECORD_DATA = 23,
};

/* As it stands on the wire. */
struct dtls_record {
    uint8_t type;
    uint16_t epoch;
    uint64_t sequence;   /* 48 bits */
    struct slice header; /* DTLS_HEADER_BYTES */
    struct slice body;
};
static inline uint64_t dtls_get_be(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}
/* The next record of a datagram, off its front. False: no more, or what is left is none. */
must_check bool dtls_record_next(struct slice *datagram, struct dtls_record *ret_record);

/* What OpenSSL has used up under its last keys. */
struct dtls_used {
    uint64_t out_sequence, out_nonce; /* of the last record out; the nonce as it stood in it */
    uint64_t in_sequence;             /* the highest that was taken */
};

struct dtls_direction {
    EVP_CIPHER_CTX *cipher;
    uint8_t iv[DTLS_NONCE_BYTES];
};
struct dtls_records {
    size_t nonce_bytes; /* of each record's nonce that stand in it: 8, or 0 with ChaCha20 */
    struct dtls_direction in, out;
    uint64_t out_sequence, out_nonce; /* the last ones */
    uint64_t in_sequence, in_window;  /* the highest; bit n: highest - n was taken */
};

/* NO_MEMORY; INTERNAL: not connected, or with a cipher that we do not offer. */
must_check enum status dtls_records_create(SSL *ssl, const struct dtls_used *used,
                                           struct dtls_records **ret_records);
struct dtls_records *dtls_records_destroy(struct dtls_records *r);
/* Writes plain.len + DTLS_OVERHEAD_BYTES_MAX bytes at most; their count, 0 when the library fails.
 */
must_check size_t dtls_records_seal(struct dtls_records *r, uint8_t type, struct slice plain,
                                    uint8_t *out);
/* `out` takes body.len bytes. False: not to be taken, as forged, repeated or of another epoch. */
must_check bool dtls_records_open(struct dtls_records *r, const struct dtls_record *record,
                                  uint8_t *out, size_t *ret_len);
