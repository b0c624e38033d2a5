#include "base64.h"

#include <string.h>

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each digit, marked as one; 0 for what is none. */
#define DIGIT_MARK 0x80u
#define DIGIT(byte, value) [byte] = DIGIT_MARK | (value)
#define DIGITS4(byte, value)                                                                       \
    DIGIT(byte, value), DIGIT((byte) + 1, (value) + 1), DIGIT((byte) + 2, (value) + 2),            \
        DIGIT((byte) + 3, (value) + 3)
#define DIGITS12(byte, value)                                                                      \
    DIGITS4(byte, value), DIGITS4((byte) + 4, (value) + 4), DIGITS4((byte) + 8, (value) + 8)
#define DIGITS26(byte, value)                                                                      \
    DIGITS12(byte, value), DIGITS12((byte) + 12, (value) + 12), DIGIT((byte) + 24, (value) + 24),  \
        DIGIT((byte) + 25, (value) + 25)
#define ALPHANUMERIC                                                                               \
    DIGITS26('A', 0), DIGITS26('a', 26), DIGITS4('0', 52), DIGITS4('4', 56), DIGIT('8', 60),       \
        DIGIT('9', 61)
static const uint8_t url_values[256] = {ALPHANUMERIC, DIGIT('-', 62), DIGIT('_', 63)};
static const uint8_t any_values[256] = {ALPHANUMERIC, DIGIT('-', 62), DIGIT('_', 63),
                                        DIGIT('+', 62), DIGIT('/', 63)};

/* Four digits to three bytes; false when one is none. */
static bool decode_four(const uint8_t *values, const uint8_t *digits, uint8_t *bytes) {
    uint32_t a = values[digits[0]], b = values[digits[1]], c = values[digits[2]];
    uint32_t d = values[digits[3]];
    static const uint32_t marks =
        (DIGIT_MARK << 18) + (DIGIT_MARK << 12) + (DIGIT_MARK << 6) + DIGIT_MARK;
    if ((a & b & c & d & DIGIT_MARK) == 0) {
        return false;
    }
    uint32_t bits = (a << 18) + (b << 12) + (c << 6) + d - marks;
    bytes[0] = (uint8_t)(bits >> 16);
    bytes[1] = (uint8_t)(bits >> 8);
    bytes[2] = (uint8_t)bits;
    return true;
}

/* The last two or three digits; what they leave over of their bits must be 0: one value, one
 * text. */
static bool decode_rest(const uint8_t *values, struct slice digits, uint8_t *bytes) {
    uint8_t padded[4] = {'A', 'A', 'A', 'A'}, out[3]; /* A is 0 */
    memcpy(padded, digits.data, digits.len);
    if (!decode_four(values, padded, out)) {
        return false;
    }
    memcpy(bytes, out, digits.len - 1);
    return out[2] == 0 && (digits.len == 3 || out[1] == 0);
}

/* `digits` without padding; 4 digits are 3 bytes, and a rest of 2 or 3 is 1 or 2. */
static enum status decode(struct slice digits, const uint8_t *values, struct arena *arena,
                          struct slice *ret_bytes) {
    size_t fours = digits.len / 4, rest = digits.len % 4;
    if (rest == 1) {
        return STATUS_MALFORMED;
    }
    size_t len = fours * 3 + (rest > 0 ? rest - 1 : 0);
    uint8_t *bytes = arena_alloc(arena, len > 0 ? len : 1);
    if (!bytes) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < fours; i++) {
        if (!decode_four(values, digits.data + 4 * i, bytes + 3 * i)) {
            return STATUS_MALFORMED;
        }
    }
    if (rest > 0 && !decode_rest(values, slice_after(digits, 4 * fours), bytes + 3 * fours)) {
        return STATUS_MALFORMED;
    }
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
    return decode(slice_sub(text, 0, text.len - pads), any_values, arena, ret_bytes);
}

enum status base64url_decode_strict(struct slice text, struct arena *arena,
                                    struct slice *ret_bytes) {
    return decode(text, url_values, arena, ret_bytes);
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
