/* Answers to offers: their text, what a second offer may change, and what is refused. */
#include "peer_fixture.h"

#define OUR_TRANSPORT                                                                              \
    "a=ice-ufrag:" OUR_UFRAG "\r\na=ice-pwd:" OUR_PWD "\r\na=ice-options:trickle\r\n"              \
    "a=fingerprint:sha-256 FE:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"  \
    "00:00:00:00:00:00:00:00:00\r\na=setup:passive\r\n"
#define OUR_CANDIDATES                                                                             \
    "a=candidate:1 1 udp 2130706431 203.0.113.5 50000 typ host\r\na=end-of-candidates\r\n"

static void answers_data_alone(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_PUBLISHER);
    expect_answer(
        f, SLICE_LIT(HEAD GROUP("0") DATA("0") "a=max-message-size:262144\r\n"),
        "v=0\r\no=- 7013485 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "a=group:BUNDLE 0\r\na=ice-lite\r\na=msid-semantic: WMS *\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" OUR_TRANSPORT
            OUR_CANDIDATES "a=mid:0\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n");
    const struct peer_remote *r = peer_remote(f->peer);
    assert_true(r->has_data && r->has_fingerprint);
    assert_int_equal(r->fingerprint[1], 0x11);
    assert_int_equal(r->sctp_port, 5000);
    assert_int_equal(r->max_message_bytes, 262144);
    assert_true(slice_eq_cstr(r->ufrag, THEIR_UFRAG));
    assert_true(slice_eq_cstr(r->pwd, THEIR_PWD));
    assert_false(f->restarted);
}

static void answers_unused_media_with_one_format(void **state) {
    struct fixture *f = *state;
    expect_answer(
        f,
        SLICE_LIT(HEAD GROUP("a d") "a=extmap-allow-mixed\r\n" AUDIO(
            "a") "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                 "a=extmap:9 urn:x\r\n" DATA("d")),
        "v=0\r\no=- 7013485 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "a=group:BUNDLE a d\r\na=ice-lite\r\na=extmap-allow-mixed\r\n"
        "a=msid-semantic: WMS *\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n" OUR_TRANSPORT OUR_CANDIDATES
        "a=mid:a\r\na=inactive\r\na=rtcp-mux\r\n"
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" OUR_TRANSPORT
        "a=mid:d\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n");
}

static void mirrors_stopped_sections(void **state) {
    struct fixture *f = *state;
    expect_answer(
        f, SLICE_LIT(HEAD GROUP("d") "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v\r\n" DATA("d")),
        "v=0\r\no=- 7013485 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "a=group:BUNDLE d\r\na=ice-lite\r\na=msid-semantic: WMS *\r\n"
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n"
        "a=mid:v\r\na=inactive\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" OUR_TRANSPORT
            OUR_CANDIDATES "a=mid:d\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n");
    assert_true(peer_section_at(f->peer, 0)->stopped);
}

static void a_life_of_chromium(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *sample;
        size_t sections, in_use;
    } steps[] = {
        {"chromium_single_join", 7, 7},      {"chromium_single_publish", 9, 9},
        {"chromium_single_stopped", 9, 8},   {"chromium_single_recycled", 9, 9},
        {"chromium_single_unpublish", 9, 9}, {"chromium_single_restart", 9, 9},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_int_equal(
            peer_set_local_credentials(f->peer, SLICE_LIT(FRESH_UFRAG), SLICE_LIT(FRESH_PWD)),
            STATUS_OK);
        assert_int_equal(fixture_answer(f, fixture_sample(f, steps[i].sample)), STATUS_OK);
        struct slice out = buf_slice(&f->out);
        bool is_restart = i + 1 == ARRAY_LEN(steps);
        assert_int_equal(f->restarted, is_restart);
        assert_int_equal(count_of(out, "\r\nm="), steps[i].sections);
        assert_int_equal(count_of(out, "a=setup:passive\r\n"), steps[i].in_use);
        assert_int_equal(count_of(out, "a=candidate:"), 1);
        assert_int_equal(count_of(out, is_restart ? FRESH_UFRAG : OUR_UFRAG), steps[i].in_use);
        assert_true(peer_remote(f->peer)->has_data);
        char origin[64];
        snprintf(origin, sizeof(origin), "o=- 7013485 %zu IN IP4", i + 1);
        assert_int_equal(count_of(out, origin), 1);
    }
    assert_true(slice_eq_cstr(peer_local_ufrag(f->peer), FRESH_UFRAG));
    assert_true(slice_eq_cstr(peer_local_pwd(f->peer), FRESH_PWD));
    assert_true(slice_eq_cstr(peer_section_mid(peer_section_at(f->peer, 8)), "9"));
}

static void other_clients_are_answered(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, fixture_sample(f, "firefox_single_join")), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "a=group:BUNDLE 0 1 2\r\n"), 1);
    assert_int_equal(count_of(buf_slice(&f->out), "m=video 9 UDP/TLS/RTP/SAVPF 120\r\n"), 1);
    assert_int_equal(peer_remote(f->peer)->max_message_bytes, 1073741823);
    fixture_use(f, PEER_PUBLISHER);
    assert_int_equal(fixture_answer(f, fixture_sample(f, "rtc_node_publisher")), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "a=mid:13\r\n"), 1);
    assert_true(peer_remote(f->peer)->has_data);
}

static void data_may_be_missing(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD AUDIO("0"))), STATUS_OK);
    assert_false(peer_remote(f->peer)->has_data);
    /* one section and no group: the answer has none either */
    assert_int_equal(count_of(buf_slice(&f->out), "a=group"), 0);
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1") AUDIO("0") DATA("1"))),
                     STATUS_OK);
    assert_true(peer_remote(f->peer)->has_data);
}

static void defaults_of_data(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD DATA_LINE TRANSPORT "a=mid:0\r\n")),
                     STATUS_OK);
    assert_int_equal(peer_remote(f->peer)->sctp_port, 5000);
    assert_int_equal(peer_remote(f->peer)->max_message_bytes, 65536);
    assert_int_equal(
        fixture_answer(f, SLICE_LIT(HEAD DATA_LINE TRANSPORT "a=mid:0\r\na=sctp-port:6000\r\n"
                                                             "a=max-message-size:0\r\n")),
        STATUS_OK);
    assert_int_equal(peer_remote(f->peer)->sctp_port, 6000);
    assert_int_equal(peer_remote(f->peer)->max_message_bytes, UINT32_MAX);
}

static void what_we_do_not_speak_gets_port_0(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1 2 3") DATA(
                              "0") "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:1\r\n"
                                   "m=audio 9 RTP/AVP 0\r\na=mid:2\r\n"
                                   "m=application 9 UDP/DTLS/SCTP other\r\na=mid:3\r\n")),
        STATUS_OK);
    struct slice out = buf_slice(&f->out);
    assert_int_equal(count_of(out, "a=group:BUNDLE 0\r\n"), 1);
    assert_int_equal(count_of(out, "m=text 0 UDP/TLS/RTP/SAVPF 98\r\n"), 1);
    assert_int_equal(count_of(out, "m=audio 0 RTP/AVP 0\r\n"), 1);
    assert_int_equal(count_of(out, "m=application 0 UDP/DTLS/SCTP other\r\n"), 1);
}

static void a_second_data_section_gets_port_0(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1") DATA("0") DATA("1"))),
                     STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "m=application 0"), 1);
}

static void restart_without_fresh_credentials_keeps_ours(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD DATA("0"))), STATUS_OK);
    assert_int_equal(
        fixture_answer(f, SLICE_LIT(HEAD DATA_LINE "a=ice-ufrag:other\r\na=ice-pwd:" THEIR_PWD
                                                   "\r\n" PRINT "a=setup:actpass\r\na=mid:0\r\n")),
        STATUS_OK);
    assert_true(f->restarted);
    assert_true(slice_eq_cstr(peer_local_ufrag(f->peer), OUR_UFRAG));
    assert_true(slice_eq_cstr(peer_remote(f->peer)->ufrag, "other"));
}

static void refuses_unusable_offers(void **state) {
    struct fixture *f = *state;
    expect_refused(f, SLICE_LIT("hello"), STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD), STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD DATA_LINE TRANSPORT), STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD GROUP("0") DATA("0") DATA("0")), STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:1\r\n" TRANSPORT),
                   STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD DATA_LINE PRINT "a=setup:actpass\r\na=mid:0\r\n"),
                   STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD DATA_LINE ICE "a=setup:actpass\r\na=mid:0\r\n"),
                   STATUS_MALFORMED);
    expect_refused(f, SLICE_LIT(HEAD DATA_LINE ICE PRINT "a=mid:0\r\n"), STATUS_MALFORMED);
}

static void refuses_roles_that_leave_us_none(void **state) {
    struct fixture *f = *state;
    expect_refused(f, SLICE_LIT(HEAD DATA_LINE ICE PRINT "a=setup:passive\r\na=mid:0\r\n"),
                   STATUS_UNIMPLEMENTED);
    expect_refused(f, SLICE_LIT(HEAD "a=ice-lite\r\n" DATA("0")), STATUS_UNIMPLEMENTED);
    expect_refused(f,
                   SLICE_LIT(HEAD DATA_LINE ICE "a=fingerprint:sha-1 00:11\r\n"
                                                "a=setup:actpass\r\na=mid:0\r\n"),
                   STATUS_UNIMPLEMENTED);
    assert_non_null(strstr(peer_reason(f->peer), "sha-256"));
    expect_refused(f, SLICE_LIT(HEAD AUDIO("0") DATA("1")), STATUS_UNIMPLEMENTED);
    expect_refused(f, SLICE_LIT(HEAD GROUP("1") AUDIO("0") DATA("1")), STATUS_UNIMPLEMENTED);
    expect_refused(f, SLICE_LIT(HEAD AUDIO_LINE TRANSPORT "a=mid:0\r\n"), STATUS_UNIMPLEMENTED);
}

static void refuses_what_contradicts_the_past(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1") AUDIO("0") DATA("1"))),
                     STATUS_OK);
    expect_refused(f, SLICE_LIT(HEAD GROUP("0") AUDIO("0")), STATUS_PRECONDITION);
    expect_refused(f, SLICE_LIT(HEAD GROUP("1 0") DATA("1") AUDIO("0")), STATUS_PRECONDITION);
    expect_refused(f, SLICE_LIT(HEAD GROUP("0 2") AUDIO("0") DATA("2")), STATUS_PRECONDITION);
    expect_refused(f, SLICE_LIT(HEAD GROUP("0 1") AUDIO("0") AUDIO("1")), STATUS_PRECONDITION);
    expect_refused(f,
                   SLICE_LIT(HEAD GROUP("0 1") AUDIO_LINE ICE
                             "a=fingerprint:sha-256 " PRINT_B
                             "\r\na=setup:actpass\r\na=mid:0\r\n" OPUS DATA("1")),
                   STATUS_PRECONDITION);
    expect_refused(f,
                   SLICE_LIT(HEAD GROUP("0 1") AUDIO_LINE ICE PRINT
                             "a=setup:passive\r\na=mid:0\r\n" OPUS DATA("1")),
                   STATUS_PRECONDITION);
    /* and the same again is still fine */
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1") AUDIO("0") DATA("1"))),
                     STATUS_OK);
}

static void a_place_is_free_once_it_was_stopped(void **state) {
    struct fixture *f = *state;
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("0 1") AUDIO("0") DATA("1"))),
                     STATUS_OK);
    assert_int_equal(
        fixture_answer(f, SLICE_LIT(HEAD GROUP("1") "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"
                                                    "a=mid:0\r\n" DATA("1"))),
        STATUS_OK);
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD GROUP("7 1") AUDIO("7") DATA("1"))),
                     STATUS_OK);
    assert_false(peer_section_at(f->peer, 0)->stopped);
}

static void a_full_buffer_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct slice offer = SLICE_LIT(HEAD DATA("0"));
    struct buf small;
    buf_init(&small, 300);
    bool restarted = false;
    assert_int_equal(peer_answer(f->peer, offer, &small, &restarted), STATUS_TOO_LARGE);
    assert_int_equal(small.len, 0);
    assert_int_equal(peer_sections_count(f->peer), 0);
    assert_false(peer_remote(f->peer)->has_fingerprint);
    buf_deinit(&small);
    assert_int_equal(fixture_answer(f, offer), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "o=- 7013485 1 IN"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(answers_data_alone),
        TEST(answers_unused_media_with_one_format),
        TEST(mirrors_stopped_sections),
        TEST(a_life_of_chromium),
        TEST(other_clients_are_answered),
        TEST(data_may_be_missing),
        TEST(defaults_of_data),
        TEST(what_we_do_not_speak_gets_port_0),
        TEST(a_second_data_section_gets_port_0),
        TEST(restart_without_fresh_credentials_keeps_ours),
        TEST(refuses_unusable_offers),
        TEST(refuses_roles_that_leave_us_none),
        TEST(refuses_what_contradicts_the_past),
        TEST(a_place_is_free_once_it_was_stopped),
        TEST(a_full_buffer_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
