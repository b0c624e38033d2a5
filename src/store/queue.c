#include <string.h>

#include "clock.h"
#include "journal_priv.h"

/* The posting thread's side. The ring holds what posts carry, each in one piece, in order; a slot
 * remembers which piece. What is done is counted by the journal thread alone. */

static void assert_on_poster(const struct journal *j) {
    assert(j->poster == 0 || j->poster == thread_self());
    (void)j;
}

static const struct journal_slot *slot_at(const struct journal *j, uint64_t post) {
    return &j->slots[post % ARRAY_LEN(j->slots)];
}

struct ring_view {
    size_t at, room; /* where the next piece may begin, and how long it may be */
    size_t used;     /* with the gap that a turn at the end leaves */
};

/* Slots say whether it is empty: so where the newest ends and the oldest begins, it is full. */
static struct ring_view ring_look(const struct journal *j) {
    uint64_t done = shared_get(&j->done);
    const size_t size = JOURNAL_QUEUE_BYTES_MAX;
    if (j->posted - done >= JOURNAL_POSTS_MAX) {
        return (struct ring_view){.used = size};
    }
    while (done < j->posted && slot_at(j, done)->at == slot_at(j, done)->end) {
        done++; /* marks carry nothing */
    }
    if (done == j->posted) {
        return (struct ring_view){.room = size}; /* from the start: the same pages stay warm */
    }
    size_t oldest = slot_at(j, done)->at, end = j->ring_end;
    if (end <= oldest) {
        return (struct ring_view){end, oldest - end, size - (oldest - end)};
    }
    size_t behind = size - end;
    return (struct ring_view){behind >= oldest ? end : 0, MAX(behind, oldest), end - oldest};
}

/* The log is as large as it may be, give or take `slack`. */
static bool is_full(const struct journal *j, uint64_t slack) {
    uint64_t factor = shared_get(&j->is_running) ? 2 : 1;
    return shared_get(&j->bytes) >= j->config.bytes_max * factor + slack;
}

size_t journal_room(const struct journal *j) {
    return is_full(j, 0) ? 0 : MIN(ring_look(j).room, (size_t)JOURNAL_BATCH_BYTES_MAX);
}

size_t journal_snapshot_room(const struct journal *j) {
    const size_t half = JOURNAL_QUEUE_BYTES_MAX / 2;
    struct ring_view ring = ring_look(j);
    bool slots = j->posted - shared_get(&j->done) < JOURNAL_POSTS_MAX / 2;
    if (!slots || ring.used >= half || is_full(j, 0)) {
        return 0;
    }
    return MIN(MIN(ring.room, half - ring.used), (size_t)JOURNAL_BATCH_BYTES_MAX);
}

static bool is_batch(struct slice batch) {
    struct slice record;
    bool bad;
    while (journal_batch_next(&batch, &record, &bad)) {
    }
    return !bad;
}

static bool refuse(struct journal *j) {
    metric_inc(&j->post_metrics.journal_refused);
    return false;
}

static bool push(struct journal *j, struct journal_post *p) {
    assert_on_poster(j);
    j->poster = thread_self();
    struct ring_view ring = ring_look(j);
    bool slots = j->posted - shared_get(&j->done) < JOURNAL_POSTS_MAX;
    if (!slots || p->batch.len > ring.room) {
        return refuse(j);
    }
    if (p->batch.len > 0) {
        memcpy(j->ring + ring.at, p->batch.data, p->batch.len);
        p->batch.data = j->ring + ring.at;
        j->ring_end = ring.at + p->batch.len;
    }
    p->posted_ms = clock_mono_ms();
    j->slots[j->posted % ARRAY_LEN(j->slots)] =
        (struct journal_slot){ring.at, ring.at + p->batch.len, p->posted_ms};
    j->posted++;
    bool pushed = mailbox_push(j->inbox, p);
    assert(pushed); /* it has a place for each slot */
    return pushed;
}

bool journal_post(struct journal *j, enum journal_type type, struct slice batch,
                  uint64_t sequence) {
    assert(type == JOURNAL_ROOM || type == JOURNAL_CLOCK);
    assert(sequence > j->sequence);
    /* What is in the ring may have made the log full since the room was asked for. */
    bool full = is_full(j, (uint64_t)JOURNAL_QUEUE_BYTES_MAX * 2);
    if (full || batch.len > JOURNAL_BATCH_BYTES_MAX || !is_batch(batch)) {
        return refuse(j);
    }
    struct journal_post p = {
        .kind = POST_BATCH, .type = type, .batch = batch, .sequence = sequence};
    if (!push(j, &p)) {
        return false;
    }
    j->sequence = sequence;
    return true;
}

bool journal_snapshot_begin(struct journal *j) {
    if (!push(j, &(struct journal_post){.kind = POST_BEGIN})) {
        return false;
    }
    shared_set(&j->is_running, 1); /* it may need more room than the log alone */
    return true;
}

bool journal_snapshot_page(struct journal *j, struct slice batch) {
    if (batch.len > journal_snapshot_room(j) || !is_batch(batch)) {
        return refuse(j);
    }
    return push(j, &(struct journal_post){.kind = POST_PAGE, .type = JOURNAL_ROOM, .batch = batch});
}

bool journal_snapshot_end(struct journal *j) {
    return push(j, &(struct journal_post){.kind = POST_END});
}

int journal_fd(const struct journal *j) {
    return mailbox_fd(j->events);
}

size_t journal_events(struct journal *j, struct journal_event *events, size_t max) {
    return mailbox_drain(j->events, events, max);
}

static uint64_t age_ms(uint64_t since_ms, uint64_t now_ms) {
    return since_ms > 0 && now_ms > since_ms ? now_ms - since_ms : 0;
}

static enum journal_state state_of(struct journal *j, const struct journal_health *h,
                                   uint64_t mono_ms) {
    if (h->last_error != STATUS_OK || (h->suspect && j->config.sync_always)) {
        return JOURNAL_FAILED;
    }
    uint64_t late_ms = shared_get(&j->late_ms);
    bool late = (j->config.sync_always && h->unsynced_ms >= j->config.behind_ms) ||
                h->unwritten_ms >= j->config.behind_ms ||
                (late_ms > 0 && mono_ms < late_ms + JOURNAL_CALM_MS);
    return late ? JOURNAL_BEHIND : JOURNAL_HEALTHY;
}

void journal_health_get(struct journal *j, uint64_t mono_ms, struct journal_health *ret_health) {
    assert_on_poster(j);
    uint64_t done = shared_get(&j->done);
    struct journal_health h = {
        .last_error = (enum status)(int64_t)shared_get(&j->last_error),
        .full = is_full(j, 0),
        .suspect = shared_get(&j->is_suspect) != 0,
        .snapshot_running = shared_get(&j->is_running) != 0,
        .posts = (uint32_t)(j->posted - done),
        .unwritten_ms = done < j->posted ? age_ms(slot_at(j, done)->posted_ms, mono_ms) : 0,
        .unsynced_ms = age_ms(shared_get(&j->unsynced_since_ms), mono_ms),
        .written = shared_get(&j->written),
        .synced = shared_get(&j->synced),
        .bytes = shared_get(&j->bytes),
        .live_bytes = shared_get(&j->live_bytes),
        .segments = shared_get(&j->segments),
    };
    h.state = state_of(j, &h, mono_ms);
    struct metrics *m = &j->post_metrics;
    metric_set(&m->journal_state, h.state);
    metric_set(&m->journal_full, h.full);
    metric_set(&m->journal_suspect, h.suspect);
    metric_set(&m->journal_unwritten_ms, h.unwritten_ms);
    metric_set(&m->journal_unsynced_ms, h.unsynced_ms);
    metric_set(&m->journal_bytes, h.bytes);
    metric_set(&m->journal_live_bytes, h.live_bytes);
    metric_set(&m->journal_segments, h.segments);
    *ret_health = h;
}

size_t journal_metrics(const struct journal *j, const struct metrics **ret, size_t max) {
    const struct metrics *all[] = {&j->post_metrics, &j->metrics};
    size_t count = MIN(max, ARRAY_LEN(all));
    for (size_t i = 0; i < count; i++) {
        ret[i] = all[i];
    }
    return count;
}
