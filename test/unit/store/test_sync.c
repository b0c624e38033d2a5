/* Appends go on while a sync runs. The journal is turned by hand, and the test is its sync thread:
 * a sync takes as long as the test likes, and fails when it says so. */
#include "kit.h"

#include <string.h>

#include "clock.h"

enum { TURNS = 5 };

static void begin(struct kit *k, bool always) {
    kit_init(k);
    k->by_hand = true;
    k->config.sync_always = always;
    assert_int_equal(kit_open(k), STATUS_OK);
    k->j->config.sync_interval_ms = 0;
    k->j->sync_jobs = mailbox_create(sizeof(struct journal_sync_job), 2);
    assert_non_null(k->j->sync_jobs);
}

static void turn(struct kit *k) {
    for (int i = 0; i < TURNS; i++) {
        (void)journal_turn(k->j);
        kit_listen(k);
    }
}

static void post(struct kit *k, uint64_t count) {
    kit_post_many(k, count);
    turn(k);
}

/* A sync was asked for since the last time. */
static bool is_asked(struct kit *k) {
    struct journal_sync_job job;
    return mailbox_drain(k->j->sync_jobs, &job, 1) == 1;
}

static void answer(struct kit *k, enum status s) {
    struct journal_post p = {.kind = POST_SYNCED, .sync_status = s, .sync_us = 1};
    assert_true(mailbox_push(k->j->inbox, &p));
    turn(k);
}

static void appends_go_on_while_a_sync_runs(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 1);
    assert_true(is_asked(&k));
    post(&k, 10);
    assert_int_equal(k.written, 11); /* told, and nothing of it is synced */
    assert_int_equal(k.synced, 0);
    assert_false(is_asked(&k)); /* one at a time */
    assert_true(kit_health(&k).state == JOURNAL_HEALTHY);
    answer(&k, STATUS_OK);
    assert_int_equal(k.synced, 1); /* what came later is for the next one */
    assert_true(is_asked(&k));
    answer(&k, STATUS_OK);
    assert_int_equal(k.synced, 11);
    assert_false(is_asked(&k));
    assert_int_equal(kit_health(&k).unsynced_ms, 0);
    kit_crash(&k);
    kit_deinit(&k);
}

static void always_tells_what_is_synced(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    post(&k, 1);
    assert_true(is_asked(&k));
    post(&k, 3);
    assert_int_equal(k.written, 0);
    answer(&k, STATUS_OK);
    assert_int_equal(k.written, 1);
    assert_true(is_asked(&k)); /* the three wait for one sync together */
    answer(&k, STATUS_OK);
    assert_int_equal(k.written, 4);
    kit_crash(&k);
    kit_deinit(&k);
}

/* What was written before and during it may be lost: a snapshot tells all of it, to a new file. */
static void a_sync_that_fails_loses_what_came_meanwhile_too(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 5);
    assert_true(is_asked(&k));
    post(&k, 5);
    answer(&k, STATUS_IO);
    assert_true(kit_health(&k).suspect);
    assert_int_equal(k.wanted, 1);
    kit_post_many(&k, 1);
    assert_true(kit_wait_written(&k)); /* the new file is begun some time after */
    turn(&k);
    assert_true(is_asked(&k)); /* of the new file */
    answer(&k, STATUS_OK);
    assert_int_equal(k.synced, 0); /* it proves nothing about the old one */
    assert_true(kit_snapshot(&k));
    while (k.done == 0) {
        turn(&k);
        if (is_asked(&k)) {
            answer(&k, STATUS_OK);
        }
    }
    assert_int_equal(k.synced, 11);
    assert_false(kit_health(&k).suspect);
    kit_crash(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 11));
    kit_deinit(&k);
}

static void the_answer_for_a_file_given_up_says_nothing(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 5);
    assert_true(is_asked(&k));
    int fd = k.j->segment.fd;
    journal_give_up_segment(k.j);              /* as after failed writes */
    assert_int_equal(k.j->sync.orphan_fd, fd); /* not closed under the sync */
    post(&k, 1);
    assert_false(is_asked(&k));
    answer(&k, STATUS_OK);
    assert_int_equal(k.synced, 0);
    assert_int_equal(k.j->sync.orphan_fd, -1);
    assert_true(kit_health(&k).suspect);
    assert_true(is_asked(&k)); /* for the new one */
    kit_crash(&k);
    kit_deinit(&k);
}

/* And the thread does not spin meanwhile. */
static void the_next_file_waits_for_the_sync_of_this_one(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 20);
    assert_true(is_asked(&k));
    k.j->config.segment_bytes = 64; /* it is full from here on */
    post(&k, 1);
    assert_int_equal(k.written, 20);
    assert_true(journal_turn(k.j) > 10);
    answer(&k, STATUS_OK);
    assert_int_equal(k.written, 21);
    assert_int_equal(kit_segments(&k), 2);
    assert_true(is_asked(&k));
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_snapshot_counts_with_a_sync_begun_after_its_end(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 3);
    assert_true(is_asked(&k));
    answer(&k, STATUS_OK);
    assert_true(journal_snapshot_begin(k.j));
    post(&k, 1);
    assert_true(is_asked(&k)); /* before its end */
    assert_true(journal_snapshot_end(k.j));
    turn(&k);
    answer(&k, STATUS_OK);
    assert_int_equal(k.done, 0);
    assert_true(is_asked(&k));
    answer(&k, STATUS_OK);
    assert_int_equal(k.done, 1);
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_stop_waits_for_the_sync_and_what_came_after(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    post(&k, 1);
    assert_true(is_asked(&k));
    kit_post_many(&k, 1);
    struct journal_post stop = {.kind = POST_STOP, .grace_ms = KIT_WAIT_MS};
    assert_true(mailbox_push(k.j->inbox, &stop));
    turn(&k);
    assert_true(k.j->stopping);
    assert_int_equal(k.written, 2);
    answer(&k, STATUS_OK);
    assert_true(is_asked(&k)); /* the second post's */
    answer(&k, STATUS_OK);
    assert_int_equal(k.synced, 2);
    kit_crash(&k);
    kit_deinit(&k);
}

/* The same through both threads: many syncs, files and snapshots beside posts. */
static void with_its_thread(void **state) {
    (void)state;
    struct kit k;
    kit_init(&k);
    k.config.sync_interval_ms = 1;
    k.config.segment_bytes = 4000;
    assert_int_equal(kit_open(&k), STATUS_OK);
    for (int i = 0; i < 20; i++) {
        kit_post_many(&k, 50);
        assert_true(kit_wait_written(&k));
        (void)kit_snapshot(&k);
    }
    assert_true(kit_wait_synced(&k));
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 1000));
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_go_on_while_a_sync_runs),
        cmocka_unit_test(always_tells_what_is_synced),
        cmocka_unit_test(a_sync_that_fails_loses_what_came_meanwhile_too),
        cmocka_unit_test(the_answer_for_a_file_given_up_says_nothing),
        cmocka_unit_test(the_next_file_waits_for_the_sync_of_this_one),
        cmocka_unit_test(a_snapshot_counts_with_a_sync_begun_after_its_end),
        cmocka_unit_test(a_stop_waits_for_the_sync_and_what_came_after),
        cmocka_unit_test(with_its_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
