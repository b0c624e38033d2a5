#include "node_media.h"

/* Who gets what: sessions look at the tracks of their room, and at what they have of them, in
 * slices at the end of a step; what came of it goes into the next exchange with their clients. */

bool send_equal(const struct map_node *m, struct slice key) {
    const struct subscription *s = container_of(m, struct subscription, by_id);
    return slice_eq(slice_of(&s->id, sizeof(s->id)), key);
}

struct subscription *node_find_send(const struct node *n, uint64_t id) {
    struct map_node *m = map_find(&n->sends, slice_of(&id, sizeof(id)));
    return m ? container_of(m, struct subscription, by_id) : NULL;
}

struct peer *session_sending_peer(const struct session *s) {
    return s->single ? s->main.peer : s->sub.peer;
}

static const struct link *sending_link(const struct session *s) {
    return s->single ? &s->main : &s->sub;
}

void session_owe_look(struct node *n, struct session *s, bool recheck) {
    s->recheck = s->recheck || recheck;
    if (!list_node_linked(&s->in_looks)) {
        list_push_back(&n->looks, &s->in_looks);
    }
}

void host_owe_look(struct node *n, struct host *h, const struct session *except) {
    list_each (at, &h->room.participants) {
        const struct participant *p = container_of(at, struct participant, in_room);
        struct session *s = node_session_of(n, p);
        bool cares = p->auto_subscribe || !list_empty(&s->wishes);
        if (s != except && cares && p->profile.state == PARTICIPANT_ACTIVE) {
            session_owe_look(n, s, false);
        }
    }
}

/* ---- one subscription */

/* Never the same twice: the permutation of a counter, keyed so that outsiders cannot guess it. */
static uint32_t new_ssrc(struct node *n) {
    enum { ROUNDS = 4 };
    for (;;) {
        uint32_t v = n->ssrcs++;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            uint32_t mixed[] = {v & 0xffff, round};
            uint32_t f = (uint32_t)hash64(&n->map_key, slice_of(mixed, sizeof(mixed))) & 0xffff;
            v = (v & 0xffff) << 16 | ((v >> 16) ^ f);
        }
        if (v != 0) {
            return v;
        }
    }
}

static enum status attach(struct node *n, struct session *s, struct subscription *sub) {
    const struct track *t = subscription_source(sub);
    struct peer *p = session_sending_peer(s);
    sub->ssrc = new_ssrc(n);
    sub->rtx_ssrc = t->video ? new_ssrc(n) : 0;
    enum status st = peer_send_add(p, &(struct peer_send){
                                          .id = sub->id,
                                          .codec = t->codec.codec,
                                          .profile = t->codec.profile,
                                          .packetization_mode = t->codec.packetization_mode,
                                          .ssrc = sub->ssrc,
                                          .rtx_ssrc = sub->rtx_ssrc,
                                          .stream_id = sub->track->stream_id,
                                          .track_id = ident_slice(&sub->track->sid),
                                          .stereo = t->stereo,
                                          .red = t->red,
                                      });
    if (st != STATUS_OK) {
        return st;
    }
    sub->refused = false;
    sub->on_backup = t != sub->track;
    metric_inc(&n->config.metrics->subscribe_tries);
    subscription_set_attached(sub, true);
    map_insert(&n->sends, &sub->by_id, slice_of(&sub->id, sizeof(sub->id)));
    track_owe_quality(n, sub->track);
    session_plan_exchange(n, s);
    return STATUS_OK;
}

static void unhook(struct node *n, struct subscription *sub) {
    map_remove(&n->sends, &sub->by_id);
    subscription_set_attached(sub, false);
    if (sub->sending) {
        node_count_subscribed(n, sub->track, false);
    }
    sub->sending = false;
    sub->section_hash = 0;
    track_owe_quality(n, sub->track);
}

void subscription_detach(struct node *n, struct session *s, struct subscription *sub,
                         struct effects *fx) {
    struct participant *publisher = sub->track->publisher;
    if (sub->sending) {
        fx_add(fx, FX_SEND_REMOVE)->send = (struct fx_send){
            .id = sub->id, .transport = sending_link(s)->id, .worker = s->host->worker};
        if (publisher) {
            session_part(n, s, node_session_of(n, publisher), fx);
        }
    }
    if (!node_ok(n, fx)) {
        return;
    }
    if (s->participant->attached_count >= SUBSCRIPTIONS_ATTACHED_MAX) {
        session_owe_look(n, s, true); /* there is room for another one */
    }
    peer_send_remove(session_sending_peer(s), sub->id);
    unhook(n, sub);
    sub->id = node_new_id(n); /* ids of sends are used once */
    session_plan_exchange(n, s);
}

void session_drop_subscriptions(struct node *n, struct session *s) {
    struct participant *p = s->participant;
    while (p && !list_empty(&p->subscriptions)) {
        struct subscription *sub =
            container_of(list_first(&p->subscriptions), struct subscription, in_subscriber);
        if (sub->attached) {
            unhook(n, sub);
        }
        room_unsubscribe(&s->host->room, sub);
    }
}

/* ---- what it should be */

static bool tell_permission(struct node *n, struct session *s, struct subscription *sub,
                            bool allowed, struct effects *fx) {
    Livekit__SubscriptionPermissionUpdate update = LIVEKIT__SUBSCRIPTION_PERMISSION_UPDATE__INIT;
    update.participant_sid = sub->track->publisher_sid.text;
    update.track_sid = sub->track->sid.text;
    update.allowed = allowed;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE;
    response.subscription_permission_update = &update;
    fx_signal_one(fx, s->conn, &response);
    if (!node_ok(n, fx)) {
        return false;
    }
    sub->denied_told = !allowed;
    return true;
}

/* False: no memory now. *did: something was begun or ended. */
static bool set_right(struct node *n, struct session *s, struct subscription *sub, bool *did,
                      struct effects *fx) {
    struct participant *p = s->participant;
    bool lives = sub->track->state == TRACK_PUBLISHED && !list_node_linked(&sub->track->in_ends);
    bool allowed = lives && subscription_allowed(p, sub->track);
    bool should = sub->wanted && allowed;
    if (subscription_moves(sub) || (sub->attached && !should)) {
        *did = true;
        subscription_detach(n, s, sub, fx);
        if (sub->attached) {
            return false;
        }
    }
    if (lives && sub->wanted && s->conn != 0 && allowed == sub->denied_told &&
        !tell_permission(n, s, sub, allowed, fx)) {
        return false;
    }
    if (should && !sub->attached && session_sending_peer(s) &&
        p->attached_count < SUBSCRIPTIONS_ATTACHED_MAX) {
        *did = true;
        return attach(n, s, sub) != STATUS_NO_MEMORY;
    }
    if (!sub->attached && !sub->wanted && !p->auto_subscribe) {
        room_unsubscribe(&s->host->room, sub);
    }
    return true;
}

/* One piece: whole, or not at all. */
static bool set_right_whole(struct node *n, struct session *s, struct subscription *sub, bool *did,
                            struct effects *fx) {
    size_t mark = fx->count;
    if (!set_right(n, s, sub, did, fx) || !node_ok(n, fx)) {
        node_rollback(n, fx, mark);
        return false;
    }
    return true;
}

static enum status begin(struct node *n, struct session *s, struct track *t) {
    struct subscription *sub = NULL;
    enum status st = room_subscribe(&s->host->room, s->participant, t, node_new_id(n), &sub);
    if (st == STATUS_OK) {
        sub->wanted = true;
    }
    return st == STATUS_EXHAUSTED ? STATUS_OK : st;
}

/* ---- looking around */

enum look { LOOK_DONE, LOOK_BUDGET, LOOK_MEMORY };

static enum look recheck(struct node *n, struct session *s, size_t *budget, struct effects *fx) {
    s->recheck = false; /* what ends below may ask for another look */
    list_each_safe (at, after, &s->participant->subscriptions) {
        struct subscription *sub = container_of(at, struct subscription, in_subscriber);
        bool did = false;
        bool right = set_right_whole(n, s, sub, &did, fx);
        *budget -= right && did;
        if (!right || *budget == 0) {
            s->recheck = true;
            return right ? LOOK_BUDGET : LOOK_MEMORY;
        }
    }
    return LOOK_DONE;
}

static enum look consider(struct node *n, struct session *s, struct track *t, size_t *budget,
                          struct effects *fx) {
    struct participant *p = s->participant;
    bool wished = session_wished(n, s, t);
    struct subscription *sub = room_find_subscription(&s->host->room, p, t);
    bool visible = t->publisher != p && !t->publisher->profile.permission.hidden;
    if (visible && (p->auto_subscribe || wished) && !sub) {
        if (begin(n, s, t) != STATUS_OK) {
            return LOOK_MEMORY;
        }
        sub = room_find_subscription(&s->host->room, p, t);
    }
    bool did = false;
    if (sub && !sub->attached && !set_right_whole(n, s, sub, &did, fx)) {
        return LOOK_MEMORY;
    }
    *budget -= did;
    return LOOK_DONE;
}

static enum look look(struct node *n, struct session *s, size_t *budget, struct effects *fx) {
    struct participant *p = s->participant;
    enum { WALK_MAX = 1024 };
    size_t before = fx->count;
    if (!session_look_at_data(n, s, fx)) {
        return LOOK_MEMORY;
    }
    *budget -= fx->count > before;
    if (s->recheck && *budget > 0) {
        enum look done = recheck(n, s, budget, fx);
        if (done != LOOK_DONE) {
            return done;
        }
    }
    if (p->profile.state != PARTICIPANT_ACTIVE || !p->profile.permission.can_subscribe) {
        return LOOK_DONE; /* it will look when that changes */
    }
    if (p->attached_count >= SUBSCRIPTIONS_ATTACHED_MAX) {
        return LOOK_DONE; /* looks again when one of them ends */
    }
    const struct room *room = &s->host->room;
    struct track *t = room_next_track(room, p);
    for (size_t i = 0; t; i++) {
        struct list_node *next = t->in_room.next;
        if (*budget == 0 || i == WALK_MAX) {
            return LOOK_BUDGET;
        }
        if (p->attached_count >= SUBSCRIPTIONS_ATTACHED_MAX) {
            return LOOK_DONE; /* goes on when one of them ends */
        }
        enum look done = consider(n, s, t, budget, fx);
        if (done != LOOK_DONE) {
            return done;
        }
        p->considered = t->order;
        t = next == &room->tracks.head ? NULL : container_of(next, struct track, in_room);
    }
    return LOOK_DONE;
}

void node_run_looks(struct node *n, struct effects *fx) {
    size_t budget = LOOKS_PER_STEP;
    for (size_t i = 0; i < LOOK_SESSIONS_PER_STEP && budget > 0 && !list_empty(&n->looks); i++) {
        struct session *s = container_of(list_first(&n->looks), struct session, in_looks);
        arena_reset(&n->work);
        enum look done = s->is_ending ? LOOK_DONE : look(n, s, &budget, fx);
        if (done != LOOK_DONE) {
            return;
        }
        list_remove(&n->looks, &s->in_looks);
        if (s->recheck && !s->is_ending) {
            session_owe_look(n, s, true);
        }
    }
}

enum status session_subscribe_first(struct node *n, struct session *s, struct slice except_identity,
                                    size_t most, struct effects *fx) {
    const struct room *room = &s->host->room;
    struct participant *p = s->participant;
    if (!p->auto_subscribe || !p->profile.permission.can_subscribe || !session_sending_peer(s)) {
        return STATUS_OK;
    }
    size_t budget = most;
    list_each (at, &room->tracks) {
        struct track *t = container_of(at, struct track, in_room);
        if (budget == 0) {
            break;
        }
        if (!slice_eq(participant_identity(t->publisher), except_identity) &&
            consider(n, s, t, &budget, fx) == LOOK_MEMORY) {
            return STATUS_NO_MEMORY;
        }
        p->considered = t->order;
    }
    return STATUS_OK;
}
