#include "caps.h"
#include "dir_priv.h"
#include "mem.h"
#include "metrics.h"

enum { EMPTY_S = 300, DEPARTURE_S = 20, LOST_S = 60, TOMBSTONE_S = 120, TOMBSTONES_MIN = 100000 };

void dir_config_init(struct dir_config *cfg) {
    *cfg = (struct dir_config){
        .rooms_max = ROOMS_MAX,
        .defaults = {.empty_timeout_s = EMPTY_S, .departure_timeout_s = DEPARTURE_S},
        .lost_timeout_s = LOST_S,
        .tombstone_ttl_s = TOMBSTONE_S,
        .tombstones_min = TOMBSTONES_MIN,
    };
}

static bool name_equal(const struct map_node *n, struct slice key) {
    return slice_eq(dir_record_name(container_of(n, struct dir_record, in_map)), key);
}

/* One key for each use, so that no hash of one kind says anything about another. */
static struct hash_key derive_key(const uint8_t cluster_key[16], struct slice purpose) {
    struct hash_key key = {0};
    for (unsigned i = 0; i < 8; i++) {
        key.k0 = key.k0 << 8 | cluster_key[i];
        key.k1 = key.k1 << 8 | cluster_key[8 + i];
    }
    struct hash128 h = hash128(&key, purpose);
    return (struct hash_key){.k0 = h.lo, .k1 = h.hi};
}

static void derive_keys(struct dir *d) {
    const uint8_t *secret = d->cfg.cluster_key;
    d->sid_key = derive_key(secret, SLICE_LIT("sid"));
    d->digest_key = derive_key(secret, SLICE_LIT("digest"));
    d->bucket_key = derive_key(secret, SLICE_LIT("bucket"));
    d->turn_key = derive_key(secret, SLICE_LIT("turn password"));
    d->rank_key = derive_key(secret, SLICE_LIT("rank"));
}

struct dir *dir_create(const struct dir_config *cfg, struct dir_time t) {
    assert(cfg->boot != 0 && cfg->rooms_max > 0);
    struct dir *d = mem_zalloc(sizeof(*d));
    if (!d) {
        return NULL;
    }
    d->cfg = *cfg;
    d->cfg.rooms_max = MIN(cfg->rooms_max, (uint64_t)ROOMS_MAX);
    /* Twice: living rooms, those that peers make at the same time, and tombstones. */
    uint64_t slots = 2 * d->cfg.rooms_max + cfg->tombstones_min;
    pool_init(&d->pool, sizeof(struct dir_record), (uint32_t)MIN(slots, (uint64_t)UINT32_MAX / 2));
    heap_init(&d->by_deadline);
    dir_clock_init(&d->clock, cfg->boot);
    dir_clock_see(&d->clock, MIN(t.wall_ms, DIR_TIME_MAX_MS) << DIR_STAMP_COUNTER_BITS);
    derive_keys(d);
    d->buckets = mem_calloc(DIR_BUCKETS, sizeof(*d->buckets));
    d->members = mem_calloc(DIR_MEMBERS_MAX, sizeof(*d->members));
    if (!d->buckets || !d->members ||
        map_init(&d->by_name, cfg->map_key, name_equal) != STATUS_OK) {
        return dir_destroy(d);
    }
    return d;
}

void dir_expect(struct dir *d, uint64_t rooms) {
    map_reserve(&d->by_name, (size_t)MIN(rooms, d->cfg.rooms_max));
}

struct dir *dir_destroy(struct dir *d) {
    if (!d) {
        return NULL;
    }
    for (uint32_t i = 0; i < pool_extent(&d->pool); i++) {
        struct dir_record *r = dir_record_at(d, i);
        if (r) {
            dir_facts_deinit(&r->facts);
            mem_free(r->name);
        }
    }
    for (size_t i = 0; i < d->members_count; i++) {
        mem_free(d->members[i].acked);
    }
    map_deinit(&d->by_name);
    heap_deinit(&d->by_deadline);
    pool_deinit(&d->pool);
    mem_free(d->members);
    mem_free(d->buckets);
    mem_free(d);
    return NULL;
}

void dir_counts_get(const struct dir *d, struct dir_time t, struct dir_counts *ret_counts) {
    struct dir_counts c = d->counts;
    uint64_t next = heap_next_key(&d->by_deadline);
    c.rooms = d->alive;
    c.records = d->pool.count;
    c.tombstones = d->dead.count;
    c.overdue_ms = next < t.mono_ms ? t.mono_ms - next : 0;
    c.delta_dirty = d->delta.count;
    c.journal_dirty = d->journal.count;
    c.bytes += sizeof(*d) + DIR_BUCKETS * sizeof(*d->buckets) +
               d->by_deadline.cap * sizeof(*d->by_deadline.entries) + map_bytes(&d->by_name) +
               d->members_count * DIR_BUCKETS * sizeof(uint64_t);
    *ret_counts = c;
}

void dir_metrics_set(const struct dir *d, struct dir_time t, struct metrics *m) {
    struct dir_counts c;
    dir_counts_get(d, t, &c);
    metric_set(&m->dir_rooms, c.rooms);
    metric_set(&m->dir_tombstones, c.tombstones);
    metric_set(&m->dir_overdue_ms, c.overdue_ms);
    metric_set(&m->dir_scan_found, c.scan_found);
    metric_set(&m->dir_bytes, c.bytes);
    metric_set(&m->dir_created, c.created);
    metric_set(&m->dir_ended, c.ended);
    metric_set(&m->dir_deleted, c.deleted);
    metric_set(&m->dir_merged, c.merged);
    metric_set(&m->dir_refused_skew, c.refused_skew);
    metric_set(&m->dir_refused_malformed, c.refused_malformed);
    metric_set(&m->dir_refused_full, c.refused_full);
    metric_set(&m->dir_forgotten, c.forgotten);
    metric_set(&m->dir_collected, c.collected);
    metric_set(&m->dir_tombstones_forced, c.tombstones_forced);
    metric_set(&m->dir_lives_forced, c.lives_forced);
    metric_set(&m->dir_delta_owed, c.delta_dirty);
    metric_set(&m->dir_journal_owed, c.journal_dirty);
}
