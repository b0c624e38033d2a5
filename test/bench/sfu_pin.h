/* sfu_pin.h: which processor runs what, so that the generator does not take the server's time and
 * one run resembles the next; and both before other programs, for a user who may ask for that.
 * Callers: the parts of bench_sfu. */
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

enum sfu_side { SFU_LOAD, SFU_MEASURED };

/* The calling thread, and those that it starts; with a single processor, nothing. */
static inline void sfu_pin(enum sfu_side side) {
    if (sysconf(_SC_NPROCESSORS_ONLN) >= 2) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(side == SFU_MEASURED ? 1 : 0, &set);
        (void)sched_setaffinity(0, sizeof set, &set);
    }
    (void)setpriority(PRIO_PROCESS, 0, -15);
}
