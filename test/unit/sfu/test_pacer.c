/* When packets leave: bursts are spread, audio passes, order stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pacer.h"

static void a_frame_leaves_at_once(void **state) {
    struct pacer p;
    pacer_init(&p);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pacer_take(&p, 1000, PACER_VIDEO, 1200), 1000);
    }
}

static void a_key_frame_is_spread_in_order(void **state) {
    struct pacer p;
    pacer_init(&p);
    uint64_t last = 0, in_a_millisecond[200] = {0};
    for (int i = 0; i < 80; i++) {
        uint64_t at = pacer_take(&p, 0, PACER_VIDEO, 1200);
        assert_true(at >= last && at <= PACER_DELAY_MAX_US);
        in_a_millisecond[at / 1000] += 1200;
        last = at;
    }
    assert_true(last > 20000);
    assert_true(in_a_millisecond[0] <= PACER_BURST_BYTES + 2500);
    for (int ms = 1; ms < 40; ms++) {
        assert_true(in_a_millisecond[ms] <= 2500 + 1200);
    }
}

static void audio_and_resends_never_wait(void **state) {
    struct pacer p;
    pacer_init(&p);
    for (int i = 0; i < 500; i++) {
        (void)pacer_take(&p, 5, PACER_VIDEO, 1200);
        assert_int_equal(pacer_take(&p, 5, PACER_AUDIO, 100), 5);
        assert_int_equal(pacer_take(&p, 5, PACER_RESEND, 1200), 5);
    }
}

static void nothing_is_held_too_long(void **state) {
    struct pacer p;
    pacer_init(&p);
    uint64_t last = 0;
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t now = i * 50; /* 192 Mbit/s */
        uint64_t at = pacer_take(&p, now, PACER_VIDEO, 1200);
        assert_true(at >= now && at <= now + PACER_DELAY_MAX_US && at >= last);
        last = at;
    }
    assert_int_equal(pacer_take(&p, 10000000, PACER_VIDEO, 1200), 10000000);
}

static void a_faster_link_gets_a_faster_pace(void **state) {
    struct pacer p;
    pacer_init(&p);
    pacer_set_capacity(&p, 100 * 1000 * 1000);
    uint64_t at = 0;
    for (int i = 0; i < 80; i++) {
        at = pacer_take(&p, 0, PACER_VIDEO, 1200);
    }
    assert_true(at > 0 && at < 2000);
    pacer_set_capacity(&p, UINT64_MAX);
    assert_int_equal(p.rate_bps, PACER_RATE_MIN_BPS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_leaves_at_once),
        cmocka_unit_test(a_key_frame_is_spread_in_order),
        cmocka_unit_test(audio_and_resends_never_wait),
        cmocka_unit_test(nothing_is_held_too_long),
        cmocka_unit_test(a_faster_link_gets_a_faster_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
