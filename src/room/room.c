#include <string.h>

#include "participant_priv.h"
#include "room_priv.h"

static struct participant *participant_of(const struct list_node *n) {
    return container_of(n, struct participant, in_room);
}

static bool identity_equal(const struct map_node *node, struct slice key) {
    const struct participant *p = container_of(node, struct participant, by_identity);
    return slice_eq(participant_identity(p), key);
}

enum status room_init(struct room *r, struct slice name, uint64_t key, struct hash_key map_key) {
    assert(key != 0);
    *r = (struct room){.key = key};
    list_init(&r->participants);
    list_init(&r->tracks);
    list_init(&r->data_tracks);
    enum status s = text_copy(name, &r->name);
    if (s == STATUS_OK) {
        s = map_init(&r->by_identity, map_key, identity_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&r->by_sid, map_key, track_sid_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&r->data_by_sid, map_key, data_track_sid_equal);
    }
    if (s == STATUS_OK) {
        s = map_init(&r->by_pair, map_key, pair_equal);
    }
    if (s != STATUS_OK) {
        room_deinit(r);
    }
    return s;
}

void room_deinit(struct room *r) {
    assert(r->counts.participants == 0 && r->counts.dependents == 0);
    assert(list_empty(&r->tracks) && r->by_sid.count == 0 && r->by_pair.count == 0);
    map_deinit(&r->by_identity);
    map_deinit(&r->by_sid);
    map_deinit(&r->by_pair);
    map_deinit(&r->data_by_sid);
    departures_deinit(&r->departures);
    text_deinit(&r->name);
}

struct participant *room_find(const struct room *r, struct slice identity) {
    struct map_node *n = map_find(&r->by_identity, identity);
    return n ? container_of(n, struct participant, by_identity) : NULL;
}

/* What one participant adds to the counts. */
static void count_in(struct room_counts *c, const struct participant *p, const struct profile *as,
                     uint32_t sign) {
    if (participant_is_dependent(p, &as->permission)) {
        c->dependents += sign;
    } else {
        c->participants += sign;
    }
    c->publishers += as->is_publisher ? sign : 0;
    c->recorders += participant_is_recorder(p, &as->permission) ? sign : 0;
}

enum { PLUS = 1 };
static const uint32_t MINUS = UINT32_MAX; /* adding it wraps around: one less */

void room_add(struct room *r, struct participant *p) {
    assert(!p->room && !room_find(r, participant_identity(p)));
    p->room = r;
    list_push_back(&r->participants, &p->in_room);
    map_insert(&r->by_identity, &p->by_identity, participant_identity(p));
    list_each (n, &p->tracks) {
        struct track *t = container_of(n, struct track, in_publisher);
        map_insert(&r->by_sid, &t->by_sid, ident_slice(&t->sid));
    }
    count_in(&r->counts, p, &p->profile, PLUS);
}

void room_remove(struct room *r, struct participant *p) {
    assert(p->room == r && list_empty(&p->tracks) && list_empty(&p->subscriptions));
    count_in(&r->counts, p, &p->profile, MINUS);
    map_remove(&r->by_identity, &p->by_identity);
    list_remove(&r->participants, &p->in_room);
    p->room = NULL;
}

void room_commit(struct room *r, struct participant *p, struct change *c) {
    assert(p->room == r);
    count_in(&r->counts, p, &p->profile, MINUS);
    change_commit(c, p);
    count_in(&r->counts, p, &p->profile, PLUS);
}

struct room_counts room_counts_with(const struct room *r, const struct participant *gone,
                                    const struct participant *p, const struct profile *as) {
    struct room_counts c = r->counts;
    if (gone) {
        count_in(&c, gone, &gone->profile, MINUS);
    }
    if (p) {
        if (p->room == r && p != gone) {
            count_in(&c, p, &p->profile, MINUS);
        }
        count_in(&c, p, as, PLUS);
    }
    return c;
}

bool room_admits(const struct room *r, uint32_t max, bool dependent,
                 const struct participant *gone) {
    struct room_counts c = room_counts_with(r, gone, NULL, NULL);
    if (c.participants + c.dependents >= ROOM_PARTICIPANTS_MAX) {
        return false;
    }
    return dependent || max == 0 || c.participants < max;
}

size_t room_receivers(const struct room *r, const struct participant *about,
                      const struct profile *as, const struct participant *except,
                      struct arena *arena, const uint64_t **ret_conns) {
    bool only_self = about && as->permission.hidden;
    size_t most = only_self ? 1 : r->participants.count;
    uint64_t *conns = most > 0 ? arena_alloc(arena, most * sizeof(*conns)) : NULL;
    if (!conns) {
        return 0;
    }
    size_t count = 0;
    if (only_self) {
        if (about != except && about->conn != 0) {
            conns[count++] = about->conn;
        }
    } else {
        list_each (n, &r->participants) {
            const struct participant *p = participant_of(n);
            if (p != except && p->conn != 0) {
                conns[count++] = p->conn;
            }
        }
    }
    if (count > 0) {
        *ret_conns = conns;
    }
    return count;
}

size_t room_everybody(const struct room *r, struct arena *arena,
                      Livekit__ParticipantInfo ***ret_infos) {
    size_t most = r->participants.count;
    Livekit__ParticipantInfo **list = NULL;
    Livekit__ParticipantInfo *infos = NULL;
    if (most > 0) {
        list = arena_alloc(arena, most * sizeof(*list));
        infos = arena_alloc(arena, most * sizeof(*infos));
    }
    if (!list || !infos) {
        return 0;
    }
    size_t count = 0;
    list_each (n, &r->participants) {
        const struct participant *p = participant_of(n);
        list[count] = &infos[count];
        participant_fill(p, &p->profile, arena, list[count]);
        count++;
    }
    *ret_infos = list;
    return count;
}

bool room_others_encoded(struct room *r, const struct participant *gone, struct arena *arena,
                         struct encoded_list *ret_list) {
    struct encoded_list list = {0};
    if (r->participants.count > 0) {
        list.items = arena_alloc(arena, r->participants.count * sizeof(*list.items));
    }
    list_each (n, &r->participants) {
        struct participant *p = container_of(n, struct participant, in_room);
        if (!list.items || arena->failed) {
            return false;
        }
        if (p != gone && !p->profile.permission.hidden) {
            list.items[list.count++] = participant_encoded(p, arena);
        }
    }
    *ret_list = list;
    return !arena->failed;
}

bool room_nonce_repeats(struct room *r, const uint8_t nonce[16]) {
    for (size_t i = 0; i < ROOM_NONCES; i++) {
        if (memcmp(r->nonces[i], nonce, sizeof(r->nonces[i])) == 0) {
            return true;
        }
    }
    memcpy(r->nonces[r->nonce_next], nonce, sizeof(r->nonces[0]));
    r->nonce_next = (r->nonce_next + 1) % ROOM_NONCES;
    return false;
}

void room_check(const struct room *r) {
    struct room_counts c = {0};
    size_t tracks = 0, subscriptions = 0;
    list_each (n, &r->participants) {
        const struct participant *p = participant_of(n);
        assert(p->room == r);
        assert(room_find(r, participant_identity(p)) == p);
        assert(p->profile.state != PARTICIPANT_DISCONNECTED);
        count_in(&c, p, &p->profile, PLUS);
        tracks += p->tracks.count;
        subscriptions += p->subscriptions.count;
        participant_check_tracks(p);
    }
    if (!list_empty(&r->participants)) { /* one of them: this costs more than all the rest */
        participant_check_encoded(participant_of(r->participants.head.prev));
    }
    assert(tracks == r->by_sid.count && subscriptions == r->by_pair.count);
    assert(c.participants == r->counts.participants && c.dependents == r->counts.dependents);
    assert(c.publishers == r->counts.publishers && c.recorders == r->counts.recorders);
    assert(r->by_identity.count == r->participants.count);
    (void)c;
    (void)tracks;
    (void)subscriptions;
}
