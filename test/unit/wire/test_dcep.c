/* DCEP messages byte by byte: the channels that clients open, and what is refused. */
#include "dcep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t open_reliable[] = "\x03\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00_reliable";
static const uint8_t open_lossy[] = "\x03\x81\x01\x00\x00\x00\x00\x00\x00\x06\x00\x00_lossy";
static const uint8_t open_timed[] = "\x03\x02\x00\x80\x00\x00\x01\xf4\x00\x01\x00\x03xsip";

#define BYTES(b) slice_of((b), sizeof(b) - 1)

static void reads_the_channels_of_clients(void **state) {
    (void)state;
    struct dcep_open open;
    assert_int_equal(dcep_classify(BYTES(open_reliable)), DCEP_OPEN);
    assert_int_equal(dcep_read_open(BYTES(open_reliable), &open), STATUS_OK);
    assert_int_equal(open.reliability, DCEP_RELIABLE);
    assert_false(open.unordered);
    assert_true(slice_eq_cstr(open.label, "_reliable"));
    assert_int_equal(open.protocol.len, 0);

    assert_int_equal(dcep_read_open(BYTES(open_lossy), &open), STATUS_OK);
    assert_int_equal(open.reliability, DCEP_RETRANSMITS_MAX);
    assert_true(open.unordered);
    assert_int_equal(open.priority, 256);
    assert_int_equal(open.parameter, 0);
    assert_true(slice_eq_cstr(open.label, "_lossy"));

    assert_int_equal(dcep_read_open(BYTES(open_timed), &open), STATUS_OK);
    assert_int_equal(open.reliability, DCEP_LIFETIME_MAX);
    assert_int_equal(open.parameter, 500);
    assert_true(slice_eq_cstr(open.protocol, "sip"));
}

static void writes_what_it_reads(void **state) {
    (void)state;
    static const struct slice samples[] = {
        {open_reliable, sizeof(open_reliable) - 1},
        {open_lossy, sizeof(open_lossy) - 1},
        {open_timed, sizeof(open_timed) - 1},
    };
    struct buf out;
    buf_init(&out, 256);
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct dcep_open open;
        assert_int_equal(dcep_read_open(samples[i], &open), STATUS_OK);
        buf_clear(&out);
        dcep_put_open(&out, &open);
        assert_true(slice_eq(buf_slice(&out), samples[i]));
    }
    buf_clear(&out);
    dcep_put_ack(&out);
    assert_int_equal(out.len, 1);
    assert_int_equal(dcep_classify(buf_slice(&out)), DCEP_ACK);
    buf_deinit(&out);
}

static void refuses_what_does_not_add_up(void **state) {
    (void)state;
    struct dcep_open open = {.priority = 7};
    for (size_t len = 0; len < sizeof(open_reliable) - 1; len++) {
        assert_int_equal(dcep_read_open(slice_of(open_reliable, len), &open), STATUS_MALFORMED);
    }
    assert_int_equal(dcep_read_open(slice_of(open_reliable, sizeof(open_reliable)), &open),
                     STATUS_MALFORMED);
    assert_int_equal(
        dcep_read_open(SLICE_LIT("\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), &open),
        STATUS_MALFORMED);
    assert_int_equal(
        dcep_read_open(SLICE_LIT("\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), &open),
        STATUS_MALFORMED);
    assert_int_equal(open.priority, 7);
    assert_int_equal(dcep_classify(slice_of(NULL, 0)), DCEP_UNKNOWN);
    assert_int_equal(dcep_classify(SLICE_LIT("\x01")), DCEP_UNKNOWN);
}

static void labels_are_text(void **state) {
    (void)state;
    struct dcep_open open;
    assert_int_equal(
        dcep_read_open(SLICE_LIT("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00x\0"), &open),
        STATUS_MALFORMED);
    assert_int_equal(
        dcep_read_open(SLICE_LIT("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\xff"), &open),
        STATUS_MALFORMED);
    assert_int_equal(
        dcep_read_open(SLICE_LIT("\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff"), &open),
        STATUS_MALFORMED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_channels_of_clients),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(refuses_what_does_not_add_up),
        cmocka_unit_test(labels_are_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
