#include <string.h>

#include "edge_priv.h"
#include "query.h"

/* ---- signalling -------------------------------------------------------------------------------
 */

static void answer_upgrade_required(struct edge_conn *c) {
    http_answer(c, &(struct edge_answer){.status = 426,
                                         .content_type = "text/plain; charset=utf-8",
                                         .body = SLICE_LIT("WebSocket version 13 is required"),
                                         .header = "Sec-WebSocket-Version",
                                         .header_value = SLICE_LIT("13")});
}

/* True: a WebSocket handshake as it should be. */
static bool check_upgrade(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = c->request;
    switch (r->websocket) {
    case HTTP_WS_NONE: http_answer_text(c, 404, ""); return false;
    case HTTP_WS_BAD_VERSION: answer_upgrade_required(c); return false;
    case HTTP_WS_BAD: http_answer_text(c, 400, "not a valid WebSocket handshake"); return false;
    case HTTP_WS_ASKED: break;
    }
    assert(r->ws_key.len == sizeof(q->ws_key));
    memcpy(q->ws_key, r->ws_key.data, sizeof(q->ws_key));
    return true;
}

static void route_rtc(struct edge_conn *c, const struct http_request *r, bool v1, bool validate) {
    struct edge_request *q = c->request;
    if (!validate && !check_upgrade(c, r)) {
        return;
    }
    if (!q->msg->claims || !q->msg->claims->has_video) {
        http_answer_text(c, 401, "no permissions to access the room");
        return;
    }
    uint16_t status = 0;
    const char *text = NULL;
    if (!join_decode(c, r, v1, validate, &status, &text)) {
        http_answer_text(c, status, text);
        return;
    }
    q->msg->kind = validate ? EDGE_VALIDATE : EDGE_JOIN;
    http_give_to_control(c, validate ? CONN_WAITING : CONN_JOINING);
}

/* ---- paths ------------------------------------------------------------------------------------
 */

/* Go's path.Clean, with a slash at the end kept: no empty, "." or ".." segments. */
static void put_clean_path(struct buf *out, struct slice path) {
    struct slice rest = slice_after(path, 1), segment = {0};
    bool more = true;
    while (more) {
        more = slice_find(rest, '/') < rest.len;
        segment = slice_split(&rest, '/');
        if (slice_eq_cstr(segment, "..")) {
            while (out->len > 0 && out->data[--out->len] != '/') {
            }
        } else if (segment.len > 0 && !slice_eq_cstr(segment, ".")) {
            buf_put_u8(out, '/');
            buf_put(out, segment);
        }
    }
    if (segment.len == 0 || out->len == 0) {
        buf_put_u8(out, '/');
    }
}

/* Cheap and sometimes wrong, also for "/.well-known": then the clean path turns out the same. */
static bool may_be_unclean(struct slice path) {
    for (size_t i = 0; i + 1 < path.len; i++) {
        if (path.data[i] == '/' && (path.data[i + 1] == '/' || path.data[i + 1] == '.')) {
            return true;
        }
    }
    return false;
}

/* True: the path was not the canonical one, and the answer says which is. It begins with exactly
 * one slash, so it never names another host. */
static bool redirect(struct edge_conn *c, const struct http_request *r, struct slice path) {
    bool bare = twirp_is_bare_service(path);
    if (!bare && !may_be_unclean(path)) {
        return false;
    }
    struct buf clean;
    buf_init(&clean, HTTP_HEAD_BYTES_MAX);
    put_clean_path(&clean, path);
    if (bare) {
        buf_put_u8(&clean, '/');
    }
    bool differs = !clean.failed && !slice_eq(buf_slice(&clean), path);
    if (differs && r->query.len > 0) {
        buf_put_u8(&clean, '?');
        buf_put(&clean, r->query);
    }
    if (differs) {
        http_answer(c, &(struct edge_answer){
                           .status = 301, .header = "Location", .header_value = buf_slice(&clean)});
    }
    buf_deinit(&clean);
    return differs;
}

static enum route_result route_path(struct edge_conn *c, const struct http_request *r,
                                    struct slice path) {
    if (slice_eq_cstr(path, "*")) {
        http_answer_text(c, 400, "Bad Request");
        return ROUTE_DONE;
    }
    if (redirect(c, r, path)) {
        return ROUTE_DONE;
    }
    if (slice_starts_with(path, SLICE_LIT("/twirp/"))) {
        return twirp_route(c, r, path);
    }
    if (slice_eq_cstr(path, "/")) {
        page_health(c);
    } else if (slice_eq_cstr(path, "/rtc")) {
        route_rtc(c, r, false, false);
    } else if (slice_eq_cstr(path, "/rtc/v1")) {
        route_rtc(c, r, true, false);
    } else if (slice_eq_cstr(path, "/rtc/validate")) {
        route_rtc(c, r, false, true);
    } else if (slice_eq_cstr(path, "/rtc/v1/validate")) {
        route_rtc(c, r, true, true);
    } else if (ui_is_path(path)) {
        http_answer_text(c, 404, "The pages for operators are served by the metrics listener.\n");
    } else {
        http_answer_not_found(c);
    }
    return ROUTE_DONE;
}

/* ---- tokens, then paths -----------------------------------------------------------------------
 */

/* The reference drops exactly one of two leading slashes. */
static struct slice fixed_path(const struct http_request *r) {
    bool two = slice_starts_with(r->path, SLICE_LIT("//"));
    return two ? slice_after(r->path, 1) : r->path;
}

static enum route_result route_with_token(struct edge_conn *c, const struct http_request *r,
                                          struct slice form) {
    char error[512];
    struct edge_msg *m = c->request->msg;
    if (!token_from_request(c->thread, r, form, &m->arena, &m->claims, error, sizeof(error))) {
        http_answer_text(c, 401, error);
        return ROUTE_DONE;
    }
    if (m->claims) {
        stranger_known(c);
    }
    return route_path(c, r, fixed_path(r));
}

/* Only a form without Authorization header may hold a token in its body. */
static bool token_may_be_in_form(const struct http_request *r) {
    struct slice value;
    if (r->method != HTTP_POST || (http_header_find(r, "Authorization", &value) && value.len > 0) ||
        !http_header_find(r, "Content-Type", &value)) {
        return false;
    }
    struct slice type = slice_trim(slice_split(&value, ';'));
    return slice_eq_nocase(type, SLICE_LIT("application/x-www-form-urlencoded"));
}

enum route_result route_head(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = c->request;
    if (c->is_metrics) {
        return page_route(c, r);
    }
    if (cors_answer_preflight(c, r)) {
        return ROUTE_DONE;
    }
    cors_keep_origin(c, r);
    struct slice path = fixed_path(r);
    if (slice_starts_with(path, SLICE_LIT("/twirp/")) ||
        slice_starts_with(path, SLICE_LIT("/rtc"))) {
        request_id_take(c, r);
    }
    q->cors_any = slice_eq_cstr(path, "/rtc/validate") || slice_eq_cstr(path, "/rtc/v1/validate");
    if (r->content_length > c->thread->edge->config.body_bytes_max) {
        metric_inc(&c->thread->metrics.edge_bodies_refused);
        http_answer_text(c, 413, "request body too large");
        return ROUTE_DONE;
    }
    q->msg = edge_msg_create(EDGE_API);
    if (!q->msg) {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
        return ROUTE_DONE;
    }
    if (token_may_be_in_form(r)) {
        q->use = BODY_FORM;
        q->head = arena_copy(&q->msg->arena, slice_sub(buf_slice(&c->in), 0, r->head_bytes));
        return ROUTE_READ_BODY;
    }
    return route_with_token(c, r, (struct slice){0});
}

void route_with_body(struct edge_conn *c, struct slice body) {
    struct edge_request *q = c->request;
    if (q->use == BODY_OPERATOR) {
        ui_api_with_body(c, body);
        return;
    }
    if (q->use != BODY_FORM) {
        twirp_with_body(c, body);
        return;
    }
    struct http_request r;
    struct http_error error;
    if (http_request_next(q->head, &r, &error) != HTTP_OK) {
        metric_inc(&c->thread->metrics.edge_no_memory); /* no copy: it was read well before */
        http_answer_text(c, 503, "out of memory");
        return;
    }
    enum route_result result = route_with_token(c, &r, body);
    assert(result == ROUTE_DONE); /* a form is no type of a Twirp call */
    (void)result;
}
