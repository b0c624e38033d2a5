/* scale.h: a large cluster of real nodes in regions, for what it costs and how fast it heals.
 * Owns: nothing.
 * Never: draws conclusions; docs/SCALE.md does.
 * Invariant: the same config gives the same run, message for message; only the processor time in
 *   the result differs.
 * Source: docs/SCALE.md.
 * Callers: scale.c, test_scale. */
#pragma once

#include "cluster_message.h"

struct scale_config {
    uint32_t regions, nodes_each; /* nodes_each: of a region */
    uint32_t rooms;               /* each node holds them all */
    uint32_t writes_s;            /* of all nodes together: 5 uses, a create and a delete in turn */
    uint32_t loss_ppm;            /* of a million messages so many are lost */
    uint32_t steady_s, cut_s;
    uint64_t seed;
    void (*say)(const char *what, uint64_t now_ms); /* NULL: nobody hears how far it is */
};

struct scale_lag {
    uint64_t count, p50_ms, p99_ms, p999_ms, max_ms;
};
/* What one node got, on average. */
struct scale_traffic {
    uint64_t ms;
    double bytes_s[CM_KINDS], messages_s[CM_KINDS];
    double core[CM_KINDS]; /* share of a core, for messages of that kind */
    double core_ticks;     /* and for all that no message asked for */
};
struct scale_heal {
    bool agreed;
    uint64_t ms;
    double bytes; /* that a node of the region got */
};
struct scale_result {
    uint32_t nodes;
    uint64_t writes, rooms_end, tombstones_end;
    uint64_t meet_ms, fill_ms; /* until each hears each; until all hold all rooms */
    struct scale_traffic steady;
    struct scale_lag one;   /* of a write, until one other node has it */
    struct scale_lag all;   /* and until each node has it */
    uint64_t missing;       /* pairs of a write and a node that had not met at the end */
    uint64_t cut_writes;    /* while the region was cut off */
    struct scale_heal back; /* the region returns with what it had */
    struct scale_heal anew; /* and with nothing */
    uint64_t node_bytes;    /* of memory, as the directory counts it: all structures of it */
    uint64_t resync_asked;  /* nodes that were told to forget: none should be */
};
/* False: without memory, or the nodes never met. */
must_check bool scale_run(const struct scale_config *config, struct scale_result *ret_result);

/* What a room, a write and a return cost among four nodes, and reckoned for many: prints. */
void scale_costs(uint64_t rooms);
