/* A second codec of a track, for those who cannot take the first. */
#include "kit_media.h"

#include <stdio.h>

#define PLACES "a0< a1< a2< v3< v4< v5< d6" /* w: as v, but of VP9 */
#define VP9_PLACES "a0< a1< a2< w3< w4< w5< d6"
#define FIRST " w7>cam"
#define BOTH " w7>cam v8>cam-2"

static const struct kit_add CAM = {.cid = "cam",
                                   .video = true,
                                   .source = LIVEKIT__TRACK_SOURCE__CAMERA,
                                   .codec = "vp9",
                                   .second = "vp8"};

struct call {
    struct kit k;
    char sid[32];
    uint64_t first, second; /* as media knows them */
};

static void exchange(struct call *c, uint64_t conn, const char *words) {
    kit_pass(&c->k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&c->k, conn, words);
}

/* Alice sends VP9; bob takes it, carol takes VP8 alone. */
static void begin(struct call *c) {
    kit_open(&c->k, NULL);
    kit_single(&c->k, 1, "r", "alice", PLACES);
    kit_single(&c->k, 2, "r", "bob", VP9_PLACES);
    kit_single(&c->k, 3, "r", "carol", PLACES);
    kit_add_track(&c->k, 1, &CAM);
    snprintf(c->sid, sizeof(c->sid), "%s", kit_published_sid(&c->k, 1));
    kit_send_offer(&c->k, 1, PLACES FIRST);
    c->first = kit_effect(&c->k, FX_RECEIVE_PUT, 0)->receive.track;
    exchange(c, 2, VP9_PLACES);
    assert_int_equal(kit_effect(&c->k, FX_SEND_PUT, 0)->send.track, c->first);
}

static void mute(struct call *c) {
    Livekit__MuteTrackRequest m = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    m.sid = c->sid;
    m.muted = true;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
    r.mute = &m;
    kit_signal(&c->k, 1, &r);
}

static void leave(struct call *c) {
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    r.leave = &leave;
    kit_signal(&c->k, 1, &r);
}

static const Livekit__SubscribedQualityUpdate *told_quality(struct call *c) {
    const Livekit__SignalResponse *r =
        kit_told(&c->k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE, 0);
    return r ? r->subscribed_quality_update : NULL;
}

/* Carol refuses, alice is asked for the second, and sends it. */
static void add_second(struct call *c) {
    const struct kit_add second = {
        .cid = "cam-2", .video = true, .source = CAM.source, .codec = "vp9", .sid = c->sid};
    exchange(c, 3, PLACES);
    assert_int_equal(kit_count(&c->k, FX_SEND_PUT), 0);
    kit_add_track(&c->k, 1, &second);
    assert_string_equal(kit_published_sid(&c->k, 1), c->sid);
    kit_send_offer(&c->k, 1, PLACES BOTH);
    c->second = kit_effect(&c->k, FX_RECEIVE_PUT, 1)->receive.track;
    assert_true(c->second != c->first);
}

static void test_who_cannot_take_the_first_gets_the_second(void **state) {
    (void)state;
    struct call c;
    begin(&c);
    exchange(&c, 3, PLACES);
    assert_null(kit_told(&c.k, 3, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE, 0));
    const Livekit__SubscribedQualityUpdate *told = told_quality(&c);
    assert_non_null(told);
    assert_string_equal(told->track_sid, c.sid);
    assert_int_equal(told->n_subscribed_codecs, 2);
    assert_string_equal(told->subscribed_codecs[0]->codec, "vp9");
    assert_string_equal(told->subscribed_codecs[1]->codec, "vp8");
    assert_true(told->subscribed_codecs[1]->qualities[0]->enabled);
    exchange(&c, 3, PLACES); /* once is enough */
    assert_null(told_quality(&c));
    add_second(&c);
    assert_string_equal(kit_story(&c.k, 2), ""); /* nobody is told of it as a track */
    kit_pass(&c.k, EXCHANGE_PAUSE_MS);
    assert_string_equal(kit_story(&c.k, 3), "require:0/0");
    kit_send_offer(&c.k, 3, PLACES);
    const struct fx_send *send = &kit_effect(&c.k, FX_SEND_PUT, 0)->send;
    assert_int_equal(send->track, c.second);
    assert_int_equal(send->section->formats[0].payload_type, 96);
    assert_string_equal(kit_track_of_mid(kit_told_answer(&c.k, 3), "3"), c.sid);
    kit_close(&c.k);
}

/* Its section ends: who had it is where it was before, and gets it again when it comes again. */
static void test_it_goes_and_comes_again(void **state) {
    (void)state;
    struct call c;
    begin(&c);
    add_second(&c);
    exchange(&c, 3, PLACES);
    assert_int_equal(kit_effect(&c.k, FX_SEND_PUT, 0)->send.track, c.second);
    kit_send_offer(&c.k, 1, PLACES " w7>cam v8-");
    assert_int_equal(kit_count(&c.k, FX_RECEIVE_REMOVE), 1);
    assert_int_equal(kit_count(&c.k, FX_SEND_REMOVE), 1);
    exchange(&c, 3, PLACES);
    assert_int_equal(kit_count(&c.k, FX_SEND_PUT), 0);
    uint64_t before = c.second;
    add_second(&c);
    assert_true(c.second != before);
    uint64_t got = 0;
    for (int i = 0; i < 3; i++) { /* a section rests for one exchange */
        exchange(&c, 3, PLACES);
        got = kit_count(&c.k, FX_SEND_PUT) > 0 ? kit_effect(&c.k, FX_SEND_PUT, 0)->send.track : got;
    }
    assert_int_equal(got, c.second);
    kit_close(&c.k);
}

static void test_it_shares_the_fate_of_the_first(void **state) {
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct call c;
        begin(&c);
        add_second(&c);
        exchange(&c, 3, PLACES);
        if (how == 0) {
            leave(&c);
        } else if (how == 1) {
            kit_send_offer(&c.k, 1, PLACES " w7- v8>cam-2");
            assert_int_equal(kit_count(&c.k, FX_RECEIVE_REMOVE), 2);
        } else {
            mute(&c);
            assert_int_equal(kit_count(&c.k, FX_RECEIVE_PUT), 2);
            assert_true(kit_effect(&c.k, FX_RECEIVE_PUT, 1)->receive.muted);
        }
        kit_pass(&c.k, 1000);
        kit_close(&c.k);
    }
}

static void test_what_nobody_asked_for_is_refused(void **state) {
    (void)state;
    struct call c;
    begin(&c);
    const struct kit_add second = {
        .cid = "cam-2", .video = true, .source = CAM.source, .sid = c.sid};
    kit_add_track(&c.k, 1, &second);
    assert_string_equal(kit_story(&c.k, 1), "response:5"); /* nobody needs it so far */
    add_second(&c);
    const struct kit_add third = {
        .cid = "cam-3", .video = true, .source = CAM.source, .sid = c.sid};
    kit_add_track(&c.k, 1, &third);
    assert_string_equal(kit_story(&c.k, 1), "response:5");
    kit_close(&c.k);
}

/* Without a second codec to ask for, whoever cannot take the first is told so. */
static void test_without_a_second_it_is_said(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 3, "r", "carol", PLACES);
    struct kit_add cam = CAM;
    cam.second = NULL;
    kit_add_track(&k, 1, &cam);
    kit_send_offer(&k, 1, PLACES FIRST);
    kit_pass(&k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&k, 3, PLACES);
    assert_non_null(kit_told(&k, 3, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE, 0));
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_cannot_take_the_first_gets_the_second),
        cmocka_unit_test(test_it_goes_and_comes_again),
        cmocka_unit_test(test_it_shares_the_fate_of_the_first),
        cmocka_unit_test(test_what_nobody_asked_for_is_refused),
        cmocka_unit_test(test_without_a_second_it_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
