#include "node_media.h"

enum { SCAN_SLOTS = 256, SCAN_PERIOD_MS = 1000 };

struct found {
    struct host *host;
    uint32_t reason;
};
struct sweep {
    struct node *n;
    struct effects *fx;
    size_t count;
    struct found found[SWEEP_PER_STEP_MAX];
};

static uint32_t reason_of(enum dir_end_reason reason) {
    bool by_rule = reason == DIR_END_SOLO || reason == DIR_END_MAX_DURATION;
    return by_rule ? LIVEKIT__DISCONNECT_REASON__ROOM_DELETED
                   : LIVEKIT__DISCONNECT_REASON__ROOM_CLOSED;
}

/* The directory must not change here: hosts are closed after the sweep. */
static void on_ended(void *arg, const struct dir_room *room, enum dir_end_reason reason) {
    struct sweep *s = arg;
    struct host *h = node_host_find(s->n, room->name);
    if (h) {
        assert(s->count < ARRAY_LEN(s->found));
        host_keep(s->n, h, room);
        s->found[s->count++] = (struct found){h, reason_of(reason)};
    } else {
        node_note_room(s->n, s->fx, NOTE_ROOM_FINISHED, room);
    }
    arena_reset(&s->n->work); /* a tick begins with the sweep: there is nothing else in it */
}

/* What ended cannot be told again: places for all notes and memory for their names come first.
 * Bodies of webhooks may be large: then the sweep looks at each before it takes another. */
static void sweep(struct node *n, struct effects *fx) {
    enum { NAME_BYTES = ROOM_NAME_BYTES_MAX + 16 };
    struct sweep s = {.n = n, .fx = fx};
    size_t at_once = n->config.webhooks ? 1 : SWEEP_PER_STEP_MAX, done = 0, more = 0;
    if (!fx_hold(fx, (size_t)SWEEP_PER_STEP_MAX * NAME_BYTES, SWEEP_PER_STEP_MAX)) {
        fx_rollback(fx, fx->count);
        n->sweep_more = true; /* no memory now: at the next tick */
        return;
    }
    do {
        more = dir_sweep(n->dir, n->now, at_once, on_ended, &s);
        done += more;
    } while (more == at_once && done < SWEEP_PER_STEP_MAX &&
             fx->arena.used_bytes < NOTES_BYTES_PER_STEP);
    metric_add(&n->config.metrics->dir_sweep_done, done);
    n->sweep_more = more == at_once;
    for (size_t i = 0; i < s.count; i++) {
        host_close(n, s.found[i].host, s.found[i].reason);
    }
}

void node_sweep(struct node *n, struct effects *fx) {
    if (n->sweep_more || dir_next_deadline_ms(n->dir) <= n->now.mono_ms) {
        sweep(n, fx);
    }
    n->swept_at_ms = n->now.wall_ms;
    if (n->now.mono_ms >= n->next_scan_ms) {
        n->scan_findings += dir_scan(n->dir, n->now, SCAN_SLOTS);
        n->next_scan_ms = n->now.mono_ms + SCAN_PERIOD_MS;
        dir_metrics_set(n->dir, n->now, n->config.metrics);
    }
}

static void run_timer(struct node *n, struct timer *t, struct effects *fx) {
    switch (t->kind) {
    case TIMER_LIFE: session_on_timer(n, container_of(t, struct session, life), t, fx); break;
    case TIMER_REFRESH:
        heap_set(&n->timers, &t->node, n->now.mono_ms + TOKEN_REFRESH_MS);
        session_on_timer(n, container_of(t, struct session, refresh), t, fx);
        break;
    case TIMER_SIMULATE:
        session_on_simulate_timer(n, container_of(t, struct session, simulated.timer));
        break;
    case TIMER_NEGOTIATE:
        session_on_negotiate(n, container_of(t, struct session, negotiate), fx);
        break;
    case TIMER_RPC: rpc_on_timer(n, container_of(t, struct rpc, timer), fx); break;
    case TIMER_ROOM_UPDATE: host_on_timer(n, container_of(t, struct host, update), fx); break;
    }
}

void node_run_timers(struct node *n, struct effects *fx) {
    enum { RETRY_MS = 1000 };
    for (size_t i = 0; i < TIMERS_PER_STEP_MAX; i++) {
        struct heap_node *first = heap_peek(&n->timers);
        bool full = fx->arena.used_bytes > TIMER_BYTES_PER_STEP;
        if (!first || first->key > n->now.mono_ms || full) {
            return;
        }
        struct timer *t = container_of(first, struct timer, node);
        size_t mark = fx->count;
        heap_remove(&n->timers, first);
        run_timer(n, t, fx);
        if (!node_ok(n, fx)) {
            node_rollback(n, fx, mark);
            heap_set(&n->timers, first, n->now.mono_ms + RETRY_MS);
            return;
        }
    }
}
