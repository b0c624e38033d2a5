/* routes.h: who is in which room, by which transport they send and receive data.
 * Owns: the routes put into it and the rooms they stand in.
 * Never: allocates after a route was made: putting it in cannot fail.
 * Invariant: a room is here exactly while it has a route. Of two routes that claim one transport,
 *   sid or identity the later one is found by it.
 * Source: wire/realtime.md 3.10; control decides, this only looks up.
 * Callers: media.c makes routes on the control thread; the data thread holds the table. */
#pragma once

#include "ident.h"
#include "list.h"
#include "map.h"
#include "media.h"
#include "recent.h"

enum { ROUTE_NONCES = 64 }; /* of user packets, remembered per room */

struct route_room {
    struct map_node by_id;
    uint64_t id;
    /* owned */ struct list participants; /* struct route, by in_room */
    /* owned */ struct recent recent;
    struct list_node in_recent; /* of the router: linked while recent holds something */
    uint64_t last_number;       /* of the newest reliable message */
    uint64_t last_mark;         /* of the newest message of any kind; tells who has it already */
    uint64_t nonces[ROUTE_NONCES];
    uint32_t nonces_next;
};

/* The ways by which a route is found. */
enum route_key { ROUTE_BY_RX, ROUTE_BY_TX, ROUTE_BY_IDENTITY, ROUTE_BY_SID, ROUTE_KEYS };

struct route {
    struct map_node by_participant;
    struct map_node by[ROUTE_KEYS];
    bool is_in[ROUTE_KEYS];
    struct list_node in_room;
    /* borrowed */ struct route_room *room;  /* NULL until it is in the table */
    /* owned    */ struct route_room *spare; /* becomes the room when it is the first there */
    uint64_t participant, room_id, rx_transport, tx_transport;
    struct ident sid;
    /* owned    */ struct bytes identity;
    bool can_publish_data, hidden, agent, active;
    uint32_t last_sequence; /* of its reliable packets, in this session */
    uint32_t heard;         /* what control knows of it; 0: nothing */
    uint64_t delivered;     /* number of the newest reliable message that it needs no more */
    uint64_t mark;          /* last_mark of the message that it was given last */
    uint32_t answers_due;   /* to calls of the server: more than it asked for it does not take */
};

struct routes {
    struct map participants, rooms;
    struct map by[ROUTE_KEYS];
    struct list recent_rooms; /* struct route_room, by in_recent */
    size_t recent_bytes;      /* of all rooms */
};

/* Any thread. NULL without memory. */
must_check struct route *route_create(const struct media_route *config);
struct route *route_destroy(struct route *r); /* not in a table */

must_check enum status routes_init(struct routes *t, struct hash_key key);
void routes_deinit(struct routes *t); /* with all that is in; zeroed: fine */
/* Takes the route over. One of the same participant is replaced and freed; what it had seen goes
 * on when the sid is the same. Returns the one that is in the table. */
struct route *routes_put(struct routes *t, struct route *r);
void routes_remove(struct routes *t, uint64_t participant); /* unknown: nothing */

struct route *routes_by_transport(const struct routes *t, enum route_key key, uint64_t transport);
struct route *routes_by_participant(const struct routes *t, uint64_t participant);
struct route *routes_by_identity(const struct routes *t, uint64_t room, struct slice identity);
struct route *routes_by_sid(const struct routes *t, uint64_t room, struct slice sid);
struct route_room *routes_room(const struct routes *t, uint64_t room);

/* Keeps the room's newest message for who is still joining; false when it could not. */
bool routes_keep_recent(struct routes *t, struct route_room *room, uint64_t sender,
                        struct slice packet, uint64_t now_ms);
/* Forgets what is too old, in at most `budget` rooms. */
void routes_expire_recent(struct routes *t, uint64_t now_ms, size_t budget);

/* True when this nonce of this sender was seen in the room not long ago; it is now. */
bool route_room_seen_nonce(struct route_room *room, const struct hash_key *key, uint64_t sender,
                           struct slice nonce);
