/* The rules of routing, with a way out that only notes what it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "data_router.h"
#include "packets.h"

enum { SENT_MAX = 64, TRANSPORTS = 16 };

struct world {
    struct data_router router;
    struct metrics metrics;
    enum data_sent answer[TRANSPORTS]; /* of each transport */
    struct {
        uint64_t transport;
        enum data_packet_kind kind;
        struct bytes packet;
    } sent[SENT_MAX];
    size_t count;
    size_t to_server;
    uint64_t server_heard; /* participant */
};

static enum data_sent note(void *arg, uint64_t transport, enum data_packet_kind kind,
                           struct slice message) {
    struct world *w = arg;
    assert_true(transport < TRANSPORTS);
    if (w->answer[transport] == DATA_SENT) {
        assert_true(w->count < SENT_MAX);
        w->sent[w->count].transport = transport;
        w->sent[w->count].kind = kind;
        assert_int_equal(bytes_copy(message, &w->sent[w->count].packet), STATUS_OK);
        w->count++;
    }
    return w->answer[transport];
}

static enum data_sent note_track(void *arg, uint64_t transport, struct slice packet) {
    return note(arg, transport, DATA_KIND_LOSSY, packet);
}

static void note_to_server(void *arg, const struct route *from, struct slice packet) {
    struct world *w = arg;
    struct data_packet_view v;
    assert_int_equal(data_packet_read(packet, &v), STATUS_OK);
    assert_true(v.value == DATA_VALUE_RPC_ACK || v.value == DATA_VALUE_RPC_RESPONSE);
    w->to_server++;
    w->server_heard = from->participant;
}

static int setup(void **state) {
    static struct world w;
    w = (struct world){0};
    const struct data_router_config config = {.key = {1, 2},
                                              .metrics = &w.metrics,
                                              .send = note,
                                              .send_track = note_track,
                                              .send_arg = &w,
                                              .to_server = note_to_server};
    assert_int_equal(data_router_init(&w.router, &config), STATUS_OK);
    *state = &w;
    return 0;
}

static void forget_sent(struct world *w) {
    for (size_t i = 0; i < w->count; i++) {
        bytes_deinit(&w->sent[i].packet);
    }
    w->count = 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    forget_sent(w);
    data_router_deinit(&w->router);
    return 0;
}

/* Participant n: identity "n<n>", sid "PA_<n>", transport n for both ways. */
static struct media_route route_of(uint64_t n, struct ident *sid, char identity[8]) {
    (void)snprintf(sid->text, sizeof sid->text, "PA_%u", (unsigned)n);
    (void)snprintf(identity, 8, "n%u", (unsigned)n);
    return (struct media_route){
        .participant = n,
        .room = 1,
        .sid = *sid,
        .identity = slice_from_cstr(identity),
        .rx_transport = n,
        .tx_transport = n,
        .can_publish_data = true,
        .active = true,
    };
}

static void put(struct world *w, const struct media_route *config) {
    struct route *r = route_create(config);
    assert_non_null(r);
    assert_non_null(routes_put(&w->router.routes, r));
}

static void put_plain(struct world *w, uint64_t n) {
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(n, &sid, identity);
    put(w, &r);
}

static void receive(struct world *w, uint64_t from, enum data_packet_kind kind,
                    const struct packet_spec *spec, uint64_t now_ms) {
    struct buf b;
    buf_init(&b, 1 << 20);
    packet_put(&b, spec);
    data_router_receive(&w->router, from, kind, buf_slice(&b), now_ms);
    buf_deinit(&b);
}

static void say(struct world *w, uint64_t from, const char *payload) {
    receive(w, from, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = payload}, 0);
}

static struct data_packet_view view_of(const struct world *w, size_t i) {
    struct data_packet_view v;
    assert_true(i < w->count);
    assert_int_equal(data_packet_read(bytes_slice(&w->sent[i].packet), &v), STATUS_OK);
    return v;
}

static bool was_sent_to(const struct world *w, uint64_t transport) {
    for (size_t i = 0; i < w->count; i++) {
        if (w->sent[i].transport == transport) {
            return true;
        }
    }
    return false;
}

static void test_everybody_else_of_the_room(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    put_plain(w, 3);
    struct ident sid;
    char identity[8];
    struct media_route elsewhere = route_of(4, &sid, identity);
    elsewhere.room = 2;
    put(w, &elsewhere);
    const struct packet_spec spec = {.payload = "hi", .claimed_identity = "n3"};
    receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(w->count, 2);
    assert_true(was_sent_to(w, 2) && was_sent_to(w, 3));
    struct data_packet_view v = view_of(w, 0);
    assert_true(slice_eq_cstr(v.participant_identity, "n1")); /* not what it claimed */
    assert_true(slice_eq_cstr(v.participant_sid, "PA_1"));
    assert_true(slice_eq_cstr(v.payload, "hi"));
    assert_int_equal(w->metrics.data_messages_out, 2);
}

static void test_named_recipients_once_each(void **state) {
    struct world *w = *state;
    for (uint64_t n = 1; n <= 5; n++) {
        put_plain(w, n);
    }
    struct packet_spec spec = {
        .payload = "x", .to_identity = "n2", .to_identity_2 = "n4", .to_sid = "PA_2"};
    receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(w->count, 2);
    assert_true(was_sent_to(w, 2) && was_sent_to(w, 4));
    assert_int_equal(view_of(w, 0).destination_identities_count, 2);
    forget_sent(w);
    spec = (struct packet_spec){.payload = "x", .to_sid = "PA_5"};
    receive(w, 1, DATA_KIND_LOSSY, &spec, 0);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->sent[0].transport, 5);
    assert_int_equal(w->sent[0].kind, DATA_KIND_LOSSY);
    forget_sent(w);
    spec = (struct packet_spec){.payload = "x", .to_identity = "n1", .to_identity_2 = "nobody"};
    receive(w, 1, DATA_KIND_RELIABLE, &spec, 0); /* oneself and nobody */
    assert_int_equal(w->count, 0);
}

static void test_lossy_goes_to_active_ones(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(2, &sid, identity);
    r.active = false;
    put(w, &r);
    receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "x"}, 0);
    assert_int_equal(w->count, 0);
    say(w, 1, "x");
    assert_int_equal(w->count, 1);
    r.active = true;
    put(w, &r);
    receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "x"}, 0);
    assert_int_equal(w->count, 2);
}

static void test_who_may_not_send(void **state) {
    struct world *w = *state;
    put_plain(w, 2);
    say(w, 9, "x");
    assert_int_equal(w->metrics.data_dropped_no_route, 1);
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(1, &sid, identity);
    r.can_publish_data = false;
    put(w, &r);
    say(w, 1, "x");
    assert_int_equal(w->metrics.data_dropped_denied, 1);
    r.can_publish_data = true;
    put(w, &r);
    static const enum data_packet_value not_for_others[] = {DATA_VALUE_METRICS, DATA_VALUE_SPEAKER};
    for (size_t i = 0; i < ARRAY_LEN(not_for_others); i++) {
        receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.value = not_for_others[i]}, 0);
    }
    assert_int_equal(w->metrics.data_dropped_kind, 2);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.value = DATA_VALUE_TRANSCRIPTION}, 0);
    assert_int_equal(w->metrics.data_dropped_denied, 2);
    data_router_receive(&w->router, 1, DATA_KIND_RELIABLE, SLICE_LIT("\xff\xff"), 0);
    assert_int_equal(w->metrics.data_dropped_malformed, 1);
    assert_int_equal(w->count, 0);
}

static void test_agents_speak_for_others(void **state) {
    struct world *w = *state;
    put_plain(w, 2);
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(1, &sid, identity);
    r.agent = true;
    put(w, &r);
    const struct packet_spec transcription = {.value = DATA_VALUE_TRANSCRIPTION,
                                              .claimed_identity = "n7"};
    receive(w, 1, DATA_KIND_RELIABLE, &transcription, 0);
    const struct packet_spec user = {.payload = "x", .claimed_identity = "n7"};
    receive(w, 1, DATA_KIND_RELIABLE, &user, 0);
    assert_int_equal(w->count, 2);
    assert_true(slice_eq_cstr(view_of(w, 0).participant_identity, "n7"));
    assert_true(slice_eq_cstr(view_of(w, 1).participant_identity, "n1"));
}

static void test_hidden_senders_are_blank(void **state) {
    struct world *w = *state;
    put_plain(w, 2);
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(1, &sid, identity);
    r.hidden = true;
    put(w, &r);
    const struct packet_spec spec = {.payload = "x", .claimed_identity = "n1"};
    receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(view_of(w, 0).participant_identity.len, 0);
    assert_int_equal(view_of(w, 0).participant_sid.len, 0);
}

static void test_repeated_messages(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    static const uint32_t sequence[] = {1, 2, 2, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(sequence); i++) {
        const struct packet_spec spec = {.payload = "x", .sequence = sequence[i]};
        receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    }
    assert_int_equal(w->count, 3);
    assert_int_equal(view_of(w, 2).sequence, 3);
    assert_int_equal(w->metrics.data_dropped_duplicate, 2);
    /* The same session put again goes on; another session of the participant begins anew. */
    put_plain(w, 1);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .sequence = 3}, 0);
    assert_int_equal(w->count, 3);
    struct ident sid;
    char identity[8];
    struct media_route r = route_of(1, &sid, identity);
    (void)snprintf(r.sid.text, sizeof r.sid.text, "PA_other");
    put(w, &r);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .sequence = 1}, 0);
    assert_int_equal(w->count, 4);
    /* Lossy packets are not numbered, but a nonce tells. */
    for (int i = 0; i < 2; i++) {
        const struct packet_spec spec = {.payload = "x", .nonce = "0123456789abcdef"};
        receive(w, 1, DATA_KIND_LOSSY, &spec, 0);
    }
    assert_int_equal(w->count, 5);
}

static void test_joiners_get_what_they_missed(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    say(w, 1, "before it joined");
    put_plain(w, 3);
    w->answer[3] = DATA_SENT_NOT_OPEN;
    forget_sent(w);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "old"}, 1000);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "a"}, 2500);
    const struct packet_spec for_two = {.payload = "b", .to_identity = "n2"};
    receive(w, 1, DATA_KIND_RELIABLE, &for_two, 2600);
    const struct packet_spec for_three = {.payload = "c", .to_identity = "n3"};
    receive(w, 2, DATA_KIND_RELIABLE, &for_three, 2700);
    receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "lossy"}, 2800);
    assert_false(was_sent_to(w, 3));
    forget_sent(w);
    w->answer[3] = DATA_SENT;
    data_router_opened(&w->router, 3, 3100);
    assert_int_equal(w->count, 2);
    assert_true(slice_eq_cstr(view_of(w, 0).payload, "a"));
    assert_true(slice_eq_cstr(view_of(w, 1).payload, "c"));
    assert_true(slice_eq_cstr(view_of(w, 1).participant_sid, "PA_2"));
    data_router_opened(&w->router, 3, 3101); /* nothing twice */
    assert_int_equal(w->count, 2);
    assert_true(w->metrics.data_recent_bytes > 0);
    data_router_tick(&w->router, 10000);
    assert_int_equal(w->metrics.data_recent_bytes, 0);
}

static void test_what_is_kept_is_bounded(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    w->answer[2] = DATA_SENT_NOT_OPEN;
    for (int i = 0; i < 10; i++) {
        receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .padding = 20000},
                100);
    }
    assert_in_range(w->metrics.data_recent_bytes, 60000, DATA_RECENT_BYTES_MAX);
    w->answer[2] = DATA_SENT;
    data_router_opened(&w->router, 2, 200);
    assert_int_equal(w->count, 4); /* the newest that fit */
}

static void test_too_large(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .padding = 70000}, 0);
    assert_int_equal(w->metrics.data_dropped_too_large, 1);
    /* Of the size that clients send at most: what we add must fit. */
    receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .padding = 63980}, 0);
    assert_int_equal(w->count, 1);
    assert_int_equal(view_of(w, 0).payload.len, 63981);
}

static void test_slow_receivers_are_counted(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    w->answer[2] = DATA_SENT_SLOW;
    say(w, 1, "x");
    assert_int_equal(w->metrics.data_dropped_slow, 1);
    assert_int_equal(w->metrics.data_recent_bytes, 0); /* it is not a joiner */
}

static void test_packets_of_the_server(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    struct buf b;
    buf_init(&b, 1000);
    packet_put(&b, &(struct packet_spec){.payload = "all", .nonce = "n"});
    data_router_send(&w->router, 1, DATA_KIND_RELIABLE, buf_slice(&b), 0);
    assert_int_equal(w->count, 2);
    assert_true(slice_eq(bytes_slice(&w->sent[0].packet), buf_slice(&b))); /* untouched */
    data_router_send(&w->router, 1, DATA_KIND_RELIABLE, buf_slice(&b), 0);
    assert_int_equal(w->metrics.data_dropped_duplicate, 1);
    buf_clear(&b);
    packet_put(&b, &(struct packet_spec){.payload = "one", .to_identity = "n2"});
    data_router_send(&w->router, 1, DATA_KIND_LOSSY, buf_slice(&b), 0);
    assert_int_equal(w->count, 3);
    assert_int_equal(w->sent[2].transport, 2);
    data_router_send(&w->router, 77, DATA_KIND_LOSSY, buf_slice(&b), 0);
    assert_int_equal(w->metrics.data_dropped_no_route, 1);
    buf_deinit(&b);
}

static void call_from_server(struct world *w, const char *whom) {
    struct buf b;
    buf_init(&b, 1024);
    const struct packet_spec call = {
        .value = DATA_VALUE_RPC_REQUEST, .claimed_identity = "uuid", .to_identity = whom};
    packet_put(&b, &call);
    data_router_send(&w->router, 1, DATA_KIND_RELIABLE, buf_slice(&b), 0);
    buf_deinit(&b);
}

static void answer(struct world *w, uint64_t from, enum data_packet_value value, const char *whom) {
    receive(w, from, DATA_KIND_RELIABLE, &(struct packet_spec){.value = value, .to_identity = whom},
            0);
}

static void test_answers_to_calls_of_the_server(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    call_from_server(w, "n1");
    assert_int_equal(w->count, 1);
    answer(w, 1, DATA_VALUE_RPC_ACK, "n2"); /* of a call of n2's */
    assert_int_equal(w->count, 2);
    assert_int_equal(w->to_server, 0);
    answer(w, 1, DATA_VALUE_RPC_ACK, "uuid");
    answer(w, 1, DATA_VALUE_RPC_RESPONSE, "uuid");
    assert_int_equal(w->to_server, 2);
    assert_int_equal(w->server_heard, 1);
    assert_int_equal(w->count, 2); /* nobody else hears it */
    /* No more than was asked for, and from nobody who was not asked. */
    answer(w, 1, DATA_VALUE_RPC_RESPONSE, "uuid");
    answer(w, 2, DATA_VALUE_RPC_RESPONSE, "uuid");
    assert_int_equal(w->to_server, 2);
    assert_int_equal(w->metrics.data_dropped_no_route, 2);
    /* A call that it had not opened its channels for is answered all the same. */
    w->answer[2] = DATA_SENT_NOT_OPEN;
    call_from_server(w, "n2");
    put_plain(w, 2); /* a route that is put again goes on */
    answer(w, 2, DATA_VALUE_RPC_ACK, "uuid");
    assert_int_equal(w->to_server, 3);
    /* Other packets to nobody are for nobody. */
    receive(w, 2, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .to_identity = "uuid"},
            0);
    answer(w, 2, DATA_VALUE_RPC_REQUEST, "uuid");
    answer(w, 2, DATA_VALUE_RPC_RESPONSE, NULL);
    assert_int_equal(w->to_server, 3);
}

static void test_routes_come_and_go(void **state) {
    struct world *w = *state;
    struct routes *t = &w->router.routes;
    put_plain(w, 1);
    put_plain(w, 2);
    /* The same identity once more: the later one is found, and stays when the earlier goes. */
    struct ident sid;
    char identity[8];
    struct media_route twin = route_of(3, &sid, identity);
    twin.identity = SLICE_LIT("n2");
    put(w, &twin);
    assert_int_equal(routes_by_identity(t, 1, SLICE_LIT("n2"))->participant, 3);
    routes_remove(t, 2);
    assert_int_equal(routes_by_identity(t, 1, SLICE_LIT("n2"))->participant, 3);
    assert_null(routes_by_transport(t, ROUTE_BY_RX, 2));
    assert_null(routes_by_sid(t, 1, SLICE_LIT("PA_2")));
    /* Into another room; the old one is left behind empty and goes. */
    routes_remove(t, 3);
    struct media_route moved = route_of(1, &sid, identity);
    moved.room = 2;
    put(w, &moved);
    assert_null(routes_room(t, 1));
    assert_non_null(routes_room(t, 2));
    assert_null(routes_by_identity(t, 1, SLICE_LIT("n1")));
    routes_remove(t, 1);
    routes_remove(t, 1);
    assert_null(routes_room(t, 2));
}

static void put_handle(struct world *w, uint64_t subscriber, uint16_t handle, uint16_t fps_max) {
    const struct media_handle say = {.publisher = 1,
                                     .subscriber = subscriber,
                                     .publisher_handle = 7,
                                     .subscriber_handle = handle,
                                     .fps_max = fps_max};
    struct handle_subscription *s = handle_subscription_create(&say);
    assert_non_null(s);
    handles_put(&w->router.handles, s);
}

static void receive_track(struct world *w, uint64_t from, uint8_t flags, uint8_t handle,
                          uint8_t frame, uint64_t now_ms) {
    const uint8_t packet[14] = {flags, 0, 0, handle, 0, 1, 0, frame, 0, 0, 0, 9, 'h', 'i'};
    data_router_receive_track(&w->router, from, slice_of(packet, sizeof packet), now_ms);
}

/* T49: under the handle that the subscriber was told, and to nobody who was told none. */
static void test_t49_data_tracks_go_out_under_handles_of_their_subscribers(void **state) {
    struct world *w = *state;
    for (uint64_t n = 1; n <= 4; n++) {
        put_plain(w, n);
    }
    put_handle(w, 2, 300, 0);
    put_handle(w, 3, 5, 0);
    receive_track(w, 1, 0x18, 7, 1, 0);
    assert_int_equal(w->count, 2);
    assert_true(was_sent_to(w, 2) && was_sent_to(w, 3));
    struct slice first = bytes_slice(&w->sent[0].packet);
    assert_int_equal(first.len, 14);
    assert_int_equal(first.data[2] << 8 | first.data[3], w->sent[0].transport == 2 ? 300 : 5);
    assert_memory_equal(first.data + 4, "\0\1\0\1\0\0\0\x09hi", 10);
    forget_sent(w);
    handles_remove(&w->router.handles, 1, 7, 2);
    receive_track(w, 1, 0x18, 7, 2, 0);
    assert_int_equal(w->count, 1);
    receive_track(w, 1, 0x18, 8, 2, 0); /* a handle that nobody wants */
    receive_track(w, 2, 0x18, 7, 2, 0); /* another publisher's */
    receive_track(w, 1, 0x38, 7, 2, 0); /* another version */
    receive_track(w, 1, 0x18, 0, 2, 0); /* no handle */
    assert_int_equal(w->count, 1);
    assert_int_equal(w->metrics.data_dropped_data_track, 2);
    assert_int_equal(w->metrics.data_dropped_malformed, 2);
    put_handle(w, 4, 6, 0);
    handles_remove_participant(&w->router.handles, 3); /* it left */
    receive_track(w, 1, 0x18, 7, 3, 0);
    assert_int_equal(w->count, 2);
    handles_remove_participant(&w->router.handles, 1);
    assert_int_equal(w->router.handles.tracks.count, 0);
    assert_int_equal(w->router.handles.parties.count, 0);
}

static void test_data_tracks_leave_out_whole_frames(void **state) {
    struct world *w = *state;
    put_plain(w, 1);
    put_plain(w, 2);
    put_handle(w, 2, 9, 10);
    receive_track(w, 1, 0x10, 7, 1, 1000);
    receive_track(w, 1, 0x08, 7, 1, 1001);
    receive_track(w, 1, 0x10, 7, 2, 1050); /* too soon, and so is its rest */
    receive_track(w, 1, 0x08, 7, 2, 1120);
    receive_track(w, 1, 0x18, 7, 3, 1130);
    assert_int_equal(w->count, 3);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_t49_data_tracks_go_out_under_handles_of_their_subscribers),
        T(test_data_tracks_leave_out_whole_frames),
        T(test_everybody_else_of_the_room),
        T(test_named_recipients_once_each),
        T(test_lossy_goes_to_active_ones),
        T(test_who_may_not_send),
        T(test_agents_speak_for_others),
        T(test_hidden_senders_are_blank),
        T(test_repeated_messages),
        T(test_joiners_get_what_they_missed),
        T(test_what_is_kept_is_bounded),
        T(test_too_large),
        T(test_slow_receivers_are_counted),
        T(test_packets_of_the_server),
        T(test_routes_come_and_go),
        T(test_answers_to_calls_of_the_server),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
