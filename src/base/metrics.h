/* metrics.h: every metric once, with its help; struct, text exposition and docs come from here.
 * Owns: nothing. Each thread has its own struct metrics and alone writes it; a scrape sums all.
 * Never: locks. Writes are relaxed atomic stores of the one writer, reads are relaxed loads.
 * Invariant: counters only rise. Gauges are set by their owner thread.
 * Callers: everybody; metrics_render is called by the metrics listener. */
#pragma once

#include "buf.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

/* field, kind, exposed name (with labels), help. Lines of one exposed family stand together. */
#include "metrics_table.h"

struct metrics {
#define M(field, kind, name, help) uint64_t field;
    METRICS(M)
#undef M
};

static inline void metric_add(uint64_t *field, uint64_t n) {
    __atomic_store_n(field, *field + n, __ATOMIC_RELAXED);
}
static inline void metric_inc(uint64_t *field) {
    metric_add(field, 1);
}
static inline void metric_set(uint64_t *gauge, uint64_t value) {
    __atomic_store_n(gauge, value, __ATOMIC_RELAXED);
}

/* Latency histogram of API calls: the reference's buckets, in milliseconds. */
enum { LATENCY_BUCKETS = 13 };
extern const uint32_t latency_bucket_ms[LATENCY_BUCKETS];
struct latency {
    uint64_t buckets[LATENCY_BUCKETS + 1]; /* last: above all */
    uint64_t sum_us, count;
};
void latency_record(struct latency *l, uint64_t elapsed_us);
/* One histogram series in the text exposition; `labels` without braces, may be empty. */
void latency_render(const struct latency *const *parts, size_t count, const char *name,
                    const char *labels, struct buf *out);

/* The sum of one field, offsetof(struct metrics, field), over all threads. */
uint64_t metrics_sum(const struct metrics *const *threads, size_t count, size_t offset);

/* Sums all threads' structs and appends the Prometheus text exposition (version 0.0.4).
 * `labels` are the constant ones, for example: node_id="ND_x",node_type="SERVER". */
void metrics_render(const struct metrics *const *threads, size_t count, const char *labels,
                    struct buf *out);
