#include "cluster_message.h"
#include "hash.h"
#include "world.h"

static size_t node_of(const struct world *w, uint64_t id) {
    for (size_t i = 0; i < w->nodes; i++) {
        if (w->machines[i].id == id) {
            return i;
        }
    }
    return SIM_NODES_MAX;
}

bool net_reaches(const struct world *w, size_t from, size_t to, bool direct) {
    return !w->cut[from][to] && !(direct ? w->direct_down : w->bus_down) && machine_up(w, to);
}

void net_look(struct world *w) {
    for (size_t a = 0; a < w->nodes; a++) {
        for (size_t b = 0; b < w->nodes; b++) {
            uint64_t frozen_ms =
                MAX(w->machines[a].frozen_until_ms, w->machines[b].frozen_until_ms);
            bool bad = !net_reaches(w, a, b, false) || !machine_up(w, a);
            uint64_t bad_ms = MAX(bad ? world_ms(w) : 0, frozen_ms);
            w->bad_ms[a][b] = MAX(w->bad_ms[a][b], bad_ms);
        }
    }
}

bool net_was_bad(const struct world *w, size_t from, size_t to, uint64_t within_ms) {
    bool bad = !net_reaches(w, from, to, false) || !machine_up(w, from);
    return bad || world_ms(w) < w->bad_ms[from][to] + within_ms;
}

static void send_one(struct world *w, size_t from, size_t to, bool direct, struct slice bytes) {
    uint64_t delay_us = (uint64_t)w->delay_ms[from][to] * 1000 + sim_below(&w->rng, 5000);
    w->counts.messages++;
    w->counts.bytes += bytes.len;
    if (!w->calm && sim_chance(&w->rng, w->loss)) {
        w->counts.faults[SIM_LOST]++;
        return;
    }
    if (!w->calm && sim_chance(&w->rng, w->late)) {
        w->counts.faults[SIM_LATE]++;
        delay_us += sim_between(&w->rng, 100, 20000) * 1000;
    }
    int copies = 1;
    if (!w->calm && sim_chance(&w->rng, w->repeat)) {
        w->counts.faults[SIM_REPEATED]++;
        copies = 2;
    }
    for (int i = 0; i < copies; i++) {
        struct sim_event *e = world_event(
            w, SE_DELIVER, delay_us + (i ? sim_between(&w->rng, 1, 5000) * 1000 : 0), bytes);
        e->node = to;
        e->a = from;
        e->b = direct;
    }
}

void net_send(struct world *w, size_t from, uint64_t to, bool direct, struct slice bytes) {
    static const struct hash_key key = {1, 2};
    world_mix(w, from << 8 | to, hash64(&key, bytes));
    if (w->config.trace && bytes.len > 2 && bytes.data[1] >= CM_HANDOVER) {
        static const char *const names[] = {"hand-over", "hand-over reply", "probe", "lacks",
                                            "resynced"};
        world_trace(w, "n%zu to n%zu: %s%s", from, node_of(w, to),
                    names[bytes.data[1] - CM_HANDOVER],
                    bytes.data[1] == CM_HANDOVER_REPLY ? bytes.data[26] ? " yes" : " no" : "");
    }
    for (size_t i = 0; i < w->nodes; i++) {
        if (i != from && (to == 0 || node_of(w, to) == i) && net_reaches(w, from, i, direct)) {
            send_one(w, from, i, direct, bytes);
        }
    }
}

void net_deliver(struct world *w, const struct sim_event *e) {
    struct machine *m = &w->machines[e->node];
    if (!net_reaches(w, (size_t)e->a, e->node, e->b != 0)) {
        return; /* what was on its way is lost, too */
    }
    if (world_ms(w) < m->frozen_until_ms) {
        /* It waits in the socket of a process that does not run. */
        struct sim_event *again =
            world_event(w, SE_DELIVER, (m->frozen_until_ms - world_ms(w)) * 1000 + 1000,
                        slice_of(e->bytes, e->len));
        again->node = e->node;
        again->a = e->a;
        again->b = e->b;
        return;
    }
    struct node_event ev = {.kind = EV_PEER, .peer = {.bytes = slice_of(e->bytes, e->len)}};
    machine_step(w, e->node, &ev);
}
