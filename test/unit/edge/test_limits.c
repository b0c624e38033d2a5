#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "kit.h"

#define LIST "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define CALL LIST JSON_TYPE "Content-Length: 2\r\n\r\n{}"
#define REFUSED(reason) "stoa_edge_refused_total{reason=\"" reason "\"}"

static struct kit kit;

static int set_up(void **state) {
    kit_init(&kit, state);
    return 0;
}

static int tear_down(void **state) {
    kit_stop(&kit);
    return 0;
}

static void send_token_call(struct client *c) {
    char *token = kit_token(KIT_ADMIN);
    client_put(c, LIST JSON_TYPE "Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}", token);
    free(token);
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Sends byte after byte until the server hangs up. */
static void trickle_until_closed(struct client *c, const char *text) {
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    client_put(c, "%s", text);
    while (client_try_send(c, "x", 1)) {
        assert_true(clock_mono_ms() < until);
        pause_ms(5);
    }
    client_close(c);
}

static void a_request_has_a_deadline_from_its_first_byte(void **state) {
    kit.config.limits.request_ms = 60;
    kit.config.limits.linger_ms = 1;
    kit_start(&kit);
    struct client c = client_open(&kit);
    trickle_until_closed(&c, "GET / HTTP/1.1\r\nHost: a\r\nA: ");
    c = client_open(&kit);
    trickle_until_closed(&c, LIST JSON_TYPE "Content-Length: 100000\r\n\r\n");
    c = client_open(&kit);
    client_put(&c, LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\nff\r\n");
    client_expect_end(&c);
    assert_int_equal(kit_metric(&kit, REFUSED("request_timeout")), 3);
    assert_int_equal(kit_metric(&kit, "stoa_http_answers_total"), 1); /* the look before */
    kit_expect_no_message(&kit);
}

static void a_second_request_has_its_own_deadline(void **state) {
    kit.config.limits.request_ms = 60;
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&c, 406, NULL);
    client_expect_silence(&c, 100); /* idle: another bound, and a longer one */
    client_put(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\nG");
    expect_answer(&c, 406, NULL);
    client_expect_end(&c);
    assert_int_equal(kit_metric(&kit, REFUSED("request_timeout")), 1);
}

static void idle_connections_are_closed(void **state) {
    kit.config.limits.idle_ms = 30;
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&c, 406, NULL);
    client_expect_end(&c);
    assert_int_equal(kit_metric(&kit, REFUSED("idle")), 1);
}

static void a_silent_newcomer_is_closed(void **state) {
    kit.config.limits.request_ms = 30;
    kit_start(&kit);
    struct client c = client_open_at(edge_port(kit.edge), false);
    client_expect_end(&c); /* with TLS: a handshake that never begins */
    assert_int_equal(kit_metric(&kit, kit.tls ? REFUSED("request_timeout") : REFUSED("idle")), 1);
}

static void a_slow_reader_of_a_large_answer_is_closed(void **state) {
    enum { LARGE = 8 << 20 };
    kit.config.limits.write_ms = 60;
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, CALL CALL);
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    char *large = calloc(1, LARGE);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, slice_of(large, LARGE)));
    edge_msg_free(m);
    free(large);
    kit_wait_metric(&kit, REFUSED("slow_reader"), 1);
    kit_expect_no_message(&kit); /* the pipelined call was never taken */
    client_close(&c);
}

/* Taking a little now and then does not help. */
static void a_trickling_reader_is_closed(void **state) {
    enum { LARGE = 8 << 20 };
    kit.config.limits.write_ms = 60;
    kit.config.limits.write_bytes_min = 4 << 20;
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, CALL);
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    char *large = calloc(1, LARGE);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, slice_of(large, LARGE)));
    edge_msg_free(m);
    free(large);
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    while (kit_metric(&kit, REFUSED("slow_reader")) == 0) {
        assert_true(clock_mono_ms() < until);
        char some[1024];
        (void)!recv(c.fd, some, sizeof(some), MSG_DONTWAIT);
        pause_ms(2);
    }
    client_close(&c);
}

static void control_that_does_not_answer_is_not_waited_for(void **state) {
    kit.config.limits.answer_ms = 30;
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, CALL);
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    expect_answer(&c, 503, "{\"code\":\"unavailable\",\"msg\":\"the server is overloaded\"}");
    client_expect_end(&c);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    edge_msg_free(m);
    c = client_open(&kit);
    uint64_t handle = client_ask_join(&kit, &c, "sdk=js");
    expect_answer(&c, 503, "the server is overloaded");
    client_expect_end(&c);
    m = kit_next(&kit, EDGE_CLOSED);
    assert_true(m->conn == handle);
    edge_msg_free(m);
    assert_true(edge_upgrade(kit.edge, handle)); /* too late */
    assert_int_equal(kit_metric(&kit, REFUSED("answer_timeout")), 2);
    kit_expect_no_message(&kit);
}

/* Half of the mailbox is for calls, three quarters for joins, the rest for those who are in. */
static void a_full_mailbox_is_answered_with_503(void **state) {
    kit.config.limits.control_items = 8;
    kit_start(&kit);
    struct client joined = client_open(&kit), c[8], join;
    (void)client_join(&kit, &joined);
    for (int i = 0; i < 4; i++) {
        c[i] = client_open(&kit);
        client_put(&c[i], CALL);
        while (mailbox_count(kit.to_control) < (size_t)i + 1) {
            pause_ms(1);
        }
    }
    c[4] = client_open(&kit);
    client_put(&c[4], CALL);
    expect_answer(&c[4], 503, "{\"code\":\"unavailable\",\"msg\":\"the server is overloaded\"}");
    client_frame(&joined, 0x82, "", 0);
    while (mailbox_count(kit.to_control) < 5) {
        pause_ms(1);
    }
    for (int i = 0; i < 4; i++) {
        kit_answer_call(&kit, "{}");
        expect_answer(&c[i], 200, "{}");
    }
    edge_msg_free(kit_next(&kit, EDGE_SIGNAL));
    client_put(&c[4], CALL); /* its connection was kept */
    kit_answer_call(&kit, "{}");
    expect_answer(&c[4], 200, "{}");
    join = client_open(&kit);
    (void)client_join(&kit, &join);
    assert_int_equal(kit_metric(&kit, REFUSED("control_full")), 1);
    for (int i = 0; i < 5; i++) {
        client_close(&c[i]);
    }
    client_close(&join);
    client_close(&joined);
}

/* Closes are kept until there is room, and nothing else gets in before them. */
static void closes_survive_a_full_mailbox(void **state) {
    kit_start(&kit);
    struct client c[8];
    uint64_t handles[8];
    for (int i = 0; i < 8; i++) {
        c[i] = client_open(&kit);
        handles[i] = client_join(&kit, &c[i]);
    }
    while (mailbox_push(kit.to_control, &(struct edge_msg *){NULL})) {
    }
    for (int i = 0; i < 8; i++) {
        client_close(&c[i]);
    }
    pause_ms(50);
    struct client call = client_open(&kit);
    send_token_call(&call);
    expect_answer(&call, 503, NULL);
    struct edge_msg *m = NULL;
    for (int i = 0; i < KIT_MESSAGES; i++) {
        assert_int_equal(mailbox_drain(kit.to_control, &m, 1), 1);
        assert_null(m);
    }
    uint32_t seen = 0;
    for (int i = 0; i < 8; i++) {
        m = kit_next(&kit, EDGE_CLOSED);
        for (int j = 0; j < 8; j++) {
            seen += handles[j] == m->conn ? 1u << (4 * j) : 0;
        }
        edge_msg_free(m);
    }
    assert_int_equal(seen, 0x11111111); /* each once */
    kit_expect_no_message(&kit);
    client_close(&call);
}

static void strangers_make_room_for_newcomers(void **state) {
    enum { STRANGERS = 8 };
    kit.config.limits.strangers_max = STRANGERS;
    kit_start(&kit);
    struct client known = client_open(&kit), c[STRANGERS];
    send_token_call(&known);
    kit_answer_call(&kit, "{}");
    expect_answer(&known, 200, "{}");
    for (int i = 0; i < STRANGERS; i++) {
        c[i] = client_open(&kit);
        client_put(&c[i], "GET / HTTP/1.1\r\n");
    }
    struct client newcomer = client_open(&kit);
    client_put(&newcomer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&newcomer, 406, NULL);
    client_expect_end(&c[0]); /* the oldest has gone */
    assert_int_equal(kit_metric(&kit, REFUSED("strangers")), 1);
    client_put(&c[1], "Host: a\r\n\r\n"); /* and no other */
    expect_answer(&c[1], 406, NULL);
    client_put(&known, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&known, 406, NULL);
    for (int i = 1; i < STRANGERS; i++) {
        client_close(&c[i]);
    }
    client_close(&newcomer);
    client_close(&known);
}

/* Half-open requests make room before those who have asked something whole. */
/* The first flight of a client that speaks TLS. */
static size_t make_hello(uint8_t *out, size_t size) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *sent = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, sent);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(sent, out, (int)size);
    assert_true(len > 100);
    SSL_free(ssl);
    SSL_CTX_free(context);
    return (size_t)len;
}

static void a_hello_may_come_in_pieces(void **state) {
    uint8_t hello[4096];
    size_t len = make_hello(hello, sizeof(hello));
    static const size_t cuts[] = {1, 4, 5, 6, 60};
    kit_start(&kit);
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct client c = client_open_at(edge_port(kit.edge), false);
        client_send(&c, hello, cuts[i]);
        client_expect_silence(&c, 30);
        client_send(&c, hello + cuts[i], len - cuts[i] - 1);
        client_expect_silence(&c, 30);
        client_send(&c, hello + len - 1, 1);
        assert_true(client_more(&c));
        assert_int_equal((uint8_t)c.in[0], 22); /* the server's own */
        client_close(&c);
    }
}

static void a_hello_that_is_none_ends(void **state) {
    static const char *const begins[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff and more",
                                         "\x16\x03\x01\x02", "\x16"};
    kit_start(&kit);
    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        struct client c = client_open_at(edge_port(kit.edge), false);
        client_send(&c, begins[i], strlen(begins[i]));
        if (i >= 2) { /* these could go on, but do not */
            client_expect_silence(&c, 30);
            shutdown(c.fd, SHUT_WR);
        }
        client_expect_end(&c);
        client_close(&c);
    }
    kit_wait_metric(&kit, "stoa_edge_refused_total{reason=\"tls_handshake\"}", 4);
}

static void the_half_open_go_first(void **state) {
    kit.config.limits.strangers_max = 2;
    kit.config.limits.per_address_max = 2;
    kit_start(&kit);
    struct client asker = client_open(&kit);
    client_put(&asker, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&asker, 406, NULL);
    struct client before = client_open_at(edge_port(kit.edge), false);
    for (int i = 0; i < 200; i++) { /* more than are let in at once */
        struct client next = client_open_at(edge_port(kit.edge), false);
        client_expect_end(&before);
        before = next;
    }
    client_put(&asker, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&asker, 406, NULL);
    assert_int_equal(kit_metric(&kit, REFUSED("strangers")), 200);
    client_close(&before);
    client_close(&asker);
}

static void one_address_has_its_own_bound(void **state) {
    kit.config.limits.per_address_max = 1;
    kit_start(&kit);
    struct client a = client_open(&kit), b;
    client_put(&a, "GET / HTTP/1.1\r\n");
    b = client_open(&kit);
    client_expect_end(&a);
    send_token_call(&b);
    kit_answer_call(&kit, "{}");
    expect_answer(&b, 200, "{}");
    a = client_open(&kit);
    client_put(&a, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&a, 406, NULL);
    client_put(&b, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* no stranger any more */
    expect_answer(&b, 406, NULL);
    client_close(&a);
    client_close(&b);
}

static void trusted_proxies_are_not_counted_as_one_address(void **state) {
    static const struct slice proxies[] = {SLICE_LIT("127.0.0.0/8")};
    kit.config.trusted_proxies = proxies;
    kit.config.trusted_proxies_count = 1;
    kit.config.limits.per_address_max = 1;
    kit_start(&kit);
    struct client a = client_open(&kit), b = client_open(&kit);
    client_put(&b, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&b, 406, NULL);
    client_put(&a, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&a, 406, NULL);
    client_close(&a);
    client_close(&b);
}

/* Strangers fill a quarter of what is for bodies; who has a token is not hindered. */
static void bodies_in_flight_are_bounded(void **state) {
    enum { BUDGET = 400000, PART = 60000 };
    kit.config.limits.body_bytes_max = BUDGET;
    kit_start(&kit);
    static char part[PART];
    memset(part, ' ', PART);
    struct client a = client_open(&kit), b = client_open(&kit), known = client_open(&kit);
    client_put(&a, LIST JSON_TYPE "Content-Length: 200000\r\n\r\n");
    client_send(&a, part, PART);
    while (kit_metric(&kit, "stoa_edge_bytes_total{direction=\"in\"}") < PART) {
        pause_ms(1);
    }
    client_put(&b, LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n%x\r\n", PART);
    (void)client_try_send(&b, part, PART);
    expect_answer(
        &b, 429, "{\"code\":\"resource_exhausted\",\"msg\":\"too many request bodies in flight\"}");
    char *token = kit_token(KIT_ADMIN);
    client_put(&known, LIST JSON_TYPE "Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n",
               token, 2 * PART);
    free(token);
    client_send(&known, part, PART);
    client_send(&known, part, PART - 2);
    client_put(&known, "{}");
    kit_answer_call(&kit, "{}");
    expect_answer(&known, 200, "{}");
    client_close(&a);
    client_close(&b);
    client_close(&known);
    pause_ms(20);
    a = client_open(&kit); /* what they held is free again */
    client_put(&a, LIST JSON_TYPE "Content-Length: %d\r\n\r\n", PART);
    client_send(&a, part, PART - 2);
    client_put(&a, "{}");
    kit_answer_call(&kit, "{}");
    expect_answer(&a, 200, "{}");
    client_close(&a);
}

static void the_end_flushes_what_was_said_last(void **state) {
    kit_start(&kit);
    struct client c = client_open(&kit);
    client_put(&c, CALL);
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    edge_stop_accepting(kit.edge);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    edge_msg_free(m);
    kit.edge = edge_destroy(kit.edge, 1000);
    expect_answer(&c, 200, "{}");
    client_expect_end(&c);
}

int main(void) {
    static bool plain = false, tls = true;
#define PLAIN(test)                                                                                \
    { #test, test, set_up, tear_down, &plain }
#define BOTH(test)                                                                                 \
    PLAIN(test), {                                                                                 \
#test "_over_tls", test, set_up, tear_down, &tls                                           \
    }
    const struct CMUnitTest tests[] = {
        BOTH(a_request_has_a_deadline_from_its_first_byte),
        PLAIN(a_second_request_has_its_own_deadline),
        PLAIN(idle_connections_are_closed),
        BOTH(a_silent_newcomer_is_closed),
        BOTH(a_slow_reader_of_a_large_answer_is_closed),
        PLAIN(a_trickling_reader_is_closed),
        PLAIN(control_that_does_not_answer_is_not_waited_for),
        PLAIN(a_full_mailbox_is_answered_with_503),
        BOTH(closes_survive_a_full_mailbox),
        BOTH(strangers_make_room_for_newcomers),
        BOTH(the_half_open_go_first),
        cmocka_unit_test_prestate_setup_teardown(a_hello_may_come_in_pieces, set_up, tear_down,
                                                 &tls),
        cmocka_unit_test_prestate_setup_teardown(a_hello_that_is_none_ends, set_up, tear_down,
                                                 &tls),
        PLAIN(one_address_has_its_own_bound),
        PLAIN(trusted_proxies_are_not_counted_as_one_address),
        PLAIN(bodies_in_flight_are_bounded),
        BOTH(the_end_flushes_what_was_said_last),
    };
    return cmocka_run_group_tests_name("edge_limits", tests, NULL, NULL);
}
