/* query.h: paths, queries and form bodies of URLs (WHATWG form encoding, RFC 3986 escapes).
 * Owns: nothing. Text without escapes is a view into the input; decoded text lies in the arena.
 * Never: accepts a broken escape, or (with the _text functions) NUL and bad UTF-8.
 * Invariant: decoded text is never longer than its source.
 * Callers: edge. */
#pragma once

#include "arena.h"

struct query_pair {
    struct slice name, value; /* decoded; "a" and "a=" both give an empty value */
};

struct query_reader {
    struct slice rest;   /* still escaped */
    struct arena *arena; /* borrowed */
};

/* Splits at the first '?'; without one the query is empty. */
void query_split(struct slice target, struct slice *ret_path, struct slice *ret_query);

/* MALFORMED for a '%' without two hex digits; NO_MEMORY when the arena is at its bound. */
must_check enum status percent_decode(struct slice text, bool plus_is_space, struct arena *arena,
                                      struct slice *ret_text);

void query_reader_init(struct query_reader *r, struct slice query, struct arena *arena);
/* The next pair, empty ones ("&&") skipped; NOT_FOUND at the end. Also for form bodies. */
must_check enum status query_next(struct query_reader *r, struct query_pair *ret_pair);

/* First parameter of that name, decoded; NOT_FOUND, MALFORMED, NO_MEMORY. Other parameters'
 * values are not looked at. */
must_check enum status query_find(struct slice query, const char *name, struct arena *arena,
                                  struct slice *ret_value);
/* The same, MALFORMED also when the value is not text (slice_is_text). */
must_check enum status query_find_text(struct slice query, const char *name, struct arena *arena,
                                       struct slice *ret_value);
