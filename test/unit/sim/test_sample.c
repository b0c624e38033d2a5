/* A sample of worlds: `./dev sim` runs more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

static void test_sample(void **state) {
    (void)state;
    struct sim_counts faults = {0};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct sim_config config = {.seed = seed, .story = true};
        struct world *w = world_create(&config);
        assert_non_null(w);
        if (!world_run(w)) {
            fail_msg("./dev sim --first %lu --seeds 1 --trace: %s", (unsigned long)seed,
                     world_objection(w));
        }
        for (size_t i = 0; i < SIM_FAULT_KINDS; i++) {
            faults.faults[i] += world_counts(w)->faults[i];
        }
        world_destroy(w);
    }
    for (size_t i = 0; i < SIM_FAULT_KINDS; i++) {
        assert_int_not_equal(faults.faults[i], 0); /* each of them was met */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sample)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
