/* data_track.h: data tracks of participants, and who gets them under which handle.
 * Owns: tracks and subscriptions; memory of their infos.
 * Never: sees packets; the data plane forwards by the handles that node tells it.
 * Invariant: a handle is not 0 and, of one subscriber, not used twice; an ended track is found no
 *   more and goes with its last subscription.
 * Source: wire/realtime.md 2.7, 3.12.
 * Callers: room, node. */
#pragma once

#include "participant.h"
#include "proto.h"

#include "livekit_rtc.pb-c.h"

struct data_track {
    struct ident sid, publisher_sid;
    uint16_t handle;                              /* the publisher's */
    uint64_t order, publisher_key;                /* key: in routing tables */
    /* borrowed */ struct participant *publisher; /* NULL: it has ended */
    /* owned    */ struct arena memory;           /* of info */
    Livekit__DataTrackInfo *info;
    struct list_node in_publisher, in_room;
    struct map_node by_sid;
    struct list subscriptions; /* by in_track */
};

struct data_subscription {
    /* borrowed */ struct data_track *track;
    /* borrowed */ struct participant *subscriber;
    struct list_node in_track, in_subscriber;
    uint16_t handle;
    uint16_t fps_max; /* 0: all */
    bool unwanted;    /* it goes at the next look */
    bool told;        /* the data plane forwards it (node) */
};

/* RequestResponse.Reason; OK: it may be published. */
Livekit__RequestResponse__Reason data_track_judge(const struct participant *p,
                                                  const Livekit__PublishDataTrackRequest *r);
/* Published at once: in the room when its publisher is. NO_MEMORY: nothing has changed. */
must_check enum status data_track_create(struct participant *publisher,
                                         const Livekit__PublishDataTrackRequest *r, struct rng *rng,
                                         struct arena *work, struct data_track **ret_track);
struct data_track *data_track_of_handle(const struct participant *p, uint32_t handle); /* or NULL */
/* Gone for everybody; freed now, or with its last subscription. */
void data_track_end(struct data_track *t);
bool data_track_sid_equal(const struct map_node *m, struct slice key);

struct data_subscription *data_subscription_find(const struct participant *p,
                                                 const struct data_track *t);
/* EXHAUSTED: too many, or no handle is left; NO_MEMORY. */
must_check enum status data_subscribe(struct participant *p, struct data_track *t,
                                      struct data_subscription **ret_subscription);
void data_unsubscribe(struct data_subscription *s); /* frees it */
void data_subscriptions_drop(struct participant *p);
