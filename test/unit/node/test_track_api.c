/* Calls about tracks and moves, while no session has a track. */
#include <stdio.h>

#include "kit_media.h"

#define MISSING_PARTICIPANT                                                                        \
    "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: participant does not exist\"}"
#define MISSING_ROOM                                                                               \
    "{\"code\":\"not_found\",\"msg\":\"twirp error unknown: requested room does not exist\"}"

static void remote_unmute(struct node_config *c) {
    c->enable_remote_unmute = true;
}

static struct answer call(struct kit *k, enum api_op op, const char *room, const char *rest) {
    static struct claims c;
    c = (struct claims){.has_video = true,
                        .video = {.room_admin = true,
                                  .room = slice_from_cstr(room),
                                  .destination_room = SLICE_LIT("d")}};
    char json[256];
    snprintf(json, sizeof(json), "{\"room\":\"%s\",%s}", room, rest);
    return kit_call(k, op, &c, json);
}

/* Answered in the step that asks: nothing waits for nobody. */
static void test_who_is_not_there_is_missed_at_once(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    static const enum api_op ops[] = {API_MUTE_PUBLISHED_TRACK, API_UPDATE_SUBSCRIPTIONS,
                                      API_FORWARD_PARTICIPANT, API_MOVE_PARTICIPANT};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        kit_assert_error(call(&k, ops[i], "x", "\"identity\":\"alice\",\"destinationRoom\":\"d\""),
                         404, MISSING_ROOM);
        kit_assert_error(call(&k, ops[i], "r", "\"identity\":\"bob\",\"destinationRoom\":\"d\""),
                         404, MISSING_PARTICIPANT);
    }
    kit_close(&k);
}

static void test_mute(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    struct answer a = call(&k, API_MUTE_PUBLISHED_TRACK, "r",
                           "\"identity\":\"alice\",\"trackSid\":\"TR_1\",\"muted\":true");
    assert_int_equal(a.status, 200);
    assert_true(slice_eq_cstr(a.body, "{\"track\":null}"));
    static const char unmute[] = "\"identity\":\"alice\",\"trackSid\":\"TR_1\"";
    kit_assert_error(call(&k, API_MUTE_PUBLISHED_TRACK, "r", unmute), 412,
                     "{\"code\":\"failed_precondition\",\"msg\":\"twirp error unknown: remote "
                     "unmute not enabled\"}");
    kit_close(&k);
    kit_open(&k, remote_unmute);
    kit_enter(&k, 1, "r", "alice");
    assert_int_equal(call(&k, API_MUTE_PUBLISHED_TRACK, "r", unmute).status, 200);
    kit_close(&k);
}

static void test_subscriptions_are_accepted(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    struct answer a = call(&k, API_UPDATE_SUBSCRIPTIONS, "r",
                           "\"identity\":\"alice\",\"trackSids\":[\"TR_1\"],\"subscribe\":true");
    assert_int_equal(a.status, 200);
    assert_true(slice_eq_cstr(a.body, "{}"));
    kit_close(&k);
}

static void test_mute_of_a_track(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", "a0< d1");
    kit_single(&k, 2, "r", "bob", "a0< d1");
    const char *sid = kit_publish(&k, 1, &(struct kit_add){.cid = "mic"}, "a0< d1 a2>mic");
    char text[256];
    snprintf(text, sizeof(text), "\"identity\":\"alice\",\"trackSid\":\"%s\",\"muted\":true", sid);
    struct answer a = call(&k, API_MUTE_PUBLISHED_TRACK, "r", text);
    assert_string_equal(kit_story(&k, 1), "mute:1 update:alice=ACTIVE~");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE~");
    const Livekit__MuteRoomTrackResponse *r = kit_read(&k, API_MUTE_PUBLISHED_TRACK, a);
    assert_true(r->track->muted);
    assert_true(kit_effect(&k, FX_RECEIVE_PUT, 0)->receive.muted);
    kit_close(&k);
}

static void test_subscriptions_of_others(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", "a0< d1");
    struct kit_single bob = {
        .conn = 2, .room = "r", .identity = "bob", .words = "a0< d1", .no_auto = true};
    kit_single_as(&k, &bob);
    kit_add_track(&k, 1, &(struct kit_add){.cid = "mic"});
    char text[256];
    snprintf(text, sizeof(text), "\"identity\":\"bob\",\"trackSids\":[\"%s\"],\"subscribe\":true",
             kit_published_sid(&k, 1));
    call(&k, API_UPDATE_SUBSCRIPTIONS, "r", text); /* unknown yet: it stays wanted */
    kit_pass(&k, 2 * TRACK_WISH_MS);
    kit_send_offer(&k, 1, "a0< d1 a2>mic");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, "a0< d1");
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_close(&k);
}

static void test_moves_are_not_implemented(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_enter(&k, 1, "r", "alice");
    static const enum api_op ops[] = {API_FORWARD_PARTICIPANT, API_MOVE_PARTICIPANT};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        kit_assert_error(call(&k, ops[i], "r", "\"identity\":\"alice\",\"destinationRoom\":\"d\""),
                         500,
                         "{\"code\":\"unknown\",\"msg\":\"twirp error unknown: not implemented\"}");
    }
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_not_there_is_missed_at_once),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_subscriptions_are_accepted),
        cmocka_unit_test(test_mute_of_a_track),
        cmocka_unit_test(test_subscriptions_of_others),
        cmocka_unit_test(test_moves_are_not_implemented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
