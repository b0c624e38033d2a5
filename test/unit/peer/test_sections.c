/* What is kept of offered sections: codecs, extensions, layers, tracks; and failing memory. */
#include "mem.h"
#include "peer_fixture.h"

static const struct peer_section *section_of(struct fixture *f, const char *sample, size_t index) {
    assert_int_equal(fixture_answer(f, fixture_sample(f, sample)), STATUS_OK);
    return peer_section_at(f->peer, index);
}

static void keeps_the_codecs_of_a_placeholder(void **state) {
    struct fixture *f = *state;
    const struct peer_section *audio = section_of(f, "chromium_single_join", 0);
    assert_int_equal(audio->kind, SDP_AUDIO);
    assert_int_equal(audio->remote_direction, SDP_RECVONLY);
    assert_int_equal(audio->local_direction, SDP_INACTIVE);
    assert_int_equal(audio->rtp.formats_count, 3); /* opus, PCMU, PCMA; not RED, G722, CN */
    assert_int_equal(audio->rtp.formats[0].codec, RTP_CODEC_OPUS);
    assert_int_equal(audio->rtp.formats[0].payload_type, 111);
    assert_int_equal(audio->rtp.formats[0].feedback, RTP_FEEDBACK_TRANSPORT_CC);
    assert_int_equal(audio->rtp.formats[1].codec, RTP_CODEC_PCMU);

    const struct peer_section *video = peer_section_at(f->peer, 3);
    assert_int_equal(video->rtp.formats[0].codec, RTP_CODEC_VP8);
    assert_int_equal(video->rtp.formats[0].payload_type, 96);
    assert_int_equal(video->rtp.formats[0].rtx_payload_type, 97);
    assert_int_equal(video->rtp.formats[0].feedback,
                     RTP_FEEDBACK_NACK | RTP_FEEDBACK_PLI | RTP_FEEDBACK_FIR |
                         RTP_FEEDBACK_TRANSPORT_CC | RTP_FEEDBACK_REMB);
    assert_int_equal(video->rtp.formats[2].codec, RTP_CODEC_VP9);
    assert_int_equal(video->rtp.formats[2].profile, 2);
    assert_int_equal(video->rtp.formats[5].codec, RTP_CODEC_H264);
    assert_int_equal(video->rtp.formats[5].profile, 0x42001f);
    assert_int_equal(video->rtp.formats[5].packetization_mode, 1);
    assert_int_equal(video->rtp.formats[6].packetization_mode, 0);
    assert_int_equal(video->rtp.rids_count, 0);
}

static void keeps_the_extensions_that_we_know(void **state) {
    struct fixture *f = *state;
    const struct peer_section *audio = section_of(f, "chromium_single_join", 0);
    assert_int_equal(audio->rtp.extension_ids[RTP_EXTENSION_AUDIO_LEVEL], 1);
    assert_int_equal(audio->rtp.extension_ids[RTP_EXTENSION_MID], 4);
    assert_int_equal(audio->rtp.extension_ids[RTP_EXTENSION_RID], 0);
    const struct peer_section *video = peer_section_at(f->peer, 3);
    assert_int_equal(video->rtp.extension_ids[RTP_EXTENSION_RID], 10);
    assert_int_equal(video->rtp.extension_ids[RTP_EXTENSION_REPAIRED_RID], 11);
    /* The answer repeats those that we use, not the others. */
    struct slice out = buf_slice(&f->out);
    assert_int_equal(count_of(out, "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"), 3);
    assert_int_equal(count_of(out, "playout-delay"), 0);
    assert_int_equal(count_of(out, "video-orientation"), 0);
}

static void keeps_layers_and_tracks(void **state) {
    struct fixture *f = *state;
    const struct peer_section *video = section_of(f, "rtc_node_publisher", 1);
    assert_int_equal(video->remote_direction, SDP_SENDONLY);
    assert_int_equal(video->rtp.rids_count, 3);
    assert_memory_equal(video->rtp.rids[0].text, "f", 1);
    assert_memory_equal(video->rtp.rids[1].text, "h", 1); /* paused, and without its mark */
    assert_memory_equal(video->rtp.rids[2].text, "q", 1);
    assert_true(slice_eq_cstr(video->msid_track, "0b5e6d1c-cam"));
    assert_int_equal(video->rtp.formats_count, 1);
    assert_int_equal(video->rtp.formats[0].rtx_payload_type, 0);
}

static void a_track_may_be_named_in_other_places(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD AUDIO("0") "a=msid:alone\r\n")), STATUS_OK);
    assert_true(slice_eq_cstr(peer_section_at(f->peer, 0)->msid_track, "alone"));
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD AUDIO("0") "a=ssrc:1 cname:x\r\n"
                                                                 "a=ssrc:1 msid:s t\r\n")),
                     STATUS_OK);
    assert_true(slice_eq_cstr(peer_section_at(f->peer, 0)->msid_track, "t"));
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD AUDIO("0"))), STATUS_OK);
    assert_int_equal(peer_section_at(f->peer, 0)->msid_track.len, 0);
}

static void strange_parameters_are_tolerated(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        fixture_answer(f,
                       SLICE_LIT(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\n" TRANSPORT
                                      "a=mid:0\r\na=rtcp-mux\r\n"
                                      "a=rtpmap:96 h264/90000\r\n"
                                      "a=fmtp:96 profile-level-id=zzzzzz; packetization-mode=x\r\n"
                                      "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=55\r\n"
                                      "a=rtpmap:98 VP9/90000\r\na=fmtp:98 ;;=;profile-id\r\n"
                                      "a=rtpmap:99 rtx/90000\r\n"
                                      "a=simulcast:send ;;abcdefghijklmnopq;a,b;~c;d;e\r\n")),
        STATUS_OK);
    const struct peer_section *s = peer_section_at(f->peer, 0);
    assert_int_equal(s->rtp.formats_count, 2);
    assert_int_equal(s->rtp.formats[0].profile, 0x420010);
    assert_int_equal(s->rtp.formats[0].rtx_payload_type, 0);
    assert_int_equal(s->rtp.formats[1].profile, 0);
    assert_int_equal(s->rtp.rids_count, RTP_RIDS_MAX);
    assert_memory_equal(s->rtp.rids[0].text, "a", 1);
    assert_memory_equal(s->rtp.rids[2].text, "d", 1);
}

static void more_codecs_than_we_keep_are_cut(void **state) {
    struct fixture *f = *state;
    struct buf offer;
    buf_init(&offer, 65536);
    buf_put_cstr(&offer, HEAD "m=video 9 UDP/TLS/RTP/SAVPF");
    for (unsigned i = 0; i < 128; i++) {
        buf_printf(&offer, " %u", i);
    }
    buf_put_cstr(&offer, "\r\n" TRANSPORT "a=mid:0\r\na=rtcp-mux\r\n");
    for (unsigned i = 0; i < 128; i++) {
        buf_printf(&offer, "a=rtpmap:%u VP8/90000\r\n", i);
    }
    assert_int_equal(fixture_answer(f, buf_slice(&offer)), STATUS_OK);
    assert_int_equal(peer_section_at(f->peer, 0)->rtp.formats_count, RTP_FORMATS_MAX);
    buf_deinit(&offer);
}

#ifdef STOA_MEM_FAULTS
/* Every allocation fails once; a refused exchange leaves the peer as it was. */
static void no_allocation_failure_leaks_or_changes(void **state) {
    struct fixture *f = *state;
    struct slice offer = fixture_sample(f, "chromium_single_publish");
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        fixture_use(f, PEER_SINGLE);
        uint64_t before = mem_live_blocks();
        mem_fail_from(nth);
        bool restarted = false;
        struct buf out;
        buf_init(&out, 1 << 20);
        s = peer_answer(f->peer, offer, &out, &restarted);
        mem_fail_never();
        buf_deinit(&out);
        if (s != STATUS_OK) {
            assert_true(s == STATUS_NO_MEMORY || s == STATUS_TOO_LARGE);
            assert_int_equal(peer_sections_count(f->peer), 0);
            assert_true(mem_live_blocks() == before);
        }
    }
    assert_int_equal(peer_sections_count(f->peer), 9);
}

/* As above, of our own side: tracks to send, an offer, its answer. */
static enum status offer_a_track(struct fixture *f, struct slice answer, struct buf *out) {
    struct peer_send send = fixture_track(1, RTP_CODEC_OPUS);
    enum status s = peer_send_add(f->peer, &send);
    if (s == STATUS_OK) {
        s = peer_offer(f->peer, out);
    }
    return s == STATUS_OK ? peer_take_answer(f->peer, answer) : s;
}

static void no_allocation_failure_leaks_in_offers(void **state) {
    struct fixture *f = *state;
    struct slice answer = SLICE_LIT(HEAD GROUP("0 1") DATA_LINE ICE PRINT
                                    "a=setup:active\r\na=mid:0\r\n" AUDIO_LINE ICE PRINT
                                    "a=setup:active\r\na=mid:1\r\na=recvonly\r\n" OPUS);
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        fixture_use(f, PEER_SUBSCRIBER);
        struct buf out;
        buf_init(&out, 1 << 20);
        mem_fail_from(nth);
        s = offer_a_track(f, answer, &out);
        mem_fail_never();
        buf_deinit(&out);
        if (s != STATUS_OK) {
            assert_true(s == STATUS_NO_MEMORY || s == STATUS_TOO_LARGE);
            assert_int_equal(peer_sections_count(f->peer), 0);
        }
    }
    assert_true(peer_section_sends(peer_section_at(f->peer, 1)));
    uint64_t before = mem_live_blocks();
    f->peer = peer_destroy(f->peer);
    assert_true(mem_live_blocks() < before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_codecs_of_a_placeholder),
        TEST(keeps_the_extensions_that_we_know),
        TEST(keeps_layers_and_tracks),
        TEST(a_track_may_be_named_in_other_places),
        TEST(strange_parameters_are_tolerated),
        TEST(more_codecs_than_we_keep_are_cut),
#ifdef STOA_MEM_FAULTS
        TEST(no_allocation_failure_leaks_or_changes),
        TEST(no_allocation_failure_leaks_in_offers),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
