#include <inttypes.h>
#include <stdio.h>

#include "app.h"
#include "clock.h"
#include "dir.h"
#include "file.h"
#include "journal_dump.h"
#include "options.h"
#include "serve_journal.h"

/* The journal's tools. They work on the folder, with or without a server: what changes it asks for
 * the folder's lock first. */

enum { LINE_BYTES_MAX = 64 << 20 };

static bool read_line(struct command_line *line, int argc, char **argv) {
    if (!options_read(line, NULL, 0, argc, argv)) {
        return false;
    }
    if (line->positionals_count != 1) {
        fputs("stoa: one folder is needed; see stoa help journal\n", stderr);
        return false;
    }
    return true;
}

static int say_refused(const char *folder, enum status s) {
    fprintf(stderr, "stoa: %s: %s\n", folder, serve_journal_reason(s));
    return APP_FAILED;
}

/* ---- check ---- */

struct tally {
    uint64_t rooms, clocks, snapshots, malformed;
};

static enum status count_entry(void *arg, const struct journal_entry *e) {
    struct tally *t = arg;
    switch (e->type) {
    case JOURNAL_ROOM:
        t->rooms++;
        t->malformed += !journal_dump_is_record(e->payload);
        break;
    case JOURNAL_CLOCK: t->clocks++; break;
    case JOURNAL_SNAPSHOT_BEGIN: break;
    case JOURNAL_SNAPSHOT_END: t->snapshots++; break;
    }
    return STATUS_OK;
}

static bool is_sound(const struct journal_report *r, const struct tally *t) {
    return r->damaged == 0 && r->missing == 0 && r->unknown == 0 && t->malformed == 0;
}

static void print_json(const struct journal_report *r, const struct tally *t) {
    printf("{\"sound\":%s,\"version\":%d,\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"records\":%" PRIu64 ",\"rooms\":%" PRIu64 ",\"snapshots\":%" PRIu64
           ",\"malformed\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"damaged_files\":%" PRIu64
           ",\"torn_bytes\":%" PRIu64 ",\"missing_files\":%" PRIu64 ",\"ms\":%" PRIu64 "}\n",
           is_sound(r, t) ? "true" : "false", JOURNAL_VERSION, r->segments, r->bytes, r->records,
           t->rooms, t->snapshots, t->malformed, r->unknown, r->damaged, r->cut_bytes, r->missing,
           r->elapsed_us / 1000);
}

static void print_text(const struct journal_report *r, const struct tally *t) {
    printf("version %d, %" PRIu64 " files, %" PRIu64 " bytes, %" PRIu64 " records: %" PRIu64
           " states of rooms, %" PRIu64 " whole snapshots\n",
           JOURNAL_VERSION, r->segments, r->bytes, r->records, t->rooms, t->snapshots);
    if (r->damaged > 0) {
        printf("%" PRIu64 " bytes in %" PRIu64 " files are no records: a torn end, which a start "
               "cuts, or the last write of a running server, or damage\n",
               r->cut_bytes, r->damaged);
    }
    if (r->missing > 0) {
        printf("%" PRIu64 " files between others are missing\n", r->missing);
    }
    if (r->unknown > 0) {
        printf("%" PRIu64 " records are of a type that this version does not know\n", r->unknown);
    }
    if (t->malformed > 0) {
        printf("%" PRIu64 " records are whole, and not understood\n", t->malformed);
    }
    puts(is_sound(r, t) ? "sound" : "not sound");
}

int app_journal_check(int argc, char **argv) {
    struct command_line line;
    if (!read_line(&line, argc, argv)) {
        return APP_USAGE;
    }
    struct journal_report report;
    struct tally tally = {0};
    enum status s = journal_check(line.positionals[0], count_entry, &tally, &report);
    if (s != STATUS_OK) {
        return say_refused(line.positionals[0], s);
    }
    (line.json ? print_json : print_text)(&report, &tally);
    return is_sound(&report, &tally) ? APP_OK : APP_FAILED;
}

/* ---- dump ---- */

static enum status dump_entry(void *arg, const struct journal_entry *e) {
    struct buf *out = arg;
    buf_clear(out);
    journal_dump_put(out, e);
    if (out->failed) {
        return STATUS_NO_MEMORY;
    }
    return fwrite(out->data, 1, out->len, stdout) == out->len ? STATUS_OK : STATUS_IO;
}

int app_journal_dump(int argc, char **argv) {
    struct command_line line;
    if (!read_line(&line, argc, argv)) {
        return APP_USAGE;
    }
    struct journal_report report;
    struct buf out;
    buf_init(&out, LINE_BYTES_MAX);
    enum status s = journal_check(line.positionals[0], dump_entry, &out, &report);
    s = s == STATUS_OK && fflush(stdout) != 0 ? STATUS_IO : s;
    buf_deinit(&out);
    return s == STATUS_OK ? APP_OK : say_refused(line.positionals[0], s);
}

/* ---- compact ---- */

struct compacting {
    /* owned */ struct dir *dir;
    struct dir_time now;
    uint32_t cursor;
    uint64_t clock;
};

static enum status visit(void *arg, enum journal_type type, struct slice payload) {
    struct compacting *c = arg;
    if (type == JOURNAL_CLOCK && payload.len == sizeof(uint64_t)) {
        uint64_t time = 0;
        for (size_t i = 0; i < payload.len; i++) {
            time = time << 8 | payload.data[i];
        }
        dir_clock_load(c->dir, time);
    }
    enum status s = type == JOURNAL_ROOM ? dir_load(c->dir, c->now, payload) : STATUS_OK;
    c->clock = dir_clock_now(c->dir, c->now).time;
    return s;
}

static bool page(void *arg, struct buf *out) {
    enum { BATCH_BYTES = 1 << 20 };
    struct compacting *c = arg;
    return dir_snapshot_next(c->dir, &c->cursor, BATCH_BYTES, out);
}

/* A member that is never heard of: so that deletes stay until the server itself lets them go, who
 * alone knows whether all others have them. */
static enum status make_directory(struct compacting *c) {
    struct dir_config config;
    dir_config_init(&config);
    config.boot = 1;
    config.tombstones_min = ROOMS_MAX;
    c->dir = dir_create(&config, c->now);
    return c->dir ? dir_member_set(c->dir, 1, 1) : STATUS_NO_MEMORY;
}

int app_journal_compact(int argc, char **argv) {
    struct command_line line;
    if (!read_line(&line, argc, argv)) {
        return APP_USAGE;
    }
    struct compacting c = {
        .now = {.wall_ms = clock_wall_ms(), .mono_ms = clock_mono_ms()},
    };
    const struct journal_config config = {.path = line.positionals[0]};
    const struct journal_compaction with = {visit, page, &c, &c.clock};
    struct journal_report before;
    uint64_t bytes = 0;
    enum status s = file_check_private_directory(config.path); /* a misspelled one is not made */
    s = s == STATUS_OK ? make_directory(&c) : s;
    s = s == STATUS_OK ? journal_compact(&config, &with, &before, &bytes) : s;
    c.dir = dir_destroy(c.dir);
    if (s != STATUS_OK) {
        return say_refused(line.positionals[0], s);
    }
    printf("%" PRIu64 " bytes before, %" PRIu64 " now\n", before.bytes, bytes);
    return APP_OK;
}
