#include <string.h>

#include "cluster.h"
#include "mem.h"

/* Answers to writes wait here until the journal has what they tell of: a crash then takes back
 * nothing that somebody was told. What is owed has no sequence yet; once the shell has taken all
 * that was owed, the answers of that time wait for the sequence of that batch. Both lists are in
 * the order of their deadlines, since all wait equally long. */

enum { JOURNAL_LAG_MS = 1000 };

struct hold {
    struct list_node in_holds; /* n->holds_owed, holds_posted or holds_sent */
    uint64_t conn, deadline_ms;
    uint64_t sequence; /* once posted */
    uint16_t http_status;
    bool body_is_json, posted;
    size_t len;
    uint8_t body[];
};

static struct hold *hold_at(const struct list *l) {
    struct list_node *first = list_first(l);
    return first ? container_of(first, struct hold, in_holds) : NULL;
}

static struct list *oldest_list(struct node *n) {
    return list_empty(&n->holds_posted) ? &n->holds_owed : &n->holds_posted;
}

static const struct hold *oldest(const struct node *n) {
    const struct hold *posted = hold_at(&n->holds_posted);
    return posted ? posted : hold_at(&n->holds_owed);
}

static bool is_written(const struct node *n, const struct hold *h) {
    return h->posted && h->sequence <= n->journal_written;
}

static bool is_due(const struct node *n, const struct hold *h) {
    return is_written(n, h) || !n->journal_well || h->deadline_ms <= n->now.mono_ms;
}

static struct list *list_of(struct node *n, const struct hold *h) {
    return h->posted ? &n->holds_posted : &n->holds_owed;
}

static void free_hold(struct node *n, struct list *from, struct hold *h) {
    list_remove(from, &h->in_holds);
    n->holds_bytes -= h->len;
    mem_free(h);
}

/* ---- holding ---- */

static struct effect *find_reply(struct effects *fx, size_t mark, uint64_t conn) {
    for (size_t i = mark; i < fx->count; i++) {
        if (fx->items[i].kind == FX_API_REPLY && fx->items[i].conn == conn) {
            return &fx->items[i];
        }
    }
    return NULL;
}

static void take_out(struct effects *fx, const struct effect *e) {
    size_t at = (size_t)(e - fx->items);
    fx->count--;
    memmove(fx->items + at, fx->items + at + 1, (fx->count - at) * sizeof(*e));
}

static struct hold *make_hold(struct node *n, const struct effect *e) {
    struct hold *h = mem_alloc(sizeof(*h) + e->bytes.len);
    if (h) {
        *h = (struct hold){
            .conn = e->conn,
            .deadline_ms = n->now.mono_ms + n->config.journal_wait_ms,
            .http_status = e->http_status,
            .body_is_json = e->body_is_json,
            .len = e->bytes.len,
        };
        list_node_init(&h->in_holds);
        if (h->len > 0) {
            memcpy(h->body, e->bytes.data, h->len);
        }
    }
    return h;
}

/* Whatever keeps it from waiting, the answer is given all the same, and counted. */
void node_hold_reply(struct node *n, struct effects *fx, size_t mark, uint64_t conn) {
    const struct effect *e = find_reply(fx, mark, conn);
    bool owed = dir_journal_owed(n->dir) > 0 || n->journal_sequence > n->journal_written;
    if (!n->config.journal || !owed || !e || e->http_status != 200) {
        return;
    }
    if (!n->journal_well || n->config.journal_wait_ms == 0) {
        metric_inc(&n->config.metrics->journal_waits_skipped);
        return;
    }
    size_t count = n->holds_owed.count + n->holds_posted.count;
    bool full = count >= WRITES_HELD_MAX || n->holds_bytes + e->bytes.len > WRITES_HELD_BYTES_MAX;
    struct hold *h = full ? NULL : make_hold(n, e);
    if (!h) {
        metric_inc(&n->config.metrics->journal_waits_full);
        return;
    }
    take_out(fx, e);
    list_push_back(&n->holds_owed, &h->in_holds);
    n->holds_bytes += h->len;
}

/* ---- letting go ---- */

/* Its bytes stay until the next step: the effect points to them. */
static void send(struct node *n, struct hold *h, struct effects *fx) {
    struct effect *e = fx_add(fx, FX_API_REPLY);
    e->conn = h->conn;
    e->http_status = h->http_status;
    e->body_is_json = h->body_is_json;
    e->bytes = slice_of(h->body, h->len);
    uint64_t *counter = is_written(n, h) ? &n->config.metrics->journal_waits_written
                                         : &n->config.metrics->journal_waits_late;
    metric_inc(counter);
    list_remove(list_of(n, h), &h->in_holds);
    list_push_back(&n->holds_sent, &h->in_holds);
}

void node_run_holds(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < WRITES_PER_STEP_MAX; i++) {
        struct hold *h = hold_at(oldest_list(n));
        if (!h || !is_due(n, h)) {
            return;
        }
        if (!fx_reserve(fx, 1)) {
            node_rollback(n, fx, fx->count); /* no memory now: at the next step */
            return;
        }
        send(n, h, fx);
    }
}

uint64_t node_holds_next_ms(const struct node *n) {
    const struct hold *h = oldest(n);
    return !h ? UINT64_MAX : is_due(n, h) ? n->now.mono_ms : h->deadline_ms;
}

void node_free_holds_sent(struct node *n) {
    while (!list_empty(&n->holds_sent)) {
        free_hold(n, &n->holds_sent, hold_at(&n->holds_sent));
    }
}

void node_free_holds(struct node *n) {
    struct list *const lists[] = {&n->holds_owed, &n->holds_posted, &n->holds_sent};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        while (!list_empty(lists[i])) {
            free_hold(n, lists[i], hold_at(lists[i]));
        }
    }
}

/* At most WRITES_HELD_MAX are looked at. */
void node_hold_gone(struct node *n, uint64_t conn) {
    struct list *const lists[] = {&n->holds_owed, &n->holds_posted};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        list_each_safe (at, after, lists[i]) {
            struct hold *h = container_of(at, struct hold, in_holds);
            if (h->conn == conn) {
                free_hold(n, lists[i], h);
            }
        }
    }
}

/* ---- the shell's side ---- */

void node_journal_expect(struct node *n, uint64_t rooms) {
    dir_expect(n->dir, rooms);
}

enum status node_journal_load(struct node *n, struct dir_time now, struct slice record) {
    n->journal_read = true;
    enum status s = cluster_keep_dead(n);
    return s == STATUS_OK ? dir_load(n->dir, now, record) : s;
}

void node_journal_ahead(const struct node *n, struct slice record) {
    dir_load_ahead(n->dir, record);
}

void node_journal_clock(struct node *n, uint64_t time) {
    n->journal_read = true;
    dir_clock_load(n->dir, time);
}

enum status node_journal_end(const struct node *n, struct dir_time now, uint64_t *ret_ahead_ms) {
    uint64_t newest_ms = dir_time_to_ms(dir_clock_last(n->dir));
    *ret_ahead_ms = newest_ms > now.wall_ms ? newest_ms - now.wall_ms : 0;
    bool others = n->config.cluster.id != 0;
    return others && *ret_ahead_ms / 1000 > JOURNAL_AHEAD_MAX_S ? STATUS_NOT_YET : STATUS_OK;
}

uint64_t node_journal_clock_next(struct node *n, uint64_t *ret_sequence) {
    *ret_sequence = ++n->journal_sequence;
    return dir_clock_now(n->dir, n->now).time;
}

/* All that was owed is under way with this sequence or an earlier one. */
static void post_holds(struct node *n) {
    while (!list_empty(&n->holds_owed)) {
        struct hold *h = hold_at(&n->holds_owed);
        list_remove(&n->holds_owed, &h->in_holds);
        h->sequence = n->journal_sequence;
        h->posted = true;
        list_push_back(&n->holds_posted, &h->in_holds);
    }
}

size_t node_journal_next(struct node *n, size_t budget_bytes, struct buf *out,
                         uint64_t *ret_sequence) {
    size_t count = dir_journal_next(n->dir, budget_bytes, out);
    if (count > 0) {
        *ret_sequence = ++n->journal_sequence;
    }
    if (dir_journal_owed(n->dir) > 0) {
        n->journal_owed_ms = n->journal_owed_ms ? n->journal_owed_ms : n->now.mono_ms;
    } else {
        n->journal_owed_ms = 0;
        if (n->journal_lag_ms != 0 && n->journal_lag_sequence == 0) {
            n->journal_lag_sequence = n->journal_sequence;
        }
        post_holds(n);
    }
    return count;
}

bool node_journal_page(const struct node *n, uint32_t *cursor, size_t budget_bytes,
                       struct buf *out) {
    return dir_snapshot_next(n->dir, cursor, budget_bytes, out);
}

struct node_journal node_journal(const struct node *n) {
    uint64_t since_ms = n->journal_owed_ms;
    return (struct node_journal){
        .owed = dir_journal_owed(n->dir),
        .owed_ms = since_ms != 0 ? n->now.mono_ms - since_ms : 0,
        .gaps = dir_journal_gaps(n->dir),
        .held = n->holds_owed.count + n->holds_posted.count,
    };
}

void node_journal_told(struct node *n, const struct node_event *ev) {
    if (ev->kind == EV_JOURNAL_STATE) {
        n->journal_well = ev->journal.well;
        return;
    }
    /* Never above what was handed over: who says more does not know. */
    uint64_t written = MIN(ev->journal.sequence, n->journal_sequence);
    n->journal_written = MAX(n->journal_written, written);
    if (n->journal_lag_sequence != 0 && n->journal_written >= n->journal_lag_sequence) {
        n->journal_lag_ms = n->journal_lag_sequence = 0;
    }
}

void node_journal_look(struct node *n) {
    bool waits = dir_journal_owed(n->dir) > 0 || n->journal_sequence > n->journal_written;
    if (n->config.journal && waits && n->journal_lag_ms == 0) {
        n->journal_lag_ms = n->now.mono_ms;
        n->journal_lag_sequence = dir_journal_owed(n->dir) > 0 ? 0 : n->journal_sequence;
    }
}

bool node_journal_lags(const struct node *n) {
    return n->journal_lag_ms != 0 && n->now.mono_ms >= n->journal_lag_ms + JOURNAL_LAG_MS;
}
