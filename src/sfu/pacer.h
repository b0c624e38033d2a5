/* pacer.h: how fast video leaves to one transport: a key frame is spread, so that it does not drown
 * a slow link and what shares it.
 * Owns: nothing beyond its struct: packets that may not leave yet lie in their uplink's history.
 * Never: holds audio, resends or feedback: those are only counted in.
 * Invariant: within any time, video gets away that the pace allows, and a burst; who holds it
 *   longer than PACER_DELAY_MAX_US lets all of it go.
 * Source: design section 6; wire/realtime.md 5.7.
 * Callers: a media worker, one for each transport: it asks before it forwards video, and tells of
 *   all that it sent. */
#pragma once

#include "base.h"

enum {
    PACER_DELAY_MAX_US = 100000,
    PACER_BURST_BYTES = 24 * 1024,     /* leaves at once: 20 packets, a GSO run and a bit */
    PACER_RATE_MIN_BPS = 20 * 1000000, /* while the link is not known: 2.5 KB a millisecond */
};

struct pacer {
    uint64_t empty_us;    /* when all that was sent will have left at the pace */
    uint64_t burst_us;    /* how far ahead it may be for more to leave */
    uint64_t byte_us_q16; /* how long a byte takes at the pace */
};
void pacer_init(struct pacer *p);
/* What the link carries (BUDGET_UNKNOWN: it never said that it is too much), and what goes to it.
 */
void pacer_set(struct pacer *p, uint64_t capacity_bps, uint64_t sent_bps);
void pacer_sent(struct pacer *p, uint64_t now_us, size_t bytes);
/* Whether video may leave now. */
must_check bool pacer_is_open(const struct pacer *p, uint64_t now_us);
