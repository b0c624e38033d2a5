#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "aborts.h"
#include "list.h"

struct item {
    int value;
    struct list_node in_list;
};

static int value_of(struct list_node *n) {
    return container_of(n, struct item, in_list)->value;
}

static void assert_values(struct list *l, const int *want, size_t count) {
    size_t i = 0;
    list_each (n, l) {
        assert_true(i < count);
        assert_int_equal(value_of(n), want[i]);
        i++;
    }
    assert_int_equal(i, count);
    assert_int_equal(l->count, count);
}

static void setup(struct list *l, struct item *items, size_t count) {
    list_init(l);
    for (size_t i = 0; i < count; i++) {
        items[i].value = (int)i;
        list_node_init(&items[i].in_list);
    }
}

static void pushes_go_to_both_ends(void **state) {
    struct list l;
    struct item items[3];
    setup(&l, items, 3);
    assert_true(list_empty(&l));
    assert_null(list_first(&l));
    list_push_back(&l, &items[1].in_list);
    list_push_back(&l, &items[2].in_list);
    list_push_front(&l, &items[0].in_list);
    assert_values(&l, (const int[]){0, 1, 2}, 3);
    assert_false(list_empty(&l));
    assert_ptr_equal(list_first(&l), &items[0].in_list);
}

static void removed_nodes_are_free_again(void **state) {
    struct list l;
    struct item items[3];
    setup(&l, items, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_false(list_node_linked(&items[i].in_list));
        list_push_back(&l, &items[i].in_list);
        assert_true(list_node_linked(&items[i].in_list));
    }
    list_remove(&l, &items[1].in_list);
    assert_false(list_node_linked(&items[1].in_list));
    assert_values(&l, (const int[]){0, 2}, 2);
    list_push_front(&l, &items[1].in_list);
    assert_values(&l, (const int[]){1, 0, 2}, 3);
    list_remove(&l, &items[2].in_list);
    list_remove(&l, &items[1].in_list);
    list_remove(&l, &items[0].in_list);
    assert_true(list_empty(&l));
    assert_int_equal(l.count, 0);
}

static void the_current_node_may_go_in_a_safe_walk(void **state) {
    struct list l;
    struct item items[6];
    setup(&l, items, 6);
    for (size_t i = 0; i < 6; i++) {
        list_push_back(&l, &items[i].in_list);
    }
    list_each_safe (n, after, &l) {
        if (value_of(n) % 2 == 0) {
            list_remove(&l, n);
        }
    }
    assert_values(&l, (const int[]){1, 3, 5}, 3);
    list_each_safe (n, after, &l) {
        list_remove(&l, n);
    }
    assert_values(&l, NULL, 0);
}

static void misuse_is_asserted(void **state) {
    struct list l, other;
    struct item items[1];
    setup(&l, items, 1);
    list_init(&other);
    assert_aborts(list_remove(&l, &items[0].in_list));
    list_push_back(&l, &items[0].in_list);
    assert_aborts(list_push_back(&l, &items[0].in_list));
    assert_aborts(list_push_front(&other, &items[0].in_list));
    assert_aborts(list_remove(&other, &items[0].in_list));
    assert_aborts(list_remove(&l, &l.head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_go_to_both_ends),
        cmocka_unit_test(removed_nodes_are_free_again),
        cmocka_unit_test(the_current_node_may_go_in_a_safe_walk),
        cmocka_unit_test(misuse_is_asserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
