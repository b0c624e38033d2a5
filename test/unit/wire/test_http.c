/* HTTP request heads: what is understood, and what is refused with which status. */
#include "wire_test.h"

#include "http.h"

#define HOST "Host: a.example\r\n"

static struct http_request parse_ok(struct slice text) {
    struct http_request r;
    struct http_error e = {0};
    enum http_result got = http_request_next(text, &r, &e);
    if (got != HTTP_OK) {
        print_error("result %d, %u %s: %.*s\n", got, e.status, e.reason, SLICE_ARG(text));
    }
    assert_int_equal(got, HTTP_OK);
    return r;
}

static struct http_error parse_bad(struct slice text) {
    struct http_request r;
    struct http_error e = {0};
    assert_int_equal(http_request_next(text, &r, &e), HTTP_BAD);
    assert_true(e.status >= 400 && e.reason && e.reason[0]);
    return e;
}

static void a_request_is_taken_apart(void **state) {
    struct slice in = SLICE_LIT("POST /twirp/livekit.RoomService/CreateRoom?a=1&b=?x HTTP/1.1\r\n"
                                "Host: rooms.example:7880\r\n"
                                "Content-Type:application/json\r\n"
                                "content-length: 12 \t\r\n"
                                "X-Empty:\r\n"
                                "X-High: caf\xc3\xa9\r\n"
                                "\r\n"
                                "{\"name\":\"r\"}GET /");
    struct http_request r = parse_ok(in);
    assert_int_equal(r.method, HTTP_POST);
    assert_slice(r.method_text, "POST");
    assert_slice(r.target, "/twirp/livekit.RoomService/CreateRoom?a=1&b=?x");
    assert_slice(r.path, "/twirp/livekit.RoomService/CreateRoom");
    assert_slice(r.query, "a=1&b=?x");
    assert_slice(r.host, "rooms.example:7880");
    assert_int_equal(r.version_minor, 1);
    assert_int_equal(r.headers_count, 5);
    assert_slice(r.headers[2].name, "content-length");
    assert_slice(r.headers[2].value, "12");
    assert_slice(r.headers[3].value, "");
    assert_true(r.has_content_length && r.content_length == 12);
    assert_true(r.keep_alive && !r.chunked && !r.expect_continue);
    assert_int_equal(r.websocket, HTTP_WS_NONE);
    assert_slice(slice_after(in, r.head_bytes), "{\"name\":\"r\"}GET /");

    struct slice value;
    assert_true(http_header_find(&r, "content-type", &value));
    assert_slice(value, "application/json");
    assert_false(http_header_find(&r, "Content", &value));
    assert_slice(value, "application/json"); /* untouched */
}

static void methods_are_tokens_and_targets_have_two_forms(void **state) {
    static const struct {
        const char *name;
        enum http_method method;
    } rows[] = {
        {"GET", HTTP_GET},           {"HEAD", HTTP_HEAD},        {"POST", HTTP_POST},
        {"PUT", HTTP_PUT},           {"PATCH", HTTP_PATCH},      {"DELETE", HTTP_DELETE},
        {"OPTIONS", HTTP_OPTIONS},   {"get", HTTP_METHOD_OTHER}, {"M-SEARCH", HTTP_METHOD_OTHER},
        {"GETT", HTTP_METHOD_OTHER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        int len = snprintf(text, sizeof(text), "%s / HTTP/1.1\r\n" HOST "\r\n", rows[i].name);
        struct http_request r = parse_ok(slice_of(text, (size_t)len));
        assert_int_equal(r.method, rows[i].method);
        assert_true(slice_eq_cstr(r.method_text, rows[i].name));
    }
    struct http_request r = parse_ok(SLICE_LIT("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(r.path, "*");
    r = parse_ok(SLICE_LIT("GET //rtc?x HTTP/1.1\r\n" HOST "\r\n"));
    assert_slice(r.path, "//rtc");
    assert_slice(r.query, "x");
}

static void one_empty_line_may_stand_ahead(void **state) {
    struct slice in = SLICE_LIT("\r\nGET / HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(parse_ok(in).head_bytes, in.len);
    assert_int_equal(parse_bad(SLICE_LIT("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n")).status, 400);
}

static void connections_persist_as_the_version_says(void **state) {
    static const struct {
        const char *text;
        bool keep_alive;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: foo, CLOSE ,bar\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request r = parse_ok(slice_from_cstr(rows[i].text));
        assert_int_equal(r.keep_alive, rows[i].keep_alive);
    }
}

static void expectations_and_chunks_are_seen(void **state) {
    struct http_request r = parse_ok(SLICE_LIT("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\n"
                                               "Transfer-Encoding: Chunked\r\n\r\n"));
    assert_true(r.expect_continue && r.chunked && !r.has_content_length);
    r = parse_ok(SLICE_LIT("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
    assert_false(r.expect_continue); /* HTTP/1.0 does not know interim answers */
}

/* Each row is a way to make two readers of one stream disagree, or close to one. */
static const struct {
    const char *name;
    uint16_t status;
    struct slice text;
} smuggling[] = {
#define P "POST / HTTP/1.1\r\n" HOST
#define ROW(name, status, text)                                                                    \
    {                                                                                              \
        name, status, {                                                                            \
            (const uint8_t *)("" text), sizeof(text) - 1                                           \
        }                                                                                          \
    }
    ROW("CL.TE", 400, P "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE.CL", 400, P "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    ROW("CL 0 with TE", 400, P "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("CL.CL differing", 400, P "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
    ROW("CL.CL equal", 400, P "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    ROW("CL.CL other case", 400, P "Content-Length: 5\r\ncontent-lengtH: 5\r\n\r\n"),
    ROW("CL list", 400, P "Content-Length: 5, 5\r\n\r\n"),
    ROW("CL plus", 400, P "Content-Length: +5\r\n\r\n"),
    ROW("CL minus", 400, P "Content-Length: -5\r\n\r\n"),
    ROW("CL hex", 400, P "Content-Length: 0x5\r\n\r\n"),
    ROW("CL inner space", 400, P "Content-Length: 1 0\r\n\r\n"),
    ROW("CL empty", 400, P "Content-Length:\r\n\r\n"),
    ROW("CL fraction", 400, P "Content-Length: 5.0\r\n\r\n"),
    ROW("CL exponent", 400, P "Content-Length: 1e2\r\n\r\n"),
    ROW("CL overflow to 0", 400, P "Content-Length: 18446744073709551616\r\n\r\n"),
    ROW("CL overflow to 5", 400, P "Content-Length: 18446744073709551621\r\n\r\n"),
    ROW("CL vertical tab", 400, P "Content-Length: \v5\r\n\r\n"),
    ROW("CL above the bound", 413, P "Content-Length: 10485761\r\n\r\n"),
    ROW("TE identity", 501, P "Transfer-Encoding: identity\r\n\r\n"),
    ROW("TE gzip, chunked", 501, P "Transfer-Encoding: gzip, chunked\r\n\r\n"),
    ROW("TE chunked, identity", 501, P "Transfer-Encoding: chunked, identity\r\n\r\n"),
    ROW("TE chunked, chunked", 501, P "Transfer-Encoding: chunked, chunked\r\n\r\n"),
    ROW("TE xchunked", 501, P "Transfer-Encoding: xchunked\r\n\r\n"),
    ROW("TE chunked;q", 501, P "Transfer-Encoding: chunked;q=1\r\n\r\n"),
    ROW("TE quoted", 501, P "Transfer-Encoding: \"chunked\"\r\n\r\n"),
    ROW("TE trailing comma", 501, P "Transfer-Encoding: chunked,\r\n\r\n"),
    ROW("TE empty", 501, P "Transfer-Encoding:\r\n\r\n"),
    ROW("TE twice", 400, P "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE twice, one odd", 400, P "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"),
    ROW("TE vertical tab", 400, P "Transfer-Encoding: \vchunked\r\n\r\n"),
    ROW("TE NUL", 400, P "Transfer-Encoding: chunked\0\r\n\r\n"),
    ROW("TE form feed ahead of name", 400, P "\fTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE space before colon", 400, P "Transfer-Encoding : chunked\r\n\r\n"),
    ROW("TE tab before colon", 400, P "Transfer-Encoding\t: chunked\r\n\r\n"),
    ROW("TE NUL in name", 400, P "Transfer-Encoding\0: chunked\r\n\r\n"),
    ROW("TE in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE folded value", 400, P "Transfer-Encoding:\r\n chunked\r\n\r\n"),
    ROW("TE hidden in a fold", 400, P "X: y\r\n Transfer-Encoding: chunked\r\n\r\n"),
    ROW("TE behind a bare CR", 400, P "X: y\rTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE behind a bare LF", 400, P "X: y\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("TE behind CR CR LF", 400, P "X: y\r\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ROW("fold as first header", 400, "POST / HTTP/1.1\r\n " HOST "\r\n"),
    ROW("tab fold", 400, P "X: y\r\n\tz\r\n\r\n"),
    ROW("bare LF lines", 400, "POST / HTTP/1.1\nHost: a\n\n"),
    ROW("bare LF ends head", 400, P "\n"),
    ROW("no colon", 400, P "Transfer-Encoding chunked\r\n\r\n"),
    ROW("empty name", 400, P ": chunked\r\n\r\n"),
    ROW("quote in name", 400, P "X\"Y: z\r\n\r\n"),
    ROW("high byte in name", 400, P "X\xff: z\r\n\r\n"),
    ROW("NUL in value", 400, P "X: a\0b\r\n\r\n"),
    ROW("DEL in value", 400,
        P "X: a\x7f"
          "b\r\n\r\n"),
    ROW("escape in value", 400, P "X: a\x1b[2J\r\n\r\n"),
    ROW("Host missing", 400, "GET / HTTP/1.1\r\n\r\n"),
    ROW("Host empty", 400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    ROW("Host twice", 400, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"),
    ROW("Host twice in 1.0", 400, "GET / HTTP/1.0\r\n" HOST HOST "\r\n"),
    ROW("Host with user", 400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ROW("Host with path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    ROW("Host with space", 400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ROW("absolute form", 400, "GET http://b.example/ HTTP/1.1\r\n" HOST "\r\n"),
    ROW("authority form", 400, "CONNECT a.example:80 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("* for GET", 400, "GET * HTTP/1.1\r\n" HOST "\r\n"),
    ROW("empty target", 400, "GET  HTTP/1.1\r\n" HOST "\r\n"),
    ROW("no target", 400, "GET HTTP/1.1\r\n" HOST "\r\n"),
    ROW("two spaces", 400, "GET  / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("space in target", 400, "GET /a b HTTP/1.1\r\n" HOST "\r\n"),
    ROW("tab in target", 400, "GET /a\tb HTTP/1.1\r\n" HOST "\r\n"),
    ROW("NUL in target", 400, "GET /a\0b HTTP/1.1\r\n" HOST "\r\n"),
    ROW("fragment", 400, "GET /a#b HTTP/1.1\r\n" HOST "\r\n"),
    ROW("high byte in target", 400, "GET /caf\xe9 HTTP/1.1\r\n" HOST "\r\n"),
    ROW("bare CR in request line", 400, "GET /\rX: y HTTP/1.1\r\n" HOST "\r\n"),
    ROW("space behind version", 400, "GET / HTTP/1.1 \r\n" HOST "\r\n"),
    ROW("lower-case version", 400, "GET / http/1.1\r\n" HOST "\r\n"),
    ROW("HTTP/0.9", 400, "GET /\r\n\r\n"),
    ROW("HTTP/1.10", 400, "GET / HTTP/1.10\r\n" HOST "\r\n"),
    ROW("HTTP/01.1", 400, "GET / HTTP/01.1\r\n" HOST "\r\n"),
    ROW("HTTP/1.2", 505, "GET / HTTP/1.2\r\n" HOST "\r\n"),
    ROW("HTTP/2.0", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ROW("method with colon", 400, "GET: / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("space ahead of method", 400, " GET / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("no method", 400, " / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("method of 33 letters", 400,
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" HOST "\r\n"),
    ROW("unknown expectation", 417, P "Expect: 200-ok\r\n\r\n"),
    ROW("1.0 POST without length", 411, "POST / HTTP/1.0\r\n\r\n"),
    ROW("TLS hello", 400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
#undef ROW
#undef P
};

static void smuggling_attempts_are_refused(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(smuggling); i++) {
        struct http_request r;
        struct http_error e = {0};
        enum http_result got = http_request_next(smuggling[i].text, &r, &e);
        if (got != HTTP_BAD || e.status != smuggling[i].status) {
            print_error("%s: result %d, status %u\n", smuggling[i].name, got, e.status);
            fail();
        }
    }
}

/* Whatever way the bytes arrive: MORE until the verdict, then the same verdict. */
static void check_prefixes(struct slice whole) {
    struct http_request full, part;
    struct http_error full_error = {0}, part_error = {0};
    enum http_result want = http_request_next(whole, &full, &full_error);
    assert_int_not_equal(want, HTTP_MORE);
    for (size_t len = 0; len <= whole.len; len++) {
        struct slice prefix = tight_copy(slice_sub(whole, 0, len));
        enum http_result got = http_request_next(prefix, &part, &part_error);
        if (got == HTTP_OK) {
            assert_int_equal(want, HTTP_OK);
            assert_int_equal(part.head_bytes, full.head_bytes);
            assert_true(len >= full.head_bytes);
        } else if (got == HTTP_BAD) {
            assert_int_equal(want, HTTP_BAD);
            assert_int_equal(part_error.status, full_error.status);
            assert_ptr_equal(part_error.reason, full_error.reason);
        }
        tight_free(prefix);
    }
}

static void prefixes_agree_with_the_whole(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(smuggling); i++) {
        check_prefixes(smuggling[i].text);
    }
    check_prefixes(SLICE_LIT("\r\nGET /a?b HTTP/1.1\r\n" HOST "Connection: close\r\n\r\nrest"));
}

static void heads_have_bounds(void **state) {
    struct buf b;
    buf_init(&b, 4 * HTTP_HEAD_BYTES_MAX);
    struct http_request r;
    struct http_error e;

    buf_put_cstr(&b, "GET /");
    while (b.len < HTTP_HEAD_BYTES_MAX - 1) {
        buf_put_u8(&b, 'a');
    }
    assert_int_equal(http_request_next(buf_slice(&b), &r, &e), HTTP_MORE);
    buf_put_u8(&b, 'a');
    assert_int_equal(parse_bad(buf_slice(&b)).status, 414);
    buf_put_cstr(&b, " HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(parse_bad(buf_slice(&b)).status, 414);

    buf_clear(&b);
    buf_put_cstr(&b, "GET / HTTP/1.1\r\n" HOST "X: ");
    while (b.len < HTTP_HEAD_BYTES_MAX - 4) {
        buf_put_u8(&b, 'x');
    }
    buf_put_cstr(&b, "\r\n\r\n");
    assert_int_equal(parse_ok(buf_slice(&b)).head_bytes, HTTP_HEAD_BYTES_MAX);
    b.len -= 4;
    buf_put_cstr(&b, "x\r\n\r\n"); /* one byte more */
    assert_int_equal(parse_bad(buf_slice(&b)).status, 431);
    buf_deinit(&b);
}

static void headers_have_a_count(void **state) {
    struct buf b;
    buf_init(&b, HTTP_HEAD_BYTES_MAX);
    buf_put_cstr(&b, "GET / HTTP/1.1\r\n" HOST);
    for (size_t i = 1; i < HTTP_HEADERS_MAX; i++) {
        buf_put_cstr(&b, "X: y\r\n");
    }
    size_t len = b.len;
    buf_put_cstr(&b, "\r\n");
    assert_int_equal(parse_ok(buf_slice(&b)).headers_count, HTTP_HEADERS_MAX);
    b.len = len;
    buf_put_cstr(&b, "X: y\r\n\r\n");
    assert_int_equal(parse_bad(buf_slice(&b)).status, 431);
    buf_deinit(&b);
}

static void a_failed_read_leaves_the_request_alone(void **state) {
    struct http_request r, before;
    struct http_error e;
    memset(&r, 0x5a, sizeof(r));
    before = r;
    assert_int_equal(http_request_next(smuggling[0].text, &r, &e), HTTP_BAD);
    assert_int_equal(http_request_next(SLICE_LIT("GET / HT"), &r, &e), HTTP_MORE);
    assert_int_equal(http_request_next((struct slice){0}, &r, &e), HTTP_MORE);
    assert_memory_equal(&r, &before, sizeof(r));
}

static void a_trickle_is_read_at_line_ends_only(void **state) {
    struct slice in = SLICE_LIT("GET / HTTP/1.1\r\n" HOST "\r\n");
    size_t reads = 0;
    for (size_t len = 1; len <= in.len; len++) {
        reads += http_worth_reading(slice_sub(in, 0, len), len - 1);
    }
    assert_int_equal(reads, 3);
}

#define UPGRADE                                                                                    \
    "GET /rtc HTTP/1.1\r\n" HOST "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void websocket_upgrades_are_checked(void **state) {
    static const struct {
        const char *name, *text;
        enum http_websocket want;
    } rows[] = {
        {"asked", UPGRADE KEY "Sec-WebSocket-Version: 13\r\n\r\n", HTTP_WS_ASKED},
        {"no version", UPGRADE KEY "\r\n", HTTP_WS_BAD_VERSION},
        {"version 8", UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", HTTP_WS_BAD_VERSION},
        {"two versions",
         UPGRADE KEY "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD_VERSION},
        {"no key", UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", HTTP_WS_BAD},
        {"two keys", UPGRADE KEY KEY "Sec-WebSocket-Version: 13\r\n\r\n", HTTP_WS_BAD},
        {"short key",
         UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"key of 17 bytes",
         UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE=\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"key goes on behind its padding",
         UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"key not base64",
         UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q==\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"with a body", UPGRADE KEY "Content-Length: 5\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"with chunks",
         UPGRADE KEY "Transfer-Encoding: chunked\r\nSec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"POST",
         "POST / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: upgrade\r\n" KEY
         "Sec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"HTTP/1.0",
         "GET / HTTP/1.0\r\n" HOST "Upgrade: websocket\r\nConnection: upgrade\r\n" KEY
         "Sec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_BAD},
        {"not in Connection",
         "GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" KEY "Sec-WebSocket-Version: 13\r\n\r\n",
         HTTP_WS_NONE},
        {"h2c", "GET / HTTP/1.1\r\n" HOST "Upgrade: h2c\r\nConnection: upgrade\r\n\r\n",
         HTTP_WS_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request r = parse_ok(slice_from_cstr(rows[i].text));
        if (r.websocket != rows[i].want) {
            print_error("%s: %d\n", rows[i].name, r.websocket);
            fail();
        }
    }
    struct http_request r = parse_ok(SLICE_LIT(
        UPGRADE KEY "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, livekit\r\n\r\n"));
    assert_slice(r.ws_key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_slice(r.ws_protocols, "a, livekit");
    assert_true(http_header_has_token(&r, "sec-websocket-protocol", "LiveKit"));
    assert_false(http_header_has_token(&r, "sec-websocket-protocol", "live"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_apart),
        cmocka_unit_test(methods_are_tokens_and_targets_have_two_forms),
        cmocka_unit_test(one_empty_line_may_stand_ahead),
        cmocka_unit_test(connections_persist_as_the_version_says),
        cmocka_unit_test(expectations_and_chunks_are_seen),
        cmocka_unit_test(smuggling_attempts_are_refused),
        cmocka_unit_test(prefixes_agree_with_the_whole),
        cmocka_unit_test(heads_have_bounds),
        cmocka_unit_test(headers_have_a_count),
        cmocka_unit_test(a_failed_read_leaves_the_request_alone),
        cmocka_unit_test(a_trickle_is_read_at_line_ends_only),
        cmocka_unit_test(websocket_upgrades_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
