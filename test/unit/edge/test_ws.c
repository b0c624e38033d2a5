#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "base64.h"
#include "claims.h"
#include "clock.h"
#include "hmac.h"
#include "kit.h"

#define REFUSED(reason) "stoa_edge_refused_total{reason=\"" reason "\"}"
enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8a };

static struct kit kit;
static struct client c;

static int set_up(void **state) {
    kit_init(&kit, state);
    return 0;
}

static int tear_down(void **state) {
    kit_stop(&kit);
    return 0;
}

static uint64_t begin(void) {
    kit_start(&kit);
    c = client_open(&kit);
    return client_join(&kit, &c);
}

static void expect_closed_message(uint64_t handle) {
    struct edge_msg *m = kit_next(&kit, EDGE_CLOSED);
    assert_true(m->conn == handle);
    edge_msg_free(m);
    kit_expect_no_message(&kit);
}

static void expect_frame(uint8_t first, const void *payload, size_t len) {
    struct frame f = client_next_frame(&c);
    assert_int_equal(f.first, first);
    assert_int_equal(f.len, len);
    assert_memory_equal(f.payload, payload, len);
    free(f.payload);
}

/* SignalRequest { ping: 5 } */
static const uint8_t ping_5[] = {0x70, 0x05};

static void expect_ping_5(uint64_t handle) {
    struct edge_msg *m = kit_next(&kit, EDGE_SIGNAL);
    assert_true(m->conn == handle);
    assert_int_equal(m->signal->message_case, LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING);
    assert_int_equal(m->signal->ping, 5);
    edge_msg_free(m);
}

static void signals_travel_both_ways(void **state) {
    uint64_t handle = begin();
    client_frame(&c, BINARY, ping_5, sizeof(ping_5));
    expect_ping_5(handle);
    assert_true(edge_send(kit.edge, handle, SLICE_LIT("\x01\x02")));
    assert_true(edge_send(kit.edge, handle, SLICE_LIT("\x03")));
    expect_frame(BINARY, "\x01\x02", 2);
    expect_frame(BINARY, "\x03", 1);
    client_frame(&c, PING, "hello", 5);
    expect_frame(PONG, "hello", 5);
    client_frame(&c, PONG, "", 0);
    client_frame(&c, CLOSE, "\x03\xe8", 2);
    expect_close_frame(&c, 1000);
    expect_closed_message(handle);
}

/* Bytes behind the handshake, sent before it was answered, are frames. */
static void frames_may_come_with_the_handshake(void **state) {
    kit_start(&kit);
    c = client_open(&kit);
    uint64_t handle = client_ask_join(&kit, &c, "sdk=js");
    client_frame(&c, BINARY, ping_5, sizeof(ping_5));
    kit_expect_no_message(&kit);
    assert_true(edge_upgrade(kit.edge, handle));
    expect_answer(&c, 101, NULL);
    expect_ping_5(handle);
    client_close(&c);
    expect_closed_message(handle);
}

static void fragments_make_one_message(void **state) {
    uint64_t handle = begin();
    client_frame(&c, 0x02, ping_5, 1);
    client_frame(&c, PING, "", 0); /* may stand between */
    client_frame(&c, 0x00, "", 0);
    client_frame(&c, 0x80, ping_5 + 1, 1);
    expect_frame(PONG, "", 0);
    expect_ping_5(handle);
    client_close(&c);
    expect_closed_message(handle);
}

/* Answers come in the form of the client's last message. */
static void text_is_answered_as_text(void **state) {
    uint64_t handle = begin();
    static const uint8_t pong_7[] = {0x90, 0x01, 0x07}; /* SignalResponse { pong: 7 } */
    assert_true(edge_send(kit.edge, handle, slice_of(pong_7, sizeof(pong_7))));
    expect_frame(BINARY, pong_7, sizeof(pong_7));
    static const char json[] = "{\"ping\":\"5\"}";
    client_frame(&c, TEXT, json, strlen(json));
    expect_ping_5(handle);
    assert_true(edge_send(kit.edge, handle, slice_of(pong_7, sizeof(pong_7))));
    expect_frame(TEXT, "{\"pong\":\"7\"}", 12);
    client_frame(&c, BINARY, ping_5, sizeof(ping_5));
    expect_ping_5(handle);
    assert_true(edge_send(kit.edge, handle, slice_of(pong_7, sizeof(pong_7))));
    expect_frame(BINARY, pong_7, sizeof(pong_7));
    client_close(&c);
    expect_closed_message(handle);
}

static void abuses_are_refused_by_name(void **state) {
    static const struct {
        const char *bytes;
        size_t len;
        uint16_t code;
    } abuses[] = {
#define RAW(text, code) {text, sizeof(text) - 1, code}
        RAW("\x82\x01x", 1002),                    /* not masked */
        RAW("\xc2\x80mask", 1002),                 /* a reserved bit */
        RAW("\x83\x80mask", 1002),                 /* an opcode that is none */
        RAW("\x09\x80mask", 1002),                 /* a ping in parts */
        RAW("\x89\xfe\x00\x7e", 1002),             /* a ping too long */
        RAW("\x80\x80mask", 1002),                 /* the end of no message */
        RAW("\x02\x80mask\x82\x80mask", 1002),     /* a message inside one */
        RAW("\x82\xfe\x00\x01", 1002),             /* a length not minimal */
        RAW("\x82\xff\x80\0\0\0\0\0\0\0", 1002),   /* a length with its top bit */
        RAW("\x82\xff\0\0\0\0\0\x20\0\x01", 1009), /* one byte too many */
        RAW("\x88\x81\0\0\0\0x", 1002),            /* half a close code */
        RAW("\x88\x82\0\0\0\0\x03\xed", 1002),     /* a close code that never travels */
        RAW("\x88\x83\0\0\0\0\x03\xe8\xff", 1007), /* a reason that is no text */
        RAW("\x81\x83\0\0\0\0{}\xff", 1007),       /* text that is none, behind its JSON */
        RAW("\x81\x83\0\0\0\0{}\0", 1007),         /* NUL in text */
        RAW("\x81\x81\0\0\0\0{", 1007),            /* broken JSON */
        RAW("\x82\x82\0\0\0\0\x0a\x7f", 1007),     /* a broken message */
        RAW("\x82\x86\0\0\0\0\x0a\x04\x12\x02\xff\xff", 1007), /* bad UTF-8 in a string */
        RAW("\x88\x80\0\0\0\0", 1005), /* not an abuse: a close without code */
    };
    kit_start(&kit);
    for (size_t i = 0; i < ARRAY_LEN(abuses); i++) {
        c = client_open(&kit);
        uint64_t handle = client_join(&kit, &c);
        client_send(&c, abuses[i].bytes, abuses[i].len);
        expect_close_frame(&c, abuses[i].code);
        expect_closed_message(handle);
    }
    assert_int_equal(kit_metric(&kit, REFUSED("websocket_protocol")) +
                         kit_metric(&kit, REFUSED("bad_signal")),
                     ARRAY_LEN(abuses) - 1);
    assert_int_equal(kit_metric(&kit, "stoa_websocket_upgrades_total"), ARRAY_LEN(abuses));
}

static void a_message_in_parts_has_the_limit_of_others(void **state) {
    uint64_t handle = begin();
    enum { PART = 1 << 20 };
    static char part[PART];
    client_frame(&c, 0x02, part, PART);
    client_frame(&c, 0x00, part, PART);
    client_frame(&c, 0x80, part, 1);
    expect_close_frame(&c, 1009);
    expect_closed_message(handle);
}

static void floods_are_ended(void **state) {
    kit.config.limits.signals_burst = 10;
    kit.config.limits.signals_per_s = 1;
    uint64_t handle = begin();
    for (int i = 0; i < 11; i++) {
        client_frame(&c, BINARY, ping_5, sizeof(ping_5));
    }
    for (int i = 0; i < 10; i++) {
        expect_ping_5(handle);
    }
    expect_close_frame(&c, 1008);
    expect_closed_message(handle);
    c = client_open(&kit);
    handle = client_join(&kit, &c);
    for (int i = 0; i < 11; i++) {
        client_frame(&c, PING, "", 0);
    }
    for (int i = 0; i < 10; i++) {
        expect_frame(PONG, "", 0);
    }
    expect_close_frame(&c, 1008);
    expect_closed_message(handle);
    assert_int_equal(kit_metric(&kit, REFUSED("signal_flood")), 2);
}

static void the_silent_are_pinged_then_closed(void **state) {
    kit.config.limits.ping_ms = 10;
    kit.config.limits.silent_ms = 60;
    uint64_t handle = begin();
    uint64_t begin_ms = clock_mono_ms();
    expect_frame(PING, "", 0);
    while (clock_mono_ms() < begin_ms + 100) { /* who answers stays */
        client_frame(&c, PONG, "", 0);
        expect_frame(PING, "", 0);
    }
    kit_expect_no_message(&kit);
    client_expect_end(&c);
    expect_closed_message(handle);
    assert_int_equal(kit_metric(&kit, REFUSED("websocket_silent")), 1);
}

static void half_a_message_is_not_waited_for_without_end(void **state) {
    kit.config.limits.ping_ms = 5;
    kit.config.limits.message_ms = 30;
    uint64_t handle = begin();
    client_send(&c, "\x82\x90mask", 6);
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    while (client_try_send(&c, "x", 1) && mailbox_count(kit.to_control) == 0) {
        assert_true(clock_mono_ms() < until);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    client_close(&c);
    expect_closed_message(handle);
    assert_int_equal(kit_metric(&kit, REFUSED("request_timeout")), 1);
}

static void a_slow_reader_is_closed_at_its_bound(void **state) {
    kit.config.limits.out_bytes_max = 1 << 20;
    uint64_t handle = begin();
    enum { PART = 256 * 1024 };
    char *part = calloc(1, PART);
    uint64_t until = clock_mono_ms() + KIT_WAIT_MS;
    while (mailbox_count(kit.to_control) == 0) {
        (void)!edge_send(kit.edge, handle, slice_of(part, PART));
        assert_true(clock_mono_ms() < until);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    free(part);
    expect_closed_message(handle);
    assert_int_equal(kit_metric(&kit, REFUSED("slow_reader")), 1);
    client_close(&c);
}

static void control_closes_with_its_code(void **state) {
    uint64_t handle = begin();
    assert_true(edge_send(kit.edge, handle, SLICE_LIT("last")));
    assert_true(edge_close(kit.edge, handle, 1000));
    assert_true(edge_send(kit.edge, handle, SLICE_LIT("too late")));
    assert_true(edge_close(kit.edge, handle, 1011));
    expect_frame(BINARY, "last", 4);
    expect_close_frame(&c, 1000);
    expect_closed_message(handle);
}

/* The close does not wait for a reader that does not read. */
static void a_close_is_bounded(void **state) {
    kit.config.limits.close_flush_ms = 30;
    uint64_t handle = begin();
    enum { LARGE = 4 << 20 };
    char *large = calloc(1, LARGE);
    assert_true(edge_send(kit.edge, handle, slice_of(large, LARGE - 16)));
    assert_true(edge_close(kit.edge, handle, 1000));
    free(large);
    expect_closed_message(handle);
    kit_wait_metric(&kit, REFUSED("slow_reader"), 1);
    client_close(&c);
}

static void joins_end_once_whatever_happens(void **state) {
    kit_start(&kit);
    c = client_open(&kit); /* refused by control: no close is owed */
    uint64_t handle = client_ask_join(&kit, &c, "sdk=js");
    assert_true(edge_reply(kit.edge, handle, 404, EDGE_BODY_TEXT, SLICE_LIT("no such room")));
    expect_answer(&c, 404, "no such room");
    client_expect_end(&c);
    kit_expect_no_message(&kit);

    c = client_open(&kit); /* closed by control before the upgrade */
    handle = client_ask_join(&kit, &c, "sdk=js");
    assert_true(edge_close(kit.edge, handle, 1000));
    client_expect_end(&c);
    expect_closed_message(handle);

    c = client_open(&kit); /* gone before control answered */
    handle = client_ask_join(&kit, &c, "sdk=js");
    client_close(&c);
    assert_true(edge_upgrade(kit.edge, handle));
    expect_closed_message(handle);
    assert_true(edge_send(kit.edge, handle, SLICE_LIT("x")));

    c = client_open(&kit); /* reset while open */
    handle = client_join(&kit, &c);
    client_close(&c);
    expect_closed_message(handle);
    c = client_open(&kit);
    (void)client_join(&kit, &c);
    kit_wait_metric(&kit, "stoa_websockets", 1);
    client_close(&c);
}

static void refreshed_tokens_are_signed(void **state) {
    uint64_t handle = begin();
    assert_true(edge_send_refresh_token(kit.edge, handle, slice_from_cstr(KIT_ADMIN)));
    struct frame f = client_next_frame(&c);
    assert_int_equal(f.first, BINARY);
    /* SignalResponse field 16, a string. */
    assert_int_equal((uint8_t)f.payload[0] << 8 | (uint8_t)f.payload[1], 0x8201);
    size_t at = 2;
    while (f.payload[at++] & 0x80) {
    }
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct token_parts parts;
    assert_int_equal(token_split(slice_of(f.payload + at, f.len - at), &arena, &parts), STATUS_OK);
    assert_true(slice_eq_cstr(parts.payload, KIT_ADMIN));
    struct hmac_key *key = hmac_key_create(HMAC_SHA256, slice_from_cstr(KIT_SECRET));
    assert_int_equal(hs256_check(key, parts.signing_input, parts.signature), STATUS_OK);
    hmac_key_destroy(key);
    arena_deinit(&arena);
    free(f.payload);
    client_close(&c);
    expect_closed_message(handle);
}

static void a_refreshed_token_is_signed_by_the_key_it_names(void **state) {
    uint64_t handle = begin();
    struct edge_key other = {SLICE_LIT("other"), SLICE_LIT("its secret")};
    assert_int_equal(edge_set_keys(kit.edge, &other, 1), STATUS_OK);
    assert_true(edge_send_refresh_token(kit.edge, handle, slice_from_cstr(KIT_ADMIN)));
    client_expect_silence(&c, 20); /* of a key that is gone */
    assert_true(edge_send_refresh_token(kit.edge, handle, SLICE_LIT("{\"iss\":\"other\"}")));
    struct frame f = client_next_frame(&c);
    char *token =
        kit_token_with("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"iss\":\"other\"}", "its secret");
    assert_non_null(strstr(f.payload + 3, token));
    free(token);
    free(f.payload);
    client_close(&c);
    expect_closed_message(handle);
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
        BOTH(signals_travel_both_ways),
        PLAIN(frames_may_come_with_the_handshake),
        PLAIN(fragments_make_one_message),
        PLAIN(text_is_answered_as_text),
        BOTH(abuses_are_refused_by_name),
        PLAIN(a_message_in_parts_has_the_limit_of_others),
        PLAIN(floods_are_ended),
        PLAIN(the_silent_are_pinged_then_closed),
        PLAIN(half_a_message_is_not_waited_for_without_end),
        BOTH(a_slow_reader_is_closed_at_its_bound),
        PLAIN(control_closes_with_its_code),
        PLAIN(a_close_is_bounded),
        BOTH(joins_end_once_whatever_happens),
        PLAIN(refreshed_tokens_are_signed),
        PLAIN(a_refreshed_token_is_signed_by_the_key_it_names),
    };
    return cmocka_run_group_tests_name("edge_ws", tests, NULL, NULL);
}
