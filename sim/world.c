#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

const char *const sim_fault_names[SIM_FAULT_KINDS] = {
#define F(name, text) [SIM_##name] = (text),
    SIM_FAULTS(F)
#undef F
};

/* ---- randomness: SplitMix64 (Steele, Lea, Flood 2014) ---- */

uint64_t sim_u64(struct sim_rng *r) {
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_below(struct sim_rng *r, uint64_t bound) {
    assert(bound > 0);
    return sim_u64(r) % bound; /* the bias is far below what a world could show */
}

uint64_t sim_between(struct sim_rng *r, uint64_t a, uint64_t b) {
    assert(a <= b);
    return a + sim_below(r, b - a + 1);
}

bool sim_chance(struct sim_rng *r, uint32_t per_mille) {
    return sim_below(r, 1000) < per_mille;
}

/* ---- what is told ---- */

void world_mix(struct world *w, uint64_t a, uint64_t b) {
    struct sim_rng r = {.state = w->hash ^ a};
    w->hash = sim_u64(&r) ^ (b * UINT64_C(0x9e3779b97f4a7c15));
}

void world_trace(struct world *w, const char *fmt, ...) {
    if (!w->config.trace) {
        return;
    }
    char line[512];
    uint64_t ms = world_ms(w);
    int head =
        snprintf(line, sizeof(line), "[%4u.%03u] ", (unsigned)(ms / 1000), (unsigned)(ms % 1000));
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
    va_end(args);
    w->config.trace(w->config.trace_arg, line);
}

void world_object(struct world *w, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    world_trace(w, "OBJECTION: %s", text);
    if (!w->objected) {
        uint64_t ms = world_ms(w);
        snprintf(w->objection, sizeof(w->objection), "at %u.%03u s: %s", (unsigned)(ms / 1000),
                 (unsigned)(ms % 1000), text);
        w->objected = true;
    }
}

const char *world_objection(const struct world *w) {
    return w->objected ? w->objection : NULL;
}
uint64_t world_hash(const struct world *w) {
    return w->hash;
}
const struct sim_counts *world_counts(const struct world *w) {
    return &w->counts;
}
uint64_t world_ms(const struct world *w) {
    return w->now_us / 1000;
}
uint64_t world_finished(const struct world *w) {
    return w->finished;
}

const char *world_room_name(size_t room, char out[16]) {
    snprintf(out, 16, "room-%u", (unsigned)room);
    return out;
}

/* ---- events ---- */

struct sim_event *world_event(struct world *w, enum sim_event_kind kind, uint64_t delay_us,
                              struct slice bytes) {
    struct sim_event *e = mem_alloc(sizeof(*e) + bytes.len);
    bool ok = e && heap_reserve(&w->events, w->events.count + 1) == STATUS_OK;
    assert(ok); /* a simulator without memory has nothing to say */
    (void)ok;
    *e = (struct sim_event){.kind = kind, .len = bytes.len, .bytes = (uint8_t *)(e + 1)};
    if (bytes.len > 0) {
        memcpy(e->bytes, bytes.data, bytes.len);
    }
    heap_set(&w->events, &e->at, w->now_us + delay_us);
    return e;
}

static void run_event(struct world *w, struct sim_event *e) {
    switch (e->kind) {
    case SE_TICK: machine_tick(w, e->node); break;
    case SE_DELIVER: net_deliver(w, e); break;
    case SE_JOIN: people_arrive(w, e); break;
    case SE_UP: people_up(w, e); break;
    case SE_WRITTEN:
        if (w->machines[e->node].incarnation == e->incarnation) {
            disk_written(w, e->node, e->a);
        }
        break;
    case SE_STORY: story_turn(w); break;
    case SE_UNDO: story_undo(w, e); break;
    }
    if (!e->mine) {
        mem_free(e);
    }
}

void world_run_until(struct world *w, uint64_t ms) {
    uint64_t end_us = ms * 1000;
    while (!w->objected && heap_next_key(&w->events) <= end_us) {
        struct sim_event *e = container_of(heap_pop(&w->events), struct sim_event, at);
        w->now_us = MAX(w->now_us, e->at.key);
        run_event(w, e);
    }
    w->now_us = MAX(w->now_us, end_us);
}

void world_pass(struct world *w, uint64_t ms) {
    world_run_until(w, world_ms(w) + ms);
}

/* ---- worlds ---- */

static uint32_t given(uint32_t value, uint32_t otherwise) {
    return value ? value : otherwise;
}

struct world *world_create(const struct sim_config *config) {
    struct world *w = mem_zalloc(sizeof(*w));
    if (!w) {
        return NULL;
    }
    w->config = *config;
    w->rng.state = config->seed;
    w->hash = config->seed;
    w->next_conn = 1;
    w->now_us = 1000;
    w->nodes = config->nodes ? config->nodes : 2 + sim_below(&w->rng, SIM_NODES_MAX - 2);
    assert(w->nodes <= SIM_NODES_MAX);
    w->empty_s = given(config->empty_s, 20);
    w->departure_s = given(config->departure_s, 10);
    w->lost_s = given(config->lost_timeout_s, 25);
    w->ttl_s = 30;
    heap_init(&w->events);
    buf_init(&w->bytes, 64 << 20);
    buf_init(&w->other, 64 << 20);
    for (size_t a = 0; a < w->nodes; a++) {
        for (size_t b = 0; b < w->nodes; b++) {
            w->delay_ms[a][b] = config->story ? (uint32_t)sim_between(&w->rng, 1, 120) : 5;
        }
    }
    for (size_t i = 0; i < w->nodes; i++) {
        machine_init(w, i);
    }
    if (config->story) {
        story_begin(w);
    }
    for (size_t i = 0; i < w->nodes; i++) {
        machine_start(w, i);
    }
    return w;
}

struct world *world_destroy(struct world *w) {
    if (!w) {
        return NULL;
    }
    for (size_t i = 0; i < w->nodes; i++) {
        machine_deinit(w, i);
    }
    struct heap_node *at;
    while ((at = heap_pop(&w->events)) != NULL) {
        struct sim_event *e = container_of(at, struct sim_event, at);
        if (!e->mine) {
            mem_free(e);
        }
    }
    heap_deinit(&w->events);
    buf_deinit(&w->bytes);
    buf_deinit(&w->other);
    mem_free(w);
    return NULL;
}

bool world_settle(struct world *w, uint64_t ms) {
    story_heal(w);
    world_pass(w, ms);
    if (!w->objected) {
        check_agreement(w);
        check_people(w);
    }
    return !w->objected;
}

static bool anybody_in(const struct world *w) {
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        if (w->clients[i].state != CLIENT_FREE) {
            return true;
        }
    }
    return false;
}

bool world_run(struct world *w) {
    enum {
        SETTLE_MS = 120 * 1000, /* leases, rounds of anti-entropy, hand-overs, 60 s of skew */
        DRAIN_MS = 400 * 1000,  /* timeouts, ranks, the age of tombstones and 60 s without change */
    };
    world_run_until(w, w->story_end_ms);
    /* A stamp from the future is merged when its time has come. */
    if (!world_settle(w, SETTLE_MS + 2 * w->skew_most_ms)) {
        return false;
    }
    for (size_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        people_leave(w, i);
    }
    world_pass(w, DRAIN_MS);
    assert(w->objected || !anybody_in(w));
    check_agreement(w);
    check_ended(w);
    check_drained(w);
    w->counts.simulated_ms = world_ms(w);
    return !w->objected;
}
