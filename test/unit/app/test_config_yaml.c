#include "config_fixture.h"

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
        {"room:\n  nope: {a: [b]}\n", "t.yaml:2: room.nope: no such setting"},
        {"port: many\n", "t.yaml:1: port: must be a whole number"},
        {"port: 70000\n", "t.yaml:1: port: is out of its range"},
        {"development: perhaps\n", "t.yaml:1: development: must be true or false"},
        {"psrpc:\n  timeout: 3\n",
         "t.yaml:2: psrpc.timeout: must be a duration such as 500ms, 3s or 1m30s"},
        {"port: [1]\n", "t.yaml:1: port: takes one value, not a list"},
        {"port: {a: 1}\n", "t.yaml:1: port: takes one value, not a mapping"},
        {"room: 5\n", "t.yaml:1: room: takes a section of settings"},
        {"bind_addresses: 127.0.0.1\n", "t.yaml:1: bind_addresses: takes a list"},
        {"bind_addresses: [[a]]\n", "t.yaml:1: bind_addresses: takes a list of plain values"},
        {"room:\n  enabled_codecs: [opus]\n",
         "t.yaml:2: room.enabled_codecs[]: takes a list of mappings"},
        {"room:\n  enabled_codecs:\n  - mime: a\n    rate: 1\n",
         "t.yaml:4: room.enabled_codecs[].rate: no such setting"},
        {"keys:\n  a: [b]\n", "t.yaml:2: keys: takes lines of `key: secret`"},
        {"keys:\n  a: b\n  a: c\n", "t.yaml:3: keys: has one key twice"},
        {"keys:\n  a: ''\n", "t.yaml:2: keys: has an empty key or secret"},
        {"keys: a\n", "t.yaml:1: keys: must be `key: secret`, with the space behind the colon"},
        {"- port\n", "t.yaml:1: the file: must be a mapping of settings"},
        {"just text\n", "t.yaml:1: the file: must be a mapping of settings"},
        {"port: 1\n---\nport: 2\n", "t.yaml:2: the file: must be one document"},
        {"port: 1\nroom:\n  empty_timeout: 1\nport: 2\n", "t.yaml:4: port: is given twice"},
        {"region: &here eu\n", "t.yaml:1: region: has an anchor (&name): leave it away"},
        {"region: a\nlogging:\n  level: *here\n",
         "t.yaml:3: logging.level: is an alias (*name): write the value out"},
        {"room: &r\n  auto_create: true\n", "t.yaml:1: room: has an anchor (&name): leave it away"},
        {"metric: {a: [&x 1]}\n", "t.yaml:1: metric: has an anchor (&name): leave it away"},
        {"region: !!binary aGk=\n", "t.yaml:1: region: has a tag (!name): leave it away"},
        {"? [a]\n: b\n", "t.yaml:1: the file: has a name that is not plain text"},
        {"'': b\n", "t.yaml:1: the file: has a name that is empty or too long"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(yaml(f, cases[i].text), STATUS_INVALID);
        assert_string_equal(f->error.text, cases[i].error);
    }
    static const char *const broken[] = {"bind_addresses: [1\n", "region: b: c\n", "\tport: 1\n",
                                         "region: \"\xff\"\n", "region: \"\\0\"\n"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        assert_int_equal(yaml(f, broken[i]), STATUS_INVALID);
        assert_non_null(strstr(f->error.text, i < 4 ? "not valid YAML" : "must be UTF-8 text"));
    }
}

static void test_yaml_without_values_keeps_defaults(void **state) {
    struct fixture *f = *state;
    static const char *const cases[] = {"",
                                        "# nothing\n",
                                        "port:\n",
                                        "port: ~\nroom:\nredis:\nbind_addresses:\n",
                                        "room: {}\nredis: null\nlimit: {max_metadata_size: }\n",
                                        "keys:\nmetric: {}\nroom: {enabled_codecs: []}\n"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(yaml(f, cases[i]), STATUS_OK);
        assert_int_equal(f->settings.port, 7880);
        assert_int_equal(f->settings.warnings_count, 0);
    }
}

static void test_depth_is_bounded_also_where_anything_may_stand(void **state) {
    struct fixture *f = *state;
    char text[256] = "metric: ";
    size_t len = strlen(text);
    memset(text + len, '[', 100);
    memset(text + len + 100, ']', 100);
    text[len + 200] = 0;
    assert_int_equal(yaml(f, text), STATUS_INVALID);
    assert_string_equal(f->error.text, "t.yaml:1: metric: nests too deep");
    memset(text + len, ' ', 80); /* twenty deep are fine */
    memset(text + len + 120, ' ', 80);
    assert_int_equal(yaml(f, text), STATUS_OK);
}

static void test_unknown_settings_are_warnings_when_asked_to(void **state) {
    struct fixture *f = *state;
    const char *text = "nope: {a: [b, {c: d}]}\nroom:\n  nope: 1\n  auto_create: false\n";
    assert_int_equal(yaml_as(f, text, true), STATUS_OK);
    assert_false(f->settings.auto_create);
    assert_int_equal(f->settings.warnings_count, 2);
    assert_true(warned(f, "nope") && warned(f, "room.nope"));
    assert_int_equal(yaml_as(f, "port: many\n", true), STATUS_INVALID);

    assert_int_equal(load(f, "--config-body", "nope: 1", "--dev", NULL), STATUS_INVALID);
    assert_int_equal(load(f, "--config-body", "nope: 1", "--disable-strict-config", "--dev", NULL),
                     STATUS_OK);
    assert_true(warned(f, "nope"));
}

/* Takes the # of each setting's line away; comments have a space behind theirs. */
static void uncomment(struct buf *text) {
    size_t kept = 0;
    for (size_t i = 0; i < text->len; i++) {
        bool setting = text->data[i] == '#' && i + 1 < text->len && text->data[i + 1] >= 'a' &&
                       text->data[i + 1] <= 'z';
        if (!setting) {
            text->data[kept++] = text->data[i];
        }
    }
    text->len = kept;
}

static void test_the_sample_is_accepted_as_it_is_and_with_all_settings_on(void **state) {
    struct fixture *f = *state;
    struct buf out;
    buf_init(&out, 1 << 20);
    settings_put_sample(&out);
    assert_false(out.failed);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const char *dot = strrchr(setting_descs[i].path, '.');
        struct slice name = slice_from_cstr(dot ? dot + 1 : setting_descs[i].path);
        assert_true(setting_descs[i].kind != SETTING_REAL ||
                    memmem(out.data, out.len, name.data, name.len) != NULL);
    }
    for (int pass = 0; pass < 2; pass++) {
        settings_deinit(&f->settings);
        assert_int_equal(settings_init(&f->settings), STATUS_OK);
        assert_int_equal(
            config_read_yaml(&f->settings, buf_slice(&out), "sample", false, &f->error), STATUS_OK);
        assert_int_equal(f->settings.warnings_count, 0);
        assert_int_equal(f->settings.port, 7880);
        assert_int_equal(f->settings.webhook_max_age_ms, 30000);
        assert_int_equal(f->settings.rooms_max, 2000000);
        uncomment(&out);
    }
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_defaults_of_the_table_hold),
        T(test_yaml_sets_scalars_lists_and_keys),
        T(test_yaml_that_is_refused_names_line_and_reason),
        T(test_yaml_without_values_keeps_defaults),
        T(test_depth_is_bounded_also_where_anything_may_stand),
        T(test_unknown_settings_are_warnings_when_asked_to),
        T(test_the_sample_is_accepted_as_it_is_and_with_all_settings_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
