/* Each allocation of each call fails once: the answer is NO_MEMORY and nothing has changed. */
#include "dir_world.h"
#include "mem.h"

/* What must stay as it is. Counters of refusals and of steps may rise. */
struct picture {
    struct dir_counts counts;
    uint64_t seq, digests, next_deadline;
};

static struct picture picture_of(const struct world *w) {
    struct dir *d = w->nodes[A];
    struct picture p = {.seq = dir_change_seq(d), .next_deadline = dir_next_deadline_ms(d)};
    dir_counts_get(d, world_time(w, A), &p.counts);
    p.counts.refused_full = p.counts.steps = 0;
    p.counts.bytes = 0; /* arrays that grew stay grown */
    for (uint32_t bucket = 0; bucket < DIR_BUCKETS; bucket++) {
        p.digests += dir_digest(d, bucket) * (bucket + 1);
    }
    return p;
}

static void assert_unchanged(const struct world *w, const struct picture *before) {
    struct picture now = picture_of(w);
    assert_memory_equal(&now, before, sizeof(now));
    dir_check(w->nodes[A]);
}

/* A call under test; `prepare` brings the directory to where the call allocates. */
struct oom_case {
    const char *what;
    void (*prepare)(struct world *w);
    enum status (*call)(struct world *w);
};

static struct buf other_record; /* of node B, encoded before faults begin */

static void prepare_nothing(struct world *w) {
    world_create(w, A, "other");
}
static void prepare_room(struct world *w) {
    world_create(w, A, "room");
}
static void prepare_ended(struct world *w) {
    world_create(w, A, "room");
    world_end(w, A, "room");
}
static void prepare_aliases(struct world *w) {
    world_create(w, A, "room");
    world_create(w, B, "room");
    world_send(w, B, A, "room");
}
static void prepare_many(struct world *w) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                        "i", "j", "k", "l", "m", "n", "o", "p"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        world_create(w, A, names[i]); /* the next needs larger arrays */
    }
}
static void prepare_record_of_b(struct world *w) {
    world_create_with(w, B, "room", "of B");
    world_encode(w, B, "room", &other_record);
}
static void prepare_merge_into_room(struct world *w) {
    world_create_with(w, A, "room", "of A");
    prepare_record_of_b(w);
}

static enum status call_create(struct world *w) {
    struct dir_settings settings = {.empty_timeout_s = 5};
    struct dir_create given = {
        .settings = &settings, .has_metadata = true, .metadata = SLICE_LIT("m")};
    struct dir_room room = {.lives = 77};
    bool created;
    enum status s =
        dir_room_create(w->nodes[A], world_time(w, A), SLICE_LIT("room"), &given, &room, &created);
    assert_true(s == STATUS_OK || room.lives == 77);
    return s;
}
static enum status call_metadata(struct world *w) {
    return dir_room_set_metadata(w->nodes[A], world_time(w, A), SLICE_LIT("room"),
                                 SLICE_LIT("new"));
}
static enum status call_settings(struct world *w) {
    return dir_room_set_settings(w->nodes[A], world_time(w, A), SLICE_LIT("room"),
                                 &(struct dir_settings){.empty_timeout_s = 1});
}
static enum status call_merge(struct world *w) {
    struct dir_merged merged;
    return dir_merge(w->nodes[A], world_time(w, A), buf_slice(&other_record), &merged);
}
static enum status call_load(struct world *w) {
    return dir_load(w->nodes[A], world_time(w, A), buf_slice(&other_record));
}
static enum status call_reassert(struct world *w) {
    struct dir_stamp births[] = {{.time = 1, .boot = 1}, {.time = 2, .boot = 2}};
    return dir_room_reassert(w->nodes[A], world_time(w, A), SLICE_LIT("room"), births, 2);
}
static enum status call_member(struct world *w) {
    return dir_member_set(w->nodes[A], 99, 1);
}
static enum status call_encode(struct world *w) {
    struct buf out;
    buf_init(&out, 4096);
    enum status s = dir_record_encode(w->nodes[A], SLICE_LIT("room"), &out);
    assert_true(s == STATUS_OK || (out.len == 0 && !out.failed));
    buf_deinit(&out);
    return s;
}

static const struct oom_case cases[] = {
    {"create", prepare_nothing, call_create},
    {"create into larger arrays", prepare_many, call_create},
    {"create after an end", prepare_ended, call_create},
    {"metadata", prepare_room, call_metadata},
    {"metadata of two lives", prepare_aliases, call_metadata},
    {"settings of two lives", prepare_aliases, call_settings},
    {"merge of a new room", prepare_record_of_b, call_merge},
    {"merge into a room", prepare_merge_into_room, call_merge},
    {"load", prepare_record_of_b, call_load},
    {"re-assert what is gone", prepare_room, call_reassert},
    {"re-assert of nothing", prepare_nothing, call_reassert},
    {"member", prepare_nothing, call_member},
    {"encode", prepare_room, call_encode},
};

static void walk_case(const struct oom_case *c) {
    enum status s = STATUS_NO_MEMORY;
    uint64_t nth = 1;
    for (; s != STATUS_OK; nth++) {
        struct world w;
        buf_init(&other_record, 4096);
        world_init(&w, 2, NULL);
        c->prepare(&w);
        struct picture before = picture_of(&w);
        mem_fail_from(nth);
        s = c->call(&w);
        mem_fail_never();
        if (s != STATUS_OK) {
            assert_int_equal(s, STATUS_NO_MEMORY);
            assert_unchanged(&w, &before);
        }
        world_deinit(&w);
        buf_deinit(&other_record);
    }
    if (nth <= 2) {
        fail_msg("%s allocates nothing: nothing was tried", c->what);
    }
}

static void a_failed_call_changes_nothing(void **state) {
    (void)state;
    uint64_t live = mem_live_blocks();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        walk_case(&cases[i]);
    }
    assert_int_equal(mem_live_blocks(), live);
}

static void no_directory_without_memory(void **state) {
    struct dir_config cfg;
    struct dir *d = NULL;
    (void)state;
    dir_config_init(&cfg);
    cfg.boot = 1;
    for (uint64_t nth = 1; !d; nth++) {
        uint64_t live = mem_live_blocks();
        mem_fail_from(nth);
        d = dir_create(&cfg, (struct dir_time){0});
        mem_fail_never();
        assert_true(d || mem_live_blocks() == live);
    }
    assert_null(dir_destroy(d));
    assert_null(dir_destroy(NULL));
}

/* Ends and deletes have their memory from the create on: they never need any. */
static void ends_and_deletes_need_no_memory(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 3, NULL);
    for (size_t node = 0; node < 3; node++) {
        world_create(&w, node, "room"); /* three creators: a delete writes three rows */
        world_create(&w, node, "swept");
    }
    for (size_t node = 1; node < 3; node++) {
        world_send(&w, node, A, "room");
        world_send(&w, node, A, "swept");
    }
    assert_int_equal(world_find(&w, A, "room").lives, 3);
    world_lose_deltas(&w, A);
    mem_fail_from(1);
    world_use(&w, A, "room");
    world_delete(&w, A, "room");
    w.now_ms += 300000;
    size_t swept = dir_sweep(w.nodes[A], world_time(&w, A), 16, NULL, NULL);
    mem_fail_never();
    assert_true(swept > 0);
    assert_false(world_alive(&w, A, "room") || world_alive(&w, A, "swept"));
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_failed_call_changes_nothing),
        test(no_directory_without_memory),
        test(ends_and_deletes_need_no_memory),
    };
    return cmocka_run_group_tests_name("dir_oom", tests, NULL, NULL);
}
