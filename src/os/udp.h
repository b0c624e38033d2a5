/* udp.h: UDP sockets in batches: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.
 * Owns: struct udp_socket its descriptor and the vectors for sending; struct udp_inbox its buffers.
 * Never: blocks, allocates after creation, or changes the borders of datagrams: what the kernel
 *   joined is split again, what is joined here leaves as the datagrams given.
 * Invariant: a reply sent with the path of what came leaves from the address that was asked.
 * Callers: media workers, one thread for each socket and inbox. */
#pragma once

#include "net_address.h"

enum {
    UDP_SEGMENTS_MAX = 16, /* datagrams joined in one send; above, the gain is small */
    UDP_MESSAGES_MAX = 64, /* kernel messages in one system call, in and out */
    UDP_INBOX_MESSAGES = 32,
    UDP_INBOX_MESSAGE_BYTES = 65536, /* the most that GRO joins */
};

struct udp_socket;

struct udp_options {
    struct net_address bind; /* family decides the socket; port 0: any free one */
    uint32_t receive_bytes;  /* kernel buffers asked for; 0: leave */
    uint32_t send_bytes;
    bool no_segmentation; /* neither UDP_GRO nor UDP_SEGMENT */
};

/* EXISTS: port taken. DENIED, UNAVAILABLE, NO_MEMORY, IO. */
must_check enum status udp_open(const struct udp_options *options, struct udp_socket **ret_socket);
/* The first free port of [first, last]; EXISTS when all are taken. */
must_check enum status udp_open_range(const struct udp_options *options, uint16_t first,
                                      uint16_t last, struct udp_socket **ret_socket);
struct udp_socket *udp_close(struct udp_socket *s);
int udp_fd(const struct udp_socket *s);
struct net_address udp_local(const struct udp_socket *s); /* as bound, with the real port */

/* Between which two addresses a datagram moves. */
struct udp_path {
    struct net_address remote;
    struct net_address local; /* NET_NONE when sending: the kernel chooses */
};

struct udp_datagram {
    uint8_t *data; /* in the inbox: writable, valid until the next udp_receive into it */
    uint32_t len;
    const struct udp_path *path; /* valid as long as data */
};

struct udp_inbox;
must_check struct udp_inbox *udp_inbox_create(void); /* about 2 MB; NULL without memory */
struct udp_inbox *udp_inbox_destroy(struct udp_inbox *in);
/* One system call. Returns the count of datagrams, 0 when none waits; `*ret_list` is the inbox's
 * array. There may be more: come back until 0, or rely on a level-triggered loop. */
size_t udp_receive(struct udp_socket *s, struct udp_inbox *in,
                   const struct udp_datagram **ret_list);

struct udp_outgoing {
    struct udp_path path;
    struct slice data; /* borrowed during the call; 1 to 65507 bytes */
};
/* Sends in order. Neighbours in the list with the same path and length (the last may be shorter)
 * go out joined: callers put what belongs to one destination side by side. Returns how many were
 * dealt with, sent or refused (counted); fewer than `count`: the socket is full, come back with
 * the rest when it is writable or let them go. */
size_t udp_send(struct udp_socket *s, const struct udp_outgoing *list, size_t count);

struct udp_stats {
    uint64_t datagrams_in, bytes_in, datagrams_out, bytes_out;
    uint64_t calls_in, calls_out;
    uint64_t refused;      /* not sendable: no route, bad address; the network's loss */
    uint64_t overflowed;   /* messages with more datagrams than the inbox lists */
    uint64_t messages_out; /* to the kernel: a joined run is one */
    uint64_t joined;       /* datagrams that left in segmented sends */
    uint64_t full;         /* times the socket was full */
    bool segmentation_on;  /* off after it failed on this machine */
    bool receive_joined;   /* UDP_GRO is on */
};
struct udp_stats udp_stats(const struct udp_socket *s);
