#include "edge_priv.h"

/* An answer in parts: each is a chunk (RFC 9112 section 7.1) in its own buffer, and the next comes
 * only when that has left, so what is held of an answer is one part, however long the answer is
 * and however slow its reader. Clients of HTTP/1.0 know no chunks: theirs ends with the
 * connection. */

#define CHUNK_END "\r\n"
#define LAST_CHUNK "0\r\n\r\n"

static bool is_chunked(const struct edge_request *q) {
    return q->version_minor > 0;
}

static void begin(struct edge_conn *c, const struct edge_cmd *cmd) {
    struct edge_request *q = c->request;
    q->keep_alive = q->keep_alive && is_chunked(q) && !atomic_load(&c->thread->edge->draining);
    http_put_response_head(&c->out, cmd->http_status, edge_content_type(cmd->body_kind),
                           HTTP_NO_LENGTH, q->keep_alive);
    if (is_chunked(q)) {
        http_put_header(&c->out, "Transfer-Encoding", SLICE_LIT("chunked"));
    }
    http_put_answer_headers(c, &c->out);
    http_put_head_end(&c->out);
    tcp_set_unsent_max(c->fd, CONN_UNSENT_BYTES_MAX);
    conn_enter(c, CONN_ANSWERING);
}

static void put(struct edge_conn *c, struct edge_cmd *cmd) {
    struct edge_request *q = c->request;
    metric_inc(&c->thread->metrics.edge_parts);
    assert(c->tail.len == 0); /* the one before has left, else control had not been asked */
    q->part = cmd->part;
    if (is_chunked(q) && cmd->bytes.len > 0) {
        buf_printf(&c->out, "%s%zx\r\n", q->chunk_open ? CHUNK_END : "", cmd->bytes.len);
        q->chunk_open = true;
    }
    c->tail = cmd->bytes;
    cmd->bytes = (struct bytes){0};
    q->part_out = true;
    c->due_ms = UINT64_MAX; /* the slow reader's window bounds it until all is out */
    conn_touch(c);
}

/* The same connection may be answering something else, or be gone: then nobody waits for more. */
static bool is_awaited(const struct edge_conn *c, enum edge_part part) {
    if (!c) {
        return false;
    }
    return c->state == (part == EDGE_PART_FIRST ? CONN_WAITING : CONN_ANSWERING);
}

static void break_off(struct edge_conn *c) {
    if (c && (c->state == CONN_WAITING || c->state == CONN_ANSWERING)) {
        metric_inc(&c->thread->metrics.edge_answers_broken);
        http_count_answer(c, TWIRP_UNAVAILABLE);
        conn_end(c);
    }
}

void part_take(struct edge_thread *t, struct edge_conn *c, struct edge_cmd *cmd) {
    if (cmd->part == EDGE_PART_ABORT) {
        break_off(c);
        return;
    }
    if (!is_awaited(c, cmd->part)) {
        if (cmd->part != EDGE_PART_LAST) {
            edge_tell_gone(t, cmd->conn, EDGE_REPLY_GONE);
        }
        return;
    }
    if (cmd->part == EDGE_PART_FIRST) {
        begin(c, cmd);
    }
    put(c, cmd);
}

/* Control without room is asked again soon: it holds the rest until it is told. */
static void ask_for_more(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    struct edge_msg *m = edge_msg_create(EDGE_REPLY_MORE);
    if (m) {
        m->conn = conn_handle(c);
        m->received_us = clock_mono_us();
    }
    c->request->more_owed = !m || !edge_give(t, m);
    if (c->request->more_owed) {
        edge_msg_free(m);
    }
    conn_set_due(c, c->request->more_owed ? (uint64_t)EDGE_RETRY_MS : t->edge->limits.answer_ms);
}

void part_left(struct edge_conn *c) {
    struct edge_request *q = c->request;
    if (!q->part_out) {
        return; /* it left before */
    }
    q->part_out = false;
    if (q->part != EDGE_PART_LAST) {
        ask_for_more(c);
        return;
    }
    if (is_chunked(q)) {
        buf_printf(&c->out, "%s" LAST_CHUNK, q->chunk_open ? CHUNK_END : "");
    }
    http_count_answer(c, TWIRP_CODE_COUNT);
    http_complete(c, q->keep_alive);
}

void part_on_due(struct edge_conn *c) {
    if (c->request->more_owed) {
        ask_for_more(c);
        return;
    }
    metric_inc(&c->thread->metrics.edge_answer_timeouts);
    http_count_answer(c, TWIRP_UNAVAILABLE);
    conn_end(c);
}
