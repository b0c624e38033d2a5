/* http.h: HTTP/1.1 requests out of bytes, response heads into bytes (RFC 9110, RFC 9112).
 * Owns: nothing. What it returns points into the input; struct http_chunked is the caller's.
 * Never: guesses. Where two readers of one byte stream could disagree about where a request ends,
 *   the request is refused: lines end in CRLF, one Content-Length or Transfer-Encoding: chunked.
 * Invariant: a head is read the same however it was cut on its way: each prefix gives HTTP_MORE,
 *   or the HTTP_BAD that the whole gives. head_bytes <= in.len.
 * Callers: edge, which keeps bytes, deadlines and the body limit of the settings. */
#pragma once

#include "buf.h"
#include "caps.h"

enum http_result {
    HTTP_OK,   /* whole; *ret_request is filled */
    HTTP_MORE, /* so far so good */
    HTTP_BAD,  /* answer *ret_error and close: what follows cannot be framed */
};

struct http_error {
    uint16_t status;    /* 400, 411, 413, 414, 417, 431, 501, 505 */
    const char *reason; /* static, a short English phrase for the body and the log */
};

struct http_header {
    struct slice name, value; /* value without the blanks around it */
};

/* What the Upgrade, Connection and Sec-WebSocket-* headers ask for. */
enum http_websocket {
    HTTP_WS_NONE,        /* no upgrade to websocket */
    HTTP_WS_ASKED,       /* all of RFC 6455 section 4.2.1 holds; ws_key is set */
    HTTP_WS_BAD_VERSION, /* not version 13: 426 with Sec-WebSocket-Version: 13 */
    HTTP_WS_BAD,         /* asked for, but not GET of HTTP/1.1 without body, or a bad key: 400 */
};

enum http_method {
    HTTP_METHOD_OTHER, /* any other token */
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
};

struct http_request {
    enum http_method method;
    uint8_t version_minor;    /* HTTP/1.0 or HTTP/1.1 */
    struct slice method_text; /* case-sensitive */
    struct slice target;      /* origin form; "*" for OPTIONS alone; other forms are refused */
    struct slice path, query; /* target before and behind its first '?', still escaped */
    struct slice host;        /* Host, not empty in 1.1; may be empty in 1.0 */
    size_t headers_count;
    size_t head_bytes;       /* used by the head, with its empty line */
    uint64_t content_length; /* 0 without a body, and when chunked */
    bool has_content_length;
    bool chunked;         /* the body goes through http_chunked_next */
    bool keep_alive;      /* another request may follow */
    bool expect_continue; /* answer 100 before waiting for the body */
    enum http_websocket websocket;
    struct slice ws_key;                          /* 24 base64 characters of 16 bytes */
    struct slice ws_protocols;                    /* Sec-WebSocket-Protocol as sent, may be empty */
    struct http_header headers[HTTP_HEADERS_MAX]; /* headers_count of them are set */
};

/* Reads one request head from the begin of `in`. One empty line ahead of it is skipped. A
 * Content-Length above HTTP_BODY_BYTES_MAX is 413; smaller limits are the caller's. */
must_check enum http_result http_request_next(struct slice in, struct http_request *ret_request,
                                              struct http_error *ret_error);

/* False while http_request_next would only say HTTP_MORE again: nothing behind the first `seen`
 * bytes, which were tried before, ends a line or reaches the limit. Keeps the work for a head
 * that trickles in linear. */
bool http_worth_reading(struct slice in, size_t seen);

/* First header of that name (any case); false when there is none. */
must_check bool http_header_find(const struct http_request *r, const char *name,
                                 struct slice *ret_value);
/* True when a comma-separated header of that name holds the token (any case). */
bool http_header_has_token(const struct http_request *r, const char *name, const char *token);

/* Chunked bodies (RFC 9112 section 7.1). Extensions and trailers are read and dropped. */
enum {
    HTTP_CHUNK_LINE_BYTES_MAX = 512,   /* a size line or trailer; the caller holds as much */
    HTTP_CHUNK_EXTRA_BYTES_MAX = 4096, /* all extensions and trailers of one body */
};

enum http_chunk_phase { CHUNK_SIZE, CHUNK_BODY, CHUNK_BODY_END, CHUNK_TRAILER, CHUNK_DONE };

struct http_chunked {
    enum http_chunk_phase phase;
    uint64_t chunk_left; /* of the chunk being read */
    uint64_t body_bytes; /* announced so far; never above body_bytes_max */
    uint64_t body_bytes_max;
    uint32_t extra_bytes; /* of extensions and trailers */
};

void http_chunked_init(struct http_chunked *d, uint64_t body_bytes_max);
/* Takes the next piece: *ret_used bytes of `in` are done with, *ret_data (a view, may be empty) is
 * body. HTTP_MORE: call again, with more bytes when nothing was used. HTTP_OK: the body ended.
 * On HTTP_BAD both are untouched and *ret_error says why (400 or 413). */
must_check enum http_result http_chunked_next(struct http_chunked *d, struct slice in,
                                              struct slice *ret_data, size_t *ret_used,
                                              struct http_error *ret_error);

/* Response heads: begin, any number of headers, end. Date is the caller's to add. */
#define HTTP_NO_LENGTH UINT64_MAX
/* Status line, Content-Type (NULL: none), Content-Length (HTTP_NO_LENGTH: none; 1xx and 204 never
 * have one) and Connection (1xx: none). */
void http_put_response_head(struct buf *out, uint16_t status, const char *content_type,
                            uint64_t content_length, bool keep_alive);
/* Control bytes in the value become spaces: a value can never end its line. */
void http_put_header(struct buf *out, const char *name, struct slice value);
void http_put_head_end(struct buf *out);
const char *http_status_text(uint16_t status); /* never NULL */
