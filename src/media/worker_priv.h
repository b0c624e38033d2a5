/* worker_priv.h: a worker's insides, for the files that make up its turn.
 * Owns: see the fields. Never: included outside worker*.c.
 * Invariant: all of it belongs to the worker's thread while that runs, but for mailboxes and
 *   metrics.
 * Callers: worker.c (thread, mailboxes), worker_io.c (sockets), worker_ice.c (checks),
 *   worker_dtls.c (handshakes, records), worker_transport.c (life of a transport). */
#pragma once

#include "rng.h"
#include "transports.h"
#include "worker.h"

enum {
    WORKER_MAGIC = 0x776f726b,
    WORKER_FAMILIES = 2, /* index 0: IPv4, 1: IPv6 */
    ECHO_RETRY_MS = 200, /* between checks of ours; clients answer at once */
    ECHO_SENT_MAX = 7,   /* as RFC 8489 resends a request */
};

struct thread;
struct outbox;

struct worker_socket {
    /* owned */ struct udp_socket *socket; /* NULL: this machine has no such family */
    struct loop_source source;
    /* owned */ struct outbox *out;
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
    struct list handshakes; /* struct transport, by in_handshakes: have held datagrams to feed */
    struct list owed;       /* struct transport, by in_owed */
    struct rng rng;         /* transactions of checks of ours */
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
