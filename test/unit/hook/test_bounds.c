#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"
#include "hook_priv.h"

static struct answer hold(void *arg, const struct request *r, size_t nth) {
    (void)arg;
    (void)r;
    (void)nth;
    return (struct answer){.kind = ANSWER_HELD, .status = 200};
}

static struct answer never(void *arg, const struct request *r, size_t nth) {
    (void)arg;
    (void)r;
    (void)nth;
    return (struct answer){.kind = ANSWER_NEVER};
}

static bool post(struct hook *h, const char *name, const char *room, struct slice body) {
    const struct hook_event event = {.name = slice_from_cstr(name),
                                     .key = slice_from_cstr(room),
                                     .id = SLICE_LIT("EV_1"),
                                     .body = body};
    return hook_post(h, &event);
}

/* What is dropped. */

static void a_queue_holds_so_many_and_no_more(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hold, NULL);
    f.config.max_depth = 3;
    fixture_start(&f);
    fixture_post(&f, "r", "under way");
    assert_true(receiver_wait(f.receivers[0], 1));
    for (int i = 0; i < 5; i++) {
        char body[8];
        (void)snprintf(body, sizeof body, "%d", i);
        fixture_post(&f, "r", body);
    }
    fixture_post(&f, "another", "another");
    fixture_expect(&f, hook_dropped_full, 2);
    receiver_release(f.receivers[0]);
    fixture_expect(&f, hook_delivered, 5); /* the first of them, and the other room's */
    assert_int_equal(receiver_count(f.receivers[0]), 5);
    for (size_t i = 0; i < 5; i++) {
        struct slice body = receiver_get(f.receivers[0], i)->body;
        assert_false(slice_eq_cstr(body, "3") || slice_eq_cstr(body, "4"));
    }
    assert_int_equal(fixture_metric(&f, hook_length_count), 5);
    assert_int_equal(fixture_metric(&f, hook_length_inf), 5);
    assert_int_equal(fixture_metric(&f, hook_length_1), 3);
    assert_int_equal(fixture_metric(&f, hook_length_2), 4);
    assert_int_equal(fixture_metric(&f, hook_length_3), 5);
    assert_int_equal(fixture_metric(&f, hook_length_sum), 1 + 1 + 2 + 3 + 1);
    fixture_deinit(&f);
}

static void what_waited_too_long_is_dropped(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hold, NULL);
    f.config.max_age_ms = 50;
    fixture_start(&f);
    fixture_post(&f, "r", "in time");
    assert_true(receiver_wait(f.receivers[0], 1));
    for (int i = 0; i < 4; i++) {
        fixture_post(&f, "r", "late");
    }
    usleep(80 * 1000);
    receiver_release(f.receivers[0]);
    fixture_expect(&f, hook_dropped_age, 4);
    fixture_expect(&f, hook_queues, 0);
    fixture_expect(&f, hook_bytes, 0);
    assert_int_equal(fixture_metric(&f, hook_delivered), 1); /* its own time does not count */
    fixture_post(&f, "r", "again");
    fixture_expect(&f, hook_delivered, 2);
    assert_int_equal(receiver_count(f.receivers[0]), 2);
    fixture_deinit(&f);
}

static void bytes_held_are_bounded(void **state) {
    (void)state;
    enum { BODY = 8 << 20 };
    struct fixture f;
    fixture_init(&f, hold, NULL);
    fixture_start(&f);
    uint8_t *bytes = calloc(1, BODY);
    assert_non_null(bytes);
    memset(bytes, ' ', BODY);
    for (int i = 0; i < HOOK_BYTES_MAX / BODY - 1; i++) {
        assert_true(post(f.hook, "room_started", "r", slice_of(bytes, BODY)));
    }
    assert_false(post(f.hook, "room_started", "r", slice_of(bytes, BODY)));
    assert_true(post(f.hook, "room_started", "r", slice_of(bytes, BODY / 2)));
    assert_int_equal(fixture_metric(&f, hook_dropped_bytes), 1);
    receiver_release(f.receivers[0]);
    fixture_expect(&f, hook_delivered, HOOK_BYTES_MAX / BODY);
    fixture_expect(&f, hook_bytes, 0);
    assert_int_equal(receiver_get(f.receivers[0], 0)->body.len, BODY);
    assert_int_equal(request_header(receiver_get(f.receivers[0], 0), "Expect").len, 0);
    assert_true(post(f.hook, "room_started", "r", slice_of(bytes, BODY)));
    fixture_expect(&f, hook_delivered, HOOK_BYTES_MAX / BODY + 1);
    free(bytes);
    fixture_deinit(&f);
}

static void a_full_mailbox_is_an_answer(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    fixture_add(&f, answer_ok, NULL);
    f.config.receivers = f.places;
    assert_int_equal(hook_prepare(&f.config, &f.hook), STATUS_OK); /* nobody takes them out */
    for (int i = 0; i < MAILBOX_HOOK_MAX; i++) {
        assert_true(post(f.hook, "room_started", "r", SLICE_LIT("{}")));
    }
    assert_false(post(f.hook, "room_started", "r", SLICE_LIT("{}")));
    assert_int_equal(fixture_metric(&f, hook_dropped_mailbox), 2); /* for each receiver */
    hook_stop(f.hook, 0);
    assert_int_equal(fixture_metric(&f, hook_dropped_closed), 2 * HOOK_DEPTH);
    assert_int_equal(fixture_metric(&f, hook_dropped_full), 2 * (MAILBOX_HOOK_MAX - HOOK_DEPTH));
    assert_int_equal(fixture_metric(&f, hook_bytes), 0);
    fixture_deinit(&f);
}

/* What is sent at all. */

static void a_list_of_includes_decides_alone(void **state) {
    (void)state;
    const struct slice includes[] = {SLICE_LIT("room_finished"), SLICE_LIT("room_started")};
    const struct slice excludes[] = {SLICE_LIT("room_started")};
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    f.config.include_events = includes;
    f.config.include_count = ARRAY_LEN(includes);
    f.config.exclude_events = excludes;
    f.config.exclude_count = ARRAY_LEN(excludes);
    fixture_start(&f);
    assert_true(post(f.hook, "participant_joined", "r", SLICE_LIT("0")));
    assert_true(post(f.hook, "room_started", "r", SLICE_LIT("1")));
    assert_true(post(f.hook, "room", "r", SLICE_LIT("2")));
    assert_true(post(f.hook, "room_finished", "r", SLICE_LIT("3")));
    fixture_settle(&f, 2);
    assert_true(slice_eq_cstr(receiver_get(f.receivers[0], 0)->body, "1"));
    assert_true(slice_eq_cstr(receiver_get(f.receivers[0], 1)->body, "3"));
    assert_int_equal(fixture_metric(&f, hook_taken), 2);
    assert_int_equal(fixture_metric(&f, hook_filtered), 2);
    fixture_deinit(&f);
}

static void else_the_excludes_do(void **state) {
    (void)state;
    const struct slice excludes[] = {SLICE_LIT("room_started")};
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    f.config.exclude_events = excludes;
    f.config.exclude_count = ARRAY_LEN(excludes);
    fixture_start(&f);
    assert_true(post(f.hook, "room_started", "r", SLICE_LIT("0")));
    assert_true(post(f.hook, "track_published", "r", SLICE_LIT("1")));
    fixture_settle(&f, 1);
    assert_true(slice_eq_cstr(receiver_get(f.receivers[0], 0)->body, "1"));
    fixture_deinit(&f);
}

static enum status try_config(const char *url, struct slice key, struct slice secret,
                              size_t receivers) {
    struct hook_receiver places[HOOK_RECEIVERS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        places[i] = (struct hook_receiver){.url = url, .key = key, .secret = secret};
    }
    struct hook_config config = {.receivers = places, .receivers_count = receivers};
    struct hook *h = NULL;
    enum status s = hook_prepare(&config, &h);
    assert_true((s == STATUS_OK) == (h != NULL));
    (void)hook_destroy(h, 0);
    return s;
}

static void a_receiver_must_be_one(void **state) {
    (void)state;
    struct slice key = SLICE_LIT("key"), secret = SLICE_LIT("secret");
    static const char *const bad[] = {"",          "hooks.example.com",  "/hook",
                                      "ftp://a/b", "file:///etc/passwd", "http://",
                                      "http://:1", "http://a:99999/",    "http://a b/"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(try_config(bad[i], key, secret, 1), STATUS_INVALID);
    }
    static const char *const good[] = {"http://a", "https://[::1]:1/b?c=d", "HTTPS://Example.com/"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(try_config(good[i], key, secret, HOOK_RECEIVERS_MAX), STATUS_OK);
    }
    char long_key[HOOK_KEY_NAME_BYTES_MAX + 1] = {0};
    memset(long_key, 'k', sizeof long_key);
    assert_int_equal(try_config(good[0], (struct slice){0}, secret, 1), STATUS_INVALID);
    assert_int_equal(try_config(good[0], key, (struct slice){0}, 1), STATUS_INVALID);
    assert_int_equal(try_config(good[0], slice_of(long_key, sizeof long_key), secret, 1),
                     STATUS_INVALID);
    assert_int_equal(try_config(good[0], key, secret, 0), STATUS_INVALID);
    assert_int_equal(try_config(good[0], key, secret, HOOK_RECEIVERS_MAX + 1), STATUS_INVALID);
}

static void the_longest_key_fits_its_token(void **state) {
    (void)state;
    char issuer[HOOK_KEY_NAME_BYTES_MAX];
    memset(issuer, '<', sizeof issuer); /* each is six characters in JSON */
    struct hmac_key *key = hmac_key_create(HMAC_SHA256, SLICE_LIT("secret"));
    assert_non_null(key);
    struct buf token;
    buf_init(&token, HOOK_TOKEN_BYTES_MAX);
    assert_int_equal(
        sign_body(key, slice_of(issuer, sizeof issuer), SLICE_LIT("{}"), UINT32_MAX, &token),
        STATUS_OK);
    assert_false(token.failed);
    assert_true(token.len + sizeof "Authorization: " <= HOOK_TOKEN_BYTES_MAX);
    buf_deinit(&token);
    (void)hmac_key_destroy(key);
}

/* The end. */

static void what_is_pending_leaves_within_the_grace(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, hold, NULL);
    fixture_start(&f);
    for (int i = 0; i < 30; i++) {
        fixture_post(&f, i % 2 ? "a" : "b", "{}");
    }
    assert_true(receiver_wait(f.receivers[0], 2));
    receiver_release(f.receivers[0]);
    uint64_t began_ms = clock_mono_ms();
    hook_stop(f.hook, 60 * 1000);
    assert_true(clock_mono_ms() - began_ms < 50 * 1000);
    assert_int_equal(fixture_metric(&f, hook_delivered), 30);
    assert_int_equal(fixture_metric(&f, hook_dropped_closed), 0);
    fixture_deinit(&f);
}

static void what_does_not_leave_is_dropped_and_counted(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, never, NULL);
    fixture_add(&f, answer_ok, NULL);
    fixture_start(&f);
    for (int i = 0; i < 10; i++) {
        fixture_post(&f, "r", "{}");
    }
    assert_true(receiver_wait(f.receivers[0], 1));
    fixture_expect(&f, hook_delivered, 10); /* to the other one */
    hook_stop(f.hook, 20);
    assert_int_equal(fixture_metric(&f, hook_dropped_closed), 10);
    assert_int_equal(fixture_metric(&f, hook_queues), 0);
    assert_int_equal(fixture_metric(&f, hook_waiting), 0);
    assert_int_equal(fixture_metric(&f, hook_sending), 0);
    assert_int_equal(fixture_metric(&f, hook_bytes), 0);
    fixture_deinit(&f);
}

static void the_end_does_not_wait_for_a_pause(void **state) {
    (void)state;
    struct fixture f;
    fixture_init(&f, answer_ok, NULL);
    f.receivers[0] = receiver_stop(f.receivers[0]);
    f.places[0].url = "http://127.0.0.1:1/";
    f.config.retry_first_ms = 3600 * 1000;
    fixture_start(&f);
    fixture_post(&f, "r", "{}");
    fixture_expect(&f, hook_retries, 1);
    uint64_t began_ms = clock_mono_ms();
    hook_stop(f.hook, 20); /* the pause is of 30 s */
    assert_true(clock_mono_ms() - began_ms < HOOK_RETRY_WAIT_MAX_MS / 2);
    assert_int_equal(fixture_metric(&f, hook_dropped_closed), 1);
    fixture_deinit(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_holds_so_many_and_no_more),
        cmocka_unit_test(what_waited_too_long_is_dropped),
        cmocka_unit_test(bytes_held_are_bounded),
        cmocka_unit_test(a_full_mailbox_is_an_answer),
        cmocka_unit_test(a_list_of_includes_decides_alone),
        cmocka_unit_test(else_the_excludes_do),
        cmocka_unit_test(a_receiver_must_be_one),
        cmocka_unit_test(the_longest_key_fits_its_token),
        cmocka_unit_test(what_is_pending_leaves_within_the_grace),
        cmocka_unit_test(what_does_not_leave_is_dropped_and_counted),
        cmocka_unit_test(the_end_does_not_wait_for_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
