/* walk.h: a model of both ends of a video track: a publisher with simulcast and temporal layers, a
 * network that loses, repeats and reorders, and a receiver that decodes only what it can.
 * Owns: all of it; the uplink and the downlink between them are what is tested.
 * Invariant: what a packet says in its body is the truth; the receiver sees only what is sent.
 * Callers: test_walk.c. */
#pragma once

#include "sfu_kit.h"

enum {
    WALK_LAYERS = 3,
    WALK_KEPT = 2048,     /* packets of a layer that its publisher can send again */
    WALK_WAY_MAX = 2048,  /* packets on their way */
    WALK_SENT_MAX = 40000 /* numbers given to the receiver in one walk */
};

/* The truth about a packet, in its body. */
struct walk_body {
    uint32_t source;   /* counts the layer's packets from 0, without a wrap */
    uint32_t frame;    /* counts the layer's frames, from 1 */
    uint32_t capture;  /* when it was taken, in 1/90 ms */
    uint32_t needs[3]; /* frames that must be decoded before; 0: none */
    uint8_t layer, temporal, index, packets;
    bool key;
};

struct walk_config {
    uint32_t loss_up, loss_down, repeat_up, reorder_up; /* per mille */
    uint32_t delay_ms;                                  /* of what is reordered, at most */
    bool changes;                                       /* layers, rates and pauses change */
    bool layers_vanish;                                 /* the publisher stops layers */
    uint32_t rtx_ssrc;
    bool clocks_hold; /* nothing is late: timestamps follow the captures to the tick */
    uint64_t seed;
    uint32_t ms;
};

struct walk_source {
    uint16_t first_sequence;
    uint32_t first_timestamp;
    uint32_t packets, frame;
    uint16_t picture_id;
    uint8_t tl0_index, key_index, position;
    uint32_t last[3]; /* newest frame of each temporal layer */
    bool key_wanted, silent;
    uint8_t kept_len[WALK_KEPT];
    uint8_t kept[WALK_KEPT][128];
    bool in_order[WALK_SENT_MAX]; /* by source: the uplink took it as its newest */
};

struct walk_on_way {
    uint64_t due_us;
    uint8_t layer, len;
    uint8_t bytes[128];
};

struct walk_sent { /* one number of the receiver */
    bool given, arrived, filler, first_of_key;
    uint8_t tries;
    uint64_t missed_us; /* when its absence was first seen */
    uint32_t epoch;
    uint32_t timestamp;
    struct vp8_descriptor vp8;
    struct walk_body body;
    uint8_t len;
    uint8_t bytes[160];
};

struct walk {
    struct walk_config config;
    struct kit_random random;
    uint64_t now_us;
    struct packet_pool pool;
    struct uplink *u;
    struct downlink *d;
    struct walk_source sources[WALK_LAYERS];
    struct walk_on_way way[WALK_WAY_MAX];
    size_t way_count;

    uint16_t first;    /* the receiver's first number */
    uint32_t sent_end; /* behind the highest */
    struct walk_sent sent[WALK_SENT_MAX];
    bool any;

    uint32_t cursor; /* the next number to be decoded */
    uint32_t decoded_epoch;
    uint32_t decoded[8]; /* the last frames decoded */
    uint32_t frames_decoded, frames_broken, gaps_skipped, resends, fillers;
    uint64_t decoded_us; /* when the last frame was */
    uint64_t freeze_us;  /* the longest time without one, while it was wanted */
    uint64_t asked_us;
    bool wanted;
};

struct walk *walk_create(const struct walk_config *config);
struct walk *walk_destroy(struct walk *w);
void walk_publish(struct walk *w);                     /* one frame of each layer */
void walk_hear(struct walk *w, struct slice feedback); /* the uplink's feedback */
bool walk_arrive(struct walk *w, uint8_t *ret_layer, struct slice *ret_packet); /* due by now */
void walk_receive(struct walk *w, struct slice packet, bool first_time);
void walk_nack(struct walk *w);
void walk_decode(struct walk *w);
void walk_check(const struct walk *w); /* all that was sent, by number */
