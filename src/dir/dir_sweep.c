#include <string.h>

#include "dir_priv.h"

enum { DIR_SWEEP_AHEAD = 16, DIR_CACHE_LINE = 64 };

/* The end of a room by its deadline. The view is taken and told before anything is written. */
static void end_room(struct dir *d, struct dir_record *r, struct dir_time t,
                     enum dir_end_reason reason, dir_ended_fn ended, void *arg) {
    if (ended) {
        struct dir_room room;
        dir_view(d, r, &room);
        ended(arg, &room, reason);
    }
    if (reason == DIR_END_MAX_DURATION) {
        /* Hosts of its sessions would only re-assert a room that was ended. */
        dir_record_delete(d, r, t);
    } else {
        dir_record_end(d, r, t);
    }
    dir_record_settle(d, r);
}

/* When this node may act on a room whose deadline is `deadline`: earlier enders go first, and an
 * island leaves alone what it does not host. */
static uint64_t turn_of(const struct dir *d, const struct dir_record *r, uint64_t deadline,
                        enum dir_end_reason reason, struct dir_time t) {
    if (reason == DIR_END_SOLO) {
        return deadline;
    }
    bool hosted = dir_deadline_hosted(d, r);
    if (d->blind && reason != DIR_END_MAX_DURATION && !(d->island && hosted)) {
        return t.mono_ms + DIR_BLIND_RECHECK_MS;
    }
    if (!hosted) {
        if (d->island) {
            return t.mono_ms + DIR_ISLAND_RECHECK_MS;
        }
    }
    if (d->island_left_ms != 0 && !d->island && reason != DIR_END_MAX_DURATION) {
        /* Who came in elsewhere meanwhile is not known at once, of rooms with their home here, too.
         */
        uint64_t healed = d->island_left_ms + (uint64_t)d->cfg.lost_timeout_s * 1000;
        deadline = MAX(deadline, healed);
    }
    return deadline + (uint64_t)dir_deadline_rank(d, r) * DIR_RANK_DELAY_MS;
}

static void sweep_room(struct dir *d, struct dir_record *r, struct dir_time t, dir_ended_fn ended,
                       void *arg) {
    enum dir_end_reason reason = DIR_END_EMPTY;
    uint64_t deadline = dir_deadline_of(d, r, &reason);
    if (deadline > t.mono_ms) {
        dir_deadline_arm(d, r, t);
        return;
    }
    uint64_t turn = turn_of(d, r, deadline, reason, t);
    if (turn > t.mono_ms) {
        r->postponed = true;
        heap_set(&d->by_deadline, &r->deadline, turn);
        return;
    }
    end_room(d, r, t, reason, ended, arg);
}

/* What is due, out of the heap: each must go back or be dropped. Records are not read here. */
static size_t take_due(struct dir *d, struct dir_time t, struct dir_record **due, size_t most) {
    size_t count = 0;
    while (count < most && heap_next_key(&d->by_deadline) <= t.mono_ms) {
        struct heap_node *n = heap_pop(&d->by_deadline);
        due[count++] = container_of(n, struct dir_record, deadline);
    }
    return count;
}

/* With a million records each touch of one is a wait for memory. A few at a time, first they are
 * asked for all at once, then what hangs on them, and only then are they worked on. */
static void warm(const struct dir *d, struct dir_record **due, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < sizeof(*due[i]); at += DIR_CACHE_LINE) {
            __builtin_prefetch((const char *)due[i] + at, 1);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct dir_link *link = &due[i]->links[DIR_IN_BUCKET];
        map_warm(&d->by_name, &due[i]->in_map);
        if (link->prev) {
            pool_warm(&d->pool, link->prev - 1);
        }
        if (link->next) {
            pool_warm(&d->pool, link->next - 1);
        }
        __builtin_prefetch(due[i]->name);
        __builtin_prefetch(dir_facts_lives(&due[i]->facts)->settings.blob);
    }
}

static void sweep_record(struct dir *d, struct dir_record *r, struct dir_time t, dir_ended_fn ended,
                         void *arg) {
    d->counts.steps++;
    if (r->alive) {
        sweep_room(d, r, t, ended, arg);
    } else {
        dir_tombstone_step(d, r, t);
    }
}

size_t dir_sweep(struct dir *d, struct dir_time t, size_t budget, dir_ended_fn ended, void *arg) {
    struct dir_record *due[DIR_SWEEP_AHEAD];
    size_t done = 0, count;
    do {
        count = take_due(d, t, due, MIN(budget - done, ARRAY_LEN(due)));
        warm(d, due, count);
        for (size_t i = 0; i < count; i++) {
            /* The death of one may have dropped another, whose slot nobody has taken again yet. */
            if (dir_in(due[i], DIR_IN_BUCKET)) {
                sweep_record(d, due[i], t, ended, arg);
            }
        }
        done += count;
    } while (count > 0 && done < budget);
    d->counts.swept += done;
    dir_after(d);
    return done;
}

uint64_t dir_next_deadline_ms(const struct dir *d) {
    return heap_next_key(&d->by_deadline);
}

/* Whether the heap will bring this record to the sweep in time. */
static bool deadline_is_held(const struct dir *d, const struct dir_record *r) {
    if (!r->alive) {
        return heap_has(&r->deadline);
    }
    enum dir_end_reason reason;
    uint64_t deadline = dir_deadline_of(d, r, &reason);
    if (deadline == UINT64_MAX) {
        return true;
    }
    return heap_has(&r->deadline) && (r->postponed || r->deadline.key <= deadline);
}

size_t dir_scan(struct dir *d, struct dir_time t, size_t budget) {
    size_t found = 0;
    uint32_t extent = pool_extent(&d->pool);
    for (size_t looked = 0; looked < MIN(budget, extent); looked++) {
        d->scan_at = d->scan_at < extent ? d->scan_at : 0;
        struct dir_record *r = dir_record_at(d, d->scan_at++);
        d->counts.steps++;
        if (r && !deadline_is_held(d, r)) {
            dir_deadline_arm(d, r, t);
            found++;
        }
    }
    d->counts.scan_found += found;
    dir_after(d);
    return found;
}

enum status dir_living_set(struct dir *d, const uint64_t *boots, size_t count) {
    if (count > DIR_MEMBERS_MAX) {
        return STATUS_EXHAUSTED;
    }
    if (count) {
        memcpy(d->living, boots, count * sizeof(*boots));
    }
    d->living_count = count;
    return STATUS_OK;
}

void dir_island_set(struct dir *d, struct dir_time t, bool island) {
    if (d->island && !island) {
        d->island_left_ms = MAX(t.mono_ms, (uint64_t)1);
    }
    d->island = island;
}

uint64_t dir_lost_timeout_ms(const struct dir *d) {
    return (uint64_t)d->cfg.lost_timeout_s * 1000;
}

void dir_doubt_set(struct dir *d, bool doubt) {
    d->doubt = doubt;
}

void dir_blind_set(struct dir *d, bool blind) {
    d->blind = blind;
}

#ifdef STOA_FAULTS
void dir_fault_lose_deadline(struct dir *d, struct slice name) {
    struct dir_record *r = dir_record_find(d, name);
    assert(r);
    heap_remove(&d->by_deadline, &r->deadline);
}
#endif
