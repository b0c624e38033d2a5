#include "data_router.h"

enum {
    HEARD_STEP = 64,             /* messages: control knows to within so many what came */
    ROOMS_EXPIRED_PER_TICK = 64, /* 12,800 rooms in the 2 s that messages are kept */
    ANSWERS_PER_CALL = 2,        /* an acknowledgement and a response */
    ANSWERS_DUE_MAX = ANSWERS_PER_CALL * RPCS_MAX,
};

/* One message on its way to many. */
struct fanout {
    struct data_router *router;
    struct route_room *room;
    const struct data_packet_view *view;
    uint64_t sender; /* participant, 0: the server */
    enum data_packet_kind kind;
    struct slice packet; /* as receivers get it */
    bool missed;         /* somebody's channels are not open yet */
};

enum status data_router_init(struct data_router *r, const struct data_router_config *config) {
    *r = (struct data_router){.config = *config};
    buf_init(&r->out, DATA_MESSAGE_BYTES_MAX);
    enum status s = handles_init(&r->handles, config->key);
    return s == STATUS_OK ? routes_init(&r->routes, config->key) : s;
}

void data_router_deinit(struct data_router *r) {
    handles_deinit(&r->handles);
    routes_deinit(&r->routes);
    buf_deinit(&r->out);
}

static enum data_sent send_counted(struct data_router *r, uint64_t transport,
                                   enum data_packet_kind kind, struct slice packet) {
    struct metrics *m = r->config.metrics;
    enum data_sent sent = transport ? r->config.send(r->config.send_arg, transport, kind, packet)
                                    : DATA_SENT_NOT_OPEN;
    switch (sent) {
    case DATA_SENT:
        metric_inc(&m->data_messages_out);
        metric_add(&m->data_bytes_out, packet.len);
        break;
    case DATA_SENT_NOT_OPEN: metric_inc(&m->data_dropped_not_open); break;
    case DATA_SENT_SLOW: metric_inc(&m->data_dropped_slow); break;
    case DATA_SENT_TOO_LARGE: metric_inc(&m->data_dropped_too_large); break;
    }
    return sent;
}

static void give(struct fanout *f, struct route *to) {
    if (to->participant == f->sender || to->mark == f->room->last_mark) {
        return;
    }
    to->mark = f->room->last_mark;
    if (f->sender == 0 && f->view->value == DATA_VALUE_RPC_REQUEST) {
        to->answers_due = MIN(to->answers_due + ANSWERS_PER_CALL, (uint32_t)ANSWERS_DUE_MAX);
    }
    if (f->kind == DATA_KIND_LOSSY && !to->active) {
        return;
    }
    enum data_sent sent = send_counted(f->router, to->tx_transport, f->kind, f->packet);
    if (f->kind != DATA_KIND_RELIABLE) {
        return;
    }
    if (sent == DATA_SENT_NOT_OPEN) {
        f->missed = true;
    } else {
        to->delivered = f->room->last_number;
    }
}

static void give_named(struct fanout *f, enum data_packet_names sort) {
    struct data_names names = data_packet_names(f->view, sort);
    for (struct slice name; data_names_next(&names, &name);) {
        struct route *to = sort == DATA_NAMES_USER_SIDS
                               ? routes_by_sid(&f->router->routes, f->room->id, name)
                               : routes_by_identity(&f->router->routes, f->room->id, name);
        if (to) {
            give(f, to);
        }
    }
}

static void fan_out(struct fanout *f, uint64_t now_ms) {
    struct route_room *room = f->room;
    room->last_mark++;
    room->last_number += f->kind == DATA_KIND_RELIABLE;
    if (data_packet_is_broadcast(f->view)) {
        list_each (node, &room->participants) {
            give(f, container_of(node, struct route, in_room));
        }
    } else {
        give_named(f, DATA_NAMES_IDENTITIES);
        give_named(f, DATA_NAMES_USER_SIDS);
        give_named(f, DATA_NAMES_USER_IDENTITIES);
    }
    if (f->missed) {
        struct routes *routes = &f->router->routes;
        if (!routes_keep_recent(routes, room, f->sender, f->packet, now_ms)) {
            metric_inc(&f->router->config.metrics->media_no_memory);
        }
        metric_set(&f->router->config.metrics->data_recent_bytes, routes->recent_bytes);
    }
}

static bool is_named_in(const struct route *r, const struct data_packet_view *v,
                        enum data_packet_names sort) {
    struct slice own =
        sort == DATA_NAMES_USER_SIDS ? ident_slice(&r->sid) : bytes_slice(&r->identity);
    struct data_names names = data_packet_names(v, sort);
    for (struct slice name; data_names_next(&names, &name);) {
        if (slice_eq(name, own)) {
            return true;
        }
    }
    return false;
}

static bool is_for(const struct route *r, struct slice packet) {
    struct data_packet_view v;
    if (data_packet_read(packet, &v) != STATUS_OK) {
        return false;
    }
    return data_packet_is_broadcast(&v) || is_named_in(r, &v, DATA_NAMES_IDENTITIES) ||
           is_named_in(r, &v, DATA_NAMES_USER_SIDS) ||
           is_named_in(r, &v, DATA_NAMES_USER_IDENTITIES);
}

/* What a participant may send at all. Speakers are told by the server alone, metrics are not for
 * other participants, transcriptions are agents' work. */
static bool may_send(struct data_router *r, const struct route *from,
                     const struct data_packet_view *v) {
    struct metrics *m = r->config.metrics;
    switch (v->value) {
    case DATA_VALUE_METRICS:
    case DATA_VALUE_SPEAKER: metric_inc(&m->data_dropped_kind); return false;
    case DATA_VALUE_TRANSCRIPTION:
        if (!from->agent) {
            metric_inc(&m->data_dropped_denied);
            return false;
        }
        return true;
    default: return true;
    }
}

/* Resent messages carry the number that they had: after a resume a client repeats what it holds. */
static bool is_repeated(struct data_router *r, struct route *from, enum data_packet_kind kind,
                        const struct data_packet_view *v) {
    if (kind == DATA_KIND_RELIABLE && v->sequence != 0) {
        if (v->sequence <= from->last_sequence) {
            return true;
        }
        from->last_sequence = v->sequence;
        bool news = from->heard == 0 || from->last_sequence - from->heard >= HEARD_STEP;
        if (news && r->config.heard && r->config.heard(r->config.send_arg, from)) {
            from->heard = from->last_sequence;
        }
    }
    return v->nonce.len > 0 &&
           route_room_seen_nonce(from->room, &r->config.key, from->participant, v->nonce);
}

/* The server calls under a name that is nobody's: what is addressed to nobody answers it. */
static bool is_for_server(struct data_router *r, const struct route *from,
                          const struct data_packet_view *v) {
    bool answers = v->value == DATA_VALUE_RPC_ACK || v->value == DATA_VALUE_RPC_RESPONSE;
    if (!r->config.to_server || !answers || v->destination_identities_count == 0) {
        return false;
    }
    struct data_names names = data_packet_names(v, DATA_NAMES_IDENTITIES);
    for (struct slice name; data_names_next(&names, &name);) {
        if (routes_by_identity(&r->routes, from->room->id, name)) {
            return false;
        }
    }
    return true;
}

static void give_server(struct data_router *r, struct route *from, struct slice packet) {
    if (from->answers_due == 0) {
        metric_inc(&r->config.metrics->data_dropped_no_route);
        return;
    }
    from->answers_due--;
    r->config.to_server(r->config.send_arg, from, packet);
}

/* An agent speaks for others in what it transcribes or generates, and says so itself. */
static struct slice shown_identity(const struct route *from, const struct data_packet_view *v) {
    bool for_another = from->agent && v->participant_identity.len > 0 &&
                       (v->value == DATA_VALUE_TRANSCRIPTION || v->generated);
    return for_another ? v->participant_identity : bytes_slice(&from->identity);
}

static bool rewrite(struct data_router *r, const struct route *from, enum data_packet_kind kind,
                    const struct data_packet_view *v) {
    struct data_packet_sender sender = {
        .sid = ident_slice(&from->sid),
        .identity = shown_identity(from, v),
        .kind = kind,
        .hidden = from->hidden,
    };
    buf_clear(&r->out);
    if (data_packet_rewrite(v, &sender, &r->out) != STATUS_OK) {
        metric_inc(&r->config.metrics->data_dropped_too_large);
        return false;
    }
    return true;
}

void data_router_receive(struct data_router *r, uint64_t transport, enum data_packet_kind kind,
                         struct slice message, uint64_t now_ms) {
    struct metrics *m = r->config.metrics;
    metric_inc(&m->data_messages_in);
    metric_add(&m->data_bytes_in, message.len);
    struct route *from = routes_by_transport(&r->routes, ROUTE_BY_RX, transport);
    if (!from) {
        metric_inc(&m->data_dropped_no_route);
        return;
    }
    if (!from->can_publish_data) {
        metric_inc(&m->data_dropped_denied);
        return;
    }
    struct data_packet_view v;
    enum status s =
        message.len > DATA_MESSAGE_BYTES_MAX ? STATUS_TOO_LARGE : data_packet_read(message, &v);
    if (s != STATUS_OK) {
        metric_inc(s == STATUS_TOO_LARGE ? &m->data_dropped_too_large : &m->data_dropped_malformed);
        return;
    }
    if (is_repeated(r, from, kind, &v)) {
        metric_inc(&m->data_dropped_duplicate);
        return;
    }
    if (is_for_server(r, from, &v)) {
        give_server(r, from, message);
        return;
    }
    if (!may_send(r, from, &v) || !rewrite(r, from, kind, &v)) {
        return;
    }
    struct fanout f = {.router = r,
                       .room = from->room,
                       .view = &v,
                       .sender = from->participant,
                       .kind = kind,
                       .packet = buf_slice(&r->out)};
    fan_out(&f, now_ms);
}

static void give_track(struct data_router *r, struct handle_subscription *s) {
    const struct route *to = routes_by_participant(&r->routes, s->say.subscriber);
    if (!to || !to->active) {
        metric_inc(&r->config.metrics->data_dropped_not_open);
        return;
    }
    track_packet_set_handle(r->out.data, s->say.subscriber_handle);
    if (r->config.send_track(r->config.send_arg, to->tx_transport, buf_slice(&r->out)) ==
        DATA_SENT) {
        metric_inc(&r->config.metrics->data_track_packets_out);
    } else {
        metric_inc(&r->config.metrics->data_dropped_slow);
    }
}

void data_router_receive_track(struct data_router *r, uint64_t transport, struct slice packet,
                               uint64_t now_ms) {
    struct metrics *m = r->config.metrics;
    struct route *from = routes_by_transport(&r->routes, ROUTE_BY_RX, transport);
    struct track_packet_header header;
    enum status st = track_packet_read(packet, &header);
    if (st != STATUS_OK) {
        metric_inc(st == STATUS_TOO_LARGE ? &m->data_dropped_too_large
                                          : &m->data_dropped_malformed);
        return;
    }
    struct handle_track *track =
        from ? handles_find(&r->handles, from->participant, header.handle) : NULL;
    if (!track || !from->can_publish_data || !r->config.send_track) {
        metric_inc(&m->data_dropped_data_track); /* nobody wants it, or nobody may have it */
        return;
    }
    buf_clear(&r->out);
    buf_put(&r->out, packet);
    if (r->out.failed) {
        metric_inc(&m->media_no_memory);
        return;
    }
    list_each (node, &track->subscriptions) {
        struct handle_subscription *s = container_of(node, struct handle_subscription, in_track);
        if (handle_passes(s, &header, now_ms)) {
            give_track(r, s);
        }
    }
}

void data_router_send(struct data_router *r, uint64_t room_id, enum data_packet_kind kind,
                      struct slice packet, uint64_t now_ms) {
    struct metrics *m = r->config.metrics;
    struct route_room *room = routes_room(&r->routes, room_id);
    if (!room) {
        metric_inc(&m->data_dropped_no_route);
        return;
    }
    struct data_packet_view v;
    if (packet.len > DATA_MESSAGE_BYTES_MAX || data_packet_read(packet, &v) != STATUS_OK) {
        metric_inc(&m->data_dropped_malformed);
        return;
    }
    if (v.nonce.len > 0 && route_room_seen_nonce(room, &r->config.key, 0, v.nonce)) {
        metric_inc(&m->data_dropped_duplicate);
        return;
    }
    struct fanout f = {.router = r, .room = room, .view = &v, .kind = kind, .packet = packet};
    fan_out(&f, now_ms);
}

void data_router_opened(struct data_router *r, uint64_t transport, uint64_t now_ms) {
    struct route *to = routes_by_transport(&r->routes, ROUTE_BY_TX, transport);
    if (!to) {
        return;
    }
    struct recent *recent = &to->room->recent;
    list_each (node, &recent->messages) {
        const struct recent_message *m = container_of(node, struct recent_message, in_recent);
        struct slice packet = slice_of(m->packet, m->len);
        bool wanted = m->number > to->delivered && m->sender != to->participant &&
                      now_ms - m->sent_ms < DATA_RECENT_MS && is_for(to, packet);
        if (!wanted) {
            continue;
        }
        if (send_counted(r, to->tx_transport, DATA_KIND_RELIABLE, packet) != DATA_SENT) {
            return;
        }
        to->delivered = m->number;
    }
    to->delivered = to->room->last_number;
}

void data_router_tick(struct data_router *r, uint64_t now_ms) {
    routes_expire_recent(&r->routes, now_ms, ROOMS_EXPIRED_PER_TICK);
    metric_set(&r->config.metrics->data_recent_bytes, r->routes.recent_bytes);
}
