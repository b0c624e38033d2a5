#include "map.h"
#include "mem.h"

enum {
    MAP_BUCKETS_FIRST = 16,
    /* Growth starts at one node a bucket and doubles, so 4 buckets moved at each change empty the
     * old table long before the new one is full. */
    MAP_BUCKETS_PER_MOVE = 4,
};

static bool table_make(struct map_table *t, size_t buckets) {
    struct map_node **made = mem_calloc(buckets, sizeof(*made));
    if (!made) {
        return false;
    }
    *t = (struct map_table){.buckets = made, .mask = buckets - 1};
    return true;
}

static void table_drop(struct map_table *t) {
    mem_free(t->buckets);
    *t = (struct map_table){0};
}

static void table_put(struct map_table *t, struct map_node *n) {
    struct map_node **bucket = &t->buckets[n->hash & t->mask];
    n->next = *bucket;
    *bucket = n;
}

enum status map_init(struct map *m, struct hash_key key, map_equal equal) {
    assert(equal);
    struct map made = {.key = key, .equal = equal};
    if (!table_make(&made.now, MAP_BUCKETS_FIRST)) {
        return STATUS_NO_MEMORY;
    }
    *m = made;
    return STATUS_OK;
}

void map_deinit(struct map *m) {
    if (m) {
        table_drop(&m->now);
        table_drop(&m->old);
        *m = (struct map){.key = m->key, .equal = m->equal};
    }
}

/* The old table's bucket for this hash while it is still to be moved, else NULL. */
static struct map_node **old_bucket(const struct map *m, uint64_t hash) {
    if (!m->old.buckets || (hash & m->old.mask) < m->old_next) {
        return NULL;
    }
    return &m->old.buckets[hash & m->old.mask];
}

static void move_some(struct map *m) {
    for (int i = 0; i < MAP_BUCKETS_PER_MOVE && m->old.buckets; i++) {
        struct map_node *n = m->old.buckets[m->old_next];
        while (n) {
            struct map_node *next = n->next;
            table_put(&m->now, n);
            n = next;
        }
        if (m->old_next++ == m->old.mask) {
            table_drop(&m->old);
        }
    }
}

/* Without memory the chains get longer and the next insert tries again. */
static void grow(struct map *m) {
    struct map_table larger;
    size_t buckets = m->now.mask + 1;
    if (buckets > SIZE_MAX / 2 || !table_make(&larger, buckets * 2)) {
        return;
    }
    m->old = m->now;
    m->now = larger;
    m->old_next = 0;
    m->any_hint = 0;
}

static struct map_node *find_in(const struct map *m, struct map_node *n, uint64_t hash,
                                struct slice key) {
    while (n && (n->hash != hash || !m->equal(n, key))) {
        n = n->next;
    }
    return n;
}

struct map_node *map_find(const struct map *m, struct slice key) {
    if (m->count == 0) {
        return NULL;
    }
    uint64_t hash = hash64(&m->key, key);
    struct map_node *n = find_in(m, m->now.buckets[hash & m->now.mask], hash, key);
    if (!n) {
        struct map_node **old = old_bucket(m, hash);
        n = old ? find_in(m, *old, hash, key) : NULL;
    }
    return n;
}

void map_insert(struct map *m, struct map_node *n, struct slice key) {
    assert(m->now.buckets);
    n->hash = hash64(&m->key, key);
    move_some(m);
    if (!m->old.buckets && m->count > m->now.mask) {
        grow(m);
    }
    table_put(&m->now, n);
    m->count++;
}

static bool unlink_from(struct map_node **at, const struct map_node *n) {
    while (*at && *at != n) {
        at = &(*at)->next;
    }
    if (!*at) {
        return false;
    }
    *at = n->next;
    return true;
}

void map_remove(struct map *m, struct map_node *n) {
    assert(m->count > 0);
    struct map_node **old = old_bucket(m, n->hash);
    size_t bucket = n->hash & m->now.mask;
    bool found = unlink_from(&m->now.buckets[bucket], n) || (old && unlink_from(old, n));
    assert(found);
    (void)found;
    n->next = NULL;
    m->any_hint = bucket;
    m->count--;
    move_some(m);
}

struct map_node *map_any(const struct map *m) {
    if (m->count == 0) {
        return NULL;
    }
    for (size_t i = m->old_next; m->old.buckets && i <= m->old.mask; i++) {
        if (m->old.buckets[i]) {
            return m->old.buckets[i];
        }
    }
    for (size_t i = 0; i <= m->now.mask; i++) {
        struct map_node *n = m->now.buckets[(m->any_hint + i) & m->now.mask];
        if (n) {
            return n;
        }
    }
    assert(false);
    return NULL;
}

static void each_in(const struct map_table *t, size_t from,
                    void (*visit)(struct map_node *node, void *arg), void *arg) {
    for (size_t i = from; t->buckets && i <= t->mask; i++) {
        struct map_node *n = t->buckets[i];
        while (n) {
            struct map_node *next = n->next;
            visit(n, arg);
            n = next;
        }
    }
}

void map_each(const struct map *m, void (*visit)(struct map_node *node, void *arg), void *arg) {
    each_in(&m->old, m->old_next, visit, arg);
    each_in(&m->now, 0, visit, arg);
}
