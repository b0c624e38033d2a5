#include "query.h"

void query_split(struct slice target, struct slice *ret_path, struct slice *ret_query) {
    size_t mark = slice_find(target, '?');
    *ret_path = slice_sub(target, 0, mark);
    *ret_query = slice_after(target, mark + 1);
}

static int hex_value(uint8_t b) {
    if (b >= '0' && b <= '9') {
        return b - '0';
    }
    uint8_t low = b | 0x20;
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static bool is_plain(struct slice text, bool plus_is_space) {
    return slice_find(text, '%') == text.len &&
           (!plus_is_space || slice_find(text, '+') == text.len);
}

enum status percent_decode(struct slice text, bool plus_is_space, struct arena *arena,
                           struct slice *ret_text) {
    if (is_plain(text, plus_is_space)) {
        *ret_text = text;
        return STATUS_OK;
    }
    uint8_t *decoded = arena_alloc(arena, text.len);
    if (!decoded) {
        return STATUS_NO_MEMORY;
    }
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.data[i];
        if (b == '%') {
            int high = text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
            int low = text.len - i > 2 ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return STATUS_MALFORMED;
            }
            b = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (b == '+' && plus_is_space) {
            b = ' ';
        }
        decoded[len++] = b;
    }
    *ret_text = slice_of(decoded, len);
    return STATUS_OK;
}

void query_reader_init(struct query_reader *r, struct slice query, struct arena *arena) {
    *r = (struct query_reader){.rest = query, .arena = arena};
}

/* The next pair that is not empty, still escaped. */
static bool next_raw(struct query_reader *r, struct query_pair *ret_raw) {
    while (r->rest.len > 0) {
        struct slice value = slice_split(&r->rest, '&');
        if (value.len > 0) {
            struct slice name = slice_split(&value, '=');
            *ret_raw = (struct query_pair){.name = name, .value = value};
            return true;
        }
    }
    return false;
}

enum status query_next(struct query_reader *r, struct query_pair *ret_pair) {
    struct query_pair raw, pair;
    if (!next_raw(r, &raw)) {
        return STATUS_NOT_FOUND;
    }
    enum status s = percent_decode(raw.name, true, r->arena, &pair.name);
    if (s == STATUS_OK) {
        s = percent_decode(raw.value, true, r->arena, &pair.value);
    }
    if (s == STATUS_OK) {
        *ret_pair = pair;
    }
    return s;
}

enum status query_find(struct slice query, const char *name, struct arena *arena,
                       struct slice *ret_value) {
    struct query_reader r;
    query_reader_init(&r, query, arena);
    struct query_pair raw;
    while (next_raw(&r, &raw)) {
        struct slice decoded;
        enum status s = percent_decode(raw.name, true, arena, &decoded);
        if (s != STATUS_OK) {
            return s;
        }
        if (slice_eq_cstr(decoded, name)) {
            return percent_decode(raw.value, true, arena, ret_value);
        }
    }
    return STATUS_NOT_FOUND;
}

enum status query_find_text(struct slice query, const char *name, struct arena *arena,
                            struct slice *ret_value) {
    struct slice value;
    enum status s = query_find(query, name, arena, &value);
    if (s != STATUS_OK) {
        return s;
    }
    if (!slice_is_text(value)) {
        return STATUS_MALFORMED;
    }
    *ret_value = value;
    return STATUS_OK;
}
