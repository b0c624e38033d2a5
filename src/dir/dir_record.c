#include <string.h>

#include "broken.h"
#include "caps.h"
#include "dir_priv.h"
#include "mem.h"

struct dir_record *dir_record_at(const struct dir *d, uint32_t index) {
    struct pool_ref ref;
    return index < pool_extent(&d->pool) ? pool_at(&d->pool, index, &ref) : NULL;
}

struct dir_record *dir_record_find_const(const struct dir *d, struct slice name) {
    struct map_node *n = map_find(&d->by_name, name);
    return n ? container_of(n, struct dir_record, in_map) : NULL;
}

struct dir_record *dir_record_find(struct dir *d, struct slice name) {
    d->counts.steps++;
    return dir_record_find_const(d, name);
}

struct dir_record *dir_record_find_alive(struct dir *d, struct slice name) {
    struct dir_record *r = dir_record_find(d, name);
    return r && r->alive ? r : NULL;
}

static size_t record_bytes(const struct dir_record *r) {
    return sizeof(*r) + r->name_len + sizeof(max_align_t) + 3 * sizeof(void *);
}

enum status dir_record_make(struct dir *d, struct slice name, struct dir_record **ret_record) {
    assert(name.len > 0 && name.len <= ROOM_NAME_BYTES_MAX);
    if (d->pool.count >= d->pool.slots_max) {
        return STATUS_EXHAUSTED;
    }
    /* A place for its deadline first: from then on arming cannot fail. */
    enum status s = heap_reserve(&d->by_deadline, d->pool.count + 1);
    if (s != STATUS_OK) {
        return s;
    }
    uint8_t *copy = mem_alloc(name.len);
    struct pool_ref ref;
    struct dir_record *r = copy ? pool_take(&d->pool, &ref) : NULL;
    if (!r) {
        mem_free(copy);
        return STATUS_NO_MEMORY;
    }
    memcpy(copy, name.data, name.len);
    r->self = ref;
    r->name = copy;
    r->name_len = (uint16_t)name.len;
    r->bucket = (uint16_t)dir_bucket_of(d, name);
    map_insert(&d->by_name, &r->in_map, name);
    dir_chain_push(d, &d->buckets[r->bucket].chain, DIR_IN_BUCKET, r);
    dir_chain_push(d, &d->dead, DIR_IN_DEAD, r);
    d->counts.bytes += record_bytes(r);
    d->counts.steps++;
    *ret_record = r;
    return STATUS_OK;
}

void dir_record_drop(struct dir *d, struct dir_record *r) {
    assert(!r->alive);
    dir_digest_take_out(d, r);
    heap_remove(&d->by_deadline, &r->deadline);
    dir_chain_remove(d, &d->buckets[r->bucket].chain, DIR_IN_BUCKET, r);
    dir_chain_remove(d, &d->dead, DIR_IN_DEAD, r);
    dir_chain_remove(d, &d->delta, DIR_IN_DELTA, r);
    d->counts.journal_gaps += dir_in(r, DIR_IN_JOURNAL);
    dir_chain_remove(d, &d->journal, DIR_IN_JOURNAL, r);
    map_remove(&d->by_name, &r->in_map);
    assert(d->counts.bytes >= record_bytes(r) + r->heap_bytes);
    d->counts.bytes -= record_bytes(r) + r->heap_bytes;
    dir_facts_deinit(&r->facts);
    mem_free(r->name);
    pool_give(&d->pool, r->self);
}

static void set_alive(struct dir *d, struct dir_record *r, bool alive) {
    if (alive == r->alive) {
        return;
    }
    r->alive = alive;
    if (alive) {
        d->alive++;
        dir_chain_remove(d, &d->dead, DIR_IN_DEAD, r);
    } else {
        assert(d->alive > 0);
        d->alive--;
        dir_chain_push(d, &d->dead, DIR_IN_DEAD, r);
    }
}

static void count_bytes(struct dir *d, struct dir_record *r) {
    size_t bytes = MIN(dir_facts_bytes(&r->facts), (size_t)UINT32_MAX);
    d->counts.bytes = d->counts.bytes - r->heap_bytes + bytes;
    r->heap_bytes = (uint32_t)bytes;
}

/* Notes to whom the change is owed. */
static void owe(struct dir *d, struct dir_record *r, enum dir_origin origin) {
    if (BROKEN(DIGEST) && origin == DIR_FROM_HERE) {
        d->buckets[r->bucket].digest += r->hash;
    }
    if (origin == DIR_FROM_HERE && d->members_count > 0 && !dir_in(r, DIR_IN_DELTA)) {
        dir_chain_push(d, &d->delta, DIR_IN_DELTA, r);
    }
    if (origin != DIR_FROM_JOURNAL && d->cfg.journal && !dir_in(r, DIR_IN_JOURNAL)) {
        dir_chain_push(d, &d->journal, DIR_IN_JOURNAL, r);
    }
}

void dir_record_changed(struct dir *d, struct dir_record *r, struct dir_time t,
                        enum dir_origin origin) {
    dir_digest_take_out(d, r);
    r->seq = ++d->seq;
    r->postponed = false;
    r->acked_in = 0;
    count_bytes(d, r);
    set_alive(d, r, dir_facts_alive(&r->facts));
    if (!r->alive) {
        r->since_ms = t.mono_ms;
    }
    owe(d, r, origin);
    if (!dir_record_goes(d, r)) { /* else nobody will ask for its hash or its deadline again */
        r->hash = dir_facts_hash(&r->facts, dir_record_name(r), &d->digest_key);
        if (r->alive || !dir_stone_expired(d, r, t)) {
            dir_digest_put_in(d, r);
        }
        dir_deadline_arm(d, r, t);
    }
    if (!r->alive) {
        dir_tombstones_bound(d, r);
    }
}

size_t dir_record_close_acked(struct dir *d, struct dir_record *r) {
    if (!dir_record_acked(d, r)) {
        return 0;
    }
    size_t closed = 0;
    for (size_t i = 0; i < r->facts.lives_count;) {
        const struct dir_life *l = &dir_facts_lives(&r->facts)[i];
        if (dir_facts_closable(&r->facts, l)) {
            dir_facts_close(&r->facts, l->birth);
            closed++;
        } else {
            i++;
        }
    }
    d->counts.lives_closed += closed;
    return closed;
}

void dir_record_bound_lives(struct dir *d, struct dir_record *r) {
    size_t excess = dir_facts_ended(&r->facts);
    excess = excess > DIR_ENDED_LIVES_MAX ? excess - DIR_ENDED_LIVES_MAX : 0;
    for (size_t i = 0; excess > 0 && i < r->facts.lives_count;) {
        const struct dir_life *l = &dir_facts_lives(&r->facts)[i];
        if (dir_facts_closable(&r->facts, l)) {
            size_t before = r->facts.lives_count;
            dir_facts_close(&r->facts, l->birth);
            excess -= MIN(excess, before - r->facts.lives_count);
            d->counts.lives_forced++;
        } else {
            i++;
        }
    }
}

void dir_record_end(struct dir *d, struct dir_record *r, struct dir_time t) {
    dir_facts_end(&r->facts, dir_clock_tick(&d->clock, t.wall_ms).time);
    dir_record_bound_lives(d, r);
    d->counts.ended++;
    dir_record_changed(d, r, t, DIR_FROM_HERE);
}

void dir_record_delete(struct dir *d, struct dir_record *r, struct dir_time t) {
    dir_facts_delete(&r->facts, dir_clock_tick(&d->clock, t.wall_ms).time);
    d->counts.deleted++;
    dir_record_changed(d, r, t, DIR_FROM_HERE);
}
