#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "file.h"

struct fixture {
    struct settings settings;
    struct config_error error;
};

static int setup(void **state) {
    static struct fixture f;
    assert_int_equal(settings_init(&f.settings), STATUS_OK);
    f.error.text[0] = 0;
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    settings_deinit(&f->settings);
    return 0;
}

static enum status yaml(struct fixture *f, const char *text) {
    return config_read_yaml(&f->settings, slice_from_cstr(text), "t.yaml", &f->error);
}

static void test_defaults_of_the_table_hold(void **state) {
    struct fixture *f = *state;
    assert_int_equal(f->settings.port, 7880);
    assert_int_equal(f->settings.empty_timeout_s, 300);
    assert_int_equal(f->settings.departure_timeout_s, 20);
    assert_true(f->settings.auto_create);
    assert_int_equal(f->settings.bind_addresses.count, 0);
}

static void test_yaml_sets_scalars_lists_and_keys(void **state) {
    struct fixture *f = *state;
    const char *text = "port: 1234\n"
                       "bind_addresses: [127.0.0.1, \"::1\"]\n"
                       "room:\n  auto_create: false\n  empty_timeout: 4294967295\n"
                       "region:\n"
                       "keys:\n  key1: secret1\n  key2: 'secret: 2'\n";
    assert_int_equal(yaml(f, text), STATUS_OK);
    assert_int_equal(f->settings.port, 1234);
    assert_false(f->settings.auto_create);
    assert_int_equal(f->settings.empty_timeout_s, UINT32_MAX);
    assert_int_equal(f->settings.bind_addresses.count, 2);
    assert_true(slice_eq_cstr(f->settings.bind_addresses.items[1], "::1"));
    assert_int_equal(f->settings.keys_count, 2);
    assert_true(slice_eq_cstr(f->settings.keys[1].secret, "secret: 2"));
}

static void test_yaml_that_is_refused_names_line_and_reason(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"port: 1\nnope: 2\n", "t.yaml:2: nope: no such setting"},
        {"room:\n  nope: 2\n", "t.yaml:2: room.nope: no such setting"},
        {"port: many\n", "t.yaml:1: port: must be a whole number"},
        {"port: 70000\n", "t.yaml:1: port: is out of its range"},
        {"development: perhaps\n", "t.yaml:1: development: must be true or false"},
        {"port: [1]\n", "t.yaml:1: port: takes one value, not a list"},
        {"bind_addresses: [[a]]\n", "t.yaml:1: bind_addresses: takes a list of plain values"},
        {"keys:\n  a: [b]\n", "t.yaml:2: keys: takes lines of `key: secret`"},
        {"- port\n", "t.yaml:1: the file: must be a mapping of settings"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(yaml(f, cases[i].text), STATUS_INVALID);
        assert_string_equal(f->error.text, cases[i].error);
    }
    assert_int_equal(yaml(f, "bind_addresses: [1\n"), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "not valid YAML"));
}

static void test_later_sources_win(void **state) {
    struct fixture *f = *state;
    setenv("LIVEKIT_ROOM_EMPTY_TIMEOUT", "11", 1);
    setenv("LIVEKIT_PORT", "1111", 1);
    setenv("LIVEKIT_KEYS", "k1: s1\nk2: s2", 1);
    char *argv[] = {"--config-body",
                    "port: 1\nregion: eu\n",
                    "--port=3333",
                    "--bind",
                    "127.0.0.1",
                    "--bind",
                    "::1"};
    assert_int_equal(config_load(&f->settings, 7, argv, &f->error), STATUS_OK);
    assert_int_equal(f->settings.port, 3333);
    assert_int_equal(f->settings.empty_timeout_s, 11);
    assert_true(slice_eq_cstr(f->settings.region, "eu"));
    assert_int_equal(f->settings.bind_addresses.count, 2);
    assert_int_equal(f->settings.keys_count, 2);
    unsetenv("LIVEKIT_ROOM_EMPTY_TIMEOUT");
    unsetenv("LIVEKIT_PORT");
    unsetenv("LIVEKIT_KEYS");
}

static void test_dev_brings_keys_and_loopback(void **state) {
    struct fixture *f = *state;
    char *argv[] = {"--dev"};
    assert_int_equal(config_load(&f->settings, 1, argv, &f->error), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_true(slice_eq_cstr(f->settings.keys[0].key, "devkey"));
    assert_int_equal(f->settings.bind_addresses.count, 2);
    assert_true(f->settings.loopback_candidate);
}

static void test_flags_that_are_refused(void **state) {
    struct fixture *f = *state;
    char *none[] = {"--port", "1"};
    assert_int_equal(config_load(&f->settings, 2, none, &f->error), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "keys"));
    char *unknown[] = {"--dev", "--nope", "1"};
    assert_int_equal(config_load(&f->settings, 3, unknown, &f->error), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "no such option"));
    char *bare[] = {"--dev", "--port"};
    assert_int_equal(config_load(&f->settings, 2, bare, &f->error), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "needs a value"));
    char *missing[] = {"--config", "/nonexistent/stoa.yaml"};
    assert_int_equal(config_load(&f->settings, 2, missing, &f->error), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "/nonexistent/stoa.yaml"));
}

static void test_key_file_must_be_private(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/stoa-keys-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("filekey: filesecret\n"), 0600), STATUS_OK);
    char *argv[] = {"--keys", "other: one", "--key-file", path};
    assert_int_equal(config_load(&f->settings, 4, argv, &f->error), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_true(slice_eq_cstr(f->settings.keys[0].key, "filekey"));
    assert_int_equal(file_write_atomic(path, SLICE_LIT("filekey: filesecret\n"), 0644), STATUS_OK);
    assert_int_equal(config_load(&f->settings, 4, argv, &f->error), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "key file others permissions must be set to 0"));
    unlink(path);
}

static void test_the_sample_file_is_accepted_and_whole(void **state) {
    struct fixture *f = *state;
    struct buf out;
    buf_init(&out, 1 << 20);
    settings_put_sample(&out);
    assert_false(out.failed);
    assert_int_equal(config_read_yaml(&f->settings, buf_slice(&out), "sample", &f->error),
                     STATUS_OK);
    buf_put_u8(&out, 0);
    for (size_t i = 0; i < setting_descs_count; i++) {
        const char *dot = strrchr(setting_descs[i].path, '.');
        assert_non_null(strstr((const char *)out.data, dot ? dot + 1 : setting_descs[i].path));
    }
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_of_the_table_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yaml_sets_scalars_lists_and_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_yaml_that_is_refused_names_line_and_reason, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_later_sources_win, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dev_brings_keys_and_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags_that_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_file_must_be_private, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_sample_file_is_accepted_and_whole, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
