#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

enum { ROOMS = 5000 };

static void fill(struct kit *k) {
    char json[64];
    for (int i = 0; i < ROOMS; i++) {
        snprintf(json, sizeof(json), "{\"name\":\"r%d\"}", i);
        kit_create_room(k, json);
    }
}

static enum status ask(struct kit *k, uint64_t conn, enum api_coding coding, const char *json) {
    ProtobufCMessage *request = NULL;
    const struct api_method *method = api_method_at(API_LIST_ROOMS);
    assert_int_equal(proto_decode_json(method->request, slice_from_cstr(json), &k->arena, &request),
                     STATUS_OK);
    struct node_event ev = {.kind = EV_API, .conn = conn, .claims = kit_list_claims()};
    ev.api.method = method;
    ev.api.coding = coding;
    ev.api.request = request;
    return kit_step(k, &ev);
}

/* Ticks until the answer for `conn` is there, doing something else between any two slices. */
static struct answer wait_for(struct kit *k, uint64_t conn, size_t *ret_slices) {
    size_t slices = 1;
    struct answer a = kit_answer(k, FX_API_REPLY, conn);
    while (a.status == 0) {
        kit_create_room(k, "{\"name\":\"r7\"}"); /* answered at once, between slices */
        assert_true(node_next_deadline_ms(k->n) <= k->now.mono_ms);
        struct node_event ev = {.kind = EV_TICK};
        assert_int_equal(kit_step(k, &ev), STATUS_OK);
        a = kit_answer(k, FX_API_REPLY, conn);
        slices++;
        assert_true(slices < 1000);
    }
    *ret_slices = slices;
    return a;
}

static void check_all(struct kit *k, struct answer a) {
    static bool seen[ROOMS];
    memset(seen, 0, sizeof(seen));
    arena_reset(&k->arena);
    const Livekit__ListRoomsResponse *l = kit_read(k, API_LIST_ROOMS, a);
    assert_int_equal(l->n_rooms, ROOMS);
    for (size_t i = 0; i < l->n_rooms; i++) {
        long at = strtol(l->rooms[i]->name + 1, NULL, 10);
        assert_true(at >= 0 && at < ROOMS && !seen[at]);
        seen[at] = true;
        assert_int_equal(l->rooms[i]->n_enabled_codecs, 10);
    }
}

static void test_a_long_list_goes_in_slices(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    fill(&k);
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        size_t slices = 0;
        assert_int_equal(ask(&k, 50, codings[i], "{}"), STATUS_OK);
        assert_int_equal(k.fx.count, 0);
        struct answer a = wait_for(&k, 50, &slices);
        assert_int_equal(a.is_json, codings[i] == API_JSON);
        assert_true(slices >= ROOMS / LIST_SLICE_ROOMS);
        check_all(&k, a);
    }
    kit_close(&k);
}

static void test_lists_take_turns(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    fill(&k);
    for (uint64_t conn = 50; conn < 53; conn++) {
        assert_int_equal(ask(&k, conn, API_PROTOBUF, "{}"), STATUS_OK);
    }
    size_t answers = 0;
    struct node_event ev = {.kind = EV_TICK};
    while (node_next_deadline_ms(k.n) <= k.now.mono_ms) {
        assert_int_equal(kit_step(&k, &ev), STATUS_OK);
        for (size_t i = 0; i < k.fx.count; i++) {
            check_all(&k, kit_answer(&k, FX_API_REPLY, k.fx.items[i].conn));
            answers++;
        }
    }
    assert_int_equal(answers, 3);
    kit_close(&k);
}

static void test_names(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    fill(&k);
    struct answer a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(),
                               "{\"names\":[\"r9\",\"none\",\"r3\",\"r9\",\"R3\"]}");
    const Livekit__ListRoomsResponse *l = kit_read(&k, API_LIST_ROOMS, a);
    assert_int_equal(l->n_rooms, 3); /* in the order of the request, missing ones left out */
    assert_string_equal(l->rooms[0]->name, "r9");
    assert_string_equal(l->rooms[1]->name, "r3");
    assert_string_equal(l->rooms[2]->name, "r9");
    a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{\"names\":[\"none\"]}");
    assert_true(slice_eq_cstr(a.body, "{\"rooms\":[]}"));
    kit_close(&k);
}

static void test_counts_are_never_stale(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    kit_enter(&k, 2, "r", "bob");
    struct answer a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{}");
    const Livekit__ListRoomsResponse *l = kit_read(&k, API_LIST_ROOMS, a);
    assert_int_equal(l->rooms[0]->num_participants, 2);
    kit_closed(&k, 2);
    a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{}");
    l = kit_read(&k, API_LIST_ROOMS, a);
    assert_int_equal(l->rooms[0]->num_participants, 1);
    kit_close(&k);
}

static void test_too_many_lists_and_too_late(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    fill(&k);
    for (uint64_t conn = 100; conn < 100 + HELD_REPLIES_MAX; conn++) {
        assert_int_equal(ask(&k, conn, API_PROTOBUF, "{}"), STATUS_OK);
    }
    assert_int_equal(ask(&k, 99, API_JSON, "{}"), STATUS_OK);
    kit_assert_error(kit_answer(&k, FX_API_REPLY, 99), 429,
                     "{\"code\":\"resource_exhausted\",\"msg\":\"too many lists at once\"}");
    k.now.mono_ms += HELD_REPLY_TIMEOUT_MS;
    struct node_event ev = {.kind = EV_TICK};
    size_t late = 0;
    for (int i = 0; i < HELD_REPLIES_MAX; i++) {
        assert_int_equal(kit_step(&k, &ev), STATUS_OK);
        late += k.fx.count == 1 && k.fx.items[0].http_status == 408;
    }
    assert_int_equal(late, HELD_REPLIES_MAX);
    assert_int_equal(k.metrics.held_timeouts, HELD_REPLIES_MAX);
    kit_close(&k);
}

static void test_a_node_may_go_with_answers_held(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    fill(&k);
    assert_int_equal(ask(&k, 50, API_JSON, "{}"), STATUS_OK);
    kit_close(&k);
}

static void in_parts(struct node_config *c) {
    c->partial_replies = true;
}

/* Takes the parts of one answer, asking for each once the one before has left. */
static void take_parts(struct kit *k, uint64_t conn, struct buf *whole, size_t *ret_parts) {
    enum part last = PART_FIRST;
    size_t parts = 0;
    while (last != PART_LAST) {
        const struct effect *e = kit_effect(k, FX_API_PART, 0);
        if (e) {
            assert_int_equal(e->conn, conn);
            assert_int_equal(e->http_status, 200);
            assert_int_equal(e->part == PART_FIRST, parts == 0);
            assert_true(e->bytes.len < LIST_PART_BYTES + 2 * LIST_SLICE_BYTES);
            buf_put(whole, e->bytes);
            last = e->part;
            parts++;
            struct node_event more = {.kind = EV_REPLY_MORE, .conn = conn};
            assert_int_equal(kit_step(k, &more), STATUS_OK);
            continue;
        }
        struct node_event ev = {.kind = EV_TICK};
        assert_int_equal(kit_step(k, &ev), STATUS_OK);
        assert_int_equal(kit_count(k, FX_API_REPLY), 0);
    }
    assert_false(whole->failed);
    *ret_parts = parts;
}

static void test_a_long_list_leaves_in_parts(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, in_parts);
    fill(&k);
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        struct buf whole;
        size_t parts = 0;
        buf_init(&whole, 64 << 20);
        assert_int_equal(ask(&k, 7, codings[i], "{}"), STATUS_OK);
        take_parts(&k, 7, &whole, &parts);
        assert_true(parts > 3);
        check_all(&k, (struct answer){200, codings[i] == API_JSON, buf_slice(&whole)});
        buf_deinit(&whole);
    }
    /* A short answer is whole at once. */
    assert_int_equal(ask(&k, 7, API_JSON, "{\"names\":[\"r7\"]}"), STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_API_REPLY, 7).status, 200);
    kit_close(&k);
}

static void next_part(struct kit *k) {
    while (kit_count(k, FX_API_PART) == 0) {
        struct node_event ev = {.kind = EV_TICK};
        assert_int_equal(kit_step(k, &ev), STATUS_OK);
    }
}

static void test_no_part_is_made_before_it_is_asked_for(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, in_parts);
    fill(&k);
    assert_int_equal(ask(&k, 7, API_JSON, "{}"), STATUS_OK);
    next_part(&k);
    kit_settle(&k);
    assert_int_equal(kit_count(&k, FX_API_PART), 0);
    kit_pass(&k, HELD_REPLY_TIMEOUT_MS - 1);
    assert_int_equal(kit_count(&k, FX_API_PART), 0);
    kit_pass(&k, 1); /* a reader that does not read: it breaks off */
    assert_int_equal(kit_effect(&k, FX_API_PART, 0)->part, PART_ABORT);
    assert_int_equal(k.metrics.held_timeouts, 1);
    struct node_event more = {.kind = EV_REPLY_MORE, .conn = 7};
    assert_int_equal(kit_step(&k, &more), STATUS_OK);
    kit_settle(&k);
    assert_int_equal(kit_count(&k, FX_API_PART), 0);
    kit_close(&k);
}

static void test_a_reader_that_is_gone_frees_its_place(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, in_parts);
    fill(&k);
    for (uint64_t i = 0; i < HELD_REPLIES_MAX; i++) {
        assert_int_equal(ask(&k, 100 + i, API_PROTOBUF, "{}"), STATUS_OK);
    }
    kit_settle(&k);
    assert_int_equal(ask(&k, 7, API_PROTOBUF, "{}"), STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_API_REPLY, 7).status, 429);
    struct node_event gone = {.kind = EV_REPLY_GONE, .conn = 105};
    assert_int_equal(kit_step(&k, &gone), STATUS_OK);
    assert_int_equal(ask(&k, 7, API_PROTOBUF, "{}"), STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_API_REPLY, 7).status, 0);
    kit_close(&k); /* with all the others waiting */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_long_list_goes_in_slices),
        cmocka_unit_test(test_lists_take_turns),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_long_list_leaves_in_parts),
        cmocka_unit_test(test_no_part_is_made_before_it_is_asked_for),
        cmocka_unit_test(test_a_reader_that_is_gone_frees_its_place),
        cmocka_unit_test(test_counts_are_never_stale),
        cmocka_unit_test(test_too_many_lists_and_too_late),
        cmocka_unit_test(test_a_node_may_go_with_answers_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
