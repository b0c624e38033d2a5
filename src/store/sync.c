#include "clock.h"
#include "fd.h"
#include "file.h"
#include "journal_priv.h"

/* A sync takes as long as the disk likes, and appends need not wait for it: so it has a thread. One
 * runs at a time; what is appended meanwhile is for the next one. Appending to a file that is being
 * synced is quick: on ext4, 500 times a second, 0.03 to 0.13 ms in 99 of 100 and 5 to 10 ms in 999
 * of 1,000, when the file grows while its commit closes. A file with its blocks reserved, or
 * mapped, has 0.3 to 1.4 ms there and the same in 99 of 100: not worth the zeroes at its end. */
enum { IDLE_MS = 1000 };

/* ---- the thread ---- */

static struct journal_post sync_now(int fd) {
    uint64_t began_us = clock_mono_us();
    enum status s = file_sync(fd);
    return (struct journal_post){
        .kind = POST_SYNCED, .sync_status = s, .sync_us = clock_mono_us() - began_us};
}

static void run(void *arg) {
    struct journal *j = OBJ_CAST(struct journal, arg, JOURNAL_OBJECT_MAGIC);
    for (;;) {
        struct journal_sync_job job;
        if (mailbox_drain(j->sync_jobs, &job, 1) == 0) {
            (void)mailbox_wait(j->sync_jobs, IDLE_MS);
            continue;
        }
        if (job.stop) {
            return;
        }
        struct journal_post answer = sync_now(job.fd);
        bool told = mailbox_push(j->inbox, &answer);
        assert(told); /* it has a place of its own */
        (void)told;
    }
}

enum status journal_sync_start(struct journal *j) {
    j->sync_jobs = mailbox_create(sizeof(struct journal_sync_job), 2); /* a sync and the stop */
    return j->sync_jobs ? thread_start("journal-sync", run, j, &j->sync_thread) : STATUS_NO_MEMORY;
}

static void give_job(struct journal *j, struct journal_sync_job job) {
    bool given = mailbox_push(j->sync_jobs, &job);
    assert(given);
    (void)given;
}

bool journal_sync_stop(struct journal *j) {
    if (j->sync_thread) {
        give_job(j, (struct journal_sync_job){.fd = -1, .stop = true});
        j->sync_thread = thread_join_within(j->sync_thread, JOURNAL_STUCK_MS);
    }
    return !j->sync_thread;
}

/* ---- on the journal thread ---- */

void journal_sync_begin(struct journal *j) {
    struct journal_sync *sync = &j->sync;
    assert(!sync->running && j->segment.fd >= 0 && j->unsynced_ms > 0);
    *sync = (struct journal_sync){
        .running = true,
        .covers_snapshot = j->snapshot == SNAPSHOT_ENDED,
        .orphan_fd = -1,
        .written = j->written,
    };
    if (j->sync_jobs) {
        give_job(j, (struct journal_sync_job){.fd = j->segment.fd});
    } else {
        sync->answer = sync_now(j->segment.fd);
        sync->answered = true;
    }
}

enum status journal_sync_settle(struct journal *j) {
    struct journal_sync *sync = &j->sync;
    struct metrics *m = &j->metrics;
    uint64_t us = sync->answer.sync_us;
    assert(sync->running && sync->answered);
    sync->running = sync->answered = false;
    JOURNAL_COUNT_US(m, sync, us);
    if (sync->is_void) {
        fd_close(&sync->orphan_fd);
        return STATUS_OK; /* that file's loss has been seen to */
    }
    if (j->config.sync_always && us >= (uint64_t)j->config.behind_ms * 1000) {
        shared_set(&j->late_ms, clock_mono_ms()); /* somebody waited for it */
    }
    if (sync->answer.sync_status != STATUS_OK) {
        /* The kernel may have dropped the very pages that it could not write, and will not say so
         * again: no later sync of this file proves anything. */
        metric_inc(&m->journal_errors_sync);
        journal_give_up_segment(j);
        return sync->answer.sync_status;
    }
    j->unsynced_ms = sync->more_ms;
    shared_set(&j->unsynced_since_ms, sync->more_ms);
    metric_set(&m->journal_last_sync_s, clock_wall_ms() / 1000);
    if (sync->covers_snapshot) {
        journal_snapshot_synced(j);
    }
    if (!shared_get(&j->is_suspect)) {
        shared_set(&j->synced, sync->written);
    }
    return STATUS_OK;
}
