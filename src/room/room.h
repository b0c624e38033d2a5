/* room.h: one live room on its node: who is in it and who is told what.
 * Owns: its participants from room_add to room_remove, their tracks and subscriptions.
 * Never: knows sessions, transports or the directory; it says who, node does.
 * Invariant: counts equal a recount of the participants (room_check); identities are unique.
 * Source: wire/room-api.md 3, 4.1, 8.2; wire/realtime.md 3.1, 3.21.
 * Callers: node, which embeds it. Cost of each call: the participants of this room at most. */
#pragma once

#include "caps.h"
#include "data_track.h"
#include "departed.h"
#include "subscription.h"

struct room_counts {
    uint32_t participants; /* not dependent; hidden ones count */
    uint32_t dependents;
    uint32_t publishers; /* of both kinds */
    uint32_t recorders;
};

struct room {
    /* owned    */ struct text name;
    /* owned    */ struct list participants; /* by in_room, in order of joining */
    /* owned    */ struct map by_identity;
    /* derived  */ struct room_counts counts;
    /* owned    */ struct list tracks; /* published, by in_room, in order of their `order` */
    /* borrowed */ struct map by_sid;  /* tracks that have not ended */
    /* owned    */ struct map by_pair; /* subscriptions */
    uint64_t last_order;
    /* owned    */ struct list data_tracks; /* by in_room, in order of their `order` */
    /* borrowed */ struct map data_by_sid;
    struct departures departures;
    uint64_t key; /* in routing tables; never 0, never used again */
    uint8_t sif_trailer[SIF_TRAILER_BYTES];
    uint8_t nonces[ROOM_NONCES][16]; /* the last ones seen; zeros count as seen, as upstream */
    uint32_t nonce_next;
};

must_check enum status room_init(struct room *r, struct slice name, uint64_t key,
                                 struct hash_key map_key);
void room_deinit(struct room *r); /* empty; zeroed: fine */

struct participant *room_find(const struct room *r, struct slice identity); /* NULL: not in */
void room_add(struct room *r, struct participant *p);    /* its identity is not in (asserted) */
void room_remove(struct room *r, struct participant *p); /* the caller destroys it */
void room_commit(struct room *r, struct participant *p, struct change *c); /* cannot fail */
static inline bool room_empty(const struct room *r) {
    return list_empty(&r->participants);
}

/* Counts as they are without `gone` (NULL: all stay) and with `p` as in `as` (NULL: nobody). */
struct room_counts room_counts_with(const struct room *r, const struct participant *gone,
                                    const struct participant *p, const struct profile *as);
/* May one more come in? `max`: of the room, 0 unlimited; `gone`: who leaves for it. */
bool room_admits(const struct room *r, uint32_t max, bool dependent,
                 const struct participant *gone);

/* Connections of those who are told about `about` when it is as in `as`: everybody but `except`,
 * or itself alone when hidden. about NULL: everybody. The array lies in the arena; NULL and 0 when
 * nobody is reached or the arena failed. */
size_t room_receivers(const struct room *r, const struct participant *about,
                      const struct profile *as, const struct participant *except,
                      struct arena *arena, const uint64_t **ret_conns);

/* All, hidden ones too (API). Array of messages in the arena. */
size_t room_everybody(const struct room *r, struct arena *arena,
                      Livekit__ParticipantInfo ***ret_infos);

/* True when this nonce was among the last ROOM_NONCES; else it is from now on. */
bool room_nonce_repeats(struct room *r, const uint8_t nonce[16]);

/* Those who left at that wall time or later and are not known to be back, as messages in the arena,
 * whose failure sticks. */
size_t room_departed(const struct room *r, uint64_t since_wall_ms, struct arena *arena,
                     Livekit__ParticipantInfo ***ret_infos);

/* Tracks, from pending to ended. None of these fails but where it says so. */
struct track *room_find_track(const struct room *r, struct slice sid); /* NULL: not there */
/* Not published yet; also of a participant that is not in the room yet. */
void room_track_add(struct participant *publisher, struct track *t);
void room_track_publish(struct track *t); /* was BOUND */
void room_track_end(struct track *t);     /* has no publisher from then on */
/* Published tracks that auto_subscribe of `p` has not looked at; NULL: none. */
struct track *room_next_track(const struct room *r, const struct participant *p);

struct subscription *room_find_subscription(const struct room *r, const struct participant *p,
                                            const struct track *t);
/* NO_MEMORY; EXHAUSTED: the participant has too many. Neither wanted nor attached yet. */
must_check enum status room_subscribe(struct room *r, struct participant *p, struct track *t,
                                      uint64_t id, struct subscription **ret_subscription);
void room_unsubscribe(struct room *r, struct subscription *s); /* not attached; frees it */

/* Whom a joiner sees, encoded: all but the hidden and `gone`. False: no memory. */
struct encoded_list {
    struct slice *items; /* in the arena, or the participants' own: until the next change */
    size_t count;
};
must_check bool room_others_encoded(struct room *r, const struct participant *gone,
                                    struct arena *arena, struct encoded_list *ret_list);

/* Asserts every invariant. O(n): tests and builds with checks on. */
void room_check(const struct room *r);
