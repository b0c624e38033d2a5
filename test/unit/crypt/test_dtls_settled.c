/* An association that is settled is one like any other: for OpenSSL's client there is no moment at
 * which something changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "dtls_client.h"
#include "mem.h"
#include "rng.h"

static struct dtls_world *settled(const struct world_options *options) {
    struct dtls_world *w = world_create(options);
    assert_true(world_connect(w, 0));
    dtls_settle(w->server);
    return w;
}

static void assert_server_reads(struct dtls_world *w, const char *expected) {
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len = 0;
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_OK);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(in, expected, len);
}

static void assert_server_has_no_more(struct dtls_world *w) {
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len;
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_AGAIN);
}

static void client_says(struct dtls_world *w, const char *text) {
    assert_int_equal(SSL_write(w->client, text, (int)strlen(text)), (int)strlen(text));
    assert_int_equal(world_run(w), STATUS_OK);
    assert_server_reads(w, text);
    assert_server_has_no_more(w);
}

static void server_says(struct dtls_world *w, const char *text) {
    char in[64];
    assert_int_equal(dtls_write(w->server, slice_from_cstr(text)), STATUS_OK);
    world_collect(w);
    assert_int_equal(SSL_read(w->client, in, sizeof(in)), (int)strlen(text));
    assert_memory_equal(in, text, strlen(text));
}

static void every_cipher_goes_on_where_it_was(void **state) {
    static const char *const ciphers[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
                                          "ECDHE-ECDSA-AES256-GCM-SHA384",
                                          "ECDHE-ECDSA-CHACHA20-POLY1305"};
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        struct dtls_world *w = world_create(&(struct world_options){.cipher = ciphers[i]});
        assert_true(world_connect(w, 0));
        assert_string_equal(SSL_get_cipher_name(w->client), ciphers[i]);
        server_says(w, "before");
        server_says(w, "before, too");
        client_says(w, "this settles");
        for (int k = 0; k < 100; k++) {
            server_says(w, "from the server");
            client_says(w, "from the client");
        }
        struct dtls_srtp keys;
        assert_int_equal(dtls_export_srtp(w->server, &keys), STATUS_PRECONDITION);
        assert_int_equal(dtls_state(w->server), DTLS_CONNECTED);
        assert_true(dtls_timeout_ms(w->server) == UINT64_MAX);
        dtls_settle(w->server); /* again: nothing */
        server_says(w, "still here");
        world_destroy(w);
    }
}

static void without_a_word_before(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    client_says(w, "one");
    server_says(w, "two");
    world_destroy(w);
    w = settled(&(struct world_options){0});
    server_says(w, "one");
    client_says(w, "two");
    world_destroy(w);
}

static void before_it_is_connected_nothing_settles(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    dtls_settle(w->server);
    assert_true(world_connect(w, 0));
    struct dtls_srtp keys;
    assert_int_equal(dtls_export_srtp(w->server, &keys), STATUS_OK);
    world_destroy(w);
}

/* Else everything below would test OpenSSL. */
static void most_of_the_memory_is_free(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    assert_true(world_connect(w, 0));
    size_t before = mallinfo2().uordblks;
    dtls_settle(w->server);
    size_t after = mallinfo2().uordblks;
    if (before > 0) { /* an allocator that counts */
        assert_true(before - after > 30 * 1024);
    }
    world_destroy(w);
}

static void nothing_is_taken_twice_and_order_does_not_matter(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    enum { COUNT = 100 };
    static uint8_t datagrams[COUNT][WIRE_BYTES_MAX];
    size_t lens[COUNT];
    char text[16];
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        assert_true(SSL_write(w->client, text, (int)strlen(text)) > 0);
        lens[i] = wire_take(&w->to_server, datagrams[i]);
    }
    static const int order[] = {3, 1, 2, 0, 66, 3, 2, 67, 99, 36, 98};
    static const bool taken[] = {1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        int n = order[i];
        assert_int_equal(dtls_feed(w->server, slice_of(datagrams[n], lens[n])), STATUS_OK);
        if (taken[i]) {
            (void)snprintf(text, sizeof(text), "%d", n);
            assert_server_reads(w, text);
        }
        assert_server_has_no_more(w);
    }
    /* Older than the window: 64 behind the newest. */
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[35], lens[35])), STATUS_OK);
    assert_server_has_no_more(w);
    world_destroy(w);
}

static void several_records_may_share_a_datagram(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    uint8_t joined[WIRE_BYTES_MAX];
    size_t len = 0;
    static const char *const texts[] = {"first", "second", "third"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(SSL_write(w->client, texts[i], (int)strlen(texts[i])) > 0);
        len += wire_take(&w->to_server, joined + len);
    }
    joined[len++] = 23; /* and the beginning of a fourth */
    assert_int_equal(dtls_feed(w->server, slice_of(joined, len)), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_server_reads(w, texts[i]);
    }
    assert_server_has_no_more(w);
    client_says(w, "not read yet"); /* the next feed drops what was not read */
    assert_true(SSL_write(w->client, "unread", 6) > 0);
    assert_int_equal(world_run(w), STATUS_OK);
    client_says(w, "read");
    world_destroy(w);
}

static void what_is_not_the_clients_is_dropped(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    struct rng rng;
    static const uint8_t key[32] = "settled";
    rng_init(&rng, key);
    uint8_t real[WIRE_BYTES_MAX], spoilt[WIRE_BYTES_MAX];
    assert_int_equal(SSL_write(w->client, "real", 4), 4);
    size_t len = wire_take(&w->to_server, real);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(dtls_feed(w->server, slice_of(real, cut)), STATUS_OK);
        assert_server_has_no_more(w);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(spoilt, real, len);
        spoilt[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(dtls_feed(w->server, slice_of(spoilt, len)), STATUS_OK);
        assert_server_has_no_more(w);
    }
    for (int i = 0; i < 10000; i++) {
        size_t garbage = rng_u64(&rng) % 100 + 1;
        for (size_t k = 0; k < garbage; k++) {
            spoilt[k] = (uint8_t)rng_u64(&rng);
        }
        spoilt[0] = (uint8_t)(20 + i % 4); /* types that there are */
        assert_int_equal(dtls_feed(w->server, slice_of(spoilt, garbage)), STATUS_OK);
        assert_server_has_no_more(w);
    }
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(dtls_feed(w->server, slice_of(real, len)), STATUS_OK);
    assert_server_reads(w, "real");
    world_destroy(w);
}

static void sizes_are_as_before(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    static uint8_t big[DTLS_PAYLOAD_BYTES_MAX + 1], large[DTLS_IN_BYTES_MAX - 37];
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len;
    assert_int_equal(dtls_write(w->server, slice_of(big, sizeof(big))), STATUS_TOO_LARGE);
    assert_int_equal(dtls_write(w->server, slice_of(big, sizeof(big) - 1)), STATUS_OK);
    world_collect(w);
    assert_int_equal(w->to_client.longest, DTLS_DATAGRAM_BYTES_MAX);
    assert_int_equal(SSL_read(w->client, in, sizeof(in)), DTLS_PAYLOAD_BYTES_MAX);
    assert_int_equal(SSL_write(w->client, large, sizeof(large)), (int)sizeof(large));
    assert_int_equal(world_run(w), STATUS_OK);
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_OK);
    assert_int_equal(len, sizeof(large));
    size_t written = 0;
    while (dtls_write(w->server, SLICE_LIT("x")) == STATUS_OK) {
        assert_true(++written <= DTLS_OUT_DATAGRAMS_MAX);
    }
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_AGAIN);
    assert_int_equal(dtls_out_lost(w->server), 0);
    world_destroy(w);
}

static void both_may_say_goodbye(void **state) {
    struct dtls_world *w = settled(&(struct world_options){0});
    char in[16];
    dtls_shutdown(w->server);
    dtls_shutdown(w->server); /* again: nothing */
    assert_int_equal(dtls_state(w->server), DTLS_CLOSED);
    world_collect(w);
    assert_int_equal(w->to_client.count, 1);
    int result = SSL_read(w->client, in, sizeof(in));
    assert_int_equal(SSL_get_error(w->client, result), SSL_ERROR_ZERO_RETURN);
    world_destroy(w);

    w = settled(&(struct world_options){0});
    assert_int_equal(SSL_shutdown(w->client), 0);
    assert_int_equal(world_run(w), STATUS_CLOSED);
    assert_int_equal(dtls_state(w->server), DTLS_CLOSED);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_CLOSED);
    assert_int_equal(dtls_feed(w->server, SLICE_LIT("x")), STATUS_CLOSED);
    world_destroy(w);
}

/* Whoever asks for a new handshake under way gets no answer, as before. */
static void a_handshake_that_comes_late_is_ignored(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    w->repeat = true; /* each datagram comes twice: the last flight, too */
    assert_true(world_connect(w, 0));
    dtls_settle(w->server);
    (void)world_run(w);
    w->repeat = false;
    struct dtls_world *other = world_create(&(struct world_options){0});
    uint8_t hello[WIRE_BYTES_MAX];
    (void)SSL_do_handshake(other->client);
    size_t len = wire_take(&other->to_server, hello);
    assert_true(len > 0);
    size_t before = w->to_client.sent;
    assert_int_equal(dtls_feed(w->server, slice_of(hello, len)), STATUS_OK);
    world_collect(w);
    assert_int_equal(w->to_client.sent, before);
    client_says(w, "up");
    world_destroy(other);
    world_destroy(w);
}

#ifdef STOA_MEM_FAULTS
/* Datagrams may be lost, and it may stay as it was: the next message settles it. */
static void without_memory_it_goes_on(void **state) {
    uint64_t before = mem_live_blocks();
    bool undisturbed = false;
    for (uint64_t nth = 1; !undisturbed; nth++) {
        assert_true(nth < 20);
        struct dtls_world *w = world_create(&(struct world_options){0});
        assert_true(world_connect(w, 0));
        uint8_t in[DTLS_IN_BYTES_MAX];
        size_t len;
        mem_fail_from(nth);
        dtls_settle(w->server);
        assert_int_equal(SSL_write(w->client, "maybe", 5), 5);
        assert_int_equal(world_run(w), STATUS_OK);
        undisturbed = dtls_read(w->server, in, &len) == STATUS_OK;
        assert_int_equal(dtls_write(w->server, SLICE_LIT("maybe")), STATUS_OK);
        undisturbed = undisturbed && dtls_out_lost(w->server) == 0;
        mem_fail_never();
        world_collect(w);
        while (SSL_read(w->client, in, sizeof(in)) > 0) {
        }
        ERR_clear_error();
        client_says(w, "after");
        server_says(w, "after");
        world_destroy(w);
        assert_int_equal(mem_live_blocks(), before);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cipher_goes_on_where_it_was),
        cmocka_unit_test(without_a_word_before),
        cmocka_unit_test(before_it_is_connected_nothing_settles),
        cmocka_unit_test(most_of_the_memory_is_free),
        cmocka_unit_test(nothing_is_taken_twice_and_order_does_not_matter),
        cmocka_unit_test(several_records_may_share_a_datagram),
        cmocka_unit_test(what_is_not_the_clients_is_dropped),
        cmocka_unit_test(sizes_are_as_before),
        cmocka_unit_test(both_may_say_goodbye),
        cmocka_unit_test(a_handshake_that_comes_late_is_ignored),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(without_memory_it_goes_on),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
