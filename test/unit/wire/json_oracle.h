/* json_oracle.h: what jansson makes of a document. Its header and json.h share names, so it has a
 * file of its own.
 * Owns: nothing.
 * Callers: test_json_oracle.c. */
#pragma once

#include "slice.h"

enum json_oracle {
    ORACLE_REFUSES,
    ORACLE_OVERFLOWS, /* fine but for a number that jansson cannot hold */
    ORACLE_ACCEPTS,
};

enum json_oracle json_oracle_ask(struct slice text);
/* Both are documents, and of the same value. */
bool json_oracle_same(struct slice a, struct slice b);
