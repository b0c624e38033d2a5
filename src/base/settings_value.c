#include "settings.h"

static enum status invalid(const char *reason, const char **ret_reason) {
    *ret_reason = reason;
    return STATUS_INVALID;
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* Takes a sign away from the front: true for minus. */
static bool take_minus(struct slice *text) {
    bool minus = text->len > 0 && text->data[0] == '-';
    if (minus || (text->len > 0 && text->data[0] == '+')) {
        *text = slice_after(*text, 1);
    }
    return minus;
}

enum status setting_read_bool(struct slice text, bool *ret_value, const char **ret_reason) {
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"1", true},  {"0", false},
                 {"yes", true},  {"no", false},    {"on", true}, {"off", false},
                 {"y", true},    {"n", false},     {"t", true},  {"f", false}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_nocase(text, slice_from_cstr(words[i].word))) {
            *ret_value = words[i].value;
            return STATUS_OK;
        }
    }
    return invalid("must be true or false", ret_reason);
}

/* One decimal digit more; false when the number no longer fits. */
static bool push_digit(uint64_t *value, uint8_t digit) {
    return !__builtin_mul_overflow(*value, 10u, value) &&
           !__builtin_add_overflow(*value, (uint64_t)(digit - '0'), value);
}

enum status setting_read_int(struct slice text, bool *ret_negative, uint64_t *ret_value,
                             const char **ret_reason) {
    bool negative = take_minus(&text);
    uint64_t value = 0;
    bool good = text.len > 0;
    for (size_t i = 0; i < text.len && good; i++) {
        uint8_t c = text.data[i];
        if (c == '_') { /* between two digits */
            good = i > 0 && i + 1 < text.len && text.data[i - 1] != '_';
        } else {
            good = is_digit(c) && push_digit(&value, c);
        }
    }
    if (!good) {
        return invalid("must be a whole number", ret_reason);
    }
    *ret_negative = negative && value > 0;
    *ret_value = value;
    return STATUS_OK;
}

/* Skips digits and underscores between them; returns how many digits there were. */
static size_t skip_digits(struct slice *text) {
    size_t digits = 0, at = 0;
    while (at < text->len && (is_digit(text->data[at]) || (text->data[at] == '_' && digits > 0))) {
        digits += is_digit(text->data[at]);
        at++;
    }
    *text = slice_after(*text, at);
    return digits;
}

enum status setting_check_float(struct slice text, const char **ret_reason) {
    (void)take_minus(&text);
    size_t digits = skip_digits(&text);
    if (text.len > 0 && text.data[0] == '.') {
        text = slice_after(text, 1);
        digits += skip_digits(&text);
    }
    bool good = digits > 0;
    if (good && text.len > 0 && (text.data[0] == 'e' || text.data[0] == 'E')) {
        text = slice_after(text, 1);
        (void)take_minus(&text);
        good = skip_digits(&text) > 0;
    }
    return good && text.len == 0 ? STATUS_OK : invalid("must be a number", ret_reason);
}

/* Takes the unit away from the front; 0 when there is none that is known. */
static uint64_t take_unit_ns(struct slice *text) {
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {/* longer names first: "ms" is not "m" with an s behind it */
                 {"ns", 1},           {"us", 1000},    {"\xc2\xb5s", 1000}, /* both of Unicode's
                                                                               micro signs */
                 {"\xce\xbcs", 1000}, {"ms", 1000000}, {"s", 1000000000},   {"m", 60000000000},
                 {"h", 3600000000000}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct slice name = slice_from_cstr(units[i].name);
        if (slice_starts_with(*text, name)) {
            *text = slice_after(*text, name.len);
            return units[i].ns;
        }
    }
    return 0;
}

/* One "1.5h" of a duration: what it adds, or false. */
static bool take_part_ns(struct slice *text, uint64_t *ret_ns) {
    uint64_t whole = 0, fraction = 0, scale = 1;
    size_t digits = 0, at = 0;
    for (; at < text->len && is_digit(text->data[at]); at++, digits++) {
        if (!push_digit(&whole, text->data[at])) {
            return false;
        }
    }
    if (at < text->len && text->data[at] == '.') {
        for (at++; at < text->len && is_digit(text->data[at]); at++, digits++) {
            if (scale < 1000000000) { /* what is finer than that is cut off */
                fraction = fraction * 10 + (uint64_t)(text->data[at] - '0');
                scale *= 10;
            }
        }
    }
    *text = slice_after(*text, at);
    uint64_t unit = take_unit_ns(text), ns = 0;
    if (digits == 0 || unit == 0 || __builtin_mul_overflow(whole, unit, &ns)) {
        return false;
    }
    /* An hour is 3.6e12 ns and a fraction below 1e9: their product does not fit 64 bits. */
    uint64_t part = (uint64_t)((unsigned __int128)fraction * unit / scale);
    return !__builtin_add_overflow(ns, part, ret_ns);
}

enum status setting_read_duration(struct slice text, bool *ret_negative, uint64_t *ret_ns,
                                  const char **ret_reason) {
    bool negative = take_minus(&text);
    uint64_t sum = 0;
    if (slice_eq_cstr(text, "0")) {
        text = slice_after(text, 1);
    } else if (text.len == 0) {
        return invalid("must be a duration such as 500ms, 3s or 1m30s", ret_reason);
    }
    while (text.len > 0) {
        uint64_t part = 0;
        if (!take_part_ns(&text, &part) || __builtin_add_overflow(sum, part, &sum) ||
            sum > INT64_MAX) {
            return invalid("must be a duration such as 500ms, 3s or 1m30s", ret_reason);
        }
    }
    *ret_negative = negative && sum > 0;
    *ret_ns = sum;
    return STATUS_OK;
}
