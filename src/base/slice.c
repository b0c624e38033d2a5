#include "slice.h"
#include "mem.h"
#include "word.h"

enum { CASE_BIT = 'a' - 'A' }; /* what tells a capital from its small letter */

static bool is_letter(uint8_t c) {
    return (c | CASE_BIT) >= 'a' && (c | CASE_BIT) <= 'z';
}

bool slice_bytes_eq_nocase(const uint8_t *a, const uint8_t *b, size_t len) {
    if (len > 0 && memcmp(a, b, len) == 0) {
        return true; /* as nearly all write it */
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t differs = a[i] ^ b[i];
        if (differs != 0 && (differs != CASE_BIT || !is_letter(a[i]))) {
            return false;
        }
    }
    return true;
}

bool slice_starts_with(struct slice s, struct slice prefix) {
    return s.len >= prefix.len && slice_eq(slice_sub(s, 0, prefix.len), prefix);
}

int slice_compare(struct slice a, struct slice b) {
    size_t common = MIN(a.len, b.len);
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.len > b.len) - (a.len < b.len);
}

size_t slice_find(struct slice s, uint8_t byte) {
    const uint8_t *at = s.len == 0 ? NULL : memchr(s.data, byte, s.len);
    return at ? (size_t)(at - s.data) : s.len;
}

struct slice slice_split(struct slice *rest, uint8_t sep) {
    struct slice all = *rest;
    size_t at = slice_find(all, sep);
    *rest = slice_after(all, at == all.len ? at : at + 1);
    return slice_sub(all, 0, at);
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s) {
    size_t from = 0, end = s.len;
    while (from < end && is_blank(s.data[from])) {
        from++;
    }
    while (end > from && is_blank(s.data[end - 1])) {
        end--;
    }
    return slice_sub(s, from, end - from);
}

bool slice_to_u64(struct slice s, uint64_t *ret_value) {
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value)) {
            return false;
        }
    }
    if (s.len == 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* Length of the character that starts at p (RFC 3629, section 4), 0 when there is none. The first
 * byte fixes the range of the second, which is what shuts out overlong forms, surrogates and
 * everything above U+10FFFF. */
static size_t text_char_len(const uint8_t *p, size_t left) {
    uint8_t first = p[0], low = 0x80, high = 0xbf;
    size_t len;
    if (first >= 0x01 && first <= 0x7f) {
        return 1;
    } else if (first >= 0xc2 && first <= 0xdf) {
        len = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        len = 3;
        low = first == 0xe0 ? 0xa0 : low;
        high = first == 0xed ? 0x9f : high;
    } else if (first >= 0xf0 && first <= 0xf4) {
        len = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (left < len || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool slice_is_text(struct slice s) {
    size_t at = 0;
    while (at < s.len) {
        if (s.len - at >= sizeof(uint64_t)) {
            size_t plain = word_plain(s.data + at, 1, 0, 0, 0);
            at += plain;
            if (plain == sizeof(uint64_t)) {
                continue;
            }
        }
        size_t len = text_char_len(s.data + at, s.len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

enum status bytes_copy(struct slice from, struct bytes *ret_bytes) {
    if (from.len == 0) {
        *ret_bytes = (struct bytes){0};
        return STATUS_OK;
    }
    uint8_t *data = mem_alloc(from.len);
    if (!data) {
        return STATUS_NO_MEMORY;
    }
    memcpy(data, from.data, from.len);
    *ret_bytes = (struct bytes){.data = data, .len = from.len};
    return STATUS_OK;
}

enum status bytes_assign(struct bytes *b, struct slice from) {
    struct bytes copy;
    enum status s = bytes_copy(from, &copy);
    if (s != STATUS_OK) {
        return s;
    }
    bytes_deinit(b); /* after the copy: `from` may point into b */
    *b = copy;
    return STATUS_OK;
}

void bytes_deinit(struct bytes *b) {
    if (b) {
        mem_free(b->data);
        *b = (struct bytes){0};
    }
}
