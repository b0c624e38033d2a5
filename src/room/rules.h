/* rules.h: who may subscribe to a participant's tracks, as it said itself.
 * Owns: its rules.
 * Never: changes in place: a new set replaces the old one.
 * Invariant: no set of rules at all (NULL) allows everybody; an empty one nobody.
 * Source: wire/realtime.md 2.5 and 3.7 (SubscriptionPermission).
 * Callers: participant, room, node. */
#pragma once

#include "arena.h"
#include "map.h"

#include "livekit_rtc.pb-c.h"

struct rules {
    struct arena memory;
    struct map by_identity, by_sid; /* of struct rule */
};

/* EXHAUSTED: more than the caps allow; NO_MEMORY. */
must_check enum status rules_create(const Livekit__SubscriptionPermission *message,
                                    struct hash_key key, struct rules **ret_rules);
struct rules *rules_destroy(struct rules *r); /* NULL: fine */
/* NULL: no rules, everybody may. */
bool rules_allow(const struct rules *r, struct slice identity, struct slice participant_sid,
                 struct slice track_sid);
