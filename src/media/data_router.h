/* data_router.h: what becomes of a message that came in on a data channel: the rules of routing.
 * Owns: the routes.
 * Never: sees SCTP: it hands messages to `send`, which answers at once.
 * Invariant: a message goes to each recipient at most once, never back to its sender, and says of
 *   its sender only what control said.
 * Source: wire/realtime.md 3.10 (server forwarding 1 to 7), traps 34, 35, 47, 50.
 * Callers: the data thread. */
#pragma once

#include "data_packet.h"
#include "handles.h"
#include "metrics.h"
#include "routes.h"

enum data_sent {
    DATA_SENT,
    DATA_SENT_NOT_OPEN,  /* its channels are not up (yet, or any more) */
    DATA_SENT_SLOW,      /* too much waits already; when reliable, the receiver is being closed */
    DATA_SENT_TOO_LARGE, /* for what this receiver said it takes */
};

struct data_router_config {
    struct hash_key key;
    /* borrowed */ struct metrics *metrics;
    enum data_sent (*send)(void *arg, uint64_t transport, enum data_packet_kind kind,
                           struct slice message);
    void *send_arg;
    /* On the channel of data tracks; NULL: packets of data tracks go nowhere. */
    enum data_sent (*send_track)(void *arg, uint64_t transport, struct slice packet);
    /* The first numbered packet of a session has come; false: could not be told, asked again with
     * the next one. NULL: nobody cares. */
    bool (*heard)(void *arg, const struct route *from);
    /* An answer to a call of the server's. NULL: nobody wants them. */
    void (*to_server)(void *arg, const struct route *from, struct slice packet);
};

struct data_router {
    struct data_router_config config;
    struct routes routes;
    struct handles handles;
    struct buf out; /* the message as receivers get it */
};

must_check enum status data_router_init(struct data_router *r,
                                        const struct data_router_config *config);
void data_router_deinit(struct data_router *r); /* zeroed: fine */
/* A message of `_reliable` or `_lossy` of a transport. */
void data_router_receive(struct data_router *r, uint64_t transport, enum data_packet_kind kind,
                         struct slice message, uint64_t now_ms);
/* A packet of the channel of data tracks. */
void data_router_receive_track(struct data_router *r, uint64_t transport, struct slice packet,
                               uint64_t now_ms);
/* A packet of the server's own; its destinations are in it. */
void data_router_send(struct data_router *r, uint64_t room, enum data_packet_kind kind,
                      struct slice packet, uint64_t now_ms);
/* Both channels of a transport are open: its participant gets what it missed. */
void data_router_opened(struct data_router *r, uint64_t transport, uint64_t now_ms);
void data_router_tick(struct data_router *r, uint64_t now_ms);
