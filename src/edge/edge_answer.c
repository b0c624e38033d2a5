#include "edge_priv.h"

/* ---- the end of a request ---------------------------------------------------------------------
 */

void http_complete(struct edge_conn *c, bool keep) {
    metric_inc(&c->thread->metrics.edge_answers);
    size_t used = c->request->in_bytes;
    http_request_clear(c);
    if (!keep) {
        conn_close(c, 0);
        return;
    }
    conn_drop_in(c, used);
    conn_enter(c, CONN_HEAD); /* pipelined requests are taken by the loop in http_run */
    conn_set_due(c, c->thread->edge->limits.idle_ms);
}

/* A body that lies whole behind its head goes with it. Of any other that was not read the rest
 * would have to be skipped, for ever perhaps: the connection closes behind such an answer. */
static bool body_is_done_with(struct edge_conn *c) {
    struct edge_request *q = c->request;
    if (q->body_left == 0) {
        return true;
    }
    if (c->state != CONN_HEAD || q->body_left > c->in.len - q->in_bytes) {
        return false;
    }
    q->in_bytes += (size_t)q->body_left;
    q->body_left = 0;
    return true;
}

void http_count_answer(struct edge_conn *c, enum twirp_code code) {
    struct edge_thread *t = c->thread;
    const struct api_method *method = c->request->method;
    if (!method || c->request->use == BODY_OPERATOR) {
        return; /* pages that look are no load to show */
    }
    uint64_t took_us = clock_mono_us() - c->request->begun_us;
    latency_record(&t->latencies[method->op], took_us);
    metric_inc(&t->outcomes[method->op][code]);
    if (code == TWIRP_CODE_COUNT) {
        log_event(LOG_DEBUG, "api", LOG_CSTR("method", method->name),
                  LOG_CSTR("request_id", c->request->id), LOG_UINT("us", took_us));
    } else {
        log_limited(&t->log_refused, loop_now_ms(t->loop), LOG_INFO, "api_refused",
                    LOG_CSTR("method", method->name), LOG_CSTR("code", twirp_code_name(code)),
                    LOG_CSTR("request_id", c->request->id), LOG_UINT("us", took_us));
    }
}

/* An error's body begins with its code. */
static enum twirp_code code_of(uint16_t status, struct slice body) {
    static const char before[] = "{\"code\":\"";
    if (status == 200) {
        return TWIRP_CODE_COUNT;
    }
    if (slice_starts_with(body, slice_from_cstr(before))) {
        struct slice rest = slice_after(body, sizeof(before) - 1);
        struct slice name = slice_split(&rest, '"');
        for (unsigned i = 0; i < TWIRP_CODE_COUNT; i++) {
            if (slice_eq_cstr(name, twirp_code_name((enum twirp_code)i))) {
                return (enum twirp_code)i;
            }
        }
    }
    return status < 500 ? TWIRP_INVALID_ARGUMENT : TWIRP_INTERNAL;
}

const char *edge_content_type(enum edge_body kind) {
    switch (kind) {
    case EDGE_BODY_JSON: return "application/json";
    case EDGE_BODY_PROTOBUF: return "application/protobuf";
    case EDGE_BODY_TEXT: break;
    }
    return "text/plain; charset=utf-8";
}

void http_put_answer_headers(const struct edge_conn *c, struct buf *out) {
    cors_put(c, out);
    request_id_put(c, out);
    if (c->request->use == BODY_OPERATOR) {
        buf_put_cstr(out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    }
}

static void put_head(struct edge_conn *c, const struct edge_answer *a, size_t body_len, bool keep) {
    /* A 304 has the length of what it stands for, or none. */
    uint64_t length = a->status == 304 ? HTTP_NO_LENGTH : body_len;
    http_put_response_head(&c->out, a->status, a->content_type, length, keep);
    http_put_answer_headers(c, &c->out);
    if (a->status == 404 && a->header_lines.len == 0 && c->request->use != BODY_OPERATOR) {
        http_put_header(&c->out, "X-Content-Type-Options", SLICE_LIT("nosniff"));
    }
    if (a->header) {
        http_put_header(&c->out, a->header, a->header_value);
    }
    buf_put(&c->out, a->header_lines);
    http_put_head_end(&c->out);
}

void http_answer(struct edge_conn *c, const struct edge_answer *a) {
    enum { HEAD_BYTES = 384 }; /* mostly: one allocation for the whole answer */
    struct edge_request *q = c->request;
    struct slice body = a->owned ? bytes_slice(a->owned) : a->body;
    http_count_answer(c, code_of(a->status, body));
    bool hands_over = a->owned && body.len >= EDGE_OWNED_BODY_BYTES && !q->head_only;
    bool keep = q->keep_alive && body_is_done_with(c) && !atomic_load(&c->thread->edge->draining);
    (void)!buf_reserve(&c->out, HEAD_BYTES + (hands_over ? 0 : body.len)); /* flush looks */
    put_head(c, a, body.len, keep);
    if (hands_over) {
        assert(c->tail.len == 0); /* no request is taken while one waits to leave */
        c->tail = *a->owned;
        *a->owned = (struct bytes){0};
        tcp_set_unsent_max(c->fd, CONN_UNSENT_BYTES_MAX);
    } else if (!q->head_only) {
        buf_put(&c->out, body);
    }
    http_complete(c, keep);
}

/* ---- common answers ---------------------------------------------------------------------------
 */

void http_answer_text(struct edge_conn *c, uint16_t status, const char *text) {
    http_answer(c, &(struct edge_answer){.status = status,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = slice_from_cstr(text)});
}

void http_answer_not_found(struct edge_conn *c) {
    http_answer_text(c, 404, "404 page not found\n");
}

static void answer_error(struct edge_conn *c, const struct twirp_error *error) {
    struct buf body;
    buf_init(&body, TWIRP_MSG_BYTES_MAX * 2);
    twirp_error_put(&body, error);
    http_answer(c, &(struct edge_answer){.status = twirp_http_status(error->code),
                                         .content_type = "application/json",
                                         .body = buf_slice(&body)});
    buf_deinit(&body);
}

void http_answer_twirp(struct edge_conn *c, enum twirp_code code, const char *msg) {
    answer_error(c, &(struct twirp_error){.code = code, .msg = slice_from_cstr(msg)});
}

void http_answer_bad_route(struct edge_conn *c, const char *msg, const char *route) {
    answer_error(c, &(struct twirp_error){.code = TWIRP_BAD_ROUTE,
                                          .msg = slice_from_cstr(msg),
                                          .meta_key = SLICE_LIT("twirp_invalid_route"),
                                          .meta_value = slice_from_cstr(route)});
}
