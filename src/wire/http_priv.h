/* http_priv.h: what the HTTP files share among themselves.
 * Owns: nothing.
 * Never: used outside this folder.
 * Invariant: a line is what stands before a CRLF, and holds neither CR nor LF itself.
 * Callers: http.c, http_chunked.c. */
#pragma once

#include "http.h"

/* Writes the error and gives HTTP_BAD, so that a refusal is one return statement. */
enum http_result http_refuse(struct http_error *ret_error, uint16_t status, const char *reason);

/* The line that begins at *at; moves *at behind its CRLF. HTTP_MORE when no LF is in `in`,
 * HTTP_BAD when a LF stands without CR. */
enum http_result http_line_next(struct slice in, size_t *at, struct slice *ret_line,
                                struct http_error *ret_error);

/* One "name: value" line. */
enum http_result http_header_read(struct slice line, struct http_header *ret_header,
                                  struct http_error *ret_error);

/* Bytes of a field value: visible, space, tab, or above ASCII. */
static inline bool http_is_value_byte(uint8_t b) {
    return (b >= 0x20 && b != 0x7f) || b == '\t';
}
