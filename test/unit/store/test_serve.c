/* The journal while it serves: posts, answers, bounds, a disk that is full. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "mem.h"

static void begin(struct kit *k, bool by_hand) {
    kit_init(k);
    k->by_hand = by_hand;
}

static void start(struct kit *k) {
    assert_int_equal(kit_open(k), STATUS_OK);
}

static void posts_are_told_written_and_then_synced(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    k.config.sync_interval_ms = 60 * 1000; /* no sync comes by itself */
    start(&k);
    kit_post_many(&k, 3);
    assert_int_equal(kit_health(&k).posts, 3);
    kit_turn(&k);
    assert_int_equal(k.written, 3);
    assert_int_equal(k.synced, 0);
    struct journal_health h = kit_health(&k);
    assert_int_equal(h.posts, 0);
    assert_int_equal(h.written, 3);
    assert_int_equal(h.state, JOURNAL_HEALTHY);
    assert_int_equal(KIT_COUNTER(&k, journal_records), 3);
    assert_int_equal(KIT_COUNTER(&k, journal_write_ms_count), 1); /* one write for the three */
    k.j->config.sync_interval_ms = 0;
    kit_turn(&k);
    assert_int_equal(k.synced, 3);
    kit_crash(&k);
    kit_deinit(&k);
}

static void always_means_written_after_the_sync(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    k.config.sync_always = true;
    start(&k);
    kit_post_many(&k, 3);
    kit_turn(&k);
    assert_int_equal(k.written, 3);
    assert_int_equal(k.synced, 3);
    assert_int_equal(KIT_COUNTER(&k, journal_sync_ms_count), 1);
    kit_crash(&k);
    kit_deinit(&k);
}

static void the_thread_does_all_of_it(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    start(&k);
    for (int i = 0; i < 50; i++) {
        kit_post_many(&k, 100);
        kit_listen(&k);
    }
    assert_true(kit_wait_written(&k));
    assert_true(kit_wait_synced(&k));
    kit_post_many(&k, 100);
    kit_close(&k); /* what is posted gets written */
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 5100);
    kit_deinit(&k);
}

static void a_full_box_is_an_answer(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    for (int i = 0; i < JOURNAL_POSTS_MAX; i++) {
        assert_true(journal_room(k.j) > 0);
        assert_true(kit_post(&k));
    }
    assert_int_equal(journal_room(k.j), 0);
    assert_false(kit_post(&k));
    assert_false(journal_snapshot_begin(k.j));
    assert_int_equal(KIT_COUNTER(&k, journal_refused), 2);
    assert_true(kit_wait_written(&k));
    assert_true(kit_post(&k));
    kit_close(&k);
    kit_deinit(&k);
}

/* Batches of any size in any order of taking: the ring must never mix them up. */
static void the_ring_keeps_what_it_was_given(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    static uint8_t batch[JOURNAL_BATCH_BYTES_MAX];
    uint64_t n = 0, refused = 0;
    for (unsigned round = 0; round < 60; round++) {
        size_t len = 0, want = (size_t)(round * 2654435761u) % (sizeof batch / 4 * 3) + 100;
        uint64_t from = n;
        while (len + 4 + KIT_RECORD_BYTES_MAX <= want) {
            struct slice r = kit_record(++n, batch + len + 4);
            batch[len] = batch[len + 1] = batch[len + 2] = 0;
            batch[len + 3] = (uint8_t)r.len;
            len += 4 + r.len;
        }
        if (len > journal_room(k.j)) {
            assert_false(journal_post(k.j, JOURNAL_ROOM, slice_of(batch, len), n));
            n = from;
            refused++;
            (void)journal_turn(k.j); /* room is made from the oldest on, piece by piece */
            continue;
        }
        assert_true(journal_post(k.j, JOURNAL_ROOM, slice_of(batch, len), n));
    }
    assert_true(refused > 3);
    k.sequence = n;
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, n); /* each checked byte by byte */
    kit_deinit(&k);
}

/* Where the newest piece ends and the oldest begins is the same place when it is full. */
static void the_ring_may_be_filled_to_its_last_byte(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    const uint64_t pieces = JOURNAL_QUEUE_BYTES_MAX / JOURNAL_BATCH_BYTES_MAX;
    const uint32_t len = JOURNAL_BATCH_BYTES_MAX - 4;
    uint8_t *batch = mem_zalloc(JOURNAL_BATCH_BYTES_MAX);
    for (int i = 0; i < 4; i++) {
        batch[i] = (uint8_t)(len >> (24 - 8 * i));
    }
    for (uint64_t n = 1; n <= pieces * 2; n++) {
        if (n > pieces) { /* one goes, one comes: in its very place */
            assert_int_equal(journal_room(k.j), 0);
            (void)journal_turn(k.j);
        }
        assert_int_equal(journal_room(k.j), JOURNAL_BATCH_BYTES_MAX);
        assert_true(journal_post(k.j, JOURNAL_CLOCK, slice_of(batch, JOURNAL_BATCH_BYTES_MAX), n));
        k.sequence = n;
    }
    mem_free(batch);
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.others, pieces * 2);
    assert_int_equal(k.report.damaged, 0);
    kit_deinit(&k);
}

static void what_is_no_batch_is_refused(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    assert_false(journal_post(k.j, JOURNAL_ROOM, SLICE_LIT("\0\0\0\5abcd"), 1));
    assert_false(journal_post(k.j, JOURNAL_ROOM, SLICE_LIT("\0\0"), 1));
    uint8_t *large = mem_zalloc(JOURNAL_BATCH_BYTES_MAX + 4);
    assert_false(journal_post(k.j, JOURNAL_ROOM, slice_of(large, JOURNAL_BATCH_BYTES_MAX + 4), 1));
    mem_free(large);
    assert_false(journal_snapshot_page(k.j, SLICE_LIT("\0\0\0\5abcd")));
    assert_int_equal(KIT_COUNTER(&k, journal_refused), 4);
    kit_close(&k);
    kit_deinit(&k);
}

/* The largest batch, of one record and of as many as possible. */
static void the_largest_batches_go_through(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    uint8_t *batch = mem_zalloc(JOURNAL_BATCH_BYTES_MAX);
    assert_true(journal_post(k.j, JOURNAL_CLOCK, slice_of(batch, JOURNAL_BATCH_BYTES_MAX), 1));
    uint32_t len = JOURNAL_BATCH_BYTES_MAX - 4;
    for (int i = 0; i < 4; i++) {
        batch[i] = (uint8_t)(len >> (24 - 8 * i));
    }
    assert_true(journal_post(k.j, JOURNAL_CLOCK, slice_of(batch, JOURNAL_BATCH_BYTES_MAX), 2));
    mem_free(batch);
    k.sequence = 2;
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.others, JOURNAL_BATCH_BYTES_MAX / 4 + 1);
    assert_int_equal(k.report.damaged, 0);
    kit_deinit(&k);
}

static void only_one_process_has_a_journal(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    struct kit other = k;
    assert_int_equal(kit_open(&other), STATUS_EXISTS);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct journal *j;
        struct journal_report report;
        _exit(journal_prepare(&k.config, NULL, NULL, &report, &j) == STATUS_EXISTS ? 7 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 7);
    kit_crash(&k);
    assert_int_equal(kit_open(&other), STATUS_OK);
    kit_crash(&other);
    kit_deinit(&k);
}

static void late_posts_tell_callers_not_to_wait(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    k.config.behind_ms = 5;
    start(&k);
    uint64_t now_ms = clock_mono_ms();
    struct journal_health h;
    kit_post_many(&k, 1);
    journal_health_get(k.j, now_ms + 1000, &h); /* nothing moves: its age alone says it */
    assert_int_equal(h.state, JOURNAL_BEHIND);
    assert_true(h.unwritten_ms >= 900);
    usleep(20 * 1000);
    assert_true(kit_wait_written(&k));
    now_ms = clock_mono_ms();
    journal_health_get(k.j, now_ms, &h); /* it was late: the next would be, too */
    assert_int_equal(h.unwritten_ms, 0);
    assert_int_equal(h.state, JOURNAL_BEHIND);
    assert_int_equal(KIT_COUNTER(&k, journal_late), 1);
    journal_health_get(k.j, now_ms + JOURNAL_CALM_MS + 1, &h);
    assert_int_equal(h.state, JOURNAL_HEALTHY);
    kit_close(&k);
    kit_deinit(&k);
}

static void a_stop_without_grace_writes_no_more(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    start(&k);
    kit_post_many(&k, 10);
    assert_true(kit_wait_written(&k));
    k.j = journal_close(k.j, 0);
    k.j = journal_close(k.j, 0); /* NULL: nothing */
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 10);
    kit_deinit(&k);
}

/* A real full disk, where mounting is possible: a small tmpfs. */
static void a_full_disk_is_waited_for(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    if (mount("tmpfs", k.folder, "tmpfs", 0, "size=64k,mode=0700") != 0) {
        assert_int_equal(rmdir(k.folder), 0);
        print_message("# no right to mount: left out\n");
        skip();
    }
    start(&k);
    char filler[128];
    snprintf(filler, sizeof filler, "%s/filler", k.folder);
    kit_put_file(filler, slice_of((uint8_t[40960]){1}, 40960));
    uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
    while (kit_health(&k).state != JOURNAL_FAILED && clock_mono_ms() < until_ms) {
        (void)kit_post(&k);
        kit_turn(&k);
    }
    assert_int_equal(kit_health(&k).last_error, STATUS_EXHAUSTED);
    uint64_t acknowledged = k.written;
    while (kit_post(&k)) { /* posts return at once until there is no room */
    }
    assert_int_equal(unlink(filler), 0);
    /* The box holds more than this disk: what fits goes in, the rest waits on. */
    while (k.written == acknowledged && clock_mono_ms() < until_ms) {
        kit_turn(&k);
    }
    assert_true(k.written > acknowledged);
    acknowledged = k.written;
    k.j = journal_close(k.j, 0);
    assert_int_equal(kit_read(&k), STATUS_OK); /* behind a torn end, at worst */
    assert_true(kit_is_whole(&k, acknowledged));
    assert_int_equal(umount(k.folder), 0);
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_are_told_written_and_then_synced),
        cmocka_unit_test(always_means_written_after_the_sync),
        cmocka_unit_test(the_thread_does_all_of_it),
        cmocka_unit_test(a_full_box_is_an_answer),
        cmocka_unit_test(the_ring_keeps_what_it_was_given),
        cmocka_unit_test(the_ring_may_be_filled_to_its_last_byte),
        cmocka_unit_test(what_is_no_batch_is_refused),
        cmocka_unit_test(the_largest_batches_go_through),
        cmocka_unit_test(only_one_process_has_a_journal),
        cmocka_unit_test(late_posts_tell_callers_not_to_wait),
        cmocka_unit_test(a_stop_without_grace_writes_no_more),
        cmocka_unit_test(a_full_disk_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
