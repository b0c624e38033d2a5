/* Offers of ours on the subscriber's connection, and the answers that they may get. */
#include "peer_fixture.h"

static enum status offer_ours(struct fixture *f) {
    buf_clear(&f->out);
    return peer_offer(f->peer, &f->out);
}

#define ANSWER ICE PRINT "a=setup:active\r\n"
#define DATA_ANSWER HEAD GROUP("0") DATA_LINE ANSWER "a=mid:0\r\na=sctp-port:5000\r\n"

static void offers_data_first(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_SUBSCRIBER);
    assert_int_equal(offer_ours(f), STATUS_OK);
    buf_put_u8(&f->out, 0);
    assert_string_equal(
        (const char *)f->out.data,
        "v=0\r\no=- 7013485 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "a=group:BUNDLE 0\r\na=ice-lite\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        "a=ice-ufrag:" OUR_UFRAG "\r\na=ice-pwd:" OUR_PWD "\r\na=ice-options:trickle\r\n"
        "a=fingerprint:sha-256 FE:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
        "00:00:00:00:00:00:00:00:00:00\r\na=setup:actpass\r\n"
        "a=candidate:1 1 udp 2130706431 203.0.113.5 50000 typ host\r\na=end-of-candidates\r\n"
        "a=mid:0\r\na=sctp-port:5000\r\na=max-message-size:65535\r\n");
    assert_false(peer_remote(f->peer)->has_fingerprint);
}

static void takes_the_answer_of_chromium(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_SUBSCRIBER);
    assert_int_equal(offer_ours(f), STATUS_OK);
    struct slice answer = fixture_sample(f, "chromium_subscriber_answer");
    assert_int_equal(peer_take_answer(f->peer, answer), STATUS_OK);
    const struct peer_remote *r = peer_remote(f->peer);
    assert_true(r->has_data && r->has_fingerprint);
    assert_int_equal(r->max_message_bytes, 65535);
    /* once only */
    assert_int_equal(peer_take_answer(f->peer, answer), STATUS_PRECONDITION);
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "o=- 7013485 2 IN"), 1);
    assert_int_equal(peer_take_answer(f->peer, answer), STATUS_OK);
}

static void fresh_credentials_restart_at_once(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_SUBSCRIBER);
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(DATA_ANSWER)), STATUS_OK);
    assert_int_equal(
        peer_set_local_credentials(f->peer, SLICE_LIT(FRESH_UFRAG), SLICE_LIT(FRESH_PWD)),
        STATUS_OK);
    assert_true(slice_eq_cstr(peer_local_ufrag(f->peer), OUR_UFRAG));
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), FRESH_UFRAG), 1);
    assert_true(slice_eq_cstr(peer_local_ufrag(f->peer), FRESH_UFRAG));
    assert_true(slice_eq_cstr(peer_local_pwd(f->peer), FRESH_PWD));
}

static void credentials_have_their_length(void **state) {
    struct fixture *f = *state;
    assert_int_equal(peer_set_local_credentials(f->peer, SLICE_LIT("short"), SLICE_LIT(FRESH_PWD)),
                     STATUS_INVALID);
    assert_int_equal(
        peer_set_local_credentials(f->peer, SLICE_LIT(FRESH_UFRAG), SLICE_LIT("short")),
        STATUS_INVALID);
}

static void an_unanswered_offer_is_replaced(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_SUBSCRIBER);
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(count_of(buf_slice(&f->out), "\r\nm="), 1);
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(DATA_ANSWER)), STATUS_OK);
}

static void expect_answer_refused(struct fixture *f, struct slice answer, enum status expected) {
    assert_int_equal(peer_take_answer(f->peer, answer), expected);
    assert_false(peer_remote(f->peer)->has_fingerprint);
}

static void refuses_wrong_answers(void **state) {
    struct fixture *f = *state;
    fixture_use(f, PEER_SUBSCRIBER);
    expect_answer_refused(f, SLICE_LIT(DATA_ANSWER), STATUS_PRECONDITION);
    assert_int_equal(offer_ours(f), STATUS_OK);
    expect_answer_refused(f, SLICE_LIT("v=0\r\n"), STATUS_MALFORMED);
    expect_answer_refused(f, SLICE_LIT(HEAD), STATUS_PRECONDITION);
    expect_answer_refused(f, SLICE_LIT(HEAD GROUP("0") DATA("0")), STATUS_MALFORMED); /* actpass */
    expect_answer_refused(f, SLICE_LIT(HEAD DATA_LINE ICE PRINT "a=setup:passive\r\na=mid:0\r\n"),
                          STATUS_UNIMPLEMENTED);
    expect_answer_refused(f, SLICE_LIT(HEAD DATA_LINE ANSWER "a=mid:1\r\n"), STATUS_PRECONDITION);
    expect_answer_refused(f, SLICE_LIT(HEAD AUDIO_LINE ANSWER OPUS "a=mid:0\r\n"),
                          STATUS_PRECONDITION);
    expect_answer_refused(f, SLICE_LIT(HEAD GROUP("0 1") DATA_LINE ANSWER "a=mid:0\r\n" AUDIO("1")),
                          STATUS_PRECONDITION);
    expect_answer_refused(
        f, SLICE_LIT(HEAD "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n"),
        STATUS_MALFORMED);
    /* the offer still stands */
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(DATA_ANSWER)), STATUS_OK);
    /* a changed fingerprint later */
    assert_int_equal(offer_ours(f), STATUS_OK);
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(HEAD DATA_LINE ICE
                                                         "a=setup:active\r\na=mid:0\r\n"
                                                         "a=fingerprint:sha-256 " PRINT_B "\r\n")),
                     STATUS_PRECONDITION);
}

static void each_role_has_its_turn(void **state) {
    struct fixture *f = *state;
    assert_int_equal(offer_ours(f), STATUS_PRECONDITION);
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(DATA_ANSWER)), STATUS_PRECONDITION);
    fixture_use(f, PEER_SUBSCRIBER);
    assert_int_equal(fixture_answer(f, SLICE_LIT(HEAD DATA("0"))), STATUS_PRECONDITION);
}

static void a_full_buffer_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct buf small;
    fixture_use(f, PEER_SUBSCRIBER);
    buf_init(&small, 100);
    assert_int_equal(peer_offer(f->peer, &small), STATUS_TOO_LARGE);
    assert_int_equal(small.len, 0);
    buf_deinit(&small);
    assert_int_equal(peer_sections_count(f->peer), 0);
    assert_int_equal(peer_take_answer(f->peer, SLICE_LIT(DATA_ANSWER)), STATUS_PRECONDITION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(offers_data_first),
        TEST(takes_the_answer_of_chromium),
        TEST(fresh_credentials_restart_at_once),
        TEST(credentials_have_their_length),
        TEST(an_unanswered_offer_is_replaced),
        TEST(refuses_wrong_answers),
        TEST(each_role_has_its_turn),
        TEST(a_full_buffer_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
