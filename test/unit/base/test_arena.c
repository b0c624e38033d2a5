#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "arena.h"
#include "mem.h"

static void allocations_are_aligned_and_apart(void **state) {
    struct arena a;
    uint8_t *blocks[200];
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        blocks[i] = arena_alloc(&a, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) { /* chunks came and nothing moved */
        for (size_t at = 0; at < i; at++) {
            assert_int_equal(blocks[i][at], (uint8_t)i);
        }
    }
    assert_false(a.failed);
    arena_deinit(&a);
}

static void the_bound_is_exact_and_failure_sticks(void **state) {
    struct arena a;
    arena_init(&a, 100); /* not a multiple of 16 */
    assert_non_null(arena_alloc(&a, 96));
    assert_non_null(arena_alloc(&a, 4));
    assert_false(a.failed);
    assert_null(arena_alloc(&a, 1));
    assert_true(a.failed);
    arena_reset(&a);
    assert_false(a.failed);
    assert_int_equal(a.used_bytes, 0);
    assert_null(arena_alloc(&a, 101));
    assert_true(a.failed);
    assert_non_null(arena_alloc(&a, 100)); /* failed tells; it does not forbid */
    assert_true(a.failed);
    arena_deinit(&a);
    assert_aborts(arena_init(&a, 0));
}

static void absurd_sizes_are_refused(void **state) {
    struct arena a;
    arena_init(&a, SIZE_MAX);
    volatile size_t huge = SIZE_MAX;
    assert_null(arena_alloc(&a, huge));
    assert_null(arena_alloc(&a, huge - 15));
    assert_null(arena_alloc(&a, huge - 64));
    assert_null(arena_cstr(&a, slice_of("", huge)));
    assert_true(a.failed);
    arena_deinit(&a);
}

static void zalloc_zeroes_reused_memory(void **state) {
    static const uint8_t zeros[64];
    struct arena a;
    arena_init(&a, 1000);
    void *dirty = arena_alloc(&a, 64);
    assert_non_null(dirty);
    memset(dirty, 0xff, 64);
    arena_reset(&a);
    void *again = arena_zalloc(&a, 64);
    assert_ptr_equal(again, dirty); /* the chunk was kept */
    assert_memory_equal(again, zeros, 64);
    assert_null(arena_zalloc(&a, 1000));
    arena_deinit(&a);
}

static void large_chunks_are_not_kept(void **state) {
    struct arena a;
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 500 * 1024));
    assert_non_null(a.chunks);
    arena_reset(&a);
    assert_non_null(a.chunks); /* the small one */
    assert_non_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 500 * 1024));
    arena_reset(&a);
    arena_deinit(&a);
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 500 * 1024));
    arena_reset(&a);
    assert_null(a.chunks);
    arena_deinit(&a);
    assert_null(a.chunks);
}

static void copies_are_copies(void **state) {
    struct arena a;
    char source[] = "text";
    arena_init(&a, 64);
    struct slice copy = arena_copy(&a, slice_of(source, 4));
    char *text = arena_cstr(&a, slice_of(source, 4));
    source[0] = 'X';
    assert_true(slice_eq_cstr(copy, "text"));
    assert_string_equal(text, "text");
    assert_string_equal(arena_cstr(&a, (struct slice){0}), "");
    assert_int_equal(arena_copy(&a, (struct slice){0}).len, 0);
    assert_false(a.failed);
    assert_int_equal(arena_copy(&a, SLICE_LIT("too long for what is left")).len, 0);
    assert_true(a.failed);
    assert_null(arena_cstr(&a, SLICE_LIT("too long for what is left")));
    arena_deinit(&a);
    arena_deinit(NULL);
    struct arena zeroed = {0};
    arena_deinit(&zeroed);
}

#ifdef STOA_MEM_FAULTS
static void no_memory_is_a_failure_that_sticks(void **state) {
    uint64_t live = mem_live_blocks();
    struct arena a;
    arena_init(&a, 1 << 20);
    mem_fail_from(2);
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, 1000));
    assert_true(a.failed);
    assert_int_equal(arena_copy(&a, SLICE_LIT("longer than the sixteen bytes left")).len, 0);
    mem_fail_never();
    assert_non_null(arena_alloc(&a, 1000));
    arena_deinit(&a);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(the_bound_is_exact_and_failure_sticks),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(zalloc_zeroes_reused_memory),
        cmocka_unit_test(large_chunks_are_not_kept),
        cmocka_unit_test(copies_are_copies),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(no_memory_is_a_failure_that_sticks),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
