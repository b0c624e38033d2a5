#include <string.h>

#include "caps.h"
#include "client.h"

enum { STATUS_LINE_BYTES_MIN = 12 }; /* "HTTP/1.1 200" */

enum status client_url_parse(struct slice text, struct client_url *ret_url,
                             const char **ret_reason) {
    struct slice rest = text;
    *ret_reason = "must be http://host[:port]";
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return STATUS_INVALID;
        }
    }
    if (slice_starts_with(rest, SLICE_LIT("https://")) ||
        slice_starts_with(rest, SLICE_LIT("wss://"))) {
        *ret_reason = "this command speaks plain http only: call the server where it runs, or "
                      "through a tunnel";
        return STATUS_INVALID;
    }
    if (!slice_starts_with(rest, SLICE_LIT("http://")) &&
        !slice_starts_with(rest, SLICE_LIT("ws://"))) {
        return STATUS_INVALID;
    }
    rest = slice_after(rest, slice_find(rest, '/') + 2);
    struct client_url u = {.port = 80};
    size_t end = slice_find(rest, '/');
    u.authority = slice_sub(rest, 0, end);
    u.prefix = slice_after(rest, end);
    while (u.prefix.len > 0 && u.prefix.data[u.prefix.len - 1] == '/') {
        u.prefix.len--;
    }
    struct slice port = {0};
    bool closed = true;
    if (u.authority.len > 0 && u.authority.data[0] == '[') {
        size_t close = slice_find(u.authority, ']');
        closed = close < u.authority.len;
        u.host = slice_sub(u.authority, 1, close - 1);
        port = slice_after(u.authority, close + 1);
    } else {
        u.host = slice_sub(u.authority, 0, slice_find(u.authority, ':'));
        port = slice_after(u.authority, u.host.len);
    }
    uint64_t number = 80;
    bool good = closed && u.host.len > 0 && slice_find(u.authority, '@') == u.authority.len &&
                slice_find(rest, '?') == rest.len && slice_find(rest, '#') == rest.len;
    if (port.len > 0) {
        good = good && port.data[0] == ':' && slice_to_u64(slice_after(port, 1), &number) &&
               number > 0 && number <= UINT16_MAX;
    }
    if (!good) {
        return STATUS_INVALID;
    }
    u.port = (uint16_t)number;
    *ret_url = u;
    return STATUS_OK;
}

/* The length of the head with its empty line, 0 when it is not whole. */
static size_t head_length(struct slice in) {
    const uint8_t *end = in.len > 0 ? memmem(in.data, in.len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - in.data) + 4 : 0;
}

static bool read_status(struct slice line, uint16_t *ret_status) {
    uint64_t status = 0;
    bool good = line.len >= STATUS_LINE_BYTES_MIN &&
                slice_starts_with(line, SLICE_LIT("HTTP/1.")) && line.data[8] == ' ' &&
                slice_to_u64(slice_sub(line, 9, 3), &status) && status >= 100 && status < 600;
    *ret_status = (uint16_t)status;
    return good;
}

static bool read_field(struct client_head *h, struct slice line) {
    struct slice value = line;
    struct slice name = slice_split(&value, ':');
    if (name.len == line.len || name.len == 0) {
        return false;
    }
    value = slice_trim(value);
    if (slice_eq_nocase(name, SLICE_LIT("content-length"))) {
        bool again = h->has_length;
        h->has_length = true;
        return !again && slice_to_u64(value, &h->length);
    }
    if (slice_eq_nocase(name, SLICE_LIT("transfer-encoding"))) {
        h->chunked = slice_eq_nocase(value, SLICE_LIT("chunked"));
        return h->chunked;
    }
    return true;
}

enum status client_head_read(struct slice in, struct client_head *ret_head) {
    struct client_head h = {.head_bytes = head_length(in)};
    if (h.head_bytes == 0) {
        return in.len > HTTP_HEAD_BYTES_MAX ? STATUS_MALFORMED : STATUS_AGAIN;
    }
    struct slice head = slice_sub(in, 0, h.head_bytes - 4);
    bool good = true;
    for (bool first = true; head.len > 0 && good; first = false) {
        struct slice line = slice_split(&head, '\n');
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        good = first ? read_status(line, &h.status) : read_field(&h, line);
    }
    if (!good || h.status == 0 || (h.chunked && h.has_length)) {
        return STATUS_MALFORMED;
    }
    *ret_head = h;
    return STATUS_OK;
}
