/* ice_tcp.h: framed datagrams over TCP connections, for clients whose network lets no UDP pass.
 * Owns: struct tcp_listener its sockets and the connections that have said nothing yet;
 *   struct tcp_links those of one worker.
 * Never: lets a reader that does not read hold more than ICE_TCP_OUT_BYTES_MAX, or a connection
 *   stay that has not shown a known user name within ICE_TCP_FIRST_MS.
 * Invariant: a connection belongs to one worker, and passes on whole datagrams in order.
 * Source: RFC 4571 (framing), RFC 6544 (ICE over TCP, passive side); design section 6.
 * Callers: workers, each on its own thread; the listener lives on worker 0. */
#pragma once

#include "caps.h"
#include "list.h"
#include "loop.h"
#include "map.h"
#include "media_priv.h"
#include "udp.h"

/* A path over TCP: the local side names the connection. */
enum { PATH_TCP = 0x7c };
static inline bool path_is_tcp(const struct udp_path *p) {
    return p->local.family == PATH_TCP;
}

/* What a link or the listener gives to its worker. */
struct tcp_owner {
    void *arg;
    struct loop *loop;
    struct metrics *metrics;
    /* A whole datagram, writable; the link may be closed by what it causes. */
    void (*on_datagram)(void *arg, const struct udp_path *path, uint8_t *data, size_t len);
    /* The first datagram of a connection: who takes it? Takes fd and first over. */
    void (*on_first)(void *arg, struct tcp_arrival *arrival);
};

struct tcp_links {
    struct map by_number;
    struct tcp_owner owner;
    uint32_t last_number;
};
must_check enum status tcp_links_init(struct tcp_links *l, struct hash_key key,
                                      const struct tcp_owner *owner);
void tcp_links_deinit(struct tcp_links *l); /* closes all; zeroed: fine */
/* Takes the arrival over: its first datagram is handed on before this returns. */
void tcp_links_adopt(struct tcp_links *l, struct tcp_arrival *arrival);
/* Sends, or queues within the bound, or drops; counted. */
void tcp_links_send(struct tcp_links *l, const struct udp_path *path, struct slice datagram);

struct tcp_listener;
/* Both families on one port; port 0: any free one. EXISTS, DENIED, NO_MEMORY. */
must_check enum status tcp_listener_create(uint16_t port, const struct tcp_owner *owner,
                                           struct tcp_listener **ret_listener);
struct tcp_listener *tcp_listener_destroy(struct tcp_listener *l); /* NULL: fine */
uint16_t tcp_listener_port(const struct tcp_listener *l);
/* Nobody knows it. */
void tcp_arrival_drop(struct tcp_arrival *a);
