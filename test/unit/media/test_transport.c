/* Checks, handshakes and moves of a transport, with a real client over loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"
#include "mem.h"

struct call { /* a client and its transport */
    struct client client;
    struct client_server server;
    uint64_t transport;
};

static void call_init(struct fixture *f, struct call *c) {
    c->transport = fixture_open(f, false, &c->server);
    client_init(&c->client, &c->server);
}

static void call_set_remote(struct fixture *f, struct call *c) {
    fixture_set_remote(f, c->transport, c->client.ufrag, c->client.pwd, c->client.fingerprint,
                       false);
}

static void call_connect(struct fixture *f, struct call *c) {
    call_init(f, c);
    call_set_remote(f, c);
    assert_true(client_connect(&c->client));
    assert_true(c->client.connected);
    (void)fixture_expect(f, MEDIA_CONNECTED, c->transport);
}

/* Checks until the server answered once more; by then what was sent before was handled too. */
static void check_until_answered(struct client *c, uint32_t how) {
    uint32_t before = c->answers;
    for (int i = 0; i < 500 && c->answers == before; i++) {
        client_check(c, how);
        (void)client_pump(c, 20);
    }
    assert_true(c->answers > before);
}

static void test_connects(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_connect(&f, &c);
    assert_int_equal(c.client.mapped.family, STUN_IPV4);
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(c.client.fd, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(c.client.mapped.port, ntohs(own.sin_port));
    assert_memory_equal(c.client.mapped.ip, &own.sin_addr, 4);
    X509 *certificate = SSL_get1_peer_certificate(c.client.ssl);
    uint8_t digest[32];
    unsigned size = sizeof digest;
    assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &size), 1);
    assert_memory_equal(digest, media_fingerprint(f.media), 32);
    X509_free(certificate);
    assert_non_null(SSL_get_selected_srtp_profile(c.client.ssl));
    assert_int_equal(fixture_metric(&f, dtls_connected), 1);
    assert_int_equal(fixture_metric(&f, transports), 1);
    assert_true(media_close(f.media, c.transport));
    assert_true(media_close(f.media, c.transport)); /* unknown by now: nothing to do */
    for (int i = 0; i < 500 && fixture_metric(&f, transports) > 0; i++) {
        usleep(10000);
    }
    assert_int_equal(fixture_metric(&f, transports), 0);
    assert_false(fixture_has_event(&f)); /* control asked for it: it is told nothing */
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_bad_checks_get_silence(void **state) {
    (void)state;
    struct fixture f;
    struct call good, bad;
    fixture_init(&f, 1, 0, 0);
    call_init(&f, &bad);
    call_init(&f, &good);
    check_until_answered(&good.client, 0); /* both transports are known by now */
    uint64_t unknown = fixture_metric(&f, stun_unknown_ufrag);
    client_check(&bad.client, CHECK_BAD_PWD);
    client_check(&bad.client, CHECK_BAD_UFRAG);
    client_check(&bad.client, CHECK_NO_FINGERPRINT);
    client_send_raw(&bad.client,
                    "\0\1\0\0\x21\x12\xa4\x42"
                    "123456789012345",
                    23);
    check_until_answered(&good.client, 0);
    assert_int_equal(fixture_metric(&f, stun_bad_integrity), 1);
    assert_int_equal(fixture_metric(&f, stun_unknown_ufrag), unknown + 1);
    assert_int_equal(fixture_metric(&f, stun_refused), 1);
    assert_int_equal(fixture_metric(&f, stun_malformed), 1);
    assert_true(fixture_metric(&f, stun_ok) >= good.client.answers);
    assert_false(client_pump(&bad.client, 50));
    client_deinit(&good.client);
    client_deinit(&bad.client);
    fixture_deinit(&f);
}

static void test_authentic_but_wrong_checks_get_errors(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_init(&f, &c);
    check_until_answered(&c.client, 0);
    client_check(&c.client, CHECK_UNKNOWN_ATTRIBUTE);
    for (int i = 0; i < 100 && c.client.errors < 1; i++) {
        (void)client_pump(&c.client, 100);
    }
    assert_int_equal(c.client.errors, 1);
    client_check(&c.client, CHECK_AS_CONTROLLED);
    for (int i = 0; i < 100 && c.client.errors < 2; i++) {
        (void)client_pump(&c.client, 100);
    }
    assert_int_equal(c.client.errors, 2);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_unchecked_dtls_gets_silence(void **state) {
    (void)state;
    struct fixture f;
    struct call c, other;
    fixture_init(&f, 1, 0, 0);
    call_init(&f, &c);
    call_init(&f, &other);
    call_set_remote(&f, &c);
    client_start_dtls(&c.client);
    check_until_answered(&other.client, 0);
    assert_true(fixture_metric(&f, dtls_unchecked) >= 1);
    assert_int_equal(c.client.dtls_datagrams, 0);
    assert_false(client_pump(&c.client, 50));
    /* The same client once it has shown that it knows the password. */
    check_until_answered(&c.client, CHECK_NOMINATES);
    assert_true(client_connect(&c.client));
    assert_true(c.client.connected);
    client_deinit(&c.client);
    client_deinit(&other.client);
    fixture_deinit(&f);
}

static void test_wrong_fingerprint_fails(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_init(&f, &c);
    uint8_t wrong[32];
    memcpy(wrong, c.client.fingerprint, sizeof wrong);
    wrong[31] ^= 1;
    fixture_set_remote(&f, c.transport, c.client.ufrag, c.client.pwd, wrong, false);
    assert_true(client_connect(&c.client));
    struct media_event e = fixture_expect(&f, MEDIA_FAILED, c.transport);
    assert_int_equal(e.reason, STATUS_DENIED);
    assert_int_equal(fixture_metric(&f, dtls_failed_fingerprint), 1);
    assert_int_equal(fixture_metric(&f, dtls_connected), 0);
    assert_int_equal(fixture_metric(&f, transports), 0);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_answer_may_come_after_the_first_flight(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_init(&f, &c);
    check_until_answered(&c.client, CHECK_NOMINATES);
    client_start_dtls(&c.client);
    check_until_answered(&c.client, CHECK_NOMINATES); /* the flight is in by now */
    assert_int_equal(c.client.dtls_datagrams, 0);
    call_set_remote(&f, &c);
    assert_true(client_connect(&c.client));
    assert_true(c.client.connected);
    (void)fixture_expect(&f, MEDIA_CONNECTED, c.transport);
    /* A certificate that changes later ends it. */
    uint8_t other[32] = {1};
    fixture_set_remote(&f, c.transport, c.client.ufrag, c.client.pwd, other, false);
    assert_int_equal(fixture_expect(&f, MEDIA_FAILED, c.transport).reason, STATUS_DENIED);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_address_moves_only_with_an_echo(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_connect(&f, &c);
    client_rebind(&c.client);
    c.client.ignores_checks = true;
    check_until_answered(&c.client, 0);
    assert_int_equal(c.client.server_checks, 0); /* not nominated: no reason to ask */
    check_until_answered(&c.client, CHECK_NOMINATES);
    for (int i = 0; i < 500 && fixture_metric(&f, address_changes_refused) == 0; i++) {
        (void)client_pump(&c.client, 20);
    }
    assert_int_equal(fixture_metric(&f, address_changes_refused), 1);
    assert_int_equal(fixture_metric(&f, address_changes), 0);
    assert_int_equal(c.client.server_checks, 7); /* a bounded number of checks of ours */
    c.client.ignores_checks = false;
    check_until_answered(&c.client, CHECK_NOMINATES);
    for (int i = 0; i < 500 && fixture_metric(&f, address_changes) == 0; i++) {
        (void)client_pump(&c.client, 20);
    }
    assert_int_equal(fixture_metric(&f, address_changes), 1);
    assert_true(fixture_metric(&f, stun_echoes_ok) >= 1);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_echoes_that_prove_nothing(void **state) {
    (void)state;
    struct fixture f;
    struct call c, stranger;
    fixture_init(&f, 1, 0, 0);
    call_connect(&f, &c);
    call_init(&f, &stranger);
    /* An answer nobody asked for, from a known and from an unknown address. */
    struct stun_message m;
    const struct stun_address mapped = {.family = STUN_IPV4, .port = 1};
    stun_write_success(&m, c.client.transaction, &mapped);
    uint8_t mac[STUN_MAC_BYTES];
    struct slice input = stun_seal_input(&m);
    assert_int_equal(hmac_sign(c.client.own_key, &input, 1, mac), STATUS_OK);
    stun_seal(&m, mac);
    client_send_raw(&c.client, m.data, m.len);
    client_send_raw(&stranger.client, m.data, m.len);
    fixture_await(&f, stun_echoes_bad, 2);
    assert_int_equal(fixture_metric(&f, stun_echoes_ok), 0);
    client_deinit(&c.client);
    client_deinit(&stranger.client);
    fixture_deinit(&f);
}

static void test_restart(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    call_connect(&f, &c);
    assert_true(
        media_restart(f.media, c.transport, "restarted0000001", "anotherpassword123456789"));
    check_until_answered(&c.client, 0); /* the old ones are still good */
    client_use(&c.client, "restarted0000001", "anotherpassword123456789");
    check_until_answered(&c.client, CHECK_NOMINATES);
    uint32_t answers = c.client.answers;
    uint64_t unknown = fixture_metric(&f, stun_unknown_ufrag);
    client_use(&c.client, c.server.ufrag, c.server.pwd);
    client_check(&c.client, 0);
    fixture_await(&f, stun_unknown_ufrag, unknown + 1); /* and are not any more */
    assert_int_equal(c.client.answers, answers);
    assert_false(fixture_has_event(&f));
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_silence_ends_it(void **state) {
    (void)state;
    struct fixture f;
    struct call connected, checked;
    fixture_init(&f, 1, 1500, 0);
    call_connect(&f, &connected);
    (void)fixture_expect(&f, MEDIA_SILENT, connected.transport);
    (void)fixture_expect(&f, MEDIA_DISCONNECTED, connected.transport);
    call_init(&f, &checked);
    check_until_answered(&checked.client, 0);
    (void)fixture_expect(&f, MEDIA_DISCONNECTED, checked.transport);
    assert_int_equal(fixture_metric(&f, transports_timed_out), 2);
    assert_int_equal(fixture_metric(&f, transports), 0);
    client_deinit(&connected.client);
    client_deinit(&checked.client);
    fixture_deinit(&f);
}

/* Silent, but not gone: a check alone brings nothing back, its echo does. */
static void test_T27_who_was_silent_comes_back(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 1500, 0);
    call_connect(&f, &c);
    (void)fixture_expect(&f, MEDIA_SILENT, c.transport);
    assert_int_equal(fixture_metric(&f, transports_silent), 1);
    assert_true(
        media_restart(f.media, c.transport, "restarted0000001", "anotherpassword123456789"));
    client_rebind(&c.client);
    client_use(&c.client, "restarted0000001", "anotherpassword123456789");
    uint64_t echoes = fixture_metric(&f, stun_echoes_ok);
    check_until_answered(&c.client, CHECK_NOMINATES);
    for (int i = 0; i < 100 && fixture_metric(&f, stun_echoes_ok) == echoes; i++) {
        (void)client_pump(&c.client, 20);
    }
    for (int i = 0; i < 10; i++) { /* longer than it may be silent */
        client_check(&c.client, 0);
        (void)client_pump(&c.client, 200);
    }
    assert_false(fixture_has_event(&f));
    assert_int_equal(fixture_metric(&f, transports), 1);
    (void)fixture_expect(&f, MEDIA_SILENT, c.transport); /* and again */
    (void)fixture_expect(&f, MEDIA_DISCONNECTED, c.transport);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_handshake_has_a_deadline(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 300);
    call_init(&f, &c);
    call_set_remote(&f, &c);
    for (int i = 0; i < 500 && !fixture_has_event(&f); i++) {
        client_check(&c.client, 0);
        (void)client_pump(&c.client, 20);
    }
    struct media_event e = fixture_expect(&f, MEDIA_FAILED, c.transport);
    assert_int_equal(e.reason, STATUS_TIMEOUT);
    assert_int_equal(fixture_metric(&f, dtls_failed_timeout), 1);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_addresses_in_use_are_not_taken_over(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    struct client_server thief;
    fixture_init(&f, 1, 0, 0);
    call_connect(&f, &c);
    (void)fixture_open(&f, false, &thief);
    client_use(&c.client, thief.ufrag, thief.pwd); /* from the address of the first transport */
    uint32_t answers = c.client.answers;
    for (int i = 0; i < 500 && fixture_metric(&f, stun_refused) == 0; i++) {
        client_check(&c.client, CHECK_NOMINATES);
        (void)client_pump(&c.client, 20);
    }
    assert_true(fixture_metric(&f, stun_refused) >= 1);
    assert_int_equal(c.client.answers, answers);
    assert_false(fixture_has_event(&f));
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_ipv6(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 0, 0);
    c.transport = fixture_open(&f, false, &c.server);
    c.server.v6 = true;
    int probe = socket(AF_INET6, SOCK_DGRAM, 0);
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = probe >= 0 && bind(probe, (const void *)&loopback, sizeof loopback) == 0;
    close(probe);
    if (has_v6) {
        client_init(&c.client, &c.server);
        call_set_remote(&f, &c);
        assert_true(client_connect(&c.client));
        assert_true(c.client.connected);
        assert_int_equal(c.client.mapped.family, STUN_IPV6);
        client_deinit(&c.client);
    }
    fixture_deinit(&f);
}

/* A mailbox that is full delays what control is told; nothing is lost or out of order. */
static void test_events_wait_for_room(void **state) {
    (void)state;
    struct fixture f;
    struct call c;
    fixture_init(&f, 1, 1500, 0);
    const struct media_event filler = {.kind = MEDIA_DATA_OPEN, .transport = 99};
    while (mailbox_push(f.to_control, &filler)) {
    }
    call_init(&f, &c);
    call_set_remote(&f, &c);
    assert_true(client_connect(&c.client));
    assert_true(c.client.connected);
    fixture_await(&f, media_mailbox_full, 1);
    fixture_await(&f, transports_timed_out, 1); /* it is gone before anybody knew that it was up */
    struct media_event e = filler;
    while (e.transport == filler.transport) {
        assert_true(mailbox_wait(f.to_control, 10000));
        assert_int_equal(mailbox_drain(f.to_control, &e, 1), 1);
    }
    assert_int_equal(e.kind, MEDIA_CONNECTED);
    assert_int_equal(e.transport, c.transport);
    (void)fixture_expect(&f, MEDIA_SILENT, c.transport);
    (void)fixture_expect(&f, MEDIA_DISCONNECTED, c.transport);
    client_deinit(&c.client);
    fixture_deinit(&f);
}

static void test_many_handshakes_at_once(void **state) {
    (void)state;
    enum { CALLS = 40 };
    struct fixture f;
    static struct call calls[CALLS];
    fixture_init(&f, 1, 0, 0);
    for (int i = 0; i < CALLS; i++) {
        call_init(&f, &calls[i]);
        call_set_remote(&f, &calls[i]);
        check_until_answered(&calls[i].client, CHECK_NOMINATES);
    }
    for (int i = 0; i < CALLS; i++) {
        client_start_dtls(&calls[i].client);
    }
    for (int i = 0; i < CALLS; i++) {
        assert_true(client_connect(&calls[i].client));
        assert_true(calls[i].client.connected);
    }
    assert_int_equal(fixture_metric(&f, dtls_connected), CALLS);
    assert_int_equal(fixture_metric(&f, dtls_queued), 0);
    for (int i = 0; i < CALLS; i++) {
        client_deinit(&calls[i].client);
    }
    fixture_deinit(&f); /* with all of them open */
}

static void test_bad_configurations(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, 1, 0, 0);
    struct media *m = NULL;
    struct media_config config = {.to_control = f.to_control};
    assert_int_equal(media_create(&config, &m), STATUS_INVALID); /* no workers */
    config.workers = 2;
    config.udp_port_first = config.udp_port_last = 40000;
    assert_int_equal(media_create(&config, &m), STATUS_INVALID); /* fewer ports than workers */
    fixture_deinit(&f);
    f.to_control = mailbox_create(sizeof(struct media_event), 8);
    config = (struct media_config){.to_control = f.to_control, .workers = 1};
    static const char *const ips[] = {"not an address"};
    config.node_ips = ips;
    config.node_ips_count = 1;
    assert_int_equal(media_create(&config, &m), STATUS_INVALID);
    assert_null(m);
    f.to_control = mailbox_destroy(f.to_control);
}

#ifdef STOA_MEM_FAULTS
/* Whatever allocation fails, creating fails whole or all is there; nothing leaks. */
static void test_without_memory(void **state) {
    (void)state;
    struct mailbox *to_control = mailbox_create(sizeof(struct media_event), 8);
    assert_non_null(to_control);
    const struct media_config config = {
        .workers = 2, .loopback_candidates = true, .to_control = to_control};
    const struct media_transport_open open = {.transport = 1, .ufrag = "abcd", .pwd = "efgh"};
    uint64_t before = mem_live_blocks();
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        struct media *m = NULL;
        mem_fail_from(nth);
        enum status s = media_create(&config, &m);
        bool opened = s == STATUS_OK && media_open(m, &open);
        mem_fail_never();
        done = opened;
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        m = media_destroy(m);
        assert_int_equal(mem_live_blocks(), before);
    }
    to_control = mailbox_destroy(to_control);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(test_without_memory),
#endif
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_bad_checks_get_silence),
        cmocka_unit_test(test_authentic_but_wrong_checks_get_errors),
        cmocka_unit_test(test_unchecked_dtls_gets_silence),
        cmocka_unit_test(test_wrong_fingerprint_fails),
        cmocka_unit_test(test_answer_may_come_after_the_first_flight),
        cmocka_unit_test(test_address_moves_only_with_an_echo),
        cmocka_unit_test(test_echoes_that_prove_nothing),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_silence_ends_it),
        cmocka_unit_test(test_T27_who_was_silent_comes_back),
        cmocka_unit_test(test_handshake_has_a_deadline),
        cmocka_unit_test(test_addresses_in_use_are_not_taken_over),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_events_wait_for_room),
        cmocka_unit_test(test_many_handshakes_at_once),
        cmocka_unit_test(test_bad_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
