/* Which format of a client takes a track: codecs, profiles, modes. */
#include "peer_fixture.h"

/* A client that offers `lines` for payload types 96 to 99 gets the track in `expected`; 0: refused.
 */
static void expect_format(struct fixture *f, const char *lines, struct peer_send send,
                          unsigned expected) {
    struct buf offer;
    fixture_use(f, PEER_SINGLE);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
    buf_init(&offer, 65536);
    buf_put_cstr(&offer, HEAD GROUP("0") MEDIA_LINE("video", "96 97 98 99") PLACE("0", "recvonly"));
    buf_put_cstr(&offer, lines);
    (void)fixture_exchange(f, buf_slice(&offer));
    buf_deinit(&offer);
    const struct peer_section *s = peer_section_at(f->peer, 0);
    assert_int_equal(s->send, 1);
    assert_int_equal(s->send_refused, expected == 0);
    if (expected != 0) {
        assert_int_equal(s->rtp.formats[0].payload_type, expected);
    }
}

static struct peer_send h264(uint32_t profile, uint8_t mode) {
    struct peer_send send = fixture_track(1, RTP_CODEC_H264);
    send.profile = profile;
    send.packetization_mode = mode;
    return send;
}

static struct peer_send with_profile(enum rtp_codec codec, uint32_t profile) {
    struct peer_send send = fixture_track(1, codec);
    send.profile = profile;
    return send;
}

#define H264(type, mode, profile)                                                                  \
    "a=rtpmap:" type " H264/90000\r\na=fmtp:" type                                                 \
    " level-asymmetry-allowed=1;packetization-mode=" mode ";profile-level-id=" profile "\r\n"

static void h264_goes_to_its_own_profile_and_mode(void **state) {
    struct fixture *f = *state;
    static const char all[] = H264("96", "1", "42001f") H264("97", "0", "42001f")
        H264("98", "1", "42e01f") H264("99", "0", "42e01f");
    expect_format(f, all, h264(0x42e01f, 1), 98);
    expect_format(f, all, h264(0x42e01f, 0), 99);
    expect_format(f, all, h264(0x42001f, 1), 96);
    expect_format(f, all, h264(0x420033, 0), 97); /* another level */
}

static void h264_goes_to_decoders_of_more(void **state) {
    struct fixture *f = *state;
    expect_format(f, H264("96", "1", "640c1f") H264("97", "1", "4d001f"), h264(0x42e01f, 1), 96);
    expect_format(f, H264("97", "1", "42e01f"), h264(0x42001f, 1), 97);
    expect_format(f, H264("97", "1", "64001f"), h264(0x4d001f, 1), 97);
    expect_format(f, H264("97", "1", "42e01f"), h264(0x42e01f, 0), 97);
    expect_format(f, H264("97", "0", "42e01f"), h264(0x42e01f, 1), 0);
    expect_format(f, H264("97", "1", "42e01f"), h264(0x64001f, 1), 0);
    expect_format(f, H264("97", "1", "42e01f"), h264(0xf4001f, 1), 0);
    expect_format(f, H264("97", "1", "f4001f"), h264(0xf4001f, 1), 97);
    expect_format(f, H264("97", "1", "f4001f"), h264(0x42e01f, 1), 0);
}

static void vp9_and_av1_go_to_their_own_profile(void **state) {
    struct fixture *f = *state;
    static const char all[] =
        "a=rtpmap:96 VP9/90000\r\na=fmtp:96 profile-id=2\r\na=rtpmap:97 VP9/90000\r\n"
        "a=rtpmap:98 AV1/90000\r\na=fmtp:98 level-idx=5;profile=1;tier=0\r\n"
        "a=rtpmap:99 AV1/90000\r\n";
    expect_format(f, all, with_profile(RTP_CODEC_VP9, 0), 97);
    expect_format(f, all, with_profile(RTP_CODEC_VP9, 2), 96);
    expect_format(f, all, with_profile(RTP_CODEC_VP9, 1), 0);
    expect_format(f, all, with_profile(RTP_CODEC_AV1, 0), 99);
    expect_format(f, all, with_profile(RTP_CODEC_AV1, 1), 98);
    expect_format(f, all, with_profile(RTP_CODEC_AV1, 2), 0);
    expect_format(f, all, with_profile(RTP_CODEC_VP8, 0), 0);
}

static void names_have_no_case_and_clocks_count(void **state) {
    struct fixture *f = *state;
    expect_format(f, "a=rtpmap:96 vp8/8000\r\na=rtpmap:97 vp8/90000\r\n",
                  fixture_track(1, RTP_CODEC_VP8), 97);
    expect_format(f, "a=rtpmap:98 h265/90000\r\n", fixture_track(1, RTP_CODEC_H265), 98);
}

/* What our own offers say of each codec; payload types are those of the reference. */
static void our_own_offers_name_codecs(void **state) {
    struct fixture *f = *state;
    static const struct {
        enum rtp_codec codec;
        uint32_t profile;
        uint8_t mode;
        const char *lines;
    } cases[] = {
        {RTP_CODEC_OPUS, 0, 0, "a=rtpmap:111 opus/48000/2\r\n"},
        {RTP_CODEC_PCMU, 0, 0, "a=rtpmap:0 PCMU/8000\r\n"},
        {RTP_CODEC_PCMA, 0, 0, "a=rtpmap:8 PCMA/8000\r\n"},
        {RTP_CODEC_VP8, 0, 0, "a=rtpmap:96 VP8/90000\r\n"},
        {RTP_CODEC_VP9, 1, 0, "a=rtpmap:100 VP9/90000\r\na=fmtp:100 profile-id=1\r\n"},
        {RTP_CODEC_VP9, 9, 0, "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n"},
        {RTP_CODEC_AV1, 0, 0, "a=rtpmap:35 AV1/90000\r\n"},
        {RTP_CODEC_H265, 0, 0, "a=rtpmap:116 H265/90000\r\n"},
        {RTP_CODEC_H264, 0x42e034, 0,
         "a=rtpmap:125 H264/90000\r\na=fmtp:125 "
         "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f\r\n"},
        {RTP_CODEC_H264, 0x42001f, 1, "packetization-mode=1;profile-level-id=42001f\r\n"},
        {RTP_CODEC_H264, 0x64002a, 1, "a=rtpmap:123 H264/90000\r\n"},
        {RTP_CODEC_H264, 0x58001f, 1, "a=rtpmap:108 H264/90000\r\n"}, /* none of ours */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer_send send = fixture_track(1, cases[i].codec);
        send.profile = cases[i].profile;
        send.packetization_mode = cases[i].mode;
        fixture_use(f, PEER_SUBSCRIBER);
        assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
        buf_clear(&f->out);
        assert_int_equal(peer_offer(f->peer, &f->out), STATUS_OK);
        expect_lines(buf_slice(&f->out), cases[i].lines);
        unsigned type = peer_offered_at(f->peer, 1)->rtp.formats[0].payload_type;
        char rtx[64];
        snprintf(rtx, sizeof(rtx), "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n", type + 1,
                 type + 1, type);
        assert_int_equal(count_of(buf_slice(&f->out), rtx), cases[i].codec >= RTP_CODEC_VP8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(h264_goes_to_its_own_profile_and_mode),
        TEST(h264_goes_to_decoders_of_more),
        TEST(vp9_and_av1_go_to_their_own_profile),
        TEST(names_have_no_case_and_clocks_count),
        TEST(our_own_offers_name_codecs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
