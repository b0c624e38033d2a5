#include "control_priv.h"

#include <string.h>

/* A session whose messages cannot be queued has a hole in its stream: it must end. */
static void mark_broken(struct control *c, uint64_t conn) {
    metric_inc(&c->metrics.control_edge_full);
    if (c->broken_count < CONTROL_BROKEN_MAX) {
        c->broken[c->broken_count++] = conn;
    } else {
        metric_inc(&c->metrics.control_broken_lost);
    }
}

static void retry_later(struct control *c, struct control_retry retry) {
    metric_inc(&c->metrics.control_media_full);
    if (c->retries_count < CONTROL_RETRY_MAX) {
        c->retries[c->retries_count++] = retry;
    } else {
        metric_inc(&c->metrics.control_broken_lost);
    }
}

/* A subscription that begins anew is not to be ended by what is still to be repeated. */
static void forget_handle_removal(struct control *c, const struct fx_handle *h) {
    size_t kept = 0;
    for (size_t i = 0; i < c->retries_count; i++) {
        const struct control_retry *r = &c->retries[i];
        bool same = r->kind == RETRY_HANDLE_REMOVE && r->handle.publisher == h->publisher &&
                    r->handle.publisher_handle == h->publisher_handle &&
                    r->handle.subscriber == h->subscriber;
        if (!same) {
            c->retries[kept++] = *r;
        }
    }
    c->retries_count = kept;
}

static void copy_text(char *out, size_t size, struct slice text) {
    assert(text.len < size);
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
}

static bool open_transport(struct control *c, const struct fx_transport *t) {
    struct media_transport_open open = {
        .transport = t->id, .worker = t->worker, .opens_channels = t->opens_channels};
    copy_text(open.ufrag, sizeof(open.ufrag), t->ufrag);
    copy_text(open.pwd, sizeof(open.pwd), t->pwd);
    return media_open(c->media, &open);
}

static bool set_remote(struct control *c, const struct fx_transport *t) {
    struct media_transport_remote remote = {
        .transport = t->id, .has_data = t->has_data, .max_message_bytes = t->max_message_bytes};
    copy_text(remote.ufrag, sizeof(remote.ufrag), t->ufrag);
    copy_text(remote.pwd, sizeof(remote.pwd), t->pwd);
    memcpy(remote.fingerprint, t->fingerprint, sizeof(remote.fingerprint));
    return media_set_remote(c->media, &remote);
}

static bool restart_transport(struct control *c, const struct fx_transport *t) {
    char ufrag[UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1];
    copy_text(ufrag, sizeof(ufrag), t->ufrag);
    copy_text(pwd, sizeof(pwd), t->pwd);
    return media_restart(c->media, t->id, ufrag, pwd);
}

static bool put_route(struct control *c, const struct fx_route *r) {
    struct media_route route = {
        .participant = r->participant,
        .room = r->room_key,
        .sid = r->sid,
        .identity = r->identity,
        .rx_transport = r->rx_transport,
        .tx_transport = r->tx_transport,
        .can_publish_data = r->can_publish_data,
        .hidden = r->hidden,
        .agent = r->agent,
        .active = r->active,
    };
    return media_route_put(c->media, &route);
}

static void log_note(const struct fx_note *note) {
    if (note->kind == NOTE_ROOM_STARTED || note->kind == NOTE_ROOM_FINISHED) {
        log_event(LOG_INFO, note_name(note->kind), LOG_STR("room", note->room_name),
                  LOG_STR("room_sid", ident_slice(&note->room_sid)));
        return;
    }
    if (note->kind == NOTE_TRACK_PUBLISHED || note->kind == NOTE_TRACK_UNPUBLISHED) {
        log_event(LOG_INFO, note_name(note->kind), LOG_STR("room", note->room_name),
                  LOG_STR("room_sid", ident_slice(&note->room_sid)),
                  LOG_STR("identity", note->identity),
                  LOG_STR("participant_sid", ident_slice(&note->participant_sid)),
                  LOG_STR("track_sid", ident_slice(&note->track_sid)));
        return;
    }
    log_event(LOG_INFO, note_name(note->kind), LOG_STR("room", note->room_name),
              LOG_STR("room_sid", ident_slice(&note->room_sid)),
              LOG_STR("identity", note->identity),
              LOG_STR("participant_sid", ident_slice(&note->participant_sid)),
              LOG_UINT("disconnect_reason", note->disconnect_reason));
}

static void post_note(struct control *c, const struct fx_note *note) {
    if (!c->hook || note->body.len == 0) {
        return;
    }
    struct hook_event event = {
        .name = slice_from_cstr(note_name(note->kind)),
        .key = note->room_name,
        .id = ident_slice(&note->id),
        .body = note->body,
    };
    bool taken = hook_post(c->hook, &event);
    (void)taken; /* refused: counted by hook */
}

static enum edge_part part_for_edge(enum part part) {
    static const enum edge_part parts[] = {
        [PART_FIRST] = EDGE_PART_FIRST,
        [PART_NEXT] = EDGE_PART_NEXT,
        [PART_LAST] = EDGE_PART_LAST,
        [PART_ABORT] = EDGE_PART_ABORT,
    };
    return parts[part];
}

static void apply_to_edge(struct control *c, const struct effect *fx) {
    bool taken = true;
    uint64_t conn = fx->conns_count ? fx->conns[0] : fx->conn;
    switch (fx->kind) {
    case FX_API_REPLY:
        taken = edge_reply(c->edge, conn, fx->http_status,
                           fx->body_is_json ? EDGE_BODY_JSON : EDGE_BODY_PROTOBUF, fx->bytes);
        break;
    case FX_API_PART:
        taken = edge_reply_part(c->edge, conn, fx->http_status,
                                fx->body_is_json ? EDGE_BODY_JSON : EDGE_BODY_PROTOBUF,
                                part_for_edge(fx->part), fx->bytes);
        break;
    case FX_TEXT_REPLY:
        taken = edge_reply(c->edge, conn, fx->http_status, EDGE_BODY_TEXT, fx->bytes);
        break;
    case FX_UPGRADE: taken = edge_upgrade(c->edge, conn); break;
    case FX_REFRESH_TOKEN: taken = edge_send_refresh_token(c->edge, conn, fx->bytes); break;
    case FX_CLOSE_SIGNAL: taken = edge_close(c->edge, conn, fx->ws_code); break;
    case FX_SIGNAL:
        for (size_t i = 0; i < fx->conns_count; i++) {
            if (!edge_send(c->edge, fx->conns[i], fx->bytes)) {
                mark_broken(c, fx->conns[i]);
            }
        }
        return;
    default: assert(false);
    }
    if (!taken) {
        mark_broken(c, conn);
    }
}

static void apply_to_media(struct control *c, const struct effect *fx) {
    bool taken = true;
    switch (fx->kind) {
    case FX_TRANSPORT_OPEN: taken = open_transport(c, &fx->transport); break;
    case FX_TRANSPORT_REMOTE: taken = set_remote(c, &fx->transport); break;
    case FX_TRANSPORT_RESTART: taken = restart_transport(c, &fx->transport); break;
    case FX_TRANSPORT_BANDWIDTH:
        taken = media_fix_bandwidth(c->media, fx->transport.id, fx->transport.bitrate_bps);
        break;
    case FX_ROUTE_PUT: taken = put_route(c, &fx->route); break;
    case FX_RECEIVE_PUT: taken = control_put_receive(c, &fx->receive); break;
    case FX_RECEIVE_REMOVE:
        taken = media_receive_remove(c->media, fx->receive.transport,
                                     rtp_section_mid(fx->receive.section));
        break;
    case FX_SEND_PUT: taken = control_put_send(c, &fx->send); break;
    case FX_SEND_SET: taken = control_set_send(c, &fx->send_want); break;
    case FX_HANDLE_PUT:
        forget_handle_removal(c, &fx->handle);
        taken = control_put_handle(c, &fx->handle);
        break;
    case FX_HANDLE_REMOVE:
        if (!control_remove_handle(c, &fx->handle)) {
            retry_later(c,
                        (struct control_retry){.kind = RETRY_HANDLE_REMOVE, .handle = fx->handle});
        }
        return;
    case FX_SEND_REMOVE:
        if (!media_send_remove(c->media, fx->send.worker, fx->send.id)) {
            retry_later(c, (struct control_retry){.kind = RETRY_SEND_REMOVE,
                                                  .worker = fx->send.worker,
                                                  .id = fx->send.id});
        }
        return;
    case FX_DATA_SEND:
        taken = media_data_send(c->media, fx->room_key, fx->reliable, fx->bytes);
        break;
    case FX_TRANSPORT_CLOSE:
        if (!media_close(c->media, fx->transport.id)) {
            retry_later(c, (struct control_retry){.kind = RETRY_CLOSE, .id = fx->transport.id});
        }
        return;
    case FX_ROUTE_REMOVE:
        if (!media_route_remove(c->media, fx->route.participant)) {
            retry_later(
                c, (struct control_retry){.kind = RETRY_ROUTE_REMOVE, .id = fx->route.participant});
        }
        return;
    default: assert(false);
    }
    if (!taken) {
        /* A transport that never opens is ended by the join timeout; a lost message is counted. */
        metric_inc(&c->metrics.control_media_full);
    }
}

void control_apply(struct control *c) {
    for (size_t i = 0; i < c->fx.count; i++) {
        const struct effect *fx = &c->fx.items[i];
        if (fx->kind == FX_NOTE) {
            log_note(&fx->note);
            post_note(c, &fx->note);
        } else if (fx->kind < FX_TRANSPORT_OPEN) {
            apply_to_edge(c, fx);
        } else {
            apply_to_media(c, fx);
        }
    }
    effects_clear(&c->fx);
}

static bool repeat(struct control *c, const struct control_retry *r) {
    switch (r->kind) {
    case RETRY_CLOSE: return media_close(c->media, r->id);
    case RETRY_ROUTE_REMOVE: return media_route_remove(c->media, r->id);
    case RETRY_SEND_REMOVE: return media_send_remove(c->media, r->worker, r->id);
    case RETRY_HANDLE_REMOVE: return control_remove_handle(c, &r->handle);
    }
    return true;
}

static void repeat_closes(struct control *c) {
    size_t done = 0;
    for (; done < c->retries_count; done++) {
        const struct control_retry *r = &c->retries[done];
        if (!repeat(c, r)) {
            break;
        }
    }
    c->retries_count -= done;
    memmove(c->retries, c->retries + done, c->retries_count * sizeof(c->retries[0]));
}

void control_repair(struct control *c) {
    repeat_closes(c);
    size_t done = 0;
    while (done < c->broken_count && edge_close(c->edge, c->broken[done], 1013)) {
        struct node_event ev = {.kind = EV_SIGNAL_CLOSED, .time = c->now, .conn = c->broken[done]};
        done++;
        control_run(c, &ev); /* may append to broken: only the front is removed below */
    }
    c->broken_count -= done;
    memmove(c->broken, c->broken + done, c->broken_count * sizeof(c->broken[0]));
}
