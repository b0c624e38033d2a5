/* budget.h: what one subscriber's link can carry, shared out among its video streams.
 * Owns: nothing beyond its struct; the streams are the caller's array.
 * Never: takes a stream's lowest layer away, unless pausing is allowed.
 * Invariant: while the link is congested, what is given fits what it carries, but for lowest
 *   layers, and a higher priority is served first. Layers go down at once and up after calm, one
 *   at a time, ever more slowly when it fails.
 * Source: wire/realtime.md 5.7 (stream allocator and its minimum). A receiver's estimate (REMB)
 *   follows what it is sent: 1.5 times that at most. So it says that there is too much, never how
 *   much more there could be: that is tried, with padding, which nobody misses. It grows slowly, so
 *   that a link that is too slow for it says so before sound is lost; what padding went through
 *   for a while, the next layer does.
 * Callers: a media worker, one for each subscriber transport: budget_share every BUDGET_INTERVAL_US
 *   and when streams or wishes change; its answers go to downlink_set_limit. */
#pragma once

#include "rtp_section.h"

enum {
    BUDGET_INTERVAL_US = 200000,
    BUDGET_LAYER_NONE = 0xff, /* paused */
};
#define BUDGET_UNKNOWN UINT64_MAX

struct budget {
    uint64_t capacity_bps; /* as of the last congestion; BUDGET_UNKNOWN: there was none */
    uint64_t remb_bps;     /* the last estimate, */
    uint64_t fell_us;      /* and when one was less than the one before; 0: none was */
    uint64_t low_us;       /* since when estimates are below what is sent; 0: they are not */
    uint64_t low_bps;      /* and the estimate then */
    bool congested;        /* not answered yet */
    bool deficient;        /* somebody has less than wanted */
    uint64_t raised_us, lowered_us; /* lowered: layers, or hopes */
    uint64_t next_us;               /* when more is tried */
    uint64_t wait_us;               /* of calm before that */
    uint64_t fixed_bps;             /* not 0: it carries so much, whatever is reported */
    bool can_probe;                 /* of the caller: padding can be sent */
    uint64_t probe_us;              /* since when it is; 0: it is not */
    uint64_t probe_bps;             /* how much of it, in the end */
    uint32_t rtt_us;                /* without padding and queues */
    uint64_t resend_bytes;          /* of video that may be sent again now */
};
struct budget_stream {
    uint64_t id; /* the caller's */
    uint8_t priority;
    uint8_t layer_want;                   /* highest that is wanted and live */
    uint32_t bitrate_bps[RTP_LAYERS_MAX]; /* measured; 0: not live */
    uint8_t layer_given;                  /* in: as answered last; out */
    uint8_t layer_before;                 /* out: what layer_given was */
    bool hard;                            /* out: stop what is above at once */
    bool is_new;                          /* in: layer_given means nothing yet; out: false */
};
void budget_init(struct budget *b);
/* `sent_bps`: all that went to the link in the last second or so. */
void budget_take_remb(struct budget *b, uint64_t now_us, uint64_t bitrate_bps, uint64_t sent_bps);
/* The worst of the report blocks of one RTCP packet. */
void budget_take_loss(struct budget *b, uint64_t now_us, uint8_t fraction_lost, uint64_t sent_bps);
/* One that was measured just now. */
void budget_take_rtt(struct budget *b, uint32_t rtt_us);
/* Video that is sent again has a share of what is sent for the first time. */
void budget_take_sent(struct budget *b, uint64_t bytes);
must_check bool budget_may_resend(const struct budget *b);
void budget_take_resent(struct budget *b, uint64_t bytes);
/* For clients that try themselves out; 0: reports count again. */
void budget_fix(struct budget *b, uint64_t bitrate_bps);
/* `reserved_bps`: audio and data, never limited. True when an answer differs from the one before.
 */
bool budget_share(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count);
/* Nothing is known to be lacking: budget_share would give everybody all. */
bool budget_is_idle(const struct budget *b);
/* How much padding is to be sent now, beside all else; 0: none. */
uint64_t budget_probe(const struct budget *b, uint64_t now_us);
/* What the link is taken to carry, for the pacer; BUDGET_UNKNOWN: all. */
uint64_t budget_capacity(const struct budget *b);
