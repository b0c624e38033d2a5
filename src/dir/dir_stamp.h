/* dir_stamp.h: the hybrid logical clock of the directory.
 * Owns: the newest time that this process gave or saw.
 * Never: reads a clock; the wall is an argument.
 * Invariant: a stamp given is later than every stamp given or observed before, so no two are equal:
 *   the counter carries into the milliseconds, and the boot id is fresh for each process start.
 * Callers: dir alone writes stamps; node compares and passes them on. */
#pragma once

#include "base.h"

/* time: milliseconds << 16 | counter. All zero: no stamp. Ordered by time, then boot. */
struct dir_stamp {
    uint64_t time, boot;
};
struct dir_clock {
    uint64_t last; /* time of the newest stamp given or seen */
    uint64_t boot; /* never 0 */
};

enum { DIR_STAMP_COUNTER_BITS = 16 };

static inline int dir_stamp_compare(struct dir_stamp a, struct dir_stamp b) {
    if (a.time != b.time) {
        return a.time < b.time ? -1 : 1;
    }
    return a.boot == b.boot ? 0 : a.boot < b.boot ? -1 : 1;
}
static inline bool dir_stamp_equal(struct dir_stamp a, struct dir_stamp b) {
    return a.time == b.time && a.boot == b.boot;
}
static inline bool dir_stamp_set(struct dir_stamp s) {
    return s.time != 0;
}
static inline uint64_t dir_time_to_ms(uint64_t time) {
    return time >> DIR_STAMP_COUNTER_BITS;
}
static inline uint64_t dir_stamp_ms(struct dir_stamp s) {
    return dir_time_to_ms(s.time);
}

void dir_clock_init(struct dir_clock *c, uint64_t boot);
/* A new stamp, later than all before. A wall beyond 48 bits of milliseconds counts as the last. */
struct dir_stamp dir_clock_tick(struct dir_clock *c, uint64_t wall_ms);
/* Later ticks are above `time`. */
void dir_clock_see(struct dir_clock *c, uint64_t time);
/* Where the clock stands without giving a stamp: ages are measured against it. */
uint64_t dir_clock_ms(const struct dir_clock *c, uint64_t wall_ms);

/* Correction of the own wall from the peers' offsets (peer wall - own wall, from beats): their
 * lower median when it is more than 30 s off, else 0. Without peers the correction so far stays.
 * Sorts `offsets`. */
int64_t dir_wall_correction(int64_t *offsets_ms, size_t count, int64_t so_far_ms);
