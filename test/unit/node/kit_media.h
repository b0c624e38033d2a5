/* kit_media.h: clients that publish and subscribe, as far as the control plane sees them.
 * Owns: nothing; texts lie in the kit's arena until its next API call or kit_forget.
 * Invariant: kit_client does what an honest client does after each message; what it was told is
 *   kept apart from the effects, which stay those of the last step.
 * Callers: the tests of node. */
#pragma once

#include "kit.h"

/* An offer from words: kind (a, v, d), mid, then what the client does there: '<' receives,
 * '>' sends (its msid behind it, rids behind a colon), '-' neither, '!' stopped.
 * "a0< v1< d2 a3>mic v4>cam:fhq" */
const char *kit_offer(struct kit *k, const char *words);
/* An honest answer to an offer of ours: receives all that is sent. */
const char *kit_answer_to(struct kit *k, const char *offer);

void kit_send_offer(struct kit *k, uint64_t conn, const char *words);
void kit_send_answer(struct kit *k, uint64_t conn, const char *sdp, uint32_t id);

struct kit_add {
    const char *cid;
    bool video, muted, encrypted;
    int source;
    const char *codec, *sid, *name;
    const char *second;                  /* codec, for those who lack the first */
    const Livekit__VideoQuality *layers; /* heights 180, 360, 720 by quality */
    size_t layers_count;
};
void kit_add_track(struct kit *k, uint64_t conn, const struct kit_add *add);
/* The sid that the last step said, or NULL. */
const char *kit_published_sid(struct kit *k, uint64_t conn);

/* A client in single mode with so many places to receive in; it is up. Returns its transport. */
uint64_t kit_single(struct kit *k, uint64_t conn, const char *room, const char *identity,
                    const char *offer_words);
/* The same for auto_subscribe off, adaptive_stream on and other claims. */
struct kit_single {
    uint64_t conn;
    const char *room, *identity, *words;
    bool no_auto, adaptive;
    const struct claims *claims;
};
uint64_t kit_single_as(struct kit *k, const struct kit_single *how);
/* Publishes in one go: announced, offered; `words` as for kit_offer. Returns the sid. */
const char *kit_publish(struct kit *k, uint64_t conn, const struct kit_add *add, const char *words);
/* The answer's text and its map, of the last step. */
const Livekit__SessionDescription *kit_told_answer(struct kit *k, uint64_t conn);
const char *kit_track_of_mid(const Livekit__SessionDescription *d, const char *mid); /* or NULL */

void kit_subscribe(struct kit *k, uint64_t conn, const char *sid, bool subscribe);
void kit_levels(struct kit *k, const struct media_level *items, size_t count);
void kit_quality(struct kit *k, uint64_t transport, uint8_t score);
