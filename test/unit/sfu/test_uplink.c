/* What an uplink asks its publisher for, keeps, and says about its layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rtp.h"
#include "sfu_kit.h"

enum { MS = 1000 };

struct fixture {
    struct packet_pool pool;
    struct uplink *u;
    uint64_t now;
    uint8_t in[KIT_PACKET_BYTES], out[UPLINK_FEEDBACK_BYTES_MAX];
    /* of the last feedback */
    uint16_t nacks[256];
    size_t nacks_count, plis, reports;
    uint32_t pli_ssrc;
    struct rtcp_report report;
};

static void setup(struct fixture *f, uint8_t layers) {
    *f = (struct fixture){.now = 1000 * MS};
    packet_pool_init(&f->pool, KIT_POOL_CHUNKS);
    assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
    f->u = kit_uplink(&f->pool, RTP_CODEC_VP8, layers);
}

static void teardown(struct fixture *f) {
    f->u = uplink_destroy(f->u);
    packet_pool_deinit(&f->pool);
}

static enum status take_at(struct fixture *f, uint8_t layer, uint16_t sequence, uint32_t timestamp,
                           bool key) {
    uint8_t payload[1000] = {0};
    struct kit_vp8 v = {.start = true, .key = key};
    (void)kit_vp8_payload(payload, &v, (struct slice){0});
    struct kit_packet k = {.sequence = sequence,
                           .timestamp = timestamp,
                           .ssrc = kit_ssrc(layer),
                           .payload_type = KIT_UP_TYPE,
                           .marker = true,
                           .level = -1,
                           .payload = slice_of(payload, sizeof payload)};
    struct uplink_packet p;
    assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
    return uplink_take(f->u, f->now, layer, kit_packet(f->in, &k), &p);
}

static enum status take(struct fixture *f, uint8_t layer, uint16_t sequence, bool key) {
    return take_at(f, layer, sequence, 3000u * sequence, key);
}

static void read_feedback(struct fixture *f, struct slice rest) {
    struct rtcp_packet p;
    struct rtcp_feedback fb;
    while (rtcp_next(&rest, &p) == STATUS_OK) {
        if (rtcp_is_nack(&p)) {
            assert_int_equal(rtcp_read_feedback(&p, &fb), STATUS_OK);
            struct rtcp_nack_walk walk = {.rest = fb.control};
            while (rtcp_nack_next(&walk, &f->nacks[f->nacks_count])) {
                f->nacks_count++;
            }
        } else if (rtcp_is_pli(&p)) {
            assert_int_equal(rtcp_read_feedback(&p, &fb), STATUS_OK);
            f->plis++;
            f->pli_ssrc = fb.media;
        } else {
            struct rtcp_reports r;
            assert_int_equal(rtcp_read_reports(&p, &r), STATUS_OK);
            while (rtcp_report_next(&r.blocks, &f->report)) {
                f->reports++;
            }
        }
    }
}

static void feedback(struct fixture *f) {
    f->nacks_count = f->plis = f->reports = 0;
    struct rtp_out out = rtp_out_over(f->out, sizeof f->out);
    if (uplink_feedback(f->u, f->now, &out)) {
        read_feedback(f, rtp_out_slice(&out));
    }
}

/* As a worker does: when due, until this time. */
static void pass(struct fixture *f, uint64_t us, size_t *nacks, size_t *plis) {
    uint64_t end = f->now + us;
    while (uplink_due_us(f->u) <= end) {
        f->now = MAX(f->now, uplink_due_us(f->u));
        feedback(f);
        *nacks += f->nacks_count;
        *plis += f->plis;
    }
    f->now = end;
}

static void missing_packets_are_asked_for_a_few_times(void **state) {
    struct fixture f;
    setup(&f, 1);
    (void)take(&f, 0, 65534, true);
    feedback(&f);
    (void)take(&f, 0, 2, false);
    assert_true(uplink_due_us(f.u) <= f.now);
    feedback(&f);
    assert_int_equal(f.nacks_count, 3);
    assert_int_equal(f.nacks[0], 65535);
    assert_int_equal(f.nacks[2], 1);
    feedback(&f);
    assert_int_equal(f.nacks_count, 0); /* a round trip is waited for */
    f.now += 80 * MS;
    (void)take(&f, 0, 0, false);
    feedback(&f);
    assert_int_equal(f.nacks_count, 2);
    size_t nacks = 0, plis = 0;
    pass(&f, 20000 * MS, &nacks, &plis);
    assert_int_equal(nacks, 2 * 3);
    teardown(&f);
}

static void a_flood_of_losses_is_bounded(void **state) {
    struct fixture f;
    setup(&f, 1);
    (void)take(&f, 0, 1, true);
    (void)take(&f, 0, 2001, false);
    size_t nacks = 0, plis = 0;
    pass(&f, 50 * MS, &nacks, &plis);
    assert_int_equal(nacks, 100);
    assert_int_equal(plis, 1); /* so much will not come back */
    teardown(&f);
}

static void key_frames_are_asked_for_within_bounds(void **state) {
    struct fixture f;
    setup(&f, 3);
    (void)take(&f, 0, 1, true);
    (void)take(&f, 2, 1, true);
    feedback(&f);
    size_t nacks = 0, plis = 0;
    for (int i = 0; i < 495; i++) { /* 10 s of many subscribers */
        uplink_request_key_frame(f.u, 2);
        assert_int_equal(uplink_key_frames_wanted(f.u), 4);
        pass(&f, 20 * MS, &nacks, &plis);
        assert_int_equal(plis, 1 + (i + 1) / 50);
    }
    (void)take(&f, 2, 2, true);
    assert_int_equal(uplink_key_frames_wanted(f.u), 0);
    plis = 0;
    pass(&f, 5000 * MS, &nacks, &plis);
    assert_int_equal(plis, 0);
    uplink_request_key_frame(f.u, 1); /* nothing of it has come: nobody to ask */
    pass(&f, 100 * MS, &nacks, &plis);
    assert_int_equal(plis, 0);
    (void)take(&f, 1, 7, false);
    pass(&f, 100 * MS, &nacks, &plis);
    assert_int_equal(plis, 1);
    assert_int_equal(f.pli_ssrc, kit_ssrc(1));
    teardown(&f);
}

static void a_stream_without_a_key_frame_is_seeded(void **state) {
    struct fixture f;
    setup(&f, 1);
    (void)take(&f, 0, 1, false);
    size_t nacks = 0, plis = 0;
    pass(&f, 100 * MS, &nacks, &plis);
    assert_int_equal(plis, 0);
    pass(&f, 5000 * MS, &nacks, &plis);
    assert_int_equal(plis, 5);
    pass(&f, 100000 * MS, &nacks, &plis);
    assert_true(plis >= 29 && plis <= 32);
    teardown(&f);
    setup(&f, 1);
    uplink_set_muted(f.u, true);
    (void)take(&f, 0, 1, false);
    plis = 0;
    pass(&f, 5000 * MS, &nacks, &plis);
    assert_int_equal(plis, 0);
    teardown(&f);
}

static void reports_say_what_was_lost(void **state) {
    struct fixture f;
    setup(&f, 1);
    for (uint16_t i = 0; i < 100; i++, f.now += 10 * MS) {
        if (i % 4 != 3 || i == 99) {
            (void)take_at(&f, 0, (uint16_t)(65500 + i), i * 900u, i == 0);
        }
    }
    uplink_take_sender_report(f.u, f.now, 0, &(struct rtcp_sender){.ntp = 0x0000111122223333});
    f.now += 500 * MS;
    feedback(&f);
    assert_int_equal(f.reports, 1);
    assert_int_equal(f.report.ssrc, kit_ssrc(0));
    assert_int_equal(f.report.highest_sequence, 65500 + 99);
    assert_int_equal(f.report.lost, 24);
    assert_int_equal(f.report.fraction_lost, 24 * 256 / 100);
    assert_int_equal(f.report.last_sr, 0x11112222);
    assert_int_equal(f.report.delay_last_sr, 32768);
    assert_int_equal(f.report.jitter, 0);
    f.now += 1000 * MS;
    feedback(&f);
    assert_int_equal(f.report.fraction_lost, 0);
    struct uplink_stats stats;
    uplink_take_stats(f.u, &stats);
    assert_int_equal(stats.packets, 76);
    assert_int_equal(stats.lost, 24);
    assert_true(stats.reported);
    teardown(&f);
}

static void the_last_second_can_be_found(void **state) {
    struct fixture f;
    setup(&f, 1);
    struct uplink_packet p;
    for (uint32_t i = 0; i < 3000; i++, f.now += 4 * MS) {
        assert_int_equal(take(&f, 0, (uint16_t)(60000 + i), i == 0), STATUS_OK);
        assert_int_equal(take(&f, 0, (uint16_t)(60000 + i), i == 0), STATUS_EXISTS);
        uint32_t newest = uplink_newest(f.u, 0);
        for (uint32_t back = 0; back < 240 && back <= i; back += 40) {
            assert_true(uplink_find(f.u, 0, newest - back, &p));
            assert_int_equal(p.timestamp, 3000u * (uint16_t)(60000 + i - back));
            assert_int_equal(p.payload.len, 1000);
        }
        assert_false(uplink_find(f.u, 0, newest - 600, &p));
        assert_false(uplink_find(f.u, 0, newest + 1, &p));
    }
    assert_true(f.pool.taken < 45); /* a second: 250 packets of 1,036 bytes, 7 in a chunk */
    f.now += 3000 * MS;
    feedback(&f);
    assert_int_equal(f.pool.taken, 0);
    teardown(&f);
}

static void without_memory_the_history_is_short(void **state) {
    struct fixture f;
    setup(&f, 1);
    f.pool.chunks_max = 3;
    struct uplink_packet p;
    for (uint16_t i = 0; i < 500; i++) {
        assert_int_equal(take(&f, 0, i, i == 0), STATUS_OK);
        assert_true(uplink_find(f.u, 0, uplink_newest(f.u, 0), &p));
    }
    assert_true(f.pool.taken + f.pool.idle_count <= 16 + 3);
    teardown(&f);
}

static void layers_are_measured_and_found_silent(void **state) {
    struct fixture f;
    setup(&f, 2);
    for (uint16_t i = 0; i < 90; i++, f.now += 33333) {
        (void)take(&f, 0, i, i == 0);
        if (i < 45) {
            (void)take(&f, 1, i, i == 0);
        }
        feedback(&f);
        if (i == 44) {
            assert_true(uplink_fps(f.u, 0, 3) >= 28 && uplink_fps(f.u, 0, 3) <= 32);
            assert_true(uplink_bitrate(f.u, 1, 0) > 220000 && uplink_bitrate(f.u, 1, 0) < 270000);
            assert_true(uplink_layer_live(f.u, 0) && uplink_layer_live(f.u, 1));
        }
    }
    assert_true(uplink_layer_live(f.u, 0));
    assert_false(uplink_layer_live(f.u, 1));
    assert_int_equal(uplink_bitrate(f.u, 1, 3) / 100000, 0);
    f.now += 10000 * MS; /* all silent: nobody is behind */
    assert_true(uplink_layer_live(f.u, 0));
    teardown(&f);
}

static void names_and_numbers_of_streams(void **state) {
    struct fixture f;
    setup(&f, 3);
    uint8_t layer = 9, type = 0;
    uint32_t ssrc = 0;
    bool rtx = true;
    assert_true(uplink_layer_of_rid(f.u, SLICE_LIT("q"), &layer) && layer == 0);
    assert_true(uplink_layer_of_rid(f.u, SLICE_LIT("f"), &layer) && layer == 2);
    assert_false(uplink_layer_of_rid(f.u, SLICE_LIT("x"), &layer));
    uplink_bind_rtx(f.u, 1, 4242);
    assert_true(uplink_layer_of_ssrc(f.u, 4242, &layer, &rtx) && layer == 1 && rtx);
    assert_true(uplink_layer_of_ssrc(f.u, kit_ssrc(2), &layer, &rtx) && layer == 2 && !rtx);
    assert_false(uplink_layer_of_ssrc(f.u, 1, &layer, &rtx));
    assert_true(uplink_rtx_origin(f.u, 1, KIT_UP_RTX_TYPE, &type, &ssrc));
    assert_int_equal(type, KIT_UP_TYPE);
    assert_int_equal(ssrc, kit_ssrc(1));
    assert_false(uplink_rtx_origin(f.u, 1, KIT_UP_TYPE, &type, &ssrc));
    teardown(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_packets_are_asked_for_a_few_times),
        cmocka_unit_test(a_flood_of_losses_is_bounded),
        cmocka_unit_test(key_frames_are_asked_for_within_bounds),
        cmocka_unit_test(a_stream_without_a_key_frame_is_seeded),
        cmocka_unit_test(reports_say_what_was_lost),
        cmocka_unit_test(the_last_second_can_be_found),
        cmocka_unit_test(without_memory_the_history_is_short),
        cmocka_unit_test(layers_are_measured_and_found_silent),
        cmocka_unit_test(names_and_numbers_of_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
