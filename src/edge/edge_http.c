#include "edge_priv.h"

#include <string.h>

enum { ANSWER_TIMEOUT_MS = 30 * 1000 }; /* control answers in milliseconds, or it is dead */

void http_request_clear(struct edge_conn *c) {
    struct edge_request *q = &c->request;
    edge_msg_free(q->msg);
    c->thread->body_bytes -= q->body.len;
    buf_deinit(&q->body);
    *q = (struct edge_request){0};
}

/* An idle connection holds no buffer; one with a rest keeps it. */
static void consume(struct edge_conn *c, size_t used) {
    buf_consume(&c->in, used);
    c->head_seen = 0;
    if (c->in.len == 0) {
        size_t bound = c->in.bytes_max;
        buf_deinit(&c->in);
        buf_init(&c->in, bound);
    }
}

/* The head's slices point into c->in until here. */
static void drop_head(struct edge_conn *c) {
    size_t bytes = c->request.head_bytes;
    c->request.head_bytes = 0;
    if (bytes > 0) {
        consume(c, bytes);
    }
}

/* ---- answers ----------------------------------------------------------------------------------
 */

/* Pipelined requests are taken by the loop in http_on_bytes, not by calling deeper. */
static void next_request(struct edge_conn *c) {
    c->state = CONN_HEAD;
    conn_want_read(c, true);
    conn_set_deadline(c, HTTP_IDLE_TIMEOUT_MS);
}

void http_complete(struct edge_conn *c, bool keep) {
    if (c->out.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_destroy(c);
        return;
    }
    metric_inc(&c->thread->metrics.edge_answers);
    drop_head(c);
    http_request_clear(c);
    if (!keep) {
        conn_close_after_flush(c);
    } else if (conn_flush(c)) {
        next_request(c);
    }
}

void http_answer(struct edge_conn *c, uint16_t status, const char *content_type,
                 struct slice body) {
    struct edge_request *q = &c->request;
    edge_count_answer(c, status);
    /* What is left of a body cannot be skipped safely for ever: close behind an early answer. */
    bool body_is_left = c->state == CONN_BODY || q->body_left > 0;
    bool keep = q->keep_alive && !body_is_left && !atomic_load(&c->thread->edge->draining);
    http_put_response_head(&c->out, status, content_type, body.len, keep);
    route_put_cors(c, &c->out);
    if (status == 401 && c->is_metrics) {
        http_put_header(&c->out, "WWW-Authenticate", SLICE_LIT("Basic realm=\"Protected Area\""));
    } else if (status == 404) {
        http_put_header(&c->out, "X-Content-Type-Options", SLICE_LIT("nosniff"));
    } else if (status == 426) {
        http_put_header(&c->out, "Sec-WebSocket-Version", SLICE_LIT("13"));
    }
    http_put_head_end(&c->out);
    if (!q->head_only) {
        buf_put(&c->out, body);
    }
    http_complete(c, keep);
}

void http_answer_text(struct edge_conn *c, uint16_t status, const char *text) {
    http_answer(c, status, "text/plain; charset=utf-8", slice_from_cstr(text));
}

void http_answer_not_found(struct edge_conn *c) {
    http_answer_text(c, 404, "404 page not found\n");
}

void http_answer_upgrade_required(struct edge_conn *c) {
    http_answer_text(c, 426, "WebSocket version 13 is required");
}

void http_answer_twirp(struct edge_conn *c, enum twirp_code code, const char *msg,
                       struct slice meta_key, struct slice meta_value) {
    struct twirp_error error = {
        .code = code, .msg = slice_from_cstr(msg), .meta_key = meta_key, .meta_value = meta_value};
    struct buf body;
    buf_init(&body, TWIRP_MSG_BYTES_MAX * 2);
    twirp_error_put(&body, &error);
    http_answer(c, twirp_http_status(code), "application/json", buf_slice(&body));
    buf_deinit(&body);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

void http_give_to_control(struct edge_conn *c, enum conn_state state) {
    struct edge_msg *m = TAKE(c->request.msg);
    drop_head(c);
    m->conn = conn_handle(c);
    m->received_us = c->request.begun_us;
    bool is_join = state == CONN_JOINING;
    c->state = state;
    conn_want_read(c, false);
    conn_set_deadline(c, ANSWER_TIMEOUT_MS);
    if (mailbox_push(c->thread->edge->config.to_control, &m)) {
        return;
    }
    edge_msg_free(m);
    c->state = CONN_WAITING; /* control knows nothing of it: no EDGE_CLOSED is owed */
    metric_inc(&c->thread->metrics.edge_control_full);
    if (is_join || !c->request.method) {
        http_answer_text(c, 503, "the server is overloaded");
    } else {
        http_answer_twirp(c, TWIRP_UNAVAILABLE, "the server is overloaded", (struct slice){0},
                          (struct slice){0});
    }
}

static void body_is_in(struct edge_conn *c) {
    struct edge_request *q = &c->request;
    conn_want_read(c, false);
    c->state = CONN_WAITING;
    route_with_body(c, buf_slice(&q->body));
}

static bool keep_body(struct edge_conn *c, struct slice data) {
    struct edge_request *q = &c->request;
    if (c->thread->body_bytes + data.len > EDGE_BODY_BYTES_IN_FLIGHT_MAX) {
        metric_inc(&c->thread->metrics.edge_bodies_refused);
        http_answer_text(c, 503, "too many request bodies in flight");
        return false;
    }
    buf_put(&q->body, data);
    if (q->body.failed) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_destroy(c);
        return false;
    }
    c->thread->body_bytes += data.len;
    return true;
}

/* Takes what is in of a chunked body. True: it is whole. */
static bool take_chunks(struct edge_conn *c) {
    struct edge_request *q = &c->request;
    size_t done = 0;
    for (;;) {
        struct slice data = {0};
        size_t used = 0;
        struct http_error error;
        enum http_result got = http_chunked_next(&q->chunks, slice_after(buf_slice(&c->in), done),
                                                 &data, &used, &error);
        if (got == HTTP_BAD) {
            metric_inc(&c->thread->metrics.edge_bad_requests);
            q->keep_alive = false;
            if (error.status == 413 && q->method) {
                http_answer_twirp(c, TWIRP_MALFORMED,
                                  q->coding == API_JSON ? "the json request could not be decoded"
                                                        : "failed to read request body",
                                  (struct slice){0}, (struct slice){0});
            } else {
                http_answer_text(c, error.status, error.reason);
            }
            return false;
        }
        if (!keep_body(c, data)) {
            return false;
        }
        done += used;
        if (got == HTTP_OK || used == 0) {
            consume(c, done);
            return got == HTTP_OK;
        }
    }
}

static bool take_length(struct edge_conn *c) {
    struct edge_request *q = &c->request;
    struct slice data = slice_sub(buf_slice(&c->in), 0, (size_t)MIN(q->body_left, c->in.len));
    if (!keep_body(c, data)) {
        return false;
    }
    q->body_left -= data.len;
    consume(c, data.len);
    return q->body_left == 0;
}

static void read_body(struct edge_conn *c) {
    if (c->request.chunked ? take_chunks(c) : take_length(c)) {
        body_is_in(c);
    }
}

static void begin_body(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = &c->request;
    buf_init(&q->body, c->thread->edge->config.body_bytes_max);
    q->chunked = r->chunked;
    q->body_left = r->content_length;
    if (r->chunked) {
        http_chunked_init(&q->chunks, c->thread->edge->config.body_bytes_max);
    }
    c->state = CONN_BODY;
    if (r->expect_continue && (r->chunked || r->content_length > 0)) {
        buf_put_cstr(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        if (!conn_flush(c)) {
            return;
        }
    }
    conn_set_deadline(c, HTTP_HEAD_TIMEOUT_MS);
}

static void refuse_head(struct edge_conn *c, const struct http_error *error) {
    metric_inc(&c->thread->metrics.edge_bad_requests);
    c->request.keep_alive = false;
    consume(c, c->in.len);
    http_answer_text(c, error->status, error->reason);
}

static void on_head(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = &c->request;
    metric_inc(&c->thread->metrics.edge_requests);
    q->keep_alive = r->keep_alive;
    q->head_only = r->method == HTTP_HEAD;
    q->head_bytes = r->head_bytes;
    q->begun_us = clock_mono_us();
    q->body_left = r->chunked ? 1 : r->content_length; /* so that an early answer closes */
    if (route_head(c, r) == ROUTE_READ_BODY) {
        drop_head(c);
        begin_body(c, r);
    }
}

/* True: a whole head was in and is dealt with. */
static bool read_head(struct edge_conn *c) {
    struct slice in = buf_slice(&c->in);
    if (c->head_seen == 0 && in.len > 0) {
        conn_set_deadline(c, HTTP_HEAD_TIMEOUT_MS);
    }
    struct http_request r;
    struct http_error error;
    enum http_result got = HTTP_MORE;
    if (http_worth_reading(in, c->head_seen)) {
        got = http_request_next(in, &r, &error);
    }
    switch (got) {
    case HTTP_OK: on_head(c, &r); return true;
    case HTTP_BAD: refuse_head(c, &error); return true;
    case HTTP_MORE: break;
    }
    c->head_seen = in.len;
    return false;
}

void http_on_bytes(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    uint64_t handle = conn_handle(c);
    bool more = true;
    while (more && c && (c->in.len > 0 || c->state == CONN_BODY)) {
        if (c->state == CONN_BODY) {
            read_body(c);
            c = conn_resolve(t, handle);
            more = c && c->state != CONN_BODY;
        } else {
            more = c->state == CONN_HEAD && read_head(c);
            c = conn_resolve(t, handle);
        }
    }
}
