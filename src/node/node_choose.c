#include "mem.h"
#include "node_media.h"
#include "rules.h"

/* What clients, and the API for them, say about who gets what. It is noted at once; sessions look
 * at what has changed for them at the end of the step. */

/* A track that somebody wants and that is not there. */
struct wish {
    struct list_node in_session;
    struct list_node in_wishes; /* n->wishes, unless it has no end */
    /* borrowed */ struct session *session;
    uint64_t due_ms;
    struct ident sid;
};

static struct wish *wish_of(struct list_node *n) {
    return container_of(n, struct wish, in_session);
}

static void drop(struct node *n, struct wish *w) {
    if (list_node_linked(&w->in_wishes)) {
        list_remove(&n->wishes, &w->in_wishes);
    }
    list_remove(&w->session->wishes, &w->in_session);
    mem_free(w);
}

static struct wish *find_wish(const struct session *s, struct slice sid) {
    list_each (at, &s->wishes) {
        if (ident_equal(&wish_of(at)->sid, sid)) {
            return wish_of(at);
        }
    }
    return NULL;
}

/* Beyond the limit, and without memory, nobody waits: what was asked for is not there. */
static void add_wish(struct node *n, struct session *s, struct slice sid, bool forever) {
    struct wish *old = find_wish(s, sid);
    if (old) {
        drop(n, old);
    }
    bool fits = sid.len > 0 && sid.len < IDENT_MAX && s->wishes.count < TRACK_WISHES_MAX;
    struct wish *w = fits ? mem_zalloc(sizeof(*w)) : NULL;
    if (!w) {
        return;
    }
    for (size_t i = 0; i < sid.len; i++) {
        w->sid.text[i] = (char)sid.data[i];
    }
    w->session = s;
    w->due_ms = n->now.mono_ms + TRACK_WISH_MS;
    list_node_init(&w->in_session);
    list_node_init(&w->in_wishes);
    list_push_back(&s->wishes, &w->in_session);
    if (!forever) {
        list_push_back(&n->wishes, &w->in_wishes);
    }
}

bool session_wished(struct node *n, struct session *s, const struct track *t) {
    struct wish *w = list_empty(&s->wishes) ? NULL : find_wish(s, ident_slice(&t->sid));
    if (w) {
        drop(n, w);
    }
    return w != NULL;
}

void session_drop_wishes(struct node *n, struct session *s) {
    list_each_safe (at, after, &s->wishes) {
        drop(n, wish_of(at));
    }
}

static struct wish *first_wish(const struct node *n) {
    struct list_node *first = list_first(&n->wishes);
    return first ? container_of(first, struct wish, in_wishes) : NULL;
}

uint64_t wishes_next_ms(const struct node *n) {
    const struct wish *w = first_wish(n);
    return w ? w->due_ms : UINT64_MAX;
}

void node_run_wishes(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < LOOK_SESSIONS_PER_STEP; i++) {
        struct wish *w = first_wish(n);
        if (!w || w->due_ms > n->now.mono_ms) {
            return;
        }
        size_t mark = fx->count;
        Livekit__SubscriptionResponse answer = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
        answer.track_sid = w->sid.text;
        answer.err = LIVEKIT__SUBSCRIPTION_ERROR__SE_TRACK_NOTFOUND;
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
        response.subscription_response = &answer;
        fx_signal_one(fx, w->session->conn, &response);
        if (!node_ok(n, fx)) {
            node_rollback(n, fx, mark);
            return;
        }
        drop(n, w);
    }
}

/* ---- subscribing */

static enum status choose_track(struct node *n, struct session *s, struct track *t,
                                bool subscribe) {
    struct participant *p = s->participant;
    struct subscription *sub = room_find_subscription(&s->host->room, p, t);
    if (!sub && (subscribe || p->auto_subscribe)) {
        enum status st = room_subscribe(&s->host->room, p, t, node_new_id(n), &sub);
        if (st != STATUS_OK) {
            return st;
        }
    }
    if (sub) {
        sub->wanted = subscribe;
        session_owe_look(n, s, true);
    }
    return STATUS_OK;
}

enum status session_choose(struct node *n, struct session *s, struct slice track_sid,
                           bool subscribe, bool forever) {
    struct track *t = room_find_track(&s->host->room, track_sid);
    bool visible = t && t->publisher != s->participant &&
                   !t->publisher->profile.permission.hidden && t->state == TRACK_PUBLISHED;
    if (visible) {
        return choose_track(n, s, t, subscribe);
    }
    struct wish *w = find_wish(s, track_sid);
    if (subscribe) {
        add_wish(n, s, track_sid, forever);
    } else if (w) {
        drop(n, w);
    }
    return STATUS_OK;
}

static enum status choose_many(struct node *n, struct session *s, char *const *sids, size_t count,
                               bool subscribe) {
    enum status st = STATUS_OK;
    count = MIN(count, (size_t)SUBSCRIPTIONS_MAX); /* nobody has more */
    for (size_t i = 0; i < count && st == STATUS_OK; i++) {
        st = session_choose(n, s, node_cstr_slice(sids[i]), subscribe, false);
    }
    return st;
}

enum status session_on_subscription(struct node *n, struct session *s,
                                    const Livekit__UpdateSubscription *r) {
    enum status st = choose_many(n, s, r->track_sids, r->n_track_sids, r->subscribe);
    size_t lists = MIN(r->n_participant_tracks, (size_t)ROOM_PARTICIPANTS_MAX);
    size_t left = SUBSCRIPTIONS_MAX;
    for (size_t i = 0; i < lists && left > 0 && st == STATUS_OK; i++) {
        const Livekit__ParticipantTracks *of = r->participant_tracks[i];
        size_t count = MIN(of->n_track_sids, left);
        st = choose_many(n, s, of->track_sids, count, r->subscribe);
        left -= count;
    }
    /* Beyond the limit there is nothing to subscribe with. */
    return st == STATUS_EXHAUSTED ? STATUS_OK : st;
}

/* ---- how it shall be */

static struct subscription_wish wish_of_message(const Livekit__UpdateTrackSettings *r) {
    return (struct subscription_wish){
        .disabled = r->disabled || r->quality == LIVEKIT__VIDEO_QUALITY__OFF,
        .sized = r->width > 0 && r->height > 0,
        .quality = (uint32_t)r->quality < LIVEKIT__VIDEO_QUALITY__OFF
                       ? r->quality
                       : LIVEKIT__VIDEO_QUALITY__HIGH,
        .width = r->width,
        .height = r->height,
        .fps = (uint8_t)MIN(r->fps, 255u),
        .priority = (uint8_t)MIN(r->priority, 255u),
    };
}

static struct subscription *subscription_of(const struct session *s, const char *sid) {
    struct track *t = room_find_track(&s->host->room, node_cstr_slice(sid));
    return t ? room_find_subscription(&s->host->room, s->participant, t) : NULL;
}

static void set_wish(struct node *n, struct session *s, struct subscription *sub,
                     const struct subscription_wish *wish, struct effects *fx) {
    subscription_set_wish(sub, wish);
    track_owe_quality(n, sub->track);
    if (sub->sending) {
        session_put_want(fx, s, sub);
    }
}

enum status session_on_settings(struct node *n, struct session *s,
                                const Livekit__UpdateTrackSettings *r, struct effects *fx) {
    struct subscription_wish wish = wish_of_message(r);
    size_t count = MIN(r->n_track_sids, (size_t)SUBSCRIPTIONS_MAX);
    /* Taken as a whole: places for all effects come first. */
    if (!fx_reserve(fx, count)) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct subscription *sub = subscription_of(s, r->track_sids[i]);
        if (sub) {
            set_wish(n, s, sub, &wish, fx);
        }
    }
    return STATUS_OK;
}

/* ---- who may */

static void recheck_subscribers(struct node *n, const struct participant *p) {
    list_each (at, &p->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        list_each (in_track, &t->subscriptions) {
            const struct subscription *sub = container_of(in_track, struct subscription, in_track);
            session_owe_look(n, node_session_of(n, sub->subscriber), true);
        }
    }
}

/* Who came without permission to subscribe has no connection for it; without memory for one now, it
 * gets one when it comes anew. */
static void prepare_to_subscribe(struct node *n, struct session *s) {
    bool may = s->participant->profile.permission.can_subscribe;
    if (may && !s->single && !s->sub.peer) {
        enum status st = link_create(n, s, &s->sub, PEER_SUBSCRIBER, s->host->worker);
        (void)st;
    }
}

void session_permission_changed(struct node *n, struct session *s) {
    prepare_to_subscribe(n, s);
    const struct permission *may = &s->participant->profile.permission;
    s->participant->considered = 0; /* what was denied may be wanted */
    s->participant->data_considered = 0;
    s->handles_changed = s->handles_changed || !list_empty(&s->participant->data_subscriptions);
    if (!may->can_publish_data) {
        session_end_data_tracks(n, s);
    }
    session_owe_look(n, s, true);
    recheck_subscribers(n, s->participant);
    session_end_forbidden(n, s);
}

enum status session_on_rules(struct node *n, struct session *s,
                             const Livekit__SubscriptionPermission *r) {
    struct participant *p = s->participant;
    struct rules *rules = NULL;
    if (r->all_participants && !p->rules) {
        return STATUS_OK; /* clients say so each time they come */
    }
    if (!r->all_participants) {
        enum status st = rules_create(r, n->map_key, &rules);
        if (st != STATUS_OK) {
            metric_inc(&n->config.metrics->signals_refused);
            return st == STATUS_EXHAUSTED ? STATUS_OK : st;
        }
    }
    rules_destroy(p->rules);
    p->rules = rules;
    recheck_subscribers(n, p);
    return STATUS_OK;
}
