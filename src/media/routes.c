#include <string.h>

#include "mem.h"
#include "routes.h"

/* The key of a name is the room and the name; longer ones than control admits are nobody's. */
enum { NAME_KEY_BYTES_MAX = sizeof(uint64_t) + IDENTITY_BYTES_MAX };

static struct slice id_key(const uint64_t *id) {
    return slice_of(id, sizeof *id);
}

static struct slice name_key(uint64_t room, struct slice name, uint8_t out[NAME_KEY_BYTES_MAX]) {
    if (name.len == 0 || name.len > IDENTITY_BYTES_MAX) {
        return (struct slice){0};
    }
    memcpy(out, &room, sizeof room);
    memcpy(out + sizeof room, name.data, name.len);
    return slice_of(out, sizeof room + name.len);
}

/* The key under which a route is found, empty when it has none of that sort. */
static struct slice route_key(const struct route *r, enum route_key sort,
                              uint8_t scratch[NAME_KEY_BYTES_MAX]) {
    switch (sort) {
    case ROUTE_BY_RX: return r->rx_transport ? id_key(&r->rx_transport) : (struct slice){0};
    case ROUTE_BY_TX: return r->tx_transport ? id_key(&r->tx_transport) : (struct slice){0};
    case ROUTE_BY_IDENTITY: return name_key(r->room_id, bytes_slice(&r->identity), scratch);
    case ROUTE_BY_SID: return name_key(r->room_id, ident_slice(&r->sid), scratch);
    case ROUTE_KEYS: break;
    }
    assert(false);
    return (struct slice){0};
}

static const struct route *route_of(const struct map_node *node, enum route_key sort) {
    return container_of(node - sort, const struct route, by);
}

static bool equal_by(const struct map_node *node, enum route_key sort, struct slice key) {
    uint8_t scratch[NAME_KEY_BYTES_MAX];
    return slice_eq(route_key(route_of(node, sort), sort, scratch), key);
}
static bool equal_rx(const struct map_node *node, struct slice key) {
    return equal_by(node, ROUTE_BY_RX, key);
}
static bool equal_tx(const struct map_node *node, struct slice key) {
    return equal_by(node, ROUTE_BY_TX, key);
}
static bool equal_identity(const struct map_node *node, struct slice key) {
    return equal_by(node, ROUTE_BY_IDENTITY, key);
}
static bool equal_sid(const struct map_node *node, struct slice key) {
    return equal_by(node, ROUTE_BY_SID, key);
}
static bool equal_participant(const struct map_node *node, struct slice key) {
    const struct route *r = container_of(node, const struct route, by_participant);
    return slice_eq(id_key(&r->participant), key);
}
static bool equal_room(const struct map_node *node, struct slice key) {
    const struct route_room *room = container_of(node, const struct route_room, by_id);
    return slice_eq(id_key(&room->id), key);
}

struct route *route_create(const struct media_route *config) {
    assert(config->participant != 0);
    struct route *r = mem_zalloc(sizeof *r);
    struct route_room *spare = mem_zalloc(sizeof *spare);
    if (!r || !spare || bytes_copy(config->identity, &r->identity) != STATUS_OK) {
        mem_free(spare);
        mem_free(r);
        return NULL;
    }
    r->spare = spare;
    list_node_init(&r->in_room);
    r->participant = config->participant;
    r->room_id = config->room;
    r->rx_transport = config->rx_transport;
    r->tx_transport = config->tx_transport;
    r->sid = config->sid;
    r->can_publish_data = config->can_publish_data;
    r->hidden = config->hidden;
    r->agent = config->agent;
    r->active = config->active;
    return r;
}

struct route *route_destroy(struct route *r) {
    if (r) {
        assert(!r->room);
        mem_free(r->spare);
        bytes_deinit(&r->identity);
        mem_free(r);
    }
    return NULL;
}

enum status routes_init(struct routes *t, struct hash_key key) {
    static const map_equal equal[ROUTE_KEYS] = {
        [ROUTE_BY_RX] = equal_rx,
        [ROUTE_BY_TX] = equal_tx,
        [ROUTE_BY_IDENTITY] = equal_identity,
        [ROUTE_BY_SID] = equal_sid,
    };
    *t = (struct routes){0};
    list_init(&t->recent_rooms);
    enum status s = map_init(&t->participants, key, equal_participant);
    if (s == STATUS_OK) {
        s = map_init(&t->rooms, key, equal_room);
    }
    for (uint32_t i = 0; i < ROUTE_KEYS && s == STATUS_OK; i++) {
        s = map_init(&t->by[i], key, equal[i]);
    }
    if (s != STATUS_OK) {
        routes_deinit(t);
    }
    return s;
}

void routes_deinit(struct routes *t) {
    while (t->participants.count > 0) {
        const struct map_node *node = map_any(&t->participants);
        routes_remove(t, container_of(node, const struct route, by_participant)->participant);
    }
    assert(t->rooms.count == 0);
    map_deinit(&t->participants);
    map_deinit(&t->rooms);
    for (uint32_t i = 0; i < ROUTE_KEYS; i++) {
        map_deinit(&t->by[i]);
    }
    *t = (struct routes){0};
}

static void route_unlink(struct routes *t, struct route *r, enum route_key sort) {
    if (r->is_in[sort]) {
        map_remove(&t->by[sort], &r->by[sort]);
        r->is_in[sort] = false;
    }
}

/* The later claim wins: while a participant replaces another of its identity, both are here. */
static void route_link(struct routes *t, struct route *r, enum route_key sort) {
    uint8_t scratch[NAME_KEY_BYTES_MAX];
    struct slice key = route_key(r, sort, scratch);
    if (key.len == 0) {
        return;
    }
    struct map_node *other = map_find(&t->by[sort], key);
    if (other) {
        route_unlink(t, container_of(other - sort, struct route, by), sort);
    }
    map_insert(&t->by[sort], &r->by[sort], key);
    r->is_in[sort] = true;
}

static struct route_room *room_for(struct routes *t, struct route *r) {
    struct route_room *room = routes_room(t, r->room_id);
    if (room) {
        mem_free(TAKE(r->spare));
        return room;
    }
    room = TAKE(r->spare);
    room->id = r->room_id;
    list_init(&room->participants);
    recent_init(&room->recent);
    list_node_init(&room->in_recent);
    map_insert(&t->rooms, &room->by_id, id_key(&room->id));
    return room;
}

static void room_free(struct routes *t, struct route_room *room) {
    map_remove(&t->rooms, &room->by_id);
    if (list_node_linked(&room->in_recent)) {
        list_remove(&t->recent_rooms, &room->in_recent);
    }
    t->recent_bytes -= room->recent.bytes;
    recent_deinit(&room->recent);
    mem_free(room);
}

static void route_take_out(struct routes *t, struct route *r) {
    struct route_room *room = r->room;
    for (uint32_t i = 0; i < ROUTE_KEYS; i++) {
        route_unlink(t, r, (enum route_key)i);
    }
    map_remove(&t->participants, &r->by_participant);
    list_remove(&room->participants, &r->in_room);
    r->room = NULL;
    if (list_empty(&room->participants)) {
        room_free(t, room);
    }
}

static struct route *find_participant(const struct routes *t, uint64_t participant) {
    struct map_node *node = map_find(&t->participants, id_key(&participant));
    return node ? container_of(node, struct route, by_participant) : NULL;
}

struct route *routes_put(struct routes *t, struct route *r) {
    assert(!r->room && r->spare);
    struct route_room *room = room_for(t, r);
    struct route *old = find_participant(t, r->participant);
    r->delivered = room->last_number; /* what was said before it came is not for it */
    if (old && old->room == room) {
        r->delivered = old->delivered;
        if (ident_equal(&old->sid, ident_slice(&r->sid))) {
            r->last_sequence = old->last_sequence;
            r->heard = old->heard;
            r->answers_due = old->answers_due;
        }
    }
    /* In before the old one goes, so that the room never stands empty in between. */
    r->room = room;
    list_push_back(&room->participants, &r->in_room);
    if (old) {
        route_take_out(t, old);
        (void)route_destroy(old);
    }
    map_insert(&t->participants, &r->by_participant, id_key(&r->participant));
    for (uint32_t i = 0; i < ROUTE_KEYS; i++) {
        route_link(t, r, (enum route_key)i);
    }
    return r;
}

void routes_remove(struct routes *t, uint64_t participant) {
    struct route *r = find_participant(t, participant);
    if (r) {
        route_take_out(t, r);
        (void)route_destroy(r);
    }
}

static struct route *find_by(const struct routes *t, enum route_key sort, struct slice key) {
    struct map_node *node = key.len ? map_find(&t->by[sort], key) : NULL;
    return node ? container_of(node - sort, struct route, by) : NULL;
}

struct route *routes_by_transport(const struct routes *t, enum route_key key, uint64_t transport) {
    assert(key == ROUTE_BY_RX || key == ROUTE_BY_TX);
    return find_by(t, key, id_key(&transport));
}

struct route *routes_by_participant(const struct routes *t, uint64_t participant) {
    struct map_node *node = map_find(&t->participants, id_key(&participant));
    return node ? container_of(node, struct route, by_participant) : NULL;
}

struct route *routes_by_identity(const struct routes *t, uint64_t room, struct slice identity) {
    uint8_t scratch[NAME_KEY_BYTES_MAX];
    return find_by(t, ROUTE_BY_IDENTITY, name_key(room, identity, scratch));
}

struct route *routes_by_sid(const struct routes *t, uint64_t room, struct slice sid) {
    uint8_t scratch[NAME_KEY_BYTES_MAX];
    return find_by(t, ROUTE_BY_SID, name_key(room, sid, scratch));
}

struct route_room *routes_room(const struct routes *t, uint64_t room) {
    struct map_node *node = map_find(&t->rooms, id_key(&room));
    return node ? container_of(node, struct route_room, by_id) : NULL;
}

bool routes_keep_recent(struct routes *t, struct route_room *room, uint64_t sender,
                        struct slice packet, uint64_t now_ms) {
    if (t->recent_bytes + packet.len > DATA_RECENT_TOTAL_BYTES_MAX) {
        return false;
    }
    t->recent_bytes -= room->recent.bytes;
    bool kept = recent_add(&room->recent, room->last_number, sender, packet, now_ms);
    t->recent_bytes += room->recent.bytes;
    if (kept && !list_node_linked(&room->in_recent)) {
        list_push_back(&t->recent_rooms, &room->in_recent);
    }
    return kept;
}

void routes_expire_recent(struct routes *t, uint64_t now_ms, size_t budget) {
    for (size_t i = 0; i < budget && !list_empty(&t->recent_rooms); i++) {
        struct list_node *node = list_first(&t->recent_rooms);
        struct route_room *room = container_of(node, struct route_room, in_recent);
        t->recent_bytes -= room->recent.bytes;
        recent_expire(&room->recent, now_ms);
        t->recent_bytes += room->recent.bytes;
        list_remove(&t->recent_rooms, node);
        if (room->recent.bytes > 0) {
            list_push_back(&t->recent_rooms, node);
        }
    }
}

bool route_room_seen_nonce(struct route_room *room, const struct hash_key *key, uint64_t sender,
                           struct slice nonce) {
    struct hash_key of_sender = {key->k0 ^ sender, key->k1};
    uint64_t h = hash64(&of_sender, nonce);
    for (uint32_t i = 0; i < ROUTE_NONCES; i++) {
        if (room->nonces[i] == h) {
            return true;
        }
    }
    room->nonces[room->nonces_next] = h;
    room->nonces_next = (room->nonces_next + 1) % ROUTE_NONCES;
    return false;
}
