#include "dir_priv.h"

size_t dir_room_close(struct dir *d, struct dir_time t, struct slice name) {
    struct dir_record *r = dir_record_find(d, name);
    size_t closed = r ? dir_record_close_acked(d, r) : 0;
    if (closed > 0) {
        dir_record_changed(d, r, t, DIR_FROM_HERE);
        dir_record_settle(d, r);
    }
    dir_after(d);
    return closed;
}

/* ---- re-assert ---- */

/* Whether anything of these births is left, and how many are not in the record at all. */
static bool claims_left(const struct dir_facts *f, const struct dir_stamp *births, size_t count,
                        size_t *ret_absent) {
    size_t absent = 0, left = 0;
    for (size_t i = 0; i < count; i++) {
        if (!dir_facts_deleted(f, births[i])) {
            left++;
            absent += dir_facts_find(f, births[i]) ? 0 : 1;
        }
    }
    *ret_absent = absent;
    return left > 0;
}

/* Places for the absent lives, all or none of which will be added. */
static enum status claims_reserve(struct dir_facts *f, const struct dir_stamp *births, size_t count,
                                  size_t absent) {
    if (absent == 0) {
        return STATUS_OK;
    }
    size_t lives = f->lives_count + absent, rows = f->rows_count + lives;
    if (lives > DIR_LIVES_MAX || rows > DIR_ROWS_MAX) {
        return STATUS_EXHAUSTED;
    }
    bool made = dir_facts_reserve_rows(f, rows) && dir_facts_reserve_lives(f, lives);
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Puts back what is not deleted and not current; true when anything was. */
static bool claims_put_back(struct dir *d, struct dir_facts *f, struct dir_time t,
                            const struct dir_stamp *births, size_t count) {
    struct dir_stamp now = {0};
    for (size_t i = 0; i < count; i++) {
        dir_clock_see(&d->clock, births[i].time); /* a use is later than its birth */
    }
    for (size_t i = 0; i < count; i++) {
        struct dir_life *l = dir_facts_find(f, births[i]);
        if (dir_facts_deleted(f, births[i]) || (l && dir_life_current(l))) {
            continue;
        }
        if (!dir_stamp_set(now)) {
            now = dir_clock_tick(&d->clock, t.wall_ms);
        }
        if (l) {
            l->used = now;
            l->ended = false;
        } else {
            dir_facts_add(f, (struct dir_life){.birth = births[i], .used = now});
        }
    }
    return dir_stamp_set(now);
}

enum status dir_room_reassert(struct dir *d, struct dir_time t, struct slice name,
                              const struct dir_stamp *births, size_t count) {
    struct dir_record *r = dir_record_find(d, name);
    size_t absent = count;
    if (count == 0 || (r && !claims_left(&r->facts, births, count, &absent))) {
        return STATUS_NOT_FOUND;
    }
    bool made = !r;
    if (made) {
        enum status s = dir_record_make(d, name, &r);
        if (s != STATUS_OK) {
            return s;
        }
    }
    enum status s = claims_reserve(&r->facts, births, count, absent);
    if (s != STATUS_OK) {
        if (made) {
            dir_record_drop(d, r);
        }
        return s;
    }
    struct dir_seen before = dir_record_see(r);
    if (claims_put_back(d, &r->facts, t, births, count)) {
        dir_record_follow(d, r, t, DIR_FROM_HERE, &before, true);
    }
    dir_after(d);
    return STATUS_OK;
}

/* ---- return ---- */

size_t dir_room_let_go(struct dir *d, struct dir_time t, struct slice name,
                       const struct dir_stamp *births, size_t count) {
    struct dir_record *r = dir_record_find_alive(d, name);
    if (!r || r->local.participants > 0 || r->local.dependents > 0) {
        return 0; /* what is hosted here stays */
    }
    struct dir_seen before = dir_record_see(r);
    size_t ended = 0;
    for (size_t i = 0; i < count; i++) {
        struct dir_life *l = dir_facts_find(&r->facts, births[i]);
        if (l && dir_life_current(l)) {
            l->ended = true;
            ended++;
        }
    }
    if (ended > 0) {
        r->facts.stone = MAX(r->facts.stone, dir_clock_tick(&d->clock, t.wall_ms).time);
        dir_record_follow(d, r, t, DIR_FROM_HERE, &before, false);
        dir_record_settle(d, r);
        dir_after(d);
    }
    return ended;
}
