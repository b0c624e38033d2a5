#include "dir_world.h"

static void start_node(struct world *w, size_t node) {
    w->nodes[node] = dir_create(&w->cfg[node], world_time(w, node));
    assert_non_null(w->nodes[node]);
    for (size_t other = 0; other < w->count; other++) {
        if (other != node) {
            assert_ok(dir_member_set(w->nodes[node], other, w->cfg[other].boot));
        }
    }
}

void world_init(struct world *w, size_t count, const struct dir_config *cfg) {
    assert_in_range(count, 1, WORLD_NODES_MAX);
    *w = (struct world){.count = count, .now_ms = 1000};
    for (size_t i = 0; i < count; i++) {
        if (cfg) {
            w->cfg[i] = *cfg;
        } else {
            dir_config_init(&w->cfg[i]);
        }
        w->cfg[i].boot = 1000 + i;
        w->cfg[i].map_key = (struct hash_key){.k0 = i, .k1 = 7};
        memcpy(w->cfg[i].cluster_key, "0123456789abcdef", 16);
    }
    for (size_t i = 0; i < count; i++) {
        start_node(w, i);
    }
}

void world_deinit(struct world *w) {
    for (size_t i = 0; i < w->count; i++) {
        dir_check(w->nodes[i]);
        w->nodes[i] = dir_destroy(w->nodes[i]);
    }
}

void world_restart(struct world *w, size_t node) {
    dir_destroy(w->nodes[node]);
    w->cfg[node].boot += 100;
    start_node(w, node);
    for (size_t other = 0; other < w->count; other++) {
        if (other != node) {
            assert_ok(dir_member_set(w->nodes[other], node, w->cfg[node].boot));
        }
    }
}

struct dir_time world_time(const struct world *w, size_t node) {
    int64_t wall = (int64_t)(WORLD_START_MS + w->now_ms) + w->skew_ms[node];
    return (struct dir_time){.wall_ms = (uint64_t)wall, .mono_ms = w->now_ms};
}

uint64_t world_boot(const struct world *w, size_t node) {
    return w->cfg[node].boot;
}

void world_encode(const struct world *w, size_t node, const char *name, struct buf *out) {
    buf_clear(out);
    enum status s = dir_record_encode(w->nodes[node], slice_from_cstr(name), out);
    assert_true(s == STATUS_OK || s == STATUS_NOT_FOUND);
}

struct dir_merged world_send(struct world *w, size_t from, size_t to, const char *name) {
    struct buf bytes;
    struct dir_merged merged = {0};
    buf_init(&bytes, WORLD_BYTES_MAX);
    world_encode(w, from, name, &bytes);
    if (bytes.len > 0) {
        assert_ok(dir_merge(w->nodes[to], world_time(w, to), buf_slice(&bytes), &merged));
        merged.name = (struct slice){0}; /* pointed into bytes */
    }
    buf_deinit(&bytes);
    return merged;
}

bool world_equal(const struct world *w, size_t a, size_t b, const char *name) {
    struct buf x, y;
    buf_init(&x, WORLD_BYTES_MAX);
    buf_init(&y, WORLD_BYTES_MAX);
    world_encode(w, a, name, &x);
    world_encode(w, b, name, &y);
    bool equal = slice_eq(buf_slice(&x), buf_slice(&y));
    uint32_t bucket = dir_bucket_of(w->nodes[a], slice_from_cstr(name));
    bool digests = dir_digest(w->nodes[a], bucket) == dir_digest(w->nodes[b], bucket);
    assert_int_equal(equal, digests); /* the tests use one name a bucket */
    buf_deinit(&x);
    buf_deinit(&y);
    return equal;
}

void world_heal(struct world *w, const char *name) {
    for (size_t round = 0; round < 2; round++) {
        for (size_t from = 0; from < w->count; from++) {
            for (size_t to = 0; to < w->count; to++) {
                if (from != to) {
                    (void)world_send(w, from, to, name);
                }
            }
        }
    }
    for (size_t i = 1; i < w->count; i++) {
        assert_true(world_equal(w, 0, i, name));
    }
}

void world_ack(struct world *w) {
    for (size_t a = 0; a < w->count; a++) {
        for (size_t b = 0; b < w->count; b++) {
            for (uint32_t bucket = 0; a != b && bucket < DIR_BUCKETS; bucket++) {
                struct dir *mine = w->nodes[a], *theirs = w->nodes[b];
                if (dir_digest(mine, bucket) == dir_digest(theirs, bucket)) {
                    dir_member_acked(mine, b, bucket, dir_change_seq(mine));
                }
            }
        }
    }
}

static bool create(struct world *w, size_t node, const char *name, const struct dir_create *given) {
    struct dir_room room;
    bool created;
    assert_ok(dir_room_create(w->nodes[node], world_time(w, node), slice_from_cstr(name), given,
                              &room, &created));
    assert_text(room.name, name);
    return created;
}

bool world_create(struct world *w, size_t node, const char *name) {
    return create(w, node, name, &(struct dir_create){0});
}

bool world_create_with(struct world *w, size_t node, const char *name, const char *metadata) {
    return create(
        w, node, name,
        &(struct dir_create){.has_metadata = true, .metadata = slice_from_cstr(metadata)});
}

void world_use(struct world *w, size_t node, const char *name) {
    assert_ok(dir_room_use(w->nodes[node], world_time(w, node), slice_from_cstr(name)));
}

static void set_presence(struct world *w, size_t node, const char *name, uint32_t participants) {
    assert_ok(dir_presence_set(w->nodes[node], world_time(w, node), slice_from_cstr(name),
                               &(struct dir_presence){.participants = participants}));
}

void world_join(struct world *w, size_t node, const char *name) {
    (void)world_create(w, node, name);
    if (world_find(w, node, name).home == 0) {
        assert_ok(dir_room_set_home(w->nodes[node], world_time(w, node), slice_from_cstr(name)));
    }
    set_presence(w, node, name, world_find(w, node, name).local.participants + 1);
}

void world_leave(struct world *w, size_t node, const char *name) {
    set_presence(w, node, name, world_find(w, node, name).local.participants - 1);
    world_use(w, node, name);
}

void world_end(struct world *w, size_t node, const char *name) {
    assert_ok(dir_room_end(w->nodes[node], world_time(w, node), slice_from_cstr(name)));
}

void world_delete(struct world *w, size_t node, const char *name) {
    assert_ok(dir_room_delete(w->nodes[node], world_time(w, node), slice_from_cstr(name)));
}

void world_metadata(struct world *w, size_t node, const char *name, const char *metadata) {
    assert_ok(dir_room_set_metadata(w->nodes[node], world_time(w, node), slice_from_cstr(name),
                                    slice_from_cstr(metadata)));
}

bool world_alive(const struct world *w, size_t node, const char *name) {
    struct dir_room room;
    return dir_room_find(w->nodes[node], slice_from_cstr(name), &room) == STATUS_OK;
}

struct dir_room world_find(const struct world *w, size_t node, const char *name) {
    struct dir_room room;
    assert_ok(dir_room_find(w->nodes[node], slice_from_cstr(name), &room));
    return room;
}

struct swept {
    size_t count;
    enum dir_end_reason reason;
};

static void on_ended(void *arg, const struct dir_room *room, enum dir_end_reason reason) {
    struct swept *s = arg;
    assert_true(room->name.len > 0 && room->lives > 0);
    s->count++;
    s->reason = reason;
}

void world_lose_deltas(struct world *w, size_t node) {
    struct buf out;
    buf_init(&out, WORLD_BYTES_MAX);
    while (dir_delta_next(w->nodes[node], WORLD_BYTES_MAX / 2, &out) > 0) {
        buf_clear(&out);
    }
    buf_deinit(&out);
}

size_t world_sweep(struct world *w, size_t node, enum dir_end_reason *ret_reason) {
    struct swept s = {0};
    world_lose_deltas(w, node);
    while (dir_sweep(w->nodes[node], world_time(w, node), 16, on_ended, &s) == 16) {
    }
    if (s.count && ret_reason) {
        *ret_reason = s.reason;
    }
    return s.count;
}
