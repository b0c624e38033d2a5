#include "http_oracle.h"

#include <http_parser.h>

static int on_headers(http_parser *p) {
    struct http_oracle *o = p->data;
    o->head_done = true;
    o->method = http_method_str((enum http_method)p->method);
    o->keep_alive = http_should_keep_alive(p) != 0;
    o->content_length = p->content_length;
    o->chunked = (p->flags & F_CHUNKED) != 0;
    o->upgrade = p->upgrade;
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t len) {
    struct http_oracle *o = p->data;
    buf_put(&o->body, slice_of(at, len));
    return 0;
}

static int on_done(http_parser *p) {
    struct http_oracle *o = p->data;
    o->done = true;
    http_parser_pause(p, 1); /* what is counted as taken shall end here */
    return 0;
}

size_t http_oracle_ask(struct slice in, struct http_oracle *o) {
    http_parser p;
    http_parser_settings settings;
    http_parser_init(&p, HTTP_REQUEST);
    http_parser_settings_init(&settings);
    settings.on_headers_complete = on_headers;
    settings.on_body = on_body;
    settings.on_message_complete = on_done;
    p.data = o;
    return http_parser_execute(&p, &settings, (const char *)in.data, in.len);
}
