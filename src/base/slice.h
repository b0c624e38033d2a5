/* slice.h: a borrowed run of bytes, and an owned one.
 * Owns: struct bytes owns its memory; struct slice never does.
 * Never: relies on a terminating NUL. Outside strings live here (design: slices with a length).
 * Invariant: len 0 may come with data NULL.
 * Callers: everybody. */
#pragma once

#include <string.h>

#include "base.h"

struct slice {
    const uint8_t *data;
    size_t len;
};

/* Owned copy; freed by bytes_deinit. Zeroed is valid and empty. */
struct bytes {
    uint8_t *data;
    size_t len;
};

#define SLICE_LIT(s) ((struct slice){(const uint8_t *)("" s), sizeof(s) - 1})
/* For "%.*s" only with text already known to be printable. */
#define SLICE_ARG(s) (int)(s).len, (const char *)(s).data

static inline struct slice slice_of(const void *data, size_t len) {
    return (struct slice){(const uint8_t *)data, len};
}
/* Here, so that the length of a literal is known when it is compiled. */
static inline struct slice slice_from_cstr(const char *s) {
    assert(s);
    return slice_of(s, strlen(s));
}
static inline struct slice bytes_slice(const struct bytes *b) {
    return (struct slice){b->data, b->len};
}

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool slice_eq_cstr(struct slice a, const char *b) {
    return slice_eq(a, slice_from_cstr(b));
}
bool slice_bytes_eq_nocase(const uint8_t *a, const uint8_t *b, size_t len);
static inline bool slice_eq_nocase(struct slice a, struct slice b) { /* ASCII only */
    enum { CASE_BIT = 'a' - 'A' };
    /* Length and first letter settle nearly all without a call. */
    return a.len == b.len && (a.len == 0 || ((a.data[0] ^ b.data[0]) & ~CASE_BIT) == 0) &&
           slice_bytes_eq_nocase(a.data, b.data, a.len);
}
bool slice_starts_with(struct slice s, struct slice prefix);
int slice_compare(struct slice a, struct slice b); /* bytewise, shorter first on a tie */
/* Index of the first such byte, or s.len. */
size_t slice_find(struct slice s, uint8_t byte);
/* Sub-slices are clipped to s; they never point outside it. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len) {
    from = MIN(from, s.len);
    len = MIN(len, s.len - from);
    /* Adding 0 to NULL is undefined in C, hence the test. */
    return slice_of(from == 0 ? s.data : s.data + from, len);
}
static inline struct slice slice_after(struct slice s, size_t n) {
    return slice_sub(s, n, s.len);
}
/* Splits at the first `sep`: returns what stands before it and moves *rest behind it.
 * Without sep, returns all and empties *rest. */
struct slice slice_split(struct slice *rest, uint8_t sep);
struct slice slice_trim(struct slice s); /* spaces and tabs at both ends */
/* Decimal digits only, no sign, no overflow. */
must_check bool slice_to_u64(struct slice s, uint64_t *ret_value);

/* True when s is valid UTF-8 without NUL (no surrogates, no overlong forms; RFC 3629). */
bool slice_is_text(struct slice s);

must_check enum status bytes_copy(struct slice from, struct bytes *ret_bytes);
/* Replaces *b by a copy of `from`; on failure *b keeps its old value. */
must_check enum status bytes_assign(struct bytes *b, struct slice from);
void bytes_deinit(struct bytes *b);
