#include "node_media.h"

/* Dynacast: a publisher of video is asked for no better quality than somebody wants. More is asked
 * for at once, less after a while: who looks away often looks back. */

enum { RISES_PER_STEP = 256 };

/* OFF counts below all others. */
static int rank(Livekit__VideoQuality quality) {
    return quality == LIVEKIT__VIDEO_QUALITY__OFF ? -1 : (int)quality;
}

static void plan_fall(struct node *n, struct track *t) {
    if (!list_node_linked(&t->in_falls)) {
        t->fall_due_ms = n->now.mono_ms + QUALITY_FALL_MS;
        list_push_back(&n->falls, &t->in_falls);
    }
}

void track_owe_quality(struct node *n, struct track *t) {
    if (!t->video || t->state != TRACK_PUBLISHED) {
        return;
    }
    int wanted = rank(track_wanted(t)), told = rank(t->quality_told);
    if ((wanted > told || t->backup_wanted != t->backup_told) && !list_node_linked(&t->in_rises)) {
        list_push_back(&n->rises, &t->in_rises);
    } else if (wanted < told) {
        plan_fall(n, t);
    }
}

void track_forget_quality(struct node *n, struct track *t) {
    if (list_node_linked(&t->in_rises)) {
        list_remove(&n->rises, &t->in_rises);
    }
    if (list_node_linked(&t->in_falls)) {
        list_remove(&n->falls, &t->in_falls);
    }
}

static void tell(struct node *n, struct track *t, Livekit__VideoQuality wanted,
                 struct effects *fx) {
    Livekit__SubscribedQuality qualities[LIVEKIT__VIDEO_QUALITY__HIGH + 1];
    Livekit__SubscribedQuality *list[ARRAY_LEN(qualities)];
    for (size_t i = 0; i < ARRAY_LEN(qualities); i++) {
        livekit__subscribed_quality__init(&qualities[i]);
        qualities[i].quality = (Livekit__VideoQuality)i;
        qualities[i].enabled = (int)i <= rank(wanted);
        list[i] = &qualities[i];
    }
    Livekit__SubscribedCodec codec = LIVEKIT__SUBSCRIBED_CODEC__INIT;
    codec.codec = (char *)(uintptr_t)track_codec_name(t->codec.codec);
    codec.qualities = list;
    codec.n_qualities = ARRAY_LEN(list);
    Livekit__SubscribedCodec second = codec, *codecs[] = {&codec, &second};
    second.codec = (char *)(uintptr_t)(t->backup_wanted ? track_second_codec(t) : "");
    Livekit__SubscribedQualityUpdate update = LIVEKIT__SUBSCRIBED_QUALITY_UPDATE__INIT;
    update.track_sid = t->sid.text;
    update.subscribed_qualities = list;
    update.n_subscribed_qualities = ARRAY_LEN(list);
    update.subscribed_codecs = codecs;
    update.n_subscribed_codecs = t->backup_wanted ? 2 : 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIBED_QUALITY_UPDATE;
    response.subscribed_quality_update = &update;
    fx_signal_one(fx, node_session_of(n, t->publisher)->conn, &response);
}

static bool is_news(const struct track *t, Livekit__VideoQuality wanted) {
    return wanted != t->quality_told || t->backup_wanted != t->backup_told;
}

/* False: no memory now. A client that is away hears of it when it is back. */
static bool settle(struct node *n, struct track *t, struct effects *fx) {
    Livekit__VideoQuality wanted = track_wanted(t);
    size_t mark = fx->count;
    if (!is_news(t, wanted) || node_session_of(n, t->publisher)->conn == 0) {
        return true;
    }
    tell(n, t, wanted, fx);
    if (!node_ok(n, fx)) {
        node_rollback(n, fx, mark);
        return false;
    }
    t->quality_told = wanted;
    t->backup_told = t->backup_wanted;
    return true;
}

void node_run_dynacast(struct node *n, struct effects *fx) {
    for (size_t i = 0; i < RISES_PER_STEP && !list_empty(&n->rises); i++) {
        struct track *t = container_of(list_first(&n->rises), struct track, in_rises);
        bool more = rank(track_wanted(t)) > rank(t->quality_told) || t->backup_wanted;
        if (more && !settle(n, t, fx)) {
            return;
        }
        list_remove(&n->rises, &t->in_rises);
    }
    for (size_t i = 0; i < RISES_PER_STEP && !list_empty(&n->falls); i++) {
        struct track *t = container_of(list_first(&n->falls), struct track, in_falls);
        if (t->fall_due_ms > n->now.mono_ms || !settle(n, t, fx)) {
            return;
        }
        list_remove(&n->falls, &t->in_falls);
    }
}

uint64_t dynacast_next_ms(const struct node *n) {
    const struct list_node *fall = list_first(&n->falls);
    if (!list_empty(&n->rises)) {
        return n->now.mono_ms;
    }
    return fall ? container_of(fall, struct track, in_falls)->fall_due_ms : UINT64_MAX;
}
