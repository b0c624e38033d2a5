/* What a start reads: all that was written, up to the first damage, whatever the damage is. */
#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

enum { SMALL = 12 };

/* A journal of SMALL numbers in segment 1, and its bytes. */
static struct bytes small_log(struct kit *k, char path[JOURNAL_PATH_BYTES]) {
    kit_init(k);
    k->by_hand = true;
    assert_int_equal(kit_open(k), STATUS_OK);
    kit_post_many(k, SMALL);
    kit_close(k);
    kit_path(k, 1, path);
    return kit_file(path);
}

/* How many records end at or before this byte, and where the last of them ends. */
static uint64_t records_before(size_t byte, size_t *ret_end) {
    uint64_t n = 0;
    uint8_t record[KIT_RECORD_BYTES_MAX];
    for (size_t end = JOURNAL_HEADER_BYTES; end <= byte && n <= SMALL; n++) {
        *ret_end = end;
        end += JOURNAL_FRAME_BYTES + kit_record(n + 1, record).len;
    }
    return n > 0 ? n - 1 : 0;
}

static void what_is_written_is_read_in_order(void **state) {
    (void)state;
    struct kit k;
    kit_init(&k);
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.report.segments, 0);
    kit_post_many(&k, 5000);
    assert_true(kit_wait_written(&k) && kit_wait_synced(&k));
    assert_true(journal_post(k.j, JOURNAL_CLOCK, SLICE_LIT("\0\0\0\10\0\0\0\0\0\0\0\0"), 6000));
    assert_true(journal_post(k.j, JOURNAL_CLOCK, SLICE_LIT("\0\0\0\10\0\0\0\0\0\0\0\1"), 6001));
    kit_close(&k);

    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.records, 5000);
    assert_int_equal(k.others, 2);
    assert_int_equal(k.last, 5000);
    assert_int_equal(k.report.records, 5002);
    assert_int_equal(k.report.damaged, 0);
    assert_int_equal(k.report.cut_bytes, 0);
    assert_true(kit_is_whole(&k, 5000));
    kit_post_many(&k, 10); /* and goes on in the same file */
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 5010);
    assert_int_equal(kit_segments(&k), 1);
    kit_deinit(&k);
}

struct heralds {
    uint64_t told, visited, most;
};

static void herald(void *arg, enum journal_type type, struct slice payload) {
    struct heralds *h = arg;
    uint8_t record[KIT_RECORD_BYTES_MAX];
    assert_int_equal(type, JOURNAL_ROOM);
    assert_true(slice_eq(payload, kit_record(++h->told, record)));
}

static enum status after_herald(void *arg, enum journal_type type, struct slice payload) {
    struct heralds *h = arg;
    (void)type;
    (void)payload;
    assert_true(++h->visited <= h->told);
    h->most = MAX(h->most, h->told - h->visited);
    return STATUS_OK;
}

/* Each sound record once, in order, some before it is visited; a torn one not at all. */
static void what_comes_is_told_ahead(void **state) {
    (void)state;
    struct kit k;
    kit_init(&k);
    k.by_hand = true;
    assert_int_equal(kit_open(&k), STATUS_OK);
    kit_post_many(&k, 20000); /* several windows of the reader */
    kit_close(&k);
    char path[JOURNAL_PATH_BYTES];
    kit_path(&k, 1, path);
    struct bytes b = kit_file(path);
    kit_put_file(path, slice_sub(bytes_slice(&b), 0, b.len - 1));
    bytes_deinit(&b);
    struct heralds h = {0};
    struct journal_report report;
    struct journal *j = NULL;
    struct journal_config config = k.config;
    config.ahead = herald;
    assert_int_equal(journal_open(&config, after_herald, &h, &report, &j), STATUS_OK);
    assert_null(journal_close(j, 1000));
    assert_int_equal(h.visited, 19999);
    assert_int_equal(h.told, 19999);
    assert_in_range(h.most, 8, 100);
    kit_deinit(&k);
}

static void files_are_private(void **state) {
    (void)state;
    struct kit k;
    struct stat st;
    char path[JOURNAL_PATH_BYTES];
    struct bytes b = small_log(&k, path);
    bytes_deinit(&b);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    snprintf(path, sizeof path, "%s/lock", k.folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    kit_clear(&k);
    assert_int_equal(rmdir(k.folder), 0);
    assert_int_equal(kit_open(&k), STATUS_OK); /* makes the folder */
    assert_int_equal(stat(k.folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    kit_crash(&k);
    assert_int_equal(chmod(k.folder, 0770), 0); /* others could put records in */
    assert_int_equal(kit_open(&k), STATUS_DENIED);
    kit_deinit(&k);
}

static void every_truncation_leaves_the_prefix(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    for (size_t len = 0; len < whole.len; len++) {
        size_t end = 0;
        uint64_t n = records_before(len, &end);
        kit_put_file(path, slice_of(whole.data, len));
        assert_int_equal(kit_open(&k), STATUS_OK);
        assert_int_equal(k.records, n);
        assert_int_equal(k.last, n);
        assert_int_equal(k.report.cut_bytes, len - end);
        assert_int_equal(k.report.damaged, len != end || len == 0);
        kit_post_many(&k, 3); /* what comes next stands behind the prefix */
        kit_close(&k);
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_int_equal(k.records, n + 3);
        /* A file without a header is left as it is, behind a new one. */
        assert_int_equal(k.report.damaged, len < JOURNAL_HEADER_BYTES);
        kit_clear(&k);
    }
    bytes_deinit(&whole);
    kit_deinit(&k);
}

static void every_flipped_byte_is_found_and_cuts_there(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    for (size_t at = 0; at < whole.len; at++) {
        for (unsigned bit = 0; bit < 8; bit += at % 2 == 0 ? 1 : 7) {
            size_t end = 0;
            uint64_t n = records_before(at, &end);
            whole.data[at] = (uint8_t)(whole.data[at] ^ BIT(bit));
            kit_put_file(path, bytes_slice(&whole));
            enum status s = kit_read(&k);
            if (at < 8) {
                assert_int_equal(s, STATUS_MALFORMED);
            } else if (at < 12) {
                assert_int_equal(s, STATUS_UNIMPLEMENTED);
            } else {
                assert_int_equal(s, STATUS_OK);
                assert_int_equal(k.records, n);
                assert_int_equal(k.last, n);
                assert_int_equal(k.report.damaged, 1);
                assert_int_equal(k.report.cut_bytes, whole.len - end);
            }
            whole.data[at] = (uint8_t)(whole.data[at] ^ BIT(bit));
        }
    }
    bytes_deinit(&whole);
    kit_deinit(&k);
}

/* As a power cut leaves them: length grown, bytes not there or of somebody else. */
static void torn_ends_are_cut_and_kept_aside(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES], cut[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    static uint8_t tails[4][8192];
    memset(tails[1], 0xff, sizeof tails[1]);
    memcpy(tails[2], whole.data, whole.len);                                      /* an old file */
    memcpy(tails[3], whole.data + JOURNAL_HEADER_BYTES, JOURNAL_FRAME_BYTES + 3); /* half a write */
    for (size_t t = 0; t < ARRAY_LEN(tails); t++) {
        struct buf torn;
        buf_init(&torn, 1 << 20);
        buf_put(&torn, bytes_slice(&whole));
        buf_put(&torn, slice_of(tails[t], sizeof tails[t]));
        kit_put_file(path, buf_slice(&torn));
        buf_deinit(&torn);
        assert_int_equal(kit_open(&k), STATUS_OK);
        assert_int_equal(k.records, SMALL);
        assert_int_equal(k.report.cut_bytes, sizeof tails[t]);
        assert_int_equal(k.report.damaged, 1);
        kit_post_many(&k, 1);
        kit_close(&k);
        assert_int_equal(k.wanted, 0); /* a torn end alone is no reason for a snapshot */
        assert_int_equal(kit_read(&k), STATUS_OK);
        assert_int_equal(k.records, SMALL + 1);
        assert_int_equal(k.report.damaged, 0);
        snprintf(cut, sizeof cut, "%s/cut", k.folder);
        struct bytes kept = kit_file(cut);
        assert_true(slice_eq(bytes_slice(&kept), slice_of(tails[t], sizeof tails[t])));
        bytes_deinit(&kept);
    }
    bytes_deinit(&whole);
    kit_deinit(&k);
}

static void records_of_another_file_are_none_here(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct bytes one = small_log(&k, path);
    struct journal_header h = {.segment = 1, .created_ms = 77};
    uint8_t header[JOURNAL_HEADER_BYTES];
    journal_header_encode(&h, header);
    memcpy(one.data, header, sizeof header); /* sound, and not the one that they were written for */
    kit_put_file(path, bytes_slice(&one));
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, 0);
    assert_int_equal(k.report.damaged, 1);
    bytes_deinit(&one);
    kit_deinit(&k);
}

static void assert_refused_untouched(struct kit *k, const char *path, enum status expected) {
    struct bytes before = kit_file(path);
    size_t segments = kit_segments(k);
    k->j = NULL;
    assert_int_equal(kit_open(k), expected);
    assert_null(k->j);
    struct bytes after = kit_file(path);
    assert_true(slice_eq(bytes_slice(&before), bytes_slice(&after)));
    assert_int_equal(kit_segments(k), segments);
    bytes_deinit(&before);
    bytes_deinit(&after);
}

static void foreign_and_newer_files_are_refused_untouched(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES], other[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    kit_put_file(path, SLICE_LIT("SQLite format 3 and so on, which is nothing of ours at all"));
    assert_refused_untouched(&k, path, STATUS_MALFORMED);
    whole.data[11] = JOURNAL_VERSION + 1;
    kit_put_file(path, bytes_slice(&whole));
    assert_refused_untouched(&k, path, STATUS_UNIMPLEMENTED);
    whole.data[11] = JOURNAL_VERSION;
    kit_put_file(path, bytes_slice(&whole));
    kit_path(&k, 2, other);
    kit_put_file(other, bytes_slice(&whole)); /* the name says 2, the header 1 */
    assert_refused_untouched(&k, other, STATUS_MALFORMED);
    assert_int_equal(unlink(other), 0);
    k.config.node = SLICE_LIT("ND_there");
    assert_refused_untouched(&k, path, STATUS_PRECONDITION);
    k.config.node = (struct slice){0};
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.records, SMALL);
    kit_crash(&k);
    bytes_deinit(&whole);
    kit_deinit(&k);
}

static enum status refuse_the_third(void *arg, enum journal_type type, struct slice payload) {
    (void)type;
    (void)payload;
    return ++*(unsigned *)arg == 3 ? STATUS_NO_MEMORY : STATUS_OK;
}

static void who_reads_may_refuse(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    unsigned count = 0;
    struct journal *j = NULL;
    assert_int_equal(journal_open(&k.config, refuse_the_third, &count, &k.report, &j),
                     STATUS_NO_MEMORY);
    assert_null(j);
    assert_int_equal(count, 3);
    k.config.node = SLICE_LIT("a name that is longer than its place");
    assert_refused_untouched(&k, path, STATUS_TOO_LARGE);
    bytes_deinit(&whole);
    kit_deinit(&k);
}

/* Segments of one record or two. */
static void many_segments(struct kit *k, uint64_t count) {
    kit_init(k);
    k->by_hand = true;
    k->config.segment_bytes = 120;
    assert_int_equal(kit_open(k), STATUS_OK);
    for (uint64_t i = 0; i < count; i++) {
        kit_post_many(k, 1);
        assert_true(kit_wait_written(k));
    }
    kit_close(k);
}

static void segments_are_read_as_one(void **state) {
    (void)state;
    struct kit k;
    many_segments(&k, 60);
    assert_true(kit_segments(&k) > 10);
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.records, 60);
    assert_int_equal(k.report.segments, kit_segments(&k));
    assert_int_equal(k.report.missing, 0);
    kit_crash(&k);
    kit_deinit(&k);
}

/* Each record is a whole state: what stands behind the damage is still worth having, and a
 * snapshot is asked for, which makes the journal whole. */
static void damage_between_is_passed_over_and_healed(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    many_segments(&k, 60);
    kit_path(&k, 3, path);
    struct bytes b = kit_file(path);
    b.data[b.len - 1] ^= 1;
    kit_put_file(path, bytes_slice(&b));
    bytes_deinit(&b);
    kit_path(&k, 5, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kit_open(&k), STATUS_OK);
    assert_int_equal(k.report.damaged, 1);
    assert_int_equal(k.report.missing, 1);
    assert_true(k.records < 60 && k.records >= 54);
    assert_int_equal(k.last, 60);
    kit_turn(&k);
    assert_int_equal(k.wanted, 1);
    assert_true(kit_snapshot(&k));
    kit_settle(&k);
    assert_int_equal(k.done, 1);
    kit_close(&k);
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.report.damaged + k.report.missing, 0);
    assert_true(kit_is_whole(&k, 60));
    kit_deinit(&k);
}

static void unknown_records_are_counted_and_passed_over(void **state) {
    (void)state;
    struct kit k;
    char path[JOURNAL_PATH_BYTES];
    struct bytes whole = small_log(&k, path);
    struct journal_header h;
    assert_int_equal(journal_header_decode(bytes_slice(&whole), &h), STATUS_OK);
    struct buf more;
    buf_init(&more, 1 << 20);
    buf_put(&more, bytes_slice(&whole));
    journal_frame_put(&more, h.seed, (enum journal_type)99, SLICE_LIT("of tomorrow"));
    uint8_t record[KIT_RECORD_BYTES_MAX];
    journal_frame_put(&more, h.seed, JOURNAL_ROOM, kit_record(SMALL + 1, record));
    kit_put_file(path, buf_slice(&more));
    assert_int_equal(kit_read(&k), STATUS_OK);
    assert_int_equal(k.records, SMALL + 1);
    assert_int_equal(k.report.unknown, 1);
    assert_int_equal(k.report.damaged, 0);
    buf_deinit(&more);
    bytes_deinit(&whole);
    kit_deinit(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_order),
        cmocka_unit_test(what_comes_is_told_ahead),
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(every_truncation_leaves_the_prefix),
        cmocka_unit_test(every_flipped_byte_is_found_and_cuts_there),
        cmocka_unit_test(torn_ends_are_cut_and_kept_aside),
        cmocka_unit_test(records_of_another_file_are_none_here),
        cmocka_unit_test(foreign_and_newer_files_are_refused_untouched),
        cmocka_unit_test(who_reads_may_refuse),
        cmocka_unit_test(segments_are_read_as_one),
        cmocka_unit_test(damage_between_is_passed_over_and_healed),
        cmocka_unit_test(unknown_records_are_counted_and_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
