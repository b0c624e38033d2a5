/* Reports to a subscriber, and from it. */
#include "downlink_priv.h"

enum { CLOCK_AGE_MAX_US = 300 * 1000000 /* by then a clock is 15 ms off, at 50 ppm */ };

uint64_t downlink_report_due_us(const struct downlink *d) {
    if (d->stats.packets == d->reported_packets) {
        return UINT64_MAX;
    }
    return d->report_us == 0 ? 0 : d->report_us + REPORT_US;
}

void downlink_hasten_report(struct downlink *d) {
    d->report_us = 0;
}

static uint64_t ntp_of_us(uint64_t us) {
    return (us / 1000000) << 32 | ((us % 1000000) << 32) / 1000000;
}

/* The publisher's own clock goes on: all that it sends stays in step, and nothing is guessed. */
bool downlink_report(struct downlink *d, const struct uplink *u, uint64_t now_us,
                     struct rtp_out *out) {
    assert(out->cap - out->len >= DOWNLINK_REPORT_BYTES_MAX);
    struct uplink_clock clock;
    const struct epoch *e = epoch_now(d);
    if (d->layer == DOWNLINK_LAYER_NONE || downlink_report_due_us(d) > now_us ||
        !uplink_layer_clock(u, e->layer, &clock)) {
        return false;
    }
    uint64_t since_us = now_us - clock.at_us;
    if (since_us > CLOCK_AGE_MAX_US) {
        return false;
    }
    struct rtcp_sender sender = {
        .ntp = clock.ntp + ntp_of_us(since_us),
        .rtp_timestamp =
            clock.timestamp + (uint32_t)(since_us * d->clock_rate / 1000000) + e->timestamp_offset,
        .packets = (uint32_t)d->stats.packets,
        .bytes = (uint32_t)d->stats.bytes,
    };
    rtcp_put_sr(out, d->ssrc, &sender, NULL, 0);
    rtcp_put_sdes(out, d->ssrc, slice_of(d->cname, d->cname_len), slice_of(d->mid, d->mid_len));
    assert(!out->failed);
    d->reports[d->reports_next++ % REPORTS_KEPT] =
        (struct downlink_report_sent){.ntp_middle = (uint32_t)(sender.ntp >> 16), .at_us = now_us};
    d->report_us = now_us;
    d->reported_packets = d->stats.packets;
    return true;
}

static uint32_t measure_rtt(struct downlink *d, uint64_t now_us, const struct rtcp_report *report) {
    for (size_t i = 0; i < REPORTS_KEPT && report->last_sr != 0; i++) {
        const struct downlink_report_sent *r = &d->reports[i];
        uint64_t held_us = (uint64_t)report->delay_last_sr * 1000000 >> 16;
        if (r->at_us != 0 && r->ntp_middle == report->last_sr && now_us >= r->at_us + held_us) {
            uint64_t rtt_us = MIN(now_us - r->at_us - held_us, (uint64_t)10000000);
            return d->stats.rtt_us = (uint32_t)MAX(rtt_us, (uint64_t)1);
        }
    }
    return 0;
}

uint32_t downlink_take_report(struct downlink *d, uint64_t now_us,
                              const struct rtcp_report *report) {
    d->stats.fraction_lost = report->fraction_lost;
    uint64_t jitter_us = (uint64_t)report->jitter * 1000000 / d->clock_rate;
    d->stats.jitter_us = (uint32_t)MIN(jitter_us, (uint64_t)UINT32_MAX);
    d->stats.reported = true;
    return measure_rtt(d, now_us, report);
}

void downlink_read_stats(const struct downlink *d, struct downlink_stats *ret_stats) {
    *ret_stats = d->stats;
}

size_t downlink_bytes(const struct downlink *d) {
    return sizeof *d + (d->sent_mask + 1) * sizeof(struct sent) + d->cname_len;
}
