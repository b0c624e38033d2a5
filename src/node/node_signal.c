#include "node_media.h"

enum { PROTOCOL_WITH_OK = 15 }; /* older clients know no request_response for success */

static enum status on_ping(struct node *n, struct session *s, struct effects *fx) {
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG;
    response.pong = (int64_t)n->now.wall_ms;
    fx_signal_one(fx, s->conn, &response);
    return STATUS_OK;
}

static enum status on_ping_req(struct node *n, struct session *s, const Livekit__Ping *ping,
                               struct effects *fx) {
    Livekit__Pong pong = LIVEKIT__PONG__INIT;
    pong.last_ping_timestamp = ping->timestamp;
    pong.timestamp = (int64_t)n->now.wall_ms;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP;
    response.pong_resp = &pong;
    fx_signal_one(fx, s->conn, &response);
    return STATUS_OK;
}

static enum status refuse_metadata(struct node *n, struct session *s,
                                   const Livekit__UpdateParticipantMetadata *m,
                                   Livekit__RequestResponse__Reason reason, const char *text) {
    /* The echo names the request; its texts may be half a megabyte and the client has them. */
    Livekit__UpdateParticipantMetadata echo = LIVEKIT__UPDATE_PARTICIPANT_METADATA__INIT;
    echo.request_id = m->request_id;
    Livekit__RequestResponse response = LIVEKIT__REQUEST_RESPONSE__INIT;
    response.request_id = m->request_id;
    response.reason = reason;
    response.message = (char *)(uintptr_t)text;
    response.request_case = LIVEKIT__REQUEST_RESPONSE__REQUEST_UPDATE_METADATA;
    response.update_metadata = &echo;
    struct response *answer;
    enum status st = response_make(n, &response, &answer);
    if (st == STATUS_OK) {
        response_hold(n, s, answer);
    }
    return st;
}

static size_t list_attributes(struct node *n, const Livekit__UpdateParticipantMetadata *m,
                              const struct attribute **ret_list) {
    struct attribute *list =
        m->n_attributes > 0 ? arena_alloc(&n->work, m->n_attributes * sizeof(*list)) : NULL;
    if (!list) {
        return 0;
    }
    for (size_t i = 0; i < m->n_attributes; i++) {
        list[i] = (struct attribute){node_cstr_slice(m->attributes[i]->key),
                                     node_cstr_slice(m->attributes[i]->value)};
    }
    *ret_list = list;
    return m->n_attributes;
}

static bool over(size_t len, uint32_t max) {
    return max != 0 && len > max;
}

/* Empty fields are left as they are; an attribute with an empty value goes. */
static enum status own_change(struct session *s, const Livekit__UpdateParticipantMetadata *m,
                              const struct attribute *attributes, size_t count, struct change *c) {
    const struct profile *now = &s->participant->profile;
    struct slice name = node_cstr_slice(m->name), metadata = node_cstr_slice(m->metadata);
    enum status st = STATUS_OK;
    if (name.len > 0 && !slice_eq(name, text_slice(&now->name))) {
        st = change_name(c, name);
    }
    if (st == STATUS_OK && metadata.len > 0 && !slice_eq(metadata, text_slice(&now->metadata))) {
        st = change_metadata(c, metadata);
    }
    if (st == STATUS_OK && count > 0) {
        st = change_attributes(c, attributes, count);
    }
    return st;
}

/* NULL: this client expects none. */
static enum status make_acceptance(struct node *n, const struct session *s,
                                   const Livekit__UpdateParticipantMetadata *m,
                                   struct response **ret_answer) {
    if (s->protocol < PROTOCOL_WITH_OK) {
        *ret_answer = NULL;
        return STATUS_OK;
    }
    Livekit__RequestResponse response = LIVEKIT__REQUEST_RESPONSE__INIT;
    response.request_id = m->request_id;
    response.reason = LIVEKIT__REQUEST_RESPONSE__REASON__OK;
    return response_make(n, &response, ret_answer);
}

/* The change is told at once, and the answer follows. */
static enum status change_metadata_of(struct node *n, struct session *s,
                                      const Livekit__UpdateParticipantMetadata *m, struct change *c,
                                      struct effects *fx) {
    struct response *answer;
    enum status st = make_acceptance(n, s, m, &answer);
    if (st != STATUS_OK) {
        return st;
    }
    if (c->owns_name || c->owns_metadata || c->owns_attributes) {
        st = session_change(n, s, c, true, fx);
    }
    if (st == STATUS_OK && answer) {
        response_hold(n, s, TAKE(answer));
    }
    response_free(answer);
    return st;
}

static enum status on_update_metadata(struct node *n, struct session *s,
                                      const Livekit__UpdateParticipantMetadata *m,
                                      struct effects *fx) {
    const struct node_config *config = &n->config;
    if (!s->participant->profile.permission.can_update_metadata) {
        return refuse_metadata(n, s, m, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED,
                               "does not have permission to update own metadata");
    }
    const struct attribute *attributes = NULL;
    size_t count = list_attributes(n, m, &attributes);
    if (n->work.failed) {
        return STATUS_NO_MEMORY;
    }
    if (over(node_cstr_slice(m->name).len, config->participant_name_bytes_max) ||
        over(node_cstr_slice(m->metadata).len, config->metadata_bytes_max) ||
        over(attributes_bytes(attributes, count), config->attributes_bytes_max)) {
        return refuse_metadata(n, s, m, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                               "exceeds the limits of name, metadata or attributes");
    }
    struct change c;
    change_begin(s->participant, &c);
    enum status st = own_change(s, m, attributes, count, &c);
    if (st == STATUS_OK) {
        st = change_metadata_of(n, s, m, &c, fx);
    } else if (st == STATUS_EXHAUSTED) {
        st = refuse_metadata(n, s, m, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED,
                             "too many attributes");
    }
    change_drop(&c);
    return st;
}

/* Unless it went well, or nothing has happened, the negotiation cannot go on: the client starts
 * anew. What was written of its answer does not go out. */
static enum status mismatch(struct node *n, struct session *s, enum status st, struct effects *fx,
                            size_t mark) {
    if (st == STATUS_OK || st == STATUS_NO_MEMORY) {
        return st;
    }
    node_rollback(n, fx, mark);
    metric_inc(&n->config.metrics->signals_refused);
    session_end(n, s, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
    return STATUS_OK;
}

static enum status dispatch(struct node *n, struct session *s, const Livekit__SignalRequest *r,
                            struct effects *fx) {
    size_t mark = fx->count;
    switch (r->message_case) {
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_OFFER:
        return mismatch(n, s, session_take_offer(n, s, s->host->worker, r->offer, fx), fx, mark);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ANSWER:
        return mismatch(n, s, session_take_answer(n, s, r->answer, fx), fx, mark);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_ADD_TRACK:
        return session_add_track(n, s, r->add_track, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_MUTE: return session_on_mute(n, s, r->mute, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_AUDIO_TRACK:
        return session_on_audio_track(n, s, r->update_audio_track, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_VIDEO_TRACK:
        return session_on_video_track(n, s, r->update_video_track, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION:
        return session_on_subscription(n, s, r->subscription);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRACK_SETTING:
        return session_on_settings(n, s, r->track_setting, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PUBLISH_DATA_TRACK_REQUEST:
        return session_on_publish_data(n, s, r->publish_data_track_request, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UNPUBLISH_DATA_TRACK_REQUEST:
        return session_on_unpublish_data(n, s, r->unpublish_data_track_request, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_DATA_SUBSCRIPTION:
        return session_on_data_subscription(n, s, r->update_data_subscription);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_STORE_DATA_BLOB_REQUEST:
        return session_on_store_blob(n, s, r->store_data_blob_request, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_GET_DATA_BLOB_REQUEST:
        return session_on_get_blob(n, s, r->get_data_blob_request, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SYNC_STATE:
        return session_on_sync_state(n, s, r->sync_state, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SUBSCRIPTION_PERMISSION:
        return session_on_rules(n, s, r->subscription_permission);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_LEAVE:
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__CLIENT_INITIATED,
                    LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, false);
        return STATUS_OK;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_SIMULATE:
        return session_on_simulate(n, s, r->simulate, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING: return on_ping(n, s, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_UPDATE_METADATA:
        return on_update_metadata(n, s, r->update_metadata, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_PING_REQ: return on_ping_req(n, s, r->ping_req, fx);
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE_TRICKLE:
        /* ICE-lite learns addresses from the checks that come in. */
        return STATUS_OK;
    case LIVEKIT__SIGNAL_REQUEST__MESSAGE__NOT_SET:
        metric_inc(&n->config.metrics->signals_unknown);
        return STATUS_OK;
    default: return STATUS_OK; /* about media that there is none of */
    }
}

enum status node_signal(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct session *s = node_session_by_conn(n, ev->conn);
    if (!s || s->is_ending || s->host->closing) {
        return STATUS_OK; /* it crossed a leave on its way */
    }
    metric_inc(&n->config.metrics->signals);
    enum status st = dispatch(n, s, ev->signal, fx);
    return st == STATUS_OK && !node_ok(n, fx) ? STATUS_NO_MEMORY : st;
}
