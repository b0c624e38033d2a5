/* Each change of a file fails once, and from there on: as a crash, and as a disk that comes back.
 * Only in builds with faults. */
#include "kit.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"
#include "file.h"
#include "mem.h"

static void set(const char *name_and_value) {
    assert_int_equal(fault_set(slice_from_cstr(name_and_value)), STATUS_OK);
}

static void fail_at(uint64_t nth) {
    struct buf text;
    buf_init(&text, 64);
    buf_put_cstr(&text, "file_fail_at=");
    buf_put_u64_dec(&text, nth);
    assert_int_equal(fault_set(buf_slice(&text)), STATUS_OK);
    buf_deinit(&text);
}

static void begin(struct kit *k) {
    kit_init(k);
    k->by_hand = true;
    k->config.segment_bytes = 1200;
}

/* Posts, segments that fill, a snapshot with posts between its pages, deletions. */
static void turns(struct kit *k, int count) {
    for (int i = 0; i < count; i++) {
        (void)journal_turn(k->j);
        kit_listen(k);
    }
}

static void live_through_a_compaction(struct kit *k) {
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 10; i++) {
            (void)kit_post(k);
        }
        if (round == 2 || round == 5) {
            (void)kit_snapshot(k);
        }
        turns(k, 3);
    }
    turns(k, 12);
}

static bool is_failing(void) {
    return fault_value(FAULT_FILE_FAIL_AT) < 0;
}

/* The process dies at its nth change of a file; the next start finds all that was told. */
static void a_crash_at_every_change_of_a_file(void **state) {
    (void)state;
    bool failing = true;
    unsigned walked = 0;
    for (uint64_t nth = 1; failing; nth++, walked++) {
        struct kit k;
        begin(&k);
        k.config.retry_first_ms = k.config.retry_max_ms = 60 * 1000;
        assert_int_equal(kit_open(&k), STATUS_OK);
        k.j->config.sync_interval_ms = 0; /* after each write, so that every walk is the same */
        kit_post_many(&k, 30);
        fail_at(nth);
        live_through_a_compaction(&k);
        failing = is_failing();
        assert_true(failing || k.done == 2); /* the walk covers all of a compaction */
        uint64_t written = k.written, posted = k.sequence;
        kit_crash(&k);
        set("file_fail_at=0");

        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, written));
        assert_true(k.last <= posted);
        k.config.retry_first_ms = k.config.retry_max_ms = 1;
        assert_int_equal(kit_open(&k), STATUS_OK); /* and goes on from there */
        kit_post_many(&k, 5);
        assert_true(kit_wait_synced(&k) || k.wanted > 0);
        if (k.wanted > 0) {
            assert_true(kit_snapshot(&k));
        }
        kit_settle(&k);
        kit_crash(&k);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, MAX(written, k.sequence)));
        assert_int_equal(k.report.damaged, 0);
        kit_deinit(&k);
    }
    print_message("# %u points of failure\n", walked);
    assert_true(walked > 40);
}

/* The disk fails from the nth change on, and comes back: all is written in the end, and synced
 * once a snapshot has told again what a failed sync may have lost. */
static void a_disk_that_comes_back_at_every_change(void **state) {
    (void)state;
    bool failing = true;
    for (uint64_t nth = 1; failing; nth++) {
        struct kit k;
        begin(&k);
        assert_int_equal(kit_open(&k), STATUS_OK);
        kit_post_many(&k, 30);
        fail_at(nth);
        live_through_a_compaction(&k);
        usleep(3000);
        turns(&k, 3);
        failing = is_failing();
        set("file_fail_at=0");
        assert_true(kit_wait_written(&k));
        unsigned answered = 0;
        uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
        while ((k.synced < k.sequence || k.j->delete_below > 0) && clock_mono_ms() < until_ms) {
            if (k.wanted > answered && k.j->snapshot == SNAPSHOT_WANTED) {
                assert_true(kit_snapshot(&k));
                answered = k.wanted;
            }
            kit_turn(&k);
        }
        assert_int_equal(k.synced, k.sequence);
        assert_int_equal(kit_health(&k).state, JOURNAL_HEALTHY);
        assert_false(kit_health(&k).suspect);
        kit_crash(&k);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, k.sequence));
        kit_deinit(&k);
    }
}

static void failures_are_not_repeated_at_once(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.retry_first_ms = k.config.retry_max_ms = 60 * 1000;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 5);
    assert_true(kit_wait_synced(&k));
    fail_at(1);
    kit_post_many(&k, 5);
    turns(&k, 10);
    assert_int_equal(KIT_COUNTER(&k, journal_errors_write), 1);
    assert_true(journal_turn(k.j) > 500); /* the longest wait is a second */
    set("file_fail_at=0");
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_failed_write_is_tried_again_at_the_same_place(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.segment_bytes = 1 << 20;
    k.config.sync_interval_ms = 60 * 1000;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 5);
    assert_true(kit_wait_written(&k));
    fail_at(1);
    kit_post_many(&k, 5);
    turns(&k, 1);
    assert_int_equal(kit_health(&k).state, JOURNAL_FAILED);
    assert_int_equal(kit_health(&k).last_error, STATUS_IO);
    assert_int_equal(k.written, 5);
    set("file_fail_at=0");
    assert_true(kit_wait_written(&k));
    assert_int_equal(kit_health(&k).state, JOURNAL_HEALTHY);
    assert_false(kit_health(&k).suspect);
    kit_crash(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 10);
    assert_int_equal(k.report.damaged, 0);
    assert_int_equal(kit_segments(&k), 1);
    kit_deinit(&k);
}

/* The last record is read again before anything is put behind it. */
static void a_file_that_changed_beneath_is_left(void **state) {
    (void)state;
    for (int deleted = 0; deleted < 2; deleted++) {
        struct kit k;
        char path[JOURNAL_PATH_BYTES];
        begin(&k);
        assert_int_equal(kit_open(&k), STATUS_OK);
        kit_post_many(&k, 5);
        assert_true(kit_wait_written(&k));
        kit_path(&k, 1, path);
        if (deleted) {
            assert_int_equal(unlink(path), 0);
        } else {
            struct bytes b = kit_file(path);
            b.data[b.len - 1] ^= 1;
            kit_put_file(path, bytes_slice(&b));
            bytes_deinit(&b);
        }
        fail_at(1);
        kit_post_many(&k, 1);
        turns(&k, 1);
        set("file_fail_at=0");
        assert_true(kit_wait_written(&k));
        assert_true(kit_health(&k).suspect);
        assert_int_equal(k.wanted, 1);
        assert_true(kit_snapshot(&k));
        kit_settle(&k);
        kit_crash(&k);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, 6));
        kit_deinit(&k);
    }
}

/* After a failed sync nothing counts as synced until a snapshot is, and the file is left. */
static void a_failed_sync_asks_for_a_snapshot(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.segment_bytes = 1 << 20;
    k.config.sync_interval_ms = 60 * 1000;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 20);
    assert_true(kit_wait_written(&k));
    k.j->config.sync_interval_ms = 0;
    fail_at(1);
    turns(&k, 1);
    set("file_fail_at=0");
    assert_true(kit_health(&k).suspect);
    assert_int_equal(k.wanted, 1);
    kit_post_many(&k, 1);
    assert_true(kit_wait_written(&k));
    kit_settle(&k);
    assert_int_equal(k.synced, 0);
    assert_int_equal(kit_segments(&k), 2);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.synced, 21);
    assert_int_equal(k.done, 1);
    assert_false(kit_health(&k).suspect);
    assert_int_equal(kit_segments(&k), 1);
    kit_crash(&k);
    kit_deinit(&k);
}

/* Who wants the sync inside the bound is not told of a write whose sync failed. */
static void always_tells_nothing_before_the_sync(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.segment_bytes = 1 << 20;
    k.config.sync_always = true;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 5);
    assert_true(kit_wait_written(&k));
    fail_at(2); /* the write is well, its sync is not */
    kit_post_many(&k, 5);
    turns(&k, 1);
    set("file_fail_at=0");
    turns(&k, 3);
    assert_int_equal(k.written, 5);
    assert_int_equal(kit_health(&k).written, 10);
    assert_int_equal(kit_health(&k).state, JOURNAL_FAILED);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.written, 10);
    assert_int_equal(kit_health(&k).state, JOURNAL_HEALTHY);
    kit_crash(&k);
    kit_deinit(&k);
}

static void old_files_stay_until_the_snapshot_is_synced(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.segment_bytes = 1 << 20;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 20);
    assert_true(kit_wait_synced(&k));
    assert_true(kit_snapshot(&k));
    k.j->config.sync_interval_ms = 60 * 1000;
    turns(&k, 1); /* it begins */
    fail_at(2);   /* its pages and its end are written, and not synced */
    turns(&k, 3);
    set("file_fail_at=0");
    assert_int_equal(k.done, 0);
    assert_int_equal(k.wanted, 1);
    assert_int_equal(kit_segments(&k), 2);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    assert_int_equal(kit_segments(&k), 1);
    kit_crash(&k);
    kit_deinit(&k);
}

/* A sync that fails while a snapshot runs makes it void: its end is not written. */
static void a_spoiled_snapshot_replaces_nothing(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    k.config.segment_bytes = 1 << 20;
    k.config.sync_interval_ms = 60 * 1000;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 20);
    assert_true(kit_wait_written(&k));
    assert_true(journal_snapshot_begin(k.j));
    turns(&k, 2);
    k.j->config.sync_interval_ms = 0;
    fail_at(1);
    turns(&k, 1);
    set("file_fail_at=0");
    assert_true(journal_snapshot_end(k.j));
    kit_settle(&k);
    assert_int_equal(k.done, 0);
    assert_int_equal(k.wanted, 1);
    assert_true(kit_segments(&k) >= 2);
    assert_int_equal(kit_read(&k), STATUS_OK); /* a death now: what was before still counts */
    assert_true(kit_is_whole(&k, 20));
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    kit_crash(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 20));
    kit_deinit(&k);
}

/* Posts return at once whatever the disk does, until there is no room. */
static void posts_do_not_wait_for_a_stalled_disk(void **state) {
    (void)state;
    enum { STALL_MS = 300 };
    struct kit k;
    kit_init(&k);
    k.config.behind_ms = 20;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 1);
    assert_true(kit_wait_synced(&k));
    set("file_stall_ms=300");
    kit_post_many(&k, 1);
    usleep(2000); /* the thread hangs in its write */
    uint64_t longest_us = 0, refused = 0;
    for (int i = 0; i < JOURNAL_POSTS_MAX + 10; i++) {
        uint64_t began_us = clock_mono_us();
        refused += !kit_post(&k);
        longest_us = MAX(longest_us, clock_mono_us() - began_us);
    }
    assert_true(longest_us < STALL_MS * 1000 / 2);
    assert_true(refused > 0);
    usleep(30 * 1000);
    assert_int_equal(kit_health(&k).state, JOURNAL_BEHIND); /* said by its age, not by the thread */
    assert_true(kit_health(&k).unwritten_ms >= 20);
    set("file_stall_ms=0");
    assert_true(kit_wait_written(&k));
    assert_true(kit_wait_synced(&k));
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, k.sequence));
    kit_deinit(&k);
}

/* With nowhere to write, closing ends when the grace does. */
static void closing_gives_up_in_time(void **state) {
    (void)state;
    struct kit k;
    kit_init(&k);
    assert_int_equal(kit_open(&k), STATUS_OK);
    set("file_fail=1");
    kit_post_many(&k, 10);
    k.j = journal_close(k.j, 30);
    set("file_fail=0");
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 0);
    kit_deinit(&k);
}

/* A disk that answers nothing at all: the stop goes on without it. What is left behind would end
 * with the process; here the disk comes back, and its thread finds all that it uses. */
static void a_sync_that_hangs_holds_up_no_stop(void **state) {
    (void)state;
    enum { STALL_MS = 4000, GRACE_MS = 30, SYNC_MS = 100 };
    struct kit k;
    kit_init(&k);
    k.config.sync_interval_ms = SYNC_MS;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 10);
    assert_true(kit_wait_written(&k));
    set("file_stall_ms=4000");
    usleep(2 * SYNC_MS * 1000); /* the sync has begun */
    struct journal *left = k.j;
    uint64_t began_ms = clock_mono_ms();
    k.j = journal_close(k.j, GRACE_MS);
    uint64_t took_ms = clock_mono_ms() - began_ms;
    set("file_stall_ms=0");
    assert_null(k.j);
    assert_in_range(took_ms, JOURNAL_STUCK_MS, STALL_MS - 500);
    left->sync_thread = thread_join(left->sync_thread);
    assert_null(journal_destroy(left));
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 10));
    kit_deinit(&k);
}

/* Opening asks for memory once for each thing; without any of them it leaves no trace. */
static void every_allocation_fails(void **state) {
    (void)state;
    struct kit k;
    begin(&k);
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 40);
    kit_close(&k);
    k.by_hand = false;
    enum status s = STATUS_NO_MEMORY;
    uint64_t nth = 1;
    for (uint64_t before = mem_live_blocks(); s != STATUS_OK; nth++) {
        k.j = NULL;
        mem_fail_from(nth);
        s = kit_open(&k);
        if (s == STATUS_OK) { /* and from here on it needs none */
            kit_post_many(&k, 10);
            assert_true(kit_snapshot(&k));
            assert_true(kit_wait_synced(&k));
            k.j = journal_close(k.j, KIT_WAIT_MS);
        }
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        assert_null(k.j);
        assert_int_equal(mem_live_blocks(), before);
    }
    assert_true(nth > 8);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 50));
    kit_deinit(&k);
}

struct pages {
    struct kit *k;
    size_t next;
};

static enum status see(void *arg, enum journal_type type, struct slice payload) {
    (void)arg;
    (void)type;
    (void)payload;
    return STATUS_OK;
}

static bool next_page(void *arg, struct buf *out) {
    struct pages *p = arg;
    uint8_t bytes[KIT_RECORD_BYTES_MAX];
    struct slice record = kit_record(p->k->state[p->next++], bytes);
    buf_put_be32(out, (uint32_t)record.len);
    buf_put(out, record);
    return p->next < KIT_KEYS;
}

static void an_offline_compaction_fails_at_every_change(void **state) {
    (void)state;
    enum status s = STATUS_IO;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        struct kit k;
        struct pages pages = {.k = &k};
        struct journal_compaction with = {see, next_page, &pages};
        uint64_t bytes;
        begin(&k);
        assert_int_equal(kit_open(&k), STATUS_OK);
        kit_post_many(&k, 100);
        kit_close(&k);
        fail_at(nth);
        s = journal_compact(&k.config, &with, &k.report, &bytes);
        set("file_fail_at=0");
        assert_true(s == STATUS_OK || s == STATUS_IO);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_true(kit_is_whole(&k, 100));
        kit_deinit(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_at_every_change_of_a_file),
        cmocka_unit_test(a_disk_that_comes_back_at_every_change),
        cmocka_unit_test(failures_are_not_repeated_at_once),
        cmocka_unit_test(a_failed_write_is_tried_again_at_the_same_place),
        cmocka_unit_test(a_file_that_changed_beneath_is_left),
        cmocka_unit_test(a_failed_sync_asks_for_a_snapshot),
        cmocka_unit_test(always_tells_nothing_before_the_sync),
        cmocka_unit_test(old_files_stay_until_the_snapshot_is_synced),
        cmocka_unit_test(a_spoiled_snapshot_replaces_nothing),
        cmocka_unit_test(posts_do_not_wait_for_a_stalled_disk),
        cmocka_unit_test(closing_gives_up_in_time),
        cmocka_unit_test(a_sync_that_hangs_holds_up_no_stop),
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(an_offline_compaction_fails_at_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
