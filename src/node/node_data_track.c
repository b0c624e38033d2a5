#include "node_media.h"

/* Data tracks: published, subscribed to, and the handles under which each subscriber gets them. A
 * subscriber is told its whole map before the data plane forwards anything new (trap T49). */

static void tell_refused(struct effects *fx, const struct session *s, int reason,
                         Livekit__PublishDataTrackRequest *publish,
                         Livekit__UnpublishDataTrackRequest *unpublish) {
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.reason = (Livekit__RequestResponse__Reason)reason;
    answer.message = (char *)(uintptr_t) "data track refused";
    if (publish) {
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_PUBLISH_DATA_TRACK;
        answer.publish_data_track = publish;
    } else {
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_UNPUBLISH_DATA_TRACK;
        answer.unpublish_data_track = unpublish;
    }
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = &answer;
    fx_signal_one(fx, s->conn, &response);
}

static void tell_published(struct effects *fx, const struct session *s, struct data_track *t) {
    Livekit__PublishDataTrackResponse published = LIVEKIT__PUBLISH_DATA_TRACK_RESPONSE__INIT;
    published.info = t->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PUBLISH_DATA_TRACK_RESPONSE;
    response.publish_data_track_response = &published;
    fx_signal_one(fx, s->conn, &response);
}

static void tell_unpublished(struct effects *fx, const struct session *s, struct data_track *t) {
    Livekit__UnpublishDataTrackResponse unpublished = LIVEKIT__UNPUBLISH_DATA_TRACK_RESPONSE__INIT;
    unpublished.info = t->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UNPUBLISH_DATA_TRACK_RESPONSE;
    response.unpublish_data_track_response = &unpublished;
    fx_signal_one(fx, s->conn, &response);
}

enum status session_on_publish_data(struct node *n, struct session *s,
                                    Livekit__PublishDataTrackRequest *r, struct effects *fx) {
    int reason = (int)data_track_judge(s->participant, r);
    if (reason != LIVEKIT__REQUEST_RESPONSE__REASON__OK) {
        tell_refused(fx, s, reason, r, NULL);
        return STATUS_OK;
    }
    struct data_track *t = NULL;
    enum status st = data_track_create(s->participant, r, &n->rng, &n->work, &t);
    if (st != STATUS_OK) {
        return st;
    }
    tell_published(fx, s, t);
    if (!node_ok(n, fx)) {
        data_track_end(t);
        return STATUS_NO_MEMORY;
    }
    session_owe_news(n, s);
    list_each (at, &s->host->room.participants) {
        const struct participant *p = container_of(at, struct participant, in_room);
        if (p->auto_subscribe_data && p != s->participant) {
            session_owe_look(n, node_session_of(n, p), false);
        }
    }
    return STATUS_OK;
}

/* Its subscribers see at their next look that it has ended. */
static void end(struct node *n, struct data_track *t) {
    list_each (at, &t->subscriptions) {
        const struct data_subscription *sub = container_of(at, struct data_subscription, in_track);
        struct session *s = node_session_of(n, sub->subscriber);
        s->handles_changed = true;
        session_owe_look(n, s, false);
    }
    data_track_end(t);
}

enum status session_on_unpublish_data(struct node *n, struct session *s,
                                      Livekit__UnpublishDataTrackRequest *r, struct effects *fx) {
    struct data_track *t = data_track_of_handle(s->participant, r->pub_handle);
    if (!t) {
        tell_refused(fx, s, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_FOUND, NULL, r);
        return STATUS_OK;
    }
    tell_unpublished(fx, s, t);
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    end(n, t);
    session_owe_news(n, s);
    return STATUS_OK;
}

void session_end_data_tracks(struct node *n, struct session *s) {
    struct participant *p = s->participant;
    bool some = p && !list_empty(&p->data_tracks);
    while (p && !list_empty(&p->data_tracks)) {
        end(n, container_of(list_first(&p->data_tracks), struct data_track, in_publisher));
    }
    if (some && !s->is_ending) {
        session_owe_news(n, s);
    }
}

/* ---- subscribing */

static bool may_get(const struct session *s, const struct data_track *t) {
    const struct participant *p = s->participant;
    return t->publisher && t->publisher != p && p->profile.permission.can_subscribe &&
           !t->publisher->profile.permission.hidden;
}

static enum status choose(struct node *n, struct session *s,
                          const Livekit__UpdateDataSubscription__Update *u) {
    struct participant *p = s->participant;
    struct map_node *m = map_find(&s->host->room.data_by_sid, node_cstr_slice(u->track_sid));
    struct data_track *t = m ? container_of(m, struct data_track, by_sid) : NULL;
    if (!t || !may_get(s, t)) {
        return STATUS_OK;
    }
    struct data_subscription *sub = data_subscription_find(p, t);
    if (u->subscribe && !sub) {
        enum status st = data_subscribe(p, t, &sub);
        if (st != STATUS_OK) {
            return st == STATUS_EXHAUSTED ? STATUS_OK : st;
        }
    }
    if (sub) {
        bool limited =
            u->options && u->options->opt_target_fps_case ==
                              LIVEKIT__DATA_TRACK_SUBSCRIPTION_OPTIONS__OPT_TARGET_FPS_TARGET_FPS;
        sub->fps_max = limited ? (uint16_t)MIN(u->options->target_fps, UINT16_MAX) : 0;
        sub->unwanted = !u->subscribe;
        sub->told = false;
        s->handles_changed = true;
        session_owe_look(n, s, false);
    }
    return STATUS_OK;
}

enum status session_on_data_subscription(struct node *n, struct session *s,
                                         const Livekit__UpdateDataSubscription *r) {
    enum status st = STATUS_OK;
    size_t count = MIN(r->n_updates, (size_t)DATA_SUBSCRIPTIONS_MAX);
    for (size_t i = 0; i < count && st == STATUS_OK; i++) {
        st = choose(n, s, r->updates[i]);
    }
    return st;
}

/* ---- handles */

static bool is_live(const struct session *s, const struct data_subscription *sub) {
    return !sub->unwanted && may_get(s, sub->track);
}

static void tell_handles(struct node *n, struct session *s, struct effects *fx) {
    struct participant *p = s->participant;
    size_t most = p->data_subscriptions.count, count = 0;
    Livekit__DataTrackSubscriberHandles__SubHandlesEntry *entries = NULL, **list = NULL;
    Livekit__DataTrackSubscriberHandles__PublishedDataTrack *tracks = NULL;
    if (most > 0) {
        entries = arena_alloc(&n->work, most * sizeof(*entries));
        list = arena_alloc(&n->work, most * sizeof(*list));
        tracks = arena_alloc(&n->work, most * sizeof(*tracks));
    }
    list_each (at, &p->data_subscriptions) {
        const struct data_subscription *sub =
            container_of(at, struct data_subscription, in_subscriber);
        if (!entries || !list || !tracks || !is_live(s, sub)) {
            continue;
        }
        livekit__data_track_subscriber_handles__sub_handles_entry__init(&entries[count]);
        livekit__data_track_subscriber_handles__published_data_track__init(&tracks[count]);
        tracks[count].publisher_identity = text_cstr(&sub->track->publisher->identity);
        tracks[count].publisher_sid = sub->track->publisher_sid.text;
        tracks[count].track_sid = sub->track->sid.text;
        entries[count].key = sub->handle;
        entries[count].value = &tracks[count];
        list[count] = &entries[count];
        count++;
    }
    Livekit__DataTrackSubscriberHandles handles = LIVEKIT__DATA_TRACK_SUBSCRIBER_HANDLES__INIT;
    handles.sub_handles = list;
    handles.n_sub_handles = count;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_DATA_TRACK_SUBSCRIBER_HANDLES;
    response.data_track_subscriber_handles = &handles;
    if (node_ok(n, fx)) {
        fx_signal_one(fx, s->conn, &response);
    }
}

static struct fx_handle handle_of(const struct data_subscription *sub) {
    return (struct fx_handle){
        .publisher = sub->track->publisher_key,
        .subscriber = sub->subscriber->key,
        .publisher_handle = sub->track->handle,
        .subscriber_handle = sub->handle,
        .fps_max = sub->fps_max,
    };
}

/* Subscriptions that end, then the map, then those that begin: whole or not at all. */
static bool settle_handles(struct node *n, struct session *s, struct effects *fx) {
    size_t mark = fx->count;
    struct list *subs = &s->participant->data_subscriptions;
    list_each (at, subs) {
        struct data_subscription *sub = container_of(at, struct data_subscription, in_subscriber);
        if (!is_live(s, sub)) {
            fx_add(fx, FX_HANDLE_REMOVE)->handle = handle_of(sub);
        }
    }
    tell_handles(n, s, fx);
    list_each (at, subs) {
        struct data_subscription *sub = container_of(at, struct data_subscription, in_subscriber);
        if (is_live(s, sub) && !sub->told) {
            fx_add(fx, FX_HANDLE_PUT)->handle = handle_of(sub);
        }
    }
    if (!node_ok(n, fx)) {
        node_rollback(n, fx, mark);
        return false;
    }
    list_each_safe (at, after, subs) {
        struct data_subscription *sub = container_of(at, struct data_subscription, in_subscriber);
        sub->told = true;
        if (!is_live(s, sub)) {
            data_unsubscribe(sub);
        }
    }
    s->handles_changed = false;
    return true;
}

bool session_look_at_data(struct node *n, struct session *s, struct effects *fx) {
    struct participant *p = s->participant;
    const struct room *room = &s->host->room;
    bool active = p->profile.state == PARTICIPANT_ACTIVE;
    for (struct list_node *at = room->data_tracks.head.prev;
         active && p->auto_subscribe_data && at != &room->data_tracks.head; at = at->prev) {
        struct data_track *t = container_of(at, struct data_track, in_room);
        struct data_subscription *sub = NULL;
        if (t->order <= p->data_considered) {
            break;
        }
        if (!may_get(s, t) || data_subscription_find(p, t)) {
            continue;
        }
        enum status st = data_subscribe(p, t, &sub);
        if (st == STATUS_NO_MEMORY) {
            return false; /* those after it are found again, and are there already */
        }
        s->handles_changed = s->handles_changed || st == STATUS_OK;
    }
    if (active && p->auto_subscribe_data) {
        p->data_considered = room->last_order;
    }
    return !s->handles_changed || settle_handles(n, s, fx);
}
