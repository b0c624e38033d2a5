#include "node_media.h"

/* A track's second codec is a track of its own as far as sections and media go; nobody hears of it
 * as one. It is asked for when somebody cannot take the first, and whoever needs it moves there
 * once it comes. Both are sent from then on, whatever policy was asked for. */

enum status session_add_backup(struct node *n, struct session *s, Livekit__AddTrackRequest *r,
                               struct effects *fx) {
    struct track *t = track_find(s->participant, node_cstr_slice(r->sid)), *b = NULL;
    enum status st = track_create_backup(t, r, &n->rng, node_new_id(n), &n->work, &b);
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
        track_destroy(b);
        return STATUS_NO_MEMORY;
    }
    session_take_track(n, s, b, session_bind_early(n, s, b, fx));
    return STATUS_OK;
}

void track_backup_changed(struct node *n, const struct track *t) {
    if (!t) {
        return;
    }
    list_each (at, &t->subscriptions) {
        const struct subscription *sub = container_of(at, struct subscription, in_track);
        if (sub->needs_backup) {
            session_owe_look(n, node_session_of(n, sub->subscriber), true);
        }
    }
}

bool subscription_asks_backup(struct node *n, struct session *s, struct subscription *sub) {
    struct track *t = sub->track;
    if (sub->on_backup || !track_can_have_backup(t) || !t->publisher) {
        return false;
    }
    if (!sub->needs_backup) {
        sub->needs_backup = t->backup_wanted = true;
        track_owe_quality(n, t);
        if (track_has_backup(t)) {
            session_owe_look(n, s, true);
        }
    }
    return true;
}

struct track *subscription_source(const struct subscription *sub) {
    struct track *t = sub->track;
    return sub->needs_backup && track_has_backup(t) ? t->backup : t;
}
