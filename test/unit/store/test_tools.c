/* What a person does with a journal that nobody runs: look at it, list it, shrink it. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

struct listing {
    struct journal_entry last;
    uint64_t rooms, begins, ends;
    bool in_order;
};

static enum status list_entry(void *arg, const struct journal_entry *e) {
    struct listing *l = arg;
    bool later = e->segment > l->last.segment ||
                 (e->segment == l->last.segment && e->offset > l->last.offset);
    l->in_order = l->in_order && later;
    l->rooms += e->type == JOURNAL_ROOM;
    l->begins += e->type == JOURNAL_SNAPSHOT_BEGIN;
    l->ends += e->type == JOURNAL_SNAPSHOT_END;
    l->last = *e;
    return STATUS_OK;
}

static void a_log_with_a_snapshot(struct kit *k) {
    kit_init(k);
    k->by_hand = true;
    k->config.segment_bytes = 600;
    assert_int_equal(kit_open(k), STATUS_OK);
    kit_post_many(k, 50);
    assert_true(kit_snapshot(k));
    for (int i = 0; i < 50; i++) {
        kit_post_many(k, 1);
        assert_true(kit_wait_written(k));
    }
    kit_settle(k);
    kit_close(k);
}

static void check_reports_and_dump_lists(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct listing l = {.in_order = true};
    a_log_with_a_snapshot(&k);
    size_t segments = kit_segments(&k);
    assert_true(segments > 3);
    assert_int_equal(journal_check(k.folder, list_entry, &l, &k.report), STATUS_OK);
    assert_true(l.in_order);
    assert_int_equal(l.begins, 1);
    assert_int_equal(l.ends, 1);
    assert_int_equal(l.rooms + 2, k.report.records);
    assert_int_equal(k.report.segments, segments);
    assert_int_equal(k.report.damaged, 0);
    assert_true(k.report.snapshot_bytes > 0);

    kit_path(&k, l.last.segment, path);
    struct bytes b = kit_file(path);
    kit_put_file(path, slice_of(b.data, b.len - 1));
    assert_int_equal(journal_check(k.folder, NULL, NULL, &k.report), STATUS_OK);
    assert_int_equal(k.report.damaged, 1);
    assert_int_equal(k.report.records, l.rooms + 1);
    struct bytes after = kit_file(path);
    assert_int_equal(after.len, b.len - 1); /* looked at, not touched */
    kit_put_file(path, SLICE_LIT("nothing of ours"));
    assert_int_equal(journal_check(k.folder, NULL, NULL, &k.report), STATUS_MALFORMED);
    assert_int_equal(journal_check("no/such/folder", NULL, NULL, &k.report), STATUS_NOT_FOUND);
    bytes_deinit(&b);
    bytes_deinit(&after);
    kit_deinit(&k);
}

static enum status end_at_the_third(void *arg, const struct journal_entry *e) {
    (void)e;
    return ++*(unsigned *)arg == 3 ? STATUS_CLOSED : STATUS_OK;
}

static void looking_is_possible_beside_an_owner_and_may_end_early(void **state) {
    (void)state;
    struct kit k;
    unsigned count = 0;
    a_log_with_a_snapshot(&k);
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(journal_check(k.folder, end_at_the_third, &count, &k.report), STATUS_CLOSED);
    assert_int_equal(count, 3);
    kit_crash(&k);
    kit_deinit(&k);
}

/* An owner for the offline compaction: the newest number of each key. */
struct owner {
    uint64_t newest[KIT_KEYS];
    size_t next;
    bool bad; /* makes pages that are none */
};

static enum status take(void *arg, enum journal_type type, struct slice payload) {
    struct owner *o = arg;
    assert_int_equal(type, JOURNAL_ROOM);
    uint64_t n = 0;
    for (size_t i = 0; i < 8; i++) {
        n = n << 8 | payload.data[i];
    }
    o->newest[n % KIT_KEYS] = n;
    return STATUS_OK;
}

static bool give(void *arg, struct buf *out) {
    struct owner *o = arg;
    for (int i = 0; i < 3 && o->next < KIT_KEYS; i++) {
        uint8_t bytes[KIT_RECORD_BYTES_MAX];
        struct slice record = kit_record(o->newest[o->next++], bytes);
        buf_put_be32(out, (uint32_t)record.len + (o->bad ? 1000 : 0));
        buf_put(out, record);
    }
    return o->next < KIT_KEYS;
}

static void compact_leaves_what_lives(void **state) {
    (void)state;
    struct kit k;
    struct owner o = {0};
    const struct journal_compaction with = {take, give, &o};
    uint64_t bytes = 0;
    a_log_with_a_snapshot(&k);
    assert_int_equal(journal_compact(&k.config, &with, &k.report, &bytes), STATUS_OK);
    assert_true(bytes < k.report.bytes);
    assert_int_equal(kit_segments(&k), 1);
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.records, KIT_KEYS);
    assert_int_equal(k.report.bytes, bytes);
    assert_int_equal(k.report.snapshot_bytes, bytes);
    assert_true(kit_is_whole(&k, 100));
    assert_int_equal(journal_compact(&k.config, &with, &k.report, &bytes), STATUS_EXISTS);
    kit_post_many(&k, 1);
    kit_close(&k);
    kit_deinit(&k);
}

static void a_compaction_that_fails_leaves_all(void **state) {
    (void)state;
    struct kit k;
    struct owner o = {.bad = true};
    const struct journal_compaction with = {take, give, &o};
    uint64_t bytes = 0;
    a_log_with_a_snapshot(&k);
    size_t segments = kit_segments(&k);
    assert_int_equal(journal_compact(&k.config, &with, &k.report, &bytes), STATUS_MALFORMED);
    assert_int_equal(kit_segments(&k), segments);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.report.damaged, 0);
    assert_true(kit_is_whole(&k, 100));
    kit_deinit(&k);
}

static void an_empty_folder_compacts_to_an_empty_snapshot(void **state) {
    (void)state;
    struct kit k;
    struct owner o = {.next = KIT_KEYS};
    const struct journal_compaction with = {take, give, &o};
    uint64_t bytes = 0;
    kit_init(&k);
    assert_int_equal(journal_compact(&k.config, &with, &k.report, &bytes), STATUS_OK);
    assert_int_equal(k.report.records, 0);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 0);
    assert_int_equal(k.report.records, 2);
    kit_deinit(&k);
}

static enum status note_clock(void *arg, const struct journal_entry *e) {
    uint64_t *at = arg;
    if (e->type == JOURNAL_CLOCK) {
        *at = e->payload.data[7];
    }
    return STATUS_OK;
}

static void compact_tells_the_clock(void **state) {
    (void)state;
    struct kit k;
    struct owner o = {0};
    const uint64_t clock = 77;
    uint64_t bytes = 0, told = 0;
    const struct journal_compaction with = {take, give, &o, &clock};
    a_log_with_a_snapshot(&k);
    assert_int_equal(journal_compact(&k.config, &with, &k.report, &bytes), STATUS_OK);
    assert_int_equal(journal_check(k.folder, note_clock, &told, &k.report), STATUS_OK);
    assert_int_equal(told, clock);
    kit_deinit(&k);
}

static void the_secret_stays_with_the_folder(void **state) {
    (void)state;
    struct kit k;
    char path[128];
    uint8_t first[JOURNAL_SECRET_BYTES], again[JOURNAL_SECRET_BYTES];
    kit_init(&k);
    assert_int_equal(rmdir(k.folder), 0);
    assert_int_equal(journal_secret(k.folder, first), STATUS_OK); /* makes the folder */
    assert_int_equal(journal_secret(k.folder, again), STATUS_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(kit_open(&k), STATUS_OK); /* and is nothing to the journal */
    assert_int_equal(journal_secret(k.folder, again), STATUS_EXISTS);
    kit_close(&k);
    snprintf(path, sizeof path, "%s/secret", k.folder);
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    static const size_t wrong[] = {0, JOURNAL_SECRET_BYTES - 1, JOURNAL_SECRET_BYTES + 1};
    static const uint8_t bytes[JOURNAL_SECRET_BYTES + 1];
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(file_write_atomic(path, slice_of(bytes, wrong[i]), 0600), STATUS_OK);
        assert_int_equal(journal_secret(k.folder, again), STATUS_MALFORMED);
    }
    assert_int_equal(journal_secret("no/such/folder", again), STATUS_NOT_FOUND);
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_reports_and_dump_lists),
        cmocka_unit_test(looking_is_possible_beside_an_owner_and_may_end_early),
        cmocka_unit_test(compact_leaves_what_lives),
        cmocka_unit_test(a_compaction_that_fails_leaves_all),
        cmocka_unit_test(an_empty_folder_compacts_to_an_empty_snapshot),
        cmocka_unit_test(compact_tells_the_clock),
        cmocka_unit_test(the_secret_stays_with_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
