/* A room's whole life, again and again: CreateRoom, a participant joins by WebSocket with an offer,
 * leaves, DeleteRoom; a steady number of lives a second, by the clock, for as long as asked. Every
 * few seconds memory, descriptors, rooms and latencies go into a file: what only grows is a leak.
 * Usage: bench_churn [--seconds N] [--rate N] [--csv FILE] [--json]. Exits with 1 when rooms or
 * descriptors are left at the end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arena.h"
#include "base64.h"
#include "livekit_rtc.pb-c.h"
#include "load.h"
#include "load_call.h"
#include "proto.h"

enum {
    SECONDS = 60,
    LIVES_PER_S = 500, /* four calls each: 2,000 a second */
    WORKERS = 32,
    SAMPLE_S = 5,
    WARM_UP_S = 60, /* growth counts from there */
    SETTLE_S = 3,
    BUCKETS = 512, /* of latency: eight to each doubling of microseconds */
    NAMES_MAX = 64,
};

/* A data channel is all it wants to send. */
static char offer_sdp[] =
    "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    "a=group:BUNDLE 0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:"
    "5E:EA:6F:AF:52:CE:E6:0F\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

struct histogram {
    _Atomic uint64_t counts[BUCKETS];
};

struct churn {
    uint64_t seconds, rate;
    const char *csv;
    struct load_server server;
    uint64_t begin_us;
    char join_request[4096];
    atomic_bool stop;
    _Atomic uint64_t lives, numbers;
    struct histogram create, join, end;
    pthread_mutex_t token_lock; /* load_token is for one thread at a time */
};
static struct churn churn = {.seconds = SECONDS, .rate = LIVES_PER_S};

/* ---- latencies --------------------------------------------------------------------------------
 */

static void record(struct histogram *h, uint64_t from_us) {
    uint64_t us = load_now_us() - from_us;
    uint32_t bucket = (uint32_t)us;
    if (us >= 8) {
        uint32_t power = 63 - (uint32_t)__builtin_clzll(us);
        bucket = 8 * (power - 2) + (uint32_t)(us >> (power - 3) & 7);
    }
    atomic_fetch_add(&h->counts[MIN(bucket, (uint32_t)BUCKETS - 1)], 1);
}

/* The upper end of the bucket that holds it, of what came since `before`, which becomes now. */
static double p99_ms(const struct histogram *h, uint64_t before[BUCKETS]) {
    uint64_t fresh[BUCKETS], sum = 0, seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        uint64_t now = atomic_load(&h->counts[i]);
        fresh[i] = now - before[i];
        before[i] = now;
        sum += fresh[i];
    }
    for (uint32_t i = 0; i < BUCKETS; i++) {
        seen += fresh[i];
        if (seen * 100 >= sum * 99) {
            uint32_t power = i / 8 + 2;
            uint64_t us = i < 8 ? i + 1 : (uint64_t)(8 + i % 8 + 1) << (power - 3);
            return (double)us / 1000;
        }
    }
    return 0;
}

/* ---- a life -----------------------------------------------------------------------------------
 */

static char *new_token(const char *room) {
    pthread_mutex_lock(&churn.token_lock);
    char *token = load_token(atomic_fetch_add(&churn.numbers, 1), room, "somebody");
    pthread_mutex_unlock(&churn.token_lock);
    return token;
}

static void call(int fd, enum load_call which, const char *room) {
    pthread_mutex_lock(&churn.token_lock);
    struct slice request = load_request_make(
        &(struct load_call_args){.call = which, .json = true, .room = room, .empty_timeout_s = 300},
        atomic_fetch_add(&churn.numbers, 1));
    pthread_mutex_unlock(&churn.token_lock);
    size_t len = 0;
    load_send(fd, request.data, request.len);
    int status = load_answer(fd, &len);
    if (status != 200) {
        load_fail("%s of %s: %d", load_call_names[which], room, status);
    }
    load_request_free(&request);
}

static size_t read_some(int fd, uint8_t *out, size_t size) {
    ssize_t got = recv(fd, out, size, 0);
    return got > 0 ? (size_t)got : 0;
}

/* 101, and the first message, which is the JoinResponse. */
static void read_join(int fd, const char *room) {
    uint8_t in[16384];
    size_t len = 0, head = 0;
    while (len < sizeof(in)) {
        size_t got = read_some(fd, in + len, sizeof(in) - len);
        if (got == 0) {
            load_fail("the join of %s was cut off", room);
        }
        len += got;
        uint8_t *end = head ? NULL : memmem(in, len, "\r\n\r\n", 4);
        head = end ? (size_t)(end + 4 - in) : head;
        if (head && memcmp(in, "HTTP/1.1 101", 12) != 0) {
            load_fail("the join of %s: %.*s", room, 40, (const char *)in);
        }
        if (head && len > head + 2) {
            return;
        }
    }
}

/* Says that it leaves, and reads until the server has closed. */
static void leave(int fd) {
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    Livekit__SignalRequest request = LIVEKIT__SIGNAL_REQUEST__INIT;
    uint8_t frame[128] = {0x82}, dropped[16384];
    leave.reason = LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED;
    request.message_case = LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE;
    request.leave = &leave;
    size_t len = protobuf_c_message_pack(&request.base, frame + 6);
    frame[1] = (uint8_t)(0x80 | len); /* masked with zeros */
    load_send(fd, frame, 6 + len);
    while (read_some(fd, dropped, sizeof(dropped)) > 0) {
    }
}

static void join_and_leave(const char *room) {
    char request[8192];
    char *token = new_token(room);
    int len = snprintf(request, sizeof(request),
                       "GET /rtc/v1?access_token=%s&join_request=%s HTTP/1.1\r\n"
                       "Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       token, churn.join_request);
    free(token);
    uint64_t from_us = load_now_us();
    int fd = load_connect(churn.server.port);
    load_send(fd, request, (size_t)len);
    read_join(fd, room);
    record(&churn.join, from_us);
    leave(fd);
    close(fd);
}

/* Each worker has every WORKERS-th life; a late one begins at once, and its latency counts from
 * when it should have begun. */
static void *work(void *arg) {
    uint64_t index = (uint64_t)(uintptr_t)arg;
    int fd = load_connect(churn.server.port);
    for (uint64_t n = index; !atomic_load(&churn.stop); n += WORKERS) {
        uint64_t due_us = churn.begin_us + n * 1000000 / churn.rate, now_us = load_now_us();
        if (now_us < due_us) {
            usleep((useconds_t)(due_us - now_us));
        }
        char room[NAMES_MAX];
        snprintf(room, sizeof(room), "churn-%llu", (unsigned long long)n);
        call(fd, CALL_CREATE, room);
        record(&churn.create, due_us);
        join_and_leave(room);
        uint64_t from_us = load_now_us();
        call(fd, CALL_DELETE, room);
        record(&churn.end, from_us);
        atomic_fetch_add(&churn.lives, 1);
    }
    close(fd);
    return NULL;
}

/* ---- samples ----------------------------------------------------------------------------------
 */

struct sample {
    double at_s, lives_per_s, rss_mb, rooms, participants;
    double create_p99_ms, join_p99_ms, end_p99_ms, cpu;
    uint64_t descriptors;
};

static struct sample take_sample(void) {
    static uint64_t create[BUCKETS], join[BUCKETS], end[BUCKETS];
    static uint64_t lives_before, cpu_before_ns, before_us;
    uint64_t now_us = load_now_us(), lives = atomic_load(&churn.lives);
    uint64_t cpu_ns = load_cpu_ns(churn.server.pid);
    before_us = before_us ? before_us : churn.begin_us;
    double passed_s = (double)(now_us - before_us) / 1e6;
    struct sample s = {
        .at_s = (double)(now_us - churn.begin_us) / 1e6,
        .lives_per_s = (double)(lives - lives_before) / passed_s,
        .cpu = (double)(cpu_ns - cpu_before_ns) / 1e9 / passed_s,
        .rss_mb = (double)load_memory(churn.server.pid).rss / 1e6,
        .rooms = load_metric(churn.server.metrics_port, "livekit_room_total"),
        .participants = load_metric(churn.server.metrics_port, "livekit_participant_total"),
        .descriptors = load_descriptors(churn.server.pid),
        .create_p99_ms = p99_ms(&churn.create, create),
        .join_p99_ms = p99_ms(&churn.join, join),
        .end_p99_ms = p99_ms(&churn.end, end),
    };
    lives_before = lives;
    cpu_before_ns = cpu_ns;
    before_us = now_us;
    return s;
}

static void put_sample(FILE *f, const struct sample *s) {
    fprintf(f, "%.1f,%.1f,%.2f,%llu,%.0f,%.0f,%.3f,%.3f,%.3f,%.3f\n", s->at_s, s->lives_per_s,
            s->rss_mb, (unsigned long long)s->descriptors, s->rooms, s->participants,
            s->create_p99_ms, s->join_p99_ms, s->end_p99_ms, s->cpu);
    fflush(f);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void make_join_request(void) {
    struct buf inner, wrapped, text;
    buf_init(&inner, 4096);
    buf_init(&wrapped, 4096);
    buf_init(&text, sizeof(churn.join_request) - 1);
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.sdk = LIVEKIT__CLIENT_INFO__SDK__JS;
    client.version = (char *)(uintptr_t) "2.15.0";
    client.protocol = 16;
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char *)(uintptr_t) "offer";
    offer.sdp = offer_sdp;
    offer.id = 1;
    Livekit__JoinRequest join = LIVEKIT__JOIN_REQUEST__INIT;
    join.client_info = &client;
    join.publisher_offer = &offer;
    proto_encode(&join.base, &inner);
    Livekit__WrappedJoinRequest wrap = LIVEKIT__WRAPPED_JOIN_REQUEST__INIT;
    wrap.join_request = (ProtobufCBinaryData){.len = inner.len, .data = inner.data};
    proto_encode(&wrap.base, &wrapped);
    base64url_put(&text, buf_slice(&wrapped));
    memcpy(churn.join_request, text.data, text.len);
    buf_deinit(&inner);
    buf_deinit(&wrapped);
    buf_deinit(&text);
}

static bool read_options(int argc, char **argv) {
    bool json = false;
    for (int i = 1; i < argc; i++) {
        uint64_t *number = strcmp(argv[i], "--seconds") == 0 ? &churn.seconds
                           : strcmp(argv[i], "--rate") == 0  ? &churn.rate
                                                             : NULL;
        bool is_csv = strcmp(argv[i], "--csv") == 0;
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (is_csv && i + 1 < argc) {
            churn.csv = argv[++i];
        } else if (!number || i + 1 == argc || !slice_to_u64(slice_from_cstr(argv[++i]), number) ||
                   *number == 0) {
            load_fail("usage: bench_churn [--seconds N] [--rate N] [--csv FILE] [--json]");
        }
    }
    return json;
}

struct figures {
    double rss_warm_mb, rss_last_mb, create_p99_ms, join_p99_ms, end_p99_ms, lives_per_s;
    uint64_t descriptors_first, descriptors_last;
    double rooms_last;
};

/* Samples until the time is over; the medians of what they say of latency. */
static void watch(FILE *out, struct figures *f) {
    size_t most = (size_t)churn.seconds / SAMPLE_S + 2, count = 0;
    double *values = calloc(4 * most, sizeof(*values));
    double *create = values, *join = values + most, *end = values + 2 * most;
    fprintf(out, "seconds,lives_per_s,rss_mb,descriptors,rooms,participants,create_p99_ms,"
                 "join_p99_ms,end_p99_ms,processors\n");
    while (load_now_us() < churn.begin_us + churn.seconds * 1000000 && count < most) {
        sleep(SAMPLE_S);
        struct sample s = take_sample();
        put_sample(out, &s);
        if (f->rss_warm_mb == 0 && (s.at_s >= WARM_UP_S || s.at_s >= (double)churn.seconds / 2)) {
            f->rss_warm_mb = s.rss_mb;
        }
        f->rss_last_mb = s.rss_mb;
        create[count] = s.create_p99_ms;
        join[count] = s.join_p99_ms;
        end[count++] = s.end_p99_ms;
    }
    f->lives_per_s =
        (double)atomic_load(&churn.lives) / ((double)(load_now_us() - churn.begin_us) / 1e6);
    f->create_p99_ms = load_percentile(create, count, 0.5);
    f->join_p99_ms = load_percentile(join, count, 0.5);
    f->end_p99_ms = load_percentile(end, count, 0.5);
    free(values);
}

static void report(const struct figures *f, bool json) {
    double growth_mb = f->rss_last_mb - f->rss_warm_mb;
    uint64_t lives = atomic_load(&churn.lives);
    printf(
        "%llu lives of rooms, %.0f a second, four calls each; p99, median of the samples: create "
        "%.2f ms, join %.2f ms, end %.2f ms\n",
        (unsigned long long)lives, f->lives_per_s, f->create_p99_ms, f->join_p99_ms, f->end_p99_ms);
    printf("memory %.1f MB warm, %.1f MB at the end (%+.1f MB); descriptors %llu before, %llu "
           "after; %.0f rooms left\n",
           f->rss_warm_mb, f->rss_last_mb, growth_mb, (unsigned long long)f->descriptors_first,
           (unsigned long long)f->descriptors_last, f->rooms_last);
    if (json) {
        printf("{\"bench\":\"churn\",\"seconds\":%llu,\"lives\":%llu,\"calls_per_s\":%.0f,"
               "\"create_p99_ms\":%.3f,\"join_p99_ms\":%.3f,\"end_p99_ms\":%.3f,"
               "\"rss_warm_mb\":%.2f,\"rss_last_mb\":%.2f,\"rss_growth_mb\":%.2f,"
               "\"descriptors_before\":%llu,\"descriptors_after\":%llu,\"rooms_left\":%.0f}\n",
               (unsigned long long)churn.seconds, (unsigned long long)lives, 4 * f->lives_per_s,
               f->create_p99_ms, f->join_p99_ms, f->end_p99_ms, f->rss_warm_mb, f->rss_last_mb,
               growth_mb, (unsigned long long)f->descriptors_first,
               (unsigned long long)f->descriptors_last, f->rooms_last);
    }
}

int main(int argc, char **argv) {
    bool json = read_options(argc, argv);
    struct figures f = {0};
    FILE *out = churn.csv ? fopen(churn.csv, "w") : stdout;
    if (!out) {
        load_fail("%s: %s", churn.csv, strerror(errno));
    }
    pthread_mutex_init(&churn.token_lock, NULL);
    make_join_request();
    churn.server = load_start(-1, NULL);
    f.descriptors_first = load_descriptors(churn.server.pid);
    churn.begin_us = load_now_us();
    pthread_t workers[WORKERS];
    for (size_t i = 0; i < WORKERS; i++) {
        if (pthread_create(&workers[i], NULL, work, (void *)i) != 0) {
            load_fail("no thread");
        }
    }
    watch(out, &f);
    atomic_store(&churn.stop, true);
    for (size_t i = 0; i < WORKERS; i++) {
        pthread_join(workers[i], NULL);
    }
    sleep(SETTLE_S);
    f.descriptors_last = load_descriptors(churn.server.pid);
    f.rooms_last = load_metric(churn.server.metrics_port, "livekit_room_total");
    load_stop(&churn.server);
    if (churn.csv) {
        fclose(out);
    }
    report(&f, json);
    return f.rooms_last > 0 || f.descriptors_last > f.descriptors_first ? 1 : 0;
}
