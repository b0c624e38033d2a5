#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "ident.h"

static const char ALPHABET[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const uint8_t SEED[32] = {3};

static void assert_ident(const struct ident *id, const char *prefix) {
    size_t len = strlen(prefix);
    assert_int_equal(strlen(id->text), len + IDENT_RANDOM_LEN);
    assert_memory_equal(id->text, prefix, len);
    assert_int_equal(strspn(id->text + len, ALPHABET), IDENT_RANDOM_LEN);
}

static void idents_have_prefix_and_letters_of_the_alphabet(void **state) {
    static const char *const prefixes[] = {"RM_", "PA_", "TR_AM", "", "elevenchars"};
    struct rng r;
    rng_init(&r, SEED);
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct ident id = ident_make(&r, prefixes[i]);
        assert_ident(&id, prefixes[i]);
        id = ident_from_bits(prefixes[i], UINT64_MAX, 12345);
        assert_ident(&id, prefixes[i]);
    }
    assert_aborts((void)ident_make(&r, "twelve chars"));
    assert_aborts((void)ident_from_bits("twelve chars", 1, 2));
}

static void every_letter_comes_about_as_often(void **state) {
    uint32_t counts[256] = {0};
    struct rng r;
    rng_init(&r, SEED);
    for (int i = 0; i < 5700; i++) { /* 1200 of each letter are expected */
        struct ident id = ident_make(&r, "");
        for (size_t at = 0; at < IDENT_RANDOM_LEN; at++) {
            counts[(uint8_t)id.text[at]]++;
        }
    }
    for (const char *letter = ALPHABET; *letter; letter++) {
        assert_in_range(counts[(uint8_t)*letter], 1000, 1400); /* more than five deviations */
    }
}

static void idents_differ_and_repeat_with_the_seed(void **state) {
    struct rng a, b;
    rng_init(&a, SEED);
    rng_init(&b, SEED);
    struct ident first = ident_make(&a, "RM_"), second = ident_make(&a, "RM_");
    struct ident again = ident_make(&b, "RM_");
    assert_string_not_equal(first.text, second.text);
    assert_string_equal(first.text, again.text);
}

static void bits_decide_the_letters(void **state) {
    struct ident zero = ident_from_bits("RM_", 0, 0);
    assert_string_equal(zero.text, "RM_222222222222");
    struct ident lo = ident_from_bits("RM_", 1 + 57 * 2, 0), hi = ident_from_bits("RM_", 0, 56);
    assert_string_equal(lo.text, "RM_342222222222");
    assert_string_equal(hi.text, "RM_222222z22222");
}

static void idents_compare_as_text(void **state) {
    struct ident id = ident_from_bits("PA_", 0, 0), empty = {0};
    assert_int_equal(ident_slice(&id).len, 15);
    assert_true(ident_equal(&id, SLICE_LIT("PA_222222222222")));
    assert_false(ident_equal(&id, SLICE_LIT("PA_222222222223")));
    assert_false(ident_equal(&id, SLICE_LIT("PA_22222222222")));
    assert_false(ident_equal(&id, SLICE_LIT("PA_222222222222\0")));
    assert_false(ident_equal(&id, (struct slice){0}));
    assert_int_equal(ident_slice(&empty).len, 0);
    assert_true(ident_equal(&empty, (struct slice){0}));
}

static void base62_gives_letters_and_digits(void **state) {
    char text[1001];
    uint32_t counts[256] = {0};
    struct rng r;
    rng_init(&r, SEED);
    for (int round = 0; round < 62; round++) { /* 1000 of each are expected */
        memset(text, '#', sizeof(text));
        ident_base62(&r, text, 1000);
        assert_int_equal(text[1000], '\0');
        for (size_t i = 0; i < 1000; i++) {
            counts[(uint8_t)text[i]]++;
        }
    }
    uint32_t kinds = 0;
    for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
        bool usual = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        assert_true(usual == (counts[c] > 0));
        if (usual) {
            assert_in_range(counts[c], 830, 1170);
            kinds++;
        }
    }
    assert_int_equal(kinds, 62);
    ident_base62(&r, text, 0);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idents_have_prefix_and_letters_of_the_alphabet),
        cmocka_unit_test(every_letter_comes_about_as_often),
        cmocka_unit_test(idents_differ_and_repeat_with_the_seed),
        cmocka_unit_test(bits_decide_the_letters),
        cmocka_unit_test(idents_compare_as_text),
        cmocka_unit_test(base62_gives_letters_and_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
