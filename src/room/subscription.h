/* subscription.h: one participant's copy of one track: wanted, allowed, sent.
 * Owns: nothing beyond itself.
 * Never: knows sections; node has it carried by a peer connection.
 * Invariant: at most one for each participant and track; while `attached` a section of the
 *   subscriber carries it or is asked for; what it counts in track.wants follows each change.
 * Source: wire/realtime.md 3.7, 3.20, 5.4.
 * Callers: room, node. */
#pragma once

#include "track.h"

/* What the subscriber asked for by UpdateTrackSettings. */
struct subscription_wish {
    bool disabled;
    bool sized; /* width and height count, not quality */
    Livekit__VideoQuality quality;
    uint32_t width, height;
    uint8_t fps, priority;
};

struct subscription {
    uint64_t id; /* of the send, as media knows it; never used again */
    /* borrowed */ struct track *track;
    /* borrowed */ struct participant *subscriber;
    struct list_node in_track, in_subscriber;
    struct map_node by_pair; /* room.by_pair */
    uint64_t pair[2];        /* its key there */
    bool wanted;             /* else: not in spite of auto_subscribe */
    bool denied_told;        /* its subscriber knows that it may not */
    bool attached;           /* a peer connection has it */
    struct subscription_wish wish;

    /* of node */
    struct map_node by_id; /* while attached */
    uint32_t ssrc, rtx_ssrc;
    bool sending;      /* media was told */
    bool refused;      /* its client has no such codec, and knows that we know */
    bool needs_backup; /* it has not the first one; */
    bool on_backup;    /* it is attached to the second one */
    uint64_t section_hash;
};

/* May it, by permission and rules? */
bool subscription_allowed(const struct participant *subscriber, const struct track *t);
/* The quality that it wants: OFF when it wants nothing. */
Livekit__VideoQuality subscription_quality(const struct subscription *s);
/* Its wish, and whether it is attached, count in the track. */
void subscription_set_wish(struct subscription *s, const struct subscription_wish *wish);
void subscription_set_attached(struct subscription *s, bool attached);
/* The best quality that any subscriber of the track wants; OFF: none. */
Livekit__VideoQuality track_wanted(const struct track *t);
/* 1 to 255: who gets bandwidth first. */
uint8_t subscription_priority(const struct subscription *s);
