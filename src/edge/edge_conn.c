#include "edge_priv.h"

#include "fd.h"

uint64_t conn_handle(const struct edge_conn *c) {
    return (uint64_t)c->ref.generation << 32 | (uint64_t)c->thread->index << 24 | c->ref.index;
}

struct edge_conn *conn_resolve(struct edge_thread *t, uint64_t handle) {
    struct pool_ref ref = {.index = (uint32_t)handle & 0xffffff,
                           .generation = (uint32_t)(handle >> 32)};
    struct edge_conn *c = pool_resolve(&t->conns, ref);
    return c && c->state != CONN_OVER ? c : NULL;
}

/* ---- states -----------------------------------------------------------------------------------
 */

void conn_touch(struct edge_conn *c) {
    if (!list_node_linked(&c->in_touched)) {
        list_push_back(&c->thread->touched, &c->in_touched);
    }
}

void conn_set_due(struct edge_conn *c, uint64_t after_ms) {
    c->due_ms = loop_now_ms(c->thread->loop) + after_ms;
    conn_touch(c);
}

/* A join that control was given ends in a WebSocket, in an answer of control (then WAITING comes
 * between), or in news for control; so does an answer in parts that does not reach its end. */
static void tell_control(struct edge_conn *c, enum conn_state before, enum conn_state next) {
    if (before == CONN_WEBSOCKET || (before == CONN_JOINING && next == CONN_OVER)) {
        edge_tell_gone(c->thread, conn_handle(c), EDGE_CLOSED);
    } else if (before == CONN_ANSWERING && next == CONN_OVER) {
        edge_tell_gone(c->thread, conn_handle(c), EDGE_REPLY_GONE);
    }
}

void conn_enter(struct edge_conn *c, enum conn_state next) {
    static const uint32_t legal[] = {
        [CONN_HANDSHAKE] = BIT(CONN_HEAD) | BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_HEAD] = BIT(CONN_HEAD) | BIT(CONN_BODY) | BIT(CONN_WAITING) | BIT(CONN_JOINING) |
                      BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_BODY] = BIT(CONN_HEAD) | BIT(CONN_WAITING) | BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_WAITING] = BIT(CONN_HEAD) | BIT(CONN_ANSWERING) | BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_ANSWERING] = BIT(CONN_HEAD) | BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_JOINING] = BIT(CONN_WAITING) | BIT(CONN_WEBSOCKET) | BIT(CONN_OVER),
        [CONN_WEBSOCKET] = BIT(CONN_CLOSING) | BIT(CONN_OVER),
        [CONN_CLOSING] = BIT(CONN_OVER),
        [CONN_OVER] = 0,
    };
    assert(legal[c->state] & BIT(next));
    struct edge_thread *t = c->thread;
    enum conn_state before = c->state;
    c->state = next;
    t->websockets += next == CONN_WEBSOCKET;
    t->websockets -= before == CONN_WEBSOCKET;
    tell_control(c, before, next);
    conn_touch(c);
}

void conn_end(struct edge_conn *c) {
    if (c->state != CONN_OVER) {
        stranger_known(c); /* its place is free at once */
        conn_enter(c, CONN_OVER);
    }
}

void conn_close(struct edge_conn *c, uint32_t flush_ms) {
    conn_enter(c, CONN_CLOSING);
    conn_drop_in(c, c->in.len);
    c->due_ms = UINT64_MAX; /* the slow reader's window bounds it until all is out */
    if (flush_ms > 0) {
        conn_set_due(c, flush_ms);
    }
}

/* ---- deadlines --------------------------------------------------------------------------------
 */

/* A reader takes all, or enough, within each window; one byte now and then is no reading. */
static bool reads_too_slowly(struct edge_conn *c, uint64_t now) {
    const struct edge_limits *limits = &c->thread->edge->limits;
    if (c->write_due_ms == 0 || now < c->write_due_ms) {
        return false;
    }
    if (c->write_moved < limits->write_bytes_min) {
        return true;
    }
    c->write_moved = 0;
    c->write_due_ms = now + limits->write_ms;
    return false;
}

static void on_due(struct edge_conn *c) {
    struct metrics *m = &c->thread->metrics;
    switch (c->state) {
    case CONN_WEBSOCKET: ws_on_due(c); return;
    case CONN_WAITING:
    case CONN_JOINING: http_on_answer_late(c); return;
    case CONN_ANSWERING: part_on_due(c); return;
    case CONN_HEAD:
        metric_inc(c->in.len == 0 ? &m->edge_idle_closed : &m->edge_request_timeouts);
        break;
    case CONN_HANDSHAKE:
    case CONN_BODY: metric_inc(&m->edge_request_timeouts); break;
    case CONN_CLOSING:
        if (conn_out_left(c) > 0) {
            metric_inc(&m->edge_slow_readers);
        }
        break;
    case CONN_OVER: return;
    }
    conn_end(c);
}

static void on_timer(void *arg) {
    struct edge_conn *c = OBJ_CAST(struct edge_conn, arg, EDGE_CONN_MAGIC);
    uint64_t now = loop_now_ms(c->thread->loop);
    c->timer_at_ms = UINT64_MAX;
    conn_touch(c); /* sets it again */
    if (c->state == CONN_OVER) {
        return;
    }
    if (reads_too_slowly(c, now)) {
        metric_inc(&c->thread->metrics.edge_slow_readers);
        conn_end(c);
    } else if (now >= c->due_ms) {
        on_due(c);
    }
}

/* Deadlines mostly move away: then the timer stays where it is, and finds out when it is due. */
static void update_timer(struct edge_conn *c) {
    uint64_t at = c->write_due_ms ? MIN(c->due_ms, c->write_due_ms) : c->due_ms;
    if (at < c->timer_at_ms) {
        loop_timer_set(&c->timer, at);
        c->timer_at_ms = at;
    }
}

/* What is not wanted any more stays asked for until it comes, except writing, which would come at
 * once: a call of the API costs no change of epoll. */
static void update_events(struct edge_conn *c) {
    uint32_t wanted = conn_events(c), asked = c->source.events;
    if ((wanted & ~asked) || (asked & LOOP_WRITE & ~wanted)) {
        loop_modify(&c->source, wanted | (asked & LOOP_READ));
    }
}

void conn_settle(struct edge_conn *c) {
    assert(!list_node_linked(&c->in_touched));
    if (c->state != CONN_OVER) {
        conn_flush(c);
    }
    if (c->state == CONN_HEAD && c->in.len > 0 && conn_out_left(c) == 0) {
        http_run(c); /* pipelined requests that waited for their turn */
    }
    if (c->tls && conn_wants_read(c) && tls_pending(c->tls) > 0) {
        conn_read(c); /* decrypted already: the descriptor does not tell of it */
        conn_touch(c);
    }
    if (c->state == CONN_OVER) {
        conn_destroy(c);
        return;
    }
    update_events(c);
    update_timer(c);
}

/* ---- life -------------------------------------------------------------------------------------
 */

void conn_drop_in(struct edge_conn *c, size_t used) {
    buf_consume(&c->in, used);
    c->head_seen = 0;
    if (c->in.len == 0) {
        buf_deinit(&c->in); /* keeps its bound */
    }
}

static void conn_init(struct edge_conn *c, struct edge_thread *t, int fd,
                      const struct net_address *peer, bool is_metrics) {
    c->magic = EDGE_CONN_MAGIC;
    c->thread = t;
    c->fd = fd;
    c->peer = *peer;
    c->is_metrics = is_metrics;
    c->timer_at_ms = c->due_ms = UINT64_MAX;
    c->state = t->edge->tls && !is_metrics ? CONN_HANDSHAKE : CONN_HEAD;
    list_node_init(&c->in_touched);
    list_node_init(&c->in_strangers);
    list_node_init(&c->in_address);
    buf_init(&c->in, HTTP_HEAD_BYTES_MAX + SIGNAL_BYTES_MAX + EDGE_READ_BYTES + WS_HEAD_BYTES_MAX);
    buf_init(&c->out, (size_t)t->edge->limits.out_bytes_max + SIGNAL_BYTES_MAX);
    buf_init(&c->message, SIGNAL_BYTES_MAX);
}

struct edge_conn *conn_create(struct edge_thread *t, int fd, const struct net_address *peer,
                              bool is_metrics) {
    struct pool_ref ref;
    struct edge_conn *c = pool_take(&t->conns, &ref);
    if (!c) {
        metric_inc(&t->metrics.edge_refused_full);
        return NULL;
    }
    c->ref = ref;
    conn_init(c, t, fd, peer, is_metrics);
    bool ok = loop_timer_init(t->loop, &c->timer, on_timer, c) == STATUS_OK &&
              loop_add(t->loop, &c->source, fd, LOOP_READ, conn_on_ready, c) == STATUS_OK;
    if (!ok || !stranger_add(c)) {
        metric_inc(&t->metrics.edge_refused_full);
        c->fd = -1; /* the caller still owns it */
        conn_destroy(c);
        return NULL;
    }
    conn_set_due(c, t->edge->limits.request_ms);
    return c;
}

void conn_destroy(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    stranger_known(c);
    if (list_node_linked(&c->in_touched)) {
        list_remove(&t->touched, &c->in_touched);
    }
    http_request_clear(c);
    loop_remove(&c->source);
    loop_timer_deinit(&c->timer);
    c->tls = tls_conn_destroy(c->tls);
    fd_close(&c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->message);
    bytes_deinit(&c->tail);
    c->magic = 0;
    pool_give(&t->conns, c->ref);
}
