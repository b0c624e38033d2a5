/* The receiver: what it was given by number, what it can decode, and what must hold of it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "walk.h"

enum {
    WAIT_US = 250000, /* for a gap, before it is skipped */
    NACK_US = 15000,
    NACK_TRIES = 10,
};

static struct walk_sent *slot_of(struct walk *w, uint16_t sequence) {
    if (!w->any) {
        w->any = true;
        w->first = sequence;
    }
    int16_t ahead = (int16_t)(sequence - (uint16_t)(w->first + w->sent_end));
    int64_t at = (int64_t)w->sent_end + ahead;
    assert_true(at >= 0 && at < WALK_SENT_MAX);
    w->sent_end = MAX(w->sent_end, (uint32_t)at + 1);
    return &w->sent[at];
}

static void learn(struct walk *w, struct walk_sent *s, const struct rtp_view *v) {
    struct downlink_stats stats;
    downlink_read_stats(w->d, &stats);
    s->given = true;
    s->epoch = stats.switches;
    s->timestamp = v->header.timestamp;
    s->len = (uint8_t)v->packet.len;
    assert_true(v->packet.len <= sizeof s->bytes);
    memcpy(s->bytes, v->packet.data, v->packet.len);
    s->filler = v->payload.len == 0;
    w->fillers += s->filler;
    if (!s->filler) {
        assert_int_equal(vp8_read(v->payload, &s->vp8), STATUS_OK);
        assert_int_equal(v->payload.len, s->vp8.bytes + 1 + sizeof s->body);
        memcpy(&s->body, v->payload.data + s->vp8.bytes + 1, sizeof s->body);
        s->first_of_key = s->body.key && s->body.index == 0;
    }
}

void walk_receive(struct walk *w, struct slice packet, bool first_time) {
    struct rtp_view v;
    assert_int_equal(rtp_read(packet, &v), STATUS_OK);
    assert_int_equal(v.header.ssrc, 5000);
    assert_int_equal(v.header.payload_type, KIT_DOWN_TYPE);
    struct walk_sent *s = slot_of(w, v.header.sequence);
    if (first_time) {
        assert_false(s->given); /* a number is given once */
        learn(w, s, &v);
    } else {
        assert_true(s->given && slice_eq(packet, slice_of(s->bytes, s->len)));
    }
    s->arrived = s->arrived || !kit_chance(&w->random, w->config.loss_down);
}

static void ask_again(struct walk *w, uint32_t at) {
    uint8_t bytes[400];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    uint16_t sequence = (uint16_t)(w->first + at);
    struct walk_sent *s = &w->sent[at];
    enum downlink_resend resend = downlink_resend(w->d, w->u, w->now_us, sequence, &out);
    if (resend == DOWNLINK_RESEND_NONE) {
        return;
    }
    w->resends++;
    if (resend == DOWNLINK_RESEND_AGAIN) {
        assert_true(w->config.rtx_ssrc == 0 || s->filler);
        walk_receive(w, rtp_out_slice(&out), false);
        return;
    }
    struct rtp_view v;
    assert_int_equal(rtp_read(rtp_out_slice(&out), &v), STATUS_OK);
    if (v.header.ssrc == 5000) {
        walk_receive(w, rtp_out_slice(&out), true);
        return;
    }
    assert_int_equal(v.header.ssrc, w->config.rtx_ssrc);
    struct slice original;
    assert_int_equal(rtp_unwrap_rtx(bytes, out.len, KIT_DOWN_TYPE, 5000, &original), STATUS_OK);
    struct rtp_view was, is;
    assert_int_equal(rtp_read(original, &is), STATUS_OK);
    assert_int_equal(rtp_read(slice_of(s->bytes, s->len), &was), STATUS_OK);
    assert_true(s->given && slice_eq(is.payload, was.payload));
    assert_memory_equal(&is.header, &was.header, sizeof is.header);
    s->arrived = s->arrived || !kit_chance(&w->random, w->config.loss_down);
}

void walk_nack(struct walk *w) {
    for (uint32_t at = w->cursor; at < w->sent_end; at++) {
        struct walk_sent *s = &w->sent[at];
        if (s->arrived || s->tries == NACK_TRIES) {
            continue;
        }
        if (s->missed_us == 0) {
            s->missed_us = w->now_us;
        }
        if (w->now_us >= s->missed_us + NACK_US * (1u + s->tries * 3u)) {
            s->tries++;
            ask_again(w, at);
        }
    }
}

static bool is_decoded(const struct walk *w, uint32_t frame) {
    for (size_t i = 0; i < ARRAY_LEN(w->decoded); i++) {
        if (w->decoded[i] == frame) {
            return true;
        }
    }
    return frame == 0;
}

static void decode_frame(struct walk *w, const struct walk_sent *s) {
    const struct walk_body *b = &s->body;
    bool ok = b->key || (s->epoch == w->decoded_epoch && is_decoded(w, b->needs[0]) &&
                         is_decoded(w, b->needs[1]) && is_decoded(w, b->needs[2]));
    if (!ok) {
        w->frames_broken++;
        return;
    }
    if (b->key) {
        memset(w->decoded, 0, sizeof w->decoded);
        w->decoded_epoch = s->epoch;
    }
    memmove(w->decoded + 1, w->decoded, sizeof w->decoded - sizeof w->decoded[0]);
    w->decoded[0] = b->frame;
    w->frames_decoded++;
    w->decoded_us = w->now_us;
}

/* The packets of the frame that begins here, or 0 while some are missing. */
static uint32_t frame_at(const struct walk *w, uint32_t at) {
    const struct walk_sent *s = &w->sent[at];
    if (s->body.index != 0) {
        return 0;
    }
    for (uint32_t i = 0; i < s->body.packets; i++) {
        const struct walk_sent *part = &w->sent[at + i];
        if (at + i >= w->sent_end || !part->arrived || part->filler ||
            part->body.frame != s->body.frame || part->body.index != i) {
            return 0;
        }
    }
    return s->body.packets;
}

void walk_decode(struct walk *w) {
    while (w->cursor < w->sent_end) {
        struct walk_sent *s = &w->sent[w->cursor];
        if (s->arrived && s->filler) {
            w->cursor++;
            continue;
        }
        uint32_t packets = s->arrived ? frame_at(w, w->cursor) : 0;
        if (packets > 0) {
            decode_frame(w, s);
            w->cursor += packets;
            continue;
        }
        if (s->missed_us == 0) {
            s->missed_us = w->now_us;
        }
        if (w->now_us < s->missed_us + WAIT_US) {
            break;
        }
        w->cursor++; /* given up */
        w->gaps_skipped++;
    }
    if (!w->wanted) {
        w->decoded_us = w->now_us;
        return;
    }
    uint64_t still_us = w->now_us - w->decoded_us;
    w->freeze_us = MAX(w->freeze_us, still_us);
    if (still_us > 400000 && w->now_us > w->asked_us + 400000) {
        w->asked_us = w->now_us;
        downlink_take_key_request(w->d, w->u, w->now_us);
    }
}

static uint32_t not_in_order(const struct walk *w, const struct walk_body *a, uint32_t end) {
    uint32_t count = 0;
    for (uint32_t s = a->source + 1; s < end; s++) {
        count += !w->sources[a->layer].in_order[s];
    }
    return count;
}

static void check_pair(const struct walk *w, const struct walk_sent *a, const struct walk_sent *b,
                       uint32_t missing, uint32_t fillers) {
    bool same_frame = a->epoch == b->epoch && a->body.frame == b->body.frame;
    if (a->epoch == b->epoch) {
        assert_int_equal(a->body.layer, b->body.layer);
        assert_true(b->body.source > a->body.source);
        /* A gap is a packet that was not there when its turn came, and nothing else. */
        assert_true(missing + fillers <= not_in_order(w, &a->body, b->body.source));
    } else {
        assert_int_equal(b->epoch, a->epoch + 1);
        uint32_t end = w->sources[a->body.layer].packets;
        assert_true(missing + fillers <= not_in_order(w, &a->body, end));
        assert_true((b - 1)->given); /* what was lost before the change is not waited for */
        assert_true(b->first_of_key);
    }
    int32_t later = (int32_t)(b->timestamp - a->timestamp);
    uint32_t pictures = (uint32_t)(b->vp8.picture_id - a->vp8.picture_id) & 0x7fff;
    if (same_frame) {
        assert_int_equal(later, 0);
        assert_int_equal(pictures, 0);
        return;
    }
    assert_true(later > 0 && later < 90000 * 20);
    /* Also from layer to layer, once their clocks are known; a picture that both have is sent
     * twice, a tick apart. */
    if (w->config.clocks_hold && a->body.capture > (5000 + 2000) * 90) {
        int32_t off = later - (int32_t)(b->body.capture - a->body.capture);
        assert_true(off == 0 || (off == 1 && a->epoch != b->epoch));
    }
    assert_true(pictures >= 1 && pictures <= 1 + missing + fillers);
    uint32_t bases = (uint8_t)(b->vp8.tl0_index - a->vp8.tl0_index);
    uint32_t keys = (uint32_t)(b->vp8.key_index - a->vp8.key_index) & 0x1f;
    if (missing + fillers == 0) {
        assert_int_equal(bases, b->body.temporal == 0);
        assert_int_equal(keys, b->body.key);
    }
}

void walk_check(const struct walk *w) {
    const struct walk_sent *last = NULL;
    uint32_t missing = 0, fillers = 0;
    for (uint32_t at = 0; at < w->sent_end; at++) {
        const struct walk_sent *s = &w->sent[at];
        if (!s->given) {
            missing++;
        } else if (s->filler) {
            fillers++;
        } else {
            if (last) {
                check_pair(w, last, s, missing, fillers);
            } else {
                assert_true(s->first_of_key);
            }
            last = s;
            missing = fillers = 0;
        }
    }
}
