#include "bench_journal_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load.h"
#include "load_call.h"
#include "load_fill.h"

enum { ANY_PROCESSOR = -1, SERVER_ARGS = 8, WARM_REQUESTS = 10 * LOAD_CONNECTIONS };

static const char *const *arguments(const char *dir, const char *sync) {
    static const char *args[SERVER_ARGS];
    size_t n = 0;
    args[n++] = "--stoa.journal.dir";
    args[n++] = dir ? dir : "off";
    if (sync) {
        args[n++] = "--stoa.journal.sync";
        args[n++] = sync;
    }
    args[n] = NULL;
    return args;
}

static struct slice *make_requests(size_t count) {
    struct slice *requests = calloc(count, sizeof *requests);
    for (size_t i = 0; requests && i < count; i++) {
        char name[LOAD_ROOM_NAME_MAX];
        load_room_name(name, "journal", i);
        requests[i] = load_request_make(&(struct load_call_args){.call = CALL_CREATE,
                                                                 .json = true,
                                                                 .room = name,
                                                                 .metadata = "some metadata",
                                                                 .empty_timeout_s = 86400},
                                        i);
    }
    return requests;
}

static struct slice request_at(void *arg, size_t number) {
    return ((struct slice *)arg)[number];
}

struct server_figures bench_server_calls(const char *dir, const char *sync, size_t count,
                                         double rate) {
    static struct load_pool pool;
    struct slice *requests = make_requests(count + WARM_REQUESTS);
    float *latencies = calloc(count, sizeof *latencies);
    if (!requests || !latencies) {
        load_fail("no memory");
    }
    struct load_server s = load_start(ANY_PROCESSOR, arguments(dir, sync));
    load_pool_open(&pool, s.port);
    struct load_run run = {.count = count,
                           .rate = rate,
                           .request = request_at,
                           .arg = requests + WARM_REQUESTS,
                           .latencies_ms = latencies};
    struct load_run warm = {.count = WARM_REQUESTS, .request = request_at, .arg = requests};
    load_pool_run(&pool, &warm); /* a connection that asks for nothing would be closed */
    load_pool_run(&pool, &run);
    load_pool_close(&pool);
    load_stop(&s);
    struct server_figures f = {
        .p50_ms = load_percentile_f(latencies, count, 0.5),
        .p99_ms = load_percentile_f(latencies, count, 0.99),
        .p999_ms = load_percentile_f(latencies, count, 0.999),
    };
    for (size_t i = 0; i < count + WARM_REQUESTS; i++) {
        load_request_free(&requests[i]);
    }
    free(requests);
    free(latencies);
    return f;
}

struct start_figures bench_server_start(const char *dir, uint64_t rooms) {
    static struct load_pool pool;
    struct load_server s = load_start(ANY_PROCESSOR, arguments(dir, NULL));
    load_pool_open(&pool, s.port);
    struct load_fill fill = {.prefix = "journal", .rooms = rooms};
    load_fill(&pool, &fill);
    load_pool_close(&pool);
    struct start_figures f = {
        .fill_per_s = fill.creates_per_s,
        .bytes = load_metric(s.metrics_port, "stoa_journal_written_bytes_total"),
    };
    load_stop(&s);
    uint64_t began_us = load_now_us();
    s = load_start(ANY_PROCESSOR, arguments(dir, NULL));
    f.ready_ms = (double)(load_now_us() - began_us) / 1000;
    double back = 0;
    for (int i = 0; i < 100 && back < (double)rooms; i++) { /* gauges are set once a second */
        usleep(50 * 1000);
        back = load_metric(s.metrics_port, "livekit_room_total");
    }
    load_stop(&s);
    if (back < (double)rooms) {
        load_fail("%.0f rooms of %.0f came back", back, (double)rooms);
    }
    return f;
}
