/* streams.h: a worker's media streams: what clients send, and the copies that others get.
 * Owns: struct receiver its uplink and its SSRCs; struct sender its downlink; both belong to their
 *   transport, and a sender also hangs on the receiver of its track.
 * Never: sends anything; worker_rtp.c and worker_rtcp.c do.
 * Invariant: an SSRC of a transport leads to one receiver; a sender is in the tables exactly while
 *   it is in its transport; a sender whose track is gone has receiver NULL and sends nothing.
 * Source: wire/realtime.md 3.6, 4.5; RFC 9143 section 9.2 (which packet belongs to which section).
 * Callers: media.c makes them on the control thread; then the worker alone. */
#pragma once

#include "downlink.h"
#include "levels.h"
#include "media.h"
#include "quality.h"
#include "transport.h"
#include "uplink.h"

/* One section in which a client sends. */
struct receiver {
    struct map_node by_track; /* in the table while it has a track */
    struct list_node in_transport;
    /* borrowed */ struct transport *transport; /* NULL until it is in the tables */
    struct media_receive say;
    /* owned */ struct uplink *uplink; /* NULL while say.track is 0, or memory was short */
    struct level level;                /* audio */
    struct quality quality;
    struct list ssrcs;   /* struct ssrc_in, by in_receiver */
    struct list senders; /* struct sender, by in_receiver */
};
/* NULL without memory. */
must_check struct receiver *receiver_create(const struct media_receive *say);
struct receiver *receiver_destroy(struct receiver *r); /* in no table; NULL: fine */
/* Its track is known and it has no uplink yet. Worker only: histories come from its pool. */
must_check enum status receiver_open(struct receiver *r, struct packet_pool *pool, uint32_t seed);
/* The layer that a rid stands for. False: a rid that was not agreed. */
must_check bool receiver_layer_of_rid(const struct receiver *r, struct slice rid,
                                      uint8_t *ret_layer);

struct stream_key {
    uint64_t transport;
    uint64_t ssrc;
};

/* An SSRC of a client, as its packets told what it is. */
struct ssrc_in {
    struct map_node by_ssrc;
    struct list_node in_receiver;
    /* borrowed */ struct receiver *receiver;
    struct stream_key key;
    uint8_t layer;
    bool rtx;
};

/* One subscriber's copy of a track. */
struct sender {
    struct map_node by_id, by_ssrc, by_rtx;
    struct list_node in_transport, in_receiver, in_held, in_silent;
    /* borrowed */ struct transport *transport;
    /* borrowed */ struct receiver *receiver;
    uint64_t held_us; /* while in `held`: since when */
    uint8_t silences; /* while in `silent`: frames that are left to be sent */
    uint64_t id, track;
    struct stream_key ssrc, rtx; /* rtx.ssrc 0: none */
    struct media_want want;
    bool ready;          /* its SRTP streams are made */
    bool starved;        /* control was told that it is paused for want of bandwidth */
    bool budgeted;       /* layer_given says something */
    uint8_t layer_given; /* of the budget */
    /* owned */ struct downlink *downlink;
    struct quality quality;
    struct downlink_stats judged; /* at the last judgement */
    int32_t lost;                 /* the most that reports said */
};
must_check struct sender *sender_create(const struct media_send *say);
struct sender *sender_destroy(struct sender *s); /* in no table; NULL: fine */

struct streams {
    struct map by_track;    /* struct receiver */
    struct map by_ssrc_in;  /* struct ssrc_in */
    struct map senders;     /* by id */
    struct map by_ssrc_out; /* struct sender, by_ssrc: for reports and resends asked for */
    struct map by_rtx_out;  /* struct sender, by_rtx */
    struct list held;       /* struct sender, by in_held: their video waits for the pacer */
    struct list silent;     /* struct sender, by in_silent: their audio ends in silence */
};
must_check enum status streams_init(struct streams *s, struct hash_key key);
void streams_deinit(struct streams *s); /* empty (asserted); zeroed: fine */

/* Takes `r`: into the tables, or into the receiver of its mid, which goes on. Returns the one that
 * stands now; NULL: the transport has too many. */
struct receiver *streams_put_receiver(struct streams *s, struct transport *t, struct receiver *r);
void streams_remove_receiver(struct streams *s, struct receiver *r); /* and frees it */
struct receiver *streams_find_mid(const struct transport *t, struct slice mid);
struct receiver *streams_find_track(const struct streams *s, uint64_t track);

struct ssrc_in *streams_find_ssrc(const struct streams *s, uint64_t transport, uint32_t ssrc);
/* The SSRC is not known yet. NULL without memory, or when the client has too many. */
struct ssrc_in *streams_add_ssrc(struct streams *s, struct receiver *r, uint32_t ssrc,
                                 uint8_t layer, bool rtx);

void streams_forget_ssrc(struct streams *s, uint64_t transport, uint32_t ssrc); /* it ended */

/* Takes `sender`: into the tables, or into the one of its id, which goes on. */
struct sender *streams_put_sender(struct streams *s, struct transport *t, struct sender *sender);
void streams_remove_sender(struct streams *s, struct sender *sender); /* and frees it */
/* Its video waits, or not any more. */
void streams_hold_sender(struct streams *s, struct sender *sender, uint64_t now_us);
void streams_release_sender(struct streams *s, struct sender *sender);
struct sender *streams_find_sender(const struct streams *s, uint64_t id);
struct sender *streams_find_ssrc_out(const struct streams *s, uint64_t transport, uint32_t ssrc);

/* All of a transport. */
void streams_drop_transport(struct streams *s, struct transport *t);
