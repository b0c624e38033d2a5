#include "pacer.h"

enum {
    BURST_BYTES_MIN = 6 * 1024, /* five packets */
    BURST_US = 9800,            /* of the pace, at least: 24 KB of the least one */
    CAPACITY_MIN_BPS = 500000,  /* less is not believed */
};

void pacer_init(struct pacer *p) {
    *p = (struct pacer){0};
    pacer_set(p, UINT64_MAX, 0);
}

static uint64_t time_of(const struct pacer *p, uint64_t bytes) {
    return bytes * p->byte_us_q16 >> 16;
}

/* Two and a half times what is carried, as libwebrtc paces: queues on the way drain in between. A
 * link that never was too slow is not slowed down: only bursts far above what it carries anyway. */
void pacer_set(struct pacer *p, uint64_t capacity_bps, uint64_t sent_bps) {
    bool known = capacity_bps != UINT64_MAX;
    uint64_t most = known ? MAX(MAX(capacity_bps, sent_bps), (uint64_t)CAPACITY_MIN_BPS) : sent_bps;
    uint64_t rate_bps = MIN(most, (uint64_t)UINT32_MAX) / 2 * 5;
    rate_bps = known ? rate_bps : MAX(rate_bps, (uint64_t)PACER_RATE_MIN_BPS);
    p->byte_us_q16 = ((uint64_t)8 * 1000000 << 16) / rate_bps;
    uint64_t least = known ? BURST_BYTES_MIN : PACER_BURST_BYTES;
    p->burst_us = MAX(time_of(p, least), (uint64_t)BURST_US);
}

/* A bucket, as the time when it will be empty. What leaves although the bucket is full (audio,
 * resends, what was held too long) fills it no further than what can be held. */
void pacer_sent(struct pacer *p, uint64_t now_us, size_t bytes) {
    p->empty_us = MAX(p->empty_us, now_us) + time_of(p, bytes);
    p->empty_us = MIN(p->empty_us, now_us + p->burst_us + PACER_DELAY_MAX_US);
}

bool pacer_is_open(const struct pacer *p, uint64_t now_us) {
    return p->empty_us <= now_us + p->burst_us;
}
