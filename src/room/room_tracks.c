#include "mem.h"
#include "room_priv.h"

/* Tracks and subscriptions of a room, and what finds them. */

bool track_sid_equal(const struct map_node *m, struct slice key) {
    return ident_equal(&container_of(m, struct track, by_sid)->sid, key);
}

bool pair_equal(const struct map_node *m, struct slice key) {
    const struct subscription *s = container_of(m, struct subscription, by_pair);
    return slice_eq(slice_of(s->pair, sizeof(s->pair)), key);
}

struct track *room_find_track(const struct room *r, struct slice sid) {
    struct map_node *m = map_find(&r->by_sid, sid);
    return m ? container_of(m, struct track, by_sid) : NULL;
}

void room_track_add(struct participant *publisher, struct track *t) {
    assert(t->state == TRACK_PENDING || t->state == TRACK_BOUND);
    t->publisher = publisher;
    list_push_back(&publisher->tracks, &t->in_publisher);
    if (publisher->room) {
        map_insert(&publisher->room->by_sid, &t->by_sid, ident_slice(&t->sid));
    }
}

void room_track_publish(struct track *t) {
    struct room *r = t->publisher->room;
    assert(t->state == TRACK_BOUND && r);
    t->state = TRACK_PUBLISHED;
    t->order = ++r->last_order;
    list_push_back(&r->tracks, &t->in_room);
}

void room_track_end(struct track *t) {
    assert(t->state != TRACK_ENDED);
    struct room *r = t->publisher->room;
    if (t->state == TRACK_PUBLISHED) {
        assert(r);
        list_remove(&r->tracks, &t->in_room);
    }
    list_remove(&t->publisher->tracks, &t->in_publisher);
    if (r) {
        map_remove(&r->by_sid, &t->by_sid);
    }
    track_part(t);
    t->state = TRACK_ENDED;
    t->publisher = NULL; /* it may go before the last subscription does */
}

struct track *room_next_track(const struct room *r, const struct participant *p) {
    struct track *next = NULL;
    /* New ones stand at the end: the walk is as long as what there is to do. */
    for (struct list_node *n = r->tracks.head.prev; n != &r->tracks.head; n = n->prev) {
        struct track *t = container_of(n, struct track, in_room);
        if (t->order <= p->considered) {
            break;
        }
        next = t;
    }
    return next;
}

struct subscription *room_find_subscription(const struct room *r, const struct participant *p,
                                            const struct track *t) {
    uint64_t pair[] = {p->key, t->id};
    struct map_node *m = map_find(&r->by_pair, slice_of(pair, sizeof(pair)));
    return m ? container_of(m, struct subscription, by_pair) : NULL;
}

enum status room_subscribe(struct room *r, struct participant *p, struct track *t, uint64_t id,
                           struct subscription **ret_subscription) {
    assert(t->state == TRACK_PUBLISHED && !room_find_subscription(r, p, t));
    if (p->subscriptions.count >= SUBSCRIPTIONS_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct subscription *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    s->id = id;
    s->track = t;
    s->subscriber = p;
    s->pair[0] = p->key;
    s->pair[1] = t->id;
    list_node_init(&s->in_track);
    list_node_init(&s->in_subscriber);
    /* Until it says what it shows: a client that will say so starts small. */
    s->wish.quality =
        p->adaptive_stream ? LIVEKIT__VIDEO_QUALITY__LOW : LIVEKIT__VIDEO_QUALITY__HIGH;
    list_push_back(&t->subscriptions, &s->in_track);
    list_push_back(&p->subscriptions, &s->in_subscriber);
    map_insert(&r->by_pair, &s->by_pair, slice_of(s->pair, sizeof(s->pair)));
    *ret_subscription = s;
    return STATUS_OK;
}

void room_unsubscribe(struct room *r, struct subscription *s) {
    assert(!s->attached);
    map_remove(&r->by_pair, &s->by_pair);
    list_remove(&s->track->subscriptions, &s->in_track);
    list_remove(&s->subscriber->subscriptions, &s->in_subscriber);
    mem_free(s);
}

void participant_check_tracks(const struct participant *p) {
    uint32_t attached = 0;
    list_each (n, &p->tracks) {
        const struct track *t = container_of(n, struct track, in_publisher);
        uint32_t wants = 0, counted = 0;
        assert(t->publisher == p && t->state != TRACK_ENDED);
        assert(t->state != TRACK_PENDING || list_empty(&t->subscriptions));
        list_each (s, &t->subscriptions) {
            counted += container_of(s, struct subscription, in_track)->attached;
        }
        for (size_t i = 0; i < TRACK_QUALITIES; i++) {
            wants += t->wants[i];
        }
        assert(wants == counted);
    }
    list_each (n, &p->subscriptions) {
        const struct subscription *s = container_of(n, struct subscription, in_subscriber);
        assert(s->subscriber == p);
        attached += s->attached;
    }
    assert(attached == p->attached_count);
    (void)attached;
}
