/* What a client publishes: sections bound to tracks, and the answers that let it send. */
#include "peer_fixture.h"

static const struct peer_section *section(struct fixture *f, size_t index) {
    return peer_section_at(f->peer, index);
}

static void a_microphone_is_answered(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("0 1") MIC("0", "sendonly") "a=msid:s cid-1\r\n" DATA("1")));
    struct slice text = section_text(out, 0);
    expect_lines(text, "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\n"); /* ours, without RED */
    expect_lines(text, "a=recvonly\r\n");
    expect_lines(text, "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n");
    expect_lines(text, X_LEVEL);
    expect_lines(text, X_MID);
    expect_without(text, "a=rtcp-fb:"); /* opus was offered without nack */
    expect_without(text, "transport-wide-cc");
    expect_without(text, "a=msid:");
    expect_without(text, "a=ssrc:");
    const struct peer_section *s = section(f, 0);
    assert_true(s->remote_sends && peer_section_receives(s) && !peer_section_sends(s));
    assert_int_equal(s->receive, 100);
    assert_true(slice_eq_cstr(s->msid_track, "cid-1"));
    assert_int_equal(s->rtp.formats_count, 3);
    assert_int_equal(s->rtp.formats[0].codec, RTP_CODEC_OPUS);
    assert_int_equal(s->rtp.formats[0].feedback, 0);
    assert_int_equal(s->rtp.extension_ids[RTP_EXTENSION_AUDIO_LEVEL], 1);
    assert_int_equal(s->rtp.extension_ids[RTP_EXTENSION_TRANSPORT_CC], 0);
}

/* Where it may not be, a client that prefers RED is answered without it, and so sends opus. */
static void red_is_nowhere(void **state) {
    struct fixture *f = *state;
    fixture_take(f, SLICE_LIT(HEAD GROUP("0 1") MEDIA_LINE("audio", "63 111") PLACE(
                        "0", "sendonly") "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
                                         "a=rtpmap:111 opus/48000/2\r\n" MEDIA_LINE("audio", "63")
                                             PLACE("1", "sendonly") "a=rtpmap:63 red/48000/2\r\n"));
    assert_int_equal(peer_offered_at(f->peer, 0)->rtp.formats[0].codec, RTP_CODEC_OPUS);
    assert_int_equal(peer_offered_at(f->peer, 1)->rtp.formats_count, 0);
    peer_receive(f->peer, 0, &(struct peer_receive){.track = 1});
    struct slice out = fixture_write(f);
    expect_lines(section_text(out, 0), "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    expect_without(section_text(out, 0), "red");
    expect_lines(section_text(out, 1), "a=inactive\r\n");
}

/* A track that may come in RED: it stands first, around the opus of the section alone. */
static void red_is_answered_where_it_may_be(void **state) {
    struct fixture *f = *state;
    for (int round = 0; round < 2; round++) {
        fixture_take(f, SLICE_LIT(HEAD GROUP("0 1")
                                      MIC("0", "sendonly") "a=rtcp-fb:111 nack\r\n" DATA("1")));
        if (round == 0) {
            assert_int_equal(peer_offered_at(f->peer, 0)->rtp.red_payload_type, 63);
            peer_receive(f->peer, 0, &(struct peer_receive){.track = 1, .red = true});
        }
        struct slice text = section_text(fixture_write(f), 0);
        expect_lines(text, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111 0 8\r\n");
        expect_lines(text, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n");
        expect_without(text, "nack"); /* what repeats itself is not asked for again */
        assert_int_equal(section(f, 0)->rtp.red_payload_type, 63);
        assert_int_equal(section(f, 0)->rtp.formats[0].codec, RTP_CODEC_OPUS);
    }
    /* Of something else, of nothing, of itself. */
    static const char *const fmtps[] = {"0/0", "", "63/63", "x", "300/300"};
    for (size_t i = 0; i < ARRAY_LEN(fmtps); i++) {
        struct buf sdp;
        buf_init(&sdp, 1 << 16);
        buf_put(&sdp, SLICE_LIT(HEAD GROUP("0 1") MEDIA_LINE("audio", "63 111")
                                    PLACE("0", "sendonly") "a=rtpmap:63 red/48000/2\r\n"));
        buf_printf(&sdp, "a=fmtp:63 %s\r\na=rtpmap:111 opus/48000/2\r\n", fmtps[i]);
        buf_put(&sdp, SLICE_LIT(DATA("1")));
        fixture_take(f, buf_slice(&sdp));
        assert_int_equal(peer_offered_at(f->peer, 0)->rtp.red_payload_type, 0);
        peer_drop_offer(f->peer);
        buf_deinit(&sdp);
    }
}

/* As after a fall back from single mode: its placeholders stay, and stay unused. */
static void test_t19_placeholders_of_rtc_node_begin_anywhere(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_PUBLISHER);
    struct slice out = fixture_exchange(f, fixture_sample(f, "rtc_node_publisher_placeholders"));
    expect_lines(out, "a=group:BUNDLE 7 8 9 10 11 12 13\r\n");
    assert_int_equal(count_of(out, "a=inactive\r\n"), 6);
}

static void nack_of_opus_is_answered_when_offered(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly") "a=rtcp-fb:111 nack\r\n"));
    expect_lines(out, "a=rtcp-fb:111 nack\r\n");
    expect_without(out, "a=rtcp-fb:111 transport-cc");
    assert_int_equal(section(f, 0)->rtp.formats[0].feedback, RTP_FEEDBACK_NACK);
}

static void opus_is_asked_for_as_the_track_wants_it(void **state) {
    struct fixture *f = *state;
    static const struct {
        struct peer_receive how;
        const char *fmtp;
    } cases[] = {
        {{.track = 1}, "a=fmtp:111 minptime=10;useinbandfec=1\r\n"},
        {{.track = 1, .dtx = true}, "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n"},
        {{.track = 1, .stereo = true},
         "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=510000\r\n"},
        {{.track = 1, .stereo = true, .dtx = true},
         "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;stereo=1;maxaveragebitrate=510000\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fixture_use(f, PEER_PUBLISHER);
        fixture_take(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly")));
        peer_receive(f->peer, 0, &cases[i].how);
        expect_lines(fixture_write(f), cases[i].fmtp);
        /* and again in each later answer */
        fixture_take(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly")));
        expect_lines(fixture_write(f), cases[i].fmtp);
    }
}

static void test_t23_stereo_of_an_offer_says_nothing(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly")));
    expect_without(out, "stereo");
}

#define SIMULCAST CAM("v", "sendonly") "a=msid:- cam\r\n" LAYERS("q", "h", "f")

static void a_camera_is_answered(void **state) {
    struct fixture *f = *state;
    struct slice text = section_text(fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST)), 0);
    expect_lines(text, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99\r\n");
    expect_lines(text, "a=recvonly\r\n");
    expect_lines(text, X_AST X_TCC X_MID X_RID X_RRID X_DD X_ACT);
    expect_lines(text, "a=rtpmap:96 VP8/90000\r\n" FEEDBACK(
                           "96") "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    expect_lines(text, "a=rtcp-fb:102 nack\r\n");
    expect_without(text, "a=rtcp-fb:102 nack pli"); /* was not offered */
    expect_without(text, "a=rtcp-fb:98 ");
    expect_lines(text, "profile-level-id=42001f\r\n");
    expect_lines(text,
                 "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n");
    const struct rtp_section *rtp = &section(f, 0)->rtp;
    assert_true(rtp->video);
    assert_int_equal(rtp->formats_count, 3);
    assert_int_equal(rtp->formats[1].codec, RTP_CODEC_H264);
    assert_int_equal(rtp->formats[1].rtx_payload_type, 103);
    assert_int_equal(rtp->extension_ids[RTP_EXTENSION_REPAIRED_RID], 11);
    assert_int_equal(rtp->rids_count, 3);
}

/* The table of the reference: in dual mode without REMB and what it reads. */
/* Browsers send the first codec of the answer, whatever their page asked for. */
static void the_codec_asked_for_is_answered_first(void **state) {
    struct fixture *f = *state;
    const struct slice offer = SLICE_LIT(HEAD GROUP("0") CAM("0", "sendonly"));
    fixture_take(f, offer);
    peer_receive(
        f->peer, 0,
        &(struct peer_receive){.track = 1, .has_preferred = true, .preferred = RTP_CODEC_VP9});
    assert_int_equal(peer_offered_at(f->peer, 0)->rtp.formats[0].codec, RTP_CODEC_VP9);
    expect_lines(fixture_write(f), "m=video 9 UDP/TLS/RTP/SAVPF 98 99 96 97 102 103\r\n");
    assert_int_equal(section(f, 0)->rtp.formats[0].payload_type, 98);
    assert_int_equal(section(f, 0)->rtp.formats[0].rtx_payload_type, 99);
    struct slice again = fixture_exchange(f, offer); /* sticks to the mid */
    expect_lines(again, "m=video 9 UDP/TLS/RTP/SAVPF 98 99 96 97 102 103\r\n");
}

static void a_codec_asked_for_and_not_offered_changes_nothing(void **state) {
    struct fixture *f = *state;
    fixture_take(f, SLICE_LIT(HEAD GROUP("0") CAM("0", "sendonly")));
    peer_receive(
        f->peer, 0,
        &(struct peer_receive){.track = 1, .has_preferred = true, .preferred = RTP_CODEC_AV1});
    expect_lines(fixture_write(f), "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99\r\n");
}

static void a_publisher_connection_uses_transport_cc_alone(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_PUBLISHER);
    struct slice out = fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST));
    expect_without(out, "goog-remb");
    expect_without(out, "abs-send-time");
    expect_lines(out, "a=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n"
                      "a=rtcp-fb:96 nack pli\r\n");
    assert_int_equal(section(f, 0)->rtp.extension_ids[RTP_EXTENSION_ABS_SEND_TIME], 0);
    assert_int_equal(section(f, 0)->rtp.extension_ids[RTP_EXTENSION_TRANSPORT_CC], 3);
}

static void test_t20_rids_keep_the_order_of_the_offer(void **state) {
    struct fixture *f = *state;
    struct slice out =
        fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") CAM("v", "sendonly") LAYERS("f", "h", "q")));
    expect_lines(out, "a=rid:f recv\r\na=rid:h recv\r\na=rid:q recv\r\na=simulcast:recv f;h;q\r\n");
    assert_memory_equal(section(f, 0)->rtp.rids[0].text, "f", 1);
}

static void paused_layers_are_answered_without_their_mark(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("v") CAM("v", "sendonly") "a=rid:q send\r\na=rid:h send\r\n"
                                                          "a=simulcast:send q;~h\r\n"));
    expect_lines(out, "a=simulcast:recv q;h\r\n");
}

static void a_layer_counts_once(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("v") CAM("v", "sendonly") "a=simulcast:send q;q;h;;x!y;~q,z\r\n"));
    expect_lines(out, "a=simulcast:recv q;h\r\n");
}

/* Without them in any one answer, Chromium has one layer for ever. */
static void layers_are_answered_before_anything_is_bound(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST)), STATUS_OK);
    expect_lines(buf_slice(&f->out), "a=inactive\r\n");
    expect_lines(buf_slice(&f->out), "a=simulcast:recv q;h;f\r\n");
    expect_lines(buf_slice(&f->out), X_RID);
    expect_lines(fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST)), "a=recvonly\r\n");
}

static void test_t21_a_camera_without_rtx(void **state) {
    struct fixture *f = *state;
    struct slice sample = fixture_sample(f, "rtc_node_publisher");
    struct slice text = section_text(fixture_exchange(f, sample), 1);
    expect_lines(text, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n");
    expect_without(text, "rtx");
    expect_lines(text, "a=simulcast:recv f;h;q\r\n");
    assert_int_equal(section(f, 1)->rtp.formats[0].rtx_payload_type, 0);
}

static void test_t22_recvonly_with_msid_is_unpublished(void **state) {
    struct fixture *f = *state;
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST));
    assert_int_equal(section(f, 0)->receive, 100);
    static const char *const gone[] = {
        HEAD GROUP("v") CAM("v", "recvonly") "a=msid:- cam\r\na=ssrc:5 cname:x\r\n",
        HEAD GROUP("v") CAM("v", "inactive") "a=msid:- cam\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST));
        expect_lines(fixture_exchange(f, slice_from_cstr(gone[i])), "a=inactive\r\n");
        assert_false(section(f, 0)->remote_sends);
        assert_int_equal(section(f, 0)->receive, 0);
    }
    /* and what comes back is not bound any more */
    fixture_take(f, SLICE_LIT(HEAD GROUP("v") SIMULCAST));
    assert_int_equal(peer_offered_at(f->peer, 0)->receive, 0);
}

static void test_t24_placeholders_never_send(void **state) {
    struct fixture *f = *state;
    fixture_take(f, fixture_sample(f, "chromium_single_join"));
    for (size_t i = 0; i < peer_offered_count(f->peer); i++) {
        assert_false(peer_offered_at(f->peer, i)->remote_sends);
    }
}

static void a_binding_sticks_to_its_mid(void **state) {
    struct fixture *f = *state;
    (void)fixture_exchange(f,
                           SLICE_LIT(HEAD GROUP("a b") MIC("a", "sendonly") MIC("b", "recvonly")));
    fixture_take(f, SLICE_LIT(HEAD GROUP("a b") MIC("a", "sendrecv") MIC("b", "sendonly")));
    assert_int_equal(peer_offered_at(f->peer, 0)->receive, 100);
    assert_int_equal(peer_offered_at(f->peer, 1)->receive, 0);
    peer_receive(f->peer, 0, &(struct peer_receive){.track = 7});
    (void)fixture_write(f);
    assert_int_equal(section(f, 0)->receive, 7);
    assert_true(peer_section_receives(section(f, 0)));
    assert_false(peer_section_receives(section(f, 1)));
    /* A stopped section's place gets a new mid: nothing of the old one is kept. */
    (void)fixture_exchange(f,
                           SLICE_LIT(HEAD GROUP("b") STOPPED("audio", "a") MIC("b", "sendonly")));
    fixture_take(f, SLICE_LIT(HEAD GROUP("c b") MIC("c", "sendonly") MIC("b", "sendonly")));
    assert_int_equal(peer_offered_at(f->peer, 0)->receive, 0);
    assert_int_equal(peer_offered_at(f->peer, 1)->receive, 101);
}

static void an_ice_restart_keeps_all(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    struct slice sample = fixture_sample(f, "chromium_single_publish");
    struct slice out = fixture_exchange(f, sample);
    assert_int_equal(count_of(out, "\r\na=recvonly\r\n"), 2);
    for (char *at = f->sample; (at = strstr(at, "a=ice-ufrag:MK1X")) != NULL; at++) {
        memcpy(at, "a=ice-ufrag:NEW1", 16);
    }
    assert_int_equal(
        peer_set_local_credentials(f->peer, SLICE_LIT(FRESH_UFRAG), SLICE_LIT(FRESH_PWD)),
        STATUS_OK);
    fixture_take(f, sample);
    assert_true(f->restarted);
    assert_true(slice_eq_cstr(peer_local_ufrag(f->peer), OUR_UFRAG)); /* not before the answer */
    out = fixture_write(f);
    assert_int_equal(count_of(out, "\r\na=recvonly\r\n"), 2);
    expect_lines(out, "a=msid:PA_b|TR_1 TR_1\r\n");
    assert_int_equal(section(f, 7)->receive, 107);
    assert_int_equal(count_of(out, "a=ice-ufrag:" FRESH_UFRAG), 9);
    assert_int_equal(count_of(out, "a=ice-ufrag:" OUR_UFRAG), 0);
}

static void an_offer_may_be_dropped_or_replaced(void **state) {
    struct fixture *f = *state;
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "recvonly")));
    fixture_take(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly")));
    peer_drop_offer(f->peer);
    assert_int_equal(peer_offered_count(f->peer), 0);
    assert_int_equal(peer_write_answer(f->peer, &f->out), STATUS_PRECONDITION);
    assert_false(section(f, 0)->remote_sends);
    fixture_take(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "sendonly")));
    fixture_take(f, SLICE_LIT(HEAD GROUP("0") MIC("0", "inactive")));
    assert_int_equal(peer_take_offer(f->peer, SLICE_LIT("no"), &f->restarted), STATUS_MALFORMED);
    assert_int_equal(peer_offered_count(f->peer), 1); /* a refused one drops nothing */
    expect_lines(fixture_write(f), "a=inactive\r\n");
}

static void a_full_buffer_leaves_the_offer_held(void **state) {
    struct fixture *f = *state;
    struct buf small;
    fixture_send(f, 1, RTP_CODEC_VP8);
    fixture_take(f, SLICE_LIT(HEAD GROUP("0 1") MIC("0", "sendonly") CAM("1", "recvonly")));
    peer_receive(f->peer, 0, &(struct peer_receive){.track = 5});
    for (size_t bytes = 100; bytes <= 1600; bytes += 300) {
        buf_init(&small, bytes);
        assert_int_equal(peer_write_answer(f->peer, &small), STATUS_TOO_LARGE);
        assert_int_equal(small.len, 0);
        buf_deinit(&small);
        assert_int_equal(peer_sections_count(f->peer), 0);
        assert_true(peer_needs_negotiation(f->peer));
    }
    struct slice out = fixture_write(f);
    expect_lines(out, "a=recvonly\r\n");
    expect_lines(out, "a=sendonly\r\n");
    expect_lines(out, "o=- 7013485 1 IN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_microphone_is_answered),
        TEST(red_is_nowhere),
        TEST(red_is_answered_where_it_may_be),
        TEST(test_t19_placeholders_of_rtc_node_begin_anywhere),
        TEST(nack_of_opus_is_answered_when_offered),
        TEST(opus_is_asked_for_as_the_track_wants_it),
        TEST(test_t23_stereo_of_an_offer_says_nothing),
        TEST(a_camera_is_answered),
        TEST(the_codec_asked_for_is_answered_first),
        TEST(a_codec_asked_for_and_not_offered_changes_nothing),
        TEST(a_publisher_connection_uses_transport_cc_alone),
        TEST(test_t20_rids_keep_the_order_of_the_offer),
        TEST(paused_layers_are_answered_without_their_mark),
        TEST(a_layer_counts_once),
        TEST(layers_are_answered_before_anything_is_bound),
        TEST(test_t21_a_camera_without_rtx),
        TEST(test_t22_recvonly_with_msid_is_unpublished),
        TEST(test_t24_placeholders_never_send),
        TEST(a_binding_sticks_to_its_mid),
        TEST(an_ice_restart_keeps_all),
        TEST(an_offer_may_be_dropped_or_replaced),
        TEST(a_full_buffer_leaves_the_offer_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
