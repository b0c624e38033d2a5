#include <stdio.h>
#include <string.h>

#include "kit_media.h"

#define PLACES "a0< a1< a2< v3< v4< v5< d6"
static const struct kit_add MIC = {.cid = "mic", .source = LIVEKIT__TRACK_SOURCE__MICROPHONE};

static void test_T6_T11_auto_subscribe_in_single_mode(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    uint64_t b = kit_single(&k, 2, "r", "bob", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE+"); /* T6: announced first */
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "require:0/0"); /* there are places enough */
    kit_send_offer(&k, 2, PLACES);
    const Livekit__SessionDescription *answer = kit_told_answer(&k, 2);
    assert_string_equal(kit_track_of_mid(answer, "0"), sid);
    const struct fx_send *send = &kit_effect(&k, FX_SEND_PUT, 0)->send;
    assert_int_equal(send->transport, b);
    assert_true(send->ssrc != 0 && send->rtx_ssrc == 0);
    assert_int_equal(send->section->formats[0].payload_type, 111);
    assert_false(send->want.paused);
    char line[128];
    snprintf(line, sizeof(line), "a=msid:%.*s %s\r\n", SLICE_ARG(send->cname), sid);
    assert_non_null(strstr(answer->sdp, line));
    assert_int_equal(strncmp((const char *)send->cname.data, "PA_", 3), 0);
    assert_string_equal(kit_story(&k, 1), "subscribed");
    kit_send_offer(&k, 2, PLACES); /* T11: the map is whole each time, and media hears it once */
    assert_int_equal(kit_told_answer(&k, 2)->n_mid_to_track_id, 1);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 0);
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), "");
    kit_close(&k);
}

static void test_T6_a_joiner_gets_what_is_there_with_its_first_answer(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    struct kit_join j = {.conn = 2,
                         .room = "r",
                         .identity = "bob",
                         .single = true,
                         .auto_subscribe = true,
                         .offer = kit_offer(&k, PLACES)};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 2), "101 join token answer"); /* T1, T6 */
    assert_string_equal(kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN, 0)
                            ->join->other_participants[0]
                            ->tracks[0]
                            ->sid,
                        sid);
    assert_string_equal(kit_track_of_mid(kit_told_answer(&k, 2), "0"), sid);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    uint64_t b = kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id;
    kit_up(&k, b);
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), ""); /* nothing is missing */
    kit_close(&k);
}

static void test_T14_without_auto_subscribe_nothing_comes(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single_as(&k,
                  &(struct kit_single){
                      .conn = 2, .room = "r", .identity = "bob", .words = PLACES, .no_auto = true});
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), "");
    kit_subscribe(&k, 2, sid, true);
    kit_pass(&k, EXCHANGE_DELAY_MS);
    assert_string_equal(kit_story(&k, 2), "require:0/0");
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_subscribe(&k, 2, sid, false);
    assert_int_equal(kit_count(&k, FX_SEND_REMOVE), 1);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_told_answer(&k, 2)->n_mid_to_track_id, 0);
    kit_close(&k);
}

static void test_T9_no_requirement_while_one_is_out(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", "a0< d6");
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "require:0/0");
    kit_publish(&k, 1, &(struct kit_add){.cid = "b"}, PLACES " a7>mic a8>b");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), ""); /* until the client has offered */
    kit_send_offer(&k, 2, "a0< d6");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "require:1/0");
    kit_send_offer(&k, 2, "a0< d6 a1<");
    assert_int_equal(kit_told_answer(&k, 2)->n_mid_to_track_id, 2);
    kit_close(&k);
}

static void test_T9_no_requirement_before_the_first_offer(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    struct kit_join j = {
        .conn = 2, .room = "r", .identity = "bob", .single = true, .auto_subscribe = true};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    kit_pass(&k, 4000);
    assert_string_equal(kit_story(&k, 2), "");
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_told_answer(&k, 2)->n_mid_to_track_id, 1);
    kit_close(&k);
}

static void test_an_exchange_that_does_not_end(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_pass(&k, EXCHANGE_TIMEOUT_MS);
    assert_string_equal(kit_story(&k, 2), "room leave:6/2 close:1000");
    kit_close(&k);
}

static void test_T25_T29_dual_mode(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    struct kit_join j = {.conn = 2, .room = "r", .identity = "bob", .auto_subscribe = true};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    const Livekit__SessionDescription *offer =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0)->offer;
    assert_int_equal(offer->n_mid_to_track_id, 1);
    assert_string_equal(offer->mid_to_track_id[0]->value, sid);
    assert_non_null(strstr(offer->sdp, "a=ssrc:")); /* T29 */
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 0);
    uint64_t sub = kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id;
    kit_send_answer(&k, 2, kit_answer_to(&k, offer->sdp), 0); /* some number no answers */
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    assert_int_equal(kit_effect(&k, FX_SEND_PUT, 0)->send.transport, sub);
    kit_up(&k, sub);
    kit_publish(&k, 1, &(struct kit_add){.cid = "b"}, PLACES " a7>mic a8>b");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "offer");
    offer = kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0)->offer;
    assert_int_equal(offer->n_mid_to_track_id, 2);
    kit_publish(&k, 1, &(struct kit_add){.cid = "c"}, PLACES " a7>mic a8>b a9>c");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), ""); /* offers go one by one */
    kit_send_answer(&k, 2, kit_answer_to(&k, offer->sdp), offer->id);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "offer");
    kit_close(&k);
}

static void test_T45_an_ended_track_ends_everywhere(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_send_offer(&k, 1, PLACES " a7-");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE");
    assert_int_equal(kit_count(&k, FX_SEND_REMOVE), 1);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "require:0/0");
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_told_answer(&k, 2)->n_mid_to_track_id, 0);
    kit_close(&k);
}

static void test_tracks_and_copies_are_counted(void **state) {
    (void)state;
    struct kit k;
    const struct metrics *m = &k.metrics;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    assert_int_equal(m->tracks_published_audio, 1);
    assert_int_equal(m->tracks_published_video, 0);
    assert_int_equal(m->publish_tries_audio, 1);
    assert_int_equal(m->publish_successes_audio, 1);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_int_equal(m->subscribe_tries, 1);
    assert_int_equal(m->tracks_subscribed_audio, 0); /* bob has not agreed to it yet */
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(m->tracks_subscribed_audio, 1);
    assert_int_equal(m->subscribe_successes, 1);
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(m->tracks_subscribed_audio, 1);
    kit_send_offer(&k, 1, PLACES " a7-");
    assert_int_equal(m->tracks_published_audio, 0);
    assert_int_equal(m->tracks_subscribed_audio, 0);
    assert_int_equal(m->publish_successes_audio, 1); /* what was stays so */
    assert_int_equal(m->subscribe_successes, 1);
    kit_close(&k);
}

static void test_unknown_tracks_are_waited_for(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single_as(&k,
                  &(struct kit_single){
                      .conn = 2, .room = "r", .identity = "bob", .words = PLACES, .no_auto = true});
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_add_track(&k, 1, &MIC);
    const char *sid = kit_published_sid(&k, 1);
    kit_subscribe(&k, 2, sid, true);
    kit_subscribe(&k, 2, "TR_never", true);
    assert_string_equal(kit_story(&k, 2), "");
    kit_send_offer(&k, 1, PLACES " a7>mic");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 2), "require:0/0");
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_pass(&k, TRACK_WISH_MS);
    assert_string_equal(kit_story(&k, 2), "room subscription:2");
    kit_close(&k);
}

static void rules(struct kit *k, uint64_t conn, bool all, const char *identity, const char *sid) {
    Livekit__TrackPermission permission = LIVEKIT__TRACK_PERMISSION__INIT;
    Livekit__TrackPermission *list[] = {&permission};
    char *sids[] = {(char *)(uintptr_t)sid};
    permission.participant_identity = (char *)(uintptr_t)(identity ? identity : "");
    permission.all_tracks = !sid;
    permission.track_sids = sids;
    permission.n_track_sids = sid ? 1 : 0;
    Livekit__SubscriptionPermission s = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    s.all_participants = all;
    s.track_permissions = list;
    s.n_track_permissions = identity ? 1 : 0;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION;
    r.subscription_permission = &s;
    kit_signal(k, conn, &r);
}

static void test_rules_of_the_publisher(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_single(&k, 2, "r", "bob", PLACES);
    rules(&k, 1, true, NULL, NULL);
    assert_int_equal(k.fx.count, 0); /* as it is already */
    rules(&k, 1, false, "carol", NULL);
    assert_string_equal(kit_story(&k, 2), "allowed:0");
    assert_int_equal(kit_count(&k, FX_SEND_REMOVE), 1);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, PLACES);
    rules(&k, 1, false, "bob", sid);
    assert_string_equal(kit_story(&k, 2), "allowed:1");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_close(&k);
}

static void test_a_revoked_permission_to_subscribe(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_single(&k, 2, "r", "bob", PLACES);
    static const char request[] = "{\"room\":\"r\",\"identity\":\"bob\",\"permission\":{"
                                  "\"canPublish\":true,\"canSubscribe\":%s}}";
    char text[256];
    snprintf(text, sizeof(text), request, "false");
    assert_int_equal(kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"), text).status, 200);
    assert_int_equal(kit_count(&k, FX_SEND_REMOVE), 1);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, PLACES);
    snprintf(text, sizeof(text), request, "true");
    assert_int_equal(kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"), text).status, 200);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 2, PLACES);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_close(&k);
}

static void test_a_permission_to_subscribe_that_comes_later(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    struct claims c = kit_join_claims("r", "bob");
    c.video.can_subscribe = TRI_FALSE;
    struct kit_join j = {.conn = 2, .claims = &c, .auto_subscribe = true};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 2), "101 join token"); /* it has one connection: its own */
    kit_send_offer(&k, 2, "d0");
    kit_up(&k, kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id);
    struct answer a = kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"),
                               "{\"room\":\"r\",\"identity\":\"bob\",\"permission\":{"
                               "\"canPublish\":true,\"canSubscribe\":true}}");
    assert_int_equal(a.status, 200);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    const Livekit__SignalResponse *told =
        kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0);
    assert_non_null(told);
    assert_false(kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.opens_channels);
    kit_send_answer(&k, 2, kit_answer_to(&k, told->offer->sdp), told->offer->id);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_close(&k);
}

static void test_T50_hidden_publishers_and_subscribers(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims ghost = kit_join_claims("r", "ghost");
    ghost.video.hidden = true;
    kit_single_as(&k, &(struct kit_single){.conn = 1, .claims = &ghost, .words = PLACES});
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_pass(&k, 1000);
    assert_string_equal(kit_story(&k, 2), ""); /* nobody is told of it, nobody gets it */
    kit_publish(&k, 2, &MIC, PLACES " a7>mic");
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 1, PLACES " a7>mic");
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    assert_string_equal(kit_story(&k, 2), ""); /* and it does not count as a subscriber */
    kit_close(&k);
}

static void settings(struct kit *k, uint64_t conn, const char *sid, bool disabled,
                     Livekit__VideoQuality quality, uint32_t width, uint32_t height) {
    char *sids[] = {(char *)(uintptr_t)sid};
    Livekit__UpdateTrackSettings u = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    u.track_sids = sids;
    u.n_track_sids = 1;
    u.disabled = disabled;
    u.quality = quality;
    u.width = width;
    u.height = height;
    u.fps = 10;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    r.track_setting = &u;
    kit_signal(k, conn, &r);
}

static const struct fx_send_want *want(const struct kit *k) {
    assert_int_equal(kit_count(k, FX_SEND_SET), 1);
    return &kit_effect(k, FX_SEND_SET, 0)->send_want;
}

static void test_settings(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    static const Livekit__VideoQuality all[] = {0, 1, 2};
    const struct kit_add cam = {.cid = "cam", .video = true, .layers = all, .layers_count = 3};
    const char *sid = kit_publish(&k, 1, &cam, PLACES " v7>cam:qhf");
    struct kit_join j = {.conn = 2,
                         .room = "r",
                         .identity = "bob",
                         .single = true,
                         .auto_subscribe = true,
                         .adaptive = true,
                         .offer = kit_offer(&k, PLACES)};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    const struct fx_send *send = &kit_effect(&k, FX_SEND_PUT, 0)->send;
    assert_int_equal(send->want.layer_max, 0); /* until it says what it shows */
    assert_true(send->rtx_ssrc != 0 && send->rtx_ssrc != send->ssrc);
    uint64_t id = send->id;
    settings(&k, 2, sid, false, LIVEKIT__VIDEO_QUALITY__MEDIUM, 0, 0);
    assert_int_equal(want(&k)->id, id);
    assert_int_equal(want(&k)->layer_max, 1);
    assert_int_equal(want(&k)->fps_max, 10);
    settings(&k, 2, sid, false, LIVEKIT__VIDEO_QUALITY__LOW, 1280, 720);
    assert_int_equal(want(&k)->layer_max, 2); /* sizes go before the quality */
    settings(&k, 2, sid, false, LIVEKIT__VIDEO_QUALITY__LOW, 320, 190);
    assert_int_equal(want(&k)->layer_max, 0); /* a little larger than the layer */
    settings(&k, 2, sid, false, LIVEKIT__VIDEO_QUALITY__LOW, 320, 240);
    assert_int_equal(want(&k)->layer_max, 1);
    settings(&k, 2, sid, true, LIVEKIT__VIDEO_QUALITY__HIGH, 0, 0);
    assert_true(want(&k)->paused);
    settings(&k, 2, "TR_nothere", true, LIVEKIT__VIDEO_QUALITY__HIGH, 0, 0);
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T6_T11_auto_subscribe_in_single_mode),
        cmocka_unit_test(test_T6_a_joiner_gets_what_is_there_with_its_first_answer),
        cmocka_unit_test(test_T14_without_auto_subscribe_nothing_comes),
        cmocka_unit_test(test_T9_no_requirement_while_one_is_out),
        cmocka_unit_test(test_T9_no_requirement_before_the_first_offer),
        cmocka_unit_test(test_an_exchange_that_does_not_end),
        cmocka_unit_test(test_T25_T29_dual_mode),
        cmocka_unit_test(test_T45_an_ended_track_ends_everywhere),
        cmocka_unit_test(test_tracks_and_copies_are_counted),
        cmocka_unit_test(test_unknown_tracks_are_waited_for),
        cmocka_unit_test(test_rules_of_the_publisher),
        cmocka_unit_test(test_a_revoked_permission_to_subscribe),
        cmocka_unit_test(test_a_permission_to_subscribe_that_comes_later),
        cmocka_unit_test(test_T50_hidden_publishers_and_subscribers),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
