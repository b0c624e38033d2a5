#include "caps.h"
#include "dir_priv.h"

/* Assertions only: with NDEBUG nothing would be left of this file but its loops. */

static void check_facts(const struct dir_facts *f) {
    assert(f->rows_count <= MAX(f->rows_cap, 1) && f->lives_count <= MAX(f->lives_cap, 1));
    assert(f->rows_count > 0 || f->lives_count > 0);
    assert(f->rows_count == 0 || f->stone != 0);
    size_t rows_after_delete = f->rows_count;
    for (size_t i = 0; i < f->rows_count; i++) {
        const struct dir_row *row = &dir_facts_rows(f)[i];
        assert(row->boot != 0 && row->deleted != 0);
        assert(i == 0 || row[-1].boot < row->boot);
    }
    for (size_t i = 0; i < f->lives_count; i++) {
        const struct dir_life *l = &dir_facts_lives(f)[i];
        assert(l->birth.time != 0 && l->birth.boot != 0);
        assert(i == 0 || dir_stamp_compare(l[-1].birth, l->birth) < 0);
        assert(!dir_facts_deleted(f, l->birth));
        assert(dir_stamp_compare(l->used, l->birth) >= 0);
        assert(!l->ended || f->stone != 0);
        assert(dir_stamp_set(l->metadata.clock) || !l->metadata.blob);
        assert(dir_stamp_set(l->settings.clock) == (l->settings.blob != NULL));
        bool has_row = false;
        for (size_t k = 0; k < f->rows_count; k++) {
            has_row = has_row || dir_facts_rows(f)[k].boot == l->birth.boot;
        }
        for (size_t k = 0; k < i; k++) {
            has_row = has_row || dir_facts_lives(f)[k].birth.boot == l->birth.boot;
        }
        rows_after_delete += has_row ? 0 : 1;
    }
    assert(rows_after_delete <= MAX(f->rows_cap, 1));
    (void)rows_after_delete;
}

static void check_record(const struct dir *d, const struct dir_record *r) {
    check_facts(&r->facts);
    assert(r->name_len > 0 && r->name_len <= ROOM_NAME_BYTES_MAX);
    assert(r->bucket == dir_bucket_of(d, dir_record_name(r)));
    assert(dir_record_find_const(d, dir_record_name(r)) == r);
    assert(r->hash == dir_facts_hash(&r->facts, dir_record_name(r), &d->digest_key));
    assert(r->seq <= d->seq);
    assert(r->alive == dir_facts_alive(&r->facts));
    assert(dir_in(r, DIR_IN_BUCKET) && dir_in(r, DIR_IN_DEAD) == !r->alive);
    assert(r->in_digest || !r->alive);
    assert(dir_facts_newest(&r->facts) <= d->clock.last);
    if (!r->alive) {
        assert(heap_has(&r->deadline));
        return;
    }
    enum dir_end_reason reason;
    uint64_t due = dir_deadline_of(d, r, &reason);
    assert(due == UINT64_MAX || heap_has(&r->deadline));
    assert(due == UINT64_MAX || r->postponed || r->deadline.key <= due);
    (void)due;
}

/* The chain's links agree both ways and with its count. */
static void check_chain(const struct dir *d, const struct dir_chain *c, enum dir_list list) {
    uint32_t count = 0, before = 0;
    const struct dir_record *r = dir_chain_first(d, c);
    while (r) {
        assert(dir_in(r, list) && r->links[list].prev == before);
        before = r->self.index + 1;
        count++;
        r = dir_chain_next(d, r, list);
    }
    assert(count == c->count && before == c->tail);
    (void)count;
    (void)before;
}

static void check_buckets(const struct dir *d) {
    uint64_t records = 0;
    for (uint32_t b = 0; b < DIR_BUCKETS; b++) {
        const struct dir_bucket *bucket = &d->buckets[b];
        check_chain(d, &bucket->chain, DIR_IN_BUCKET);
        records += bucket->chain.count;
        uint64_t digest = 0;
        const struct dir_record *r = dir_chain_first(d, &bucket->chain);
        for (; r; r = dir_chain_next(d, r, DIR_IN_BUCKET)) {
            assert(r->bucket == b);
            digest += r->in_digest ? r->hash : 0;
        }
        assert(digest == bucket->digest);
        (void)digest;
    }
    assert(records == d->pool.count);
    (void)records;
}

void dir_check(const struct dir *d) {
    uint64_t alive = 0, records = 0, armed = 0;
    for (uint32_t i = 0; i < pool_extent(&d->pool); i++) {
        const struct dir_record *r = dir_record_at(d, i);
        if (r) {
            check_record(d, r);
            alive += r->alive;
            armed += heap_has(&r->deadline);
            records++;
        }
    }
    assert(alive == d->alive && records == d->pool.count && records == d->by_name.count);
    assert(d->dead.count == records - alive);
    assert(d->by_deadline.count == armed);
    (void)alive;
    (void)records;
    (void)armed;
    check_buckets(d);
    check_chain(d, &d->dead, DIR_IN_DEAD);
    check_chain(d, &d->delta, DIR_IN_DELTA);
    check_chain(d, &d->journal, DIR_IN_JOURNAL);
    heap_check(&d->by_deadline);
}

#ifdef STOA_CHECKS
void dir_after(struct dir *d) {
    enum { SMALL = 64, SOMETIMES = 16384 };
    /* Always while it is small; a large one is walked now and then. */
    if (d->pool.count <= SMALL || d->counts.steps % SOMETIMES == 0) {
        dir_check(d);
    }
}
#else
void dir_after(struct dir *d) {
    (void)d;
}
#endif
