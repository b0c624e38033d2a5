/* When rooms end: empty, departure, lost, solo, maximum duration, ranks, islands; the sweep's
 * budget and the second line. */
#include <stdio.h>

#include "dir_world.h"

#define ROOM "room"

static struct slice room_name(void) {
    return SLICE_LIT(ROOM);
}

/* Ends after exactly `ms` more, not one earlier. */
static void assert_ends_after(struct world *w, size_t node, uint64_t ms,
                              enum dir_end_reason expected) {
    enum dir_end_reason reason;
    w->now_ms += ms - 1;
    assert_int_equal(world_sweep(w, node, &reason), 0);
    w->now_ms += 1;
    assert_int_equal(world_sweep(w, node, &reason), 1);
    assert_int_equal(reason, expected);
    assert_false(world_alive(w, node, ROOM));
}

static void set(struct world *w, size_t node, struct dir_settings settings) {
    assert_ok(dir_room_set_settings(w->nodes[node], world_time(w, node), room_name(), &settings));
}

static void present(struct world *w, size_t node, uint32_t participants, uint32_t dependents) {
    struct dir_presence p = {.participants = participants, .dependents = dependents};
    assert_ok(dir_presence_set(w->nodes[node], world_time(w, node), room_name(), &p));
}

static void remote(struct world *w, size_t node, uint32_t participants, bool lost) {
    assert_ok(dir_presence_set_remote(w->nodes[node], world_time(w, node), room_name(),
                                      participants, lost));
}

static void an_empty_room_ends_after_its_timeout(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), w.now_ms + 300000);
    assert_ends_after(&w, A, 300000, DIR_END_EMPTY);
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), UINT64_MAX);
    world_deinit(&w);
}

static void a_create_gives_a_full_timeout(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    w.now_ms += 299999;
    assert_false(world_create(&w, A, ROOM));
    assert_ends_after(&w, A, 300000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void departure_counts_from_the_last_leave(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_join(&w, A, ROOM);
    w.now_ms += 1000000;
    assert_int_equal(world_sweep(&w, A, NULL), 0); /* somebody is in */
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), UINT64_MAX);
    world_leave(&w, A, ROOM);
    assert_ends_after(&w, A, 20000, DIR_END_DEPARTED);
    world_deinit(&w);
}

static void dependents_keep_nothing_open(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    present(&w, A, 0, 2);
    w.now_ms += 10000;
    world_use(&w, A, ROOM); /* one of them left: any leave counts */
    present(&w, A, 0, 1);
    assert_ends_after(&w, A, 300000, DIR_END_EMPTY); /* nobody else was ever in */
    world_deinit(&w);
}

static void never_and_at_once(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    set(&w, A, (struct dir_settings){.empty_timeout_s = UINT32_MAX});
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), UINT64_MAX);
    w.now_ms += UINT64_C(100) * 365 * 86400 * 1000;
    assert_int_equal(world_sweep(&w, A, NULL), 0);
    set(&w, A, (struct dir_settings){.empty_timeout_s = 0});
    assert_int_equal(world_sweep(&w, A, NULL), 1);
    world_deinit(&w);
}

static void settings_move_the_deadline(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    w.now_ms += 50000;
    set(&w, A, (struct dir_settings){.empty_timeout_s = 60});
    assert_ends_after(&w, A, 10000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void one_alone_ends_the_room(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    set(&w, A, (struct dir_settings){.solo_timeout_s = 30, .departure_timeout_s = 99});
    present(&w, A, 1, 0);
    w.now_ms += 29000;
    present(&w, A, 2, 0);
    w.now_ms += 29000;
    assert_int_equal(world_sweep(&w, A, NULL), 0);
    present(&w, A, 1, 1); /* alone again; the agent does not count */
    w.now_ms += 10000;
    world_use(&w, A, ROOM); /* nor does a use */
    assert_ends_after(&w, A, 20000, DIR_END_SOLO);
    world_deinit(&w);
}

static void only_the_host_ends_a_lonely_session(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    set(&w, A, (struct dir_settings){.solo_timeout_s = 30});
    present(&w, A, 1, 0);
    remote(&w, A, 1, false);
    w.now_ms += 60000;
    assert_int_equal(world_sweep(&w, A, NULL), 0); /* two, on two nodes */
    present(&w, A, 0, 0);
    w.now_ms += 60000;
    assert_int_equal(world_sweep(&w, A, NULL), 0); /* the other's */
    world_deinit(&w);
}

static void maximum_duration_ends_a_full_room(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_join(&w, A, ROOM);
    set(&w, A, (struct dir_settings){.max_duration_s = 3600});
    w.now_ms += 1000000;
    world_create(&w, A, ROOM); /* a use does not lengthen it */
    assert_ends_after(&w, A, 2600000, DIR_END_MAX_DURATION);
    world_deinit(&w);
}

static void F13_deadlines_ignore_stamps(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[A] = -250000; /* A's stamps look 250 s old to B */
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    assert_ends_after(&w, B, 300000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void F13_a_use_of_any_life_restarts(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 3, NULL);
    w.skew_ms[B] = 40000;
    world_create(&w, A, ROOM);
    world_create(&w, B, ROOM);
    world_send(&w, A, C, ROOM);
    world_send(&w, B, C, ROOM);
    w.now_ms += 200000;
    world_use(&w, A, ROOM); /* rises A's life, but stays below what B's would be at once */
    world_send(&w, A, C, ROOM);
    assert_int_equal(world_find(&w, C, ROOM).lives, 2);
    assert_ends_after(&w, C, 300000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void what_says_nothing_new_restarts_nothing(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    w.now_ms += 200000;
    assert_int_equal(world_send(&w, A, B, ROOM).result, DIR_MERGE_SAME);
    world_metadata(&w, A, ROOM, "not a use");
    assert_true(world_send(&w, A, B, ROOM).visible_changed);
    assert_ends_after(&w, B, 100000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void F14_a_lost_host_is_no_departure(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    remote(&w, B, 3, false);
    w.now_ms += 500000;
    assert_int_equal(world_sweep(&w, B, NULL), 0);
    remote(&w, B, 0, true);
    w.now_ms += 59999;
    remote(&w, B, 0, true); /* still lost: counts on */
    assert_ends_after(&w, B, 1, DIR_END_LOST);
    world_deinit(&w);
}

/* The record of A's room in B, as B's own journal would bring it. */
static void load(struct world *w, const char *name) {
    struct buf bytes;
    buf_init(&bytes, 4096);
    world_encode(w, A, name, &bytes);
    assert_ok(dir_load(w->nodes[B], world_time(w, B), buf_slice(&bytes)));
    buf_deinit(&bytes);
}

static void a_restart_is_a_lost_host_and_no_departure(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    w.now_ms += 500000;
    load(&w, ROOM);
    assert_ends_after(&w, B, 60000, DIR_END_LOST);
    world_deinit(&w);

    world_init(&w, 2, NULL); /* who has come back may leave as ever */
    world_join(&w, A, ROOM);
    load(&w, ROOM);
    w.now_ms += 50000;
    present(&w, B, 1, 0);
    w.now_ms += 500000;
    assert_int_equal(world_sweep(&w, B, NULL), 0);
    present(&w, B, 0, 0);
    assert_ends_after(&w, B, 20000, DIR_END_DEPARTED);
    world_deinit(&w);
}

static void a_restart_is_no_shorter_than_a_departure(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    set(&w, A, (struct dir_settings){.empty_timeout_s = 1, .departure_timeout_s = 100});
    load(&w, ROOM);
    assert_ends_after(&w, B, 100000, DIR_END_LOST);
    world_deinit(&w);
}

static void a_restart_gives_an_empty_room_its_whole_timeout(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    w.now_ms += 299999;
    load(&w, ROOM);
    assert_ends_after(&w, B, 300000, DIR_END_EMPTY);
    world_deinit(&w);
}

static void a_host_that_returns_stops_the_clock(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    remote(&w, A, 3, false);
    remote(&w, A, 0, true);
    w.now_ms += 50000;
    remote(&w, A, 3, false);
    w.now_ms += 50000;
    assert_int_equal(world_sweep(&w, A, NULL), 0);
    remote(&w, A, 0, true);
    w.now_ms += 10000;
    remote(&w, A, 0, false); /* it is back and says that they left */
    assert_ends_after(&w, A, 20000, DIR_END_DEPARTED);
    world_deinit(&w);
}

static void who_comes_after_a_loss_departs(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    remote(&w, A, 3, false);
    remote(&w, A, 0, true);
    present(&w, A, 1, 0);
    w.now_ms += 50000;
    present(&w, A, 0, 0);
    assert_ends_after(&w, A, 20000, DIR_END_DEPARTED);
    world_deinit(&w);
}

static void F20_a_deaf_home_is_followed_by_the_next_ender(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    uint64_t home = world_boot(&w, A);
    assert_ok(dir_living_set(w.nodes[B], &home, 1)); /* it beats, and ends nothing */
    assert_ends_after(&w, B, 20000 + DIR_RANK_DELAY_MS, DIR_END_DEPARTED);
    world_deinit(&w);
}

static void a_living_home_is_always_first(void **state) {
    struct world w;
    char name[16];
    (void)state;
    world_init(&w, 2, NULL);
    uint64_t home = world_boot(&w, A);
    assert_ok(dir_living_set(w.nodes[B], &home, 1));
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        world_join(&w, A, name);
        world_send(&w, A, B, name);
    }
    w.now_ms += 20000;
    assert_int_equal(world_sweep(&w, B, NULL), 0);
    w.now_ms += DIR_RANK_DELAY_MS;
    assert_int_equal(world_sweep(&w, B, NULL), 30);
    world_deinit(&w);
}

static void exactly_one_living_node_is_first(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 3, NULL);
    for (size_t node = 0; node < w.count; node++) {
        uint64_t others[] = {world_boot(&w, (node + 1) % 3), world_boot(&w, (node + 2) % 3)};
        assert_ok(dir_living_set(w.nodes[node], others, 2));
    }
    int enders_by_rank[3] = {0};
    for (int i = 0; i < 60; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room-%d", i);
        world_create(&w, A, name);
        world_send(&w, A, B, name);
        world_send(&w, A, C, name);
    }
    for (int rank = 0; rank < 3; rank++) {
        w.now_ms += rank ? DIR_RANK_DELAY_MS : 300000;
        for (size_t node = 0; node < w.count; node++) {
            enders_by_rank[rank] += (int)world_sweep(&w, node, NULL);
        }
    }
    /* Nothing was sent in between, so that each node ends each room, one after the other. */
    assert_int_equal(enders_by_rank[0], 60);
    assert_int_equal(enders_by_rank[1], 60);
    assert_int_equal(enders_by_rank[2], 60);
    world_deinit(&w);
}

static void an_island_ends_only_what_it_hosts(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_join(&w, A, "hosted");
    world_leave(&w, A, "hosted");
    dir_island_set(w.nodes[A], world_time(&w, A), true);
    for (int i = 0; i < 100; i++) {
        w.now_ms += 10000;
        world_sweep(&w, A, NULL);
        assert_int_equal(dir_scan(w.nodes[A], world_time(&w, A), 100), 0);
    }
    assert_false(world_alive(&w, A, "hosted"));
    assert_true(world_alive(&w, A, ROOM));
    dir_island_set(w.nodes[A], world_time(&w, A), false);
    w.now_ms += 59999;
    assert_int_equal(world_sweep(&w, A, NULL), 0);
    w.now_ms += 15000; /* looked at every 15 s while it stood still */
    assert_int_equal(world_sweep(&w, A, NULL), 1);
    world_deinit(&w);
}

static void a_loaded_room_gets_a_full_timeout(void **state) {
    struct world w;
    struct buf bytes;
    (void)state;
    world_init(&w, 1, NULL);
    world_join(&w, A, ROOM);
    struct dir_settings settings = world_find(&w, A, ROOM).settings;
    settings.max_duration_s = 1000;
    set(&w, A, settings);
    buf_init(&bytes, 4096);
    world_encode(&w, A, ROOM, &bytes);
    w.now_ms += 990000;
    world_restart(&w, A);
    assert_ok(dir_load(w.nodes[A], world_time(&w, A), buf_slice(&bytes)));
    assert_int_equal(dir_next_deadline_ms(w.nodes[A]), w.now_ms + 10000); /* its age went on */
    settings.max_duration_s = 0;
    set(&w, A, settings);
    assert_ends_after(&w, A, 60000, DIR_END_LOST); /* a home was set: somebody was in */
    buf_deinit(&bytes);
    world_deinit(&w);
}

static void a_sweep_keeps_to_its_budget(void **state) {
    struct world w;
    struct dir_counts counts;
    (void)state;
    world_init(&w, 1, NULL);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room-%d", i);
        world_create(&w, A, name);
    }
    w.now_ms += 301000;
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.overdue_ms, 1000);
    assert_int_equal(dir_sweep(w.nodes[A], world_time(&w, A), 30, NULL, NULL), 30);
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.rooms, 70);
    assert_int_equal(dir_sweep(w.nodes[A], world_time(&w, A), 1000, NULL, NULL), 70);
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.rooms, 0);
    assert_int_equal(counts.ended, 100);
    assert_int_equal(counts.overdue_ms, 0);
    world_deinit(&w);
}

static void the_scan_finds_nothing(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_join(&w, A, "joined");
    world_create(&w, A, "dead");
    world_delete(&w, A, "dead");
    for (int i = 0; i < 100; i++) {
        w.now_ms += 7000;
        assert_int_equal(dir_scan(w.nodes[A], world_time(&w, A), 2), 0); /* late sweep: no bug */
    }
    world_sweep(&w, A, NULL);
    assert_int_equal(dir_scan(w.nodes[A], world_time(&w, A), 100), 0);
    world_deinit(&w);
}

/* Not with checks on: the walkers would find it first, and rightly stop the test. */
#if defined(STOA_FAULTS) && !defined(STOA_CHECKS)
static void the_scan_finds_a_lost_deadline(void **state) {
    struct world w;
    struct dir_counts counts;
    (void)state;
    world_init(&w, 1, NULL);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room-%d", i);
        world_create(&w, A, name);
    }
    dir_fault_lose_deadline(w.nodes[A], SLICE_LIT("room-7"));
    w.now_ms += 300000;
    assert_int_equal(world_sweep(&w, A, NULL), 9);
    size_t found = 0;
    for (int i = 0; i < 10; i++) { /* one slot a turn: it gets round */
        found += dir_scan(w.nodes[A], world_time(&w, A), 1);
    }
    assert_int_equal(found, 1);
    dir_counts_get(w.nodes[A], world_time(&w, A), &counts);
    assert_int_equal(counts.scan_found, 1);
    assert_int_equal(world_sweep(&w, A, NULL), 1); /* repaired */
    world_deinit(&w);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        test(an_empty_room_ends_after_its_timeout),
        test(a_create_gives_a_full_timeout),
        test(departure_counts_from_the_last_leave),
        test(dependents_keep_nothing_open),
        test(never_and_at_once),
        test(settings_move_the_deadline),
        test(one_alone_ends_the_room),
        test(only_the_host_ends_a_lonely_session),
        test(maximum_duration_ends_a_full_room),
        test(F13_deadlines_ignore_stamps),
        test(F13_a_use_of_any_life_restarts),
        test(what_says_nothing_new_restarts_nothing),
        test(F14_a_lost_host_is_no_departure),
        test(a_restart_is_a_lost_host_and_no_departure),
        test(a_restart_is_no_shorter_than_a_departure),
        test(a_restart_gives_an_empty_room_its_whole_timeout),
        test(a_host_that_returns_stops_the_clock),
        test(who_comes_after_a_loss_departs),
        test(F20_a_deaf_home_is_followed_by_the_next_ender),
        test(a_living_home_is_always_first),
        test(exactly_one_living_node_is_first),
        test(an_island_ends_only_what_it_hosts),
        test(a_loaded_room_gets_a_full_timeout),
        test(a_sweep_keeps_to_its_budget),
        test(the_scan_finds_nothing),
#if defined(STOA_FAULTS) && !defined(STOA_CHECKS)
        test(the_scan_finds_a_lost_deadline),
#endif
    };
    return cmocka_run_group_tests_name("dir_deadline", tests, NULL, NULL);
}
