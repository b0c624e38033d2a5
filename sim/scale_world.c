#include <string.h>
#include <time.h>

#include "mem.h"
#include "scale_world.h"

#define START_MS UINT64_C(1700000000000)
enum { MONO_MS = 1000, TICKS_MAX = 64 };

struct dir_time scale_world_time(const struct scale_world *w) {
    return (struct dir_time){.wall_ms = START_MS + w->now_ms, .mono_ms = MONO_MS + w->now_ms};
}

static uint64_t cpu_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* what else runs here does not count */
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- the ways between nodes ---- */

/* Regions stand on a ring; the way grows with their distance on it. */
static uint32_t delay_ms(const struct scale_world *w, uint32_t from, uint32_t to) {
    uint32_t a = scale_region(w, from), b = scale_region(w, to), count = w->config.regions;
    uint32_t apart = a > b ? a - b : b - a;
    apart = MIN(apart, count - apart);
    if (apart == 0) {
        return SCALE_NEAR_MS;
    }
    uint32_t across = MAX(count / 2, 2U);
    return SCALE_NEXT_MS + (SCALE_FAR_MS - SCALE_NEXT_MS) * (apart - 1) / (across - 1);
}

static uint64_t next_loss(struct scale_world *w) {
    uint32_t ppm = w->config.loss_ppm;
    return ppm == 0 ? UINT64_MAX : rng_below(&w->rng, 2000000 / ppm + 1);
}

static bool is_lost(struct scale_world *w) {
    if (w->until_loss > 0) {
        w->until_loss--;
        return false;
    }
    w->until_loss = next_loss(w);
    return true;
}

static bool is_cut(const struct scale_world *w, uint32_t from, uint32_t to) {
    return (scale_region(w, from) == w->cut) != (scale_region(w, to) == w->cut);
}

static void letter_drop(struct scale_letter *l) {
    if (--l->left == 0) {
        mem_free(l);
    }
}

static void send_one(struct scale_world *w, uint32_t from, uint32_t to, struct scale_letter *l) {
    struct scale_flight *f = NULL;
    if (!is_cut(w, from, to) && !is_lost(w)) {
        f = mem_alloc(sizeof(*f));
        w->failed = w->failed || !f;
    }
    if (!f) {
        letter_drop(l);
        return;
    }
    *f = (struct scale_flight){.letter = l, .from = (uint16_t)from, .to = (uint16_t)to};
    struct scale_lane *lane = &w->wheel[(w->now_ms + delay_ms(w, from, to)) % SCALE_WHEEL_MS];
    if (lane->last) {
        lane->last->next = f;
    } else {
        lane->first = f;
    }
    lane->last = f;
}

/* `to`: an id; 0: all others. */
static void send(struct scale_world *w, uint32_t from, uint64_t to, struct slice bytes) {
    uint32_t first = to > 0 ? (uint32_t)to - 1 : 0, end = to > 0 ? (uint32_t)to : w->nodes;
    struct scale_letter *l = mem_alloc(sizeof(*l) + bytes.len);
    if (!l || end > w->nodes) {
        mem_free(l);
        w->failed = true;
        return;
    }
    *l = (struct scale_letter){.left = 1, .len = (uint32_t)bytes.len};
    memcpy(l->bytes, bytes.data, bytes.len);
    for (uint32_t i = first; i < end; i++) {
        if (i != from) {
            l->left++;
            send_one(w, from, i, l);
        }
    }
    letter_drop(l);
}

/* ---- nodes ---- */

void scale_world_step(struct scale_world *w, uint32_t at, struct node_event *ev) {
    struct scale_node *p = &w->parts[at];
    ev->time = scale_world_time(w);
    effects_clear(&w->fx);
    (void)!node_step(p->node, ev, &w->fx);
    p->stale = p->touched = true;
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.items[i];
        if (e->kind == FX_PEER) {
            send(w, at, e->peer, e->bytes);
        }
    }
}

static void deliver(struct scale_world *w, const struct scale_flight *f) {
    struct scale_node *p = &w->parts[f->to];
    const struct scale_letter *l = f->letter;
    uint8_t kind = l->bytes[1];
    if (!p->node || is_cut(w, f->from, f->to)) {
        return;
    }
    uint64_t began = cpu_ns();
    p->bytes[kind] += l->len;
    p->messages[kind]++;
    struct node_event ev = {.kind = EV_PEER, .peer = {.bytes = slice_of(l->bytes, l->len)}};
    scale_world_step(w, f->to, &ev);
    w->ns[kind] += cpu_ns() - began;
}

static void tick(struct scale_world *w, uint32_t at) {
    struct scale_node *p = &w->parts[at];
    for (int i = 0; p->node && i < TICKS_MAX; i++) {
        if (p->stale) {
            p->due_ms = node_next_deadline_ms(p->node);
            p->stale = false;
        }
        if (p->due_ms > MONO_MS + w->now_ms) {
            return;
        }
        struct node_event ev = {.kind = EV_TICK};
        scale_world_step(w, at, &ev);
    }
}

void scale_world_pass(struct scale_world *w) {
    w->now_ms++;
    for (uint32_t i = 0; i < w->nodes; i++) {
        w->parts[i].touched = false;
    }
    struct scale_lane *lane = &w->wheel[w->now_ms % SCALE_WHEEL_MS];
    struct scale_flight *f = lane->first;
    *lane = (struct scale_lane){0};
    while (f) {
        struct scale_flight *next = f->next;
        deliver(w, f);
        letter_drop(f->letter);
        mem_free(f);
        f = next;
    }
    uint64_t began = cpu_ns();
    for (uint32_t i = 0; i < w->nodes; i++) {
        tick(w, i);
    }
    w->ns[CM_KINDS] += cpu_ns() - began;
}

void scale_world_start(struct scale_world *w, uint32_t at) {
    static const struct slice candidates[] = {
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n", 47},
    };
    struct scale_node *p = &w->parts[at];
    p->config = (struct node_config){
        .candidates = candidates,
        .media_workers = 1,
        .rooms_max = 2 * (uint64_t)w->config.rooms + 100000,
        .metrics = &p->metrics,
        .cluster = node_cluster_defaults(),
    };
    p->config.cluster.id = at + 1;
    rng_bytes(&w->rng, p->config.random_key, sizeof(p->config.random_key));
    if (node_create(&p->config, scale_world_time(w), &p->node) != STATUS_OK) {
        w->failed = true;
    }
    p->stale = true;
}

void scale_world_stop(struct scale_world *w, uint32_t at) {
    w->parts[at].node = node_destroy(w->parts[at].node);
}

struct scale_world *scale_world_create(const struct scale_config *config) {
    uint64_t nodes = (uint64_t)config->regions * config->nodes_each;
    struct scale_world *w = nodes > 0 && nodes <= SCALE_NODES_MAX ? mem_zalloc(sizeof(*w)) : NULL;
    if (!w) {
        return NULL;
    }
    w->config = *config;
    w->nodes = (uint32_t)nodes;
    w->cut = config->regions;
    uint8_t key[32] = {0};
    memcpy(key, &config->seed, sizeof(config->seed));
    rng_init(&w->rng, key);
    effects_init(&w->fx);
    w->until_loss = next_loss(w);
    return w;
}

struct scale_world *scale_world_destroy(struct scale_world *w) {
    if (!w) {
        return NULL;
    }
    for (size_t i = 0; i < SCALE_WHEEL_MS; i++) {
        for (struct scale_flight *f = w->wheel[i].first, *next; f; f = next) {
            next = f->next;
            letter_drop(f->letter);
            mem_free(f);
        }
    }
    for (uint32_t i = 0; i < w->nodes; i++) {
        scale_world_stop(w, i);
    }
    effects_deinit(&w->fx);
    mem_free(w);
    return NULL;
}
