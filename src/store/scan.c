#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cursor.h"
#include "fd.h"
#include "file.h"
#include "journal_priv.h"

enum {
    WINDOW_BYTES = 1 << 20,
    NUMBER_DIGITS = 16,
    FRAMES_AHEAD = 16, /* found before the first of them is visited */
};
static const char suffix[] = ".journal";

/* ---- the folder ---- */

void journal_file_path(const char *folder, uint64_t number, char out[JOURNAL_PATH_BYTES]) {
    int len = snprintf(out, JOURNAL_PATH_BYTES, "%s/%016" PRIx64 "%s", folder, number, suffix);
    assert(len > 0 && len < JOURNAL_PATH_BYTES);
    (void)len;
}

/* 16 hexadecimal digits in lower case and the suffix; anything else is not ours. */
static bool read_name(struct slice name, uint64_t *ret_number) {
    uint64_t number = 0;
    if (!slice_eq_cstr(slice_after(name, NUMBER_DIGITS), suffix)) {
        return false;
    }
    for (size_t i = 0; i < NUMBER_DIGITS; i++) {
        uint8_t c = name.data[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        number = number << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *ret_number = number;
    return number > 0 && number < UINT64_MAX;
}

struct listing {
    struct journal_files *files;
    enum status status;
};

static bool list_one(void *arg, const char *name) {
    struct listing *l = arg;
    struct journal_files *f = l->files;
    uint64_t number;
    if (!read_name(slice_from_cstr(name), &number)) {
        return true;
    }
    if (f->count == ARRAY_LEN(f->list)) {
        l->status = STATUS_EXHAUSTED;
        return false;
    }
    size_t at = f->count++;
    for (; at > 0 && f->list[at - 1].number > number; at--) {
        f->list[at] = f->list[at - 1];
    }
    f->list[at] = (struct journal_file){.number = number};
    return true;
}

static enum status size_of(const char *folder, struct journal_file *file) {
    char path[JOURNAL_PATH_BYTES];
    journal_file_path(folder, file->number, path);
    _cleanup_(fd_close) int fd = -1;
    enum status s = file_open_read(path, &fd);
    return s == STATUS_OK ? file_size(fd, &file->bytes) : s;
}

enum status journal_files_list(const char *folder, struct journal_files *ret_files) {
    struct listing l = {.files = ret_files};
    ret_files->count = 0;
    enum status s = file_each(folder, list_one, &l);
    s = s == STATUS_OK ? l.status : s;
    for (size_t i = 0; s == STATUS_OK && i < ret_files->count; i++) {
        s = size_of(folder, &ret_files->list[i]);
    }
    return s;
}

/* The header, and the first record when it begins a snapshot of this very file. */
static enum status peek(const char *folder, const struct journal_file *file,
                        struct journal_header *ret_header, bool *ret_begins) {
    char path[JOURNAL_PATH_BYTES];
    journal_file_path(folder, file->number, path);
    _cleanup_(fd_close) int fd = -1;
    enum status s = file_open_read(path, &fd);
    if (s != STATUS_OK) {
        return s;
    }
    uint8_t bytes[JOURNAL_HEADER_BYTES + JOURNAL_FRAME_BYTES + JOURNAL_SNAPSHOT_BYTES];
    size_t len = (size_t)MIN(file->bytes, (uint64_t)sizeof bytes);
    s = file_read_at(fd, 0, bytes, len);
    if (s != STATUS_OK) {
        return STATUS_IO; /* as a damaged header */
    }
    s = journal_header_decode(slice_of(bytes, len), ret_header);
    struct journal_frame frame;
    *ret_begins = s == STATUS_OK && len == sizeof bytes &&
                  journal_frame_next(slice_after(slice_of(bytes, len), JOURNAL_HEADER_BYTES),
                                     ret_header->seed, &frame) == JOURNAL_FOUND &&
                  frame.type == JOURNAL_SNAPSHOT_BEGIN;
    return s;
}

enum status journal_files_check(const char *folder, const struct journal_files *files,
                                struct slice node) {
    for (size_t i = 0; i < files->count; i++) {
        struct journal_header h;
        bool begins;
        enum status s = peek(folder, &files->list[i], &h, &begins);
        if (s == STATUS_IO) {
            continue; /* damage is not refused */
        }
        if (s != STATUS_OK) {
            return s;
        }
        struct slice written = slice_sub(slice_of(h.node, sizeof h.node), 0,
                                         slice_find(slice_of(h.node, sizeof h.node), 0));
        if (node.len > 0 && written.len > 0 && !slice_eq(node, written)) {
            return STATUS_PRECONDITION;
        }
        if (h.segment != files->list[i].number) {
            return STATUS_MALFORMED; /* renamed by hand: its order is not known */
        }
    }
    return STATUS_OK;
}

enum status journal_lock_folder(const char *folder, int *ret_lock) {
    char path[JOURNAL_PATH_BYTES];
    if (strlen(folder) == 0 || strlen(folder) >= JOURNAL_FOLDER_BYTES) {
        return STATUS_TOO_LARGE;
    }
    enum status s = file_make_directory(folder, 0700);
    s = s == STATUS_OK ? file_check_private_directory(folder) : s;
    (void)snprintf(path, sizeof path, "%s/lock", folder);
    return s == STATUS_OK ? file_lock(path, 0600, ret_lock) : s;
}

enum status journal_take_folder(const struct journal_config *config, char *folder, int *ret_lock,
                                struct journal_files *ret_files) {
    if (config->node.len > JOURNAL_NODE_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    _cleanup_(fd_close) int lock = -1;
    enum status s = journal_lock_folder(config->path, &lock);
    if (s != STATUS_OK) {
        return s;
    }
    (void)snprintf(folder, JOURNAL_FOLDER_BYTES, "%s", config->path);
    s = journal_files_list(folder, ret_files);
    s = s == STATUS_OK ? journal_files_check(folder, ret_files, config->node) : s;
    if (s == STATUS_OK) {
        *ret_lock = lock;
        lock = -1;
    }
    return s;
}

/* ---- one file ---- */

struct window {
    /* owned */ int fd;
    /* owned */ struct buf buf; /* bytes of the file from `offset` on */
    uint64_t offset, size;
    size_t at;       /* in buf: what is before was read */
    bool unreadable; /* the disk did not say all */
};

static void window_deinit(struct window *w) {
    fd_close(&w->fd);
    buf_deinit(&w->buf);
}

/* Makes `want` bytes stand in the window, or all there are. False: want of memory, or the disk
 * does not say: which ends the file there. */
static bool window_fill(struct window *w, size_t want, enum status *ret_status) {
    buf_consume(&w->buf, w->at);
    w->offset += w->at;
    w->at = 0;
    uint64_t left = w->size - w->offset - w->buf.len;
    if (want <= w->buf.len || left == 0) {
        return want <= w->buf.len;
    }
    size_t more = (size_t)MIN((uint64_t)(MAX(want, (size_t)WINDOW_BYTES) - w->buf.len), left);
    if (!buf_reserve(&w->buf, more)) {
        *ret_status = STATUS_NO_MEMORY;
        return false;
    }
    uint64_t from = w->offset + w->buf.len;
    if (file_read_at(w->fd, from, w->buf.data + w->buf.len, more) != STATUS_OK) {
        w->size = from;
        w->unreadable = true;
        return false;
    }
    w->buf.len += more;
    return want <= w->buf.len;
}

static struct slice window_slice(const struct window *w) {
    return slice_after(buf_slice(&w->buf), w->at);
}

static enum status take_frame(const struct journal_frame *frame, uint64_t offset,
                              journal_entry_fn fn, void *arg, struct journal_read *r) {
    enum journal_type type = frame->type;
    bool snapshot = type == JOURNAL_SNAPSHOT_BEGIN || type == JOURNAL_SNAPSHOT_END;
    bool known = snapshot || type == JOURNAL_ROOM || type == JOURNAL_CLOCK;
    r->records++;
    r->unknown += !known;
    r->last_at = offset;
    r->end = offset + frame->size;
    if (type == JOURNAL_SNAPSHOT_END && frame->payload.len == JOURNAL_SNAPSHOT_BYTES) {
        struct cursor c = cursor_over(frame->payload);
        r->ends = cursor_be64(&c);
        r->ends_at = r->end;
    }
    struct journal_entry e = {r->header.segment, offset, type, frame->payload};
    return fn && known ? fn(arg, &e) : STATUS_OK;
}

/* The next sound records of the window; what ended them is in *ret_found. */
static size_t find_frames(const struct window *w, uint32_t seed, const struct journal_visitor *v,
                          struct journal_frame frames[FRAMES_AHEAD],
                          enum journal_found *ret_found) {
    size_t count = 0;
    struct slice left = window_slice(w);
    *ret_found = JOURNAL_FOUND;
    while (count < FRAMES_AHEAD && *ret_found == JOURNAL_FOUND) {
        struct journal_frame *f = &frames[count];
        *ret_found = journal_frame_next(left, seed, f);
        if (*ret_found == JOURNAL_FOUND) {
            if (v && v->ahead) {
                v->ahead(v->arg, f->type, f->payload);
            }
            left = slice_after(left, f->size);
            count++;
        }
    }
    return count;
}

static enum status read_frames(struct window *w, journal_entry_fn fn, void *arg,
                               const struct journal_visitor *v, struct journal_read *r) {
    enum status s = STATUS_OK;
    for (;;) {
        struct journal_frame frames[FRAMES_AHEAD];
        enum journal_found found;
        size_t count = find_frames(w, r->header.seed, v, frames, &found);
        for (size_t i = 0; i < count; i++) {
            s = take_frame(&frames[i], w->offset + w->at, fn, arg, r);
            if (s != STATUS_OK) {
                return s;
            }
            w->at += frames[i].size;
        }
        /* Behind sound ones: the frame that is none is looked at again. */
        bool more =
            count > 0 || (found == JOURNAL_FOUND_PART && window_fill(w, frames[0].size, &s));
        if (!more) {
            return s; /* the end, torn or damaged: `end` stays where it is */
        }
    }
}

enum status journal_file_read(const char *folder, uint64_t number, journal_entry_fn fn, void *arg,
                              const struct journal_visitor *v, struct journal_read *ret_read) {
    char path[JOURNAL_PATH_BYTES];
    journal_file_path(folder, number, path);
    _cleanup_(window_deinit) struct window w = {.fd = -1};
    buf_init(&w.buf, WINDOW_BYTES + JOURNAL_FRAME_BYTES + (size_t)JOURNAL_RECORD_BYTES_MAX);
    enum status s = file_open_read(path, &w.fd);
    s = s == STATUS_OK ? file_size(w.fd, &w.size) : s;
    if (s != STATUS_OK) {
        return s;
    }
    struct journal_read r = {.file_bytes = w.size};
    (void)window_fill(&w, JOURNAL_HEADER_BYTES, &s);
    if (s != STATUS_OK) {
        return s;
    }
    r.header_status =
        journal_header_decode(w.buf.data ? window_slice(&w) : SLICE_LIT(""), &r.header);
    if (r.header_status != STATUS_OK && r.header_status != STATUS_IO) {
        return r.header_status;
    }
    if (r.header_status == STATUS_OK) {
        w.at = r.end = JOURNAL_HEADER_BYTES;
        s = read_frames(&w, fn, arg, v, &r);
    }
    r.header.segment = number;
    r.unreadable = w.unreadable;
    if (s == STATUS_OK) {
        *ret_read = r;
    }
    return s;
}

/* ---- all that counts ---- */

/* Index of the first file of the newest whole snapshot: its end was found, and nothing between is
 * missing or damaged. 0 when there is none: then all files count. */
static enum status find_snapshot(const char *folder, const struct journal_files *files,
                                 size_t *ret_first) {
    size_t first = 0, sound_from = 0;
    bool any = false;
    for (size_t i = 1; i < files->count && !any; i++) {
        struct journal_header h;
        any = peek(folder, &files->list[i], &h, &any) == STATUS_OK && any;
    }
    /* Most often the oldest file begins the only snapshot: then nothing is read twice. */
    for (size_t i = 0; i < files->count && any; i++) {
        struct journal_read r;
        enum status s = journal_file_read(folder, files->list[i].number, NULL, NULL, NULL, &r);
        if (s != STATUS_OK) {
            return s;
        }
        if (i > 0 && files->list[i - 1].number + 1 != files->list[i].number) {
            sound_from = i;
        }
        for (size_t k = sound_from; r.ends > 0 && k <= i; k++) {
            first = files->list[k].number == r.ends ? k : first;
        }
        sound_from = r.end == r.file_bytes ? sound_from : i + 1;
    }
    *ret_first = first;
    return STATUS_OK;
}

static enum status visit_entry(void *arg, const struct journal_entry *e) {
    const struct journal_visitor *v = arg;
    bool own = e->type == JOURNAL_SNAPSHOT_BEGIN || e->type == JOURNAL_SNAPSHOT_END;
    return own || !v->visit ? STATUS_OK : v->visit(v->arg, e->type, e->payload);
}

static void add_to_report(struct journal_report *report, const struct journal_read *r) {
    uint64_t behind = r->file_bytes - r->end;
    report->segments++;
    report->records += r->records;
    report->bytes += r->file_bytes;
    report->unknown += r->unknown;
    report->damaged += behind > 0 || r->header_status != STATUS_OK;
    report->cut_bytes += behind;
}

enum status journal_files_visit(const char *folder, const struct journal_files *files,
                                const struct journal_visitor *v,
                                struct journal_found_all *ret_found) {
    uint64_t began_us = clock_mono_us();
    struct journal_visitor visitor = *v;
    struct journal_found_all all = {0};
    enum status s = find_snapshot(folder, files, &all.first);
    for (size_t i = all.first; s == STATUS_OK && i < files->count; i++) {
        uint64_t before = all.report.bytes;
        s = journal_file_read(folder, files->list[i].number, visit_entry, &visitor, &visitor,
                              &all.last);
        if (s != STATUS_OK) {
            break;
        }
        add_to_report(&all.report, &all.last);
        if (i > all.first) {
            all.report.missing += files->list[i].number - files->list[i - 1].number - 1;
        }
        if (all.last.ends == files->list[all.first].number) {
            all.report.snapshot_bytes = before + all.last.ends_at;
        }
    }
    if (s == STATUS_OK) {
        all.report.elapsed_us = clock_mono_us() - began_us;
        *ret_found = all;
    }
    return s;
}

enum status journal_check(const char *path, journal_entry_fn entry, void *arg,
                          struct journal_report *ret_report) {
    uint64_t began_us = clock_mono_us();
    struct journal_report report = {0};
    struct journal_files files;
    enum status s = journal_files_list(path, &files);
    s = s == STATUS_OK ? journal_files_check(path, &files, (struct slice){0}) : s;
    for (size_t i = 0; s == STATUS_OK && i < files.count; i++) {
        struct journal_read r;
        s = journal_file_read(path, files.list[i].number, entry, arg, NULL, &r);
        if (s == STATUS_OK) {
            add_to_report(&report, &r);
            report.missing += i > 0 ? files.list[i].number - files.list[i - 1].number - 1 : 0;
            report.snapshot_bytes = r.ends > 0 ? r.ends_at : report.snapshot_bytes;
        }
    }
    if (s == STATUS_OK) {
        report.elapsed_us = clock_mono_us() - began_us;
        *ret_report = report;
    }
    return s;
}
