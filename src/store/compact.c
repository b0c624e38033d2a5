#include <string.h>

#include "clock.h"
#include "fd.h"
#include "file.h"
#include "journal_priv.h"
#include "mem.h"

uint64_t journal_bytes(const struct journal *j) {
    uint64_t sum = 0;
    for (size_t i = 0; i < j->files->count; i++) {
        sum += j->files->list[i].bytes;
    }
    return sum;
}

/* ---- while serving: the owner is asked, and sends pages between its posts ---- */

static void want(struct journal *j) {
    j->snapshot = SNAPSHOT_WANTED;
    j->tell_wanted = true;
    shared_set(&j->is_running, 0);
}

void journal_suspect(struct journal *j) {
    shared_set(&j->is_suspect, 1);
    if (j->snapshot == SNAPSHOT_RUNNING) {
        j->snapshot_spoiled = true; /* a page may be among what is lost */
    } else if (j->snapshot != SNAPSHOT_WANTED) {
        want(j);
    }
}

void journal_snapshot_consider(struct journal *j) {
    const struct journal_config *c = &j->config;
    uint64_t bound = MAX(c->compact_min_bytes, j->live_bytes * JOURNAL_COMPACT_RATIO);
    /* Before it is full; but one that is nearly all live would only be written again and again. */
    bound = MAX(MIN(bound, c->bytes_max / 4 * 3), j->live_bytes + c->compact_min_bytes / 2);
    if (j->snapshot == SNAPSHOT_NONE && j->delete_below == 0 && j->bytes > bound) {
        want(j);
    }
}

void journal_snapshot_began(struct journal *j, uint64_t number) {
    j->snapshot = SNAPSHOT_RUNNING;
    j->snapshot_number = number;
    j->snapshot_spoiled = false;
    j->tell_wanted = false;
    shared_set(&j->is_running, 1);
}

void journal_snapshot_ended(struct journal *j) {
    if (j->snapshot != SNAPSHOT_RUNNING) {
        return;
    }
    if (j->snapshot_spoiled) {
        metric_inc(&j->metrics.journal_snapshots_void);
        want(j);
        return;
    }
    j->snapshot = SNAPSHOT_ENDED; /* and counts once it is synced */
}

void journal_snapshot_synced(struct journal *j) {
    assert(j->snapshot == SNAPSHOT_ENDED);
    j->snapshot = SNAPSHOT_NONE;
    j->delete_below = j->snapshot_number;
    shared_set(&j->is_suspect, 0);
    shared_set(&j->is_running, 0);
    metric_inc(&j->metrics.journal_snapshots);
}

/* One file a pass: to delete a large one takes milliseconds. */
enum status journal_delete_next(struct journal *j) {
    struct journal_files *f = j->files;
    assert(f->count > 0 && f->list[f->count - 1].number >= j->delete_below);
    if (f->list[0].number < j->delete_below) {
        char path[JOURNAL_PATH_BYTES];
        journal_file_path(j->folder, f->list[0].number, path);
        enum status s = file_remove(path);
        if (s != STATUS_OK) {
            metric_inc(&j->metrics.journal_errors_delete);
            return s;
        }
        f->count--;
        memmove(f->list, f->list + 1, f->count * sizeof f->list[0]);
    }
    if (f->list[0].number >= j->delete_below) {
        j->delete_below = 0;
        j->tell_done = true;
        shared_set(&j->live_bytes, journal_bytes(j));
    }
    return STATUS_OK;
}

/* ---- as a tool: nobody else has the journal, and all happens on the calling thread ---- */

struct rewrite {
    char folder[JOURNAL_FOLDER_BYTES];
    /* owned */ int lock_fd;
    struct journal_files files;
    struct journal_segment segment;
    struct buf page, group;
};

static struct rewrite *rewrite_destroy(struct rewrite *w) {
    if (w) {
        journal_segment_close(&w->segment);
        buf_deinit(&w->page);
        buf_deinit(&w->group);
        fd_close(&w->lock_fd);
        mem_free(w);
    }
    return NULL;
}

static void rewrite_destroyp(struct rewrite **w) {
    *w = rewrite_destroy(*w);
}

static enum status append_group(struct rewrite *w, size_t last_at) {
    enum status s = w->group.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (s == STATUS_OK && w->group.len > 0) {
        s = journal_segment_append(&w->segment, buf_slice(&w->group), last_at);
    }
    buf_clear(&w->group);
    return s;
}

static enum status append_number(struct rewrite *w, enum journal_type type, uint64_t number) {
    buf_put_be64(&w->group, number);
    struct bytes payload = {0};
    enum status s = w->group.failed ? STATUS_NO_MEMORY : bytes_copy(buf_slice(&w->group), &payload);
    buf_clear(&w->group);
    if (s == STATUS_OK) {
        journal_frame_put(&w->group, w->segment.seed, type, bytes_slice(&payload));
        s = append_group(w, 0);
    }
    bytes_deinit(&payload);
    return s;
}

static enum status append_page(struct rewrite *w) {
    struct slice batch = buf_slice(&w->page), record;
    size_t last_at = 0;
    bool bad = false;
    while (journal_batch_next(&batch, &record, &bad)) {
        if (record.len > JOURNAL_RECORD_BYTES_MAX) {
            return STATUS_TOO_LARGE;
        }
        last_at = w->group.len;
        journal_frame_put(&w->group, w->segment.seed, JOURNAL_ROOM, record);
    }
    if (bad || w->page.failed) {
        return bad ? STATUS_MALFORMED : STATUS_NO_MEMORY;
    }
    return append_group(w, last_at);
}

static enum status append_pages(struct rewrite *w, const struct journal_compaction *with) {
    enum status s = append_number(w, JOURNAL_SNAPSHOT_BEGIN, w->segment.number);
    if (s == STATUS_OK && with->clock) {
        s = append_number(w, JOURNAL_CLOCK, *with->clock);
    }
    for (bool more = true; s == STATUS_OK && more;) {
        buf_clear(&w->page);
        more = with->page(with->arg, &w->page);
        s = append_page(w);
    }
    s = s == STATUS_OK ? append_number(w, JOURNAL_SNAPSHOT_END, w->segment.number) : s;
    return s == STATUS_OK ? file_sync(w->segment.fd) : s;
}

static enum status delete_all_old(struct rewrite *w) {
    enum status s = STATUS_OK;
    for (size_t i = 0; s == STATUS_OK && i < w->files.count; i++) {
        char path[JOURNAL_PATH_BYTES];
        journal_file_path(w->folder, w->files.list[i].number, path);
        s = file_remove(path);
    }
    return s;
}

enum status journal_compact(const struct journal_config *config,
                            const struct journal_compaction *with,
                            struct journal_report *ret_before, uint64_t *ret_bytes) {
    _cleanup_(rewrite_destroyp) struct rewrite *w = mem_zalloc(sizeof *w);
    if (!w) {
        return STATUS_NO_MEMORY;
    }
    w->lock_fd = w->segment.fd = -1;
    buf_init(&w->page, JOURNAL_BATCH_BYTES_MAX);
    buf_init(&w->group, JOURNAL_FRAMED_BYTES_MAX);
    struct journal_found_all found;
    const struct journal_visitor visitor = {.visit = with->visit, .arg = with->arg};
    enum status s = journal_take_folder(config, w->folder, &w->lock_fd, &w->files);
    s = s == STATUS_OK ? journal_files_visit(w->folder, &w->files, &visitor, &found) : s;
    if (s != STATUS_OK) {
        return s;
    }
    size_t count = w->files.count;
    uint64_t number = count > 0 ? w->files.list[count - 1].number + 1 : 1;
    s = journal_segment_create(w->folder, number, config->node, clock_wall_ms(), &w->segment);
    s = s == STATUS_OK ? append_pages(w, with) : s;
    if (s != STATUS_OK) {
        /* Without its end it is no snapshot; as a file it would do no harm either. */
        char path[JOURNAL_PATH_BYTES];
        journal_file_path(w->folder, number, path);
        (void)(file_remove(path) == STATUS_OK);
        return s;
    }
    s = delete_all_old(w);
    if (s == STATUS_OK) {
        *ret_before = found.report;
        *ret_bytes = w->segment.end;
    }
    return s;
}
