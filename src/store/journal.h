/* journal.h: what a node must not forget, appended to local files by a thread of its own
 *   and synced by another: what is posted waits for no sync.
 * Owns: the folder of the journal and its lock, its threads, what was posted until it is written.
 * Never: blocks who posts: no room is an answer. Never ends the process for a bad disk; never
 *   touches a file that it does not know. After journal_open it allocates nothing.
 * Invariant: what journal_open visits is what was written, in order, up to the first damage of a
 *   file. A written sequence survives the death of the process, a synced one that of the machine.
 *   Old files go only after a whole snapshot behind them is synced.
 * Source: design, section 4 and the journal's row in section 8.
 * Callers: control (post, snapshot, events, health: one thread), app (open, close, tools). */
#pragma once

#include "caps.h"
#include "metrics.h"
#include "slice.h"

struct journal;

enum { JOURNAL_VERSION = 1 }; /* of the files; another one is refused */

/* What a record says; written to disk, so numbers stay. */
enum journal_type {
    JOURNAL_ROOM = 1, /* a whole record of the directory; opaque here */
    /* 2 was never written: compaction leaves out what nobody holds */
    JOURNAL_CLOCK = 3,           /* 8 bytes, big-endian: the clock was never above this */
    JOURNAL_SNAPSHOT_BEGIN = 16, /* the journal's own; only tools see these two */
    JOURNAL_SNAPSHOT_END = 17,
};

/* Sees each record in order; what is not OK ends the reading with that status. */
typedef enum status (*journal_visit_fn)(void *arg, enum journal_type type, struct slice payload);
/* Sees it some records before, so that what the visit will need can come from memory meanwhile. */
typedef void (*journal_ahead_fn)(void *arg, enum journal_type type, struct slice payload);

struct journal_config {
    const char *path;           /* a folder, made with mode 0700 when absent; its parent exists */
    struct slice node;          /* up to JOURNAL_NODE_BYTES_MAX; empty: any journal will do */
    bool sync_always;           /* "written" is told after the sync, not before */
    uint32_t sync_interval_ms;  /* 0: JOURNAL_SYNC_INTERVAL_MS */
    uint32_t behind_ms;         /* 0: JOURNAL_BEHIND_MS */
    uint64_t segment_bytes;     /* 0: JOURNAL_SEGMENT_BYTES */
    uint64_t compact_min_bytes; /* 0: JOURNAL_COMPACT_MIN_BYTES */
    uint64_t bytes_max;         /* 0: JOURNAL_BYTES_MAX; twice that while a snapshot runs */
    uint32_t retry_first_ms, retry_max_ms; /* 0: as caps.h says; else for tests */
    journal_ahead_fn ahead;                /* NULL: nobody is told */
};

/* What a reading found. */
struct journal_report {
    uint64_t segments, records, bytes;
    uint64_t unknown;        /* sound records of a type that this version does not know */
    uint64_t damaged;        /* files with bytes that are no records: a torn end, or worse */
    uint64_t cut_bytes;      /* of such bytes */
    uint64_t missing;        /* files that should be between others */
    uint64_t snapshot_bytes; /* of the newest whole snapshot; 0: none */
    uint64_t elapsed_us;
};

/* Reads all there is and starts the threads. Damage is cut, counted and logged, never fatal.
 * EXISTS: another process has this journal. PRECONDITION: it is another node's. UNIMPLEMENTED: a
 * newer version wrote it. MALFORMED: a file of this name is no journal. DENIED: others may write
 * to the folder. Whatever is refused is left as it was. */
must_check enum status journal_open(const struct journal_config *config, journal_visit_fn visit,
                                    void *arg, struct journal_report *ret_report,
                                    struct journal **ret_journal);
/* The same in two parts. First the folder is ours, or refused, and there are metrics; then all is
 * read. After a refused reading there is only journal_close. */
must_check enum status journal_take(const struct journal_config *config,
                                    struct journal **ret_journal);
uint64_t journal_bytes(const struct journal *j); /* of all files, before they are read */
must_check enum status journal_read(struct journal *j, journal_visit_fn visit, void *arg,
                                    struct journal_report *ret_report);
/* Nobody posts any more. What is posted gets `grace_ms` to be written and synced. Where the disk
 * does not answer even then, threads and memory are left as they are, the folder locked, and the
 * log says so: the process ends all the same. NULL: nothing. */
struct journal *journal_close(struct journal *j, uint32_t grace_ms);

/* ---- posting; one thread, always the same ---------------------------------------------------- */

/* The largest batch that a post takes now, up to JOURNAL_BATCH_BYTES_MAX; 0: none, and why is in
 * the health. It only grows until the next post: so ask first, then take from the directory. */
size_t journal_room(const struct journal *j);
/* Copies a batch: each record as 32-bit big-endian length and bytes, as dir makes them. Sequences
 * rise. False, and counted: no room, or a batch that is none; nothing was kept. */
must_check bool journal_post(struct journal *j, enum journal_type type, struct slice batch,
                             uint64_t sequence);

/* A snapshot: begin, pages, end, with posts in between. What a page holds is what was true when it
 * was posted. Begun anew, the one before is void. */
must_check bool journal_snapshot_begin(struct journal *j);
size_t journal_snapshot_room(const struct journal *j); /* pages leave half of the room to posts */
must_check bool journal_snapshot_page(struct journal *j, struct slice batch);
must_check bool journal_snapshot_end(struct journal *j);

/* ---- answers; the posting thread ------------------------------------------------------------- */

enum journal_state {
    JOURNAL_HEALTHY,
    /* In the last second a post (with sync_always: or a sync) took longer than behind_ms: do not
     * wait for it. */
    JOURNAL_BEHIND,
    JOURNAL_FAILED, /* the last try failed; it tries on */
};

enum journal_event_kind {
    JOURNAL_WRITTEN,         /* all posts up to `sequence` are the kernel's, or synced (always) */
    JOURNAL_SYNCED,          /* all posts up to `sequence` are on the disk */
    JOURNAL_SNAPSHOT_WANTED, /* the log is long, or a part of it may be lost: begin one, soon */
    JOURNAL_SNAPSHOT_DONE,   /* it is synced and the files before it are deleted */
};
struct journal_event {
    enum journal_event_kind kind;
    uint64_t sequence;
};

int journal_fd(const struct journal *j); /* readable when events wait; for loop_add */
size_t journal_events(struct journal *j, struct journal_event *events, size_t max);

struct journal_health {
    enum journal_state state;
    enum status last_error; /* STATUS_OK while nothing is failing */
    bool full;              /* bytes_max is reached: posts are refused until a snapshot */
    bool suspect;           /* a failed sync may have lost something: only a snapshot heals it */
    bool snapshot_running;
    uint32_t posts;           /* taken and not yet written */
    uint64_t unwritten_ms;    /* age of the oldest of them */
    uint64_t unsynced_ms;     /* age of the oldest that is written and not synced */
    uint64_t written, synced; /* sequences */
    uint64_t bytes, live_bytes, segments;
};
/* Right also while the thread hangs in a call to the disk. Sets the gauges that say so. */
void journal_health_get(struct journal *j, uint64_t mono_ms, struct journal_health *ret_health);
/* For the scrape; borrowed until journal_close. Any thread. */
size_t journal_metrics(const struct journal *j, const struct metrics **ret, size_t max);

/* ---- the secret: no thread is running ---------------------------------------------------------
 */

enum { JOURNAL_SECRET_BYTES = 32 };
/* Random bytes that stay with the folder, made at the first call: what a node without a secret of
 * its own derives keys from, so that identities outlive the process. Fails as journal_open does;
 * MALFORMED: the file is there and holds something else. */
must_check enum status journal_secret(const char *path, uint8_t ret_secret[JOURNAL_SECRET_BYTES]);

/* ---- tools: no thread is running ------------------------------------------------------------- */

struct journal_entry {
    uint64_t segment, offset;
    enum journal_type type;
    struct slice payload;
};
typedef enum status (*journal_entry_fn)(void *arg, const struct journal_entry *entry);

/* Read only, with or without a running owner, whose last write may then look torn. Visits every
 * sound record of every file (entry NULL: none). The status is that of the first file refused. */
must_check enum status journal_check(const char *path, journal_entry_fn entry, void *arg,
                                     struct journal_report *ret_report);

struct journal_compaction {
    journal_visit_fn visit; /* all records, as at journal_open */
    /* Then pages of what lives, appended to `out` as batches; true: more remain. */
    bool (*page)(void *arg, struct buf *out);
    void *arg;
    const uint64_t *clock; /* known after the visits: told by a JOURNAL_CLOCK. NULL: none is */
};
/* Reads all, writes a snapshot, syncs it, deletes what was before. Fails as journal_open does, and
 * with what the disk says; the journal is then as good as before. */
must_check enum status journal_compact(const struct journal_config *config,
                                       const struct journal_compaction *with,
                                       struct journal_report *ret_before, uint64_t *ret_bytes);
