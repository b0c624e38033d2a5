/* sim.h: a whole world of nodes, clocks, networks, disks and people, from one number.
 * Owns: the nodes it steps (the real node_step), and everything around them.
 * Never: reads a clock, entropy, file or socket: time is its own, randomness comes from the seed.
 * Invariant: the same configuration gives the same run, message for message (world_hash).
 * Source: docs/DIRECTORY.md; what is checked is in check.c and truth.c, apart from the code.
 * Callers: main.c (stoa-sim), tests. */
#pragma once

#include "buf.h"
#include "node.h"

enum { SIM_NODES_MAX = 5, SIM_ROOMS_MAX = 24, SIM_CLIENTS_MAX = 48 };

/* Faults, and how often each happened. */
#define SIM_FAULTS(F)                                                                              \
    F(LOST, "messages lost")                                                                       \
    F(REPEATED, "messages repeated")                                                               \
    F(LATE, "messages late by seconds")                                                            \
    F(CUT, "cuts, both ways")                                                                      \
    F(ONE_WAY, "cuts, one way")                                                                    \
    F(BUS, "bus outages")                                                                          \
    F(KILLED, "processes killed")                                                                  \
    F(POWER, "power lost")                                                                         \
    F(DISK_LOST, "disks lost")                                                                     \
    F(DISK_FULL, "disks full")                                                                     \
    F(DISK_SLOW, "disks slow")                                                                     \
    F(FROZEN, "processes frozen")                                                                  \
    F(SKEWED, "clocks off")                                                                        \
    F(JUMPED, "clocks set")                                                                        \
    F(DRAINED, "nodes stopped in order")                                                           \
    F(EXPELLED, "worlds that expel the silent")

enum sim_fault {
#define F(name, text) SIM_##name,
    SIM_FAULTS(F)
#undef F
        SIM_FAULT_KINDS
};
extern const char *const sim_fault_names[SIM_FAULT_KINDS];

struct sim_config {
    uint64_t seed;
    uint32_t nodes;   /* 0: the seed says */
    bool story;       /* people and faults by the seed; else only what the caller does */
    uint32_t minutes; /* of the story; 0: the seed says */
    uint32_t member_ttl_s, tombstones_min, lost_timeout_s; /* 0: the simulator's own */
    uint32_t empty_s, departure_s; /* of rooms that nobody says more of; 0: the simulator's own */
    bool no_journal;
    /* A line of the trace; NULL: none is made. */
    void (*trace)(void *arg, const char *line);
    void *trace_arg;
};

struct sim_counts {
    uint64_t faults[SIM_FAULT_KINDS];
    uint64_t steps, messages, bytes, calls, joins, ends, deletes, checks;
    /* Residuals, see docs/DIRECTORY.md. Rooms that ended while a join was on its way; that an
     * island ended at home while somebody had come in on the other side; with somebody in at a node
     * that could not be heard. */
    uint64_t early, island_ends, unheard_ends;
    uint64_t simulated_ms;
};

struct world;
struct world *world_create(const struct sim_config *config); /* NULL: no memory */
struct world *world_destroy(struct world *w);
/* The story, healing, and the end of all rooms; with the checks between. False: see objection. */
must_check bool world_run(struct world *w);
/* What a checker said first; NULL: nothing. */
const char *world_objection(const struct world *w);
uint64_t world_hash(const struct world *w);
const struct sim_counts *world_counts(const struct world *w);

/* ---- directed histories ---- */
uint64_t world_ms(const struct world *w);
void world_pass(struct world *w, uint64_t ms);
/* Messages from a to b are lost from now on (bus and direct), or arrive again. */
void world_cut(struct world *w, size_t a, size_t b, bool cut);
void world_cut_both(struct world *w, size_t a, size_t b, bool cut);
void world_bus(struct world *w, bool up);    /* the direct ways stay */
void world_direct(struct world *w, bool up); /* the bus stays */
void world_skew(struct world *w, size_t node, int64_t ms);
enum sim_crash { CRASH_KILL, CRASH_POWER_LOSS, CRASH_DISK_LOSS };
void world_crash(struct world *w, size_t node, enum sim_crash how);
void world_start(struct world *w, size_t node);
/* Rooms are numbers; "forever": none of its timeouts runs out. */
void world_room(struct world *w, size_t node, size_t room, bool forever);
void world_delete(struct world *w, size_t node, size_t room);
void world_metadata(struct world *w, size_t node, size_t room);
size_t world_join(struct world *w, size_t node, size_t room); /* a client */
void world_leave(struct world *w, size_t client);
bool world_is_in(const struct world *w, size_t client);
size_t world_where(const struct world *w, size_t client); /* the node */
bool world_alive(const struct world *w, size_t node, size_t room);
uint64_t world_home(const struct world *w, size_t node, size_t room); /* boot; 0: none */
uint32_t world_participants(const struct world *w, size_t node, size_t room);
struct node *world_node(const struct world *w, size_t node); /* NULL: down */
uint64_t world_finished(const struct world *w);              /* room_finished told so far */
/* All is healed, then so much time passes; then the nodes agree, or a checker objects. */
must_check bool world_settle(struct world *w, uint64_t ms);
