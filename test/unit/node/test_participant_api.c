#include <stdio.h>
#include <string.h>

#include "kit.h"

#define MISSING                                                                                    \
    "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: participant does not exist\"}"
#define DENIED "{\"code\":\"unauthenticated\",\"msg\":\"permissions denied\"}"

static void test_list_and_get(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    const struct claims *admin = kit_admin_claims("r");
    struct answer a = kit_call(&k, API_LIST_PARTICIPANTS, admin, "{\"room\":\"r\"}");
    assert_true(slice_eq_cstr(a.body, "{\"participants\":[]}")); /* unknown room: empty */
    kit_assert_error(
        kit_call(&k, API_GET_PARTICIPANT, admin, "{\"room\":\"r\",\"identity\":\"alice\"}"), 404,
        MISSING);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    static const enum api_coding codings[] = {API_JSON, API_PROTOBUF};
    for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
        a = kit_call_as(&k, API_GET_PARTICIPANT, codings[i], admin,
                        "{\"room\":\"r\",\"identity\":\"alice\"}");
        const Livekit__ParticipantInfo *p = kit_read(&k, API_GET_PARTICIPANT, a);
        assert_int_equal(p->state, LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE);
        assert_non_null(p->permission);
        a = kit_call_as(&k, API_LIST_PARTICIPANTS, codings[i], admin, "{\"room\":\"r\"}");
        const Livekit__ListParticipantsResponse *l = kit_read(&k, API_LIST_PARTICIPANTS, a);
        assert_int_equal(l->n_participants, 1);
        assert_string_equal(l->participants[0]->identity, "alice");
    }
    /* Rooms are kept by the pair: no mix-up of r + alice with another room. */
    kit_assert_error(kit_call(&k, API_GET_PARTICIPANT, kit_admin_claims("r_a"),
                              "{\"room\":\"r_a\",\"identity\":\"lice\"}"),
                     404, MISSING);
    kit_close(&k);
}

static void test_remove(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_up(&k, kit_enter(&k, 2, "r", "bob"));
    const struct claims *admin = kit_admin_claims("r");
    struct answer a =
        kit_call(&k, API_REMOVE_PARTICIPANT, admin, "{\"room\":\"r\",\"identity\":\"bob\"}");
    assert_true(slice_eq_cstr(a.body, "{}"));
    assert_string_equal(kit_story(&k, 2), "leave:4/0 close:1000");
    assert_string_equal(kit_story(&k, 1), "update:bob=DISCONNECTED");
    kit_assert_error(
        kit_call(&k, API_REMOVE_PARTICIPANT, admin, "{\"room\":\"r\",\"identity\":\"bob\"}"), 404,
        MISSING);
    kit_enter(&k, 3, "r", "bob"); /* the same token may come back */
    kit_close(&k);
}

static void test_delete_under_clients(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_enter(&k, 2, "r", "bob");
    struct answer a = kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    assert_int_equal(a.status, 200);
    assert_string_equal(kit_story(&k, 1), "leave:5/0 close:1000");
    assert_string_equal(kit_story(&k, 2), "leave:5/0 close:1000");
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_LEFT), 1);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED), 1);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    assert_int_equal(k.fx.items[k.fx.count - 1].note.kind, NOTE_ROOM_FINISHED); /* last */
    assert_int_equal(node_counts(k.n).sessions, 0);
    kit_enter(&k, 3, "r", "alice");
    kit_close(&k);
}

static void test_a_deleted_room_leaves_nobody_behind(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    struct answer a =
        kit_call(&k, API_CREATE_ROOM, kit_create_claims(), "{\"name\":\"r\",\"emptyTimeout\":9}");
    const Livekit__Room *r = kit_read(&k, API_CREATE_ROOM, a);
    assert_int_equal(r->num_participants, 0);
    kit_pass(&k, 9000);
    assert_int_equal(node_counts(k.n).rooms, 0);
    kit_close(&k);
}

static void test_deleting_a_large_room_goes_in_slices(void **state) {
    (void)state;
    enum { MANY = 3 * LEAVES_PER_STEP_MAX };
    struct kit k;
    kit_open(&k, NULL);
    char identity[16];
    for (uint64_t i = 0; i < MANY; i++) {
        snprintf(identity, sizeof(identity), "p%u", (unsigned)i);
        kit_enter(&k, 100 + i, "r", identity);
        arena_reset(&k.arena);
    }
    struct answer a = kit_call(&k, API_DELETE_ROOM, kit_create_claims(), "{\"room\":\"r\"}");
    assert_int_equal(a.status, 200);
    assert_int_equal(kit_count(&k, FX_CLOSE_SIGNAL), LEAVES_PER_STEP_MAX);
    assert_int_equal(node_counts(k.n).sessions, MANY - LEAVES_PER_STEP_MAX);
    /* Meanwhile the name is free: a client that comes back at once finds a new room. */
    kit_enter(&k, 1, "r", "p5");
    const Livekit__JoinResponse *j =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_int_equal(j->n_other_participants, 0);
    assert_int_equal(j->room->num_participants, 1);
    kit_settle(&k);
    assert_int_equal(kit_notes(&k, NOTE_ROOM_FINISHED), 1);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_close(&k);
}

static const Livekit__ParticipantInfo *update(struct kit *k, const char *json) {
    struct answer a = kit_call(k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"), json);
    return kit_read(k, API_UPDATE_PARTICIPANT, a);
}

static void test_update(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_enter(&k, 2, "r", "bob");
    const Livekit__ParticipantInfo *p =
        update(&k, "{\"room\":\"r\",\"identity\":\"alice\",\"metadata\":\"md\",\"name\":\"nm\","
                   "\"attributes\":{\"a\":\"1\",\"b\":\"2\"}}");
    assert_string_equal(p->metadata, "md");
    assert_string_equal(p->name, "nm");
    assert_int_equal(p->n_attributes, 2);
    assert_string_equal(kit_story(&k, 1), "update:alice=ACTIVE token");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE");
    p = update(&k, "{\"room\":\"r\",\"identity\":\"alice\",\"attributes\":{\"a\":\"\"}}");
    assert_int_equal(p->n_attributes, 1);
    assert_string_equal(p->attributes[0]->key, "b");
    assert_string_equal(p->metadata, "md"); /* empty leaves it */
    p = update(&k, "{\"room\":\"r\",\"identity\":\"alice\",\"name\":\"nm\"}");
    assert_string_equal(kit_story(&k, 1), ""); /* equal: nobody is told */
    kit_close(&k);
}

static void test_permission_replaces_all(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_enter(&k, 2, "r", "bob");
    const Livekit__ParticipantInfo *p =
        update(&k, "{\"room\":\"r\",\"identity\":\"alice\",\"permission\":{\"canPublish\":true,"
                   "\"canPublishSources\":[\"CAMERA\",\"MICROPHONE\"]}}");
    assert_true(p->permission->can_publish);
    assert_false(p->permission->can_subscribe);
    assert_false(p->permission->can_publish_data);
    assert_int_equal(p->permission->n_can_publish_sources, 2);
    const struct fx_route *route = &kit_effect(&k, FX_ROUTE_PUT, 0)->route;
    assert_false(route->can_publish_data);
    assert_true(route->active);
    struct claims c;
    const char *reason = NULL;
    assert_int_equal(claims_read(kit_effect(&k, FX_REFRESH_TOKEN, 0)->bytes, &k.arena, &c, &reason),
                     STATUS_OK);
    assert_int_equal(c.video.can_subscribe, TRI_FALSE);
    assert_int_equal(c.video.can_publish_sources_count, 2);
    p = update(&k, "{\"room\":\"r\",\"identity\":\"alice\",\"permission\":{\"hidden\":true}}");
    assert_true(p->permission->hidden);
    assert_string_equal(kit_story(&k, 1), "update:alice=ACTIVE token");
    assert_string_equal(kit_story(&k, 2), ""); /* hidden: to itself alone */
    kit_close(&k);
}

static void small_limits(struct node_config *c) {
    c->metadata_bytes_max = 4;
    c->attributes_bytes_max = 4;
    c->participant_name_bytes_max = 4;
}

static void test_update_refusals(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, small_limits);
    static const struct {
        const char *request, *body;
    } rows[] = {
        {"{\"name\":\"12345\"}",
         "{\"code\":\"invalid_argument\",\"msg\":\"name length exceeds limits 4\"}"},
        {"{\"metadata\":\"12345\"}",
         "{\"code\":\"invalid_argument\",\"msg\":\"metadata size exceeds limits 4\","
         "\"meta\":{\"argument\":\"metadata size exceeds limits\"}}"},
        {"{\"attributes\":{\"abc\":\"de\"}}",
         "{\"code\":\"invalid_argument\",\"msg\":\"attribute size exceeds limits 4\","
         "\"meta\":{\"argument\":\"attribute size exceeds limits\"}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) { /* before the grant */
        kit_assert_error(kit_call(&k, API_UPDATE_PARTICIPANT, NULL, rows[i].request), 400,
                         rows[i].body);
    }
    kit_assert_error(kit_call(&k, API_UPDATE_PARTICIPANT, NULL, "{\"room\":\"r\"}"), 401, DENIED);
    kit_assert_error(
        kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"), "{\"room\":\"r\"}"), 404,
        MISSING);
    kit_close(&k);
}

static void test_attributes_have_an_end(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    struct answer a = {0};
    char json[128];
    for (unsigned i = 0; i <= ATTRIBUTES_MAX; i++) {
        snprintf(json, sizeof(json),
                 "{\"room\":\"r\",\"identity\":\"alice\",\"attributes\":{\"k%u\":\"v\"}}", i);
        a = kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"), json);
        assert_int_equal(a.status, i < ATTRIBUTES_MAX ? 200 : 400);
    }
    kit_close(&k);
}

static void test_send_data(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    const struct claims *admin = kit_admin_claims("r");
    kit_assert_error(
        kit_call(&k, API_SEND_DATA, admin, "{\"room\":\"r\",\"data\":\"AQID\"}"), 404,
        "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: requested room does not exist\"}");
    kit_assert_error(
        kit_call(&k, API_SEND_DATA, admin, "{\"room\":\"r\",\"nonce\":\"AQID\"}"), 400,
        "{\"code\":\"invalid_argument\",\"msg\":\"nonce should be 16-bytes or not present, got: 3 "
        "bytes\"}");
    kit_enter(&k, 1, "r", "alice");
    uint64_t key = kit_effect(&k, FX_ROUTE_PUT, 0)->route.room_key;
    static const char request[] =
        "{\"room\":\"r\",\"data\":\"AQID\",\"topic\":\"t\",\"kind\":\"LOSSY\","
        "\"destinationIdentities\":[\"alice\"],\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\"}";
    struct answer a = kit_call(&k, API_SEND_DATA, admin, request);
    assert_true(slice_eq_cstr(a.body, "{}"));
    const struct effect *e = kit_effect(&k, FX_DATA_SEND, 0);
    assert_int_equal(e->room_key, key);
    assert_false(e->reliable);
    ProtobufCMessage *m = NULL;
    assert_int_equal(proto_decode(&livekit__data_packet__descriptor, e->bytes, &k.arena, &m),
                     STATUS_OK);
    const Livekit__DataPacket *packet = (const void *)m;
    assert_string_equal(packet->participant_identity, "");
    assert_int_equal(packet->kind, LIVEKIT__DATA_PACKET__KIND__LOSSY);
    assert_string_equal(packet->destination_identities[0], "alice");
    assert_string_equal(packet->user->topic, "t");
    assert_int_equal(packet->user->payload.len, 3);
    assert_int_equal(packet->user->nonce.len, 16);
    /* The same nonce again is swallowed, an empty one never. */
    assert_int_equal(kit_call(&k, API_SEND_DATA, admin, request).status, 200);
    assert_int_equal(kit_count(&k, FX_DATA_SEND), 0);
    for (int i = 0; i < 2; i++) {
        kit_call(&k, API_SEND_DATA, admin, "{\"room\":\"r\",\"data\":\"AQID\"}");
        assert_int_equal(kit_count(&k, FX_DATA_SEND), 1);
        assert_true(kit_effect(&k, FX_DATA_SEND, 0)->reliable);
    }
    kit_close(&k);
}

static void test_room_metadata_reaches_clients(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    const struct claims *admin = kit_admin_claims("r");
    kit_call(&k, API_UPDATE_ROOM_METADATA, admin, "{\"room\":\"r\",\"metadata\":\"m\"}");
    assert_string_equal(kit_story(&k, 1), "room");
    const Livekit__Room *r =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE, 0)->room_update->room;
    assert_string_equal(r->metadata, "m");
    assert_int_equal(r->num_participants, 1);
    kit_call(&k, API_UPDATE_ROOM_METADATA, admin, "{\"room\":\"r\",\"metadata\":\"m\"}");
    assert_string_equal(kit_story(&k, 1), ""); /* unchanged: nothing is sent */
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_and_get),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_delete_under_clients),
        cmocka_unit_test(test_a_deleted_room_leaves_nobody_behind),
        cmocka_unit_test(test_deleting_a_large_room_goes_in_slices),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_permission_replaces_all),
        cmocka_unit_test(test_update_refusals),
        cmocka_unit_test(test_attributes_have_an_end),
        cmocka_unit_test(test_send_data),
        cmocka_unit_test(test_room_metadata_reaches_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
