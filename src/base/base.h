/* base.h: the words every other file uses.
 * Owns: nothing. Macros, attributes and the one status enum.
 * Never: includes anything above floor 0.
 * Invariant: an out parameter (ret_*) is untouched unless STATUS_OK is returned.
 * Callers: everybody. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check __attribute__((warn_unused_result))
#define _cleanup_(f) __attribute__((cleanup(f)))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))

/* Hands a pointer over: the local becomes NULL, so that its cleanup does nothing. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n) (1u << (n))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A void pointer becomes a type again only through this: not NULL, and the right magic.
 * The struct's first checked field is `uint32_t magic`. */
#define OBJ_CAST(type, ptr, magic_value)                                                           \
    ({                                                                                             \
        type *obj_ = (type *)(ptr);                                                                \
        assert(obj_ && obj_->magic == (magic_value));                                              \
        obj_;                                                                                      \
    })

#define STATUSES(S)                                                                                \
    S(OK, 0, "ok")                                                                                 \
    S(NO_MEMORY, -1, "out of memory")                                                              \
    S(INVALID, -2, "invalid argument")                                                             \
    S(MALFORMED, -3, "malformed input")                                                            \
    S(NOT_FOUND, -4, "not found")                                                                  \
    S(EXISTS, -5, "already exists")                                                                \
    S(DENIED, -6, "not allowed")                                                                   \
    S(UNAUTHENTICATED, -7, "not authenticated")                                                    \
    S(EXHAUSTED, -8, "a limit is reached")                                                         \
    S(UNAVAILABLE, -9, "unavailable for now")                                                      \
    S(UNIMPLEMENTED, -10, "not implemented")                                                       \
    S(TIMEOUT, -11, "timed out")                                                                   \
    S(CLOSED, -12, "closed")                                                                       \
    S(AGAIN, -13, "would block")                                                                   \
    S(IO, -14, "input or output failed")                                                           \
    S(TOO_LARGE, -15, "too large")                                                                 \
    S(STALE, -16, "reference is stale")                                                            \
    S(PRECONDITION, -17, "precondition failed")                                                    \
    S(INTERNAL, -18, "internal error")                                                             \
    S(BAD_EVENT, -19, "event not understood")                                                      \
    S(EXPIRED, -20, "expired")                                                                     \
    S(NOT_YET, -21, "not valid yet")

enum status {
#define S(name, value, text) STATUS_##name = (value),
    STATUSES(S)
#undef S
};

/* A short English reason, never NULL. */
const char *status_name(enum status s);
