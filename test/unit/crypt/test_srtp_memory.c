/* SRTP and memory: a session whose allocations fail one after another, ours and OpenSSL's alike,
 * and packets that take none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <stdlib.h>

#include "mem.h"
#include "srtp_packets.h"

/* All that OpenSSL allocates passes here. */
static uint64_t openssl_allocations, openssl_live, openssl_fail_from = UINT64_MAX;

static void *counting_malloc(size_t size, const char *file, int line) {
    if (++openssl_allocations >= openssl_fail_from) {
        return NULL;
    }
    openssl_live++;
    return malloc(size);
}

static void *counting_realloc(void *p, size_t size, const char *file, int line) {
    if (++openssl_allocations >= openssl_fail_from) {
        return NULL;
    }
    openssl_live += !p;
    return realloc(p, size);
}

static void counting_free(void *p, const char *file, int line) {
    openssl_live -= p != NULL;
    free(p);
}

static const enum dtls_srtp_profile profiles[] = {DTLS_SRTP_AEAD_AES_128_GCM,
                                                  DTLS_SRTP_AES128_CM_HMAC_SHA1_80};

static enum status open_and_close(enum dtls_srtp_profile profile) {
    struct dtls_srtp keys = packet_keys(profile);
    struct srtp_session *s;
    enum status status = srtp_session_create(&keys, &s);
    if (status == STATUS_OK) {
        srtp_session_destroy(s);
    }
    return status;
}

static void a_session_without_memory_of_openssl_is_refused(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        assert_int_equal(open_and_close(profiles[p]), STATUS_OK); /* what OpenSSL makes only once */
        uint64_t live = openssl_live;
        enum status status = STATUS_NO_MEMORY;
        uint64_t nth = 1;
        for (; status != STATUS_OK; nth++) {
            openssl_fail_from = openssl_allocations + nth;
            status = open_and_close(profiles[p]);
            openssl_fail_from = UINT64_MAX;
            assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
            assert_int_equal(openssl_live, live);
        }
        assert_true(nth > 8);
    }
}

static void packets_allocate_nothing(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct dtls_srtp keys = packet_keys(profiles[p]), peer = packet_keys_of_peer(profiles[p]);
        struct srtp_session *a, *b;
        assert_int_equal(srtp_session_create(&keys, &a), STATUS_OK);
        assert_int_equal(srtp_session_create(&peer, &b), STATUS_OK);
        assert_int_equal(srtp_sender_add(a, 9), STATUS_OK);
        struct packet_maker m = {.seed = 9};
        uint64_t before = 0;
        for (uint16_t i = 0; i < 1000; i++) {
            uint8_t packet[PACKET_BYTES_MAX];
            size_t len = packet_rtp(&m, 9, i, packet);
            assert_int_equal(srtp_seal(a, packet, len, sizeof packet, &len), STATUS_OK);
            assert_int_equal(srtp_open(b, packet, len, &len), STATUS_OK);
            len = packet_rtcp(&m, 9, packet);
            assert_int_equal(srtcp_seal(a, packet, len, sizeof packet, &len), STATUS_OK);
            assert_int_equal(srtcp_open(b, packet, len, &len), STATUS_OK);
            assert_true(i == 0 || openssl_allocations == before);
            before = openssl_allocations;
#ifdef STOA_MEM_FAULTS
            mem_fail_from(1); /* from the second packet of an SSRC on */
#endif
        }
#ifdef STOA_MEM_FAULTS
        mem_fail_never();
#endif
        print_message("# allocations of one session: %llu by OpenSSL in all\n",
                      (unsigned long long)openssl_allocations);
        srtp_session_destroy(a);
        srtp_session_destroy(b);
    }
}

#ifdef STOA_MEM_FAULTS
static void a_session_without_memory_of_ours_is_refused(void **state) {
    uint64_t live = mem_live_blocks();
    mem_fail_from(1);
    enum status status = open_and_close(DTLS_SRTP_AEAD_AES_128_GCM);
    mem_fail_never();
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_int_equal(mem_live_blocks(), live);
}

/* A stream that finds no memory is refused, the others go on, and it comes in with its next. */
static void a_new_stream_without_memory_is_refused(void **state) {
    struct dtls_srtp keys = packet_keys(profiles[0]), peer = packet_keys_of_peer(profiles[0]);
    struct srtp_session *a, *b;
    struct packet_maker m = {.seed = 4};
    uint64_t live = mem_live_blocks();
    assert_int_equal(srtp_session_create(&keys, &a), STATUS_OK);
    assert_int_equal(srtp_session_create(&peer, &b), STATUS_OK);
    uint32_t refused_senders = 0, refused_receivers = 0;
    for (uint32_t ssrc = 0; ssrc < 50; ssrc++) {
        mem_fail_from(1);
        enum status status = srtp_sender_add(a, ssrc);
        mem_fail_never();
        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_NO_MEMORY);
            refused_senders++;
            assert_int_equal(srtp_sender_add(a, ssrc), STATUS_OK);
        }
        for (uint16_t nth = 0; nth < 2; nth++) {
            uint8_t packet[PACKET_BYTES_MAX];
            size_t len = packet_rtp(&m, ssrc, nth, packet);
            assert_int_equal(srtp_seal(a, packet, len, sizeof packet, &len), STATUS_OK);
            if (nth == 0) {
                mem_fail_from(1);
            }
            status = srtp_open(b, packet, len, &len);
            mem_fail_never();
            refused_receivers += status == STATUS_NO_MEMORY;
            assert_true(status == STATUS_OK || (nth == 0 && status == STATUS_NO_MEMORY));
        }
    }
    assert_int_equal(refused_senders, 6); /* places 4, 8, ... 128 */
    assert_int_equal(refused_receivers, 6);
    srtp_session_destroy(a);
    srtp_session_destroy(b);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_without_memory_of_openssl_is_refused),
        cmocka_unit_test(packets_allocate_nothing),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(a_session_without_memory_of_ours_is_refused),
        cmocka_unit_test(a_new_stream_without_memory_is_refused),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
