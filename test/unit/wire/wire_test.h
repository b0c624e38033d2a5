/* wire_test.h: words that the tests of wire share.
 * Owns: nothing.
 * Never: used outside tests.
 * Callers: test_http*.c, test_ws.c, test_json*.c, test_claims.c, test_query.c, test_inflate.c. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "buf.h"

/* Compares with a literal, so that a NUL inside counts; says both when they differ. */
#define assert_slice(s, literal)                                                                   \
    do {                                                                                           \
        struct slice got_ = (s), want_ = SLICE_LIT(literal);                                       \
        if (!slice_eq(got_, want_)) {                                                              \
            print_error("got \"%.*s\", want \"%s\"\n", SLICE_ARG(got_), literal);                  \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

/* The view lies inside the input (empty views may lie anywhere). */
static inline bool inside(struct slice view, struct slice input) {
    return view.len == 0 || (view.data >= input.data && view.data - input.data >= 0 &&
                             view.data + view.len <= input.data + input.len);
}

/* A heap copy of exactly the bytes, so that address sanitizers see a read past the end. */
static inline struct slice tight_copy(struct slice s) {
    uint8_t *copy = test_malloc(s.len > 0 ? s.len : 1);
    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return slice_of(copy, s.len);
}

static inline void tight_free(struct slice s) {
    test_free((void *)(uintptr_t)s.data);
}

/* A small generator for corpora: the same seed gives the same corpus on every machine. */
static inline uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}
