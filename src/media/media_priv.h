/* media_priv.h: what the threads of media say to each other.
 * Owns: nothing; messages go by value through mailboxes, what they point to changes its owner.
 * Never: shares a buffer: who takes a message out frees what came with it.
 * Invariant: a worker tells the data thread of a transport before it passes packets of it, and
 *   passes none after it told that it is gone.
 * Callers: media.c (control's side), workers, the data thread. */
#pragma once

#include "media.h"
#include "net_address.h"

/* Bytes on their way to another thread; freed with mem_free. */
struct packet {
    size_t len;
    uint8_t bytes[];
};
must_check struct packet *packet_create(struct slice bytes); /* NULL without memory */

/* A TCP connection with its first datagram, on its way to the worker whose client it is. */
struct tcp_arrival {
    int fd; /* owned */
    struct net_address peer;
    /* owned */ struct packet *first; /* a whole datagram */
    /* owned */ struct packet *rest;  /* bytes that came behind it; NULL: none */
    uint32_t asked;                   /* workers that did not know its user name */
};

/* Control to a worker. */
struct transport;
struct transport_remote;
struct credentials;
struct receiver;
struct sender;
enum worker_command_kind {
    WORKER_OPEN,
    WORKER_REMOTE,
    WORKER_RESTART,
    WORKER_BANDWIDTH,
    WORKER_CLOSE,
    WORKER_RECEIVE_PUT,
    WORKER_RECEIVE_REMOVE,
    WORKER_SEND_PUT,
    WORKER_SEND_SET,
    WORKER_SEND_REMOVE,
    WORKER_TCP, /* from another worker */
};
struct worker_mid {
    uint8_t len;
    char text[RTP_SECTION_MID_BYTES_MAX];
};
struct worker_command {
    enum worker_command_kind kind;
    uint64_t transport;   /* SEND_REMOVE: the send */
    uint64_t bitrate_bps; /* BANDWIDTH */
    union {               /* pointers: owned by who holds the message */
        struct transport *open;
        struct transport_remote *remote;
        struct credentials *restart;
        struct receiver *receive;
        struct worker_mid mid; /* RECEIVE_REMOVE */
        struct sender *send;
        struct media_want want;
        struct tcp_arrival arrival;
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
struct handle_subscription;
enum data_command_kind {
    DATA_ROUTE_PUT,
    DATA_ROUTE_REMOVE,
    DATA_SEND,
    DATA_HANDLE_PUT,
    DATA_HANDLE_REMOVE,
};
struct data_command {
    enum data_command_kind kind;
    uint64_t id; /* ROUTE_REMOVE: participant; SEND: room */
    bool reliable;
    /* owned */ struct route *route;                      /* ROUTE_PUT */
    /* owned */ struct packet *packet;                    /* SEND */
    /* owned */ struct handle_subscription *subscription; /* HANDLE_PUT */
    struct media_handle handle;                           /* HANDLE_REMOVE */
};

enum {
    TURN_MESSAGES_MAX = 256, /* taken from one mailbox in one turn: the others wait no longer */
    OWED_RETRY_MS = 20,      /* how soon something that a full mailbox refused is tried again */
};
