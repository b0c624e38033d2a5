/* A seed is a whole world: the same twice, message for message, and another one for another seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hash.h"
#include "sim.h"

struct told {
    uint64_t hash, lines;
};

static void on_line(void *arg, const char *line) {
    static const struct hash_key key = {3, 4};
    struct told *t = arg;
    t->hash = t->hash * 31 + hash64(&key, slice_from_cstr(line));
    t->lines++;
}

static uint64_t run(uint64_t seed, struct told *told) {
    struct sim_config config = {
        .seed = seed, .story = true, .trace = told ? on_line : NULL, .trace_arg = told};
    struct world *w = world_create(&config);
    assert_non_null(w);
    assert_true(world_run(w));
    uint64_t hash = world_hash(w);
    world_destroy(w);
    return hash;
}

static void test_the_same_twice(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct told first = {0}, second = {0};
        uint64_t hash = run(seed, &first);
        assert_int_equal(run(seed, &second), hash);
        assert_int_equal(first.hash, second.hash);
        assert_true(first.lines > 20);
        assert_int_equal(run(seed, NULL), hash); /* telling changes nothing */
    }
}

static void test_another_seed_is_another_world(void **state) {
    (void)state;
    assert_int_not_equal(run(1, NULL), run(2, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_twice),
        cmocka_unit_test(test_another_seed_is_another_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
