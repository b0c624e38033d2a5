#include <stdio.h>

#include "metrics.h"

const uint32_t latency_bucket_ms[LATENCY_BUCKETS] = {
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
};

struct row {
    const char *name, *help;
    enum metric_kind kind;
    size_t offset;
};

static const struct row rows[] = {
#define M(field, kind, name, help) {name, help, METRIC_##kind, offsetof(struct metrics, field)},
    METRICS(M) METRICS_REFERENCE(M)
#undef M
};

static uint64_t load(const uint64_t *field) {
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

uint64_t metrics_sum(const struct metrics *const *threads, size_t count, size_t offset) {
    assert(offset < sizeof(struct metrics) && offset % sizeof(uint64_t) == 0);
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const char *base = (const char *)threads[i];
        sum += load((const uint64_t *)(const void *)(base + offset));
    }
    return sum;
}

/* `name{a="b"}` in two: the family, and the labels without braces. */
static struct slice split_name(const char *name, struct slice *labels) {
    struct slice rest = slice_from_cstr(name);
    struct slice family = slice_split(&rest, '{');
    *labels = slice_sub(rest, 0, slice_find(rest, '}'));
    return family;
}

/* Both label lists in one pair of braces; nothing when both are empty. */
static void put_labels(struct buf *out, struct slice own, struct slice added) {
    const struct slice parts[] = {own, added};
    uint8_t before = '{';
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].len > 0) {
            buf_put_u8(out, before);
            buf_put(out, parts[i]);
            before = ',';
        }
    }
    if (before == ',') {
        buf_put_u8(out, '}');
    }
}

static void put_help(struct buf *out, struct slice family, const struct row *row) {
    buf_put_cstr(out, "# HELP ");
    buf_put(out, family);
    buf_put_u8(out, ' ');
    buf_put_cstr(out, row->help);
    buf_put_cstr(out, "\n# TYPE ");
    buf_put(out, family);
    buf_put_cstr(out, row->kind == METRIC_COUNTER ? " counter\n" : " gauge\n");
}

void metrics_render(const struct metrics *const *threads, size_t count, const char *labels,
                    struct buf *out) {
    struct slice constant = slice_from_cstr(labels), before = {0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice own;
        struct slice family = split_name(rows[i].name, &own);
        if (!slice_eq(family, before)) {
            put_help(out, family, &rows[i]);
            before = family;
        }
        buf_put(out, family);
        put_labels(out, own, constant);
        buf_put_u8(out, ' ');
        buf_put_u64_dec(out, metrics_sum(threads, count, rows[i].offset));
        buf_put_u8(out, '\n');
    }
}

void latency_record(struct latency *l, uint64_t elapsed_us) {
    size_t i = 0;
    while (i < LATENCY_BUCKETS && elapsed_us > latency_bucket_ms[i] * UINT64_C(1000)) {
        i++;
    }
    metric_inc(&l->buckets[i]);
    metric_add(&l->sum_us, elapsed_us);
    metric_inc(&l->count);
}

static void put_bucket(struct buf *out, const char *name, struct slice labels, const char *limit,
                       uint64_t value) {
    buf_put_cstr(out, name);
    buf_put_cstr(out, "_bucket");
    put_labels(out, labels, slice_from_cstr(limit));
    buf_printf(out, " %llu\n", (unsigned long long)value);
}

/* The count is the sum of the buckets, not the count field: a scrape between two stores of the
 * writer would otherwise show a histogram that contradicts itself. */
void latency_render(const struct latency *const *parts, size_t count, const char *name,
                    const char *labels, struct buf *out) {
    struct slice own = slice_from_cstr(labels);
    uint64_t below = 0, sum_us = 0;
    for (size_t i = 0; i <= LATENCY_BUCKETS; i++) {
        for (size_t part = 0; part < count; part++) {
            below += load(&parts[part]->buckets[i]);
        }
        char limit[32] = "le=\"+Inf\"";
        if (i < LATENCY_BUCKETS) {
            (void)snprintf(limit, sizeof(limit), "le=\"%u\"", latency_bucket_ms[i]);
        }
        put_bucket(out, name, own, limit, below);
    }
    for (size_t part = 0; part < count; part++) {
        sum_us += load(&parts[part]->sum_us);
    }
    buf_put_cstr(out, name);
    buf_put_cstr(out, "_sum");
    put_labels(out, own, (struct slice){0});
    buf_printf(out, " %llu.%03u\n", (unsigned long long)(sum_us / 1000), (unsigned)(sum_us % 1000));
    buf_put_cstr(out, name);
    buf_put_cstr(out, "_count");
    put_labels(out, own, (struct slice){0});
    buf_printf(out, " %llu\n", (unsigned long long)below);
}
