/* json.h: a pull tokenizer over a slice and a writer into a buf (RFC 8259).
 * Owns: nothing. Strings that need no unescaping are views into the input; others go to the arena.
 * Never: accepts NUL (also as \u0000), invalid UTF-8, lone surrogates, duplicate keys of one object
 *   (checked by the caller who knows the fields; see json_keys_seen), depth over JSON_DEPTH_MAX.
 * Invariant: after the first error every call returns JSON_ERROR.
 * Callers: claims (tokens), proto (requests), tests. */
#pragma once

#include "arena.h"
#include "buf.h"

enum json_type {
    JSON_ERROR,
    JSON_END, /* of the document; bytes behind the first value are not looked at */
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
    struct arena *arena; /* borrowed: unescaped strings */
    uint8_t stack[(100 + 7) / 8 * 8]; /* '{' or '[' per level */
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
/* JSON number literals, or the text of a JSON string that holds one. "1.0" and "1e2" count when
 * integral; false when out of range or fractional. */
must_check bool json_to_i64(struct slice text, int64_t *ret_value);
must_check bool json_to_u64(struct slice text, uint64_t *ret_value);
must_check bool json_to_double(struct slice text, double *ret_value);

/* Writer: the caller puts structure; these put values. Go's escaping: also < > & U+2028 U+2029. */
void json_put_string(struct buf *out, struct slice text);
/* Go's %v of a float64/float32 in JSON; NaN and infinities as strings. */
void json_put_double(struct buf *out, double value, bool is_float32);
