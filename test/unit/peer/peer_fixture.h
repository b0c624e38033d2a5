/* peer_fixture.h: a peer with fixed credentials, samples of browsers and small offers, for tests.
 * Owns: struct fixture, by fixture_setup and fixture_teardown. */
#pragma once

#include "caps.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OUR_UFRAG "ourufrag01234567"
#define OUR_PWD "ourpassword0123456789abc"
#define FRESH_UFRAG "freshufrag012345"
#define FRESH_PWD "freshpassword0123456789a"
#define THEIR_UFRAG "them"
#define THEIR_PWD "theirpassword012345678"
#define PRINT_A                                                                                    \
    "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:FF"
#define PRINT_B                                                                                    \
    "01:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:"   \
    "EE:FF"

#define HEAD "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define GROUP(mids) "a=group:BUNDLE " mids "\r\n"
#define ICE "a=ice-ufrag:" THEIR_UFRAG "\r\na=ice-pwd:" THEIR_PWD "\r\n"
#define PRINT "a=fingerprint:sha-256 " PRINT_A "\r\n"
#define TRANSPORT ICE PRINT "a=setup:actpass\r\n"
#define DATA_LINE "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
#define AUDIO_LINE "m=audio 9 UDP/TLS/RTP/SAVPF 0 111\r\n"
#define OPUS "a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
#define DATA(mid) DATA_LINE TRANSPORT "a=mid:" mid "\r\na=sctp-port:5000\r\n"
#define AUDIO(mid) AUDIO_LINE TRANSPORT "a=mid:" mid "\r\na=recvonly\r\n" OPUS

/* Sections as clients offer them, with any direction. */
#define MEDIA_LINE(kind, types) "m=" kind " 9 UDP/TLS/RTP/SAVPF " types "\r\n" TRANSPORT
#define PLACE(mid, direction) "a=mid:" mid "\r\na=" direction "\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
#define X_MID "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
#define X_LEVEL "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
#define X_RID "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
#define X_RRID "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
#define X_TCC                                                                                      \
    "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
#define X_AST "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"
#define X_DD                                                                                       \
    "a=extmap:12 "                                                                                 \
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n"
#define X_ACT "a=extmap:13 http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time\r\n"
#define FEEDBACK(type)                                                                             \
    "a=rtcp-fb:" type " goog-remb\r\na=rtcp-fb:" type " transport-cc\r\n"                          \
    "a=rtcp-fb:" type " ccm fir\r\na=rtcp-fb:" type " nack\r\na=rtcp-fb:" type " nack pli\r\n"
#define VP8 "a=rtpmap:96 VP8/90000\r\n" FEEDBACK("96")
#define VP8_RTX VP8 "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
#define MIC(mid, direction)                                                                        \
    MEDIA_LINE("audio", "111 63 9 0 8")                                                            \
    PLACE(mid, direction)                                                                          \
    X_LEVEL X_AST X_TCC X_MID                                                                      \
        "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n"                              \
        "a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n"                                       \
        "a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n"                 \
        "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
#define CAM(mid, direction)                                                                        \
    MEDIA_LINE("video", "96 97 102 103 98 99")                                                     \
    PLACE(mid, direction)                                                                          \
    X_AST X_TCC X_MID X_RID X_RRID X_DD X_ACT VP8_RTX                                              \
        "a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\n"                                        \
        "a=fmtp:102 "                                                                              \
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n"               \
        "a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n"                                         \
        "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n"                                      \
        "a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\n"
#define STOPPED(kind, mid) "m=" kind " 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:" mid "\r\na=inactive\r\n"
#define LAYERS(a, b, c)                                                                            \
    "a=rid:" a " send\r\na=rid:" b " send\r\na=rid:" c " send\r\n"                                 \
    "a=simulcast:send " a ";" b ";" c "\r\n"

struct fixture {
    struct peer_local local;
    struct peer *peer;
    struct buf out;
    bool restarted;
    char sample[64 * 1024];
};

static inline void fixture_use(struct fixture *f, enum peer_role role) {
    f->peer = peer_destroy(f->peer);
    f->peer = peer_create(role, &f->local, SLICE_LIT(OUR_UFRAG), SLICE_LIT(OUR_PWD), 7013485);
    assert_non_null(f->peer);
}

static inline int fixture_setup(void **state) {
    static struct fixture f;
    memset(&f, 0, sizeof(f));
    f.local.candidates = SLICE_LIT("a=candidate:1 1 udp 2130706431 203.0.113.5 50000 typ host\r\n");
    f.local.fingerprint[0] = 0xfe;
    buf_init(&f.out, 1 << 20);
    fixture_use(&f, PEER_SINGLE);
    *state = &f;
    return 0;
}

static inline int fixture_teardown(void **state) {
    struct fixture *f = *state;
    f->peer = peer_destroy(f->peer);
    buf_deinit(&f->out);
    return 0;
}

static inline struct slice fixture_sample(struct fixture *f, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), SDP_SAMPLES "/%s.sdp", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(f->sample, 1, sizeof(f->sample), file);
    fclose(file);
    return slice_of(f->sample, len);
}

static inline enum status fixture_answer(struct fixture *f, struct slice offer) {
    buf_clear(&f->out);
    return peer_answer(f->peer, offer, &f->out, &f->restarted);
}

static inline void expect_answer(struct fixture *f, struct slice offer, const char *expected) {
    assert_int_equal(fixture_answer(f, offer), STATUS_OK);
    buf_put_u8(&f->out, 0);
    assert_string_equal((const char *)f->out.data, expected);
}

/* Refused: nothing has changed, and the reason is told. */
static inline void expect_refused(struct fixture *f, struct slice offer, enum status expected) {
    size_t sections = peer_sections_count(f->peer);
    struct slice ufrag = peer_remote(f->peer)->ufrag;
    enum status s = fixture_answer(f, offer);
    if (s != expected) {
        fail_msg("%s (%s) instead of %s for:\n%.*s", status_name(s), peer_reason(f->peer),
                 status_name(expected), SLICE_ARG(offer));
    }
    assert_int_equal(f->out.len, 0);
    assert_int_equal(peer_sections_count(f->peer), sections);
    assert_true(slice_eq(peer_remote(f->peer)->ufrag, ufrag));
    assert_true(strcmp(peer_reason(f->peer), "ok") != 0);
}

static inline void fixture_take(struct fixture *f, struct slice offer) {
    enum status s = peer_take_offer(f->peer, offer, &f->restarted);
    if (s != STATUS_OK) {
        fail_msg("%s: %s", status_name(s), peer_reason(f->peer));
    }
}

static inline struct slice fixture_write(struct fixture *f) {
    buf_clear(&f->out);
    assert_int_equal(peer_write_answer(f->peer, &f->out), STATUS_OK);
    return buf_slice(&f->out);
}

/* Answers an offer; what sends in it and is not bound yet becomes track 100 + index. */
static inline struct slice fixture_exchange(struct fixture *f, struct slice offer) {
    fixture_take(f, offer);
    for (size_t i = 0; i < peer_offered_count(f->peer); i++) {
        const struct peer_section *s = peer_offered_at(f->peer, i);
        if (s->remote_sends && s->receive == 0) {
            peer_receive(f->peer, i, &(struct peer_receive){.track = 100 + i, .dtx = true});
        }
    }
    return fixture_write(f);
}

/* Track "TR_<id>" of "PA_b", its SSRCs ten times the id, and one more. */
static inline struct peer_send fixture_track(uint64_t id, enum rtp_codec codec) {
    static char stream[32], track[32];
    snprintf(stream, sizeof(stream), "PA_b|TR_%u", (unsigned)id);
    snprintf(track, sizeof(track), "TR_%u", (unsigned)id);
    return (struct peer_send){
        .id = id,
        .codec = codec,
        .ssrc = (uint32_t)id * 10,
        .rtx_ssrc = codec >= RTP_CODEC_VP8 ? (uint32_t)id * 10 + 1 : 0,
        .stream_id = slice_from_cstr(stream),
        .track_id = slice_from_cstr(track),
    };
}

static inline void fixture_send(struct fixture *f, uint64_t id, enum rtp_codec codec) {
    struct peer_send send = fixture_track(id, codec);
    assert_int_equal(peer_send_add(f->peer, &send), STATUS_OK);
}

/* The m-section at `index` of a description. */
static inline struct slice section_text(struct slice sdp, size_t index) {
    size_t begin = sdp.len, end = sdp.len, at = 0;
    for (size_t i = 0; i + 2 <= sdp.len && end == sdp.len; i++) {
        if ((i == 0 || sdp.data[i - 1] == '\n') && memcmp(sdp.data + i, "m=", 2) == 0) {
            begin = at == index ? i : begin;
            end = at == index + 1 ? i : end;
            at++;
        }
    }
    assert_true(begin < sdp.len);
    return slice_sub(sdp, begin, end - begin);
}

static inline size_t count_of(struct slice text, const char *part) {
    size_t count = 0, len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++) {
        count += memcmp(text.data + i, part, len) == 0;
    }
    return count;
}

#define expect_lines(text, part)                                                                   \
    do {                                                                                           \
        if (count_of((text), (part)) != 1) {                                                       \
            fail_msg("not once: %s in\n%.*s", (part), SLICE_ARG(text));                            \
        }                                                                                          \
    } while (0)
#define expect_without(text, part)                                                                 \
    do {                                                                                           \
        if (count_of((text), (part)) != 0) {                                                       \
            fail_msg("stands there: %s in\n%.*s", (part), SLICE_ARG(text));                        \
        }                                                                                          \
    } while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
