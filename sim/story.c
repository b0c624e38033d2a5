#include "world.h"

/* What happens in a world that its seed invents: people, and what breaks. Each world has its own
 * mixture, so that some see one kind of fault only, and often. */

enum undo { UNDO_CUT, UNDO_BUS, UNDO_DISK, UNDO_CRASH, UNDO_STOP };

static bool allowed(const struct world *w, enum sim_fault f) {
    return (w->allowed & BIT(f)) != 0;
}

static struct sim_event *undo(struct world *w, enum undo what, uint64_t after_ms) {
    struct sim_event *e = world_event(w, SE_UNDO, after_ms * 1000, (struct slice){0});
    e->a = (uint64_t)what;
    return e;
}

static size_t any_node(struct world *w) {
    return sim_below(&w->rng, w->nodes);
}

/* ---- beginnings ---- */

static void note_skew(struct world *w) {
    for (size_t i = 0; i < w->nodes; i++) {
        int64_t skew_ms = w->machines[i].skew_ms;
        w->skew_most_ms = MAX(w->skew_most_ms, (uint64_t)(skew_ms < 0 ? -skew_ms : skew_ms));
    }
}

static void set_clocks(struct world *w) {
    static const int64_t ways[][3] = {
        {0, 0, 0},      {0, 0, 0},       {-30000, 30000, 0},
        {0, 200000, 0}, {0, -200000, 0}, {0, 30000, 85000},
    };
    size_t way = allowed(w, SIM_SKEWED) ? sim_below(&w->rng, ARRAY_LEN(ways)) : 0;
    for (size_t i = 0; i < w->nodes; i++) {
        w->machines[i].drift_ppm = (int32_t)sim_below(&w->rng, 401) - 200;
        w->machines[i].skew_ms = i < 3 ? ways[way][i] : 0;
    }
    w->counts.faults[SIM_SKEWED] += way > 1;
    note_skew(w);
}

void story_begin(struct world *w) {
    uint64_t minutes = w->config.minutes ? w->config.minutes : sim_between(&w->rng, 1, 4);
    w->allowed = (uint32_t)sim_u64(&w->rng);
    if (sim_chance(&w->rng, 100)) {
        w->allowed = 0; /* people alone */
    }
    w->loss = allowed(w, SIM_LOST) ? (uint32_t)sim_below(&w->rng, 150) : 0;
    w->late = allowed(w, SIM_LATE) ? (uint32_t)sim_below(&w->rng, 30) : 0;
    w->repeat = allowed(w, SIM_REPEATED) ? (uint32_t)sim_below(&w->rng, 50) : 0;
    if (allowed(w, SIM_EXPELLED) && sim_chance(&w->rng, 200)) {
        w->config.member_ttl_s = (uint32_t)sim_between(&w->rng, 20, 60);
        w->counts.faults[SIM_EXPELLED]++;
    }
    set_clocks(w);
    w->story_end_ms = minutes * 60 * 1000;
    world_event(w, SE_STORY, 3000000, (struct slice){0});
}

/* ---- faults ---- */

static void cut(struct world *w, bool both) {
    /* Some are on one side and the rest on the other. */
    uint64_t side = sim_below(&w->rng, UINT64_C(1) << w->nodes);
    for (size_t a = 0; a < w->nodes; a++) {
        for (size_t b = 0; b < w->nodes; b++) {
            bool apart = (side >> a & 1) != (side >> b & 1);
            bool this_way = both || (side >> a & 1);
            w->cut[a][b] = w->cut[a][b] || (apart && this_way);
        }
    }
    world_trace(w, "cut %s, sides %llx", both ? "both ways" : "one way", (unsigned long long)side);
    undo(w, UNDO_CUT, sim_between(&w->rng, 1000, 90000));
}

static void crash(struct world *w, enum sim_crash how) {
    size_t node = any_node(w);
    if (machine_up(w, node)) {
        machine_crash(w, node, how);
        struct sim_event *e = undo(w, UNDO_CRASH, sim_between(&w->rng, 100, 60000));
        e->node = node;
    }
}

static void break_disk(struct world *w, bool full) {
    size_t node = any_node(w);
    struct sim_disk *d = &w->machines[node].disk;
    d->full = full;
    d->slow_ms = full ? 0 : (uint32_t)sim_between(&w->rng, 5, 500);
    world_trace(w, "n%zu: disk %s", node, full ? "full" : "slow");
    struct sim_event *e = undo(w, UNDO_DISK, sim_between(&w->rng, 1000, 60000));
    e->node = node;
}

static void freeze(struct world *w) {
    size_t node = any_node(w);
    struct machine *m = &w->machines[node];
    if (machine_up(w, node)) {
        uint64_t until_ms = world_ms(w) + sim_between(&w->rng, 500, 20000);
        m->frozen_until_ms = MAX(m->frozen_until_ms, until_ms);
        heap_set(&w->events, &m->tick.at, MAX(m->tick.at.key, m->frozen_until_ms * 1000));
        net_look(w);
        world_trace(w, "n%zu: frozen until %llu", node, (unsigned long long)m->frozen_until_ms);
    }
}

static void stop_in_order(struct world *w) {
    size_t node = any_node(w);
    struct machine *m = &w->machines[node];
    if (machine_up(w, node) && world_ms(w) >= m->frozen_until_ms && !m->stopping) {
        m->stopping = true;
        world_trace(w, "n%zu: stops", node);
        struct node_event ev = {.kind = EV_STOP};
        machine_step(w, node, &ev);
        struct sim_event *e = undo(w, UNDO_STOP, 2500); /* a beat says so, then it goes */
        e->node = node;
        e->incarnation = m->incarnation;
    }
}

static void break_something(struct world *w) {
    enum sim_fault f = (enum sim_fault)sim_below(&w->rng, SIM_FAULT_KINDS);
    if (!allowed(w, f)) {
        return;
    }
    w->counts.faults[f]++;
    switch (f) {
    case SIM_CUT: cut(w, true); break;
    case SIM_ONE_WAY: cut(w, false); break;
    case SIM_BUS:
        w->bus_down = true;
        world_trace(w, "the bus is down");
        undo(w, UNDO_BUS, sim_between(&w->rng, 1000, 60000));
        break;
    case SIM_KILLED: crash(w, CRASH_KILL); break;
    case SIM_POWER: crash(w, CRASH_POWER_LOSS); break;
    case SIM_DISK_LOST: crash(w, CRASH_DISK_LOSS); break;
    case SIM_DISK_FULL: break_disk(w, true); break;
    case SIM_DISK_SLOW: break_disk(w, false); break;
    case SIM_FROZEN: freeze(w); break;
    case SIM_DRAINED: stop_in_order(w); break;
    case SIM_JUMPED: {
        struct machine *m = &w->machines[any_node(w)];
        int64_t by = (int64_t)sim_below(&w->rng, 80000) - 40000;
        m->skew_ms += by;
        note_skew(w);
        world_trace(w, "a clock is set by %lld ms", (long long)by);
        break;
    }
    default: w->counts.faults[f]--; break; /* of messages: all the time */
    }
}

void story_undo(struct world *w, const struct sim_event *e) {
    struct machine *m = &w->machines[e->node];
    net_look(w); /* what was bad until now */
    switch ((enum undo)e->a) {
    case UNDO_CUT: {
        bool was = false;
        for (size_t a = 0; a < w->nodes; a++) {
            for (size_t b = 0; b < w->nodes; b++) {
                was = was || w->cut[a][b];
                w->cut[a][b] = false;
            }
        }
        if (was) {
            world_trace(w, "no cuts");
            truth_healed(w);
        }
        break;
    }
    case UNDO_BUS:
        if (w->bus_down) {
            w->bus_down = false;
            world_trace(w, "the bus is up");
            truth_healed(w);
        }
        break;
    case UNDO_DISK:
        m->disk.full = false;
        m->disk.slow_ms = 0;
        break;
    case UNDO_CRASH:
        if (!machine_up(w, e->node)) {
            truth_healed(w);
            machine_start(w, e->node);
        }
        break;
    case UNDO_STOP:
        if (machine_up(w, e->node) && m->incarnation == e->incarnation) {
            machine_crash(w, e->node, CRASH_KILL);
            struct sim_event *up = undo(w, UNDO_CRASH, sim_between(&w->rng, 100, 30000));
            up->node = e->node;
        }
        break;
    }
}

void story_heal(struct world *w) {
    world_trace(w, "all is well from here on");
    for (size_t i = 0; i < w->nodes; i++) {
        struct sim_event e = {.node = i, .a = UNDO_DISK};
        story_undo(w, &e);
        e.a = UNDO_CRASH;
        if (w->machines[i].stopping && machine_up(w, i)) {
            machine_crash(w, i, CRASH_KILL);
        }
        story_undo(w, &e);
        w->machines[i].frozen_until_ms = 0;
    }
    struct sim_event e = {.a = UNDO_CUT};
    story_undo(w, &e);
    e.a = UNDO_BUS;
    story_undo(w, &e);
    w->direct_down = false;
    w->calm = true;
}

/* ---- people ---- */

static void leave_somebody(struct world *w) {
    size_t first = sim_below(&w->rng, SIM_CLIENTS_MAX);
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        size_t at = (first + i) % SIM_CLIENTS_MAX;
        struct client *c = &w->clients[at];
        bool runs = c->state == CLIENT_IN && world_ms(w) >= w->machines[c->node].frozen_until_ms;
        if (runs) {
            people_leave(w, at);
            return;
        }
    }
}

void story_turn(struct world *w) {
    if (world_ms(w) >= w->story_end_ms) {
        return;
    }
    uint64_t what = sim_below(&w->rng, 100);
    /* Few rooms, so that much happens to each. Every third is to stay. */
    size_t room = sim_below(&w->rng, MIN(SIM_ROOMS_MAX, 4 + w->story_end_ms / 15000));
    bool forever = room % 3 == 0;
    if (what < 18) {
        people_call(w, any_node(w), OP_CREATE, room, forever);
    } else if (what < 48) {
        (void)people_join(w, any_node(w), room);
    } else if (what < 74) {
        leave_somebody(w);
    } else if (what < 82) {
        people_call(w, any_node(w), OP_METADATA, room, forever);
    } else if (what < 88) {
        people_call(w, any_node(w), OP_DELETE, room, forever);
    } else {
        break_something(w);
    }
    world_event(w, SE_STORY, sim_between(&w->rng, 1, 1500) * 1000, (struct slice){0});
}

/* ---- directed ---- */

void world_cut(struct world *w, size_t a, size_t b, bool is_cut) {
    net_look(w);
    w->cut[a][b] = is_cut;
    world_trace(w, "n%zu to n%zu: %s", a, b, is_cut ? "cut" : "whole");
}
void world_cut_both(struct world *w, size_t a, size_t b, bool is_cut) {
    world_cut(w, a, b, is_cut);
    world_cut(w, b, a, is_cut);
}
void world_bus(struct world *w, bool up) {
    net_look(w);
    w->bus_down = !up;
}
void world_direct(struct world *w, bool up) {
    w->direct_down = !up;
}
void world_skew(struct world *w, size_t node, int64_t ms) {
    w->machines[node].skew_ms = ms;
}
void world_crash(struct world *w, size_t node, enum sim_crash how) {
    machine_crash(w, node, how);
}
void world_start(struct world *w, size_t node) {
    machine_start(w, node);
}
