#include "dir_priv.h"

struct dir_stamp dir_clock_now(struct dir *d, struct dir_time t) {
    return dir_clock_tick(&d->clock, t.wall_ms);
}

uint64_t dir_clock_last(const struct dir *d) {
    return d->clock.last;
}

static bool is_skewed(uint64_t time, struct dir_time t) {
    return dir_time_to_ms(time) > t.wall_ms + DIR_SKEW_MAX_MS;
}

void dir_clock_load(struct dir *d, uint64_t time) {
    dir_clock_see(&d->clock, MIN(time, DIR_TIME_MAX_MS << DIR_STAMP_COUNTER_BITS));
}

bool dir_clock_observe(struct dir *d, struct dir_time t, uint64_t time) {
    if (is_skewed(time, t)) {
        return false;
    }
    dir_clock_see(&d->clock, time);
    return true;
}

struct dir_seen dir_record_see(const struct dir_record *r) {
    struct dir_seen s = {0};
    const struct dir_life *identity = r ? dir_facts_current_at(&r->facts, 0) : NULL;
    if (identity) {
        struct dir_value metadata = dir_facts_metadata(&r->facts);
        struct dir_value settings = dir_facts_settings(&r->facts);
        s.alive = true;
        s.identity = identity->birth;
        s.metadata = metadata.clock;
        s.settings = settings.clock;
        s.metadata_hash = metadata.blob ? metadata.blob->hash : 0;
        s.settings_hash = settings.blob ? settings.blob->hash : 0;
    }
    return s;
}

static bool same_values(const struct dir_seen *a, const struct dir_seen *b) {
    return dir_stamp_equal(a->metadata, b->metadata) && dir_stamp_equal(a->settings, b->settings) &&
           a->metadata_hash == b->metadata_hash && a->settings_hash == b->settings_hash;
}

void dir_record_follow(struct dir *d, struct dir_record *r, struct dir_time t,
                       enum dir_origin origin, const struct dir_seen *before, bool rose) {
    struct dir_seen after = dir_record_see(r);
    if (after.alive && !before->alive) {
        dir_deadline_begin(r, t);
    } else if (after.alive) {
        if (!dir_stamp_equal(after.identity, before->identity)) {
            dir_deadline_rebirth(r, t);
        }
        if (rose) {
            dir_deadline_restart(r, t);
        }
    }
    struct dir_stamp home = dir_facts_home(&r->facts);
    if (dir_stamp_set(home) && home.boot != d->clock.boot) {
        r->departed = true; /* somebody was in, over there */
        r->lost = r->lost || origin == DIR_FROM_JOURNAL;
    }
    uint16_t lives = r->facts.lives_count;
    dir_record_bound_lives(d, r);
    bool closed = r->facts.lives_count != lives; /* a write of our own: peers must learn it */
    dir_record_changed(d, r, t, closed ? DIR_FROM_HERE : origin);
}

/* Joins the facts into the record, if there is one (`r`), or a new one. */
static enum status merge_facts(struct dir *d, struct dir_record *r, struct slice name,
                               struct dir_facts *facts, struct dir_record **ret_record,
                               struct dir_effect *ret_effect) {
    if (r) {
        enum status s = dir_facts_merge(&r->facts, facts, ret_effect);
        if (s == STATUS_OK) {
            *ret_record = r;
        }
        return s;
    }
    enum status s = dir_record_make(d, name, ret_record);
    if (s == STATUS_OK) {
        (*ret_record)->facts = *facts; /* joined with nothing they stay what they are */
        dir_facts_init(facts);
        *ret_effect = (struct dir_effect){.rose = dir_facts_alive(&(*ret_record)->facts)};
    }
    return s;
}

/* A tombstone that was collected here is not taken again, or it would go round for ever. */
static bool is_forgotten(const struct dir *d, struct slice name, const struct dir_facts *facts) {
    return !dir_facts_alive(facts) && !dir_record_find_const(d, name) &&
           facts->stone <= d->buckets[dir_bucket_of(d, name)].dropped;
}

static enum status merge_decoded(struct dir *d, struct dir_time t, struct slice name,
                                 struct dir_facts *facts, enum dir_origin origin,
                                 struct dir_merged *ret_merged) {
    uint64_t newest = dir_facts_newest(facts);
    struct dir_record *r = dir_record_find(d, name);
    uint64_t hash_before = r ? r->hash : 0;
    struct dir_seen before = dir_record_see(r);
    bool known = r != NULL;
    struct dir_effect effect;
    enum status s = merge_facts(d, r, name, facts, &r, &effect);
    if (s != STATUS_OK) {
        d->counts.refused_full++;
        return s;
    }
    dir_clock_see(&d->clock, newest);
    d->counts.merged++;
    struct dir_merged m = {.name = name, .result = DIR_MERGE_SAME};
    if (known && dir_facts_hash(&r->facts, name, &d->digest_key) == hash_before) {
        d->counts.merge_same++;
        m.was_alive = m.is_alive = before.alive;
    } else {
        dir_record_follow(d, r, t, origin, &before, effect.rose);
        struct dir_seen after = dir_record_see(r);
        m.result = DIR_MERGE_CHANGED;
        m.was_alive = before.alive;
        m.is_alive = after.alive;
        m.sid_changed =
            before.alive && after.alive && !dir_stamp_equal(before.identity, after.identity);
        m.visible_changed = after.alive && !same_values(&before, &after);
        m.life_ended = effect.ended;
        dir_record_settle(d, r);
    }
    *ret_merged = m;
    return STATUS_OK;
}

enum status dir_record_lacks(const struct dir *d, struct slice encoded, struct slice *ret_name,
                             struct dir_stamp *ret_births, size_t *ret_count) {
    _cleanup_(dir_facts_deinit) struct dir_facts facts = {0};
    enum status s = dir_facts_decode(encoded, &d->digest_key, ret_name, &facts);
    if (s != STATUS_OK) {
        return s;
    }
    const struct dir_record *r = dir_record_find_const(d, *ret_name);
    size_t count = 0;
    for (size_t i = 0; i < facts.lives_count; i++) {
        struct dir_stamp birth = dir_facts_lives(&facts)[i].birth;
        if (!r || (!dir_facts_find(&r->facts, birth) && !dir_facts_deleted(&r->facts, birth))) {
            ret_births[count++] = birth;
        }
    }
    *ret_count = count;
    return STATUS_OK;
}

static enum status merge_bytes(struct dir *d, struct dir_time t, struct slice encoded,
                               enum dir_origin origin, struct dir_merged *ret_merged) {
    _cleanup_(dir_facts_deinit) struct dir_facts facts = {0};
    struct slice name;
    enum status s = dir_facts_decode(encoded, &d->digest_key, &name, &facts);
    if (s == STATUS_MALFORMED) {
        d->counts.refused_malformed++;
    } else if (s != STATUS_OK) {
        d->counts.refused_full++;
    }
    if (s != STATUS_OK) {
        return s;
    }
    if (origin == DIR_FROM_PEER) {
        bool skewed = is_skewed(dir_facts_newest(&facts), t);
        if (skewed || is_forgotten(d, name, &facts)) {
            d->counts.refused_skew += skewed;
            d->counts.forgotten += !skewed;
            *ret_merged = (struct dir_merged){
                .name = name,
                .result = skewed ? DIR_MERGE_SKEWED : DIR_MERGE_FORGOTTEN,
            };
            return STATUS_OK;
        }
    }
    s = merge_decoded(d, t, name, &facts, origin, ret_merged);
    dir_after(d);
    return s;
}

enum status dir_merge(struct dir *d, struct dir_time t, struct slice encoded,
                      struct dir_merged *ret_merged) {
    return merge_bytes(d, t, encoded, DIR_FROM_PEER, ret_merged);
}

void dir_load_ahead(const struct dir *d, struct slice encoded) {
    struct slice name;
    if (dir_encoded_name(encoded, &name) != STATUS_OK) {
        return; /* dir_load will say so */
    }
    map_ahead(&d->by_name, name);
    uint32_t tail = d->buckets[dir_bucket_of(d, name)].chain.tail;
    if (tail > 0) {
        pool_warm(&d->pool, tail - 1); /* the new record is linked behind it */
    }
}

enum status dir_load(struct dir *d, struct dir_time t, struct slice encoded) {
    struct dir_merged merged;
    return merge_bytes(d, t, encoded, DIR_FROM_JOURNAL, &merged);
}
