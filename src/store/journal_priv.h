/* journal_priv.h: what the files of this folder share.
 * format: bytes of a file. segment: the file that is appended to. scan: what the folder holds.
 * queue: the posting thread's side. writer: the journal thread. sync: the thread that it has syncs
 * done by. compact: snapshots and deletions.
 */
#pragma once

#include "buf.h"
#include "journal.h"
#include "log.h"
#include "mailbox.h"
#include "thread.h"

enum {
    JOURNAL_OBJECT_MAGIC = 0x4a524e4c,
    JOURNAL_HEADER_BYTES = 64,
    JOURNAL_FRAME_BYTES = 9,  /* length 32, CRC 32, type 8; the length counts type and payload */
    JOURNAL_PATH_BYTES = 512, /* of a file; the folder's path has 480 */
    JOURNAL_FOLDER_BYTES = 480,
    JOURNAL_BATCH_PREFIX_BYTES = 4,
    JOURNAL_SNAPSHOT_BYTES = 8, /* payload of begin and end: the number of the segment begun */
    JOURNAL_RECORD_BYTES_MAX = JOURNAL_BATCH_BYTES_MAX - JOURNAL_BATCH_PREFIX_BYTES,
    /* A batch of empty records grows most: 4 bytes become 9. */
    JOURNAL_FRAMED_BYTES_MAX = JOURNAL_BATCH_BYTES_MAX / 4 * JOURNAL_FRAME_BYTES,
};
static_assert(JOURNAL_BATCH_BYTES_MAX <= JOURNAL_QUEUE_BYTES_MAX / 2, "pages leave room to posts");
static_assert(JOURNAL_NODE_BYTES_MAX == 24, "its place in the header");

/* ---- format ---------------------------------------------------------------------------------- */

struct journal_header {
    uint64_t segment, created_ms;
    uint8_t node[JOURNAL_NODE_BYTES_MAX]; /* NUL behind when shorter */
    uint32_t seed;                        /* CRC of the header; each record's CRC begins with it */
};
/* Sets h->seed. */
void journal_header_encode(struct journal_header *h, uint8_t out[JOURNAL_HEADER_BYTES]);
/* MALFORMED: not ours. UNIMPLEMENTED: another version. IO: ours and damaged, or too short. */
must_check enum status journal_header_decode(struct slice bytes, struct journal_header *ret_header);

void journal_frame_put(struct buf *out, uint32_t seed, enum journal_type type,
                       struct slice payload);
enum journal_found { JOURNAL_FOUND, JOURNAL_FOUND_PART, JOURNAL_FOUND_DAMAGE };
struct journal_frame {
    enum journal_type type;
    struct slice payload; /* into the bytes given */
    size_t size;          /* with its frame */
};
/* PART: may become a record with more bytes, ret_frame->size of them. */
enum journal_found journal_frame_next(struct slice bytes, uint32_t seed,
                                      struct journal_frame *ret_frame);
/* The next record of a batch; false at the end, *ret_bad when what is left is none. */
bool journal_batch_next(struct slice *batch, struct slice *ret_record, bool *ret_bad);

/* ---- scan ------------------------------------------------------------------------------------ */

struct journal_file {
    uint64_t number, bytes;
};
/* The files of the folder, by number. */
struct journal_files {
    struct journal_file list[JOURNAL_SEGMENTS_MAX];
    size_t count;
};
/* What reading one file found. */
struct journal_read {
    struct journal_header header;
    enum status header_status; /* OK or IO (damaged) */
    bool unreadable;           /* not damage: what the disk did not say may be well */
    uint64_t file_bytes;
    uint64_t end;     /* of the last sound record; all behind is damage */
    uint64_t last_at; /* where that record begins; 0: there is none */
    uint64_t records, unknown;
    uint64_t ends;    /* number of the snapshot that ends here; 0: none */
    uint64_t ends_at; /* behind that record */
};

void journal_file_path(const char *folder, uint64_t number, char out[JOURNAL_PATH_BYTES]);
must_check enum status journal_files_list(const char *folder, struct journal_files *ret_files);
/* Refuses what is not ours, without reading on. `node` empty: any. */
must_check enum status journal_files_check(const char *folder, const struct journal_files *files,
                                           struct slice node);
struct journal_visitor {
    journal_visit_fn visit; /* NULL: nobody */
    journal_ahead_fn ahead; /* NULL: nobody */
    void *arg;
};
/* A file's records in order. Not OK: the callback's status, or NO_MEMORY, MALFORMED... `v` is told
 * what comes; NULL: nobody is. */
must_check enum status journal_file_read(const char *folder, uint64_t number, journal_entry_fn fn,
                                         void *arg, const struct journal_visitor *v,
                                         struct journal_read *ret_read);
/* Reads what counts: from the newest whole snapshot on, or all. */
struct journal_found_all {
    struct journal_report report;
    size_t first;             /* index of the file where reading began */
    struct journal_read last; /* of the last file; zeroed when there is none */
};
must_check enum status journal_files_visit(const char *folder, const struct journal_files *files,
                                           const struct journal_visitor *v,
                                           struct journal_found_all *ret_found);
/* Makes the folder when it is absent; ours alone until the descriptor is closed. */
must_check enum status journal_lock_folder(const char *folder, int *ret_lock);
/* Folder, lock, files, checks: what open and compact begin with. */
must_check enum status journal_take_folder(const struct journal_config *config, char *folder,
                                           int *ret_lock, struct journal_files *ret_files);

/* ---- segment --------------------------------------------------------------------------------- */

/* The file that is appended to; zeroed with fd -1: none is open. */
struct journal_segment {
    /* owned */ int fd;
    uint64_t number, end;
    uint64_t last_at; /* where the last record begins; 0: there is none */
    uint32_t seed;
    bool end_known; /* false: a write failed, or nobody looked yet */
};
must_check enum status journal_segment_create(const char *folder, uint64_t number,
                                              struct slice node, uint64_t created_ms,
                                              struct journal_segment *ret_segment);
/* What a reading left; its end is not known until it is repaired. */
must_check enum status journal_segment_reopen(const char *folder, const struct journal_read *read,
                                              struct journal_segment *ret_segment);
/* Cuts what is behind the last good record, and reads that one again. IO: give the file up. */
must_check enum status journal_segment_repair(struct journal_segment *s, const char *folder);
/* `last_at`: where in `data` the last record begins. A failure leaves the end unknown. */
must_check enum status journal_segment_append(struct journal_segment *s, struct slice data,
                                              size_t last_at);
void journal_segment_close(struct journal_segment *s);

/* ---- the journal ----------------------------------------------------------------------------- */

enum journal_post_kind { POST_BATCH, POST_PAGE, POST_BEGIN, POST_END, POST_STOP, POST_SYNCED };
struct journal_post {
    enum journal_post_kind kind;
    enum journal_type type;
    struct slice batch; /* into the ring: it stays until this post is done */
    uint64_t sequence, posted_ms;
    uint64_t grace_ms;       /* POST_STOP */
    enum status sync_status; /* POST_SYNCED, from the sync thread */
    uint64_t sync_us;
};

struct journal_sync_job {
    int fd;
    bool stop;
};
/* The journal thread's book of the sync that runs; there is one at a time. */
struct journal_sync {
    bool running, answered;
    bool is_void;         /* its file was given up meanwhile: the answer says nothing */
    bool covers_snapshot; /* the end of a snapshot was written before it began */
    int orphan_fd;        /* owned: that file, open until the answer; -1: none */
    uint64_t written;     /* sequence up to which posts are in it */
    uint64_t more_ms;     /* when the first bytes came that are not in it; 0: none did */
    struct journal_post answer;
};

/* The posting thread's book of what is not written yet. */
struct journal_slot {
    size_t at, end; /* in the ring; equal: nothing */
    uint64_t posted_ms;
};

enum journal_snapshot_state { SNAPSHOT_NONE, SNAPSHOT_WANTED, SNAPSHOT_RUNNING, SNAPSHOT_ENDED };

struct journal {
    uint32_t magic;
    struct journal_config config;
    char folder[JOURNAL_FOLDER_BYTES];
    uint8_t node[JOURNAL_NODE_BYTES_MAX];
    /* owned */ int lock_fd;
    /* owned */ struct thread *thread;
    /* owned */ struct mailbox *inbox, *events;
    /* owned */ struct thread *sync_thread;
    /* owned */ struct mailbox *sync_jobs; /* NULL: the journal thread does them itself */

    /* posting thread */
    uint64_t poster;           /* thread_self */
    /* owned */ uint8_t *ring; /* JOURNAL_QUEUE_BYTES_MAX; read by the journal thread */
    struct journal_slot slots[JOURNAL_POSTS_MAX];
    uint64_t posted; /* posts of all kinds */
    size_t ring_end; /* of the newest piece */
    uint64_t sequence;
    struct metrics post_metrics;

    /* atomic: written by the journal thread, read by the posting one */
    uint64_t done; /* posts of all kinds */
    uint64_t written, synced, bytes, live_bytes, segments, unsynced_since_ms, late_ms;
    uint64_t last_error, is_suspect, is_running;

    /* journal thread */
    struct journal_post posts[JOURNAL_POSTS_MAX * 2]; /* drained, not done: first..last */
    size_t posts_first, posts_last;
    struct buf group;
    size_t group_posts, group_last_at;
    struct journal_segment segment;
    struct journal_files *files; /* owned; the last is the open segment, when one is */
    uint64_t next_number;
    uint32_t failures; /* in a row */
    uint64_t retry_at_ms, retry_ms;
    uint64_t unsynced_ms; /* since when the open segment has bytes that are not synced; 0: none */
    bool sync_first;      /* what is next begins a file, and the open one is not synced yet */
    struct journal_sync sync;
    enum journal_snapshot_state snapshot;
    uint64_t snapshot_number; /* of its first segment */
    bool snapshot_spoiled;    /* a part of it may be lost */
    uint64_t delete_below;    /* segments under this are not needed any more; 0: none */
    uint64_t delete_at_ms;    /* not before: the last try failed */
    uint64_t told_written, told_synced;
    bool tell_wanted, tell_done;
    bool stopping;
    uint64_t stop_at_ms;
    struct log_limit log;
    struct metrics metrics;
};

/* All but the thread: for tests that turn it by hand. */
must_check enum status journal_prepare(const struct journal_config *config, journal_visit_fn visit,
                                       void *arg, struct journal_report *ret_report,
                                       struct journal **ret_journal);
struct journal *journal_destroy(struct journal *j);
void journal_run(void *arg); /* the thread */
/* One pass of it: takes posts, writes, syncs, deletes, tells. Returns how long it may wait. */
uint32_t journal_turn(struct journal *j);
/* Nothing more goes into the open file, and what it holds unsynced may be lost. */
void journal_give_up_segment(struct journal *j);
must_check enum status journal_sync_start(struct journal *j); /* the thread */
/* False: the sync that runs has not come back in JOURNAL_STUCK_MS. */
must_check bool journal_sync_stop(struct journal *j);
/* On the journal thread: syncs what the open file holds now. The answer comes as a post, or is
 * there at once when there is no thread. */
void journal_sync_begin(struct journal *j);
/* What the answer means; the status is that of the sync. */
must_check enum status journal_sync_settle(struct journal *j);
/* How a snapshot moves on, on the journal thread. */
void journal_snapshot_consider(struct journal *j);
void journal_snapshot_began(struct journal *j, uint64_t number);
void journal_snapshot_ended(struct journal *j);
void journal_snapshot_synced(struct journal *j);
/* Something that was written may be lost. */
void journal_suspect(struct journal *j);
/* Deletes the oldest file that is not needed any more; delete_below is 0 when that was all. */
must_check enum status journal_delete_next(struct journal *j);
static inline struct journal_file *journal_file_last(struct journal *j) {
    return &j->files->list[j->files->count - 1];
}

/* One histogram: buckets are cumulative. */
#define JOURNAL_COUNT_US(m, what, us)                                                              \
    do {                                                                                           \
        uint64_t us_ = (us);                                                                       \
        metric_add(&(m)->journal_##what##_ms_1, us_ <= 1000);                                      \
        metric_add(&(m)->journal_##what##_ms_5, us_ <= 5000);                                      \
        metric_add(&(m)->journal_##what##_ms_20, us_ <= 20000);                                    \
        metric_add(&(m)->journal_##what##_ms_50, us_ <= 50000);                                    \
        metric_add(&(m)->journal_##what##_ms_100, us_ <= 100000);                                  \
        metric_add(&(m)->journal_##what##_ms_500, us_ <= 500000);                                  \
        metric_add(&(m)->journal_##what##_ms_1000, us_ <= 1000000);                                \
        metric_inc(&(m)->journal_##what##_ms_inf);                                                 \
        metric_inc(&(m)->journal_##what##_ms_count);                                               \
        metric_add(&(m)->journal_##what##_ms_sum, us_ / 1000);                                     \
    } while (0)

static inline void shared_set(uint64_t *field, uint64_t value) {
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}
static inline uint64_t shared_get(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}
