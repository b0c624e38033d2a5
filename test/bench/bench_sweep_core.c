/* The sweeper with a million rooms that are all due within one second, on the control plane itself:
 * how long until all have ended, and what calls cost meanwhile. Calls come at a steady rate, one
 * CreateRoom to three ListRooms of one name; a turn is as the control thread takes it: the calls
 * that have come, then one tick. Sockets, threads and the carrying out of effects are left out.
 * Usage: bench_sweep_core [--rooms N] [--json]. Exits with 1 when rooms are left, or the scan that
 * looks after the sweeper found any. Beside other work the clock's figures say more of that than of
 * this; those of processor time stand. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "node.h"

#include "livekit_room.pb-c.h"

enum {
    CALLS_PER_S = 10000,
    QUIET_S = 5,
    /* One creation in 64 makes memory for the next 64: so few that this is not the p99 of all. */
    CREATE_EVERY = 4,
    KEPT_EVERY = 100, /* so many rooms that end, one that stays and is listed */
    EMPTY_S = 10000,  /* long enough for the scan to come round before rooms are due */
    STAYS_S = 7 * 24 * 3600,
    SWEEP_S_MAX = 300,         /* a sweep that takes longer has failed */
    SCAN_SLOTS_PER_S = 256,    /* of the scan behind the sweeper */
    SAMPLES_MAX = 2 * 1000000, /* of one phase; calls beyond are made, not measured */
    CONN = 1,
};

/* What the calls of one phase took, in nanoseconds. */
struct phase {
    uint32_t *step;   /* the step alone, by the clock */
    uint32_t *cpu;    /* the same by processor time: without what else the machine does */
    uint32_t *answer; /* from when the call came */
    size_t count;
};

struct bench {
    struct metrics metrics;
    struct node_config config;
    struct node *n;
    struct effects fx;
    struct claims claims;
    uint64_t ahead_ms; /* the node's clock before that of the machine */
    uint64_t rooms, kept, made, ended, calls;
    uint64_t tick_ns_max, tick_cpu_ns_max, ticks_cpu_ns, ticks;
};

struct times {
    uint64_t wall_ns, cpu_ns;
};

printf_like(1, 2) _Noreturn static void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bench_sweep_core: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

static struct dir_time time_at(uint64_t mono_ms) {
    return (struct dir_time){.wall_ms = 1700000000000 + mono_ms, .mono_ms = mono_ms};
}

/* The node's time while it runs with the machine's. */
static struct dir_time running_time(const struct bench *b) {
    return time_at(b->ahead_ms + now_ns() / 1000000);
}

static struct times step(struct bench *b, struct node_event *ev, struct dir_time t) {
    ev->time = t;
    effects_clear(&b->fx);
    uint64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), from_ns = now_ns();
    enum status s = node_step(b->n, ev, &b->fx);
    struct times took = {.wall_ns = now_ns() - from_ns};
    took.cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
    if (s != STATUS_OK || b->fx.failed) {
        fail("a step failed: %s", status_name(s));
    }
    return took;
}

static struct times call(struct bench *b, enum api_op op, const ProtobufCMessage *request,
                         struct dir_time t) {
    struct node_event ev = {.kind = EV_API, .conn = CONN, .claims = &b->claims};
    ev.api.method = api_method_at(op);
    ev.api.coding = API_PROTOBUF;
    ev.api.request = request;
    struct times took = step(b, &ev, t);
    for (size_t i = 0; i < b->fx.count; i++) {
        const struct effect *e = &b->fx.items[i];
        if (e->kind == FX_API_REPLY && e->conn == CONN && e->http_status == 200 &&
            e->bytes.len > 0) {
            return took;
        }
    }
    fail("a call was not answered well");
}

static struct times create(struct bench *b, const char *kind, uint64_t number, uint32_t empty_s,
                           struct dir_time t) {
    char name[64];
    snprintf(name, sizeof(name), "%s-%lu", kind, (unsigned long)number);
    Livekit__CreateRoomRequest request = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    request.name = name;
    request.empty_timeout = empty_s;
    return call(b, API_CREATE_ROOM, &request.base, t);
}

/* An answer without the room would be empty, and is refused by call(). */
static struct times list(struct bench *b, uint64_t number, struct dir_time t) {
    char name[64];
    char *names[] = {name};
    snprintf(name, sizeof(name), "kept-%lu", (unsigned long)number);
    Livekit__ListRoomsRequest request = LIVEKIT__LIST_ROOMS_REQUEST__INIT;
    request.names = names;
    request.n_names = 1;
    return call(b, API_LIST_ROOMS, &request.base, t);
}

static void tick(struct bench *b, struct dir_time t) {
    struct node_event ev = {.kind = EV_TICK};
    struct times took = step(b, &ev, t);
    b->ticks++;
    b->ticks_cpu_ns += took.cpu_ns;
    b->tick_ns_max = MAX(b->tick_ns_max, took.wall_ns);
    b->tick_cpu_ns_max = MAX(b->tick_cpu_ns_max, took.cpu_ns);
    for (size_t i = 0; i < b->fx.count; i++) {
        const struct effect *e = &b->fx.items[i];
        b->ended += e->kind == FX_NOTE && e->note.kind == NOTE_ROOM_FINISHED;
    }
}

static bool tick_is_due(const struct bench *b, struct dir_time t) {
    return node_next_deadline_ms(b->n) <= t.mono_ms;
}

/* All rooms within one second of the node's time. Returns rooms made in one of the machine's. */
static double fill(struct bench *b, uint64_t start_ms) {
    uint64_t from_ns = now_ns();
    for (uint64_t i = 0; i < b->rooms; i++) {
        struct dir_time t = time_at(start_ms + i * 1000 / b->rooms);
        create(b, "room", i, EMPTY_S, t);
        if (i % KEPT_EVERY == 0) {
            create(b, "kept", b->kept++, STAYS_S, t);
        }
    }
    return (double)(b->rooms + b->kept) * 1e9 / (double)(now_ns() - from_ns);
}

/* Time passes until the scan behind the sweeper has looked at every slot. Returns the time then. */
static uint64_t let_scan(struct bench *b, uint64_t mono_ms) {
    uint64_t slots = b->rooms + b->kept + b->made;
    for (uint64_t s = 0; s <= slots / SCAN_SLOTS_PER_S + 1; s++) {
        mono_ms += 1000;
        for (size_t i = 0; i == 0 || tick_is_due(b, time_at(mono_ms)); i++) {
            tick(b, time_at(mono_ms));
        }
    }
    return mono_ms;
}

static void measure_call(struct bench *b, struct phase *p, uint64_t came_ns) {
    uint64_t number = b->calls++ / 2;
    struct times took = b->calls % 2 == 0 ? create(b, "made", b->made++, STAYS_S, running_time(b))
                                          : list(b, number * 7919 % b->kept, running_time(b));
    if (p->count < SAMPLES_MAX) {
        p->step[p->count] = (uint32_t)MIN(took.wall_ns, (uint64_t)UINT32_MAX);
        p->cpu[p->count] = (uint32_t)MIN(took.cpu_ns, (uint64_t)UINT32_MAX);
        p->answer[p->count++] = (uint32_t)MIN(now_ns() - came_ns, (uint64_t)UINT32_MAX);
    }
}

/* Steady calls for so long, or until so many rooms have ended. Returns seconds. */
static double run(struct bench *b, struct phase *p, uint64_t for_s, uint64_t until_ended) {
    enum { GAP_NS = 1000000000 / CALLS_PER_S };
    uint64_t from_ns = now_ns(), came_ns = from_ns;
    b->ticks = b->ticks_cpu_ns = b->tick_ns_max = b->tick_cpu_ns_max = 0;
    while (b->ended < until_ended && now_ns() - from_ns < for_s * 1000000000) {
        for (uint64_t turn_ns = now_ns(); came_ns <= turn_ns; came_ns += GAP_NS) {
            measure_call(b, p, came_ns);
        }
        if (tick_is_due(b, running_time(b))) {
            tick(b, running_time(b));
        }
    }
    return (double)(now_ns() - from_ns) / 1e9;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double p99_us(uint32_t *values, size_t count) {
    if (count == 0) {
        fail("no calls were measured: take more rooms");
    }
    qsort(values, count, sizeof(values[0]), compare);
    return (double)values[count - 1 - count / 100] / 1000;
}

static void phase_init(struct phase *p) {
    *p = (struct phase){.step = mem_calloc(SAMPLES_MAX, sizeof(uint32_t)),
                        .cpu = mem_calloc(SAMPLES_MAX, sizeof(uint32_t)),
                        .answer = mem_calloc(SAMPLES_MAX, sizeof(uint32_t))};
    if (!p->step || !p->cpu || !p->answer) {
        fail("no memory");
    }
}

static void phase_deinit(struct phase *p) {
    mem_free(p->step);
    mem_free(p->cpu);
    mem_free(p->answer);
}

static void bench_open(struct bench *b, uint64_t rooms, struct dir_time t) {
    *b = (struct bench){.rooms = rooms};
    b->claims =
        (struct claims){.has_video = true, .video = {.room_create = true, .room_list = true}};
    b->config = (struct node_config){
        .random_key = {1},
        .cluster_key = {2},
        .region = SLICE_LIT("here"),
        .version = SLICE_LIT("1.13.5"),
        .token_issuer = SLICE_LIT("devkey"),
        .media_workers = 1,
        .auto_create = true,
        .empty_timeout_s = 300,
        .departure_timeout_s = 20,
        .room_name_bytes_max = 256,
        .identity_bytes_max = 256,
        .participant_name_bytes_max = 256,
        .metadata_bytes_max = 64 * 1024,
        .attributes_bytes_max = 64 * 1024,
        .rooms_max = ROOMS_MAX,
        .metrics = &b->metrics,
    };
    effects_init(&b->fx);
    if (node_create(&b->config, t, &b->n) != STATUS_OK) {
        fail("no memory for the node");
    }
}

static void bench_close(struct bench *b) {
    b->n = node_destroy(b->n);
    effects_deinit(&b->fx);
}

struct figures {
    double creates_per_s, seconds;
    double tick_ms_max, tick_cpu_ms_max, ticks_cpu_s;
    uint64_t ticks, rooms_left, scan_findings;
    struct phase quiet, sweep;
};

static struct figures measure(struct bench *b, uint64_t start_ms) {
    struct figures f = {0};
    phase_init(&f.quiet);
    phase_init(&f.sweep);
    f.creates_per_s = fill(b, start_ms);
    b->ahead_ms = let_scan(b, start_ms + 1000) - now_ns() / 1000000;
    run(b, &f.quiet, QUIET_S, 1);
    uint64_t due_ms = start_ms + 1000 + (uint64_t)EMPTY_S * 1000; /* of the last of them */
    if (b->ended > 0 || running_time(b).mono_ms >= due_ms - 1000) {
        fail("rooms ended before their time");
    }
    b->ahead_ms = due_ms - now_ns() / 1000000;
    f.seconds = run(b, &f.sweep, SWEEP_S_MAX, b->rooms);
    f.ticks = b->ticks;
    f.tick_ms_max = (double)b->tick_ns_max / 1e6;
    f.ticks_cpu_s = (double)b->ticks_cpu_ns / 1e9;
    f.tick_cpu_ms_max = (double)b->tick_cpu_ns_max / 1e6;
    f.rooms_left = b->rooms - b->ended;
    struct node_counts counts = node_counts(b->n);
    (void)let_scan(b, running_time(b).mono_ms);
    f.scan_findings = node_counts(b->n).scan_findings;
    if (counts.rooms != b->kept + b->made + f.rooms_left) {
        fail("%lu rooms are held, not %lu", (unsigned long)counts.rooms,
             (unsigned long)(b->kept + b->made + f.rooms_left));
    }
    return f;
}

static void report(const struct bench *b, struct figures *f, bool json) {
    struct phase *q = &f->quiet, *s = &f->sweep;
    double step_before = p99_us(q->step, q->count), step_during = p99_us(s->step, s->count);
    double cpu_before = p99_us(q->cpu, q->count), cpu_during = p99_us(s->cpu, s->count);
    double answer_before = p99_us(q->answer, q->count);
    double answer_during = p99_us(s->answer, s->count);
    double rooms_per_s = (double)(b->rooms - f->rooms_left) / f->seconds;
    printf("%lu rooms, all due within one second: %lu left after %.2f s; %.0f/s (made at %.0f/s)\n",
           (unsigned long)b->rooms, (unsigned long)f->rooms_left, f->seconds, rooms_per_s,
           f->creates_per_s);
    printf(
        "%lu ticks, the longest %.2f ms (%.2f ms of processor, all %.2f s); the scan found %lu\n",
        (unsigned long)f->ticks, f->tick_ms_max, f->tick_cpu_ms_max, f->ticks_cpu_s,
        (unsigned long)f->scan_findings);
    printf("%d calls a second, p99 us    before    during     ratio\n", CALLS_PER_S);
    printf("  step                      %8.1f  %8.1f  %8.2f\n", step_before, step_during,
           step_during / step_before);
    printf("  step, processor time      %8.1f  %8.1f  %8.2f\n", cpu_before, cpu_during,
           cpu_during / cpu_before);
    printf("  from its coming           %8.1f  %8.1f  %8.2f   (%zu and %zu calls)\n", answer_before,
           answer_during, answer_during / answer_before, q->count, s->count);
    if (json) {
        printf("{\"bench\":\"sweep_core\",\"rooms\":%lu,\"seconds\":%.3f,\"rooms_per_s\":%.0f,"
               "\"p99_ratio\":%.2f,\"creates_per_s\":%.0f,\"step_ms_max\":%.3f,"
               "\"scan_findings\":%lu,\"rooms_left\":%lu,\"step_cpu_ms_max\":%.3f,"
               "\"ticks_cpu_s\":%.3f,"
               "\"p99_cpu_ratio\":%.2f,\"calls_per_s\":%d,\"call_p99_us_before\":%.1f,"
               "\"call_p99_us\":%.1f,\"answer_p99_us_before\":%.1f,\"answer_p99_us\":%.1f}\n",
               (unsigned long)b->rooms, f->seconds, rooms_per_s, step_during / step_before,
               f->creates_per_s, f->tick_ms_max, (unsigned long)f->scan_findings,
               (unsigned long)f->rooms_left, f->tick_cpu_ms_max, f->ticks_cpu_s,
               cpu_during / cpu_before, CALLS_PER_S, step_before, step_during, answer_before,
               answer_during);
    }
}

int main(int argc, char **argv) {
    uint64_t rooms = 1000 * 1000;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        uint64_t value = 0;
        bool number = i + 1 < argc && slice_to_u64(slice_from_cstr(argv[i + 1]), &value);
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--rooms") == 0 && number && value > 0 &&
                   value <= ROOMS_MAX / 2) {
            rooms = value;
            i++;
        } else {
            fail("usage: bench_sweep_core [--rooms N] [--json], N at most %d", ROOMS_MAX / 2);
        }
    }
    enum { START_MS = 1000 };
    struct bench b;
    bench_open(&b, rooms, time_at(START_MS));
    struct figures f = measure(&b, START_MS);
    report(&b, &f, json);
    bool good = f.rooms_left == 0 && f.scan_findings == 0;
    phase_deinit(&f.quiet);
    phase_deinit(&f.sweep);
    bench_close(&b);
    return good ? 0 : 1;
}
