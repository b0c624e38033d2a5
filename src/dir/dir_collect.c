#include <string.h>

#include "broken.h"
#include "dir_priv.h"
#include "mem.h"

/* ---- members ---- */

static struct dir_member *member_find(const struct dir *d, uint64_t id) {
    for (size_t i = 0; i < d->members_count; i++) {
        if (d->members[i].id == id) {
            return &d->members[i];
        }
    }
    return NULL;
}

static void begin_epoch(struct dir *d) {
    d->acks_epoch = d->acks_epoch == UINT8_MAX ? 1 : (uint8_t)(d->acks_epoch + 1);
}

enum status dir_member_set(struct dir *d, uint64_t id, uint64_t boot) {
    struct dir_member *m = member_find(d, id);
    if (m) {
        if (m->boot != boot) {
            /* Started again: it may have lost what it had told us it holds. Before its first boot
             * it told nothing, and that memory is not touched before it is needed. */
            if (m->boot != 0) {
                memset(m->acked, 0, DIR_BUCKETS * sizeof(*m->acked));
            }
            m->acked_all = 0;
            m->boot = boot;
            begin_epoch(d);
        }
        return STATUS_OK;
    }
    if (d->members_count == DIR_MEMBERS_MAX) {
        return STATUS_EXHAUSTED;
    }
    uint64_t *acked = mem_calloc(DIR_BUCKETS, sizeof(*acked));
    if (!acked) {
        return STATUS_NO_MEMORY;
    }
    begin_epoch(d);
    d->members[d->members_count++] = (struct dir_member){.id = id, .boot = boot, .acked = acked};
    return STATUS_OK;
}

void dir_member_remove(struct dir *d, uint64_t id) {
    struct dir_member *m = member_find(d, id);
    if (m) {
        mem_free(m->acked);
        *m = d->members[--d->members_count];
        d->members[d->members_count] = (struct dir_member){0};
    }
}

size_t dir_member_count(const struct dir *d) {
    return d->members_count;
}

uint64_t dir_change_seq(const struct dir *d) {
    return d->seq;
}

void dir_member_acked_range(struct dir *d, uint64_t id, uint32_t first, uint32_t count,
                            uint64_t seq) {
    struct dir_member *m = member_find(d, id);
    uint32_t room = first < DIR_BUCKETS ? DIR_BUCKETS - first : 0;
    for (uint32_t i = first; m && i < first + MIN(count, room); i++) {
        m->acked[i] = MAX(m->acked[i], MIN(seq, d->seq));
    }
}

void dir_member_acked(struct dir *d, uint64_t id, uint32_t bucket, uint64_t seq) {
    dir_member_acked_range(d, id, bucket, 1, seq);
}

void dir_member_acked_all(struct dir *d, uint64_t id, uint64_t seq) {
    struct dir_member *m = member_find(d, id);
    if (m) {
        m->acked_all = MAX(m->acked_all, MIN(seq, d->seq));
    }
}

void dir_member_resynced(struct dir *d, uint64_t id) {
    struct dir_member *m = member_find(d, id);
    if (m) {
        m->must_resync = false;
    }
}

bool dir_member_must_resync(const struct dir *d, uint64_t id) {
    const struct dir_member *m = member_find(d, id);
    return m && m->must_resync;
}

static bool has_acked(const struct dir_member *m, const struct dir_record *r) {
    return MAX(m->acked_all, m->acked[r->bucket]) >= r->seq;
}

bool dir_record_acked(const struct dir *d, const struct dir_record *r) {
    if (BROKEN(ACKS)) {
        return true;
    }
    for (size_t i = 0; i < d->members_count; i++) {
        if (!has_acked(&d->members[i], r)) {
            return false;
        }
    }
    return true; /* also when there is nobody to ask */
}

/* ---- tombstones ---- */

static uint64_t stone_end_ms(const struct dir *d, const struct dir_record *r) {
    return dir_time_to_ms(r->facts.stone) + (uint64_t)d->cfg.tombstone_ttl_s * 1000;
}

bool dir_stone_expired(const struct dir *d, const struct dir_record *r, struct dir_time t) {
    assert(!r->alive);
    return dir_clock_ms(&d->clock, t.wall_ms) > stone_end_ms(d, r);
}

uint64_t dir_tombstone_due(const struct dir *d, const struct dir_record *r, struct dir_time t) {
    if (r->in_digest) {
        uint64_t now_ms = dir_clock_ms(&d->clock, t.wall_ms), end_ms = stone_end_ms(d, r);
        return t.mono_ms + (end_ms >= now_ms ? end_ms - now_ms + 1 : 0);
    }
    return MAX(t.mono_ms, r->since_ms + DIR_QUIET_MS);
}

static void drop_collected(struct dir *d, struct dir_record *r) {
    struct dir_bucket *b = &d->buckets[r->bucket];
    b->dropped = MAX(b->dropped, r->facts.stone);
    d->counts.collected++;
    dir_record_drop(d, r);
}

/* Sessions here may put it back, and what is owed must still be read. */
static bool is_kept(const struct dir *d, const struct dir_record *r) {
    bool hosted = r->local.participants > 0 || r->local.dependents > 0;
    bool owed = dir_in(r, DIR_IN_JOURNAL) || (d->members_count > 0 && dir_in(r, DIR_IN_DELTA));
    return r->alive || hosted || owed;
}

bool dir_record_goes(const struct dir *d, const struct dir_record *r) {
    /* With members the tombstone waits for them, in the heap. */
    return d->members_count == 0 && !is_kept(d, r);
}

void dir_record_settle(struct dir *d, struct dir_record *r) {
    if (dir_record_goes(d, r)) {
        drop_collected(d, r);
    }
}

/* They still hold it some time after, and say that their disks do: none fell silent meanwhile, and
 * none is another process, which may have begun with less. */
static bool is_confirmed(const struct dir *d, const struct dir_record *r) {
    return BROKEN(ACKS) || (r->acked_in == d->acks_epoch && !d->doubt);
}

void dir_tombstone_step(struct dir *d, struct dir_record *r, struct dir_time t) {
    assert(!r->alive);
    if (r->in_digest && dir_stone_expired(d, r, t)) {
        dir_digest_take_out(d, r);
    }
    bool quiet = t.mono_ms >= r->since_ms + DIR_QUIET_MS;
    bool aged = d->members_count == 0 || (!r->in_digest && quiet);
    bool acked = aged && !is_kept(d, r) && dir_record_acked(d, r);
    if (acked && (d->members_count == 0 || is_confirmed(d, r))) {
        drop_collected(d, r);
        return;
    }
    r->acked_in = acked ? d->acks_epoch : 0;
    uint64_t next = dir_tombstone_due(d, r, t);
    uint64_t again = t.mono_ms + (acked ? DIR_CONFIRM_MS : DIR_RECHECK_MS);
    heap_set(&d->by_deadline, &r->deadline, next > t.mono_ms ? next : again);
}

void dir_tombstones_bound(struct dir *d, const struct dir_record *keep) {
    if (BROKEN(BOUND)) {
        return;
    }
    /* One death adds one tombstone and takes one from the bound: two drops keep up with it. */
    for (int i = 0; i < 2 && d->dead.count > MAX(d->cfg.tombstones_min, d->alive); i++) {
        struct dir_record *r = dir_chain_first(d, &d->dead);
        if (r == keep) {
            return;
        }
        if (r->local.participants > 0 || r->local.dependents > 0) {
            dir_chain_remove(d, &d->dead, DIR_IN_DEAD, r);
            dir_chain_push(d, &d->dead, DIR_IN_DEAD, r);
            continue;
        }
        for (size_t m = 0; m < d->members_count; m++) {
            struct dir_member *member = &d->members[m];
            member->must_resync = member->must_resync || !has_acked(member, r);
        }
        d->counts.tombstones_forced++;
        drop_collected(d, r);
    }
}
