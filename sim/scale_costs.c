/* What rooms, writes and returns cost among four nodes that hold many rooms, and reckoned for many
 * nodes. See docs/SCALE.md, which says which is which. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dir.h"
#include "mem.h"
#include "node.h"
#include "scale.h"

#include "livekit_room.pb-c.h"

enum { NODES = 4, STEP_MS = 5 };
#define START_MS UINT64_C(1700000000000)

/* A message on its way. All take equally long: a ring in the order of their arrival. */
struct flight {
    struct flight *next;
    uint64_t at_ms;
    size_t to, len;
    uint8_t bytes[];
};

struct member_node {
    struct node_config config;
    struct metrics metrics;
    struct node *node;
    struct effects fx;
    uint64_t bytes[CM_KINDS], messages[CM_KINDS]; /* that others sent to it */
};

struct cluster_model {
    struct member_node parts[NODES];
    struct flight *first, **last;
    uint64_t now_ms, delay_ms;
    bool apart; /* the last node is */
    uint64_t cpu_us;
};

static uint64_t cpu_us(void) {
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static struct dir_time now_of(const struct cluster_model *m) {
    return (struct dir_time){.wall_ms = START_MS + m->now_ms, .mono_ms = 1000 + m->now_ms};
}

static void post(struct cluster_model *m, size_t to, struct slice bytes) {
    struct flight *f = mem_alloc(sizeof(*f) + bytes.len);
    if (!f) {
        abort();
    }
    *f = (struct flight){.at_ms = m->now_ms + m->delay_ms, .to = to, .len = bytes.len};
    memcpy(f->bytes, bytes.data, bytes.len);
    *m->last = f;
    m->last = &f->next;
}

static void step(struct cluster_model *m, size_t at, struct node_event *ev) {
    struct member_node *p = &m->parts[at];
    ev->time = now_of(m);
    effects_clear(&p->fx);
    (void)!node_step(p->node, ev, &p->fx);
    for (size_t i = 0; i < p->fx.count; i++) {
        const struct effect *e = &p->fx.items[i];
        for (size_t to = 0; e->kind == FX_PEER && to < NODES; to++) {
            bool cut = m->apart && (to == NODES - 1 || at == NODES - 1);
            if (to != at && !cut && (e->peer == 0 || e->peer == to + 1)) {
                post(m, to, e->bytes);
            }
        }
    }
}

static void deliver(struct cluster_model *m) {
    while (m->first && m->first->at_ms <= m->now_ms) {
        struct flight *f = m->first;
        m->first = f->next;
        m->last = m->first ? m->last : &m->first;
        struct member_node *p = &m->parts[f->to];
        p->bytes[f->bytes[1]] += f->len;
        p->messages[f->bytes[1]]++;
        struct node_event ev = {.kind = EV_PEER, .peer = {.bytes = slice_of(f->bytes, f->len)}};
        step(m, f->to, &ev);
        mem_free(f);
    }
}

/* Time passes in small steps; processor time of all nodes together is counted. */
static void pass(struct cluster_model *m, uint64_t ms) {
    uint64_t began = cpu_us();
    for (uint64_t end = m->now_ms + ms; m->now_ms < end;) {
        m->now_ms += STEP_MS;
        deliver(m);
        for (size_t i = 0; i < NODES; i++) {
            for (int k = 0; k < 64 && node_next_deadline_ms(m->parts[i].node) <= 1000 + m->now_ms;
                 k++) {
                struct node_event ev = {.kind = EV_TICK};
                step(m, i, &ev);
            }
        }
    }
    m->cpu_us += cpu_us() - began;
}

static void call_create(struct cluster_model *m, size_t at, uint64_t room) {
    char name[40];
    snprintf(name, sizeof(name), "a-room-of-usual-length-%08u", (unsigned)room);
    struct claims claims = {.has_video = true, .video = {.room_create = true}};
    Livekit__CreateRoomRequest request = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    request.name = name;
    request.empty_timeout = UINT32_MAX;
    struct node_event ev = {.kind = EV_API, .conn = 1, .claims = &claims};
    ev.api.coding = API_PROTOBUF;
    ev.api.method = api_method_at(API_CREATE_ROOM);
    ev.api.request = &request.base;
    step(m, at, &ev);
}

static void start(struct cluster_model *m, size_t at, uint64_t rooms_max) {
    static const struct slice candidates[] = {
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n", 47},
    };
    struct member_node *p = &m->parts[at];
    p->config = (struct node_config){
        .random_key = {(uint8_t)(at + 1)},
        .candidates = candidates,
        .media_workers = 1,
        .rooms_max = rooms_max,
        .metrics = &p->metrics,
        .cluster = node_cluster_defaults(),
    };
    p->config.cluster.id = at + 1;
    effects_init(&p->fx);
    if (node_create(&p->config, now_of(m), &p->node) != STATUS_OK) {
        abort();
    }
}

static bool agree(const struct cluster_model *m) {
    for (size_t i = 1; i < NODES; i++) {
        if (dir_digest_all(node_dir(m->parts[i].node)) !=
            dir_digest_all(node_dir(m->parts[0].node))) {
            return false;
        }
    }
    return true;
}

static uint64_t until_agreed(struct cluster_model *m) {
    uint64_t began = m->now_ms;
    while (!agree(m) && m->now_ms < began + 3600 * 1000) {
        pass(m, STEP_MS);
    }
    return m->now_ms - began;
}

static void forget_traffic(struct cluster_model *m) {
    for (size_t i = 0; i < NODES; i++) {
        memset(m->parts[i].bytes, 0, sizeof(m->parts[i].bytes));
        memset(m->parts[i].messages, 0, sizeof(m->parts[i].messages));
    }
    m->cpu_us = 0;
}

static uint64_t bytes_to(const struct cluster_model *m, size_t at) {
    uint64_t sum = 0;
    for (size_t k = 0; k < CM_KINDS; k++) {
        sum += m->parts[at].bytes[k];
    }
    return sum;
}

struct costs {
    double bytes_a_room;                       /* of memory */
    double delta_bytes;                        /* a write, to one receiver */
    double merge_us;                           /* a write, at one receiver */
    double beat_bytes;                         /* besides the members in it */
    uint64_t lag_ms;                           /* from the call until all have it */
    uint64_t part_ms, part_bytes, part_missed; /* a node returns that missed some */
    uint64_t whole_ms, whole_bytes;            /* one returns with nothing */
    double rooms;                              /* with so many */
};

static void measure(struct cluster_model *m, uint64_t rooms, struct costs *c) {
    enum { WRITES = 5000, MISSED_PER_MILLE = 50 };
    uint64_t room = 0;
    for (; room < rooms; room++) {
        call_create(m, room % NODES, room);
        if (room % 500 == 499) {
            pass(m, STEP_MS);
        }
    }
    (void)until_agreed(m);
    pass(m, 10000);
    struct dir_counts counts;
    dir_counts_get(node_dir(m->parts[0].node), now_of(m), &counts);
    c->bytes_a_room = (double)counts.bytes / (double)counts.rooms;

    forget_traffic(m); /* single writes, 2 a step as 400 a second */
    for (uint64_t i = 0; i < WRITES; i++, room++) {
        call_create(m, 0, room);
        if (i % 2) {
            pass(m, STEP_MS);
        }
    }
    pass(m, 1000);
    c->delta_bytes = (double)m->parts[1].bytes[CM_DELTA] / WRITES;
    c->merge_us = (double)m->cpu_us / WRITES / (NODES - 1);
    c->beat_bytes = (double)m->parts[1].bytes[CM_BEAT] / (double)m->parts[1].messages[CM_BEAT] -
                    (NODES - 1) * CM_MEMBER_BYTES;

    call_create(m, 0, room++);
    c->lag_ms = until_agreed(m);

    m->apart = true;
    c->part_missed = rooms * MISSED_PER_MILLE / 1000;
    for (uint64_t i = 0; i < c->part_missed; i++, room++) {
        call_create(m, i % (NODES - 1), room);
        if (i % 100 == 99) {
            pass(m, STEP_MS);
        }
    }
    pass(m, 20000);
    m->apart = false;
    forget_traffic(m);
    c->part_ms = until_agreed(m);
    c->part_bytes = bytes_to(m, NODES - 1);

    struct member_node *gone = &m->parts[NODES - 1];
    gone->node = node_destroy(gone->node);
    effects_deinit(&gone->fx);
    start(m, NODES - 1, 2 * rooms + 100000);
    forget_traffic(m);
    c->rooms = (double)room;
    c->whole_ms = until_agreed(m);
    c->whole_bytes = bytes_to(m, NODES - 1);
}

static void reckon(const struct costs *c, double rooms, double nodes, double writes_s) {
    double members = (nodes - 1) * (4096 * 8 + 400);
    double beats_s = (nodes - 1) / 2.0 * (c->beat_bytes + nodes * CM_MEMBER_BYTES);
    double acked_s = 3.0 * (nodes - 1) / 2;
    double in_flight = writes_s * ((double)c->lag_ms / 1000);
    double asked = in_flight < 128 ? in_flight : 128; /* a round that learns nothing stops there */
    double round = 2 * 4096 * 8 + asked * (rooms / 4096) * 8 * 2;
    double whole = rooms * (double)c->whole_bytes / c->rooms;
    double window_s = whole / (64.0 * 65536 / 0.15); /* 64 pages on their way, 150 ms and back */
    double merge_s = rooms * c->merge_us / 1e6;
    printf("reckoned for %.0f rooms, %.0f nodes, %.0f writes a second:\n", rooms, nodes, writes_s);
    printf("  memory a node: %.1f GB of records, %.0f MB of members\n",
           rooms * c->bytes_a_room / 1e9, members / 1e6);
    printf("  into each node: %.2f MB/s of writes, %.2f MB/s of beats, %.2f MB/s of rounds\n",
           writes_s * c->delta_bytes / 1e6, beats_s / 1e6, round / 3 / 1e6);
    printf("  one core of each node: %.1f%% for writes of others\n", writes_s * c->merge_us / 1e4);
    printf(
        "  a write: %.0f KB over all links; a tombstone: about %.0f s until all have confirmed\n",
        c->delta_bytes * (nodes - 1) / 1e3, acked_s + 180);
    printf("  a node returns with nothing: %.1f GB; %.0f s by its window, %.0f s of processor\n",
           whole / 1e9, window_s, merge_s);
}

void scale_costs(uint64_t rooms) {
    static struct cluster_model m;
    struct costs c = {0};
    m.last = &m.first;
    m.delay_ms = 75;
    for (size_t i = 0; i < NODES; i++) {
        start(&m, i, 2 * rooms + 100000);
    }
    pass(&m, 10000);
    measure(&m, rooms, &c);
    printf("measured with %d nodes, %" PRIu64 " rooms, %" PRIu64 " ms between any two:\n", NODES,
           rooms, m.delay_ms);
    printf("  a room: %.0f bytes of memory; a write: %.0f bytes and %.2f us of processor at each "
           "receiver; a beat: %.0f bytes and %d for each member\n",
           c.bytes_a_room, c.delta_bytes, c.merge_us, c.beat_bytes, CM_MEMBER_BYTES);
    printf("  from a call until all nodes have it: %" PRIu64 " ms\n", c.lag_ms);
    printf("  a node returns that missed %" PRIu64 " rooms: %.1f s, %.1f MB\n", c.part_missed,
           (double)c.part_ms / 1e3, (double)c.part_bytes / 1e6);
    printf("  a node returns with nothing: %.1f s, %.1f MB (%.0f bytes a room)\n",
           (double)c.whole_ms / 1e3, (double)c.whole_bytes / 1e6,
           (double)c.whole_bytes / (double)rooms);
    reckon(&c, 1e6, 10, 1000);
    reckon(&c, 1e6, 50, 5000);
    reckon(&c, 1e7, 500, 5000);
    reckon(&c, 1e7, 500, 30000);
    for (size_t i = 0; i < NODES; i++) {
        node_destroy(m.parts[i].node);
        effects_deinit(&m.parts[i].fx);
    }
}
