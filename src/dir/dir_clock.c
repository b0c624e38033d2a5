#include "dir_facts.h"
#include "dir_stamp.h"

enum { DIR_WALL_TRUSTED_MS = 30 * 1000 }; /* clocks closer than this need no correction */

void dir_clock_init(struct dir_clock *c, uint64_t boot) {
    assert(boot != 0);
    *c = (struct dir_clock){.boot = boot};
}

/* The wall as stamp time; a wall that no stamp can hold counts as the latest that one can. */
static uint64_t wall_time(uint64_t wall_ms) {
    return MIN(wall_ms, DIR_TIME_MAX_MS) << DIR_STAMP_COUNTER_BITS;
}

struct dir_stamp dir_clock_tick(struct dir_clock *c, uint64_t wall_ms) {
    /* Adding one carries from the counter into the milliseconds by itself. */
    c->last = MAX(c->last + 1, wall_time(wall_ms));
    return (struct dir_stamp){.time = c->last, .boot = c->boot};
}

void dir_clock_see(struct dir_clock *c, uint64_t time) {
    c->last = MAX(c->last, time);
}

uint64_t dir_clock_ms(const struct dir_clock *c, uint64_t wall_ms) {
    return dir_time_to_ms(MAX(c->last, wall_time(wall_ms)));
}

int64_t dir_wall_correction(int64_t *offsets_ms, size_t count, int64_t so_far_ms) {
    if (count == 0) {
        return so_far_ms;
    }
    /* Insertion sort: a cluster has few members. */
    for (size_t i = 1; i < count; i++) {
        int64_t moving = offsets_ms[i];
        size_t at = i;
        for (; at > 0 && offsets_ms[at - 1] > moving; at--) {
            offsets_ms[at] = offsets_ms[at - 1];
        }
        offsets_ms[at] = moving;
    }
    int64_t median = offsets_ms[(count - 1) / 2];
    return median > DIR_WALL_TRUSTED_MS || median < -DIR_WALL_TRUSTED_MS ? median : 0;
}
