/* worker_priv.h: a worker's insides, for the files that make up its turn.
 * Owns: see the fields. Never: included outside worker*.c.
 * Invariant: all of it belongs to the worker's thread while that runs, but for mailboxes and
 *   metrics.
 * Callers: worker.c (thread, mailboxes), worker_io.c (sockets), worker_ice.c (checks),
 *   worker_dtls.c (handshakes, records), worker_transport.c (life of a transport). */
#pragma once

#include "egress.h"
#include "ice_tcp.h"
#include "packet_pool.h"
#include "rng.h"
#include "streams.h"
#include "transports.h"
#include "worker.h"

enum {
    WORKER_MAGIC = 0x776f726b,
    WORKER_FAMILIES = 2, /* index 0: IPv4, 1: IPv6 */
    ECHO_RETRY_MS = 200, /* between checks of ours; clients answer at once */
    ECHO_SENT_MAX = 7,   /* as RFC 8489 resends a request */
    RUN_MAX = 32,        /* a frame of 2 Mbit/s is 7 packets; what is longer goes in two runs */
};

struct thread;
struct batch;
struct outbox;

struct worker_socket {
    /* owned */ struct udp_socket *socket; /* NULL: this machine has no such family */
    struct loop_source source;
    /* owned */ struct outbox *out;
    /* owned */ struct batch *batch;
};

/* Packets of one track that came behind one another: each subscriber gets all of them in turn, so
 * that its state, its cipher and its queue are fetched once. */
struct run {
    /* borrowed */ struct receiver *receiver; /* NULL: empty */
    size_t count;
    struct uplink_packet packets[RUN_MAX]; /* views into the inbox */
};

struct worker {
    uint32_t magic;
    struct worker_config config;
    /* owned */ struct thread *thread;
    /* owned */ struct loop *loop;
    struct loop_source on_commands, on_packets;
    struct loop_timer retry; /* set while something is owed */
    /* owned */ struct mailbox *commands, *packets;
    struct worker_socket sockets[WORKER_FAMILIES];
    /* owned */ struct udp_inbox *inbox;
    struct transports transports;
    struct tcp_links tcp;
    uint8_t tcp_space[DATAGRAM_BYTES_MAX];        /* a datagram to write to a link */
    /* owned    */ struct tcp_listener *listener; /* of worker 0 */
    /* borrowed */ struct mailbox *next;          /* commands of the next worker, in a ring */
    uint32_t ring;                                /* workers in it */
    struct list handshakes; /* struct transport, by in_handshakes: have held datagrams to feed */
    struct list owed;       /* struct transport, by in_owed */
    struct streams streams;
    struct run run;
    struct egress egress;
    struct packet_pool pool;             /* of the histories of what clients send */
    struct list streaming;               /* struct transport, by in_streaming */
    struct loop_timer hold;              /* set while packets wait for more of their frame */
    struct loop_timer pace;              /* set while video waits for a pacer */
    struct list probing;                 /* struct transport, by in_probing */
    struct loop_timer probe;             /* set while there are any */
    struct loop_timer silence;           /* set while audio ends in silence */
    struct loop_timer reports;           /* set while anything streams */
    uint64_t reports_us, reports_due_us; /* when it was last, and is next */
    uint64_t tick_due_us, levels_due_us, quality_due_us;
    struct rng rng; /* transactions of checks of ours */
    uint64_t tie_breaker;
    struct metrics metrics;
};

static inline struct worker *worker_of(void *arg) {
    return OBJ_CAST(struct worker, arg, WORKER_MAGIC);
}

/* worker_io.c */
must_check enum status worker_io_open(struct worker *w);
void worker_io_close(struct worker *w);
/* Space for one datagram of DATAGRAM_BYTES_MAX to the path's family; commit what was written into
 * it before asking for the next. NULL: no socket of that family. */
must_check uint8_t *worker_io_space(struct worker *w, const struct udp_path *path);
void worker_io_commit(struct worker *w, const struct udp_path *path, size_t len);
void worker_io_send(struct worker *w, const struct udp_path *path, struct slice datagram);
void worker_io_flush(struct worker *w);
/* Sealed packets that are ready in egress. */
void worker_io_flush_egress(struct worker *w);
/* An empty buffer; what waits goes out first when there is none. */
struct egress_packet *worker_take_buffer(struct worker *w);

/* A datagram has come by a stream. */
void worker_io_take(void *arg, const struct udp_path *path, uint8_t *data, size_t len);

/* worker_tcp.c */
must_check enum status worker_tcp_open(struct worker *w, struct hash_key key);
void worker_tcp_close(struct worker *w);
/* A connection said whose it is: ours, or the next worker's in the ring. Takes it over. */
void worker_on_arrival(void *arg, struct tcp_arrival *arrival);

/* worker_ice.c */
void worker_on_stun(struct worker *w, const struct udp_path *path, struct slice datagram);
/* Asks the nominated pair for an echo, unless it is in use or asked already. */
void worker_follow_nomination(struct worker *w, struct transport *t);
/* Sends checks of ours again that were not echoed yet; returns when to come back. */
uint64_t worker_retry_echoes(struct worker *w, struct transport *t);

/* worker_dtls.c. What a datagram brings, or a flight, may end the transport. */
void worker_on_dtls(struct worker *w, const struct udp_path *path, struct slice datagram);
/* There may be work for DTLS: held datagrams and a known fingerprint, or a resend that is due. */
void worker_queue_handshake(struct worker *w, struct transport *t);
void worker_unqueue_handshake(struct worker *w, struct transport *t);
/* One flight of one transport, the one that waited longest. */
void worker_run_handshake(struct worker *w);
void worker_send_sctp(struct worker *w, struct transport *t, struct slice packet);
void worker_say_goodbye(struct worker *w, struct transport *t); /* close_notify */

/* worker_transport.c */
void worker_take_command(struct worker *w, struct worker_command *c); /* and what it owns */
void worker_transport_checked(struct worker *w, struct transport *t);
void worker_transport_connected(struct worker *w, struct transport *t);
/* Ends it and tells control why. `t` is not to be used afterwards. */
void worker_transport_end(struct worker *w, struct transport *t, enum media_event_kind kind,
                          enum status reason);
/* The association with the client's SCTP is over: so are its data channels. */
void worker_transport_close_data(struct worker *w, struct transport *t);
void worker_transport_set_timer(struct worker *w, struct transport *t);
void worker_retry_owed(struct worker *w);
void worker_transports_free(struct worker *w); /* all, telling nobody */

/* worker_rtp.c: packets of media. They are opened where they lie, and gather in the run. */
void worker_on_rtp(struct worker *w, const struct udp_path *path, uint8_t *packet, size_t len);
/* The run goes to all subscribers. Before its packets are gone, or its receiver may be. */
void worker_forward_run(struct worker *w);
void worker_on_pace(void *arg); /* of the timer: video that waited goes on, as far as it may */
/* Where a packet is written, and how what was written there is sent to its subscriber for the first
 * time. `ends`: nothing more is to be waited for. */
struct rtp_out worker_packet_space(struct egress_packet *p);
void worker_send_new(struct worker *w, struct sender *s, struct egress_packet *p, size_t len,
                     bool ends);
void worker_send_padding(struct worker *w, struct sender *s, struct egress_packet *p, size_t len);
/* A packet of the receiver's history goes out again. */
void worker_resend(struct worker *w, struct sender *s, uint16_t sequence);

/* worker_probe.c: padding, as much as the transport's budget wants. */
void worker_follow_probe(struct worker *w, struct transport *t, uint64_t now_us); /* it may begin */
void worker_end_probe(struct worker *w, struct transport *t);
void worker_on_probe(void *arg); /* of the timer */

/* worker_silence.c: what follows the last sound of a track that is muted, or not wanted for now. */
void worker_begin_silence(struct worker *w, struct sender *s);
void worker_end_silence(struct worker *w, struct sender *s);
void worker_on_silence(void *arg); /* of the timer */

/* worker_rtcp.c: reports and requests. */
void worker_on_rtcp(struct worker *w, const struct udp_path *path, uint8_t *packet, size_t len);
/* What is due to a transport now: feedback on what it sends and, at a tick, reports on what is sent
 * to it. Returns when there is feedback again. */
uint64_t worker_report(struct worker *w, struct transport *t, uint64_t now_us, bool tick);
/* To the publisher of one track, now. */
void worker_feedback(struct worker *w, struct receiver *r, uint64_t now_us);

/* worker_judge.c: what control is told of streams, and what a link's budget allows. */
void worker_tell_levels(struct worker *w, uint64_t now_us);
void worker_tell_qualities(struct worker *w, uint64_t now_us);
void worker_share_budget(struct worker *w, struct transport *t, uint64_t now_us);

/* worker_streams.c: commands about streams, and the clock of reports. */
void worker_take_stream_command(struct worker *w, struct transport *t, struct worker_command *c);
void worker_transport_secure(struct worker *w, struct transport *t); /* DTLS is up */
void worker_drop_streams(struct worker *w, struct transport *t);
void worker_on_reports(void *arg); /* of the timer */
/* Feedback is due then, maybe sooner than all else. */
void worker_report_by(struct worker *w, uint64_t due_us);
