#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "mem.h"
#include "pool.h"

struct thing {
    uint64_t value;
    uint8_t rest[13];
};

static struct thing *take(struct pool *p, struct pool_ref *ret_ref) {
    struct thing *t = pool_take(p, ret_ref);
    assert_non_null(t);
    return t;
}

static void objects_are_zeroed_aligned_and_stay(void **state) {
    static const struct thing zero;
    struct pool p;
    struct pool_ref refs[1000];
    struct thing *things[1000];
    pool_init(&p, sizeof(struct thing), 1000);
    for (size_t i = 0; i < 1000; i++) {
        things[i] = take(&p, &refs[i]);
        assert_int_equal((uintptr_t)things[i] % 16, 0);
        assert_memory_equal(things[i], &zero, sizeof(zero));
        memset(things[i], 0xff, sizeof(zero));
        things[i]->value = i;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_ptr_equal(pool_resolve(&p, refs[i]), things[i]);
        assert_int_equal(things[i]->value, i);
    }
    assert_int_equal(p.count, 1000);
    pool_give(&p, refs[500]);
    assert_memory_equal(take(&p, &refs[500]), &zero, sizeof(zero)); /* zeroed when reused too */
    pool_deinit(&p);
}

static void the_bound_is_exact(void **state) {
    /* Below, at and above the size of a chunk. */
    static const uint32_t bounds[] = {1, 63, 64, 65, 130};
    for (size_t b = 0; b < ARRAY_LEN(bounds); b++) {
        struct pool p;
        struct pool_ref ref = {0}, untouched = {.index = 7, .generation = 7};
        pool_init(&p, sizeof(struct thing), bounds[b]);
        for (uint32_t i = 0; i < bounds[b]; i++) {
            memset(take(&p, &ref), 0xff, sizeof(struct thing));
        }
        assert_null(pool_take(&p, &untouched));
        assert_int_equal(untouched.index, 7);
        assert_int_equal(untouched.generation, 7);
        pool_give(&p, ref);
        (void)take(&p, &ref);
        assert_null(pool_take(&p, &untouched));
        pool_deinit(&p);
    }
}

static void stale_references_never_resolve(void **state) {
    struct pool p;
    struct pool_ref old, new;
    pool_init(&p, sizeof(struct thing), 10);
    assert_null(pool_resolve(&p, (struct pool_ref){0}));
    (void)take(&p, &old);
    assert_null(pool_resolve(&p, (struct pool_ref){0})); /* generations start at 1 */
    assert_int_equal(old.generation, 1);
    pool_give(&p, old);
    assert_null(pool_resolve(&p, old));
    struct thing *t = take(&p, &new);
    assert_int_equal(new.index, old.index); /* the same slot */
    assert_int_not_equal(new.generation, old.generation);
    assert_null(pool_resolve(&p, old));
    assert_ptr_equal(pool_resolve(&p, new), t);
    /* A reference that was never given: the next generation, an index beyond. */
    assert_null(pool_resolve(&p, (struct pool_ref){new.index, new.generation + 1}));
    assert_null(pool_resolve(&p, (struct pool_ref){5, 1}));
    assert_null(pool_resolve(&p, (struct pool_ref){UINT32_MAX, 1}));
    assert_aborts(pool_give(&p, old));
    pool_give(&p, new);
    assert_aborts(pool_give(&p, new)); /* twice */
    pool_deinit(&p);
}

static void a_spent_slot_is_not_used_again(void **state) {
    struct pool p;
    struct pool_ref ref, next;
    pool_init(&p, sizeof(struct thing), 10);
    uint8_t *object = (uint8_t *)take(&p, &ref);
    /* The slot's first word is its generation: set it as if given back 2^32 - 2 times. */
    uint32_t last = UINT32_MAX;
    memcpy(object - 16, &last, sizeof(last));
    ref.generation = last;
    assert_ptr_equal(pool_resolve(&p, ref), object);
    pool_give(&p, ref);
    assert_null(pool_resolve(&p, ref));
    (void)take(&p, &next);
    assert_int_not_equal(next.index, ref.index);
    pool_deinit(&p);
}

static void a_walk_by_index_meets_what_is_taken(void **state) {
    struct pool p;
    struct pool_ref refs[100], at = {.index = 9, .generation = 9};
    pool_init(&p, sizeof(struct thing), 100);
    assert_int_equal(pool_extent(&p), 0);
    for (uint32_t i = 0; i < 100; i++) {
        take(&p, &refs[i])->value = i;
    }
    pool_give(&p, refs[3]);
    pool_give(&p, refs[99]);
    assert_int_equal(pool_extent(&p), 100);
    assert_null(pool_at(&p, refs[3].index, &at));
    assert_int_equal(at.index, 9); /* untouched */
    uint32_t seen = 0;
    for (uint32_t i = 0; i < pool_extent(&p); i++) {
        struct thing *t = pool_at(&p, i, &at);
        if (t) {
            assert_int_equal(at.index, i);
            assert_ptr_equal(pool_resolve(&p, at), t);
            seen++;
        }
    }
    assert_int_equal(seen, 98);
    assert_aborts((void)pool_at(&p, 100, &at));
    pool_deinit(&p);
}

static void references_pack_into_a_word(void **state) {
    struct pool_ref r = {.index = 0xfffffffe, .generation = 0x12345678};
    assert_int_equal(pool_ref_pack(r), 0x12345678fffffffeu);
    struct pool_ref back = pool_ref_unpack(pool_ref_pack(r));
    assert_int_equal(back.index, r.index);
    assert_int_equal(back.generation, r.generation);
    assert_int_equal(pool_ref_pack((struct pool_ref){0}), 0);
}

static void pools_can_be_ended_at_any_time(void **state) {
    struct pool p, zeroed = {0};
    struct pool_ref ref;
    pool_init(&p, sizeof(struct thing), 1000);
    pool_deinit(&p);
    for (int i = 0; i < 200; i++) {
        (void)take(&p, &ref);
    }
    pool_deinit(&p); /* with objects taken */
    assert_null(pool_resolve(&p, ref));
    pool_deinit(&p);
    pool_deinit(&zeroed);
    pool_deinit(NULL);
    assert_aborts(pool_init(&p, 0, 1));
    assert_aborts(pool_init(&p, 1, 0));
}

#ifdef STOA_MEM_FAULTS
static void no_memory_is_like_full_and_passes(void **state) {
    uint64_t live = mem_live_blocks();
    struct pool p;
    struct pool_ref ref;
    pool_init(&p, sizeof(struct thing), 10000);
    for (uint64_t nth = 1; nth <= 2; nth++) { /* the array of chunks, then the chunk */
        mem_fail_from(nth);
        assert_null(pool_take(&p, &ref));
        mem_fail_never();
    }
    for (int i = 0; i < 512; i++) {
        (void)take(&p, &ref);
    }
    mem_fail_from(1);
    assert_null(pool_take(&p, &ref));
    assert_int_equal(p.count, 512);
    pool_give(&p, ref);
    assert_non_null(pool_take(&p, &ref)); /* reuse needs no memory */
    mem_fail_never();
    (void)take(&p, &ref);
    assert_int_equal(p.count, 513);
    pool_deinit(&p);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_stay),
        cmocka_unit_test(the_bound_is_exact),
        cmocka_unit_test(stale_references_never_resolve),
        cmocka_unit_test(a_spent_slot_is_not_used_again),
        cmocka_unit_test(a_walk_by_index_meets_what_is_taken),
        cmocka_unit_test(references_pack_into_a_word),
        cmocka_unit_test(pools_can_be_ended_at_any_time),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(no_memory_is_like_full_and_passes),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
