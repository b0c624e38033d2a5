/* Numbers in both directions, and the writer's escapes. */
#include "wire_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "json.h"

static void integers_are_exact(void **state) {
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-0.0e5", true, 0},
        {"42", true, 42},
        {"-1", true, -1},
        {"1.0", true, 1},
        {"1e2", true, 100},
        {"1.25E+2", true, 125},
        {"12500e-2", true, 125},
        {"0.001e3", true, 1},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9007199254740993", true, 9007199254740993}, /* no double holds it */
        {"922337203685477580.7e1", true, INT64_MAX},
        {"0e999999999999999999999", true, 0},
        {"0e-999999999999999999999", true, 0},
        {"1000000000000000000000e-21", true, 1},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"1e19", false, 0},
        {"1e999999999999999999999", false, 0},
        {"1e-1", false, 0},
        {"1e-999999999999999999999", false, 0},
        {"1.5", false, 0},
        {"0.1", false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"+1", false, 0},
        {"01", false, 0},
        {"0x1", false, 0},
        {"1.", false, 0},
        {"--1", false, 0},
        {"abc", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got = 4711;
        bool good = json_to_i64(slice_from_cstr(rows[i].text), &got);
        if (good != rows[i].good || got != (good ? rows[i].value : 4711)) {
            print_error("%s: %d %lld\n", rows[i].text, good, (long long)got);
            fail();
        }
    }
    uint64_t u = 0;
    assert_true(json_to_u64(SLICE_LIT("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(json_to_u64(SLICE_LIT("-0"), &u) && u == 0);
    assert_false(json_to_u64(SLICE_LIT("18446744073709551616"), &u));
    assert_false(json_to_u64(SLICE_LIT("-1"), &u));
    assert_false(json_to_i64(SLICE_LIT("1\0"), &(int64_t){0}));
}

static void doubles_are_read(void **state) {
    double v = 0;
    assert_true(json_to_double(SLICE_LIT("1.7e9"), &v) && fabs(v - 1.7e9) < 1e-6);
    assert_true(json_to_double(SLICE_LIT("-0"), &v) && signbit(v));
    assert_true(json_to_double(SLICE_LIT("1e-400"), &v) && fabs(v) < DBL_MIN);
    v = 7;
    static const char *const bad[] = {"1e400", "-1e400", "NaN", "Infinity", "0x1p3", "",
                                      " 1",    "1 ",     "1e",  ".5",       "1,5"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(json_to_double(slice_from_cstr(bad[i]), &v));
        assert_true(fabs(v - 7) < DBL_EPSILON);
    }
    char digits[JSON_DOUBLE_CHARS_MAX + 1];
    memset(digits, '1', sizeof(digits));
    assert_false(json_to_double(slice_of(digits, sizeof(digits)), &v));
    digits[1] = '.';
    assert_true(json_to_double(slice_of(digits, sizeof(digits) - 1), &v));
}

static void check_double(double value, bool is_float32, const char *want) {
    struct buf b;
    buf_init(&b, 100);
    json_put_double(&b, value, is_float32);
    if (!slice_eq_cstr(buf_slice(&b), want)) {
        print_error("got %.*s, want %s\n", SLICE_ARG(buf_slice(&b)), want);
        fail();
    }
    buf_deinit(&b);
}

/* As Go's encoding prints them. */
static void doubles_are_written_short(void **state) {
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {100, "100"},
        {1700000000, "1700000000"},
        {1700000000.25, "1700000000.25"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e300, "1.5e+300"},
        {0.000001, "0.000001"},
        {0.00000123, "0.00000123"},
        {0.00000099, "9.9e-7"},
        {1.5e-10, "1.5e-10"},
        {5e-324, "5e-324"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {9007199254740992, "9007199254740992"},
        {INFINITY, "\"Infinity\""},
        {-INFINITY, "\"-Infinity\""},
        {NAN, "\"NaN\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_double(rows[i].value, false, rows[i].text);
    }
    check_double((double)0.1f, true, "0.1");
    check_double((double)0.1f, false, "0.10000000149011612");
    check_double((double)16777216.0f, true, "16777216");
    check_double((double)3.4028235e38f, true, "3.4028235e+38");
    check_double((double)1e-45f, true, "1e-45");
    check_double((double)1e21f, true, "1e+21");
    check_double((double)0.000001f, true, "0.000001");
}

static void doubles_survive_the_way_there_and_back(void **state) {
    struct buf b;
    buf_init(&b, 100);
    uint64_t seed = 42;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = (uint64_t)next_random(&seed) << 33 ^ (uint64_t)next_random(&seed) << 11 ^
                        next_random(&seed);
        double value, back;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        buf_clear(&b);
        json_put_double(&b, value, false);
        assert_true(json_to_double(buf_slice(&b), &back));
        assert_memory_equal(&value, &back, sizeof(value));

        uint32_t bits32 = next_random(&seed) ^ next_random(&seed) << 16;
        float small;
        memcpy(&small, &bits32, sizeof(small));
        if (!isfinite(small)) {
            continue;
        }
        buf_clear(&b);
        json_put_double(&b, (double)small, true);
        buf_put_u8(&b, '\0');
        float small_back = strtof((const char *)b.data, NULL);
        assert_memory_equal(&small, &small_back, sizeof(small));
    }
    buf_deinit(&b);
}

static void check_string(struct slice text, const char *want) {
    struct buf b;
    buf_init(&b, 1000);
    json_put_string(&b, text);
    if (!slice_eq_cstr(buf_slice(&b), want)) {
        print_error("got %.*s, want %s\n", SLICE_ARG(buf_slice(&b)), want);
        fail();
    }
    buf_deinit(&b);
}

static void strings_are_escaped_like_go(void **state) {
    check_string(SLICE_LIT(""), "\"\"");
    check_string(SLICE_LIT("plain / text"), "\"plain / text\"");
    check_string(SLICE_LIT("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    check_string(SLICE_LIT("a<b>&c"), "\"a\\u003cb\\u003e\\u0026c\"");
    check_string(SLICE_LIT("\x01\x1f\x7f\0x"), "\"\\u0001\\u001f\x7f\\u0000x\"");
    check_string(SLICE_LIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
                 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    check_string(SLICE_LIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
                 "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"");
    check_string(SLICE_LIT("a\xff\xc3"
                           "b\xed\xa0\x80\xf0\x9f"),
                 "\"a\\ufffd\\ufffdb\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(doubles_are_read),
        cmocka_unit_test(doubles_are_written_short),
        cmocka_unit_test(doubles_survive_the_way_there_and_back),
        cmocka_unit_test(strings_are_escaped_like_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
