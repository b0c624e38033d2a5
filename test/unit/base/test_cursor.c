#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "cursor.h"

static void reads_follow_one_another(void **state) {
    struct slice s = SLICE_LIT("\x12\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08tail");
    struct cursor c = cursor_over(s);
    assert_int_equal(cursor_left(&c), s.len);
    assert_int_equal(cursor_u8(&c), 0x12);
    assert_int_equal(cursor_be16(&c), 0x0102);
    assert_int_equal(cursor_be32(&c), 0x01020304);
    assert_int_equal(cursor_be64(&c), 0x0102030405060708);
    cursor_skip(&c, 1);
    struct slice two = cursor_take(&c, 2);
    assert_true(slice_eq_cstr(two, "ai"));
    assert_ptr_equal(two.data, s.data + 16); /* a view, no copy */
    assert_true(slice_eq_cstr(cursor_rest(&c), "l"));
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(cursor_rest(&c).len, 0);
    assert_int_equal(cursor_take(&c, 0).len, 0);
    assert_false(c.failed);
}

/* Each read fails when one byte is missing, gives 0, and everything after it does too. */
static void each_read_sees_the_end(void **state) {
    struct slice s = SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff");
    for (int kind = 0; kind < 6; kind++) {
        static const size_t need[] = {1, 2, 4, 8, 5, 5};
        struct cursor c = cursor_over(slice_sub(s, 0, need[kind] - 1));
        switch (kind) {
        case 0: assert_int_equal(cursor_u8(&c), 0); break;
        case 1: assert_int_equal(cursor_be16(&c), 0); break;
        case 2: assert_int_equal(cursor_be32(&c), 0); break;
        case 3: assert_int_equal(cursor_be64(&c), 0); break;
        case 4: assert_int_equal(cursor_take(&c, 5).len, 0); break;
        default: cursor_skip(&c, 5); break;
        }
        assert_true(c.failed);
        assert_int_equal(cursor_left(&c), 0);
        assert_int_equal(cursor_u8(&c), 0);
        assert_int_equal(cursor_be16(&c), 0);
        assert_int_equal(cursor_varint(&c), 0);
        assert_int_equal(cursor_rest(&c).len, 0);
        assert_int_equal(cursor_take(&c, 0).len, 0);
        assert_true(c.failed);
    }
}

static void the_empty_slice_has_nothing(void **state) {
    struct cursor c = cursor_over((struct slice){0});
    assert_int_equal(cursor_left(&c), 0);
    assert_int_equal(cursor_rest(&c).len, 0);
    cursor_skip(&c, 0);
    assert_false(c.failed);
    assert_int_equal(cursor_u8(&c), 0);
    assert_true(c.failed);
}

static void huge_lengths_do_not_wrap(void **state) {
    struct cursor c = cursor_over(SLICE_LIT("abc"));
    cursor_skip(&c, 1);
    assert_int_equal(cursor_take(&c, SIZE_MAX).len, 0);
    assert_true(c.failed);
}

static void varints_come_back(void **state) {
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, 1ull << 63, UINT64_MAX};
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        buf_put_varint(&b, values[i]);
    }
    struct cursor c = cursor_over(buf_slice(&b));
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_true(cursor_varint(&c) == values[i]);
    }
    assert_false(c.failed);
    assert_int_equal(cursor_left(&c), 0);
    buf_deinit(&b);
}

static void varints_without_end_or_too_large_fail(void **state) {
    static const struct slice bad[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\x80", 1},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9},
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* bit 64 */
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cursor c = cursor_over(bad[i]);
        assert_int_equal(cursor_varint(&c), 0);
        assert_true(c.failed);
    }
    /* Padded forms are ugly but legal protobuf. */
    struct cursor padded = cursor_over(SLICE_LIT("\x81\x80\x00"));
    assert_int_equal(cursor_varint(&padded), 1);
    assert_false(padded.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_follow_one_another),
        cmocka_unit_test(each_read_sees_the_end),
        cmocka_unit_test(the_empty_slice_has_nothing),
        cmocka_unit_test(huge_lengths_do_not_wrap),
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(varints_without_end_or_too_large_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
