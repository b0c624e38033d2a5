#include <string.h>

#include "kit.h"

static void leave(struct kit *k, uint64_t conn) {
    Livekit__LeaveRequest l = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    r.leave = &l;
    kit_signal(k, conn, &r);
}

static void test_two_see_each_other(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t a = kit_enter(&k, 1, "r", "alice");
    kit_up(&k, a);
    uint64_t b = kit_enter(&k, 2, "r", "bob");
    const Livekit__JoinResponse *join =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_int_equal(join->n_other_participants, 1);
    assert_string_equal(join->other_participants[0]->identity, "alice");
    assert_int_equal(join->other_participants[0]->state, LIVEKIT__PARTICIPANT_INFO__STATE__ACTIVE);
    assert_int_equal(join->room->num_participants, 2);
    assert_string_equal(kit_story(&k, 1), "update:bob=JOINED");
    kit_up(&k, b);
    assert_string_equal(kit_story(&k, 1), "update:bob=ACTIVE");
    assert_string_equal(kit_story(&k, 2), "update:bob=ACTIVE");

    leave(&k, 2);
    assert_string_equal(kit_story(&k, 2), "close:1000"); /* it knows: no leave */
    assert_string_equal(kit_story(&k, 1), "update:bob=DISCONNECTED");
    const Livekit__ParticipantInfo *gone =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)->update->participants[0];
    assert_int_equal(gone->disconnect_reason, LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_LEFT), 1);
    assert_int_equal(kit_count(&k, FX_ROUTE_REMOVE), 1);
    assert_int_equal(kit_effect(&k, FX_TRANSPORT_CLOSE, 0)->transport.id, b);
    leave(&k, 2); /* the handle is stale now */
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

static void test_versions_rise(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t a = kit_enter(&k, 1, "r", "alice");
    uint32_t joined =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join->participant->version;
    kit_up(&k, a);
    uint32_t active = kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)
                          ->update->participants[0]
                          ->version;
    assert_true(active > joined);
    kit_close(&k);
}

static void test_duplicate_identity(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_up(&k, kit_enter(&k, 2, "r", "bob"));
    kit_enter(&k, 3, "r", "alice");
    assert_string_equal(kit_story(&k, 1), "leave:2/0 close:1000");
    assert_string_equal(kit_story(&k, 2), "update:alice=DISCONNECTED update:alice=JOINED");
    assert_string_equal(kit_story(&k, 3), "101 join token offer");
    const Livekit__JoinResponse *join =
        kit_told(&k, 3, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_int_equal(join->n_other_participants, 1);
    assert_string_equal(join->other_participants[0]->identity, "bob");
    assert_int_equal(join->room->num_participants, 2);
    const Livekit__ParticipantInfo *old =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)->update->participants[0];
    assert_string_not_equal(old->sid, join->participant->sid);
    assert_int_equal(old->disconnect_reason, LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY);
    /* The old one's leave comes before the new one's join. */
    size_t leave_at = 0, upgrade_at = 0;
    for (size_t i = 0; i < k.fx.count; i++) {
        const struct effect *e = &k.fx.items[i];
        leave_at = e->kind == FX_CLOSE_SIGNAL ? i : leave_at;
        upgrade_at = e->kind == FX_UPGRADE ? i : upgrade_at;
    }
    assert_true(leave_at < upgrade_at);
    assert_int_equal(node_counts(k.n).sessions, 2);
    kit_close(&k);
}

static void one_at_most(struct node_config *c) {
    c->max_participants = 1;
}

static void test_room_limit(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, one_at_most);
    kit_enter(&k, 1, "r", "alice");
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .room = "r", .identity = "bob"}),
                     STATUS_OK);
    assert_int_equal(kit_answer(&k, FX_TEXT_REPLY, 2).status, 500);
    assert_int_equal(k.fx.count, 1);
    kit_enter(&k, 3, "r", "alice"); /* takes her own place */
    struct claims agent = kit_join_claims("r", "agent");
    agent.kind = KIND_AGENT;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 4, .claims = &agent}), STATUS_OK);
    assert_int_equal(kit_count(&k, FX_UPGRADE), 1); /* dependents do not count */
    const Livekit__JoinResponse *join =
        kit_told(&k, 4, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_int_equal(join->room->num_participants, 1);
    kit_close(&k);
}

static void test_hidden_is_seen_by_itself_alone(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    struct claims ghost = kit_join_claims("r", "ghost");
    ghost.video.hidden = true;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .claims = &ghost}), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "");
    assert_true(kit_effect(&k, FX_ROUTE_PUT, 0)->route.hidden);
    uint64_t id = kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id;
    kit_up(&k, id);
    assert_string_equal(kit_story(&k, 1), "");
    assert_string_equal(kit_story(&k, 2), "update:ghost=ACTIVE");
    kit_enter(&k, 3, "r", "carol");
    const Livekit__JoinResponse *join =
        kit_told(&k, 3, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)->join;
    assert_int_equal(join->n_other_participants, 1);
    assert_string_equal(kit_story(&k, 2), "update:carol=JOINED");
    struct answer a =
        kit_call(&k, API_LIST_PARTICIPANTS, kit_admin_claims("r"), "{\"room\":\"r\"}");
    const Livekit__ListParticipantsResponse *list = kit_read(&k, API_LIST_PARTICIPANTS, a);
    assert_int_equal(list->n_participants, 3); /* the API sees all */
    leave(&k, 2);
    assert_string_equal(kit_story(&k, 1), "");
    kit_close(&k);
}

static void test_recorder_shows_in_the_room(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    struct claims recorder = kit_join_claims("r", "rec");
    recorder.video.recorder = true;
    recorder.video.hidden = true;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 2, .claims = &recorder}), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "room");
    assert_true(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE, 0)
                    ->room_update->room->active_recording);
    leave(&k, 2);
    assert_string_equal(kit_story(&k, 1), "room");
    assert_false(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE, 0)
                     ->room_update->room->active_recording);
    kit_close(&k);
}

static void test_signal_lost_before_media(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    kit_enter(&k, 2, "r", "bob");
    kit_closed(&k, 2);
    const Livekit__ParticipantInfo *gone =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)->update->participants[0];
    assert_int_equal(gone->disconnect_reason, LIVEKIT__DISCONNECT_REASON__SIGNAL_CLOSE);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED), 1);
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_LEFT), 0);
    kit_close(&k);
}

static void test_signal_lost_with_media_up(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    kit_closed(&k, 1);
    assert_int_equal(node_counts(k.n).sessions, 1); /* media goes on */
    kit_pass(&k, SIGNAL_GRACE_MS - 1);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_pass(&k, 1);
    assert_int_equal(node_counts(k.n).sessions, 0);
    assert_int_equal(kit_count(&k, FX_SIGNAL), 0); /* nobody is there to be told */
    kit_close(&k);
}

static void test_media_lost(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t a = kit_enter(&k, 1, "r", "alice");
    kit_up(&k, a);
    kit_lost(&k, a);
    assert_string_equal(kit_story(&k, 1), "leave:14/2 close:1000");
    assert_int_equal(kit_count(&k, FX_TRANSPORT_CLOSE), 0); /* it is closed already */
    kit_lost(&k, a);                                        /* stale */
    kit_up(&k, a);
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

static void test_never_active(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    kit_pass(&k, JOIN_TIMEOUT_MS - 1);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_pass(&k, 1);
    assert_string_equal(kit_story(&k, 1), "leave:7/0 close:1000");
    assert_int_equal(kit_notes(&k, NOTE_PARTICIPANT_CONNECTION_ABORTED), 1);
    kit_close(&k);
}

static void test_older_clients_get_can_reconnect(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct kit_join j = {.conn = 1, .room = "r", .identity = "old", .protocol = 12};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    kit_lost(&k, kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id);
    assert_true(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE, 0)->leave->can_reconnect);
    kit_close(&k);
}

static void test_token_is_refreshed(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_up(&k, kit_enter(&k, 1, "r", "alice"));
    for (int i = 0; i < 3; i++) {
        kit_pass(&k, TOKEN_REFRESH_MS - 1);
        assert_int_equal(kit_count(&k, FX_REFRESH_TOKEN), i > 0);
    }
    kit_pass(&k, TOKEN_REFRESH_MS);
    const struct effect *e = kit_effect(&k, FX_REFRESH_TOKEN, 0);
    struct claims c;
    const char *reason = NULL;
    assert_int_equal(claims_read(e->bytes, &k.arena, &c, &reason), STATUS_OK);
    assert_true(slice_eq_cstr(c.identity, "alice"));
    assert_true(slice_eq_cstr(c.issuer, "devkey"));
    assert_true(slice_eq_cstr(c.video.room, "r"));
    assert_true(c.video.room_join);
    assert_true(c.has_expires && c.expires_s == 1700003600); /* as long as the first one */
    kit_close(&k);
}

static void test_a_token_is_good_for_ten_minutes_at_least(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims mine = kit_join_claims("r", "alice");
    mine.expires_s = 1700000005;
    mine.metadata = SLICE_LIT("m");
    mine.kind = KIND_AGENT;
    assert_int_equal(kit_join(&k, &(struct kit_join){.conn = 1, .claims = &mine}), STATUS_OK);
    struct claims c;
    const char *reason = NULL;
    assert_int_equal(claims_read(kit_effect(&k, FX_REFRESH_TOKEN, 0)->bytes, &k.arena, &c, &reason),
                     STATUS_OK);
    assert_true(c.expires_s == 1700000000 + TOKEN_VALID_MIN_S);
    assert_true(slice_eq_cstr(c.metadata, "m"));
    assert_int_equal(c.kind, KIND_AGENT);
    kit_close(&k);
}

static void test_pings(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING;
    r.ping = 5;
    kit_signal(&k, 1, &r);
    assert_int_equal(kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG, 0)->pong,
                     1700000000000);
    Livekit__Ping ping = LIVEKIT__PING__INIT;
    ping.timestamp = 99;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ;
    r.ping_req = &ping;
    kit_signal(&k, 1, &r);
    const Livekit__Pong *pong =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP, 0)->pong_resp;
    assert_int_equal(pong->last_ping_timestamp, 99);
    assert_int_equal(pong->timestamp, 1700000000000);
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE__NOT_SET;
    kit_signal(&k, 1, &r);
    assert_int_equal(k.fx.count, 0);
    assert_int_equal(k.metrics.signals_unknown, 1);
    kit_signal(&k, 77, &r); /* nobody's */
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_see_each_other),
        cmocka_unit_test(test_versions_rise),
        cmocka_unit_test(test_duplicate_identity),
        cmocka_unit_test(test_room_limit),
        cmocka_unit_test(test_hidden_is_seen_by_itself_alone),
        cmocka_unit_test(test_recorder_shows_in_the_room),
        cmocka_unit_test(test_signal_lost_before_media),
        cmocka_unit_test(test_signal_lost_with_media_up),
        cmocka_unit_test(test_media_lost),
        cmocka_unit_test(test_never_active),
        cmocka_unit_test(test_older_clients_get_can_reconnect),
        cmocka_unit_test(test_token_is_refreshed),
        cmocka_unit_test(test_a_token_is_good_for_ten_minutes_at_least),
        cmocka_unit_test(test_pings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
