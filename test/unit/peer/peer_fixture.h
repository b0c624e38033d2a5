/* peer_fixture.h: a peer with fixed credentials, samples of browsers and small offers, for tests.
 * Owns: struct fixture, by fixture_setup and fixture_teardown. */
#pragma once

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

static inline size_t count_of(struct slice text, const char *part) {
    size_t count = 0, len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++) {
        count += memcmp(text.data + i, part, len) == 0;
    }
    return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
