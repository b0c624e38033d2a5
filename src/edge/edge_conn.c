#include "edge_priv.h"

#include <string.h>

#include "fd.h"

uint64_t conn_handle(const struct edge_conn *c) {
    return (uint64_t)c->ref.generation << 32 | (uint64_t)c->thread->index << 24 | c->ref.index;
}

struct edge_conn *conn_resolve(struct edge_thread *t, uint64_t handle) {
    struct pool_ref ref = {.index = (uint32_t)handle & 0xffffff,
                           .generation = (uint32_t)(handle >> 32)};
    return pool_resolve(&t->conns, ref);
}

/* ---- strangers: connections of one address that have not shown a token ------------------------
 */

static bool stranger_equal(const struct map_node *node, struct slice key) {
    const struct stranger_count *s = container_of(node, const struct stranger_count, node);
    return slice_eq(net_address_slice(&s->key), key);
}

static bool stranger_add(struct edge_thread *t, const struct net_address *peer) {
    if (!t->strangers.equal) {
        struct hash_key key = {(uint64_t)(uintptr_t)t, clock_mono_us()};
        if (map_init(&t->strangers, key, stranger_equal) != STATUS_OK) {
            return false;
        }
    }
    struct net_address limit = net_address_limit_key(peer);
    struct map_node *node = map_find(&t->strangers, net_address_slice(&limit));
    if (node) {
        struct stranger_count *s = container_of(node, struct stranger_count, node);
        if (s->count >= EDGE_PER_ADDRESS_MAX) {
            return false;
        }
        s->count++;
        return true;
    }
    struct stranger_count *s =
        t->strangers.count < EDGE_ADDRESSES_MAX ? mem_zalloc(sizeof(*s)) : NULL;
    if (!s) {
        return false;
    }
    s->key = limit;
    s->count = 1;
    map_insert(&t->strangers, &s->node, net_address_slice(&s->key));
    return true;
}

static void stranger_drop(struct edge_thread *t, const struct net_address *peer) {
    struct net_address limit = net_address_limit_key(peer);
    struct map_node *node = map_find(&t->strangers, net_address_slice(&limit));
    assert(node);
    struct stranger_count *s = container_of(node, struct stranger_count, node);
    if (--s->count == 0) {
        map_remove(&t->strangers, node);
        mem_free(s);
    }
}

void conn_known(struct edge_conn *c) {
    if (c->counted) {
        c->counted = false;
        c->thread->strangers_count--;
        stranger_drop(c->thread, &c->peer);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void on_deadline(void *arg) {
    struct edge_conn *c = OBJ_CAST(struct edge_conn, arg, EDGE_CONN_MAGIC);
    struct edge_thread *t = c->thread;
    switch (c->state) {
    case CONN_WEBSOCKET:
        if (!c->write_stalled) {
            ws_on_ping_due(c);
            return;
        }
        metric_inc(&t->metrics.edge_slow_readers);
        break;
    case CONN_HANDSHAKE:
    case CONN_HEAD:
    case CONN_BODY:
        metric_inc(c->in.len == 0 && c->state == CONN_HEAD ? &t->metrics.edge_idle_closed
                                                           : &t->metrics.edge_request_timeouts);
        break;
    case CONN_CLOSING:
        if (c->write_stalled) {
            metric_inc(&t->metrics.edge_slow_readers);
        }
        break;
    case CONN_WAITING:
    case CONN_JOINING: metric_inc(&t->metrics.edge_answer_timeouts); break;
    }
    conn_destroy(c);
}

static void on_ready(void *arg, uint32_t events);

struct edge_conn *conn_create(struct edge_thread *t, int fd, const struct net_address *peer,
                              bool is_metrics) {
    if (t->strangers_count >= EDGE_HANDSHAKES_MAX || !stranger_add(t, peer)) {
        metric_inc(&t->metrics.edge_refused_strangers);
        return NULL;
    }
    struct pool_ref ref;
    struct edge_conn *c = pool_take(&t->conns, &ref);
    if (!c) {
        stranger_drop(t, peer);
        metric_inc(&t->metrics.edge_refused_full);
        return NULL;
    }
    *c = (struct edge_conn){
        .magic = EDGE_CONN_MAGIC, .thread = t, .ref = ref, .fd = fd, .peer = *peer};
    c->is_metrics = is_metrics;
    c->counted = true;
    t->strangers_count++;
    c->reading_wanted = true;
    c->state = CONN_HEAD;
    buf_init(&c->in, HTTP_HEAD_BYTES_MAX + SIGNAL_BYTES_MAX + EDGE_READ_BYTES + WS_HEAD_BYTES_MAX);
    buf_init(&c->out, CONN_OUTQ_BYTES_MAX + HTTP_BODY_BYTES_MAX);
    buf_init(&c->message, SIGNAL_BYTES_MAX);
    bool ok = loop_timer_init(t->loop, &c->timer, on_deadline, c) == STATUS_OK &&
              loop_add(t->loop, &c->source, fd, LOOP_READ, on_ready, c) == STATUS_OK;
    if (ok && t->edge->tls && !is_metrics) {
        c->state = CONN_HANDSHAKE;
        c->tls = tls_conn_create(t->edge->tls, fd);
        ok = c->tls != NULL;
    }
    if (!ok) {
        metric_inc(&t->metrics.edge_refused_full);
        c->fd = -1; /* the caller still owns it */
        conn_destroy(c);
        return NULL;
    }
    conn_set_deadline(c, HTTP_HEAD_TIMEOUT_MS);
    return c;
}

void conn_destroy(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    if (c->state == CONN_JOINING || c->state == CONN_WEBSOCKET) {
        edge_tell_closed(t, conn_handle(c));
    }
    conn_known(c);
    http_request_clear(c);
    loop_remove(&c->source);
    loop_timer_deinit(&c->timer);
    c->tls = tls_conn_destroy(c->tls);
    fd_close(&c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->message);
    c->magic = 0;
    pool_give(&t->conns, c->ref);
}

void conn_set_deadline(struct edge_conn *c, uint64_t after_ms) {
    if (after_ms == 0) {
        loop_timer_cancel(&c->timer);
    } else {
        loop_timer_set(&c->timer, loop_now_ms(c->thread->loop) + after_ms);
    }
}

/* ---- bytes out --------------------------------------------------------------------------------
 */

static uint32_t wanted_events(const struct edge_conn *c) {
    uint32_t events = c->reading_wanted ? LOOP_READ : 0;
    if (c->out.len > c->out_sent || (c->tls && tls_wants(c->tls) == TLS_WANT_WRITE)) {
        events |= LOOP_WRITE;
    }
    return events;
}

static void update_events(struct edge_conn *c) {
    uint32_t events = wanted_events(c);
    if (events != c->source.events) {
        loop_modify(&c->source, events);
    }
}

void conn_want_read(struct edge_conn *c, bool wanted) {
    c->reading_wanted = wanted;
    update_events(c);
}

static enum status write_some(struct edge_conn *c, struct slice data, size_t *ret_len) {
    return c->tls ? tls_write(c->tls, data, ret_len) : tcp_write(c->fd, data, ret_len);
}

/* A reader that takes nothing for so long is dead; each byte it takes sets the clock back. */
static void note_progress(struct edge_conn *c, bool all_out) {
    if (all_out && c->write_stalled) {
        c->write_stalled = false;
        conn_set_deadline(c, c->state == CONN_WEBSOCKET ? WS_PING_INTERVAL_MS : EDGE_LINGER_MS);
    } else if (!all_out) {
        c->write_stalled = true;
        conn_set_deadline(c, HTTP_WRITE_TIMEOUT_MS);
    }
}

static void finish_closing(struct edge_conn *c) {
    if (c->tls && tls_close_step(c->tls) == STATUS_AGAIN) {
        return;
    }
    tcp_shutdown_write(c->fd);
    conn_set_deadline(c, EDGE_LINGER_MS);
}

bool conn_flush(struct edge_conn *c) {
    bool moved = false;
    while (c->out_sent < c->out.len) {
        size_t taken = 0;
        enum status s = write_some(c, slice_after(buf_slice(&c->out), c->out_sent), &taken);
        if (s == STATUS_AGAIN) {
            break;
        }
        if (s != STATUS_OK) {
            conn_destroy(c);
            return false;
        }
        metric_add(&c->thread->metrics.edge_bytes_out, taken);
        c->out_sent += taken;
        moved = true;
    }
    bool all_out = c->out_sent == c->out.len;
    if (all_out && c->out.len > 0) {
        buf_deinit(&c->out); /* an idle connection holds no buffer */
        buf_init(&c->out, CONN_OUTQ_BYTES_MAX + HTTP_BODY_BYTES_MAX);
        c->out_sent = 0;
    }
    if (all_out ? c->write_stalled : (moved || !c->write_stalled)) {
        note_progress(c, all_out);
    }
    if (all_out && c->state == CONN_CLOSING) {
        finish_closing(c);
    }
    update_events(c);
    return true;
}

bool conn_out_is_bounded(struct edge_conn *c) {
    if (!c->out.failed && c->out.len - c->out_sent <= CONN_OUTQ_BYTES_MAX) {
        return true;
    }
    metric_inc(&c->thread->metrics.edge_slow_readers);
    conn_destroy(c);
    return false;
}

void conn_close_after_flush(struct edge_conn *c) {
    if (c->state == CONN_JOINING || c->state == CONN_WEBSOCKET) {
        edge_tell_closed(c->thread, conn_handle(c));
    }
    c->state = CONN_CLOSING;
    conn_set_deadline(c, EDGE_LINGER_MS);
    buf_clear(&c->in);
    c->reading_wanted = true; /* and dropped, so that a reset does not overtake the answer */
    (void)!conn_flush(c);
}

/* ---- bytes in ---------------------------------------------------------------------------------
 */

static enum status read_some(struct edge_conn *c, size_t *ret_len) {
    uint8_t *scratch = c->thread->scratch;
    return c->tls ? tls_read(c->tls, scratch, EDGE_READ_BYTES, ret_len)
                  : tcp_read(c->fd, scratch, EDGE_READ_BYTES, ret_len);
}

/* False: the connection is gone, or has nothing more for now. */
static bool handshake(struct edge_conn *c) {
    enum status s = tls_accept_step(c->tls);
    if (s == STATUS_AGAIN) {
        update_events(c);
        return false;
    }
    if (s != STATUS_OK) {
        metric_inc(&c->thread->metrics.edge_tls_failed);
        conn_destroy(c);
        return false;
    }
    c->state = CONN_HEAD;
    return true;
}

static void take_bytes(struct edge_conn *c, size_t len) {
    metric_add(&c->thread->metrics.edge_bytes_in, len);
    c->heard_at_ms = loop_now_ms(c->thread->loop);
    if (c->state == CONN_CLOSING) {
        return;
    }
    buf_put(&c->in, slice_of(c->thread->scratch, len));
    if (c->in.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_destroy(c);
    } else if (c->state == CONN_WEBSOCKET) {
        ws_on_bytes(c);
    } else {
        http_on_bytes(c);
    }
}

static void read_ready(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    uint64_t handle = conn_handle(c);
    /* TLS may hold decrypted bytes that the descriptor does not tell of: drain those too. */
    do {
        size_t len = 0;
        enum status s = read_some(c, &len);
        if (s == STATUS_AGAIN) {
            update_events(c);
            return;
        }
        if (s != STATUS_OK) {
            conn_destroy(c);
            return;
        }
        take_bytes(c, len);
        c = conn_resolve(t, handle);
    } while (c && c->tls && c->reading_wanted && tls_pending(c->tls) > 0);
}

static void on_ready(void *arg, uint32_t events) {
    struct edge_conn *c = OBJ_CAST(struct edge_conn, arg, EDGE_CONN_MAGIC);
    if (c->state == CONN_HANDSHAKE && !handshake(c)) {
        return;
    }
    if ((events & LOOP_WRITE) && !conn_flush(c)) {
        return;
    }
    if ((events & (LOOP_READ | LOOP_HANGUP)) && c->reading_wanted) {
        read_ready(c);
    } else if (events & LOOP_HANGUP) {
        conn_destroy(c); /* gone while we owed it an answer */
    }
}
