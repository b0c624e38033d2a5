/* srtp_priv.h: the parts of an SRTP session: ciphers, and tables of streams with their windows. */
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "srtp.h"

enum {
    SRTP_MAGIC = 0x53525450,
    SRTP_KEY_BYTES = 16,
    SRTP_SALT_BYTES_MAX = 14,
    SRTP_TAG_BYTES_GCM = 16,
    SRTP_TAG_BYTES_CM = 10,
    SRTP_WINDOW_WORDS = SRTP_WINDOW_PACKETS / 64,
};
#define SRTP_INDEX_MAX ((UINT64_C(1) << 48) - 1) /* rollover counter and sequence number */
#define SRTCP_INDEX_MAX ((UINT32_C(1) << 31) - 1)

/* One stream in one direction. `seen` is a ring of bits: bit i % SRTP_WINDOW_PACKETS is index i,
 * for the SRTP_WINDOW_PACKETS indexes up to top. */
struct srtp_stream {
    uint32_t ssrc;
    bool used;  /* this place of the table is taken */
    bool begun; /* top and seen mean something */
    uint64_t top;
    uint64_t seen[SRTP_WINDOW_WORDS];
};

/* The index that a sequence number most likely stands for (RFC 3711 section 3.3.1). False when it
 * would lie before the first or behind the last. */
must_check bool srtp_stream_guess(const struct srtp_stream *s, uint16_t sequence,
                                  uint64_t *ret_index);
/* OK: new. EXISTS: noted already. STALE: behind the window. */
must_check enum status srtp_stream_check(const struct srtp_stream *s, uint64_t index);
void srtp_stream_note(struct srtp_stream *s, uint64_t index);

/* Hash table with open addressing: an SSRC stands at its place or in the run behind it. */
struct srtp_streams {
    struct srtp_stream *slots; /* owned */
    uint32_t cap, count;       /* cap: 0 or a power of two */
    uint32_t count_max;
};

struct srtp_stream *srtp_streams_find(const struct srtp_streams *t, uint32_t ssrc);
/* Not there yet (asserted). Moves the others. EXHAUSTED, NO_MEMORY. */
must_check enum status srtp_streams_add(struct srtp_streams *t, uint32_t ssrc,
                                        struct srtp_stream **ret_stream);
void srtp_streams_remove(struct srtp_streams *t, uint32_t ssrc);
void srtp_streams_deinit(struct srtp_streams *t);

/* One session key: of RTP or RTCP, in one direction. */
struct srtp_transform {
    enum dtls_srtp_profile profile;
    EVP_CIPHER_CTX *ctx; /* owned */
    uint8_t salt[SRTP_SALT_BYTES_MAX];
    SHA_CTX inner, outer; /* CM: the HMAC key already eaten */
};

/* A packet as both transforms see it. Authenticated are header, body and trailer; the body is
 * encrypted; the trailer is the rollover counter or the SRTCP index. */
struct srtp_job {
    uint8_t *packet;
    size_t header_len, len; /* the body is what lies between */
    uint32_t ssrc;
    uint64_t index;
    uint8_t trailer[4];
    size_t trailer_len;
};

/* The labels are those of RFC 3711 section 4.3: 0 for SRTP, 3 for SRTCP. */
must_check enum status srtp_transform_init(struct srtp_transform *c, enum dtls_srtp_profile profile,
                                           const uint8_t key[SRTP_KEY_BYTES], struct slice salt,
                                           uint8_t label, bool sealing);
void srtp_transform_deinit(struct srtp_transform *c);
size_t srtp_tag_bytes(enum dtls_srtp_profile profile);
/* The tag may lie right behind the body. INTERNAL when the library fails. */
must_check enum status srtp_transform_seal(struct srtp_transform *c, const struct srtp_job *job,
                                           uint8_t *ret_tag);
must_check enum status srtp_transform_open(struct srtp_transform *c, const struct srtp_job *job,
                                           const uint8_t *tag); /* or UNAUTHENTICATED */
/* One session key or salt from the master key (RFC 3711 section 4.3.1, no derivation rate). */
must_check bool srtp_derive(const uint8_t key[SRTP_KEY_BYTES], struct slice salt, uint8_t label,
                            uint8_t *ret_bytes, size_t len);

struct srtp_session {
    uint32_t magic;
    enum dtls_srtp_profile profile;
    size_t tag_bytes;
    struct srtp_transform out_rtp, out_rtcp, in_rtp, in_rtcp;
    struct srtp_streams senders, receivers, reporters; /* reporters: who sends us RTCP */
    uint32_t out_rtcp_next;
};
