/* gap_call.h: a call through a server of its own, and a probe at both of its sockets.
 * Owns: struct gap_call the server, a publisher and a subscriber with a thread each.
 * Never: trusts its own threads for times: the kernel stamps each packet as it leaves the
 *   publisher's socket and as it reaches the subscriber's.
 * Invariant: a packet's number is its sequence number; a call lasts less than 65,536 of them.
 * Callers: bench_gap. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "load_peer.h"

enum { GAP_STREAMS = 2, GAP_PACKETS_MAX = 1 << 16 }; /* 0 audio, 1 video */

struct gap_call {
    struct load_server server;
    struct load_peer publisher, subscriber;
    pthread_t sends, takes;
    atomic_bool done;
    _Atomic uint32_t sent[GAP_STREAMS];
    _Atomic uint64_t in_ns[GAP_STREAMS][GAP_PACKETS_MAX]; /* 0: no such packet, or not stamped */
    _Atomic uint64_t out_ns[GAP_STREAMS][GAP_PACKETS_MAX];
};

/* `more`: arguments of the server, as load_start has them. Returns when both streams arrive. */
void gap_call_begin(struct gap_call *c, const char *const *more);
void gap_call_end(struct gap_call *c);

struct gap_figures {
    double longest_gap_ms;   /* between two packets that came, beyond what their sender left */
    double longest_delay_ms; /* of a packet, from socket to socket */
    uint64_t packets, lost;
};
/* Everything sent from one moment to another; waits a little for the last of it. */
struct gap_mark {
    uint32_t sent[GAP_STREAMS];
};
struct gap_mark gap_call_mark(struct gap_call *c);
struct gap_figures gap_call_figures(struct gap_call *c, const struct gap_mark *from);
