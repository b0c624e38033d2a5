/* Speakers' levels and connection quality. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "levels.h"
#include "quality.h"

/* 20 ms packets for so long; every `loud`-th of ten is at this level, the rest silent. */
static uint64_t speak(struct level *l, uint64_t now, uint32_t ms, unsigned loud, uint8_t dbov) {
    for (uint32_t i = 0; i < ms / 20; i++, now += 20000) {
        level_take(l, now, (uint32_t)(now / 1000 * 48), 48000, i % 10 < loud ? dbov : 127);
    }
    return now;
}

static void a_speaker_rises_and_falls(void **state) {
    struct level l;
    level_init(&l);
    float level = -1;
    uint64_t now = speak(&l, 1000000, 420, 10, 20); /* -20 dBov: 0.1 */
    assert_true(level_changed(&l, now, false, &level));
    assert_true(level == 0.125f);
    now = speak(&l, now, 2000, 10, 2); /* 0.79 */
    assert_true(level_changed(&l, now, false, &level));
    assert_true(level == 0.875f);
    assert_false(level_changed(&l, now, false, &level));
    now = speak(&l, now, 800, 0, 127);
    assert_true(level_changed(&l, now, false, &level));
    assert_true(level == 0);
}

static void a_short_noise_is_no_speaker(void **state) {
    struct level l;
    level_init(&l);
    float level = -1;
    uint64_t now = speak(&l, 1000000, 2000, 3, 5);
    assert_false(level_changed(&l, now, false, &level));
    now = speak(&l, now, 2000, 10, 36); /* below the threshold */
    assert_false(level_changed(&l, now, false, &level));
    now = speak(&l, now, 2000, 5, 5);
    assert_true(level_changed(&l, now, false, &level));
    assert_true(level > 0 && level < 0.5f);
}

static void silence_and_mute_end_it(void **state) {
    struct level l;
    level_init(&l);
    float level = -1;
    uint64_t now = speak(&l, 1000000, 2000, 10, 10);
    assert_true(level_changed(&l, now, false, &level));
    assert_false(level_changed(&l, now + 700000, false, &level));
    assert_true(level_changed(&l, now + 900000, false, &level) && level == 0);
    now = speak(&l, now + 900000, 2000, 10, 10);
    assert_true(level_changed(&l, now, false, &level) && level > 0);
    assert_true(level_changed(&l, now, true, &level) && level == 0);
}

static void repeats_and_wraps_do_not_count(void **state) {
    struct level l;
    level_init(&l);
    for (int i = 0; i < 100; i++) {
        level_take(&l, 1, 5, 48000, 0);
    }
    float level;
    assert_false(level_changed(&l, 2, false, &level));
    uint32_t t = 0xfffff000u;
    for (int i = 0; i < 30; i++) {
        level_take(&l, 3, t += 960, 48000, 0);
    }
    assert_true(level_changed(&l, 4, false, &level) && level > 0);
}

static const struct quality_input perfect = {
    .kind = QUALITY_VIDEO, .reported = true, .packets = 500, .expected = 500, .rtt_us = 20000};

static uint8_t after(struct quality *q, const struct quality_input *in, int times) {
    uint8_t score = 0;
    for (int i = 0; i < times; i++) {
        score = quality_judge(q, in);
    }
    return score;
}

static void a_good_link_is_excellent(void **state) {
    struct quality q;
    quality_init(&q);
    assert_true(after(&q, &perfect, 1) > 95);
}

static void losses_and_delay_lower_it(void **state) {
    struct quality q;
    quality_init(&q);
    struct quality_input in = perfect;
    in.lost = 25; /* 5 % */
    assert_int_equal(after(&q, &in, 20), 50);
    assert_true(after(&q, &perfect, 1) < 75);
    assert_true(after(&q, &perfect, 10) > 95);
    in = perfect;
    in.kind = QUALITY_OPUS;
    in.lost = 25;
    assert_int_equal(after(&q, &in, 20), 73);
    in = perfect;
    in.rtt_us = 600000;
    assert_int_equal(after(&q, &in, 20), 82);
    in = perfect;
    in.layers_missing = 1;
    assert_int_equal(after(&q, &in, 20), 65);
    in = perfect;
    in.bitrate_bps = 500000;
    in.bitrate_expected_bps = 1000000;
    assert_int_equal(after(&q, &in, 20), 86);
}

static void what_flows_is_never_lost(void **state) {
    struct quality q;
    quality_init(&q);
    struct quality_input in = perfect;
    in.lost = 500;
    in.rtt_us = 5000000;
    assert_int_equal(after(&q, &in, 50), QUALITY_FLOWING_MIN);
}

static void lost_is_only_what_fell_silent(void **state) {
    struct quality q;
    quality_init(&q);
    struct quality_input nothing = {.kind = QUALITY_VIDEO};
    assert_int_equal(after(&q, &nothing, 10), 100); /* it has never begun */
    (void)after(&q, &perfect, 3);
    assert_true(after(&q, &nothing, 1) > 90);
    assert_int_equal(after(&q, &nothing, 1), 0);
    assert_true(after(&q, &perfect, 1) > 30);
    struct quality_input idle = {.kind = QUALITY_VIDEO, .idle = true};
    assert_int_equal(after(&q, &idle, 10), 100);
    struct quality_input reports = {.kind = QUALITY_VIDEO, .reported = true};
    assert_true(after(&q, &reports, 10) > 90);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_speaker_rises_and_falls),
        cmocka_unit_test(a_short_noise_is_no_speaker),
        cmocka_unit_test(silence_and_mute_end_it),
        cmocka_unit_test(repeats_and_wraps_do_not_count),
        cmocka_unit_test(a_good_link_is_excellent),
        cmocka_unit_test(losses_and_delay_lower_it),
        cmocka_unit_test(what_flows_is_never_lost),
        cmocka_unit_test(lost_is_only_what_fell_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
