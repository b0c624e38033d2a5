#include "node_media.h"
#include "track_wait.h"

/* The end of tracks: told to media and to their publisher, then their subscriptions, in slices. */

void node_end_track(struct node *n, struct track *t, bool tell) {
    if (!list_node_linked(&t->in_ends)) {
        t->tell_publisher = tell;
        list_push_back(&n->track_ends, &t->in_ends);
    }
}

void session_end_forbidden(struct node *n, struct session *s) {
    const struct participant *p = s->participant;
    list_each (at, &p->tracks) {
        struct track *t = container_of(at, struct track, in_publisher);
        if (!track_source_allowed(&p->profile.permission, (uint32_t)t->info->source)) {
            node_end_track(n, t, true);
        }
    }
}

static void forget(struct node *n, struct track *t) {
    if (list_node_linked(&t->in_ends)) {
        list_remove(&n->track_ends, &t->in_ends);
    }
    map_remove(&n->tracks, &t->by_id);
    track_destroy(t);
}

static void put_receive_end(struct effects *fx, const struct session *s, const struct track *t) {
    if (!t->has_receive || track_of_mid(s->participant, slice_of(t->mid, t->mid_len))) {
        return; /* its section carries another one by now */
    }
    struct rtp_section *section = arena_zalloc(&fx->arena, sizeof(*section));
    struct fx_receive receive = {.transport = s->main.id, .worker = s->host->worker};
    if (section) {
        section->video = t->video;
        section->mid_len = t->mid_len;
        for (size_t i = 0; i < t->mid_len; i++) {
            section->mid[i] = t->mid[i];
        }
        receive.section = section;
        fx_add(fx, FX_RECEIVE_REMOVE)->receive = receive;
    }
}

static void tell_unpublished(struct effects *fx, const struct session *s, struct track *t) {
    enum { PROTOCOL_WITH_UNPUBLISHED = 7 };
    if (!t->tell_publisher || s->protocol < PROTOCOL_WITH_UNPUBLISHED) {
        return;
    }
    Livekit__TrackUnpublishedResponse unpublished = LIVEKIT__TRACK_UNPUBLISHED_RESPONSE__INIT;
    unpublished.track_sid = t->sid.text;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED;
    response.track_unpublished = &unpublished;
    fx_signal_one(fx, s->conn, &response);
}

/* The first request that waited for this cid goes on. Without memory now it waits on: it goes on
 * with the next track that ends. */
static void resume_waiting(struct node *n, struct session *s, struct effects *fx) {
    struct track_wait *w = track_wait_next(s->participant);
    Livekit__AddTrackRequest *r = NULL;
    size_t mark = fx->count;
    if (!w) {
        return;
    }
    if (track_wait_read(w, &n->work, &r) != STATUS_OK ||
        session_add_track(n, s, r, fx) != STATUS_OK) {
        node_rollback(n, fx, mark);
        return;
    }
    track_wait_drop(s->participant, w);
}

/* True: it has ended for its publisher. */
static bool end_for_publisher(struct node *n, struct track *t, struct effects *fx) {
    struct session *s = node_session_of(n, t->publisher);
    bool was_public = t->state == TRACK_PUBLISHED;
    size_t mark = fx->count;
    tell_unpublished(fx, s, t);
    put_receive_end(fx, s, t);
    if (was_public) {
        node_note_track(n, fx, NOTE_TRACK_UNPUBLISHED, s->host, s->participant, t);
    }
    if (!node_ok(n, fx)) {
        node_rollback(n, fx, mark);
        return false;
    }
    track_forget_quality(n, t);
    struct track *first = t->backs_up;
    if (t->backup) {
        node_end_track(n, t->backup, false);
    }
    room_track_end(t);
    if (first) {
        track_backup_changed(n, first);
    }
    if (was_public) {
        node_count_published(n, t, false);
        session_owe_news(n, s);
        session_owe_level(n, s);
    }
    resume_waiting(n, s, fx);
    return true;
}

/* True: nobody is subscribed any more. */
static bool end_for_subscribers(struct node *n, struct track *t, size_t *budget,
                                struct effects *fx) {
    while (*budget > 0 && !list_empty(&t->subscriptions)) {
        struct subscription *sub =
            container_of(list_first(&t->subscriptions), struct subscription, in_track);
        struct session *s = node_session_of(n, sub->subscriber);
        size_t mark = fx->count;
        if (sub->attached) {
            subscription_detach(n, s, sub, fx);
            if (sub->attached) {
                node_rollback(n, fx, mark);
                return false; /* no memory now: it stays owed */
            }
        }
        room_unsubscribe(&s->host->room, sub);
        (*budget)--;
    }
    return list_empty(&t->subscriptions);
}

void node_run_track_ends(struct node *n, struct effects *fx) {
    size_t budget = 4 * (size_t)LOOKS_PER_STEP; /* it costs less to end than to begin */
    while (budget > 0 && !list_empty(&n->track_ends)) {
        struct track *t = container_of(list_first(&n->track_ends), struct track, in_ends);
        arena_reset(&n->work);
        if (t->state != TRACK_ENDED && !end_for_publisher(n, t, fx)) {
            return;
        }
        budget--;
        if (!end_for_subscribers(n, t, &budget, fx)) {
            return;
        }
        forget(n, t);
    }
}

void node_free_ended_tracks(struct node *n) {
    while (!list_empty(&n->track_ends)) {
        forget(n, container_of(list_first(&n->track_ends), struct track, in_ends));
    }
}

void session_leave_tracks_effects(struct node *n, struct session *s, struct effects *fx) {
    list_each (at, &s->participant->tracks) {
        struct track *t = container_of(at, struct track, in_publisher);
        if (t->state == TRACK_PUBLISHED) {
            node_note_track(n, fx, NOTE_TRACK_UNPUBLISHED, s->host, s->participant, t);
        }
    }
}

/* Media ends with the transport. */
void session_leave_tracks(struct node *n, struct session *s) {
    struct participant *p = s->participant;
    while (p && !list_empty(&p->tracks)) {
        struct track *t = container_of(list_first(&p->tracks), struct track, in_publisher);
        track_forget_quality(n, t);
        if (t->state == TRACK_PUBLISHED) {
            node_count_published(n, t, false);
        }
        room_track_end(t);
        if (list_empty(&t->subscriptions)) {
            forget(n, t);
        } else {
            node_end_track(n, t, false);
        }
    }
}
