#include "config_fixture.h"
#include "mem.h"

static void test_later_sources_win(void **state) {
    struct fixture *f = *state;
    setenv("LIVEKIT_ROOM_EMPTY_TIMEOUT", "11", 1);
    setenv("LIVEKIT_PORT", "1111", 1);
    setenv("LIVEKIT_BIND_ADDRESSES", "10.0.0.1,10.0.0.2", 1);
    setenv("LIVEKIT_KEYS", "k1: s1\nk2: s2", 1);
    setenv("LIVEKIT_REGION", "", 1);
    enum status s = load(f, "--config-body", "port: 1\nregion: eu\nkeys: {k0: s0}\n", "--port=3333",
                         "--bind", "127.0.0.1", "--bind", "::1", NULL);
    assert_int_equal(s, STATUS_OK);
    assert_int_equal(f->settings.port, 3333);
    assert_int_equal(f->settings.empty_timeout_s, 11);
    assert_true(slice_eq_cstr(f->settings.region, "eu"));
    assert_int_equal(f->settings.bind_addresses.count, 2);
    assert_true(slice_eq_cstr(f->settings.bind_addresses.items[1], "::1"));
    assert_int_equal(f->settings.keys_count, 2);
    assert_null(settings_secret_of(&f->settings, SLICE_LIT("k0")));
    assert_int_equal(load(f, "--keys", "k3: s3", NULL), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_int_equal(f->settings.bind_addresses.count, 2);
    setenv("LIVEKIT_PORT", "x", 1);
    assert_int_equal(load(f, NULL), STATUS_INVALID);
    assert_string_equal(f->error.text, "LIVEKIT_PORT: must be a whole number");
    assert_false(f->error.usage);
    unsetenv("LIVEKIT_ROOM_EMPTY_TIMEOUT");
    unsetenv("LIVEKIT_PORT");
    unsetenv("LIVEKIT_BIND_ADDRESSES");
    unsetenv("LIVEKIT_KEYS");
    unsetenv("LIVEKIT_REGION");
}

static void test_a_body_takes_the_place_of_the_file(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/stoa-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("port: 1\nregion: file\n"), 0600),
                     STATUS_OK);
    assert_int_equal(load(f, "--config", path, NULL), STATUS_OK);
    assert_int_equal(f->settings.port, 1);
    setenv("LIVEKIT_CONFIG", "port: 2", 1);
    assert_int_equal(load(f, "--config", path, NULL), STATUS_OK);
    assert_int_equal(f->settings.port, 2);
    assert_int_equal(f->settings.region.len, 0);
    assert_int_equal(load(f, "--config", path, "--config-body", "port: 3", NULL), STATUS_OK);
    assert_int_equal(f->settings.port, 3);
    unsetenv("LIVEKIT_CONFIG");
    unlink(path);
    assert_int_equal(load(f, "--config", path, NULL), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, path));
}

static void test_names_of_flags_and_variables(void **state) {
    struct fixture *f = *state;
    static const char *const variables[][2] = {
        {"NODE_IP", "1.2.3.4"},        {"UDP_PORT", "7000-7003"},   {"REDIS_HOST", "r:6379"},
        {"REDIS_PASSWORD", "p"},       {"LIVEKIT_TURN_CERT", "/c"}, {"LIVEKIT_TURN_KEY", "/k"},
        {"LIVEKIT_RTC_TCP_PORT", "1"}, {"LIVEKIT_REGION", "eu"},
    };
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    assert_int_equal(load(f, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        unsetenv(variables[i][0]);
    }
    static const char *const expected[] = {"redis.address", "redis.password", "turn.cert_file",
                                           "turn.key_file"};
    for (int pass = 0; pass < 2; pass++) {
        assert_true(slice_eq_cstr(f->settings.node_ip, "1.2.3.4"));
        assert_true(slice_eq_cstr(f->settings.udp_port, "7000-7003"));
        assert_true(slice_eq_cstr(f->settings.region, "eu"));
        assert_int_equal(f->settings.tcp_port, 1);
        assert_int_equal(f->settings.warnings_count, 4);
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
            assert_true(warned(f, expected[i]));
        }
        enum status s = load(f, "--node-ip", "1.2.3.4", "--udp-port=7000-7003", "--redis-host",
                             "r:6379", "--redis-password=p", "--turn-cert", "/c", "--turn-key",
                             "/k", "--rtc.tcp_port", "1", "--region", "eu", NULL);
        assert_int_equal(s, STATUS_OK);
    }
}

static void test_dev_brings_keys_and_loopback(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "--dev", NULL), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_true(slice_eq_cstr(f->settings.keys[0].key, "devkey"));
    assert_int_equal(f->settings.bind_addresses.count, 2);
    assert_true(f->settings.loopback_candidate);
    /* Keys of one's own: anybody who has them may come from anywhere. */
    assert_int_equal(load(f, "--keys", "a: b", "--dev", NULL), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_int_equal(f->settings.bind_addresses.count, 0);
    assert_int_equal(load(f, "--dev=false", NULL), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 0);
    assert_int_equal(load(f, "--room.auto_create", "false", "--dev", NULL), STATUS_OK);
    assert_false(f->settings.auto_create);
}

static void test_flags_that_are_refused(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *flag, *value, *error;
        bool usage;
    } cases[] = {
        {"--nope", "1", "--nope: no such option; see stoa help", true},
        {"--keys.a", "1", "--keys.a: no such option; see stoa help", true},
        {"--metric", "1", "--metric: no such option; see stoa help", true},
        {"--rtc.turn_servers[].host", "h",
         "--rtc.turn_servers[].host: no such option; see stoa help", true},
        {"port", "1", "port: is not an option; see stoa help", true},
        {"--", "1", "--: is not an option; see stoa help", true},
        {"--dev", "--port", "--port: needs a value", true},
        {"--dev", "--config", "--config: needs a value", true},
        {"--cpuprofile", "f",
         "--cpuprofile: is not served here; perf or heaptrack profile from outside", true},
        {"--memprofile=f", "--dev",
         "--memprofile=f: is not served here; perf or heaptrack profile from outside", true},
        {"--port", "many", "--port: must be a whole number", false},
        {"--port=70000", "--dev", "--port=70000: is out of its range", false},
        {"--config", "/nonexistent/stoa.yaml", "/nonexistent/stoa.yaml: not found", false},
        {"--config-body", "a: b", "--config-body:1: a: no such setting", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load(f, cases[i].flag, cases[i].value, NULL), STATUS_INVALID);
        assert_string_equal(f->error.text, cases[i].error);
        assert_int_equal(f->error.usage, cases[i].usage);
    }
}

static void test_keys_as_text(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text;
        int count; /* -1: refused */
        const char *left_out;
    } cases[] = {
        {"a: b", 1, NULL},           {"a: b\nc: d\n", 2, NULL},
        {"{a: b, c: d}", 2, NULL},   {"a: \"12345\"\nc: d", 2, NULL},
        {"a: !!str 12345", 1, NULL}, {"a: 12345\nc: d", 1, "a"},
        {"a: 1e9", 0, "a"},          {"a: 0x1f", 0, "a"},
        {"a: true", 0, "a"},         {"a: ~", 0, "a"},
        {"a: 0xyz", 1, NULL},        {"a: 12345x", 1, NULL},
        {"a:b", -1, NULL},           {"a", -1, NULL},
        {"a: [b]", -1, NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum status s = load(f, "--keys", cases[i].text, NULL);
        assert_int_equal(s, cases[i].count < 0 ? STATUS_INVALID : STATUS_OK);
        if (cases[i].count >= 0) {
            assert_int_equal(f->settings.keys_count, cases[i].count);
            assert_int_equal(f->settings.warnings_count, cases[i].left_out ? 1 : 0);
            assert_true(!cases[i].left_out || warned(f, cases[i].left_out));
        }
    }
    assert_int_equal(load(f, "--config-body", "keys: {a: 12345}", NULL), STATUS_OK);
    assert_true(slice_eq_cstr(f->settings.keys[0].secret, "12345"));
}

static void test_key_file_must_be_private(void **state) {
    struct fixture *f = *state;
    char path[] = "/tmp/stoa-keys-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("filekey: filesecret\n"), 0600), STATUS_OK);
    assert_int_equal(load(f, "--keys", "other: one", "--key-file", path, NULL), STATUS_OK);
    assert_int_equal(f->settings.keys_count, 1);
    assert_true(slice_eq_cstr(f->settings.keys[0].key, "filekey"));
    setenv("STOA_TEST_NAME", path + strlen("/tmp/"), 1);
    setenv("HOME", "/tmp", 1);
    assert_int_equal(load(f, "--key-file", "~/${STOA_TEST_NAME}", NULL), STATUS_OK);
    assert_int_equal(load(f, "--key-file", "$HOME/$STOA_TEST_NAME", NULL), STATUS_OK);
    assert_true(slice_eq_cstr(f->settings.keys[0].key, "filekey"));
    assert_int_equal(load(f, "--key-file", "$HOME/$STOA_TEST_NAMES", NULL), STATUS_INVALID);
    assert_int_equal(file_write_atomic(path, SLICE_LIT("filekey: filesecret\n"), 0644), STATUS_OK);
    assert_int_equal(load(f, "--key-file", path, NULL), STATUS_INVALID);
    assert_non_null(strstr(f->error.text, "key file others permissions must be set to 0"));
    unlink(path);
}

static void test_what_a_server_needs(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *body, *error; /* NULL: fine */
    } cases[] = {
        {"port: 1", "keys: none is configured: one of keys, key_file, LIVEKIT_KEYS or --dev is "
                    "needed"},
        {"keys: {a: b}", NULL},
        {"keys: {a: b}\nstoa: {keys_strict: true}",
         "keys: a secret is shorter than 32 characters, and stoa.keys_strict is on; stoa "
         "generate-keys makes a pair"},
        {"keys: {a: b}\nstoa: {keys_strict: true}\ndevelopment: true", NULL},
        {"keys: {a: 12345678901234567890123456789012}\nstoa: {keys_strict: true}", NULL},
        {"keys: {a: b}\nlogging: {level: loud}",
         "logging.level: must be debug, info, warn or error"},
        {"keys: {a: b}\nlog_level: WARNING", NULL},
        {"keys: {a: b}\nbind_addresses: [localhost]", "bind_addresses: must be IP addresses"},
        {"keys: {a: b}\nstoa: {metrics_bind: all}", "stoa.metrics_bind: must be an IP address"},
        {"keys: {a: b}\nstoa: {trusted_proxies: [10.0.0.0/33]}",
         "stoa.trusted_proxies: must be CIDRs, as 10.0.0.0/8"},
        {"keys: {a: b}\nstoa: {trusted_proxies: [10.0.0.0/8, '::1']}", NULL},
        {"keys: {a: b}\nrtc: {udp_port: 9-8}",
         "rtc.udp_port: must be a port or a range first-last"},
        {"keys: {a: b}\nrtc: {udp_port: 70000}",
         "rtc.udp_port: must be a port or a range first-last"},
        {"keys: {a: b}\nrtc: {udp_port: 8-9, node_ip: '1.2.3.4, ::1'}", NULL},
        {"keys: {a: b}\nrtc: {node_ip: host}",
         "rtc.node_ip: must be one IPv4 address, one IPv6 address, or both with a comma between"},
        {"keys: {a: b}\nstoa: {tls_cert_file: /c}",
         "stoa.tls_cert_file: and stoa.tls_key_file are needed together"},
        {"keys: {a: b}\nwebhook: {urls: [http://h]}",
         "webhook: api_key is required to use webhooks"},
        {"keys: {a: b}\nwebhook: {urls: [http://h], api_key: c}",
         "webhook: api_key is required to use webhooks"},
        {"keys: {a: b}\nwebhook: {urls: [ftp://h], api_key: a}",
         "webhook.urls: must begin with http:// or https://"},
        {"keys: {a: b}\nwebhook: {urls: [https://h], api_key: a}", NULL},
        {"keys: {a: b}\nwebhook: {api_key: c}", NULL},
        {"keys: {a: b}\nstoa: {journal: {dir: /j, sync: always, wait: 0s}}", NULL},
        {"keys: {a: b}\nstoa: {journal: {sync: 1m}}", NULL},
        {"keys: {a: b}\nstoa: {journal: {sync: 0s}}",
         "stoa.journal.sync: must be 1ms to 1m, or always"},
        {"keys: {a: b}\nstoa: {journal: {sync: 61s}}",
         "stoa.journal.sync: must be 1ms to 1m, or always"},
        {"keys: {a: b}\nstoa: {journal: {sync: never}}",
         "stoa.journal.sync: must be 1ms to 1m, or always"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(load(f, "--config-body", cases[i].body, NULL), STATUS_OK);
        enum status s = config_check(&f->settings, &f->error);
        assert_int_equal(s, cases[i].error ? STATUS_INVALID : STATUS_OK);
        if (cases[i].error) {
            assert_string_equal(f->error.text, cases[i].error);
            assert_false(f->error.usage);
        }
    }
    assert_int_equal(load(f, "--keys", "one: b", NULL), STATUS_OK);
    assert_int_equal(config_check(&f->settings, &f->error), STATUS_OK);
    assert_true(warned(f, "keys: secret of one"));
    assert_int_equal(load(f, "--keys", "one: b", "--dev", NULL), STATUS_OK);
    assert_int_equal(config_check(&f->settings, &f->error), STATUS_OK);
    assert_int_equal(f->settings.warnings_count, 0);
}

#ifdef STOA_MEM_FAULTS
static enum status load_all(struct fixture *f) {
    char body[] = "log_level: warn\nredis: {address: r}\nbind_addresses: [10.0.0.1]\n"
                  "metric: {a: b}\nkeys: {a: b}\nnope: 1\n";
    char *argv[] = {"--config-body", body,  "--disable-strict-config", "--bind", "127.0.0.1",
                    "--keys",        "c: d"};
    enum status s = settings_init(&f->settings);
    if (s == STATUS_OK) {
        s = config_load(&f->settings, ARRAY_LEN(argv), argv, &f->error);
    }
    if (s == STATUS_OK) {
        s = config_check(&f->settings, &f->error);
    }
    return s;
}

static void test_every_allocation_may_fail(void **state) {
    struct fixture *f = *state;
    settings_deinit(&f->settings);
    uint64_t before = mem_live_blocks();
    enum status s = STATUS_NO_MEMORY;
    uint64_t nth = 1;
    for (; s != STATUS_OK; nth++) {
        mem_fail_from(nth);
        s = load_all(f);
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        settings_deinit(&f->settings);
        assert_int_equal(mem_live_blocks(), before);
    }
    assert_true(nth > 4);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_later_sources_win),
        T(test_a_body_takes_the_place_of_the_file),
        T(test_names_of_flags_and_variables),
        T(test_dev_brings_keys_and_loopback),
        T(test_flags_that_are_refused),
        T(test_keys_as_text),
        T(test_key_file_must_be_private),
        T(test_what_a_server_needs),
#ifdef STOA_MEM_FAULTS
        T(test_every_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
