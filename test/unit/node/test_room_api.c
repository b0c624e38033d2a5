#include <stdio.h>
#include <string.h>

#include "kit.h"

#define NOT_FOUND_ROOM                                                                             \
    "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: requested room does not exist\"}"
#define DENIED "{\"code\":\"unauthenticated\",\"msg\":\"permissions denied\"}"

static void test_create_answers_the_whole_room(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        struct answer a = kit_call_as(&k, API_CREATE_ROOM, codings[i], kit_create_claims(),
                                      "{\"name\":\"r\",\"emptyTimeout\":10,\"maxParticipants\":3,"
                                      "\"metadata\":\"m\",\"departureTimeout\":5}");
        const Livekit__Room *r = kit_read(&k, API_CREATE_ROOM, a);
        assert_int_equal(strncmp(r->sid, "RM_", 3), 0);
        assert_int_equal(strlen(r->sid), 15);
        assert_string_equal(r->name, "r");
        assert_int_equal(r->empty_timeout, 10);
        assert_int_equal(r->departure_timeout, 5);
        assert_int_equal(r->max_participants, 3);
        assert_int_equal(r->creation_time, 1700000000);
        assert_int_equal(r->creation_time_ms, 1700000000000);
        assert_int_equal(strlen(r->turn_password), 43);
        assert_int_equal(r->n_enabled_codecs, 10);
        assert_string_equal(r->enabled_codecs[0]->mime, "audio/PCMU");
        assert_string_equal(r->enabled_codecs[9]->mime, "video/rtx");
        assert_string_equal(r->metadata, "m");
        assert_null(r->version);
        /* Started once: the second call finds the room living. */
        assert_int_equal(kit_notes(&k, NOTE_ROOM_STARTED), i == 0);
    }
    kit_close(&k);
}

static void test_create_on_a_living_room_changes_nothing(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"first\"}");
    struct answer a = kit_call(&k, API_CREATE_ROOM, kit_create_claims(),
                               "{\"name\":\"r\",\"metadata\":\"second\",\"maxParticipants\":9,"
                               "\"roomPreset\":\"nope\"}");
    const Livekit__Room *r = kit_read(&k, API_CREATE_ROOM, a);
    assert_string_equal(r->metadata, "first");
    assert_int_equal(r->max_participants, 0);
    assert_int_equal(r->empty_timeout, 300);
    assert_int_equal(r->departure_timeout, 20);
    kit_close(&k);
}

static void small_limits(struct node_config *c) {
    c->room_name_bytes_max = 8;
    c->metadata_bytes_max = 4;
    c->attributes_bytes_max = 4;
    c->participant_name_bytes_max = 4;
    c->identity_bytes_max = 8;
    c->rooms_max = 2;
}

static void test_create_refusals(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, small_limits);
    static const struct {
        const char *request;
        unsigned status;
        const char *body;
    } rows[] = {
        {"{\"name\":\"123456789\"}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: room name length exceeds "
         "limits: max length 8\"}"},
        {"{\"name\":\"r\",\"metadata\":\"12345\"}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"metadata size exceeds limits 4\","
         "\"meta\":{\"argument\":\"metadata size exceeds limits\"}}"},
        {"{\"name\":\"r\",\"agents\":[{\"metadata\":\"12345\"}]}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"metadata size exceeds limits 4\","
         "\"meta\":{\"argument\":\"metadata size exceeds limits\"}}"},
        {"{\"name\":\"r\",\"agents\":[{\"attributes\":{\"abc\":\"de\"}}]}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"attribute size exceeds limits 4\","
         "\"meta\":{\"argument\":\"attribute size exceeds limits\"}}"},
        {"{\"name\":\"r\",\"egress\":{}}", 500,
         "{\"code\":\"internal\",\"msg\":\"twirp error unknown: egress not connected (redis "
         "required)\"}"},
        {"{\"name\":\"r\",\"roomPreset\":\"x\"}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: unknown room "
         "configuration in create room request\"}"},
        {"{\"name\":\"r\",\"tags\":{\"stoa.max_duration\":\"soon\"}}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: tag value is not a whole "
         "number of seconds\"}"},
        {"{\"name\":\"\"}", 400,
         "{\"code\":\"invalid_argument\",\"msg\":\"twirp error unknown: room name is not "
         "usable\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer a = kit_call(&k, API_CREATE_ROOM, kit_create_claims(), rows[i].request);
        kit_assert_error(a, rows[i].status, rows[i].body);
        assert_int_equal(node_counts(k.n).rooms, 0);
    }
    /* The grant comes before the limits. */
    kit_assert_error(kit_call(&k, API_CREATE_ROOM, NULL, "{\"name\":\"123456789\"}"), 401, DENIED);
    kit_create_room(&k, "{\"name\":\"a\"}");
    kit_create_room(&k, "{\"name\":\"b\"}");
    kit_assert_error(kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"c\"}"), 429,
                     "{\"code\":\"resource_exhausted\",\"msg\":\"twirp error unknown: reached "
                     "configured limit for node\"}");
    kit_close(&k);
}

static void test_delete(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_assert_error(kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}"), 404,
                     NOT_FOUND_ROOM);
    kit_create_room(&k, "{\"name\":\"r\"}");
    struct answer a = kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    assert_int_equal(a.status, 200);
    assert_true(slice_eq_cstr(a.body, "{}"));
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_assert_error(kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}"), 404,
                     NOT_FOUND_ROOM);
    kit_close(&k);
}

static void test_a_room_made_again_has_a_new_sid(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    char first[16];
    struct answer a = kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"r\"}");
    snprintf(first, sizeof(first), "%s",
             ((const Livekit__Room *)kit_read(&k, API_CREATE_ROOM, a))->sid);
    kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    a = kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"r\"}");
    const Livekit__Room *again = kit_read(&k, API_CREATE_ROOM, a);
    assert_string_not_equal(again->sid, first);
    kit_close(&k);
}

static void test_update_metadata(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, small_limits);
    const struct claims *admin = kit_admin_claims("r");
    kit_assert_error(
        kit_call(&k, API_UPDATE_ROOM_METADATA, admin, "{\"room\":\"r\",\"metadata\":\"m\"}"), 404,
        NOT_FOUND_ROOM);
    /* The limit comes before the grant. */
    kit_assert_error(
        kit_call(&k, API_UPDATE_ROOM_METADATA, NULL, "{\"room\":\"r\",\"metadata\":\"12345\"}"),
        400,
        "{\"code\":\"invalid_argument\",\"msg\":\"metadata size exceeds limits 4\","
        "\"meta\":{\"argument\":\"metadata size exceeds limits\"}}");
    kit_create_room(&k, "{\"name\":\"r\",\"metadata\":\"old\"}");
    struct answer a =
        kit_call(&k, API_UPDATE_ROOM_METADATA, admin, "{\"room\":\"r\",\"metadata\":\"new\"}");
    assert_string_equal(
        ((const Livekit__Room *)kit_read(&k, API_UPDATE_ROOM_METADATA, a))->metadata, "new");
    /* Empty clears. */
    a = kit_call(&k, API_UPDATE_ROOM_METADATA, admin, "{\"room\":\"r\"}");
    assert_string_equal(
        ((const Livekit__Room *)kit_read(&k, API_UPDATE_ROOM_METADATA, a))->metadata, "");
    a = kit_call(&k, API_LIST_ROOMS, kit_list_claims(), "{}");
    const Livekit__ListRoomsResponse *list = kit_read(&k, API_LIST_ROOMS, a);
    assert_int_equal(list->n_rooms, 1);
    assert_string_equal(list->rooms[0]->metadata, "");
    kit_close(&k);
}

static void test_create_tags_set_the_timers(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_create_room(&k, "{\"name\":\"short\",\"tags\":{\"stoa.max_duration\":\"7\",\"x\":\"y\"}}");
    kit_pass(&k, 6999);
    assert_int_equal(node_counts(k.n).rooms, 1);
    kit_pass(&k, 2);
    assert_int_equal(node_counts(k.n).rooms, 0);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_answers_the_whole_room),
        cmocka_unit_test(test_create_on_a_living_room_changes_nothing),
        cmocka_unit_test(test_create_refusals),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_a_room_made_again_has_a_new_sid),
        cmocka_unit_test(test_update_metadata),
        cmocka_unit_test(test_create_tags_set_the_timers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
