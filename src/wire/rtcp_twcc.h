/* rtcp_twcc.h: transport-wide congestion control feedback: which packets arrived, and when.
 * Owns: nothing; a view points into the packet.
 * Never: allocates.
 * Invariant: a view that was returned has a status and, where one arrived, a delta for each of its
 *   packets, so that walking it cannot fail.
 * Source: draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.
 * Callers: sfu: reads the feedback of subscribers, writes that to publishers. */
#pragma once

#include "rtcp.h"

enum {
    RTCP_TWCC_STATUSES_MAX = 400, /* of one packet that we write: at most 952 bytes */
    RTCP_TWCC_TICK_US = 250,
    RTCP_TWCC_REFERENCE_US = 64000,
};
#define RTCP_TWCC_LOST INT64_MIN /* in the place of an arrival time */

struct rtcp_twcc {
    uint32_t sender, media;
    uint16_t base_sequence, count;
    int32_t reference; /* 24 bits with a sign, of 64 ms; of the receiver's clock, and it wraps */
    uint8_t feedback_count;
    struct slice chunks, deltas;
};
/* MALFORMED: chunks for fewer packets than count, a reserved symbol among them, or too few
 * deltas. */
must_check enum status rtcp_read_twcc(const struct rtcp_packet *p, struct rtcp_twcc *ret_twcc);

struct rtcp_twcc_walk {
    const struct rtcp_twcc *twcc;
    struct slice chunks, deltas;
    uint16_t done;       /* statuses given */
    uint16_t chunk;      /* the current one, */
    unsigned chunk_left; /* its symbols still to come, */
    unsigned chunk_at;   /* and those given */
    int64_t ticks;       /* since the reference time */
};
struct rtcp_twcc_status {
    uint16_t sequence;
    bool received;
    int64_t arrival_us; /* on the clock that starts where reference is 0 */
};
struct rtcp_twcc_walk rtcp_twcc_begin(const struct rtcp_twcc *twcc);
must_check bool rtcp_twcc_next(struct rtcp_twcc_walk *w, struct rtcp_twcc_status *ret_status);

/* Statuses of `count` packets from base_sequence on, with their arrivals in microseconds (not
 * negative) or RTCP_TWCC_LOST; at least one arrived (asserted). Returns for how many the packet
 * speaks: fewer than count when they are over RTCP_TWCC_STATUSES_MAX or an arrival is more than
 * 8 s from the one before; the caller goes on with the rest. */
size_t rtcp_put_twcc(struct rtp_out *out, uint32_t sender, uint32_t media, uint8_t feedback_count,
                     uint16_t base_sequence, const int64_t *arrivals_us, size_t count);
