#include <string.h>

#include "edge_priv.h"

static bool is_listed_method(struct slice name) {
    static const char *const methods[] = {"OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (slice_eq_cstr(name, methods[i])) {
            return true;
        }
    }
    return false;
}

void cors_keep_origin(struct edge_conn *c, const struct http_request *r) {
    struct slice origin;
    struct edge_request *q = c->request;
    if (is_listed_method(r->method_text) && http_header_find(r, "Origin", &origin) &&
        origin.len < sizeof(q->origin)) {
        memcpy(q->origin, origin.data, origin.len);
        q->origin[origin.len] = 0;
    }
}

void cors_put(const struct edge_conn *c, struct buf *out) {
    const struct edge_request *q = c->request;
    if (c->is_metrics) {
        return;
    }
    http_put_header(out, "Vary", SLICE_LIT("Origin"));
    if (q->cors_any) {
        http_put_header(out, "Access-Control-Allow-Origin", SLICE_LIT("*"));
    } else if (q->origin[0]) {
        http_put_header(out, "Access-Control-Allow-Origin", slice_from_cstr(q->origin));
    }
    if (q->origin[0]) {
        http_put_header(out, "Access-Control-Expose-Headers", SLICE_LIT("*"));
    }
}

bool cors_answer_preflight(struct edge_conn *c, const struct http_request *r) {
    struct slice asked, origin, headers;
    if (r->method != HTTP_OPTIONS ||
        !http_header_find(r, "Access-Control-Request-Method", &asked) || asked.len == 0) {
        return false;
    }
    struct buf *out = &c->out;
    bool keep = r->keep_alive && c->request->body_left == 0;
    http_put_response_head(out, 204, NULL, HTTP_NO_LENGTH, keep);
    http_put_header(
        out, "Vary",
        SLICE_LIT("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"));
    if (http_header_find(r, "Origin", &origin) && is_listed_method(asked)) {
        http_put_header(out, "Access-Control-Allow-Origin", origin);
        http_put_header(out, "Access-Control-Allow-Methods", asked);
        if (http_header_find(r, "Access-Control-Request-Headers", &headers) && headers.len > 0) {
            http_put_header(out, "Access-Control-Allow-Headers", headers);
        }
        http_put_header(out, "Access-Control-Max-Age", SLICE_LIT("86400"));
    }
    http_put_head_end(out);
    http_complete(c, keep);
    return true;
}
