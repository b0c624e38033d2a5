#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <string.h>

#include "dtls_client.h"
#include "mem.h"
#include "rng.h"

static void assert_keys_match(struct dtls_world *w, enum dtls_srtp_profile profile,
                              size_t salt_len) {
    struct dtls_srtp server, client;
    assert_int_equal(dtls_export_srtp(w->server, &server), STATUS_OK);
    assert_int_equal(server.profile, profile);
    assert_int_equal(server.salt_len, salt_len);
    world_export_client(w, salt_len, &client);
    assert_memory_equal(server.local_key, client.remote_key, 16);
    assert_memory_equal(server.remote_key, client.local_key, 16);
    assert_memory_equal(server.local_salt, client.remote_salt, salt_len);
    assert_memory_equal(server.remote_salt, client.local_salt, salt_len);
    assert_memory_not_equal(server.local_key, server.remote_key, 16);
}

static void the_right_fingerprint_connects_with_equal_keys(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    struct dtls_srtp keys;
    assert_int_equal(dtls_export_srtp(w->server, &keys), STATUS_PRECONDITION);
    assert_true(dtls_timeout_ms(w->server) == UINT64_MAX);
    assert_int_equal(world_run(w), STATUS_OK);
    assert_true(world_connected(w));
    assert_int_equal(dtls_reason(w->server), STATUS_OK);
    assert_true(dtls_timeout_ms(w->server) == UINT64_MAX);
    assert_int_equal(dtls_on_timeout(w->server), STATUS_OK);
    assert_keys_match(w, DTLS_SRTP_AEAD_AES_128_GCM, 12); /* ours first, though the client's last */
    assert_true(w->to_client.longest <= DTLS_DATAGRAM_BYTES_MAX);
    /* The client sees the certificate whose fingerprint we tell. */
    X509 *x = SSL_get1_peer_certificate(w->client);
    uint8_t shown[32];
    assert_int_equal(X509_digest(x, EVP_sha256(), shown, NULL), 1);
    assert_memory_equal(shown, dtls_identity_fingerprint(w->identity), sizeof shown);
    X509_free(x);
    world_destroy(w);
}

static void profiles_are_negotiated(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){.srtp = "SRTP_AES128_CM_SHA1_80"});
    assert_true(world_connect(w, 0));
    assert_keys_match(w, DTLS_SRTP_AES128_CM_HMAC_SHA1_80, 14);
    world_destroy(w);
    /* Without SRTP, or without a profile of ours, data passes and there are no keys. */
    static const struct world_options without[] = {{.no_srtp = true},
                                                   {.srtp = "SRTP_AEAD_AES_256_GCM"}};
    for (size_t i = 0; i < ARRAY_LEN(without); i++) {
        struct dtls_srtp keys;
        w = world_create(&without[i]);
        assert_true(world_connect(w, 0));
        assert_int_equal(dtls_export_srtp(w->server, &keys), STATUS_NOT_FOUND);
        world_destroy(w);
    }
}

static void another_certificate_is_denied(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){.wrong_fingerprint = true});
    assert_int_equal(world_run(w), STATUS_DENIED);
    assert_int_equal(dtls_state(w->server), DTLS_FAILED);
    assert_int_equal(dtls_reason(w->server), STATUS_DENIED);
    assert_false(SSL_is_init_finished(w->client)); /* the alert has reached it */
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len;
    struct dtls_srtp keys;
    assert_int_equal(dtls_feed(w->server, SLICE_LIT("x")), STATUS_DENIED); /* and stays so */
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_DENIED);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_DENIED);
    assert_int_equal(dtls_on_timeout(w->server), STATUS_DENIED);
    assert_int_equal(dtls_export_srtp(w->server, &keys), STATUS_PRECONDITION);
    assert_true(dtls_timeout_ms(w->server) == UINT64_MAX);
    dtls_shutdown(w->server);
    assert_int_equal(dtls_reason(w->server), STATUS_DENIED);
    world_destroy(w);
}

static void no_certificate_is_refused(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){.no_certificate = true});
    assert_int_equal(world_run(w), STATUS_MALFORMED);
    assert_int_equal(dtls_state(w->server), DTLS_FAILED);
    assert_int_equal(ERR_peek_error(), 0);
    world_destroy(w);
}

static void without_a_fingerprint_nothing_is_answered(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){.no_fingerprint = true});
    assert_int_equal(world_run(w), STATUS_UNAVAILABLE);
    assert_int_equal(w->to_client.sent, 0);
    const uint8_t *fingerprint = w->certificate.fingerprint;
    assert_int_equal(dtls_set_remote_fingerprint(w->server, fingerprint), STATUS_OK);
    assert_int_equal(dtls_set_remote_fingerprint(w->server, fingerprint), STATUS_OK);
    uint8_t other[DTLS_FINGERPRINT_BYTES] = {0};
    assert_int_equal(dtls_set_remote_fingerprint(w->server, other), STATUS_PRECONDITION);
    assert_true(world_connect(w, 1000)); /* the client repeats itself */
    world_destroy(w);
}

static void other_clients_are_understood(void **state) {
    static const struct world_options clients[] = {{.rsa_bits = 2048}, {.client_mtu = 300}};
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        struct dtls_world *w = world_create(&clients[i]);
        assert_true(world_connect(w, 0));
        if (clients[i].client_mtu) { /* its messages came in fragments */
            assert_true(w->to_server.longest <= 300);
            assert_true(w->to_server.sent > 2); /* its two flights */
        }
        world_destroy(w);
    }
}

static void each_datagram_may_be_lost(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){.client_mtu = 300});
    assert_true(world_connect(w, 0));
    size_t to_server = w->to_server.sent, to_client = w->to_client.sent;
    assert_true(to_server > 2 && to_client >= 2);
    world_destroy(w);
    for (size_t nth = 0; nth < to_server + to_client; nth++) {
        w = world_create(&(struct world_options){.client_mtu = 300});
        w->lose_to_server = nth < to_server ? 1ull << nth : 0;
        w->lose_to_client = nth < to_server ? 0 : 1ull << (nth - to_server);
        assert_true(world_connect(w, 5000));
        assert_keys_match(w, DTLS_SRTP_AEAD_AES_128_GCM, 12);
        world_destroy(w);
    }
}

static void repeated_datagrams_do_no_harm(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    w->repeat = true;
    assert_true(world_connect(w, 1000));
    assert_keys_match(w, DTLS_SRTP_AEAD_AES_128_GCM, 12);
    world_destroy(w);
}

/* The client's first message arrives; then nothing more of it. */
static void resends_come_later_and_later_and_end(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    uint8_t hello[WIRE_BYTES_MAX], out[DTLS_DATAGRAM_BYTES_MAX];
    (void)SSL_do_handshake(w->client);
    size_t len = wire_take(&w->to_server, hello);
    assert_int_equal(dtls_feed(w->server, slice_of(hello, len)), STATUS_OK);
    assert_true(dtls_next_out(w->server, out) > 0);
    uint64_t expected_ms = DTLS_RETRANSMIT_FIRST_MS, total_ms = 0;
    size_t resends = 0;
    enum status s;
    for (;; resends++) {
        assert_int_equal(dtls_next_out(w->server, out), 0);
        uint64_t left_ms = dtls_timeout_ms(w->server);
        assert_int_equal(left_ms, expected_ms);
        assert_int_equal(dtls_on_timeout(w->server), STATUS_OK); /* early: nothing */
        assert_int_equal(dtls_next_out(w->server, out), 0);
        s = world_sleep_ms(w, left_ms);
        total_ms += left_ms;
        if (s != STATUS_OK) {
            break;
        }
        assert_true(w->to_client.sent > resends);
        expected_ms = MIN(expected_ms * 2, (uint64_t)DTLS_RETRANSMIT_MAX_MS);
    }
    assert_int_equal(s, STATUS_TIMEOUT);
    assert_int_equal(dtls_reason(w->server), STATUS_TIMEOUT);
    assert_int_equal(resends, 12);
    assert_true(total_ms > 50 * 1000 && total_ms < 90 * 1000);
    world_destroy(w);
}

static void spoil(struct rng *r, uint8_t *datagram, size_t len) {
    datagram[rng_below(r, len)] ^= (uint8_t)(1 + rng_below(r, 255));
}

static void feed_garbage(struct dtls_world *w, struct rng *r, int count) {
    for (int i = 0; i < count; i++) {
        uint8_t garbage[DTLS_IN_BYTES_MAX + 10];
        size_t len = rng_below(r, sizeof garbage);
        rng_bytes(r, garbage, len);
        if (i % 2 && len > 13) { /* with a head that looks right, length and all */
            static const uint8_t head[] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0};
            memcpy(garbage, head, sizeof head);
            garbage[0] = (uint8_t)(23 + i % 3);
            garbage[11] = (uint8_t)((len - 13) >> 8);
            garbage[12] = (uint8_t)(len - 13);
        }
        enum status s = dtls_feed(w->server, slice_of(garbage, len));
        assert_int_equal(s, dtls_reason(w->server));
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void garbage_is_dropped(void **state) {
    static const uint8_t key[32] = {7};
    struct rng r;
    rng_init(&r, key);
    struct dtls_world *w = world_create(&(struct world_options){0});
    for (int i = 0; i < 500; i++) { /* bytes that are no records at all */
        uint8_t garbage[600];
        size_t len = rng_below(&r, sizeof garbage);
        rng_bytes(&r, garbage, len);
        garbage[0] |= 0x80; /* SRTP's half of the first byte: no content type of DTLS */
        assert_int_equal(dtls_feed(w->server, slice_of(garbage, len)), STATUS_OK);
    }
    assert_int_equal(dtls_next_out(w->server, (uint8_t[DTLS_DATAGRAM_BYTES_MAX]){0}), 0);
    assert_true(world_connect(w, 0));
    /* Once keys are agreed, nothing without them counts. */
    feed_garbage(w, &r, 2000);
    assert_int_equal(dtls_state(w->server), DTLS_CONNECTED);
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len = 0;
    assert_int_equal(SSL_write(w->client, "still here", 10), 10);
    assert_int_equal(world_run(w), STATUS_OK);
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_OK);
    assert_int_equal(len, 10);
    world_destroy(w);
}

/* Spoilt handshakes may fail or go on; neither may they harm the process or succeed wrongly. */
static void spoilt_handshakes_end_in_order(void **state) {
    static const uint8_t key[32] = {8};
    struct rng r;
    rng_init(&r, key);
    for (int round = 0; round < 60; round++) {
        struct dtls_world *w = world_create(&(struct world_options){0});
        uint8_t datagram[WIRE_BYTES_MAX];
        for (int turn = 0; turn < 6; turn++) {
            (void)SSL_do_handshake(w->client);
            ERR_clear_error();
            size_t len;
            while ((len = wire_take(&w->to_server, datagram)) > 0) {
                if (rng_below(&r, 3) == 0) {
                    spoil(&r, datagram, len);
                }
                enum status s = dtls_feed(w->server, slice_of(datagram, len));
                assert_int_equal(s, dtls_reason(w->server));
            }
            feed_garbage(w, &r, 3);
            world_collect(w);
        }
        enum status reason = dtls_reason(w->server);
        assert_true(reason == STATUS_OK || reason == STATUS_MALFORMED || reason == STATUS_DENIED ||
                    reason == STATUS_CLOSED);
        world_destroy(w);
    }
}

#ifdef STOA_MEM_FAULTS
/* Without memory for its datagrams the server is a network that loses all; with memory again the
 * timers make it good. */
static void each_allocation_may_fail(void **state) {
    uint64_t before = mem_live_blocks();
    bool undisturbed = false;
    for (uint64_t nth = 1; !undisturbed; nth++) {
        assert_true(nth < 40);
        mem_fail_from(nth);
        struct dtls_world *w = world_create(&(struct world_options){0});
        undisturbed = w && world_connect(w, 0);
        assert_true(!w || undisturbed == (dtls_out_lost(w->server) == 0));
        mem_fail_never();
        if (w) {
            assert_true(world_connect(w, 5000));
            world_destroy(w);
        }
        assert_int_equal(mem_live_blocks(), before);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_fingerprint_connects_with_equal_keys),
        cmocka_unit_test(profiles_are_negotiated),
        cmocka_unit_test(another_certificate_is_denied),
        cmocka_unit_test(no_certificate_is_refused),
        cmocka_unit_test(without_a_fingerprint_nothing_is_answered),
        cmocka_unit_test(other_clients_are_understood),
        cmocka_unit_test(each_datagram_may_be_lost),
        cmocka_unit_test(repeated_datagrams_do_no_harm),
        cmocka_unit_test(resends_come_later_and_later_and_end),
        cmocka_unit_test(garbage_is_dropped),
        cmocka_unit_test(spoilt_handshakes_end_in_order),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
