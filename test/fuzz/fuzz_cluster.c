/* Messages between nodes: what is read is the same when it is written again, and a node that takes
 * them keeps its invariants. It hosts two rooms and remembers two others, of which one was
 * expelled. Input: messages, each behind a 16-bit length. Covers: src/node/cluster_message.c
 * src/node/cluster_presence.c src/node/cluster_member.c src/node/cluster_sync.c
 * src/node/cluster_resync.c src/node/cluster_home.c */
#include "cluster_message.h"
#include "dir.h"
#include "fuzz.h"
#include "node.h"

#include "livekit_room.pb-c.h"

enum { BYTES_MAX = 1 << 20, MESSAGES_MAX = 32, STEP_MS = 700 };

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static void write_presence(struct buf *out, const struct cm_presence *p) {
    struct slice rest = p->entries, name;
    uint32_t count;
    cm_put_presence(out, p);
    while (cm_entry_next(&rest, &name, &count)) {
        must(name.len > 0 && inside(name, p->entries));
        cm_put_entry(out, name, count);
    }
}

static void write_lacks(struct buf *out, const struct cm_lacks *l) {
    struct slice rest = l->rooms, name, births;
    cm_put_lacks(out, l->round, l->bucket);
    while (cm_lack_next(&rest, &name, &births)) {
        struct dir_stamp stamps[DIR_LIVES_MAX];
        size_t count = births.len / sizeof(stamps[0]);
        must(count <= DIR_LIVES_MAX);
        for (size_t i = 0; i < count; i++) {
            stamps[i] = cm_birth_at(births, i);
        }
        cm_put_lack(out, name, stamps, count);
    }
}

static void write_beat(struct buf *out, const struct cm_beat *b) {
    cm_put_beat(out, b);
    for (size_t i = 0; i < cm_members_count(b->members); i++) {
        struct cm_member m = cm_member_at(b->members, i);
        cm_put_member(out, &m);
    }
}

static void write_words(struct buf *out, struct slice words) {
    for (size_t i = 0; i < words.len / 8; i++) {
        buf_put_be64(out, cm_u64_at(words, i));
    }
}

static void write_message(struct buf *out, const struct cluster_message *m) {
    cm_begin(out, m->kind, m->from, m->boot);
    switch (m->kind) {
    case CM_BEAT: write_beat(out, &m->beat); break;
    case CM_PRESENCE: write_presence(out, &m->presence); break;
    case CM_PRESENCE_ASK: cm_put_ask(out, &m->ask); break;
    case CM_DELTA: buf_put(out, m->batch); break;
    case CM_GROUPS:
    case CM_BUCKETS:
        cm_put_round(out, m->kind, m->round.round, m->round.groups);
        write_words(out, m->round.digests);
        break;
    case CM_HASHES:
        cm_put_hashes(out, &m->hashes);
        write_words(out, m->hashes.hashes);
        break;
    case CM_PAGE:
    case CM_PROBE:
        cm_put_page(out, m->page.round, m->page.bucket, m->page.cursor);
        buf_put(out, m->page.batch);
        break;
    case CM_HANDOVER:
        cm_put_handover(out, m->handover.ask);
        buf_put(out, m->handover.record);
        break;
    case CM_HANDOVER_REPLY:
        cm_put_handover_reply(out, m->reply.ask, m->reply.yes, m->reply.name);
        break;
    case CM_LACKS: write_lacks(out, &m->lacks); break;
    case CM_RESYNCED:
    case CM_KINDS: break;
    }
}

static void check_message(struct slice bytes) {
    struct cluster_message m;
    struct buf again;
    buf_init(&again, BYTES_MAX);
    if (cm_read(bytes, &m)) {
        write_message(&again, &m);
        must(!again.failed && slice_eq(buf_slice(&again), bytes));
    }
    buf_deinit(&again);
}

static struct node *make_node(struct metrics *metrics) {
    static const struct slice candidates[] = {
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n", 47},
    };
    static const struct node_member known[] = {{.id = 102}, {.id = 103, .expelled = true}};
    struct node_config config = {
        .random_key = {1},
        .candidates = candidates,
        .media_workers = 1,
        .auto_create = true,
        .rooms_max = 1000,
        .metrics = metrics,
        .cluster = node_cluster_defaults(),
    };
    config.cluster.id = 7;
    config.cluster.known = known;
    config.cluster.known_count = ARRAY_LEN(known);
    struct node *n = NULL;
    struct dir_time now = {.wall_ms = 1700000000000, .mono_ms = 1000};
    must(node_create(&config, now, &n) == STATUS_OK);
    return n;
}

static void join(struct node *n, struct dir_time now, struct effects *fx, uint64_t conn,
                 struct slice room) {
    struct claims claims = {
        .has_video = true,
        .identity = SLICE_LIT("somebody"),
        .has_expires = true,
        .expires_s = 1e12,
        .video = {.room_join = true, .room = room},
    };
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = 17;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    struct node_event ev = {.kind = EV_JOIN, .time = now, .conn = conn, .claims = &claims};
    ev.join.request = &request;
    ev.join.here = true;
    effects_clear(fx);
    must(node_step(n, &ev, fx) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct metrics metrics = {0};
    struct effects fx;
    effects_init(&fx);
    struct node *n = make_node(&metrics);
    struct cursor c = cursor_over(slice_of(data, size));
    struct dir_time now = {.wall_ms = 1700000000000, .mono_ms = 1000};
    join(n, now, &fx, 1, SLICE_LIT("room-1"));
    join(n, now, &fx, 2, SLICE_LIT("room-2"));
    for (int i = 0; i < MESSAGES_MAX && cursor_left(&c) > 2; i++) {
        size_t len = cursor_be16(&c);
        struct slice bytes = tight_copy(cursor_take(&c, MIN(len, cursor_left(&c))));
        check_message(bytes);
        struct node_event ev = {.kind = EV_PEER, .time = now, .peer = {.bytes = bytes}};
        effects_clear(&fx);
        (void)node_step(n, &ev, &fx);
        tight_free(bytes);
        now.mono_ms += STEP_MS; /* leases run out between some of them */
        now.wall_ms += STEP_MS;
        ev = (struct node_event){.kind = EV_TICK, .time = now};
        effects_clear(&fx);
        (void)node_step(n, &ev, &fx);
    }
    dir_check(node_dir(n));
    node_destroy(n);
    effects_deinit(&fx);
    return 0;
}
