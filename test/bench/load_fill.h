/* load_fill.h: makes very many rooms through the API, as fast as the server answers.
 * Owns: nothing.
 * Never: counts the time it takes to make its requests, which it makes some at a time.
 * Callers: the benchmarks of this folder. */
#pragma once

#include "load_http.h"

struct load_fill {
    const char *prefix; /* of the names: PREFIX-0000001 */
    uint64_t first, rooms;
    const char *metadata; /* or NULL */
    /* The second of CLOCK_MONOTONIC in which all are due, each at the fraction of it at which it
     * was made; 0: none is due for a day. */
    uint64_t due_s;
    /* Results. */
    double creates_per_s;     /* in all */
    double creates_per_s_max; /* of the best 20,000 together */
};
enum { LOAD_ROOM_NAME_MAX = 32 };
void load_room_name(char out[LOAD_ROOM_NAME_MAX], const char *prefix, uint64_t number);
void load_fill(struct load_pool *p, struct load_fill *f);
