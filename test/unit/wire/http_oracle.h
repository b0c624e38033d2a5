/* http_oracle.h: what libhttp-parser makes of a request. Its header and http.h share names, so it
 * has a file of its own.
 * Owns: nothing.
 * Callers: test_http_oracle.c. */
#pragma once

#include "buf.h"

struct http_oracle {
    struct buf body; /* owned by the caller; init before asking */
    bool head_done, done, keep_alive, upgrade, chunked;
    uint64_t content_length;
    const char *method; /* static */
};

/* Gives the bytes taken, up to the end of the first message. */
size_t http_oracle_ask(struct slice in, struct http_oracle *o);
