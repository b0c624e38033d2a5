#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "settings.h"

static int setup(void **state) {
    static struct settings s;
    assert_int_equal(settings_init(&s), STATUS_OK);
    *state = &s;
    return 0;
}

static int teardown(void **state) {
    settings_deinit(*state);
    return 0;
}

static const struct setting_desc *desc_of(const char *path) {
    const struct setting_desc *desc = settings_find(slice_from_cstr(path));
    assert_non_null(desc);
    return desc;
}

/* "" when the value was taken, else the reason. */
static const char *try(struct settings *s, const char *path, const char *value) {
    const char *reason = NULL;
    enum status st = settings_set(s, desc_of(path), slice_from_cstr(value), &reason);
    assert_true(st == STATUS_OK || st == STATUS_INVALID);
    assert_true((st == STATUS_OK) == (reason == NULL));
    return reason ? reason : "";
}

static bool warned(const struct settings *s, const char *setting) {
    for (size_t i = 0; i < s->warnings_count; i++) {
        if (slice_eq_cstr(s->warnings[i].setting, setting)) {
            return true;
        }
    }
    return false;
}

static void test_bools(void **state) {
    static const struct {
        const char *text;
        int value; /* -1: refused */
    } cases[] = {{"true", 1}, {"True", 1},  {"TRUE", 1}, {"1", 1},  {"yes", 1},    {"on", 1},
                 {"t", 1},    {"false", 0}, {"0", 0},    {"No", 0}, {"off", 0},    {"f", 0},
                 {"", -1},    {"2", -1},    {"tru", -1}, {"-", -1}, {"true ", -1}, {"oui", -1}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool value = cases[i].value != 1;
        const char *reason = NULL;
        enum status st = setting_read_bool(slice_from_cstr(cases[i].text), &value, &reason);
        assert_int_equal(st, cases[i].value < 0 ? STATUS_INVALID : STATUS_OK);
        assert_int_equal(value, cases[i].value != 0);
    }
}

static void test_whole_numbers(void **state) {
    static const struct {
        const char *text;
        bool good, negative;
        uint64_t value;
    } cases[] = {
        {"0", true, false, 0},
        {"7880", true, false, 7880},
        {"+3", true, false, 3},
        {"-1", true, true, 1},
        {"-0", true, false, 0},
        {"1_000_000", true, false, 1000000},
        {"18446744073709551615", true, false, UINT64_MAX},
        {"18446744073709551616", false, false, 0},
        {"", false, false, 0},
        {"-", false, false, 0},
        {"_1", false, false, 0},
        {"1_", false, false, 0},
        {"1__0", false, false, 0},
        {"1.5", false, false, 0},
        {"0x10", false, false, 0},
        {"1 ", false, false, 0},
        {"--1", false, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool negative = false;
        uint64_t value = 0;
        const char *reason = NULL;
        enum status st =
            setting_read_int(slice_from_cstr(cases[i].text), &negative, &value, &reason);
        assert_int_equal(st, cases[i].good ? STATUS_OK : STATUS_INVALID);
        assert_int_equal(negative, cases[i].negative);
        assert_true(value == cases[i].value);
    }
}

static void test_fractions(void **state) {
    static const char *const good[] = {"0",   "0.7",    "-1.5",  ".5",      "5.",
                                       "1e3", "1.5E-3", "+2e+7", "1_000.5", "-18.2500000000001"};
    static const char *const bad[] = {"",    ".",     "-",   "1.2.3", "1e", "e3",
                                      "1,5", "0x1p3", "nan", "inf",   "1 ", "_1"};
    const char *reason = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(setting_check_float(slice_from_cstr(good[i]), &reason), STATUS_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(setting_check_float(slice_from_cstr(bad[i]), &reason), STATUS_INVALID);
    }
}

static void test_durations(void **state) {
    static const struct {
        const char *text;
        bool good, negative;
        uint64_t ns;
    } cases[] = {
        {"0", true, false, 0},
        {"0s", true, false, 0},
        {"500ms", true, false, 500000000},
        {"3s", true, false, 3000000000},
        {"1m30s", true, false, 90000000000},
        {"7.5s", true, false, 7500000000},
        {".5m", true, false, 30000000000},
        {"1.5h", true, false, 5400000000000},
        {"0.333333333h", true, false, 1199999998800},
        {"1h2m3s4ms5us6ns", true, false, 3723004005006},
        {"2\xc2\xb5s", true, false, 2000},
        {"2\xce\xbcs", true, false, 2000},
        {"-3s", true, true, 3000000000},
        {"2562047h", true, false, 2562047ull * 3600000000000ull},
        {"2562048h", false, false, 0},
        {"99999999999999999999s", false, false, 0},
        {"30", false, false, 0},
        {"", false, false, 0},
        {"-", false, false, 0},
        {"s", false, false, 0},
        {".s", false, false, 0},
        {"3 s", false, false, 0},
        {"3d", false, false, 0},
        {"3s4", false, false, 0},
        {"1_0s", false, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool negative = false;
        uint64_t ns = 0;
        const char *reason = NULL;
        enum status st =
            setting_read_duration(slice_from_cstr(cases[i].text), &negative, &ns, &reason);
        assert_int_equal(st, cases[i].good ? STATUS_OK : STATUS_INVALID);
        assert_int_equal(negative, cases[i].negative);
        assert_true(ns == cases[i].ns);
    }
}

static void test_values_that_do_not_fit_leave_the_old_one(void **state) {
    struct settings *s = *state;
    static const struct {
        const char *path, *value, *reason;
    } cases[] = {
        {"port", "many", "must be a whole number"},
        {"port", "-1", "is out of its range"},
        {"port", "65536", "is out of its range"},
        {"room.auto_create", "perhaps", "must be true or false"},
        {"webhook.resource_url_notifier.max_age", "30",
         "must be a duration such as 500ms, 3s or 1m30s"},
        {"webhook.resource_url_notifier.max_age", "-3s", "is out of its range"},
        {"webhook.resource_url_notifier.max_age", "0s", "is out of its range"},
        {"limit.max_metadata_size", "-1", "must not be negative; 0 means no limit"},
        {"region", "\xff", "must be UTF-8 text"},
        {"psrpc.timeout", "soon", "must be a duration such as 500ms, 3s or 1m30s"},
        {"redis.db", "first", "must be a whole number"},
        {"agents.target_load", "half", "must be a number"},
        {"debug_handler.port", "-1", "is out of its range"},
        {"prometheus_port", "x", "must be a whole number"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(try(s, cases[i].path, cases[i].value), cases[i].reason);
    }
    assert_int_equal(s->port, 7880);
    assert_int_equal(s->webhook_max_age_ms, 30000);
    assert_int_equal(s->max_metadata_size, METADATA_BYTES_MAX);
    assert_int_equal(s->warnings_count, 0);
}

static void test_durations_are_kept_in_milliseconds_and_never_become_none(void **state) {
    struct settings *s = *state;
    assert_string_equal(try(s, "webhook.resource_url_notifier.max_age", "1m0.5s"), "");
    assert_int_equal(s->webhook_max_age_ms, 60500);
    assert_string_equal(try(s, "webhook.resource_url_notifier.max_age", "1us"), "");
    assert_int_equal(s->webhook_max_age_ms, 1);
}

static void test_limits_are_held_at_what_the_server_bears(void **state) {
    struct settings *s = *state;
    static const struct {
        const char *path, *value;
        size_t offset;
        uint64_t effective;
        bool warns;
    } cases[] = {
#define FIELD(name) offsetof(struct settings, name)
        {"limit.max_room_name_length", "100", FIELD(max_room_name_length), 100, false},
        {"limit.max_room_name_length", "0", FIELD(max_room_name_length), 256, true},
        {"limit.max_participant_name_length", "5000", FIELD(max_name_length), 256, true},
        {"limit.max_metadata_size", "524288", FIELD(max_metadata_size), 524288, false},
        {"limit.max_attributes_size", "65537", FIELD(max_attributes_size), 65536, true},
        {"limit.max_api_request_body_size", "1024", FIELD(max_body_size), 1024, false},
        {"limit.max_api_request_body_size", "-1", FIELD(max_body_size), 10485760, true},
#undef FIELD
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        settings_deinit(s);
        assert_int_equal(settings_init(s), STATUS_OK);
        assert_string_equal(try(s, cases[i].path, cases[i].value), "");
        uint64_t field = 0;
        memcpy(&field, (const char *)s + cases[i].offset, sizeof(field));
        assert_true(field == cases[i].effective);
        assert_int_equal(warned(s, cases[i].path), cases[i].warns);
    }
}

static void test_settings_without_effect_warn_once_unless_they_ask_for_what_is(void **state) {
    struct settings *s = *state;
    static const struct {
        const char *path, *value;
        bool warns;
    } cases[] = {
        {"redis.address", "", false},        {"redis.address", "host:6379", true},
        {"rtc.use_mdns", "no", false},       {"rtc.use_mdns", "true", true},
        {"rtc.use_ice_lite", "true", false}, {"rtc.use_ice_lite", "false", true},
        {"limit.num_tracks", "0", false},    {"limit.num_tracks", "-1", false},
        {"limit.num_tracks", "400", true},   {"redis.pool_timeout", "0s", false},
        {"psrpc.timeout", "3s", true},       {"agents.target_load", "0.7", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        settings_deinit(s);
        assert_int_equal(settings_init(s), STATUS_OK);
        assert_string_equal(try(s, cases[i].path, cases[i].value), "");
        assert_string_equal(try(s, cases[i].path, cases[i].value), "");
        assert_int_equal(s->warnings_count, cases[i].warns ? 1 : 0);
        assert_int_equal(warned(s, cases[i].path), cases[i].warns);
    }
}

static void test_old_names_win_when_they_say_something(void **state) {
    struct settings *s = *state;
    const char *path = NULL, *reason = NULL;
    assert_string_equal(try(s, "prometheus_port", "1234"), "");
    assert_string_equal(try(s, "log_level", ""), "");
    assert_string_equal(try(s, "logging.level", "warn"), "");
    assert_string_equal(try(s, "room.max_metadata_size", "0"), "");
    assert_string_equal(try(s, "limit.max_metadata_size", "77"), "");
    assert_string_equal(try(s, "room.max_room_name_length", "33"), "");
    assert_int_equal(settings_apply_old_names(s, &path, &reason), STATUS_OK);
    assert_int_equal(s->prometheus_port, 1234);
    assert_true(slice_eq_cstr(s->log_level, "warn"));
    assert_int_equal(s->max_metadata_size, 77);
    assert_int_equal(s->max_room_name_length, 33);
    assert_int_equal(s->warnings_count, 2);
    assert_true(slice_eq_cstr(s->warnings[0].advice, "old name: write it as prometheus.port"));

    /* Its successor refuses more than whole numbers: the old name is what is told. */
    assert_string_equal(try(s, "room.max_room_name_length", "-5"), "");
    assert_int_equal(settings_apply_old_names(s, &path, &reason), STATUS_INVALID);
    assert_string_equal(path, "room.max_room_name_length");
    assert_non_null(reason);
}

static void test_lists_from_text(void **state) {
    struct settings *s = *state;
    assert_string_equal(try(s, "webhook.urls", " http://a , ,http://b"), "");
    assert_int_equal(s->webhook_urls.count, 2);
    assert_true(slice_eq_cstr(s->webhook_urls.items[0], "http://a"));
    assert_string_equal(try(s, "webhook.urls", ""), "");
    assert_int_equal(s->webhook_urls.count, 0);
    for (size_t i = 0; i < SETTINGS_LIST_MAX; i++) {
        assert_int_equal(settings_list_add(s, desc_of("webhook.urls"), SLICE_LIT("u")), STATUS_OK);
    }
    assert_int_equal(settings_list_add(s, desc_of("webhook.urls"), SLICE_LIT("u")),
                     STATUS_EXHAUSTED);
}

static void test_keys(void **state) {
    struct settings *s = *state;
    assert_null(settings_secret_of(s, SLICE_LIT("k")));
    assert_int_equal(settings_key_add(s, SLICE_LIT("k"), SLICE_LIT("one")), STATUS_OK);
    assert_int_equal(settings_key_add(s, SLICE_LIT("k"), SLICE_LIT("two")), STATUS_OK);
    assert_int_equal(s->keys_count, 1);
    assert_true(slice_eq_cstr(*settings_secret_of(s, SLICE_LIT("k")), "two"));
    char name[16];
    for (size_t i = 1; i < SETTINGS_KEYS_MAX; i++) {
        int len = snprintf(name, sizeof(name), "k%zu", i);
        assert_int_equal(settings_key_add(s, slice_of(name, (size_t)len), SLICE_LIT("s")),
                         STATUS_OK);
    }
    assert_int_equal(settings_key_add(s, SLICE_LIT("one more"), SLICE_LIT("s")), STATUS_EXHAUSTED);
}

static void test_warnings_are_bounded(void **state) {
    struct settings *s = *state;
    char name[16];
    for (size_t i = 0; i < SETTINGS_WARNINGS_MAX + 3; i++) {
        int len = snprintf(name, sizeof(name), "w%zu", i);
        settings_warn(s, slice_of(name, (size_t)len), SLICE_LIT("advice"));
    }
    assert_int_equal(s->warnings_count, SETTINGS_WARNINGS_MAX);
    assert_int_equal(s->warnings_left_out, 3);
}

/* Whether two paths are in one section, as far as the shorter one goes. */
static size_t common_dots(const char *a, const char *b) {
    size_t dots = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        dots += a[i] == '.';
    }
    return dots;
}

static void test_the_table_is_sound(void **state) {
    (void)state;
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_desc *d = &setting_descs[i];
        assert_ptr_equal(settings_find(slice_from_cstr(d->path)), d); /* no path twice */
        assert_false(settings_is_section(slice_from_cstr(d->path)));
        assert_true(d->help || strstr(d->path, "[]."));
        if (d->kind == SETTING_OLD_NAME) {
            assert_int_equal(desc_of(d->help)->kind, SETTING_REAL);
        }
        bool real = d->kind == SETTING_REAL;
        for (size_t j = i + 2; real && j < SETTINGS_COUNT; j++) {
            /* Between two rows of one section stand none of another. */
            if (setting_descs[j].kind == SETTING_REAL) {
                size_t dots = common_dots(d->path, setting_descs[j].path);
                assert_true(common_dots(d->path, setting_descs[j - 1].path) >= dots);
            }
        }
    }
    assert_true(settings_is_section(SLICE_LIT("rtc")));
    assert_true(settings_is_section(SLICE_LIT("rtc.turn_servers[]")));
    assert_false(settings_is_section(SLICE_LIT("rt")));
    assert_false(settings_is_section(SLICE_LIT("")));
}

static void test_names_of_the_environment(void **state) {
    (void)state;
    struct buf name;
    buf_init(&name, 256);
    settings_put_env_name(&name, desc_of("room.empty_timeout"));
    assert_true(slice_eq_cstr(buf_slice(&name), "LIVEKIT_ROOM_EMPTY_TIMEOUT"));
    buf_deinit(&name);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_bools),
        T(test_whole_numbers),
        T(test_fractions),
        T(test_durations),
        T(test_values_that_do_not_fit_leave_the_old_one),
        T(test_durations_are_kept_in_milliseconds_and_never_become_none),
        T(test_limits_are_held_at_what_the_server_bears),
        T(test_settings_without_effect_warn_once_unless_they_ask_for_what_is),
        T(test_old_names_win_when_they_say_something),
        T(test_lists_from_text),
        T(test_keys),
        T(test_warnings_are_bounded),
        T(test_the_table_is_sound),
        T(test_names_of_the_environment),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
