/* pacer.h: when the packets of one transport leave: key frames are spread, nothing else waits.
 * Owns: nothing beyond its struct: the packets wait with the caller.
 * Never: holds audio, resends or feedback; holds video longer than PACER_DELAY_MAX_US.
 * Invariant: video keeps its order: its times never go back.
 * Source: design section 6; wire/realtime.md 5.7.
 * Callers: a media worker, one for each transport, for each packet it has written. */
#pragma once

#include "base.h"

enum {
    PACER_DELAY_MAX_US = 50000,
    PACER_BURST_BYTES = 24 * 1024,     /* leaves at once: 20 packets, a GSO run and a bit */
    PACER_RATE_MIN_BPS = 20 * 1000000, /* 2.5 KB a millisecond */
};

enum pacer_class { PACER_AUDIO, PACER_RESEND, PACER_VIDEO };
struct pacer {
    uint64_t empty_us; /* when all that was let go will have left at the pace */
    uint64_t last_us;  /* when the last video that waits leaves */
    uint32_t rate_bps;
};
void pacer_init(struct pacer *p);
/* Of the link's capacity; the pace is a multiple of it. BUDGET_UNKNOWN or 0: the least pace. */
void pacer_set_capacity(struct pacer *p, uint64_t capacity_bps);
/* When a packet of so many bytes may leave: now_us, or later. */
uint64_t pacer_take(struct pacer *p, uint64_t now_us, enum pacer_class class, size_t bytes);
