/* The calls of the API: what they answer, what they refuse, what they show. */
#include <stdio.h>

#include "caps.h"
#include "dir_world.h"

#define ROOM "room"

static struct dir_settings odd_settings(void) {
    return (struct dir_settings){
        .empty_timeout_s = 1,
        .departure_timeout_s = 2,
        .max_participants = 3,
        .min_playout_delay_ms = 4,
        .max_playout_delay_ms = 5,
        .solo_timeout_s = 6,
        .max_duration_s = 7,
        .sync_streams = true,
        .extra = SLICE_LIT("opaque\0bytes"),
    };
}

static void assert_settings_equal(const struct dir_settings *a, const struct dir_settings *b) {
    assert_int_equal(a->empty_timeout_s, b->empty_timeout_s);
    assert_int_equal(a->departure_timeout_s, b->departure_timeout_s);
    assert_int_equal(a->max_participants, b->max_participants);
    assert_int_equal(a->min_playout_delay_ms, b->min_playout_delay_ms);
    assert_int_equal(a->max_playout_delay_ms, b->max_playout_delay_ms);
    assert_int_equal(a->solo_timeout_s, b->solo_timeout_s);
    assert_int_equal(a->max_duration_s, b->max_duration_s);
    assert_int_equal(a->sync_streams, b->sync_streams);
    assert_true(slice_eq(a->extra, b->extra));
}

static enum status create(struct world *w, struct slice name, const struct dir_create *given,
                          struct dir_room *ret_room, bool *ret_created) {
    return dir_room_create(w->nodes[A], world_time(w, A), name, given, ret_room, ret_created);
}

static void a_create_shows_what_was_given(void **state) {
    struct world w;
    struct dir_room room, found;
    bool created = false;
    (void)state;
    world_init(&w, 1, NULL);
    struct dir_settings settings = odd_settings();
    struct dir_create given = {
        .settings = &settings, .has_metadata = true, .metadata = SLICE_LIT("m")};
    assert_ok(create(&w, SLICE_LIT(ROOM), &given, &room, &created));
    assert_true(created);
    assert_text(room.name, ROOM);
    assert_text(room.metadata, "m");
    assert_settings_equal(&room.settings, &settings);
    assert_int_equal(room.created_ms, WORLD_START_MS + w.now_ms);
    assert_int_equal(room.lives, 1);
    assert_int_equal(room.home, 0);
    assert_int_equal(ident_slice(&room.sid).len, 15);
    assert_true(slice_starts_with(ident_slice(&room.sid), SLICE_LIT("RM_")));
    assert_ok(dir_room_find(w.nodes[A], SLICE_LIT(ROOM), &found));
    assert_string_equal(found.sid.text, room.sid.text);
    world_deinit(&w);
}

static void defaults_show_while_nothing_was_given(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    struct dir_room room = world_find(&w, A, ROOM);
    assert_int_equal(room.settings.empty_timeout_s, 300);
    assert_int_equal(room.settings.departure_timeout_s, 20);
    assert_int_equal(room.metadata.len, 0);
    world_deinit(&w);
}

static void a_create_of_a_living_room_applies_nothing(void **state) {
    struct world w;
    struct dir_room room;
    bool created = true;
    (void)state;
    world_init(&w, 1, NULL);
    world_create_with(&w, A, ROOM, "first");
    struct ident sid = world_find(&w, A, ROOM).sid;
    struct dir_settings settings = odd_settings();
    struct dir_create given = {
        .settings = &settings, .has_metadata = true, .metadata = SLICE_LIT("second")};
    assert_ok(create(&w, SLICE_LIT(ROOM), &given, &room, &created));
    assert_false(created);
    assert_text(room.metadata, "first");
    assert_int_equal(room.settings.empty_timeout_s, 300);
    assert_string_equal(room.sid.text, sid.text);
    world_deinit(&w);
}

static void a_next_life_inherits_nothing(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 2, NULL);
    world_create_with(&w, A, ROOM, "first");
    struct ident sid = world_find(&w, A, ROOM).sid;
    world_end(&w, A, ROOM);
    assert_true(world_create(&w, A, ROOM));
    struct dir_room room = world_find(&w, A, ROOM);
    assert_int_equal(room.metadata.len, 0);
    assert_string_not_equal(room.sid.text, sid.text);
    world_delete(&w, A, ROOM);
    assert_true(world_create(&w, A, ROOM));
    assert_int_equal(world_find(&w, A, ROOM).lives, 1);
    world_deinit(&w);
}

static void calls_on_nothing_find_nothing(void **state) {
    struct world w;
    struct dir_room room;
    (void)state;
    world_init(&w, 2, NULL);
    struct dir *d = w.nodes[A];
    struct dir_time t = world_time(&w, A);
    struct dir_settings settings = odd_settings();
    struct slice name = SLICE_LIT(ROOM);
    for (int round = 0; round < 2; round++) { /* never known, then dead */
        uint64_t seq = dir_change_seq(d);
        assert_int_equal(dir_room_find(d, name, &room), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_delete(d, t, name), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_end(d, t, name), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_use(d, t, name), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_set_home(d, t, name), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_set_metadata(d, t, name, name), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_set_settings(d, t, name, &settings), STATUS_NOT_FOUND);
        assert_int_equal(dir_presence_set_remote(d, t, name, 1, false), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_reassert(d, t, name, NULL, 0), STATUS_NOT_FOUND);
        assert_int_equal(dir_room_close(d, t, name), 0);
        assert_int_equal(dir_change_seq(d), seq); /* nothing was written */
        world_create(&w, A, ROOM);
        world_delete(&w, A, ROOM);
    }
    world_deinit(&w);
}

static void bad_arguments_are_refused(void **state) {
    struct world w;
    struct dir_room room;
    bool created;
    (void)state;
    world_init(&w, 1, NULL);
    struct dir_create none = {0};
    static uint8_t big[METADATA_BYTES_MAX + 1];
    memset(big, 'x', sizeof(big));
    struct slice long_name = slice_of(big, ROOM_NAME_BYTES_MAX + 1);
    assert_int_equal(create(&w, (struct slice){0}, &none, &room, &created), STATUS_INVALID);
    assert_int_equal(create(&w, long_name, &none, &room, &created), STATUS_INVALID);
    assert_int_equal(create(&w, SLICE_LIT("a\0b"), &none, &room, &created), STATUS_INVALID);
    assert_int_equal(create(&w, SLICE_LIT("\xff"), &none, &room, &created), STATUS_INVALID);
    struct dir_create huge = {.has_metadata = true, .metadata = slice_of(big, sizeof(big))};
    assert_int_equal(create(&w, SLICE_LIT(ROOM), &huge, &room, &created), STATUS_TOO_LARGE);
    struct dir_create bad = {.has_metadata = true, .metadata = SLICE_LIT("\xc0")};
    assert_int_equal(create(&w, SLICE_LIT(ROOM), &bad, &room, &created), STATUS_INVALID);
    struct dir_settings settings = {.extra = slice_of(big, DIR_EXTRA_BYTES_MAX + 1)};
    struct dir_create extra = {.settings = &settings};
    assert_int_equal(create(&w, SLICE_LIT(ROOM), &extra, &room, &created), STATUS_TOO_LARGE);
    assert_false(world_alive(&w, A, ROOM));

    settings.extra.len--;
    huge.metadata.len--;
    huge.settings = &settings;
    assert_ok(create(&w, slice_of(big, ROOM_NAME_BYTES_MAX), &huge, &room, &created));
    struct slice name = slice_of(big, ROOM_NAME_BYTES_MAX);
    huge.metadata.len++;
    assert_int_equal(dir_room_set_metadata(w.nodes[A], world_time(&w, A), name, huge.metadata),
                     STATUS_TOO_LARGE);
    world_deinit(&w);
}

static void rooms_have_a_bound(void **state) {
    struct dir_config cfg;
    struct world w;
    struct dir_room room;
    bool created;
    (void)state;
    dir_config_init(&cfg);
    cfg.rooms_max = 2;
    world_init(&w, 1, &cfg);
    struct dir_create none = {0};
    world_create(&w, A, "one");
    world_create(&w, A, "two");
    assert_int_equal(create(&w, SLICE_LIT("three"), &none, &room, &created), STATUS_EXHAUSTED);
    assert_ok(create(&w, SLICE_LIT("two"), &none, &room, &created)); /* lives: no new room */
    world_delete(&w, A, "one");
    assert_ok(create(&w, SLICE_LIT("three"), &none, &room, &created));
    world_deinit(&w);
}

static void sids_and_passwords_come_from_the_birth(void **state) {
    struct world w;
    char here[DIR_TURN_PASSWORD_LEN + 1], there[DIR_TURN_PASSWORD_LEN + 1];
    (void)state;
    world_init(&w, 2, NULL);
    world_create(&w, A, ROOM);
    world_create(&w, A, "other");
    world_send(&w, A, B, ROOM);
    struct dir_room a = world_find(&w, A, ROOM), b = world_find(&w, B, ROOM);
    assert_string_equal(a.sid.text, b.sid.text); /* all nodes derive the same */
    dir_room_turn_password(w.nodes[A], &a, here);
    dir_room_turn_password(w.nodes[B], &b, there);
    assert_string_equal(here, there);
    assert_int_equal(strlen(here), DIR_TURN_PASSWORD_LEN);
    struct dir_room other = world_find(&w, A, "other");
    dir_room_turn_password(w.nodes[A], &other, there);
    assert_string_not_equal(here, there);
    assert_string_not_equal(a.sid.text, other.sid.text);
    world_deinit(&w);
}

static void presence_is_counted_and_shown(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 1, NULL);
    world_create(&w, A, ROOM);
    struct dir_presence p = {
        .participants = 3, .dependents = 2, .publishers = 4, .recording = true};
    assert_ok(dir_presence_set(w.nodes[A], world_time(&w, A), SLICE_LIT(ROOM), &p));
    assert_ok(dir_presence_set_remote(w.nodes[A], world_time(&w, A), SLICE_LIT(ROOM), 5, false));
    struct dir_room room = world_find(&w, A, ROOM);
    assert_int_equal(room.participants, 8);
    assert_int_equal(room.local.publishers, 4);
    assert_true(room.local.recording);
    world_deinit(&w);
}

/* ---- iteration ---- */

enum { MANY = 1000 };
struct walk {
    uint8_t seen[MANY];
    size_t stop_after;
};

static bool on_room(void *arg, const struct dir_room *room) {
    struct walk *walk = arg;
    uint64_t i = 0;
    assert_true(slice_to_u64(slice_sub(room->name, 0, room->name.len - 1), &i));
    walk->seen[i]++;
    return walk->stop_after == 0 || --walk->stop_after > 0;
}

static void number_name(char name[16], int i) {
    snprintf(name, 16, "%dx", i);
}

static void a_walk_stops_and_goes_on(void **state) {
    static struct walk walk;
    struct world w;
    char name[16];
    (void)state;
    world_init(&w, 2, NULL);
    for (int i = 0; i < MANY / 2; i++) {
        number_name(name, i);
        world_create(&w, A, name);
    }
    uint32_t cursor = 0;
    int turn = 0;
    while (dir_iterate(w.nodes[A], &cursor, 7, on_room, &walk)) {
        number_name(name, 2 * turn); /* changes between slices: even ones go, new ones come */
        if (turn < 20) {
            world_delete(&w, A, name);
            number_name(name, MANY / 2 + turn);
            world_create(&w, A, name);
        }
        turn++;
    }
    for (int i = 0; i < MANY / 2; i++) {
        bool stayed = i % 2 == 1 || i >= 40;
        assert_true(stayed ? walk.seen[i] == 1 : walk.seen[i] <= 1);
    }
    walk = (struct walk){.stop_after = 3};
    cursor = 0;
    assert_true(dir_iterate(w.nodes[A], &cursor, MANY, on_room, &walk));
    while (dir_iterate(w.nodes[A], &cursor, MANY, on_room, &walk)) {
    }
    assert_int_equal(walk.seen[1], 1);
    assert_int_equal(walk.seen[MANY / 2 - 1], 1);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_create_shows_what_was_given),
        test(defaults_show_while_nothing_was_given),
        test(a_create_of_a_living_room_applies_nothing),
        test(a_next_life_inherits_nothing),
        test(calls_on_nothing_find_nothing),
        test(bad_arguments_are_refused),
        test(rooms_have_a_bound),
        test(sids_and_passwords_come_from_the_birth),
        test(presence_is_counted_and_shown),
        test(a_walk_stops_and_goes_on),
    };
    return cmocka_run_group_tests_name("dir_api", tests, NULL, NULL);
}
