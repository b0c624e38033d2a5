#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "metrics.h"

static const struct {
    const char *name, *help;
    enum metric_kind kind;
} ROWS[] = {
#define M(field, kind, name, help) {name, help, METRIC_##kind},
    METRICS(M) METRICS_REFERENCE(M)
#undef M
};

static char text[256 * 1024];

/* Renders and keeps the text NUL-terminated, for strstr. */
static const char *render(const struct metrics *const *threads, size_t count, const char *labels) {
    struct buf out;
    buf_init(&out, sizeof(text) - 1);
    metrics_render(threads, count, labels, &out);
    assert_false(out.failed);
    memcpy(text, out.data, out.len);
    text[out.len] = '\0';
    buf_deinit(&out);
    return text;
}

static size_t times_in(const char *all, const char *part) {
    size_t count = 0;
    for (const char *at = strstr(all, part); at; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static struct slice family_of(const char *name) {
    struct slice rest = slice_from_cstr(name);
    return slice_split(&rest, '{');
}

static bool family_is_wellformed(struct slice family) {
    for (size_t i = 0; i < family.len; i++) {
        uint8_t c = family.data[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return family.len > 0;
}

static void the_table_is_fit_to_print(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct slice family = family_of(ROWS[i].name);
        size_t len = strlen(ROWS[i].name);
        assert_true(family_is_wellformed(family));
        assert_true(family.len == len || ROWS[i].name[len - 1] == '}');
        assert_null(strpbrk(ROWS[i].help, "\\\n")); /* would need escapes */
        assert_true(strlen(ROWS[i].help) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(ROWS[i].name, ROWS[j].name);
            if (slice_eq(family_of(ROWS[j].name), family)) {
                assert_int_equal(ROWS[j].kind, ROWS[i].kind);
                /* Rows of a family stand together. */
                assert_true(slice_eq(family_of(ROWS[i - 1].name), family));
            }
        }
    }
}

static void help_and_type_stand_once_before_their_family(void **state) {
    struct metrics m = {0};
    const struct metrics *threads[] = {&m};
    const char *all = render(threads, 1, "");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct slice family = family_of(ROWS[i].name);
        char line[512];
        (void)snprintf(line, sizeof(line), "# TYPE %.*s %s\n", SLICE_ARG(family),
                       ROWS[i].kind == METRIC_COUNTER ? "counter" : "gauge");
        assert_int_equal(times_in(all, line), 1);
        (void)snprintf(line, sizeof(line), "# HELP %.*s ", SLICE_ARG(family));
        assert_int_equal(times_in(all, line), 1);
        const char *help = strstr(all, line);
        (void)snprintf(line, sizeof(line), "\n%s 0\n", ROWS[i].name);
        assert_int_equal(times_in(all, line), 1);
        assert_true(help < strstr(all, line));
    }
    assert_int_equal(strncmp(all, "# HELP ", 7), 0);
    assert_int_equal(all[strlen(all) - 1], '\n');
}

static void values_are_summed_over_threads(void **state) {
    struct metrics a = {0}, b = {0};
    const struct metrics *threads[] = {&a, &b};
    metric_inc(&a.edge_accepted);
    metric_add(&b.edge_accepted, 41);
    metric_set(&b.rooms, 7);
    metric_set(&b.rooms, 3);
    metric_add(&a.datagrams_out, UINT64_MAX);
    const char *all = render(threads, 2, "");
    assert_non_null(strstr(all, "\nstoa_connections_accepted_total 42\n"));
    assert_non_null(strstr(all, "\nlivekit_room_total 3\n"));
    assert_non_null(strstr(all, "{direction=\"out\"} 18446744073709551615\n"));
    assert_non_null(strstr(render(NULL, 0, ""), "\nstoa_connections_accepted_total 0\n"));
}

static void constant_labels_join_the_rows_own(void **state) {
    struct metrics m = {0};
    const struct metrics *threads[] = {&m};
    metric_set(&m.rooms, 5);
    metric_inc(&m.datagrams_in);
    const char *all = render(threads, 1, "node_id=\"ND_x\",node_type=\"SERVER\"");
    assert_non_null(strstr(all, "\nlivekit_room_total{node_id=\"ND_x\",node_type=\"SERVER\"} 5\n"));
    assert_non_null(strstr(all, "\nstoa_datagrams_total{direction=\"in\",node_id=\"ND_x\","
                                "node_type=\"SERVER\"} 1\n"));
    /* Every line that is no comment has them. */
    assert_int_equal(times_in(all, "node_type=\"SERVER\"} "), ARRAY_LEN(ROWS));
    assert_int_equal(times_in(all, "# TYPE livekit_room_total gauge\n"), 1);
}

static void a_full_buffer_is_told(void **state) {
    struct metrics m = {0};
    const struct metrics *threads[] = {&m};
    struct buf out;
    buf_init(&out, 100);
    metrics_render(threads, 1, "", &out);
    assert_true(out.failed);
    buf_deinit(&out);
}

static void latencies_fall_into_their_bucket(void **state) {
    struct latency l = {0};
    latency_record(&l, 0);
    latency_record(&l, 5000); /* the limit belongs to the bucket: le */
    latency_record(&l, 5001);
    latency_record(&l, 60ull * 1000 * 1000);
    latency_record(&l, 60ull * 1000 * 1000 + 1);
    assert_int_equal(l.buckets[0], 2);
    assert_int_equal(l.buckets[1], 1);
    assert_int_equal(l.buckets[LATENCY_BUCKETS - 1], 1);
    assert_int_equal(l.buckets[LATENCY_BUCKETS], 1);
    assert_int_equal(l.count, 5);
    assert_int_equal(l.sum_us, 120010002);
    for (size_t i = 1; i < LATENCY_BUCKETS; i++) {
        assert_true(latency_bucket_ms[i] > latency_bucket_ms[i - 1]);
    }
}

static void a_histogram_is_cumulative_and_ends_in_inf(void **state) {
    struct latency a = {0}, b = {0};
    const struct latency *parts[] = {&a, &b};
    latency_record(&a, 1500);
    latency_record(&b, 7000);
    latency_record(&b, 90ull * 1000 * 1000);
    struct buf out;
    buf_init(&out, 10000);
    latency_render(parts, 2, "call_ms", "method=\"X\"", &out);
    buf_put_u8(&out, '\0');
    assert_false(out.failed);
    assert_string_equal((const char *)out.data, "call_ms_bucket{method=\"X\",le=\"5\"} 1\n"
                                                "call_ms_bucket{method=\"X\",le=\"10\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"25\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"50\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"100\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"250\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"500\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"1000\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"2500\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"5000\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"10000\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"30000\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"60000\"} 2\n"
                                                "call_ms_bucket{method=\"X\",le=\"+Inf\"} 3\n"
                                                "call_ms_sum{method=\"X\"} 90008.500\n"
                                                "call_ms_count{method=\"X\"} 3\n");
    buf_clear(&out);
    latency_render(parts, 1, "t", "", &out);
    buf_put_u8(&out, '\0');
    assert_non_null(strstr((const char *)out.data, "t_bucket{le=\"5\"} 1\n"));
    assert_non_null(strstr((const char *)out.data, "\nt_sum 1.500\nt_count 1\n"));
    buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_fit_to_print),
        cmocka_unit_test(help_and_type_stand_once_before_their_family),
        cmocka_unit_test(values_are_summed_over_threads),
        cmocka_unit_test(constant_labels_join_the_rows_own),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(latencies_fall_into_their_bucket),
        cmocka_unit_test(a_histogram_is_cumulative_and_ends_in_inf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
