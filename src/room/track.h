/* track.h: one track of a participant, from its announcement to its end.
 * Owns: its TrackInfo and its client's id of it.
 * Never: knows transports or packets; node binds it to a section and tells media.
 * Invariant: a PENDING track has no subscriptions; an ENDED one is in no list of its publisher and
 *   in no map of the room; the sid and the id are never used again.
 * Source: wire/realtime.md 2.4, 3.6, 5.4; wire/room-api.md 4.2, 5.
 * Callers: room, node. Fields are read anywhere and written here, but for those of node. */
#pragma once

#include "arena.h"
#include "caps.h"
#include "ident.h"
#include "list.h"
#include "map.h"
#include "participant.h"
#include "proto.h"
#include "rtp_section.h"

#include "livekit_rtc.pb-c.h"

enum track_state {
    TRACK_PENDING,   /* announced by its client; no section carries it yet */
    TRACK_BOUND,     /* a section carries it; others have not been told */
    TRACK_PUBLISHED, /* others have been told */
    TRACK_ENDED,     /* gone for everybody; its subscriptions end in slices */
};

/* What the publisher sends, as agreed in its section. */
struct track_codec {
    enum rtp_codec codec;
    uint32_t profile;
    uint8_t packetization_mode;
};

/* Qualities as livekit.VideoQuality has them; OFF is none of a sent layer. */
enum { TRACK_QUALITIES = LIVEKIT__VIDEO_QUALITY__OFF + 1 };

struct track {
    enum track_state state;
    struct ident sid;
    uint64_t id; /* as media knows it */
    struct ident publisher_sid;
    struct slice stream_id;                       /* as subscribers are told it; in memory */
    /* borrowed */ struct participant *publisher; /* NULL: it has ended */
    /* owned    */ struct arena memory;           /* of info, cid and stream_id */
    Livekit__TrackInfo *info;
    struct slice cid; /* the client's id of it */
    bool video, stereo, dtx;
    bool red; /* opus comes in RED: once bound */
    uint8_t mid_len;
    char mid[RTP_SECTION_MID_BYTES_MAX + 1]; /* of the section that carries it; NUL behind */
    struct track_codec codec;                /* once bound */
    struct list_node in_publisher;           /* participant.tracks */
    struct list_node in_room;                /* room.tracks, once published, in order of `order` */
    uint64_t order;
    struct map_node by_sid;    /* room.by_sid, until it ends */
    struct list subscriptions; /* by in_track */
    bool is_backup; /* the second codec of another one: nobody is told of it as a track */
    /* borrowed */ struct track *backup, *backs_up;          /* each other, while both live */
    Livekit__TimedVersion version;                           /* info points to it */
    Livekit__AudioTrackFeature features[TRACK_FEATURES_MAX]; /* likewise, once replaced */
    /* derived  */ uint32_t wants[TRACK_QUALITIES]; /* how many subscribers want which quality */

    /* of node */
    struct map_node by_id;    /* node.tracks, while it lives */
    struct list_node in_ends; /* node.track_ends: it is to end */
    bool tell_publisher;      /* of the end: it does not know yet */
    bool has_receive;         /* media was told of its section */
    bool subscribed_told;     /* the publisher knows that somebody takes it */
    bool backup_wanted;       /* somebody cannot take its codec, */
    bool backup_told;         /* and its publisher knows */
    float level;              /* of audio, as media heard it last */
    /* Of video, how good it must be: as told to the publisher, and when to tell it less. */
    struct list_node in_rises, in_falls;
    Livekit__VideoQuality quality_told; /* all layers are on until it is told */
    uint64_t fall_due_ms;
};

enum track_refusal {
    TRACK_FINE,
    TRACK_NOT_ALLOWED,
    TRACK_UNSUPPORTED, /* neither audio nor video */
    TRACK_TOO_MUCH,    /* a limit */
    TRACK_UNKNOWN,     /* names a sid that is not there */
    TRACK_WAITS,       /* one with this cid is there: queue it */
    TRACK_SECOND,      /* the second codec of one that is there, which was asked for */
};
/* What is to be said to this request of a participant. */
enum track_refusal track_judge(const struct participant *p, const Livekit__AddTrackRequest *r);
bool track_source_allowed(const struct permission *as, uint32_t source);
/* NO_MEMORY, or EXHAUSTED: it says more than a TrackInfo may hold. */
must_check enum status track_create(const struct participant *publisher,
                                    const Livekit__AddTrackRequest *r, struct rng *rng, uint64_t id,
                                    struct arena *work, struct track **ret_track);
/* The same for the second codec of `t`. Each knows the other from here on, until one ends. */
must_check enum status track_create_backup(struct track *t, const Livekit__AddTrackRequest *r,
                                           struct rng *rng, uint64_t id, struct arena *work,
                                           struct track **ret_track);
/* Its client could send a second codec. */
bool track_can_have_backup(const struct track *t);
bool track_has_backup(const struct track *t); /* and does */
void track_part(struct track *t);             /* from the other one */
struct track *track_destroy(struct track *t); /* in no list; NULL: fine */

/* The publisher's, in any state but ENDED; NULL: none. */
struct track *track_find(const struct participant *p, struct slice sid);
struct track *track_of_mid(const struct participant *p, struct slice mid);
/* The pending one that a new section carries: by cid, else the oldest of its kind (trap T24). */
struct track *track_match(const struct participant *p, struct slice msid_track, bool video);
/* The codec that its client asked for; false: it asked for none. */
must_check bool track_asked_codec(const struct track *t, enum rtp_codec *ret_codec);
/* Its client lets it: an encrypted one could not be taken apart for those who want opus alone. */
bool track_may_be_red(const struct track *t);
void track_bind(struct track *t, const struct rtp_section *section);
void track_unbind(struct track *t); /* PENDING again: nobody knows yet */
/* The version of a published track's info: real microseconds, a tick more when they repeat. */
void track_set_version(struct track *t, uint64_t unix_us, uint32_t ticks);
void track_set_features(struct track *t, const Livekit__AudioTrackFeature *items, size_t count);
void track_set_dimensions(struct track *t, uint32_t width, uint32_t height);
static inline bool track_muted(const struct track *t) {
    return t->info->muted;
}

/* Layers as announced, low first: 1 to 3; and which of them each rid of the section is (T20). */
uint8_t track_layers(const struct track *t);
void track_map_rids(const struct track *t, const struct rtp_section *section,
                    uint8_t ret_layers[RTP_RIDS_MAX]);
/* The layer that serves a quality, and the quality that a size asks for (5.4). */
uint8_t track_layer_of_quality(const struct track *t, Livekit__VideoQuality quality);
Livekit__VideoQuality track_quality_of_size(const struct track *t, uint32_t width, uint32_t height);
const char *track_codec_name(enum rtp_codec codec); /* "vp8"; as dynacast names it */

const char *track_second_codec(const struct track *t); /* of one that can have a backup */

/* The mime types that clients may publish here, most wanted first; NULL behind the last. */
const char *track_publish_mime(size_t index);
/* The info that a request comes to: points into the request and the arena, whose failure sticks. */
void track_info_of_request(const Livekit__AddTrackRequest *r, const struct ident *sid,
                           struct arena *arena, Livekit__TrackInfo *ret_info);
