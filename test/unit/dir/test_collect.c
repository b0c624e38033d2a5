/* Tombstones, acknowledgements, closes and the bounds on all three. */
#include <stdio.h>

#include "dir_world.h"

#define ROOM "room"

enum { TTL_MS = 120 * 1000, QUIET_MS = 60 * 1000, LONG_MS = 400 * 1000 };

static struct dir_counts counts_of(const struct world *w, size_t node) {
    struct dir_counts c;
    dir_counts_get(w->nodes[node], world_time(w, node), &c);
    return c;
}

static uint64_t digest_of(const struct world *w, size_t node) {
    return dir_digest(w->nodes[node], dir_bucket_of(w->nodes[node], SLICE_LIT(ROOM)));
}

static void alone_drops_at_once(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    assert_int_equal(counts_of(&w, A).records, 0);
    world_create(&w, A, ROOM);
    world_end(&w, A, ROOM);
    assert_int_equal(counts_of(&w, A).records, 0);
    assert_int_equal(counts_of(&w, A).collected, 2);
    assert_true(world_create(&w, A, ROOM)); /* the name is free */
    world_deinit(&w);
}

static void journal_reads_a_tombstone_before_it_goes(void **state) {
    struct dir_config cfg;
    struct world w;
    struct buf out;
    (void)state;
    dir_config_init(&cfg);
    cfg.journal = true;
    world_init(&w, 1, &cfg);
    buf_init(&out, 4096);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    assert_int_equal(dir_journal_next(w.nodes[A], 4096, &out), 1); /* both writes are one record */
    assert_int_equal(counts_of(&w, A).records, 0);
    assert_int_equal(dir_journal_next(w.nodes[A], 4096, &out), 0);
    buf_deinit(&out);
    world_deinit(&w);
}

static void what_the_journal_will_not_be_told_is_counted(void **state) {
    struct dir_config cfg;
    struct world w;
    (void)state;
    dir_config_init(&cfg);
    cfg.journal = true;
    cfg.tombstones_min = 10;
    world_init(&w, 1, &cfg);
    for (int i = 0; i < 30; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "room-%d", i);
        world_create(&w, A, name);
        world_delete(&w, A, name);
    }
    assert_int_equal(dir_journal_owed(w.nodes[A]), 10);
    assert_int_equal(dir_journal_gaps(w.nodes[A]), 20);
    world_deinit(&w);
}

static void sessions_keep_a_dead_record(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_join(&w, A, ROOM);
    struct dir_stamp birth = world_find(&w, A, ROOM).birth;
    world_metadata(&w, A, ROOM, "m");
    world_end(&w, A, ROOM);
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    assert_ok(dir_room_reassert(w.nodes[A], world_time(&w, A), SLICE_LIT(ROOM), &birth, 1));
    assert_text(world_find(&w, A, ROOM).metadata, "m");
    world_delete(&w, A, ROOM);
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    assert_ok(dir_presence_set(w.nodes[A], world_time(&w, A), SLICE_LIT(ROOM),
                               &(struct dir_presence){0}));
    assert_int_equal(counts_of(&w, A).records, 0);
    world_deinit(&w);
}

static void F21_age_counts_from_the_end_not_from_the_last_use(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_heal(&w, ROOM);
    w.now_ms += LONG_MS; /* the last use is far older than the TTL */
    world_end(&w, A, ROOM);
    w.now_ms += TTL_MS - 1000;
    world_sweep(&w, A, NULL);
    assert_true(digest_of(&w, A) != 0);
    w.now_ms += 2000;
    world_sweep(&w, A, NULL);
    assert_int_equal(digest_of(&w, A), 0);            /* past its TTL: out of the digest */
    assert_int_equal(counts_of(&w, A).tombstones, 1); /* and held until B acknowledged */
    world_deinit(&w);
}

static void F22_a_tombstone_waits_for_every_member(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_heal(&w, ROOM);
    world_ack(&w); /* before the delete: acknowledges nothing of it */
    world_delete(&w, A, ROOM);
    for (int i = 0; i < 50; i++) { /* cut off from B for long: the delta was lost */
        w.now_ms += 30000;
        world_sweep(&w, A, NULL);
        world_ack(&w); /* digests differ: nothing is acknowledged */
    }
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    world_send(&w, B, A, ROOM); /* the old copy does not come back */
    assert_false(world_alive(&w, A, ROOM));
    world_send(&w, A, B, ROOM);
    assert_false(world_alive(&w, B, ROOM));
    for (int i = 0; i < 20; i++) {
        w.now_ms += 30000;
        world_sweep(&w, A, NULL);
        world_sweep(&w, B, NULL);
        world_ack(&w);
    }
    assert_int_equal(counts_of(&w, A).records, 0);
    assert_int_equal(counts_of(&w, B).records, 0);
    world_deinit(&w);
}

/* Acknowledged all along: only age and quiet hold it. */
static void assert_held_until(struct world *w, uint64_t ms) {
    while (w->now_ms < ms) {
        assert_int_equal(counts_of(w, A).tombstones, 1);
        w->now_ms += 1000;
        world_sweep(w, A, NULL);
        world_sweep(w, B, NULL);
        world_ack(w);
    }
    w->now_ms += 40000; /* it is looked at every 30 s, and once more 10 s later */
    world_sweep(w, A, NULL);
    w->now_ms += 10000;
    world_sweep(w, A, NULL);
    assert_int_equal(counts_of(w, A).records, 0);
}

static void a_tombstone_stays_for_its_ttl(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    world_heal(&w, ROOM);
    world_ack(&w);
    assert_held_until(&w, w.now_ms + TTL_MS);
    world_deinit(&w);
}

static void a_tombstone_stays_until_it_is_quiet(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    world_end(&w, A, ROOM);
    w.now_ms += 1000;
    world_metadata(&w, B, ROOM, "late"); /* reaches A when its stone is nearly past the TTL */
    w.now_ms += TTL_MS - 2000;
    world_heal(&w, ROOM);
    assert_held_until(&w, w.now_ms + QUIET_MS);
    world_deinit(&w);
}

static void pass(struct world *w, uint64_t ms) {
    w->now_ms += ms;
    world_sweep(w, A, NULL);
}

/* Who acknowledged may fall silent, and return without what it had not written yet. */
static void a_tombstone_is_looked_at_twice(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    world_heal(&w, ROOM);
    world_ack(&w);
    dir_doubt_set(w.nodes[A], true); /* its disk is full, or it is not heard */
    for (int i = 0; i < 20; i++) {
        pass(&w, 30000);
    }
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    world_restart(&w, B);
    dir_doubt_set(w.nodes[A], false);
    pass(&w, 30000);
    assert_int_equal(counts_of(&w, A).tombstones, 1); /* another process must say so itself */
    world_ack(&w);
    pass(&w, 30000); /* now all have; for how long? */
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    pass(&w, 9000);
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    pass(&w, 1000);
    assert_int_equal(counts_of(&w, A).records, 0);
    world_deinit(&w);
}

static void a_member_that_restarts_has_acknowledged_nothing(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    world_heal(&w, ROOM);
    world_ack(&w);
    world_restart(&w, B);
    for (int i = 0; i < 20; i++) {
        w.now_ms += 30000;
        world_sweep(&w, A, NULL);
    }
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    dir_member_remove(w.nodes[A], B); /* expelled: A is alone */
    w.now_ms += 30000;
    world_sweep(&w, A, NULL);
    assert_int_equal(counts_of(&w, A).records, 0);
    world_deinit(&w);
}

static void F23_a_collected_tombstone_is_not_taken_again(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_delete(&w, A, ROOM);
    world_heal(&w, ROOM);
    world_ack(&w);
    for (int i = 0; i < 10; i++) {
        w.now_ms += 30000;
        world_sweep(&w, A, NULL); /* B never sweeps */
    }
    assert_int_equal(counts_of(&w, A).records, 0);
    assert_int_equal(world_send(&w, B, A, ROOM).result, DIR_MERGE_FORGOTTEN);
    assert_int_equal(counts_of(&w, A).records, 0);
    assert_int_equal(counts_of(&w, A).forgotten, 1);
    world_deinit(&w);
}

static void F24_close_needs_acknowledgement(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    assert_false(world_create(&w, A, ROOM)); /* a use that B never sees */
    world_metadata(&w, B, ROOM, "m");
    world_end(&w, B, ROOM);
    assert_int_equal(dir_room_close(w.nodes[B], world_time(&w, B), SLICE_LIT(ROOM)), 0);
    world_heal(&w, ROOM);
    assert_true(world_alive(&w, B, ROOM));
    assert_text(world_find(&w, A, ROOM).metadata, "m");
    world_deinit(&w);
}

static void an_acknowledged_end_is_closed_by_the_next_create(void **state) {
    struct world w;
    struct buf out;
    (void)state;
    world_init(&w, 2, NULL);
    buf_init(&out, 1 << 16);
    size_t size = 0;
    for (int i = 0; i < 200; i++) { /* one name, used again and again */
        world_create(&w, A, ROOM);
        world_end(&w, A, ROOM);
        world_heal(&w, ROOM);
        world_ack(&w);
        world_encode(&w, A, ROOM, &out);
        size = i == 1 ? out.len : size;
        assert_true(i < 2 || out.len == size); /* the record does not grow */
    }
    assert_int_equal(counts_of(&w, A).lives_closed, 199);
    assert_int_equal(counts_of(&w, A).lives_forced, 0);
    buf_deinit(&out);
    world_deinit(&w);
}

static void a_silent_member_bounds_ended_lives(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    for (int i = 0; i < 200; i++) {
        world_create(&w, A, ROOM);
        world_end(&w, A, ROOM);
    }
    assert_int_equal(counts_of(&w, A).lives_closed, 0);
    assert_int_equal(counts_of(&w, A).lives_forced, 200 - DIR_ENDED_LIVES_MAX);
    world_send(&w, A, B, ROOM);
    assert_true(world_equal(&w, A, B, ROOM));
    world_deinit(&w);
}

static void a_silent_member_bounds_tombstones(void **state) {
    struct dir_config cfg;
    struct world w;
    (void)state;
    dir_config_init(&cfg);
    cfg.tombstones_min = 10;
    world_init(&w, 2, &cfg);
    for (int i = 0; i < 25; i++) {
        char name[16];
        snprintf(name, sizeof(name), "room-%d", i);
        world_create(&w, A, name);
        world_delete(&w, A, name);
    }
    assert_int_equal(counts_of(&w, A).tombstones, 10);
    assert_int_equal(counts_of(&w, A).tombstones_forced, 15);
    assert_true(dir_member_must_resync(w.nodes[A], B));
    assert_false(dir_member_must_resync(w.nodes[B], A));
    world_deinit(&w);
}

static void a_death_may_drop_what_is_due_with_it(void **state) {
    struct dir_config cfg;
    struct world w;
    (void)state;
    dir_config_init(&cfg);
    cfg.tombstones_min = 1;
    cfg.tombstone_ttl_s = cfg.defaults.empty_timeout_s + 100;
    world_init(&w, 2, &cfg);
    world_create(&w, A, "old");
    world_delete(&w, A, "old");
    world_create(&w, A, ROOM);
    w.now_ms += cfg.tombstone_ttl_s * UINT64_C(2000); /* the room is due, then the tombstone */
    assert_int_equal(dir_sweep(w.nodes[A], world_time(&w, A), 100, NULL, NULL), 2);
    assert_int_equal(counts_of(&w, A).tombstones_forced, 1);
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    assert_false(world_alive(&w, A, ROOM));
    world_deinit(&w);
}

static void nothing_is_forced_past_what_was_acknowledged(void **state) {
    struct dir_config cfg;
    struct world w;
    (void)state;
    dir_config_init(&cfg);
    cfg.tombstones_min = 1;
    world_init(&w, 2, &cfg);
    world_create(&w, A, "one");
    world_delete(&w, A, "one");
    world_heal(&w, "one");
    world_ack(&w);
    world_create(&w, A, "two");
    world_delete(&w, A, "two");
    assert_int_equal(counts_of(&w, A).tombstones, 1);
    assert_false(dir_member_must_resync(w.nodes[A], B));
    world_deinit(&w);
}

/* Two lives of one name on both nodes. A was expelled, and is told to let go. */
static struct dir_room two_lives(struct world *w, struct dir_stamp births[2]) {
    world_init(w, 2, NULL);
    world_create(w, A, ROOM);
    world_create(w, B, ROOM);
    world_heal(w, ROOM);
    struct dir_room room = world_find(w, A, ROOM);
    births[0] = dir_room_birth(&room, 0);
    births[1] = dir_room_birth(&room, 1);
    return room;
}

static size_t let_go(struct world *w, const struct dir_stamp *births, size_t count) {
    return dir_room_let_go(w->nodes[A], world_time(w, A), SLICE_LIT(ROOM), births, count);
}

static void a_returning_node_ends_what_it_lets_go(void **state) {
    struct world w;
    struct dir_stamp births[2];
    (void)state;
    (void)two_lives(&w, births);
    struct dir *d = w.nodes[A];
    struct dir_time t = world_time(&w, A);
    struct dir_presence host = {.participants = 1}, nobody = {0};
    assert_ok(dir_presence_set(d, t, SLICE_LIT(ROOM), &host));
    assert_int_equal(let_go(&w, births, 2), 0); /* hosted here */
    assert_ok(dir_presence_set(d, t, SLICE_LIT(ROOM), &nobody));
    assert_int_equal(let_go(&w, births, 1), 1);
    assert_true(dir_stamp_equal(world_find(&w, A, ROOM).birth, births[1]));
    dir_check(d);
    assert_int_equal(let_go(&w, births, 2), 1);
    assert_false(world_alive(&w, A, ROOM));
    assert_int_equal(let_go(&w, births, 2), 0);
    dir_check(d);
    world_send(&w, B, A, ROOM); /* who has not let go yet does not bring it back */
    assert_false(world_alive(&w, A, ROOM));
    world_send(&w, A, B, ROOM); /* but learns of it */
    assert_false(world_alive(&w, B, ROOM));
    world_deinit(&w);
}

static void what_is_let_go_is_an_end_and_no_delete(void **state) {
    struct world w;
    struct dir_stamp births[2];
    (void)state;
    (void)two_lives(&w, births);
    world_join(&w, B, ROOM); /* not seen by A */
    assert_int_equal(let_go(&w, births, 2), 2);
    world_heal(&w, ROOM);
    assert_true(world_alive(&w, A, ROOM)); /* a use that was not seen wins */
    assert_int_equal(let_go(&w, births, 2), 2);
    world_send(&w, A, B, ROOM);
    assert_false(world_alive(&w, B, ROOM));
    assert_ok(dir_room_reassert(w.nodes[B], world_time(&w, B), SLICE_LIT(ROOM), births, 2));
    world_heal(&w, ROOM);
    assert_true(world_alive(&w, A, ROOM)); /* and so does a host */
    world_deinit(&w);
}

static void members_have_a_bound(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    for (uint64_t i = 0; i < DIR_MEMBERS_MAX; i++) {
        assert_ok(dir_member_set(w.nodes[A], i, 1));
    }
    assert_ok(dir_member_set(w.nodes[A], 0, 2));
    assert_int_equal(dir_member_set(w.nodes[A], DIR_MEMBERS_MAX, 1), STATUS_EXHAUSTED);
    dir_member_remove(w.nodes[A], 17);
    dir_member_remove(w.nodes[A], 17);
    assert_int_equal(dir_member_count(w.nodes[A]), DIR_MEMBERS_MAX - 1);
    assert_ok(dir_member_set(w.nodes[A], DIR_MEMBERS_MAX, 1));
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(alone_drops_at_once),
        test(journal_reads_a_tombstone_before_it_goes),
        test(what_the_journal_will_not_be_told_is_counted),
        test(sessions_keep_a_dead_record),
        test(F21_age_counts_from_the_end_not_from_the_last_use),
        test(F22_a_tombstone_waits_for_every_member),
        test(a_tombstone_stays_for_its_ttl),
        test(a_tombstone_stays_until_it_is_quiet),
        test(a_tombstone_is_looked_at_twice),
        test(a_member_that_restarts_has_acknowledged_nothing),
        test(F23_a_collected_tombstone_is_not_taken_again),
        test(F24_close_needs_acknowledgement),
        test(an_acknowledged_end_is_closed_by_the_next_create),
        test(a_silent_member_bounds_ended_lives),
        test(a_silent_member_bounds_tombstones),
        test(a_death_may_drop_what_is_due_with_it),
        test(nothing_is_forced_past_what_was_acknowledged),
        test(a_returning_node_ends_what_it_lets_go),
        test(what_is_let_go_is_an_end_and_no_delete),
        cmocka_unit_test(what_is_let_go_is_an_end_and_no_delete),
        test(members_have_a_bound),
    };
    return cmocka_run_group_tests_name("dir_collect", tests, NULL, NULL);
}
