#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "buf.h"
#include "mem.h"

static void assert_buf(const struct buf *b, const char *want) {
    assert_false(b->failed);
    assert_int_equal(b->len, strlen(want));
    assert_true(slice_eq_cstr(buf_slice(b), want));
}

static void appends_stand_in_order(void **state) {
    struct buf b;
    buf_init(&b, 1000);
    buf_put(&b, SLICE_LIT("ab"));
    buf_put_cstr(&b, "cd");
    buf_put_u8(&b, 'e');
    buf_put(&b, (struct slice){0});
    buf_printf(&b, "%s-%d", "f", 7);
    assert_buf(&b, "abcdef-7");
    buf_clear(&b);
    assert_buf(&b, "");
    assert_true(b.cap > 0);
    buf_deinit(&b);
    buf_deinit(&b);
    buf_deinit(NULL);
}

static void integers_are_big_endian(void **state) {
    static const uint8_t want[] = {0x12, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04, 0x01,
                                   0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};
    struct buf b;
    buf_init(&b, 1000);
    buf_put_u8(&b, 0x12);
    buf_put_be16(&b, 0x0102);
    buf_put_be32(&b, 0x01020304);
    buf_put_be64(&b, 0x0102030405060708);
    assert_int_equal(b.len, sizeof(want));
    assert_memory_equal(b.data, want, sizeof(want));
    buf_deinit(&b);
}

static void varints_take_as_many_bytes_as_needed(void **state) {
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t len;
    } cases[] = {
        {0, "\0", 1},
        {127, "\x7f", 1},
        {128, "\x80\x01", 2},
        {300, "\xac\x02", 2},
        {UINT32_MAX, "\xff\xff\xff\xff\x0f", 5},
        {UINT64_MAX, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
    };
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        buf_put_varint(&b, cases[i].value);
        assert_int_equal(b.len, cases[i].len);
        assert_memory_equal(b.data, cases[i].bytes, cases[i].len);
    }
    buf_deinit(&b);
}

static void numbers_print_to_their_limits(void **state) {
    struct buf b;
    buf_init(&b, 200);
    buf_put_u64_dec(&b, 0);
    buf_put_u8(&b, ' ');
    buf_put_u64_dec(&b, UINT64_MAX);
    buf_put_u8(&b, ' ');
    buf_put_i64_dec(&b, -1);
    buf_put_u8(&b, ' ');
    buf_put_i64_dec(&b, INT64_MIN);
    buf_put_u8(&b, ' ');
    buf_put_i64_dec(&b, INT64_MAX);
    buf_put_u8(&b, ' ');
    buf_put_hex(&b, SLICE_LIT("\x00\x9f\xff"));
    buf_put_hex(&b, (struct slice){0});
    assert_buf(&b, "0 18446744073709551615 -1 -9223372036854775808 9223372036854775807 009fff");
    buf_deinit(&b);
}

static void the_bound_is_exact_and_failure_sticks(void **state) {
    struct buf b;
    buf_init(&b, 4);
    buf_put(&b, SLICE_LIT("abcd"));
    assert_buf(&b, "abcd");
    buf_put_u8(&b, 'e');
    assert_true(b.failed);
    assert_int_equal(b.len, 4);
    buf_consume(&b, 2);
    buf_put_u8(&b, 'x'); /* there would be room: still nothing */
    buf_printf(&b, "y");
    buf_put_hex(&b, SLICE_LIT("z"));
    assert_false(buf_reserve(&b, 0));
    assert_int_equal(b.len, 2);
    buf_clear(&b);
    buf_put_cstr(&b, "wxyz");
    assert_buf(&b, "wxyz");
    buf_deinit(&b);
    assert_aborts(buf_init(&b, 0));
}

static void an_append_goes_in_whole_or_not_at_all(void **state) {
    struct buf b;
    buf_init(&b, 7);
    buf_put_cstr(&b, "abcd");
    buf_put_be32(&b, 1);
    assert_true(b.failed);
    assert_int_equal(b.len, 4);
    buf_clear(&b);
    buf_put_hex(&b, SLICE_LIT("1234"));
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buf_clear(&b);
    buf_put_i64_dec(&b, -1234567);
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buf_clear(&b);
    buf_put_i64_dec(&b, -123456); /* seven bytes: just fits */
    assert_buf(&b, "-123456");
    buf_deinit(&b);
}

static void printf_fits_exactly_and_grows(void **state) {
    struct buf b;
    buf_init(&b, 300);
    buf_printf(&b, "%0100d", 1);
    assert_false(b.failed);
    assert_int_equal(b.len, 100);
    buf_printf(&b, "%0200d", 1);
    assert_false(b.failed);
    assert_int_equal(b.len, 300); /* the bound: the NUL has a byte apart */
    assert_int_equal(b.data[299], '1');
    buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 300);
    buf_clear(&b);
    buf_printf(&b, "%0301d", 1);
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buf_deinit(&b);
}

static void reserve_promises_room(void **state) {
    struct buf b;
    buf_init(&b, 10000);
    assert_true(buf_reserve(&b, 5000));
    assert_true(b.cap >= 5000);
    const uint8_t *data = b.data;
    for (size_t i = 0; i < 5000; i++) {
        buf_put_u8(&b, (uint8_t)i);
    }
    assert_ptr_equal(b.data, data);
    assert_true(buf_reserve(&b, 5000));
    assert_false(buf_reserve(&b, 5001));
    assert_true(b.failed);
    buf_clear(&b);
    volatile size_t huge = SIZE_MAX;
    assert_false(buf_reserve(&b, huge));
    buf_clear(&b);
    buf_put_hex(&b, slice_of("", huge));
    assert_true(b.failed);
    buf_deinit(&b);
}

static void consume_moves_the_rest_down(void **state) {
    struct buf b;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    buf_put_cstr(&b, "abcdef");
    buf_consume(&b, 2);
    assert_buf(&b, "cdef");
    buf_consume(&b, 4);
    assert_buf(&b, "");
    assert_aborts(buf_consume(&b, 1));
    buf_deinit(&b);
}

#ifdef STOA_MEM_FAULTS
static void no_memory_sticks_and_keeps_what_was_there(void **state) {
    uint64_t live = mem_live_blocks();
    struct buf b;
    buf_init(&b, 100000);
    buf_put_cstr(&b, "kept");
    mem_fail_from(1);
    assert_false(buf_reserve(&b, 1000));
    mem_fail_never();
    buf_put_cstr(&b, "more");
    assert_true(b.failed);
    assert_true(slice_eq_cstr(buf_slice(&b), "kept"));
    buf_deinit(&b);
    mem_fail_from(1);
    buf_init(&b, 10);
    buf_printf(&b, "x");
    mem_fail_never();
    assert_true(b.failed);
    buf_deinit(&b);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_stand_in_order),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(varints_take_as_many_bytes_as_needed),
        cmocka_unit_test(numbers_print_to_their_limits),
        cmocka_unit_test(the_bound_is_exact_and_failure_sticks),
        cmocka_unit_test(an_append_goes_in_whole_or_not_at_all),
        cmocka_unit_test(printf_fits_exactly_and_grows),
        cmocka_unit_test(reserve_promises_room),
        cmocka_unit_test(consume_moves_the_rest_down),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(no_memory_sticks_and_keeps_what_was_there),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
