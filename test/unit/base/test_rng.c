#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"

static const uint8_t ZERO_KEY[32];

static void stream_is_that_of_rfc_8439_with_zero_key(void **state) {
    /* Appendix A.1, test vectors 1 and 2: blocks 0 and 1. */
    static const uint8_t want[128] = {
        0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd,
        0x28, 0xbd, 0xd2, 0x19, 0xb8, 0xa0, 0x8d, 0xed, 0x1a, 0xa8, 0x36, 0xef, 0xcc, 0x8b, 0x77,
        0x0d, 0xc7, 0xda, 0x41, 0x59, 0x7c, 0x51, 0x57, 0x48, 0x8d, 0x77, 0x24, 0xe0, 0x3f, 0xb8,
        0xd8, 0x4a, 0x37, 0x6a, 0x43, 0xb8, 0xf4, 0x15, 0x18, 0xa1, 0x1c, 0xc3, 0x87, 0xb6, 0x69,
        0xb2, 0xee, 0x65, 0x86, 0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97,
        0x7c, 0x73, 0x2d, 0x08, 0x0d, 0xcb, 0x0f, 0x29, 0xa0, 0x48, 0xe3, 0x65, 0x69, 0x12, 0xc6,
        0x53, 0x3e, 0x32, 0xee, 0x7a, 0xed, 0x29, 0xb7, 0x21, 0x76, 0x9c, 0xe6, 0x4e, 0x43, 0xd5,
        0x71, 0x33, 0xb0, 0x74, 0xd8, 0x39, 0xd5, 0x31, 0xed, 0x1f, 0x28, 0x51, 0x0a, 0xfb, 0x45,
        0xac, 0xe1, 0x0a, 0x1f, 0x4b, 0x79, 0x4d, 0x6f,
    };
    struct rng r;
    uint8_t got[sizeof(want)];
    rng_init(&r, ZERO_KEY);
    rng_bytes(&r, got, sizeof(got));
    assert_memory_equal(got, want, sizeof(want));
}

static void block_is_that_of_rfc_8439_with_a_nonce(void **state) {
    /* Section 2.3.2: key 00 .. 1f, counter 1, nonce 000000090000004a00000000. */
    static const uint8_t want[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    uint8_t key[32], got[sizeof(want)];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    struct rng r;
    rng_init(&r, key);
    r.state[12] = 1;
    r.state[13] = 0x09000000;
    r.state[14] = 0x4a000000;
    rng_bytes(&r, got, sizeof(got));
    assert_memory_equal(got, want, sizeof(want));
}

static void stream_does_not_depend_on_how_it_is_cut(void **state) {
    struct rng whole, cut;
    uint8_t a[500], b[500];
    rng_init(&whole, ZERO_KEY);
    rng_init(&cut, ZERO_KEY);
    rng_bytes(&whole, a, sizeof(a));
    for (size_t at = 0, some = 0; at < sizeof(b); at += some) {
        some = (some + 7) % 90;
        some = MIN(some, sizeof(b) - at);
        rng_bytes(&cut, b + at, some);
    }
    assert_memory_equal(a, b, sizeof(a));
}

static void same_key_gives_the_same_numbers_and_another_key_others(void **state) {
    struct rng a, b, c;
    uint8_t other[32] = {[31] = 1};
    rng_init(&a, ZERO_KEY);
    rng_init(&b, ZERO_KEY);
    rng_init(&c, other);
    uint64_t first = rng_u64(&a);
    assert_int_equal(first, 0x903df1a0ade0b876u); /* little-endian head of the stream */
    assert_int_equal(rng_u64(&b), first);
    assert_int_not_equal(rng_u64(&c), first);
}

static void given_bytes_are_forgotten(void **state) {
    static const uint8_t gone[40];
    struct rng r;
    uint8_t out[40];
    rng_init(&r, ZERO_KEY);
    rng_bytes(&r, out, sizeof(out));
    assert_memory_equal(r.block, gone, sizeof(gone));
}

static void counter_carries_past_32_bits(void **state) {
    struct rng r;
    uint8_t block[64], first[64];
    rng_init(&r, ZERO_KEY);
    rng_bytes(&r, first, sizeof(first));
    r.state[12] = UINT32_MAX;
    rng_bytes(&r, block, sizeof(block));
    rng_bytes(&r, block, sizeof(block));
    assert_memory_not_equal(block, first, sizeof(first));
    assert_int_equal(r.state[12], 1);
    assert_int_equal(r.state[13], 1);
}

static void below_stays_below_and_reaches_every_value(void **state) {
    struct rng r;
    uint32_t seen[10] = {0};
    rng_init(&r, ZERO_KEY);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = rng_below(&r, ARRAY_LEN(seen));
        assert_in_range(v, 0, ARRAY_LEN(seen) - 1);
        seen[v]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        assert_in_range(seen[i], 850, 1150); /* five standard deviations around 1000 */
    }
    assert_int_equal(rng_below(&r, 1), 0);
}

static void below_draws_again_where_a_remainder_would_favour_small_values(void **state) {
    /* With a bound of 3/4 of 2^64 a plain remainder gives the lower third twice as often. */
    struct rng r;
    uint64_t bound = 3ull << 62;
    int low = 0;
    rng_init(&r, ZERO_KEY);
    for (int i = 0; i < 3000; i++) {
        uint64_t v = rng_below(&r, bound);
        assert_true(v < bound);
        low += v < bound / 3;
    }
    assert_in_range(low, 850, 1150);
    assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream_is_that_of_rfc_8439_with_zero_key),
        cmocka_unit_test(block_is_that_of_rfc_8439_with_a_nonce),
        cmocka_unit_test(stream_does_not_depend_on_how_it_is_cut),
        cmocka_unit_test(same_key_gives_the_same_numbers_and_another_key_others),
        cmocka_unit_test(given_bytes_are_forgotten),
        cmocka_unit_test(counter_carries_past_32_bits),
        cmocka_unit_test(below_stays_below_and_reaches_every_value),
        cmocka_unit_test(below_draws_again_where_a_remainder_would_favour_small_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
