#include "serve_journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "log.h"

/* systemd may give a list of folders; the first one is ours. */
static struct slice state_folder(void) {
    const char *value = getenv("STATE_DIRECTORY");
    struct slice all = value ? slice_from_cstr(value) : (struct slice){0};
    return slice_sub(all, 0, slice_find(all, ':'));
}

bool serve_journal_path(const struct settings *s, char path[SERVE_JOURNAL_PATH_MAX]) {
    struct slice folder = s->journal_dir, state = state_folder();
    bool off = slice_eq_cstr(folder, "off") || (folder.len == 0 && state.len == 0);
    if (off) {
        return false;
    }
    if (folder.len > 0) {
        (void)snprintf(path, SERVE_JOURNAL_PATH_MAX, "%.*s", SLICE_ARG(folder));
    } else {
        (void)snprintf(path, SERVE_JOURNAL_PATH_MAX, "%.*s/journal", SLICE_ARG(state));
    }
    return true;
}

const char *serve_journal_reason(enum status s) {
    switch (s) {
    case STATUS_EXISTS: return "another process has it";
    case STATUS_UNIMPLEMENTED: return "a newer version of stoa wrote it, and nothing was changed";
    case STATUS_MALFORMED:
        return "a file in it looks like a journal by its name and is none; nothing was changed";
    case STATUS_PRECONDITION: return "it is another node's";
    case STATUS_NOT_YET:
        return "its clock was more than a day ahead: set this machine's, or move the folder away";
    case STATUS_DENIED: return "it cannot be written, or others may write to it (mode 0700 is due)";
    case STATUS_NOT_FOUND: return "the folder that it is to be in does not exist";
    case STATUS_NO_MEMORY: return "there is not enough memory for its rooms";
    case STATUS_EXHAUSTED: return "it holds more rooms than stoa.rooms_max lets in";
    case STATUS_TOO_LARGE: return "its path is too long";
    default: return status_name(s);
    }
}

static enum status refused(const char *path, enum status s) {
    log_event(LOG_ERROR, "journal_refused", LOG_CSTR("dir", path), LOG_STATUS("status", s),
              LOG_CSTR("reason", serve_journal_reason(s)));
    return s;
}

enum status serve_journal_secret(const char *path, uint8_t ret_secret[JOURNAL_SECRET_BYTES]) {
    enum status s = journal_secret(path, ret_secret);
    return s == STATUS_OK ? s : refused(path, s);
}

/* Small bounds have small files, so that a snapshot has its place in them. */
static struct journal_config config_of(const struct settings *s, const char *path) {
    uint64_t most = s->journal_bytes_max;
    struct journal_config config = {
        .path = path,
        .behind_ms = s->journal_wait_ms > 0 ? (uint32_t)s->journal_wait_ms : 0,
        .bytes_max = most,
        .segment_bytes = MIN((uint64_t)JOURNAL_SEGMENT_BYTES, most / 8),
        .compact_min_bytes = MIN((uint64_t)JOURNAL_COMPACT_MIN_BYTES, most / 4),
        .ahead = control_read_journal_ahead,
    };
    bool good = config_journal_sync(s->journal_sync, &config.sync_interval_ms, &config.sync_always);
    assert(good); /* config_check refused anything else */
    (void)good;
    return config;
}

enum status serve_journal_take(const struct settings *s, const char *path,
                               struct journal **ret_journal) {
    struct journal_config config = config_of(s, path);
    enum status st = journal_take(&config, ret_journal);
    return st == STATUS_OK ? st : refused(path, st);
}

enum status serve_journal_read(const char *path, struct control *control, struct journal *j) {
    struct journal_report report;
    control_expect_journal(control, journal_bytes(j));
    enum status st = journal_read(j, control_read_journal, control, &report);
    st = st == STATUS_OK ? control_end_journal(control) : st;
    st = st == STATUS_OK ? control_use_journal(control, j) : st;
    if (st != STATUS_OK) {
        return refused(path, st);
    }
    struct control_read read = control_journal_read(control);
    struct metrics *m = control_metrics(control);
    metric_set(&m->journal_read_records, report.records);
    metric_set(&m->journal_read_ms, report.elapsed_us / 1000);
    log_event(LOG_INFO, "journal_read", LOG_CSTR("dir", path), LOG_UINT("rooms", read.rooms),
              LOG_UINT("records", report.records), LOG_UINT("bytes", report.bytes),
              LOG_UINT("ms", report.elapsed_us / 1000), LOG_UINT("cut_bytes", report.cut_bytes),
              LOG_UINT("malformed", read.malformed));
    return STATUS_OK;
}
