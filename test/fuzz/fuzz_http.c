/* Request heads and chunked bodies: views lie inside, and no cut changes the verdict.
 * Covers: src/wire/http.c src/wire/http_chunked.c */
#include "fuzz.h"
#include "http.h"

enum { CUTS = 6, BODY_MAX = 1 << 16 };

static void check_views(const struct http_request *r, struct slice in) {
    assert(r->head_bytes <= in.len && r->head_bytes <= HTTP_HEAD_BYTES_MAX);
    struct slice head = slice_sub(in, 0, r->head_bytes);
    assert(inside(r->method_text, head) && inside(r->target, head) && inside(r->path, head));
    assert(inside(r->query, head) && inside(r->host, head));
    assert(inside(r->ws_key, head) && inside(r->ws_protocols, head));
    assert(r->headers_count <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < r->headers_count; i++) {
        assert(inside(r->headers[i].name, head) && r->headers[i].name.len > 0);
        assert(inside(r->headers[i].value, head));
        assert(slice_find(r->headers[i].value, '\r') == r->headers[i].value.len);
        assert(slice_find(r->headers[i].value, '\0') == r->headers[i].value.len);
    }
    assert(!r->chunked || !r->has_content_length);
    assert(r->content_length <= HTTP_BODY_BYTES_MAX);
    assert(r->websocket != HTTP_WS_ASKED || (r->ws_key.len == 24 && r->content_length == 0));
}

static void fuzz_head(struct slice in) {
    struct http_request whole, part;
    struct http_error error = {0}, part_error = {0};
    enum http_result want = http_request_next(in, &whole, &error);
    if (want == HTTP_OK) {
        check_views(&whole, in);
    }
    for (uint32_t nth = 0; nth < CUTS; nth++) {
        struct slice cut = tight_copy(slice_sub(in, 0, cut_of(in, nth)));
        enum http_result got = http_request_next(cut, &part, &part_error);
        if (got == HTTP_OK) {
            assert(want == HTTP_OK && part.head_bytes == whole.head_bytes);
        } else if (got == HTTP_BAD) {
            assert(want == HTTP_BAD && part_error.reason == error.reason);
        } else {
            assert(want != HTTP_OK || cut.len < whole.head_bytes);
        }
        tight_free(cut);
    }
}

/* Gives the body, with `held` bytes at a time or all that is there. */
static enum http_result read_chunks(struct slice in, size_t held, struct buf *body,
                                    size_t *ret_used, struct http_error *ret_error) {
    struct http_chunked d;
    http_chunked_init(&d, BODY_MAX);
    size_t at = 0, end = MIN(held, in.len);
    for (;;) {
        struct slice view = slice_sub(in, at, end - at), data;
        size_t used = 0;
        enum http_result got = http_chunked_next(&d, view, &data, &used, ret_error);
        assert(got == HTTP_BAD || (used <= view.len && inside(data, view)));
        if (got != HTTP_BAD) {
            buf_put(body, data);
            at += used;
        }
        if (got != HTTP_MORE || (used == 0 && end == in.len)) {
            *ret_used = at;
            return got;
        }
        end = used == 0 ? MIN(end + held, in.len) : end;
    }
}

static void fuzz_chunks(struct slice in) {
    struct buf body, body_again;
    struct http_error error = {0}, error_again = {0};
    size_t used = 0, used_again = 0;
    buf_init(&body, BODY_MAX);
    buf_init(&body_again, BODY_MAX);
    enum http_result want = read_chunks(in, SIZE_MAX / 2, &body, &used, &error);
    enum http_result got =
        read_chunks(in, 1 + cut_of(in, 0) % 16, &body_again, &used_again, &error_again);
    assert(got == want && error.reason == error_again.reason);
    assert(!body.failed && slice_eq(buf_slice(&body), buf_slice(&body_again)));
    assert(want == HTTP_BAD || used == used_again);
    buf_deinit(&body);
    buf_deinit(&body_again);
}

static void fuzz_header_writer(struct slice in) {
    struct buf out;
    buf_init(&out, in.len + 100);
    http_put_header(&out, "X", in);
    assert(!out.failed && slice_find(buf_slice(&out), '\r') == out.len - 2);
    assert(slice_find(buf_slice(&out), '\n') == out.len - 1);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    fuzz_head(in);
    fuzz_chunks(in);
    fuzz_header_writer(in);
    return 0;
}
