/* A million rooms, made through the API, that are all due within one second, under steady calls:
 * how long until all have ended, what the calls take meanwhile against the time before, and how
 * many rooms a second the same server makes at most. Calls, half of them CreateRoom and half
 * ListRooms of one name, leave by the clock, and latency counts from when each should have left.
 * Usage: bench_sweep [--rooms N] [--json]. Exits with 1 when rooms are left, or the scan that looks
 * after the sweeper found any. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "load.h"
#include "load_call.h"
#include "load_fill.h"
#include "mem.h"

enum {
    ROOMS = 1000 * 1000,
    KEPT = 10000,       /* rooms that stay, and are listed */
    CALLS_PER_S = 2000, /* far from the limit: the queue is not what is measured */
    QUIET_S = 10,       /* of calls before the sweep */
    SWEEP_S_MAX = 60,
    FILL_SLACK = 2, /* so many times longer than it should is the filling given */
    MAKE_US = 15,   /* of a request, which the filling makes between its chunks */
    POLL_MS = 50,
    DAY_S = 86400,
};

struct bench {
    uint64_t rooms, due_s;
    struct load_server server;
    struct load_pool pool;
    /* Written by the poller. */
    atomic_bool stop;
    _Atomic uint64_t swept, swept_at_us, cpu_at_ns; /* ..._at: when it last rose */
};

/* ---- the sweep, seen from outside -------------------------------------------------------------
 */

static void *poll_server(void *arg) {
    struct bench *b = arg;
    while (!atomic_load(&b->stop)) {
        uint64_t swept = (uint64_t)load_metric(b->server.metrics_port, "stoa_dir_swept_total");
        if (swept > atomic_load(&b->swept)) {
            atomic_store(&b->swept_at_us, load_now_us());
            atomic_store(&b->cpu_at_ns, load_cpu_ns(b->server.pid));
            atomic_store(&b->swept, swept);
        }
        usleep(POLL_MS * 1000);
    }
    return NULL;
}

static bool all_swept(void *arg) {
    struct bench *b = arg;
    return atomic_load(&b->swept) >= b->rooms;
}

/* ---- calls ------------------------------------------------------------------------------------
 */

struct calls {
    struct slice *of; /* owned */
    float *latencies_ms;
    size_t count;
};

static struct slice call_at(void *arg, size_t number) {
    const struct calls *c = arg;
    return c->of[number];
}

static struct calls make_calls(const char *prefix, uint64_t seconds) {
    struct calls c = {.count = (size_t)(seconds * CALLS_PER_S)};
    c.of = mem_calloc(c.count, sizeof(*c.of));
    c.latencies_ms = mem_calloc(c.count, sizeof(*c.latencies_ms));
    for (size_t i = 0; i < c.count; i++) {
        bool creates = i % 2 == 0;
        char name[LOAD_ROOM_NAME_MAX];
        load_room_name(name, creates ? prefix : "kept", creates ? i : i * 7919 % KEPT);
        c.of[i] =
            load_request_make(&(struct load_call_args){.call = creates ? CALL_CREATE : CALL_LIST,
                                                       .json = true,
                                                       .room = name,
                                                       .empty_timeout_s = DAY_S},
                              i);
    }
    return c;
}

static void calls_free(struct calls *c) {
    for (size_t i = 0; i < c->count; i++) {
        load_request_free(&c->of[i]);
    }
    mem_free(c->of);
    mem_free(c->latencies_ms);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

struct figures {
    double creates_per_s, seconds, rooms_per_s, cpu_us;
    double before_ms, during_ms;
    size_t before_count, during_count;
    uint64_t left, scan_findings;
};

static void wait_until(uint64_t at_us) {
    uint64_t now_us = load_now_us();
    if (now_us < at_us) {
        usleep((useconds_t)(at_us - now_us));
    }
}

/* Calls from just before the rooms are due until all have ended. */
static void measure_sweep(struct bench *b, struct calls *c, double quiet_cpu_per_s,
                          struct figures *f) {
    struct load_run run = {.count = c->count,
                           .rate = CALLS_PER_S,
                           .request = call_at,
                           .arg = c,
                           .latencies_ms = c->latencies_ms,
                           .enough = all_swept,
                           .enough_arg = b};
    uint64_t due_us = b->due_s * 1000000;
    wait_until(due_us - 50000);
    uint64_t begin_us = load_now_us(), cpu_ns = load_cpu_ns(b->server.pid);
    if (begin_us > due_us) {
        load_fail("rooms are due before the calls begin");
    }
    load_pool_run(&b->pool, &run);
    f->left = b->rooms - MIN(b->rooms, atomic_load(&b->swept));
    uint64_t end_us = atomic_load(&b->swept_at_us);
    f->seconds = (double)(end_us - due_us) / 1e6;
    f->rooms_per_s = (double)(b->rooms - f->left) / f->seconds;
    double calls_cpu = quiet_cpu_per_s * (double)(end_us - begin_us) / 1e6;
    f->cpu_us = ((double)(atomic_load(&b->cpu_at_ns) - cpu_ns) / 1000 - calls_cpu) /
                (double)(b->rooms - f->left);
    size_t first = (size_t)((double)(due_us - begin_us) / 1e6 * CALLS_PER_S);
    size_t last = MIN((size_t)((double)(end_us - begin_us) / 1e6 * CALLS_PER_S), run.done);
    f->during_count = last - first;
    f->during_ms = load_percentile_f(c->latencies_ms + first, last - first, 0.99);
}

static void measure(struct bench *b, struct figures *f) {
    struct load_fill kept = {.prefix = "kept", .rooms = KEPT};
    load_fill(&b->pool, &kept);
    struct calls before = make_calls("quiet", QUIET_S), during = make_calls("sweep", SWEEP_S_MAX);
    double room_us = 1e6 / kept.creates_per_s + MAKE_US;
    b->due_s = load_now_us() / 1000000 + QUIET_S + 10 +
               (uint64_t)((double)b->rooms * room_us * FILL_SLACK / 1e6);
    struct load_fill fill = {.prefix = "room", .rooms = b->rooms, .due_s = b->due_s};
    load_fill(&b->pool, &fill);
    f->creates_per_s = fill.creates_per_s_max;
    pthread_t poller;
    if (pthread_create(&poller, NULL, poll_server, b) != 0) {
        load_fail("no thread");
    }
    if (load_now_us() > (b->due_s - QUIET_S - 2) * 1000000) {
        load_fail("the machine became slower: rooms are due too soon after they were made");
    }
    load_pool_close(&b->pool); /* idle connections would be closed by the server */
    wait_until((b->due_s - QUIET_S - 2) * 1000000);
    load_pool_open(&b->pool, b->server.port);
    /* A connection that has not shown a token within 10 s is closed: all are used once. */
    struct load_fill warm = {.prefix = "kept", .rooms = KEPT};
    load_fill(&b->pool, &warm);
    struct load_run run = {.count = before.count,
                           .rate = CALLS_PER_S,
                           .request = call_at,
                           .arg = &before,
                           .latencies_ms = before.latencies_ms};
    uint64_t cpu_ns = load_cpu_ns(b->server.pid);
    load_pool_run(&b->pool, &run);
    double cpu_per_s = (double)(load_cpu_ns(b->server.pid) - cpu_ns) / 1000 / run.seconds;
    f->before_count = before.count;
    f->before_ms = load_percentile_f(before.latencies_ms, before.count, 0.99);
    measure_sweep(b, &during, cpu_per_s, f);
    atomic_store(&b->stop, true);
    pthread_join(poller, NULL);
    f->scan_findings = (uint64_t)load_metric(b->server.metrics_port, "stoa_room_scan_findings");
    calls_free(&before);
    calls_free(&during);
}

static void report(const struct bench *b, const struct figures *f, bool json) {
    double p99_ratio = f->during_ms / f->before_ms, to_create = f->rooms_per_s / f->creates_per_s;
    printf("%llu rooms due within one second: %llu left after %.2f s, %.0f a second, %.2f us of "
           "processor each; made at %.0f a second at most: %.1f times\n",
           (unsigned long long)b->rooms, (unsigned long long)f->left, f->seconds, f->rooms_per_s,
           f->cpu_us, f->creates_per_s, to_create);
    printf("%d calls a second: p99 %.3f ms before (%zu calls), %.3f ms during (%zu calls): %.2f "
           "times; the scan found %llu\n",
           CALLS_PER_S, f->before_ms, f->before_count, f->during_ms, f->during_count, p99_ratio,
           (unsigned long long)f->scan_findings);
    if (json) {
        printf("{\"bench\":\"sweep\",\"rooms\":%llu,\"seconds\":%.3f,\"rooms_per_s\":%.0f,"
               "\"creates_per_s\":%.0f,\"sweep_to_create_ratio\":%.2f,\"p99_ratio\":%.2f,"
               "\"p99_before_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_us_per_room\":%.3f,"
               "\"calls_per_s\":%d,\"rooms_left\":%llu,\"scan_findings\":%llu}\n",
               (unsigned long long)b->rooms, f->seconds, f->rooms_per_s, f->creates_per_s,
               to_create, p99_ratio, f->before_ms, f->during_ms, f->cpu_us, CALLS_PER_S,
               (unsigned long long)f->left, (unsigned long long)f->scan_findings);
    }
}

int main(int argc, char **argv) {
    static struct bench b = {.rooms = ROOMS};
    static struct figures f;
    bool json = load_options(argc, argv, "bench_sweep", &b.rooms, NULL);
    b.server = load_start(-1, NULL);
    load_pool_open(&b.pool, b.server.port);
    measure(&b, &f);
    load_pool_close(&b.pool);
    load_stop(&b.server);
    report(&b, &f, json);
    return f.left == 0 && f.scan_findings == 0 ? 0 : 1;
}
