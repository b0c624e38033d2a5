#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_priv.h"

/* The run of digits at the begin of *rest, which moves behind it. */
static struct slice take_digits(struct slice *rest) {
    size_t n = 0;
    while (n < rest->len && rest->data[n] >= '0' && rest->data[n] <= '9') {
        n++;
    }
    struct slice digits = slice_sub(*rest, 0, n);
    *rest = slice_after(*rest, n);
    return digits;
}

static bool take_byte(struct slice *rest, uint8_t byte) {
    if (rest->len == 0 || rest->data[0] != byte) {
        return false;
    }
    *rest = slice_after(*rest, 1);
    return true;
}

static bool read_exponent(struct slice *rest, int64_t *ret_exponent) {
    bool negative = take_byte(rest, '-');
    if (!negative) {
        (void)take_byte(rest, '+');
    }
    struct slice digits = take_digits(rest);
    int64_t v = 0;
    for (size_t i = 0; i < digits.len; i++) {
        v = MIN(v * 10 + (digits.data[i] - '0'), JSON_EXPONENT_MAX);
    }
    *ret_exponent = negative ? -v : v;
    return digits.len > 0;
}

bool json_number_read(struct slice text, struct json_number *ret_number) {
    struct slice rest = text;
    struct json_number n = {.negative = take_byte(&rest, '-')};
    n.whole = take_digits(&rest);
    if (n.whole.len == 0 || (n.whole.len > 1 && n.whole.data[0] == '0')) {
        return false;
    }
    if (take_byte(&rest, '.')) {
        n.fraction = take_digits(&rest);
        if (n.fraction.len == 0) {
            return false;
        }
    }
    if (take_byte(&rest, 'e') || take_byte(&rest, 'E')) {
        if (!read_exponent(&rest, &n.exponent)) {
            return false;
        }
    }
    n.len = text.len - rest.len;
    *ret_number = n;
    return true;
}

/* The number's size without its sign, when it is whole and fits; in integers all the way, since a
 * double would lose the low digits of an int64. */
static bool to_magnitude(const struct json_number *n, uint64_t *ret_value) {
    size_t digits = n->whole.len + n->fraction.len;
    int64_t places = (int64_t)n->whole.len + n->exponent; /* digits before the point */
    uint64_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        struct slice part = i < n->whole.len ? n->whole : n->fraction;
        uint8_t digit = (uint8_t)(part.data[i < n->whole.len ? i : i - n->whole.len] - '0');
        if ((int64_t)i >= places) {
            if (digit != 0) {
                return false; /* a fraction is left */
            }
        } else if (__builtin_mul_overflow(v, 10u, &v) ||
                   __builtin_add_overflow(v, (uint64_t)digit, &v)) {
            return false;
        }
    }
    for (int64_t i = (int64_t)digits; v > 0 && i < places; i++) {
        if (__builtin_mul_overflow(v, 10u, &v)) {
            return false;
        }
    }
    *ret_value = v;
    return true;
}

static bool read_magnitude(struct slice text, bool *ret_negative, uint64_t *ret_value) {
    struct json_number n;
    if (!json_number_read(text, &n) || n.len != text.len) {
        return false;
    }
    *ret_negative = n.negative;
    return to_magnitude(&n, ret_value);
}

bool json_to_i64(struct slice text, int64_t *ret_value) {
    bool negative;
    uint64_t v;
    if (!read_magnitude(text, &negative, &v) || v > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *ret_value = negative && v > 0 ? -(int64_t)(v - 1) - 1 : (int64_t)v;
    return true;
}

bool json_to_u64(struct slice text, uint64_t *ret_value) {
    bool negative;
    uint64_t v;
    if (!read_magnitude(text, &negative, &v) || (negative && v > 0)) {
        return false;
    }
    *ret_value = v;
    return true;
}

enum { EXACT_DIGITS = 15 }; /* as an integer and as a double the same: times, mostly */

bool json_to_double(struct slice text, double *ret_value) {
    struct json_number n;
    char copy[JSON_DOUBLE_CHARS_MAX + 1]; /* strtod wants a NUL behind it */
    if (text.len >= sizeof(copy) || !json_number_read(text, &n) || n.len != text.len) {
        return false;
    }
    uint64_t whole;
    if (n.fraction.len == 0 && n.exponent == 0 && n.whole.len <= EXACT_DIGITS &&
        slice_to_u64(n.whole, &whole)) {
        *ret_value = n.negative ? -(double)whole : (double)whole;
        return true;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    double v = strtod(copy, NULL);
    if (!isfinite(v)) {
        return false;
    }
    *ret_value = v;
    return true;
}

enum { DIGITS_MAX = 17, SCIENTIFIC_CHARS_MAX = 32 };

/* Writes the shortest digits that read back as the value, as d.ddde+xx. */
static void print_shortest(double value, bool is_float32, char out[SCIENTIFIC_CHARS_MAX]) {
    /* So many digits always survive the way there and back, except where precision thins out. */
    int digits = is_float32 ? FLT_DIG : DBL_DIG;
    if (fabs(value) < (is_float32 ? (double)FLT_MIN : DBL_MIN)) {
        digits = 1;
    }
    for (;; digits++) {
        assert(digits <= DIGITS_MAX); /* which name every double */
        (void)snprintf(out, SCIENTIFIC_CHARS_MAX, "%.*e", digits - 1, value);
        bool same = is_float32 ? strtof(out, NULL) == (float)value : strtod(out, NULL) == value;
        if (same) {
            return;
        }
    }
}

static void put_zeros(struct buf *out, int count) {
    for (int i = 0; i < count; i++) {
        buf_put_u8(out, '0');
    }
}

/* 0.000123, 123, 12300 or 1.23 from the digits of d.dd times ten to the exponent. */
static void put_fixed(struct buf *out, struct slice digits, int exponent) {
    int count = (int)digits.len;
    if (exponent < 0) {
        buf_put_cstr(out, "0.");
        put_zeros(out, -exponent - 1);
        buf_put(out, digits);
        return;
    }
    size_t whole = (size_t)MIN(count, exponent + 1);
    buf_put(out, slice_sub(digits, 0, whole));
    put_zeros(out, exponent + 1 - count);
    if (whole < digits.len) {
        buf_put_u8(out, '.');
        buf_put(out, slice_after(digits, whole));
    }
}

static void put_scientific(struct buf *out, struct slice digits, int exponent) {
    buf_put(out, slice_sub(digits, 0, 1));
    if (digits.len > 1) {
        buf_put_u8(out, '.');
        buf_put(out, slice_after(digits, 1));
    }
    buf_printf(out, "e%+d", exponent);
}

void json_put_double(struct buf *out, double value, bool is_float32) {
    value = is_float32 ? (double)(float)value : value;
    if (isnan(value)) {
        buf_put_cstr(out, "\"NaN\"");
        return;
    }
    if (isinf(value)) {
        buf_put_cstr(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[SCIENTIFIC_CHARS_MAX];
    print_shortest(fabs(value), is_float32, text);
    int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);

    uint8_t digits[DIGITS_MAX];
    size_t count = 0;
    for (const char *at = text; *at != 'e'; at++) {
        if (*at != '.') {
            digits[count++] = (uint8_t)*at;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    if (signbit(value)) {
        buf_put_u8(out, '-');
    }
    /* The borders are Go's. */
    bool zero = digits[0] == '0';
    if (!zero && (exponent < -6 || exponent >= 21)) {
        put_scientific(out, slice_of(digits, count), exponent);
    } else {
        put_fixed(out, slice_of(digits, count), exponent);
    }
}
