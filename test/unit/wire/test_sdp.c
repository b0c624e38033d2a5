/* Session descriptions of real browsers, and small ones that are wrong in one way each. */
#include "sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct sdp sdp;
    const char *reason;
    char text[64 * 1024];
};

static int setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    arena_init(&f.arena, SDP_ARENA_BYTES_MAX);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    return 0;
}

static enum status read_text(struct fixture *f, struct slice text) {
    return sdp_read(text, &f->arena, &f->sdp, &f->reason);
}

static void read_sample(struct fixture *f, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), SDP_SAMPLES "/%s.sdp", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(f->text, 1, sizeof(f->text), file);
    fclose(file);
    assert_int_equal(read_text(f, slice_of(f->text, len)), STATUS_OK);
    assert_null(f->reason);
}

static void reads_a_join_of_chromium(void **state) {
    struct fixture *f = *state;
    read_sample(f, "chromium_single_join");
    const struct sdp *sdp = &f->sdp;
    assert_int_equal(sdp->sections_count, 7);
    assert_true(sdp->has_bundle && sdp->extmap_allow_mixed && !sdp->ice_lite);
    assert_true(sdp_bundles(sdp, SLICE_LIT("0")) && sdp_bundles(sdp, SLICE_LIT("6")));
    assert_false(sdp_bundles(sdp, SLICE_LIT("7")));
    for (size_t i = 0; i < 7; i++) {
        const struct sdp_section *s = &sdp->sections[i];
        assert_int_equal(s->kind, i < 3 ? SDP_AUDIO : i < 6 ? SDP_VIDEO : SDP_APPLICATION);
        assert_int_equal(s->port, 9);
        assert_int_equal(s->direction, i < 6 ? SDP_RECVONLY : SDP_SENDRECV);
        assert_int_equal(s->transport.setup, SDP_SETUP_ACTPASS);
        assert_int_equal(s->transport.ufrag.len, 4);
        assert_int_equal(s->transport.pwd.len, 24);
        assert_true(s->transport.has_fingerprint);
        assert_true(s->is_sctp || (s->is_rtp && s->rtcp_mux && s->rtcp_rsize));
    }
    const struct sdp_section *audio = &sdp->sections[0], *video = &sdp->sections[3];
    assert_int_equal(audio->formats_count, 8);
    assert_int_equal(audio->extensions_count, 4);
    const struct sdp_format *opus = sdp_find_format(audio, 111);
    assert_true(slice_eq_cstr(opus->encoding, "opus"));
    assert_int_equal(opus->clock_hz, 48000);
    assert_int_equal(opus->channels, 2);
    assert_true(slice_eq_cstr(opus->fmtp, "minptime=10;useinbandfec=1"));
    assert_null(sdp_find_format(audio, 96));
    assert_true(slice_eq_cstr(sdp_find_format(video, 97)->fmtp, "apt=96"));
    assert_int_equal(video->extensions_count, 11);
    assert_true(slice_eq_cstr(video->feedback[4].value, "nack pli"));
    assert_int_equal(sdp->sections[6].sctp_port, 5000);
    assert_int_equal(sdp->sections[6].max_message_bytes, 262144);
}

static void reads_simulcast_and_msid(void **state) {
    struct fixture *f = *state;
    read_sample(f, "chromium_single_publish");
    assert_int_equal(f->sdp.sections_count, 9);
    const struct sdp_section *video = &f->sdp.sections[7], *audio = &f->sdp.sections[8];
    assert_int_equal(video->direction, SDP_SENDONLY);
    assert_int_equal(video->rids_count, 3);
    assert_true(slice_eq_cstr(video->rids[2].id, "f") && video->rids[2].is_send);
    assert_true(slice_eq_cstr(video->simulcast_send, "q;h;f"));
    assert_int_equal(video->ssrcs_count, 0);
    assert_true(video->has_msid);
    assert_int_equal(video->msid_track.len, 36);
    assert_int_equal(audio->ssrcs_count, 2);
    assert_true(slice_eq_cstr(audio->ssrcs[0].name, "cname"));
    assert_true(slice_eq_cstr(audio->ssrcs[1].name, "msid"));
    assert_int_equal(audio->ssrcs[0].ssrc, audio->ssrcs[1].ssrc);
}

static void reads_the_layers_of_rtc_node(void **state) {
    struct fixture *f = *state;
    read_sample(f, "rtc_node_publisher");
    const struct sdp_section *video = &f->sdp.sections[1];
    struct slice rest = video->simulcast_send, rid;
    bool paused = true;
    assert_true(sdp_simulcast_next(&rest, &rid, &paused));
    assert_true(slice_eq_cstr(rid, "f") && !paused);
    assert_true(sdp_simulcast_next(&rest, &rid, &paused));
    assert_true(slice_eq_cstr(rid, "h") && paused);
    assert_true(sdp_simulcast_next(&rest, &rid, &paused));
    assert_true(slice_eq_cstr(rid, "q") && !paused);
    assert_false(sdp_simulcast_next(&rest, &rid, &paused));
    assert_true(slice_eq_cstr(video->msid_stream, "-"));
    assert_int_equal(video->transport.fingerprint[15], 0xff);
}

static void session_level_values_stand_in_sections(void **state) {
    struct fixture *f = *state;
    read_sample(f, "firefox_single_join");
    for (size_t i = 0; i < 3; i++) {
        assert_true(f->sdp.sections[i].transport.has_fingerprint);
        assert_int_equal(f->sdp.sections[i].transport.fingerprint[1], 0x11);
    }
    const struct sdp_section *video = &f->sdp.sections[1];
    assert_true(video->bundle_only && video->port == 0);
    assert_int_equal(f->sdp.sections[2].direction, SDP_SENDRECV);
    assert_int_equal(f->sdp.sections[0].extensions[1].direction, SDP_RECVONLY);
    assert_true(video->feedback[4].all);
    assert_int_equal(video->ssrc_groups_count, 1);
    assert_true(slice_eq_cstr(video->ssrc_groups[0].semantics, "FID"));
    assert_int_equal(video->ssrc_groups[0].ssrcs_count, 2);
    assert_int_equal(video->ssrc_groups[0].ssrcs[1], 3333333333u);
}

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define DATA "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n"

static void small_ones_and_line_feeds_are_fine(void **state) {
    struct fixture *f = *state;
    assert_int_equal(read_text(f, SLICE_LIT(HEAD)), STATUS_OK);
    assert_int_equal(f->sdp.sections_count, 0);
    assert_true(slice_eq_cstr(f->sdp.session_id, "1"));
    assert_int_equal(read_text(f, SLICE_LIT("v=0\no=- 1 2 IN IP4 ::1\n" AUDIO "a=mid:x\n")),
                     STATUS_OK);
    assert_true(slice_eq_cstr(f->sdp.sections[0].mid, "x"));
    assert_int_equal(f->sdp.sections[0].direction, SDP_SENDRECV);
    assert_int_equal(f->sdp.sections[0].formats[1].encoding.len, 0);
    /* unknown lines, attributes and payload types are skipped */
    assert_int_equal(
        read_text(f, SLICE_LIT(HEAD AUDIO "b=AS:5\r\na=x-y:z\r\na=\r\nz=\r\n"
                                          "a=rtpmap:96 VP8/90000\r\na=group:BUNDLE q\r\n")),
        STATUS_OK);
    assert_false(f->sdp.has_bundle);
}

static void refuses_what_is_wrong(void **state) {
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "",
        "v=0",
        "v=1\r\no=- 1 2 IN IP4 0.0.0.0\r\n",
        "o=- 1 2 IN IP4 0.0.0.0\r\nv=0\r\n",
        "v=0\r\ns=-\r\n",
        "v=0\r\no=- 1\r\n",
        "v=0\r\no=- 1 2 IN IP4 x\r\no=- 1 2 IN IP4 x\r\n",
        AUDIO,
        HEAD "\r\n",
        HEAD "a\r\n",
        HEAD "A=x\r\n",
        HEAD "a=x\ry\r\n",
        HEAD "a=x\r\r\n",
        HEAD "a=unfinished",
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF\r\n",
        HEAD "m=audio 9\r\n",
        HEAD "m=audio 65536 UDP/TLS/RTP/SAVPF 0\r\n",
        HEAD "m=audio -1 UDP/TLS/RTP/SAVPF 0\r\n",
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n",
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0 0\r\n",
        HEAD "m=audio 9 UDP/TLS/RTP/SAVPF x\r\n",
        HEAD DATA "a=mid:\r\n",
        HEAD DATA "a=mid:a b\r\n",
        HEAD DATA "a=mid:a\r\na=mid:a\r\n",
        HEAD DATA "a=ice-ufrag:abc\r\n",
        HEAD DATA "a=ice-ufrag:ab:cd\r\n",
        HEAD DATA "a=ice-ufrag:abcd\r\na=ice-ufrag:abcd\r\n",
        HEAD DATA "a=ice-pwd:0123456789abcdef01234\r\n",
        HEAD DATA "a=setup:both\r\n",
        HEAD DATA "a=setup:active\r\na=setup:active\r\n",
        HEAD DATA "a=fingerprint:sha-256 00:11\r\n",
        HEAD DATA "a=sctp-port:65536\r\n",
        HEAD DATA "a=max-message-size:x\r\n",
        HEAD AUDIO "a=sendonly\r\na=recvonly\r\n",
        HEAD AUDIO "a=rtpmap:111 opus\r\n",
        HEAD AUDIO "a=rtpmap:111 opus/0\r\n",
        HEAD AUDIO "a=rtpmap:111 opus/48000/256\r\n",
        HEAD AUDIO "a=rtpmap:x opus/48000\r\n",
        HEAD AUDIO "a=fmtp:128 x\r\n",
        HEAD AUDIO "a=rtcp-fb:x nack\r\n",
        HEAD AUDIO "a=extmap:0 urn:x\r\n",
        HEAD AUDIO "a=extmap:256 urn:x\r\n",
        HEAD AUDIO "a=extmap:1\r\n",
        HEAD AUDIO "a=ssrc:4294967296 cname:x\r\n",
        HEAD AUDIO "a=ssrc-group:FID 1 x\r\n",
        HEAD AUDIO "a=rid:q both\r\n",
        HEAD AUDIO "a=rid:q;r send\r\n",
        HEAD AUDIO "a=simulcast:q;h\r\n",
        HEAD AUDIO "a=simulcast:send\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        f->sdp.sections_count = 77;
        enum status s = read_text(f, slice_from_cstr(wrong[i]));
        if (s != STATUS_MALFORMED || !f->reason || f->sdp.sections_count != 77) {
            fail_msg("taken: %s", wrong[i]);
        }
        arena_reset(&f->arena);
    }
}

static void refuses_what_is_no_text(void **state) {
    struct fixture *f = *state;
    assert_int_equal(read_text(f, SLICE_LIT(HEAD "a=x\0y\r\n")), STATUS_MALFORMED);
    assert_int_equal(read_text(f, SLICE_LIT(HEAD "a=x\xff\r\n")), STATUS_MALFORMED);
    assert_int_equal(read_text(f, SLICE_LIT(HEAD "a=x\xc3\xa9\r\n")), STATUS_OK);
}

static enum status read_many(struct fixture *f, const char *line, size_t count) {
    struct buf text;
    buf_init(&text, 4 << 20);
    buf_put_cstr(&text, HEAD);
    for (size_t i = 0; i < count; i++) {
        buf_put_cstr(&text, line);
    }
    assert_false(text.failed);
    enum status s = read_text(f, buf_slice(&text));
    buf_deinit(&text);
    arena_reset(&f->arena);
    return s;
}

static void limits_hold(void **state) {
    struct fixture *f = *state;
    static char line[SDP_LINE_BYTES_MAX + 4];
    memset(line, 'x', sizeof(line));
    memcpy(line, "a=", 2);
    memcpy(line + SDP_LINE_BYTES_MAX, "\r\n", 3);
    assert_int_equal(read_many(f, line, 1), STATUS_OK); /* the line end does not count */
    memcpy(line + SDP_LINE_BYTES_MAX, "x\r\n", 4);
    assert_int_equal(read_many(f, line, 1), STATUS_TOO_LARGE);
    assert_int_equal(read_many(f, DATA, SDP_SECTIONS_MAX), STATUS_OK);
    assert_int_equal(read_many(f, DATA, SDP_SECTIONS_MAX + 1), STATUS_TOO_LARGE);
    assert_int_equal(read_many(f, "a=x\n", SDP_LINES_MAX - 4), STATUS_OK);
    assert_int_equal(read_many(f, "a=x\n", SDP_LINES_MAX - 3), STATUS_TOO_LARGE);
    assert_int_equal(read_many(f, "a=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", 45000),
                     STATUS_TOO_LARGE);
}

static void a_small_arena_is_told_as_memory(void **state) {
    struct fixture *f = *state;
    read_sample(f, "chromium_single_join");
    struct slice text = slice_from_cstr(f->text);
    for (size_t bytes = 256; bytes < 16384; bytes += 512) {
        struct arena small;
        arena_init(&small, bytes);
        assert_int_equal(sdp_read(text, &small, &f->sdp, &f->reason), STATUS_NO_MEMORY);
        arena_deinit(&small);
    }
}

static void writes_lines(void **state) {
    (void)state;
    struct buf out;
    uint8_t fingerprint[32] = {0xab, 1};
    buf_init(&out, 4096);
    sdp_put_session(&out, 7013485, 3);
    sdp_put_flag(&out, "ice-lite");
    sdp_put_attribute(&out, "mid", SLICE_LIT("0"));
    sdp_put_number(&out, "sctp-port", 5000);
    sdp_put_direction(&out, SDP_RECVONLY);
    sdp_put_format(&out, &(struct sdp_format){111, 2, 48000, SLICE_LIT("opus"), SLICE_LIT("a=1")});
    sdp_put_format(&out, &(struct sdp_format){96, 1, 90000, SLICE_LIT("VP8"), {NULL, 0}});
    sdp_put_format(&out, &(struct sdp_format){.payload_type = 0});
    static const char expected[] = "v=0\r\no=- 7013485 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                                   "a=ice-lite\r\na=mid:0\r\na=sctp-port:5000\r\na=recvonly\r\n"
                                   "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 a=1\r\n"
                                   "a=rtpmap:96 VP8/90000\r\n";
    assert_int_equal(out.len, sizeof(expected) - 1);
    assert_memory_equal(out.data, expected, out.len);
    buf_clear(&out);
    sdp_put_fingerprint(&out, fingerprint);
    assert_int_equal(out.len, 22 + 32 * 3 - 1 + 2);
    assert_memory_equal(out.data, "a=fingerprint:sha-256 AB:01:00:", 31);
    buf_deinit(&out);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(reads_a_join_of_chromium),
        TEST(reads_simulcast_and_msid),
        TEST(reads_the_layers_of_rtc_node),
        TEST(session_level_values_stand_in_sections),
        TEST(small_ones_and_line_feeds_are_fine),
        TEST(refuses_what_is_wrong),
        TEST(refuses_what_is_no_text),
        TEST(limits_hold),
        TEST(a_small_arena_is_told_as_memory),
        TEST(writes_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
