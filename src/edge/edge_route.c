#include "edge_priv.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "query.h"

enum { ROUTE_MSG_MAX = 2048 };

/* ---- CORS (room-api 1.3) -----------------------------------------------------------------------
 */

static bool cors_method(struct slice name) {
    static const char *const methods[] = {"OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (slice_eq_cstr(name, methods[i])) {
            return true;
        }
    }
    return false;
}

void route_put_cors(const struct edge_conn *c, struct buf *out) {
    const struct edge_request *q = &c->request;
    if (c->is_metrics) {
        return;
    }
    http_put_header(out, "Vary", SLICE_LIT("Origin"));
    if (q->cors_any) {
        http_put_header(out, "Access-Control-Allow-Origin", SLICE_LIT("*"));
    } else if (q->cors_origin[0]) {
        http_put_header(out, "Access-Control-Allow-Origin", slice_from_cstr(q->cors_origin));
    }
    if (q->cors_any || q->cors_origin[0]) {
        http_put_header(out, "Access-Control-Expose-Headers", SLICE_LIT("*"));
    }
}

static void keep_origin(struct edge_conn *c, const struct http_request *r) {
    struct slice origin;
    struct edge_request *q = &c->request;
    if (cors_method(r->method_text) && http_header_find(r, "Origin", &origin) &&
        origin.len < sizeof(q->cors_origin)) {
        memcpy(q->cors_origin, origin.data, origin.len);
        q->cors_origin[origin.len] = 0;
    }
}

/* The one answer without a body that http_answer does not know. */
static void answer_preflight(struct edge_conn *c, const struct http_request *r,
                             struct slice asked) {
    struct buf *out = &c->out;
    struct slice origin, headers;
    bool keep = r->keep_alive && c->request.body_left == 0;
    http_put_response_head(out, 204, NULL, HTTP_NO_LENGTH, keep);
    http_put_header(
        out, "Vary",
        SLICE_LIT("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    if (http_header_find(r, "Origin", &origin) && cors_method(asked)) {
        http_put_header(out, "Access-Control-Allow-Origin", origin);
        http_put_header(out, "Access-Control-Allow-Methods", asked);
        if (http_header_find(r, "Access-Control-Request-Headers", &headers) && headers.len > 0) {
            http_put_header(out, "Access-Control-Allow-Headers", headers);
        }
        http_put_header(out, "Access-Control-Max-Age", SLICE_LIT("86400"));
    }
    http_put_head_end(out);
    http_complete(c, keep);
}

/* ---- Twirp ------------------------------------------------------------------------------------
 */

static void answer_bad_route(struct edge_conn *c, const struct http_request *r, struct slice path,
                             const char *msg) {
    char route[ROUTE_MSG_MAX];
    snprintf(route, sizeof(route), "%.*s %.*s", (int)MIN(r->method_text.len, 32),
             (const char *)r->method_text.data, (int)MIN(path.len, 1024), (const char *)path.data);
    http_answer_twirp(c, TWIRP_BAD_ROUTE, msg, SLICE_LIT("twirp_invalid_route"),
                      slice_from_cstr(route));
}

static bool media_type_is(struct slice content_type, const char *wanted) {
    struct slice type = slice_trim(slice_split(&content_type, ';'));
    return slice_eq_nocase(type, slice_from_cstr(wanted));
}

static enum route_result route_twirp(struct edge_conn *c, const struct http_request *r,
                                     struct slice path) {
    struct edge_request *q = &c->request;
    char msg[ROUTE_MSG_MAX];
    enum api_route found = api_route_find(path, &q->method);
    if (found == API_ROUTE_NO_SERVICE) {
        http_answer_not_found(c);
        return ROUTE_DONE;
    }
    if (r->method != HTTP_POST) {
        snprintf(msg, sizeof(msg), "unsupported method \"%.*s\" (only POST is allowed)",
                 (int)MIN(r->method_text.len, 32), (const char *)r->method_text.data);
        answer_bad_route(c, r, path, msg);
        return ROUTE_DONE;
    }
    if (found == API_ROUTE_NO_METHOD) {
        snprintf(msg, sizeof(msg), "no handler for path \"%.*s\"", (int)MIN(path.len, 1024),
                 (const char *)path.data);
        answer_bad_route(c, r, path, msg);
        return ROUTE_DONE;
    }
    struct slice type = {0};
    bool has_type = http_header_find(r, "Content-Type", &type);
    if (has_type && media_type_is(type, "application/json")) {
        q->coding = API_JSON;
    } else if (has_type && media_type_is(type, "application/protobuf")) {
        q->coding = API_PROTOBUF;
    } else {
        snprintf(msg, sizeof(msg), "unexpected Content-Type: \"%.*s\"", (int)MIN(type.len, 512),
                 (const char *)type.data);
        answer_bad_route(c, r, path, msg);
        return ROUTE_DONE;
    }
    return ROUTE_READ_BODY;
}

void route_with_body(struct edge_conn *c, struct slice body) {
    struct edge_request *q = &c->request;
    if (!q->method) {
        http_answer_not_found(c);
        return;
    }
    ProtobufCMessage *request = NULL;
    enum status s = proto_decode_as(q->coding, q->method->request, body, &q->msg->arena, &request);
    if (s != STATUS_OK) {
        metric_inc(&c->thread->metrics.edge_bad_bodies);
        http_answer_twirp(c, s == STATUS_NO_MEMORY ? TWIRP_RESOURCE_EXHAUSTED : TWIRP_MALFORMED,
                          q->coding == API_JSON ? "the json request could not be decoded"
                                                : "the protobuf request could not be decoded",
                          (struct slice){0}, (struct slice){0});
        return;
    }
    q->msg->kind = EDGE_API;
    q->msg->method = q->method;
    q->msg->coding = q->coding;
    q->msg->request = request;
    http_give_to_control(c, CONN_WAITING);
}

/* ---- signalling -------------------------------------------------------------------------------
 */

static enum route_result route_rtc(struct edge_conn *c, const struct http_request *r, bool v1,
                                   bool validate) {
    struct edge_request *q = &c->request;
    if (validate) {
        q->cors_any = true;
    } else if (r->websocket == HTTP_WS_NONE) {
        http_answer(c, 404, "text/plain; charset=utf-8", (struct slice){0});
        return ROUTE_DONE;
    } else if (r->websocket == HTTP_WS_BAD_VERSION) {
        http_answer_upgrade_required(c);
        return ROUTE_DONE;
    } else if (r->websocket == HTTP_WS_BAD) {
        http_answer_text(c, 400, "not a valid WebSocket handshake");
        return ROUTE_DONE;
    }
    if (!q->msg->claims || !q->msg->claims->has_video) {
        http_answer_text(c, 401, "no permissions to access the room");
        return ROUTE_DONE;
    }
    uint16_t status = 0;
    const char *text = NULL;
    if (!join_decode(c, r, v1, validate, &status, &text)) {
        http_answer_text(c, status, text);
        return ROUTE_DONE;
    }
    q->msg->kind = validate ? EDGE_VALIDATE : EDGE_JOIN;
    if (!validate) {
        assert(r->ws_key.len <= sizeof(c->ws_key));
        memcpy(c->ws_key, r->ws_key.data, r->ws_key.len);
        c->ws_key_len = r->ws_key.len;
    }
    http_give_to_control(c, validate ? CONN_WAITING : CONN_JOINING);
    return ROUTE_DONE;
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static void answer_health(struct edge_conn *c) {
    uint64_t now = clock_wall_ms();
    if (edge_is_ready(c->thread->edge, now)) {
        http_answer_text(c, 200, "OK");
    } else {
        char text[128];
        snprintf(text, sizeof(text), "Not Ready\nNode Updated At %llu",
                 (unsigned long long)atomic_load(&c->thread->edge->ready_at_ms));
        http_answer_text(c, 406, text);
    }
}

static bool metrics_allowed(struct edge_conn *c, const struct http_request *r) {
    const struct edge_config *config = &c->thread->edge->config;
    if (config->metrics_user.len == 0 && config->metrics_password.len == 0) {
        return true;
    }
    struct slice given;
    if (!http_header_find(r, "Authorization", &given) ||
        !slice_starts_with(given, SLICE_LIT("Basic "))) {
        return false;
    }
    struct buf pair, wanted;
    buf_init(&pair, 4096);
    buf_init(&wanted, 8192);
    buf_put(&pair, config->metrics_user);
    buf_put_u8(&pair, ':');
    buf_put(&pair, config->metrics_password);
    base64_put(&wanted, buf_slice(&pair));
    bool same = !wanted.failed && crypt_equal(slice_after(given, 6), buf_slice(&wanted));
    buf_deinit(&pair);
    buf_deinit(&wanted);
    return same;
}

static enum route_result route_metrics(struct edge_conn *c, const struct http_request *r) {
    conn_known(c);
    if (!metrics_allowed(c, r)) {
        http_answer_text(c, 401, "401 Unauthorized");
        return ROUTE_DONE;
    }
    struct buf body;
    buf_init(&body, 4 << 20);
    edge_render_metrics(c->thread->edge, &body);
    http_answer(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&body));
    buf_deinit(&body);
    return ROUTE_DONE;
}

static enum route_result route_path(struct edge_conn *c, const struct http_request *r,
                                    struct slice path) {
    if (slice_eq_cstr(path, "/")) {
        answer_health(c);
        return ROUTE_DONE;
    }
    if (slice_starts_with(path, SLICE_LIT("/twirp/"))) {
        return route_twirp(c, r, path);
    }
    bool v1 = slice_starts_with(path, SLICE_LIT("/rtc/v1"));
    if (slice_eq_cstr(path, "/rtc") || slice_eq_cstr(path, "/rtc/v1")) {
        return route_rtc(c, r, v1, false);
    }
    if (slice_eq_cstr(path, "/rtc/validate") || slice_eq_cstr(path, "/rtc/v1/validate")) {
        return route_rtc(c, r, v1, true);
    }
    http_answer_not_found(c);
    return ROUTE_DONE;
}

enum route_result route_head(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = &c->request;
    if (c->is_metrics) {
        return route_metrics(c, r);
    }
    struct slice asked;
    if (r->method == HTTP_OPTIONS && http_header_find(r, "Access-Control-Request-Method", &asked)) {
        answer_preflight(c, r, asked);
        return ROUTE_DONE;
    }
    keep_origin(c, r);
    struct slice path = r->path;
    if (slice_starts_with(path, SLICE_LIT("//"))) {
        path = slice_after(path, 1);
    }
    q->cors_any = slice_eq_cstr(path, "/rtc/validate") || slice_eq_cstr(path, "/rtc/v1/validate");
    if (r->content_length > c->thread->edge->config.body_bytes_max) {
        metric_inc(&c->thread->metrics.edge_bodies_refused);
        http_answer_text(c, 413, "request body too large");
        return ROUTE_DONE;
    }
    q->msg = edge_msg_create(EDGE_API);
    if (!q->msg) {
        http_answer_text(c, 503, "out of memory");
        return ROUTE_DONE;
    }
    char error[512];
    bool none = false;
    if (!token_from_request(c->thread, r, &q->msg->arena, &q->msg->claims, &none, error,
                            sizeof(error))) {
        http_answer_text(c, 401, error);
        return ROUTE_DONE;
    }
    if (!none) {
        conn_known(c);
    }
    return route_path(c, r, path);
}
