#include "base64.h"

enum { NOT_A_DIGIT = 64 };

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint32_t digit_value(uint8_t b, bool standard, bool url) {
    if (b >= 'A' && b <= 'Z') {
        return (uint32_t)(b - 'A');
    }
    if (b >= 'a' && b <= 'z') {
        return (uint32_t)(b - 'a' + 26);
    }
    if (b >= '0' && b <= '9') {
        return (uint32_t)(b - '0' + 52);
    }
    if ((standard && b == '+') || (url && b == '-')) {
        return 62;
    }
    if ((standard && b == '/') || (url && b == '_')) {
        return 63;
    }
    return NOT_A_DIGIT;
}

/* `digits` without padding; 4 digits are 3 bytes, and a rest of 2 or 3 is 1 or 2. */
static enum status decode(struct slice digits, bool standard, struct arena *arena,
                          struct slice *ret_bytes) {
    size_t rest = digits.len % 4;
    if (rest == 1) {
        return STATUS_MALFORMED;
    }
    size_t len = digits.len / 4 * 3 + (rest > 0 ? rest - 1 : 0);
    uint8_t *bytes = arena_alloc(arena, len > 0 ? len : 1);
    if (!bytes) {
        return STATUS_NO_MEMORY;
    }
    uint32_t bits = 0, count = 0;
    size_t at = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint32_t v = digit_value(digits.data[i], standard, true);
        if (v == NOT_A_DIGIT) {
            return STATUS_MALFORMED;
        }
        bits = bits << 6 | v;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[at++] = (uint8_t)(bits >> count);
        }
    }
    if ((bits & (BIT(count) - 1)) != 0) { /* one value, one text */
        return STATUS_MALFORMED;
    }
    assert(at == len);
    *ret_bytes = slice_of(bytes, len);
    return STATUS_OK;
}

enum status base64_decode_any(struct slice text, struct arena *arena, struct slice *ret_bytes) {
    size_t pads = 0;
    while (pads < 2 && pads < text.len && text.data[text.len - 1 - pads] == '=') {
        pads++;
    }
    if (pads > 0 && text.len % 4 != 0) {
        return STATUS_MALFORMED;
    }
    return decode(slice_sub(text, 0, text.len - pads), true, arena, ret_bytes);
}

enum status base64url_decode_strict(struct slice text, struct arena *arena,
                                    struct slice *ret_bytes) {
    return decode(text, false, arena, ret_bytes);
}

static void put(struct buf *out, struct slice bytes, const char *digits, bool padded) {
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t n = MIN(bytes.len - at, (size_t)3);
        uint32_t bits = (uint32_t)bytes.data[at] << 16;
        bits |= n > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        bits |= n > 2 ? bytes.data[at + 2] : 0;
        uint8_t text[4] = {'=', '=', '=', '='};
        for (size_t i = 0; i <= n; i++) {
            text[i] = (uint8_t)digits[bits >> (18 - 6 * i) & 63];
        }
        buf_put(out, slice_of(text, padded ? 4 : n + 1));
    }
}

void base64_put(struct buf *out, struct slice bytes) {
    put(out, bytes, standard_digits, true);
}

void base64url_put(struct buf *out, struct slice bytes) {
    put(out, bytes, url_digits, false);
}
