/* load_call.h: the four calls of the Room API as bytes of HTTP requests, each with its own token.
 * Owns: the bytes of the requests it makes, until load_request_free.
 * Callers: the benchmarks of this folder. */
#pragma once

#include "slice.h"

enum load_call { CALL_CREATE, CALL_LIST, CALL_UPDATE, CALL_DELETE, LOAD_CALLS };
extern const char *const load_call_names[LOAD_CALLS];

struct load_call_args {
    enum load_call call;
    bool json;
    const char *room;
    const char *metadata;     /* CREATE (NULL: none), UPDATE */
    uint32_t empty_timeout_s; /* CREATE */
};

/* One allocation. `number` makes the token unlike all others. */
struct slice load_request_make(const struct load_call_args *a, uint64_t number);
void load_request_free(struct slice *request);
