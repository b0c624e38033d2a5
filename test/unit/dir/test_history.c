/* The histories that broke earlier rules, each under its number in docs/DIRECTORY.md. A session's
 * host is played by the test: it re-asserts the births its session knows. */
#include "dir_world.h"

#define ROOM "room"

static struct slice room_name(void) {
    return SLICE_LIT(ROOM);
}

static enum status reassert(struct world *w, size_t node, struct dir_stamp birth) {
    return dir_room_reassert(w->nodes[node], world_time(w, node), room_name(), &birth, 1);
}

static void F1_create_after_an_end_deletes_nothing(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    struct dir_stamp b1 = world_find(&w, A, ROOM).birth;
    world_send(&w, A, B, ROOM);
    w.now_ms += 1000;
    world_end(&w, B, ROOM);
    assert_true(world_create(&w, B, ROOM));
    struct dir_merged at_a = world_send(&w, B, A, ROOM);
    assert_true(at_a.life_ended && at_a.sid_changed);
    assert_ok(reassert(&w, A, b1));
    world_heal(&w, ROOM);
    struct dir_room room = world_find(&w, B, ROOM);
    assert_true(dir_stamp_equal(room.birth, b1));
    assert_int_equal(room.lives, 2); /* the new life is an alias */
    world_deinit(&w);
}

static void F2_end_never_beats_an_unseen_use(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[B] = 50000;
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    w.now_ms += 1000;
    world_end(&w, B, ROOM);
    w.now_ms += 29000; /* still behind B's clock */
    world_use(&w, A, ROOM);
    world_heal(&w, ROOM);
    assert_true(world_alive(&w, A, ROOM) && world_alive(&w, B, ROOM));
    world_deinit(&w);
}

static void F2_end_covers_what_it_saw(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    world_end(&w, B, ROOM);
    world_heal(&w, ROOM);
    assert_false(world_alive(&w, A, ROOM));
    world_deinit(&w);
}

static void F3_delete_spares_births_it_never_saw(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[B] = -20000; /* all births of B are older than A's delete */
    world_create(&w, B, ROOM);
    w.now_ms += 1000;
    world_create(&w, A, ROOM);
    w.now_ms += 1000;
    world_join(&w, B, ROOM);
    struct dir_stamp seen = world_find(&w, B, ROOM).birth;
    world_delete(&w, A, ROOM);
    world_heal(&w, ROOM);
    assert_true(dir_stamp_equal(world_find(&w, A, ROOM).birth, seen));
    assert_int_equal(world_find(&w, A, ROOM).lives, 1);
    world_deinit(&w);
}

static void F4_thresholds_are_per_creator(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    w.now_ms += 5000;
    world_create(&w, B, ROOM);
    world_delete(&w, B, ROOM);
    world_heal(&w, ROOM);
    assert_int_equal(world_find(&w, A, ROOM).birth.boot, world_boot(&w, A));
    assert_ok(reassert(&w, A, world_find(&w, A, ROOM).birth)); /* nobody is kicked */
    world_deinit(&w);
}

static void F4b_an_end_belongs_to_one_life(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[B] = 30000;
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    world_use(&w, B, ROOM); /* far ahead of A's clock */
    world_end(&w, B, ROOM);
    w.now_ms += 1000;
    world_end(&w, A, ROOM);
    w.now_ms += 1000;
    assert_true(world_create(&w, A, ROOM)); /* its birth is below the end that B wrote */
    struct dir_stamp next = world_find(&w, A, ROOM).birth;
    world_heal(&w, ROOM);
    assert_true(dir_stamp_equal(world_find(&w, B, ROOM).birth, next));
    assert_int_equal(world_find(&w, B, ROOM).lives, 1);
    world_deinit(&w);
}

static void F5_a_use_revives_no_other_life(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    w.now_ms += 1000;
    world_delete(&w, A, ROOM);
    assert_true(world_create(&w, A, ROOM));
    w.now_ms += 1000;
    world_use(&w, B, ROOM); /* the deleted life */
    world_end(&w, A, ROOM);
    world_heal(&w, ROOM);
    assert_false(world_alive(&w, A, ROOM));
    world_deinit(&w);
}

static void F5_a_late_use_revives_its_own_life(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    struct dir_stamp b1 = world_find(&w, A, ROOM).birth;
    world_send(&w, A, B, ROOM);
    world_end(&w, A, ROOM);
    assert_true(world_create(&w, A, ROOM));
    world_end(&w, A, ROOM);
    w.now_ms += 1000;
    world_use(&w, B, ROOM);
    world_heal(&w, ROOM);
    assert_true(dir_stamp_equal(world_find(&w, A, ROOM).birth, b1));
    assert_int_equal(world_find(&w, A, ROOM).lives, 1);
    world_deinit(&w);
}

static void F6_an_acknowledged_create_counts_on_the_room(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    w.now_ms += 1000;
    assert_false(world_create(&w, A, ROOM));
    world_end(&w, B, ROOM);
    world_heal(&w, ROOM);
    assert_true(world_alive(&w, A, ROOM) && world_alive(&w, B, ROOM));
    world_deinit(&w);
}

static void F7_departure_counts_from_the_leave(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    assert_ok(dir_presence_set_remote(w.nodes[B], world_time(&w, B), room_name(), 1, false));
    w.now_ms += 100000;
    world_leave(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    assert_ok(dir_presence_set_remote(w.nodes[B], world_time(&w, B), room_name(), 0, false));
    w.now_ms += 19000; /* A is gone now: B alone decides */
    assert_int_equal(world_sweep(&w, B, NULL), 0);
    w.now_ms += 1000;
    assert_int_equal(world_sweep(&w, B, NULL), 1);
    world_deinit(&w);
}

static void F8_metadata_stays_with_its_life(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_send(&w, A, B, ROOM);
    world_delete(&w, A, ROOM);
    assert_true(world_create(&w, A, ROOM));
    w.now_ms += 1000;
    world_metadata(&w, B, ROOM, "of the old room");
    world_heal(&w, ROOM);
    assert_int_equal(world_find(&w, A, ROOM).metadata.len, 0);
    world_deinit(&w);
}

static void F8_a_create_writes_only_what_was_given(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create_with(&w, A, ROOM, "given");
    w.now_ms += 1000;
    world_create(&w, B, ROOM); /* later, gave none: must not wipe it */
    world_heal(&w, ROOM);
    assert_int_equal(world_find(&w, B, ROOM).lives, 2);
    assert_text(world_find(&w, B, ROOM).metadata, "given");
    world_metadata(&w, B, ROOM, "new"); /* goes to both lives */
    world_heal(&w, ROOM);
    assert_text(world_find(&w, A, ROOM).metadata, "new");
    world_deinit(&w);
}

static void F9_an_ended_life_keeps_its_metadata(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    struct dir_stamp b1 = world_find(&w, A, ROOM).birth;
    world_send(&w, A, B, ROOM);
    world_metadata(&w, B, ROOM, "kept");
    world_end(&w, B, ROOM);
    struct dir_merged at_a = world_send(&w, B, A, ROOM);
    assert_true(at_a.life_ended && at_a.was_alive && !at_a.is_alive);
    assert_ok(reassert(&w, A, b1));
    world_heal(&w, ROOM);
    assert_text(world_find(&w, B, ROOM).metadata, "kept");
    world_deinit(&w);
}

static void F11_every_life_of_a_session_is_put_back(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 3, NULL);
    world_create(&w, A, ROOM);
    w.now_ms += 1000;
    world_join(&w, B, ROOM);
    struct dir_room mine = world_find(&w, B, ROOM);
    world_send(&w, B, C, ROOM);
    world_end(&w, C, ROOM);
    world_heal(&w, ROOM);
    assert_int_equal(world_find(&w, B, ROOM).lives, 1); /* A's: the room is alive all the same */
    assert_ok(reassert(&w, B, mine.birth));
    world_heal(&w, ROOM);
    struct dir_room room = world_find(&w, A, ROOM);
    assert_int_equal(room.lives, 2);
    struct ident alias = dir_room_sid(w.nodes[A], &room, 1);
    assert_true(ident_equal(&alias, ident_slice(&mine.sid)));
    world_deinit(&w);
}

static void F11_deleted_lives_stay_deleted(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_create(&w, B, ROOM);
    struct dir_stamp b1 = world_find(&w, A, ROOM).birth;
    struct dir_stamp births[] = {b1, world_find(&w, B, ROOM).birth};
    world_delete(&w, A, ROOM); /* has not seen B's */
    world_heal(&w, ROOM);
    world_end(&w, B, ROOM);
    world_heal(&w, ROOM);
    assert_ok(dir_room_reassert(w.nodes[A], world_time(&w, A), room_name(), births, 2));
    assert_int_equal(world_find(&w, A, ROOM).lives, 1);
    assert_true(dir_stamp_equal(world_find(&w, A, ROOM).birth, births[1]));
    assert_int_equal(reassert(&w, A, b1), STATUS_NOT_FOUND);
    world_deinit(&w);
}

static void F12_maximum_duration_is_a_delete(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_join(&w, A, ROOM);
    struct dir_room room = world_find(&w, A, ROOM);
    struct dir_settings settings = room.settings;
    settings.max_duration_s = 60;
    assert_ok(dir_room_set_settings(w.nodes[A], world_time(&w, A), room_name(), &settings));
    world_send(&w, A, B, ROOM);
    w.now_ms += 60000;
    enum dir_end_reason reason;
    assert_int_equal(world_sweep(&w, A, &reason), 1);
    assert_int_equal(reason, DIR_END_MAX_DURATION);
    assert_int_equal(reassert(&w, A, room.birth), STATUS_NOT_FOUND);
    world_heal(&w, ROOM);
    assert_int_equal(reassert(&w, B, room.birth), STATUS_NOT_FOUND);
    assert_false(world_alive(&w, B, ROOM));
    world_deinit(&w);
}

static void F15_a_skewed_record_waits_and_is_not_lost(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[A] = 200000;
    world_create(&w, A, ROOM);
    assert_int_equal(world_send(&w, A, B, ROOM).result, DIR_MERGE_SKEWED);
    assert_false(world_alive(&w, B, ROOM));
    /* No contagion: what B writes now is stamped by its own clock. */
    struct dir_stamp now = dir_clock_now(w.nodes[B], world_time(&w, B));
    assert_true(dir_stamp_ms(now) <= world_time(&w, B).wall_ms);
    w.now_ms += 140000; /* skew - 60 s later anti-entropy brings it again */
    assert_int_equal(world_send(&w, A, B, ROOM).result, DIR_MERGE_CHANGED);
    assert_true(world_equal(&w, A, B, ROOM));
    struct dir_counts counts;
    dir_counts_get(w.nodes[B], world_time(&w, B), &counts);
    assert_int_equal(counts.refused_skew, 1);
    world_deinit(&w);
}

static void F16_a_lost_disk_repeats_no_stamp(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    w.skew_ms[B] = 10000;
    world_create(&w, B, "push"); /* A's clock is pushed ahead of its wall */
    world_send(&w, B, A, "push");
    world_create(&w, A, ROOM);
    struct dir_stamp first = world_find(&w, A, ROOM).birth;
    world_restart(&w, A);
    world_send(&w, B, A, "push");
    world_create(&w, A, ROOM);
    struct dir_stamp second = world_find(&w, A, ROOM).birth;
    assert_int_equal(first.time, second.time);
    assert_false(dir_stamp_equal(first, second));
    world_deinit(&w);
}

static void F16_equal_clocks_fall_to_the_bytes(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 3, NULL);
    world_create_with(&w, A, ROOM, "x");
    struct buf bytes;
    buf_init(&bytes, 4096);
    world_encode(&w, A, ROOM, &bytes);
    world_send(&w, A, B, ROOM);
    struct dir_merged merged;
    assert_int_equal(bytes.data[bytes.len - 1], 'x'); /* no settings behind the metadata */
    bytes.data[bytes.len - 1] = 'y';
    assert_ok(dir_merge(w.nodes[C], world_time(&w, C), buf_slice(&bytes), &merged));
    assert_text(world_find(&w, C, ROOM).metadata, "y");
    world_heal(&w, ROOM);
    assert_text(world_find(&w, A, ROOM).metadata, "y");
    buf_deinit(&bytes);
    world_deinit(&w);
}

static void F17_the_counter_carries_into_the_milliseconds(void **state) {
    struct dir_clock c;
    (void)state;
    dir_clock_init(&c, 1);
    dir_clock_see(&c, UINT64_C(60000) << DIR_STAMP_COUNTER_BITS); /* held a minute ahead */
    struct dir_stamp last = dir_clock_tick(&c, 0);
    for (int i = 0; i < 200000; i++) {
        struct dir_stamp next = dir_clock_tick(&c, 5);
        assert_true(dir_stamp_compare(next, last) > 0);
        last = next;
    }
    assert_int_equal(dir_stamp_ms(last), 60000 + 200001 / 65536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(F1_create_after_an_end_deletes_nothing),
        test(F2_end_never_beats_an_unseen_use),
        test(F2_end_covers_what_it_saw),
        test(F3_delete_spares_births_it_never_saw),
        test(F4_thresholds_are_per_creator),
        test(F4b_an_end_belongs_to_one_life),
        test(F5_a_use_revives_no_other_life),
        test(F5_a_late_use_revives_its_own_life),
        test(F6_an_acknowledged_create_counts_on_the_room),
        test(F7_departure_counts_from_the_leave),
        test(F8_metadata_stays_with_its_life),
        test(F8_a_create_writes_only_what_was_given),
        test(F9_an_ended_life_keeps_its_metadata),
        test(F11_every_life_of_a_session_is_put_back),
        test(F11_deleted_lives_stay_deleted),
        test(F12_maximum_duration_is_a_delete),
        test(F15_a_skewed_record_waits_and_is_not_lost),
        test(F16_a_lost_disk_repeats_no_stamp),
        test(F16_equal_clocks_fall_to_the_bytes),
        test(F17_the_counter_carries_into_the_milliseconds),
    };
    return cmocka_run_group_tests_name("dir_history", tests, NULL, NULL);
}
