#include "http_priv.h"

enum { SIZE_DIGITS_MAX = 16 };

void http_chunked_init(struct http_chunked *d, uint64_t body_bytes_max) {
    *d = (struct http_chunked){.phase = CHUNK_SIZE, .body_bytes_max = body_bytes_max};
}

static bool hex_digit(uint8_t b, uint8_t *ret_value) {
    if (b >= '0' && b <= '9') {
        *ret_value = (uint8_t)(b - '0');
        return true;
    }
    uint8_t low = b | 0x20;
    if (low >= 'a' && low <= 'f') {
        *ret_value = (uint8_t)(low - 'a' + 10);
        return true;
    }
    return false;
}

/* A whole line, or a refusal once it is longer than anybody needs. */
static enum http_result take_line(struct slice in, size_t *at, struct slice *ret_line,
                                  struct http_error *ret_error) {
    struct slice view = slice_sub(in, 0, *at + HTTP_CHUNK_LINE_BYTES_MAX);
    enum http_result got = http_line_next(view, at, ret_line, ret_error);
    if (got == HTTP_MORE && view.len - *at == HTTP_CHUNK_LINE_BYTES_MAX) {
        return http_refuse(ret_error, 400, "chunk line too long");
    }
    return got;
}

static enum http_result count_extra(struct http_chunked *d, size_t bytes,
                                    struct http_error *ret_error) {
    if (bytes > HTTP_CHUNK_EXTRA_BYTES_MAX - d->extra_bytes) {
        return http_refuse(ret_error, 400, "too many chunk extensions or trailers");
    }
    d->extra_bytes += (uint32_t)bytes;
    return HTTP_OK;
}

static enum http_result read_size(struct http_chunked *d, struct slice line,
                                  struct http_error *ret_error) {
    uint64_t size = 0;
    size_t digits = 0;
    uint8_t digit;
    while (digits < line.len && hex_digit(line.data[digits], &digit)) {
        if (++digits > SIZE_DIGITS_MAX) {
            return http_refuse(ret_error, 400, "bad chunk size");
        }
        size = size << 4 | digit;
    }
    struct slice extension = slice_after(line, digits);
    if (digits == 0 || (extension.len > 0 && extension.data[0] != ';')) {
        return http_refuse(ret_error, 400, "bad chunk size");
    }
    for (size_t i = 0; i < extension.len; i++) {
        if (!http_is_value_byte(extension.data[i])) {
            return http_refuse(ret_error, 400, "control byte in chunk extension");
        }
    }
    if (size > d->body_bytes_max - d->body_bytes) {
        return http_refuse(ret_error, 413, "request body too large");
    }
    d->body_bytes += size;
    d->chunk_left = size;
    d->phase = size > 0 ? CHUNK_BODY : CHUNK_TRAILER;
    return count_extra(d, extension.len, ret_error);
}

static enum http_result read_body_end(struct http_chunked *d, struct slice in, size_t *at,
                                      struct http_error *ret_error) {
    struct slice left = slice_sub(in, *at, 2);
    if (!slice_starts_with(SLICE_LIT("\r\n"), left)) {
        return http_refuse(ret_error, 400, "chunk does not end in CRLF");
    }
    if (left.len < 2) {
        return HTTP_MORE;
    }
    *at += 2;
    d->phase = CHUNK_SIZE;
    return HTTP_OK;
}

static enum http_result read_trailer(struct http_chunked *d, struct slice line,
                                     struct http_error *ret_error) {
    if (line.len == 0) {
        d->phase = CHUNK_DONE;
        return HTTP_OK;
    }
    struct http_header dropped;
    enum http_result got = http_header_read(line, &dropped, ret_error);
    return got == HTTP_OK ? count_extra(d, line.len, ret_error) : got;
}

/* Size lines, line ends and trailers at *at, until body bytes or the end come. */
static enum http_result read_framing(struct http_chunked *d, struct slice in, size_t *at,
                                     struct http_error *ret_error) {
    enum http_result got = HTTP_OK;
    while (got == HTTP_OK && d->phase != CHUNK_BODY && d->phase != CHUNK_DONE) {
        if (d->phase == CHUNK_BODY_END) {
            got = read_body_end(d, in, at, ret_error);
            continue;
        }
        struct slice line;
        got = take_line(in, at, &line, ret_error);
        if (got == HTTP_OK) {
            got = d->phase == CHUNK_SIZE ? read_size(d, line, ret_error)
                                         : read_trailer(d, line, ret_error);
        }
    }
    return got;
}

enum http_result http_chunked_next(struct http_chunked *d, struct slice in, struct slice *ret_data,
                                   size_t *ret_used, struct http_error *ret_error) {
    size_t at = 0;
    enum http_result got = read_framing(d, in, &at, ret_error);
    if (got == HTTP_BAD) {
        return got;
    }
    struct slice data = slice_sub(in, at, 0);
    if (d->phase == CHUNK_BODY) {
        size_t left = in.len - at;
        data = slice_sub(in, at, d->chunk_left < left ? (size_t)d->chunk_left : left);
        d->chunk_left -= data.len;
        if (d->chunk_left == 0) {
            d->phase = CHUNK_BODY_END;
        }
    }
    *ret_data = data;
    *ret_used = at + data.len;
    return d->phase == CHUNK_DONE ? HTTP_OK : HTTP_MORE;
}
