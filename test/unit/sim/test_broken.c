/* Each checker is seen to object: a rule is broken, and within a bounded number of worlds it says
 * so, in its own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broken.h"
#include "sim.h"

enum broken_rule broken_rule = BROKEN_NONE;

struct breach {
    enum broken_rule rule;
    const char *objection; /* part of it */
    uint64_t worlds;       /* within so many */
    uint32_t tombstones_min;
};

static const struct breach breaches[] = {
    {BROKEN_ROUNDS, "do not agree", 20, 0},
    {BROKEN_CREATORS, "has lost a life", 300, 0},
    {BROKEN_PRESENCE, "tells that", 20, 0},
    {BROKEN_ACKS, "again that was deleted", 1500, 0},
    {BROKEN_DIGEST, "their digests differ", 20, 0},
    {BROKEN_BOUND, "tombstones", 20, 3},
    {BROKEN_OWED, "still owes", 20, 0},
    {BROKEN_HANDOVER, "not the home", 100, 0},
    {BROKEN_REASSERT, "not current", 300, 0},
    {BROKEN_RESTART, "after it was used", 50, 0},
    {BROKEN_LEAK, "never written", 100, 0},
};

/* The first seed whose world objects in these words; 0: none. */
static uint64_t find(const struct breach *b) {
    for (uint64_t seed = 1; seed <= b->worlds; seed++) {
        struct sim_config config = {
            .seed = seed, .story = true, .tombstones_min = b->tombstones_min};
        struct world *w = world_create(&config);
        assert_non_null(w);
        bool good = world_run(w);
        const char *objection = world_objection(w);
        bool found = !good && strstr(objection, b->objection);
        world_destroy(w);
        if (found) {
            return seed;
        }
    }
    return 0;
}

static void test_each_broken_rule_is_caught(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(breaches); i++) {
        broken_rule = breaches[i].rule;
        uint64_t seed = find(&breaches[i]);
        print_message("# %s: seed %lu\n", breaches[i].objection, (unsigned long)seed);
        assert_int_not_equal(seed, 0);
    }
}

/* Chance seldom asks a node in the moment in which it has just come up with nothing. */
static const char *ask_a_blank_node(struct world *w) {
    world_room(w, 0, 0, true);
    world_pass(w, 20000);
    world_crash(w, 1, CRASH_DISK_LOSS);
    world_start(w, 1);
    world_metadata(w, 1, 0);
    return world_objection(w);
}

static void test_a_blank_node_that_says_no_is_caught(void **state) {
    (void)state;
    static const enum broken_rule rules[] = {BROKEN_NONE, BROKEN_KNOWS};
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        broken_rule = rules[i];
        struct world *w = world_create(&(struct sim_config){.seed = 1, .nodes = 2});
        assert_non_null(w);
        const char *objection = ask_a_blank_node(w);
        assert_true(i == 0 ? !objection : objection && strstr(objection, "does not exist"));
        world_destroy(w);
    }
}

/* The same worlds, with the same code, are well when nothing is broken. */
static void test_nothing_broken_nothing_said(void **state) {
    (void)state;
    broken_rule = BROKEN_NONE;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_config config = {.seed = seed, .story = true};
        struct world *w = world_create(&config);
        assert_non_null(w);
        if (!world_run(w)) {
            fail_msg("seed %lu: %s", (unsigned long)seed, world_objection(w));
        }
        world_destroy(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_broken_rule_is_caught),
        cmocka_unit_test(test_a_blank_node_that_says_no_is_caught),
        cmocka_unit_test(test_nothing_broken_nothing_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
