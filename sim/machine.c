#include <stdio.h>
#include <string.h>

#include "dir.h"
#include "world.h"

bool machine_up(const struct world *w, size_t node) {
    return w->machines[node].node != NULL;
}

static void configure(struct world *w, struct machine *m) {
    static const struct slice candidates[] = {
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n", 47},
    };
    m->config = (struct node_config){
        .cluster_key = {1, 2, 3, 4},
        .region = SLICE_LIT("sim"),
        .version = SLICE_LIT("1.13.5"),
        .token_issuer = SLICE_LIT("key"),
        .candidates = candidates,
        .media_workers = 1,
        .auto_create = true,
        .journal = !w->config.no_journal,
        .journal_wait_ms = 20,
        .empty_timeout_s = w->empty_s,
        .departure_timeout_s = w->departure_s,
        .rooms_max = 10000,
        .metrics = &m->metrics,
        .cluster = node_cluster_defaults(),
    };
    struct node_cluster *c = &m->config.cluster;
    c->id = m->id;
    c->known = m->known;
    c->lost_timeout_s = w->lost_s;
    c->tombstone_ttl_s = w->ttl_s;
    c->tombstones_min = w->config.tombstones_min ? w->config.tombstones_min : 1000;
    if (w->config.member_ttl_s) {
        c->member_ttl_s = w->config.member_ttl_s;
    }
}

void machine_init(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    m->id = 101 + node;
    m->tick.kind = SE_TICK;
    m->tick.node = node;
    m->tick.mine = true;
    effects_init(&m->fx);
    buf_init(&m->disk.log, 64 << 20);
}

void machine_deinit(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    node_destroy(m->node);
    effects_deinit(&m->fx);
    buf_deinit(&m->disk.log);
    heap_remove(&w->events, &m->tick.at);
}

/* Its own clocks: the monotonic one starts with the process and drifts, the wall is off. */
struct dir_time machine_time(const struct world *w, const struct machine *m) {
    int64_t since_ms = (int64_t)(world_ms(w) - m->started_ms);
    int64_t mono_ms = since_ms + since_ms * m->drift_ppm / 1000000;
    return (struct dir_time){
        .wall_ms = (uint64_t)((int64_t)(SIM_START_MS + world_ms(w)) + m->skew_ms),
        .mono_ms = MAX(m->last_mono_ms, 1000 + (uint64_t)mono_ms),
    };
}

static void arm(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    uint64_t next = node_next_deadline_ms(m->node), now = machine_time(w, m).mono_ms;
    bool ok = heap_reserve(&w->events, w->events.count + 1) == STATUS_OK;
    assert(ok);
    (void)ok;
    /* A process that is asked for a turn at once takes it after what it does now. */
    uint64_t wait_us = next == UINT64_MAX ? UINT64_C(3600000000)
                       : next > now       ? (next - now) * 1000
                                          : 100;
    uint64_t at = w->now_us + wait_us;
    heap_set(&w->events, &m->tick.at, MAX(at, m->frozen_until_ms * 1000));
}

void machine_start(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    assert(!m->node);
    net_look(w);
    m->incarnation++;
    m->started_ms = world_ms(w);
    m->last_mono_ms = m->written = 0;
    m->told_well = m->stopping = false;
    m->frozen_until_ms = 0;
    m->metrics = (struct metrics){0};
    configure(w, m);
    m->config.cluster.known_count = m->known_count;
    m->config.cluster.wall_correction_ms = m->correction_ms;
    for (size_t i = 0; i < sizeof(m->config.random_key); i++) {
        m->config.random_key[i] = (uint8_t)sim_u64(&w->rng);
    }
    enum status s = node_create(&m->config, machine_time(w, m), &m->node);
    assert(s == STATUS_OK);
    (void)s;
    m->disk.gaps = 0;
    m->began_blank = m->disk.log.len == 0;
    disk_load(w, node);
    world_trace(w, "n%zu starts, boot %016llx, %zu known", node,
                (unsigned long long)node_cluster_state(m->node).boot, m->known_count);
    arm(w, node);
}

void machine_crash(struct world *w, size_t node, enum sim_crash how) {
    struct machine *m = &w->machines[node];
    /* A disk that has come back holds what was owed once the node has been told. */
    bool was_well = !m->disk.full && m->disk.slow_ms == 0 && m->told_well && !w->config.no_journal;
    struct node_cluster_state s = node_cluster_state(m->node);
    m->known_count = node_members(m->node, m->known, SIM_NODES_MAX);
    m->correction_ms = s.wall_correction_ms;
    m->node = node_destroy(m->node);
    m->incarnation++;
    heap_remove(&w->events, &m->tick.at);
    memset(m->kept_ms, 0, sizeof(m->kept_ms));
    disk_crash(w, node, how);
    if (how == CRASH_DISK_LOSS) {
        m->known_count = 0;
        m->correction_ms = 0;
    }
    world_trace(w, "n%zu crashes (%s)", node,
                how == CRASH_KILL         ? "killed"
                : how == CRASH_POWER_LOSS ? "power"
                                          : "disk lost");
    people_crashed(w, node);
    truth_crashed(w, node, how, was_well);
}

static void carry_out(struct world *w, size_t node) {
    struct machine *m = &w->machines[node];
    for (size_t i = 0; i < m->fx.count; i++) {
        const struct effect *e = &m->fx.items[i];
        if (e->kind == FX_PEER) {
            net_send(w, node, e->peer, e->direct, e->bytes);
        } else {
            people_effect(w, node, e);
        }
    }
}

void machine_step(struct world *w, size_t node, struct node_event *ev) {
    struct machine *m = &w->machines[node];
    ev->time = machine_time(w, m);
    m->last_mono_ms = ev->time.mono_ms;
    effects_clear(&m->fx);
    enum status s = node_step(m->node, ev, &m->fx);
    if (s != STATUS_OK) {
        world_trace(w, "n%zu: event %d: %s", node, (int)ev->kind, status_name(s));
    }
    w->counts.steps++;
    carry_out(w, node);
    check_step(w, node);
    disk_take(w, node);
    arm(w, node);
}

void machine_tick(struct world *w, size_t node) {
    struct node_event ev = {.kind = EV_TICK};
    machine_step(w, node, &ev);
}

bool machine_record(struct world *w, size_t node, size_t room, struct model_record *ret_record) {
    struct machine *m = &w->machines[node];
    char name[16];
    if (!m->node) {
        return false;
    }
    buf_clear(&w->other);
    struct slice key = slice_from_cstr(world_room_name(room, name));
    if (dir_record_encode(node_dir(m->node), key, &w->other) != STATUS_OK) {
        return false;
    }
    bool good = model_read(buf_slice(&w->other), ret_record);
    if (!good) {
        world_object(w, "n%zu: the record of %s is not in normal form", node, name);
    }
    return good;
}
