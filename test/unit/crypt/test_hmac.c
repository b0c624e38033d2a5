#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "hmac.h"
#include "mem.h"

/* Either a text or so many times the same byte; key_count counts up: 1, 2, 3, ... */
struct vector {
    enum hmac_kind kind;
    const char *key_text;
    uint8_t key_byte;
    size_t key_len;
    bool key_counts;
    const char *data_text;
    uint8_t data_byte;
    size_t data_len;
    const char *mac;
};

#define SHORT_TEXT "what do ya want for nothing?"
#define LONG_KEY_TEXT "Test Using Larger Than Block-Size Key - Hash Key First"

/* RFC 4231 for SHA-256, RFC 2202 for SHA-1. */
static const struct vector vectors[] = {
    {HMAC_SHA256, .key_byte = 0x0b, .key_len = 20, .data_text = "Hi There",
     .mac = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {HMAC_SHA256, .key_text = "Jefe", .data_text = SHORT_TEXT,
     .mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {HMAC_SHA256, .key_byte = 0xaa, .key_len = 20, .data_byte = 0xdd, .data_len = 50,
     .mac = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {HMAC_SHA256, .key_counts = true, .key_len = 25, .data_byte = 0xcd, .data_len = 50,
     .mac = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {HMAC_SHA256, .key_byte = 0xaa, .key_len = 131, .data_text = LONG_KEY_TEXT,
     .mac = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {HMAC_SHA256, .key_byte = 0xaa, .key_len = 131,
     .data_text = "This is a test using a larger than block-size key and a larger than block-size "
                  "data. The key needs to be hashed before being used by the HMAC algorithm.",
     .mac = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    {HMAC_SHA1, .key_byte = 0x0b, .key_len = 20, .data_text = "Hi There",
     .mac = "b617318655057264e28bc0b6fb378c8ef146be00"},
    {HMAC_SHA1, .key_text = "Jefe", .data_text = SHORT_TEXT,
     .mac = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {HMAC_SHA1, .key_byte = 0xaa, .key_len = 20, .data_byte = 0xdd, .data_len = 50,
     .mac = "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
    {HMAC_SHA1, .key_counts = true, .key_len = 25, .data_byte = 0xcd, .data_len = 50,
     .mac = "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
    {HMAC_SHA1, .key_byte = 0xaa, .key_len = 80, .data_text = LONG_KEY_TEXT,
     .mac = "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    {HMAC_SHA1, .key_byte = 0xaa, .key_len = 80,
     .data_text = "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
     .mac = "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
};

static struct slice filled(uint8_t *out, const char *text, uint8_t byte, size_t len, bool counts) {
    if (text) {
        return slice_from_cstr(text);
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = counts ? (uint8_t)(i + 1) : byte;
    }
    return slice_of(out, len);
}

static void unhex(const char *hex, uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = hex[2 * i + k];
            byte = byte * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        out[i] = (uint8_t)byte;
    }
}

static void the_vectors_of_the_standards_hold(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t key_bytes[256], data_bytes[256], right[SHA256_BYTES], mac[SHA256_BYTES];
        struct slice key = filled(key_bytes, v->key_text, v->key_byte, v->key_len, v->key_counts);
        struct slice data = filled(data_bytes, v->data_text, v->data_byte, v->data_len, false);
        struct hmac_key *k = hmac_key_create(v->kind, key);
        assert_non_null(k);
        size_t len = hmac_key_bytes(k);
        assert_int_equal(len * 2, strlen(v->mac));
        unhex(v->mac, right, len);
        for (int twice = 0; twice < 2; twice++) { /* a key is as new after use */
            assert_int_equal(hmac_sign(k, &data, 1, mac), STATUS_OK);
            assert_memory_equal(mac, right, len);
        }
        struct slice parts[3] = {slice_sub(data, 0, 3), {0}, slice_after(data, 3)};
        assert_int_equal(hmac_sign(k, parts, 3, mac), STATUS_OK);
        assert_memory_equal(mac, right, len);
        assert_int_equal(hmac_check(k, parts, 3, slice_of(right, len)), STATUS_OK);
        hmac_key_destroy(k);
    }
}

/* RFC 7515, appendix A.1. */
static const char token_input[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                                  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                                  "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char token_key[] = "0323354b2b0fa5bc837e0665777ba68f5ab328e6f054c928a90f84b2d2502ebf"
                                "d3fb5a92d20647ef968ab4c377623d223d2e2172052e4f08c0cd9af567d080a3";
static const char token_signature[] =
    "7418dfb49799e0254ffa607dd8adbbba16d4254d69d6bff05b58055853848d79";

static void tokens_are_signed_and_checked(void **state) {
    uint8_t key[64], right[SHA256_BYTES], signature[SHA256_BYTES];
    unhex(token_key, key, sizeof key);
    unhex(token_signature, right, sizeof right);
    struct hmac_key *k = hmac_key_create(HMAC_SHA256, slice_of(key, sizeof key));
    struct slice input = slice_from_cstr(token_input);
    assert_int_equal(hs256_sign(k, input, signature), STATUS_OK);
    assert_memory_equal(signature, right, sizeof right);
    struct slice s = slice_of(right, sizeof right);
    assert_int_equal(hs256_check(k, input, s), STATUS_OK);
    for (size_t i = 0; i < sizeof right; i++) {
        right[i] ^= 1;
        assert_int_equal(hs256_check(k, input, s), STATUS_UNAUTHENTICATED);
        right[i] ^= 1;
    }
    for (size_t len = 0; len < sizeof right; len++) { /* a shorter one is not enough */
        assert_int_equal(hs256_check(k, input, slice_sub(s, 0, len)), STATUS_UNAUTHENTICATED);
    }
    uint8_t longer[SHA256_BYTES + 1] = {0};
    memcpy(longer, right, sizeof right);
    assert_int_equal(hs256_check(k, input, slice_of(longer, sizeof longer)),
                     STATUS_UNAUTHENTICATED);
    assert_int_equal(hs256_check(k, slice_after(input, 1), s), STATUS_UNAUTHENTICATED);
    hmac_key_destroy(k);
}

static void a_key_may_be_empty(void **state) {
    struct hmac_key *k = hmac_key_create(HMAC_SHA256, (struct slice){0});
    uint8_t mac[SHA256_BYTES], right[SHA256_BYTES];
    unhex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", right, sizeof right);
    assert_int_equal(hmac_sign(k, NULL, 0, mac), STATUS_OK);
    assert_memory_equal(mac, right, sizeof right);
    hmac_key_destroy(k);
    hmac_key_destroy(NULL);
}

static void digests_hold(void **state) {
    uint8_t digest[SHA256_BYTES], right[SHA256_BYTES];
    assert_int_equal(sha256(SLICE_LIT("abc"), digest), STATUS_OK);
    unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", right, SHA256_BYTES);
    assert_memory_equal(digest, right, SHA256_BYTES);
    assert_int_equal(sha256((struct slice){0}, digest), STATUS_OK);
    unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", right, SHA256_BYTES);
    assert_memory_equal(digest, right, SHA256_BYTES);
    /* The example of RFC 6455, section 1.3. */
    assert_int_equal(
        sha1(SLICE_LIT("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), digest),
        STATUS_OK);
    unhex("b37a4f2cc0624f1690f64606cf385945b2bec4ea", right, SHA1_BYTES);
    assert_memory_equal(digest, right, SHA1_BYTES);
}

static void secrets_compare(void **state) {
    assert_true(crypt_equal(SLICE_LIT("same"), SLICE_LIT("same")));
    assert_true(crypt_equal((struct slice){0}, SLICE_LIT("")));
    assert_false(crypt_equal(SLICE_LIT("same"), SLICE_LIT("sane")));
    assert_false(crypt_equal(SLICE_LIT("same"), SLICE_LIT("sam")));
}

#ifdef STOA_MEM_FAULTS
static void each_allocation_may_fail(void **state) {
    uint64_t before = mem_live_blocks();
    mem_fail_from(1);
    assert_null(hmac_key_create(HMAC_SHA1, SLICE_LIT("x")));
    mem_fail_never();
    struct hmac_key *k = hmac_key_create(HMAC_SHA1, SLICE_LIT("x"));
    uint8_t mac[SHA1_BYTES];
    mem_fail_from(1); /* signing takes nothing of ours */
    assert_int_equal(hmac_sign(k, NULL, 0, mac), STATUS_OK);
    mem_fail_never();
    hmac_key_destroy(k);
    assert_int_equal(mem_live_blocks(), before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_standards_hold),
        cmocka_unit_test(tokens_are_signed_and_checked),
        cmocka_unit_test(a_key_may_be_empty),
        cmocka_unit_test(digests_hold),
        cmocka_unit_test(secrets_compare),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
