/* Seeds whose worlds objected once: sim/seeds/seeds.txt says what each taught. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sim.h"

static void test_seeds(void **state) {
    (void)state;
    FILE *file = fopen(SIM_SEEDS, "r");
    assert_non_null(file);
    char line[512];
    size_t count = 0;
    while (fgets(line, sizeof(line), file)) {
        uint64_t seed = strtoull(line, NULL, 10);
        if (line[0] == '#' || seed == 0) {
            continue;
        }
        struct sim_config config = {.seed = seed, .story = true};
        struct world *w = world_create(&config);
        assert_non_null(w);
        if (!world_run(w)) {
            fail_msg("seed %lu again: %s", (unsigned long)seed, world_objection(w));
        }
        world_destroy(w);
        count++;
    }
    fclose(file);
    assert_true(count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
