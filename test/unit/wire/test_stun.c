/* STUN against the vectors of RFC 5769; the HMACs come from OpenSSL, as in the server. */
#include "stun.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

static const uint8_t transaction[STUN_TRANSACTION_BYTES] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                                                            0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

/* RFC 5769 section 2.1 */
static const uint8_t sample_request[] =
    "\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x10"
    "STUN test client"
    "\x00\x24\x00\x04\x6e\x00\x01\xff"
    "\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
    "\x00\x06\x00\x09"
    "evtj:h6vY\x20\x20\x20"
    "\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71"
    "\xa2"
    "\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/* RFC 5769 section 2.2 */
static const uint8_t sample_response_v4[] =
    "\x01\x01\x00\x3c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x0b"
    "test vector\x20"
    "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
    "\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7"
    "\xd7"
    "\x80\x28\x00\x04\xc0\x7d\x4c\x96";

/* RFC 5769 section 2.3 */
static const uint8_t sample_response_v6[] =
    "\x01\x01\x00\x48\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
    "\x80\x22\x00\x0b"
    "test vector\x20"
    "\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9"
    "\xd9"
    "\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed"
    "\x41"
    "\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

static const struct stun_address address_v4 = {STUN_IPV4, 32853, {192, 0, 2, 1}};
static const struct stun_address address_v6 = {STUN_IPV6,
                                               32853,
                                               {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78,
                                                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}};

#define SAMPLE(bytes) slice_of((bytes), sizeof(bytes) - 1)

static void hmac(struct slice a, struct slice b, const char *password,
                 uint8_t ret[EVP_MAX_MD_SIZE]) {
    uint8_t all[2048];
    unsigned len = EVP_MAX_MD_SIZE;
    assert_true(a.len + b.len <= sizeof(all));
    memcpy(all, a.data, a.len);
    if (b.len > 0) {
        memcpy(all + a.len, b.data, b.len);
    }
    assert_non_null(
        HMAC(EVP_sha1(), password, (int)strlen(password), all, a.len + b.len, ret, &len));
    assert_int_equal(len, STUN_MAC_BYTES);
}

static bool authentic(const struct stun_view *v, const char *password) {
    uint8_t header[STUN_HEADER_BYTES], mac[EVP_MAX_MD_SIZE];
    struct slice rest;
    stun_integrity_input(v, header, &rest);
    hmac(slice_of(header, sizeof(header)), rest, password, mac);
    return stun_integrity_matches(v, mac);
}

static void seal(struct stun_message *m, const char *password) {
    uint8_t mac[EVP_MAX_MD_SIZE];
    hmac(stun_seal_input(m), slice_of(NULL, 0), password, mac);
    stun_seal(m, mac);
}

static void reads_the_sample_request(void **state) {
    (void)state;
    struct stun_view v;
    assert_int_equal(stun_read(SAMPLE(sample_request), &v), STATUS_OK);
    assert_int_equal(v.kind, STUN_REQUEST);
    assert_int_equal(v.method, STUN_METHOD_BINDING);
    assert_memory_equal(v.transaction, transaction, sizeof(transaction));
    assert_true(slice_eq_cstr(v.username_local, "evtj"));
    assert_true(slice_eq_cstr(v.username_remote, "h6vY"));
    assert_true(v.has_priority);
    assert_int_equal(v.priority, 0x6e0001ff);
    assert_int_equal(v.role, STUN_ROLE_CONTROLLED);
    assert_true(v.tie_breaker == 0x932ff9b151263b36);
    assert_false(v.use_candidate);
    assert_true(v.has_fingerprint);
    assert_int_equal(v.unknown_count, 0);
    assert_true(authentic(&v, PASSWORD));
    assert_false(authentic(&v, "VOkJxbRl1RmTxUk/WvJxBu"));
}

static void reads_the_sample_responses(void **state) {
    (void)state;
    struct stun_view v;
    assert_int_equal(stun_read(SAMPLE(sample_response_v4), &v), STATUS_OK);
    assert_int_equal(v.kind, STUN_SUCCESS);
    assert_true(v.has_mapped);
    assert_memory_equal(v.mapped.ip, address_v4.ip, 16);
    assert_int_equal(v.mapped.family, STUN_IPV4);
    assert_int_equal(v.mapped.port, 32853);
    assert_true(authentic(&v, PASSWORD));

    assert_int_equal(stun_read(SAMPLE(sample_response_v6), &v), STATUS_OK);
    assert_memory_equal(v.mapped.ip, address_v6.ip, 16);
    assert_int_equal(v.mapped.family, STUN_IPV6);
    assert_int_equal(v.mapped.port, 32853);
    assert_true(authentic(&v, PASSWORD));
}

/* The fingerprint covers all before it. A changed length can hide it, then the MAC fails too; only
 * a change in its own header hides it from a message whose MAC still holds. */
static void no_changed_bit_passes(void **state) {
    (void)state;
    uint8_t copy[sizeof(sample_request) - 1];
    size_t fingerprint_at = sizeof(copy) - 8;
    for (size_t bit = 0; bit < sizeof(copy) * 8; bit++) {
        memcpy(copy, sample_request, sizeof(copy));
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct stun_view v;
        if (stun_read(slice_of(copy, sizeof(copy)), &v) == STATUS_OK) {
            assert_false(v.has_fingerprint);
            assert_true(bit / 8 >= fingerprint_at || !v.has_integrity || !authentic(&v, PASSWORD));
        }
    }
}

static void refuses_every_shortened_message(void **state) {
    (void)state;
    struct stun_view v;
    for (size_t len = 0; len < sizeof(sample_request) - 1; len++) {
        assert_int_equal(stun_read(slice_of(sample_request, len), &v), STATUS_MALFORMED);
    }
    assert_int_equal(stun_read(slice_of(sample_request, sizeof(sample_request)), &v),
                     STATUS_MALFORMED);
}

static void writes_success_for_both_families(void **state) {
    (void)state;
    struct stun_message m;
    struct stun_view v;
    stun_write_success(&m, transaction, &address_v4);
    assert_memory_equal(m.data + STUN_HEADER_BYTES,
                        "\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43", 12);
    seal(&m, PASSWORD);
    assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
    assert_int_equal(v.kind, STUN_SUCCESS);
    assert_true(v.has_fingerprint && authentic(&v, PASSWORD));
    assert_memory_equal(&v.mapped, &address_v4, sizeof(address_v4));

    stun_write_success(&m, transaction, &address_v6);
    seal(&m, PASSWORD);
    assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
    assert_true(authentic(&v, PASSWORD));
    assert_memory_equal(&v.mapped, &address_v6, sizeof(address_v6));
}

static void writes_errors(void **state) {
    (void)state;
    static const uint8_t strange[] =
        "\x00\x01\x00\x0c\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
        "\x00\x02\x00\x01x\0\0\0"
        "\x00\x14\x00\x00";
    struct stun_view request, v;
    struct stun_message m;
    assert_int_equal(stun_read(SAMPLE(strange), &request), STATUS_OK);
    assert_int_equal(request.unknown_count, 2);
    assert_int_equal(request.unknown[0], 2);
    assert_int_equal(request.unknown[1], 0x14);

    static const enum stun_error codes[] = {STUN_ERROR_BAD_REQUEST, STUN_ERROR_UNAUTHENTICATED,
                                            STUN_ERROR_UNKNOWN_ATTRIBUTE, STUN_ERROR_ROLE_CONFLICT};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        stun_write_error(&m, &request, codes[i]);
        stun_seal(&m, NULL);
        assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
        assert_int_equal(v.kind, STUN_ERROR);
        assert_int_equal(v.error_code, codes[i]);
        assert_memory_equal(v.transaction, transaction, sizeof(transaction));
        assert_true(v.has_fingerprint);
        assert_false(v.has_integrity);
    }
    stun_write_error(&m, &request, STUN_ERROR_UNKNOWN_ATTRIBUTE);
    /* header 20, ERROR-CODE 4 + 4 + 17 + 3 of padding */
    assert_memory_equal(m.data + 48, "\x00\x0a\x00\x04\x00\x02\x00\x14", 8);
}

static void a_check_of_ours_reads_as_a_request(void **state) {
    (void)state;
    struct stun_message m;
    struct stun_view v;
    struct stun_check check = {.remote_ufrag = SLICE_LIT("their"),
                               .local_ufrag = SLICE_LIT("ours"),
                               .priority = 0x7effffff,
                               .tie_breaker = 0x0102030405060708};
    memcpy(check.transaction, transaction, sizeof(transaction));
    stun_write_check(&m, &check);
    seal(&m, "their password");
    assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
    assert_int_equal(v.kind, STUN_REQUEST);
    assert_true(slice_eq_cstr(v.username, "their:ours"));
    assert_true(v.has_priority && v.priority == 0x7effffff);
    assert_int_equal(v.role, STUN_ROLE_CONTROLLED);
    assert_true(v.tie_breaker == check.tie_breaker);
    assert_true(authentic(&v, "their password"));
}

static void a_message_that_does_not_fit_is_empty(void **state) {
    (void)state;
    static uint8_t long_name[STUN_MESSAGE_BYTES_MAX];
    memset(long_name, 'a', sizeof(long_name));
    struct stun_message m;
    struct stun_check check = {.remote_ufrag = slice_of(long_name, 600)};
    stun_write_check(&m, &check);
    assert_int_equal(stun_seal_input(&m).len, 0);
    stun_seal(&m, transaction);
    assert_true(m.failed);
    assert_int_equal(stun_message_slice(&m).len, 0);

    check.remote_ufrag = slice_of(long_name, 256);
    check.local_ufrag = slice_of(long_name, 256);
    stun_write_check(&m, &check);
    seal(&m, PASSWORD);
    struct stun_view v;
    assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
    assert_int_equal(v.username_remote.len, 256);
}

/* Builds a request of one attribute, right fingerprint included. The view points into it and holds
 * until the next call. */
static enum status read_with(uint16_t type, struct slice value, struct stun_view *ret_view) {
    static struct stun_message m;
    m = (struct stun_message){.len = STUN_HEADER_BYTES};
    memcpy(m.data, "\x00\x01\x00\x00\x21\x12\xa4\x42", 8);
    memcpy(m.data + 8, transaction, sizeof(transaction));
    uint8_t header[] = {(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(value.len >> 8),
                        (uint8_t)value.len};
    memcpy(m.data + m.len, header, 4);
    memcpy(m.data + m.len + 4, value.data, value.len);
    memset(m.data + m.len + 4 + value.len, 0, 3);
    m.len += 4 + (value.len + 3) / 4 * 4;
    stun_seal(&m, NULL);
    return stun_read(stun_message_slice(&m), ret_view);
}

static void attributes_of_wrong_size_are_refused(void **state) {
    (void)state;
    static const uint8_t zeros[600] = {0, 1};
    struct stun_view v;
    assert_int_equal(read_with(0x0024, slice_of(zeros, 4), &v), STATUS_OK);
    assert_int_equal(read_with(0x0024, slice_of(zeros, 3), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x802a, slice_of(zeros, 8), &v), STATUS_OK);
    assert_int_equal(v.role, STUN_ROLE_CONTROLLING);
    assert_int_equal(read_with(0x802a, slice_of(zeros, 7), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0025, slice_of(zeros, 0), &v), STATUS_OK);
    assert_true(v.use_candidate);
    assert_int_equal(read_with(0x0025, slice_of(zeros, 1), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0008, slice_of(zeros, 19), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0020, slice_of(zeros, 8), &v), STATUS_OK);
    assert_int_equal(read_with(0x0020, slice_of(zeros, 20), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0020, slice_of(zeros, 2), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0006, slice_of(zeros, 513), &v), STATUS_OK);
    assert_int_equal(read_with(0x0006, slice_of(zeros, 514), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0009, slice_of("\0\0\x02\x00", 4), &v), STATUS_MALFORMED);
    assert_int_equal(read_with(0x0009, slice_of("\0\0\x03", 3), &v), STATUS_MALFORMED);
}

static void a_username_without_colon_names_nobody(void **state) {
    (void)state;
    struct stun_view v;
    assert_int_equal(read_with(0x0006, SLICE_LIT("abcd"), &v), STATUS_OK);
    assert_true(v.has_username);
    assert_int_equal(v.username_local.len, 0);
    assert_int_equal(v.username_remote.len, 0);
    assert_int_equal(read_with(0x0006, SLICE_LIT("ours:"), &v), STATUS_OK);
    assert_true(slice_eq_cstr(v.username_local, "ours"));
    assert_int_equal(v.username_remote.len, 0);
}

static void what_follows_the_mac_does_not_count(void **state) {
    (void)state;
    static const uint8_t mac[STUN_MAC_BYTES] = {0};
    struct stun_message m;
    struct stun_view v;
    stun_write_success(&m, transaction, &address_v4);
    memcpy(m.data + m.len, "\x00\x08\x00\x14", 4);
    memcpy(m.data + m.len + 4, mac, sizeof(mac));
    m.len += 24;
    memcpy(m.data + m.len, "\x00\x24\x00\x04\x01\x02\x03\x04\x00\x25\x00\x00", 12);
    m.len += 12;
    stun_seal(&m, NULL);
    assert_int_equal(stun_read(stun_message_slice(&m), &v), STATUS_OK);
    assert_true(v.has_integrity && !v.has_priority && !v.use_candidate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_sample_request),
        cmocka_unit_test(reads_the_sample_responses),
        cmocka_unit_test(no_changed_bit_passes),
        cmocka_unit_test(refuses_every_shortened_message),
        cmocka_unit_test(writes_success_for_both_families),
        cmocka_unit_test(writes_errors),
        cmocka_unit_test(a_check_of_ours_reads_as_a_request),
        cmocka_unit_test(a_message_that_does_not_fit_is_empty),
        cmocka_unit_test(attributes_of_wrong_size_are_refused),
        cmocka_unit_test(a_username_without_colon_names_nobody),
        cmocka_unit_test(what_follows_the_mac_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
