#include "http.h"

#include <string.h>

#include "http_priv.h"
#include "word.h"

enum {
    METHOD_BYTES_MAX = 32, /* the longest registered one has 17 */
    DEL = 0x7f,
};

/* RFC 9110 section 5.6.2. */
static const bool token_bytes[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* RFC 3986 section 3.2.2 with a port: reg-name, IPv4 and bracketed IPv6. */
static const bool host_bytes[256] = {
    ['!'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true, ['\''] = true,
    ['('] = true,         [')'] = true,         ['*'] = true, ['+'] = true, [','] = true,
    ['-'] = true,         ['.'] = true,         [':'] = true, [';'] = true, ['='] = true,
    ['['] = true,         [']'] = true,         ['_'] = true, ['~'] = true, ['0' ... '9'] = true,
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* What the headers said, until the end of the head tells what it means together. */
struct head_notes {
    struct http_request *request;
    struct slice transfer_encoding, ws_version;
    uint32_t hosts, lengths, encodings, ws_keys, ws_versions;
    bool close, persist, upgrade, websocket;
};

enum http_result http_refuse(struct http_error *ret_error, uint16_t status, const char *reason) {
    *ret_error = (struct http_error){.status = status, .reason = reason};
    return HTTP_BAD;
}

static bool all_in(const bool table[256], struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!table[s.data[i]]) {
            return false;
        }
    }
    return true;
}

enum http_result http_line_next(struct slice in, size_t *at, struct slice *ret_line,
                                struct http_error *ret_error) {
    assert(*at <= in.len);
    size_t left = in.len - *at;
    const uint8_t *lf = left > 0 ? memchr(in.data + *at, '\n', left) : NULL;
    if (!lf) {
        return HTTP_MORE;
    }
    size_t len = (size_t)(lf - (in.data + *at));
    if (len == 0 || lf[-1] != '\r') {
        return http_refuse(ret_error, 400, "line does not end in CRLF");
    }
    *ret_line = slice_of(in.data + *at, len - 1);
    *at += len + 1;
    return HTTP_OK;
}

static bool is_value(struct slice value) {
    size_t at = 0;
    while (at < value.len) {
        if (value.len - at >= sizeof(uint64_t) &&
            word_plain(value.data + at, 0x20, DEL, DEL, DEL) == sizeof(uint64_t)) {
            at += sizeof(uint64_t);
        } else if (http_is_value_byte(value.data[at])) {
            at++;
        } else {
            return false;
        }
    }
    return true;
}

enum http_result http_header_read(struct slice line, struct http_header *ret_header,
                                  struct http_error *ret_error) {
    assert(line.len > 0);
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return http_refuse(ret_error, 400, "folded header");
    }
    size_t colon = slice_find(line, ':');
    if (colon == line.len) {
        return http_refuse(ret_error, 400, "header without colon");
    }
    struct slice name = slice_sub(line, 0, colon);
    if (name.len == 0 || !all_in(token_bytes, name)) { /* also the space before a colon */
        return http_refuse(ret_error, 400, "bad header name");
    }
    struct slice value = slice_trim(slice_after(line, colon + 1));
    if (!is_value(value)) {
        return http_refuse(ret_error, 400, "control byte in header");
    }
    *ret_header = (struct http_header){.name = name, .value = value};
    return HTTP_OK;
}

static enum http_method method_from_text(struct slice text) {
    static const struct {
        const char *text;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET},     {"POST", HTTP_POST},     {"OPTIONS", HTTP_OPTIONS},
        {"HEAD", HTTP_HEAD},   {"DELETE", HTTP_DELETE}, {"PUT", HTTP_PUT},
        {"PATCH", HTTP_PATCH},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (slice_eq_cstr(text, methods[i].text)) {
            return methods[i].method;
        }
    }
    return HTTP_METHOD_OTHER;
}

/* Origin form, or "*" for OPTIONS. The absolute form is for proxies, which this server is not: its
 * host could contradict the Host header, so nobody gets to send it. */
static bool target_is_valid(struct slice target, enum http_method method) {
    if (slice_eq_cstr(target, "*")) {
        return method == HTTP_OPTIONS;
    }
    if (target.len == 0 || target.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < target.len; i++) {
        uint8_t b = target.data[i];
        if (b <= 0x20 || b >= 0x7f || b == '#') {
            return false;
        }
    }
    return true;
}

static enum http_result read_request_line(struct slice line, struct http_request *r,
                                          struct http_error *ret_error) {
    size_t space = slice_find(line, ' ');
    r->method_text = slice_sub(line, 0, space);
    if (space == 0 || space > METHOD_BYTES_MAX || !all_in(token_bytes, r->method_text)) {
        return http_refuse(ret_error, 400, "bad method");
    }
    r->method = method_from_text(r->method_text);

    static const char shape[] = " HTTP/1.1";
    enum { SHAPE_LEN = sizeof(shape) - 1, MAJOR_AT = 6, DOT_AT = 7, MINOR_AT = 8 };
    struct slice rest = slice_after(line, space);
    if (rest.len < SHAPE_LEN) {
        return http_refuse(ret_error, 400, "bad request line");
    }
    const uint8_t *version = rest.data + rest.len - SHAPE_LEN;
    uint8_t major = version[MAJOR_AT], minor = version[MINOR_AT];
    if (memcmp(version, shape, MAJOR_AT) != 0 || version[DOT_AT] != '.' || major < '0' ||
        major > '9' || minor < '0' || minor > '9') {
        return http_refuse(ret_error, 400, "bad request line");
    }
    if (major != '1' || minor > '1') {
        return http_refuse(ret_error, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    r->version_minor = (uint8_t)(minor - '0');

    r->target = slice_sub(rest, 1, rest.len > SHAPE_LEN ? rest.len - SHAPE_LEN - 1 : 0);
    if (!target_is_valid(r->target, r->method)) {
        return http_refuse(ret_error, 400, "bad request target");
    }
    size_t mark = slice_find(r->target, '?');
    r->path = slice_sub(r->target, 0, mark);
    r->query = slice_after(r->target, mark + 1);
    return HTTP_OK;
}

static enum http_result note_host(struct head_notes *n, struct slice value,
                                  struct http_error *ret_error) {
    if (n->hosts++ > 0) {
        return http_refuse(ret_error, 400, "repeated Host");
    }
    if (!all_in(host_bytes, value)) {
        return http_refuse(ret_error, 400, "bad Host");
    }
    n->request->host = value;
    return HTTP_OK;
}

static enum http_result note_content_length(struct head_notes *n, struct slice value,
                                            struct http_error *ret_error) {
    if (n->lengths++ > 0) {
        return http_refuse(ret_error, 400, "repeated Content-Length");
    }
    if (!slice_to_u64(value, &n->request->content_length)) {
        return http_refuse(ret_error, 400, "bad Content-Length");
    }
    n->request->has_content_length = true;
    return HTTP_OK;
}

static enum http_result note_transfer_encoding(struct head_notes *n, struct slice value,
                                               struct http_error *ret_error) {
    if (n->encodings++ > 0) {
        return http_refuse(ret_error, 400, "repeated Transfer-Encoding");
    }
    n->transfer_encoding = value;
    return HTTP_OK;
}

static bool list_has_token(struct slice list, const char *token) {
    while (list.len > 0) {
        struct slice item = slice_trim(slice_split(&list, ','));
        if (slice_eq_nocase(item, slice_from_cstr(token))) {
            return true;
        }
    }
    return false;
}

static enum http_result note_connection(struct head_notes *n, struct slice value,
                                        struct http_error *ret_error) {
    n->close = n->close || list_has_token(value, "close");
    n->persist = n->persist || list_has_token(value, "keep-alive");
    n->upgrade = n->upgrade || list_has_token(value, "upgrade");
    return HTTP_OK;
}

static enum http_result note_upgrade(struct head_notes *n, struct slice value,
                                     struct http_error *ret_error) {
    n->websocket = n->websocket || list_has_token(value, "websocket");
    return HTTP_OK;
}

static enum http_result note_expect(struct head_notes *n, struct slice value,
                                    struct http_error *ret_error) {
    if (!slice_eq_nocase(value, SLICE_LIT("100-continue"))) {
        return http_refuse(ret_error, 417, "unknown expectation");
    }
    n->request->expect_continue = n->request->version_minor == 1;
    return HTTP_OK;
}

static enum http_result note_ws_key(struct head_notes *n, struct slice value,
                                    struct http_error *ret_error) {
    n->ws_keys++;
    n->request->ws_key = value;
    return HTTP_OK;
}

static enum http_result note_ws_version(struct head_notes *n, struct slice value,
                                        struct http_error *ret_error) {
    n->ws_versions++;
    n->ws_version = value;
    return HTTP_OK;
}

static enum http_result note_ws_protocol(struct head_notes *n, struct slice value,
                                         struct http_error *ret_error) {
    if (n->request->ws_protocols.len == 0) {
        n->request->ws_protocols = value;
    }
    return HTTP_OK;
}

/* The headers that change how the connection is read; the rest are the caller's business. */
#define KNOWN(name, note)                                                                          \
    { {(const uint8_t *)("" name), sizeof(name) - 1}, note }
static const struct {
    struct slice name;
    enum http_result (*note)(struct head_notes *n, struct slice value,
                             struct http_error *ret_error);
} known_headers[] = {
    KNOWN("host", note_host),
    KNOWN("content-length", note_content_length),
    KNOWN("transfer-encoding", note_transfer_encoding),
    KNOWN("connection", note_connection),
    KNOWN("upgrade", note_upgrade),
    KNOWN("expect", note_expect),
    KNOWN("sec-websocket-key", note_ws_key),
    KNOWN("sec-websocket-version", note_ws_version),
    KNOWN("sec-websocket-protocol", note_ws_protocol),
};
#undef KNOWN

static enum http_result note_header(struct head_notes *n, const struct http_header *h,
                                    struct http_error *ret_error) {
    for (size_t i = 0; i < ARRAY_LEN(known_headers); i++) {
        struct slice known = known_headers[i].name;
        /* The length first: it settles nearly all without a call. */
        if (h->name.len == known.len && slice_eq_nocase(h->name, known)) {
            return known_headers[i].note(n, h->value, ret_error);
        }
    }
    return HTTP_OK;
}

/* Where the body ends: the question that request smuggling is about. */
static enum http_result settle_body(struct head_notes *n, struct http_error *ret_error) {
    struct http_request *r = n->request;
    if (n->encodings > 0) {
        if (n->lengths > 0) {
            return http_refuse(ret_error, 400, "Content-Length with Transfer-Encoding");
        }
        if (r->version_minor == 0) {
            return http_refuse(ret_error, 400, "Transfer-Encoding in HTTP/1.0");
        }
        if (!slice_eq_nocase(n->transfer_encoding, SLICE_LIT("chunked"))) {
            return http_refuse(ret_error, 501, "only the chunked transfer coding is known");
        }
        r->chunked = true;
        return HTTP_OK;
    }
    if (r->content_length > HTTP_BODY_BYTES_MAX) {
        return http_refuse(ret_error, 413, "request body too large");
    }
    bool wants_body = r->method == HTTP_POST || r->method == HTTP_PUT || r->method == HTTP_PATCH;
    if (r->version_minor == 0 && wants_body && n->lengths == 0) {
        /* There the end of a body could only be the end of the connection. */
        return http_refuse(ret_error, 411, "HTTP/1.0 body without Content-Length");
    }
    return HTTP_OK;
}

/* 16 bytes in base64 are 22 characters, of which the last has 4 spare bits, and "==". */
static bool ws_key_is_valid(struct slice key) {
    if (key.len != 24 || key.data[22] != '=' || key.data[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        uint8_t b = key.data[i];
        bool letter = (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
        if (!letter && !(b >= '0' && b <= '9') && b != '+' && b != '/') {
            return false;
        }
    }
    return true;
}

static enum http_websocket settle_websocket(const struct head_notes *n) {
    const struct http_request *r = n->request;
    if (!n->websocket || !n->upgrade) {
        return HTTP_WS_NONE;
    }
    if (r->method != HTTP_GET || r->version_minor != 1 || r->chunked || r->content_length > 0) {
        return HTTP_WS_BAD;
    }
    if (n->ws_versions != 1 || !slice_eq_cstr(n->ws_version, "13")) {
        return HTTP_WS_BAD_VERSION;
    }
    if (n->ws_keys != 1 || !ws_key_is_valid(r->ws_key)) {
        return HTTP_WS_BAD;
    }
    return HTTP_WS_ASKED;
}

static enum http_result settle(struct head_notes *n, struct http_error *ret_error) {
    struct http_request *r = n->request;
    if (r->version_minor == 1 && r->host.len == 0) {
        return http_refuse(ret_error, 400, "missing Host");
    }
    enum http_result got = settle_body(n, ret_error);
    if (got != HTTP_OK) {
        return got;
    }
    r->keep_alive = !n->close && (r->version_minor == 1 || n->persist);
    r->websocket = settle_websocket(n);
    return HTTP_OK;
}

static enum http_result read_headers(struct slice in, size_t *at, struct head_notes *n,
                                     struct http_error *ret_error) {
    struct http_request *r = n->request;
    struct slice line;
    for (;;) {
        enum http_result got = http_line_next(in, at, &line, ret_error);
        if (got != HTTP_OK) {
            return got;
        }
        if (line.len == 0) {
            return HTTP_OK;
        }
        if (r->headers_count == HTTP_HEADERS_MAX) {
            return http_refuse(ret_error, 431, "too many headers");
        }
        struct http_header *h = &r->headers[r->headers_count];
        got = http_header_read(line, h, ret_error);
        if (got != HTTP_OK) {
            return got;
        }
        r->headers_count++;
        got = note_header(n, h, ret_error);
        if (got != HTTP_OK) {
            return got;
        }
    }
}

enum http_result http_request_next(struct slice in, struct http_request *ret_request,
                                   struct http_error *ret_error) {
    struct http_request r; /* of the headers, only those that there are: 2 KB less to move */
    memset(&r, 0, offsetof(struct http_request, headers));
    struct head_notes notes = {.request = &r};
    bool full = in.len >= HTTP_HEAD_BYTES_MAX;
    in = slice_sub(in, 0, HTTP_HEAD_BYTES_MAX);
    /* Some clients end a body with a line end that they do not count (RFC 9112 section 2.2). */
    size_t at = in.len >= 2 && memcmp(in.data, "\r\n", 2) == 0 ? 2 : 0;

    struct slice line;
    enum http_result got = http_line_next(in, &at, &line, ret_error);
    if (got == HTTP_MORE && full) {
        return http_refuse(ret_error, 414, "request line too long");
    }
    if (got == HTTP_OK) {
        got = read_request_line(line, &r, ret_error);
    }
    if (got != HTTP_OK) {
        return got;
    }
    got = read_headers(in, &at, &notes, ret_error);
    if (got == HTTP_MORE && full) {
        return http_refuse(ret_error, 431, "request head too large");
    }
    if (got == HTTP_OK) {
        got = settle(&notes, ret_error);
    }
    if (got == HTTP_OK) {
        r.head_bytes = at;
        memcpy(ret_request, &r, offsetof(struct http_request, headers[r.headers_count]));
    }
    return got;
}

bool http_worth_reading(struct slice in, size_t seen) {
    struct slice fresh = slice_after(in, seen);
    return in.len >= HTTP_HEAD_BYTES_MAX || slice_find(fresh, '\n') < fresh.len;
}

bool http_header_find(const struct http_request *r, const char *name, struct slice *ret_value) {
    struct slice wanted = slice_from_cstr(name);
    for (size_t i = 0; i < r->headers_count; i++) {
        const struct slice *given = &r->headers[i].name;
        if (given->len == wanted.len && slice_eq_nocase(*given, wanted)) {
            *ret_value = r->headers[i].value;
            return true;
        }
    }
    return false;
}

bool http_header_has_token(const struct http_request *r, const char *name, const char *token) {
    for (size_t i = 0; i < r->headers_count; i++) {
        if (slice_eq_nocase(r->headers[i].name, slice_from_cstr(name)) &&
            list_has_token(r->headers[i].value, token)) {
            return true;
        }
    }
    return false;
}
