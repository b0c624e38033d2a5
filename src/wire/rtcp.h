/* rtcp.h: RTCP packets, alone or compound: what arrives as views, what leaves into given space.
 * Owns: nothing; views point into the datagram.
 * Never: allocates, or asks that a datagram begins with a report: reduced-size ones are as good.
 * Invariant: a view that was returned had all the bytes that its type, count and length promise.
 *   Writers make whole packets or nothing: on failure out->failed is set.
 * Source: RFC 3550 section 6, RFC 4585 (feedback), RFC 5104 (FIR), RFC 5506 (reduced size),
 *   RFC 3611 (XR), draft-alvestrand-rmcat-remb. Transport-wide feedback: rtcp_twcc.h.
 * Callers: media workers, sfu; after SRTCP was taken off and before it is put on. */
#pragma once

#include "rtp_out.h"
#include "slice.h"

enum rtcp_type {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_TRANSPORT_FEEDBACK = 205,
    RTCP_PAYLOAD_FEEDBACK = 206,
    RTCP_XR = 207,
};
enum rtcp_format { /* of feedback; stands in the count field */
                   RTCP_FORMAT_NACK = 1,
                   RTCP_FORMAT_TWCC = 15,
                   RTCP_FORMAT_PLI = 1,
                   RTCP_FORMAT_FIR = 4,
                   RTCP_FORMAT_APPLICATION = 15, /* REMB */
};
enum { RTCP_SDES_CNAME = 1, RTCP_SDES_MID = 15 };
enum {
    RTCP_COUNT_MAX = 31,
    RTCP_TEXT_BYTES_MAX = 255,
    RTCP_REPORT_BYTES = 24,
    RTCP_LOST_MAX = 0x7fffff, /* 24 bits with a sign */
};

struct rtcp_packet {
    uint8_t type;      /* enum rtcp_type, or another */
    uint8_t count;     /* or format */
    struct slice body; /* behind the first 4 bytes, without padding */
};
/* Takes the next packet off a datagram. OK, NOT_FOUND (no more), MALFORMED (then *rest is empty:
 * the lengths cannot be trusted further). */
must_check enum status rtcp_next(struct slice *rest, struct rtcp_packet *ret_packet);

/* The readers below answer MALFORMED for a packet of another type or one that is too short. */

struct rtcp_report { /* one report block */
    uint32_t ssrc;
    uint8_t fraction_lost; /* of 256 */
    int32_t lost;          /* in all; negative with duplicates */
    uint32_t highest_sequence;
    uint32_t jitter;
    uint32_t last_sr;       /* middle 32 bits of an NTP time; 0: none came */
    uint32_t delay_last_sr; /* of 1/65536 s */
};
struct rtcp_sender {
    uint64_t ntp; /* 32.32 seconds since 1900 */
    uint32_t rtp_timestamp;
    uint32_t packets, bytes;
};
struct rtcp_reports { /* SR or RR */
    uint32_t ssrc;
    bool has_sender;
    struct rtcp_sender sender;
    struct slice blocks; /* count * RTCP_REPORT_BYTES */
};
must_check enum status rtcp_read_reports(const struct rtcp_packet *p, struct rtcp_reports *ret_r);
must_check bool rtcp_report_next(struct slice *blocks, struct rtcp_report *ret_report);

/* Walks the items of all chunks: { .rest = packet.body, .chunks = packet.count } */
struct rtcp_sdes_walk {
    struct slice rest;
    unsigned chunks;
    bool inside;
    uint32_t ssrc;
};
struct rtcp_sdes_item {
    uint32_t ssrc;
    uint8_t type;
    struct slice text; /* from outside: any bytes */
};
must_check enum status rtcp_sdes_begin(const struct rtcp_packet *p, struct rtcp_sdes_walk *ret_w);
/* False at the end, and where a chunk reaches outside. */
must_check bool rtcp_sdes_next(struct rtcp_sdes_walk *w, struct rtcp_sdes_item *ret_item);

struct rtcp_bye {
    struct slice ssrcs; /* count * 4 bytes */
    struct slice reason;
};
must_check enum status rtcp_read_bye(const struct rtcp_packet *p, struct rtcp_bye *ret_bye);
must_check bool rtcp_ssrc_next(struct slice *ssrcs, uint32_t *ret_ssrc);

struct rtcp_feedback { /* types 205 and 206 */
    uint32_t sender, media;
    struct slice control; /* the feedback control information */
};
must_check enum status rtcp_read_feedback(const struct rtcp_packet *p, struct rtcp_feedback *ret_f);
bool rtcp_is_nack(const struct rtcp_packet *p);
bool rtcp_is_twcc(const struct rtcp_packet *p);
bool rtcp_is_pli(const struct rtcp_packet *p);
bool rtcp_is_fir(const struct rtcp_packet *p);

/* Walks the sequence numbers of a NACK one by one: { .rest = feedback.control }. */
struct rtcp_nack_walk {
    struct slice rest;
    uint16_t base, later; /* bits of `later` stand for base + 1 ... base + 16 */
};
must_check bool rtcp_nack_next(struct rtcp_nack_walk *w, uint16_t *ret_sequence);

struct rtcp_fir {
    uint32_t ssrc;
    uint8_t sequence;
};
must_check bool rtcp_fir_next(struct slice *control, struct rtcp_fir *ret_fir);

struct rtcp_remb {
    uint64_t bitrate_bps; /* UINT64_MAX when it says more than that */
    struct slice ssrcs;   /* 4 bytes each */
};
/* NOT_FOUND: another application message. */
must_check enum status rtcp_read_remb(const struct rtcp_packet *p, struct rtcp_remb *ret_remb);

enum { RTCP_XR_RRTR = 4, RTCP_XR_DLRR = 5 };
struct rtcp_xr_block {
    uint8_t type;
    struct slice content;
};
/* Blocks lie behind the sender's SSRC. */
must_check enum status rtcp_read_xr(const struct rtcp_packet *p, uint32_t *ret_ssrc,
                                    struct slice *ret_blocks);
must_check bool rtcp_xr_next(struct slice *blocks, struct rtcp_xr_block *ret_block);
must_check bool rtcp_xr_read_rrtr(const struct rtcp_xr_block *b, uint64_t *ret_ntp);
struct rtcp_dlrr {
    uint32_t ssrc, last_rr, delay_last_rr;
};
must_check bool rtcp_dlrr_next(struct slice *content, struct rtcp_dlrr *ret_dlrr);

/* Writers. Counts over RTCP_COUNT_MAX and texts over RTCP_TEXT_BYTES_MAX are ours (asserted). */
void rtcp_put_sr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_sender *sender,
                 const struct rtcp_report *reports, size_t count);
void rtcp_put_rr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_report *reports,
                 size_t count);
/* One chunk: the CNAME, and the mid unless it is empty. */
void rtcp_put_sdes(struct rtp_out *out, uint32_t ssrc, struct slice cname, struct slice mid);
void rtcp_put_bye(struct rtp_out *out, const uint32_t *ssrcs, size_t count);
/* Sequence numbers in the order of their ring, as they were missed. */
void rtcp_put_nack(struct rtp_out *out, uint32_t sender, uint32_t media, const uint16_t *sequences,
                   size_t count);
void rtcp_put_pli(struct rtp_out *out, uint32_t sender, uint32_t media);
void rtcp_put_fir(struct rtp_out *out, uint32_t sender, const struct rtcp_fir *fir);
/* At most 255 SSRCs (asserted). The bitrate loses what 18 bits cannot hold. */
void rtcp_put_remb(struct rtp_out *out, uint32_t sender, uint64_t bitrate_bps,
                   const uint32_t *ssrcs, size_t count);
void rtcp_put_xr_rrtr(struct rtp_out *out, uint32_t ssrc, uint64_t ntp);
void rtcp_put_xr_dlrr(struct rtp_out *out, uint32_t ssrc, const struct rtcp_dlrr *list,
                      size_t count);
