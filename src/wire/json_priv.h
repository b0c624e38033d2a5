/* json_priv.h: the grammar of numbers, shared by reader and conversions.
 * Owns: nothing.
 * Never: used outside this folder.
 * Invariant: digits are '0' to '9'; whole has no needless zero in front.
 * Callers: json.c, json_number.c. */
#pragma once

#include "json.h"

struct json_number {
    bool negative;
    struct slice whole, fraction;
    int64_t exponent; /* held within +-JSON_EXPONENT_MAX */
    size_t len;       /* of the literal */
};

/* No input has so many digits, so a greater exponent changes no answer. */
#define JSON_EXPONENT_MAX ((int64_t)1 << 48)

/* The literal at the begin of `text` (RFC 8259 section 6). */
must_check bool json_number_read(struct slice text, struct json_number *ret_number);
