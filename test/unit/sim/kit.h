/* kit.h: what the directed histories of the simulator share.
 * Rooms end 20 s after nobody came and 10 s after the last one left, 25 s after their last host
 * fell silent. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim.h"

#define test(f) cmocka_unit_test(f)

enum { A, B, C };
enum { S = 1000, ROOM = 1 };

static inline struct world *make_with(struct sim_config config) {
    config.seed = 1;
    struct world *w = world_create(&config);
    assert_non_null(w);
    world_pass(w, 10 * S); /* they know each other */
    return w;
}

static inline struct world *make(uint32_t nodes) {
    return make_with((struct sim_config){.nodes = nodes});
}

static inline void done(struct world *w) {
    const char *objection = world_objection(w);
    if (objection) {
        fail_msg("%s", objection);
    }
    world_destroy(w);
}

static inline void settle(struct world *w, uint64_t ms) {
    if (!world_settle(w, ms)) {
        fail_msg("%s", world_objection(w));
    }
}

/* Joins and waits until it is in. */
static inline size_t enter(struct world *w, size_t node) {
    size_t client = world_join(w, node, ROOM);
    world_pass(w, 2 * S);
    assert_true(world_is_in(w, client));
    return client;
}

static inline void cut_off(struct world *w, size_t node, size_t nodes, bool cut) {
    for (size_t i = 0; i < nodes; i++) {
        if (i != node) {
            world_cut_both(w, node, i, cut);
        }
    }
}
