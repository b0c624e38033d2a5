#include "http_priv.h"

static const struct {
    uint16_t status;
    const char *text;
} status_texts[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_text(uint16_t status) {
    for (size_t i = 0; i < ARRAY_LEN(status_texts); i++) {
        if (status_texts[i].status == status) {
            return status_texts[i].text;
        }
    }
    return "Unknown";
}

void http_put_response_head(struct buf *out, uint16_t status, const char *content_type,
                            uint64_t content_length, bool keep_alive) {
    assert(status >= 100 && status <= 599);
    buf_put_cstr(out, "HTTP/1.1 ");
    buf_put_u64_dec(out, status);
    buf_put_u8(out, ' ');
    buf_put_cstr(out, http_status_text(status));
    buf_put_cstr(out, "\r\n");
    if (content_type) {
        http_put_header(out, "Content-Type", slice_from_cstr(content_type));
    }
    bool interim = status < 200;
    if (content_length != HTTP_NO_LENGTH && !interim && status != 204) {
        buf_put_cstr(out, "Content-Length: ");
        buf_put_u64_dec(out, content_length);
        buf_put_cstr(out, "\r\n");
    }
    if (!interim) {
        /* Said in both cases: clients of HTTP/1.0 hang up on a silent one. */
        buf_put_cstr(out, keep_alive ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
    }
}

void http_put_header(struct buf *out, const char *name, struct slice value) {
    buf_put_cstr(out, name);
    buf_put_cstr(out, ": ");
    while (value.len > 0) {
        size_t good = 0;
        while (good < value.len && http_is_value_byte(value.data[good])) {
            good++;
        }
        buf_put(out, slice_sub(value, 0, good));
        if (good < value.len) {
            buf_put_u8(out, ' ');
            good++;
        }
        value = slice_after(value, good);
    }
    buf_put_cstr(out, "\r\n");
}

void http_put_head_end(struct buf *out) {
    buf_put_cstr(out, "\r\n");
}
