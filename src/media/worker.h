/* worker.h: one media thread: its port, its transports, their packets.
 * Owns: two UDP sockets (IPv4 and, where there is IPv6, the same port of it), two mailboxes, its
 *   transports, the loop and the thread.
 * Never: asks anybody and waits: what others must know goes into their mailboxes, or is owed.
 * Invariant: everything of a transport happens on the thread of its worker.
 * Source: design section 6.
 * Callers: media.c. */
#pragma once

#include "mailbox.h"
#include "media_priv.h"
#include "metrics.h"

struct worker;
struct dtls_identity;

struct worker_config {
    uint32_t index;
    uint16_t port;     /* 0: any free one */
    bool listens;      /* for ICE over TCP, for all workers */
    uint16_t tcp_port; /* 0: any free one */
    uint32_t transport_timeout_ms, silent_timeout_ms, handshake_timeout_ms;
    /* borrowed */ struct dtls_identity *identity;
    /* borrowed */ struct mailbox *to_control;  /* struct media_event */
    /* borrowed */ struct mailbox *data_inputs; /* struct data_input */
};

/* EXISTS: the port is taken. DENIED, UNAVAILABLE, NO_MEMORY, IO. */
must_check enum status worker_create(const struct worker_config *config,
                                     struct worker **ret_worker);
/* Before worker_start: who is asked next whose a TCP connection is, and how many are in the ring.
 */
void worker_set_next(struct worker *w, struct mailbox *commands, uint32_t workers);
uint16_t worker_tcp_port(const struct worker *w); /* 0: it does not listen */
must_check enum status worker_start(struct worker *w);
void worker_stop(struct worker *w); /* waits until it has ended; not started: nothing */
struct worker *worker_destroy(struct worker *w); /* stopped, and so is who sends to it */

struct mailbox *worker_commands(struct worker *w); /* struct worker_command */
struct mailbox *worker_packets(struct worker *w);  /* struct worker_packet */
const struct metrics *worker_metrics(const struct worker *w);
uint16_t worker_port(const struct worker *w);
bool worker_has_v6(const struct worker *w);
