/* Queries, form bodies, percent escapes; base 64; gunzip. */
#include "wire_test.h"

#include <zlib.h>

#include "base64.h"
#include "caps.h"
#include "inflate.h"
#include "mem.h"
#include "query.h"

struct fixture {
    struct arena arena;
    struct buf out;
};

static int set_up(void **state) {
    static struct fixture f;
    arena_init(&f.arena, 1 << 20);
    buf_init(&f.out, 1 << 20);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    buf_deinit(&f->out);
    return 0;
}

static void targets_split_at_the_first_mark(void **state) {
    struct slice path, query;
    query_split(SLICE_LIT("/rtc?a=b?c"), &path, &query);
    assert_slice(path, "/rtc");
    assert_slice(query, "a=b?c");
    query_split(SLICE_LIT("/rtc"), &path, &query);
    assert_slice(path, "/rtc");
    assert_int_equal(query.len, 0);
}

static void escapes_are_decoded_or_refused(void **state) {
    struct fixture *f = *state;
    struct slice got;
    assert_int_equal(percent_decode(SLICE_LIT("a%20b+c%2B%c3%A9%00"), true, &f->arena, &got),
                     STATUS_OK);
    assert_slice(got, "a b c+\xc3\xa9\0");
    assert_int_equal(percent_decode(SLICE_LIT("a+b%41"), false, &f->arena, &got), STATUS_OK);
    assert_slice(got, "a+bA");
    struct slice plain = SLICE_LIT("plain");
    assert_int_equal(percent_decode(plain, true, &f->arena, &got), STATUS_OK);
    assert_ptr_equal(got.data, plain.data); /* nothing to decode, nothing copied */

    static const char *const bad[] = {"%",   "%4",  "a%",  "%%41",  "%g1",
                                      "%1g", "%-1", "% 1", "%u0041"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct slice in = tight_copy(slice_from_cstr(bad[i]));
        got = plain;
        assert_int_equal(percent_decode(in, true, &f->arena, &got), STATUS_MALFORMED);
        assert_ptr_equal(got.data, plain.data);
        tight_free(in);
    }
}

static void pairs_come_in_order(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *name, *value;
    } want[] = {{"a", "1"},   {"b", ""},    {"c", ""},  {"", "x"},
                {"d", "e=f"}, {"a", "2 3"}, {"&=", "="}};
    struct query_reader r;
    query_reader_init(&r, SLICE_LIT("a=1&b&&c=&=x&d=e=f&a=2+3&%26%3d=%3D&"), &f->arena);
    struct query_pair pair;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(query_next(&r, &pair), STATUS_OK);
        assert_true(slice_eq_cstr(pair.name, want[i].name));
        assert_true(slice_eq_cstr(pair.value, want[i].value));
    }
    assert_int_equal(query_next(&r, &pair), STATUS_NOT_FOUND);
    assert_int_equal(query_next(&r, &pair), STATUS_NOT_FOUND);
    query_reader_init(&r, SLICE_LIT("a=%zz"), &f->arena);
    assert_int_equal(query_next(&r, &pair), STATUS_MALFORMED);
}

static void parameters_are_found_by_their_decoded_name(void **state) {
    struct fixture *f = *state;
    struct slice q = SLICE_LIT("x=%zz&access%5Ftoken=a.b&access_token=second&nul=%00&bad=%ff&e");
    struct slice got;
    assert_int_equal(query_find(q, "access_token", &f->arena, &got), STATUS_OK);
    assert_slice(got, "a.b");
    assert_int_equal(query_find_text(q, "access_token", &f->arena, &got), STATUS_OK);
    assert_int_equal(query_find(q, "x", &f->arena, &got), STATUS_MALFORMED);
    assert_int_equal(query_find(q, "nul", &f->arena, &got), STATUS_OK);
    assert_int_equal(query_find_text(q, "nul", &f->arena, &got), STATUS_MALFORMED);
    assert_int_equal(query_find_text(q, "bad", &f->arena, &got), STATUS_MALFORMED);
    assert_int_equal(query_find_text(q, "e", &f->arena, &got), STATUS_OK);
    assert_int_equal(got.len, 0);
    assert_int_equal(query_find(q, "missing", &f->arena, &got), STATUS_NOT_FOUND);
    assert_int_equal(query_find(SLICE_LIT("%=1&a=2"), "a", &f->arena, &got), STATUS_MALFORMED);
    assert_int_equal(query_find((struct slice){0}, "a", &f->arena, &got), STATUS_NOT_FOUND);
}

static void decoding_stops_at_the_arenas_bound(void **state) {
    struct arena small;
    arena_init(&small, 16);
    uint8_t text[64];
    memset(text, '+', sizeof(text));
    struct slice got;
    assert_int_equal(percent_decode(slice_of(text, 64), true, &small, &got), STATUS_NO_MEMORY);
    arena_deinit(&small);
}

/* RFC 4648 section 10, and both alphabets. */
static void base64_goes_there_and_back(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *bytes, *padded, *url;
    } rows[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xbe", "+/++", "-_--"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice got, bytes = slice_from_cstr(rows[i].bytes);
        buf_clear(&f->out);
        base64_put(&f->out, bytes);
        assert_true(slice_eq_cstr(buf_slice(&f->out), rows[i].padded));
        buf_clear(&f->out);
        base64url_put(&f->out, bytes);
        assert_true(slice_eq_cstr(buf_slice(&f->out), rows[i].url));
        struct slice texts[] = {slice_from_cstr(rows[i].padded), slice_from_cstr(rows[i].url)};
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(base64_decode_any(texts[k], &f->arena, &got), STATUS_OK);
            assert_true(slice_eq(got, bytes));
        }
        assert_int_equal(base64url_decode_strict(texts[1], &f->arena, &got), STATUS_OK);
        assert_true(slice_eq(got, bytes));
    }
}

static void bad_base64_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const bad_any[] = {"A",     "A===",     "=",     "====",   "Zg=",
                                          "Zm8==", "Zg==Zg==", "Z=g=",  "Zh==",   "Zh",
                                          "Zm9",   "Zm9v=",    "Zm 9v", "Zm9v\n", "Zm9v*"};
    struct slice got;
    for (size_t i = 0; i < ARRAY_LEN(bad_any); i++) {
        enum status s = base64_decode_any(slice_from_cstr(bad_any[i]), &f->arena, &got);
        if (s != STATUS_MALFORMED) {
            print_error("%s: %s\n", bad_any[i], status_name(s));
            fail();
        }
    }
    static const char *const bad_strict[] = {"Zg==", "Zm8=", "+/++", "Zm9/", "A", "Zh"};
    for (size_t i = 0; i < ARRAY_LEN(bad_strict); i++) {
        assert_int_equal(base64url_decode_strict(slice_from_cstr(bad_strict[i]), &f->arena, &got),
                         STATUS_MALFORMED);
    }
}

static struct slice gzip(struct slice plain, uint8_t *out, size_t out_max) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)plain.data;
    z.avail_in = (uInt)plain.len;
    z.next_out = out;
    z.avail_out = (uInt)out_max;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = out_max - z.avail_out;
    deflateEnd(&z);
    return slice_of(out, len);
}

static void gunzip_is_exact_at_its_bound(void **state) {
    static uint8_t plain[200000], packed[210000];
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * i >> 7);
    }
    static const size_t lengths[] = {0, 1, 14000, 16384, 16385, 200000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct slice in = gzip(slice_of(plain, lengths[i]), packed, sizeof(packed));
        for (size_t spare = 0; spare < 2; spare++) {
            struct buf out;
            buf_init(&out, lengths[i] + 3 + spare);
            buf_put_cstr(&out, "abc");
            assert_int_equal(gunzip(in, &out), STATUS_OK);
            assert_int_equal(out.len, lengths[i] + 3);
            assert_memory_equal(out.data + 3, plain, lengths[i]);
            buf_deinit(&out);
        }
        if (lengths[i] > 0) {
            struct buf out;
            buf_init(&out, lengths[i] + 2);
            buf_put_cstr(&out, "abc");
            assert_int_equal(gunzip(in, &out), STATUS_TOO_LARGE);
            assert_slice(buf_slice(&out), "abc");
            assert_false(out.failed);
            buf_deinit(&out);
        }
    }
}

static void broken_gzip_is_refused(void **state) {
    static uint8_t packed[4096], copy[4096];
    struct slice text = SLICE_LIT("a join request with an offer, an offer, an offer");
    struct slice in = gzip(text, packed, sizeof(packed));
    struct buf out;
    buf_init(&out, 1000);
    for (size_t len = 0; len < in.len; len++) {
        struct slice cut = tight_copy(slice_sub(in, 0, len));
        assert_int_equal(gunzip(cut, &out), STATUS_MALFORMED);
        tight_free(cut);
    }
    size_t refused = 0;
    for (size_t bit = 0; bit < 8 * in.len; bit++) { /* flipped: refused, or of no meaning */
        memcpy(copy, in.data, in.len);
        copy[bit / 8] ^= (uint8_t)BIT(bit % 8);
        enum status s = gunzip(slice_of(copy, in.len), &out);
        assert_true(s == STATUS_OK || s == STATUS_MALFORMED);
        assert_int_equal(out.len, s == STATUS_OK ? text.len : 0);
        assert_true(s != STATUS_OK || slice_eq(buf_slice(&out), text));
        refused += s != STATUS_OK;
        buf_clear(&out);
    }
    assert_true(refused > 8 * (in.len - 10)); /* time, system and the like are free */
    memcpy(copy, in.data, in.len);
    copy[in.len] = 0;
    assert_int_equal(gunzip(slice_of(copy, in.len + 1), &out), STATUS_MALFORMED);
    assert_int_equal(gunzip(SLICE_LIT("{\"not\":\"gzip\"}"), &out), STATUS_MALFORMED);
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

static void a_bomb_costs_no_more_than_the_bound(void **state) {
    static uint8_t zeros[64 << 20], packed[128 << 10];
    struct slice in = gzip(slice_of(zeros, sizeof(zeros)), packed, sizeof(packed));
    struct buf out;
    buf_init(&out, JOIN_REQUEST_BYTES_MAX);
    assert_int_equal(gunzip(in, &out), STATUS_TOO_LARGE);
    assert_true(out.cap <= JOIN_REQUEST_BYTES_MAX);
    buf_deinit(&out);
}

#ifdef STOA_MEM_FAULTS
static void gunzip_survives_each_refused_allocation(void **state) {
    static uint8_t plain[100000], packed[4096];
    struct slice in = gzip(slice_of(plain, sizeof(plain)), packed, sizeof(packed));
    uint64_t blocks = mem_live_blocks(), failures = 0;
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        struct buf out;
        buf_init(&out, sizeof(plain));
        mem_fail_from(nth);
        s = gunzip(in, &out);
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        assert_int_equal(out.len, s == STATUS_OK ? sizeof(plain) : 0);
        failures += s != STATUS_OK;
        buf_deinit(&out);
        assert_int_equal(mem_live_blocks(), blocks);
    }
    assert_true(failures >= 3); /* zlib's state, its window, and our bytes */
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_split_at_the_first_mark),
        cmocka_unit_test_setup_teardown(escapes_are_decoded_or_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pairs_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_are_found_by_their_decoded_name, set_up,
                                        tear_down),
        cmocka_unit_test(decoding_stops_at_the_arenas_bound),
        cmocka_unit_test_setup_teardown(base64_goes_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_base64_is_refused, set_up, tear_down),
        cmocka_unit_test(gunzip_is_exact_at_its_bound),
        cmocka_unit_test(broken_gzip_is_refused),
        cmocka_unit_test(a_bomb_costs_no_more_than_the_bound),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(gunzip_survives_each_refused_allocation),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
