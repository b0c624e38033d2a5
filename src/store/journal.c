#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fd.h"
#include "file.h"
#include "journal_priv.h"
#include "mem.h"

static void set_defaults(struct journal *j, const struct journal_config *config) {
    struct journal_config *c = &j->config;
    *c = *config;
    memcpy(j->node, config->node.len > 0 ? config->node.data : j->node, config->node.len);
    c->path = j->folder;
    c->node = slice_of(j->node, config->node.len);
    c->sync_interval_ms = c->sync_interval_ms ? c->sync_interval_ms : JOURNAL_SYNC_INTERVAL_MS;
    c->behind_ms = c->behind_ms ? c->behind_ms : JOURNAL_BEHIND_MS;
    c->segment_bytes = c->segment_bytes ? c->segment_bytes : JOURNAL_SEGMENT_BYTES;
    c->compact_min_bytes = c->compact_min_bytes ? c->compact_min_bytes : JOURNAL_COMPACT_MIN_BYTES;
    c->bytes_max = c->bytes_max ? c->bytes_max : JOURNAL_BYTES_MAX;
    c->retry_first_ms = c->retry_first_ms ? c->retry_first_ms : JOURNAL_RETRY_FIRST_MS;
    c->retry_max_ms = c->retry_max_ms ? c->retry_max_ms : JOURNAL_RETRY_MAX_MS;
}

static void journal_destroyp(struct journal **j) {
    *j = journal_destroy(*j);
}

/* All memory that the journal will ever need. */
static struct journal *journal_create(const struct journal_config *config) {
    _cleanup_(journal_destroyp) struct journal *j = mem_zalloc(sizeof *j);
    if (!j) {
        return NULL;
    }
    j->magic = JOURNAL_OBJECT_MAGIC;
    j->lock_fd = j->segment.fd = j->sync.orphan_fd = -1;
    set_defaults(j, config);
    buf_init(&j->group, JOURNAL_GROUP_BYTES + (size_t)JOURNAL_FRAMED_BYTES_MAX);
    j->ring = mem_alloc(JOURNAL_QUEUE_BYTES_MAX);
    j->files = mem_zalloc(sizeof *j->files);
    j->inbox = mailbox_create(sizeof(struct journal_post), JOURNAL_POSTS_MAX + 2);
    j->events = mailbox_create(sizeof(struct journal_event), JOURNAL_EVENTS_MAX);
    bool whole = j->ring && j->files && j->inbox && j->events &&
                 buf_reserve(&j->group, JOURNAL_GROUP_BYTES + (size_t)JOURNAL_FRAMED_BYTES_MAX);
    return whole ? TAKE(j) : NULL;
}

struct journal *journal_destroy(struct journal *j) {
    if (j && journal_sync_stop(j)) {
        assert(!j->thread);
        journal_segment_close(&j->segment);
        fd_close(&j->sync.orphan_fd);
        j->inbox = mailbox_destroy(j->inbox);
        j->events = mailbox_destroy(j->events);
        j->sync_jobs = mailbox_destroy(j->sync_jobs);
        buf_deinit(&j->group);
        mem_free(j->ring);
        mem_free(j->files);
        fd_close(&j->lock_fd); /* last: from here on another may have the journal */
        j->magic = 0;
        mem_free(j);
    }
    return NULL;
}

/* What is about to be cut may be more than a torn write, for a person to look at; one such piece
 * is kept. Best effort: without it the start is the same. */
static void keep_cut(const struct journal *j, const struct journal_read *last) {
    char path[JOURNAL_PATH_BYTES];
    uint64_t size = last->file_bytes - last->end;
    uint8_t *bytes = size <= 2 * (uint64_t)JOURNAL_SEGMENT_BYTES ? mem_alloc((size_t)size) : NULL;
    journal_file_path(j->folder, last->header.segment, path);
    _cleanup_(fd_close) int fd = -1;
    if (bytes && file_open_read(path, &fd) == STATUS_OK &&
        file_read_at(fd, last->end, bytes, (size_t)size) == STATUS_OK) {
        (void)snprintf(path, sizeof path, "%s/cut", j->folder);
        (void)(file_write_atomic(path, slice_of(bytes, (size_t)size), 0600) == STATUS_OK);
    }
    mem_free(bytes);
}

/* Goes on where the reading ended. Nothing here can fail for good: the thread tries on. */
static void adopt(struct journal *j, const struct journal_found_all *found) {
    const struct journal_files *f = j->files;
    const struct journal_report *r = &found->report;
    bool last_torn = false;
    j->next_number = f->count > 0 ? f->list[f->count - 1].number + 1 : 1;
    /* Only what was read and is none gets cut; else the file stays, and the next one begins. */
    if (f->count > 0 && found->last.header_status == STATUS_OK && !found->last.unreadable) {
        last_torn = found->last.end < found->last.file_bytes;
        if (last_torn) {
            keep_cut(j, &found->last);
        }
        if (journal_segment_reopen(j->folder, &found->last, &j->segment) == STATUS_OK) {
            /* Who wrote it may have died before its sync. */
            j->unsynced_ms = j->unsynced_since_ms = clock_mono_ms();
        }
    }
    bool torn_is_all = r->damaged == (last_torn ? 1 : 0) && r->missing == 0;
    if (f->count > 0 && (!torn_is_all || j->segment.fd < 0)) {
        j->snapshot = SNAPSHOT_WANTED; /* makes it whole again */
        j->tell_wanted = true;
    } else if (found->first > 0) {
        j->snapshot = SNAPSHOT_ENDED; /* the death came before the old files were deleted */
        j->snapshot_number = f->list[found->first].number;
    }
    j->bytes = journal_bytes(j);
    j->live_bytes = r->snapshot_bytes;
    j->segments = f->count;
    metric_set(&j->metrics.journal_cut_bytes, r->cut_bytes);
    metric_set(&j->metrics.journal_damaged, r->damaged);
    if (r->damaged > 0 || r->missing > 0) {
        log_event(LOG_WARN, "journal_damaged", LOG_UINT("files", r->damaged),
                  LOG_UINT("missing", r->missing), LOG_UINT("cut_bytes", r->cut_bytes));
    }
    journal_snapshot_consider(j);
}

enum status journal_take(const struct journal_config *config, struct journal **ret_journal) {
    if (config->node.len > JOURNAL_NODE_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    _cleanup_(journal_destroyp) struct journal *j = journal_create(config);
    if (!j) {
        return STATUS_NO_MEMORY;
    }
    enum status s = journal_take_folder(config, j->folder, &j->lock_fd, j->files);
    if (s == STATUS_OK) {
        *ret_journal = TAKE(j);
    }
    return s;
}

/* All but the threads. */
static enum status read_and_adopt(struct journal *j, journal_visit_fn visit, void *arg,
                                  struct journal_report *ret_report) {
    struct journal_found_all found;
    const struct journal_visitor visitor = {visit, j->config.ahead, arg};
    enum status s = journal_files_visit(j->folder, j->files, &visitor, &found);
    if (s == STATUS_OK) {
        adopt(j, &found);
        *ret_report = found.report;
    }
    return s;
}

enum status journal_prepare(const struct journal_config *config, journal_visit_fn visit, void *arg,
                            struct journal_report *ret_report, struct journal **ret_journal) {
    struct journal *j = NULL;
    enum status s = journal_take(config, &j);
    s = s == STATUS_OK ? read_and_adopt(j, visit, arg, ret_report) : s;
    if (s != STATUS_OK) {
        j = journal_destroy(j);
        return s;
    }
    *ret_journal = j;
    return STATUS_OK;
}

enum status journal_read(struct journal *j, journal_visit_fn visit, void *arg,
                         struct journal_report *ret_report) {
    assert(!j->thread);
    struct journal_report report;
    enum status s = read_and_adopt(j, visit, arg, &report);
    s = s == STATUS_OK ? journal_sync_start(j) : s;
    s = s == STATUS_OK ? thread_start("journal", journal_run, j, &j->thread) : s;
    if (s == STATUS_OK) {
        *ret_report = report;
    }
    return s;
}

enum status journal_open(const struct journal_config *config, journal_visit_fn visit, void *arg,
                         struct journal_report *ret_report, struct journal **ret_journal) {
    struct journal *j = NULL;
    enum status s = journal_take(config, &j);
    s = s == STATUS_OK ? journal_read(j, visit, arg, ret_report) : s;
    if (s != STATUS_OK) {
        j = journal_destroy(j);
        return s;
    }
    *ret_journal = j;
    return STATUS_OK;
}

struct journal *journal_close(struct journal *j, uint32_t grace_ms) {
    if (j) {
        bool told =
            mailbox_push(j->inbox, &(struct journal_post){.kind = POST_STOP, .grace_ms = grace_ms});
        assert(told); /* it has a place of its own */
        (void)told;
        j->thread = thread_join_within(j->thread, grace_ms + JOURNAL_STUCK_MS);
        if (j->thread || !journal_sync_stop(j)) {
            /* A thread in a call to a disk that does not answer cannot be ended, and uses what is
             * here: all of it is left to the end of the process. */
            log_event(LOG_ERROR, "journal_abandoned", LOG_CSTR("dir", j->folder),
                      LOG_UINT("unwritten_posts", j->posted - shared_get(&j->done)),
                      LOG_CSTR("reason", "the disk does not answer"));
            return NULL;
        }
    }
    return journal_destroy(j);
}
