/* json.h: a pull tokenizer over a slice and a writer into a buf (RFC 8259).
 * Owns: nothing. Strings that need no unescaping are views into the input; others go to the arena.
 * Never: accepts NUL (also as \u0000), invalid UTF-8, lone surrogates, depth over JSON_DEPTH_MAX.
 *   Duplicate keys of one object are for the caller to refuse, who knows which are the same field
 *   (a bit for each field; for maps json_keys_unique).
 * Invariant: after the first error every call returns JSON_ERROR; arena->failed tells whether it
 *   was for want of memory.
 * Callers: claims (tokens), proto (requests), tests. */
#pragma once

#include "arena.h"
#include "buf.h"
#include "caps.h"

enum json_type {
    JSON_ERROR,
    JSON_END, /* of the document; bytes behind the first value: see json_at_end */
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY, /* text = unescaped key */
    JSON_STRING,
    JSON_NUMBER, /* text = the literal, checked against the grammar */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_token {
    enum json_type type;
    struct slice text;
};

struct json_reader {
    const uint8_t *at, *end;
    struct arena *arena; /* borrowed: unescaped strings; NULL: they are checked, text is empty */
    uint8_t stack[JSON_DEPTH_MAX]; /* '{' or '[' per level */
    uint32_t depth;
    uint8_t expect; /* private */
    bool failed;
};

void json_reader_init(struct json_reader *r, struct slice text, struct arena *arena);
struct json_token json_next(struct json_reader *r);
/* Skips the value that comes next (after a key or inside an array). */
must_check bool json_skip_value(struct json_reader *r);
/* Having read `first` of a value, skips what is left of it. */
must_check bool json_skip_rest(struct json_reader *r, struct json_token first);
/* After JSON_END: true when only blanks follow the document. */
bool json_at_end(const struct json_reader *r);
/* True when no two are equal. Sorts them. O(n log n), whatever an outsider sends. */
bool json_keys_unique(struct slice *keys, size_t count);
/* JSON number literals, or the text of a JSON string that holds one. "1.0" and "1e2" count when
 * integral; false when out of range or fractional. Doubles: at most JSON_DOUBLE_CHARS_MAX long. */
enum { JSON_DOUBLE_CHARS_MAX = 511 };
must_check bool json_to_i64(struct slice text, int64_t *ret_value);
must_check bool json_to_u64(struct slice text, uint64_t *ret_value);
must_check bool json_to_double(struct slice text, double *ret_value);

/* Writer: the caller puts structure; these put values. Go's escaping: also < > & U+2028 U+2029;
 * bytes that are no UTF-8 become U+FFFD. */
void json_put_string(struct buf *out, struct slice text);
/* Go's %v of a float64/float32 in JSON; NaN and infinities as strings. */
void json_put_double(struct buf *out, double value, bool is_float32);
