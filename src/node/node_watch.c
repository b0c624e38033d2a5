#include "node_media.h"

/* What media hears and sees of tracks and transports, told to those whom it concerns: who speaks,
 * how well it goes, what is paused. Facts are noted at once; sessions whose picture may have
 * changed are gone through at the end of the step, and only changes are told. */

enum { WATCH_PER_STEP = 64, SUBSCRIBERS_PER_STEP = 16384 };

static struct session *publisher_of(struct node *n, const struct track *t) {
    return t && t->publisher ? node_session_of(n, t->publisher) : NULL;
}

void session_owe_level(struct node *n, struct session *s) {
    if (!list_node_linked(&s->in_levels)) {
        list_push_back(&n->levels, &s->in_levels);
    }
}

static void owe_quality(struct node *n, struct session *s) {
    if (!list_node_linked(&s->in_qualities)) {
        list_push_back(&n->qualities, &s->in_qualities);
    }
}

void session_forget_watch(struct node *n, struct session *s) {
    if (list_node_linked(&s->in_levels)) {
        list_remove(&n->levels, &s->in_levels);
    }
    if (list_node_linked(&s->in_qualities)) {
        list_remove(&n->qualities, &s->in_qualities);
    }
}

void node_levels(struct node *n, const struct node_event *ev) {
    for (size_t i = 0; i < ev->levels.count; i++) {
        struct track *t = node_find_track(n, ev->levels.items[i].track);
        struct session *s = publisher_of(n, t);
        if (s) {
            t->level = ev->levels.items[i].level;
            session_owe_level(n, s);
        }
    }
}

void node_qualities(struct node *n, const struct node_event *ev) {
    for (size_t i = 0; i < ev->qualities.count; i++) {
        struct link *l = node_link_of(n, ev->qualities.items[i].transport);
        if (l) {
            l->score = ev->qualities.items[i].score;
            owe_quality(n, l->session);
        }
    }
}

void node_stream_state(struct node *n, const struct node_event *ev, struct effects *fx) {
    const struct subscription *sub = node_find_send(n, ev->stream.send);
    if (!sub || !sub->sending) {
        return;
    }
    Livekit__StreamStateInfo info = LIVEKIT__STREAM_STATE_INFO__INIT;
    info.participant_sid = sub->track->publisher_sid.text;
    info.track_sid = sub->track->sid.text;
    info.state = ev->stream.paused ? LIVEKIT__STREAM_STATE__PAUSED : LIVEKIT__STREAM_STATE__ACTIVE;
    Livekit__StreamStateInfo *infos[] = {&info};
    Livekit__StreamStateUpdate update = LIVEKIT__STREAM_STATE_UPDATE__INIT;
    update.stream_states = infos;
    update.n_stream_states = 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE;
    response.stream_state_update = &update;
    fx_signal_one(fx, node_session_of(n, sub->subscriber)->conn, &response);
}

/* ---- those who get something of a participant */

struct audience {
    uint64_t *conns;
    size_t count;
};

/* Each once, however many tracks it gets. Clients of older protocols apart, when asked for. */
static struct audience audience_of(struct node *n, const struct participant *p, struct effects *fx,
                                   int32_t protocol_min, int32_t protocol_max) {
    size_t most = 0;
    list_each (at, &p->tracks) {
        most += container_of(at, struct track, in_publisher)->subscriptions.count;
    }
    struct audience a = {.conns =
                             most > 0 ? arena_alloc(&fx->arena, most * sizeof(*a.conns)) : NULL};
    uint64_t stamp = ++n->audiences;
    list_each (at, &p->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        list_each (in_track, &t->subscriptions) {
            const struct subscription *sub = container_of(in_track, struct subscription, in_track);
            struct session *s = node_session_of(n, sub->subscriber);
            bool meant = sub->sending && s->conn != 0 && s->stamp != stamp &&
                         s->protocol >= protocol_min && s->protocol <= protocol_max;
            if (meant && a.conns) {
                s->stamp = stamp;
                a.conns[a.count++] = s->conn;
            }
        }
    }
    return a;
}

/* ---- speakers */

static void tell_speaker(const struct participant *p, float level, const uint64_t *conns,
                         size_t count, struct effects *fx) {
    Livekit__SpeakerInfo info = LIVEKIT__SPEAKER_INFO__INIT;
    info.sid = (char *)(uintptr_t)p->sid.text;
    info.level = level;
    info.active = level > 0;
    Livekit__SpeakerInfo *infos[] = {&info};
    Livekit__SpeakersChanged changed = LIVEKIT__SPEAKERS_CHANGED__INIT;
    changed.speakers = infos;
    changed.n_speakers = 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED;
    response.speakers_changed = &changed;
    fx_signal(fx, conns, count, &response);
}

static float level_of(const struct session *s) {
    const struct participant *p = s->participant;
    float level = s->simulated.speaks ? 0.9f : 0;
    list_each (at, &p->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        bool heard = !t->video && t->state == TRACK_PUBLISHED && !track_muted(t);
        level = heard && t->level > level ? t->level : level;
    }
    return level;
}

static void one(uint64_t conn, const struct participant *p, float level, struct effects *fx) {
    uint64_t *conns = conn != 0 ? fx_alloc(fx, sizeof(*conns)) : NULL;
    if (conns) {
        *conns = conn;
        tell_speaker(p, level, conns, 1, fx);
    }
}

/* False: no memory now. */
static bool run_level(struct node *n, struct session *s, struct effects *fx) {
    const struct participant *p = s->participant;
    float level = level_of(s);
    if (level == s->level_told || s->is_ending) {
        return true;
    }
    struct audience a = audience_of(n, p, fx, 0, INT32_MAX);
    tell_speaker(p, level, a.conns, a.count, fx);
    one(s->conn, p, level, fx);
    if (!node_ok(n, fx)) {
        return false;
    }
    s->level_told = level;
    return true;
}

/* ---- connection quality */

enum { PROTOCOL_WITH_LOST = 11 };

static Livekit__ConnectionQuality quality_of(uint8_t score) {
    return score > 80   ? LIVEKIT__CONNECTION_QUALITY__EXCELLENT
           : score > 40 ? LIVEKIT__CONNECTION_QUALITY__GOOD
           : score > 20 ? LIVEKIT__CONNECTION_QUALITY__POOR
                        : LIVEKIT__CONNECTION_QUALITY__LOST;
}

static uint8_t score_of(const struct session *s) {
    return s->sub.peer ? MIN(s->main.score, s->sub.score) : s->main.score;
}

static void tell_quality(const struct session *about, Livekit__ConnectionQuality quality,
                         const uint64_t *conns, size_t count, struct effects *fx) {
    Livekit__ConnectionQualityInfo info = LIVEKIT__CONNECTION_QUALITY_INFO__INIT;
    info.participant_sid = about->participant->sid.text;
    info.quality = quality;
    info.score = 1.0f + 3.5f * (float)score_of(about) / 100.0f; /* as a mean opinion */
    Livekit__ConnectionQualityInfo *infos[] = {&info};
    Livekit__ConnectionQualityUpdate update = LIVEKIT__CONNECTION_QUALITY_UPDATE__INIT;
    update.updates = infos;
    update.n_updates = 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY;
    response.connection_quality = &update;
    fx_signal(fx, conns, count, &response);
}

static Livekit__ConnectionQuality mild_of(Livekit__ConnectionQuality quality) {
    return quality == LIVEKIT__CONNECTION_QUALITY__LOST ? LIVEKIT__CONNECTION_QUALITY__POOR
                                                        : quality;
}

/* Nobody is told of itself that it is lost: whoever reads that is not, and some clients start anew
 * then (trap T37). Older clients do not know the word. */
static bool run_quality(struct node *n, struct session *s, struct effects *fx) {
    Livekit__ConnectionQuality quality = quality_of(score_of(s));
    Livekit__ConnectionQuality mild = mild_of(quality);
    if (quality == s->quality_told || s->is_ending) {
        return true;
    }
    struct audience a = audience_of(n, s->participant, fx, PROTOCOL_WITH_LOST, INT32_MAX);
    tell_quality(s, quality, a.conns, a.count, fx);
    a = audience_of(n, s->participant, fx, 0, PROTOCOL_WITH_LOST - 1);
    tell_quality(s, mild, a.conns, a.count, fx);
    uint64_t *self = s->conn != 0 ? fx_alloc(fx, sizeof(*self)) : NULL;
    if (self) {
        *self = s->conn;
        tell_quality(s, mild, self, 1, fx);
    }
    if (!node_ok(n, fx)) {
        return false;
    }
    s->quality_told = (uint8_t)quality;
    return true;
}

/* ---- a new subscriber, and one that goes */

static bool gets_other_track(const struct session *s, const struct participant *publisher) {
    size_t sending = 0;
    list_each (at, &publisher->tracks) {
        const struct track *t = container_of(at, struct track, in_publisher);
        const struct subscription *sub =
            t->state == TRACK_PUBLISHED ? room_find_subscription(&s->host->room, s->participant, t)
                                        : NULL;
        sending += sub && sub->sending;
    }
    return sending > 1;
}

void session_greet(struct node *n, struct session *s, const struct session *publisher,
                   struct effects *fx) {
    (void)n;
    if (publisher->level_told > 0) {
        one(s->conn, publisher->participant, publisher->level_told, fx);
    }
    bool known = publisher->quality_told != QUALITY_UNKNOWN;
    uint64_t *conns = s->conn != 0 && known ? fx_alloc(fx, sizeof(*conns)) : NULL;
    if (conns) {
        *conns = s->conn;
        tell_quality(publisher, mild_of((Livekit__ConnectionQuality)publisher->quality_told), conns,
                     1, fx);
    }
}

void session_part(struct node *n, struct session *s, const struct session *publisher,
                  struct effects *fx) {
    (void)n;
    if (publisher->level_told > 0 && !gets_other_track(s, publisher->participant)) {
        one(s->conn, publisher->participant, 0, fx);
    }
}

void node_run_watch(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < WATCH_PER_STEP && !list_empty(&n->levels); i++) {
        struct session *s = container_of(list_first(&n->levels), struct session, in_levels);
        size_t mark = fx->count;
        if (!run_level(n, s, fx)) {
            node_rollback(n, fx, mark);
            return;
        }
        list_remove(&n->levels, &s->in_levels);
    }
    for (size_t i = 0; i < WATCH_PER_STEP && !list_empty(&n->qualities); i++) {
        struct session *s = container_of(list_first(&n->qualities), struct session, in_qualities);
        size_t mark = fx->count;
        if (!run_quality(n, s, fx)) {
            node_rollback(n, fx, mark);
            return;
        }
        list_remove(&n->qualities, &s->in_qualities);
    }
    node_run_dynacast(n, fx);
}

uint64_t watch_next_ms(const struct node *n) {
    bool at_once = !list_empty(&n->levels) || !list_empty(&n->qualities);
    return at_once ? n->now.mono_ms : dynacast_next_ms(n);
}
