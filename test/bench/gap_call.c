#include "gap_call.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "datagram.h"

enum {
    AUDIO_NS = 20 * 1000000,
    VIDEO_NS = 33 * 1000000,
    FRAME_PACKETS = 7,
    KEY_EVERY = 30,
    AUDIO_BYTES = 100,
    VIDEO_BYTES = 1100,
    NUMBER_AT = 40, /* of a payload: behind the descriptor of VP8 */
    LATE_US = 500 * 1000,
    BEGIN_S = 10,
    HEADERS_BYTES = 14 + 20 + 8, /* of a packet that the kernel hands back with its stamp */
    SOCKET_BYTES = 4 << 20,
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t ns_of(const struct timespec *t) {
    return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

/* The stamp that came with a message; 0: none. */
static uint64_t stamp_of(struct msghdr *m) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        bool stamped = c->cmsg_type == SO_TIMESTAMPNS || c->cmsg_type == SO_TIMESTAMPING;
        if (c->cmsg_level == SOL_SOCKET && stamped) {
            struct timespec t; /* the first of SO_TIMESTAMPING's three is the kernel's own */
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            return ns_of(&t);
        }
    }
    return 0;
}

/* ---- the publisher ----------------------------------------------------------------------------
 */

static void stamp_what_leaves(int fd) {
    int what = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    int bytes = SOCKET_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof(what)) != 0) {
        load_fail("no stamps: %s", strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* What has left comes back with its time: its RTP header is not encrypted. */
static void read_stamps(struct gap_call *c) {
    uint8_t bytes[2048], control[512];
    for (;;) {
        struct iovec io = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t len = recvmsg(c->publisher.rtp.client.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (len < 0) {
            return;
        }
        const uint8_t *rtp = bytes + HEADERS_BYTES;
        if (len >= HEADERS_BYTES + 12 && (rtp[0] & 0xc0) == 0x80) {
            unsigned sequence = (unsigned)rtp[2] << 8 | rtp[3];
            bool video = (rtp[1] & 0x7f) == LOAD_VP8;
            c->in_ns[video][sequence] = stamp_of(&m);
        }
    }
}

static void send_one(struct gap_call *c, bool video, uint32_t timestamp, bool key, bool last) {
    static uint8_t payload[VIDEO_BYTES];
    uint32_t number = c->sent[video];
    if (number >= GAP_PACKETS_MAX) {
        load_fail("the call is too long");
    }
    payload[0] = video && key ? 0x10 : 0;
    payload[1] = key ? 0 : 1;
    memcpy(payload + NUMBER_AT, &number, sizeof(number));
    load_peer_send(&c->publisher, video, (uint16_t)number, timestamp,
                   slice_of(payload, video ? VIDEO_BYTES : AUDIO_BYTES), last);
    c->sent[video] = number + 1;
}

static void *send_all(void *arg) {
    struct gap_call *c = arg;
    uint64_t audio_ns = now_ns(), video_ns = audio_ns;
    for (uint32_t frame = 0; !c->done;) {
        uint64_t due_ns = MIN(audio_ns, video_ns);
        const struct timespec due = {(time_t)(due_ns / 1000000000), (long)(due_ns % 1000000000)};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        if (audio_ns <= video_ns) {
            send_one(c, false, 960 * c->sent[0], false, false);
            audio_ns += AUDIO_NS;
        } else {
            for (int i = 0; i < FRAME_PACKETS; i++) {
                send_one(c, true, 3000 * frame, frame % KEY_EVERY == 0 && i == 0,
                         i == FRAME_PACKETS - 1);
            }
            video_ns += VIDEO_NS;
            frame++;
        }
        read_stamps(c);
        if (!load_peer_turn(&c->publisher)) {
            load_fail("the server has ended a session of the call");
        }
    }
    return NULL;
}

/* ---- the subscriber ---------------------------------------------------------------------------
 */

static void stamp_what_comes(int fd) {
    int on = 1, bytes = SOCKET_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0) {
        load_fail("no stamps: %s", strerror(errno));
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void take_one(struct gap_call *c, uint8_t *bytes, size_t len, uint64_t at_ns) {
    if (datagram_classify(slice_of(bytes, len)) != DATAGRAM_RTP) {
        client_take(&c->subscriber.rtp.client, bytes, len);
        return;
    }
    struct rtp_view v;
    if (srtp_open(c->subscriber.rtp.srtp, bytes, len, &len) != STATUS_OK ||
        rtp_read(slice_of(bytes, len), &v) != STATUS_OK || v.payload.len <= NUMBER_AT) {
        return; /* padding, or a resend that came twice */
    }
    uint32_t number;
    memcpy(&number, v.payload.data + NUMBER_AT, sizeof(number));
    if (number < GAP_PACKETS_MAX) {
        c->out_ns[v.header.payload_type == LOAD_VP8][number] = at_ns;
    }
}

static void *take_all(void *arg) {
    struct gap_call *c = arg;
    struct pollfd p = {.fd = c->subscriber.rtp.client.fd, .events = POLLIN};
    uint8_t bytes[2048], control[256];
    while (!c->done) {
        (void)poll(&p, 1, 100);
        for (;;) {
            struct iovec io = {.iov_base = bytes, .iov_len = sizeof(bytes)};
            struct msghdr m = {.msg_iov = &io,
                               .msg_iovlen = 1,
                               .msg_control = control,
                               .msg_controllen = sizeof(control)};
            ssize_t len = recvmsg(p.fd, &m, MSG_DONTWAIT);
            if (len <= 0) {
                break;
            }
            take_one(c, bytes, (size_t)len, stamp_of(&m));
        }
        if (!load_peer_tend(&c->subscriber)) {
            load_fail("the server has ended a session of the call");
        }
    }
    return NULL;
}

/* ---- the call ---------------------------------------------------------------------------------
 */

void gap_call_begin(struct gap_call *c, const char *const *more) {
    c->server = load_start(-1, more);
    load_peer_join(&c->publisher, c->server.port, "call", "ann", LOAD_PEER_PUBLISHES);
    bool both = load_peer_connect(&c->publisher);
    load_peer_join(&c->subscriber, c->server.port, "call", "bob", LOAD_PEER_SUBSCRIBES);
    both = load_peer_connect(&c->subscriber) && both;
    if (!both) {
        load_fail("a client did not connect");
    }
    stamp_what_leaves(c->publisher.rtp.client.fd);
    stamp_what_comes(c->subscriber.rtp.client.fd);
    if (pthread_create(&c->sends, NULL, send_all, c) != 0 ||
        pthread_create(&c->takes, NULL, take_all, c) != 0) {
        load_fail("no threads");
    }
    uint64_t begin_us = load_now_us();
    for (unsigned stream = 0; stream < GAP_STREAMS;) {
        uint32_t sent = c->sent[stream];
        bool comes = false;
        for (uint32_t n = sent; n > 0 && !comes; n--) {
            comes = c->out_ns[stream][n - 1] != 0;
        }
        stream += comes;
        if (load_now_us() - begin_us > BEGIN_S * 1000000) {
            load_fail("%s does not come through", stream == 0 ? "sound" : "the picture");
        }
        usleep(10000);
    }
}

void gap_call_end(struct gap_call *c) {
    c->done = true;
    pthread_join(c->sends, NULL);
    pthread_join(c->takes, NULL);
    load_peer_leave(&c->publisher);
    load_peer_leave(&c->subscriber);
    load_stop(&c->server);
}

struct gap_mark gap_call_mark(struct gap_call *c) {
    return (struct gap_mark){{c->sent[0], c->sent[1]}};
}

/* One stream. Between two packets that came, those that were lost count as silence; what the
 * sender itself left between any two of them does not. */
static void judge(struct gap_call *c, unsigned stream, uint32_t from, uint32_t to,
                  struct gap_figures *f) {
    uint64_t last_out_ns = 0, last_in_ns = 0, own_ns = 0;
    for (uint32_t n = from; n < to; n++) {
        uint64_t in_ns = c->in_ns[stream][n], out_ns = c->out_ns[stream][n];
        if (in_ns == 0) {
            continue; /* the probe missed it */
        }
        f->packets++;
        own_ns = last_in_ns ? MAX(own_ns, in_ns - MIN(in_ns, last_in_ns)) : 0;
        last_in_ns = in_ns;
        if (out_ns == 0) {
            f->lost++;
            continue;
        }
        double delay_ms = out_ns > in_ns ? (double)(out_ns - in_ns) / 1e6 : 0;
        f->longest_delay_ms = MAX(f->longest_delay_ms, delay_ms);
        if (last_out_ns && out_ns > last_out_ns + own_ns) {
            double gap_ms = (double)(out_ns - last_out_ns - own_ns) / 1e6;
            f->longest_gap_ms = MAX(f->longest_gap_ms, gap_ms);
        }
        last_out_ns = MAX(last_out_ns, out_ns);
        own_ns = 0;
    }
}

struct gap_figures gap_call_figures(struct gap_call *c, const struct gap_mark *from) {
    const struct gap_mark to = gap_call_mark(c);
    struct gap_figures f = {0};
    usleep(LATE_US);
    for (unsigned stream = 0; stream < GAP_STREAMS; stream++) {
        judge(c, stream, from->sent[stream], to.sent[stream], &f);
    }
    if (f.packets == 0) {
        load_fail("nothing was sent");
    }
    return f;
}
