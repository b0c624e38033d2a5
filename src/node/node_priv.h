/* node_priv.h: the state of a node and what its files share.
 * Owns: see the fields.
 * Never: seen outside this folder.
 * Invariant: node_check; a function that returns other than OK has changed nothing that lasts, and
 *   its effects are rolled back by who called it.
 * Callers: the files of node. Functions stand with the file that holds them. */
#pragma once

#include "effects.h"
#include "heap.h"
#include "pool.h"
#include "room.h"

/* A moment at which a session or a room wants to be looked at. */
enum timer_kind {
    TIMER_LIFE,
    TIMER_REFRESH,
    TIMER_NEGOTIATE,
    TIMER_SIMULATE,
    TIMER_ROOM_UPDATE,
    TIMER_RPC
};
struct timer {
    struct heap_node node;
    enum timer_kind kind;
};
enum { TIMERS_OF_SESSION = 4, TIMERS_OF_HOST = 1 };

/* What a host needs among other nodes (cluster_home.c). */
struct host_cluster {
    struct list_node in_checks;          /* to be looked at soon */
    /* owned */ struct dir_stamp *lives; /* that its sessions were unified with */
    size_t lives_count;
    uint64_t ask, asked_ms; /* the home was asked to take its people */
    bool tell;              /* what the record shows changed elsewhere */
};

/* A room with participants on this node. */
struct host {
    struct room room;
    struct ident sid;
    /* in n->by_name until it closes */ struct map_node by_name;
    struct list_node in_hosts; /* n->hosts, or n->closing */
    struct timer update;       /* counts changed: tell them by then */
    struct host_cluster cluster;
    uint32_t worker;
    bool closing;
    uint32_t close_reason; /* livekit.DisconnectReason of the leaves */
    uint64_t created_ms;
    struct buf last; /* a livekit.Room for the notes of a closing room; mostly empty */
};

/* One peer connection of a session. */
struct link {
    /* owned    */ struct peer *peer; /* NULL: this session has none */
    /* borrowed */ struct session *session;
    uint64_t id; /* of the transport; never used again */
    struct map_node by_id;
    bool open; /* the shell was told to open it */
    bool up;
    bool silent;   /* its client was asked to resume, and has not yet */
    uint8_t score; /* 0 to 100: how well it goes; 100 until media says so */
};

struct ending {
    uint32_t reason; /* livekit.DisconnectReason */
    Livekit__LeaveRequest__Action action;
    bool tell; /* send a leave, the client does not know yet */
};

/* A RequestResponse that waits for its client to be ready for it (node_response.c). */
struct response {
    struct list_node in_responses; /* n->responses: in order of their time */
    struct list_node in_session;
    /* borrowed */ struct session *session;
    uint64_t due_ms;
    size_t len;
    uint8_t bytes[]; /* the encoded SignalResponse */
};

/* A PerformRpc that waits for its participant (node_rpc.c). */
enum { RPC_ID_LEN = 36 };
struct rpc {
    struct map_node by_id;
    struct list_node in_session;
    /* borrowed */ struct session *session;
    struct timer timer; /* no acknowledgement by then, or no response */
    uint64_t conn, response_by_ms;
    enum api_coding coding;
    bool acked;
    char id[RPC_ID_LEN + 1];
};

/* What a client asked for to try itself out (node_simulate.c). */
enum simulated_drop { SIMULATED_NO_DROP, SIMULATED_DROP_AFTER, SIMULATED_DROP_BEFORE };
struct simulated {
    struct timer timer; /* until then it speaks */
    bool speaks;
    enum simulated_drop drop; /* its WebSocket breaks off when it resumes, after or before words */
    uint64_t drop_until_ms;
};

/* What carries one participant. */
enum { QUALITY_UNKNOWN = UINT8_MAX };
struct session {
    struct pool_ref ref;
    /* owned    */ struct participant *participant;
    /* borrowed */ struct host *host; /* lives while it has sessions */
    uint64_t conn;                    /* 0: its WebSocket is gone */
    struct map_node by_conn;
    struct link main; /* publisher in dual mode, or the one of single mode */
    struct link sub;  /* dual mode with subscriber_primary: the subscriber */
    bool single, is_ending;
    bool subscriber_primary; /* the join said so: ACTIVE once `sub` is up */
    int32_t protocol;
    uint32_t offer_id;      /* of our last offer */
    bool offer_outstanding; /* not answered yet: no other may go out */
    bool requirement_out;   /* single mode: the client was asked for an offer */
    struct timer life;      /* not ACTIVE yet, or without WebSocket: ends then */
    struct timer refresh;   /* next refreshed token */
    struct ending ending;   /* meant once is_ending */
    struct list_node in_ending;
    struct list_node in_unsettled; /* a transport came up, not told yet */
    struct list responses;         /* held back for it */
    struct list rpcs;              /* that it was asked */
    uint64_t away_wall_ms;         /* since when its client may have heard nothing */
    struct timer negotiate;        /* when to begin an exchange, or by when it must be over */
    uint64_t exchanged_ms;         /* when the last one was over */
    uint32_t data_heard;           /* a number up to which its client's reliable packets came */
    bool news;                     /* others are to be told of its participant as it is */
    bool handles_changed;          /* of data tracks: its client and the data plane are to know */
    bool recheck;                  /* its subscriptions may not be what they should be */
    struct list_node in_looks;
    struct list wishes;                 /* tracks that it wants and that are not there */
    uint64_t early[EARLY_SECTIONS_MAX]; /* ids of sections sent in before their track was said */
    struct list_node in_levels, in_qualities;
    float level_told;     /* as a speaker */
    uint8_t quality_told; /* livekit.ConnectionQuality, or QUALITY_UNKNOWN */
    struct simulated simulated;
    uint64_t stamp; /* of the audience that it was last put into */
    /* For refreshed tokens: the grant as it is now; texts in it are owned here. */
    struct video_grant grant;
    struct text destination_room;
    double token_expires_s;
};

/* A ListRooms answer in the making. */
struct held {
    struct list_node in_held;
    uint64_t conn, deadline_ms;
    enum api_coding coding;
    struct buf out;
    struct buf names;  /* asked for: length (varint) and bytes each; empty: all */
    size_t names_read; /* bytes of names done */
    uint32_t cursor;
    uint64_t count;
    bool by_name;
    bool begun; /* parts of it have left */
};

struct node_codecs {
    struct buf json, packed;
    struct json_ready ready;            /* for proto_encode_json_with */
    ProtobufCMessageUnknownField field; /* for protobuf's packer */
};

struct node {
    struct node_config config; /* texts and arrays borrowed: they outlive the node */
    struct text region, version;
    struct peer_local *locals;     /* owned: one for each media worker */
    struct peer_local *locals_tcp; /* owned: the same with candidates of TCP alone */
    struct buf tcp_candidates;     /* what those point to */
    uint32_t *worker_load;         /* owned: sessions on each */
    struct dir *dir;
    struct cluster *cluster; /* owned; NULL: no other nodes */
    uint64_t boot;
    struct rng rng;
    struct ident id;
    struct dir_time now; /* of this step */
    struct arena work;   /* messages in the making; gone after the step */
    struct buf text;     /* scratch of one call */
    struct node_codecs codecs;

    struct pool sessions;
    struct map by_conn; /* sessions with a WebSocket */
    struct map links;   /* by transport id */
    struct map by_name; /* hosts that are not closing */
    struct map rpcs;    /* by id */
    struct list hosts, closing;
    struct list ending;    /* sessions that are to go */
    struct list unsettled; /* sessions whose transports came up */
    struct list responses; /* held back a moment, oldest first */
    size_t responses_bytes;
    struct list held;
    struct list held_back; /* held answers whose last part has not left yet */
    struct list sent;      /* held answers whose bytes the last step's effects point to */

    /* node_hold.c: answers that wait for the journal */
    struct list holds_owed;   /* what they tell of was not taken yet, or not all of it */
    struct list holds_posted; /* it was, and is not written yet */
    struct list holds_sent;   /* their bytes are in the last step's effects */
    size_t holds_bytes;       /* of all three */
    uint64_t journal_sequence, journal_written;
    uint64_t journal_owed_ms; /* something is owed since; 0: nothing, or not for a whole turn */
    /* Something waits for the journal since; 0: nothing. It is written when this sequence is; 0:
     * something of it has none yet. */
    uint64_t journal_lag_ms, journal_lag_sequence;
    bool journal_well;
    bool journal_read; /* there was something in it: what it lacks did not exist when it was written
                        */
    struct heap timers;
    struct hash_key map_key;
    uint64_t last_id;         /* transports, rooms and participants share one counter */
    struct map tracks, sends; /* by id, as media knows them */
    struct list track_ends;   /* tracks that are to end, or whose subscriptions are */
    struct list looks;        /* sessions that are to look at tracks and subscriptions */
    struct list rises, falls; /* tracks whose best wanted quality rose, or fell, oldest first */
    struct list levels, qualities; /* sessions that may sound or go otherwise than was told */
    struct list wishes;            /* that run out, oldest first */
    uint64_t audiences;            /* counts them */
    uint32_t ssrcs;                /* counts those given */
    uint64_t version_us;           /* of the last track published */
    uint32_t version_ticks;
    uint64_t next_scan_ms, scan_findings, swept_at_ms;
    bool draining, stopping, sweep_more;
};

/* node.c */
uint64_t node_new_id(struct node *n);
must_check bool node_ok(const struct node *n, const struct effects *fx);
void node_rollback(struct node *n, struct effects *fx, size_t mark);
must_check enum status node_reserve_timers(struct node *n, uint32_t hosts, uint32_t sessions);
void node_check(const struct node *n); /* O(n): tests, builds with checks on */

/* node_codecs.c: the codecs that every room tells */
must_check enum status node_codecs_init(struct node_codecs *c);
void node_codecs_deinit(struct node_codecs *c); /* zeroed: fine */
void node_list_codecs(Livekit__Room *m);        /* as a list that may be read */
/* For a message that is packed next and nothing else. */
void node_ready_codecs(struct node_codecs *c, enum api_coding coding, Livekit__Room *m);

/* node_message.c: messages built in n->work */
struct slice node_cstr_slice(const char *s); /* NULL: empty */
char *node_cstr(struct node *n, struct slice s);
void node_fill_room(struct node *n, const struct dir_room *room, const struct room_counts *local,
                    Livekit__Room *ret_message);
/* The room as all nodes and `local` make it, told to these connections. */
void node_tell_room(struct node *n, struct effects *fx, const struct dir_room *room,
                    const struct room_counts *local, const uint64_t *conns, size_t count);
void node_tell_participant(struct node *n, struct effects *fx, const struct participant *p,
                           const struct profile *as, const uint64_t *conns, size_t count);
void node_tell_leave(struct effects *fx, uint64_t conn, int32_t protocol,
                     const struct ending *ending);
void node_put_route(struct effects *fx, const struct session *s, const struct room *room,
                    const struct profile *as);

/* node_note.c: what happened. Effects that fail do so in the usual way; a body that cannot be made
 * is left out. */
void node_note_room(struct node *n, struct effects *fx, enum note_kind kind,
                    const struct dir_room *room); /* with nobody in it */
void node_note_participant(struct node *n, struct effects *fx, enum note_kind kind,
                           const struct host *h, const struct participant *p,
                           const struct profile *as, const struct room_counts *counts);
void node_note_track(struct node *n, struct effects *fx, enum note_kind kind, const struct host *h,
                     const struct participant *p, const struct track *t);
void node_note_closed(struct node *n, struct effects *fx, const struct host *h);
/* The room is about to go from the directory: what its last notes say of it. */
void host_keep(struct node *n, struct host *h, const struct dir_room *room);

/* node_host.c: rooms with participants here */
struct host *node_host_find(struct node *n, struct slice name);
must_check enum status host_create(struct node *n, const struct dir_room *room,
                                   struct host **ret_host);
void host_destroy(struct node *n, struct host *h); /* empty */
void host_drop_if_empty(struct node *n, struct host *h);
/* No longer the room of its name; its participants leave in slices. */
void host_close(struct node *n, struct host *h, uint32_t reason);
must_check enum status host_presence(struct node *n, const struct host *h,
                                     const struct room_counts *counts);
void host_plan_update(struct node *n, struct host *h);
void host_on_timer(struct node *n, struct host *h, struct effects *fx);

/* node_session.c */
struct session *node_session_of(struct node *n, const struct participant *p);
struct session *node_session_by_conn(struct node *n, uint64_t conn);
void session_free(struct node *n, struct session *s); /* also half built, not in any map */
/* It is to go: happens at the end of this step, or in a later one when there are many. */
void session_end(struct node *n, struct session *s, uint32_t reason,
                 Livekit__LeaveRequest__Action action, bool tell);
/* The two halves of going: all effects, which may fail; then the change, which cannot. */
void session_leave_effects(struct node *n, struct session *s, const struct ending *ending,
                           bool tell_others, struct effects *fx);
void session_leave_commit(struct node *n, struct session *s);
/* A change of its participant: told to all whom it concerns, then committed and dropped. */
must_check enum status session_change(struct node *n, struct session *s, struct change *c,
                                      bool new_token, struct effects *fx);
void session_forget_conn(struct node *n, struct session *s);
void session_signal_closed(struct node *n, struct session *s);
void session_on_timer(struct node *n, struct session *s, const struct timer *t, struct effects *fx);
struct link *node_link_of(struct node *n, uint64_t id); /* NULL: it is gone */
/* Has tracks for others, as far as this permission goes. */
bool session_publishes(const struct session *s, const struct permission *as);
void node_transport_up(struct node *n, uint64_t id);
/* Its client is to come back with new ICE; until then its transports wait. NO_MEMORY: nothing
 * changed. */
must_check enum status session_ask_resume(struct node *n, struct session *s, uint32_t reason,
                                          struct effects *fx);
/* What its offers and answers tell of us; one that is wanted, else all. */
const struct peer_local *session_local(const struct node *n, const struct participant *p,
                                       uint32_t worker);
void node_transport_lost(struct node *n, uint64_t id);
void node_data_heard(struct node *n, uint64_t id, uint32_t sequence);
must_check enum status node_transport_silent(struct node *n, uint64_t id, struct effects *fx);
/* Participants become what their transports say. */
void node_run_settling(struct node *n, struct effects *fx);
/* Sessions and closing rooms that are owed their end, within the budget. */
void node_run_endings(struct node *n, struct effects *fx);

/* node_token.c */
void session_send_token(struct node *n, const struct session *s, const struct profile *as,
                        struct effects *fx);

/* node_negotiate.c */
must_check enum status link_create(struct node *n, struct session *s, struct link *l,
                                   enum peer_role role, uint32_t worker);
void link_destroy(struct node *n, struct link *l);
/* Takes an offer on the main link; transport commands and the answer. MALFORMED and NO_MEMORY:
 * nothing changed. Any other failure: the session cannot go on. */
must_check enum status session_take_offer(struct node *n, struct session *s, uint32_t worker,
                                          const Livekit__SessionDescription *offer,
                                          struct effects *fx);
must_check enum status session_take_answer(struct node *n, struct session *s,
                                           const Livekit__SessionDescription *answer,
                                           struct effects *fx);
must_check enum status session_send_offer(struct node *n, struct session *s, uint32_t worker,
                                          struct effects *fx);

/* node_join.c */
must_check enum status node_validate(struct node *n, const struct node_event *ev,
                                     struct effects *fx);
must_check enum status node_join(struct node *n, const struct node_event *ev, struct effects *fx);

/* node_signal.c */
must_check enum status node_signal(struct node *n, const struct node_event *ev, struct effects *fx);

/* node_response.c: answers to requests with an id */
/* NO_MEMORY also when too many are held. Nothing else has happened yet. */
must_check enum status response_make(struct node *n, const Livekit__RequestResponse *response,
                                     struct response **ret_response);
struct response *response_free(struct response *a); /* one never held; NULL: fine */
void response_hold(struct node *n, struct session *s, struct response *a); /* cannot fail */
void responses_drop(struct node *n, struct session *s);                    /* all of a session */
/* Sends those whose time has come, and the oldest while there are too many. */
void node_run_responses(struct node *n, struct effects *fx);
uint64_t responses_next_ms(const struct node *n);

/* node_rpc.c */
bool rpc_equal(const struct map_node *m, struct slice key);
void rpc_free(struct node *n, struct rpc *r);
void rpc_on_timer(struct node *n, struct rpc *r, struct effects *fx);
/* The participant goes: the two halves of its leave. */
void rpcs_gone_effects(struct node *n, const struct session *s, struct effects *fx);
void rpcs_free(struct node *n, struct session *s);
must_check enum status node_rpc(struct node *n, const struct node_event *ev, struct effects *fx);

/* node_api.c */
must_check enum status node_api(struct node *n, const struct node_event *ev, struct effects *fx);
/* The answer when a call could not be carried out for want of memory; needs none. */
void node_api_refuse(const struct node_event *ev, struct effects *fx);

/* node_list.c */
void node_run_held(struct node *n, struct effects *fx);
void node_free_sent(struct node *n);
void node_reply_more(struct node *n, uint64_t conn);
void node_reply_gone(struct node *n, uint64_t conn);
uint64_t node_held_back_until_ms(const struct node *n);
void node_free_held(struct node *n);

/* node_hold.c */
/* The answer to this connection among the effects since `mark` waits, if it needs to and can. */
void node_hold_reply(struct node *n, struct effects *fx, size_t mark, uint64_t conn);
void node_run_holds(struct node *n, struct effects *fx);
uint64_t node_holds_next_ms(const struct node *n);
void node_hold_gone(struct node *n, uint64_t conn);
void node_free_holds_sent(struct node *n);
void node_free_holds(struct node *n);
void node_journal_told(struct node *n, const struct node_event *ev);
void node_journal_look(struct node *n); /* after each step */
/* What was to be written a second ago is not. */
bool node_journal_lags(const struct node *n);

/* cluster.c; without a cluster they do nothing */
must_check enum status cluster_create(struct node *n);
void cluster_destroy(struct node *n);
/* Whether a room that is not here is nowhere, as far as can be known: there was a journal, or a
 * peer's records are in, or there are no peers. */
bool cluster_knows(const struct node *n);
must_check enum status cluster_event(struct node *n, const struct node_event *ev,
                                     struct effects *fx);
struct dir_time cluster_time(struct node *n, struct dir_time t); /* its wall corrected */
/* First in a step: whose lease ran out. A process that stood still must know that before it ends
 * what it thinks is empty. */
void cluster_look(struct node *n);
void cluster_run(struct node *n, struct effects *fx); /* what is due */
void cluster_settle(struct node *n);                  /* last in a step */
uint64_t cluster_next_ms(const struct node *n);
void cluster_check(const struct node *n); /* O(n): node_check */
/* cluster_presence.c: so many are in the room here, from now on. NO_MEMORY: nothing changed. */
must_check enum status cluster_presence(struct node *n, struct slice name, uint32_t participants);
void cluster_presence_apply(struct node *n, struct slice name); /* it is alive that was not */
/* cluster_home.c */
must_check enum status cluster_host_begin(struct node *n, struct host *h,
                                          const struct dir_room *room);
void cluster_host_end(struct node *n, struct host *h);
void cluster_host_look(struct node *n, struct host *h);       /* soon; only with a cluster */
bool cluster_takes_home(const struct node *n, uint64_t home); /* may a host here be the home? */
/* Another node is the home and can be had: a join belongs there. */
bool cluster_relays(const struct node *n, struct slice name, uint64_t *ret_member);

/* When the room was last used and when it goes, as ListRooms says it. */
void node_fill_times(const struct node *n, const struct dir_room *room, Livekit__Room *message);

/* node_page.c */
must_check enum status node_page(struct node *n, const struct node_event *ev, struct effects *fx);

/* node_sweep.c */
void node_sweep(struct node *n, struct effects *fx);
void node_run_timers(struct node *n, struct effects *fx);
