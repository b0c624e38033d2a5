#include "json_oracle.h"

#include <jansson.h>

static json_t *load(struct slice text, json_error_t *ret_error) {
    return json_loadb((const char *)text.data, text.len, JSON_DECODE_ANY, ret_error);
}

enum json_oracle json_oracle_ask(struct slice text) {
    json_error_t error;
    json_t *v = load(text, &error);
    if (!v) {
        bool overflow = json_error_code(&error) == json_error_numeric_overflow;
        return overflow ? ORACLE_OVERFLOWS : ORACLE_REFUSES;
    }
    json_decref(v);
    return ORACLE_ACCEPTS;
}

bool json_oracle_same(struct slice a, struct slice b) {
    json_error_t error;
    json_t *x = load(a, &error), *y = load(b, &error);
    bool same = x && y && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}
