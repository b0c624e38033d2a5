#include "control_priv.h"

#include "cursor.h"

/* The node says what is owed, the journal what it has room for; here they meet, a bounded piece a
 * turn. Nothing waits: what finds no room stays owed. */
enum {
    POST_BYTES = 64 << 10,              /* one post: some hundred rooms */
    TURN_BYTES = 128 << 10,             /* handed over in one turn: under 1 ms */
    ROOM_MIN = JOURNAL_BATCH_BYTES_MAX, /* one record may be as large; less room is none */
    POLL_MS = 5,      /* room and health are looked at so often while they are wanting */
    FINISH_MS = 2000, /* a stop hands over for so long */
    EVENTS = 32,
    AHEAD_TOLD_MS = 60 * 1000, /* clocks of one machine differ by less */
    ROOM_BYTES = 128,          /* of a room in a journal: with a name of 30 bytes and settings */
};

/* ---- the start ---- */

static enum status read_room(struct control *c, struct slice payload) {
    enum status s = node_journal_load(c->node, c->now, payload);
    if (s != STATUS_MALFORMED) {
        return s;
    }
    /* Its bytes are as they were written, so somebody wrote nonsense: one room less is better than
     * none at all. */
    c->journal.malformed++;
    log_limited(&c->journal.log, c->now.mono_ms, LOG_ERROR, "journal_record_malformed",
                LOG_UINT("bytes", payload.len));
    return STATUS_OK;
}

void control_expect_journal(struct control *c, uint64_t bytes) {
    node_journal_expect(c->node, bytes / ROOM_BYTES);
}

enum status control_read_journal(void *arg, enum journal_type type, struct slice payload) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    if (type == JOURNAL_ROOM) {
        return read_room(c, payload);
    }
    if (type == JOURNAL_CLOCK) {
        struct cursor at = cursor_over(payload);
        uint64_t time = cursor_be64(&at);
        node_journal_clock(c->node, at.failed ? 0 : time);
    }
    return STATUS_OK;
}

void control_read_journal_ahead(void *arg, enum journal_type type, struct slice payload) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    if (type == JOURNAL_ROOM) {
        node_journal_ahead(c->node, payload);
    }
}

struct control_read control_journal_read(const struct control *c) {
    return (struct control_read){
        .rooms = node_counts(c->node).rooms,
        .malformed = c->journal.malformed,
    };
}

enum status control_end_journal(struct control *c) {
    uint64_t ahead_ms = 0;
    enum status s = node_journal_end(c->node, c->now, &ahead_ms);
    metric_set(&c->metrics.journal_ahead_s, ahead_ms / 1000);
    if (ahead_ms > AHEAD_TOLD_MS) {
        log_event(LOG_ERROR, "journal_clock_ahead", LOG_UINT("seconds", ahead_ms / 1000),
                  LOG_CSTR("meaning", "this machine's clock was, or is, wrong"));
    }
    return s;
}

enum status control_use_journal(struct control *c, struct journal *journal) {
    assert(!c->thread && !c->journal.journal);
    buf_init(&c->journal.batch, JOURNAL_BATCH_BYTES_MAX);
    if (!buf_reserve(&c->journal.batch, JOURNAL_BATCH_BYTES_MAX)) {
        return STATUS_NO_MEMORY;
    }
    c->journal.journal = journal;
    return STATUS_OK;
}

/* ---- what is owed ---- */

/* The room was there when it was asked for. If it was not after all, a snapshot tells it again. */
static void post(struct control *c, enum journal_type type, struct slice batch, uint64_t sequence) {
    if (!journal_post(c->journal.journal, type, batch, sequence)) {
        c->journal.snapshot_wanted = true;
        log_limited(&c->journal.log, c->now.mono_ms, LOG_ERROR, "journal_post_refused",
                    LOG_UINT("bytes", batch.len));
    }
}

static struct buf *empty_batch(struct control *c) {
    buf_clear(&c->journal.batch);
    return &c->journal.batch;
}

/* True: more is owed, and there is room for it. */
static bool feed(struct control *c) {
    size_t used = 0;
    while (used < TURN_BYTES) {
        if (journal_room(c->journal.journal) < ROOM_MIN) {
            return false;
        }
        uint64_t sequence = 0;
        struct buf *batch = empty_batch(c);
        if (node_journal_next(c->node, POST_BYTES, batch, &sequence) == 0) {
            return false;
        }
        post(c, JOURNAL_ROOM, buf_slice(batch), sequence);
        used += batch->len;
    }
    return node_journal(c->node).owed > 0;
}

/* ---- snapshots ---- */

/* A snapshot leaves out what is dead, and with it perhaps the newest stamp. */
static void post_clock(struct control *c) {
    if (c->journal.clock_told || journal_room(c->journal.journal) < ROOM_MIN) {
        return;
    }
    uint64_t sequence = 0;
    struct buf *batch = empty_batch(c);
    buf_put_be32(batch, sizeof(uint64_t));
    buf_put_be64(batch, node_journal_clock_next(c->node, &sequence));
    post(c, JOURNAL_CLOCK, buf_slice(batch), sequence);
    c->journal.clock_told = true;
}

static void begin_snapshot(struct control *c) {
    struct control_journal *cj = &c->journal;
    bool wanted = cj->snapshot_wanted || node_journal(c->node).gaps != cj->gaps;
    if (!wanted || !journal_snapshot_begin(cj->journal)) {
        return;
    }
    cj->snapshot = SNAPSHOT_PAGES;
    cj->snapshot_wanted = cj->clock_told = false;
    cj->cursor = 0;
    cj->gaps = node_journal(c->node).gaps;
    log_event(LOG_INFO, "journal_snapshot_begun", LOG_UINT("rooms", node_counts(c->node).rooms));
}

static bool add_page(struct control *c) {
    struct control_journal *cj = &c->journal;
    if (journal_snapshot_room(cj->journal) < ROOM_MIN || !cj->clock_told) {
        return false;
    }
    struct buf *batch = empty_batch(c);
    bool more = node_journal_page(c->node, &cj->cursor, POST_BYTES, batch);
    bool taken = batch->len == 0 || journal_snapshot_page(cj->journal, buf_slice(batch));
    if (!taken || (!more && !journal_snapshot_end(cj->journal))) {
        cj->snapshot = SNAPSHOT_IDLE; /* it has a hole: another one begins */
        cj->snapshot_wanted = true;
        return true;
    }
    cj->snapshot = more ? SNAPSHOT_PAGES : SNAPSHOT_ENDED;
    return more;
}

/* True: it goes on at once. */
static bool go_on_with_snapshot(struct control *c) {
    if (c->journal.snapshot == SNAPSHOT_IDLE) {
        begin_snapshot(c);
    }
    if (c->journal.snapshot != SNAPSHOT_PAGES) {
        return false;
    }
    post_clock(c);
    return add_page(c);
}

/* ---- the turn ---- */

static void step_journal(struct control *c, struct node_event *ev) {
    ev->time = c->now;
    control_run(c, ev);
}

/* Being well is worth a line after it was not. */
static void say_state(struct control *c, bool well, const struct journal_health *h) {
    if (!well) {
        log_limited(&c->journal.log, c->now.mono_ms, LOG_WARN, "journal_not_well",
                    LOG_UINT("state", (uint64_t)h->state), LOG_BOOL("full", h->full),
                    LOG_STATUS("status", h->last_error));
    } else if (c->journal.was_well) {
        log_limited(&c->journal.log, c->now.mono_ms, LOG_INFO, "journal_well");
    }
    c->journal.was_well = c->journal.was_well || well;
}

/* Nobody waits for a journal that is behind or broken, nor while more is owed than it takes. */
static void tell_state(struct control *c) {
    struct journal_health health;
    journal_health_get(c->journal.journal, c->now.mono_ms, &health);
    bool well = health.state == JOURNAL_HEALTHY && !health.full &&
                node_journal(c->node).owed_ms < JOURNAL_BEHIND_MS;
    if (well != c->journal.well) {
        c->journal.well = well;
        struct node_event ev = {.kind = EV_JOURNAL_STATE, .journal.well = well};
        step_journal(c, &ev);
        say_state(c, well, &health);
    }
}

bool control_journal_turn(struct control *c) {
    struct control_journal *cj = &c->journal;
    if (!cj->journal) {
        return false;
    }
    bool more = feed(c);
    more = go_on_with_snapshot(c) || more;
    tell_state(c);
    bool wanting = !cj->well || cj->snapshot_wanted || cj->snapshot == SNAPSHOT_PAGES ||
                   node_journal(c->node).owed > 0;
    if (!more && wanting) {
        loop_timer_set(&cj->timer, c->now.mono_ms + POLL_MS);
    }
    return more;
}

void control_journal_events(struct control *c) {
    struct control_journal *cj = &c->journal;
    struct journal_event events[EVENTS];
    size_t count = journal_events(cj->journal, events, EVENTS);
    uint64_t written = 0;
    for (size_t i = 0; i < count; i++) {
        switch (events[i].kind) {
        case JOURNAL_WRITTEN: written = events[i].sequence; break;
        case JOURNAL_SYNCED: break; /* for the metrics alone */
        case JOURNAL_SNAPSHOT_WANTED:
            cj->snapshot_wanted = true;
            /* It was void; one whose pages still go is told anew when it has ended. */
            cj->snapshot = cj->snapshot == SNAPSHOT_ENDED ? SNAPSHOT_IDLE : cj->snapshot;
            break;
        case JOURNAL_SNAPSHOT_DONE:
            cj->snapshot = cj->snapshot == SNAPSHOT_ENDED ? SNAPSHOT_IDLE : cj->snapshot;
            log_event(LOG_INFO, "journal_snapshot_done");
            break;
        }
    }
    if (written > 0) {
        struct node_event ev = {.kind = EV_JOURNAL_WRITTEN, .journal.sequence = written};
        step_journal(c, &ev);
    }
}

void control_journal_finish(struct control *c) {
    if (!c->journal.journal) {
        return;
    }
    uint64_t end_ms = clock_mono_ms() + FINISH_MS;
    while (feed(c) || (node_journal(c->node).owed > 0 && clock_mono_ms() < end_ms)) {
        if (journal_room(c->journal.journal) < ROOM_MIN) {
            (void)mailbox_wait(c->commands, 1);
        }
    }
    uint64_t left = node_journal(c->node).owed;
    if (left > 0) {
        log_event(LOG_ERROR, "journal_incomplete", LOG_UINT("rooms", left));
    }
}

void control_journal_gauges(struct control *c) {
    if (!c->journal.journal) {
        return;
    }
    struct node_journal now = node_journal(c->node);
    metric_set(&c->metrics.dir_journal_owed, now.owed);
    metric_set(&c->metrics.journal_owed_ms, now.owed_ms);
    metric_set(&c->metrics.journal_held, now.held);
    metric_set(&c->metrics.journal_skipping, !c->journal.well);
}
