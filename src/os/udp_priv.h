/* udp_priv.h: the socket as udp.c, udp_receive.c and udp_send.c share it.
 * Owns: see struct udp_socket.
 * Never: leaves the folder.
 * Invariant: the vectors hold nothing between two calls.
 * Callers: udp*.c. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "udp.h"

/* glibc's headers have them under <netinet/udp.h>, older ones not at all. */
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
    UDP_SOCKET_MAGIC = 0x55445053,
    UDP_SEND_BYTES_MAX = 65000, /* of one segmented send: below the 65507 of one datagram */
    UDP_CONTROL_BYTES = 64,     /* fits an in6_pktinfo and a segment size */
};
static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) <= UDP_CONTROL_BYTES,
              "both control messages fit");

/* Room for control messages, aligned as they ask. A struct cmsghdr ends in a flexible array and
 * so has no place in a union that stands in another struct. */
struct udp_control {
    _Alignas(struct cmsghdr) uint8_t bytes[UDP_CONTROL_BYTES];
};

/* One message for the kernel: up to UDP_SEGMENTS_MAX datagrams of one path. */
struct udp_message {
    struct sockaddr_storage to;
    struct iovec parts[UDP_SEGMENTS_MAX];
    struct udp_control control;
    uint32_t count; /* datagrams in it */
    size_t bytes;
};

struct udp_socket {
    uint32_t magic;
    int fd; /* owned */
    struct net_address local;
    bool segmentation; /* UDP_SEGMENT is used */
    struct udp_stats stats;
    struct mmsghdr headers[UDP_MESSAGES_MAX]; /* for sending, as are the messages */
    struct udp_message messages[UDP_MESSAGES_MAX];
};
