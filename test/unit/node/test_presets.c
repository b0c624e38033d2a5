/* Rooms made after a template of the configuration, a request or a token. */
#include "kit.h"

static void with_presets(struct node_config *c) {
    static const struct slice agents[] = {{(const uint8_t *)"helper", 6}};
    static const struct attribute tags[] = {{SLICE_LIT("stoa.max_duration"), SLICE_LIT("60")},
                                            {SLICE_LIT("a"), SLICE_LIT("b")}};
    static const struct node_preset presets[] = {
        {.name = SLICE_LIT("other"), .max_participants = 77},
        {.name = SLICE_LIT("small"),
         .metadata = SLICE_LIT("pm"),
         .empty_timeout_s = 11,
         .departure_timeout_s = 12,
         .max_participants = 2,
         .agents = agents,
         .agents_count = 1,
         .tags = tags,
         .tags_count = 2},
    };
    c->room_presets = presets;
    c->room_presets_count = ARRAY_LEN(presets);
}

static const Livekit__Room *create(struct kit *k, const char *json) {
    return kit_read(k, API_CREATE_ROOM, kit_call(k, API_CREATE_ROOM, kit_create_claims(), json));
}

static const char *agent_of(struct kit *k) {
    struct answer a = kit_call(k, API_LIST_DISPATCH, kit_admin_claims("r"), "{\"room\":\"r\"}");
    const Livekit__ListAgentDispatchResponse *l = kit_read(k, API_LIST_DISPATCH, a);
    assert_int_equal(l->n_agent_dispatches, 1);
    return l->agent_dispatches[0]->agent_name;
}

static void test_the_preset_says_what_the_request_leaves_open(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_presets);
    const Livekit__Room *r = create(&k, "{\"name\":\"r\",\"roomPreset\":\"small\"}");
    assert_int_equal(r->empty_timeout, 11);
    assert_int_equal(r->departure_timeout, 12);
    assert_int_equal(r->max_participants, 2);
    assert_string_equal(r->metadata, "pm");
    assert_string_equal(agent_of(&k), "helper");
    kit_pass(&k, 11 * 1000);
    r = create(&k, "{\"name\":\"r\",\"roomPreset\":\"small\",\"emptyTimeout\":100,"
                   "\"metadata\":\"m\",\"maxParticipants\":5,\"agents\":[{\"agentName\":\"x\"}],"
                   "\"tags\":{\"stoa.max_duration\":\"30\"}}");
    assert_int_equal(r->empty_timeout, 100);
    assert_int_equal(r->departure_timeout, 12);
    assert_int_equal(r->max_participants, 5);
    assert_string_equal(r->metadata, "m");
    assert_string_equal(agent_of(&k), "x");
    kit_pass(&k, 30 * 1000 - 1); /* the request's tag, not the preset's */
    assert_int_equal(node_counts(k.n).rooms, 1);
    kit_pass(&k, 1);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void test_tags_of_a_preset_are_settings(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_presets);
    create(&k, "{\"name\":\"r\",\"roomPreset\":\"small\",\"emptyTimeout\":100}");
    kit_pass(&k, 60 * 1000);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void test_a_token_names_a_preset(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_presets);
    struct claims c = kit_join_claims("r", "alice");
    c.room_preset = SLICE_LIT("small");
    c.room_config = SLICE_LIT("{\"emptyTimeout\":100,\"max_participants\":1}");
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 1, .claims = &c}), STATUS_OK);
    const Livekit__Room *r = kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join->room;
    assert_int_equal(r->empty_timeout, 100);
    assert_int_equal(r->departure_timeout, 12);
    assert_int_equal(r->max_participants, 1);
    assert_string_equal(r->metadata, "pm");
    /* In a room that lives it is not even looked at. */
    c = kit_join_claims("r", "alice");
    c.room_preset = SLICE_LIT("nope");
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .claims = &c}), STATUS_OK);
    assert_int_equal(kit_count(&k, FX_UPGRADE), 1);
    kit_close(&k);
}

static void test_an_unknown_preset_is_refused(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_presets);
    kit_assert_error(kit_call(&k, API_CREATE_ROOM, kit_create_claims(),
                              "{\"name\":\"r\",\"roomPreset\":\"smal\"}"),
                     400,
                     "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: unknown room "
                     "configuration in create room request\"}");
    struct claims c = kit_join_claims("r", "alice");
    c.room_preset = SLICE_LIT("nope");
    kit_join(&k, &(struct kit_join){.conn = 1, .claims = &c});
    assert_int_equal(kit_answer(&k, FX_TEXT_REPLY, 1).status, 400);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_preset_says_what_the_request_leaves_open),
        cmocka_unit_test(test_tags_of_a_preset_are_settings),
        cmocka_unit_test(test_a_token_names_a_preset),
        cmocka_unit_test(test_an_unknown_preset_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
