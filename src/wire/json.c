#include "json.h"

#include <string.h>

#include "json_priv.h"
#include "word.h"

/* What may stand next; values of json_reader.expect. */
enum expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* just behind '[' */
    EXPECT_KEY,          /* behind a comma */
    EXPECT_KEY_OR_END,   /* just behind '{' */
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING, /* the document is read */
};

static const uint8_t *skip_blanks(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
        at++;
    }
    return at;
}

void json_reader_init(struct json_reader *r, struct slice text, struct arena *arena) {
    *r = (struct json_reader){.arena = arena, .expect = EXPECT_VALUE};
    if (text.len > 0) {
        r->at = text.data;
        r->end = text.data + text.len;
    }
}

static struct json_token fail(struct json_reader *r) {
    r->failed = true;
    return (struct json_token){.type = JSON_ERROR};
}

static struct json_token token(enum json_type type) {
    return (struct json_token){.type = type};
}

/* A value is complete: what may follow depends on what it stands in. */
static void value_done(struct json_reader *r) {
    r->expect = r->depth > 0 ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static bool hex4(const uint8_t *at, const uint8_t *end, uint32_t *ret_value) {
    if (end - at < 4) {
        return false;
    }
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t b = at[i], low = b | 0x20;
        if (b >= '0' && b <= '9') {
            v = v << 4 | (uint32_t)(b - '0');
        } else if (low >= 'a' && low <= 'f') {
            v = v << 4 | (uint32_t)(low - 'a' + 10);
        } else {
            return false;
        }
    }
    *ret_value = v;
    return true;
}

static size_t utf8_encode(uint32_t c, uint8_t out[4]) {
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* Behind "\u": four digits, or a surrogate pair. Not U+0000, not half of a pair. */
static const uint8_t *read_unicode_escape(const uint8_t *at, const uint8_t *end, uint32_t *ret_c) {
    uint32_t c, low;
    if (!hex4(at, end, &c) || c == 0 || (c >= 0xdc00 && c <= 0xdfff)) {
        return NULL;
    }
    at += 4;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (end - at < 6 || at[0] != '\\' || at[1] != 'u' || !hex4(at + 2, end, &low) ||
            low < 0xdc00 || low > 0xdfff) {
            return NULL;
        }
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    *ret_c = c;
    return at;
}

/* One escape behind its backslash: its character, and where it ends; NULL when it is none. */
static const uint8_t *read_escape(const uint8_t *at, const uint8_t *end, uint32_t *ret_c) {
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (at == end) {
        return NULL;
    }
    if (*at == 'u') {
        return read_unicode_escape(at + 1, end, ret_c);
    }
    const char *letter = *at != '\0' ? strchr(letters, *at) : NULL;
    if (!letter) {
        return NULL;
    }
    *ret_c = (uint8_t)meant[letter - letters];
    return at + 1;
}

/* Writes the text of `raw` to `out` (no longer than raw), or only checks it when out is NULL. */
static bool unescape(struct slice raw, uint8_t *out, size_t *ret_len) {
    const uint8_t *at = raw.data, *end = raw.data + raw.len;
    size_t len = 0;
    while (at < end) {
        uint8_t bytes[4];
        size_t n = 1;
        if (*at == '\\') {
            uint32_t c;
            at = read_escape(at + 1, end, &c);
            if (!at) {
                return false;
            }
            n = utf8_encode(c, bytes);
        } else {
            bytes[0] = *at++;
        }
        if (out) {
            memcpy(out + len, bytes, n);
        }
        len += n;
    }
    *ret_len = len;
    return true;
}

/* What a byte is to a string; nearly all are plain. */
enum byte_kind { BYTE_PLAIN, BYTE_MARKED, BYTE_CONTROL };
static const uint8_t byte_kinds[256] = {
    [0 ... 0x1f] = BYTE_CONTROL,
    ['"'] = BYTE_MARKED,
    ['\\'] = BYTE_MARKED,
    [0x80 ... 0xff] = BYTE_MARKED,
};

/* The first byte that is not plain, or the end. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end) {
    while (end - at >= (ptrdiff_t)sizeof(uint64_t)) {
        size_t plain = word_plain(at, 0x20, '"', '\\', '"');
        at += plain;
        if (plain < sizeof(uint64_t)) {
            return at;
        }
    }
    while (at < end && byte_kinds[*at] == BYTE_PLAIN) {
        at++;
    }
    return at;
}

/* The bytes up to the closing quote. */
static bool find_quote(const struct json_reader *r, struct slice *ret_raw, bool *ret_escaped) {
    bool ascii = true, escaped = false;
    const uint8_t *at = skip_plain(r->at, r->end);
    for (; at < r->end && *at != '"'; at = skip_plain(at + 1, r->end)) {
        if (byte_kinds[*at] == BYTE_CONTROL) {
            return false;
        }
        if (*at == '\\') {
            escaped = true;
            at++; /* whatever is escaped, a quote does not end the string here */
            if (at == r->end) {
                return false;
            }
        }
        ascii = ascii && *at < 0x80;
    }
    struct slice raw = slice_of(r->at, (size_t)(at - r->at));
    if (at == r->end || (!ascii && !slice_is_text(raw))) {
        return false;
    }
    *ret_raw = raw;
    *ret_escaped = escaped;
    return true;
}

/* The string that begins behind the quote at r->at - 1; moves behind its closing quote. */
static bool read_string(struct json_reader *r, struct slice *ret_text) {
    struct slice raw;
    bool escaped;
    if (!find_quote(r, &raw, &escaped)) {
        return false;
    }
    r->at += raw.len + 1;
    if (!escaped) {
        *ret_text = raw;
        return true;
    }
    uint8_t *text = r->arena ? arena_alloc(r->arena, raw.len) : NULL;
    if (r->arena && !text) {
        return false;
    }
    size_t len;
    if (!unescape(raw, text, &len)) {
        return false;
    }
    *ret_text = slice_of(text, text ? len : 0);
    return true;
}

static struct json_token open_container(struct json_reader *r, uint8_t bracket) {
    if (r->depth == JSON_DEPTH_MAX) {
        return fail(r);
    }
    r->at++;
    r->stack[r->depth++] = bracket;
    r->expect = bracket == '{' ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return token(bracket == '{' ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN);
}

static struct json_token close_container(struct json_reader *r) {
    assert(r->depth > 0);
    uint8_t bracket = r->stack[r->depth - 1];
    if (*r->at != (bracket == '{' ? '}' : ']')) {
        return fail(r);
    }
    r->at++;
    r->depth--;
    value_done(r);
    return token(bracket == '{' ? JSON_OBJECT_END : JSON_ARRAY_END);
}

static struct json_token read_key(struct json_reader *r) {
    struct json_token t = token(JSON_KEY);
    if (*r->at++ != '"' || !read_string(r, &t.text)) {
        return fail(r);
    }
    r->at = skip_blanks(r->at, r->end);
    if (r->at == r->end || *r->at != ':') {
        return fail(r);
    }
    r->at = skip_blanks(r->at + 1, r->end);
    r->expect = EXPECT_VALUE;
    return t;
}

static struct json_token read_word(struct json_reader *r, struct slice word, enum json_type type) {
    if (!slice_starts_with(slice_of(r->at, (size_t)(r->end - r->at)), word)) {
        return fail(r);
    }
    r->at += word.len;
    value_done(r);
    return token(type);
}

static struct json_token read_value(struct json_reader *r) {
    struct json_token t;
    switch (*r->at) {
    case '{':
    case '[': return open_container(r, *r->at);
    case 't': return read_word(r, SLICE_LIT("true"), JSON_TRUE);
    case 'f': return read_word(r, SLICE_LIT("false"), JSON_FALSE);
    case 'n': return read_word(r, SLICE_LIT("null"), JSON_NULL);
    case '"':
        t = token(JSON_STRING);
        r->at++;
        if (!read_string(r, &t.text)) {
            return fail(r);
        }
        value_done(r);
        return t;
    default: break;
    }
    struct json_number number;
    if (!json_number_read(slice_of(r->at, (size_t)(r->end - r->at)), &number)) {
        return fail(r);
    }
    t = (struct json_token){JSON_NUMBER, slice_of(r->at, number.len)};
    r->at += number.len;
    value_done(r);
    return t;
}

struct json_token json_next(struct json_reader *r) {
    if (r->failed) {
        return token(JSON_ERROR);
    }
    if (r->expect == EXPECT_NOTHING) {
        return token(JSON_END);
    }
    r->at = skip_blanks(r->at, r->end);
    if (r->expect == EXPECT_COMMA_OR_END && r->at < r->end && *r->at == ',') {
        r->at = skip_blanks(r->at + 1, r->end);
        r->expect = r->stack[r->depth - 1] == '{' ? EXPECT_KEY : EXPECT_VALUE;
    }
    if (r->at == r->end) {
        return fail(r);
    }
    bool closes = *r->at == '}' || *r->at == ']';
    switch ((enum expect)r->expect) {
    case EXPECT_VALUE_OR_END: return closes ? close_container(r) : read_value(r);
    case EXPECT_KEY_OR_END: return closes ? close_container(r) : read_key(r);
    case EXPECT_COMMA_OR_END: return closes ? close_container(r) : fail(r);
    case EXPECT_KEY: return read_key(r);
    case EXPECT_VALUE: return read_value(r);
    case EXPECT_NOTHING: break;
    }
    return fail(r);
}

bool json_skip_rest(struct json_reader *r, struct json_token first) {
    switch (first.type) {
    case JSON_STRING:
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL: return true;
    case JSON_OBJECT_BEGIN:
    case JSON_ARRAY_BEGIN: break;
    default: return false;
    }
    struct arena *arena = r->arena;
    uint32_t outside = r->depth - 1;
    r->arena = NULL; /* nobody reads these strings: check them, keep nothing */
    while (!r->failed && r->depth > outside) {
        (void)json_next(r);
    }
    r->arena = arena;
    return !r->failed;
}

bool json_skip_value(struct json_reader *r) {
    struct arena *arena = r->arena;
    r->arena = NULL;
    struct json_token first = json_next(r);
    r->arena = arena;
    return json_skip_rest(r, first);
}

bool json_at_end(const struct json_reader *r) {
    return !r->failed && r->expect == EXPECT_NOTHING && skip_blanks(r->at, r->end) == r->end;
}
