/* When video leaves: bursts are spread, frames as usual pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "pacer.h"

enum { PACKET = 1200 };

/* How many bytes leave from `from_us` until `until_us` when there is always more. */
static size_t flows(struct pacer *p, uint64_t from_us, uint64_t until_us) {
    size_t bytes = 0;
    for (uint64_t now = from_us; now < until_us; now += 1000) {
        while (pacer_is_open(p, now)) {
            pacer_sent(p, now, PACKET);
            bytes += PACKET;
        }
    }
    return bytes;
}

static void a_frame_leaves_at_once(void **state) {
    struct pacer p;
    pacer_init(&p);
    for (int i = 0; i < 20; i++) {
        assert_true(pacer_is_open(&p, 1000));
        pacer_sent(&p, 1000, PACKET);
    }
}

static void a_key_frame_is_spread(void **state) {
    struct pacer p;
    pacer_init(&p);
    size_t at_once = flows(&p, 1000, 2000);
    assert_in_range(at_once, PACER_BURST_BYTES, PACER_BURST_BYTES + 2 * PACKET);
    assert_false(pacer_is_open(&p, 1000));
    assert_in_range(flows(&p, 2000, 12000), 22000, 28000); /* 2.5 KB a millisecond */
}

static void a_slow_link_gets_less(void **state) {
    struct pacer p;
    pacer_init(&p);
    pacer_set(&p, 2 * 1000 * 1000, 2 * 1000 * 1000);
    assert_in_range(flows(&p, 1000, 2000), 6000, 6144 + 2 * PACKET);
    assert_in_range(flows(&p, 2000, 102000), 60000, 65000); /* 5 Mbit/s */
}

static void the_least_pace_lets_something_through(void **state) {
    struct pacer p;
    pacer_init(&p);
    pacer_set(&p, 0, 0);
    assert_true(flows(&p, 1000, 1001000) > 100 * 1000);
}

static void a_stream_faster_than_the_least_pace_passes(void **state) {
    struct pacer p;
    pacer_init(&p);
    pacer_set(&p, UINT64_MAX, 100 * 1000 * 1000);
    for (uint64_t now = 0; now < 1000000; now += 100) { /* 96 Mbit/s */
        assert_true(pacer_is_open(&p, now));
        pacer_sent(&p, now, PACKET);
    }
    pacer_set(&p, UINT64_MAX, UINT64_MAX);
    assert_true(pacer_is_open(&p, 1000000));
}

static void what_leaves_anyway_closes_it_for_a_bounded_time(void **state) {
    struct pacer p;
    pacer_init(&p);
    for (int i = 0; i < 5000; i++) {
        pacer_sent(&p, 0, PACKET);
    }
    assert_false(pacer_is_open(&p, 0));
    assert_true(pacer_is_open(&p, PACER_DELAY_MAX_US));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_leaves_at_once),
        cmocka_unit_test(a_key_frame_is_spread),
        cmocka_unit_test(a_slow_link_gets_less),
        cmocka_unit_test(the_least_pace_lets_something_through),
        cmocka_unit_test(a_stream_faster_than_the_least_pace_passes),
        cmocka_unit_test(what_leaves_anyway_closes_it_for_a_bounded_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
