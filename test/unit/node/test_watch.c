#include <string.h>

#include "kit_media.h"

#define PLACES "a0< a1< a2< v3< v4< v5< d6"
static const struct kit_add MIC = {.cid = "mic", .source = LIVEKIT__TRACK_SOURCE__MICROPHONE};
static const Livekit__VideoQuality ALL[] = {0, 1, 2};
static const struct kit_add CAM = {
    .cid = "cam", .video = true, .codec = "vp8", .layers = ALL, .layers_count = 3};

struct call {
    struct kit k;
    const char *sid;
    uint64_t track, send;
    uint64_t alice, bob, carol; /* transports; carol gets nothing */
};

static void begin(struct call *c, const struct kit_add *add, const char *words) {
    kit_open(&c->k, NULL);
    c->alice = kit_single(&c->k, 1, "r", "alice", PLACES);
    c->sid = kit_publish(&c->k, 1, add, words);
    c->track = kit_effect(&c->k, FX_RECEIVE_PUT, 0)->receive.track;
    struct kit_join j = {.conn = 2,
                         .room = "r",
                         .identity = "bob",
                         .single = true,
                         .auto_subscribe = true,
                         .offer = kit_offer(&c->k, PLACES)};
    assert_int_equal(kit_join(&c->k, &j), STATUS_OK);
    c->send = kit_effect(&c->k, FX_SEND_PUT, 0)->send.id;
    c->bob = kit_effect(&c->k, FX_TRANSPORT_OPEN, 0)->transport.id;
    kit_up(&c->k, c->bob);
    struct kit_single carol = {
        .conn = 3, .room = "r", .identity = "carol", .words = PLACES, .no_auto = true};
    c->carol = kit_single_as(&c->k, &carol);
}

static void level(struct call *c, float value) {
    kit_levels(&c->k, &(struct media_level){.track = c->track, .level = value}, 1);
}

static void mute(struct kit *k, const char *sid, bool muted) {
    Livekit__MuteTrackRequest m = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    m.sid = (char *)(uintptr_t)sid;
    m.muted = muted;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
    r.mute = &m;
    kit_signal(k, 1, &r);
}

static void test_speakers(void **state) {
    (void)state;
    struct call c;
    begin(&c, &MIC, PLACES " a7>mic");
    level(&c, 0.5f);
    assert_string_equal(kit_story(&c.k, 1), "speaker:0.500");
    assert_string_equal(kit_story(&c.k, 2), "speaker:0.500");
    assert_string_equal(kit_story(&c.k, 3), ""); /* gets nothing of her */
    const Livekit__SpeakerInfo *info =
        kit_told(&c.k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED, 0)
            ->speakers_changed->speakers[0];
    assert_true(info->active);
    assert_int_equal(strncmp(info->sid, "PA_", 3), 0);
    level(&c, 0.5f);
    assert_int_equal(c.k.fx.count, 0); /* only changes */
    kit_subscribe(&c.k, 3, c.sid, true);
    kit_pass(&c.k, EXCHANGE_PAUSE_MS);
    kit_send_offer(&c.k, 3, PLACES);
    assert_string_equal(kit_story(&c.k, 3), "answer speaker:0.500"); /* at once */
    kit_subscribe(&c.k, 3, c.sid, false);
    assert_string_equal(kit_story(&c.k, 3), "speaker:0.000");
    mute(&c.k, c.sid, true); /* who is muted does not speak */
    assert_string_equal(kit_story(&c.k, 2), "update:alice=ACTIVE~ speaker:0.000");
    kit_levels(&c.k, &(struct media_level){.track = 999, .level = 1}, 1); /* long gone */
    assert_int_equal(c.k.fx.count, 0);
    kit_close(&c.k);
}

static void test_T37_connection_quality(void **state) {
    (void)state;
    struct call c;
    begin(&c, &MIC, PLACES " a7>mic");
    kit_quality(&c.k, c.alice, 90);
    assert_string_equal(kit_story(&c.k, 1), "quality:2");
    assert_string_equal(kit_story(&c.k, 2), "quality:2");
    assert_string_equal(kit_story(&c.k, 3), "");
    kit_quality(&c.k, c.alice, 85);
    assert_int_equal(c.k.fx.count, 0);
    kit_quality(&c.k, c.alice, 50);
    assert_string_equal(kit_story(&c.k, 2), "quality:1");
    kit_quality(&c.k, c.alice, 10); /* T37: not of oneself */
    assert_string_equal(kit_story(&c.k, 1), "quality:0");
    assert_string_equal(kit_story(&c.k, 2), "quality:3");
    kit_quality(&c.k, 999, 10);
    assert_int_equal(c.k.fx.count, 0);
    kit_close(&c.k);
}

static void test_stream_state(void **state) {
    (void)state;
    struct call c;
    begin(&c, &CAM, PLACES " v7>cam:qhf");
    struct node_event ev = {.kind = EV_STREAM_STATE, .stream = {.send = c.send, .paused = true}};
    assert_int_equal(kit_step(&c.k, &ev), STATUS_OK);
    assert_string_equal(kit_story(&c.k, 2), "stream:1");
    ev.stream.paused = false;
    assert_int_equal(kit_step(&c.k, &ev), STATUS_OK);
    assert_string_equal(kit_story(&c.k, 2), "stream:0");
    ev.stream.send = 999;
    assert_int_equal(kit_step(&c.k, &ev), STATUS_OK);
    assert_int_equal(c.k.fx.count, 0);
    kit_close(&c.k);
}

static void want(struct call *c, bool disabled, Livekit__VideoQuality quality) {
    char *sids[] = {(char *)(uintptr_t)c->sid};
    Livekit__UpdateTrackSettings u = LIVEKIT__UPDATE_TRACK_SETTINGS__INIT;
    u.track_sids = sids;
    u.n_track_sids = 1;
    u.disabled = disabled;
    u.quality = quality;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING;
    r.track_setting = &u;
    kit_signal(&c->k, 2, &r);
}

/* "111": low, medium and high are wanted; "" when nothing was told. */
static const char *wanted(struct call *c) {
    static char text[8];
    const Livekit__SignalResponse *r =
        kit_told(&c->k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE, 0);
    text[0] = '\0';
    if (r) {
        const Livekit__SubscribedCodec *codec = r->subscribed_quality_update->subscribed_codecs[0];
        assert_string_equal(codec->codec, "vp8");
        assert_int_equal(codec->n_qualities, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(codec->qualities[i]->quality, i);
            text[i] = codec->qualities[i]->enabled ? '1' : '0';
        }
        text[3] = '\0';
    }
    return text;
}

static void test_T38_dynacast_rises_at_once_and_falls_later(void **state) {
    (void)state;
    struct call c;
    begin(&c, &CAM, PLACES " v7>cam:qhf");
    kit_pass(&c.k, QUALITY_FALL_MS);
    assert_string_equal(wanted(&c), ""); /* all layers are wanted, as before */
    want(&c, false, LIVEKIT__VIDEO_QUALITY__LOW);
    assert_string_equal(wanted(&c), "");
    kit_pass(&c.k, QUALITY_FALL_MS - 1);
    assert_string_equal(wanted(&c), "");
    kit_pass(&c.k, 1);
    assert_string_equal(wanted(&c), "100");
    want(&c, false, LIVEKIT__VIDEO_QUALITY__HIGH);
    assert_string_equal(wanted(&c), "111");
    want(&c, true, LIVEKIT__VIDEO_QUALITY__HIGH);
    want(&c, false, LIVEKIT__VIDEO_QUALITY__HIGH);
    kit_pass(&c.k, QUALITY_FALL_MS);
    assert_string_equal(wanted(&c), ""); /* looked away, and back */
    want(&c, true, LIVEKIT__VIDEO_QUALITY__HIGH);
    kit_pass(&c.k, QUALITY_FALL_MS);
    assert_string_equal(wanted(&c), "000");
    want(&c, false, LIVEKIT__VIDEO_QUALITY__MEDIUM);
    assert_string_equal(wanted(&c), "110");
    kit_close(&c.k);
}

static void test_an_unwatched_track_is_stopped(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &CAM, PLACES " v7>cam:qhf");
    kit_pass(&k, QUALITY_FALL_MS);
    const Livekit__SignalResponse *r =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE, 0);
    assert_non_null(r);
    assert_false(r->subscribed_quality_update->subscribed_codecs[0]->qualities[0]->enabled);
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speakers),
        cmocka_unit_test(test_T37_connection_quality),
        cmocka_unit_test(test_stream_state),
        cmocka_unit_test(test_T38_dynacast_rises_at_once_and_falls_later),
        cmocka_unit_test(test_an_unwatched_track_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
