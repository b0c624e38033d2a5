#include "edge_priv.h"

#include <stdio.h>

static const char *const status_labels[EDGE_STATUS_CLASSES] = {"200", "4xx", "5xx"};

static void put_statuses(struct edge *e, struct buf *out) {
    buf_put_cstr(out, "# HELP livekit_node_twirp_request_status Twirp calls by their outcome\n"
                      "# TYPE livekit_node_twirp_request_status counter\n");
    for (uint32_t op = 0; op < API_OP_COUNT; op++) {
        const struct api_method *m = api_method_at((enum api_op)op);
        for (size_t s = 0; s < EDGE_STATUS_CLASSES; s++) {
            uint64_t sum = 0;
            for (uint32_t i = 0; i < e->threads_count; i++) {
                sum += __atomic_load_n(&e->threads[i]->statuses[op][s], __ATOMIC_RELAXED);
            }
            buf_printf(out,
                       "livekit_node_twirp_request_status{service=\"%s\",method=\"%s\","
                       "status=\"%s\",%.*s} %llu\n",
                       m->service, m->name, status_labels[s], SLICE_ARG(e->config.metric_labels),
                       (unsigned long long)sum);
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
    put_statuses(e, out);
    put_latencies(e, out);
}
