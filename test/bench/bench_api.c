/* The four calls of the Room API over 64 connections, each request with a token of its own, in both
 * codings. Two servers, one that holds a thousand rooms and one that holds a million, and the bare
 * limit, a server that reads and answers as many bytes and does nothing else, take turns of a
 * thousand requests each on one processor; the requests come from the other. What is reported of
 * processor time is the median of the turns, and its ratios are those of turns that followed each
 * other: other work on the machine hits all three. At last, at half the highest rate, requests
 * leave by the clock, and latency counts from when each should have left. Usage: bench_api [--rooms
 * N] [--json]. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "load.h"
#include "load_call.h"
#include "load_fill.h"
#include "mem.h"

enum {
    SERVER_PROCESSOR = 0,
    OUR_PROCESSOR = 1,
    FEW_ROOMS = 1000,
    MANY_ROOMS = 1000 * 1000,
    TURNS = 45, /* of each call in each coding */
    TURN_REQUESTS = 1000,
    MIX_REQUESTS = 40000,
    MIX_AHEAD = 512, /* a room is deleted so many rounds after it was made */
    LATENCY_S = 10,
    DAY_S = 86400,
};
static const char METADATA[] = "a hundred bytes of metadata, as an application may keep of a call: "
                               "its owner, its title, and so on .";
static_assert(sizeof(METADATA) == 100 + 1, "a hundred bytes");

/* ---- the bare limit ---------------------------------------------------------------------------
 */

static void answer_all(int fd, size_t *have, size_t request_len, const char *answer,
                       size_t answer_len) {
    char bytes[16384];
    ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
        close(fd);
        return;
    }
    for (*have += (size_t)got; *have >= request_len; *have -= request_len) {
        (void)!send(fd, answer, answer_len, MSG_NOSIGNAL);
    }
}

/* Counts the bytes of requests, all of one length, and answers each with the same ones. */
_Noreturn static void serve_bare(int listener, size_t request_len, size_t answer_len) {
    enum { FDS_MAX = 1024, EVENTS = 64 };
    static size_t have[FDS_MAX];
    char *answer = mem_alloc(answer_len + 1);
    memset(answer, 'x', answer_len);
    int head = snprintf(answer, answer_len, "HTTP/1.1 200 OK\r\nContent-Length: ");
    head += snprintf(answer + head, answer_len - (size_t)head, "%06zu\r\n\r\n",
                     answer_len - (size_t)head - 10);
    answer[head] = 'x';
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                answer_all(fd, &have[fd], request_len, answer, answer_len);
                continue;
            }
            int on = 1, accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            e = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
            (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, accepted, &e);
            have[accepted] = 0;
        }
    }
}

static struct load_server start_bare(size_t request_len, size_t answer_len) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        load_fail("no listener: %s", strerror(errno));
    }
    struct load_server s = {.port = ntohs(at.sin_port), .pid = fork()};
    if (s.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        load_pin(SERVER_PROCESSOR);
        serve_bare(listener, request_len, answer_len);
    }
    close(listener);
    return s;
}

/* ---- requests ---------------------------------------------------------------------------------
 */

struct requests {
    struct slice *of; /* owned */
    size_t count, from;
};

static struct slice request_at(void *arg, size_t number) {
    const struct requests *r = arg;
    return r->of[r->from + number];
}

/* The n-th room that calls are about: rooms of their own to be made and deleted, else any of those
 * that are held. */
static void name_of(char *out, enum load_call call, bool json, uint64_t rooms, uint64_t n) {
    if (call == CALL_CREATE || call == CALL_DELETE) {
        load_room_name(out, json ? "json" : "bina", n);
    } else {
        load_room_name(out, "held", n * 7919 % rooms);
    }
}

static struct requests make_requests(enum load_call call, bool json, uint64_t rooms) {
    struct requests r = {.count = (size_t)TURNS * TURN_REQUESTS};
    r.of = mem_calloc(r.count, sizeof(*r.of));
    for (size_t i = 0; i < r.count; i++) {
        char name[LOAD_ROOM_NAME_MAX];
        name_of(name, call, json, rooms, i);
        r.of[i] = load_request_make(&(struct load_call_args){.call = call,
                                                             .json = json,
                                                             .room = name,
                                                             .metadata = METADATA,
                                                             .empty_timeout_s = DAY_S},
                                    1000000 + i); /* numbers of one length */
    }
    return r;
}

static void requests_free(struct requests *r) {
    for (size_t i = 0; i < r->count; i++) {
        load_request_free(&r->of[i]);
    }
    mem_free(r->of);
}

/* ---- turns ------------------------------------------------------------------------------------
 */

struct figures {
    double ratio_to_limit, ratio_1m_to_1k; /* the worst */
    double creates_per_s, bytes_per_room;
    double requests_per_s, latency_rate, p50_ms, p99_ms, p999_ms;
    struct buf json; /* of single calls */
};

struct bench {
    uint64_t rooms;
    struct load_server few, many;
    struct load_pool few_pool, many_pool;
    struct figures f;
};

static double turn_cpu_us(const struct load_server *s, struct load_pool *p, struct requests *r,
                          size_t turn, size_t *ret_answer_len) {
    r->from = turn * TURN_REQUESTS;
    struct load_run run = {.count = TURN_REQUESTS, .request = request_at, .arg = r};
    uint64_t cpu_ns = load_cpu_ns(s->pid);
    load_pool_run(p, &run);
    *ret_answer_len = run.answer_len;
    return (double)(load_cpu_ns(s->pid) - cpu_ns) / 1000 / TURN_REQUESTS;
}

static void bench_call(struct bench *b, enum load_call call, bool json) {
    double few_us[TURNS], many_us[TURNS], bare_us[TURNS], to_limit[TURNS], to_few[TURNS];
    struct requests few = make_requests(call, json, FEW_ROOMS);
    struct requests many = make_requests(call, json, b->rooms);
    struct load_server bare = {0};
    struct load_pool bare_pool;
    for (size_t turn = 0; turn < TURNS; turn++) {
        size_t answer_len = 0, bare_len = 0;
        few_us[turn] = turn_cpu_us(&b->few, &b->few_pool, &few, turn, &answer_len);
        if (turn == 0) {
            bare = start_bare(few.of[0].len, answer_len);
            load_pool_open(&bare_pool, bare.port);
        }
        bare_us[turn] = turn_cpu_us(&bare, &bare_pool, &few, turn, &bare_len);
        many_us[turn] = turn_cpu_us(&b->many, &b->many_pool, &many, turn, &answer_len);
        to_limit[turn] = few_us[turn] / bare_us[turn];
        to_few[turn] = many_us[turn] / few_us[turn];
    }
    load_pool_close(&bare_pool);
    load_stop(&bare);
    requests_free(&few);
    requests_free(&many);
    double ratio = load_percentile(to_limit, TURNS, 0.5);
    double growth = load_percentile(to_few, TURNS, 0.5);
    double few_median = load_percentile(few_us, TURNS, 0.5);
    double many_median = load_percentile(many_us, TURNS, 0.5);
    double bare_median = load_percentile(bare_us, TURNS, 0.5);
    const char *name = load_call_names[call], *coding = json ? "json" : "protobuf";
    printf("%-7s %-8s %6.2f us of processor, with many rooms %6.2f (%.2f times), bare %6.2f: "
           "%.2f times the limit\n",
           name, coding, few_median, many_median, growth, bare_median, ratio);
    buf_printf(&b->f.json, ",\"%s_%s_cpu_us\":%.2f,\"%s_%s_bare_cpu_us\":%.2f,", name, coding,
               few_median, name, coding, bare_median);
    buf_printf(&b->f.json, "\"%s_%s_many_cpu_us\":%.2f", name, coding, many_median);
    b->f.ratio_to_limit = MAX(b->f.ratio_to_limit, ratio);
    b->f.ratio_1m_to_1k = MAX(b->f.ratio_1m_to_1k, growth);
}

/* ---- latency ----------------------------------------------------------------------------------
 */

/* All calls by turns, first in one coding, then in the other. */
static struct requests make_mix(size_t count, uint64_t rooms, uint64_t *round) {
    struct requests r = {.count = count};
    r.of = mem_calloc(count, sizeof(*r.of));
    for (size_t i = 0; i < count; i++) {
        enum load_call call = (enum load_call)(i % LOAD_CALLS);
        uint64_t n = *round + i / LOAD_CALLS;
        char name[LOAD_ROOM_NAME_MAX];
        if (call == CALL_CREATE || call == CALL_DELETE) {
            load_room_name(name, "mix", call == CALL_CREATE ? n + MIX_AHEAD : n);
        } else {
            load_room_name(name, "held", n * 7919 % rooms);
        }
        r.of[i] = load_request_make(&(struct load_call_args){.call = call,
                                                             .json = n % 2 == 0,
                                                             .room = name,
                                                             .metadata = METADATA,
                                                             .empty_timeout_s = DAY_S},
                                    1000000 + i);
    }
    *round += count / LOAD_CALLS;
    return r;
}

static void bench_latency(struct bench *b) {
    uint64_t round = 0;
    struct load_fill ahead = {.prefix = "mix", .rooms = MIX_AHEAD};
    load_fill(&b->many_pool, &ahead);
    struct requests r = make_mix(MIX_REQUESTS, b->rooms, &round);
    struct load_run run = {.count = r.count, .request = request_at, .arg = &r};
    load_pool_run(&b->many_pool, &run);
    requests_free(&r);
    b->f.requests_per_s = MIX_REQUESTS / run.seconds;
    b->f.latency_rate = b->f.requests_per_s / 2;
    r = make_mix((size_t)(b->f.latency_rate * LATENCY_S) / LOAD_CALLS * LOAD_CALLS, b->rooms,
                 &round);
    run = (struct load_run){
        .count = r.count, .rate = b->f.latency_rate, .request = request_at, .arg = &r};
    run.latencies_ms = mem_calloc(r.count, sizeof(*run.latencies_ms));
    load_pool_run(&b->many_pool, &run);
    b->f.p50_ms = load_percentile_f(run.latencies_ms, r.count, 0.5);
    b->f.p99_ms = load_percentile_f(run.latencies_ms, r.count, 0.99);
    b->f.p999_ms = load_percentile_f(run.latencies_ms, r.count, 0.999);
    mem_free(run.latencies_ms);
    requests_free(&r);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void hold_rooms(struct bench *b) {
    struct load_fill many = {.prefix = "held", .rooms = b->rooms, .metadata = METADATA};
    uint64_t before = load_memory(b->many.pid).rss;
    load_fill(&b->many_pool, &many);
    struct load_fill few = {.prefix = "held", .rooms = FEW_ROOMS, .metadata = METADATA};
    load_pool_open(&b->few_pool, b->few.port); /* now: idle connections are closed */
    load_fill(&b->few_pool, &few);
    b->f.bytes_per_room = (double)(load_memory(b->many.pid).rss - before) / (double)b->rooms;
    b->f.creates_per_s = many.creates_per_s;
    printf("%llu rooms made at %.0f a second, %.0f bytes each\n", (unsigned long long)b->rooms,
           b->f.creates_per_s, b->f.bytes_per_room);
}

static void report(const struct bench *b, bool json) {
    const struct figures *f = &b->f;
    printf("at most %.0f requests/s; at %.0f: p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms\n",
           f->requests_per_s, f->latency_rate, f->p50_ms, f->p99_ms, f->p999_ms);
    if (json) {
        printf("{\"bench\":\"api\",\"rooms\":%llu,\"cpu_ratio_to_limit\":%.2f,"
               "\"cpu_ratio_1m_to_1k\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,"
               "\"requests_per_s\":%.0f,\"latency_requests_per_s\":%.0f,\"bytes_per_room\":%.0f,"
               "\"creates_per_s\":%.0f%.*s}\n",
               (unsigned long long)b->rooms, f->ratio_to_limit, f->ratio_1m_to_1k, f->p50_ms,
               f->p99_ms, f->p999_ms, f->requests_per_s, f->latency_rate, f->bytes_per_room,
               f->creates_per_s, SLICE_ARG(buf_slice(&f->json)));
    }
}

int main(int argc, char **argv) {
    static struct bench b = {.rooms = MANY_ROOMS};
    bool json = load_options(argc, argv, "bench_api", &b.rooms, NULL);
    b.few = load_start(SERVER_PROCESSOR, NULL);
    b.many = load_start(SERVER_PROCESSOR, NULL);
    load_pin(OUR_PROCESSOR);
    buf_init(&b.f.json, 8192);
    load_pool_open(&b.many_pool, b.many.port);
    hold_rooms(&b);
    for (int call = 0; call < 2 * LOAD_CALLS; call++) {
        bench_call(&b, (enum load_call)(call % LOAD_CALLS), call < LOAD_CALLS);
    }
    bench_latency(&b);
    load_pool_close(&b.few_pool);
    load_pool_close(&b.many_pool);
    load_stop(&b.few);
    load_stop(&b.many);
    report(&b, json);
    buf_deinit(&b.f.json);
    return 0;
}
