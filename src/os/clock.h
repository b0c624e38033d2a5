/* clock.h: the only place that reads a clock.
 * Owns: nothing.
 * Never: goes into pure code; there time is an argument.
 * Invariant: the monotonic clock never goes back; the wall clock may. In fault builds the wall
 *   clock is moved by the seam `clock_offset_ms`.
 * Callers: the loop (once a turn), the log, start-up, benchmarks. Any thread. */
#pragma once

#include "base.h"

uint64_t clock_wall_ms(void); /* Unix time */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
