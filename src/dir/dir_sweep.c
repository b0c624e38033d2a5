#include <string.h>

#include "dir_priv.h"

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
    if (!dir_deadline_hosted(d, r)) {
        if (d->island) {
            return t.mono_ms + DIR_ISLAND_RECHECK_MS;
        }
        if (d->island_left_ms != 0) {
            uint64_t healed = d->island_left_ms + (uint64_t)d->cfg.lost_timeout_s * 1000;
            deadline = MAX(deadline, healed);
        }
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

size_t dir_sweep(struct dir *d, struct dir_time t, size_t budget, dir_ended_fn ended, void *arg) {
    size_t done = 0;
    while (done < budget && heap_next_key(&d->by_deadline) <= t.mono_ms) {
        struct heap_node *n = heap_peek(&d->by_deadline);
        struct dir_record *r = container_of(n, struct dir_record, deadline);
        d->counts.steps++;
        if (r->alive) {
            sweep_room(d, r, t, ended, arg);
        } else {
            dir_tombstone_step(d, r, t);
        }
        done++;
    }
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

#ifdef STOA_FAULTS
void dir_fault_lose_deadline(struct dir *d, struct slice name) {
    struct dir_record *r = dir_record_find(d, name);
    assert(r);
    heap_remove(&d->by_deadline, &r->deadline);
}
#endif
