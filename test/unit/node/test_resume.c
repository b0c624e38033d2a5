#include <string.h>

#include "kit_media.h"

#define PLACES "a0< a1< a2< v3< v4< v5< d6"
static const struct kit_add MIC = {.cid = "mic", .source = LIVEKIT__TRACK_SOURCE__MICROPHONE};

static void come_back(struct kit *k, uint64_t conn, const char *identity, const char *sid) {
    struct kit_join j = {.conn = conn,
                         .room = "r",
                         .identity = identity,
                         .single = true,
                         .reconnect = true,
                         .sid = sid};
    assert_int_equal(kit_join(k, &j), STATUS_OK);
}

static void sync_state(struct kit *k, uint64_t conn, const char *publishes,
                       const char *unsubscribed, const char *disabled) {
    Livekit__TrackInfo info = LIVEKIT__TRACK_INFO__INIT;
    Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
    Livekit__TrackPublishedResponse *list[] = {&published};
    Livekit__UpdateSubscription subscription = LIVEKIT__UPDATE_SUBSCRIPTION__INIT;
    Livekit__SyncState sync = LIVEKIT__SYNC_STATE__INIT;
    char *sids[] = {(char *)(uintptr_t)unsubscribed}, *off[] = {(char *)(uintptr_t)disabled};
    if (publishes) {
        info.sid = (char *)(uintptr_t)publishes;
        published.track = &info;
        sync.publish_tracks = list;
        sync.n_publish_tracks = 1;
    }
    subscription.track_sids = sids;
    subscription.n_track_sids = unsubscribed ? 1 : 0;
    sync.subscription = &subscription;
    sync.track_sids_disabled = off;
    sync.n_track_sids_disabled = disabled ? 1 : 0;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE;
    r.sync_state = &sync;
    kit_signal(k, conn, &r);
}

static void test_T1_T32_T42_a_resume(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    struct kit_single bob = {
        .conn = 2, .room = "r", .identity = "bob", .words = PLACES, .no_auto = true};
    kit_single_as(&k, &bob);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_closed(&k, 1);
    assert_string_equal(kit_story(&k, 2), ""); /* her media goes on */
    kit_pass(&k, 5000);
    come_back(&k, 11, "alice", NULL);
    assert_string_equal(kit_story(&k, 11),
                        "101 reconnect update:alice=ACTIVE+:bob=ACTIVE room token");
    const Livekit__ReconnectResponse *reconnect =
        kit_told(&k, 11, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT, 0)->reconnect;
    assert_int_equal(reconnect->last_message_seq, 0);
    assert_string_equal(reconnect->server_info->version, "1.13.5");
    assert_int_equal(kit_count(&k, FX_TRANSPORT_CLOSE), 0);
    sync_state(&k, 11, sid, NULL, NULL);
    assert_string_equal(kit_story(&k, 11), "");
    kit_send_offer(&k, 11, PLACES " a7>mic");
    assert_string_equal(kit_story(&k, 11), "answer");
    assert_int_equal(kit_notes(&k, NOTE_TRACK_PUBLISHED), 0);
    kit_pass(&k, 60 * 1000); /* no grace is running any more */
    assert_int_equal(node_counts(k.n).sessions, 2);
    assert_int_equal(k.metrics.sessions_resumed, 1);
    kit_close(&k);
}

/* Not 0 once anything came: then clients repeat all that may not have. */
static void test_T34_what_came_is_said(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct node_event heard = {.kind = EV_DATA_HEARD};
    heard.transport.sequence = 77;
    heard.transport.id = kit_single(&k, 1, "r", "alice", PLACES);
    assert_int_equal(kit_step(&k, &heard), STATUS_OK);
    heard.transport.id = 999; /* gone meanwhile */
    assert_int_equal(kit_step(&k, &heard), STATUS_OK);
    come_back(&k, 11, "alice", NULL);
    const Livekit__SignalResponse *told =
        kit_told(&k, 11, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT, 0);
    assert_int_equal(told->reconnect->last_message_seq, 77);
    kit_close(&k);
}

static void test_T43_the_old_connection_is_closed_without_a_leave(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    come_back(&k, 11, "alice", NULL); /* the server had not noticed */
    assert_string_equal(kit_story(&k, 1), "close:1000");
    assert_string_equal(kit_story(&k, 11), "101 reconnect update:alice=ACTIVE room token");
    kit_closed(&k, 1); /* its end is nobody's */
    assert_int_equal(k.fx.count, 0);
    kit_pass(&k, 60 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_close(&k);
}

static void test_who_is_not_there_starts_anew(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    come_back(&k, 11, "alice", NULL);
    assert_string_equal(kit_story(&k, 11), "101 leave:6/2 close:1000");
    kit_single(&k, 1, "r", "alice", PLACES);
    come_back(&k, 12, "alice", "PA_somebodyelse");
    assert_string_equal(kit_story(&k, 12), "101 leave:6/2 close:1000");
    assert_string_equal(kit_story(&k, 1), "");
    kit_close(&k);
}

static void test_T33_tracks_that_are_not_there(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_closed(&k, 1);
    come_back(&k, 11, "alice", NULL);
    sync_state(&k, 11, "TR_AMunknown", NULL, NULL);
    assert_string_equal(kit_story(&k, 11), "leave:6/2 close:1000");
    kit_close(&k);
}

static void test_subscriptions_are_said_again(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_closed(&k, 2);
    come_back(&k, 12, "bob", NULL);
    sync_state(&k, 12, NULL, NULL, sid);
    assert_true(kit_effect(&k, FX_SEND_SET, 0)->send_want.paused);
    sync_state(&k, 12, NULL, sid, NULL);
    assert_int_equal(kit_count(&k, FX_SEND_REMOVE), 1);
    kit_close(&k);
}

static void leave(struct kit *k, uint64_t conn) {
    Livekit__LeaveRequest l = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    r.leave = &l;
    kit_signal(k, conn, &r);
}

static void test_who_left_meanwhile_is_told_as_gone(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_single(&k, 3, "r", "carol", PLACES);
    leave(&k, 3);
    kit_pass(&k, 2 * RESUME_LOOKBACK_MS); /* long told */
    kit_closed(&k, 1);
    leave(&k, 2);
    kit_pass(&k, 1000);
    come_back(&k, 11, "alice", NULL);
    assert_string_equal(kit_story(&k, 11),
                        "101 reconnect update:bob=DISCONNECTED update:alice=ACTIVE room token");
    kit_close(&k);
}

static void test_an_exchange_goes_on_with_the_client(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_closed(&k, 2);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_pass(&k, EXCHANGE_TIMEOUT_MS + 1000); /* nobody is there to answer: no reason to end */
    assert_int_equal(node_counts(k.n).sessions, 2);
    come_back(&k, 12, "bob", NULL);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&k, 12), "require:0/0");
    kit_send_offer(&k, 12, PLACES);
    assert_int_equal(kit_count(&k, FX_SEND_PUT), 1);
    kit_close(&k);
}

static void test_dual_mode_restarts_what_is_ours_to_offer(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t sub = kit_enter(&k, 1, "r", "alice");
    const Livekit__SessionDescription *offer =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0)->offer;
    kit_send_answer(&k, 1, kit_answer_to(&k, offer->sdp), 0);
    kit_up(&k, sub);
    kit_closed(&k, 1);
    struct kit_join j = {.conn = 11, .room = "r", .identity = "alice", .reconnect = true};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 11), "101 reconnect update:alice=ACTIVE room token offer");
    const struct effect *restart = kit_effect(&k, FX_TRANSPORT_RESTART, 0);
    assert_non_null(restart);
    assert_int_equal(restart->transport.id, sub);
    const Livekit__SessionDescription *second =
        kit_told(&k, 11, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER, 0)->offer;
    assert_int_equal(second->id, offer->id + 1);
    char ufrag[64] = "a=ice-ufrag:";
    memcpy(ufrag + 12, restart->transport.ufrag.data, restart->transport.ufrag.len);
    assert_non_null(strstr(second->sdp, ufrag));
    assert_null(strstr(offer->sdp, ufrag));
    kit_close(&k);
}

static void test_T27_a_silent_transport_is_asked_to_resume(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t alice = kit_single(&k, 1, "r", "alice", PLACES);
    struct kit_single bob = {
        .conn = 2, .room = "r", .identity = "bob", .words = PLACES, .no_auto = true};
    kit_single_as(&k, &bob);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_silent(&k, alice);
    assert_string_equal(kit_story(&k, 1), "leave:14/1 close:1000");
    assert_string_equal(kit_story(&k, 2), "");
    assert_int_equal(kit_count(&k, FX_TRANSPORT_CLOSE), 0);
    kit_pass(&k, SILENT_GRACE_MS - 1000);
    come_back(&k, 11, "alice", NULL);
    sync_state(&k, 11, sid, NULL, NULL);
    assert_string_equal(kit_story(&k, 11), "");
    kit_send_offer(&k, 11, PLACES " a7>mic");
    assert_string_equal(kit_story(&k, 11), "answer");
    kit_pass(&k, 60 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 2);
    kit_lost(&k, alice); /* her new ICE did not come up either */
    assert_string_equal(kit_story(&k, 11), "leave:14/2 close:1000");
    kit_close(&k);
}

static void test_who_is_silent_and_does_not_come_is_gone(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t alice = kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_silent(&k, 999); /* nobody's */
    kit_silent(&k, alice);
    kit_silent(&k, alice); /* told once */
    assert_int_equal(k.fx.count, 0);
    kit_pass(&k, SILENT_GRACE_MS + 1000);
    assert_string_equal(kit_story(&k, 2), "room update:alice=DISCONNECTED");
    assert_int_equal(kit_note(&k, NOTE_PARTICIPANT_LEFT)->disconnect_reason,
                     LIVEKIT__DISCONNECT_REASON__CONNECTION_TIMEOUT);
    kit_close(&k);
}

/* Without a WebSocket there is nobody to ask, and less time. */
static void test_silence_of_who_is_away_shortens_its_time(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t alice = kit_single(&k, 1, "r", "alice", PLACES);
    kit_closed(&k, 1);
    kit_pass(&k, 5000);
    kit_silent(&k, alice);
    assert_int_equal(k.fx.count, 0);
    kit_pass(&k, SILENT_GRACE_MS + 1000);
    assert_int_equal(node_counts(k.n).sessions, 0);
    kit_close(&k);
}

static void simulate(struct kit *k, uint64_t conn, int which) {
    Livekit__SimulateScenario s = LIVEKIT__SIMULATE_SCENARIO__INIT;
    s.scenario_case = (Livekit__SimulateScenario__ScenarioCase)which;
    s.speaker_update = 3; /* shares its place with the flags of the others */
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE;
    r.simulate = &s;
    kit_signal(k, conn, &r);
}

static void test_simulated_bandwidth(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t alice = kit_single(&k, 1, "r", "alice", PLACES);
    Livekit__SimulateScenario s = LIVEKIT__SIMULATE_SCENARIO__INIT;
    s.scenario_case = LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SUBSCRIBER_BANDWIDTH;
    s.subscriber_bandwidth = 300000;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE;
    r.simulate = &s;
    kit_signal(&k, 1, &r);
    const struct effect *fx = kit_effect(&k, FX_TRANSPORT_BANDWIDTH, 0);
    assert_non_null(fx);
    assert_int_equal(fx->transport.id, alice);
    assert_int_equal(fx->transport.bitrate_bps, 300000);
    s.subscriber_bandwidth = -1;
    kit_signal(&k, 1, &r);
    assert_int_equal(k.fx.count, 0);
    kit_close(&k);
}

#define WAYS                                                                                       \
    "a=candidate:1 1 udp 2130706431 203.0.113.5 7882 typ host\r\n"                                 \
    "a=candidate:2 1 tcp 1671430143 203.0.113.5 7881 typ host tcptype passive\r\n"

static void with_both_protocols(struct node_config *config) {
    static const struct slice of_workers[] = {{(const uint8_t *)WAYS, sizeof(WAYS) - 1},
                                              {(const uint8_t *)WAYS, sizeof(WAYS) - 1}};
    assert_true(config->media_workers <= ARRAY_LEN(of_workers));
    config->candidates = of_workers;
}

static void switch_protocol(struct kit *k, uint64_t conn, Livekit__CandidateProtocol to) {
    Livekit__SimulateScenario s = LIVEKIT__SIMULATE_SCENARIO__INIT;
    s.scenario_case = LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SWITCH_CANDIDATE_PROTOCOL;
    s.switch_candidate_protocol = to;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE;
    r.simulate = &s;
    kit_signal(k, conn, &r);
}

static void assert_ways(struct kit *k, uint64_t conn, bool udp) {
    kit_send_offer(k, conn, PLACES);
    const char *sdp = kit_told_answer(k, conn)->sdp;
    assert_int_equal(strstr(sdp, " udp ") != NULL, udp);
    assert_non_null(strstr(sdp, " tcp "));
}

/* It comes back by TCP, also when it begins anew. */
static void test_simulated_candidate_switch(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_both_protocols);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 9, "r", "bob", PLACES);
    assert_ways(&k, 1, true);
    switch_protocol(&k, 1, LIVEKIT__CANDIDATE_PROTOCOL__TCP);
    assert_string_equal(kit_story(&k, 1), "leave:0/1 close:1000");
    come_back(&k, 2, "alice", NULL);
    assert_ways(&k, 2, false);
    leave(&k, 2);
    kit_single(&k, 3, "r", "alice", PLACES);
    assert_ways(&k, 3, false);
    kit_single(&k, 4, "r", "alice", PLACES); /* in place of herself */
    assert_ways(&k, 4, false);
    switch_protocol(&k, 4, LIVEKIT__CANDIDATE_PROTOCOL__UDP);
    come_back(&k, 5, "alice", NULL);
    assert_ways(&k, 5, true);
    assert_ways(&k, 9, true); /* it is nobody else's matter */
    kit_close(&k);
}

static void test_simulated_scenarios(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    simulate(&k, 1, LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SPEAKER_UPDATE);
    assert_string_equal(kit_story(&k, 1), "speaker:0.900");
    kit_pass(&k, 3000);
    assert_string_equal(kit_story(&k, 1), "speaker:0.000");
    simulate(&k, 1, LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME_NO_MESSAGES);
    come_back(&k, 2, "alice", NULL);
    assert_string_equal(kit_story(&k, 2), "101 close:1000");
    simulate(&k, 1, LIVEKIT__SIMULATE_SCENARIO__SCENARIO_DISCONNECT_SIGNAL_ON_RESUME);
    come_back(&k, 3, "alice", NULL);
    assert_string_equal(kit_story(&k, 3),
                        "101 reconnect update:alice=ACTIVE room token close:1000");
    come_back(&k, 4, "alice", NULL);
    assert_string_equal(kit_story(&k, 4), "101 reconnect update:alice=ACTIVE room token");
    simulate(&k, 4, LIVEKIT__SIMULATE_SCENARIO__SCENARIO_MIGRATION);
    assert_string_equal(kit_story(&k, 4), "close:1000"); /* no leave */
    kit_single(&k, 5, "r", "alice", PLACES);
    simulate(&k, 5, LIVEKIT__SIMULATE_SCENARIO__SCENARIO_SERVER_LEAVE);
    assert_string_equal(kit_story(&k, 5), "leave:3/0 close:1000");
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T1_T32_T42_a_resume),
        cmocka_unit_test(test_T34_what_came_is_said),
        cmocka_unit_test(test_T43_the_old_connection_is_closed_without_a_leave),
        cmocka_unit_test(test_who_is_not_there_starts_anew),
        cmocka_unit_test(test_T33_tracks_that_are_not_there),
        cmocka_unit_test(test_subscriptions_are_said_again),
        cmocka_unit_test(test_who_left_meanwhile_is_told_as_gone),
        cmocka_unit_test(test_an_exchange_goes_on_with_the_client),
        cmocka_unit_test(test_T27_a_silent_transport_is_asked_to_resume),
        cmocka_unit_test(test_who_is_silent_and_does_not_come_is_gone),
        cmocka_unit_test(test_silence_of_who_is_away_shortens_its_time),
        cmocka_unit_test(test_simulated_scenarios),
        cmocka_unit_test(test_simulated_bandwidth),
        cmocka_unit_test(test_simulated_candidate_switch),
        cmocka_unit_test(test_dual_mode_restarts_what_is_ours_to_offer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
