#include "mem.h"
#include "node_media.h"
#include "track_wait.h"

bool track_equal(const struct map_node *m, struct slice key) {
    const struct track *t = container_of(m, struct track, by_id);
    return slice_eq(slice_of(&t->id, sizeof(t->id)), key);
}

struct track *node_find_track(const struct node *n, uint64_t id) {
    struct map_node *m = map_find(&n->tracks, slice_of(&id, sizeof(id)));
    return m ? container_of(m, struct track, by_id) : NULL;
}

void session_owe_news(struct node *n, struct session *s) {
    s->news = true;
    if (!list_node_linked(&s->in_unsettled)) {
        list_push_back(&n->unsettled, &s->in_unsettled);
    }
}

/* ---- announced */

void track_tell_published(struct effects *fx, const struct session *s, const struct track *t,
                          char *cid) {
    Livekit__TrackPublishedResponse published = LIVEKIT__TRACK_PUBLISHED_RESPONSE__INIT;
    published.cid = cid;
    published.track = t->info;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED;
    response.track_published = &published;
    fx_signal_one(fx, s->conn, &response);
}

/* Matched by its cid, for which clients wait before they ask: it need not be held back. */
void session_refuse_track(struct effects *fx, const struct session *s, Livekit__AddTrackRequest *r,
                          Livekit__RequestResponse__Reason reason, const char *text) {
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.reason = reason;
    answer.message = (char *)(uintptr_t)text;
    answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_ADD_TRACK;
    answer.add_track = r;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = &answer;
    fx_signal_one(fx, s->conn, &response);
}

static void keep_version(struct node *n, struct track *t) {
    uint64_t now_us = n->now.wall_ms * 1000;
    n->version_ticks = now_us > n->version_us ? 0 : n->version_ticks + 1;
    n->version_us = MAX(now_us, n->version_us);
    track_set_version(t, n->version_us, n->version_ticks);
}

void session_take_track(struct node *n, struct session *s, struct track *t, bool is_bound) {
    map_insert(&n->tracks, &t->by_id, slice_of(&t->id, sizeof(t->id)));
    room_track_add(s->participant, t);
    node_count_announced(n, t);
    if (is_bound && t->is_backup) {
        track_backup_changed(n, t->backs_up);
    } else if (is_bound) {
        session_owe_news(n, s);
    }
}

static enum status announce(struct node *n, struct session *s, Livekit__AddTrackRequest *r,
                            struct effects *fx) {
    struct track *t = NULL;
    enum status st = track_create(s->participant, r, &n->rng, node_new_id(n), &n->work, &t);
    if (st == STATUS_EXHAUSTED) {
        session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                             "says too much of the track");
        return STATUS_OK;
    }
    if (st != STATUS_OK) {
        return st;
    }
    track_tell_published(fx, s, t, r->cid);
    if (!node_ok(n, fx)) {
        track_destroy(t);
        return STATUS_NO_MEMORY;
    }
    keep_version(n, t);
    session_take_track(n, s, t, session_bind_early(n, s, t, fx));
    return STATUS_OK;
}

enum status session_add_track(struct node *n, struct session *s, Livekit__AddTrackRequest *r,
                              struct effects *fx) {
    enum status st;
    switch (track_judge(s->participant, r)) {
    case TRACK_FINE: return announce(n, s, r, fx);
    case TRACK_SECOND: return session_add_backup(n, s, r, fx);
    case TRACK_WAITS:
        st = track_wait_add(s->participant, r);
        if (st == STATUS_OK) {
            session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__QUEUED,
                                 "published when the one before has ended");
        } else if (st == STATUS_EXHAUSTED) {
            session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                                 "too many tracks wait");
        }
        return st == STATUS_EXHAUSTED ? STATUS_OK : st;
    case TRACK_NOT_ALLOWED:
        session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED,
                             "does not have permission to publish this source");
        return STATUS_OK;
    case TRACK_UNSUPPORTED:
        session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__UNSUPPORTED_TYPE,
                             "tracks of this kind are not supported");
        return STATUS_OK;
    case TRACK_UNKNOWN:
        session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_FOUND,
                             "no such track");
        return STATUS_OK;
    case TRACK_TOO_MUCH:
        session_refuse_track(fx, s, r, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                             "too many tracks");
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* ---- changed */

enum status session_mute_track(struct node *n, struct session *s, struct track *t, bool muted,
                               struct effects *fx) {
    bool before = t->info->muted;
    t->info->muted = muted;
    if (t->has_receive) {
        session_put_receive(fx, s, t);
    }
    if (t->backup) {
        t->backup->info->muted = muted;
        session_put_receive(fx, s, t->backup);
    }
    if (!node_ok(n, fx)) {
        t->info->muted = before;
        return STATUS_NO_MEMORY;
    }
    if (before != muted && t->state != TRACK_PENDING) {
        session_owe_news(n, s);
        session_owe_level(n, s);
    }
    return STATUS_OK;
}

static Livekit__RequestResponse missing(void) {
    Livekit__RequestResponse answer = LIVEKIT__REQUEST_RESPONSE__INIT;
    answer.reason = LIVEKIT__REQUEST_RESPONSE__REASON__NOT_FOUND;
    answer.message = (char *)(uintptr_t) "no such track";
    return answer;
}

static enum status tell_missing(const struct session *s, Livekit__RequestResponse *answer,
                                struct effects *fx) {
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE;
    response.request_response = answer;
    fx_signal_one(fx, s->conn, &response);
    return STATUS_OK;
}

enum status session_on_mute(struct node *n, struct session *s, Livekit__MuteTrackRequest *r,
                            struct effects *fx) {
    struct track *t = track_find(s->participant, node_cstr_slice(r->sid));
    if (!t) {
        Livekit__RequestResponse answer = missing();
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_MUTE;
        answer.mute = r;
        return tell_missing(s, &answer, fx);
    }
    return session_mute_track(n, s, t, r->muted, fx);
}

enum status session_on_audio_track(struct node *n, struct session *s,
                                   Livekit__UpdateLocalAudioTrack *r, struct effects *fx) {
    struct track *t = track_find(s->participant, node_cstr_slice(r->track_sid));
    if (!t || t->video) {
        Livekit__RequestResponse answer = missing();
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_UPDATE_AUDIO_TRACK;
        answer.update_audio_track = r;
        return tell_missing(s, &answer, fx);
    }
    track_set_features(t, r->features, r->n_features);
    session_owe_news(n, s);
    return STATUS_OK;
}

enum status session_on_video_track(struct node *n, struct session *s,
                                   Livekit__UpdateLocalVideoTrack *r, struct effects *fx) {
    struct track *t = track_find(s->participant, node_cstr_slice(r->track_sid));
    if (!t || !t->video) {
        Livekit__RequestResponse answer = missing();
        answer.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_UPDATE_VIDEO_TRACK;
        answer.update_video_track = r;
        return tell_missing(s, &answer, fx);
    }
    track_set_dimensions(t, r->width, r->height);
    session_owe_news(n, s);
    return STATUS_OK;
}
