#include <string.h>

#include "clock.h"
#include "journal_priv.h"

/* The journal thread. Each pass builds the next group of posts anew, for the file that is open by
 * then: a group that failed is simply the next group again. */
enum { IDLE_MS = 1000, TELL_AGAIN_MS = 5 };

static struct slice node_of(const struct journal *j) {
    struct slice all = slice_of(j->node, sizeof j->node);
    return slice_sub(all, 0, slice_find(all, 0));
}

/* ---- failures ---- */

static void failed(struct journal *j, enum status s) {
    uint64_t now_ms = clock_mono_ms();
    j->retry_ms = j->failures == 0 ? j->config.retry_first_ms
                                   : MIN(j->retry_ms * 2, (uint64_t)j->config.retry_max_ms);
    j->failures++;
    j->retry_at_ms = now_ms + j->retry_ms;
    shared_set(&j->last_error, (uint64_t)(int64_t)s);
    log_limited(&j->log, now_ms, LOG_ERROR, "journal_failed", LOG_STATUS("status", s),
                LOG_UINT("tries", j->failures), LOG_UINT("retry_ms", j->retry_ms));
}

static void recovered(struct journal *j) {
    if (j->failures > 0) {
        log_event(LOG_INFO, "journal_recovered", LOG_UINT("tries", j->failures));
        j->failures = 0;
        shared_set(&j->last_error, STATUS_OK);
    }
}

/* What it holds unsynced may be lost: a snapshot will tell it again. One without records is simply
 * made anew under its number. */
void journal_give_up_segment(struct journal *j) {
    bool empty = j->segment.last_at == 0;
    j->next_number = j->segment.number + (empty ? 0 : 1);
    if (j->sync.running) { /* its descriptor is in use */
        j->sync.is_void = true;
        j->sync.orphan_fd = j->segment.fd;
        j->segment.fd = -1;
    }
    journal_segment_close(&j->segment);
    j->unsynced_ms = 0;
    shared_set(&j->unsynced_since_ms, 0);
    if (!empty) {
        journal_suspect(j);
    }
}

static void failed_at_segment(struct journal *j, enum status s) {
    /* A full disk is not the file's fault. */
    if (j->failures + 1 >= JOURNAL_GIVE_UP_TRIES && s != STATUS_EXHAUSTED) {
        journal_give_up_segment(j);
    }
}

/* ---- segments ---- */

static void publish_files(struct journal *j) {
    if (j->segment.fd >= 0) {
        journal_file_last(j)->bytes = j->segment.end;
    }
    shared_set(&j->bytes, journal_bytes(j));
    shared_set(&j->segments, j->files->count);
}

/* What is behind the last record of a file that is not the last looks like damage: so the file is
 * whole and synced before the next one is there. OK with sync_first set: not yet. */
static enum status next_segment(struct journal *j) {
    if (j->segment.fd >= 0) {
        j->sync_first = j->unsynced_ms > 0;
        if (j->sync_first) {
            return STATUS_OK;
        }
        j->next_number = j->segment.number + 1;
    }
    struct journal_files *f = j->files;
    bool again = f->count > 0 && f->list[f->count - 1].number == j->next_number;
    if (!again && f->count == ARRAY_LEN(f->list)) {
        return STATUS_EXHAUSTED;
    }
    struct journal_segment fresh;
    enum status s =
        journal_segment_create(j->folder, j->next_number, node_of(j), clock_wall_ms(), &fresh);
    if (s != STATUS_OK) {
        metric_inc(&j->metrics.journal_errors_open);
        return s;
    }
    journal_segment_close(&j->segment);
    j->segment = fresh;
    f->list[again ? f->count - 1 : f->count++] = (struct journal_file){.number = fresh.number};
    publish_files(j);
    return STATUS_OK;
}

/* A file whose end is known; `fresh`: one without records. */
static enum status ready_segment(struct journal *j, bool fresh) {
    struct journal_segment *s = &j->segment;
    if (s->fd >= 0 && !s->end_known) {
        enum status st = journal_segment_repair(s, j->folder);
        if (st != STATUS_OK) {
            metric_inc(&j->metrics.journal_errors_open);
            failed_at_segment(j, st);
            return st;
        }
        publish_files(j);
    }
    bool full = s->end >= j->config.segment_bytes;
    bool usable = s->fd >= 0 && (s->last_at == 0 || (!fresh && !full));
    return usable ? STATUS_OK : next_segment(j);
}

/* ---- groups ---- */

static void put_record(struct journal *j, enum journal_type type, struct slice payload) {
    j->group_last_at = j->group.len;
    journal_frame_put(&j->group, j->segment.seed, type, payload);
}

static void put_snapshot_record(struct journal *j, enum journal_type type, uint64_t number) {
    uint8_t payload[JOURNAL_SNAPSHOT_BYTES];
    for (int i = 0; i < JOURNAL_SNAPSHOT_BYTES; i++) {
        payload[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    put_record(j, type, slice_of(payload, sizeof payload));
}

static uint64_t put_batch(struct journal *j, const struct journal_post *p) {
    struct slice batch = p->batch, record;
    uint64_t count = 0;
    for (bool bad; journal_batch_next(&batch, &record, &bad); count++) {
        put_record(j, p->type, record);
    }
    return count;
}

/* Returns how many records of the posts' own are in the group. */
static uint64_t build_group(struct journal *j) {
    uint64_t records = 0;
    /* A disk that is nearly full may take one post where it does not take them all. */
    size_t most = j->failures > 0 ? 1 : JOURNAL_GROUP_BYTES;
    buf_clear(&j->group);
    j->group_posts = 0;
    for (size_t i = j->posts_first; i < j->posts_last && j->group.len < most; i++) {
        const struct journal_post *p = &j->posts[i];
        if (p->kind == POST_BEGIN && j->group_posts > 0) {
            break; /* it begins a file */
        }
        if (p->kind == POST_BEGIN) {
            put_snapshot_record(j, JOURNAL_SNAPSHOT_BEGIN, j->segment.number);
        } else if (p->kind == POST_END) {
            if (j->snapshot == SNAPSHOT_RUNNING && !j->snapshot_spoiled) {
                put_snapshot_record(j, JOURNAL_SNAPSHOT_END, j->snapshot_number);
            }
        } else {
            records += put_batch(j, p);
        }
        j->group_posts++;
        if (p->kind == POST_BEGIN || p->kind == POST_END) {
            break; /* what comes next depends on how this went */
        }
    }
    assert(!j->group.failed);
    return records;
}

static void settle_post(struct journal *j, const struct journal_post *p, uint64_t now_ms) {
    if (p->kind == POST_BEGIN) {
        journal_snapshot_began(j, j->segment.number);
    } else if (p->kind == POST_END) {
        journal_snapshot_ended(j);
    } else if (p->kind == POST_BATCH) {
        shared_set(&j->written, p->sequence);
        if (now_ms >= p->posted_ms + j->config.behind_ms) {
            metric_inc(&j->metrics.journal_late);
            shared_set(&j->late_ms, now_ms);
        }
    }
}

static void settle_group(struct journal *j, uint64_t records) {
    uint64_t now_ms = clock_mono_ms();
    if (j->group.len > 0 && j->unsynced_ms == 0) {
        j->unsynced_ms = now_ms;
        shared_set(&j->unsynced_since_ms, now_ms);
    }
    if (j->group.len > 0 && j->sync.running && j->sync.more_ms == 0) {
        j->sync.more_ms = now_ms;
    }
    metric_add(&j->metrics.journal_records, records);
    metric_add(&j->metrics.journal_written_bytes, j->group.len);
    publish_files(j);
    for (size_t i = 0; i < j->group_posts; i++) {
        settle_post(j, &j->posts[j->posts_first + i], now_ms);
    }
    j->posts_first += j->group_posts;
    shared_set(&j->done, j->done + j->group_posts); /* from here on the ring may be reused */
    journal_snapshot_consider(j);
    recovered(j);
}

static enum status write_group(struct journal *j) {
    j->sync_first = false;
    enum status s = ready_segment(j, j->posts[j->posts_first].kind == POST_BEGIN);
    if (s != STATUS_OK || j->sync_first) {
        return s;
    }
    uint64_t records = build_group(j);
    if (j->group.len > 0) {
        uint64_t began_us = clock_mono_us();
        s = journal_segment_append(&j->segment, buf_slice(&j->group), j->group_last_at);
        JOURNAL_COUNT_US(&j->metrics, write, clock_mono_us() - began_us);
    }
    if (s != STATUS_OK) {
        metric_inc(&j->metrics.journal_errors_write);
        failed_at_segment(j, s);
        return s;
    }
    settle_group(j, records);
    return STATUS_OK;
}

/* ---- the pass ---- */

/* What is for this thread itself goes to its place; false: a post. */
static bool take_own(struct journal *j, const struct journal_post *p) {
    if (p->kind == POST_STOP) {
        j->stopping = true;
        j->stop_at_ms = clock_mono_ms() + p->grace_ms;
    } else if (p->kind == POST_SYNCED) {
        j->sync.answer = *p;
        j->sync.answered = true;
    }
    return p->kind == POST_STOP || p->kind == POST_SYNCED;
}

static void take_posts(struct journal *j) {
    size_t waiting = j->posts_last - j->posts_first;
    if (waiting == 0 || ARRAY_LEN(j->posts) - j->posts_last <= JOURNAL_POSTS_MAX) {
        memmove(j->posts, j->posts + j->posts_first, waiting * sizeof j->posts[0]);
        j->posts_first = 0;
        j->posts_last = waiting;
    }
    struct journal_post *fresh = j->posts + j->posts_last;
    size_t count = mailbox_drain(j->inbox, fresh, ARRAY_LEN(j->posts) - j->posts_last);
    for (size_t i = 0; i < count; i++) {
        if (!take_own(j, &fresh[i])) {
            j->posts[j->posts_last++] = fresh[i];
        }
    }
}

static bool tell_one(struct journal *j, enum journal_event_kind kind, uint64_t sequence) {
    return mailbox_push(j->events, &(struct journal_event){kind, sequence});
}

/* False: the box is full; what is not told stays so, and is told by its newest value. */
static bool tell(struct journal *j) {
    uint64_t written = j->config.sync_always ? j->synced : j->written;
    if (written > j->told_written) {
        if (!tell_one(j, JOURNAL_WRITTEN, written)) {
            return false;
        }
        j->told_written = written;
    }
    if (j->synced > j->told_synced) {
        if (!tell_one(j, JOURNAL_SYNCED, j->synced)) {
            return false;
        }
        j->told_synced = j->synced;
    }
    j->tell_wanted = j->tell_wanted && !tell_one(j, JOURNAL_SNAPSHOT_WANTED, 0);
    j->tell_done = j->tell_done && !tell_one(j, JOURNAL_SNAPSHOT_DONE, 0);
    return !j->tell_wanted && !j->tell_done;
}

/* UINT64_MAX: not now. */
static uint64_t sync_at_ms(const struct journal *j) {
    if (j->unsynced_ms == 0 || j->sync.running) {
        return UINT64_MAX;
    }
    bool now =
        j->config.sync_always || j->snapshot == SNAPSHOT_ENDED || j->stopping || j->sync_first;
    return now ? 0 : j->unsynced_ms + j->config.sync_interval_ms;
}

/* UINT64_MAX: what is posted waits for a sync, or there is nothing. */
static uint64_t write_at_ms(const struct journal *j) {
    if (j->posts_last == j->posts_first || (j->sync_first && j->sync.running)) {
        return UINT64_MAX;
    }
    return j->failures > 0 ? j->retry_at_ms : 0;
}

/* What is next may wait so long. */
static uint32_t wait_ms(const struct journal *j, bool told) {
    uint64_t now_ms = clock_mono_ms(), at_ms = now_ms + IDLE_MS;
    at_ms = MIN(at_ms, MIN(write_at_ms(j), sync_at_ms(j)));
    if (j->delete_below > 0) {
        at_ms = MIN(at_ms, j->delete_at_ms);
    }
    if (!told) {
        at_ms = MIN(at_ms, now_ms + TELL_AGAIN_MS);
    }
    if (j->stopping) {
        at_ms = MIN(at_ms, j->stop_at_ms);
    }
    return at_ms > now_ms ? (uint32_t)(at_ms - now_ms) : 0;
}

/* No post waits for this: what cannot be deleted now is tried again later. */
static void delete_next(struct journal *j, uint64_t now_ms) {
    if (journal_delete_next(j) != STATUS_OK) {
        j->delete_at_ms = now_ms + j->config.retry_max_ms;
    }
    publish_files(j);
}

/* An answer of the sync thread, or of the sync just done. */
static void settle_sync(struct journal *j) {
    enum status s = j->sync.answered ? journal_sync_settle(j) : STATUS_OK;
    if (s != STATUS_OK) {
        failed(j, s);
    }
}

uint32_t journal_turn(struct journal *j) {
    take_posts(j);
    settle_sync(j);
    uint64_t now_ms = clock_mono_ms();
    enum status s = STATUS_OK;
    if (write_at_ms(j) <= now_ms) {
        s = write_group(j);
    }
    if (s != STATUS_OK) {
        failed(j, s);
    } else if (sync_at_ms(j) <= clock_mono_ms()) {
        journal_sync_begin(j);
        settle_sync(j);
    }
    if (j->delete_below > 0 && now_ms >= j->delete_at_ms) {
        delete_next(j, now_ms);
    }
    return wait_ms(j, tell(j));
}

static bool is_over(const struct journal *j) {
    bool idle = j->posts_first == j->posts_last && j->unsynced_ms == 0;
    return j->stopping && (idle || clock_mono_ms() >= j->stop_at_ms);
}

void journal_run(void *arg) {
    struct journal *j = OBJ_CAST(struct journal, arg, JOURNAL_OBJECT_MAGIC);
    /* A stop without grace ends here with what is posted still unwritten. */
    for (take_posts(j); !is_over(j);) {
        uint32_t ms = journal_turn(j);
        if (ms > 0 && !is_over(j)) {
            (void)mailbox_wait(j->inbox, ms);
        }
    }
}
