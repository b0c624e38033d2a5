#include "edge_priv.h"

/* ---- what to wait for -------------------------------------------------------------------------
 */

size_t conn_out_left(const struct edge_conn *c) {
    return c->out.len - c->out_sent + c->tail.len - c->tail_sent;
}

bool conn_wants_read(const struct edge_conn *c) {
    switch (c->state) {
    case CONN_HEAD: return conn_out_left(c) == 0; /* who does not take answers, asks no more */
    case CONN_BODY:
    case CONN_WEBSOCKET: return true;
    case CONN_CLOSING: return !c->peer_done; /* dropped, so that no reset overtakes the answer */
    case CONN_HANDSHAKE:
    case CONN_WAITING:
    case CONN_ANSWERING:
    case CONN_JOINING:
    case CONN_OVER: break;
    }
    return false;
}

uint32_t conn_events(const struct edge_conn *c) {
    if (c->state == CONN_HANDSHAKE) {
        return c->tls && tls_wants(c->tls) == TLS_WANT_WRITE ? LOOP_WRITE : LOOP_READ;
    }
    bool writes = conn_out_left(c) > 0;
    bool read = (conn_wants_read(c) && !c->read_wants_write) || (writes && c->write_wants_read);
    bool write = (writes && !c->write_wants_read) || c->read_wants_write || c->goodbye_wants_write;
    return (read ? LOOP_READ : 0) | (write ? LOOP_WRITE : 0);
}

/* ---- bytes out --------------------------------------------------------------------------------
 */

static enum status write_some(struct edge_conn *c, struct slice data, size_t *ret_len) {
    if (!c->tls) {
        return tcp_write(c->fd, data, ret_len);
    }
    enum status s = tls_write(c->tls, data, ret_len);
    c->write_wants_read = s == STATUS_AGAIN && tls_wants(c->tls) == TLS_WANT_READ;
    return s;
}

/* Moves *sent as far as the socket goes. OK: all is out. */
static enum status write_out(struct edge_conn *c, struct slice data, size_t *sent) {
    while (*sent < data.len) {
        size_t taken = 0;
        enum status s = write_some(c, slice_after(data, *sent), &taken);
        if (s != STATUS_OK) {
            return s;
        }
        *sent += taken;
        c->write_moved += (uint32_t)MIN(taken, (size_t)UINT32_MAX - c->write_moved);
        metric_add(&c->thread->metrics.edge_bytes_out, taken);
    }
    return STATUS_OK;
}

/* Said once all is out: the end of what we say, then a moment for the peer to say its own. */
static void say_goodbye(struct edge_conn *c) {
    if (c->goodbye_said) {
        return;
    }
    if (!c->goodbye_wants_write) {
        conn_set_due(c, c->thread->edge->limits.linger_ms);
    }
    c->goodbye_wants_write = c->tls && tls_close_step(c->tls) == STATUS_AGAIN;
    if (c->goodbye_wants_write) {
        return;
    }
    c->goodbye_said = true;
    tcp_shutdown_write(c->fd);
    if (c->peer_done) {
        conn_end(c);
    }
}

void conn_flush(struct edge_conn *c) {
    if (c->out.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_end(c);
        return;
    }
    enum status s = write_out(c, buf_slice(&c->out), &c->out_sent);
    if (s == STATUS_OK) {
        s = write_out(c, bytes_slice(&c->tail), &c->tail_sent);
    }
    if (s == STATUS_AGAIN) {
        if (c->write_due_ms == 0) {
            c->write_moved = 0;
            c->write_due_ms = loop_now_ms(c->thread->loop) + c->thread->edge->limits.write_ms;
        }
        return;
    }
    if (s != STATUS_OK) {
        conn_end(c);
        return;
    }
    c->write_due_ms = 0;
    c->out_sent = c->tail_sent = 0;
    buf_deinit(&c->out); /* an idle connection holds no buffer */
    bytes_deinit(&c->tail);
    if (c->state == CONN_CLOSING) {
        say_goodbye(c);
    } else if (c->state == CONN_ANSWERING) {
        part_left(c);
    }
}

/* ---- bytes in ---------------------------------------------------------------------------------
 */

static enum status read_some(struct edge_conn *c, size_t *ret_len) {
    uint8_t *scratch = c->thread->scratch;
    /* A TLS record fits both sizes, so that none is left half read. */
    size_t size = c->state == CONN_HEAD ? EDGE_READ_HEAD_BYTES : EDGE_READ_BYTES;
    if (!c->tls) {
        return tcp_read(c->fd, scratch, size, ret_len);
    }
    enum status s = tls_read(c->tls, scratch, size, ret_len);
    c->read_wants_write = s == STATUS_AGAIN && tls_wants(c->tls) == TLS_WANT_WRITE;
    return s;
}

static void take_bytes(struct edge_conn *c, size_t len) {
    metric_add(&c->thread->metrics.edge_bytes_in, len);
    if (c->state == CONN_CLOSING) {
        return;
    }
    buf_put(&c->in, slice_of(c->thread->scratch, len));
    if (c->in.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_end(c);
    } else if (c->state == CONN_WEBSOCKET) {
        c->heard_at_ms = loop_now_ms(c->thread->loop);
        ws_on_bytes(c);
    } else {
        http_run(c);
    }
}

/* The peer's half is over. Answers that are still leaving may leave. */
static void on_end_of_stream(struct edge_conn *c) {
    c->peer_done = true;
    if (c->state != CONN_CLOSING || conn_out_left(c) == 0) {
        conn_end(c);
    }
}

void conn_read(struct edge_conn *c) {
    size_t total = 0;
    do {
        size_t len = 0;
        enum status s = read_some(c, &len);
        if (s == STATUS_AGAIN) {
            return;
        }
        if (s == STATUS_CLOSED) {
            on_end_of_stream(c);
            return;
        }
        if (s != STATUS_OK) {
            conn_end(c);
            return;
        }
        total += len;
        take_bytes(c, len);
    } while (c->tls && conn_wants_read(c) && total <= EDGE_READ_BYTES - EDGE_READ_HEAD_BYTES);
}

/* The bytes that must wait in the socket before a handshake is begun: those of the first record,
 * which holds the hello. What is no such record, OpenSSL says. */
static uint32_t hello_bytes(const struct edge_conn *c) {
    enum { RECORD_HEAD = 5, TYPE_HANDSHAKE = 22, RECORD_MAX = 16 << 10 };
    uint8_t head[RECORD_HEAD];
    if (tcp_peek(c->fd, head, sizeof(head)) < sizeof(head)) {
        return RECORD_HEAD;
    }
    uint32_t len = (uint32_t)head[3] << 8 | head[4];
    return head[0] == TYPE_HANDSHAKE && len <= RECORD_MAX ? RECORD_HEAD + len : 0;
}

/* TLS costs ten times what a connection does: who begins a hello and does not end it gets none.
 * False: more of it must come, or it goes no further. */
static bool begin_tls(struct edge_conn *c) {
    uint32_t wanted = hello_bytes(c);
    /* One that was waited for is there, or will never be. */
    if (wanted > c->read_min && tcp_unread(c->fd) < wanted) {
        c->read_min = wanted;
        tcp_set_read_min(c->fd, wanted);
        return false;
    }
    if (c->read_min > 0) {
        c->read_min = 0;
        tcp_set_read_min(c->fd, 1);
    }
    c->tls = tls_conn_create(c->thread->edge->tls, c->fd);
    if (!c->tls) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_end(c);
    }
    return c->tls != NULL;
}

/* False: nothing more to do with this event. */
static bool handshake(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    if (!c->tls && !begin_tls(c)) {
        return false;
    }
    if (t->handshake_us >= EDGE_HANDSHAKE_US_PER_TURN) {
        return false; /* the event comes again in the next turn */
    }
    uint64_t begin_us = clock_mono_us();
    enum status s = tls_accept_step(c->tls);
    t->handshake_us += clock_mono_us() - begin_us;
    if (s == STATUS_OK) {
        stranger_begun(c);
        conn_enter(c, CONN_HEAD);
        return true;
    }
    if (s != STATUS_AGAIN) {
        metric_inc(&t->metrics.edge_tls_failed);
        c->tls = tls_conn_destroy(c->tls); /* has sent its alert, which a reset must not overtake */
        conn_close(c, 0);
    }
    return false;
}

void conn_on_ready(void *arg, uint32_t events) {
    struct edge_conn *c = OBJ_CAST(struct edge_conn, arg, EDGE_CONN_MAGIC);
    if (c->state == CONN_OVER) {
        return;
    }
    conn_touch(c); /* writes what there is to write */
    if (c->state == CONN_HANDSHAKE && !handshake(c)) {
        return;
    }
    bool reads = events & (LOOP_READ | LOOP_HANGUP) || c->read_wants_write;
    if (reads && conn_wants_read(c)) {
        conn_read(c);
    } else if (conn_events(c) != c->source.events) {
        loop_modify(&c->source, conn_events(c)); /* see update_events */
    } else if (events & LOOP_HANGUP) {
        conn_end(c); /* gone in both directions while we owed it an answer */
    }
}
