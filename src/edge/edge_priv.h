/* edge_priv.h: what the files of this folder share: threads, connections, requests, commands.
 * Owns: see the fields. Everything but struct edge_cmd and the fields said to be shared belongs to
 *   one edge thread.
 * Never: ends a connection inside a call. conn_end marks it; the end of the turn settles each
 *   connection that was touched: writes, asks epoll, sets the timer, or frees it.
 * Invariant: a struct edge_conn stays valid until the end of the turn it was seen in. */
#pragma once

#include <stdatomic.h>

#include "clock.h"
#include "edge.h"
#include "hmac.h"
#include "http.h"
#include "list.h"
#include "log.h"
#include "loop.h"
#include "map.h"
#include "mem.h"
#include "net_address.h"
#include "pool.h"
#include "rng.h"
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
    /* Of TLS handshakes: an RSA signature takes one millisecond. Time, not steps: those that wait
     * for more bytes cost next to nothing, and honest ones would queue behind them. */
    EDGE_HANDSHAKE_US_PER_TURN = 4000,
    EDGE_CMDS_PER_TURN = 512,
    EDGE_GATHER_MAX = 32, /* messages to another thread before it is woken: it starts on them */
    EDGE_UNSENT_MAX = EDGE_CONNS_MAX, /* as many closes as there can be connections */
    EDGE_RETRY_MS = 5,                /* closes that control had no room for are tried so often */
    /* Strangers that make room in that time. Beyond, newcomers queue in the kernel: a burst must
     * not push out handshakes that are under way. */
    EDGE_EVICTIONS_MAX = 64,
    EDGE_STATUS_CLASSES = 3,              /* 200, 4xx, 5xx */
    EDGE_OUTCOMES = TWIRP_CODE_COUNT + 1, /* each code of an error, and none: the last */
    EDGE_READ_BYTES = 64 * 1024,          /* one read of one connection a turn: fairness */
    EDGE_READ_HEAD_BYTES = 16 * 1024,  /* where requests begin: at most 600 pipelined in a turn */
    EDGE_PIPELINE_BYTES = 64 * 1024,   /* answers waiting to leave; then no request is taken */
    EDGE_OWNED_BODY_BYTES = 32 * 1024, /* larger answers are handed over instead of copied */
    EDGE_READY_STALE_MS = 4000,        /* reference: health is stale after this */
    EDGE_MSG_BYTES_MAX = 32 << 20,     /* arena of one message: unpacked is larger than packed */
    EDGE_STRANGER_BODY_SHARE = 4,      /* of the bytes for bodies, those without token get 1/4 */
    EDGE_ORIGIN_BYTES_MAX = 320,       /* scheme, the longest name there is, port */
    EDGE_REQUEST_ID_BYTES_MAX = 64,    /* a UUID has 36, a trace id 55 */
};

enum edge_cmd_kind {
    CMD_WAKE,
    CMD_REPLY,
    CMD_PART,
    CMD_UPGRADE,
    CMD_SEND,
    CMD_REFRESH_TOKEN,
    CMD_CLOSE,
};

/* From control to a thread, by value; owns its bytes. */
struct edge_cmd {
    enum edge_cmd_kind kind;
    enum edge_body body_kind;
    enum edge_part part;
    uint16_t http_status, ws_code;
    uint64_t conn;
    struct bytes bytes;
};

enum conn_state {
    CONN_HANDSHAKE, /* TLS */
    CONN_HEAD,      /* reading, or waiting for, a request head */
    CONN_BODY,      /* reading its body */
    CONN_WAITING,   /* control has an API call of it */
    CONN_ANSWERING, /* an answer in parts is leaving, or its next part is being made */
    CONN_JOINING,   /* control has a join of it */
    CONN_WEBSOCKET,
    CONN_CLOSING, /* flushes, then closes; what comes in is dropped */
    CONN_OVER,    /* freed at the end of the turn */
};

/* What a body is read for. */
enum body_use {
    BODY_CALL,     /* a Twirp method that is served */
    BODY_UNSERVED, /* one that is known and not served */
    BODY_FORM,     /* may hold the token: the route comes after it */
    BODY_OPERATOR, /* a Twirp method, called by the operators' pages */
};

/* The request being read or answered. */
struct edge_request {
    /* owned    */ struct edge_msg *msg; /* until control has it */
    const struct api_method *method;     /* of a Twirp route that is served, else NULL */
    enum api_coding coding;
    enum body_use use;
    bool keep_alive, head_only, chunked;
    bool by_stranger;   /* how its body is counted */
    size_t in_bytes;    /* of c->in: head, and body when it lies behind it; dropped together */
    uint64_t body_left; /* not read yet; UINT64_MAX for a chunked body until its end */
    struct slice head;  /* BODY_FORM: a copy in the message's arena */
    struct http_chunked chunks;
    struct buf body;
    uint64_t begun_us;
    uint8_t version_minor;                /* HTTP/1.0 knows no chunks */
    bool part_out, chunk_open, more_owed; /* ANSWERING: a part is leaving, or control is to know */
    enum edge_part part;                  /* the one that leaves, or left last */
    bool cors_any;                        /* validate: always "*" */
    uint8_t ws_key[24];
    char origin[EDGE_ORIGIN_BYTES_MAX];     /* echoed; empty: none */
    char id[EDGE_REQUEST_ID_BYTES_MAX + 1]; /* empty: none */
};

struct edge_conn {
    uint32_t magic;
    int fd; /* owned */
    struct pool_ref ref;
    /* borrowed */ struct edge_thread *thread; /* outlives us */
    /* owned    */ struct tls_conn *tls;       /* NULL: plain */
    uint32_t read_min;                         /* before TLS: bytes that are waited for; 0: any */
    struct loop_source source;
    struct loop_timer timer;
    uint64_t timer_at_ms;  /* what it is set to; UINT64_MAX: not set */
    uint64_t due_ms;       /* when the state ends it; UINT64_MAX: never */
    uint64_t write_due_ms; /* end of the slow reader's window; 0: nothing waits to leave */
    struct list_node in_touched;
    struct list_node in_strangers, in_address;   /* linked until it shows a good token */
    /* borrowed */ struct edge_address *address; /* NULL: not counted by address */
    struct net_address peer;
    enum conn_state state;
    bool is_metrics; /* came in by the metrics listener */
    bool has_begun;  /* a stranger that sent something whole */
    bool peer_done;  /* nothing more will come from it */
    bool read_wants_write, write_wants_read, goodbye_wants_write; /* TLS */
    bool goodbye_said;
    bool text_mode; /* WebSocket: last message was text, answers are JSON */
    bool close_sent;
    uint32_t write_moved; /* bytes that left in the slow reader's window */
    struct buf in, out;
    /* owned    */ struct bytes tail; /* of a large answer, behind `out` */
    size_t out_sent, tail_sent;
    size_t head_seen;                            /* of in: known to hold no whole head */
    /* owned    */ struct edge_request *request; /* NULL between requests */
    /* WebSocket */
    struct ws_assembler assembler;
    struct buf message; /* fragments */
    uint64_t tokens_at_ms, heard_at_ms;
    uint64_t partial_since_ms; /* a message has begun then and is not whole; 0: none */
    uint32_t tokens_milli;     /* rate limit, thousandths of a message */
};

/* Connections without a token yet, oldest first; [true]: those that sent something whole. */
struct edge_places {
    struct list begun[2];
};

/* Those of one address. */
struct edge_address {
    struct map_node node;
    struct net_address key;
    struct edge_places places;
};

struct edge_thread {
    uint32_t magic;
    uint32_t index;
    struct edge *edge; /* borrowed */
    struct thread *thread;
    struct loop *loop;
    struct mailbox *commands; /* control -> this thread */
    struct loop_source command_source;
    struct loop_timer second; /* once a second: gauges, accepting again */
    struct loop_timer retry;  /* closes for control, accepting behind a burst */
    struct pool conns;
    struct list touched;
    struct edge_places strangers, metrics_conns;
    struct map addresses;
    uint64_t handshake_us;  /* TLS steps of this turn */
    uint32_t evictions;     /* for want of places for all, since the retry timer ran */
    uint64_t body_bytes[2]; /* held in request bodies; [true]: of strangers */
    struct listener {
        struct edge_thread *thread;
        struct loop_source source;
        int fd;
        bool is_metrics;
    } listeners[EDGE_LISTENERS_MAX];
    size_t listeners_count;
    uint32_t given;                   /* to control since it was last woken */
    bool accept_paused, tearing_down; /* paused for want of descriptors */
    struct edge_gone {                /* news that control had no room for */
        uint64_t conn;
        enum edge_msg_kind kind; /* EDGE_CLOSED, EDGE_REPLY_GONE */
    } unsent[EDGE_UNSENT_MAX];
    size_t unsent_count;
    uint32_t websockets;
    /* owned */ struct edge_keys *keys;
    /* owned */ struct edge_keys *_Atomic next_keys; /* put there by edge_set_keys */
    struct metrics metrics;
    struct latency latencies[API_OP_COUNT];
    uint64_t outcomes[API_OP_COUNT][EDGE_OUTCOMES];
    struct rng rng; /* of request ids */
    struct log_limit log_refused;
    uint8_t scratch[EDGE_READ_BYTES];
    atomic_bool stop_accepting;
};

struct edge {
    uint32_t magic;
    struct edge_config config; /* what it points to is the creator's and outlives us */
    struct edge_limits limits; /* config.limits with the defaults filled in */
    struct net_prefix trusted[64];
    size_t trusted_count;
    struct tls_context *tls;
    uint16_t port, metrics_port;
    struct edge_thread *threads[EDGE_THREADS_MAX];
    uint32_t threads_count;
    uint64_t started_ms; /* wall clock */
    /* Of the control thread: answers queued for a thread since it was last woken. */
    bool gathers;
    uint32_t gathered[EDGE_THREADS_MAX];
    /* Shared, atomic. */
    atomic_bool ready, draining, loading;
    atomic_uint_fast64_t ready_at_ms;
};

bool edge_trusts(const struct edge *e, const struct net_address *peer); /* a trusted proxy */

/* edge_conn.c: one connection: bytes in, bytes out, deadlines, the end. */
must_check struct edge_conn *conn_create(struct edge_thread *t, int fd,
                                         const struct net_address *peer, bool is_metrics);
void conn_destroy(struct edge_conn *c); /* only by conn_settle and teardown */
/* Its one door to another state; tells control when that owes it to know. */
void conn_enter(struct edge_conn *c, enum conn_state next);
void conn_end(struct edge_conn *c); /* nothing more in or out */
/* What is queued goes out, within flush_ms if that is not 0; then the connection closes. */
void conn_close(struct edge_conn *c, uint32_t flush_ms);
void conn_touch(struct edge_conn *c);  /* the end of the turn settles it */
void conn_settle(struct edge_conn *c); /* may free it: for the thread alone */
void conn_set_due(struct edge_conn *c, uint64_t after_ms);
size_t conn_out_left(const struct edge_conn *c);
void conn_drop_in(struct edge_conn *c,
                  size_t used); /* a connection without a rest holds no buffer */
uint64_t conn_handle(const struct edge_conn *c);
struct edge_conn *conn_resolve(struct edge_thread *t, uint64_t handle); /* NULL: stale or over */

/* edge_io.c: for edge_conn.c alone. */
void conn_on_ready(void *arg, uint32_t events);
void conn_read(struct edge_conn *c);
void conn_flush(struct edge_conn *c);
uint32_t conn_events(const struct edge_conn *c); /* what epoll should watch */
bool conn_wants_read(const struct edge_conn *c);

/* edge_stranger.c: connections that have not shown a good token. */
must_check bool stranger_add(struct edge_conn *c); /* the oldest makes room; false: no memory */
void stranger_known(struct edge_conn *c);          /* it showed one, or is over */
void stranger_begun(struct edge_conn *c);          /* a handshake or a head came whole */
bool stranger_is(const struct edge_conn *c);
uint64_t stranger_count(const struct edge_thread *t);
void stranger_places_init(struct edge_places *p);
bool stranger_address_equal(const struct map_node *node, struct slice key); /* for the map */

/* edge_http.c */
void http_run(struct edge_conn *c); /* takes what is in c->in, as far as it goes */
void http_request_clear(struct edge_conn *c);
void http_give_to_control(struct edge_conn *c, enum conn_state state);
void http_on_answer_late(struct edge_conn *c);

/* edge_answer.c: each completes the request. */
struct edge_answer {
    uint16_t status;
    const char *content_type;
    struct slice body;
    const char *header; /* one more, or NULL */
    struct slice header_value;
    struct slice header_lines; /* more, ours and whole, each with its CRLF */
    struct bytes *owned;       /* the body, taken over; or NULL */
};
void http_answer(struct edge_conn *c, const struct edge_answer *a);
void http_answer_twirp(struct edge_conn *c, enum twirp_code code, const char *msg);
void http_answer_text(struct edge_conn *c, uint16_t status, const char *text);
void http_answer_bad_route(struct edge_conn *c, const char *msg, const char *route);
void http_answer_not_found(struct edge_conn *c); /* Go's 404 page */
/* What every answer of a request says beside status, type and length. */
void http_put_answer_headers(const struct edge_conn *c, struct buf *out);
/* Counts and logs; TWIRP_CODE_COUNT: no error. */
void http_count_answer(struct edge_conn *c, enum twirp_code code);
const char *edge_content_type(enum edge_body kind);
/* A whole answer was put into c->out by the caller. */
void http_complete(struct edge_conn *c, bool keep);

/* edge_part.c: an answer in parts. */
void part_take(struct edge_thread *t, struct edge_conn *c, struct edge_cmd *cmd); /* c: or NULL */
void part_left(struct edge_conn *c); /* all that was queued is out */
void part_on_due(struct edge_conn *c);

/* edge_route.c: what a request is for. */
enum route_result {
    ROUTE_DONE,      /* answered, or given to control */
    ROUTE_READ_BODY, /* go on when the body is in: route_with_body */
};
enum route_result route_head(struct edge_conn *c, const struct http_request *r);
void route_with_body(struct edge_conn *c, struct slice body);

/* edge_twirp.c */
enum route_result twirp_route(struct edge_conn *c, const struct http_request *r, struct slice path);
void twirp_with_body(struct edge_conn *c, struct slice body);
/* JSON or protobuf into the request's message. False: answered. */
must_check bool twirp_decode(struct edge_conn *c, struct slice body);
must_check bool twirp_read_coding(struct slice content_type, enum api_coding *ret_coding);
/* The path with the slash that a service's bare name lacks. */
bool twirp_is_bare_service(struct slice path);

/* edge_request_id.c */
void request_id_take(struct edge_conn *c, const struct http_request *r);
void request_id_put(const struct edge_conn *c, struct buf *out);

/* edge_cors.c: room-api 1.3 */
void cors_keep_origin(struct edge_conn *c, const struct http_request *r);
void cors_put(const struct edge_conn *c, struct buf *out);
bool cors_answer_preflight(struct edge_conn *c, const struct http_request *r); /* false: is none */

/* edge_page.c: health, and the metrics listener: metrics everywhere but under /ui. */
void page_health(struct edge_conn *c);
enum route_result page_route(struct edge_conn *c, const struct http_request *r);
/* "2006-01-02 15:04:05.999 +0000 UTC", as Go prints a time. */
void page_put_time(struct buf *out, uint64_t wall_ms);

/* edge_ui.c: the operators' pages; the caller has checked the password. */
bool ui_is_path(struct slice path);
enum route_result ui_route(struct edge_conn *c, const struct http_request *r);
/* edge_ui_api.c: what the pages ask and call; the caller has checked where the request is from. */
enum route_result ui_api_route(struct edge_conn *c, const struct http_request *r,
                               struct slice name);
void ui_api_with_body(struct edge_conn *c, struct slice body);
/* From this machine, by no proxy, under a name that nobody else can own. */
bool ui_is_at_home(const struct edge_conn *c, const struct http_request *r);
/* edge_ui_token.c: tokens for the page that joins rooms. */
bool ui_signs_tokens(const struct edge_conn *c, const struct http_request *r);
void ui_token_answer(struct edge_conn *c, const struct http_request *r);

/* edge_token.c: OK with *ret_claims NULL for an anonymous caller; else *error says why (401).
 * `form`: body of a form-encoded POST, or empty. */
must_check bool token_from_request(struct edge_thread *t, const struct http_request *r,
                                   struct slice form, struct arena *arena,
                                   const struct claims **ret_claims, char *error,
                                   size_t error_size);

/* The payload's "iss", for claims that are wrong in another place. */
must_check bool token_find_issuer(struct slice payload, struct arena *arena,
                                  struct slice *ret_issuer);

/* edge_keys.c: NULL: no such key. Valid until the next call. */
struct hmac_key *edge_keys_find(struct edge_thread *t, struct slice name);
struct hmac_key *edge_keys_first(struct edge_thread *t, struct slice *ret_name);
void edge_keys_deinit(struct edge_thread *t);

/* edge_join.c: query to JoinRequest. False: *ret_status and *ret_text tell what to answer. */
must_check bool join_decode(struct edge_conn *c, const struct http_request *r, bool v1,
                            bool validate, uint16_t *ret_status, const char **ret_text);
/* edge_client.c: whom the request came from, through trusted proxies only. */
struct slice client_address(const struct edge_conn *c, const struct http_request *r,
                            struct arena *arena);

/* edge_ws.c */
void ws_on_bytes(struct edge_conn *c);
void ws_begin(struct edge_conn *c); /* control said yes: 101, and a WebSocket from now on */
void ws_send_signal(struct edge_conn *c, struct slice signal_response);
void ws_send_refresh_token(struct edge_conn *c, struct slice payload);
void ws_close(struct edge_conn *c, uint16_t code);
void ws_on_due(struct edge_conn *c); /* time to ping */

/* edge_thread.c */
must_check struct edge_thread *edge_thread_create(struct edge *e, uint32_t index);
struct edge_thread *edge_thread_destroy(struct edge_thread *t);
/* Before edge_thread_start; the descriptor is the thread's from now on, also on failure. */
must_check enum status edge_thread_listen(struct edge_thread *t, int fd, bool is_metrics);
must_check enum status edge_thread_start(struct edge_thread *t);
/* Ends the thread, then lets queued output go out until `until_ms`. NULL: nothing. */
void edge_thread_halt(struct edge_thread *t, uint64_t until_ms);
/* False: control has no room, and the message stays the caller's. */
must_check bool edge_give(struct edge_thread *t, struct edge_msg *m);
/* Tells control that a handle is gone; kept and repeated when control has no room. */
void edge_tell_gone(struct edge_thread *t, uint64_t handle, enum edge_msg_kind kind);
struct edge_msg *edge_msg_create(enum edge_msg_kind kind);

/* edge_metrics.c */
/* Which of EDGE_STATUS_CLASSES an outcome is. */
static inline size_t outcome_class(size_t outcome) {
    return outcome == TWIRP_CODE_COUNT                         ? 0
           : twirp_http_status((enum twirp_code)outcome) < 500 ? 1
                                                               : 2;
}
enum { EDGE_METRIC_PARTS_MAX = EDGE_THREADS_MAX + 128 };
/* The structs of all threads, ours and others'; returns how many. */
size_t edge_metric_parts(const struct edge *e, const struct metrics *parts[EDGE_METRIC_PARTS_MAX]);
void edge_render_metrics(struct edge *e, struct buf *out);
bool edge_is_ready(struct edge *e, uint64_t now_wall_ms);
