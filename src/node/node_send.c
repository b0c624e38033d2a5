#include "node_media.h"

/* What an exchange has agreed about subscriptions, told to media and to those whom it concerns. */

static struct fx_send_want want_of(const struct session *s, const struct subscription *sub) {
    Livekit__VideoQuality quality = subscription_quality(sub);
    bool off = quality == LIVEKIT__VIDEO_QUALITY__OFF;
    return (struct fx_send_want){
        .id = sub->id,
        .worker = s->host->worker,
        .paused = off,
        .layer_max = off ? 0 : track_layer_of_quality(subscription_attached_to(sub), quality),
        .fps_max = sub->wish.fps,
        .priority = subscription_priority(sub),
    };
}

void session_put_want(struct effects *fx, const struct session *s, const struct subscription *sub) {
    fx_add(fx, FX_SEND_SET)->send_want = want_of(s, sub);
}

/* What media was told of a section; it is told again only of another one. */
static uint64_t hash_of(const struct node *n, const struct rtp_section *section) {
    struct {
        uint8_t mid[RTP_SECTION_MID_BYTES_MAX];
        uint8_t ids[RTP_EXTENSION_KINDS];
        uint8_t mid_len, payload_type, rtx_payload_type, feedback, red_payload_type;
    } fact = {.mid_len = section->mid_len,
              .payload_type = section->formats[0].payload_type,
              .rtx_payload_type = section->formats[0].rtx_payload_type,
              .feedback = section->formats[0].feedback,
              .red_payload_type = section->red_payload_type};
    for (size_t i = 0; i < section->mid_len; i++) {
        fact.mid[i] = (uint8_t)section->mid[i];
    }
    for (size_t i = 0; i < RTP_EXTENSION_KINDS; i++) {
        fact.ids[i] = section->extension_ids[i];
    }
    static_assert(sizeof(fact) == RTP_SECTION_MID_BYTES_MAX + RTP_EXTENSION_KINDS + 5,
                  "no padding is hashed");
    return hash64(&n->map_key, slice_of(&fact, sizeof(fact))) | 1;
}

static void put_send(struct effects *fx, const struct session *s, const struct subscription *sub,
                     const struct peer_section *section) {
    struct rtp_section *copy = fx_alloc(fx, sizeof(*copy));
    if (!copy) {
        return;
    }
    *copy = section->rtp;
    fx_add(fx, FX_SEND_PUT)->send = (struct fx_send){
        .id = sub->id,
        .transport = s->single ? s->main.id : s->sub.id,
        .track = subscription_attached_to(sub)->id,
        .worker = s->host->worker,
        .ssrc = sub->ssrc,
        .rtx_ssrc = section->rtp.formats[0].rtx_payload_type != 0 ? sub->rtx_ssrc : 0,
        .cname = fx_copy(fx, sub->track->stream_id),
        .section = copy,
        .want = want_of(s, sub),
    };
}

static void tell_first_subscriber(struct node *n, const struct session *s, struct track *t,
                                  struct effects *fx) {
    uint64_t conn = node_session_of(n, t->publisher)->conn;
    if (t->subscribed_told || conn == 0 || s->participant->profile.permission.hidden) {
        return;
    }
    Livekit__TrackSubscribed subscribed = LIVEKIT__TRACK_SUBSCRIBED__INIT;
    subscribed.track_sid = t->sid.text;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_SUBSCRIBED;
    response.track_subscribed = &subscribed;
    fx_signal_one(fx, conn, &response);
    t->subscribed_told = true;
}

static void tell_unsupported(const struct session *s, struct subscription *sub,
                             struct effects *fx) {
    Livekit__SubscriptionResponse answer = LIVEKIT__SUBSCRIPTION_RESPONSE__INIT;
    answer.track_sid = sub->track->sid.text;
    answer.err = LIVEKIT__SUBSCRIPTION_ERROR__SE_CODEC_UNSUPPORTED;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE;
    response.subscription_response = &answer;
    fx_signal_one(fx, s->conn, &response);
    sub->refused = true;
}

static void agreed(struct node *n, struct session *s, struct subscription *sub,
                   const struct peer_section *section, struct effects *fx) {
    struct track *t = sub->track;
    if (section->send_refused) {
        if (!sub->refused && !subscription_asks_backup(n, s, sub)) {
            tell_unsupported(s, sub, fx);
        }
        return;
    }
    uint64_t hash = hash_of(n, &section->rtp);
    if (!peer_section_sends(section) || section->rtp.formats_count == 0 ||
        sub->section_hash == hash || !t->publisher) {
        return;
    }
    put_send(fx, s, sub, section);
    if (!sub->sending) {
        tell_first_subscriber(n, s, t, fx);
        session_greet(n, s, node_session_of(n, t->publisher), fx);
    }
    if (!sub->sending) {
        node_count_subscribed(n, t, true);
    }
    sub->section_hash = hash;
    sub->sending = true;
}

void session_put_sends(struct node *n, struct session *s, const struct peer *p,
                       struct effects *fx) {
    for (size_t i = 0; i < peer_sections_count(p); i++) {
        const struct peer_section *section = peer_section_at(p, i);
        struct subscription *sub = section->send ? node_find_send(n, section->send) : NULL;
        if (sub) {
            agreed(n, s, sub, section, fx);
        }
    }
}
