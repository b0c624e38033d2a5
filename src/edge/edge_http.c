#include "edge_priv.h"

/* ---- life of a request ------------------------------------------------------------------------
 */

static bool request_begin(struct edge_conn *c) {
    assert(!c->request);
    c->request = mem_zalloc(sizeof(*c->request));
    if (!c->request) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_end(c);
        return false;
    }
    c->request->begun_us = clock_mono_us();
    return true;
}

void http_request_clear(struct edge_conn *c) {
    struct edge_request *q = TAKE(c->request);
    if (q) {
        edge_msg_free(q->msg);
        c->thread->body_bytes[q->by_stranger] -= q->body.len;
        buf_deinit(&q->body);
        mem_free(q);
    }
}

/* Slices of head and body point into c->in until here. */
static void drop_request_bytes(struct edge_conn *c) {
    size_t used = c->request->in_bytes;
    c->request->in_bytes = 0;
    if (used > 0) {
        conn_drop_in(c, used);
    }
}

/* ---- to control -------------------------------------------------------------------------------
 */

/* Closes go first, then what live sessions send; joins leave a quarter of the mailbox to those,
 * and calls of the API another to the joins. */
static bool control_has_room(struct edge_thread *t, bool is_join) {
    uint32_t items = t->edge->limits.control_items;
    uint32_t max = is_join ? items - items / 4 : items / 2;
    return t->unsent_count == 0 && mailbox_count(t->edge->config.to_control) < max;
}

static void answer_unavailable(struct edge_conn *c, const char *why) {
    if (c->request->method) {
        http_answer_twirp(c, TWIRP_UNAVAILABLE, why);
    } else {
        http_answer_text(c, 503, why);
    }
}

void http_give_to_control(struct edge_conn *c, enum conn_state state) {
    struct edge_thread *t = c->thread;
    struct edge_msg *m = c->request->msg;
    m->conn = conn_handle(c);
    m->received_us = c->request->begun_us;
    if (atomic_load(&t->edge->loading)) {
        answer_unavailable(c, "the server is starting");
        return;
    }
    if (!control_has_room(t, state == CONN_JOINING) || !edge_give(t, m)) {
        metric_inc(&t->metrics.edge_control_full);
        answer_unavailable(c, "the server is overloaded");
        return;
    }
    c->request->msg = NULL; /* control's; it may be freed already */
    drop_request_bytes(c);
    conn_enter(c, state);
    conn_set_due(c, t->edge->limits.answer_ms);
}

void http_on_answer_late(struct edge_conn *c) {
    metric_inc(&c->thread->metrics.edge_answer_timeouts);
    if (c->state == CONN_JOINING) {
        edge_tell_gone(c->thread, conn_handle(c),
                       EDGE_CLOSED); /* an upgrade must not come any more */
        conn_enter(c, CONN_WAITING);
    }
    c->request->keep_alive = false; /* its handle may still get the answer: not to the next one */
    answer_unavailable(c, "the server is overloaded");
}

/* ---- bodies -----------------------------------------------------------------------------------
 */

static void refuse_body(struct edge_conn *c) {
    metric_inc(&c->thread->metrics.edge_bodies_refused);
    if (c->request->method) {
        http_answer_twirp(c, TWIRP_RESOURCE_EXHAUSTED, "too many request bodies in flight");
    } else {
        http_answer_text(c, 503, "too many request bodies in flight");
    }
}

/* Strangers fill their share only: who has a token still gets a body through. */
static bool keep_body(struct edge_conn *c, struct slice data) {
    struct edge_thread *t = c->thread;
    struct edge_request *q = c->request;
    size_t max = t->edge->limits.body_bytes_max;
    max = q->by_stranger ? max / EDGE_STRANGER_BODY_SHARE : max;
    uint64_t *held = &t->body_bytes[q->by_stranger];
    if (data.len > max || *held > max - data.len) {
        refuse_body(c);
        return false;
    }
    buf_put(&q->body, data);
    if (q->body.failed) {
        metric_inc(&t->metrics.edge_no_memory);
        conn_end(c);
        return false;
    }
    *held += data.len;
    return true;
}

static void refuse_chunks(struct edge_conn *c, const struct http_error *error) {
    struct edge_request *q = c->request;
    metric_inc(error->status == 413 ? &c->thread->metrics.edge_bodies_refused
                                    : &c->thread->metrics.edge_bad_requests);
    q->keep_alive = false;
    if (error->status == 413 && q->method) {
        http_answer_twirp(c, TWIRP_MALFORMED,
                          q->coding == API_JSON ? "the json request could not be decoded"
                                                : "failed to read request body");
    } else {
        http_answer_text(c, error->status, error->reason);
    }
}

/* Takes what is in of a chunked body. True: it is whole. */
static bool take_chunks(struct edge_conn *c) {
    struct edge_request *q = c->request;
    size_t done = 0;
    for (;;) {
        struct slice data = {0};
        size_t used = 0;
        struct http_error error;
        enum http_result got = http_chunked_next(&q->chunks, slice_after(buf_slice(&c->in), done),
                                                 &data, &used, &error);
        if (got == HTTP_BAD) {
            refuse_chunks(c, &error);
            return false;
        }
        if (data.len > 0 && !keep_body(c, data)) {
            return false;
        }
        done += used;
        if (got == HTTP_OK || used == 0) {
            conn_drop_in(c, done);
            q->body_left = got == HTTP_OK ? 0 : q->body_left;
            return got == HTTP_OK;
        }
    }
}

static bool take_length(struct edge_conn *c) {
    struct edge_request *q = c->request;
    struct slice data = slice_sub(buf_slice(&c->in), 0, (size_t)MIN(q->body_left, c->in.len));
    if (data.len > 0 && !keep_body(c, data)) {
        return false;
    }
    q->body_left -= data.len;
    conn_drop_in(c, data.len);
    return q->body_left == 0;
}

/* True: the body was whole, and the request is answered or with control. */
static bool take_body(struct edge_conn *c) {
    struct edge_request *q = c->request;
    if (!(q->chunked ? take_chunks(c) : take_length(c))) {
        return false;
    }
    route_with_body(c, buf_slice(&q->body));
    return true;
}

static void begin_body(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = c->request;
    bool expects = r->expect_continue && q->body_left > 0;
    size_t here = c->in.len - q->in_bytes;
    conn_enter(c, CONN_BODY);
    if (!q->chunked && q->body_left <= here) {
        /* No copy: it is read where it lies. */
        struct slice body = slice_sub(buf_slice(&c->in), q->in_bytes, (size_t)q->body_left);
        q->in_bytes += body.len;
        q->body_left = 0;
        route_with_body(c, body);
        return;
    }
    drop_request_bytes(c); /* r points nowhere from here on */
    q->by_stranger = stranger_is(c);
    buf_init(&q->body, c->thread->edge->config.body_bytes_max);
    http_chunked_init(&q->chunks, c->thread->edge->config.body_bytes_max);
    if (expects && here == 0) {
        buf_put_cstr(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

/* ---- heads ------------------------------------------------------------------------------------
 */

static void refuse_head(struct edge_conn *c, const struct http_error *error) {
    metric_inc(error->status == 413 ? &c->thread->metrics.edge_bodies_refused
                                    : &c->thread->metrics.edge_bad_requests);
    if (request_begin(c)) {
        http_answer_text(c, error->status, error->reason); /* and closes: keep_alive is off */
    }
}

static void on_head(struct edge_conn *c, const struct http_request *r) {
    metric_inc(&c->thread->metrics.edge_requests);
    stranger_begun(c);
    if (!request_begin(c)) {
        return;
    }
    struct edge_request *q = c->request;
    q->keep_alive = r->keep_alive;
    q->head_only = r->method == HTTP_HEAD;
    q->version_minor = r->version_minor;
    q->in_bytes = r->head_bytes;
    q->chunked = r->chunked;
    q->body_left = r->chunked ? UINT64_MAX : r->content_length;
    if (route_head(c, r) == ROUTE_READ_BODY) {
        begin_body(c, r);
    }
}

/* True: a whole head was in and is dealt with. */
static bool take_head(struct edge_conn *c) {
    struct slice in = buf_slice(&c->in);
    if (c->head_seen == 0) {
        conn_set_due(c, c->thread->edge->limits.request_ms); /* of the whole request */
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

/* Answers leave in order, and a large one stands behind all others: it has to leave first. */
static bool may_take_request(const struct edge_conn *c) {
    return c->in.len > 0 && c->tail.len == 0 && conn_out_left(c) < EDGE_PIPELINE_BYTES;
}

void http_run(struct edge_conn *c) {
    bool more = true;
    while (more) {
        switch (c->state) {
        case CONN_HEAD: more = may_take_request(c) && take_head(c); break;
        case CONN_BODY: more = take_body(c); break;
        default: more = false;
        }
    }
}
