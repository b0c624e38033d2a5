/* google.protobuf.Timestamp as text: RFC 3339, from year 1 to year 9999. */
#include <string.h>

#include "cursor.h"
#include "proto_priv.h"

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };
#define SECONDS_MIN INT64_C(-62135596800)
#define SECONDS_MAX INT64_C(253402300799)

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is
 * the last of its year. */
static int64_t days_of(uint32_t year, uint32_t month, uint32_t day) {
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void date_of(int64_t days, uint32_t *year, uint32_t *month, uint32_t *day) {
    int64_t shifted = days + DAYS_TO_EPOCH;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t doe = shifted - era * DAYS_PER_ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t shifted_month = (5 * doy + 2) / 153;
    *day = (uint32_t)(doy - (153 * shifted_month + 2) / 5 + 1);
    *month = (uint32_t)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = (uint32_t)(yoe + era * 400 + (*month <= 2));
}

static uint32_t days_in_month(uint32_t year, uint32_t month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static uint32_t read_digits(struct cursor *c, size_t count) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t digit = cursor_u8(c);
        if (digit < '0' || digit > '9') {
            c->failed = true;
            return 0;
        }
        value = value * 10 + (uint32_t)(digit - '0');
    }
    return value;
}

static void read_literal(struct cursor *c, uint8_t wanted) {
    c->failed = cursor_u8(c) != wanted || c->failed;
}

static bool next_is(const struct cursor *c, uint8_t byte) {
    return !c->failed && c->at < c->end && *c->at == byte;
}

static bool next_is_digit(const struct cursor *c) {
    return !c->failed && c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

/* One to nine digits behind the point. */
static int32_t read_fraction(struct cursor *c) {
    if (!next_is(c, '.')) {
        return 0;
    }
    cursor_skip(c, 1);
    int32_t nanos = 0, unit = 100000000;
    c->failed = c->failed || !next_is_digit(c);
    while (next_is_digit(c)) {
        nanos += (int32_t)read_digits(c, 1) * unit;
        c->failed = c->failed || unit == 0;
        unit /= 10;
    }
    return nanos;
}

static int64_t read_offset_seconds(struct cursor *c) {
    uint8_t sign = cursor_u8(c);
    if (sign == 'Z') {
        return 0;
    }
    uint32_t hours = read_digits(c, 2);
    read_literal(c, ':');
    uint32_t minutes = read_digits(c, 2);
    c->failed = c->failed || (sign != '+' && sign != '-') || hours > 23 || minutes > 59;
    int64_t seconds = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    return sign == '-' ? -seconds : seconds;
}

bool proto_timestamp_read(struct slice text, int64_t *ret_seconds, int32_t *ret_nanos) {
    struct cursor c = cursor_over(text);
    uint32_t year = read_digits(&c, 4);
    read_literal(&c, '-');
    uint32_t month = read_digits(&c, 2);
    read_literal(&c, '-');
    uint32_t day = read_digits(&c, 2);
    read_literal(&c, 'T');
    uint32_t hour = read_digits(&c, 2);
    read_literal(&c, ':');
    uint32_t minute = read_digits(&c, 2);
    read_literal(&c, ':');
    uint32_t second = read_digits(&c, 2);
    int32_t nanos = read_fraction(&c);
    int64_t offset = read_offset_seconds(&c);
    if (c.failed || cursor_left(&c) > 0 || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    int64_t seconds = days_of(year, month, day) * SECONDS_PER_DAY + (int64_t)hour * 3600 +
                      (int64_t)minute * 60 + second - offset;
    if (seconds < SECONDS_MIN || seconds > SECONDS_MAX) {
        return false;
    }
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}

static char *put_digits(char *at, uint32_t value, size_t count) {
    for (size_t i = count; i > 0; i--) {
        at[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + count;
}

size_t proto_timestamp_write(int64_t seconds, int32_t nanos, char out[TIMESTAMP_TEXT_BYTES]) {
    if (seconds < SECONDS_MIN || seconds > SECONDS_MAX || nanos < 0 || nanos > 999999999) {
        return 0;
    }
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t rest = seconds % SECONDS_PER_DAY;
    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }
    uint32_t year, month, day, clock = (uint32_t)rest;
    date_of(days, &year, &month, &day);
    char *at = put_digits(out, year, 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, clock / 3600, 2);
    *at++ = ':';
    at = put_digits(at, clock / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, clock % 60, 2);
    if (nanos > 0) { /* 3, 6 or 9 digits, whichever is exact */
        *at++ = '.';
        size_t digits = nanos % 1000000 == 0 ? 3 : nanos % 1000 == 0 ? 6 : 9;
        at = put_digits(at,
                        (uint32_t)nanos / (digits == 3   ? 1000000
                                           : digits == 6 ? 1000
                                                         : 1),
                        digits);
    }
    *at++ = 'Z';
    return (size_t)(at - out);
}
