/* node.h: the whole control plane of one node as one state machine: event in, effects out.
 * Owns: rooms, sessions, the directory, held replies; all by the control thread.
 * Never: reads a clock, entropy, socket or file: time comes with each event, randomness from the
 *   stream it was given, signing and sending are effects.
 * Invariant: a step that fails has changed nothing but counters; effects point into the effects'
 *   arena or into the node and are carried out before the next step.
 * Source: wire/room-api.md 3, 6, 8; wire/realtime.md 2 and 3; design sections 1 to 4.
 * Callers: control (carries effects out), simulator, tests. */
#pragma once

#include "api.h"
#include "caps.h"
#include "claims.h"
#include "dir.h"
#include "metrics.h"
#include "peer.h"
#include "rtp_section.h"

#include "livekit_rtc.pb-c.h"

struct node;

/* A template that CreateRoom and tokens name (room.room_configurations): it says what they leave
 * open. 0 and empty: it says nothing about that. Tags are settings too: stoa.max_duration ... */
struct node_preset {
    struct slice name, metadata;
    uint32_t empty_timeout_s, departure_timeout_s, max_participants;
    uint32_t min_playout_delay_ms, max_playout_delay_ms;
    bool sync_streams;
    const struct slice *agents; /* names of agents to dispatch */
    size_t agents_count;
    const struct attribute *tags;
    size_t tags_count;
};

/* Another node. One that was silent for too long is expelled; it is remembered all the same, since
 * what it brings when it returns may have been deleted and forgotten. */
struct node_member {
    uint64_t id;
    uint64_t contact; /* our clock when we last heard it while it heard us; 0: never */
    bool expelled;
};

/* This node among others; id 0: there are none, and nothing of it costs anything. */
struct node_cluster {
    uint64_t id; /* the same after a restart; not 0 */
    /* What it knew when it last ran (node_members, node_cluster_state): who else there was; how far
     * its wall was off. Nothing: none, 0. */
    const struct node_member *known;
    size_t known_count;
    int64_t wall_correction_ms;
    uint32_t beat_ms, lease_ms;               /* 2 s, 6 s */
    uint32_t delta_ms;                        /* changes wait so long for others: 10 */
    uint32_t round_ms;                        /* between rounds of anti-entropy: 3 s */
    uint32_t member_ttl_s;                    /* a silent one is expelled: 7 days */
    uint32_t lost_timeout_s, tombstone_ttl_s; /* of the directory; 0: its defaults */
    uint32_t tombstones_min;                  /* likewise */
};
/* The documented defaults; id 0. */
struct node_cluster node_cluster_defaults(void);

/* Texts and arrays are borrowed and outlive the node. */
struct node_config {
    uint8_t random_key[32];  /* from the shell's entropy, or the simulator's seed */
    uint8_t cluster_key[16]; /* room sids and digests; from the cluster secret */
    struct slice region;
    struct slice version;           /* server_info.version: 1.13.5 */
    struct slice token_issuer;      /* first API key: iss of refreshed tokens */
    struct peer_local peer;         /* fingerprint; candidates of worker 0 */
    const struct slice *candidates; /* per media worker; none: those of peer */
    uint32_t media_workers;
    const struct slice *ice_urls; /* stun: and turn: URLs told to clients; may be none */
    size_t ice_urls_count;

    /* room.* and limit.* settings; 0 in a limit means unlimited */
    bool auto_create, enable_remote_unmute;
    /* Long answers leave as FX_API_PART, each made once the one before has left (EV_REPLY_MORE):
     * what is held does not grow with the answer. Else they are assembled whole. */
    bool partial_replies;
    bool performs_rpc; /* the data plane hands EV_RPC back */
    bool webhooks;     /* somebody wants them: notes get a body */
    /* The shell writes a journal: what changes is kept for it, and answers to writes wait for it
     * so long (0: never) while it is well (EV_JOURNAL_STATE; at first it is not). */
    bool journal;
    uint32_t journal_wait_ms;
    uint32_t empty_timeout_s, departure_timeout_s, max_participants;
    uint32_t solo_timeout_s, max_duration_s; /* 0: none */
    const struct node_preset *room_presets;
    size_t room_presets_count;
    uint32_t room_name_bytes_max, identity_bytes_max, participant_name_bytes_max;
    uint32_t metadata_bytes_max, attributes_bytes_max;
    uint64_t rooms_max;
    struct node_cluster cluster;
    struct metrics *metrics; /* borrowed; written by the stepping thread */
};

enum node_event_kind {
    EV_TICK,             /* time passed: deadlines, sweep, held work in slices */
    EV_API,              /* a Twirp call */
    EV_VALIDATE,         /* would this join be let in? */
    EV_JOIN,             /* a client wants its WebSocket */
    EV_SIGNAL,           /* a message of a session */
    EV_SIGNAL_CLOSED,    /* its WebSocket is gone */
    EV_TRANSPORT_UP,     /* ICE and DTLS of a transport are connected */
    EV_TRANSPORT_SILENT, /* it was connected, and is not heard any more; it may come back */
    EV_TRANSPORT_LOST,   /* it was connected, or connecting, and is gone */
    EV_DATA_OPEN,        /* its data channels are open */
    EV_DATA_HEARD,       /* its client has sent a numbered reliable packet */
    EV_RPC,              /* a participant's packet to us: acknowledgement or response of a call */
    EV_LEVELS,           /* loudness of published audio tracks, those that changed */
    EV_QUALITY,          /* how well a transport's streams go, those that changed */
    EV_STREAM_STATE,     /* a sent stream was paused for want of bandwidth, or goes on */
    EV_REPLY_MORE,       /* the last FX_API_PART of this connection has left: the next may come */
    EV_REPLY_GONE,       /* its reader is gone */
    EV_PEER,             /* a message from another node, whose sender the bus has checked */
    EV_PAGE,             /* the operators' pages ask for rows; whoever sends it has every right */
    EV_DRAIN,            /* first SIGTERM: no new rooms, wait for participants to leave */
    EV_STOP,             /* the end: a leave for all, in slices: tick until sessions are 0 */

    /* the shell about its journal: */
    EV_JOURNAL_WRITTEN, /* a crash of the process takes back nothing up to this sequence */
    EV_JOURNAL_STATE,   /* is it worth to wait for it? */
};

struct node_join {
    bool here; /* relayed to us, or a relay could not be had: it is not passed on */
    bool single_peer_connection, client_gave_metadata_or_attributes;
    const Livekit__JoinRequest *request;
    struct slice publish, client_address;
};

/* From the media plane, every 400 ms or 5 s; borrowed arrays. */
struct media_level {
    uint64_t track;
    float level; /* 0: silent; else up to 1, in steps of 1/8 */
};
struct media_quality {
    uint64_t transport;
    uint8_t score; /* 0 to 100: the worst stream of it, both ways */
};
/* Rows from `from` on, of rooms or of the participants of one, whose names begin so. What an
 * answer says under "next" goes on behind it. */
struct node_page {
    bool of_room;
    struct slice room, prefix;
    uint32_t from, limit; /* limit 0, or above PAGE_ROWS_MAX: as many as that */
};

struct node_event {
    enum node_event_kind kind;
    struct dir_time time;
    uint64_t conn;               /* API, VALIDATE, JOIN, SIGNAL, SIGNAL_CLOSED, REPLY_* */
    const struct claims *claims; /* NULL: anonymous */
    union {
        struct {
            const struct api_method *method;
            enum api_coding coding;
            const ProtobufCMessage *request;
        } api;
        struct node_join join; /* VALIDATE, JOIN */
        struct node_page page;
        const Livekit__SignalRequest *signal;
        struct {
            uint64_t id;
            enum status reason;
            uint32_t sequence; /* DATA_HEARD: what came up to here is not to be sent again */
        } transport;
        struct {
            uint64_t room_key;
            struct slice identity; /* of the sender, as the data plane knows it */
            struct slice packet;   /* an encoded DataPacket */
        } rpc;
        struct {
            struct slice bytes;
        } peer;
        struct {
            const struct media_level *items;
            size_t count;
        } levels;
        struct {
            const struct media_quality *items;
            size_t count;
        } qualities;
        struct {
            uint64_t send;
            bool paused;
        } stream;
        struct {
            uint64_t sequence; /* WRITTEN: as node_journal_next gave it */
            bool well;         /* STATE */
        } journal;
    };
};

enum effect_kind {
    FX_API_REPLY,     /* conn, http_status, coding_json, bytes */
    FX_API_PART,      /* as API_REPLY, in parts, in order: see `part` */
    FX_TEXT_REPLY,    /* conn, http_status, bytes: text/plain */
    FX_UPGRADE,       /* conn: 101 */
    FX_SIGNAL,        /* conns[], bytes: one encoded SignalResponse */
    FX_REFRESH_TOKEN, /* conns[0], bytes: claims JSON to sign and send */
    FX_CLOSE_SIGNAL,  /* conns[0], ws_code: after what was queued */
    FX_TRANSPORT_OPEN,
    FX_TRANSPORT_REMOTE,
    FX_TRANSPORT_RESTART,
    FX_TRANSPORT_BANDWIDTH, /* transport: its link is to carry bitrate_bps; 0: what it does */
    FX_TRANSPORT_CLOSE,
    FX_ROUTE_PUT,
    FX_ROUTE_REMOVE,
    FX_DATA_SEND,      /* room_key, reliable, bytes: a DataPacket */
    FX_RECEIVE_PUT,    /* receive: a section in which a client sends; replaces that of its mid */
    FX_RECEIVE_REMOVE, /* receive.transport and the mid of receive.section: it sends no more */
    FX_SEND_PUT,       /* send: a subscriber's copy of a track begins, or its section changed */
    FX_SEND_SET,       /* send_want: what a subscriber wants of it now */
    FX_SEND_REMOVE,    /* send.id */
    FX_HANDLE_PUT,     /* handle: packets of a data track go to a subscriber; replaces */
    FX_HANDLE_REMOVE,  /* handle.publisher, publisher_handle and subscriber: no more */
    FX_PEER,           /* peer, direct, bytes: a message to another node; it may be lost */
    FX_RELAY,          /* conn, peer: this join belongs to that node; if that cannot be reached, it
                          comes once more with `here` */
    FX_NOTE,           /* something that operators and receivers of webhooks care about */
};

enum note_kind {
    NOTE_ROOM_STARTED,
    NOTE_ROOM_FINISHED,
    NOTE_PARTICIPANT_JOINED,             /* became ACTIVE */
    NOTE_PARTICIPANT_LEFT,               /* had been ACTIVE */
    NOTE_PARTICIPANT_CONNECTION_ABORTED, /* had never been ACTIVE */
    NOTE_TRACK_PUBLISHED,
    NOTE_TRACK_UNPUBLISHED,
};

struct fx_transport { /* OPEN, RESTART: ours; REMOTE: the client's */
    uint64_t id;
    uint32_t worker;
    struct slice ufrag, pwd;
    uint8_t fingerprint[32];
    bool has_data, opens_channels;
    uint32_t max_message_bytes;
    uint64_t bitrate_bps; /* BANDWIDTH */
};

struct fx_route {
    uint64_t participant, room_key;
    struct ident sid;
    struct slice identity;
    uint64_t rx_transport, tx_transport;
    bool can_publish_data, hidden, agent, active;
};

/* What the client sends in one section. The transport's worker has all of the room's. */
struct fx_receive {
    uint64_t transport;
    uint64_t track; /* published here, never used again; 0: not bound yet, drop its packets */
    uint32_t worker;
    bool muted;
    uint8_t layers;                     /* of video that the publisher announced: 1 to 3 */
    uint8_t layer_of_rid[RTP_RIDS_MAX]; /* 0 low ... layers - 1, for section->rids */
    struct slice trailer;               /* of frames of the server's own, when it is encrypted */
    const struct rtp_section *section;  /* as agreed; lives until the next step */
};
struct fx_send_want {
    uint64_t id;
    uint32_t worker;
    bool paused;       /* disabled by its subscriber, or the publisher is muted */
    uint8_t layer_max; /* 0 low, 1 medium, 2 high */
    uint8_t fps_max;   /* 0: all */
    uint8_t priority;  /* 1 to 255: who gets bandwidth first */
};
struct fx_send {
    uint64_t id; /* never used again */
    uint64_t transport, track;
    uint32_t worker;
    uint32_t ssrc, rtx_ssrc;           /* rtx 0: resends go out as they were */
    struct slice cname;                /* the stream id */
    const struct rtp_section *section; /* formats[0] is what is sent; lives until the next step */
    struct fx_send_want want;
};

/* A data track's way to one subscriber. What a participant has goes with its route. */
struct fx_handle {
    uint64_t publisher, subscriber; /* participants, as in fx_route */
    uint16_t publisher_handle;      /* in packets that come */
    uint16_t subscriber_handle;     /* in packets that go */
    uint16_t fps_max;               /* frames a second; 0: all */
};

struct fx_note {
    enum note_kind kind;
    struct slice room_name, identity;
    struct ident room_sid, participant_sid, track_sid;
    uint32_t disconnect_reason; /* livekit.DisconnectReason */
    uint64_t created_s;         /* unix time */
    /* Only with node_config.webhooks: */
    struct ident id;   /* EV_...: the same for the same happening */
    struct slice body; /* WebhookEvent in JSON */
};
const char *note_name(enum note_kind kind); /* as receivers know it: "room_started" */

enum part {
    PART_FIRST, /* http_status, coding and the first bytes */
    PART_NEXT,  /* more bytes */
    PART_LAST,  /* the last bytes */
    PART_ABORT, /* there is no end to come: the connection breaks off */
};

struct effect {
    enum effect_kind kind;
    enum part part; /* API_PART */
    uint64_t conn;  /* API_REPLY, TEXT_REPLY, UPGRADE */
    uint16_t http_status, ws_code;
    bool body_is_json; /* API_REPLY: else protobuf */
    bool reliable;     /* DATA_SEND */
    uint64_t room_key; /* DATA_SEND */
    uint64_t peer;     /* PEER (0: all), RELAY: the other node's id */
    bool direct;       /* PEER: straight, by the way that relays take; else over the bus */
    const uint64_t *conns;
    size_t conns_count;
    struct slice bytes;
    union {
        struct fx_transport transport;
        struct fx_route route;
        struct fx_note note;
        struct fx_receive receive;
        struct fx_send send;
        struct fx_send_want send_want;
        struct fx_handle handle;
    };
};

/* Effects of one step, in order. Cleared by the caller between steps. The first failure sticks, as
 * in a buffer: a step makes all its effects, looks once, and only then changes anything. */
enum { EFFECTS_FIRST = 8 };
struct effects {
    struct arena arena;
    struct effect *items; /* owned, or `first` */
    size_t count, cap;
    bool failed;
    uint8_t *held; /* in the arena: what is used before it is asked for more */
    size_t held_bytes;
    struct effect first[EFFECTS_FIRST]; /* a refusal always has room; hence never copied */
    struct effect lost;                 /* where effects go once failed */
};
void effects_init(struct effects *fx);
void effects_clear(struct effects *fx);
void effects_deinit(struct effects *fx);

must_check enum status node_create(const struct node_config *config, struct dir_time now,
                                   struct node **ret_node);
struct node *node_destroy(struct node *n);
/* One step. The caller carries the effects out, in order, then clears them. A status other than OK
 * is for the log: clients have had their answer among the effects. */
must_check enum status node_step(struct node *n, const struct node_event *ev, struct effects *fx);
/* When EV_TICK is wanted next, monotonic ms; UINT64_MAX: never. "Now or earlier" asks for another
 * slice at once. */
uint64_t node_next_deadline_ms(const struct node *n);

/* ---- the journal, for the shell; only with config.journal. Between steps, on their thread. ----
 * At the start, before the first step: what was written, in order. Then after each turn: take what
 * is owed, while there is room for it; tell what is written. */

/* About so many rooms come. */
void node_journal_expect(struct node *n, uint64_t rooms);
/* MALFORMED: no record. EXHAUSTED, NO_MEMORY: not taken; then the start has failed. */
must_check enum status node_journal_load(struct node *n, struct dir_time now, struct slice record);
/* It will be loaded soon. */
void node_journal_ahead(const struct node *n, struct slice record);
/* The directory's clock was never above this. */
void node_journal_clock(struct node *n, uint64_t time);
/* All was read; tells how far its newest stamp is ahead of the wall. NOT_YET: by more than
 * JOURNAL_AHEAD_MAX_S, and there are others: they would take nothing from a clock that runs there.
 * A node alone goes on; its clock stands still until the wall has come so far. */
must_check enum status node_journal_end(const struct node *n, struct dir_time now,
                                        uint64_t *ret_ahead_ms);
/* What such a record says now, and the sequence to post it with. */
uint64_t node_journal_clock_next(struct node *n, uint64_t *ret_sequence);
/* Appends what is owed as dir_journal_next does; what was taken has this sequence. 0: nothing. */
size_t node_journal_next(struct node *n, size_t budget_bytes, struct buf *out,
                         uint64_t *ret_sequence);
/* A page of a snapshot: as dir_snapshot_next. */
bool node_journal_page(const struct node *n, uint32_t *cursor, size_t budget_bytes,
                       struct buf *out);
struct node_journal {
    uint64_t owed;    /* rooms whose newest state was not taken */
    uint64_t owed_ms; /* for so long something has been owed without a break */
    uint64_t gaps;    /* rises: something will never be told but by a snapshot */
    uint64_t held;    /* answers that wait */
};
struct node_journal node_journal(const struct node *n);

struct node_counts {
    uint64_t rooms, participants, sessions, overdue_rooms, oldest_overdue_ms, scan_findings;
    uint64_t swept_at_ms; /* wall clock: when the sweeper last looked */
    uint64_t next_end_ms; /* wall clock: the next deadline of a room; 0: there is none */
};
struct node_counts node_counts(const struct node *n);
/* Borrowed as in node_config, until the next call. */
void node_set_token_issuer(struct node *n, struct slice issuer);
const struct ident *node_id(const struct node *n); /* ND_... */

/* Of the cluster, for the shell to keep for the next start, for pages and for the simulator. */
struct node_cluster_state {
    uint64_t boot;
    int64_t wall_correction_ms;
    bool island, warm;
    size_t members, heard, living, resyncing;
    uint64_t hosted, away_parts;
};
struct node_cluster_state node_cluster_state(const struct node *n);
size_t node_members(const struct node *n, struct node_member *members, size_t max);
const struct dir *node_dir(const struct node *n);
