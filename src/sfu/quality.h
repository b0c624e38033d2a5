/* quality.h: how good a stream is, 0 to 100, as connection quality is told.
 * Owns: nothing beyond its struct. Never: says LOST of a stream that is muted, paused, young, or
 *   that any packet or report came from.
 * Invariant: a score is 0 to 100, and at least QUALITY_FLOWING_MIN while packets flow.
 * Source: wire/realtime.md 3.19, trap T37.
 * Callers: a media worker, every QUALITY_INTERVAL_US for each uplink and downlink; the worst of a
 *   transport is media_quality.score. */
#pragma once

#include "base.h"

enum { QUALITY_INTERVAL_US = 5000000, QUALITY_FLOWING_MIN = 30 };

enum quality_kind { QUALITY_OPUS, QUALITY_RED, QUALITY_VIDEO };
struct quality_input {
    enum quality_kind kind;
    bool idle;         /* muted, paused, or not wanted by anybody */
    bool reported;     /* RTCP about it came in the interval */
    uint32_t packets;  /* of the interval */
    uint32_t expected; /* packets that should have come; with lost */
    uint32_t lost;
    uint32_t rtt_us, jitter_us;
    uint32_t bitrate_bps, bitrate_expected_bps; /* expected 0: not judged */
    uint8_t layers_missing;
};
struct quality {
    double score;
    bool flowed; /* something came once */
    int silent;  /* intervals in a row without anything, up to 2 */
};
void quality_init(struct quality *q);
/* One interval has passed. */
uint8_t quality_judge(struct quality *q, const struct quality_input *in);
