#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "dtls_client.h"

static struct dtls_world *connected(void) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    assert_true(world_connect(w, 0));
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
    size_t len = 77;
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_AGAIN);
    assert_int_equal(len, 77);
}

static void nothing_passes_before_the_handshake(void **state) {
    struct dtls_world *w = world_create(&(struct world_options){0});
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len;
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_PRECONDITION);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_PRECONDITION);
    world_destroy(w);
}

static void messages_pass_both_ways_with_their_borders(void **state) {
    struct dtls_world *w = connected();
    assert_server_has_no_more(w);
    size_t before = w->to_client.sent;
    assert_int_equal(dtls_write(w->server, SLICE_LIT("one")), STATUS_OK);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("two!")), STATUS_OK);
    world_collect(w);
    assert_int_equal(w->to_client.sent, before + 2); /* a datagram each */
    char in[64];
    assert_int_equal(SSL_read(w->client, in, sizeof in), 3);
    assert_int_equal(SSL_read(w->client, in, sizeof in), 4);
    assert_memory_equal(in, "two!", 4);

    assert_int_equal(SSL_write(w->client, "hello", 5), 5);
    assert_int_equal(world_run(w), STATUS_OK);
    assert_server_reads(w, "hello");
    assert_server_has_no_more(w);
    world_destroy(w);
}

static void several_records_may_share_a_datagram(void **state) {
    struct dtls_world *w = connected();
    uint8_t joined[WIRE_BYTES_MAX];
    size_t len = 0;
    static const char *const texts[] = {"first", "second", "third"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(SSL_write(w->client, texts[i], (int)strlen(texts[i])) > 0);
        len += wire_take(&w->to_server, joined + len);
    }
    assert_int_equal(dtls_feed(w->server, slice_of(joined, len)), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_server_reads(w, texts[i]);
    }
    assert_server_has_no_more(w);
    world_destroy(w);
}

static void what_is_not_read_is_dropped_by_the_next_feed(void **state) {
    struct dtls_world *w = connected();
    uint8_t datagrams[3][WIRE_BYTES_MAX];
    size_t lens[3];
    static const char *const texts[] = {"unread", "read", "later"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(SSL_write(w->client, texts[i], (int)strlen(texts[i])) > 0);
        lens[i] = wire_take(&w->to_server, datagrams[i]);
    }
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[0], lens[0])), STATUS_OK);
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[1], lens[1])), STATUS_OK);
    assert_server_reads(w, "read");
    assert_server_has_no_more(w);
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[1], lens[1])), STATUS_OK); /* again */
    assert_server_has_no_more(w);
    datagrams[2][lens[2] - 1] ^= 1; /* forged */
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[2], lens[2])), STATUS_OK);
    assert_server_has_no_more(w);
    datagrams[2][lens[2] - 1] ^= 1;
    assert_int_equal(dtls_feed(w->server, slice_of(datagrams[2], lens[2])), STATUS_OK);
    assert_server_reads(w, "later");
    world_destroy(w);
}

static void the_largest_message_fills_a_datagram(void **state) {
    struct dtls_world *w = connected();
    static uint8_t big[DTLS_PAYLOAD_BYTES_MAX + 1];
    uint8_t out[DTLS_DATAGRAM_BYTES_MAX], in[DTLS_IN_BYTES_MAX];
    memset(big, 'b', sizeof big);
    assert_int_equal(dtls_write(w->server, slice_of(big, sizeof big)), STATUS_TOO_LARGE);
    assert_int_equal(dtls_next_out(w->server, out), 0);
    assert_int_equal(dtls_write(w->server, slice_of(big, sizeof big - 1)), STATUS_OK);
    size_t len = dtls_next_out(w->server, out);
    assert_int_equal(len, DTLS_DATAGRAM_BYTES_MAX);
    assert_int_equal(dtls_next_out(w->server, out), 0);
    wire_put(&w->to_client, out, len);
    assert_int_equal(SSL_read(w->client, in, sizeof in), DTLS_PAYLOAD_BYTES_MAX);

    /* In, up to DTLS_IN_BYTES_MAX with the record's own bytes. */
    static uint8_t large[DTLS_IN_BYTES_MAX - 37];
    memset(large, 'L', sizeof large);
    assert_int_equal(SSL_write(w->client, large, sizeof large), (int)sizeof large);
    assert_int_equal(world_run(w), STATUS_OK);
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_OK);
    assert_int_equal(len, sizeof large);
    world_destroy(w);
}

static void a_full_output_says_again(void **state) {
    struct dtls_world *w = connected();
    size_t written = 0;
    enum status s;
    while ((s = dtls_write(w->server, SLICE_LIT("x"))) == STATUS_OK) {
        assert_true(++written <= DTLS_OUT_DATAGRAMS_MAX);
    }
    assert_int_equal(s, STATUS_AGAIN);
    assert_int_equal(dtls_out_lost(w->server), 0); /* refused, not lost */
    world_collect(w);
    assert_int_equal(w->to_client.count, written);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_OK);
    world_destroy(w);
}

static void the_client_says_goodbye(void **state) {
    struct dtls_world *w = connected();
    uint8_t in[DTLS_IN_BYTES_MAX];
    size_t len;
    assert_int_equal(SSL_write(w->client, "bye", 3), 3);
    assert_int_equal(SSL_shutdown(w->client), 0);
    uint8_t last[WIRE_BYTES_MAX], shutdown[WIRE_BYTES_MAX];
    size_t last_len = wire_take(&w->to_server, last);
    size_t shutdown_len = wire_take(&w->to_server, shutdown);
    assert_int_equal(dtls_feed(w->server, slice_of(last, last_len)), STATUS_OK);
    assert_server_reads(w, "bye");
    assert_int_equal(dtls_feed(w->server, slice_of(shutdown, shutdown_len)), STATUS_CLOSED);
    assert_int_equal(dtls_state(w->server), DTLS_CLOSED);
    assert_int_equal(dtls_read(w->server, in, &len), STATUS_CLOSED);
    assert_int_equal(dtls_write(w->server, SLICE_LIT("x")), STATUS_CLOSED);
    assert_int_equal(dtls_feed(w->server, slice_of(last, last_len)), STATUS_CLOSED);
    world_destroy(w);
}

static void we_say_goodbye(void **state) {
    struct dtls_world *w = connected();
    char in[16];
    dtls_shutdown(w->server);
    dtls_shutdown(w->server); /* again: nothing */
    assert_int_equal(dtls_state(w->server), DTLS_CLOSED);
    world_collect(w);
    assert_int_equal(w->to_client.count, 1);
    int result = SSL_read(w->client, in, sizeof in);
    assert_int_equal(SSL_get_error(w->client, result), SSL_ERROR_ZERO_RETURN);
    world_destroy(w);

    w = world_create(&(struct world_options){0}); /* nobody there yet: nothing to say */
    dtls_shutdown(w->server);
    world_collect(w);
    assert_int_equal(w->to_client.count, 0);
    assert_int_equal(world_run(w), STATUS_CLOSED);
    world_destroy(w);
}

/* Our last flight is lost and the client, connected to us in vain, repeats its own: it must be
 * answered although for us the handshake is over. */
static void a_lost_last_flight_is_sent_again(void **state) {
    struct dtls_world *w = connected();
    size_t last = w->to_client.sent - 1;
    world_destroy(w);
    w = world_create(&(struct world_options){0});
    w->lose_to_client = 1ull << last;
    (void)world_run(w);
    assert_int_equal(dtls_state(w->server), DTLS_CONNECTED);
    assert_false(SSL_is_init_finished(w->client));
    assert_true(world_connect(w, 1000));
    assert_int_equal(SSL_write(w->client, "up", 2), 2);
    assert_int_equal(world_run(w), STATUS_OK);
    assert_server_reads(w, "up");
    world_destroy(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_passes_before_the_handshake),
        cmocka_unit_test(messages_pass_both_ways_with_their_borders),
        cmocka_unit_test(several_records_may_share_a_datagram),
        cmocka_unit_test(what_is_not_read_is_dropped_by_the_next_feed),
        cmocka_unit_test(the_largest_message_fills_a_datagram),
        cmocka_unit_test(a_full_output_says_again),
        cmocka_unit_test(the_client_says_goodbye),
        cmocka_unit_test(we_say_goodbye),
        cmocka_unit_test(a_lost_last_flight_is_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
