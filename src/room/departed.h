/* departed.h: who left a room of late, for clients that were away when it was told.
 * Owns: the identities.
 * Never: holds more than ROOM_DEPARTED_MAX; the oldest is forgotten first.
 * Invariant: oldest first; what is left out, a client finds out by the list of those who are there,
 *   or not at all.
 * Source: wire/realtime.md 3.14 (4).
 * Callers: room, node. */
#pragma once

#include "participant.h"

struct departed {
    struct ident sid;
    struct text identity; /* owned */
    uint32_t version, reason;
    uint64_t at_ms;
    bool tcp_only;
};

struct departures {
    struct departed *items; /* owned ring of ROOM_DEPARTED_MAX; NULL until somebody left */
    size_t first, count;
};

/* Takes the identity over: the participant goes. Cannot fail; without memory it is not noted. */
void departures_add(struct departures *d, struct participant *gone, uint32_t reason,
                    uint64_t now_ms);
/* Whoever left last under this identity, if it is noted, was told of TCP alone. */
bool departures_tcp_only(const struct departures *d, struct slice identity);
void departures_deinit(struct departures *d); /* zeroed: fine */
