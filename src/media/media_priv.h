/* media_priv.h: what the threads of media say to each other.
 * Owns: nothing; messages go by value through mailboxes, what they point to changes its owner.
 * Never: shares a buffer: who takes a message out frees what came with it.
 * Invariant: a worker tells the data thread of a transport before it passes packets of it, and
 *   passes none after it told that it is gone.
 * Callers: media.c (control's side), workers, the data thread. */
#pragma once

#include "media.h"

/* Bytes on their way to another thread; freed with mem_free. */
struct packet {
    size_t len;
    uint8_t bytes[];
};
must_check struct packet *packet_create(struct slice bytes); /* NULL without memory */

/* Control to a worker. */
struct transport;
struct transport_remote;
struct credentials;
enum worker_command_kind { WORKER_OPEN, WORKER_REMOTE, WORKER_RESTART, WORKER_CLOSE };
struct worker_command {
    enum worker_command_kind kind;
    uint64_t transport;
    union { /* owned by who holds the message */
        struct transport *open;
        struct transport_remote *remote;
        struct credentials *restart;
    };
};

/* The data thread to a worker: an SCTP packet to send, or (NULL) an order to close the transport,
 * whose receiver is too slow. */
struct worker_packet {
    uint64_t transport;
    /* owned */ struct packet *packet;
};

/* A worker to the data thread. */
enum data_input_kind { DATA_INPUT_OPEN, DATA_INPUT_PACKET, DATA_INPUT_CLOSE };
struct data_input {
    enum data_input_kind kind;
    uint64_t transport;
    uint32_t worker;            /* OPEN: who sends for it */
    bool opens_channels;        /* OPEN */
    uint32_t max_message_bytes; /* OPEN: what the client takes */
    /* owned */ struct packet *packet;
};

/* Control to the data thread. */
struct route;
enum data_command_kind { DATA_ROUTE_PUT, DATA_ROUTE_REMOVE, DATA_SEND };
struct data_command {
    enum data_command_kind kind;
    uint64_t id; /* ROUTE_REMOVE: participant; SEND: room */
    bool reliable;
    /* owned */ struct route *route;   /* ROUTE_PUT */
    /* owned */ struct packet *packet; /* SEND */
};

enum {
    TURN_MESSAGES_MAX = 256, /* taken from one mailbox in one turn: the others wait no longer */
    OWED_RETRY_MS = 20,      /* how soon something that a full mailbox refused is tried again */
};
