/* One publisher, many subscribers, one worker: what a forwarded packet costs beside what the kernel
 * and the cipher alone would, and how long the server holds it. The media plane runs in a process
 * of its own; camera frames of 2 Mbit/s leave 30 times a second as libwebrtc's pacer lets them go,
 * in one burst, and audio 50 times a second.
 *   bench_sfu [--json] [--subscribers N] [--seconds S] */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rtp_client.h"
#include "rtp_extension.h"
#include "sfu_limit.h"
#include "sfu_server.h"

enum {
    SUBSCRIBERS_MAX = 400,
    PROBES = 4, /* subscribers whose packets are opened and timed; the others stay unread */
    FRAME_PACKETS = 7,
    VIDEO_BYTES = 1190,
    AUDIO_BYTES = 100,
    STAMP_AT = 40, /* where the time of sending lies in a payload */
    LATENCIES_MAX = 1 << 20,
    VIDEO = 1,
    AUDIO = 2, /* track ids */
    TICK_US = 20000,
};

struct bench {
    struct sfu_server server;
    unsigned subscribers, seconds;
    struct rtp_client publisher, *subscriber;
    uint64_t publisher_transport;
    double joins_per_s;
    atomic_bool done;
    double *latencies; /* of the probes, us */
    size_t latencies_count;
    uint16_t video_sequence, audio_sequence;
    uint32_t frame;
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_sfu: %s\n", what);
        exit(1);
    }
}

static uint64_t join(struct bench *b, struct rtp_client *c) {
    struct client_server server;
    uint64_t transport = sfu_server_open(&b->server, &server);
    client_init(&c->client, &server);
    sfu_server_set_remote(&b->server, transport, &c->client);
    must(client_connect(&c->client) && c->client.connected, "a client did not connect");
    rtp_client_begin(c);
    return transport;
}

static void join_all(struct bench *b) {
    b->publisher_transport = join(b, &b->publisher);
    sfu_server_publish(&b->server, b->publisher_transport, false, AUDIO);
    sfu_server_publish(&b->server, b->publisher_transport, true, VIDEO);
    uint64_t begin = now_ns();
    for (unsigned i = 0; i < b->subscribers; i++) {
        uint64_t transport = join(b, &b->subscriber[i]);
        sfu_server_subscribe(&b->server, transport, false, AUDIO, 1000 + i, 1);
        sfu_server_subscribe(&b->server, transport, true, VIDEO, 100000 + i, 2);
    }
    b->joins_per_s = b->subscribers * 1e9 / (double)(now_ns() - begin);
}

static void send_packet(struct bench *b, bool video, bool key, bool marker) {
    static uint8_t payload[VIDEO_BYTES];
    struct rtp_header h = {.payload_type = video ? 96 : 111,
                           .sequence = video ? b->video_sequence++ : b->audio_sequence++,
                           .ssrc = video ? 22 : 11,
                           .marker = marker};
    h.timestamp = video ? b->frame * 3000u : h.sequence * 960u;
    payload[0] = h.payload_type == 96 && key ? 0x10 : 0;
    payload[1] = key ? 0 : 1;
    uint64_t now = now_ns();
    memcpy(payload + STAMP_AT, &now, sizeof now);
    const struct rtp_extension list[] = {{4, video ? SLICE_LIT("1") : SLICE_LIT("0")},
                                         {1, SLICE_LIT("\x20")}};
    rtp_client_send(&b->publisher, &h, list, video ? 1 : 2,
                    slice_of(payload, video ? VIDEO_BYTES : AUDIO_BYTES));
}

static void send_frame(struct bench *b) {
    bool key = b->frame % 300 == 0;
    b->frame++;
    for (int i = 0; i < FRAME_PACKETS; i++) {
        send_packet(b, true, key && i == 0, i == FRAME_PACKETS - 1);
    }
}

static void sleep_until(uint64_t at_ns) {
    const struct timespec t = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void publish_for(struct bench *b, double seconds) {
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9);
    uint64_t frame_ns = begin, audio_ns = begin;
    while (frame_ns < end) {
        uint64_t next = MIN(frame_ns, audio_ns);
        sleep_until(next);
        if (audio_ns <= frame_ns) {
            send_packet(b, false, false, false);
            audio_ns += 20 * 1000000;
        } else {
            send_frame(b);
            frame_ns += 1000000000 / 30;
        }
        (void)client_pump(&b->publisher.client, 0);
    }
}

struct probe {
    struct bench *b;
    struct rtp_client *client;
};

static void note_latencies(struct bench *b, struct rtp_client *c, size_t from) {
    uint64_t now = now_ns();
    for (size_t n = MAX(from, c->rtp_count > RTP_CLIENT_KEPT ? c->rtp_count - RTP_CLIENT_KEPT : 0);
         n < c->rtp_count && b->latencies_count < LATENCIES_MAX; n++) {
        struct rtp_view v = rtp_client_packet_at(c, n);
        uint64_t sent;
        if (v.payload.len >= STAMP_AT + sizeof sent) {
            memcpy(&sent, v.payload.data + STAMP_AT, sizeof sent);
            b->latencies[b->latencies_count++] = (double)(now - sent) / 1000;
        }
    }
}

static void *probe(void *arg) {
    struct bench *b = arg;
    struct pollfd fds[PROBES];
    for (int i = 0; i < PROBES; i++) {
        fds[i] = (struct pollfd){.fd = b->subscriber[i].client.fd, .events = POLLIN};
    }
    while (!atomic_load(&b->done)) {
        if (poll(fds, PROBES, 100) <= 0) {
            continue;
        }
        for (int i = 0; i < PROBES; i++) {
            struct rtp_client *c = &b->subscriber[i];
            size_t from = c->rtp_count;
            (void)client_pump(&c->client, 0);
            note_latencies(b, c, from);
        }
    }
    return NULL;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(struct bench *b, double share) {
    must(b->latencies_count > 0, "nothing came through");
    qsort(b->latencies, b->latencies_count, sizeof *b->latencies, compare);
    return b->latencies[(size_t)(share * (double)(b->latencies_count - 1))];
}

static void report(struct bench *b, const struct sfu_figures *before, const struct sfu_figures *a,
                   uint64_t empty_rss, bool json) {
    uint64_t forwarded = a->forwarded - before->forwarded;
    uint64_t messages = a->messages - before->messages;
    must(forwarded > 0 && messages > 0, "nothing was forwarded");
    double ns = (double)(a->cpu_ns - before->cpu_ns) / (double)forwarded;
    double group = (double)forwarded / (double)messages;
    size_t bytes =
        (30 * FRAME_PACKETS * VIDEO_BYTES + 50 * AUDIO_BYTES) / (30 * FRAME_PACKETS + 50);
    unsigned run = (unsigned)MIN(MAX(group + 0.5, 1.0), 16.0);
    double limit = sfu_limit_ns(bytes, b->subscribers, run, 2);
    double each = (double)(a->rss_bytes - empty_rss) / (b->subscribers + 1);
    double p50 = percentile(b, 0.5), p99 = percentile(b, 0.99);
    if (json) {
        printf(
            "{\"ratio_to_limit\": %.3f, \"ns_per_packet\": %.0f, \"limit_ns_per_packet\": %.0f, "
            "\"group_mean\": %.2f, \"added_latency_us_p50\": %.0f, \"added_latency_us_p99\": %.0f, "
            "\"bytes_per_participant\": %.0f, \"joins_per_s\": %.0f, \"packets\": %llu, "
            "\"unsent\": %llu}\n",
            limit / ns, ns, limit, group, p50, p99, each, b->joins_per_s,
            (unsigned long long)forwarded, (unsigned long long)(a->unsent - before->unsent));
        return;
    }
    printf("subscribers            %u\nforwarded packets      %llu (%llu unsent)\n"
           "ns a packet            %.0f\nthe limit's ns         %.0f (%zu bytes, runs of %u)\n"
           "ratio to the limit     %.3f\nmean group             %.2f\n"
           "latency p50, p99       %.0f us, %.0f us (loopback and wake-ups of the probe included)\n"
           "bytes a participant    %.0f\nhandshakes a second    %.0f\n",
           b->subscribers, (unsigned long long)forwarded,
           (unsigned long long)(a->unsent - before->unsent), ns, limit, bytes, run, limit / ns,
           group, p50, p99, each, b->joins_per_s);
}

int main(int argc, char **argv) {
    static struct bench b = {.subscribers = 100, .seconds = 10};
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--subscribers") == 0 && i + 1 < argc) {
            b.subscribers = (unsigned)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            b.seconds = (unsigned)strtoul(argv[++i], NULL, 10);
        }
    }
    must(b.subscribers >= PROBES && b.subscribers <= SUBSCRIBERS_MAX && b.seconds >= 1,
         "4 to 400 subscribers, at least a second");
    sfu_server_start(&b.server);
    b.subscriber = calloc(b.subscribers, sizeof *b.subscriber);
    b.latencies = malloc(LATENCIES_MAX * sizeof *b.latencies);
    must(b.subscriber && b.latencies, "memory");
    struct sfu_figures empty, before, after;
    sfu_server_read(&b.server, &empty);
    join_all(&b);
    publish_for(&b, 1); /* until it has settled */
    pthread_t thread;
    must(pthread_create(&thread, NULL, probe, &b) == 0, "thread");
    publish_for(&b, 1);
    b.latencies_count = 0;
    sfu_server_read(&b.server, &before);
    publish_for(&b, b.seconds);
    sfu_server_read(&b.server, &after);
    atomic_store(&b.done, true);
    (void)pthread_join(thread, NULL);
    report(&b, &before, &after, empty.rss_bytes, json);
    sfu_server_stop(&b.server);
    return 0;
}
