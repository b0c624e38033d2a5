/* Single mode: tracks that we send take sections that the client offers to receive in. */
#include "peer_fixture.h"

static const struct peer_section *section(struct fixture *f, size_t index) {
    return peer_section_at(f->peer, index);
}

static void expect_missing(struct fixture *f, uint32_t audios, uint32_t videos) {
    uint32_t a = 99, v = 99;
    peer_sections_missing(f->peer, &a, &v);
    assert_int_equal(a, audios);
    assert_int_equal(v, videos);
}

#define TWO HEAD GROUP("0 1 2") MIC("0", "recvonly") CAM("1", "recvonly") DATA("2")
#define FOUR                                                                                       \
    HEAD GROUP("0 1 2 3 4") MIC("0", "recvonly") CAM("1", "recvonly") DATA("2")                    \
        MIC("3", "recvonly") CAM("4", "recvonly")

static void sends_take_sections_of_their_kind(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    fixture_send(f, 2, RTP_CODEC_OPUS);
    struct slice out = fixture_exchange(f, SLICE_LIT(TWO));
    struct slice audio = section_text(out, 0), video = section_text(out, 1);
    expect_lines(audio, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    expect_lines(audio, "a=sendonly\r\n");
    expect_lines(audio, "a=fmtp:111 minptime=10;useinbandfec=1\r\n");
    expect_lines(audio, "a=msid:PA_b|TR_2 TR_2\r\na=ssrc:20 cname:PA_b|TR_2\r\n"
                        "a=ssrc:20 msid:PA_b|TR_2 TR_2\r\n");
    expect_lines(video, "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
    expect_lines(video, "a=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 ccm fir\r\na=rtcp-fb:96 nack\r\n"
                        "a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
    expect_without(video, "a=rtcp-fb:96 transport-cc"); /* we write no sequence of it */
    expect_lines(video, "a=ssrc-group:FID 10 11\r\n");
    expect_lines(video, "a=ssrc:11 cname:PA_b|TR_1\r\n");
    assert_int_equal(section(f, 1)->send, 1);
    assert_true(peer_section_sends(section(f, 1)));
    assert_int_equal(section(f, 1)->rtp.formats_count, 1);
    assert_int_equal(section(f, 1)->rtp.formats[0].payload_type, 96);
    assert_int_equal(section(f, 1)->rtp.formats[0].rtx_payload_type, 97);
    assert_false(peer_needs_negotiation(f->peer));
}

static void red_goes_on_to_those_who_take_it(void **state) {
    struct fixture *f = *state;
    for (int takes = 0; takes < 2; takes++) {
        fixture_use(f, PEER_SINGLE);
        struct peer_send send = fixture_track(1, RTP_CODEC_OPUS);
        send.red = true;
        assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
        struct slice out = fixture_exchange(
            f, takes ? SLICE_LIT(TWO)
                     : SLICE_LIT(HEAD GROUP("0 1") MEDIA_LINE("audio", "111") PLACE(
                           "0", "recvonly") "a=rtpmap:111 opus/48000/2\r\n" DATA("1")));
        expect_lines(section_text(out, 0), takes ? "m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n"
                                                 : "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
        assert_int_equal(section(f, 0)->rtp.red_payload_type, takes ? 63 : 0);
        assert_int_equal(section(f, 0)->rtp.formats[0].payload_type, 111);
    }
}

static void stereo_is_told(void **state) {
    struct fixture *f = *state;
    struct peer_send send = fixture_track(1, RTP_CODEC_OPUS);
    send.stereo = true;
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    expect_lines(fixture_exchange(f, SLICE_LIT(TWO)),
                 "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1\r\n");
}

/* T46: ids of the client, and of what we write only; the answer may list more. */
static void test_t46_extensions_have_the_ids_of_the_receiver(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    (void)fixture_exchange(f, SLICE_LIT(TWO));
    const uint8_t *ids = section(f, 1)->rtp.extension_ids;
    static const uint8_t expected[RTP_EXTENSION_KINDS] = {
        [RTP_EXTENSION_MID] = 4,
        [RTP_EXTENSION_ABS_SEND_TIME] = 2,
        [RTP_EXTENSION_ABS_CAPTURE_TIME] = 13,
    };
    assert_memory_equal(ids, expected, sizeof(expected));
    /* Layers of one stream need their descriptor, layers of many would break it. */
    fixture_use(f, PEER_SINGLE);
    fixture_send(f, 1, RTP_CODEC_VP9);
    (void)fixture_exchange(f, SLICE_LIT(TWO));
    assert_int_equal(section(f, 1)->rtp.extension_ids[RTP_EXTENSION_DEPENDENCY_DESCRIPTOR], 12);
    assert_int_equal(section(f, 1)->rtp.formats[0].payload_type, 98);
}

static void extensions_of_one_direction_are_turned_around(void **state) {
    struct fixture *f = *state;
#define ONE_WAY(direction)                                                                         \
    MEDIA_LINE("video", "96")                                                                      \
    PLACE("0", direction)                                                                          \
    VP8 "a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                              \
        "a=extmap:5/recvonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"                              \
        "a=extmap:6/inactive urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
    fixture_send(f, 1, RTP_CODEC_VP8);
    struct slice out = fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") ONE_WAY("recvonly")));
    expect_lines(out, "a=extmap:4/recvonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                      "a=extmap:5/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n");
    expect_without(out, "rtp-stream-id");
    assert_int_equal(section(f, 0)->rtp.extension_ids[RTP_EXTENSION_MID], 5);
    fixture_use(f, PEER_SINGLE);
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") ONE_WAY("sendonly")));
    assert_int_equal(section(f, 0)->rtp.extension_ids[RTP_EXTENSION_MID], 4);
}

static void test_t9_placeholders_leave_nothing_missing(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    fixture_send(f, 2, RTP_CODEC_VP8);
    fixture_send(f, 3, RTP_CODEC_VP8);
    assert_true(peer_needs_negotiation(f->peer));
    expect_missing(f, 1, 2); /* before the first offer */
    (void)fixture_exchange(f, fixture_sample(f, "chromium_single_join"));
    assert_false(peer_needs_negotiation(f->peer));
    expect_missing(f, 0, 0);
    for (uint64_t id = 4; id < 8; id++) {
        fixture_send(f, id, RTP_CODEC_VP8);
    }
    assert_true(peer_needs_negotiation(f->peer));
    expect_missing(f, 0, 3); /* one placeholder is left */
}

static void what_is_missing_is_added_by_the_next_offer(void **state) {
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= 2; id++) {
        fixture_send(f, id, RTP_CODEC_OPUS);
        fixture_send(f, id + 10, RTP_CODEC_VP8);
    }
    (void)fixture_exchange(f, SLICE_LIT(TWO));
    assert_true(peer_needs_negotiation(f->peer));
    expect_missing(f, 1, 1);
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    assert_false(peer_needs_negotiation(f->peer));
    assert_int_equal(section(f, 0)->send, 1); /* sends stay where they are */
    assert_int_equal(section(f, 1)->send, 11);
    assert_int_equal(section(f, 3)->send, 2);
    assert_int_equal(section(f, 4)->send, 12);
}

static void a_section_rests_for_one_exchange(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    (void)fixture_exchange(f, SLICE_LIT(TWO));
    peer_send_remove(f->peer, 1);
    assert_true(peer_needs_negotiation(f->peer));
    fixture_send(f, 2, RTP_CODEC_OPUS);
    expect_missing(f, 1, 0); /* it cannot have that section yet */
    struct slice text = section_text(fixture_exchange(f, SLICE_LIT(TWO)), 0);
    expect_lines(text, "a=inactive\r\n");
    expect_without(text, "msid");
    expect_without(text, "a=ssrc:");
    assert_int_equal(section(f, 0)->send, 0);
    assert_true(peer_needs_negotiation(f->peer));
    expect_missing(f, 0, 0);
    text = section_text(fixture_exchange(f, SLICE_LIT(TWO)), 0);
    expect_lines(text, "a=msid:PA_b|TR_2 TR_2\r\n");
    expect_lines(text, "a=ssrc:20 cname:PA_b|TR_2\r\n");
    assert_false(peer_needs_negotiation(f->peer));
}

static void another_section_needs_no_rest(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    peer_send_remove(f->peer, 1);
    fixture_send(f, 2, RTP_CODEC_OPUS);
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    assert_int_equal(section(f, 0)->send, 0);
    assert_int_equal(section(f, 3)->send, 2);
    assert_false(peer_needs_negotiation(f->peer));
}

static void what_was_never_told_needs_no_end(void **state) {
    struct fixture *f = *state;
    (void)fixture_exchange(f, SLICE_LIT(TWO));
    fixture_send(f, 1, RTP_CODEC_OPUS);
    peer_send_remove(f->peer, 1);
    peer_send_remove(f->peer, 77);
    assert_false(peer_needs_negotiation(f->peer));
}

static void a_track_removed_while_the_offer_is_held_is_not_sent(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    fixture_take(f, SLICE_LIT(TWO));
    peer_send_remove(f->peer, 1);
    fixture_send(f, 2, RTP_CODEC_OPUS);
    struct slice out = fixture_write(f);
    expect_without(out, "TR_1");
    expect_lines(out, "a=msid:PA_b|TR_2 TR_2\r\n");
}

static void test_t11_every_sending_mid_is_listed(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    fixture_send(f, 2, RTP_CODEC_VP8);
    fixture_send(f, 3, RTP_CODEC_H265); /* refused: not sent */
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    size_t at = 0;
    struct slice mid, track;
    assert_true(peer_next_sending(f->peer, &at, &mid, &track));
    assert_true(slice_eq_cstr(mid, "0") && slice_eq_cstr(track, "TR_1"));
    assert_true(peer_next_sending(f->peer, &at, &mid, &track));
    assert_true(slice_eq_cstr(mid, "1") && slice_eq_cstr(track, "TR_2"));
    assert_false(peer_next_sending(f->peer, &at, &mid, &track));
}

static void test_t21_retransmission_needs_both_sides(void **state) {
    struct fixture *f = *state;
    struct peer_send send = fixture_track(1, RTP_CODEC_VP8);
    send.rtx_ssrc = 0;
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    struct slice video = section_text(fixture_exchange(f, SLICE_LIT(TWO)), 1);
    expect_without(video, "rtx");
    expect_without(video, "FID");
    assert_int_equal(section(f, 1)->rtp.formats[0].rtx_payload_type, 0);
    fixture_use(f, PEER_SINGLE);
    fixture_send(f, 1, RTP_CODEC_VP8);
    video = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("0") MEDIA_LINE("video", "96") PLACE("0", "recvonly") VP8));
    expect_without(video, "FID");
    expect_without(video, "a=ssrc:11");
    assert_int_equal(section(f, 0)->rtp.formats[0].rtx_payload_type, 0);
}

static void a_codec_that_the_client_lacks_is_refused(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_H265);
    fixture_send(f, 2, RTP_CODEC_VP8);
    struct slice out = fixture_exchange(f, SLICE_LIT(FOUR));
    expect_without(out, "TR_1 ");
    assert_int_equal(section(f, 1)->send, 1);
    assert_true(section(f, 1)->send_refused);
    assert_false(peer_section_sends(section(f, 1)));
    assert_int_equal(section(f, 4)->send, 2);
    /* It is told: nothing more would come of asking again. */
    assert_false(peer_needs_negotiation(f->peer));
    expect_missing(f, 0, 0);
    peer_send_remove(f->peer, 1);
    assert_false(peer_needs_negotiation(f->peer));
    fixture_send(f, 3, RTP_CODEC_VP8);
    expect_missing(f, 0, 0); /* the section never sent, so it need not rest */
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    assert_int_equal(section(f, 1)->send, 3);
    assert_false(section(f, 1)->send_refused);
}

static void sections_that_take_the_codec_come_first(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP9);
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("0 1") MEDIA_LINE("video", "96")
                                            PLACE("0", "recvonly") VP8 CAM("1", "recvonly")));
    assert_int_equal(section(f, 0)->send, 0);
    assert_int_equal(section(f, 1)->send, 1);
}

static void a_client_may_take_its_section_away(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    (void)fixture_exchange(f, SLICE_LIT(FOUR));
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("0 1 2 3 4") MIC("0", "inactive")
                                            CAM("1", "recvonly") DATA("2") MIC("3", "recvonly")
                                                CAM("4", "recvonly")));
    assert_true(section(f, 0)->send == 1 && section(f, 0)->send_refused);
    /* A stopped one is gone for good: the track moves. */
    (void)fixture_exchange(f, SLICE_LIT(HEAD GROUP("1 2 3 4") STOPPED("audio", "0")
                                            CAM("1", "recvonly") DATA("2") MIC("3", "recvonly")
                                                CAM("4", "recvonly")));
    assert_int_equal(section(f, 0)->send, 0);
    assert_int_equal(section(f, 3)->send, 1);
    assert_true(peer_section_sends(section(f, 3)));
}

static void a_section_of_both_directions_is_shared(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    struct slice out = fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") CAM("0", "sendrecv")));
    expect_lines(out, "a=sendrecv\r\n");
    expect_lines(out, "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 98 99\r\n");
    expect_lines(out, "a=ssrc-group:FID 10 11\r\n");
    assert_true(section(f, 0)->receive == 100 && section(f, 0)->send == 1);
    assert_int_equal(section(f, 0)->rtp.formats[0].codec, RTP_CODEC_VP8);
    assert_int_equal(section(f, 0)->rtp.formats_count, 3);
    /* One list of codecs for both: what the client does not send first is not sent there. */
    fixture_use(f, PEER_SINGLE);
    fixture_send(f, 2, RTP_CODEC_VP9);
    expect_lines(fixture_exchange(f, SLICE_LIT(HEAD GROUP("0") CAM("0", "sendrecv"))),
                 "a=recvonly\r\n");
    expect_missing(f, 0, 1);
    fixture_use(f, PEER_SINGLE);
    fixture_send(f, 2, RTP_CODEC_VP8);
    (void)fixture_exchange(f,
                           SLICE_LIT(HEAD GROUP("0 1") CAM("0", "sendrecv") CAM("1", "recvonly")));
    assert_int_equal(section(f, 1)->send, 2); /* such sections come last */
}

static void test_t17_an_offer_without_change_is_answered(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    struct slice first = section_text(fixture_exchange(f, SLICE_LIT(TWO)), 0);
    char kept[2048];
    assert_true(first.len < sizeof(kept));
    memcpy(kept, first.data, first.len);
    size_t len = first.len;
    struct slice again = section_text(fixture_exchange(f, SLICE_LIT(TWO)), 0);
    assert_true(slice_eq(again, slice_of(kept, len)));
    expect_lines(buf_slice(&f->out), "o=- 7013485 2 IN");
}

static void test_t18_sections_equal_those_of_the_offer(void **state) {
    struct fixture *f = *state;
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("x y z") MEDIA_LINE("video", "100 101")
                         PLACE("x", "recvonly") "a=rtpmap:100 theora/90000\r\na=rtpmap:101 "
                                                "dirac/90000\r\n" MEDIA_LINE("audio", "9")
                                                    PLACE("y", "sendonly") DATA("z")));
    expect_lines(section_text(out, 0), "m=video 9 UDP/TLS/RTP/SAVPF 100\r\n");
    expect_lines(section_text(out, 0), "a=rtpmap:100 theora/90000\r\n");
    expect_lines(section_text(out, 0), "a=inactive\r\n");
    expect_lines(section_text(out, 1), "m=audio 9 UDP/TLS/RTP/SAVPF 9\r\n");
    expect_lines(section_text(out, 1), "a=inactive\r\n"); /* bound, but nothing that we know */
    assert_int_equal(count_of(out, "\r\nm="), 3);
}

static void test_t19_mids_are_only_names(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    struct slice out = fixture_exchange(
        f, SLICE_LIT(HEAD GROUP("audio-{x} 13") DATA("13") MIC("audio-{x}", "recvonly")));
    expect_lines(out, "a=group:BUNDLE 13 audio-{x}\r\n");
    expect_lines(section_text(out, 1), "a=mid:audio-{x}\r\na=sendonly\r\n");
}

static void test_t27_role_and_fingerprint_stay(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    for (int i = 0; i < 3; i++) {
        struct slice out = fixture_exchange(f, SLICE_LIT(TWO));
        assert_int_equal(count_of(out, "a=setup:passive\r\n"), 3);
        assert_int_equal(count_of(out, "a=fingerprint:sha-256 FE:00"), 3);
        assert_int_equal(count_of(out, "a=ice-ufrag:" OUR_UFRAG), 3);
    }
}

static void test_t30_answers_have_our_candidates(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_OPUS);
    struct slice out = fixture_exchange(f, fixture_sample(f, "chromium_single_join"));
    expect_lines(section_text(out, 0), "a=candidate:1 1 udp 2130706431 203.0.113.5 50000 typ host");
}

static void sends_have_limits(void **state) {
    struct fixture *f = *state;
    fixture_send(f, 1, RTP_CODEC_VP8);
    struct peer_send send = fixture_track(1, RTP_CODEC_VP8);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_EXISTS);
    send = fixture_track(2, RTP_CODEC_VP8);
    send.rtx_ssrc = 10;
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_EXISTS);
    assert_non_null(strstr(peer_reason(f->peer), "SSRC"));
    static char long_name[600];
    memset(long_name, 'x', sizeof(long_name));
    const struct slice bad[] = {SLICE_LIT(""), SLICE_LIT("a b"), SLICE_LIT("a\r\nb"),
                                SLICE_LIT("\xff"), slice_of(long_name, 513)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        send = fixture_track(2, RTP_CODEC_VP8);
        send.track_id = bad[i];
        assert_int_equal(peer_send_add(f->peer, &send), STATUS_INVALID);
        send = fixture_track(2, RTP_CODEC_VP8);
        send.stream_id = bad[i];
        assert_int_equal(peer_send_add(f->peer, &send), STATUS_INVALID);
    }
    for (uint64_t id = 2; id <= PEER_SENDS_MAX; id++) {
        fixture_send(f, id, RTP_CODEC_OPUS);
    }
    send = fixture_track(1000, RTP_CODEC_OPUS);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_EXHAUSTED);
    expect_missing(f, PEER_SENDS_MAX - 1, 1);
    peer_send_remove(f->peer, 1);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sends_take_sections_of_their_kind),
        TEST(red_goes_on_to_those_who_take_it),
        TEST(stereo_is_told),
        TEST(test_t46_extensions_have_the_ids_of_the_receiver),
        TEST(extensions_of_one_direction_are_turned_around),
        TEST(test_t9_placeholders_leave_nothing_missing),
        TEST(what_is_missing_is_added_by_the_next_offer),
        TEST(a_section_rests_for_one_exchange),
        TEST(another_section_needs_no_rest),
        TEST(what_was_never_told_needs_no_end),
        TEST(a_track_removed_while_the_offer_is_held_is_not_sent),
        TEST(test_t11_every_sending_mid_is_listed),
        TEST(test_t21_retransmission_needs_both_sides),
        TEST(a_codec_that_the_client_lacks_is_refused),
        TEST(sections_that_take_the_codec_come_first),
        TEST(a_client_may_take_its_section_away),
        TEST(a_section_of_both_directions_is_shared),
        TEST(test_t17_an_offer_without_change_is_answered),
        TEST(test_t18_sections_equal_those_of_the_offer),
        TEST(test_t19_mids_are_only_names),
        TEST(test_t27_role_and_fingerprint_stay),
        TEST(test_t30_answers_have_our_candidates),
        TEST(sends_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
