#include "edge_priv.h"

#include <stdio.h>

/* Those that alerts look for begin at 0; the others come with their first. */
static bool is_always_shown(size_t outcome) {
    return outcome == TWIRP_CODE_COUNT || outcome == TWIRP_INTERNAL || outcome == TWIRP_UNAVAILABLE;
}

static void put_outcome(struct edge *e, const struct api_method *m, size_t outcome,
                        struct buf *out) {
    static const char *const classes[EDGE_STATUS_CLASSES] = {"200", "4xx", "5xx"};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < e->threads_count; i++) {
        sum += __atomic_load_n(&e->threads[i]->outcomes[m->op][outcome], __ATOMIC_RELAXED);
    }
    if (sum == 0 && !is_always_shown(outcome)) {
        return;
    }
    bool error = outcome < TWIRP_CODE_COUNT;
    buf_printf(out,
               "livekit_node_twirp_request_status{service=\"%s\",method=\"%s\",status=\"%s\","
               "code=\"%s\",%.*s} %llu\n",
               m->service, m->name, classes[outcome_class(outcome)],
               error ? twirp_code_name((enum twirp_code)outcome) : "",
               SLICE_ARG(e->config.metric_labels), (unsigned long long)sum);
}

static void put_outcomes(struct edge *e, struct buf *out) {
    buf_put_cstr(out, "# HELP livekit_node_twirp_request_status Twirp calls by their outcome\n"
                      "# TYPE livekit_node_twirp_request_status counter\n");
    for (uint32_t op = 0; op < API_OP_COUNT; op++) {
        for (size_t outcome = 0; outcome < EDGE_OUTCOMES; outcome++) {
            put_outcome(e, api_method_at((enum api_op)op), outcome, out);
        }
    }
}

static void put_latencies(struct edge *e, struct buf *out) {
    buf_put_cstr(out, "# HELP livekit_node_twirp_request_latency_ms From the request's head to its "
                      "answer\n# TYPE livekit_node_twirp_request_latency_ms histogram\n");
    for (uint32_t op = 0; op < API_OP_COUNT; op++) {
        const struct api_method *m = api_method_at((enum api_op)op);
        const struct latency *parts[EDGE_THREADS_MAX];
        for (uint32_t i = 0; i < e->threads_count; i++) {
            parts[i] = &e->threads[i]->latencies[op];
        }
        char labels[512];
        snprintf(labels, sizeof(labels), "service=\"%s\",method=\"%s\",%.*s", m->service, m->name,
                 SLICE_ARG(e->config.metric_labels));
        latency_render(parts, e->threads_count, "livekit_node_twirp_request_latency_ms", labels,
                       out);
    }
}

size_t edge_metric_parts(const struct edge *e, const struct metrics *parts[EDGE_METRIC_PARTS_MAX]) {
    size_t count = 0;
    for (uint32_t i = 0; i < e->threads_count; i++) {
        parts[count++] = &e->threads[i]->metrics;
    }
    for (size_t i = 0; i < e->config.other_metrics_count && count < EDGE_METRIC_PARTS_MAX; i++) {
        parts[count++] = e->config.other_metrics[i];
    }
    return count;
}

void edge_render_metrics(struct edge *e, struct buf *out) {
    const struct metrics *parts[EDGE_METRIC_PARTS_MAX];
    size_t count = edge_metric_parts(e, parts);
    char labels[256];
    snprintf(labels, sizeof(labels), "%.*s", SLICE_ARG(e->config.metric_labels));
    metrics_render(parts, count, labels, out);
    put_outcomes(e, out);
    put_latencies(e, out);
}
