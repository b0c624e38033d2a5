/* sfu_stalls.h: when the machine had no use of the measured processor. On a machine that shares its
 * processors (a virtual one) the host takes them away for milliseconds, and what waits meanwhile is
 * late whatever program runs.
 * Owns: struct sfu_stalls a thread on that processor and the list of what it noticed.
 * Never: counts what this machine's own programs and kernel do there: the thread goes before all
 *   programs, and delays below STALL_NS_MIN, as the kernel itself makes them, are not listed.
 * Invariant: a stall is listed no longer than it was: it begins when the thread should have run.
 * Callers: bench_sfu. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    STALLS_MAX = 1 << 16,
    STALL_NS_MIN = 250 * 1000,
    STALL_LOOK_NS = 250 * 1000, /* how often the thread looks */
};

struct sfu_stall {
    uint64_t from_ns, to_ns; /* as the kernel stamps packets: on the clock of the day */
};

struct sfu_stalls {
    bool known; /* this user may run a thread before all others */
    bool stop;  /* atomic */
    pthread_t thread;
    uint32_t count; /* atomic */
    struct sfu_stall list[STALLS_MAX];
};

void sfu_stalls_begin(struct sfu_stalls *s);
void sfu_stalls_end(struct sfu_stalls *s); /* the list remains */
/* How much of the time between the two was a stall; 0 when that is not known. */
uint64_t sfu_stalls_within_ns(const struct sfu_stalls *s, uint64_t from_ns, uint64_t to_ns);
