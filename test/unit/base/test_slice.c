#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "slice.h"

static void assert_slice(struct slice got, const char *want) {
    assert_int_equal(got.len, strlen(want));
    assert_true(slice_eq_cstr(got, want));
}

static void equality_looks_at_length_and_bytes(void **state) {
    assert_true(slice_eq(SLICE_LIT("room"), SLICE_LIT("room")));
    assert_false(slice_eq(SLICE_LIT("room"), SLICE_LIT("roon")));
    assert_false(slice_eq(SLICE_LIT("room"), SLICE_LIT("roo")));
    assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
    assert_true(slice_eq((struct slice){0}, SLICE_LIT("")));
    assert_true(slice_eq_cstr(slice_from_cstr("x"), "x"));
    assert_false(slice_eq_cstr(SLICE_LIT("x\0"), "x"));
}

static void nocase_folds_ascii_letters_alone(void **state) {
    assert_true(slice_eq_nocase(SLICE_LIT("Content-LENGTH"), SLICE_LIT("content-length")));
    assert_true(slice_eq_nocase((struct slice){0}, SLICE_LIT("")));
    assert_false(slice_eq_nocase(SLICE_LIT("abc"), SLICE_LIT("abd")));
    assert_false(slice_eq_nocase(SLICE_LIT("abc"), SLICE_LIT("abcd")));
    /* Neighbours of the letters, 32 apart: '@' and '`', '[' and '{'. */
    assert_false(slice_eq_nocase(SLICE_LIT("@"), SLICE_LIT("`")));
    assert_false(slice_eq_nocase(SLICE_LIT("["), SLICE_LIT("{")));
    assert_false(slice_eq_nocase(SLICE_LIT("\xc3\x84"), SLICE_LIT("\xc3\xa4")));
}

static void prefix_is_found_only_at_the_start(void **state) {
    assert_true(slice_starts_with(SLICE_LIT("Bearer x"), SLICE_LIT("Bearer ")));
    assert_true(slice_starts_with(SLICE_LIT("x"), SLICE_LIT("")));
    assert_true(slice_starts_with((struct slice){0}, (struct slice){0}));
    assert_false(slice_starts_with(SLICE_LIT("Bear"), SLICE_LIT("Bearer")));
    assert_false(slice_starts_with(SLICE_LIT("xBearer"), SLICE_LIT("Bearer")));
}

static void order_is_bytewise_and_shorter_first(void **state) {
    assert_int_equal(slice_compare(SLICE_LIT("a"), SLICE_LIT("a")), 0);
    assert_true(slice_compare(SLICE_LIT("a"), SLICE_LIT("b")) < 0);
    assert_true(slice_compare(SLICE_LIT("a"), SLICE_LIT("\xff")) < 0);
    assert_true(slice_compare(SLICE_LIT("aa"), SLICE_LIT("a")) > 0);
    assert_true(slice_compare(SLICE_LIT("b"), SLICE_LIT("aa")) > 0);
    assert_true(slice_compare((struct slice){0}, SLICE_LIT("a")) < 0);
    assert_int_equal(slice_compare((struct slice){0}, SLICE_LIT("")), 0);
}

static void find_gives_the_first_place_or_the_length(void **state) {
    assert_int_equal(slice_find(SLICE_LIT("a.b.c"), '.'), 1);
    assert_int_equal(slice_find(SLICE_LIT("abc"), '.'), 3);
    assert_int_equal(slice_find(SLICE_LIT("ab\0"), 0), 2);
    assert_int_equal(slice_find((struct slice){0}, 'a'), 0);
}

static void sub_slices_are_clipped(void **state) {
    struct slice s = SLICE_LIT("01234");
    assert_slice(slice_sub(s, 1, 3), "123");
    assert_slice(slice_sub(s, 0, 5), "01234");
    assert_slice(slice_sub(s, 4, 9), "4");
    assert_slice(slice_sub(s, 5, 1), "");
    assert_slice(slice_sub(s, 9, SIZE_MAX), "");
    assert_slice(slice_sub(s, SIZE_MAX, SIZE_MAX), "");
    assert_ptr_equal(slice_sub(s, 99, 1).data, s.data + 5); /* never outside */
    assert_slice(slice_after(s, 2), "234");
    assert_slice(slice_after(s, 5), "");
    assert_slice(slice_after(s, SIZE_MAX), "");
    assert_int_equal(slice_sub((struct slice){0}, 3, 3).len, 0);
}

static void split_walks_through_all_parts(void **state) {
    struct slice rest = SLICE_LIT("a.bc..d");
    assert_slice(slice_split(&rest, '.'), "a");
    assert_slice(slice_split(&rest, '.'), "bc");
    assert_slice(slice_split(&rest, '.'), "");
    assert_slice(slice_split(&rest, '.'), "d");
    assert_int_equal(rest.len, 0);
    assert_slice(slice_split(&rest, '.'), "");
    struct slice last = SLICE_LIT("x.");
    assert_slice(slice_split(&last, '.'), "x");
    assert_int_equal(last.len, 0);
}

static void trim_takes_blanks_from_both_ends(void **state) {
    assert_slice(slice_trim(SLICE_LIT(" \t a b\t ")), "a b");
    assert_slice(slice_trim(SLICE_LIT("a")), "a");
    assert_slice(slice_trim(SLICE_LIT(" \t ")), "");
    assert_slice(slice_trim(SLICE_LIT("\na\r")), "\na\r");
    assert_int_equal(slice_trim((struct slice){0}).len, 0);
}

static void numbers_are_digits_without_overflow(void **state) {
    static const char *const bad[] = {
        "",   "-1",  "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616", "99999999999999999999",
        "1a", "\xb2"};
    uint64_t v = 42;
    assert_true(slice_to_u64(SLICE_LIT("0"), &v));
    assert_int_equal(v, 0);
    assert_true(slice_to_u64(SLICE_LIT("007"), &v));
    assert_int_equal(v, 7);
    assert_true(slice_to_u64(SLICE_LIT("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
    v = 42;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(slice_to_u64(slice_from_cstr(bad[i]), &v));
        assert_int_equal(v, 42); /* untouched on failure */
    }
    assert_false(slice_to_u64(SLICE_LIT("1\0"), &v));
}

static void text_accepts_valid_utf8(void **state) {
    static const char *const good[] = {
        "",
        "plain",
        "eight by eight, plain",
        "\x01\x7f",
        "\xc2\x80",            /* U+0080 */
        "\xdf\xbf",            /* U+07FF */
        "\xe0\xa0\x80",        /* U+0800 */
        "\xed\x9f\xbf",        /* U+D7FF */
        "\xee\x80\x80",        /* U+E000 */
        "\xef\xbf\xbf",        /* U+FFFF */
        "\xf0\x90\x80\x80",    /* U+10000 */
        "\xf4\x8f\xbf\xbf",    /* U+10FFFF */
        "1234567\xc3\xa4rest", /* across a word */
        "12345678\xf0\x9f\x98\x80 and more",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(slice_is_text(slice_from_cstr(good[i])));
    }
    assert_true(slice_is_text((struct slice){0}));
}

static void text_refuses_everything_else(void **state) {
    static const struct slice bad[] = {
        {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"admin\0x", 7},
        {(const uint8_t *)"1234567\0", 8},
        {(const uint8_t *)"\x80", 1}, /* continuation alone */
        {(const uint8_t *)"\xbf", 1},
        {(const uint8_t *)"\xc0\x80", 2},         /* overlong NUL */
        {(const uint8_t *)"\xc1\xbf", 2},         /* overlong U+007F */
        {(const uint8_t *)"\xe0\x80\x80", 3},     /* overlong */
        {(const uint8_t *)"\xe0\x9f\xbf", 3},     /* overlong U+07FF */
        {(const uint8_t *)"\xf0\x8f\xbf\xbf", 4}, /* overlong U+FFFF */
        {(const uint8_t *)"\xed\xa0\x80", 3},     /* U+D800 */
        {(const uint8_t *)"\xed\xbf\xbf", 3},     /* U+DFFF */
        {(const uint8_t *)"\xf4\x90\x80\x80", 4}, /* U+110000 */
        {(const uint8_t *)"\xf5\x80\x80\x80", 4},
        {(const uint8_t *)"\xff", 1},
        {(const uint8_t *)"\xfe\xff", 2},
        {(const uint8_t *)"\xc3(", 2}, /* continuation missing */
        {(const uint8_t *)"\xe2\x82(", 3},
        {(const uint8_t *)"\xf0\x9f\x98(", 4},
        {(const uint8_t *)"abcdefgh\xc3", 9}, /* cut short */
        {(const uint8_t *)"\xe2\x82\xac", 2},
        {(const uint8_t *)"\xf0\x9f\x98\x80", 3},
        {(const uint8_t *)"\xf0\x9f\x98\x80", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(slice_is_text(bad[i]));
    }
}

/* A bad byte is found wherever it stands, also inside what the word-wise path skips. */
static void text_finds_one_bad_byte_anywhere(void **state) {
    static const uint8_t wrong[] = {0x00, 0x80, 0xff};
    uint8_t text[40];
    for (size_t at = 0; at < sizeof(text); at++) {
        for (size_t w = 0; w < sizeof(wrong); w++) {
            memset(text, 'a', sizeof(text));
            text[at] = wrong[w];
            assert_false(slice_is_text(slice_of(text, sizeof(text))));
            assert_true(slice_is_text(slice_of(text, at)));
        }
    }
}

static void bytes_are_a_copy(void **state) {
    char source[] = "name";
    struct bytes b = {0};
    assert_int_equal(bytes_copy(slice_of(source, 4), &b), STATUS_OK);
    source[0] = 'X';
    assert_slice(bytes_slice(&b), "name");
    assert_int_equal(bytes_assign(&b, SLICE_LIT("other")), STATUS_OK);
    assert_slice(bytes_slice(&b), "other");
    /* From inside itself. */
    assert_int_equal(bytes_assign(&b, slice_after(bytes_slice(&b), 2)), STATUS_OK);
    assert_slice(bytes_slice(&b), "her");
    assert_int_equal(bytes_assign(&b, (struct slice){0}), STATUS_OK);
    assert_int_equal(b.len, 0);
    bytes_deinit(&b);
    bytes_deinit(&b); /* zeroed: fine */
    bytes_deinit(NULL);
}

#ifdef STOA_MEM_FAULTS
static void bytes_keep_their_value_without_memory(void **state) {
    uint64_t live = mem_live_blocks();
    struct bytes b = {0};
    mem_fail_from(1);
    assert_int_equal(bytes_copy(SLICE_LIT("a"), &b), STATUS_NO_MEMORY);
    assert_null(b.data);
    mem_fail_never();
    assert_int_equal(bytes_copy(SLICE_LIT("first"), &b), STATUS_OK);
    mem_fail_from(1);
    assert_int_equal(bytes_assign(&b, SLICE_LIT("second")), STATUS_NO_MEMORY);
    mem_fail_never();
    assert_slice(bytes_slice(&b), "first");
    bytes_deinit(&b);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_looks_at_length_and_bytes),
        cmocka_unit_test(nocase_folds_ascii_letters_alone),
        cmocka_unit_test(prefix_is_found_only_at_the_start),
        cmocka_unit_test(order_is_bytewise_and_shorter_first),
        cmocka_unit_test(find_gives_the_first_place_or_the_length),
        cmocka_unit_test(sub_slices_are_clipped),
        cmocka_unit_test(split_walks_through_all_parts),
        cmocka_unit_test(trim_takes_blanks_from_both_ends),
        cmocka_unit_test(numbers_are_digits_without_overflow),
        cmocka_unit_test(text_accepts_valid_utf8),
        cmocka_unit_test(text_refuses_everything_else),
        cmocka_unit_test(text_finds_one_bad_byte_anywhere),
        cmocka_unit_test(bytes_are_a_copy),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(bytes_keep_their_value_without_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
