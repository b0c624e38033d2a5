#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vectors_siphash.h"

static const struct hash_key VECTOR_KEY = {
    .k0 = 0x0706050403020100u,
    .k1 = 0x0f0e0d0c0b0a0908u,
};

static void siphash_gives_the_published_vectors(void **state) {
    uint8_t in[64];
    for (size_t n = 0; n < sizeof(in); n++) {
        in[n] = (uint8_t)n;
        struct slice s = slice_of(in, n);
        assert_int_equal(hash64(&VECTOR_KEY, s), siphash64_vectors[n]);
        struct hash128 h = hash128(&VECTOR_KEY, s);
        assert_int_equal(h.lo, siphash128_vectors[n].lo);
        assert_int_equal(h.hi, siphash128_vectors[n].hi);
    }
}

static void siphash_takes_the_empty_slice_without_data(void **state) {
    assert_int_equal(hash64(&VECTOR_KEY, (struct slice){0}), siphash64_vectors[0]);
    assert_int_equal(hash128(&VECTOR_KEY, (struct slice){0}).hi, siphash128_vectors[0].hi);
}

static void siphash_depends_on_both_halves_of_the_key(void **state) {
    struct slice s = SLICE_LIT("lobby");
    struct hash_key first = VECTOR_KEY, second = VECTOR_KEY;
    first.k0 ^= 1;
    second.k1 ^= 1;
    assert_int_not_equal(hash64(&VECTOR_KEY, s), hash64(&first, s));
    assert_int_not_equal(hash64(&VECTOR_KEY, s), hash64(&second, s));
    assert_int_not_equal(hash64(&first, s), hash64(&second, s));
}

static void siphash_does_not_depend_on_alignment(void **state) {
    uint8_t room[40];
    for (size_t shift = 0; shift < 8; shift++) {
        for (size_t i = 0; i < 32; i++) {
            room[shift + i] = (uint8_t)i;
        }
        assert_int_equal(hash64(&VECTOR_KEY, slice_of(room + shift, 32)), siphash64_vectors[32]);
    }
}

static void crc32c_gives_known_sums(void **state) {
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, (struct slice){0}), 0);
    assert_int_equal(crc32c(0, SLICE_LIT("123456789")), 0xe3069283u);
    /* RFC 3720, appendix B.4. */
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(0, slice_of(bytes, 32)), 0x8a9136aau);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(0, slice_of(bytes, 32)), 0x62a8ab43u);
    for (size_t i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    assert_int_equal(crc32c(0, slice_of(bytes, 32)), 0x46dd794eu);
    for (size_t i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(crc32c(0, slice_of(bytes, 32)), 0x113fdb5cu);
}

static void crc32_ieee_gives_known_sums(void **state) {
    assert_int_equal(crc32_ieee(0, (struct slice){0}), 0);
    assert_int_equal(crc32_ieee(0, SLICE_LIT("123456789")), 0xcbf43926u);
    assert_int_equal(crc32_ieee(0, SLICE_LIT("The quick brown fox jumps over the lazy dog")),
                     0x414fa339u);
}

/* The definition, bit by bit: what the tables must agree with. */
static uint32_t crc_by_bits(uint32_t polynomial, struct slice s) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= s.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        }
    }
    return ~crc;
}

static void crcs_agree_with_the_definition_at_every_length(void **state) {
    uint8_t bytes[300];
    uint32_t lcg = 7;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        lcg = lcg * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(lcg >> 24);
    }
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct slice s = slice_of(bytes, len);
        assert_int_equal(crc32c(0, s), crc_by_bits(0x82f63b78u, s));
        assert_int_equal(crc32_ieee(0, s), crc_by_bits(0xedb88320u, s));
    }
}

static void crcs_go_on_where_they_stopped(void **state) {
    struct slice all = SLICE_LIT("a record in two writes, of odd lengths");
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct slice head = slice_sub(all, 0, cut), tail = slice_after(all, cut);
        assert_int_equal(crc32c(crc32c(0, head), tail), crc32c(0, all));
        assert_int_equal(crc32_ieee(crc32_ieee(0, head), tail), crc32_ieee(0, all));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_vectors),
        cmocka_unit_test(siphash_takes_the_empty_slice_without_data),
        cmocka_unit_test(siphash_depends_on_both_halves_of_the_key),
        cmocka_unit_test(siphash_does_not_depend_on_alignment),
        cmocka_unit_test(crc32c_gives_known_sums),
        cmocka_unit_test(crc32_ieee_gives_known_sums),
        cmocka_unit_test(crcs_agree_with_the_definition_at_every_length),
        cmocka_unit_test(crcs_go_on_where_they_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
