/* rtp.h: RTP packets: a view of one, its header extensions, changes in place, and new ones.
 * Owns: nothing; a view points into the packet and lives as long as those bytes stay put.
 * Never: allocates, or trusts a length that it has not checked.
 * Invariant: a view that was returned lies inside its packet: header, extensions, payload and
 *   padding follow one another and end where the packet ends.
 * Source: RFC 3550 section 5.1, RFC 8285 (header extensions), RFC 4588 (RTX).
 * Callers: media workers, sfu; after SRTP was taken off and before it is put on. */
#pragma once

#include "rtp_out.h"
#include "slice.h"

enum {
    RTP_VERSION = 2,
    RTP_HEADER_BYTES = 12,
    RTP_CSRCS_MAX = 15,
    RTP_EXTENSION_VALUE_BYTES_MAX = 255,
    RTP_RTX_BYTES = 2, /* the original sequence number before the payload */
};

struct rtp_header {
    bool marker;
    uint8_t payload_type; /* 7 bits */
    uint16_t sequence;
    uint32_t timestamp, ssrc;
};

struct rtp_view {
    struct slice packet;
    struct rtp_header header;
    struct slice csrcs; /* 4 bytes each */
    bool has_extension;
    uint16_t extension_profile;
    struct slice extensions; /* the elements, without the profile and length before them */
    struct slice payload;    /* without padding */
    size_t padding;          /* bytes of it, its own count included */
};

/* MALFORMED: another version, lists that reach outside, padding that is longer than the payload or
 * counts 0. */
must_check enum status rtp_read(struct slice packet, struct rtp_view *ret_view);

/* One element; `value` may be empty. */
struct rtp_extension {
    uint8_t id; /* 1 to 14, in the two-byte form up to 255 */
    struct slice value;
};
/* Walks the elements of a view; both forms. An element that reaches outside, or id 15 of the
 * one-byte form, ends the walk: what came before it holds. */
struct rtp_extensions {
    struct slice rest;
    bool two_byte;
};
struct rtp_extensions rtp_extensions_of(const struct rtp_view *v);
must_check bool rtp_extensions_next(struct rtp_extensions *walk, struct rtp_extension *ret_element);
/* The first element of that id. */
must_check bool rtp_extension_find(const struct rtp_view *v, uint8_t id, struct slice *ret_value);

/* In place; `packet` has at least RTP_HEADER_BYTES (that is, rtp_read said OK). */
void rtp_set_marker(uint8_t *packet, bool marker);
void rtp_set_payload_type(uint8_t *packet, uint8_t payload_type);
void rtp_set_sequence(uint8_t *packet, uint16_t sequence);
void rtp_set_timestamp(uint8_t *packet, uint32_t timestamp);
void rtp_set_ssrc(uint8_t *packet, uint32_t ssrc);
/* Overwrites the value of the first element of that id, such as a time that is known only when the
 * packet leaves. False when there is none of exactly that length. */
must_check bool rtp_set_extension(uint8_t *packet, size_t len, uint8_t id, struct slice value);

/* Header and a new extension block; the payload is put behind it. The one-byte form is chosen when
 * all elements fit it (ids 1 to 14, values of 1 to 16 bytes), which is what clients negotiate
 * unless they say extmap-allow-mixed. Ids are 1 to 255 and values within
 * RTP_EXTENSION_VALUE_BYTES_MAX (asserted: the caller has checked what it forwards).
 * To forward: take v.header, change it, list the receiver's extensions, then put v.payload; CSRCs
 * and padding stay behind. */
void rtp_put_header(struct rtp_out *out, const struct rtp_header *h,
                    const struct rtp_extension *list, size_t count);
/* Whole packets whose header is put at the current end of out. Padding: 1 to 255 bytes, as probes
 * are (no payload). */
void rtp_put_padding_only(struct rtp_out *out, const struct rtp_header *h,
                          const struct rtp_extension *list, size_t count, uint8_t padding);
/* A resend: `h` has the payload type, sequence number and SSRC of the RTX stream, and the
 * timestamp of the original. */
void rtp_put_rtx(struct rtp_out *out, const struct rtp_header *h, const struct rtp_extension *list,
                 size_t count, uint16_t original_sequence, struct slice payload);

/* Turns an RTX packet into the original, in place, by moving its header over the two bytes: the
 * original is *ret_packet, which ends where the RTX packet ended. NOT_FOUND: fewer than two bytes
 * of payload, a probe. MALFORMED: as rtp_read. */
must_check enum status rtp_unwrap_rtx(uint8_t *packet, size_t len, uint8_t payload_type,
                                      uint32_t ssrc, struct slice *ret_packet);
