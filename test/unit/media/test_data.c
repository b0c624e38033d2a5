/* Data between clients in processes of their own: channels, routes, slow and broken receivers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "data_peer.h"

static void put_route(struct fixture *f, const struct data_peer *p, const char *identity,
                      bool hidden) {
    struct media_route r = {
        .participant = p->transport,
        .room = 1,
        .identity = slice_from_cstr(identity),
        .rx_transport = p->transport,
        .tx_transport = p->transport,
        .can_publish_data = true,
        .hidden = hidden,
        .active = true,
    };
    (void)snprintf(r.sid.text, sizeof r.sid.text, "PA_%s", identity);
    assert_true(media_route_put(f->media, &r));
}

/* Clients a, b, ... in one room, channels open. */
static void start_room(struct fixture *f, struct data_peer *peers, size_t count) {
    fixture_init(f, 2, 0, 0);
    for (size_t i = 0; i < count; i++) {
        data_peer_start(f, &peers[i], false);
        data_peer_open_channels(&peers[i]);
        const char identity[2] = {(char)('a' + i), '\0'};
        put_route(f, &peers[i], identity, false);
    }
}

static void stop_room(struct fixture *f, struct data_peer *peers, size_t count) {
    fixture_deinit(f); /* with all of them still talking */
    for (size_t i = 0; i < count; i++) {
        data_peer_stop(&peers[i]);
    }
}

static void expect_text(struct data_peer *p, const char *text) {
    struct slice payload = data_peer_receive(p, NULL);
    if (!slice_eq_cstr(payload, text)) {
        fail_msg("got \"%.*s\", not \"%s\"", SLICE_ARG(payload), text);
    }
}

static void test_to_all_and_to_some(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[3];
    start_room(&f, p, 3);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "all", .claimed_identity = "c"});
    struct data_packet_view v;
    struct slice payload = data_peer_receive(&p[1], &v);
    assert_true(slice_eq_cstr(payload, "all"));
    assert_true(slice_eq_cstr(v.participant_identity, "a"));
    assert_true(slice_eq_cstr(v.participant_sid, "PA_a"));
    assert_int_equal(v.kind, DATA_KIND_RELIABLE);
    expect_text(&p[2], "all");
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "for c", .to_identity = "c"});
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "for b", .to_sid = "PA_b"});
    expect_text(&p[1], "for b");
    expect_text(&p[2], "for c");
    data_peer_send(&p[0], 2, &(struct packet_spec){.payload = "lossy"});
    payload = data_peer_receive(&p[1], &v);
    assert_true(slice_eq_cstr(payload, "lossy"));
    assert_int_equal(v.kind, DATA_KIND_LOSSY);
    expect_text(&p[2], "lossy");
    data_peer_send(&p[2], 0, &(struct packet_spec){.payload = "back"});
    expect_text(&p[0], "back"); /* and nothing of its own before it */
    stop_room(&f, p, 3);
}

static void test_T34_T35_sequence_and_hidden(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "one", .sequence = 1});
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "again", .sequence = 1});
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "two", .sequence = 2});
    expect_text(&p[1], "one");
    expect_text(&p[1], "two");
    assert_int_equal(fixture_metric(&f, data_dropped_duplicate), 1);
    put_route(&f, &p[0], "a", true);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "hidden", .sequence = 3});
    struct data_packet_view v;
    (void)data_peer_receive(&p[1], &v);
    assert_int_equal(v.participant_identity.len, 0);
    assert_int_equal(v.participant_sid.len, 0);
    stop_room(&f, p, 2);
}

static void test_joiner_gets_recent_messages(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 1);
    data_peer_start(&f, &p[1], false);
    (void)data_peer_expect(&p[1], "up");
    put_route(&f, &p[1], "b", false);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "early"});
    fixture_await(&f, data_dropped_not_open, 1);
    data_peer_tell(&p[1], "open 0 _reliable");
    data_peer_tell(&p[1], "open 2 _lossy");
    expect_text(&p[1], "early");
    (void)fixture_expect(&f, MEDIA_DATA_OPEN, p[1].transport);
    stop_room(&f, p, 2);
}

static void test_T26_channels_that_we_open(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 1);
    data_peer_start(&f, &p[1], true);
    (void)data_peer_expect(&p[1], "opened 1 _reliable");
    (void)data_peer_expect(&p[1], "opened 3 _lossy");
    (void)data_peer_expect(&p[1], "opened 5 _data_track");
    (void)fixture_expect(&f, MEDIA_DATA_OPEN, p[1].transport);
    put_route(&f, &p[1], "b", false);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "down"});
    assert_memory_equal(data_peer_expect(&p[1], "msg"), "msg 1 53 ", 9);
    data_peer_send(&p[0], 2, &(struct packet_spec){.payload = "lossy"});
    assert_memory_equal(data_peer_expect(&p[1], "msg"), "msg 3 53 ", 9);
    stop_room(&f, p, 2);
}

static void test_other_channels(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_tell(&p[0], "open 8 chat");
    (void)data_peer_expect(&p[0], "ack 8");
    data_peer_tell(&p[0], "open 6 _data_track");
    (void)data_peer_expect(&p[0], "ack 6");
    data_peer_send(&p[0], 8, &(struct packet_spec){.payload = "nowhere"});
    data_peer_tell(&p[0], "send 6 53 180000070001000100000009"); /* of a track nobody wants */
    data_peer_tell(&p[0], "send 0 57 00");                       /* an empty message */
    data_peer_tell(&p[0], "send 0 51 ffff");
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "here"});
    expect_text(&p[1], "here");
    assert_int_equal(fixture_metric(&f, data_unknown_labels), 1);
    assert_int_equal(fixture_metric(&f, data_dropped_no_channel), 1);
    assert_int_equal(fixture_metric(&f, data_dropped_data_track), 1);
    assert_int_equal(fixture_metric(&f, data_dropped_malformed), 2);
    stop_room(&f, p, 2);
}

static void test_channel_closed_and_opened_again(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_tell(&p[1], "reset 0");
    (void)data_peer_expect(&p[1], "reset 0"); /* our half follows */
    data_peer_tell(&p[1], "open 10 _reliable");
    (void)data_peer_expect(&p[1], "ack 10");
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "new"});
    assert_memory_equal(data_peer_expect(&p[1], "msg"), "msg 10 53 ", 10);
    data_peer_tell(&p[1], "open 0 _reliable"); /* the old number, too */
    (void)data_peer_expect(&p[1], "ack 0");
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "newer"});
    assert_memory_equal(data_peer_expect(&p[1], "msg"), "msg 0 53 ", 9);
    stop_room(&f, p, 2);
}

static void test_T47_large_messages(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "L", .padding = 63900});
    struct slice payload = data_peer_receive(&p[1], NULL);
    assert_int_equal(payload.len, 63901);
    assert_int_equal(payload.data[63900], (63900 - 1) & 0xff);
    assert_int_equal(fixture_metric(&f, sctp_unsent), 0); /* packets fit DTLS records */
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "XL", .padding = 100000});
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "after"});
    expect_text(&p[1], "after");
    assert_int_equal(fixture_metric(&f, data_dropped_too_large), 1);
    stop_room(&f, p, 2);
}

static void test_slow_receiver_is_closed(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[3];
    start_room(&f, p, 3);
    data_peer_tell(&p[1], "stall");
    const struct packet_spec large = {.payload = "x", .padding = 60000};
    uint64_t sent = 0;
    while (fixture_metric(&f, data_slow_closed) == 0 && sent < 200) {
        data_peer_send(&p[0], 0, &large);
        (void)data_peer_receive(&p[2], NULL); /* the others go on */
        sent++;
    }
    assert_in_range(sent, DATA_OUTQ_BYTES_MAX / 61000, 60);
    struct media_event e = fixture_expect(&f, MEDIA_FAILED, p[1].transport);
    assert_int_equal(e.reason, STATUS_EXHAUSTED);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "on"});
    expect_text(&p[2], "on");
    stop_room(&f, p, 3);
}

static void test_lossy_is_dropped_for_slow_receivers(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_tell(&p[1], "stall");
    const struct packet_spec lossy = {.payload = "x", .padding = 1000};
    for (int i = 0; i < 200; i++) {
        data_peer_send(&p[0], 2, &lossy);
    }
    fixture_await(&f, data_messages_in, 200);
    assert_true(fixture_metric(&f, data_dropped_slow) >= 100);
    assert_int_equal(fixture_metric(&f, data_slow_closed), 0);
    assert_false(fixture_has_event(&f));
    stop_room(&f, p, 2);
}

static void test_data_follows_a_proven_move(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    data_peer_tell(&p[1], "rebind");
    fixture_await(&f, address_changes, 1);
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "there"});
    expect_text(&p[1], "there");
    data_peer_send(&p[1], 0, &(struct packet_spec){.payload = "from there"});
    expect_text(&p[0], "from there");
    stop_room(&f, p, 2);
}

static void test_server_packets_and_leaving(void **state) {
    (void)state;
    struct fixture f;
    struct data_peer p[2];
    start_room(&f, p, 2);
    struct buf b;
    buf_init(&b, 1000);
    packet_put(&b, &(struct packet_spec){.payload = "from the server", .to_identity = "b"});
    assert_true(media_data_send(f.media, 1, true, buf_slice(&b)));
    expect_text(&p[1], "from the server");
    assert_true(media_route_remove(f.media, p[0].transport));
    data_peer_send(&p[0], 0, &(struct packet_spec){.payload = "gone"});
    fixture_await(&f, data_dropped_no_route, 1);
    assert_true(media_close(f.media, p[0].transport));
    (void)data_peer_expect(&p[0], "goodbye");
    assert_true(media_data_send(f.media, 1, true, buf_slice(&b)));
    expect_text(&p[1], "from the server");
    buf_deinit(&b);
    stop_room(&f, p, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_all_and_to_some),
        cmocka_unit_test(test_T34_T35_sequence_and_hidden),
        cmocka_unit_test(test_joiner_gets_recent_messages),
        cmocka_unit_test(test_T26_channels_that_we_open),
        cmocka_unit_test(test_other_channels),
        cmocka_unit_test(test_channel_closed_and_opened_again),
        cmocka_unit_test(test_T47_large_messages),
        cmocka_unit_test(test_slow_receiver_is_closed),
        cmocka_unit_test(test_lossy_is_dropped_for_slow_receivers),
        cmocka_unit_test(test_data_follows_a_proven_move),
        cmocka_unit_test(test_server_packets_and_leaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
