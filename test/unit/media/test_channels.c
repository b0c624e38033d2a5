/* Labels, streams and their coming and going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channels.h"

static enum channel open_label(struct channels *c, uint16_t stream, const char *label) {
    const struct dcep_open open = {.label = slice_from_cstr(label)};
    return channels_on_open(c, stream, &open);
}

static void test_T28_labels_are_exact(void **state) {
    (void)state;
    struct channels c = {0};
    assert_int_equal(open_label(&c, 0, "_reliable"), CHANNEL_RELIABLE);
    assert_int_equal(open_label(&c, 4, "_data_track"), CHANNEL_DATA_TRACK);
    assert_false(channels_ready(&c));
    assert_int_equal(open_label(&c, 6, "_Lossy"), CHANNELS);
    assert_int_equal(open_label(&c, 6, "lossy"), CHANNELS);
    assert_int_equal(open_label(&c, 6, ""), CHANNELS);
    assert_int_equal(open_label(&c, 2, "_lossy"), CHANNEL_LOSSY);
    assert_true(channels_ready(&c));
    assert_int_equal(channels_find(&c, 0), CHANNEL_RELIABLE);
    assert_int_equal(channels_find(&c, 2), CHANNEL_LOSSY);
    assert_int_equal(channels_find(&c, 4), CHANNEL_DATA_TRACK);
    assert_int_equal(channels_find(&c, 6), CHANNELS);
}

static void test_opened_by_us(void **state) {
    (void)state;
    struct channels c = {0};
    const struct dcep_open reliable = channels_ask(&c, CHANNEL_RELIABLE);
    const struct dcep_open lossy = channels_ask(&c, CHANNEL_LOSSY);
    assert_true(slice_eq_cstr(reliable.label, "_reliable"));
    assert_false(reliable.unordered);
    assert_int_equal(reliable.reliability, DCEP_RELIABLE);
    assert_true(slice_eq_cstr(lossy.label, "_lossy"));
    assert_true(lossy.unordered);
    assert_int_equal(lossy.reliability, DCEP_RETRANSMITS_MAX);
    assert_int_equal(lossy.parameter, 0);
    assert_int_equal(c.of[CHANNEL_RELIABLE].stream % 2, 1);
    assert_int_equal(c.of[CHANNEL_LOSSY].stream % 2, 1);
    channels_on_ack(&c, c.of[CHANNEL_RELIABLE].stream);
    assert_false(channels_ready(&c));
    channels_on_ack(&c, 200); /* of none of ours */
    channels_on_ack(&c, c.of[CHANNEL_LOSSY].stream);
    assert_true(channels_ready(&c));
}

static void test_closed_and_opened_again(void **state) {
    (void)state;
    struct channels c = {0};
    (void)open_label(&c, 0, "_reliable");
    (void)open_label(&c, 2, "_lossy");
    assert_int_equal(channels_on_reset(&c, 2), CHANNEL_LOSSY);
    assert_int_equal(channels_on_reset(&c, 2), CHANNELS);
    assert_false(channels_ready(&c));
    (void)open_label(&c, 8, "_lossy");
    assert_true(channels_ready(&c));
    /* The newest of a label wins; a stream that is opened anew is what it says now. */
    (void)open_label(&c, 10, "_lossy");
    assert_int_equal(channels_find(&c, 8), CHANNELS);
    (void)open_label(&c, 10, "other");
    assert_int_equal(channels_find(&c, 10), CHANNELS);
    assert_false(channels_ready(&c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T28_labels_are_exact),
        cmocka_unit_test(test_opened_by_us),
        cmocka_unit_test(test_closed_and_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
