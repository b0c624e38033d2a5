/* The longest silence that the server adds to a stream while something else keeps it busy: calls
 * of the API as fast as half a processor asks for them, metrics scraped without a pause, 500
 * handshakes that begin at once, and a receiver of webhooks that never answers. A real binary, real
 * joins; the kernel stamps packets at both sockets.
 *   bench_gap [--json] [--seconds S]        exits with 1 when a gap is 100 ms or more */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "gap_call.h"
#include "half_core.h"
#include "load_call.h"
#include "load_http.h"

enum {
    SECONDS = 8,
    ROOMS = 1000, /* that the flood is about */
    EVENTS_PER_S = 1000,
    HANDSHAKES = 500,
    PER_ROOM = 10,
    CHECK_AGAIN_US = 500 * 1000,
    DAY_S = 86400,
    GAP_MS_MAX = 100,
};

/* What children say of themselves. */
struct shared {
    _Atomic uint64_t done;
    atomic_bool ready, go;
    _Atomic uint64_t took_us;
};

struct bench {
    struct gap_call call;
    struct shared *shared;
    uint64_t seconds, until_us;
    double longest_ms;
    bool json;
    struct buf out;
};
static struct bench bench = {.seconds = SECONDS};

/* ---- what keeps the server busy, each in a process of its own ---------------------------------
 */

static bool time_is_up(void *arg) {
    (void)arg;
    return load_now_us() >= bench.until_us;
}

struct flood {
    struct slice *requests;
    size_t count;
};

static struct slice request_at(void *arg, size_t number) {
    const struct flood *f = arg;
    bench.shared->done = number;
    return f->requests[number % f->count];
}

static struct flood make_flood(size_t count, const enum load_call *calls, size_t calls_count) {
    struct flood f = {calloc(count, sizeof(*f.requests)), count};
    for (size_t i = 0; f.requests && i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "flood-%zu", i / calls_count);
        f.requests[i] = load_request_make(&(struct load_call_args){.call = calls[i % calls_count],
                                                                   .json = i % 2 == 0,
                                                                   .room = name,
                                                                   .metadata = "what it is about",
                                                                   .empty_timeout_s = DAY_S},
                                          i);
    }
    return f;
}

static void run_flood(struct flood *f, double rate) {
    static struct load_pool pool;
    load_pool_open(&pool, bench.call.server.port);
    bench.shared->ready = true;
    struct load_run run = {.count = rate > 0 ? f->count : SIZE_MAX / 2,
                           .rate = rate,
                           .request = request_at,
                           .arg = f,
                           .enough = time_is_up};
    load_pool_run(&pool, &run);
}

/* Rooms that are there already: the calls come in any order. */
static void flood(void) {
    static struct load_pool pool;
    const enum load_call creates[] = {CALL_CREATE};
    const enum load_call all[] = {CALL_CREATE, CALL_LIST, CALL_UPDATE};
    half_core_enter();
    struct flood first = make_flood(ROOMS, creates, 1), f = make_flood(3 * ROOMS, all, 3);
    struct load_run run = {.count = ROOMS, .request = request_at, .arg = &first};
    load_pool_open(&pool, bench.call.server.port);
    load_pool_run(&pool, &run);
    load_pool_close(&pool);
    run_flood(&f, 0);
}

/* Each is an event that nobody takes. */
static void create_rooms(void) {
    const enum load_call creates[] = {CALL_CREATE};
    struct flood f = make_flood(EVENTS_PER_S * bench.seconds, creates, 1);
    half_core_enter();
    run_flood(&f, EVENTS_PER_S);
    pause();
}

static void scrape(void) {
    bench.shared->ready = true;
    while (!time_is_up(NULL)) {
        if (load_metric(bench.call.server.metrics_port, "stoa_transports") <= 0) {
            load_fail("no metrics");
        }
        bench.shared->done++;
    }
}

/* Everybody has joined; then all send their first check at once. */
static void shake_hands(void) {
    static struct load_peer peers[HANDSHAKES];
    static uint64_t checked_us[HANDSHAKES];
    for (int i = 0; i < HANDSHAKES; i++) {
        char room[32], identity[32];
        (void)snprintf(room, sizeof(room), "hands-%d", i / PER_ROOM);
        (void)snprintf(identity, sizeof(identity), "p%d", i);
        load_peer_join(&peers[i], bench.call.server.port, room, identity, LOAD_PEER_PUBLISHES);
    }
    bench.shared->ready = true;
    while (!bench.shared->go) {
        usleep(1000);
    }
    uint64_t begin_us = load_now_us();
    for (uint64_t left = HANDSHAKES; left > 0 && !time_is_up(NULL);) {
        left = HANDSHAKES;
        for (int i = 0; i < HANDSHAKES; i++) {
            struct client *c = &peers[i].rtp.client;
            bool due = c->answers == 0 && load_now_us() - checked_us[i] > CHECK_AGAIN_US;
            if (due) {
                client_check(c, CHECK_NOMINATES);
                checked_us[i] = load_now_us();
            } else if (c->answers > 0 && !c->started) {
                client_start_dtls(c);
            }
            (void)client_pump(c, 0);
            left -= c->connected;
        }
        bench.shared->done = HANDSHAKES - left;
        bench.shared->took_us = load_now_us() - begin_us;
    }
    pause(); /* nobody leaves while it is measured */
}

static void nothing(void) {
    bench.shared->ready = true;
}

/* ---- a case -----------------------------------------------------------------------------------
 */

static pid_t start(void (*busy)(void)) {
    *bench.shared = (struct shared){0};
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench.until_us = UINT64_MAX;
        busy();
        _exit(0);
    }
    return pid;
}

static void run_case(const char *name, void (*busy)(void)) {
    struct shared *shared = bench.shared;
    pid_t pid = start(busy);
    while (!shared->ready) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            load_fail("the load of %s ended", name);
        }
        usleep(1000);
    }
    uint64_t done = shared->done;
    double cpu_s = (double)load_cpu_ns(bench.call.server.pid) / 1e9;
    struct gap_mark from = gap_call_mark(&bench.call);
    shared->go = true;
    usleep((useconds_t)bench.seconds * 1000000);
    done = shared->done - done;
    cpu_s = (double)load_cpu_ns(bench.call.server.pid) / 1e9 - cpu_s;
    struct gap_figures f = gap_call_figures(&bench.call, &from);
    kill(pid, SIGKILL);
    int ended = 0;
    if (waitpid(pid, &ended, 0) == pid && WIFEXITED(ended) && WEXITSTATUS(ended) != 0) {
        load_fail("the load of %s failed", name);
    }
    bench.longest_ms = MAX(bench.longest_ms, f.longest_gap_ms);
    if (!bench.json) {
        printf("%-11s longest gap %6.1f ms, longest delay %6.1f ms, %llu of %llu packets lost; "
               "%llu done in %llu s; the server took %.2f processors\n",
               name, f.longest_gap_ms, f.longest_delay_ms, (unsigned long long)f.lost,
               (unsigned long long)f.packets, (unsigned long long)done,
               (unsigned long long)bench.seconds, cpu_s / (double)bench.seconds);
    }
    buf_printf(&bench.out,
               ",\"%s\":{\"longest_gap_ms\":%.2f,\"longest_delay_ms\":%.2f,\"packets\":%llu,"
               "\"lost\":%llu,\"done\":%llu,\"took_ms\":%llu,\"server_processors\":%.2f}",
               name, f.longest_gap_ms, f.longest_delay_ms, (unsigned long long)f.packets,
               (unsigned long long)f.lost, (unsigned long long)done,
               (unsigned long long)shared->took_us / 1000, cpu_s / (double)bench.seconds);
}

/* A receiver that takes connections and requests, and says nothing. */
static uint16_t silent_receiver(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        load_fail("no receiver");
    }
    return ntohs(at.sin_port);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            bench.json = true;
        } else if (strcmp(argv[i], "--seconds") != 0 || i + 1 == argc ||
                   !slice_to_u64(slice_from_cstr(argv[++i]), &bench.seconds) ||
                   bench.seconds == 0 || bench.seconds > 30) {
            load_fail("usage: bench_gap [--json] [--seconds 1..30]");
        }
    }
    bench.shared = mmap(NULL, sizeof(*bench.shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    buf_init(&bench.out, 16384);
    const char *limit = half_core_begin();
    gap_call_begin(&bench.call, NULL);
    run_case("idle", nothing);
    run_case("api_flood", flood);
    run_case("scrape", scrape);
    run_case("handshakes", shake_hands);
    gap_call_end(&bench.call);
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", silent_receiver());
    static struct gap_call fresh;
    bench.call = fresh;
    gap_call_begin(&bench.call, (const char *const[]){"--webhook.urls", url, "--webhook.api_key",
                                                      "devkey", NULL});
    run_case("webhook", create_rooms);
    gap_call_end(&bench.call);
    half_core_end();
    if (bench.json) {
        printf("{\"bench\":\"gap\",\"flood_limited_by\":\"%s\",\"longest_gap_ms\":%.2f%.*s}\n",
               limit, bench.longest_ms, SLICE_ARG(buf_slice(&bench.out)));
    } else {
        printf("the longest gap is %.1f ms; the flood was held to half a processor by %s\n",
               bench.longest_ms, limit);
    }
    return bench.longest_ms < GAP_MS_MAX ? 0 : 1;
}
