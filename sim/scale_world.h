/* scale_world.h: nodes, the ways between them and time; the files scale*.c and nobody else.
 * Owns: see the fields. */
#pragma once

#include "node.h"
#include "rng.h"
#include "scale.h"

enum {
    SCALE_NODES_MAX = 1000,
    SCALE_NEAR_MS = 1,  /* between two nodes of a region, one way */
    SCALE_NEXT_MS = 5,  /* to the next region of the ring */
    SCALE_FAR_MS = 200, /* to the one across */
    SCALE_WHEEL_MS = 256,
};
static_assert(SCALE_WHEEL_MS > SCALE_FAR_MS, "who arrives at the same place arrives together");

/* One text, on its way to many. */
struct scale_letter {
    uint32_t left, len;
    uint8_t bytes[];
};
struct scale_flight {
    struct scale_flight *next;
    struct scale_letter *letter;
    uint16_t from, to;
};
struct scale_lane {
    struct scale_flight *first, *last;
};

struct scale_node {
    struct node_config config;
    struct metrics metrics;
    /* owned */ struct node *node; /* NULL: it does not run */
    uint64_t due_ms;
    bool stale;   /* it stepped since due_ms was asked for */
    bool touched; /* it stepped in this millisecond: it may have learned something */
    uint64_t bytes[CM_KINDS], messages[CM_KINDS]; /* that it got */
};

struct scale_world {
    struct scale_config config;
    uint32_t nodes;
    struct scale_node parts[SCALE_NODES_MAX];
    struct effects fx;
    struct scale_lane wheel[SCALE_WHEEL_MS]; /* what arrives in a millisecond, in order */
    uint64_t now_ms;
    struct rng rng;
    uint64_t until_loss;       /* so many messages arrive before the next one is lost */
    uint32_t cut;              /* the region that nobody outside reaches; regions: none */
    uint64_t ns[CM_KINDS + 1]; /* spent in steps, by kind of message; the last: in all others */
    bool failed;
};

must_check struct scale_world *scale_world_create(const struct scale_config *config);
struct scale_world *scale_world_destroy(struct scale_world *w);
/* Another process of this node, with nothing. */
void scale_world_start(struct scale_world *w, uint32_t at);
void scale_world_stop(struct scale_world *w, uint32_t at);
void scale_world_step(struct scale_world *w, uint32_t at, struct node_event *ev);
/* A millisecond. */
void scale_world_pass(struct scale_world *w);
struct dir_time scale_world_time(const struct scale_world *w);
static inline uint32_t scale_region(const struct scale_world *w, uint32_t at) {
    return at / w->config.nodes_each;
}
