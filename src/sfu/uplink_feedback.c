/* What an uplink tells its publisher: reports, missing packets, key frames wanted. */
#include <string.h>

#include "uplink_priv.h"

void uplink_take_sender_report(struct uplink *u, uint64_t now_us, uint8_t layer,
                               const struct rtcp_sender *report) {
    assert(layer < u->layers_count);
    struct uplink_layer *l = &u->layers[layer];
    l->clock = (struct uplink_clock){
        .ntp = report->ntp, .timestamp = report->rtp_timestamp, .at_us = now_us};
    l->has_clock = true;
    l->stat_reported = true;
}

bool uplink_layer_clock(const struct uplink *u, uint8_t layer, struct uplink_clock *ret_clock) {
    assert(layer < u->layers_count);
    if (!u->layers[layer].has_clock) {
        return false;
    }
    *ret_clock = u->layers[layer].clock;
    return true;
}

void uplink_request_key_frame(struct uplink *u, uint8_t layer) {
    assert(layer < u->layers_count);
    if (u->video) {
        u->layers[layer].key_wanted = true;
    }
}

uint8_t uplink_key_frames_wanted(const struct uplink *u) {
    unsigned wanted = 0;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        wanted |= u->layers[i].key_wanted ? BIT(i) : 0;
    }
    return (uint8_t)wanted;
}

/* A stream that began without a key frame gets one asked for, by itself, for a while. */
static uint64_t seed_due_us(const struct uplink *u, const struct uplink_layer *l) {
    if (!u->video || u->muted || !l->started || l->key_seen ||
        l->pli_us > l->started_us + SEED_END_US) {
        return UINT64_MAX;
    }
    return l->pli_us == 0 ? l->started_us + SEED_FIRST_US : l->pli_us + SEED_US;
}

static uint64_t pli_due_us(const struct uplink *u, const struct uplink_layer *l) {
    if (!l->started) { /* there is no SSRC to ask, or it has never sent */
        return UINT64_MAX;
    }
    uint64_t throttle = l == u->layers ? PLI_LOW_US : PLI_HIGH_US;
    uint64_t wanted = !l->key_wanted ? UINT64_MAX : l->pli_us == 0 ? 0 : l->pli_us + throttle;
    return MIN(wanted, seed_due_us(u, l));
}

uint64_t uplink_due_us(const struct uplink *u) {
    uint64_t due = UINT64_MAX;
    bool started = false;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        const struct uplink_layer *l = &u->layers[i];
        started = started || l->started;
        due = MIN(due, MIN(pli_due_us(u, l), nack_list_due_us(&l->nacks)));
    }
    return started ? MIN(due, u->report_us + REPORT_INTERVAL_US) : due;
}

/* RFC 3550 appendix A.3. */
static struct rtcp_report report_of(struct uplink_layer *l, uint64_t now_us) {
    uint32_t expected = l->highest - l->base + 1;
    uint32_t expected_now = expected - l->expected_prior;
    uint32_t received_now = l->received - l->received_prior;
    l->expected_prior = expected;
    l->received_prior = l->received;
    struct rtcp_report r = {
        .ssrc = l->ssrc,
        .highest_sequence = l->highest - 0x10000u,
        .jitter = l->jitter_q4 >> 4,
    };
    int64_t lost = (int64_t)expected - l->received;
    r.lost = (int32_t)MAX(MIN(lost, (int64_t)RTCP_LOST_MAX), -(int64_t)RTCP_LOST_MAX);
    if (expected_now > received_now) {
        uint64_t fraction = (uint64_t)(expected_now - received_now) * 256 / expected_now;
        r.fraction_lost = (uint8_t)MIN(fraction, (uint64_t)255);
    }
    uint64_t since_us = now_us - l->clock.at_us;
    if (l->has_clock && since_us < UINT64_C(65535) * 1000000) {
        r.last_sr = (uint32_t)(l->clock.ntp >> 16);
        r.delay_last_sr = (uint32_t)((since_us << 16) / 1000000);
    }
    return r;
}

static void put_reports(struct uplink *u, uint64_t now_us, struct rtp_out *out) {
    struct rtcp_report reports[RTP_LAYERS_MAX];
    size_t count = 0;
    for (uint8_t i = 0; i < u->layers_count; i++) {
        if (u->layers[i].started) {
            reports[count++] = report_of(&u->layers[i], now_us);
        }
    }
    u->report_us = now_us;
    if (count > 0) {
        rtcp_put_rr(out, u->rtcp_ssrc, reports, count);
    }
}

static void put_requests(struct uplink *u, struct uplink_layer *l, uint64_t now_us,
                         struct rtp_out *out) {
    uint16_t missing[NACKS_PER_FEEDBACK];
    size_t count = nack_list_collect(&l->nacks, now_us, u->rtt_us, missing, NACKS_PER_FEEDBACK);
    if (count > 0) {
        rtcp_put_nack(out, u->rtcp_ssrc, l->ssrc, missing, count);
        l->stat_nacks += (uint32_t)count;
    }
    if (pli_due_us(u, l) <= now_us) {
        rtcp_put_pli(out, u->rtcp_ssrc, l->ssrc);
        l->pli_us = now_us;
        l->stat_plis++;
    }
}

bool uplink_feedback(struct uplink *u, uint64_t now_us, struct rtp_out *out) {
    assert(out->cap - out->len >= UPLINK_FEEDBACK_BYTES_MAX);
    size_t before = out->len;
    if (u->report_us + REPORT_INTERVAL_US <= now_us) {
        put_reports(u, now_us, out);
    }
    for (uint8_t i = 0; i < u->layers_count; i++) {
        struct uplink_layer *l = &u->layers[i];
        history_trim(&l->history, now_us);
        uplink_rate_turn(&l->rate, now_us);
        if (l->started) {
            put_requests(u, l, now_us, out);
        }
    }
    assert(!out->failed);
    return out->len > before;
}

void uplink_take_stats(struct uplink *u, struct uplink_stats *ret_stats) {
    struct uplink_stats s = {.muted = u->muted};
    for (uint8_t i = 0; i < u->layers_count; i++) {
        struct uplink_layer *l = &u->layers[i];
        s.packets += l->stat_packets;
        s.bytes += l->stat_bytes;
        s.expected += l->stat_expected;
        s.nacks += l->stat_nacks;
        s.plis += l->stat_plis;
        s.lost += l->stat_expected > l->stat_packets ? l->stat_expected - l->stat_packets : 0;
        s.reported = s.reported || l->stat_reported;
        s.layers_live = (uint8_t)(s.layers_live + uplink_layer_live(u, i));
        uint64_t jitter_us = (uint64_t)(l->jitter_q4 >> 4) * 1000000 / u->clock_rate;
        s.jitter_us = MAX(s.jitter_us, (uint32_t)MIN(jitter_us, (uint64_t)UINT32_MAX));
        l->stat_packets = l->stat_bytes = l->stat_expected = l->stat_nacks = l->stat_plis = 0;
        l->stat_reported = false;
    }
    *ret_stats = s;
}
