/* tcp.h: TCP sockets without blocking; errno stops here.
 * Owns: nothing; descriptors are the callers' (fd.h closes them).
 * Never: blocks, raises SIGPIPE, or hands a descriptor to a child process.
 * Invariant: every descriptor from here is nonblocking and close-on-exec.
 * Callers: edge, media (ICE over TCP), crypt (under TLS). Any thread. */
#pragma once

#include "net_address.h"

struct tcp_listen_options {
    uint32_t backlog; /* 0: the kernel's bound */
    bool reuse_port;  /* several sockets share the port, the kernel spreads connections */
};

/* An IPv6 socket takes IPv6 alone: bind both families to have both. EXISTS: the port is taken.
 * DENIED: not allowed (low port). UNAVAILABLE: not our address, or family absent. */
must_check enum status tcp_listen(const struct net_address *bind,
                                  const struct tcp_listen_options *options, int *ret_fd);
/* AGAIN: none waits. EXHAUSTED: no descriptors or memory; ask again later, not at once. A
 * connection that died in the queue is skipped. TCP_NODELAY is set. */
must_check enum status tcp_accept(int listen_fd, int *ret_fd, struct net_address *ret_peer);
/* Starts to connect: wait for LOOP_WRITE, then ask tcp_connect_result. */
must_check enum status tcp_connect(const struct net_address *to, int *ret_fd);
must_check enum status tcp_connect_result(int fd); /* OK, UNAVAILABLE, TIMEOUT, IO */

/* OK: at least one byte. AGAIN, CLOSED (end of stream), IO (reset and the like). size > 0. */
must_check enum status tcp_read(int fd, void *out, size_t size, size_t *ret_len);
/* OK: at least one byte taken, perhaps not all. AGAIN, CLOSED (peer gone), IO. */
must_check enum status tcp_write(int fd, struct slice data, size_t *ret_len);
/* At most TCP_PARTS_MAX parts are looked at; not all of them empty. */
enum { TCP_PARTS_MAX = 16 };
must_check enum status tcp_write_parts(int fd, const struct slice *parts, size_t count,
                                       size_t *ret_len);
/* The first bytes of what waits to be read, without taking them; how many wait in all. */
size_t tcp_peek(int fd, void *out, size_t size);
size_t tcp_unread(int fd);
/* LOOP_READ comes once so many bytes wait, or none will come any more. */
void tcp_set_read_min(int fd, uint32_t bytes);
void tcp_shutdown_write(int fd);
void tcp_set_nodelay(int fd, bool on);
/* How many unsent bytes the kernel takes before it answers AGAIN. */
void tcp_set_unsent_max(int fd, uint32_t bytes);

must_check enum status tcp_local_address(int fd, struct net_address *ret_address);
must_check enum status tcp_peer_address(int fd, struct net_address *ret_address);
