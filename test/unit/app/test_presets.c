#include "config_fixture.h"

#include "config_presets.h"

static const struct node_preset *presets;
static size_t count;

static enum status read_presets(struct fixture *f, const char *text) {
    enum status s = yaml(f, text);
    return s == STATUS_OK
               ? config_presets(&f->settings, &f->settings.arena, &presets, &count, &f->error)
               : s;
}

static void test_presets_in_both_spellings(void **state) {
    struct fixture *f = *state;
    const char *text = "room:\n"
                       "  room_configurations:\n"
                       "    support:\n"
                       "      name: another\n"
                       "      empty_timeout: 60\n"
                       "      departure_timeout: \"7\"\n"
                       "      max_participants: 1_000\n"
                       "      metadata: '{\"a\": 1}'\n"
                       "      sync_streams: true\n"
                       "      agents: [{agent_name: helper}, {agentName: other}]\n"
                       "      tags: {stoa.max_duration: \"3600\", team: x}\n"
                       "    Webinar 2:\n"
                       "      emptyTimeout: 5\n"
                       "      minPlayoutDelay: 10\n"
                       "      maxPlayoutDelay: 20\n"
                       "    nothing:\n"
                       "    bare: {}\n";
    assert_int_equal(read_presets(f, text), STATUS_OK);
    assert_int_equal(count, 3); /* what says nothing at all is none */
    const struct node_preset *p = &presets[0];
    assert_true(slice_eq_cstr(p->name, "support")); /* tokens name the key */
    assert_int_equal(p->empty_timeout_s, 60);
    assert_int_equal(p->departure_timeout_s, 7);
    assert_int_equal(p->max_participants, 1000);
    assert_true(slice_eq_cstr(p->metadata, "{\"a\": 1}"));
    assert_true(p->sync_streams);
    assert_int_equal(p->agents_count, 2);
    assert_true(slice_eq_cstr(p->agents[1], "other"));
    assert_int_equal(p->tags_count, 2);
    assert_true(slice_eq_cstr(p->tags[0].key, "stoa.max_duration"));
    assert_true(slice_eq_cstr(p->tags[0].value, "3600"));
    assert_true(slice_eq_cstr(presets[1].name, "Webinar 2"));
    assert_int_equal(presets[1].empty_timeout_s, 5);
    assert_int_equal(presets[1].min_playout_delay_ms, 10);
    assert_int_equal(presets[1].max_playout_delay_ms, 20);
    assert_false(presets[1].sync_streams);
    assert_int_equal(f->settings.warnings_count, 0);
}

#define ROOM "room:\n  room_configurations:\n"

static void test_what_does_not_fit_is_named(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {ROOM "    a: {empty_timout: 5}\n",
         "room.room_configurations.a: has no field empty_timout"},
        {ROOM "    a: {Empty_timeout: 5}\n",
         "room.room_configurations.a: has no field Empty_timeout"},
        {ROOM "    a: {empty_timeout: soon}\n",
         "room.room_configurations.a: has a value that does not fit"},
        {ROOM "    a: {empty_timeout: -1}\n",
         "room.room_configurations.a: has a value that does not fit"},
        {ROOM "    a: {metadata: 5}\n",
         "room.room_configurations.a: has a value that does not fit"},
        {ROOM "    a: {tags: [x]}\n", "room.room_configurations.a: has a value that does not fit"},
        {ROOM "    a: {empty_timeout: 5, emptyTimeout: 6}\n",
         "room.room_configurations.a: has a value that does not fit"},
        {"room:\n  room_configurations: [a]\n",
         "t.yaml:2: room.room_configurations: takes a section of names"},
        {ROOM "    a: 5\n", "t.yaml:3: room.room_configurations: takes a section for each name"},
        {ROOM "    a: {}\n    a: {}\n", "t.yaml:4: room.room_configurations: has one name twice"},
        {ROOM "    a: {[x]: 5}\n",
         "t.yaml:3: room.room_configurations: has a name that is not plain text"},
        {ROOM "    a: {metadata: *here}\n",
         "t.yaml:3: room.room_configurations: is an alias (*name): write the value out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        settings_deinit(&f->settings);
        assert_int_equal(settings_init(&f->settings), STATUS_OK);
        assert_int_equal(read_presets(f, rows[i].text), STATUS_INVALID);
        assert_string_equal(f->error.text, rows[i].error);
    }
}

static void test_metadata_has_its_limit(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        read_presets(f, "limit:\n  max_metadata_size: 4\n" ROOM "    a: {metadata: 12345x}\n"),
        STATUS_INVALID);
    assert_string_equal(f->error.text, "room.room_configurations.a: metadata is longer than "
                                       "limit.max_metadata_size");
}

static void test_egress_is_warned_about(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        read_presets(f, ROOM "    a: {egress: {tracks: {filepath: x}}, empty_timeout: 9}\n"),
        STATUS_OK);
    assert_int_equal(presets[0].empty_timeout_s, 9);
    assert_int_equal(f->settings.warnings_count, 1);
}

static void test_there_may_be_none(void **state) {
    struct fixture *f = *state;
    assert_int_equal(read_presets(f, "room:\n  room_configurations: {}\n"), STATUS_OK);
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_presets_in_both_spellings), T(test_what_does_not_fit_is_named),
        T(test_metadata_has_its_limit),    T(test_egress_is_warned_about),
        T(test_there_may_be_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
