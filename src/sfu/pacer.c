#include "pacer.h"

enum {
    PACE_TIMES = 4 /* of the capacity: a key frame of ten frames' size leaves in a few frames */
};

void pacer_init(struct pacer *p) {
    *p = (struct pacer){.rate_bps = PACER_RATE_MIN_BPS};
}

void pacer_set_capacity(struct pacer *p, uint64_t capacity_bps) {
    uint64_t rate = capacity_bps > UINT32_MAX / PACE_TIMES ? 0 : capacity_bps * PACE_TIMES;
    p->rate_bps = (uint32_t)MAX(rate, (uint64_t)PACER_RATE_MIN_BPS);
}

static uint64_t time_of(const struct pacer *p, uint64_t bytes) {
    return bytes * 8 * 1000000 / p->rate_bps;
}

/* A bucket, as the time when it will be empty: what fits a burst leaves now, the rest when the
 * bucket has sunk to a burst. Audio and resends pass, but fill it: the link is busy with them. */
uint64_t pacer_take(struct pacer *p, uint64_t now_us, enum pacer_class class, size_t bytes) {
    uint64_t burst_us = time_of(p, PACER_BURST_BYTES);
    p->empty_us = MAX(p->empty_us, now_us) + time_of(p, bytes);
    /* More than can be held: it leaves faster than the pace, still in order. */
    p->empty_us = MIN(p->empty_us, now_us + burst_us + PACER_DELAY_MAX_US);
    if (class != PACER_VIDEO || p->empty_us <= now_us + burst_us) {
        return class == PACER_VIDEO ? MAX(now_us, p->last_us) : now_us;
    }
    p->last_us = MAX(p->last_us, p->empty_us - burst_us);
    return p->last_us;
}
