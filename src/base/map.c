#include <string.h>

#include "map.h"
#include "mem.h"

/* Linear hashing: buckets are added one at a time, each by splitting the next in turn, so the table
 * is always about as wide as it holds nodes and never rehashed as a whole. */
enum {
    MAP_BUCKETS_FIRST = 8, /* every room has a map, and most rooms are small */
    MAP_SEGMENT_BUCKETS = 512,
    MAP_SEGMENTS_FIRST = 8,
    MAP_SPLITS_PER_INSERT = 2, /* one keeps pace; two catch up after memory was short */
};

enum status map_init(struct map *m, struct hash_key key, map_equal equal) {
    assert(equal);
    struct map_node **first = mem_calloc(MAP_BUCKETS_FIRST, sizeof(struct map_node *));
    if (!first) {
        return STATUS_NO_MEMORY;
    }
    *m = (struct map){
        .key = key,
        .equal = equal,
        .first = first,
        .buckets = MAP_BUCKETS_FIRST,
        .mask = MAP_BUCKETS_FIRST - 1,
    };
    return STATUS_OK;
}

/* Segments behind the first one. */
static size_t more_count(const struct map *m) {
    return m->buckets == 0 ? 0 : (m->buckets - 1) / MAP_SEGMENT_BUCKETS;
}

void map_deinit(struct map *m) {
    if (m) {
        for (size_t i = 0; i < more_count(m); i++) {
            mem_free(m->more[i]);
        }
        mem_free(m->more);
        mem_free(m->first);
        *m = (struct map){.key = m->key, .equal = m->equal};
    }
}

static struct map_node **bucket_at(const struct map *m, size_t i) {
    assert(i < m->buckets);
    if (i < MAP_SEGMENT_BUCKETS) {
        return &m->first[i];
    }
    return &m->more[i / MAP_SEGMENT_BUCKETS - 1][i % MAP_SEGMENT_BUCKETS];
}

/* One bit more of the hash counts where its bucket has been split. */
static size_t bucket_of(const struct map *m, uint64_t hash) {
    size_t wide = hash & (2 * m->mask + 1);
    return wide < m->buckets ? wide : hash & m->mask;
}

/* The first segment doubles until it is as large as all others are. */
static bool widen_first(struct map *m) {
    size_t have = m->buckets;
    struct map_node **first = mem_realloc(m->first, 2 * have * sizeof(*first));
    if (!first) {
        return false;
    }
    memset(first + have, 0, have * sizeof(*first));
    m->first = first;
    return true;
}

static bool add_segment(struct map *m) {
    size_t place = more_count(m);
    if (place == m->more_cap) {
        size_t cap = MAX((size_t)MAP_SEGMENTS_FIRST, 2 * m->more_cap);
        struct map_node ***more = mem_realloc(m->more, cap * sizeof(*more));
        if (!more) {
            return false;
        }
        m->more = more;
        m->more_cap = cap;
    }
    m->more[place] = mem_calloc(MAP_SEGMENT_BUCKETS, sizeof(struct map_node *));
    return m->more[place] != NULL;
}

/* Memory for one bucket behind the last. */
static bool reserve_bucket(struct map *m) {
    if (m->buckets < MAP_SEGMENT_BUCKETS) {
        bool full = m->buckets == m->mask + 1;
        return !full || widen_first(m);
    }
    return m->buckets % MAP_SEGMENT_BUCKETS != 0 || add_segment(m);
}

/* Adds a bucket and moves into it what belongs there from the one it is split off. */
static bool split_next(struct map *m) {
    if (!reserve_bucket(m)) {
        return false;
    }
    size_t made = m->buckets++;
    size_t wide_mask = 2 * m->mask + 1;
    struct map_node **from = bucket_at(m, made - (m->mask + 1)), **to = bucket_at(m, made);
    while (*from) {
        struct map_node *n = *from;
        if ((n->hash & wide_mask) == made) {
            *from = n->next;
            n->next = *to;
            *to = n;
        } else {
            from = &n->next;
        }
    }
    if (m->buckets > wide_mask) {
        m->mask = wide_mask;
    }
    return true;
}

/* Without memory the chains get longer, and the next insert tries again. */
static void grow(struct map *m) {
    for (int i = 0; i < MAP_SPLITS_PER_INSERT && m->count > m->buckets; i++) {
        if (!split_next(m)) {
            return;
        }
    }
}

void map_reserve(struct map *m, size_t nodes) {
    while (m->buckets < nodes && split_next(m)) {
    }
}

struct map_node *map_find(const struct map *m, struct slice key) {
    if (m->count == 0) {
        return NULL;
    }
    uint64_t hash = hash64(&m->key, key);
    struct map_node *n = *bucket_at(m, bucket_of(m, hash));
    while (n && (n->hash != hash || !m->equal(n, key))) {
        n = n->next;
    }
    return n;
}

void map_insert(struct map *m, struct map_node *n, struct slice key) {
    assert(m->first);
    n->hash = hash64(&m->key, key);
    struct map_node **bucket = bucket_at(m, bucket_of(m, n->hash));
    n->next = *bucket;
    *bucket = n;
    m->count++;
    grow(m);
}

void map_remove(struct map *m, struct map_node *n) {
    assert(m->count > 0);
    size_t bucket = bucket_of(m, n->hash);
    struct map_node **at = bucket_at(m, bucket);
    while (*at && *at != n) {
        at = &(*at)->next;
    }
    assert(*at == n);
    *at = n->next;
    n->next = NULL;
    m->any_hint = bucket;
    m->count--;
}

void map_ahead(const struct map *m, struct slice key) {
    __builtin_prefetch(bucket_at(m, bucket_of(m, hash64(&m->key, key))), 1);
}

void map_warm(const struct map *m, const struct map_node *n) {
    __builtin_prefetch(bucket_at(m, bucket_of(m, n->hash)), 1);
}

struct map_node *map_any(const struct map *m) {
    size_t i = m->any_hint;
    for (size_t tried = 0; m->count > 0 && tried < m->buckets; tried++) {
        struct map_node *n = *bucket_at(m, i);
        if (n) {
            return n;
        }
        i = i + 1 == m->buckets ? 0 : i + 1;
    }
    assert(m->count == 0);
    return NULL;
}

void map_each(const struct map *m, void (*visit)(struct map_node *node, void *arg), void *arg) {
    for (size_t i = 0; i < m->buckets; i++) {
        struct map_node *n = *bucket_at(m, i);
        while (n) {
            struct map_node *next = n->next;
            visit(n, arg);
            n = next;
        }
    }
}

size_t map_bytes(const struct map *m) {
    size_t first = MIN(m->buckets == m->mask + 1 ? m->buckets : 2 * (m->mask + 1),
                       (size_t)MAP_SEGMENT_BUCKETS);
    size_t buckets = m->buckets == 0 ? 0 : first + more_count(m) * MAP_SEGMENT_BUCKETS;
    return buckets * sizeof(*m->first) + m->more_cap * sizeof(*m->more);
}
