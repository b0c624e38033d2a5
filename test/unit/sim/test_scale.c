/* A small cluster in five regions, measured as `./dev sim scale` measures a large one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scale.h"

static const struct scale_config small = {
    .regions = 5,
    .nodes_each = 4,
    .rooms = 200,
    .writes_s = 70,
    .steady_s = 10,
    .cut_s = 20,
    .seed = 1,
};

static void test_a_write_reaches_all_in_the_longest_trip(void **state) {
    (void)state;
    struct scale_result r;
    assert_true(scale_run(&small, &r));
    assert_int_equal(r.nodes, 20);
    assert_int_equal(r.all.count, 100); /* a write in seven makes a room */
    assert_int_equal(r.one.count, 100 * 19);
    assert_int_equal(r.missing, 0);
    assert_in_range(r.all.max_ms, 200, 215); /* the ring's other side, and 10 ms of batch */
    assert_in_range(r.one.p50_ms, 5, 215);
}

static void test_what_is_lost_comes_by_rounds(void **state) {
    (void)state;
    struct scale_config c = small;
    struct scale_result r;
    c.loss_ppm = 10000;
    assert_true(scale_run(&c, &r));
    assert_int_equal(r.missing, 0);
    assert_in_range(r.all.max_ms, 1000, 30000);
}

static void test_beats_name_all_others(void **state) {
    (void)state;
    struct scale_result r;
    assert_true(scale_run(&small, &r));
    /* Each of 19 others every two seconds, with 21 bytes for each of theirs. */
    assert_float_equal(r.steady.messages_s[CM_BEAT], 9.5, 0.5);
    assert_float_equal(r.steady.bytes_s[CM_BEAT], 9.5 * (76 + 19 * 21), 300);
    /* Deltas: each write to each other node. */
    assert_float_equal(r.steady.messages_s[CM_DELTA], 70 * 19 / 20.0, 4);
}

static void test_a_region_heals(void **state) {
    (void)state;
    struct scale_result r;
    assert_true(scale_run(&small, &r));
    assert_int_equal(r.cut_writes, 70 * 20);
    assert_true(r.back.agreed);
    assert_in_range(r.back.ms, 100, 60000);
    assert_true(r.anew.agreed);
    assert_in_range(r.anew.ms, 100, 60000);
    assert_in_range(r.rooms_end, 200, 400);
    assert_int_equal(r.resync_asked, 0);
}

static void test_the_same_seed_is_the_same_run(void **state) {
    (void)state;
    struct scale_config c = small;
    c.loss_ppm = 10000;
    c.steady_s = c.cut_s = 3;
    struct scale_result a, b;
    assert_true(scale_run(&c, &a));
    assert_true(scale_run(&c, &b));
    assert_int_equal(a.back.ms, b.back.ms);
    assert_int_equal(a.all.max_ms, b.all.max_ms);
    assert_float_equal(a.anew.bytes, b.anew.bytes, 0);
    c.seed = 2;
    assert_true(scale_run(&c, &b));
    assert_true(a.anew.bytes < b.anew.bytes || a.anew.bytes > b.anew.bytes);
}

static void test_what_cannot_be(void **state) {
    (void)state;
    struct scale_config c = small;
    struct scale_result r;
    c.nodes_each = 0;
    assert_false(scale_run(&c, &r));
    c.nodes_each = 1000;
    assert_false(scale_run(&c, &r));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_reaches_all_in_the_longest_trip),
        cmocka_unit_test(test_what_is_lost_comes_by_rounds),
        cmocka_unit_test(test_beats_name_all_others),
        cmocka_unit_test(test_a_region_heals),
        cmocka_unit_test(test_the_same_seed_is_the_same_run),
        cmocka_unit_test(test_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
