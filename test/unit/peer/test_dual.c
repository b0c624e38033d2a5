/* Dual mode: our offers of tracks on the subscriber's connection, and what answers make of them. */
#include "peer_fixture.h"

static struct slice offer(struct fixture *f) {
    buf_clear(&f->out);
    assert_int_equal(peer_offer(f->peer, &f->out), STATUS_OK);
    return buf_slice(&f->out);
}

static void expect_take(struct fixture *f, struct slice answer) {
    enum status s = peer_take_answer(f->peer, answer);
    if (s != STATUS_OK) {
        fail_msg("%s: %s", status_name(s), peer_reason(f->peer));
    }
}

/* As clients do: everything that was offered is taken, in the same numbers. */
static void answer_all(struct fixture *f) {
    struct buf text;
    buf_init(&text, 1 << 20);
    struct slice rest = buf_slice(&f->out);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts_with(line, SLICE_LIT("a=setup:actpass"))) {
            buf_put_cstr(&text, "a=setup:active\r\n");
        } else if (slice_starts_with(line, SLICE_LIT("a=sendonly"))) {
            buf_put_cstr(&text, "a=recvonly\r\n");
        } else if (!slice_starts_with(line, SLICE_LIT("a=ice-lite")) &&
                   !slice_starts_with(line, SLICE_LIT("a=ssrc")) &&
                   !slice_starts_with(line, SLICE_LIT("a=msid:"))) {
            buf_put(&text, line);
            buf_put_u8(&text, '\n');
        }
    }
    expect_take(f, buf_slice(&text));
    buf_deinit(&text);
}

static const struct peer_section *section(struct fixture *f, size_t index) {
    return peer_section_at(f->peer, index);
}

static int setup(void **state) {
    fixture_setup(state);
    fixture_use(*state, PEER_SUBSCRIBER);
    return 0;
}

static void test_t29_streams_are_named_by_ssrc(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    fixture_send(f, 2, RTP_CODEC_VP8);
    struct slice out = offer(f);
    expect_lines(out, "a=group:BUNDLE 0 1 2\r\n");
    expect_lines(section_text(out, 0), "m=application 9 ");
    struct slice audio = section_text(out, 1), video = section_text(out, 2);
    expect_lines(audio, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    expect_lines(audio, "a=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
    expect_lines(audio, "a=rtcp-fb:111 nack\r\n");
    expect_lines(audio, "a=msid:PA_b|TR_1 TR_1\r\na=ssrc:10 cname:PA_b|TR_1\r\n"
                        "a=ssrc:10 msid:PA_b|TR_1 TR_1\r\n");
    expect_lines(video, "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
    expect_lines(video,
                 "a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n");
    expect_lines(video, "a=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n"
                        "a=rtcp-fb:96 nack pli\r\n");
    expect_lines(video, "a=ssrc-group:FID 20 21\r\na=ssrc:20 cname:PA_b|TR_2\r\n"
                        "a=ssrc:20 msid:PA_b|TR_2 TR_2\r\na=ssrc:21 cname:PA_b|TR_2\r\n");
    expect_without(out, "transport-cc");
    expect_without(out, "sdes:mid");
}

static void red_is_offered_and_taken_or_not(void **state) {
    struct fixture *f = *state;
    struct peer_send send = fixture_track(1, RTP_CODEC_OPUS);
    send.red = true;
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    struct slice audio = section_text(offer(f), 1);
    expect_lines(audio, "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n");
    expect_lines(audio, "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n");
    expect_without(audio, "nack");
    answer_all(f);
    assert_int_equal(section(f, 1)->rtp.red_payload_type, 63);
    assert_int_equal(section(f, 1)->rtp.formats[0].payload_type, 111);
}

static void test_t25_an_empty_offer_has_the_data_section(void **state) {
    struct fixture *f = *state;
    assert_int_equal(count_of(offer(f), "\r\nm="), 1);
    answer_all(f);
    assert_true(peer_remote(f->peer)->has_data);
    assert_false(peer_needs_negotiation(f->peer));
}

static void an_answer_completes_it(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    assert_true(peer_needs_negotiation(f->peer));
    (void)offer(f);
    assert_true(peer_needs_negotiation(f->peer)); /* not told before it is answered */
    assert_int_equal(peer_sections_count(f->peer), 0);
    answer_all(f);
    assert_false(peer_needs_negotiation(f->peer));
    assert_int_equal(peer_offered_count(f->peer), 0);
    const struct peer_section *s = section(f, 1);
    assert_true(peer_section_sends(s) && s->send == 1 && !s->send_refused);
    assert_int_equal(s->rtp.formats_count, 1);
    assert_int_equal(s->rtp.formats[0].payload_type, 96);
    assert_int_equal(s->rtp.formats[0].rtx_payload_type, 97);
    assert_int_equal(s->rtp.formats[0].feedback,
                     RTP_FEEDBACK_REMB | RTP_FEEDBACK_FIR | RTP_FEEDBACK_NACK | RTP_FEEDBACK_PLI);
    assert_int_equal(s->rtp.extension_ids[RTP_EXTENSION_ABS_SEND_TIME], 1);
}

#define ANSWER_DATA DATA_LINE ICE PRINT "a=setup:active\r\na=mid:0\r\na=sctp-port:5000\r\n"
#define ANSWER_VIDEO(types, direction)                                                             \
    "m=video 9 UDP/TLS/RTP/SAVPF " types "\r\n" ICE PRINT                                          \
    "a=setup:active\r\na=mid:1\r\na=" direction "\r\na=rtcp-mux\r\n"

static void the_answer_decides_numbers_and_extensions(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    expect_take(f,
                SLICE_LIT(HEAD GROUP("0 1") ANSWER_DATA ANSWER_VIDEO(
                    "120 121",
                    "recvonly") "a=rtpmap:120 VP8/90000\r\na=rtcp-fb:120 nack\r\n"
                                "a=rtpmap:121 rtx/90000\r\na=fmtp:121 apt=120\r\n"
                                "a=extmap:9 http://www.webrtc.org/experiments/rtp-hdrext/"
                                "abs-send-time\r\n"
                                "a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/"
                                "abs-capture-time\r\n"));
    const struct rtp_section *rtp = &section(f, 1)->rtp;
    assert_int_equal(rtp->formats[0].payload_type, 120);
    assert_int_equal(rtp->formats[0].rtx_payload_type, 121);
    assert_int_equal(rtp->formats[0].feedback, RTP_FEEDBACK_NACK);
    assert_int_equal(rtp->extension_ids[RTP_EXTENSION_ABS_SEND_TIME], 0); /* not as offered */
    assert_int_equal(rtp->extension_ids[RTP_EXTENSION_ABS_CAPTURE_TIME], 2);
}

static void test_t21_an_answer_without_rtx(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    expect_take(f, SLICE_LIT(HEAD GROUP("0 1") ANSWER_DATA ANSWER_VIDEO(
                       "96", "recvonly") "a=rtpmap:96 VP8/90000\r\n"));
    assert_true(peer_section_sends(section(f, 1)));
    assert_int_equal(section(f, 1)->rtp.formats[0].rtx_payload_type, 0);
}

static void what_the_client_does_not_take_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const answers[] = {
        HEAD GROUP("0") ANSWER_DATA "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n",
        HEAD GROUP("0 1") ANSWER_DATA ANSWER_VIDEO("96", "inactive") "a=rtpmap:96 VP8/90000\r\n",
        HEAD GROUP("0 1") ANSWER_DATA ANSWER_VIDEO("96", "recvonly") "a=rtpmap:96 VP9/90000\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        fixture_use(f, PEER_SUBSCRIBER);
        fixture_send(f, 1, RTP_CODEC_VP8);
        (void)offer(f);
        expect_take(f, slice_from_cstr(answers[i]));
        assert_true(section(f, 1)->send == 1 && section(f, 1)->send_refused);
        assert_false(peer_section_sends(section(f, 1)));
        assert_false(peer_needs_negotiation(f->peer));
        peer_send_remove(f->peer, 1);
        assert_false(peer_needs_negotiation(f->peer));
        fixture_send(f, 2, RTP_CODEC_VP8);
        struct slice out = offer(f);
        expect_lines(out, "a=msid:PA_b|TR_2 TR_2\r\n");
        /* a stopped section stays where it is, and is not used again */
        assert_int_equal(count_of(out, "\r\nm=video 0 "), i == 0);
        assert_int_equal(count_of(out, "\r\nm=video 9 "), 1);
    }
}

static void data_cannot_be_refused(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    assert_int_equal(
        peer_take_answer(
            f->peer, SLICE_LIT(HEAD GROUP("1") "m=application 0 UDP/DTLS/SCTP "
                                               "webrtc-datachannel\r\na=mid:0\r\n" ANSWER_VIDEO(
                                                   "96", "recvonly") "a=rtpmap:96 VP8/90000\r\n")),
        STATUS_UNIMPLEMENTED);
    assert_int_equal(peer_sections_count(f->peer), 0);
    answer_all(f); /* the offer still stands */
}

static void sections_are_reused_after_a_rest(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    answer_all(f);
    peer_send_remove(f->peer, 1);
    assert_true(peer_needs_negotiation(f->peer));
    fixture_send(f, 2, RTP_CODEC_VP9);
    struct slice out = offer(f); /* the old one ends, the new one has another section */
    expect_lines(section_text(out, 1), "a=mid:1\r\na=inactive\r\n");
    expect_without(section_text(out, 1), "a=ssrc:");
    expect_lines(section_text(out, 2), "a=mid:2\r\na=sendonly\r\n");
    answer_all(f);
    fixture_send(f, 3, RTP_CODEC_VP8);
    out = offer(f);
    assert_int_equal(count_of(out, "\r\nm="), 3);
    expect_lines(section_text(out, 1), "a=msid:PA_b|TR_3 TR_3\r\n");
    answer_all(f);
    assert_int_equal(section(f, 1)->send, 3);
    assert_int_equal(section(f, 2)->send, 2);
    fixture_send(f, 4, RTP_CODEC_OPUS); /* of another kind: a section of its own */
    assert_int_equal(count_of(offer(f), "\r\nm="), 4);
}

static void an_offer_without_answer_is_replaced(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    peer_send_remove(f->peer, 1);
    fixture_send(f, 2, RTP_CODEC_VP8);
    struct slice out = offer(f); /* the client may have seen the first one */
    expect_lines(section_text(out, 1), "a=inactive\r\n");
    expect_lines(section_text(out, 2), "a=msid:PA_b|TR_2 TR_2\r\n");
    answer_all(f);
    assert_false(peer_needs_negotiation(f->peer));
}

static void a_track_removed_before_the_answer_is_taken_back(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    peer_send_remove(f->peer, 1);
    answer_all(f);
    assert_true(peer_needs_negotiation(f->peer));
    expect_lines(offer(f), "a=inactive\r\n");
    answer_all(f);
    assert_false(peer_needs_negotiation(f->peer));
}

static void test_t11_offers_list_their_tracks(void **state) {
    struct fixture *f = *state;
    size_t at = 0, count = 0;
    struct slice mid, track;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    assert_false(peer_next_sending(f->peer, &at, &mid, &track));
    (void)offer(f);
    answer_all(f);
    fixture_send(f, 2, RTP_CODEC_OPUS);
    (void)offer(f);
    for (at = 0; peer_next_sending(f->peer, &at, &mid, &track); count++) {
        assert_true(slice_eq_cstr(mid, count == 0 ? "1" : "2"));
        assert_true(slice_eq_cstr(track, count == 0 ? "TR_1" : "TR_2"));
    }
    assert_int_equal(count, 2);
}

/* As Chromium answered: two tracks of another codec each, H265 and high profile refused. */
static void takes_the_tracks_of_an_answer_of_chromium(void **state) {
    struct fixture *f = *state;
    static const struct {
        uint32_t id;
        enum rtp_codec codec;
        uint32_t profile;
        bool taken;
    } tracks[] = {
        {1, RTP_CODEC_OPUS, 0, true},         {2, RTP_CODEC_VP8, 0, true},
        {4, RTP_CODEC_H264, 0x42e01f, true},  {5, RTP_CODEC_VP9, 0, true},
        {6, RTP_CODEC_AV1, 0, true},          {7, RTP_CODEC_H265, 0, false},
        {8, RTP_CODEC_H264, 0x640032, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(tracks); i++) {
        struct peer_send send = fixture_track(tracks[i].id, tracks[i].codec);
        send.profile = tracks[i].profile;
        send.packetization_mode = 1;
        assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    }
    (void)offer(f);
    expect_take(f, fixture_sample(f, "chromium_dual_answer"));
    for (size_t i = 0; i < ARRAY_LEN(tracks); i++) {
        assert_int_equal(section(f, i + 1)->send, tracks[i].id);
        assert_int_equal(peer_section_sends(section(f, i + 1)), tracks[i].taken);
        assert_int_equal(section(f, i + 1)->send_refused, !tracks[i].taken);
    }
}

static void fifty_tracks_in_one_offer(void **state) {
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= 50; id++) {
        fixture_send(f, id, id % 2 ? RTP_CODEC_OPUS : RTP_CODEC_VP8);
    }
    struct slice out = offer(f);
    assert_int_equal(count_of(out, "\r\nm="), 51);
    assert_int_equal(count_of(out, "a=candidate:"), 1);
    answer_all(f);
    assert_false(peer_needs_negotiation(f->peer));
    for (uint64_t id = 1; id <= 50; id++) {
        peer_send_remove(f->peer, id);
    }
    assert_int_equal(count_of(offer(f), "a=inactive\r\n"), 50);
    answer_all(f);
    for (uint64_t id = 51; id <= 100; id++) {
        fixture_send(f, id, id % 2 ? RTP_CODEC_OPUS : RTP_CODEC_VP8);
    }
    assert_int_equal(count_of(offer(f), "\r\nm="), 51); /* all reused */
}

/* All places full and changing at once: it takes one exchange more, and nobody is left out. */
static void a_full_connection_still_changes(void **state) {
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= PEER_SENDS_MAX; id++) {
        fixture_send(f, id, RTP_CODEC_OPUS);
    }
    struct peer_send send = fixture_track(1000, RTP_CODEC_OPUS);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_EXHAUSTED);
    (void)offer(f);
    answer_all(f);
    peer_send_remove(f->peer, 5);
    send = fixture_track(1001, RTP_CODEC_VP8);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_EXHAUSTED); /* all are for audio */
    send = fixture_track(1000, RTP_CODEC_OPUS);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    expect_without(offer(f), "TR_1000");
    answer_all(f);
    assert_true(peer_needs_negotiation(f->peer));
    expect_lines(offer(f), "a=msid:PA_b|TR_1000 TR_1000\r\n");
    answer_all(f);
    assert_false(peer_needs_negotiation(f->peer));
    assert_int_equal(peer_sections_count(f->peer), SDP_SECTIONS_MAX);
}

static void a_full_buffer_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct buf small;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)offer(f);
    answer_all(f);
    fixture_send(f, 2, RTP_CODEC_VP8);
    buf_init(&small, 900);
    assert_int_equal(peer_offer(f->peer, &small), STATUS_TOO_LARGE);
    assert_int_equal(small.len, 0);
    buf_deinit(&small);
    assert_int_equal(peer_offered_count(f->peer), 0);
    assert_int_equal(peer_sections_count(f->peer), 2);
    expect_lines(offer(f), "o=- 7013485 2 IN");
}

#define DUAL(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        DUAL(test_t29_streams_are_named_by_ssrc),
        DUAL(red_is_offered_and_taken_or_not),
        DUAL(test_t25_an_empty_offer_has_the_data_section),
        DUAL(an_answer_completes_it),
        DUAL(the_answer_decides_numbers_and_extensions),
        DUAL(test_t21_an_answer_without_rtx),
        DUAL(what_the_client_does_not_take_is_refused),
        DUAL(data_cannot_be_refused),
        DUAL(sections_are_reused_after_a_rest),
        DUAL(an_offer_without_answer_is_replaced),
        DUAL(a_track_removed_before_the_answer_is_taken_back),
        DUAL(test_t11_offers_list_their_tracks),
        DUAL(takes_the_tracks_of_an_answer_of_chromium),
        DUAL(fifty_tracks_in_one_offer),
        DUAL(a_full_connection_still_changes),
        DUAL(a_full_buffer_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
