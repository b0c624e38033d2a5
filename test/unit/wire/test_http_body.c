/* Chunked bodies, and response heads. */
#include "wire_test.h"

#include "http.h"

/* Feeds the body in pieces of at most `step` bytes, as a connection would: what was not used stays
 * in front of the next piece. */
static enum http_result feed(struct slice in, size_t step, uint64_t bytes_max, struct buf *body,
                             size_t *ret_used, struct http_error *ret_error) {
    struct http_chunked d;
    http_chunked_init(&d, bytes_max);
    size_t at = 0, end = 0;
    for (;;) {
        struct slice data;
        size_t used;
        struct slice view = tight_copy(slice_sub(in, at, end - at));
        enum http_result got = http_chunked_next(&d, view, &data, &used, ret_error);
        if (got != HTTP_BAD) {
            assert_true(used <= view.len && inside(data, view));
            buf_put(body, data);
            at += used;
        }
        tight_free(view);
        if (got != HTTP_MORE) {
            *ret_used = at;
            return got;
        }
        if (used == 0) {
            if (end == in.len) {
                return HTTP_MORE;
            }
            end = MIN(end + step, in.len);
        }
    }
}

static void check_body(struct slice in, uint64_t bytes_max, enum http_result want, uint16_t status,
                       const char *name, struct slice want_body, size_t want_used) {
    for (size_t step = 1; step <= in.len; step++) {
        struct buf body;
        buf_init(&body, 4096);
        size_t used = 0;
        struct http_error e = {0};
        enum http_result got = feed(in, step, bytes_max, &body, &used, &e);
        bool good = got == want && (got != HTTP_BAD || e.status == status);
        if (got == HTTP_OK) {
            good = good && slice_eq(buf_slice(&body), want_body) && used == want_used;
        }
        if (!good) {
            print_error("%s, step %zu: result %d, status %u\n", name, step, got, e.status);
        }
        assert_true(good);
        buf_deinit(&body);
    }
}

static void chunks_make_a_body_however_cut(void **state) {
    struct slice in = SLICE_LIT("5\r\nhello\r\n"
                                "0006;name=\"v\";x\r\n world\r\n"
                                "a\r\n0\r\n\r\nGET /\r\n"
                                "00\r\nX-Trailer: y\r\n\r\nnext");
    check_body(in, 100, HTTP_OK, 0, "body", SLICE_LIT("hello world0\r\n\r\nGET /"), in.len - 4);
    check_body(SLICE_LIT("0\r\n\r\n"), 0, HTTP_OK, 0, "empty", SLICE_LIT(""), 5);
    check_body(SLICE_LIT("3\r\nabc\r\n0\r\n"), 3, HTTP_MORE, 0, "cut", SLICE_LIT("abc"), 0);
}

static void chunk_abuses_are_refused(void **state) {
    static const struct {
        const char *name;
        uint16_t status;
        struct slice text;
    } rows[] = {
#define ROW(name, status, text)                                                                    \
    {                                                                                              \
        name, status, {                                                                            \
            (const uint8_t *)("" text), sizeof(text) - 1                                           \
        }                                                                                          \
    }
        ROW("no digits", 400, "\r\nabc"),
        ROW("extension without size", 400, ";a\r\n"),
        ROW("minus", 400, "-1\r\nabc"),
        ROW("plus", 400, "+3\r\nabc\r\n"),
        ROW("0x", 400, "0x3\r\nabc\r\n"),
        ROW("space ahead", 400, " 3\r\nabc\r\n"),
        ROW("space behind", 400, "3 \r\nabc\r\n"),
        ROW("letter behind", 400, "3g\r\nabc\r\n"),
        ROW("bare LF behind size", 400, "3\nabc\r\n"),
        ROW("bare CR in extension", 400, "3;a\rb\r\nabc\r\n"),
        ROW("bare LF in extension", 400, "3;a\nb\r\nabc\r\n"),
        ROW("NUL in extension", 400, "3;a\0b\r\nabc\r\n"),
        ROW("overflow to 3", 400, "10000000000000003\r\nabc\r\n"),
        ROW("17 digits", 400, "00000000000000003\r\nabc\r\n"),
        ROW("largest", 413, "ffffffffffffffff\r\nabc\r\n"),
        ROW("sum overflows", 413, "1\r\na\r\nffffffffffffffff\r\n"),
        ROW("over the bound", 413, "b\r\nabcdefghijk\r\n"),
        ROW("over the bound in two", 413, "5\r\nabcde\r\n6\r\nabcdef\r\n"),
        ROW("chunk longer than said", 400, "3\r\nabcd\r\n"),
        ROW("chunk ends in LF", 400, "3\r\nabc\n0\r\n\r\n"),
        ROW("chunk ends in CR CR", 400, "3\r\nabc\r\r\n"),
        ROW("no CRLF behind chunk", 400, "3\r\nabc0\r\n\r\n"),
        ROW("trailer without colon", 400, "0\r\nabc\r\n\r\n"),
        ROW("trailer with space before colon", 400, "0\r\na : b\r\n\r\n"),
        ROW("folded trailer", 400, "0\r\na: b\r\n c\r\n\r\n"),
        ROW("trailer ends in LF", 400, "0\r\na: b\n\r\n"),
        ROW("end in LF", 400, "0\r\n\n"),
#undef ROW
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_body(rows[i].text, 10, HTTP_BAD, rows[i].status, rows[i].name, (struct slice){0}, 0);
    }
}

static void extensions_and_trailers_have_bounds(void **state) {
    struct buf in, body;
    size_t used;
    struct http_error e = {0};
    buf_init(&in, 64 * 1024);
    buf_init(&body, 64 * 1024);
    buf_put_cstr(&in, "1;");
    while (in.len < HTTP_CHUNK_LINE_BYTES_MAX) {
        buf_put_u8(&in, 'x');
    }
    assert_int_equal(feed(buf_slice(&in), 7, 10, &body, &used, &e), HTTP_BAD);
    assert_int_equal(e.status, 400);

    for (int trailers = 0; trailers < 2; trailers++) {
        buf_clear(&in);
        buf_put_cstr(&in, trailers ? "0\r\n" : "");
        for (size_t i = 0; i <= HTTP_CHUNK_EXTRA_BYTES_MAX / 4; i++) {
            buf_put_cstr(&in, trailers ? "a: b\r\n" : "1;aaa\r\nx\r\n");
        }
        buf_put_cstr(&in, trailers ? "\r\n" : "0\r\n\r\n");
        e = (struct http_error){0};
        assert_int_equal(feed(buf_slice(&in), 99, 5000, &body, &used, &e), HTTP_BAD);
        assert_int_equal(e.status, 400);
    }
    buf_deinit(&in);
    buf_deinit(&body);
}

static void response_heads_say_where_they_end(void **state) {
    struct buf b;
    buf_init(&b, 1000);
    http_put_response_head(&b, 200, "application/json", 2, true);
    http_put_header(&b, "Vary", SLICE_LIT("Origin"));
    http_put_head_end(&b);
    assert_slice(buf_slice(&b), "HTTP/1.1 200 OK\r\n"
                                "Content-Type: application/json\r\n"
                                "Content-Length: 2\r\n"
                                "Connection: keep-alive\r\n"
                                "Vary: Origin\r\n"
                                "\r\n");
    buf_clear(&b);
    http_put_response_head(&b, 204, NULL, 0, false);
    assert_slice(buf_slice(&b), "HTTP/1.1 204 No Content\r\nConnection: close\r\n");
    buf_clear(&b);
    http_put_response_head(&b, 404, NULL, 0, true);
    assert_slice(buf_slice(&b),
                 "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\n");
    buf_clear(&b);
    http_put_response_head(&b, 200, NULL, HTTP_NO_LENGTH, false);
    assert_slice(buf_slice(&b), "HTTP/1.1 200 OK\r\nConnection: close\r\n");
    buf_clear(&b);
    http_put_response_head(&b, 100, NULL, HTTP_NO_LENGTH, true);
    http_put_head_end(&b);
    assert_slice(buf_slice(&b), "HTTP/1.1 100 Continue\r\n\r\n");
    buf_deinit(&b);
}

static void header_values_cannot_end_their_line(void **state) {
    struct buf b;
    buf_init(&b, 1000);
    http_put_header(&b, "X", SLICE_LIT("a\r\nSet-Cookie: b\0c\x7f"));
    assert_slice(buf_slice(&b), "X: a  Set-Cookie: b c \r\n");
    buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_make_a_body_however_cut),
        cmocka_unit_test(chunk_abuses_are_refused),
        cmocka_unit_test(extensions_and_trailers_have_bounds),
        cmocka_unit_test(response_heads_say_where_they_end),
        cmocka_unit_test(header_values_cannot_end_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
