/* edge.h: the front door: listeners, TLS, HTTP, WebSocket, tokens, admission.
 * Owns: edge threads, their sockets and connections.
 * Never: decides about rooms; it turns bytes into decoded requests for control and control's
 *   answers into bytes. Nothing here waits for control: a connection that waits costs memory only.
 * Invariant: each request given to control is answered by exactly one edge_reply or edge_upgrade,
 *   or by edge_reply_part up to its end;
 *   answers to connections that are gone are dropped silently (handles go stale).
 * Source: wire/room-api.md 1, 2, 6; wire/realtime.md 1; design sections 6 and 7.
 * Callers: control (edge_* answers), app (create, destroy). */
#pragma once

#include "api.h"
#include "claims.h"
#include "mailbox.h"
#include "metrics.h"

#include "livekit_rtc.pb-c.h"

struct edge;

struct edge_key {
    struct slice key, secret;
};

/* A file of the operators' pages, as it was built into the program. */
struct edge_asset {
    const char *path; /* behind /ui/; empty: the page itself */
    const char *content_type;
    const char *etag;         /* weak, since it stands for both codings: W/"..." */
    struct slice plain, gzip; /* gzip empty: it would be no smaller */
    bool immutable;           /* its name changes with its bytes */
};

/* Bounds that tests move; 0 takes the default of caps.h. All are per edge thread. */
struct edge_limits {
    uint32_t request_ms; /* from its first byte to its last; also TLS handshakes */
    uint32_t idle_ms;    /* keep-alive between requests */
    uint32_t write_ms, write_bytes_min;
    uint32_t answer_ms; /* for control to answer */
    uint32_t linger_ms;
    uint32_t ping_ms, silent_ms, message_ms, close_flush_ms; /* WebSocket */
    uint32_t signals_per_s, signals_burst;
    uint32_t out_bytes_max; /* queued for one WebSocket */
    uint32_t strangers_max, per_address_max, metrics_conns_max;
    uint32_t body_bytes_max; /* of all request bodies held at once */
    uint32_t control_items;  /* the size of to_control: how full it may be for whom */
};

struct edge_config {
    const char *const *binds; /* addresses; count 0: all */
    size_t binds_count;
    uint16_t port;                               /* 0: any free one (tests) */
    const char *metrics_bind;                    /* "127.0.0.1" */
    int metrics_port;                            /* -1: no metrics listener; 0: any free one */
    struct slice metrics_user, metrics_password; /* both empty: no basic auth */
    const struct edge_asset *pages; /* of the metrics listener; count 0: not built in */
    size_t pages_count;
    bool pages_sign;                       /* they are given tokens to join with, on this machine */
    struct slice version, node;            /* told by the pages */
    const char *tls_certificate, *tls_key; /* file paths; NULL: plain HTTP */
    const struct edge_key *keys;           /* copied */
    size_t keys_count;
    const struct slice *trusted_proxies; /* CIDR texts */
    size_t trusted_proxies_count;
    uint32_t threads;
    uint64_t body_bytes_max;
    struct mailbox *to_control; /* items: struct edge_msg *, owned by the receiver */
    /* Until edge_set_ready is called first, health, calls and joins are answered 503. */
    bool loading;
    /* Metrics of threads that are not edge's, to be summed when scraped; borrowed. */
    const struct metrics *const *other_metrics;
    size_t other_metrics_count;
    struct slice metric_labels; /* constant labels: node_id="...",node_type="SERVER" */
    struct edge_limits limits;
};

/* Binds all listeners before it returns. IO: an address could not be bound (logged). */
must_check enum status edge_create(const struct edge_config *config, struct edge **ret_edge);
/* Stops accepting at once, gives open requests up to `grace_ms`, then closes all and joins. */
struct edge *edge_destroy(struct edge *e, uint32_t grace_ms);
/* Any thread, one at a time. From now on these keys and no others are valid; sessions that are open
 * go on. Copied. INVALID (none, or too many) and NO_MEMORY change nothing. */
must_check enum status edge_set_keys(struct edge *e, const struct edge_key *keys, size_t count);
/* As tls_context_create says, for connections made afterwards; a failure changes nothing. INVALID:
 * this edge speaks plain HTTP. */
must_check enum status edge_reload_tls(struct edge *e, const char *certificate, const char *key);
/* Closes the listeners; what is open goes on. NULL: nothing. */
void edge_stop_accepting(struct edge *e);
uint16_t edge_port(const struct edge *e);         /* the bound one */
uint16_t edge_metrics_port(const struct edge *e); /* 0: none */
/* Health of GET /: set by control each turn; the first ends `loading`. Any thread. Stale for over 4
 * s counts as not ready. */
void edge_set_ready(struct edge *e, bool ready, uint64_t now_wall_ms);
/* While draining, joins and creates are still decided by control; this only stops keep-alive. */
void edge_set_draining(struct edge *e);

enum edge_msg_kind {
    EDGE_API,      /* decoded Twirp call */
    EDGE_VALIDATE, /* /rtc/validate, /rtc/v1/validate */
    EDGE_JOIN, /* WebSocket upgrade of /rtc or /rtc/v1, checked as far as tokens and decoding go */
    EDGE_PAGE, /* what the operators' pages show of rooms; of the metrics listener alone */
    EDGE_SIGNAL, /* a signal message of a connection that was upgraded */
    /* The connection of an EDGE_JOIN is gone: comes once, and last, for each handle that was not
     * answered by edge_reply; also when control closed it itself. */
    EDGE_CLOSED,
    EDGE_REPLY_MORE, /* the last edge_reply_part of this connection has left: the next may come */
    EDGE_REPLY_GONE, /* nobody reads the answer in parts any more: no further part is sent */
};

struct edge_join {
    bool single_peer_connection;            /* join_request was given */
    const Livekit__JoinRequest *request;    /* v0 query parameters are mapped onto it */
    bool has_client_metadata_or_attributes; /* given by the client, not by the token */
    struct slice publish;                   /* legacy v0 parameter, mostly empty */
    struct slice client_address;            /* text, through trusted proxies only */
    bool subscriber_allow_pause;
};

/* A page of a list: rows from a place on, of names that begin so. */
struct edge_page {
    bool of_room; /* participants of `room`, else rooms */
    struct slice room, prefix;
    uint32_t from, limit;
};

/* One message to control. Everything it points to lies in its arena.
 * Free with edge_msg_free after the step. */
struct edge_msg {
    struct arena arena; /* owned */
    enum edge_msg_kind kind;
    uint64_t conn;               /* opaque handle for the answer; never 0 */
    uint64_t received_us;        /* monotonic, for latency */
    const struct claims *claims; /* API, VALIDATE, JOIN; NULL: anonymous */
    const struct api_method *method;
    enum api_coding coding;
    const ProtobufCMessage *request; /* API */
    struct edge_join join;           /* VALIDATE, JOIN */
    struct edge_page page;
    const Livekit__SignalRequest *signal;
};
void edge_msg_free(struct edge_msg *m);

enum edge_body { EDGE_BODY_JSON, EDGE_BODY_PROTOBUF, EDGE_BODY_TEXT };

/* Control thread only. False: that edge thread is behind (its mailbox is full); the caller closes
 * the session or lets the client time out, and counts. Bodies are copied. */
must_check bool edge_reply(struct edge *e, uint64_t conn, uint16_t http_status, enum edge_body kind,
                           struct slice body);
/* An answer of unknown length: FIRST with status and kind, any NEXT, then LAST. Each but the first
 * waits for EDGE_REPLY_MORE, so that one part at most is held. ABORT in place of any: the
 * connection breaks off, which the client sees. After EDGE_REPLY_GONE nothing more is expected. */
enum edge_part { EDGE_PART_FIRST, EDGE_PART_NEXT, EDGE_PART_LAST, EDGE_PART_ABORT };
must_check bool edge_reply_part(struct edge *e, uint64_t conn, uint16_t http_status,
                                enum edge_body kind, enum edge_part part, struct slice bytes);
/* From now on what control says wakes an edge thread when edge_wake is called, or when much has
 * come together: once for all answers of a turn, not once for each. */
void edge_gather(struct edge *e);
void edge_wake(struct edge *e);
/* 101 Switching Protocols; then edge_send works on this handle. */
must_check bool edge_upgrade(struct edge *e, uint64_t conn);
/* One encoded SignalResponse. Text-mode clients get it as JSON. */
must_check bool edge_send(struct edge *e, uint64_t conn, struct slice signal_response);
/* Signs a token payload (JSON) with the key that its issuer names and sends it as
 * SignalResponse.refresh_token. Of a key that is gone meanwhile: nothing is sent. */
must_check bool edge_send_refresh_token(struct edge *e, uint64_t conn, struct slice payload);
/* Flushes for at most WS_CLOSE_FLUSH_MS, then a close frame with this code. */
must_check bool edge_close(struct edge *e, uint64_t conn, uint16_t ws_code);
