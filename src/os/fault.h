/* fault.h: seams where tests make things slow or wrong on purpose; one table.
 * Owns: the table's values. They can be set only in builds with faults on (-Dfaults=true); in
 *   others every value is the constant 0 and the compiler removes the seam.
 * Never: changes behaviour while its value is 0.
 * Invariant: fault_each names whatever was set, so that reports say it.
 * Callers: app sets them from `--fault name=value`, os and control read them. Any thread. */
#pragma once

#include "slice.h"

#define FAULTS(F)                                                                                  \
    F(SWEEP_BUDGET, sweep_budget,                                                                  \
      "Deadlines the sweeper may handle in a step, instead of its own")                            \
    F(FILE_STALL_MS, file_stall_ms, "Milliseconds that each append and each sync sleeps")          \
    F(FILE_FAIL, file_fail, "1: appends and syncs fail")                                           \
    F(FILE_FAIL_AT, file_fail_at,                                                                  \
      "n: the nth append, sync, rename, truncation or removal from now and all after it fail; "    \
      "the nth append writes half")                                                                \
    F(CLOCK_OFFSET_MS, clock_offset_ms, "Milliseconds added to the wall clock; may be negative")   \
    F(SEGMENT_FAIL, segment_fail, "1: segmented UDP sends fail, as on hardware without them")

enum fault {
#define F(id, name, help) FAULT_##id,
    FAULTS(F)
#undef F
        FAULT_COUNT
};

/* "name=value". MALFORMED, NOT_FOUND (no such seam), UNIMPLEMENTED (a build without faults). */
must_check enum status fault_set(struct slice name_and_value);
/* Visits the seams whose value is not 0. */
void fault_each(void (*visit)(const char *name, int64_t value, void *arg), void *arg);

enum fault_turn { FAULT_NOT_YET, FAULT_NOW, FAULT_SINCE };

#ifdef STOA_FAULTS
int64_t fault_value(enum fault f);
/* For seams that count down to their nth use; from then on the value is -1. */
enum fault_turn fault_count_down(enum fault f);
#else
static inline int64_t fault_value(enum fault f) {
    (void)f;
    return 0;
}
static inline enum fault_turn fault_count_down(enum fault f) {
    (void)f;
    return FAULT_NOT_YET;
}
#endif
