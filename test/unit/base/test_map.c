#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "map.h"
#include "mem.h"
#include "rng.h"

enum { MANY = 100 * 1000 };
static const struct hash_key KEY = {.k0 = 1, .k1 = 2};
static const uint8_t SEED[32] = {2};

struct thing {
    uint64_t number;
    bool held;
    struct map_node in_map;
};
static struct thing things[MANY];

static struct thing *thing_of(const struct map_node *n) {
    return container_of(n, struct thing, in_map);
}

static bool thing_equal(const struct map_node *n, struct slice key) {
    return slice_eq(slice_of(&thing_of(n)->number, sizeof(uint64_t)), key);
}

static struct slice key_of(const struct thing *t) {
    return slice_of(&t->number, sizeof(t->number));
}

static void put(struct map *m, struct thing *t) {
    map_insert(m, &t->in_map, key_of(t));
    t->held = true;
}

static void take(struct map *m, struct thing *t) {
    map_remove(m, &t->in_map);
    t->held = false;
}

static int setup(void **state) {
    for (size_t i = 0; i < MANY; i++) {
        things[i] = (struct thing){.number = i * 977};
    }
    return 0;
}

static void assert_holds_what_it_should(const struct map *m, size_t upto) {
    for (size_t i = 0; i < upto; i++) {
        struct map_node *n = map_find(m, key_of(&things[i]));
        assert_ptr_equal(n, things[i].held ? &things[i].in_map : NULL);
    }
}

static void found_is_what_was_put(void **state) {
    struct map m;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    assert_null(map_find(&m, key_of(&things[0])));
    assert_null(map_any(&m));
    put(&m, &things[0]);
    put(&m, &things[1]);
    assert_int_equal(m.count, 2);
    assert_holds_what_it_should(&m, 3);
    take(&m, &things[0]);
    assert_holds_what_it_should(&m, 3);
    assert_ptr_equal(map_any(&m), &things[1].in_map);
    put(&m, &things[0]);
    assert_holds_what_it_should(&m, 3);
    map_deinit(&m);
    assert_null(map_find(&m, key_of(&things[0])));
    map_deinit(&m);
    map_deinit(NULL);
}

static size_t bucket_index(const struct map *m, uint64_t hash) {
    size_t wide = hash & (2 * m->mask + 1);
    return wide < m->buckets ? wide : hash & m->mask;
}

struct chains {
    const struct map *map;
    uint8_t length[2 * MANY];
};

static void count_in_bucket(struct map_node *n, void *arg) {
    struct chains *c = arg;
    c->length[bucket_index(c->map, n->hash)]++;
}

static size_t longest_chain(const struct map *m) {
    static struct chains chains;
    size_t longest = 0;
    chains = (struct chains){.map = m};
    map_each(m, count_in_bucket, &chains);
    for (size_t i = 0; i < m->buckets; i++) {
        longest = MAX(longest, chains.length[i]);
    }
    return longest;
}

static void growth_keeps_pace_one_bucket_at_a_time(void **state) {
    struct map m;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    for (size_t i = 0; i < MANY; i++) {
        size_t buckets = m.buckets;
        put(&m, &things[i]);
        assert_in_range(m.buckets - buckets, 0, 1);
        assert_true(m.count <= m.buckets);
        assert_true(m.mask < m.buckets && m.buckets <= 2 * m.mask + 2);
        /* Around each doubling and the first new segments, and now and then. */
        if ((i & (i - 1)) == 0 || (i % 512 == 8 && i < 5000) || i % 9973 == 0) {
            assert_holds_what_it_should(&m, MIN(i + 10, (size_t)MANY));
        }
    }
    assert_int_equal(m.count, MANY);
    assert_in_range(longest_chain(&m), 1, 12);
    assert_holds_what_it_should(&m, MANY);
    map_deinit(&m);
}

static void a_reserved_map_is_as_wide_as_it_will_be(void **state) {
    struct map m;
    (void)state;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    map_reserve(&m, 5000);
    size_t wide = m.buckets;
    assert_true(wide >= 5000);
    for (size_t i = 0; i < 5000; i++) {
        put(&m, &things[i]);
    }
    assert_int_equal(m.buckets, wide);
    assert_holds_what_it_should(&m, 5000);
    map_reserve(&m, 10);    /* it is wider already */
    map_reserve(&m, 20000); /* nodes move along */
    map_ahead(&m, key_of(&things[0]));
    map_ahead(&m, key_of(&things[5000])); /* one that is not in */
    assert_holds_what_it_should(&m, 5000);
    map_deinit(&m);
}

static void removal_works_while_growing(void **state) {
    struct map m;
    struct rng r;
    size_t count = 0;
    rng_init(&r, SEED);
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    for (size_t i = 0; i < MANY; i++) {
        put(&m, &things[i]);
        count++;
        /* Every third step takes one out, from anywhere: split buckets and others. */
        struct thing *t = &things[rng_below(&r, i + 1)];
        if (i % 3 == 0 && t->held) {
            take(&m, t);
            count--;
            assert_null(map_find(&m, key_of(t)));
        }
        assert_int_equal(m.count, count);
    }
    assert_true(count < MANY * 3 / 4);
    assert_holds_what_it_should(&m, MANY);
    map_deinit(&m);
}

static void any_empties_a_map_and_stays_quick(void **state) {
    struct map m;
    size_t count = 0;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    for (size_t i = 0; i < MANY; i++) {
        put(&m, &things[i]);
    }
    for (struct map_node *n = map_any(&m); n; n = map_any(&m)) {
        assert_true(thing_of(n)->held);
        take(&m, thing_of(n));
        count++;
    }
    assert_int_equal(count, MANY);
    assert_int_equal(m.count, 0);
    put(&m, &things[5]);
    assert_ptr_equal(map_any(&m), &things[5].in_map);
    map_deinit(&m);
    assert_null(map_any(&m));
}

static void bytes_follow_the_buckets(void **state) {
    struct map m, zeroed = {0};
    assert_int_equal(map_bytes(&zeroed), 0);
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    assert_int_equal(map_bytes(&m), 8 * sizeof(void *)); /* an empty map is small */
    for (size_t i = 0; i < MANY; i++) {
        put(&m, &things[i]);
    }
    assert_in_range(map_bytes(&m), MANY * sizeof(void *), MANY * sizeof(void *) * 11 / 10);
    map_deinit(&m);
    assert_int_equal(map_bytes(&m), 0);
}

static void visit_count(struct map_node *n, void *arg) {
    size_t *count = arg;
    assert_true(thing_of(n)->held);
    (*count)++;
}

static void each_visits_all_once_also_while_growing(void **state) {
    struct map m;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    for (size_t i = 0; i < 1000; i++) {
        size_t count = 0;
        put(&m, &things[i]);
        map_each(&m, visit_count, &count);
        assert_int_equal(count, i + 1);
    }
    map_deinit(&m);
    size_t none = 0;
    map_each(&m, visit_count, &none);
    assert_int_equal(none, 0);
}

/* Same hash, other key: equal decides. */
static bool never_equal(const struct map_node *n, struct slice key) {
    return false;
}

static void equality_decides_not_the_hash(void **state) {
    struct map m;
    assert_int_equal(map_init(&m, KEY, never_equal), STATUS_OK);
    put(&m, &things[0]);
    assert_null(map_find(&m, key_of(&things[0])));
    map_deinit(&m);
}

static void removing_what_is_not_in_is_asserted(void **state) {
    struct map m;
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    assert_aborts(map_remove(&m, &things[0].in_map));
    put(&m, &things[1]);
    assert_aborts(map_remove(&m, &things[0].in_map));
    map_deinit(&m);
}

#ifdef STOA_MEM_FAULTS
static void without_memory_it_gets_slower_only(void **state) {
    uint64_t live = mem_live_blocks();
    struct map m;
    mem_fail_from(1);
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_NO_MEMORY);
    mem_fail_never();
    assert_int_equal(map_init(&m, KEY, thing_equal), STATUS_OK);
    size_t buckets = m.buckets;
    mem_fail_from(1);
    for (size_t i = 0; i < 1000; i++) {
        put(&m, &things[i]);
    }
    assert_int_equal(m.buckets, buckets);
    assert_holds_what_it_should(&m, 1010);
    mem_fail_never();
    for (size_t i = 1000; i < 5000; i++) {
        put(&m, &things[i]);
    }
    assert_true(m.buckets >= m.count); /* it caught up */
    assert_holds_what_it_should(&m, 5010);
    map_deinit(&m);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(found_is_what_was_put, setup),
        cmocka_unit_test_setup(growth_keeps_pace_one_bucket_at_a_time, setup),
        cmocka_unit_test_setup(a_reserved_map_is_as_wide_as_it_will_be, setup),
        cmocka_unit_test_setup(removal_works_while_growing, setup),
        cmocka_unit_test_setup(any_empties_a_map_and_stays_quick, setup),
        cmocka_unit_test_setup(bytes_follow_the_buckets, setup),
        cmocka_unit_test_setup(each_visits_all_once_also_while_growing, setup),
        cmocka_unit_test_setup(equality_decides_not_the_hash, setup),
        cmocka_unit_test_setup(removing_what_is_not_in_is_asserted, setup),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test_setup(without_memory_it_gets_slower_only, setup),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
