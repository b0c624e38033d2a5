#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "caps.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

static const uint64_t WALL_MS = 1700000000123; /* 2023-11-14T22:13:20.123Z */
#define HEAD                                                                                       \
    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"thread\":\"main\","               \
    "\"event\":\"e\""

static char line[LOG_LINE_BYTES_MAX + 1];

static const char *formatted(enum log_format format, const struct log_field *fields, size_t count) {
    size_t len =
        log_format_line(format, WALL_MS, LOG_INFO, "e", fields, count, line, LOG_LINE_BYTES_MAX);
    assert_true(len <= LOG_LINE_BYTES_MAX);
    line[len] = 0;
    return line;
}

static void an_event_is_a_line_of_json(void **state) {
    const struct log_field fields[] = {
        LOG_STR("room", SLICE_LIT("lobby")),
        LOG_UINT("n", UINT64_MAX),
        LOG_INT("i", INT64_MIN),
        LOG_BOOL("b", true),
        LOG_BOOL("c", 0),
        LOG_HEX("h", SLICE_LIT("\x00\xff")),
        LOG_CSTR("s", "x"),
        LOG_STATUS("st", STATUS_OK),
    };
    assert_string_equal(formatted(LOG_FORMAT_JSON, fields, ARRAY_LEN(fields)),
                        HEAD ",\"room\":\"lobby\",\"n\":18446744073709551615,"
                             "\"i\":-9223372036854775808,\"b\":true,\"c\":false,\"h\":\"00ff\","
                             "\"s\":\"x\",\"st\":\"ok\"}\n");
    assert_string_equal(formatted(LOG_FORMAT_JSON, NULL, 0), HEAD "}\n");
    assert_string_equal(formatted(LOG_FORMAT_TEXT, fields, 2),
                        "2023-11-14T22:13:20.123Z info main e room=\"lobby\" "
                        "n=18446744073709551615\n");
}

static void outside_bytes_cannot_break_a_line(void **state) {
    static const struct {
        struct slice value;
        const char *escaped;
    } cases[] = {
        {{(const uint8_t *)"a\"b\\c", 5}, "a\\\"b\\\\c"},
        {{(const uint8_t *)"\n\r\t\0\x1b\x7f", 6}, "\\u000a\\u000d\\u0009\\u0000\\u001b\\u007f"},
        {{(const uint8_t *)"\xc2\x9b\xc2\xa0", 4}, "\\u009b\xc2\xa0"}, /* C1 control; then none */
        {{(const uint8_t *)"z\xc3\xa9\xf0\x9f\x98\x80", 7}, "z\xc3\xa9\xf0\x9f\x98\x80"},
        {{(const uint8_t *)"\xff\xc3", 2}, "\\ufffd\\ufffd"},
        {{(const uint8_t *)"\xed\xa0\x80", 3}, "\\ufffd\\ufffd\\ufffd"}, /* a surrogate */
        {{(const uint8_t *)"\xc0\x80", 2}, "\\ufffd\\ufffd"},            /* overlong */
        {{NULL, 0}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct log_field f = LOG_STR("v", cases[i].value);
        char expected[256];
        snprintf(expected, sizeof expected, HEAD ",\"v\":\"%s\"}\n", cases[i].escaped);
        assert_string_equal(formatted(LOG_FORMAT_JSON, &f, 1), expected);
        assert_null(strchr(strchr(formatted(LOG_FORMAT_TEXT, &f, 1), '\n') + 1, '\n'));
    }
}

static void long_values_are_shortened(void **state) {
    static uint8_t text[LOG_VALUE_BYTES_MAX + 1];
    memset(text, 'x', sizeof text);
    struct log_field f = LOG_STR("v", slice_of(text, LOG_VALUE_BYTES_MAX));
    assert_null(strstr(formatted(LOG_FORMAT_JSON, &f, 1), "..."));
    f.bytes.len++;
    assert_non_null(strstr(formatted(LOG_FORMAT_JSON, &f, 1), "xx...\"}\n"));
    /* A character cut in two disappears instead of becoming a wrong one. */
    memcpy(text + LOG_VALUE_BYTES_MAX - 1, "\xc3\xa9", 2);
    assert_non_null(strstr(formatted(LOG_FORMAT_JSON, &f, 1), "xx...\"}\n"));
    f.kind = LOG_KIND_HEX;
    assert_non_null(strstr(formatted(LOG_FORMAT_JSON, &f, 1), "78c3...\"}\n"));
}

static void a_line_too_long_loses_whole_fields(void **state) {
    static uint8_t ugly[LOG_VALUE_BYTES_MAX]; /* NULs: six characters each */
    struct log_field fields[] = {LOG_STR("a", slice_of(ugly, sizeof ugly)),
                                 LOG_STR("b", slice_of(ugly, sizeof ugly)), LOG_UINT("c", 5)};
    const char *out = formatted(LOG_FORMAT_JSON, fields, ARRAY_LEN(fields));
    assert_non_null(strstr(out, "\"a\":\"\\u0000"));
    assert_null(strstr(out, "\"b\""));
    assert_non_null(strstr(out, "\"c\":5,\"cut\":true}\n"));
    char small[LOG_LINE_BYTES_MIN];
    size_t len =
        log_format_line(LOG_FORMAT_TEXT, WALL_MS, LOG_ERROR, "e", fields, 3, small, sizeof small);
    assert_true(len < sizeof small);
    assert_memory_equal(small + len - 14, " c=5 cut=true\n", 14);
}

static size_t read_all(int fd, char *out, size_t size) {
    size_t len = 0;
    ssize_t got;
    while (len < size && (got = read(fd, out + len, size - len)) > 0) {
        len += (size_t)got;
    }
    return len;
}

static void open_log(int pipe_fds[2], enum log_level level) {
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct log_config config = {.level = level, .fd = pipe_fds[1]};
    assert_int_equal(log_open(&config), STATUS_OK);
}

static size_t close_log(int pipe_fds[2], char *out, size_t size) {
    log_close();
    fd_close(&pipe_fds[1]);
    size_t len = read_all(pipe_fds[0], out, size - 1);
    out[len] = 0;
    fd_close(&pipe_fds[0]);
    return len;
}

static void lines_reach_the_descriptor(void **state) {
    static char out[8192];
    int fds[2];
    log_event(LOG_ERROR, "before_open"); /* goes nowhere */
    open_log(fds, LOG_INFO);
    log_event(LOG_DEBUG, "too_fine");
    log_event(LOG_INFO, "first", LOG_UINT("n", 1));
    log_set_level(LOG_ERROR);
    assert_false(log_enabled(LOG_WARN));
    log_event(LOG_WARN, "no_more");
    log_event(LOG_ERROR, "second");
    close_log(fds, out, sizeof out);
    assert_null(strstr(out, "before_open"));
    assert_null(strstr(out, "too_fine"));
    assert_null(strstr(out, "no_more"));
    char *first = strstr(out, "\"event\":\"first\",\"n\":1}\n");
    char *second = strstr(out, "\"level\":\"error\",\"thread\":\"main\",\"event\":\"second\"}\n");
    assert_true(first && second && first < second);
    log_event(LOG_ERROR, "after_close");
    log_close(); /* closed already: nothing */
}

/* Nobody reads the pipe: callers go on, lines are dropped and counted, and closing ends. */
static void a_stuck_reader_stops_nobody(void **state) {
    static char out[256 * 1024];
    static uint8_t text[500];
    memset(text, 'x', sizeof text);
    int fds[2];
    open_log(fds, LOG_INFO);
    for (int i = 0; i < 3 * LOG_QUEUE_BYTES_MAX / (int)sizeof text; i++) {
        log_event(LOG_INFO, "flood", LOG_STR("text", slice_of(text, sizeof text)));
    }
    assert_true(log_dropped() > 0);
    close_log(fds, out, sizeof out);
}

static void drops_are_told_when_it_goes_on(void **state) {
    static char out[4 * LOG_QUEUE_BYTES_MAX];
    static uint8_t text[500];
    memset(text, 'x', sizeof text);
    int fds[2];
    open_log(fds, LOG_INFO);
    while (log_dropped() == 0) { /* the pipe fills, then both buffers */
        log_event(LOG_INFO, "flood", LOG_STR("text", slice_of(text, sizeof text)));
    }
    /* Read as far as the notice, which the thread writes once it is unstuck. */
    size_t len = 0;
    while (!strstr(out, "\"event\":\"log_dropped\",\"count\":")) {
        ssize_t got = read(fds[0], out + len, sizeof out - 1 - len);
        assert_true(got > 0);
        len += (size_t)got;
        out[len] = 0;
        memmove(out, len > 8192 ? out + len - 8192 : out, MIN(len, (size_t)8192) + 1);
        len = MIN(len, (size_t)8192);
    }
    close_log(fds, out, sizeof out);
}

static void write_many(void *arg) {
    for (int i = 0; i < 200; i++) {
        log_event(LOG_INFO, "many", LOG_UINT("i", (uint64_t)i));
    }
}

static void lines_of_threads_do_not_mix(void **state) {
    static char out[512 * 1024];
    int fds[2];
    /* A file, since nobody reads while the threads write. */
    fds[1] = memfd_create("log", MFD_CLOEXEC);
    assert_true(fds[1] >= 0);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fds[1]);
    fds[0] = open(path, O_RDONLY | O_CLOEXEC); /* with an offset of its own */
    assert_true(fds[0] >= 0);
    struct log_config config = {.level = LOG_INFO, .fd = fds[1]};
    assert_int_equal(log_open(&config), STATUS_OK);
    struct thread *threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(thread_start("writer", write_many, NULL, &threads[i]), STATUS_OK);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        thread_join(threads[i]);
    }
    close_log(fds, out, sizeof out);
    size_t lines = 0;
    for (char *at = out; *at; at = strchr(at, '\n') + 1, lines++) {
        assert_memory_equal(at, "{\"time\":\"", 9);
        assert_non_null(strstr(at, "\"thread\":\"writer\",\"event\":\"many\",\"i\":"));
    }
    assert_int_equal(lines, 800);
}

static void limited_lines_tell_what_was_left_out(void **state) {
    static char out[64 * 1024];
    int fds[2];
    open_log(fds, LOG_INFO);
    struct log_limit limit = {0};
    for (int i = 0; i < LOG_LIMITED_PER_S + 7; i++) {
        log_limited(&limit, 5000, LOG_WARN, "busy");
    }
    log_limited(&limit, 6000, LOG_WARN, "busy", LOG_UINT("n", 1));
    close_log(fds, out, sizeof out);
    size_t lines = 0;
    for (const char *at = out; (at = strstr(at, "\"event\":\"busy\"")); at++) {
        lines++;
    }
    assert_int_equal(lines, LOG_LIMITED_PER_S + 1);
    assert_non_null(strstr(out, "\"left_out\":7,\"n\":1}\n"));
}

#ifdef STOA_MEM_FAULTS
static void each_allocation_may_fail(void **state) {
    struct log_config config = {.level = LOG_INFO, .fd = STDERR_FILENO};
    uint64_t before = mem_live_blocks();
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        mem_fail_from(nth);
        s = log_open(&config);
        mem_fail_never();
        log_close();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        assert_int_equal(mem_live_blocks(), before);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line_of_json),
        cmocka_unit_test(outside_bytes_cannot_break_a_line),
        cmocka_unit_test(long_values_are_shortened),
        cmocka_unit_test(a_line_too_long_loses_whole_fields),
        cmocka_unit_test(lines_reach_the_descriptor),
        cmocka_unit_test(a_stuck_reader_stops_nobody),
        cmocka_unit_test(drops_are_told_when_it_goes_on),
        cmocka_unit_test(lines_of_threads_do_not_mix),
        cmocka_unit_test(limited_lines_tell_what_was_left_out),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_allocation_may_fail),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
