#include "sfu_call.h"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rtp_extension.h"

enum {
    INDEX_AT = 40, /* where a payload says which packet it is */
    PASSAGES_MAX = 1 << 20,
    VIDEO = 1,
    AUDIO = 2, /* track ids */
    FRAME_NS = 1000000000 / 30,
    AUDIO_NS = 20 * 1000000,
    SETTLE_NS = 12 * 1000000, /* after a frame, when it is long through */
    SECOND_NS = 1000000000,
};

struct pace { /* when each is next */
    uint64_t frame_ns, audio_ns, read_ns;
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_sfu: %s\n", what);
        exit(1);
    }
}

static uint64_t connect_client(struct sfu_call *c, struct client *client) {
    struct client_server server;
    uint64_t transport = sfu_server_open(&c->server, &server);
    client_init(client, &server);
    sfu_server_set_remote(&c->server, transport, client);
    must(client_connect(client) && client->connected, "a client did not connect");
    return transport;
}

static uint64_t join(struct sfu_call *c, struct rtp_client *client) {
    uint64_t transport = connect_client(c, &client->client);
    rtp_client_begin(client);
    return transport;
}

/* The kernel tells when each packet that is sent passes into the loopback device, which is when the
 * socket at its other end has it. */
static void stamp_publisher(struct sfu_call *c) {
    int how =
        SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY;
    must(setsockopt(c->publisher.client.fd, SOL_SOCKET, SO_TIMESTAMPING, &how, sizeof how) == 0,
         "stamps of what is sent");
}

static void stamp_probes(struct sfu_call *c) {
    for (unsigned i = 0; i < SFU_PROBES; i++) {
        int on = 1;
        c->probe[i] = i * (c->subscribers - 1) / (SFU_PROBES - 1);
        must(setsockopt(c->subscriber[c->probe[i]].client.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on,
                        sizeof on) == 0,
             "stamps of what is received");
    }
}

/* What clients say first: of one transport media, of the other data (no SCTP is behind it). By it
 * the server knows that the handshake is over for both. */
static void say_first(struct sfu_call *c, unsigned i) {
    static const uint8_t empty_report[] = {0x80, 201, 0, 1, 0, 0, 0, 1};
    rtp_client_send_rtcp(&c->subscriber[i], slice_of(empty_report, sizeof empty_report));
    must(client_send(&c->second[i], "data", 4), "a record");
}

static void join_subscribers(struct sfu_call *c) {
    struct sfu_figures before, after;
    sfu_server_read(&c->server, &before);
    for (unsigned i = 0; i < c->subscribers; i++) {
        (void)connect_client(c, &c->second[i]);
        uint64_t transport = join(c, &c->subscriber[i]);
        sfu_server_subscribe(&c->server, transport, false, AUDIO, 1000 + i, 1);
        sfu_server_subscribe(&c->server, transport, true, VIDEO, 100000 + i, 2);
        say_first(c, i);
    }
    sfu_server_read(&c->server, &after);
    c->join_cpu_us = (double)(after.cpu_ns - before.cpu_ns) / 1000 / c->subscribers;
}

void sfu_call_begin(struct sfu_call *c, unsigned subscribers) {
    *c = (struct sfu_call){.subscribers = subscribers};
    must(subscribers >= SFU_PROBES && subscribers <= SFU_SUBSCRIBERS_MAX, "10 to 400 subscribers");
    c->subscriber = calloc(subscribers, sizeof *c->subscriber);
    c->second = calloc(subscribers, sizeof *c->second);
    c->passages = malloc(PASSAGES_MAX * sizeof *c->passages);
    must(c->subscriber && c->second && c->passages, "memory");
    sfu_server_start(&c->server);
}

void sfu_call_join(struct sfu_call *c) {
    uint64_t publisher = join(c, &c->publisher);
    sfu_server_publish(&c->server, publisher, false, AUDIO);
    sfu_server_publish(&c->server, publisher, true, VIDEO);
    join_subscribers(c);
    stamp_publisher(c);
    stamp_probes(c);
}

void sfu_call_end(struct sfu_call *c) {
    sfu_server_stop(&c->server);
    for (unsigned i = 0; i < c->subscribers; i++) {
        rtp_client_end(&c->subscriber[i]);
        client_deinit(&c->subscriber[i].client);
        client_deinit(&c->second[i]);
    }
    rtp_client_end(&c->publisher);
    client_deinit(&c->publisher.client);
    free(c->subscriber);
    free(c->second);
    free(c->passages);
}

/* The stamp of what was sent last; older ones before it are answers to checks. */
static uint64_t take_stamp(int fd) {
    struct scm_timestamping stamps = {0};
    union {
        char space[512];
        struct cmsghdr align;
    } control;
    for (;;) {
        struct msghdr m = {.msg_control = &control, .msg_controllen = sizeof control};
        if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            break;
        }
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
            if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPING) {
                memcpy(&stamps, CMSG_DATA(h), sizeof stamps);
            }
        }
    }
    return (uint64_t)stamps.ts[0].tv_sec * 1000000000 + (uint64_t)stamps.ts[0].tv_nsec;
}

static void send_packet(struct sfu_call *c, bool video, bool key, bool marker) {
    static uint8_t payload[SFU_VIDEO_BYTES];
    struct rtp_header h = {.payload_type = video ? 96 : 111,
                           .sequence = video ? c->video_sequence++ : c->audio_sequence++,
                           .ssrc = video ? 22 : 11,
                           .marker = marker};
    h.timestamp = video ? c->frame * 3000u : h.sequence * 960u;
    payload[0] = h.payload_type == 96 && key ? 0x10 : 0;
    payload[1] = key ? 0 : 1;
    memcpy(payload + INDEX_AT, &c->sent, sizeof c->sent);
    const struct rtp_extension list[] = {{4, video ? SLICE_LIT("1") : SLICE_LIT("0")},
                                         {1, SLICE_LIT("\x20")}};
    rtp_client_send(&c->publisher, &h, list, video ? 1 : 2,
                    slice_of(payload, video ? SFU_VIDEO_BYTES : SFU_AUDIO_BYTES));
    c->sent_ns[c->sent++ % SFU_SENT_KEPT] = take_stamp(c->publisher.client.fd);
}

static void send_frame(struct sfu_call *c) {
    bool key = c->frame % 300 == 0;
    c->frame++;
    for (int i = 0; i < SFU_FRAME_PACKETS; i++) {
        send_packet(c, true, key && i == 0, i == SFU_FRAME_PACKETS - 1);
    }
}

static void note_passage(struct sfu_call *c, const struct rtp_client *client, size_t n) {
    struct rtp_view v = rtp_client_packet_at(client, n);
    uint32_t index;
    if (v.payload.len < INDEX_AT + sizeof index || c->passages_count == PASSAGES_MAX) {
        return;
    }
    memcpy(&index, v.payload.data + INDEX_AT, sizeof index);
    uint64_t received = client->rtp[n % RTP_CLIENT_KEPT].received_ns;
    uint64_t sent = c->sent_ns[index % SFU_SENT_KEPT];
    if (c->sent - index <= SFU_SENT_KEPT && received != 0 && sent != 0) {
        c->passages[c->passages_count++] = (struct sfu_passage){sent, received, 0};
    }
}

static void read_probes(struct sfu_call *c) {
    for (unsigned i = 0; i < SFU_PROBES; i++) {
        struct rtp_client *client = &c->subscriber[c->probe[i]];
        size_t from = client->rtp_count;
        (void)client_pump(&client->client, 0);
        must(client->rtp_count - from <= RTP_CLIENT_KEPT, "a probe is too slow");
        for (size_t n = from; n < client->rtp_count; n++) {
            note_passage(c, client, n);
        }
    }
    (void)client_pump(&c->publisher.client, 0);
}

static void sleep_until(uint64_t at_ns) {
    const struct timespec t = {(time_t)(at_ns / 1000000000), (long)(at_ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static double passed_us(const struct sfu_passage *p) {
    return ((double)p->received_ns - (double)p->sent_ns) / 1000;
}

static bool is_calm(const struct sfu_call *c, uint64_t second) {
    uint64_t from_ns = c->began_ns + second * SECOND_NS;
    return sfu_stalls_within_ns(&c->stalls, from_ns, from_ns + SECOND_NS) < SFU_CALM_NS;
}

static void judge_passages(struct sfu_call *c) {
    c->counted = 0;
    for (size_t i = 0; i < c->passages_count; i++) {
        struct sfu_passage *p = &c->passages[i];
        uint64_t away_ns = sfu_stalls_within_ns(&c->stalls, p->sent_ns, p->received_ns);
        p->added_us = passed_us(p) - (double)away_ns / 1000;
        p->counted = c->calm_s == 0 || is_calm(c, (p->sent_ns - c->began_ns) / SECOND_NS);
        c->counted += p->counted;
    }
}

static void publish_until(struct sfu_call *c, struct pace *p, uint64_t end) {
    for (;;) {
        uint64_t next = MIN(MIN(p->frame_ns, p->audio_ns), p->read_ns);
        if (next >= end) {
            return;
        }
        sleep_until(next);
        if (next == p->read_ns) {
            read_probes(c);
            p->read_ns += FRAME_NS;
        } else if (next == p->audio_ns) {
            send_packet(c, false, false, false);
            p->audio_ns += AUDIO_NS;
        } else {
            send_frame(c);
            p->frame_ns += FRAME_NS;
        }
    }
}

void sfu_call_publish(struct sfu_call *c, unsigned seconds) {
    uint64_t begin = now_ns(CLOCK_MONOTONIC);
    struct pace pace = {begin, begin, begin + SETTLE_NS};
    c->passages_count = 0;
    c->published_s = c->calm_s = 0;
    sfu_server_go_first(&c->server, true);
    sfu_stalls_begin(&c->stalls);
    c->began_ns = now_ns(CLOCK_REALTIME);
    while (c->calm_s < seconds && c->published_s < 4 * seconds) {
        c->published_s++;
        publish_until(c, &pace, begin + (uint64_t)c->published_s * SECOND_NS);
        c->calm_s += is_calm(c, c->published_s - 1);
    }
    sfu_stalls_end(&c->stalls);
    sfu_server_go_first(&c->server, false);
    judge_passages(c);
}

void sfu_call_saturate(struct sfu_call *c, double seconds) {
    uint64_t end = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    struct rtp_client *last = &c->subscriber[c->probe[SFU_PROBES - 1]];
    size_t begin = last->rtp_count, sent = 0;
    while (now_ns(CLOCK_MONOTONIC) < end) {
        for (; sent < last->rtp_count - begin + SFU_FRAMES_AHEAD * SFU_FRAME_PACKETS;
             sent += SFU_FRAME_PACKETS) {
            send_frame(c);
        }
        must(client_pump(&last->client, 1000), "the last subscriber gets nothing");
    }
}

static int compare(double x, double y) {
    return (x > y) - (x < y);
}

/* Those that count come first. */
static int compare_added(const void *a, const void *b) {
    const struct sfu_passage *x = a, *y = b;
    return x->counted != y->counted ? y->counted - x->counted : compare(x->added_us, y->added_us);
}

static int compare_passed(const void *a, const void *b) {
    return compare(passed_us(a), passed_us(b));
}

static const struct sfu_passage *percentile(struct sfu_call *c, size_t count, double share,
                                            int (*order)(const void *, const void *)) {
    must(count > 0, "nothing came through");
    qsort(c->passages, c->passages_count, sizeof *c->passages, order);
    return &c->passages[(size_t)(share * (double)(count - 1))];
}

double sfu_call_added_us(struct sfu_call *c, double share) {
    return percentile(c, c->counted, share, compare_added)->added_us;
}

double sfu_call_passed_us(struct sfu_call *c, double share) {
    return passed_us(percentile(c, c->passages_count, share, compare_passed));
}

double sfu_call_stalled_ms_per_s(const struct sfu_call *c) {
    uint64_t all_ns = sfu_stalls_within_ns(&c->stalls, 0, UINT64_MAX);
    return c->stalls.known ? (double)all_ns / 1e6 / c->published_s : -1;
}
