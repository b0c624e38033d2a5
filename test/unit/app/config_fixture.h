/* config_fixture.h: settings that are fresh for each test, and the ways to fill them.
 * Owns: one struct settings. Callers: tests of the configuration. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"
#include "file.h"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct fixture {
    struct settings settings;
    struct config_error error;
};

static inline int setup(void **state) {
    static struct fixture f;
    assert_int_equal(settings_init(&f.settings), STATUS_OK);
    f.error.text[0] = 0;
    *state = &f;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *f = *state;
    settings_deinit(&f->settings);
    return 0;
}

static inline enum status yaml_as(struct fixture *f, const char *text, bool lax) {
    return config_read_yaml(&f->settings, slice_from_cstr(text), "t.yaml", lax, &f->error);
}

static inline enum status yaml(struct fixture *f, const char *text) {
    return yaml_as(f, text, false);
}

/* config_load with the arguments that follow, up to NULL. */
static inline enum status load(struct fixture *f, ...) {
    char *argv[32];
    int argc = 0;
    va_list list;
    va_start(list, f);
    for (char *arg = va_arg(list, char *); arg; arg = va_arg(list, char *)) {
        assert_true(argc < 32);
        argv[argc++] = arg;
    }
    va_end(list);
    settings_deinit(&f->settings);
    assert_int_equal(settings_init(&f->settings), STATUS_OK);
    return config_load(&f->settings, argc, argv, &f->error);
}

static inline bool warned(const struct fixture *f, const char *setting) {
    for (size_t i = 0; i < f->settings.warnings_count; i++) {
        if (slice_eq_cstr(f->settings.warnings[i].setting, setting)) {
            return true;
        }
    }
    return false;
}
