#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "aborts.h"
#include "heap.h"
#include "mem.h"
#include "rng.h"

enum { NODES = 500 };
static const uint8_t SEED[32] = {1};

static void an_empty_heap_has_nothing_due(void **state) {
    struct heap h;
    struct heap_node n = {0};
    heap_init(&h);
    assert_null(heap_peek(&h));
    assert_null(heap_pop(&h));
    assert_true(heap_next_key(&h) == UINT64_MAX);
    heap_remove(&h, &n); /* not in: nothing */
    heap_check(&h);
    heap_deinit(&h);
    heap_deinit(&h);
    heap_deinit(NULL);
}

static void pops_come_in_order_of_keys(void **state) {
    static const uint64_t keys[] = {5, 3, UINT64_MAX, 0, 3, 8, 1, 1ull << 40};
    struct heap_node nodes[ARRAY_LEN(keys)] = {0};
    struct heap h;
    heap_init(&h);
    assert_int_equal(heap_reserve(&h, ARRAY_LEN(keys)), STATUS_OK);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_false(heap_has(&nodes[i]));
        heap_set(&h, &nodes[i], keys[i]);
        assert_true(heap_has(&nodes[i]));
        heap_check(&h);
    }
    uint64_t before = 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_true(heap_next_key(&h) == heap_peek(&h)->key);
        struct heap_node *n = heap_pop(&h);
        assert_true(n->key >= before);
        assert_false(heap_has(n));
        before = n->key;
        heap_check(&h);
    }
    assert_int_equal(h.count, 0);
    heap_deinit(&h);
}

static void a_node_moves_when_its_key_changes(void **state) {
    struct heap_node a = {0}, b = {0}, c = {0};
    struct heap h;
    heap_init(&h);
    assert_int_equal(heap_reserve(&h, 3), STATUS_OK);
    heap_set(&h, &a, 10);
    heap_set(&h, &b, 20);
    heap_set(&h, &c, 30);
    heap_set(&h, &c, 5); /* up */
    assert_ptr_equal(heap_peek(&h), &c);
    heap_set(&h, &c, 25); /* down */
    assert_ptr_equal(heap_peek(&h), &a);
    heap_set(&h, &a, 10); /* where it is */
    assert_ptr_equal(heap_peek(&h), &a);
    assert_int_equal(h.count, 3);
    heap_remove(&h, &a);
    heap_remove(&h, &a);
    assert_ptr_equal(heap_pop(&h), &b);
    assert_ptr_equal(heap_pop(&h), &c);
    heap_deinit(&h);
}

static const struct heap_node *least_of(const struct heap_node *nodes) {
    const struct heap_node *least = NULL;
    for (size_t i = 0; i < NODES; i++) {
        if (heap_has(&nodes[i]) && (!least || nodes[i].key < least->key)) {
            least = &nodes[i];
        }
    }
    return least;
}

static void order_survives_random_changes(void **state) {
    static struct heap_node nodes[NODES];
    struct heap h;
    struct rng r;
    uint32_t count = 0;
    rng_init(&r, SEED);
    heap_init(&h);
    assert_int_equal(heap_reserve(&h, NODES), STATUS_OK);
    for (int step = 0; step < 20000; step++) {
        struct heap_node *n = &nodes[rng_below(&r, NODES)];
        switch (rng_below(&r, 4)) {
        case 0:
            count -= heap_has(n);
            heap_remove(&h, n);
            break;
        case 1: count -= heap_pop(&h) != NULL; break;
        default:
            count += !heap_has(n);
            heap_set(&h, n, rng_below(&r, 1000));
            break;
        }
        heap_check(&h);
        assert_int_equal(h.count, count);
        if (step % 50 == 0 && count > 0) {
            assert_int_equal(heap_next_key(&h), least_of(nodes)->key);
        }
    }
    heap_deinit(&h);
}

static void an_insert_without_a_reserved_place_is_asserted(void **state) {
    struct heap_node n = {0};
    struct heap h;
    heap_init(&h);
    assert_aborts(heap_set(&h, &n, 1));
    assert_int_equal(heap_reserve(&h, 0), STATUS_OK);
    assert_aborts(heap_set(&h, &n, 1));
    heap_deinit(&h);
}

static void check_sees_a_broken_order(void **state) {
    struct heap_node a = {0}, b = {0};
    struct heap h;
    heap_init(&h);
    assert_int_equal(heap_reserve(&h, 2), STATUS_OK);
    heap_set(&h, &a, 1);
    heap_set(&h, &b, 2);
    a.key = 3;
    assert_aborts(heap_check(&h));
    a.key = 1;
    heap_check(&h);
    b.place = 1;
    assert_aborts(heap_check(&h));
    heap_deinit(&h);
}

#ifdef STOA_MEM_FAULTS
static void reserve_fails_without_harm(void **state) {
    uint64_t live = mem_live_blocks();
    static struct heap_node nodes[NODES];
    struct heap h;
    heap_init(&h);
    mem_fail_from(1);
    assert_int_equal(heap_reserve(&h, 1), STATUS_NO_MEMORY);
    mem_fail_never();
    assert_int_equal(heap_reserve(&h, 10), STATUS_OK);
    for (size_t i = 0; i < 10; i++) {
        heap_set(&h, &nodes[i], 10 - i);
    }
    mem_fail_from(1);
    assert_int_equal(heap_reserve(&h, 10), STATUS_OK); /* is there already */
    assert_int_equal(heap_reserve(&h, NODES), STATUS_NO_MEMORY);
    mem_fail_never();
    heap_check(&h);
    assert_int_equal(h.count, 10);
    assert_int_equal(heap_pop(&h)->key, 1);
    heap_deinit(&h);
    assert_int_equal(mem_live_blocks(), live);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_nothing_due),
        cmocka_unit_test(pops_come_in_order_of_keys),
        cmocka_unit_test(a_node_moves_when_its_key_changes),
        cmocka_unit_test(order_survives_random_changes),
        cmocka_unit_test(an_insert_without_a_reserved_place_is_asserted),
        cmocka_unit_test(check_sees_a_broken_order),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(reserve_fails_without_harm),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
