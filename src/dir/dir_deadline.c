#include "broken.h"
#include "dir_priv.h"

/* base + seconds, without end when seconds says "never". */
static uint64_t after_s(uint64_t base_ms, uint32_t seconds) {
    return seconds == UINT32_MAX ? UINT64_MAX : base_ms + (uint64_t)seconds * 1000;
}

/* Of a room that nobody keeps open. */
static uint64_t empty_deadline(const struct dir *d, const struct dir_record *r,
                               const struct dir_settings *s, enum dir_end_reason *ret_reason) {
    if (r->lost) {
        *ret_reason = DIR_END_LOST;
        return after_s(r->since_ms, MAX(d->cfg.lost_timeout_s, s->departure_timeout_s));
    }
    if (r->departed) {
        *ret_reason = DIR_END_DEPARTED;
        return after_s(r->since_ms, s->departure_timeout_s);
    }
    *ret_reason = DIR_END_EMPTY;
    return after_s(r->since_ms, s->empty_timeout_s);
}

uint64_t dir_deadline_of(const struct dir *d, const struct dir_record *r,
                         enum dir_end_reason *ret_reason) {
    assert(r->alive);
    struct dir_settings s = dir_record_settings(d, r);
    uint64_t deadline = UINT64_MAX;
    if (dir_record_participants(r) == 0) {
        deadline = empty_deadline(d, r, &s, ret_reason);
    } else if (s.solo_timeout_s != 0 && dir_record_participants(r) == 1 &&
               r->local.participants == 1) {
        /* Only the host of the lonely one acts: it can close the session, others would only
         * make it re-assert the room. */
        deadline = after_s(r->since_ms, s.solo_timeout_s);
        *ret_reason = DIR_END_SOLO;
    }
    if (s.max_duration_s != 0 && s.max_duration_s != UINT32_MAX) {
        int64_t oldest = r->born_ms + (int64_t)s.max_duration_s * 1000;
        uint64_t most = oldest > 0 ? (uint64_t)oldest : 0;
        if (most < deadline) {
            deadline = most;
            *ret_reason = DIR_END_MAX_DURATION;
        }
    }
    return deadline;
}

void dir_deadline_arm(struct dir *d, struct dir_record *r, struct dir_time t) {
    enum dir_end_reason reason;
    uint64_t due = r->alive ? dir_deadline_of(d, r, &reason) : dir_tombstone_due(d, r, t);
    r->postponed = false;
    if (due == UINT64_MAX) {
        heap_remove(&d->by_deadline, &r->deadline);
    } else {
        heap_set(&d->by_deadline, &r->deadline, due);
    }
}

void dir_deadline_restart(struct dir_record *r, struct dir_time t) {
    if (dir_record_participants(r) == 0 && !BROKEN(RESTART)) {
        r->since_ms = t.mono_ms;
    }
}

void dir_deadline_rebirth(struct dir_record *r, struct dir_time t) {
    const struct dir_life *identity = dir_facts_current_at(&r->facts, 0);
    assert(identity);
    uint64_t born_wall_ms = dir_stamp_ms(identity->birth);
    uint64_t age_ms = t.wall_ms > born_wall_ms ? t.wall_ms - born_wall_ms : 0;
    r->born_ms = (int64_t)t.mono_ms - (int64_t)MIN(age_ms, DIR_TIME_MAX_MS);
}

void dir_deadline_begin(struct dir_record *r, struct dir_time t) {
    r->since_ms = t.mono_ms;
    /* A home was set by a host: somebody was in. */
    r->departed = dir_stamp_set(dir_facts_home(&r->facts));
    r->lost = false;
    dir_deadline_rebirth(r, t);
}

bool dir_deadline_hosted(const struct dir *d, const struct dir_record *r) {
    return r->local.participants > 0 || r->local.dependents > 0 ||
           dir_facts_home(&r->facts).boot == d->clock.boot;
}

/* Rendezvous: all nodes give the same order to the living, another one for each room. */
static uint64_t ender_score(const struct dir *d, const struct dir_record *r, uint64_t boot) {
    struct hash_key key = {.k0 = d->rank_key.k0 ^ boot, .k1 = d->rank_key.k1};
    return hash64(&key, dir_record_name(r));
}

uint32_t dir_deadline_rank(const struct dir *d, const struct dir_record *r) {
    uint64_t self = d->clock.boot, home = dir_facts_home(&r->facts).boot;
    if (home == self) {
        return 0;
    }
    uint32_t before = 0;
    uint64_t mine = ender_score(d, r, self);
    for (size_t i = 0; i < d->living_count; i++) {
        uint64_t other = d->living[i];
        uint64_t score = ender_score(d, r, other);
        before += other == home || score > mine || (score == mine && other > self);
    }
    return before;
}
