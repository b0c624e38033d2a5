/* handles.h: to whom the packets of a data track go, and under which handle.
 * Owns: the tracks and the subscriptions put into it.
 * Never: lets a subscriber have a packet under a handle that it was not told of.
 * Invariant: a track is here exactly while it has a subscription, a participant while it has
 *   either.
 * Source: wire/realtime.md 3.12, trap T49; control decides, this only looks up.
 * Callers: media.c makes subscriptions on the control thread; the data thread holds the table. */
#pragma once

#include "list.h"
#include "map.h"
#include "media.h"
#include "track_packet.h"

struct handle_key {
    uint64_t publisher; /* participant, as in media_route */
    uint64_t handle;
};

/* A participant with tracks or subscriptions here. */
struct handle_party {
    struct map_node by_participant;
    uint64_t participant;
    struct list tracks;        /* struct handle_track, by in_publisher */
    struct list subscriptions; /* struct handle_subscription, by in_subscriber */
};

struct handle_track {
    struct map_node by_key;
    struct list_node in_publisher;
    /* borrowed */ struct handle_party *publisher;
    struct handle_key key;
    struct list subscriptions; /* struct handle_subscription, by in_track */
};

struct handle_subscription {
    struct map_node by_pair;
    struct handle_pair {
        struct handle_key track;
        uint64_t subscriber;
    } pair;
    struct list_node in_track, in_subscriber;
    /* borrowed */ struct handle_track *track;
    /* borrowed */ struct handle_party *subscriber;
    /* owned: become what it is the first of */
    struct handle_track *spare;
    struct handle_party *spares[2];
    struct media_handle say;
    uint64_t next_frame_ms; /* with fps_max: earlier ones are left out */
    uint16_t frame;         /* decided last */
    bool passes;
};

struct handles {
    struct map tracks, parties;
    struct map subscriptions; /* by_pair: many join one track */
};
/* Any thread. NULL without memory. */
must_check struct handle_subscription *handle_subscription_create(const struct media_handle *say);
struct handle_subscription *handle_subscription_destroy(struct handle_subscription *s);

must_check enum status handles_init(struct handles *h, struct hash_key key);
void handles_deinit(struct handles *h); /* with all that is in; zeroed: fine */
/* Takes it over; one of the same track and subscriber is replaced. */
void handles_put(struct handles *h, struct handle_subscription *s);
void handles_remove(struct handles *h, uint64_t publisher, uint16_t handle, uint64_t subscriber);
/* The participant is gone: all that it published and subscribed to. */
void handles_remove_participant(struct handles *h, uint64_t participant);
struct handle_track *handles_find(const struct handles *h, uint64_t publisher, uint16_t handle);
/* Does this packet go to this subscriber? Whole frames are left out, never parts. */
bool handle_passes(struct handle_subscription *s, const struct track_packet_header *header,
                   uint64_t now_ms);
