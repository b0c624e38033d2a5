/* levels.h: how loud a track is, as speakers are told: windows, percentile, smoothing.
 * Owns: nothing beyond its struct. Never: reads a clock.
 * Invariant: a level is a multiple of 1/8, and 0 exactly while its track is not an active speaker.
 * Source: wire/realtime.md 3.18 (active level 35, percentile 40, 400 ms, 2 intervals).
 * Callers: a media worker: one for each audio track; asked every LEVEL_INTERVAL_US. */
#pragma once

#include "base.h"

enum { LEVEL_INTERVAL_US = 400000 };

struct level {
    double smoothed;    /* linear, 0 to 1 */
    uint32_t timestamp; /* of the last packet */
    uint32_t observed;  /* RTP time in this window, */
    uint32_t active;    /* of it louder than the threshold */
    bool heard;
    uint64_t heard_us; /* when the last packet came */
    uint8_t loudest;   /* -dBov of this window; smaller is louder */
    uint8_t eighths;   /* as last told */
};
void level_init(struct level *l);
/* A packet in order with the audio level extension; `clock_rate` of its codec. */
void level_take(struct level *l, uint64_t now_us, uint32_t timestamp, uint32_t clock_rate,
                uint8_t minus_dbov);
/* True when the level is another than at the last call: *ret_level is then media_level.level. */
must_check bool level_changed(struct level *l, uint64_t now_us, bool muted, float *ret_level);
