#include "subscription.h"
#include "room.h"
#include "rules.h"

bool subscription_allowed(const struct participant *subscriber, const struct track *t) {
    const struct participant *publisher = t->publisher;
    if (!publisher || publisher == subscriber || t->state != TRACK_PUBLISHED ||
        !subscriber->profile.permission.can_subscribe || publisher->profile.permission.hidden) {
        return false;
    }
    /* Who records, records all. */
    return participant_is_recorder(subscriber, &subscriber->profile.permission) ||
           rules_allow(publisher->rules, participant_identity(subscriber),
                       ident_slice(&subscriber->sid), ident_slice(&t->sid));
}

Livekit__VideoQuality subscription_quality(const struct subscription *s) {
    const struct subscription_wish *w = &s->wish;
    if (w->disabled) {
        return LIVEKIT__VIDEO_QUALITY__OFF;
    }
    return w->sized ? track_quality_of_size(s->track, w->width, w->height) : w->quality;
}

void subscription_set_wish(struct subscription *s, const struct subscription_wish *wish) {
    if (s->attached) {
        s->track->wants[subscription_quality(s)]--;
    }
    s->wish = *wish;
    if (s->attached) {
        s->track->wants[subscription_quality(s)]++;
    }
}

void subscription_set_attached(struct subscription *s, bool attached) {
    assert(s->attached != attached);
    s->attached = attached;
    s->track->wants[subscription_quality(s)] += attached ? 1 : UINT32_MAX;
    s->subscriber->attached_count += attached ? 1 : UINT32_MAX;
}

Livekit__VideoQuality track_wanted(const struct track *t) {
    for (int quality = LIVEKIT__VIDEO_QUALITY__HIGH; quality >= 0; quality--) {
        if (t->wants[quality] > 0) {
            return (Livekit__VideoQuality)quality;
        }
    }
    return LIVEKIT__VIDEO_QUALITY__OFF;
}

uint8_t subscription_priority(const struct subscription *s) {
    enum { SCREEN = 255, OTHER = 1 };
    if (s->wish.priority != 0) {
        return (uint8_t)(256 - s->wish.priority); /* clients count from 1, the highest */
    }
    return s->track->info->source == LIVEKIT__TRACK_SOURCE__SCREEN_SHARE ? SCREEN : OTHER;
}
