/* budget.h: what one subscriber's link can carry, shared out among its video streams.
 * Owns: nothing beyond its struct; the streams are the caller's array.
 * Never: takes a stream's lowest layer away, unless pausing is allowed.
 * Invariant: what is given fits the capacity, but for lowest layers; a higher priority is served
 *   first; layers go down at once and up after calm, one at a time, ever more slowly when it fails.
 * Source: wire/realtime.md 5.7 (stream allocator and its minimum).
 * Callers: a media worker, one for each subscriber transport: budget_share every BUDGET_INTERVAL_US
 *   and when streams or wishes change; its answers go to downlink_set_limit. */
#pragma once

#include "rtp_section.h"

enum {
    BUDGET_INTERVAL_US = 200000,
    BUDGET_STREAMS_MAX = 512, /* of one link; beyond, streams get their lowest layer */
    BUDGET_LAYER_NONE = 0xff, /* paused */
};
#define BUDGET_UNKNOWN UINT64_MAX

struct budget {
    uint64_t remb_bps, loss_bps;             /* BUDGET_UNKNOWN: nothing heard, no limit */
    uint64_t remb_us, loss_us;               /* when heard */
    uint64_t raised_us, lowered_us, calm_us; /* since when nothing was lacking */
    uint64_t wait_us;                        /* before the next raise */
    uint64_t probed_bps;                     /* the sum that the last raise led to */
    bool deficient;
};
struct budget_stream {
    uint64_t id; /* the caller's */
    uint8_t priority;
    uint8_t layer_want;                   /* highest that is wanted and live */
    uint32_t bitrate_bps[RTP_LAYERS_MAX]; /* measured; 0: not live */
    uint8_t layer_given;                  /* in: of the last call (NONE at first); out */
    bool hard;                            /* out: stop the layer above at once */
};
void budget_init(struct budget *b);
void budget_take_remb(struct budget *b, uint64_t now_us, uint64_t bitrate_bps);
/* Report blocks of one RTCP packet: the worst loss of streams that flow, and what all send now. */
void budget_take_loss(struct budget *b, uint64_t now_us, uint8_t fraction_lost, uint64_t sent_bps);
/* `reserved_bps`: audio and data, never limited. True when an answer differs from the one before.
 */
bool budget_share(struct budget *b, uint64_t now_us, uint64_t reserved_bps, bool may_pause,
                  struct budget_stream *streams, size_t count);
/* What the link is taken to carry; BUDGET_UNKNOWN: all. */
uint64_t budget_capacity(const struct budget *b);
