#include "twcc_recorder.h"

#include "rtcp_twcc.h"

enum {
    INTERVAL_US = 100000,
    INTERVAL_SHORT_US = 50000, /* when a frame has ended: its sender waits for this */
    MANY = 64,                 /* arrivals that are told at once */
};
static_assert((int)TWCC_WINDOW >= (int)RTCP_TWCC_STATUSES_MAX, "a packet's worth fits");
static_assert((TWCC_WINDOW & (TWCC_WINDOW - 1)) == 0, "a ring by number");

void twcc_recorder_init(struct twcc_recorder *r) {
    *r = (struct twcc_recorder){0};
}

static int64_t *arrival_at(struct twcc_recorder *r, uint32_t sequence) {
    return &r->arrivals_us[sequence % TWCC_WINDOW];
}

static void begin(struct twcc_recorder *r, uint64_t now_us, uint16_t sequence) {
    uint8_t feedback_count = r->feedback_count;
    *r = (struct twcc_recorder){.started = true,
                                .base_us = now_us,
                                .told_us = now_us,
                                .feedback_count = feedback_count,
                                .first = 0x10000u + sequence,
                                .next = 0x10000u + sequence};
}

/* Numbers up to this one did not come so far. What leaves the window is not told any more. */
static void advance(struct twcc_recorder *r, uint32_t sequence) {
    while (r->next != sequence + 1) {
        *arrival_at(r, r->next++) = RTCP_TWCC_LOST;
    }
    if (r->next - r->first > TWCC_WINDOW) {
        r->first = r->next - TWCC_WINDOW;
    }
}

void twcc_recorder_take(struct twcc_recorder *r, uint64_t now_us, uint16_t sequence, bool marker) {
    int32_t ahead = r->started ? (int16_t)(sequence - (uint16_t)r->next) : 0;
    if (!r->started || ahead > TWCC_WINDOW || ahead < -TWCC_WINDOW || now_us < r->base_us) {
        begin(r, now_us, sequence); /* the first, or a sender that began anew */
        ahead = 0;
    }
    uint32_t extended = r->next + (uint32_t)ahead;
    if (ahead >= 0) {
        advance(r, extended);
    } else if (*arrival_at(r, extended) != RTCP_TWCC_LOST) {
        return; /* twice */
    } else if ((int32_t)(extended - r->first) < 0) {
        r->first = extended; /* it was told as lost: told anew, with all since */
    }
    *arrival_at(r, extended) = (int64_t)(now_us - r->base_us);
    r->unreported++;
    r->frame_ended = r->frame_ended || marker;
}

uint64_t twcc_recorder_due_us(const struct twcc_recorder *r) {
    if (r->unreported == 0) {
        return UINT64_MAX;
    }
    if (r->unreported >= MANY) {
        return r->told_us;
    }
    return r->told_us + (r->frame_ended ? INTERVAL_SHORT_US : INTERVAL_US);
}

/* From the first that came: those lost before it are told by the next packet's numbers. */
static size_t collect(struct twcc_recorder *r, int64_t arrivals[RTCP_TWCC_STATUSES_MAX]) {
    size_t count = MIN((size_t)(r->next - r->first), (size_t)RTCP_TWCC_STATUSES_MAX);
    size_t came = 0;
    for (size_t i = 0; i < count; i++) {
        arrivals[i] = *arrival_at(r, r->first + (uint32_t)i);
        came += arrivals[i] != RTCP_TWCC_LOST;
    }
    return came > 0 ? count : 0;
}

bool twcc_recorder_write(struct twcc_recorder *r, uint64_t now_us, uint32_t sender, uint32_t media,
                         struct rtp_out *out) {
    assert(out->cap - out->len >= TWCC_FEEDBACK_BYTES_MAX);
    if (twcc_recorder_due_us(r) > now_us && !r->more) {
        return false;
    }
    int64_t arrivals[RTCP_TWCC_STATUSES_MAX];
    size_t count = 0;
    while (r->first != r->next && count == 0) {
        count = collect(r, arrivals);
        if (count == 0) { /* a packet's worth of losses alone cannot be told */
            r->first += (uint32_t)MIN((size_t)(r->next - r->first), (size_t)RTCP_TWCC_STATUSES_MAX);
        }
    }
    r->more = false;
    r->told_us = now_us;
    if (count == 0) {
        r->unreported = 0;
        return false;
    }
    size_t told =
        rtcp_put_twcc(out, sender, media, r->feedback_count++, (uint16_t)r->first, arrivals, count);
    assert(!out->failed && told > 0);
    r->first += (uint32_t)told;
    r->more = r->first != r->next;
    if (!r->more) {
        r->unreported = 0;
        r->frame_ended = false;
    }
    return true;
}
