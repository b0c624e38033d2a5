/* Random walks: whatever a publisher, its layers, the network and the wishes of a subscriber do,
 * what is sent is one stream that a decoder can follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "walk.h"

static void forward(struct walk *w, const struct uplink_packet *p) {
    uint8_t bytes[400];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    if (downlink_forward(w->d, w->u, w->now_us, p, &out)) {
        do {
            walk_receive(w, rtp_out_slice(&out), true);
            out.len = 0;
        } while (downlink_catch_up(w->d, w->u, w->now_us, &out));
    }
}

static void network(struct walk *w) {
    uint8_t layer;
    struct slice packet;
    while (walk_arrive(w, &layer, &packet)) {
        struct uplink_packet p;
        if (uplink_take(w->u, w->now_us, layer, packet, &p) == STATUS_OK) {
            struct walk_body b;
            memcpy(&b, p.payload.data + p.vp8.bytes + 1, sizeof b);
            w->sources[layer].in_order[b.source] = p.newest;
            forward(w, &p);
        }
    }
    if (uplink_due_us(w->u) <= w->now_us) {
        uint8_t bytes[UPLINK_FEEDBACK_BYTES_MAX];
        struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
        if (uplink_feedback(w->u, w->now_us, &out)) {
            walk_hear(w, rtp_out_slice(&out));
        }
    }
}

static void change(struct walk *w) {
    struct downlink_want want = {.layer_max = (uint8_t)kit_below(&w->random, 3)};
    struct downlink_limit limit = {.layer_max = 2, .temporal_max = 3};
    if (kit_chance(&w->random, 300)) {
        want.fps_max = (uint8_t)(5 + kit_below(&w->random, 25));
    }
    if (kit_chance(&w->random, 300)) {
        limit = (struct downlink_limit){.layer_max = (uint8_t)kit_below(&w->random, 3),
                                        .temporal_max = (uint8_t)kit_below(&w->random, 3),
                                        .hard = kit_chance(&w->random, 500)};
    }
    want.paused = kit_chance(&w->random, 100);
    w->wanted = !want.paused;
    downlink_set_want(w->d, &want);
    downlink_set_limit(w->d, limit);
    downlink_tick(w->d, w->u, w->now_us);
    if (w->config.layers_vanish) {
        uint32_t layer = kit_below(&w->random, WALK_LAYERS);
        bool others = !w->sources[(layer + 1) % 3].silent || !w->sources[(layer + 2) % 3].silent;
        w->sources[layer].silent = others && kit_chance(&w->random, 500);
    }
}

static void report(struct walk *w) {
    for (uint8_t i = 0; i < WALK_LAYERS; i++) {
        struct rtcp_sender sender = {
            .ntp = ((w->now_us / 1000000) << 32) + ((w->now_us % 1000000) << 32) / 1000000,
            .rtp_timestamp = w->sources[i].first_timestamp + (uint32_t)(w->now_us * 90 / 1000)};
        uplink_take_sender_report(w->u, w->now_us, i, &sender);
    }
}

static void run(struct walk *w, uint32_t ms) {
    for (uint32_t i = 0; i < ms; i++, w->now_us += 1000) {
        uint64_t at = w->now_us / 1000;
        if (at % 33 == 0) {
            walk_publish(w);
        }
        assert_int_equal(packet_pool_refill(&w->pool), STATUS_OK);
        network(w);
        if (at % 100 == 0) {
            downlink_tick(w->d, w->u, w->now_us);
        }
        if (at % 1000 == 500) {
            report(w);
        }
        if (w->config.changes && kit_chance(&w->random, 2)) {
            change(w);
        }
        walk_nack(w);
        walk_decode(w);
    }
}

static struct walk *walk_all(const struct walk_config *config) {
    struct walk *w = walk_create(config);
    run(w, config->ms);
    walk_check(w);
    assert_true(w->frames_decoded > 0);
    return w;
}

/* Then the network is well and the wish stays: the picture must come back, and move. */
static void recovers(struct walk *w) {
    w->config = (struct walk_config){.rtx_ssrc = w->config.rtx_ssrc};
    w->wanted = true;
    for (size_t i = 0; i < WALK_LAYERS; i++) {
        w->sources[i].silent = false;
    }
    downlink_set_want(w->d, &(struct downlink_want){.layer_max = 2});
    downlink_set_limit(w->d, (struct downlink_limit){.layer_max = 2, .temporal_max = 3});
    run(w, 4000);
    uint32_t before = w->frames_decoded;
    run(w, 1000);
    assert_int_equal(downlink_layer(w->d), 2);
    assert_true(w->frames_decoded >= before + 29);
    walk_check(w);
}

enum { SEEDS = 12 };

static void a_calm_stream_is_all_decoded(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct walk *w = walk_all(&(struct walk_config){.seed = seed, .ms = 20000});
        assert_int_equal(w->frames_broken, 0);
        assert_int_equal(w->gaps_skipped, 0);
        assert_true(w->freeze_us < 200000);
        recovers(w);
        w = walk_destroy(w);
    }
}

static void layers_change_without_a_broken_frame(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct walk *w = walk_all(
            &(struct walk_config){.seed = seed, .ms = 60000, .changes = true, .clocks_hold = true});
        struct downlink_stats stats;
        downlink_read_stats(w->d, &stats);
        assert_true(stats.switches > 10);
        assert_int_equal(w->frames_broken, 0);
        assert_int_equal(w->gaps_skipped, 0);
        recovers(w);
        w = walk_destroy(w);
    }
}

static void reordering_and_repeats_do_no_harm(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct walk *w = walk_all(&(struct walk_config){.seed = seed,
                                                        .ms = 60000,
                                                        .changes = true,
                                                        .reorder_up = 100,
                                                        .delay_ms = 30,
                                                        .repeat_up = 50});
        recovers(w);
        w = walk_destroy(w);
    }
}

static void losses_both_ways_are_mended(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct walk *w = walk_all(&(struct walk_config){.seed = seed,
                                                        .ms = 60000,
                                                        .changes = true,
                                                        .layers_vanish = true,
                                                        .loss_up = 50,
                                                        .loss_down = 50,
                                                        .reorder_up = 50,
                                                        .delay_ms = 20,
                                                        .repeat_up = 10,
                                                        .rtx_ssrc = seed % 2 == 0 ? 6000 : 0});
        assert_true(w->resends > 10);
        recovers(w);
        w = walk_destroy(w);
    }
}

static void heavy_losses_never_end_the_picture(void **state) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct walk *w = walk_all(&(struct walk_config){.seed = seed,
                                                        .ms = 60000,
                                                        .changes = true,
                                                        .layers_vanish = true,
                                                        .loss_up = 300,
                                                        .loss_down = 200,
                                                        .reorder_up = 300,
                                                        .delay_ms = 200,
                                                        .repeat_up = 100});
        recovers(w);
        w = walk_destroy(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calm_stream_is_all_decoded),
        cmocka_unit_test(layers_change_without_a_broken_frame),
        cmocka_unit_test(reordering_and_repeats_do_no_harm),
        cmocka_unit_test(losses_both_ways_are_mended),
        cmocka_unit_test(heavy_losses_never_end_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
