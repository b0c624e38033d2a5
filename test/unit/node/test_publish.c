#include <string.h>

#include "kit_media.h"

#define PLACES "a0< a1< a2< v3< v4< v5< d6"
static const struct kit_add MIC = {.cid = "mic", .source = LIVEKIT__TRACK_SOURCE__MICROPHONE};
static const Livekit__VideoQuality HML[] = {
    LIVEKIT__VIDEO_QUALITY__HIGH, LIVEKIT__VIDEO_QUALITY__MEDIUM, LIVEKIT__VIDEO_QUALITY__LOW};
static const struct kit_add CAM = {.cid = "cam",
                                   .video = true,
                                   .source = LIVEKIT__TRACK_SOURCE__CAMERA,
                                   .codec = "vp8",
                                   .layers = HML,
                                   .layers_count = 3};

static const Livekit__TrackInfo *told_track(struct kit *k, uint64_t conn) {
    return kit_told(k, conn, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)
        ->update->participants[0]
        ->tracks[0];
}

static void test_T22_a_track_from_announcement_to_end(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t transport = kit_single(&k, 1, "r", "alice", PLACES);
    kit_single_as(&k,
                  &(struct kit_single){
                      .conn = 2, .room = "r", .identity = "bob", .words = PLACES, .no_auto = true});
    kit_add_track(&k, 1, &MIC);
    const Livekit__TrackPublishedResponse *published =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED, 0)->track_published;
    assert_string_equal(published->cid, "mic");
    const Livekit__TrackInfo *info = published->track;
    assert_int_equal(strncmp(info->sid, "TR_AM", 5), 0);
    assert_int_equal(strlen(info->sid), 17);
    assert_string_equal(info->stream, "camera");
    assert_string_equal(info->mime_type, "audio/opus");
    assert_string_equal(kit_story(&k, 2), ""); /* nothing carries it yet */

    kit_send_offer(&k, 1, PLACES " a7>mic");
    assert_string_equal(kit_story(&k, 1), "answer update:alice=ACTIVE+");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE+");
    assert_string_equal(told_track(&k, 2)->mid, "7");
    assert_true(told_track(&k, 2)->version->unix_micro > 0);
    assert_int_equal(kit_notes(&k, NOTE_TRACK_PUBLISHED), 1);
    const struct fx_receive *receive = &kit_effect(&k, FX_RECEIVE_PUT, 0)->receive;
    assert_int_equal(receive->transport, transport);
    assert_true(receive->track != 0);
    assert_false(receive->muted);
    assert_true(slice_eq_cstr(rtp_section_mid(receive->section), "7"));
    assert_true(kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)
                    ->update->participants[0]
                    ->is_publisher);

    kit_send_offer(&k, 1, PLACES " a7<mic"); /* T22: the direction alone says so */
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE");
    assert_int_equal(kit_notes(&k, NOTE_TRACK_UNPUBLISHED), 1);
    receive = &kit_effect(&k, FX_RECEIVE_REMOVE, 0)->receive;
    assert_true(slice_eq_cstr(rtp_section_mid(receive->section), "7"));
    assert_false(kit_told(&k, 2, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)
                     ->update->participants[0]
                     ->is_publisher);
    kit_close(&k);
}

static void test_T20_layers_and_rids_go_by_name(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_publish(&k, 1, &CAM, PLACES " v7>cam:fhq");
    const struct fx_receive *receive = &kit_effect(&k, FX_RECEIVE_PUT, 0)->receive;
    assert_int_equal(receive->layers, 3);
    assert_int_equal(receive->section->rids_count, 3);
    for (size_t i = 0; i < 3; i++) {
        static const char names[] = "qhf";
        char name = receive->section->rids[i].text[0];
        assert_int_equal(receive->layer_of_rid[i], strchr(names, name) - names);
    }
    const Livekit__TrackInfo *info = told_track(&k, 1);
    assert_true(info->simulcast);
    assert_int_equal(info->n_layers, 3);
    assert_int_equal(info->layers[0]->quality, LIVEKIT__VIDEO_QUALITY__LOW);
    assert_int_equal(info->layers[2]->height, 720);
    assert_string_equal(info->mime_type, "video/VP8");
    assert_string_equal(info->codecs[0]->mime_type, "video/VP8");
    assert_string_equal(info->codecs[0]->cid, "cam");
    kit_close(&k);
}

static void test_T24_an_unmatched_name_takes_the_oldest_of_its_kind(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_add_track(&k, 1, &CAM);
    kit_add_track(&k, 1, &MIC);
    const char *first = kit_published_sid(&k, 1);
    kit_add_track(&k, 1, &(struct kit_add){.cid = "second"});
    const char *second = kit_published_sid(&k, 1);
    kit_send_offer(&k, 1, PLACES " a7>renamed");
    assert_string_equal(told_track(&k, 1)->sid, first);
    kit_send_offer(&k, 1, PLACES " a7>other a8>second");
    const Livekit__ParticipantInfo *p =
        kit_told(&k, 1, LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE, 0)->update->participants[0];
    assert_int_equal(p->n_tracks, 2); /* what was bound stays so, whatever its name is now */
    assert_string_equal(p->tracks[0]->sid, first);
    assert_string_equal(p->tracks[1]->sid, second);
    kit_close(&k);
}

static void test_T24_placeholders_are_never_bound(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_add_track(&k, 1, &MIC);
    kit_send_offer(&k, 1, PLACES);
    assert_string_equal(kit_story(&k, 1), "answer");
    assert_int_equal(kit_count(&k, FX_RECEIVE_PUT), 0);
    kit_close(&k);
}

static void test_a_section_before_its_track(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_send_offer(&k, 1, PLACES " a7>mic");
    assert_string_equal(kit_story(&k, 1), "answer");
    assert_int_equal(kit_effect(&k, FX_RECEIVE_PUT, 0)->receive.track, 0);
    kit_add_track(&k, 1, &CAM); /* of another kind: not this one */
    assert_string_equal(kit_story(&k, 1), "published");
    kit_add_track(&k, 1, &MIC);
    assert_string_equal(kit_story(&k, 1), "published update:alice=ACTIVE+");
    assert_true(kit_effect(&k, FX_RECEIVE_PUT, 0)->receive.track != 0);
    kit_close(&k);
}

static void add(struct kit *k, const struct kit_add *a, const char *story) {
    kit_add_track(k, 1, a);
    assert_string_equal(kit_story(k, 1), story);
}

static void test_refusals(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    struct claims c = kit_join_claims("r", "alice");
    c.video.can_publish_sources = BIT(LIVEKIT__TRACK_SOURCE__MICROPHONE);
    c.video.can_publish_sources_count = 1;
    kit_single_as(&k, &(struct kit_single){.conn = 1, .claims = &c, .words = PLACES});
    add(&k, &CAM, "response:2");
    add(&k, &(struct kit_add){.cid = "x", .source = 2, .sid = "TR_nothere"}, "response:1");
    add(&k, &MIC, "published");
    add(&k, &MIC, "response:4"); /* queued */
    add(&k, &MIC, "response:4");
    add(&k, &MIC, "response:4");
    add(&k, &MIC, "response:3"); /* too many */
    static char cids[TRACKS_PENDING_MAX][8];
    for (int i = 1; i < TRACKS_PENDING_MAX; i++) {
        cids[i][0] = (char)('a' + i);
        add(&k, &(struct kit_add){.cid = cids[i], .source = 2}, "published");
    }
    add(&k, &(struct kit_add){.cid = "one more", .source = 2}, "response:3");
    static char long_name[TRACK_INFO_BYTES_MAX + 1];
    memset(long_name, 'x', TRACK_INFO_BYTES_MAX);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_add_track(&k, 2, &(struct kit_add){.cid = "x", .name = long_name});
    assert_string_equal(kit_story(&k, 2), "response:3");
    kit_close(&k);
}

static void test_a_queued_track_is_published_when_the_first_one_ends(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *first = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    add(&k, &MIC, "response:4");
    kit_send_offer(&k, 1, PLACES " a7-");
    assert_string_equal(kit_story(&k, 1), "answer published update:alice=ACTIVE");
    assert_string_not_equal(kit_published_sid(&k, 1), first);
    kit_close(&k);
}

static void mute(struct kit *k, uint64_t conn, const char *sid, bool muted) {
    Livekit__MuteTrackRequest m = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    m.sid = (char *)(uintptr_t)sid;
    m.muted = muted;
    Livekit__SignalRequest r = LIVEKIT__SIGNAL_REQUEST__INIT;
    r.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE;
    r.mute = &m;
    kit_signal(k, conn, &r);
}

/* Clients that decrypt know by the room's trailer what the server itself put in. */
static void test_media_knows_what_is_encrypted(void **state) {
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct kit k;
        kit_open(&k, NULL);
        kit_single(&k, 1, "r", "alice", PLACES);
        struct kit_add mic = MIC;
        mic.encrypted = encrypted;
        kit_add_track(&k, 1, &mic);
        kit_send_offer(&k, 1, PLACES " a7>mic");
        const struct fx_receive *receive = &kit_effect(&k, FX_RECEIVE_PUT, 0)->receive;
        assert_int_equal(receive->trailer.len, encrypted ? SIF_TRAILER_BYTES : 0);
        kit_close(&k);
    }
}

static void test_mute(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    mute(&k, 1, sid, true);
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE~");
    assert_true(kit_effect(&k, FX_RECEIVE_PUT, 0)->receive.muted);
    mute(&k, 1, sid, true);
    assert_string_equal(kit_story(&k, 2), "");
    mute(&k, 1, sid, false);
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE+");
    mute(&k, 2, sid, true); /* somebody else's */
    assert_string_equal(kit_story(&k, 2), "response:1");
    kit_close(&k);
}

static void test_leaving_unpublishes(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    uint64_t transport = kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_lost(&k, transport);
    kit_pass(&k, 60 * 1000);
    assert_int_equal(node_counts(k.n).sessions, 1);
    kit_close(&k);
}

static void test_revoked_sources_end_their_tracks(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 1, "r", "alice", PLACES);
    kit_single(&k, 2, "r", "bob", PLACES);
    kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    kit_publish(&k, 1, &CAM, PLACES " a7>mic v8>cam:qhf");
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE++");
    struct answer a = kit_call(&k, API_UPDATE_PARTICIPANT, kit_admin_claims("r"),
                               "{\"room\":\"r\",\"identity\":\"alice\",\"permission\":{"
                               "\"canSubscribe\":true,\"canPublish\":true,"
                               "\"canPublishSources\":[\"MICROPHONE\"]}}");
    assert_int_equal(a.status, 200);
    assert_string_equal(kit_story(&k, 1),
                        "update:alice=ACTIVE++ token unpublished update:alice=ACTIVE+");
    assert_int_equal(kit_count(&k, FX_RECEIVE_REMOVE), 1);
    /* Its section still sends until the client has heard of it, and stays nobody's. */
    kit_send_offer(&k, 1, PLACES " a7>mic v8>cam:qhf");
    assert_string_equal(kit_story(&k, 1), "answer");
    assert_int_equal(kit_count(&k, FX_RECEIVE_PUT), 1);
    kit_close(&k);
}

static void test_join_with_tracks_and_an_offer(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, NULL);
    kit_single(&k, 2, "r", "bob", PLACES);
    Livekit__AddTrackRequest track = LIVEKIT__ADD_TRACK_REQUEST__INIT;
    track.cid = (char[]){"mic"};
    struct kit_join j = {.conn = 1,
                         .room = "r",
                         .identity = "alice",
                         .single = true,
                         .add = &track,
                         .offer = kit_offer(&k, PLACES " a7>mic")};
    assert_int_equal(kit_join(&k, &j), STATUS_OK);
    assert_string_equal(kit_story(&k, 1), "101 join token published answer");
    kit_up(&k, kit_effect(&k, FX_TRANSPORT_OPEN, 0)->transport.id);
    assert_string_equal(kit_story(&k, 2), "update:alice=ACTIVE+"); /* not before it is up */
    kit_close(&k);
}

static void with_webhooks(struct node_config *c) {
    c->webhooks = true;
}

static void test_webhooks_say_who_where_and_what(void **state) {
    (void)state;
    struct kit k;
    kit_open(&k, with_webhooks);
    kit_single(&k, 1, "r", "alice", PLACES);
    const char *sid = kit_publish(&k, 1, &MIC, PLACES " a7>mic");
    const struct fx_note *note = kit_note(&k, NOTE_TRACK_PUBLISHED);
    assert_true(ident_equal(&note->track_sid, slice_from_cstr(sid)));
    const char *body = arena_cstr(&k.arena, note->body);
    assert_non_null(strstr(body, "\"event\":\"track_published\""));
    assert_non_null(strstr(body, "\"identity\":\"alice\""));
    assert_non_null(strstr(body, "\"source\":\"MICROPHONE\""));
    assert_null(strstr(body, "emptyTimeout")); /* of the room its names alone */
    struct ident id = note->id;
    kit_send_offer(&k, 1, PLACES " a7-");
    note = kit_note(&k, NOTE_TRACK_UNPUBLISHED);
    assert_non_null(strstr(arena_cstr(&k.arena, note->body), sid));
    assert_false(ident_equal(&id, ident_slice(&note->id)));
    kit_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_T22_a_track_from_announcement_to_end),
        cmocka_unit_test(test_T20_layers_and_rids_go_by_name),
        cmocka_unit_test(test_T24_an_unmatched_name_takes_the_oldest_of_its_kind),
        cmocka_unit_test(test_T24_placeholders_are_never_bound),
        cmocka_unit_test(test_a_section_before_its_track),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_queued_track_is_published_when_the_first_one_ends),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_media_knows_what_is_encrypted),
        cmocka_unit_test(test_leaving_unpublishes),
        cmocka_unit_test(test_revoked_sources_end_their_tracks),
        cmocka_unit_test(test_join_with_tracks_and_an_offer),
        cmocka_unit_test(test_webhooks_say_who_where_and_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
