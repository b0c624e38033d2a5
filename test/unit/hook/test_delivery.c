#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "claims.h"
#include "clock.h"
#include "fixture.h"
#include "hook_priv.h"

static bool body_is(const struct request *r, const char *body) {
    return slice_eq_cstr(r->body, body);
}

/* The first request with this body; -1 when there is none. */
static int find_body(struct receiver *r, const char *body) {
    for (size_t i = 0; i < receiver_count(r); i++) {
        if (body_is(receiver_get(r, i), body)) {
            return (int)i;
        }
    }
    return -1;
}

static bool same_request(const struct request *a, const struct request *b) {
    return slice_eq(a->head, b->head) && slice_eq(a->body, b->body);
}

/* The request itself. */

static void the_request_is_what_receivers_know(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_start(&f);
    fixture_post(&f, "r", "{\"event\":\"room_started\"}");
    assert_true(receiver_wait(f.receivers[0], 1));
    const struct request *r = receiver_get(f.receivers[0], 0);
    assert_true(slice_starts_with(r->head, SLICE_LIT("POST /hook HTTP/1.1\r\n")));
    assert_true(slice_eq_cstr(request_header(r, "Content-Type"), "application/webhook+json"));
    assert_true(slice_eq_cstr(request_header(r, "User-Agent"), "LiveKit"));
    assert_true(slice_eq_cstr(request_header(r, "Content-Length"), "24"));
    assert_true(body_is(r, "{\"event\":\"room_started\"}"));
    assert_int_equal(request_header(r, "Expect").len, 0);
    assert_int_equal(request_header(r, "Accept").len, 0);
    assert_int_equal(request_header(r, "Transfer-Encoding").len, 0);
    fixture_expect(&f, hook_delivered, 1);
    fixture_expect(&f, hook_queues, 0);
    fixture_expect(&f, hook_bytes, 0);
    fixture_deinit(&f);
}

static void check_token(struct slice token, struct slice body, const char *key,
                        const char *secret) {
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct token_parts parts;
    assert_int_equal(token_split(token, &arena, &parts), STATUS_OK);
    assert_true(slice_eq_cstr(parts.algorithm, "HS256"));
    uint8_t mac[32], digest[32];
    unsigned len = sizeof mac;
    assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), parts.signing_input.data,
                         parts.signing_input.len, mac, &len));
    assert_true(slice_eq(parts.signature, slice_of(mac, sizeof mac)));
    struct claims claims;
    const char *reason = NULL;
    assert_int_equal(claims_read(parts.payload, &arena, &claims, &reason), STATUS_OK);
    assert_true(slice_eq_cstr(claims.issuer, key));
    SHA256(body.data, body.len, digest);
    struct buf expected;
    buf_init(&expected, 64);
    base64_put(&expected, slice_of(digest, sizeof digest));
    assert_int_equal(expected.len, 44); /* padded */
    assert_true(slice_eq(claims.sha256, buf_slice(&expected)));
    uint64_t now_s = clock_wall_ms() / 1000;
    assert_true(claims.has_expires && claims.has_not_before);
    assert_true((double)now_s - 60 <= claims.not_before_s && claims.not_before_s <= (double)now_s);
    assert_true(claims.expires_s == claims.not_before_s + 300);
    buf_deinit(&expected);
    arena_deinit(&arena);
}

static void each_receiver_gets_a_token_of_its_own_key(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_add(&f, answer_ok, NULL);
    f.places[1].key = SLICE_LIT("a \"quoted\" key");
    f.places[1].secret = SLICE_LIT("another, longer than a block of the hash: 0123456789012345678");
    fixture_start(&f);
    fixture_post(&f, "r", "{\"event\":\"room_finished\",\"id\":\"EV_1\"}");
    assert_true(receiver_wait(f.receivers[0], 1) && receiver_wait(f.receivers[1], 1));
    const struct request *a = receiver_get(f.receivers[0], 0);
    const struct request *b = receiver_get(f.receivers[1], 0);
    check_token(request_header(a, "Authorization"), a->body, "devkey", "secret");
    check_token(request_header(b, "Authorization"), b->body, "a \"quoted\" key",
                "another, longer than a block of the hash: 0123456789012345678");
    fixture_deinit(&f);
}

/* What counts as delivered, and what is tried again. */

struct script {
    struct answer answers[8]; /* to the first requests; then 200 */
    size_t count;
};

static struct answer answer_by_script(void *arg, const struct request *r, size_t nth) {
    (void)r;
    const struct script *s = arg;
    return nth < s->count ? s->answers[nth] : (struct answer){.kind = ANSWER, .status = 200};
}

/* Requests that one event takes until it is over. */
static size_t requests_for(const struct answer *answers, size_t count, bool *ret_delivered) {
    struct script s = {.count = count};
    memcpy(s.answers, answers, count * sizeof *answers);
    struct fixture f;
    fixture_init(&f, answer_by_script, &s);
    f.config.attempt_ms = answers[0].kind == ANSWER_NEVER ? 200 : 2 * RECEIVER_WAIT_MS;
    fixture_start(&f);
    fixture_post(&f, "r", "{}");
    fixture_settle(&f, 1);
    *ret_delivered = fixture_metric(&f, hook_delivered) == 1;
    size_t requests = receiver_count(f.receivers[0]);
    assert_int_equal(fixture_metric(&f, hook_retries), requests - 1);
    for (size_t i = 1; i < requests; i++) { /* the same token, byte for byte */
        assert_true(same_request(receiver_get(f.receivers[0], 0), receiver_get(f.receivers[0], i)));
    }
    fixture_deinit(&f);
    return requests;
}

static void answers_that_end_the_matter(void **state) {
    (void)state;
    static const int statuses[] = {200, 204, 301, 307, 400, 401, 404, 501};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        bool delivered;
        struct answer a = {
            .kind = ANSWER, .status = statuses[i], .headers = "Location: /elsewhere\r\n"};
        assert_int_equal(requests_for(&a, 1, &delivered), 1);
        assert_true(delivered);
    }
}

static void answers_that_are_tried_again(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {.kind = ANSWER, .status = 429}, {.kind = ANSWER, .status = 500},
        {.kind = ANSWER, .status = 503}, {.kind = ANSWER_NEVER},
        {.kind = CLOSE_AT_ONCE},         {.kind = CLOSE_IN_HEAD},
        {.kind = ENDLESS_HEAD},          {.kind = ANSWER_GARBAGE},
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        bool delivered;
        assert_int_equal(requests_for(&answers[i], 1, &delivered), 2);
        assert_true(delivered);
    }
}

static void five_tries_and_no_more(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {.kind = CLOSE_AT_ONCE}, {.kind = ANSWER, .status = 500}, {.kind = ANSWER, .status = 502},
        {.kind = CLOSE_IN_HEAD}, {.kind = ANSWER, .status = 503}, {.kind = ANSWER, .status = 500},
    };
    bool delivered;
    assert_int_equal(requests_for(answers, 4, &delivered), 5);
    assert_true(delivered);
    assert_int_equal(requests_for(answers, 6, &delivered), 5);
    assert_false(delivered);
}

/* Receivers close connections that were idle for long: one more request, at once, not a failure. */
static void a_connection_gone_stale_is_no_try(void **state) {
    (void)state;
    struct script s = {.answers = {{.kind = ANSWER, .status = 200}, {.kind = CLOSE_AT_ONCE}},
                       .count = 2};
    struct fixture f;
    fixture_init(&f, answer_by_script, &s);
    fixture_start(&f);
    fixture_post(&f, "r", "0");
    fixture_settle(&f, 1);
    fixture_post(&f, "r", "1");
    fixture_settle(&f, 2);
    assert_int_equal(receiver_count(f.receivers[0]), 3);
    assert_int_equal(fixture_metric(&f, hook_delivered), 2);
    assert_int_equal(fixture_metric(&f, hook_retries), 0);
    fixture_deinit(&f);
}

static void a_head_is_an_answer_however_its_body_ends(void **state) {
    (void)state;
    static const struct answer answers[] = {{.kind = CLOSE_IN_BODY}, {.kind = ENDLESS_BODY}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        bool delivered;
        assert_int_equal(requests_for(&answers[i], 1, &delivered), 1);
        assert_true(delivered);
    }
}

static void the_wait_that_a_receiver_asks_for_is_kept(void **state) {
    (void)state;
    struct script s = {
        .answers = {{ANSWER, 429, "Retry-After: 1\r\n"}, {ANSWER, 500, "Retry-After: 30\r\n"}},
        .count = 2};
    struct fixture f;
    fixture_init(&f, answer_by_script, &s);
    fixture_start(&f);
    fixture_post(&f, "r", "{}");
    assert_true(receiver_wait(f.receivers[0], 3));
    uint64_t asked =
        receiver_get(f.receivers[0], 1)->at_ms - receiver_get(f.receivers[0], 0)->at_ms;
    uint64_t unasked =
        receiver_get(f.receivers[0], 2)->at_ms - receiver_get(f.receivers[0], 1)->at_ms;
    assert_true(asked >= 990);
    /* A second later the token is still the first. */
    assert_true(same_request(receiver_get(f.receivers[0], 0), receiver_get(f.receivers[0], 1)));
    assert_true(unasked < 15 * 1000); /* with 500 it is not a promise */
    fixture_deinit(&f);
}

static void waits_double_up_to_their_bound(void **state) {
    (void)state;
    static const uint32_t waits[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (uint32_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_int_equal(retry_wait_ms(HOOK_RETRY_FIRST_MS, i + 1, 0), waits[i]);
    }
    assert_int_equal(retry_wait_ms(HOOK_RETRY_FIRST_MS, UINT32_MAX, 0), 30000);
    assert_int_equal(retry_wait_ms(HOOK_RETRY_FIRST_MS, 1, 7000), 7000);
    assert_int_equal(retry_wait_ms(HOOK_RETRY_FIRST_MS, 1, UINT32_MAX), 30000);
    assert_int_equal(attempt_result(true, 503, CURLE_OK, INT64_MAX).retry_after_ms, 30000);
    assert_int_equal(attempt_result(true, 500, CURLE_OK, 7).retry_after_ms, 0);
}

static void what_cannot_work_is_not_tried_again(void **state) {
    (void)state;
    assert_int_equal(attempt_result(false, 0, CURLE_PEER_FAILED_VERIFICATION, 0).verdict,
                     HOOK_FAILED);
    assert_int_equal(attempt_result(false, 0, CURLE_URL_MALFORMAT, 0).verdict, HOOK_FAILED);
    assert_int_equal(attempt_result(false, 200, CURLE_COULDNT_CONNECT, 0).verdict, HOOK_RETRY);
    assert_int_equal(attempt_result(false, 0, CURLE_OPERATION_TIMEDOUT, 0).verdict, HOOK_RETRY);
    assert_int_equal(attempt_result(true, 200, CURLE_OPERATION_TIMEDOUT, 0).verdict,
                     HOOK_DELIVERED);
}

/* Order. */

static struct answer fail_twice_each(void *arg, const struct request *r, size_t nth) {
    (void)r;
    (void)arg;
    return (struct answer){.kind = ANSWER, .status = nth % 3 == 2 ? 200 : 503};
}

static void a_failing_receiver_gets_a_room_in_order(void **state) {
    (void)state;
    enum { EVENTS = 20 };
    struct fixture f;
    fixture_init(&f, fail_twice_each, NULL);
    fixture_start(&f);
    for (int i = 0; i < EVENTS; i++) {
        char body[32];
        (void)snprintf(body, sizeof body, "%d", i);
        fixture_post(&f, "room", body);
    }
    fixture_expect(&f, hook_delivered, EVENTS);
    assert_int_equal(receiver_count(f.receivers[0]), 3 * EVENTS);
    for (int i = 0; i < 3 * EVENTS; i++) {
        char body[32];
        (void)snprintf(body, sizeof body, "%d", i / 3);
        const struct request *r = receiver_get(f.receivers[0], (size_t)i);
        assert_true(body_is(r, body));
        check_token(request_header(r, "Authorization"), r->body, "devkey", "secret");
    }
    assert_int_equal(receiver_open_max(f.receivers[0]), 1);
    fixture_deinit(&f);
}

static struct answer hold(void *arg, const struct request *r, size_t nth) {
    (void)arg;
    (void)r;
    (void)nth;
    return (struct answer){.kind = ANSWER_HELD, .status = 200};
}

static void rooms_go_side_by_side(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hold, NULL);
    fixture_start(&f);
    for (int i = 0; i < 60; i++) {
        char room[16], body[16];
        (void)snprintf(room, sizeof room, "room-%d", i % 20);
        (void)snprintf(body, sizeof body, "%d", i);
        fixture_post(&f, room, body);
    }
    assert_true(receiver_wait(f.receivers[0], 20)); /* all rooms, before any answer */
    fixture_expect(&f, hook_sending, 20);
    fixture_expect(&f, hook_waiting, 40);
    receiver_release(f.receivers[0]);
    fixture_expect(&f, hook_delivered, 60);
    for (int i = 20; i < 60; i++) {
        char before[16], body[16];
        (void)snprintf(before, sizeof before, "%d", i - 20);
        (void)snprintf(body, sizeof body, "%d", i);
        assert_true(find_body(f.receivers[0], before) < find_body(f.receivers[0], body));
    }
    assert_int_equal(receiver_open_max(f.receivers[0]), 20);
    fixture_deinit(&f);
}

static void requests_in_flight_are_bounded(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hold, NULL);
    f.config.in_flight_max = 4;
    fixture_start(&f);
    for (int i = 0; i < 40; i++) {
        char room[16];
        (void)snprintf(room, sizeof room, "room-%d", i);
        fixture_post(&f, room, "{}");
    }
    assert_true(receiver_wait(f.receivers[0], 4));
    fixture_expect(&f, hook_queues, 40);
    usleep(50 * 1000);
    assert_int_equal(receiver_count(f.receivers[0]), 4);
    receiver_release(f.receivers[0]);
    fixture_expect(&f, hook_delivered, 40);
    assert_int_equal(receiver_open_max(f.receivers[0]), 4);
    /* Connections are kept: each request found an open one. */
    assert_true(receiver_get(f.receivers[0], 39)->connection <= 4);
    fixture_deinit(&f);
}

static struct answer hang_in_one_room(void *arg, const struct request *r, size_t nth) {
    (void)arg;
    (void)nth;
    return body_is(r, "hang") ? (struct answer){.kind = ANSWER_NEVER}
                              : (struct answer){.kind = ANSWER, .status = 200};
}

static void a_hanging_request_costs_its_own_room_alone(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hang_in_one_room, NULL);
    f.config.attempt_ms = 100;
    fixture_start(&f);
    fixture_post(&f, "hanging", "hang");
    fixture_post(&f, "hanging", "behind");
    assert_true(receiver_wait(f.receivers[0], 1));
    for (int i = 0; i < 50; i++) {
        fixture_post(&f, "well", "{}");
    }
    fixture_expect(&f, hook_failed, 1); /* after five tries */
    fixture_expect(&f, hook_delivered, 51);
    assert_int_equal(find_body(f.receivers[0], "hang"), 0);
    assert_int_equal(fixture_metric(&f, hook_retries), 4);
    assert_int_equal(fixture_metric(&f, hook_answers_none), 5);
    assert_true(body_is(receiver_get(f.receivers[0], 55), "behind"));
    fixture_deinit(&f);
}

static void a_dead_receiver_costs_the_others_nothing(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_add(&f, answer_ok, NULL);
    f.config.max_depth = 3;
    f.config.retry_first_ms = 60 * 1000;
    f.receivers[0] = receiver_stop(f.receivers[0]); /* its port is closed now */
    f.places[0].url = "http://127.0.0.1:1/";
    fixture_start(&f);
    fixture_post(&f, "r", "0");
    fixture_expect(&f, hook_answers_none, 1); /* refused; its queue waits */
    for (int i = 1; i < 10; i++) {
        fixture_post(&f, "r", "more");
        fixture_expect(&f, hook_delivered, (uint64_t)i + 1);
    }
    assert_int_equal(receiver_count(f.receivers[1]), 10);
    assert_int_equal(fixture_metric(&f, hook_dropped_full), 6);
    fixture_expect(&f, hook_waiting, 3);
    fixture_deinit(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_what_receivers_know),
        cmocka_unit_test(each_receiver_gets_a_token_of_its_own_key),
        cmocka_unit_test(answers_that_end_the_matter),
        cmocka_unit_test(answers_that_are_tried_again),
        cmocka_unit_test(five_tries_and_no_more),
        cmocka_unit_test(a_connection_gone_stale_is_no_try),
        cmocka_unit_test(a_head_is_an_answer_however_its_body_ends),
        cmocka_unit_test(the_wait_that_a_receiver_asks_for_is_kept),
        cmocka_unit_test(waits_double_up_to_their_bound),
        cmocka_unit_test(what_cannot_work_is_not_tried_again),
        cmocka_unit_test(a_failing_receiver_gets_a_room_in_order),
        cmocka_unit_test(rooms_go_side_by_side),
        cmocka_unit_test(requests_in_flight_are_bounded),
        cmocka_unit_test(a_hanging_request_costs_its_own_room_alone),
        cmocka_unit_test(a_dead_receiver_costs_the_others_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
