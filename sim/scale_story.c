#include <stdio.h>
#include <string.h>

#include "dir.h"
#include "mem.h"
#include "scale_world.h"

#include "livekit_room.pb-c.h"

/* What happens to the cluster, and what is measured meanwhile. */

enum {
    LAG_MS_MAX = 300 * 1000, /* later than this is missing */
    PROBES_MAX = 4096,       /* writes whose way is followed at once */
    MEET_MS = 60 * 1000,
    HEAL_MS = 1800 * 1000,
    SHARE_MS = 100, /* digests are compared so often */
};

/* A room that was just made, and who has not heard of it. */
struct probe {
    uint32_t room, missing_count;
    uint64_t at_ms;
    uint16_t missing[SCALE_NODES_MAX];
};

struct story {
    struct scale_world *w;
    struct scale_result *result;
    uint32_t first, next;  /* rooms that were made and not deleted: from here, up to here */
    uint64_t writes, owed; /* owed: thousandths of a write */
    bool follow;           /* what is made now */
    struct probe *probes;  /* owned */
    size_t probes_count;
    /* owned: by milliseconds */ uint32_t *one, *all;
};

/* ---- calls ---- */

static struct slice name_of(uint32_t room, char out[40]) {
    int len = snprintf(out, 40, "a-room-of-usual-length-%08u", (unsigned)room);
    return slice_of((const uint8_t *)out, (size_t)len);
}

static void call(struct story *s, uint32_t at, enum api_op id, uint32_t room) {
    char name[40];
    (void)name_of(room, name);
    struct claims claims = {.has_video = true, .video = {.room_create = true}};
    Livekit__CreateRoomRequest create = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    Livekit__DeleteRoomRequest delete = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    create.name = delete.room = name;
    create.empty_timeout = UINT32_MAX;
    struct node_event ev = {.kind = EV_API, .conn = 1, .claims = &claims};
    ev.api.coding = API_PROTOBUF;
    ev.api.method = api_method_at(id);
    ev.api.request = id == API_CREATE_ROOM ? &create.base : &delete.base;
    scale_world_step(s->w, at, &ev);
}

static void follow(struct story *s, uint32_t room, uint32_t from) {
    if (!s->follow || s->probes_count == PROBES_MAX) {
        return;
    }
    struct probe *p = &s->probes[s->probes_count++];
    *p = (struct probe){.room = room, .at_ms = s->w->now_ms};
    for (uint32_t i = 0; i < s->w->nodes; i++) {
        if (i != from) {
            p->missing[p->missing_count++] = (uint16_t)i;
        }
    }
}

/* A room is made, used five times and deleted: as many of each as that. A use is what a join or a
 * leave writes; here CreateRoom of a room that is there. */
static void write_one(struct story *s) {
    enum { OF_A_ROOM = 7 };
    struct scale_world *w = s->w;
    uint32_t at = (uint32_t)rng_below(&w->rng, w->nodes);
    switch (s->writes++ % OF_A_ROOM) {
    case 0:
        follow(s, s->next, at);
        call(s, at, API_CREATE_ROOM, s->next++);
        break;
    case 1: call(s, at, API_DELETE_ROOM, s->first++); break;
    default:
        call(s, at, API_CREATE_ROOM, s->first + (uint32_t)rng_below(&w->rng, s->next - s->first));
        break;
    }
}

/* ---- how far they have come ---- */

/* Alive or not: who has it deleted has heard of it. */
static bool holds(const struct story *s, uint32_t at, uint32_t room) {
    char text[40];
    struct slice name = name_of(room, text);
    struct dir_room found;
    const struct dir *d = node_dir(s->w->parts[at].node);
    if (dir_room_find(d, name, &found) == STATUS_OK) {
        return true;
    }
    struct buf record;
    buf_init(&record, 4096);
    bool held = room < s->first && dir_record_encode(d, name, &record) == STATUS_OK;
    buf_deinit(&record);
    return held;
}

static void look_at(struct story *s, struct probe *p) {
    struct scale_world *w = s->w;
    uint64_t lag_ms = MIN(w->now_ms - p->at_ms, (uint64_t)LAG_MS_MAX - 1);
    for (uint32_t i = 0; i < p->missing_count;) {
        uint32_t at = p->missing[i];
        if (w->parts[at].touched && holds(s, at, p->room)) {
            s->one[lag_ms]++;
            p->missing[i] = p->missing[--p->missing_count];
        } else {
            i++;
        }
    }
    if (p->missing_count == 0) {
        s->all[lag_ms]++;
        *p = s->probes[--s->probes_count];
    }
}

static void pass(struct story *s, uint64_t ms, uint32_t writes_s) {
    struct scale_world *w = s->w;
    for (uint64_t end = w->now_ms + ms; w->now_ms < end && !w->failed;) {
        for (s->owed += writes_s; s->owed >= 1000; s->owed -= 1000) {
            write_one(s);
        }
        scale_world_pass(w);
        for (size_t i = s->probes_count; i-- > 0;) {
            look_at(s, &s->probes[i]);
        }
    }
}

static uint64_t quantile(const uint32_t *by_ms, uint64_t count, double q) {
    uint64_t seen = 0;
    for (uint64_t ms = 0; ms < LAG_MS_MAX; ms++) {
        seen += by_ms[ms];
        if (seen > 0 && (double)seen >= q * (double)count) {
            return ms;
        }
    }
    return 0;
}

static struct scale_lag lag_of(const uint32_t *by_ms) {
    struct scale_lag l = {0};
    for (uint64_t ms = 0; ms < LAG_MS_MAX; ms++) {
        l.count += by_ms[ms];
        l.max_ms = by_ms[ms] > 0 ? ms : l.max_ms;
    }
    l.p50_ms = quantile(by_ms, l.count, 0.5);
    l.p99_ms = quantile(by_ms, l.count, 0.99);
    l.p999_ms = quantile(by_ms, l.count, 0.999);
    return l;
}

/* ---- what it costs ---- */

static void forget_traffic(struct scale_world *w) {
    for (uint32_t i = 0; i < w->nodes; i++) {
        memset(w->parts[i].bytes, 0, sizeof(w->parts[i].bytes));
        memset(w->parts[i].messages, 0, sizeof(w->parts[i].messages));
    }
    memset(w->ns, 0, sizeof(w->ns));
}

static struct scale_traffic traffic(const struct scale_world *w, uint64_t ms) {
    struct scale_traffic t = {.ms = ms};
    double each = (double)w->nodes, seconds = (double)ms / 1e3;
    for (size_t k = 0; k < CM_KINDS; k++) {
        uint64_t bytes = 0, messages = 0;
        for (uint32_t i = 0; i < w->nodes; i++) {
            bytes += w->parts[i].bytes[k];
            messages += w->parts[i].messages[k];
        }
        t.bytes_s[k] = (double)bytes / each / seconds;
        t.messages_s[k] = (double)messages / each / seconds;
        t.core[k] = (double)w->ns[k] / 1e9 / each / seconds;
    }
    t.core_ticks = (double)w->ns[CM_KINDS] / 1e9 / each / seconds;
    return t;
}

static double bytes_to_region(const struct scale_world *w, uint32_t region) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->nodes; i++) {
        for (size_t k = 0; scale_region(w, i) == region && k < CM_KINDS; k++) {
            sum += w->parts[i].bytes[k];
        }
    }
    return (double)sum / w->config.nodes_each;
}

/* ---- the story ---- */

static void say(const struct story *s, const char *what) {
    if (s->w->config.say) {
        s->w->config.say(what, s->w->now_ms);
    }
}

static bool agree(const struct scale_world *w) {
    uint64_t digest = dir_digest_all(node_dir(w->parts[0].node));
    for (uint32_t i = 1; i < w->nodes; i++) {
        if (dir_digest_all(node_dir(w->parts[i].node)) != digest) {
            return false;
        }
    }
    return true;
}

static bool all_heard(const struct scale_world *w) {
    for (uint32_t i = 0; i < w->nodes; i++) {
        if (node_cluster_state(w->parts[i].node).heard + 1 < w->nodes) {
            return false;
        }
    }
    return true;
}

static struct scale_heal until_agreed(struct story *s, uint32_t region) {
    struct scale_world *w = s->w;
    uint64_t began_ms = w->now_ms;
    while (!agree(w) && w->now_ms < began_ms + HEAL_MS && !w->failed) {
        pass(s, SHARE_MS, 0);
    }
    return (struct scale_heal){
        .agreed = agree(w), .ms = w->now_ms - began_ms, .bytes = bytes_to_region(w, region)};
}

static bool meet(struct story *s) {
    struct scale_world *w = s->w;
    for (uint32_t i = 0; i < w->nodes; i++) {
        scale_world_start(w, i);
        if (w->failed) {
            return false;
        }
    }
    while (!all_heard(w) && w->now_ms < MEET_MS && !w->failed) {
        pass(s, SHARE_MS, 0);
    }
    s->result->meet_ms = w->now_ms;
    return all_heard(w) && !w->failed;
}

static void fill(struct story *s) {
    enum { A_MS = 5 };
    struct scale_world *w = s->w;
    uint64_t began_ms = w->now_ms;
    while (s->next < w->config.rooms && !w->failed) {
        for (int i = 0; i < A_MS && s->next < w->config.rooms; i++, s->next++) {
            call(s, s->next % w->nodes, API_CREATE_ROOM, s->next);
        }
        pass(s, 1, 0);
    }
    (void)until_agreed(s, 0);
    s->result->fill_ms = w->now_ms - began_ms;
}

static void run_steady(struct story *s) {
    struct scale_world *w = s->w;
    const struct scale_config *c = &w->config;
    forget_traffic(w);
    s->follow = true;
    pass(s, (uint64_t)c->steady_s * 1000, c->writes_s);
    s->follow = false;
    s->result->steady = traffic(w, (uint64_t)c->steady_s * 1000);
    s->result->writes = s->writes;
    /* What was lost on the way comes by rounds, while others go on to write. */
    for (uint64_t end = w->now_ms + LAG_MS_MAX; s->probes_count > 0 && w->now_ms < end;) {
        pass(s, SHARE_MS, c->writes_s);
    }
    for (size_t i = 0; i < s->probes_count; i++) {
        s->result->missing += s->probes[i].missing_count;
    }
    s->probes_count = 0;
    s->result->one = lag_of(s->one);
    s->result->all = lag_of(s->all);
}

static void cut_and_return(struct story *s) {
    struct scale_world *w = s->w;
    const struct scale_config *c = &w->config;
    uint64_t writes = s->writes;
    w->cut = 0;
    pass(s, (uint64_t)c->cut_s * 1000, c->writes_s);
    w->cut = c->regions;
    s->result->cut_writes = s->writes - writes;
    say(s, "the region returns");
    forget_traffic(w);
    s->result->back = until_agreed(s, 0);
}

static void return_with_nothing(struct story *s) {
    struct scale_world *w = s->w;
    for (uint32_t i = 0; i < w->config.nodes_each; i++) {
        scale_world_stop(w, i);
        scale_world_start(w, i);
    }
    forget_traffic(w);
    s->result->anew = until_agreed(s, 0);
}

static void count_end(struct story *s) {
    struct scale_world *w = s->w;
    struct dir_counts counts;
    uint32_t last = w->nodes - 1; /* of a region that was never cut off */
    dir_counts_get(node_dir(w->parts[last].node), scale_world_time(w), &counts);
    s->result->nodes = w->nodes;
    s->result->node_bytes = counts.bytes;
    s->result->rooms_end = counts.rooms;
    s->result->tombstones_end = counts.tombstones;
    for (uint32_t i = 0; i < w->nodes; i++) {
        s->result->resync_asked += node_cluster_state(w->parts[i].node).resyncing;
    }
}

static void tell(struct story *s) {
    say(s, "nodes start");
    if (!meet(s)) {
        s->w->failed = true;
        return;
    }
    say(s, "all hear all");
    fill(s);
    say(s, "all hold all rooms");
    run_steady(s);
    say(s, "a region is cut off");
    cut_and_return(s);
    count_end(s);
    say(s, "it returns with nothing");
    return_with_nothing(s);
    say(s, "done");
}

bool scale_run(const struct scale_config *config, struct scale_result *ret_result) {
    struct scale_result result = {0};
    struct story s = {.w = scale_world_create(config), .result = &result};
    s.probes = mem_calloc(PROBES_MAX, sizeof(*s.probes));
    s.one = mem_calloc(LAG_MS_MAX, sizeof(*s.one));
    s.all = mem_calloc(LAG_MS_MAX, sizeof(*s.all));
    bool told = s.w && s.probes && s.one && s.all;
    if (told) {
        tell(&s);
        told = !s.w->failed;
        *ret_result = result;
    }
    mem_free(s.probes);
    mem_free(s.one);
    mem_free(s.all);
    s.w = scale_world_destroy(s.w);
    return told;
}
