/* What the router keeps of the past: messages for joiners, calls of the server, data tracks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "router_world.h"

static void test_repeated_messages(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    static const uint32_t sequence[] = {1, 2, 2, 1, 3};
    for (size_t i = 0; i < ARRAY_LEN(sequence); i++) {
        const struct packet_spec spec = {.payload = "x", .sequence = sequence[i]};
        world_receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    }
    assert_int_equal(w->count, 3);
    assert_int_equal(world_view(w, 2).sequence, 3);
    assert_int_equal(w->metrics.data_dropped_duplicate, 2);
    /* The same session put again goes on; another session of the participant begins anew. */
    world_put_plain(w, 1);
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .sequence = 3},
                  0);
    assert_int_equal(w->count, 3);
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(1, &sid, identity);
    (void)snprintf(r.sid.text, sizeof r.sid.text, "PA_other");
    world_put(w, &r);
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .sequence = 1},
                  0);
    assert_int_equal(w->count, 4);
    /* Lossy packets are not numbered, but a nonce tells. */
    for (int i = 0; i < 2; i++) {
        const struct packet_spec spec = {.payload = "x", .nonce = "0123456789abcdef"};
        world_receive(w, 1, DATA_KIND_LOSSY, &spec, 0);
    }
    assert_int_equal(w->count, 5);
}

static void test_joiners_get_what_they_missed(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    world_say(w, 1, "before it joined");
    world_put_plain(w, 3);
    w->answer[3] = DATA_SENT_NOT_OPEN;
    world_forget_sent(w);
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "old"}, 1000);
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "a"}, 2500);
    const struct packet_spec for_two = {.payload = "b", .to_identity = "n2"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &for_two, 2600);
    const struct packet_spec for_three = {.payload = "c", .to_identity = "n3"};
    world_receive(w, 2, DATA_KIND_RELIABLE, &for_three, 2700);
    world_receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "lossy"}, 2800);
    assert_false(world_sent_to(w, 3));
    world_forget_sent(w);
    w->answer[3] = DATA_SENT;
    data_router_opened(&w->router, 3, 3100);
    assert_int_equal(w->count, 2);
    assert_true(slice_eq_cstr(world_view(w, 0).payload, "a"));
    assert_true(slice_eq_cstr(world_view(w, 1).payload, "c"));
    assert_true(slice_eq_cstr(world_view(w, 1).participant_sid, "PA_2"));
    data_router_opened(&w->router, 3, 3101); /* nothing twice */
    assert_int_equal(w->count, 2);
    assert_true(w->metrics.data_recent_bytes > 0);
    data_router_tick(&w->router, 10000);
    assert_int_equal(w->metrics.data_recent_bytes, 0);
}

static void test_what_is_kept_is_bounded(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    w->answer[2] = DATA_SENT_NOT_OPEN;
    for (int i = 0; i < 10; i++) {
        world_receive(w, 1, DATA_KIND_RELIABLE,
                      &(struct packet_spec){.payload = "x", .padding = 20000}, 100);
    }
    assert_in_range(w->metrics.data_recent_bytes, 60000, DATA_RECENT_BYTES_MAX);
    w->answer[2] = DATA_SENT;
    data_router_opened(&w->router, 2, 200);
    assert_int_equal(w->count, 4); /* the newest that fit */
}

static void test_packets_of_the_server(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
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
    world_receive(w, from, DATA_KIND_RELIABLE,
                  &(struct packet_spec){.value = value, .to_identity = whom}, 0);
}

static void test_answers_to_calls_of_the_server(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
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
    world_put_plain(w, 2); /* a route that is put again goes on */
    answer(w, 2, DATA_VALUE_RPC_ACK, "uuid");
    assert_int_equal(w->to_server, 3);
    /* Other packets to nobody are for nobody. */
    world_receive(w, 2, DATA_KIND_RELIABLE,
                  &(struct packet_spec){.payload = "x", .to_identity = "uuid"}, 0);
    answer(w, 2, DATA_VALUE_RPC_REQUEST, "uuid");
    answer(w, 2, DATA_VALUE_RPC_RESPONSE, NULL);
    assert_int_equal(w->to_server, 3);
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
        world_put_plain(w, n);
    }
    put_handle(w, 2, 300, 0);
    put_handle(w, 3, 5, 0);
    receive_track(w, 1, 0x18, 7, 1, 0);
    assert_int_equal(w->count, 2);
    assert_true(world_sent_to(w, 2) && world_sent_to(w, 3));
    struct slice first = bytes_slice(&w->sent[0].packet);
    assert_int_equal(first.len, 14);
    assert_int_equal(first.data[2] << 8 | first.data[3], w->sent[0].transport == 2 ? 300 : 5);
    assert_memory_equal(first.data + 4, "\0\1\0\1\0\0\0\x09hi", 10);
    world_forget_sent(w);
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
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    put_handle(w, 2, 9, 10);
    receive_track(w, 1, 0x10, 7, 1, 1000);
    receive_track(w, 1, 0x08, 7, 1, 1001);
    receive_track(w, 1, 0x10, 7, 2, 1050); /* too soon, and so is its rest */
    receive_track(w, 1, 0x08, 7, 2, 1120);
    receive_track(w, 1, 0x18, 7, 3, 1130);
    assert_int_equal(w->count, 3);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_repeated_messages),
        T(test_joiners_get_what_they_missed),
        T(test_what_is_kept_is_bounded),
        T(test_packets_of_the_server),
        T(test_answers_to_calls_of_the_server),
        T(test_t49_data_tracks_go_out_under_handles_of_their_subscribers),
        T(test_data_tracks_leave_out_whole_frames),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
