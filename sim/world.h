/* world.h: a world from inside; the files of sim and nobody else.
 * Owns: see the fields. */
#pragma once

#include "heap.h"
#include "model.h"
#include "sim.h"

#include "livekit_room.pb-c.h"

enum {
    SIM_LIVES_MAX = 512, /* that a world remembers; it stops to create rooms at the bound */
    SIM_WRITES_MAX = 512,
    SIM_OPS_MAX = 128,
    SIM_SYNC_MS = 50, /* what a power cut takes back */
    SIM_DISK_MARKS = 4096,
};
#define SIM_START_MS UINT64_C(1700000000000)

struct sim_rng {
    uint64_t state;
};
uint64_t sim_u64(struct sim_rng *r);
uint64_t sim_below(struct sim_rng *r, uint64_t bound);           /* [0, bound), bound > 0 */
uint64_t sim_between(struct sim_rng *r, uint64_t a, uint64_t b); /* [a, b] */
bool sim_chance(struct sim_rng *r, uint32_t per_mille);

/* ---- time ---- */
enum sim_event_kind {
    SE_TICK,    /* a node wants its EV_TICK */
    SE_DELIVER, /* a message arrives */
    SE_JOIN,    /* a client's join arrives at a node */
    SE_UP,      /* a client's transport is connected */
    SE_WRITTEN, /* the disk has what it was given */
    SE_STORY,   /* the next turn of the story */
    SE_UNDO,    /* a fault ends */
};
struct sim_event {
    struct heap_node at; /* in microseconds */
    enum sim_event_kind kind;
    size_t node;
    uint64_t incarnation; /* of the node; another one: nobody is there to take it */
    uint64_t a, b;
    size_t len;
    bool mine;      /* part of a machine: not freed */
    uint8_t *bytes; /* behind it, in the same piece of memory */
};

/* ---- machines ---- */
struct sim_disk {
    struct buf log; /* owned: [clock 64][length 32][batch] ... */
    struct {
        size_t start;
        uint64_t ms;
    } marks[SIM_DISK_MARKS]; /* the last appends: what is not synced yet */
    size_t marks_count;
    uint64_t gaps;
    bool full;
    uint32_t slow_ms;
};
struct machine {
    struct node_config config;
    struct metrics metrics;
    /* owned */ struct node *node; /* NULL: down */
    struct effects fx;
    struct sim_event tick;
    uint64_t id, incarnation;
    uint64_t started_ms; /* true time */
    uint64_t last_mono_ms;
    int64_t skew_ms;
    int32_t drift_ppm;
    uint64_t frozen_until_ms;
    uint64_t written;                      /* sequence told last */
    bool told_well, stopping, began_blank; /* blank: nothing was on its disk */
    struct sim_disk disk;
    /* kept beside the journal */
    struct node_member known[SIM_NODES_MAX];
    size_t known_count;
    int64_t correction_ms;
    /* truth: when this node was last told that the room is to stay, by room */
    uint64_t kept_ms[SIM_ROOMS_MAX];
};

/* ---- people ---- */
enum client_state { CLIENT_FREE, CLIENT_COMING, CLIENT_IN };
struct client {
    enum client_state state;
    size_t node, room;
    uint64_t conn, transport;
    uint64_t joined_ms;
    struct model_stamp birth; /* the room's identity when it came in */
};
enum op_kind { OP_CREATE, OP_DELETE, OP_METADATA };
struct op { /* an API call that is not answered yet */
    enum op_kind kind;
    uint64_t conn;
    size_t node, room, write;
    uint64_t incarnation, ms;
    size_t births_count;
    struct model_stamp births[16]; /* CREATE: current after it; DELETE: held before it */
};

/* ---- truth ---- */
struct truth_life {
    size_t room;
    struct model_stamp birth;
    struct ident sid;   /* as it was told when this life was the identity */
    bool forever;       /* none of its timeouts runs out */
    bool acked;         /* somebody was told that it exists */
    bool deleted;       /* somebody was told that it does not, by a node that saw it */
    bool maybe_deleted; /* a delete was not answered, or its only copy was lost */
    bool lost;          /* each copy of it was lost, or whoever has it may return and let it go */
    uint64_t acked_ms;  /* when somebody first was */
};
struct truth_write {
    size_t room;
    size_t births_count;
    struct model_stamp births[16]; /* current where it was written */
};

struct world {
    struct sim_config config;
    struct sim_rng rng;
    struct heap events;
    uint64_t now_us;
    size_t nodes;
    struct machine machines[SIM_NODES_MAX];
    bool cut[SIM_NODES_MAX][SIM_NODES_MAX];
    uint64_t bad_ms[SIM_NODES_MAX][SIM_NODES_MAX]; /* when messages were last kept from arriving */
    uint64_t skew_most_ms;
    bool bus_down, direct_down, calm; /* calm: no fault by chance */
    uint32_t loss, repeat, late;      /* per mille */
    uint32_t delay_ms[SIM_NODES_MAX][SIM_NODES_MAX];
    uint32_t allowed; /* faults of this story, by bit */
    uint64_t story_end_ms;
    uint64_t next_conn;
    struct client clients[SIM_CLIENTS_MAX];
    struct op ops[SIM_OPS_MAX];
    size_t ops_count;
    struct truth_life lives[SIM_LIVES_MAX];
    size_t lives_count;
    struct truth_write writes[SIM_WRITES_MAX];
    size_t writes_count;
    uint64_t finished;
    uint32_t empty_s, departure_s, lost_s, ttl_s;
    struct sim_counts counts;
    uint64_t hash;
    char objection[512];
    bool objected;
    /* scratch */
    struct buf bytes, other;
    struct model_record record;
    uint64_t stepping_transport; /* the first that the step opened */
    unsigned stepping_status;    /* of the call that this step is; 0: not answered yet */
    uint64_t stepping_op;        /* conn of the call that this step is, 0: none */
};

/* world.c */
struct sim_event *world_event(struct world *w, enum sim_event_kind kind, uint64_t delay_us,
                              struct slice bytes);
printf_like(2, 3) void world_trace(struct world *w, const char *fmt, ...);
void world_mix(struct world *w, uint64_t a, uint64_t b);
/* The first objection of a checker stays. */
printf_like(2, 3) void world_object(struct world *w, const char *fmt, ...);
const char *world_room_name(size_t room, char out[16]);
void world_run_until(struct world *w, uint64_t ms);

/* machine.c */
void machine_init(struct world *w, size_t node);
void machine_deinit(struct world *w, size_t node);
void machine_start(struct world *w, size_t node);
void machine_crash(struct world *w, size_t node, enum sim_crash how);
void machine_step(struct world *w, size_t node, struct node_event *ev);
void machine_tick(struct world *w, size_t node);
struct dir_time machine_time(const struct world *w, const struct machine *m);
/* The record of a room at a node, alive or dead. False: down, or it has none. */
bool machine_record(struct world *w, size_t node, size_t room, struct model_record *ret_record);
bool machine_up(const struct world *w, size_t node);

/* disk.c */
void disk_take(struct world *w, size_t node); /* after a step: what is owed to it */
void disk_written(struct world *w, size_t node, uint64_t sequence);
void disk_crash(struct world *w, size_t node, enum sim_crash how);
void disk_load(struct world *w, size_t node);
/* The newest record of the name on it. */
bool disk_record(struct world *w, size_t node, size_t room, struct model_record *ret_record);

/* net.c */
void net_send(struct world *w, size_t from, uint64_t to, bool direct, struct slice bytes);
void net_deliver(struct world *w, const struct sim_event *e);
/* Messages from a to b are kept away now; remembered by net_was_bad for a while. */
void net_look(struct world *w);
bool net_was_bad(const struct world *w, size_t from, size_t to, uint64_t within_ms);
bool net_reaches(const struct world *w, size_t from, size_t to, bool direct);

/* people.c */
void people_effect(struct world *w, size_t node, const struct effect *e);
size_t people_join(struct world *w, size_t node, size_t room);
void people_arrive(struct world *w, const struct sim_event *e);
void people_up(struct world *w, const struct sim_event *e);
void people_leave(struct world *w, size_t client);
void people_crashed(struct world *w, size_t node);
void people_call(struct world *w, size_t node, enum op_kind kind, size_t room, bool forever);

/* story.c */
void story_begin(struct world *w);
void story_turn(struct world *w);
void story_undo(struct world *w, const struct sim_event *e);
void story_heal(struct world *w);

/* truth.c */
void truth_before(struct world *w, struct op *op);
void truth_after(struct world *w, struct op *op, const struct op *before, bool forever);
void truth_answered(struct world *w, struct op *op, unsigned status);
void truth_unanswered(struct world *w, const struct op *op);
void truth_came_in(struct world *w, struct client *c);
void truth_finished(struct world *w, size_t node, const struct fx_note *note);
void truth_crashed(struct world *w, size_t node, enum sim_crash how, bool was_well);
void truth_healed(struct world *w); /* cuts end: what only one node holds may be forgotten by it */

/* check.c */
void check_step(struct world *w, size_t node);
void check_agreement(struct world *w);
void check_people(struct world *w);
void check_ended(struct world *w);
void check_drained(struct world *w);
void check_missing(struct world *w, size_t node, size_t room); /* it says that there is none */
