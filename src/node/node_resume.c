#include "node_join.h"
#include "node_media.h"

/* A client whose WebSocket broke comes back to its session: its transports, tracks and
 * subscriptions have gone on without it. */

struct session *session_to_resume(struct node *n, const struct node_event *ev,
                                  struct slice identity) {
    const struct host *h = node_host_find(n, ev->claims->video.room);
    struct participant *p = h ? room_find(&h->room, identity) : NULL;
    struct session *s = p ? node_session_of(n, p) : NULL;
    struct slice sid = node_cstr_slice(ev->join.request->participant_sid);
    if (!s || s->is_ending || (sid.len > 0 && !ident_equal(&p->sid, sid))) {
        return NULL;
    }
    return s;
}

static void tell_reconnect(struct node *n, struct effects *fx, const struct session *s) {
    Livekit__ReconnectResponse reconnect = LIVEKIT__RECONNECT_RESPONSE__INIT;
    Livekit__ServerInfo server;
    node_fill_server(n, &server);
    reconnect.server_info = &server;
    reconnect.n_ice_servers = node_fill_ice_servers(n, &reconnect.ice_servers);
    /* No more than the first is said to have come: the client repeats what it keeps, and routing
     * drops what came. With 0 some clients repeat nothing, also not what they could not send while
     * they were away (trap T34). */
    reconnect.last_message_seq = s->data_heard;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT;
    response.reconnect = &reconnect;
    fx_signal_one(fx, s->conn, &response);
}

static void tell_update(struct effects *fx, const struct session *s,
                        Livekit__ParticipantInfo **infos, size_t count) {
    if (count == 0) {
        return;
    }
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    update.participants = infos;
    update.n_participants = count;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
    response.update = &update;
    fx_signal_one(fx, s->conn, &response);
}

/* Who left meanwhile, then everybody who is there, itself included: some clients take those who are
 * not listed for gone (trap T32). */
static void tell_everybody(struct node *n, struct effects *fx, const struct session *s) {
    enum { UPDATE_PARTICIPANTS = 1 }; /* the number of ParticipantUpdate.participants */
    struct room *room = &s->host->room;
    Livekit__ParticipantInfo **infos = NULL;
    size_t count = room_departed(room, s->away_wall_ms, &n->work, &infos);
    tell_update(fx, s, infos, count);
    Livekit__ParticipantInfo self, *own[] = {&self};
    participant_fill(s->participant, &s->participant->profile, &n->work, &self);
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    update.participants = own;
    update.n_participants = 1;
    struct encoded_list others;
    if (room_others_encoded(room, s->participant, &n->work, &others)) {
        fx_signal_list(fx, s->conn, &update.base,
                       &(struct fx_list){.field = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE,
                                         .item = UPDATE_PARTICIPANTS,
                                         .items = others.items,
                                         .count = others.count});
    }
}

static enum status resume_effects(struct node *n, struct session *s, uint64_t old_conn,
                                  struct effects *fx) {
    fx_close(fx, old_conn, 1000); /* without a leave: it is the same session */
    fx_add(fx, FX_UPGRADE)->conn = s->conn;
    tell_reconnect(n, fx, s);
    tell_everybody(n, fx, s);
    struct dir_room room;
    if (dir_room_find(n->dir, text_slice(&s->host->room.name), &room) == STATUS_OK) {
        uint64_t *conns = fx_alloc(fx, sizeof(*conns));
        if (conns) {
            *conns = s->conn;
            node_tell_room(n, fx, &room, &s->host->room.counts, conns, 1);
        }
    }
    session_send_token(n, s, &s->participant->profile, fx);
    enum status st = node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
    if (st == STATUS_OK && s->sub.peer) {
        st = session_restart_offer(n, s, fx);
    }
    return st;
}

/* What it was not told, it is told now. */
static void catch_up(struct node *n, struct session *s) {
    list_each (at, &s->participant->tracks) {
        track_owe_quality(n, container_of(at, struct track, in_publisher));
    }
    s->handles_changed = !list_empty(&s->participant->data_subscriptions);
    session_owe_look(n, s, true);
    session_plan_exchange(n, s);
}

enum status session_resume(struct node *n, struct session *s, const struct node_event *ev,
                           struct effects *fx) {
    enum simulated_drop drop = session_takes_drop(n, s);
    if (drop == SIMULATED_DROP_BEFORE) {
        fx_add(fx, FX_UPGRADE)->conn = ev->conn;
        fx_close(fx, ev->conn, 1000);
        return node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
    }
    uint64_t old = s->conn;
    if (old != 0) { /* we have not noticed */
        s->away_wall_ms = n->now.wall_ms - RESUME_LOOKBACK_MS;
    }
    bool offered = s->offer_outstanding;
    size_t mark = fx->count;
    s->conn = ev->conn;
    s->offer_outstanding = false;
    enum status st = resume_effects(n, s, old, fx);
    if (st != STATUS_OK) {
        node_rollback(n, fx, mark);
        s->conn = old;
        s->offer_outstanding = offered;
        return st;
    }
    if (old != 0) {
        s->conn = old;
        session_forget_conn(n, s);
        s->conn = ev->conn;
    }
    s->participant->conn = s->conn;
    map_insert(&n->by_conn, &s->by_conn, slice_of(&s->conn, sizeof(s->conn)));
    s->requirement_out = s->main.silent = s->sub.silent = false;
    heap_remove(&n->timers, &s->negotiate.node);
    if (s->offer_outstanding) {
        heap_set(&n->timers, &s->negotiate.node, n->now.mono_ms + EXCHANGE_TIMEOUT_MS);
    }
    if (s->participant->profile.state == PARTICIPANT_ACTIVE) {
        heap_remove(&n->timers, &s->life.node);
    }
    catch_up(n, s);
    if (drop == SIMULATED_DROP_AFTER) {
        fx_close(fx, s->conn, 1000);
        session_signal_closed(n, s);
    }
    metric_inc(&n->config.metrics->sessions_resumed);
    return STATUS_OK;
}

/* ---- what the client believes */

static void disable(struct node *n, struct session *s, const char *sid, struct effects *fx) {
    struct track *t = room_find_track(&s->host->room, node_cstr_slice(sid));
    struct subscription *sub = t ? room_find_subscription(&s->host->room, s->participant, t) : NULL;
    if (sub && !sub->wish.disabled) {
        struct subscription_wish wish = sub->wish;
        wish.disabled = true;
        subscription_set_wish(sub, &wish);
        track_owe_quality(n, t);
        if (sub->sending) {
            session_put_want(fx, s, sub);
        }
    }
}

/* A client that believes to publish what is not there has to publish it again (trap T33). */
static bool knows_all(const struct session *s, const Livekit__SyncState *r) {
    for (size_t i = 0; i < r->n_publish_tracks; i++) {
        const Livekit__TrackInfo *info = r->publish_tracks[i]->track;
        if (info && !track_find(s->participant, node_cstr_slice(info->sid))) {
            return false;
        }
    }
    for (size_t i = 0; i < r->n_publish_data_tracks; i++) {
        const Livekit__DataTrackInfo *info = r->publish_data_tracks[i]->info;
        if (info && !data_track_of_handle(s->participant, info->pub_handle)) {
            return false;
        }
    }
    return true;
}

enum status session_on_sync_state(struct node *n, struct session *s, const Livekit__SyncState *r,
                                  struct effects *fx) {
    if (!knows_all(s, r)) {
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                    LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
        return STATUS_OK;
    }
    size_t disabled = MIN(r->n_track_sids_disabled, (size_t)SUBSCRIPTIONS_MAX);
    if (!fx_reserve(fx, disabled)) {
        return STATUS_NO_MEMORY;
    }
    if (r->subscription) {
        enum status st = session_on_subscription(n, s, r->subscription);
        if (st != STATUS_OK) {
            return st;
        }
    }
    if (r->data_subscription) {
        enum status st = session_on_data_subscription(n, s, r->data_subscription);
        if (st != STATUS_OK) {
            return st;
        }
    }
    for (size_t i = 0; i < disabled; i++) {
        disable(n, s, r->track_sids_disabled[i], fx);
    }
    return STATUS_OK;
}
