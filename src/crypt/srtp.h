/* srtp.h: SRTP and SRTCP of one DTLS association: packets are sealed and opened where they lie.
 * Owns: struct srtp_session: the session keys of both directions, and per SSRC a packet index with
 * the window of those already used or seen. Never: allocates for a packet (a table of SSRCs grows
 * now and then), seals two packets with one index, or keeps state for an SSRC that did not
 * authenticate. Invariant: an index leaves once and is accepted once; whatever failed has not moved
 * a window. Source: RFC 3711 (framing, key derivation, AES-CM, replay), RFC 7714 (AEAD_AES_128_GCM;
 * without a key id and without unencrypted SRTCP), RFC 5764 (which key is whose). Callers: media
 * workers. A struct srtp_session belongs to one thread. */
#pragma once

#include "dtls.h"
#include "slice.h"

enum {
    SRTP_OVERHEAD_BYTES_MAX = 20, /* what sealing may add: tag 16, and the index 4 of SRTCP */
    SRTP_WINDOW_PACKETS = 1024,   /* resends come without RTX, too: 3 s of video at 3 Mbit/s */
};

struct srtp_session;
/* Keys from dtls_export_srtp, which the caller may wipe then. NO_MEMORY. */
must_check enum status srtp_session_create(const struct dtls_srtp *keys,
                                           struct srtp_session **ret_session);
struct srtp_session *srtp_session_destroy(struct srtp_session *s);

/* Makes room for a stream of ours before its first packet, so that sending cannot fail for want of
 * memory. An SSRC that was removed must never be added again to the same association: its indexes
 * would start anew under the same key. EXISTS, EXHAUSTED (SRTP_SSRCS_OUT_MAX), NO_MEMORY. */
must_check enum status srtp_sender_add(struct srtp_session *s, uint32_t ssrc);
void srtp_sender_remove(struct srtp_session *s, uint32_t ssrc); /* unknown: nothing */
/* A stream of the peer has ended: its place is free again. Nothing of it must be routed anywhere
 * from then on, since its old packets would be accepted as new. */
void srtp_receiver_forget(struct srtp_session *s, uint32_t ssrc);

/* Seals the RTP packet of `len` bytes in place; `cap` is the space that it may grow into
 * (SRTP_OVERHEAD_BYTES_MAX more always suffice). For a batch, lay the packets one after another
 * into the send buffer: each starts where the sealed one before it ended. On failure the bytes
 * are as before (but for INTERNAL), and it must not be sent.
 * MALFORMED: no RTP. TOO_LARGE: cap. NOT_FOUND: SSRC not added. EXISTS: the sequence number has
 * been sent. STALE: it is too far behind the newest to know. EXPIRED: 2^48 packets were sent. */
must_check enum status srtp_seal(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap,
                                 size_t *ret_len);
/* The same for a packet that was sent before and is byte by byte the same, extensions included:
 * with GCM, two packets of one index that differ give the authentication key away. PRECONDITION:
 * it was not sent before. */
must_check enum status srtp_seal_again(struct srtp_session *s, uint8_t *packet, size_t len,
                                       size_t cap, size_t *ret_len);
/* Opens in place; the RTP packet is the first *ret_len bytes. When it fails, only the header is
 * sure to be as before.
 * MALFORMED: no SRTP. UNAUTHENTICATED: spoilt, or of another key. EXISTS: a replay. STALE: behind
 * the window, so maybe one. EXHAUSTED: a new SSRC beyond SRTP_SSRCS_IN_MAX. NO_MEMORY: for a new
 * SSRC. */
must_check enum status srtp_open(struct srtp_session *s, uint8_t *packet, size_t len,
                                 size_t *ret_len);

/* A compound (or reduced-size) RTCP packet. No SSRC needs adding: one index counts for all, which
 * leaves gaps in each one's own, as lost packets do. As above; EXPIRED after 2^31 packets. */
must_check enum status srtcp_seal(struct srtp_session *s, uint8_t *packet, size_t len, size_t cap,
                                  size_t *ret_len);
must_check enum status srtcp_open(struct srtp_session *s, uint8_t *packet, size_t len,
                                  size_t *ret_len);
