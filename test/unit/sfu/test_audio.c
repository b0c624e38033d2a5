/* One audio track from its publisher to a subscriber: numbers, extensions, resends, reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rtp.h"
#include "sfu_kit.h"

struct fixture {
    struct packet_pool pool;
    struct uplink *u;
    struct downlink *d;
    uint64_t now;
    uint8_t in[KIT_PACKET_BYTES], out[KIT_PACKET_BYTES];
    struct slice sent; /* the last packet that left; empty: none did */
};

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture){.now = 1000000};
    packet_pool_init(&f.pool, KIT_POOL_CHUNKS);
    assert_int_equal(packet_pool_refill(&f.pool), STATUS_OK);
    f.u = kit_uplink(&f.pool, RTP_CODEC_OPUS, 1);
    f.d = kit_downlink(RTP_CODEC_OPUS, 0);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    f->u = uplink_destroy(f->u);
    f->d = downlink_destroy(f->d);
    packet_pool_deinit(&f->pool);
    return 0;
}

static enum status take(struct fixture *f, uint16_t sequence, const char *payload) {
    struct kit_packet k = {.sequence = sequence,
                           .timestamp = 960u * sequence,
                           .ssrc = kit_ssrc(0),
                           .payload_type = KIT_UP_TYPE,
                           .level = 30,
                           .payload = slice_from_cstr(payload)};
    struct uplink_packet p;
    f->sent = (struct slice){0};
    enum status st = uplink_take(f->u, f->now, 0, kit_packet(f->in, &k), &p);
    if (st == STATUS_OK) {
        struct rtp_out out = rtp_out_over(f->out, sizeof f->out);
        if (downlink_forward(f->d, f->u, f->now, &p, &out)) {
            f->sent = rtp_out_slice(&out);
        }
    }
    f->now += 20000;
    return st;
}

static struct rtp_view sent_view(const struct fixture *f) {
    struct rtp_view v;
    assert_int_equal(rtp_read(f->sent, &v), STATUS_OK);
    return v;
}

static uint16_t send(struct fixture *f, uint16_t sequence) {
    assert_int_equal(take(f, sequence, "voice"), STATUS_OK);
    return sent_view(f).header.sequence;
}

static void a_packet_gets_the_subscribers_numbers(void **state) {
    struct fixture *f = *state;
    (void)send(f, 7);
    struct rtp_view v = sent_view(f);
    assert_int_equal(v.header.payload_type, KIT_DOWN_TYPE);
    assert_int_equal(v.header.ssrc, 5000);
    assert_int_equal(v.header.sequence, 0x12345678 & 0x7fff);
    assert_int_equal(v.header.timestamp, 7 * 960);
    assert_true(slice_eq_cstr(v.payload, "voice"));
    struct slice value;
    assert_true(rtp_extension_find(&v, KIT_DOWN_MID, &value) && slice_eq_cstr(value, "12"));
    assert_true(rtp_extension_find(&v, KIT_DOWN_LEVEL, &value) && value.data[0] == 30);
    assert_true(rtp_extension_find(&v, KIT_DOWN_CAPTURE, &value) &&
                slice_eq_cstr(value, "12345678"));
    uint32_t time = 0;
    assert_true(rtp_extension_find(&v, KIT_DOWN_SEND_TIME, &value) &&
                rtp_read_abs_send_time(value, &time));
    assert_int_equal(time, rtp_abs_send_time_of_us(1000000));
    assert_false(rtp_extension_find(&v, KIT_UP_MID, &value));
    assert_false(rtp_extension_find(&v, KIT_UP_SEND_TIME, &value));
}

static void numbers_run_on_over_the_wrap(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 65500);
    for (uint32_t i = 1; i < 70000; i++) {
        assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
        assert_int_equal(send(f, (uint16_t)(65500 + i)), (uint16_t)(first + i));
    }
}

static void losses_stay_gaps_that_late_packets_fill(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 10);
    assert_int_equal(send(f, 14), (uint16_t)(first + 4));
    assert_int_equal(send(f, 12), (uint16_t)(first + 2));
    assert_int_equal(take(f, 12, "voice"), STATUS_EXISTS);
    assert_int_equal(send(f, 11), (uint16_t)(first + 1));
    assert_int_equal(send(f, 15), (uint16_t)(first + 5));
}

static void what_came_before_the_first_is_not_sent(void **state) {
    struct fixture *f = *state;
    (void)send(f, 10);
    assert_int_equal(take(f, 9, "voice"), STATUS_OK);
    assert_int_equal(f->sent.len, 0);
}

static void padding_is_closed_up(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 10);
    assert_int_equal(take(f, 11, ""), STATUS_OK);
    assert_int_equal(f->sent.len, 0);
    assert_int_equal(take(f, 12, ""), STATUS_OK);
    assert_int_equal(send(f, 13), (uint16_t)(first + 1));
    /* 14 and 15 are late: one is padding, and its number is not left open. */
    assert_int_equal(send(f, 16), (uint16_t)(first + 4));
    assert_int_equal(take(f, 14, ""), STATUS_OK);
    struct rtp_view v = sent_view(f);
    assert_int_equal(v.header.sequence, (uint16_t)(first + 2));
    assert_int_equal(v.payload.len, 0);
    assert_int_equal(v.padding, 1);
    assert_int_equal(send(f, 15), (uint16_t)(first + 3));
}

static void a_pause_leaves_no_gap(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 10);
    downlink_set_want(f->d, &(struct downlink_want){.paused = true});
    for (uint16_t i = 11; i < 40; i++) {
        assert_int_equal(take(f, i, "voice"), STATUS_OK);
        assert_int_equal(f->sent.len, 0);
    }
    downlink_set_want(f->d, &(struct downlink_want){.paused = false});
    assert_int_equal(send(f, 40), (uint16_t)(first + 1));
    assert_int_equal(sent_view(f).header.timestamp, 40 * 960);
}

/* What is said where the publisher says no more goes on in number and time, and so does what comes
 * after it. */
static void silence_goes_on_where_the_sound_stopped(void **state) {
    struct fixture *f = *state;
    uint8_t space[KIT_PACKET_BYTES];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    assert_false(downlink_silence(f->d, f->now, (struct slice){0}, &out)); /* nothing was sent */
    uint16_t first = send(f, 10);
    assert_false(downlink_silence(f->d, f->now, (struct slice){0}, &out)); /* it is sent now */
    downlink_set_want(f->d, &(struct downlink_want){.paused = true});
    for (uint16_t i = 1; i <= 50; i++) {
        out.len = 0;
        assert_true(downlink_silence(f->d, f->now, SLICE_LIT("trailer"), &out));
        assert_int_equal(take(f, (uint16_t)(10 + i), "voice"), STATUS_OK);
        assert_int_equal(f->sent.len, 0);
        struct rtp_view v;
        assert_int_equal(rtp_read(rtp_out_slice(&out), &v), STATUS_OK);
        assert_int_equal(v.header.sequence, (uint16_t)(first + i));
        assert_int_equal(v.header.timestamp, (10 + i) * 960);
        assert_int_equal(v.header.payload_type, KIT_DOWN_TYPE);
        assert_int_equal(v.header.ssrc, 5000);
        assert_true(slice_eq(v.payload, SLICE_LIT("\xf8\xff\xfetrailer")));
        struct slice value;
        assert_true(rtp_extension_find(&v, KIT_DOWN_MID, &value) && slice_eq_cstr(value, "12"));
    }
    out.len = 0;
    assert_int_equal(downlink_resend(f->d, f->u, f->now, (uint16_t)(first + 3), &out),
                     DOWNLINK_RESEND_NONE);
    downlink_set_want(f->d, &(struct downlink_want){.paused = false});
    assert_int_equal(send(f, 61), (uint16_t)(first + 51));
    assert_int_equal(sent_view(f).header.timestamp, 61 * 960);
    assert_int_equal(downlink_resend(f->d, f->u, f->now, (uint16_t)(first + 3), &out),
                     DOWNLINK_RESEND_NONE);
}

static void a_new_source_goes_on_in_time(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 10);
    uplink_bind(f->u, 0, 0x77);
    uint8_t payload[] = "new";
    struct kit_packet k = {.sequence = 60000,
                           .timestamp = 1,
                           .ssrc = 0x77,
                           .payload_type = KIT_UP_TYPE,
                           .level = -1,
                           .payload = slice_of(payload, 3)};
    struct uplink_packet p;
    assert_int_equal(uplink_take(f->u, f->now, 0, kit_packet(f->in, &k), &p), STATUS_OK);
    struct rtp_out out = rtp_out_over(f->out, sizeof f->out);
    assert_true(downlink_forward(f->d, f->u, f->now, &p, &out));
    f->sent = rtp_out_slice(&out);
    assert_int_equal(sent_view(f).header.sequence, (uint16_t)(first + 1));
    assert_int_equal(sent_view(f).header.timestamp, 11 * 960); /* 20 ms later */
}

static void resends_are_the_same_bytes(void **state) {
    struct fixture *f = *state;
    uint16_t first = send(f, 10);
    uint8_t before[KIT_PACKET_BYTES];
    size_t len = f->sent.len;
    memcpy(before, f->sent.data, len);
    (void)send(f, 11);
    uint8_t again[KIT_PACKET_BYTES];
    for (int tries = 0; tries < 3; tries++) {
        struct rtp_out out = rtp_out_over(again, sizeof again);
        assert_int_equal(downlink_resend(f->d, f->u, f->now, first, &out), DOWNLINK_RESEND_AGAIN);
        assert_true(slice_eq(rtp_out_slice(&out), slice_of(before, len)));
        out.len = 0;
        assert_int_equal(downlink_resend(f->d, f->u, f->now + 5000, first, &out),
                         DOWNLINK_RESEND_NONE);
        f->now += 150000;
    }
    struct rtp_out out = rtp_out_over(again, sizeof again);
    assert_int_equal(downlink_resend(f->d, f->u, f->now, first, &out), DOWNLINK_RESEND_NONE);
    assert_int_equal(downlink_resend(f->d, f->u, f->now, (uint16_t)(first + 2), &out),
                     DOWNLINK_RESEND_NONE);
    assert_int_equal(downlink_resend(f->d, f->u, f->now, (uint16_t)(first - 1), &out),
                     DOWNLINK_RESEND_NONE);
}

static void reports_follow_the_publishers_clock(void **state) {
    struct fixture *f = *state;
    uint8_t space[DOWNLINK_REPORT_BYTES_MAX];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    (void)send(f, 10);
    assert_false(downlink_report(f->d, f->u, f->now, &out)); /* no clock yet */
    uplink_take_sender_report(
        f->u, f->now, 0, &(struct rtcp_sender){.ntp = (uint64_t)77 << 32, .rtp_timestamp = 10000});
    assert_true(downlink_report_due_us(f->d) <= f->now);
    uint64_t told_us = f->now + 500000;
    assert_true(downlink_report(f->d, f->u, told_us, &out));
    struct slice rest = rtp_out_slice(&out);
    struct rtcp_packet packet;
    struct rtcp_reports r;
    assert_int_equal(rtcp_next(&rest, &packet), STATUS_OK);
    assert_int_equal(rtcp_read_reports(&packet, &r), STATUS_OK);
    assert_true(r.has_sender && r.ssrc == 5000);
    assert_true(r.sender.ntp == ((uint64_t)77 << 32 | 0x80000000u));
    assert_int_equal(r.sender.rtp_timestamp, 10000 + 24000);
    assert_int_equal(r.sender.packets, 1);
    assert_int_equal(r.sender.bytes, 5);
    assert_int_equal(rtcp_next(&rest, &packet), STATUS_OK);
    assert_int_equal(packet.type, RTCP_SDES);
    out.len = 0;
    assert_false(downlink_report(f->d, f->u, told_us + 4000000, &out)); /* nothing was sent since */
    (void)send(f, 11);
    assert_false(downlink_report(f->d, f->u, told_us + 1000000, &out));
    /* A report about it, 30 ms under way both ways, held for 250 ms. */
    downlink_take_report(f->d, told_us + 280000,
                         &(struct rtcp_report){.last_sr = (uint32_t)(r.sender.ntp >> 16),
                                               .delay_last_sr = 65536 / 4,
                                               .fraction_lost = 9,
                                               .jitter = 480});
    struct downlink_stats stats;
    downlink_read_stats(f->d, &stats);
    assert_int_equal(stats.rtt_us, 30000);
    assert_int_equal(stats.fraction_lost, 9);
    assert_int_equal(stats.jitter_us, 10000);
}

static void what_is_no_packet_of_ours_is_refused(void **state) {
    struct fixture *f = *state;
    struct uplink_packet p;
    struct kit_packet k = {.ssrc = 1, .payload_type = KIT_UP_TYPE, .level = -1};
    assert_int_equal(uplink_take(f->u, 1, 0, kit_packet(f->in, &k), &p), STATUS_MALFORMED);
    k.ssrc = kit_ssrc(0);
    k.payload_type = 50;
    assert_int_equal(uplink_take(f->u, 1, 0, kit_packet(f->in, &k), &p), STATUS_MALFORMED);
    assert_int_equal(uplink_take(f->u, 1, 0, SLICE_LIT("short"), &p), STATUS_MALFORMED);
    assert_int_equal(take(f, 20, "voice"), STATUS_OK);
    assert_int_equal(take(f, (uint16_t)(20 - 200), "voice"), STATUS_STALE);
    /* Far off: one is noise, two are a sender that began anew. */
    assert_int_equal(take(f, 30000, "voice"), STATUS_STALE);
    uint16_t before = send(f, 21);
    assert_int_equal(take(f, 30000, "voice"), STATUS_STALE);
    assert_int_equal(send(f, 30001), (uint16_t)(before + 1));
}

static void levels_are_handed_on(void **state) {
    struct fixture *f = *state;
    struct kit_packet k = {.ssrc = kit_ssrc(0),
                           .payload_type = KIT_UP_TYPE,
                           .level = 0x80 | 55,
                           .payload = SLICE_LIT("x")};
    struct uplink_packet p;
    assert_int_equal(uplink_take(f->u, 1, 0, kit_packet(f->in, &k), &p), STATUS_OK);
    assert_true(p.has_level && p.level.voice && p.level.level == 55);
    assert_int_equal(p.codec, RTP_CODEC_OPUS);
    assert_true(p.newest && !p.empty);
}

#define AUDIO_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        AUDIO_TEST(a_packet_gets_the_subscribers_numbers),
        AUDIO_TEST(numbers_run_on_over_the_wrap),
        AUDIO_TEST(losses_stay_gaps_that_late_packets_fill),
        AUDIO_TEST(what_came_before_the_first_is_not_sent),
        AUDIO_TEST(padding_is_closed_up),
        AUDIO_TEST(a_pause_leaves_no_gap),
        AUDIO_TEST(silence_goes_on_where_the_sound_stopped),
        AUDIO_TEST(a_new_source_goes_on_in_time),
        AUDIO_TEST(resends_are_the_same_bytes),
        AUDIO_TEST(reports_follow_the_publishers_clock),
        AUDIO_TEST(what_is_no_packet_of_ours_is_refused),
        AUDIO_TEST(levels_are_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
