#include <stdio.h>
#include <string.h>

#include "kit.h"

static bool lives(struct kit *k, const char *name) {
    char json[64];
    snprintf(json, sizeof(json), "{\"names\":[\"%s\"]}", name);
    struct answer a = kit_call(k, API_LIST_ROOMS, kit_list_claims(), json);
    return ((const Livekit__ListRoomsResponse *)kit_read(k, API_LIST_ROOMS, a))->n_rooms == 1;
}

static void test_empty_timeout(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"emptyTimeout\":10}");
    kit_pass(&k, 9999);
    assert_true(lives(&k, "r"));
    kit_pass(&k, 1);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    assert_true(slice_eq_cstr(kit_note(&k, NOTE_ROOM_FINISHED)->room_name, "r"));
    assert_false(lives(&k, "r"));
    kit_close(&k);
}

static void test_never(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"emptyTimeout\":4294967295}");
    kit_pass(&k, UINT64_C(30) * 24 * 3600 * 1000 / 1000);
    kit_pass(&k, 1000 * 1000);
    assert_true(lives(&k, "r"));
    kit_close(&k);
}

static void test_departure_timeout_counts_from_the_leave(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t a = kit_enter(&k, 1, "r", "alice");
    kit_up(&k, a);
    kit_pass(&k, 400 * 1000); /* past the empty timeout: somebody is in */
    assert_true(lives(&k, "r"));
    kit_lost(&k, a);
    kit_pass(&k, 20 * 1000 - 1);
    assert_true(lives(&k, "r"));
    kit_pass(&k, 1);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    kit_close(&k);
}

static void test_dependents_do_not_keep_a_room(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t a = kit_enter(&k, 1, "r", "alice");
    kit_up(&k, a);
    struct claims agent = kit_join_claims("r", "agent");
    agent.kind = KIND_AGENT;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .claims = &agent}), STATUS_OK);
    kit_up(&k, kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id);
    kit_lost(&k, a);
    kit_pass(&k, 20 * 1000);
    assert_string_equal(kit_story(&k, 2), "room leave:10/0 close:1000");
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    assert_int_equal(node_counts(k.n).sessions, 0);
    kit_close(&k);
}

static void test_solo_timeout(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"tags\":{\"stoa.solo_timeout\":\"30\"}}");
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_up(&k, kit_enter(&k, 2, "r", "bob"));
    kit_pass(&k, 60 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 2);
    kit_closed(&k, 2);
    kit_pass(&k, SIGNAL_GRACE_MS); /* bob is gone now */
    kit_pass(&k, 29 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 1), "leave:5/0 close:1000");
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    kit_close(&k);
}

static void test_max_duration(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"tags\":{\"stoa.max_duration\":\"100\"}}");
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_pass(&k, 99 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 1), "leave:5/0 close:1000");
    assert_false(lives(&k, "r"));
    kit_close(&k);
}

static const Livekit__Room *list_one(struct kit *k, enum api_coding coding) {
    struct answer a = kit_call_as(k, API_LIST_ROOMS, coding, kit_list_claims(), "{}");
    const Livekit__ListRoomsResponse *l = kit_read(k, API_LIST_ROOMS, a);
    assert_int_equal(l->n_rooms, 1);
    return l->rooms[0];
}

static void assert_times(struct kit *k, int64_t active_s_ago, int64_t ends_in_s) {
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        const Livekit__Room *r = list_one(k, codings[i]);
        int64_t now = (int64_t)k->now.wall_ms;
        assert_int_not_equal(r->opt_stoa_last_active_ms_case, 0);
        assert_int_equal(now - r->stoa_last_active_ms, active_s_ago * 1000);
        assert_int_equal(r->opt_stoa_expires_ms_case != 0, ends_in_s >= 0);
        if (ends_in_s >= 0) {
            assert_int_equal(r->stoa_expires_ms - now, ends_in_s * 1000);
        }
    }
}

/* A list says when a room was last used and when it goes. */
static void test_times_are_listed(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\"}");
    assert_times(&k, 0, 300);
    kit_pass(&k, 7 * 1000);
    assert_times(&k, 7, 293);
    uint64_t alice = kit_enter(&k, 1, "r", "alice");
    kit_up(&k, alice);
    kit_pass(&k, 9 * 1000);
    assert_times(&k, 0, -1); /* in use */
    kit_lost(&k, alice);
    assert_times(&k, 0, 20);
    kit_pass(&k, 15 * 1000);
    assert_times(&k, 15, 5);
    kit_close(&k);
}

static void test_a_room_without_end_says_so(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"emptyTimeout\":4294967295}");
    kit_pass(&k, (uint64_t)86400 * 1000);
    assert_times(&k, 86400, -1);
    kit_create_room(&k, "{\"name\":\"r\"}"); /* a use, that changes nothing else */
    assert_times(&k, 0, -1);
    kit_close(&k);
}

static bool contains(struct slice text, const char *part) {
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

static void test_only_lists_carry_times(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct answer a = kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"r\"}");
    assert_false(contains(a.body, "stoa"));
    a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{}");
    assert_true(contains(a.body, "\"stoa_expires_ms\":\"1700000300000\""));
    kit_close(&k);
}

static void test_many_rooms_end_within_the_budget(void **state) {
    (void)state;
    enum { MANY = 1000 };
    struct kit k;
    kit_open(&k, NULL);
    char json[64];
    for (int i = 0; i < MANY; i++) {
        snprintf(json, sizeof(json), "{\"name\":\"r%d\",\"emptyTimeout\":5}", i);
        kit_create_room(&k, json);
    }
    k.now.mono_ms += 5000;
    k.now.wall_ms += 5000;
    struct node_event ev = {.kind = EV_TICK};
    assert_int_equal(kit_step(&k, &ev), STATUS_OK);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), SWEEP_PER_STEP_MAX);
    assert_true(node_next_deadline_ms(k.n) <= k.now.mono_ms); /* wants the next slice */
    assert_int_equal(node_counts(k.n).rooms, MANY - SWEEP_PER_STEP_MAX);
    kit_settle(&k);
    assert_int_equal(node_counts(k.n).rooms, 0);
    assert_int_equal(node_counts(k.n).scan_findings, 0);
    kit_close(&k);
}

static void test_counts_are_told_within_5_s(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_up(&k, kit_enter(&k, 2, "r", "bob"));
    kit_pass(&k, ROOM_UPDATE_MS);
    assert_string_equal(kit_story(&k, 1), "room");
    assert_int_equal(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE, 0)
                         ->room_update->room->num_participants,
                     2);
    kit_pass(&k, 4 * ROOM_UPDATE_MS); /* nothing changed: nothing is told */
    assert_string_equal(kit_story(&k, 1), "");
    kit_close(&k);
}

static void drain(struct kit *k) {
    struct node_event ev = {.kind = EV_DRAIN};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

static void test_drain(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    drain(&k);
    kit_assert_error(kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"n\"}"), 503,
                     "{\"code\":\"unavailable\",\"msg\":\"twirp error unknown: node is shutting "
                     "down\"}");
    kit_create_room(&k, "{\"name\":\"r\"}"); /* lives already: answered */
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .room = "n", .identity = "bob"}),
                     STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_TEXT_REPLY, 2).status, 503);
    kit_enter(&k, 3, "r", "bob"); /* a room that lives may be joined */
    kit_closed(&k, 3);
    assert_int_equal(node_counts(k.n).participants, 1);
    kit_closed(&k, 1);
    kit_pass(&k, SIGNAL_GRACE_MS);
    assert_int_equal(node_counts(k.n).participants, 0);
    kit_close(&k);
}

static void test_stop(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_enter(&k, 2, "s", "bob");
    struct node_event ev = {.kind = EV_STOP};
    assert_int_equal(kit_step(&k, &ev), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "leave:3/0 close:1000");
    assert_string_equal(kit_story(&k, 2), "leave:3/0 close:1000");
    assert_int_equal(node_counts(k.n).sessions, 0);
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 3, .room = "r", .identity = "bob"}),
                     STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_TEXT_REPLY, 3).status, 503);
    kit_close(&k);
}

static void test_workers_share_rooms(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "a", "1");
    uint32_t first = kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.worker;
    kit_enter(&k, 2, "a", "2");
    assert_int_equal(kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.worker, first);
    kit_enter(&k, 3, "b", "1");
    assert_int_not_equal(kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.worker, first);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_timeout),
        cmocka_unit_test(test_never),
        cmocka_unit_test(test_departure_timeout_counts_from_the_leave),
        cmocka_unit_test(test_dependents_do_not_keep_a_room),
        cmocka_unit_test(test_solo_timeout),
        cmocka_unit_test(test_max_duration),
        cmocka_unit_test(test_times_are_listed),
        cmocka_unit_test(test_a_room_without_end_says_so),
        cmocka_unit_test(test_only_lists_carry_times),
        cmocka_unit_test(test_many_rooms_end_within_the_budget),
        cmocka_unit_test(test_counts_are_told_within_5_s),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_workers_share_rooms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
