/* Snapshots while serving: what they replace, what they bound, and what voids them. */
#include "kit.h"

#include <string.h>

#include "clock.h"
#include "mem.h"

static void begin(struct kit *k, bool by_hand) {
    kit_init(k);
    k->by_hand = by_hand;
}

static void start(struct kit *k) {
    assert_int_equal(kit_open(k), STATUS_OK);
}

/* A log that is long asks for a snapshot, and shrinks to what lives. */
static void snapshots_bound_the_log(void **state) {
    (void)state;
    struct kit k;
    begin(&k, false);
    k.config.compact_min_bytes = 20000;
    k.config.segment_bytes = 8000;
    start(&k);
    uint64_t most = 0;
    unsigned taken = 0;
    for (int i = 0; i < 400; i++) {
        kit_post_many(&k, 20);
        assert_true(kit_wait_written(&k));
        if (k.wanted > taken) {
            taken++;
            assert_true(kit_snapshot(&k));
        }
        most = MAX(most, kit_health(&k).bytes);
    }
    uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
    while (k.done < taken && clock_mono_ms() < until_ms) {
        kit_turn(&k);
    }
    assert_true(taken >= 5);
    assert_int_equal(k.done, taken);
    assert_true(most < 20000 * 3);
    assert_int_equal(KIT_COUNTER(&k, journal_snapshots), taken);
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(k.records < 1500);
    assert_true(k.report.snapshot_bytes > 0);
    assert_true(kit_is_whole(&k, 8000));
    kit_deinit(&k);
}

/* So that after a power cut no file stands behind one that lost its end. */
static void a_file_is_synced_before_the_next_begins(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    k.config.sync_interval_ms = 60 * 1000;
    k.config.segment_bytes = 1000;
    start(&k);
    for (int i = 0; i < 200; i++) {
        uint64_t before = k.sequence;
        size_t segments = kit_health(&k).segments;
        kit_post_many(&k, 1);
        assert_true(kit_wait_written(&k));
        if (segments > 0 && kit_health(&k).segments > segments) {
            assert_int_equal(k.synced, before);
        }
    }
    assert_true(kit_health(&k).segments > 5);
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_snapshot_forgets_what_it_leaves_out(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    kit_post_many(&k, KIT_KEYS * 2);
    assert_true(kit_wait_written(&k));
    memset(k.state, 0, 4 * sizeof k.state[0]); /* the owner forgot four names */
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    assert_int_equal(kit_segments(&k), 1);
    kit_post_many(&k, 1);
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, KIT_KEYS - 4 + 1);
    kit_deinit(&k);
}

/* Death after the end is written and before the old files are gone: they do not come back. */
static void old_files_behind_a_whole_snapshot_do_not_count(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    begin(&k, true);
    start(&k);
    kit_post_many(&k, KIT_KEYS * 2);
    assert_true(kit_wait_written(&k));
    kit_path(&k, 1, path);
    struct bytes old = kit_file(path);
    memset(k.state, 0, 4 * sizeof k.state[0]);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    kit_crash(&k);
    kit_put_file(path, bytes_slice(&old));
    bytes_deinit(&old);
    start(&k);
    assert_int_equal(k.records, KIT_KEYS - 4);
    kit_settle(&k); /* and are deleted once what replaces them is synced */
    assert_int_equal(kit_segments(&k), 1);
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_snapshot_with_damage_replaces_nothing(void **state) {
    (void)state;
    struct kit k;
    char first[JOURNAL_PATH_BYTES], path[JOURNAL_PATH_BYTES];
    begin(&k, true);
    start(&k);
    kit_post_many(&k, KIT_KEYS * 2);
    assert_true(kit_wait_written(&k));
    kit_path(&k, 1, first);
    struct bytes old = kit_file(first);
    k.j->config.segment_bytes = 300;
    assert_true(journal_snapshot_begin(k.j));
    for (int i = 0; i < 10; i++) { /* files of posts between its begin and its end */
        kit_post_many(&k, 1);
        assert_true(kit_wait_written(&k));
    }
    assert_true(journal_snapshot_end(k.j));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    kit_crash(&k);
    kit_put_file(first, bytes_slice(&old)); /* as if the death came before it was deleted */
    bytes_deinit(&old);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 10); /* its pages were left out: only what came between */
    kit_path(&k, 3, path);
    struct bytes b = kit_file(path);
    b.data[b.len - 1] ^= 1;
    kit_put_file(path, bytes_slice(&b));
    bytes_deinit(&b);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(k.records > KIT_KEYS * 2);
    assert_int_equal(k.report.damaged, 1);
    kit_deinit(&k);
}

static void a_snapshot_begun_anew_replaces_the_one_before(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    kit_post_many(&k, 40);
    assert_true(journal_snapshot_begin(k.j));
    kit_post_many(&k, 3);
    kit_settle(&k);
    assert_true(kit_health(&k).snapshot_running);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    assert_int_equal(kit_segments(&k), 1);
    assert_false(kit_health(&k).snapshot_running);
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_true(kit_is_whole(&k, 43));
    kit_deinit(&k);
}

static void pages_leave_half_of_the_room_to_posts(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    start(&k);
    uint8_t *page = mem_zalloc(JOURNAL_BATCH_BYTES_MAX);
    assert_true(journal_snapshot_begin(k.j));
    size_t taken = 0, room;
    while ((room = journal_snapshot_room(k.j)) > 4) {
        assert_true(journal_snapshot_page(k.j, slice_of(page, room / 4 * 4)));
        taken += room / 4 * 4;
    }
    assert_false(journal_snapshot_page(k.j, slice_of(page, 8)));
    mem_free(page);
    assert_true(taken > JOURNAL_QUEUE_BYTES_MAX / 2 - 8 && taken <= JOURNAL_QUEUE_BYTES_MAX / 2);
    assert_true(journal_room(k.j) == JOURNAL_BATCH_BYTES_MAX);
    kit_crash(&k);
    kit_deinit(&k);
}

static void a_log_at_its_bound_takes_no_more(void **state) {
    (void)state;
    struct kit k;
    begin(&k, true);
    k.config.bytes_max = 5000;
    k.config.compact_min_bytes = 4000;
    start(&k);
    while (journal_room(k.j) > 0) {
        kit_post_many(&k, 1);
        assert_true(kit_wait_written(&k));
    }
    assert_true(kit_health(&k).full);
    assert_int_equal(k.wanted, 1);
    assert_true(kit_health(&k).bytes < 5000 + 100);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_false(kit_health(&k).full);
    assert_true(journal_room(k.j) > 0);
    kit_close(&k);
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_bound_the_log),
        cmocka_unit_test(a_file_is_synced_before_the_next_begins),
        cmocka_unit_test(a_snapshot_forgets_what_it_leaves_out),
        cmocka_unit_test(old_files_behind_a_whole_snapshot_do_not_count),
        cmocka_unit_test(a_snapshot_with_damage_replaces_nothing),
        cmocka_unit_test(a_snapshot_begun_anew_replaces_the_one_before),
        cmocka_unit_test(pages_leave_half_of_the_room_to_posts),
        cmocka_unit_test(a_log_at_its_bound_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
