/* text.h: an owned text with a NUL behind it, so that messages can point straight at it.
 * Owns: its bytes.
 * Never: holds a NUL inside (checked where text comes in).
 * Invariant: data is NULL exactly when len is 0.
 * Callers: room, node. */
#pragma once

#include "slice.h"

struct text {
    char *data;
    size_t len;
};

must_check enum status text_copy(struct slice from, struct text *ret_text);
void text_deinit(struct text *t); /* zeroed: fine */
static inline struct slice text_slice(const struct text *t) {
    return slice_of(t->data, t->len);
}
/* For protobuf-c: never NULL; what points here is only read. */
char *text_cstr(const struct text *t);
