#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "room.h"
#include "rules.h"

static const struct hash_key KEY = {1, 2};

static struct participant *make(const char *identity, uint64_t key) {
    struct participant_config config = {
        .identity = slice_from_cstr(identity),
        .permission = {.can_publish = true, .can_subscribe = true},
        .key = key,
        .region = "",
    };
    snprintf(config.sid.text, sizeof(config.sid.text), "PA_%s", identity);
    struct participant *p = NULL;
    assert_int_equal(participant_create(&config, &p), STATUS_OK);
    return p;
}

static struct track *track_with(struct participant *p, struct arena *work,
                                const Livekit__VideoQuality *qualities, const uint32_t *heights,
                                size_t count) {
    Livekit__VideoLayer layers[3], *list[3];
    for (size_t i = 0; i < count; i++) {
        livekit__video_layer__init(&layers[i]);
        layers[i].quality = qualities[i];
        layers[i].height = heights[i];
        layers[i].width = 2 * heights[i];
        list[i] = &layers[i];
    }
    Livekit__AddTrackRequest r = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    r.cid = (char[]){"c"};
    r.type = LIVEKIT__TRACK_TYPE__VIDEO;
    r.source = LIVEKIT__TRACK_SOURCE__SCREEN_SHARE;
    r.width = 1000;
    r.height = 500;
    r.layers = list;
    r.n_layers = count;
    struct rng rng;
    uint8_t seed[32] = {1};
    rng_init(&rng, seed);
    struct track *t = NULL;
    assert_int_equal(track_create(p, &r, &rng, 5, work, &t), STATUS_OK);
    return t;
}

/* A video whose client asks for this codec; NULL: it says nothing of codecs. */
static struct track *track_asking(struct participant *p, struct arena *work, const char *name) {
    char text[16];
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT, *list[] = {&codec};
    Livekit__AddTrackRequest r = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    r.cid = (char[]){"c"};
    r.type = LIVEKIT__TRACK_TYPE__VIDEO;
    if (name) {
        snprintf(text, sizeof(text), "%s", name);
        codec.codec = text;
        r.simulcast_codecs = list;
        r.n_simulcast_codecs = 1;
    }
    struct rng rng;
    uint8_t seed[32] = {1};
    rng_init(&rng, seed);
    struct track *t = NULL;
    assert_int_equal(track_create(p, &r, &rng, 5, work, &t), STATUS_OK);
    return t;
}

static void test_sizes_choose_layers(void **state) {
    (void)state;
    struct arena work;
    arena_init(&work, 1 << 20);
    struct participant *p = make("alice", 1);
    static const Livekit__VideoQuality q[] = {2, 0, 1}; /* in any order (T20) */
    static const uint32_t heights[] = {500, 125, 250};
    struct track *t = track_with(p, &work, q, heights, 3);
    static const struct {
        uint32_t height;
        int quality;
    } cases[] = {{100, 0}, {125, 0}, {138, 0}, {140, 1}, {277, 1}, {280, 2}, {4000, 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(track_quality_of_size(t, 4000, cases[i].height), cases[i].quality);
    }
    assert_int_equal(track_layers(t), 3);
    assert_int_equal(track_layer_of_quality(t, LIVEKIT__VIDEO_QUALITY__MEDIUM), 1);
    assert_string_equal(t->info->stream, "screen");
    assert_int_equal(strncmp(t->sid.text, "TR_VS", 5), 0);
    track_destroy(t);
    t = track_with(p, &work, q, heights, 1); /* a single layer is the best one */
    assert_int_equal(track_layer_of_quality(t, LIVEKIT__VIDEO_QUALITY__LOW), 0);
    assert_int_equal(t->info->layers[0]->quality, LIVEKIT__VIDEO_QUALITY__HIGH);
    track_destroy(t);
    participant_destroy(p);
    arena_deinit(&work);
}

static void test_rids(void **state) {
    (void)state;
    struct arena work;
    arena_init(&work, 1 << 20);
    struct participant *p = make("alice", 1);
    static const Livekit__VideoQuality q[] = {0, 2}; /* low and high: no medium */
    static const uint32_t heights[] = {180, 720};
    struct track *t = track_with(p, &work, q, heights, 2);
    struct rtp_section section = {.video = true, .rids_count = 2};
    section.rids[0] = (struct rtp_rid){.len = 1, .text = "f"};
    section.rids[1] = (struct rtp_rid){.len = 1, .text = "q"};
    uint8_t layers[RTP_RIDS_MAX] = {9, 9, 9};
    track_map_rids(t, &section, layers);
    assert_int_equal(layers[0], 1);
    assert_int_equal(layers[1], 0);
    section.rids[0].text[0] = 'x'; /* by place, where the name says nothing */
    track_map_rids(t, &section, layers);
    assert_int_equal(layers[0], 0);
    track_destroy(t);
    participant_destroy(p);
    arena_deinit(&work);
}

/* What a client names is looked for in its section; what nobody may publish is not. */
static void test_codec_asked_for(void **state) {
    (void)state;
    struct arena work;
    arena_init(&work, 1 << 20);
    struct participant *p = make("alice", 1);
    static const struct {
        const char *name;
        enum rtp_codec codec;
    } cases[] = {{"vp9", RTP_CODEC_VP9},
                 {"video/AV1", RTP_CODEC_AV1},
                 {"h264", RTP_CODEC_H264},
                 {"", RTP_CODEC_VP8},
                 {"theora", RTP_CODEC_VP8}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct track *t = track_asking(p, &work, cases[i].name);
        enum rtp_codec codec = RTP_CODEC_OPUS;
        assert_true(track_asked_codec(t, &codec));
        assert_int_equal(codec, cases[i].codec);
        track_destroy(t);
    }
    struct track *t = track_asking(p, &work, NULL); /* none: the order of the offer stays */
    enum rtp_codec codec = RTP_CODEC_OPUS;
    assert_false(track_asked_codec(t, &codec));
    assert_int_equal(codec, RTP_CODEC_OPUS);
    track_destroy(t);
    participant_destroy(p);
    arena_deinit(&work);
}

static struct rules *rules(const Livekit__SubscriptionPermission *m) {
    struct rules *r = NULL;
    assert_int_equal(rules_create(m, KEY, &r), STATUS_OK);
    return r;
}

static void test_rules(void **state) {
    (void)state;
    Livekit__TrackPermission by_identity = LIVEKIT__TRACK_PERMISSION__INIT;
    Livekit__TrackPermission by_sid = LIVEKIT__TRACK_PERMISSION__INIT;
    Livekit__TrackPermission *list[] = {&by_identity, &by_sid};
    char *sids[] = {(char[]){"TR_1"}};
    by_identity.participant_identity = (char[]){"bob"};
    by_identity.track_sids = sids;
    by_identity.n_track_sids = 1;
    by_sid.participant_sid = (char[]){"PA_bob"};
    by_sid.all_tracks = true;
    Livekit__SubscriptionPermission m = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    struct slice bob = SLICE_LIT("bob"), pa_bob = SLICE_LIT("PA_bob"), one = SLICE_LIT("TR_1");
    assert_true(rules_allow(NULL, bob, pa_bob, one)); /* without rules everybody may */
    struct rules *r = rules(&m);
    assert_false(rules_allow(r, bob, pa_bob, one)); /* and with none in them nobody */
    rules_destroy(r);
    m.track_permissions = list;
    m.n_track_permissions = 2;
    r = rules(&m);
    assert_true(rules_allow(r, bob, pa_bob, one));
    assert_false(rules_allow(r, bob, pa_bob, SLICE_LIT("TR_2"))); /* the identity goes first */
    assert_true(rules_allow(r, SLICE_LIT("other"), pa_bob, SLICE_LIT("TR_2")));
    assert_false(rules_allow(r, SLICE_LIT("other"), SLICE_LIT("PA_x"), one));
    rules_destroy(r);
}

static void test_who_recorded_may_always(void **state) {
    (void)state;
    struct arena work;
    arena_init(&work, 1 << 20);
    struct room room;
    assert_int_equal(room_init(&room, SLICE_LIT("r"), 1, KEY), STATUS_OK);
    struct participant *alice = make("alice", 1), *rec = make("rec", 2);
    room_add(&room, alice);
    room_add(&room, rec);
    struct track *t = track_with(alice, &work, NULL, NULL, 0);
    room_track_add(alice, t);
    struct rtp_section section = {.video = true, .formats_count = 1};
    section.formats[0].codec = RTP_CODEC_VP8;
    track_bind(t, &section);
    room_track_publish(t);
    Livekit__SubscriptionPermission nobody = LIVEKIT__SUBSCRIPTION_PERMISSION__INIT;
    alice->rules = rules(&nobody);
    assert_false(subscription_allowed(rec, t));
    assert_false(subscription_allowed(alice, t)); /* nobody gets its own */
    rec->profile.permission.recorder = true;
    assert_true(subscription_allowed(rec, t));
    rec->profile.permission.recorder = false;
    room_track_end(t);
    track_destroy(t);
    room_remove(&room, alice);
    room_remove(&room, rec);
    participant_destroy(alice);
    participant_destroy(rec);
    room_deinit(&room);
    arena_deinit(&work);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_choose_layers),     cmocka_unit_test(test_rids),
        cmocka_unit_test(test_codec_asked_for),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_who_recorded_may_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
