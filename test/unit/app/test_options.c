#include "config_fixture.h"
#include "options.h"

static struct command_line line;
static bool flag;
static const char *text;
static uint32_t count, seconds;

/* options_read with the arguments that follow, up to NULL. */
static bool parse(const char *first, ...) {
    const struct option options[] = {{"flag", OPTION_FLAG, &flag},
                                     {"text", OPTION_TEXT, &text},
                                     {"count", OPTION_UINT32, &count},
                                     {"for", OPTION_SECONDS, &seconds}};
    char *argv[16];
    int argc = 0;
    va_list list;
    flag = false;
    text = NULL;
    count = seconds = 0;
    va_start(list, first);
    for (const char *arg = first; arg; arg = va_arg(list, const char *)) {
        argv[argc++] = (char *)arg;
    }
    va_end(list);
    return options_read(&line, options, ARRAY_LEN(options), argc, argv);
}

static void test_options_and_positionals_may_mix(void **state) {
    (void)state;
    assert_true(parse("one", "--flag", "two", "--text=a=b", "--count", "4294967295", "--for", "90m",
                      "--json", "--url", "http://h", "--", "--three", NULL));
    assert_true(flag && line.json);
    assert_string_equal(text, "a=b");
    assert_int_equal(count, UINT32_MAX);
    assert_int_equal(seconds, 5400);
    assert_string_equal(line.url, "http://h");
    assert_int_equal(line.positionals_count, 3);
    assert_string_equal(line.positionals[2], "--three");
    assert_int_equal(line.config_count, 0);
}

static void test_options_of_the_configuration_are_handed_on(void **state) {
    (void)state;
    assert_true(parse("--dev", "room", "--config", "f", "--keys=a: b", NULL));
    assert_int_equal(line.config_count, 4);
    assert_string_equal(line.config[0], "--dev");
    assert_string_equal(line.config[2], "f");
    assert_string_equal(line.config[3], "--keys=a: b");
    assert_int_equal(line.positionals_count, 1);
}

static void test_wrong_options_are_refused(void **state) {
    (void)state;
    assert_false(parse("--nope", NULL));
    assert_false(parse("--text", NULL));
    assert_false(parse("--config", NULL));
    assert_false(parse("--flag=1", NULL));
    assert_false(parse("--count", "-1", NULL));
    assert_false(parse("--count", "4294967296", NULL));
    assert_false(parse("--count", "x", NULL));
    assert_false(parse("--for", "90", NULL));
    assert_false(parse("--text", "\xff", NULL));
    assert_false(parse("\xff", NULL));
    assert_false(parse("--api-key", "k", NULL));
    assert_false(parse("--api-secret", "s", NULL));
    assert_false(parse("--port", "1", NULL)); /* the server's alone */
}

static void test_where_the_key_comes_from(void **state) {
    struct fixture *f = *state;
    struct key_secret key;
    setenv("LIVEKIT_API_KEY", "ek", 1);
    assert_true(parse(NULL, NULL));
    assert_false(options_find_key(&line, &f->settings, &key)); /* a secret lacks */
    setenv("LIVEKIT_API_SECRET", "es", 1);
    assert_true(options_find_key(&line, &f->settings, &key));
    assert_true(slice_eq_cstr(key.key, "ek") && slice_eq_cstr(key.secret, "es"));
    assert_true(parse("--dev", NULL)); /* what is asked for here beats the environment */
    assert_true(options_find_key(&line, &f->settings, &key));
    assert_true(slice_eq_cstr(key.key, "devkey") && slice_eq_cstr(key.secret, "secret"));
    assert_true(parse("--dev", "--api-key", "ak", "--api-secret", "as", NULL));
    assert_true(options_find_key(&line, &f->settings, &key));
    assert_true(slice_eq_cstr(key.key, "ak") && slice_eq_cstr(key.secret, "as"));
    unsetenv("LIVEKIT_API_KEY");
    unsetenv("LIVEKIT_API_SECRET");
    assert_true(parse("--keys", "ck: cs", NULL));
    assert_true(options_find_key(&line, &f->settings, &key));
    assert_true(slice_eq_cstr(key.key, "ck") && slice_eq_cstr(key.secret, "cs"));
    assert_true(parse("--config", "/nonexistent", NULL));
    assert_false(options_find_key(&line, &f->settings, &key));
}

static void test_text_for_terminals(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 256);
    options_put_printable(&out, SLICE_LIT("a\x1b[31m\n\x7f\xc2\x9b"
                                          "1m \xc3\xa4\xc2\xa0"));
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)out.data, "a\\u001b[31m\\u000a\\u007f\\u009b1m "
                                                "\xc3\xa4\xc2\xa0");
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_options_and_positionals_may_mix),
        T(test_options_of_the_configuration_are_handed_on),
        T(test_wrong_options_are_refused),
        T(test_where_the_key_comes_from),
        T(test_text_for_terminals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
