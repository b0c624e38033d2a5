#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "cursor.h"
#include "file.h"
#include "mem.h"

void kit_init(struct kit *k) {
    /* In memory where that is possible: what a sync costs is no part of these tests. */
    *k = (struct kit){.folder = "/dev/shm/test_journal_XXXXXX"};
    if (!mkdtemp(k->folder)) {
        *k = (struct kit){.folder = "test_journal_XXXXXX"};
        assert_non_null(mkdtemp(k->folder));
    }
    k->config = (struct journal_config){
        .path = k->folder,
        .node = SLICE_LIT("ND_here"),
        .segment_bytes = 1 << 30,
        .compact_min_bytes = 1 << 30,
        .sync_interval_ms = 1,
        .behind_ms = KIT_WAIT_MS,
        .retry_first_ms = 1,
        .retry_max_ms = 4,
    };
}

static bool remove_one(void *arg, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", ((const struct kit *)arg)->folder, name);
    assert_int_equal(unlink(path), 0);
    return true;
}

void kit_clear(const struct kit *k) {
    assert_int_equal(file_each(k->folder, remove_one, (void *)(uintptr_t)k), STATUS_OK);
}

void kit_deinit(struct kit *k) {
    kit_clear(k);
    assert_int_equal(rmdir(k->folder), 0);
}

struct slice kit_record(uint64_t n, uint8_t out[KIT_RECORD_BYTES_MAX]) {
    size_t more = (size_t)(n * 7 % 60);
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(n >> (56 - 8 * i));
    }
    memset(out + 8, (int)(n & 0xff), more);
    return slice_of(out, 8 + more);
}

static enum status on_record(void *arg, enum journal_type type, struct slice payload) {
    struct kit *k = arg;
    if (type != JOURNAL_ROOM) {
        k->others++;
        return STATUS_OK;
    }
    uint8_t bytes[KIT_RECORD_BYTES_MAX];
    struct cursor c = cursor_over(payload);
    uint64_t n = cursor_be64(&c);
    assert_true(slice_eq(payload, kit_record(n, bytes)));
    uint64_t *at = &k->seen[n % KIT_KEYS];
    assert_true(n >= *at || k->records > 0);
    *at = MAX(*at, n);
    k->last = n;
    k->records++;
    return STATUS_OK;
}

static void forget(struct kit *k) {
    memset(k->seen, 0, sizeof k->seen);
    k->records = k->others = k->last = 0;
    k->report = (struct journal_report){0};
}

enum status kit_open(struct kit *k) {
    forget(k);
    enum status s =
        (k->by_hand ? journal_prepare : journal_open)(&k->config, on_record, k, &k->report, &k->j);
    if (s == STATUS_OK) {
        memcpy(k->state, k->seen, sizeof k->state);
        k->sequence = k->written = k->synced = 0;
        for (size_t i = 0; i < KIT_KEYS; i++) {
            k->sequence = MAX(k->sequence, k->state[i]);
        }
        k->written = k->synced = k->sequence;
        k->wanted = k->done = 0;
    }
    return s;
}

void kit_crash(struct kit *k) {
    assert_true(k->by_hand);
    k->j = journal_destroy(k->j);
}

void kit_close(struct kit *k) {
    if (k->by_hand) {
        kit_settle(k);
        kit_crash(k);
    }
    k->j = journal_close(k->j, KIT_WAIT_MS);
}

static size_t put_one(uint64_t n, uint8_t *batch) {
    struct slice record = kit_record(n, batch + 4);
    for (int i = 0; i < 4; i++) {
        batch[i] = (uint8_t)(record.len >> (24 - 8 * i));
    }
    return 4 + record.len;
}

bool kit_post(struct kit *k) {
    uint8_t batch[4 + KIT_RECORD_BYTES_MAX];
    uint64_t n = k->sequence + 1;
    if (!journal_post(k->j, JOURNAL_ROOM, slice_of(batch, put_one(n, batch)), n)) {
        return false;
    }
    k->sequence = n;
    k->state[n % KIT_KEYS] = n;
    return true;
}

void kit_post_many(struct kit *k, uint64_t count) {
    uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
    for (uint64_t i = 0; i < count; i++) {
        while (!kit_post(k)) {
            assert_true(clock_mono_ms() < until_ms);
            kit_turn(k);
        }
    }
}

void kit_listen(struct kit *k) {
    struct journal_event events[8];
    size_t count;
    while ((count = journal_events(k->j, events, ARRAY_LEN(events))) > 0) {
        for (size_t i = 0; i < count; i++) {
            const struct journal_event *e = &events[i];
            if (e->kind == JOURNAL_WRITTEN) {
                assert_true(e->sequence > k->written && e->sequence <= k->sequence);
                k->written = e->sequence;
            } else if (e->kind == JOURNAL_SYNCED) {
                assert_true(e->sequence > k->synced && e->sequence <= k->written);
                k->synced = e->sequence;
            }
            k->wanted += e->kind == JOURNAL_SNAPSHOT_WANTED;
            k->done += e->kind == JOURNAL_SNAPSHOT_DONE;
        }
    }
}

void kit_turn(struct kit *k) {
    if (k->by_hand) {
        uint32_t wait = journal_turn(k->j);
        usleep((useconds_t)MIN(wait, 1u) * 200);
    } else {
        usleep(100);
    }
    kit_listen(k);
}

static bool wait_for(struct kit *k, const uint64_t *told) {
    uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
    while (*told < k->sequence && clock_mono_ms() < until_ms) {
        kit_turn(k);
    }
    return *told == k->sequence;
}

bool kit_wait_written(struct kit *k) {
    return wait_for(k, &k->written);
}

bool kit_wait_synced(struct kit *k) {
    return wait_for(k, &k->synced);
}

bool kit_snapshot(struct kit *k) {
    if (!journal_snapshot_begin(k->j)) {
        return false;
    }
    for (size_t key = 0; key < KIT_KEYS; key++) {
        uint8_t batch[4 + KIT_RECORD_BYTES_MAX];
        if (k->state[key] > 0 &&
            !journal_snapshot_page(k->j, slice_of(batch, put_one(k->state[key], batch)))) {
            return false;
        }
    }
    return journal_snapshot_end(k->j);
}

void kit_settle(struct kit *k) {
    uint64_t until_ms = clock_mono_ms() + KIT_WAIT_MS;
    do {
        assert_true(clock_mono_ms() < until_ms);
        kit_turn(k);
    } while (k->j->posts_first < k->j->posts_last || k->j->unsynced_ms > 0 ||
             k->j->delete_below > 0 || mailbox_count(k->j->inbox) > 0);
    kit_listen(k);
}

struct journal_health kit_health(struct kit *k) {
    struct journal_health h;
    journal_health_get(k->j, clock_mono_ms(), &h);
    return h;
}

uint64_t kit_counter(const struct kit *k, size_t offset) {
    const struct metrics *parts[4];
    uint64_t sum = 0;
    size_t count = journal_metrics(k->j, parts, ARRAY_LEN(parts));
    for (size_t i = 0; i < count; i++) {
        const char *base = (const char *)parts[i];
        sum += __atomic_load_n((const uint64_t *)(const void *)(base + offset), __ATOMIC_RELAXED);
    }
    return sum;
}

bool kit_is_whole(const struct kit *k, uint64_t acknowledged) {
    for (uint64_t key = 0; key < KIT_KEYS; key++) {
        uint64_t behind = (acknowledged % KIT_KEYS + KIT_KEYS - key) % KIT_KEYS;
        uint64_t least = acknowledged > behind ? acknowledged - behind : 0;
        if (k->seen[key] < least) {
            print_error("key %u: %u, acknowledged %u\n", (unsigned)key, (unsigned)k->seen[key],
                        (unsigned)least);
            return false;
        }
    }
    return true;
}

enum status kit_read(struct kit *k) {
    struct journal_files *files = mem_zalloc(sizeof *files);
    struct journal_found_all found;
    const struct journal_visitor visitor = {.visit = on_record, .arg = k};
    forget(k);
    enum status s = journal_files_list(k->folder, files);
    s = s == STATUS_OK ? journal_files_check(k->folder, files, k->config.node) : s;
    s = s == STATUS_OK ? journal_files_visit(k->folder, files, &visitor, &found) : s;
    mem_free(files);
    k->report = s == STATUS_OK ? found.report : k->report;
    return s;
}

void kit_path(const struct kit *k, uint64_t segment, char out[JOURNAL_PATH_BYTES]) {
    journal_file_path(k->folder, segment, out);
}

struct bytes kit_file(const char *path) {
    struct bytes b = {0};
    assert_int_equal(file_read(path, 64 << 20, &b), STATUS_OK);
    return b;
}

void kit_put_file(const char *path, struct slice content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (content.len > 0) {
        ssize_t n = write(fd, content.data, content.len);
        assert_true(n > 0);
        content = slice_after(content, (size_t)n);
    }
    close(fd);
}

size_t kit_segments(const struct kit *k) {
    struct journal_files *files = mem_zalloc(sizeof *files);
    assert_int_equal(journal_files_list(k->folder, files), STATUS_OK);
    size_t count = files->count;
    mem_free(files);
    return count;
}
