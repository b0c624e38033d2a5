/* dtls.h: the server side of DTLS 1.2 as WebRTC uses it, without a socket.
 * Owns: struct dtls_identity key, certificate and settings; struct dtls one association and its
 *   queue of datagrams to send.
 * Never: joins or splits datagrams, accepts a client without a certificate of the fingerprint
 *   given, or makes a datagram over DTLS_DATAGRAM_BYTES_MAX.
 * Invariant: once failed or closed, always so; what was queued can still be fetched. OpenSSL runs
 *   the handshake, and is gone when that is settled.
 * Source: RFC 6347, RFC 5764 (SRTP keys), RFC 7714, RFC 8827.
 * Callers: media. An identity may be used by several threads, an association by one. OpenSSL's
 *   retransmission timer runs on the wall clock: a clock that jumps delays a resend, no more. */
#pragma once

#include "slice.h"

enum {
    DTLS_DATAGRAM_BYTES_MAX = 1200, /* UDP payload that passes everywhere (RFC 8831 and habit) */
    DTLS_PAYLOAD_BYTES_MAX = 1163,  /* less header 13, explicit nonce 8, tag 16 */
    DTLS_IN_BYTES_MAX = 2048,       /* of one datagram in, and so of one message in */
    DTLS_FINGERPRINT_BYTES = 32,    /* SHA-256 of the certificate */
    DTLS_OUT_DATAGRAMS_MAX = 32,    /* waiting to be fetched; further handshake ones are lost */
    DTLS_RETRANSMIT_FIRST_MS = 100, /* doubled each time */
    DTLS_RETRANSMIT_MAX_MS = 10000, /* OpenSSL gives up after twelve: about a minute */
};

struct dtls_identity;
/* A new ECDSA P-256 key and a self-signed certificate. NO_MEMORY or INTERNAL. */
must_check enum status dtls_identity_create(struct dtls_identity **ret_identity);
struct dtls_identity *dtls_identity_destroy(struct dtls_identity *id); /* after its associations */
/* DTLS_FINGERPRINT_BYTES bytes, for the SDP. */
const uint8_t *dtls_identity_fingerprint(const struct dtls_identity *id);

enum dtls_state { DTLS_HANDSHAKING, DTLS_CONNECTED, DTLS_CLOSED, DTLS_FAILED };

struct dtls;
must_check struct dtls *dtls_create(struct dtls_identity *id); /* NULL without memory */
struct dtls *dtls_destroy(struct dtls *d);
/* From the client's SDP; before the first dtls_feed. It cannot be changed to another one:
 * PRECONDITION then. */
must_check enum status dtls_set_remote_fingerprint(struct dtls *d,
                                                   const uint8_t sha256[DTLS_FINGERPRINT_BYTES]);

/* Takes one datagram, whole. OK: look at state, output and dtls_read. Bytes that are no valid
 * record, or more than DTLS_IN_BYTES_MAX, are dropped silently, as DTLS asks. UNAVAILABLE: no
 * fingerprint yet; the datagram is dropped, the client will repeat it. DENIED: the certificate was
 * another one. MALFORMED: the handshake failed otherwise. TIMEOUT: it took too many resends.
 * CLOSED: the peer said goodbye. The last four are what any later call answers too. */
must_check enum status dtls_feed(struct dtls *d, struct slice datagram);
/* The next datagram to send, copied to `out`; its length, 0 when there is none. */
size_t dtls_next_out(struct dtls *d, uint8_t out[DTLS_DATAGRAM_BYTES_MAX]);
/* Datagrams that were lost for want of room or memory; for metrics. */
uint64_t dtls_out_lost(const struct dtls *d);
enum dtls_state dtls_state(const struct dtls *d);
/* OK while handshaking or connected, else the reason as in dtls_feed. */
enum status dtls_reason(const struct dtls *d);

/* Milliseconds until dtls_on_timeout is to be called, 0 when now, UINT64_MAX when never. Ask after
 * each feed and each timeout. */
uint64_t dtls_timeout_ms(struct dtls *d);
must_check enum status dtls_on_timeout(struct dtls *d); /* resends; early: nothing. As dtls_feed */

/* One record is one message. After each dtls_feed read until AGAIN: the next feed drops what was
 * not read. OK, AGAIN (none), PRECONDITION (not connected yet), or dtls_reason. */
must_check enum status dtls_read(struct dtls *d, uint8_t out[DTLS_IN_BYTES_MAX], size_t *ret_len);
/* One message is one record is one datagram in the output. AGAIN (output full: fetch first),
 * TOO_LARGE (over DTLS_PAYLOAD_BYTES_MAX), PRECONDITION (not connected yet), or dtls_reason. */
must_check enum status dtls_write(struct dtls *d, struct slice message);
void dtls_shutdown(struct dtls *d); /* queues close_notify; the state is DTLS_CLOSED */

/* The peer is known to have our last flight, since media of it came: nothing of the handshake is
 * kept from here on. Any time; not connected, or settled already: nothing. What dtls_read has got
 * tells the same, and settles. After dtls_export_srtp. */
void dtls_settle(struct dtls *d);

enum dtls_srtp_profile { DTLS_SRTP_AEAD_AES_128_GCM, DTLS_SRTP_AES128_CM_HMAC_SHA1_80 };
struct dtls_srtp {
    enum dtls_srtp_profile profile;
    uint8_t local_key[16], remote_key[16];
    uint8_t local_salt[14], remote_salt[14]; /* salt_len bytes each */
    size_t salt_len;                         /* 12 for GCM, 14 for CM */
};
/* PRECONDITION: not connected, or settled. NOT_FOUND: the client asked for no SRTP (data alone), or
 * for no profile of ours. */
must_check enum status dtls_export_srtp(struct dtls *d, struct dtls_srtp *ret_keys);
