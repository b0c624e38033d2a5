/* The rules of routing: who gets what, and as whose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "router_world.h"

static void test_everybody_else_of_the_room(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    world_put_plain(w, 3);
    struct ident sid;
    char identity[8];
    struct media_route elsewhere = world_route(4, &sid, identity);
    elsewhere.room = 2;
    world_put(w, &elsewhere);
    const struct packet_spec spec = {.payload = "hi", .claimed_identity = "n3"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(w->count, 2);
    assert_true(world_sent_to(w, 2) && world_sent_to(w, 3));
    struct data_packet_view v = world_view(w, 0);
    assert_true(slice_eq_cstr(v.participant_identity, "n1")); /* not what it claimed */
    assert_true(slice_eq_cstr(v.participant_sid, "PA_1"));
    assert_true(slice_eq_cstr(v.payload, "hi"));
    assert_int_equal(w->metrics.data_messages_out, 2);
}

static void test_named_recipients_once_each(void **state) {
    struct world *w = *state;
    for (uint64_t n = 1; n <= 5; n++) {
        world_put_plain(w, n);
    }
    struct packet_spec spec = {
        .payload = "x", .to_identity = "n2", .to_identity_2 = "n4", .to_sid = "PA_2"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(w->count, 2);
    assert_true(world_sent_to(w, 2) && world_sent_to(w, 4));
    assert_int_equal(world_view(w, 0).destination_identities_count, 2);
    world_forget_sent(w);
    spec = (struct packet_spec){.payload = "x", .to_sid = "PA_5"};
    world_receive(w, 1, DATA_KIND_LOSSY, &spec, 0);
    assert_int_equal(w->count, 1);
    assert_int_equal(w->sent[0].transport, 5);
    assert_int_equal(w->sent[0].kind, DATA_KIND_LOSSY);
    world_forget_sent(w);
    spec = (struct packet_spec){.payload = "x", .to_identity = "n1", .to_identity_2 = "nobody"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &spec, 0); /* oneself and nobody */
    assert_int_equal(w->count, 0);
}

static void test_lossy_goes_to_active_ones(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(2, &sid, identity);
    r.active = false;
    world_put(w, &r);
    world_receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "x"}, 0);
    assert_int_equal(w->count, 0);
    world_say(w, 1, "x");
    assert_int_equal(w->count, 1);
    r.active = true;
    world_put(w, &r);
    world_receive(w, 1, DATA_KIND_LOSSY, &(struct packet_spec){.payload = "x"}, 0);
    assert_int_equal(w->count, 2);
}

static void test_who_may_not_send(void **state) {
    struct world *w = *state;
    world_put_plain(w, 2);
    world_say(w, 9, "x");
    assert_int_equal(w->metrics.data_dropped_no_route, 1);
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(1, &sid, identity);
    r.can_publish_data = false;
    world_put(w, &r);
    world_say(w, 1, "x");
    assert_int_equal(w->metrics.data_dropped_denied, 1);
    r.can_publish_data = true;
    world_put(w, &r);
    static const enum data_packet_value not_for_others[] = {DATA_VALUE_METRICS, DATA_VALUE_SPEAKER};
    for (size_t i = 0; i < ARRAY_LEN(not_for_others); i++) {
        world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.value = not_for_others[i]},
                      0);
    }
    assert_int_equal(w->metrics.data_dropped_kind, 2);
    world_receive(w, 1, DATA_KIND_RELIABLE,
                  &(struct packet_spec){.value = DATA_VALUE_TRANSCRIPTION}, 0);
    assert_int_equal(w->metrics.data_dropped_denied, 2);
    data_router_receive(&w->router, 1, DATA_KIND_RELIABLE, SLICE_LIT("\xff\xff"), 0);
    assert_int_equal(w->metrics.data_dropped_malformed, 1);
    assert_int_equal(w->count, 0);
}

static void test_agents_speak_for_others(void **state) {
    struct world *w = *state;
    world_put_plain(w, 2);
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(1, &sid, identity);
    r.agent = true;
    world_put(w, &r);
    const struct packet_spec transcription = {.value = DATA_VALUE_TRANSCRIPTION,
                                              .claimed_identity = "n7"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &transcription, 0);
    const struct packet_spec user = {.payload = "x", .claimed_identity = "n7"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &user, 0);
    assert_int_equal(w->count, 2);
    assert_true(slice_eq_cstr(world_view(w, 0).participant_identity, "n7"));
    assert_true(slice_eq_cstr(world_view(w, 1).participant_identity, "n1"));
}

static void test_hidden_senders_are_blank(void **state) {
    struct world *w = *state;
    world_put_plain(w, 2);
    struct ident sid;
    char identity[8];
    struct media_route r = world_route(1, &sid, identity);
    r.hidden = true;
    world_put(w, &r);
    const struct packet_spec spec = {.payload = "x", .claimed_identity = "n1"};
    world_receive(w, 1, DATA_KIND_RELIABLE, &spec, 0);
    assert_int_equal(world_view(w, 0).participant_identity.len, 0);
    assert_int_equal(world_view(w, 0).participant_sid.len, 0);
}

static void test_too_large(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .padding = 70000},
                  0);
    assert_int_equal(w->metrics.data_dropped_too_large, 1);
    /* Of the size that clients send at most: what we add must fit. */
    world_receive(w, 1, DATA_KIND_RELIABLE, &(struct packet_spec){.payload = "x", .padding = 63980},
                  0);
    assert_int_equal(w->count, 1);
    assert_int_equal(world_view(w, 0).payload.len, 63981);
}

static void test_slow_receivers_are_counted(void **state) {
    struct world *w = *state;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    w->answer[2] = DATA_SENT_SLOW;
    world_say(w, 1, "x");
    assert_int_equal(w->metrics.data_dropped_slow, 1);
    assert_int_equal(w->metrics.data_recent_bytes, 0); /* it is not a joiner */
}

static void test_routes_come_and_go(void **state) {
    struct world *w = *state;
    struct routes *t = &w->router.routes;
    world_put_plain(w, 1);
    world_put_plain(w, 2);
    /* The same identity once more: the later one is found, and stays when the earlier goes. */
    struct ident sid;
    char identity[8];
    struct media_route twin = world_route(3, &sid, identity);
    twin.identity = SLICE_LIT("n2");
    world_put(w, &twin);
    assert_int_equal(routes_by_identity(t, 1, SLICE_LIT("n2"))->participant, 3);
    routes_remove(t, 2);
    assert_int_equal(routes_by_identity(t, 1, SLICE_LIT("n2"))->participant, 3);
    assert_null(routes_by_transport(t, ROUTE_BY_RX, 2));
    assert_null(routes_by_sid(t, 1, SLICE_LIT("PA_2")));
    /* Into another room; the old one is left behind empty and goes. */
    routes_remove(t, 3);
    struct media_route moved = world_route(1, &sid, identity);
    moved.room = 2;
    world_put(w, &moved);
    assert_null(routes_room(t, 1));
    assert_non_null(routes_room(t, 2));
    assert_null(routes_by_identity(t, 1, SLICE_LIT("n1")));
    routes_remove(t, 1);
    routes_remove(t, 1);
    assert_null(routes_room(t, 2));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_everybody_else_of_the_room),
        T(test_named_recipients_once_each),
        T(test_lossy_goes_to_active_ones),
        T(test_who_may_not_send),
        T(test_agents_speak_for_others),
        T(test_hidden_senders_are_blank),
        T(test_too_large),
        T(test_slow_receivers_are_counted),
        T(test_routes_come_and_go),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
