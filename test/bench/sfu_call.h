/* sfu_call.h: a call against a media process: one publisher, many subscribers, and how long each
 * packet was in the process, as the kernel saw it.
 * Owns: struct sfu_call its clients, and the process.
 * Never: reads a clock for a latency: the kernel stamps a packet when it enters the process's
 *   socket and when it arrives at a subscriber's, so that the load of this side does not count; nor
 *   does the time for which the host took away the processor (sfu_stalls.h).
 * Invariant: what the subscribers at `probe` received is read after each frame; the others' lies
 *   unread, as in the limit that this is compared with.
 * Callers: bench_sfu. */
#pragma once

#include "rtp_client.h"
#include "sfu_server.h"
#include "sfu_stalls.h"

enum {
    SFU_SUBSCRIBERS_MAX = 400,
    SFU_PROBES = 10, /* first, last and evenly between: who is served first hides no cost */
    SFU_FRAME_PACKETS = 7,
    SFU_VIDEO_BYTES = 1190, /* 7 of them 30 times a second: 2 Mbit/s */
    SFU_AUDIO_BYTES = 100,
    SFU_SENT_KEPT = 4096, /* packets whose time of sending is known */
    SFU_CALM_NS = 20 * 1000000,
    SFU_FRAMES_AHEAD = 4, /* of saturation: on their way at a time */
};

struct sfu_passage {
    uint64_t sent_ns, received_ns;
    double added_us; /* in between, without stalls */
    bool counted;    /* it was in a calm second */
};

struct sfu_call {
    struct sfu_server server;
    struct sfu_stalls stalls; /* while frames were published */
    unsigned subscribers;
    struct rtp_client publisher, *subscriber;
    struct client *second; /* of each subscriber: the transport that dual mode adds */
    unsigned probe[SFU_PROBES];
    double join_cpu_us; /* of the process, for one subscriber: see sfu_call_join */
    uint16_t video_sequence, audio_sequence;
    uint32_t frame, sent;
    uint64_t sent_ns[SFU_SENT_KEPT];
    struct sfu_passage *passages;
    size_t passages_count, counted;
    uint64_t began_ns; /* of the last sfu_call_publish, on the clock of the day */
    unsigned published_s, calm_s;
};

void sfu_call_begin(struct sfu_call *c, unsigned subscribers); /* nobody is in it yet */
void sfu_call_end(struct sfu_call *c);
/* Joins all. A join, as measured: two transports (dual mode), each with its ICE check, DTLS
 * handshake and SRTP keys, and two subscriptions (audio, video). */
void sfu_call_join(struct sfu_call *c);
/* Camera frames and audio, as a client sends them; passages begin anew. Ends after that many calm
 * seconds, those in which the processor was away for less than SFU_CALM_NS, or after four times as
 * many of any kind. */
void sfu_call_publish(struct sfu_call *c, unsigned seconds);
/* Camera frames as fast as the last subscriber gets them: the process is never idle, as the limit
 * is not. The last phase: other probes' packets lie unread from then on. */
void sfu_call_saturate(struct sfu_call *c, double seconds);
/* Of the last sfu_call_publish: a percentile of what was added in calm seconds, or in all if none
 * was calm, and of what a clock on the wall saw in all; and how much of a second the processor was
 * away, negative when nobody could tell. */
double sfu_call_added_us(struct sfu_call *c, double share);
double sfu_call_passed_us(struct sfu_call *c, double share);
double sfu_call_stalled_ms_per_s(const struct sfu_call *c);
