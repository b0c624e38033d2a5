#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "aborts.h"
#include "mem.h"

static void blocks_are_usable_and_zeroed_where_promised(void **state) {
    uint8_t *plain = mem_alloc(100);
    assert_non_null(plain);
    memset(plain, 0xff, 100);
    mem_free(plain);
    uint8_t *zeroed = mem_zalloc(100), *array = mem_calloc(25, 4);
    assert_non_null(zeroed);
    assert_non_null(array);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(zeroed[i], 0);
        assert_int_equal(array[i], 0);
    }
    mem_free(zeroed);
    mem_free(array);
    mem_free(NULL);
}

static void nothing_is_a_size_too(void **state) {
    void *blocks[] = {mem_alloc(0), mem_zalloc(0), mem_calloc(0, 8), mem_calloc(8, 0),
                      mem_realloc(NULL, 0)};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        assert_non_null(blocks[i]);
        mem_free(blocks[i]);
    }
}

static void calloc_sees_overflow(void **state) {
    /* Volatile: the compiler would otherwise warn about sizes known to be absurd. */
    volatile size_t half = SIZE_MAX / 2;
    assert_null(mem_calloc(half, 3));
    assert_null(mem_calloc(3, half));
}

static void absurd_sizes_are_refused(void **state) {
    volatile size_t huge = SIZE_MAX;
    assert_null(mem_alloc(huge));
    assert_null(mem_zalloc(huge - 100));
    assert_null(mem_calloc(1, huge / 2));
    void *p = mem_alloc(8);
    assert_null(mem_realloc(p, huge));
    assert_null(mem_realloc(NULL, huge));
    mem_free(p); /* it stayed valid */
}

static void realloc_keeps_the_content(void **state) {
    uint8_t *p = mem_realloc(NULL, 4);
    assert_non_null(p);
    memcpy(p, "abcd", 4);
    p = mem_realloc(p, 4000);
    assert_non_null(p);
    assert_memory_equal(p, "abcd", 4);
    p = mem_realloc(p, 2);
    assert_memory_equal(p, "ab", 2);
    p = mem_realloc(p, 0); /* does not free */
    assert_non_null(p);
    mem_free(p);
}

#ifdef STOA_MEM_FAULTS
static void each_door_can_be_made_to_fail(void **state) {
    void *kept = mem_alloc(8);
    assert_non_null(kept);
    mem_fail_from(1);
    assert_null(mem_alloc(1));
    assert_null(mem_zalloc(1));
    assert_null(mem_calloc(1, 1));
    assert_null(mem_realloc(NULL, 1));
    assert_null(mem_realloc(kept, 16));
    mem_fail_never();
    memset(kept, 1, 8); /* still valid */
    mem_free(kept);
}

static void failing_starts_at_the_nth_and_goes_on(void **state) {
    mem_fail_from(3);
    void *first = mem_alloc(1), *second = mem_zalloc(1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(mem_alloc(1));
    assert_null(mem_alloc(1));
    mem_fail_never();
    void *later = mem_alloc(1);
    assert_non_null(later);
    mem_free(first);
    mem_free(second);
    mem_free(later);
    assert_aborts(mem_fail_from(0));
}

static void live_blocks_count_what_is_not_freed(void **state) {
    uint64_t before = mem_live_blocks();
    void *a = mem_alloc(1), *b = mem_calloc(2, 2);
    assert_int_equal(mem_live_blocks(), before + 2);
    a = mem_realloc(a, 100);
    assert_non_null(a);
    assert_int_equal(mem_live_blocks(), before + 2);
    mem_free(a);
    mem_free(NULL);
    assert_int_equal(mem_live_blocks(), before + 1);
    mem_free(b);
    assert_int_equal(mem_live_blocks(), before);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_usable_and_zeroed_where_promised),
        cmocka_unit_test(nothing_is_a_size_too),
        cmocka_unit_test(calloc_sees_overflow),
        cmocka_unit_test(absurd_sizes_are_refused),
        cmocka_unit_test(realloc_keeps_the_content),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_door_can_be_made_to_fail),
        cmocka_unit_test(failing_starts_at_the_nth_and_goes_on),
        cmocka_unit_test(live_blocks_count_what_is_not_freed),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
