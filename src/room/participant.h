/* participant.h: one participant of one room: who it is, what it may, what others see of it.
 * Owns: its texts. The session that carries it is node's; here it is a handle.
 * Never: changes in place. A change is prepared beside the participant, told to whom it concerns,
 *   and committed when nothing can fail any more (room_commit).
 * Invariant: the version rises with each committed change; the state only moves up (legal moves in
 *   participant.c).
 * Source: wire/room-api.md 4.2, wire/realtime.md 2.4 and 3.1.
 * Callers: room, node. Fields are read anywhere and written in this folder, but for the handles. */
#pragma once

#include "attributes.h"
#include "blobs.h"
#include "ident.h"
#include "list.h"
#include "map.h"
#include "text.h"

#include "livekit_models.pb-c.h"

enum participant_state { /* numbers of livekit.ParticipantInfo.State */
                         PARTICIPANT_JOINING,
                         PARTICIPANT_JOINED,
                         PARTICIPANT_ACTIVE,
                         PARTICIPANT_DISCONNECTED,
};

struct permission {
    bool can_subscribe, can_publish, can_publish_data, hidden, recorder, can_update_metadata;
    bool agent, can_subscribe_metrics, can_manage_agent_session;
    uint32_t publish_sources; /* BIT(livekit.TrackSource); 0: all */
};
struct permission permission_of_grant(const struct video_grant *grant);
struct permission permission_of_message(const Livekit__ParticipantPermission *message);
bool permission_equal(const struct permission *a, const struct permission *b);
/* The grant says from now on what the permission says. */
void permission_into_grant(const struct permission *p, struct video_grant *grant);

/* All that can change, and is replaced as a whole. */
struct profile {
    enum participant_state state;
    uint32_t version;
    bool is_publisher;
    uint32_t disconnect_reason; /* livekit.DisconnectReason */
    struct text name, metadata;
    struct attributes attributes;
    struct permission permission;
};

struct room;
struct rules;

struct participant {
    /* owned    */ struct text identity;
    /* owned    */ struct profile profile;
    /* borrowed */ struct room *room;  /* NULL until room_add */
    /* borrowed */ const char *region; /* of the node; outlives every room */
    /* handle   */ uint64_t conn;      /* where its signals go; 0: nowhere */
    /* handle   */ uint64_t session;
    /* handle   */ uint64_t key; /* in routing tables; never 0, never used again */
    struct ident sid;
    enum participant_kind kind;
    uint32_t kind_details; /* BIT(livekit.ParticipantInfo.KindDetail) */
    uint32_t capabilities; /* BIT(livekit.ClientInfo.Capability) */
    int32_t client_protocol;
    uint64_t joined_at_ms;
    struct list_node in_room;
    struct map_node by_identity;

    /* owned    */ struct list tracks;        /* struct track, by in_publisher, until they end */
    /* owned    */ struct list waiting;       /* struct track_wait: their cid is taken */
    /* owned    */ struct list subscriptions; /* by in_subscriber */
    /* owned    */ struct rules *rules;       /* who may subscribe to its tracks; NULL: everybody */
    /* derived  */ uint32_t attached_count;   /* subscriptions that a peer connection has */
    bool auto_subscribe, adaptive_stream, auto_subscribe_data;
    bool tcp_only;                                 /* is told of ways over TCP alone */
    /* owned    */ struct list data_tracks;        /* by in_publisher */
    /* owned    */ struct list data_subscriptions; /* by in_subscriber */
    /* owned    */ struct blobs blobs;
    uint16_t data_handles;            /* counts those given */
    uint64_t data_considered;         /* as below, of data tracks */
    /* owned */ struct bytes encoded; /* as others see it while it has no tracks; may be empty */
    uint64_t considered; /* room.tracks up to this order were looked at for auto_subscribe */
};

struct participant_config {
    struct slice identity, name, metadata;
    const struct attribute *attributes; /* of the token, then of the client */
    size_t attributes_count;
    struct permission permission;
    enum participant_kind kind;
    uint32_t kind_details, capabilities;
    int32_t client_protocol;
    bool auto_subscribe, adaptive_stream, auto_subscribe_data;
    struct ident sid;
    uint64_t joined_at_ms, key;
    const char *region;
};
/* In state JOINED: what others and the client itself see first is the state after the answer.
 * NO_MEMORY, or EXHAUSTED: too many attributes. */
must_check enum status participant_create(const struct participant_config *config,
                                          struct participant **ret_participant);
struct participant *participant_destroy(struct participant *p); /* not in a room; NULL: fine */

/* Not counted, not limited, and not keeping the room open. */
bool participant_is_dependent(const struct participant *p, const struct permission *as);
bool participant_is_recorder(const struct participant *p, const struct permission *as);
static inline struct slice participant_identity(const struct participant *p) {
    return text_slice(&p->identity);
}

/* A change in the making. Texts that it owns are freed by change_drop, also after the commit. */
struct change {
    struct profile next; /* owned where flagged, else borrowed from the participant */
    bool owns_name, owns_metadata, owns_attributes;
};
void change_begin(const struct participant *p, struct change *ret_change);
void change_state(struct change *c, enum participant_state next); /* a legal move (asserted) */
must_check enum status change_name(struct change *c, struct slice name);
must_check enum status change_metadata(struct change *c, struct slice metadata);
must_check enum status change_attributes(struct change *c, const struct attribute *items,
                                         size_t count);
void change_drop(struct change *c);

/* Fills the message as the participant is in `as` (its profile, or a change's). The message points
 * into the participant, into `as` and into the arena; failures stick in the arena. */
void participant_fill(const struct participant *p, const struct profile *as, struct arena *arena,
                      Livekit__ParticipantInfo *ret_info);
/* The same as it is now, encoded; lives until it changes, and no longer than the arena's. Who has
 * no tracks is encoded once for all who join: most of a large room listens. */
struct slice participant_encoded(struct participant *p, struct arena *arena);
