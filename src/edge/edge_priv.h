/* edge_priv.h: what the files of this folder share: threads, connections, commands.
 * Owns: see the fields. Everything but struct edge_cmd and the fields said to be shared belongs to
 *   one edge thread. */
#pragma once

#include <stdatomic.h>

#include "clock.h"
#include "edge.h"
#include "hmac.h"
#include "http.h"
#include "log.h"
#include "loop.h"
#include "map.h"
#include "mem.h"
#include "net_address.h"
#include "pool.h"
#include "tcp.h"
#include "thread.h"
#include "tls.h"
#include "ws.h"

enum {
    EDGE_MAGIC = 0x45444745,
    EDGE_THREAD_MAGIC = 0x45445448,
    EDGE_CONN_MAGIC = 0x4544434e,
    EDGE_THREADS_MAX = 64,      /* the handle has 8 bits for it */
    EDGE_KEYS_MAX = 1024,       /* as many as the settings hold */
    EDGE_LISTENERS_MAX = 65,    /* binds and metrics */
    EDGE_ACCEPTS_PER_TURN = 64, /* the rest stays in the kernel's queue until the next turn */
    EDGE_CMDS_PER_TURN = 512,
    EDGE_UNSENT_MAX = 65536,       /* as many as there can be connections */
    EDGE_STATUS_CLASSES = 3,       /* 200, 4xx, 5xx */
    EDGE_READ_BYTES = 64 * 1024,   /* one read of one connection a turn: fairness */
    EDGE_LINGER_MS = 1000,         /* after an early answer: read and drop, so that it arrives */
    EDGE_WS_SILENT_MS = 35 * 1000, /* three pings unanswered: the peer is gone */
    EDGE_READY_STALE_MS = 4000,    /* reference: health is stale after this */
    EDGE_PER_ADDRESS_MAX = 512,    /* connections of one address that have not shown a token */
    EDGE_ADDRESSES_MAX = 65536,    /* addresses counted at once, per thread */
    EDGE_MSG_BYTES_MAX =
        32 << 20, /* arena of one decoded message: unpacked is larger than packed */
};

enum edge_cmd_kind { CMD_REPLY, CMD_UPGRADE, CMD_SEND, CMD_REFRESH_TOKEN, CMD_CLOSE };

/* From control to a thread, by value; owns its bytes. */
struct edge_cmd {
    enum edge_cmd_kind kind;
    enum edge_body body_kind;
    uint16_t http_status, ws_code;
    uint64_t conn;
    struct bytes bytes;
};

enum conn_state {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* reading, or waiting for, a request head */
    CONN_BODY,      /* reading its body */
    CONN_WAITING,   /* control has an API call of it */
    CONN_JOINING,   /* control has a join of it */
    CONN_WEBSOCKET,
    CONN_CLOSING, /* flushes, then closes; what comes in is dropped */
};

/* The request being read or answered. */
struct edge_request {
    struct edge_msg *msg;            /* owned until control has it */
    const struct api_method *method; /* of a Twirp route, else NULL */
    enum api_coding coding;
    bool keep_alive, head_only, chunked, is_form;
    size_t head_bytes;  /* of c->in, still to be dropped */
    uint64_t body_left; /* of a Content-Length body */
    struct http_chunked chunks;
    struct buf body;
    uint64_t begun_us;
    char cors_origin[256]; /* echoed; empty: none */
    bool cors_any;         /* validate: always "*" */
};

struct edge_conn {
    uint32_t magic;
    struct edge_thread *thread; /* borrowed: outlives us */
    struct pool_ref ref;
    int fd;               /* owned */
    struct tls_conn *tls; /* owned; NULL: plain */
    struct loop_source source;
    struct loop_timer timer; /* the one deadline of its state */
    enum conn_state state;
    struct net_address peer;
    bool is_metrics;     /* came in by the metrics listener */
    bool counted;        /* in the per-address count of strangers */
    bool reading_wanted; /* backpressure: false while an answer is awaited */
    bool text_mode;      /* WebSocket: last message was text, answers are JSON */
    bool write_stalled;
    struct buf in, out;
    size_t out_sent, head_seen;
    struct edge_request request;
    /* WebSocket */
    uint8_t ws_key[64]; /* of the handshake, while control decides */
    size_t ws_key_len;
    struct ws_assembler assembler;
    struct buf message; /* fragments */
    uint64_t tokens_at_ms, heard_at_ms;
    uint32_t tokens_milli; /* rate limit, thousandths of a message */
    bool close_sent;
};

struct stranger_count {
    struct map_node node;
    struct net_address key;
    uint32_t count;
};

struct edge_thread {
    uint32_t magic;
    uint32_t index;
    struct edge *edge; /* borrowed */
    struct thread *thread;
    struct loop *loop;
    struct mailbox *commands; /* control -> this thread */
    struct loop_source command_source;
    struct loop_timer second; /* once a second: gauges */
    struct pool conns;
    struct map strangers;
    uint32_t strangers_count, handshakes;
    uint64_t body_bytes; /* held in request bodies */
    struct listener {
        struct edge_thread *thread;
        struct loop_source source;
        int fd;
        bool is_metrics;
    } listeners[EDGE_LISTENERS_MAX];
    size_t listeners_count;
    bool accept_paused;
    uint64_t unsent[EDGE_UNSENT_MAX]; /* handles whose EDGE_CLOSED control had no room for */
    size_t unsent_count;
    uint32_t websockets;
    struct hmac_key *hmacs[EDGE_KEYS_MAX]; /* one per API key, of this thread */
    struct metrics metrics;
    struct latency latencies[API_OP_COUNT];
    uint64_t statuses[API_OP_COUNT][EDGE_STATUS_CLASSES];
    uint8_t scratch[EDGE_READ_BYTES];
    atomic_bool stop_accepting;
};

struct edge {
    uint32_t magic;
    struct edge_config config; /* what it points to is the creator's and outlives us */
    struct net_prefix trusted[64];
    size_t trusted_count;
    struct tls_context *tls;
    uint16_t port, metrics_port;
    struct edge_thread *threads[EDGE_THREADS_MAX];
    uint32_t threads_count;
    /* Shared, atomic. */
    atomic_bool ready, draining;
    atomic_uint_fast64_t ready_at_ms;
};

/* edge_conn.c: bytes in, bytes out, the end. A call may end the connection: callers that go on
 * check conn_resolve, or return at once when told CONN_GONE. */
must_check struct edge_conn *conn_create(struct edge_thread *t, int fd,
                                         const struct net_address *peer, bool is_metrics);
void conn_destroy(struct edge_conn *c);           /* at once, nothing is flushed */
void conn_close_after_flush(struct edge_conn *c); /* CONN_CLOSING, or destroyed when flushed */
must_check bool conn_flush(struct edge_conn *c);  /* false: the connection is gone */
must_check bool conn_out_is_bounded(struct edge_conn *c); /* false: too slow a reader, and gone */
void conn_want_read(struct edge_conn *c, bool wanted);
void conn_set_deadline(struct edge_conn *c, uint64_t after_ms); /* 0: none */
uint64_t conn_handle(const struct edge_conn *c);
struct edge_conn *conn_resolve(struct edge_thread *t, uint64_t handle);
void conn_known(struct edge_conn *c); /* it showed a good token: no longer a stranger */

/* edge_http.c */
void http_on_bytes(struct edge_conn *c); /* c->in has grown; may end the connection */
void http_answer(struct edge_conn *c, uint16_t status, const char *content_type,
                 struct slice body); /* completes the request; may end the connection */
void http_answer_twirp(struct edge_conn *c, enum twirp_code code, const char *msg,
                       struct slice meta_key, struct slice meta_value);
void http_answer_text(struct edge_conn *c, uint16_t status, const char *text);
void http_answer_not_found(struct edge_conn *c);        /* Go's 404 page */
void http_answer_upgrade_required(struct edge_conn *c); /* 426 */
/* A whole answer was put into c->out by the caller. */
void http_complete(struct edge_conn *c, bool keep);
void http_request_clear(struct edge_conn *c);
void http_give_to_control(struct edge_conn *c, enum conn_state state);

/* edge_route.c: what a request is for. */
enum route_result {
    ROUTE_DONE,      /* answered, or given to control */
    ROUTE_READ_BODY, /* go on when the body is in: route_with_body */
};
enum route_result route_head(struct edge_conn *c, const struct http_request *r);
void route_with_body(struct edge_conn *c, struct slice body);
void route_put_cors(const struct edge_conn *c, struct buf *out);

/* edge_token.c: OK with *ret_claims NULL for an anonymous caller; else the text to answer 401. */
must_check bool token_check(struct edge_thread *t, struct slice token, struct arena *arena,
                            const struct claims **ret_claims, char *error, size_t error_size);
/* Authorization header or access_token parameter. False: *error says why (401). */
must_check bool token_from_request(struct edge_thread *t, const struct http_request *r,
                                   struct arena *arena, const struct claims **ret_claims,
                                   bool *ret_none, char *error, size_t error_size);

/* edge_join.c: query to JoinRequest. False: *ret_status and *ret_text tell what to answer. */
must_check bool join_decode(struct edge_conn *c, const struct http_request *r, bool v1,
                            bool validate, uint16_t *ret_status, const char **ret_text);
struct slice join_client_address(struct edge_conn *c, const struct http_request *r,
                                 struct arena *arena);

/* edge_ws.c */
void ws_on_bytes(struct edge_conn *c);
void ws_begin(struct edge_conn *c); /* 101 is written; the connection is a WebSocket now */
void ws_send_signal(struct edge_conn *c, struct slice signal_response);
void ws_send_refresh_token(struct edge_conn *c, struct slice payload);
void ws_close(struct edge_conn *c, uint16_t code);
void ws_on_ping_due(struct edge_conn *c);

/* edge_thread.c */
must_check struct edge_thread *edge_thread_create(struct edge *e, uint32_t index);
struct edge_thread *edge_thread_destroy(struct edge_thread *t);
/* Before edge_thread_start; the descriptor is the thread's from now on, also on failure. */
must_check enum status edge_thread_listen(struct edge_thread *t, int fd, bool is_metrics);
must_check enum status edge_thread_start(struct edge_thread *t);
/* Ends the thread, then lets queued output go out for at most grace_ms. NULL: nothing. */
void edge_thread_halt(struct edge_thread *t, uint32_t grace_ms);
/* Counts an answer of a Twirp call, with its latency. */
void edge_count_answer(struct edge_conn *c, uint16_t status);
/* Tells control that a handle is gone; kept and repeated when control has no room. */
void edge_tell_closed(struct edge_thread *t, uint64_t handle);
struct edge_msg *edge_msg_create(enum edge_msg_kind kind);

/* edge_metrics.c */
void edge_render_metrics(struct edge *e, struct buf *out);
bool edge_is_ready(struct edge *e, uint64_t now_wall_ms);
