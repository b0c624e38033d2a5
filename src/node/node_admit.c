#include "node_join.h"
#include "node_media.h"
#include "node_open.h"

static const struct slice CLOSED = {(const uint8_t *)"connection closed by media", 26};

/* A join on its way in: what was made for it so far, to be given back when it fails. */
struct admission {
    const struct node_event *ev;
    struct slice identity;
    struct video_grant grant;
    struct permission permission;
    struct dir_room room;
    bool opened;   /* the room, for this join */
    bool new_host; /* likewise */
    struct host *host;
    struct session *s, *old; /* old: of the same identity, goes when s comes */
};

static void abandon(struct node *n, struct admission *a) {
    if (a->s) {
        session_free(n, a->s);
    }
    if (a->new_host) {
        host_destroy(n, a->host);
    }
    if (a->opened) {
        enum status s = dir_room_delete(n->dir, n->now, a->ev->claims->video.room);
        (void)s; /* without memory for this, the room ends by its empty timeout */
    }
}

static struct slice metadata_of(const struct node_event *ev) {
    struct slice given = node_cstr_slice(ev->join.request->metadata);
    return given.len > 0 ? given : ev->claims->metadata;
}

/* The token's attributes, then the client's over them. */
static size_t list_attributes(struct node *n, const struct node_event *ev,
                              const struct attribute **ret_list) {
    const struct claims *c = ev->claims;
    const Livekit__JoinRequest *r = ev->join.request;
    size_t count = c->attributes_count + r->n_participant_attributes;
    struct attribute *list = count > 0 ? arena_alloc(&n->work, count * sizeof(*list)) : NULL;
    if (!list) {
        return 0;
    }
    for (size_t i = 0; i < c->attributes_count; i++) {
        list[i] = c->attributes[i];
    }
    for (size_t i = 0; i < r->n_participant_attributes; i++) {
        list[c->attributes_count + i] = (struct attribute){
            .key = node_cstr_slice(r->participant_attributes[i]->key),
            .value = node_cstr_slice(r->participant_attributes[i]->value),
        };
    }
    *ret_list = list;
    return count;
}

static bool over_limits(struct node *n, const struct node_event *ev,
                        const struct attribute *attributes, size_t count) {
    const struct node_config *c = &n->config;
    return (c->metadata_bytes_max != 0 && metadata_of(ev).len > c->metadata_bytes_max) ||
           (c->attributes_bytes_max != 0 &&
            attributes_bytes(attributes, count) > c->attributes_bytes_max);
}

static uint32_t capability_set(const Livekit__ClientInfo *client) {
    uint32_t set = 0;
    for (size_t i = 0; client && i < client->n_capabilities; i++) {
        uint32_t capability = (uint32_t)client->capabilities[i];
        set |= capability < 32 ? BIT(capability) : 0;
    }
    return set;
}

static enum status make_participant(struct node *n, struct admission *a, struct session *s) {
    const struct claims *c = a->ev->claims;
    const Livekit__ClientInfo *client = a->ev->join.request->client_info;
    const Livekit__ConnectionSettings *settings = a->ev->join.request->connection_settings;
    struct participant_config config = {
        .identity = a->identity,
        .name = c->name,
        .metadata = metadata_of(a->ev),
        .permission = a->permission,
        .kind = c->kind,
        .kind_details = c->kind_details,
        .capabilities = capability_set(client),
        .client_protocol = client ? client->client_protocol : 0,
        .sid = ident_make(&n->rng, "PA_"),
        .joined_at_ms = n->now.wall_ms,
        .key = node_new_id(n),
        .auto_subscribe = settings && settings->auto_subscribe,
        .adaptive_stream = settings && settings->adaptive_stream,
        .auto_subscribe_data = settings && settings->auto_subscribe_data_track,
        .region = text_cstr(&n->region),
    };
    config.attributes_count = list_attributes(n, a->ev, &config.attributes);
    enum status st = participant_create(&config, &s->participant);
    if (st == STATUS_OK) {
        s->participant->conn = a->ev->conn;
        s->participant->tcp_only =
            a->old ? a->old->participant->tcp_only
                   : departures_tcp_only(&a->host->room.departures, a->identity);
        s->participant->session = pool_ref_pack(s->ref);
    }
    return st;
}

static enum status make_links(struct node *n, struct session *s, uint32_t worker) {
    enum peer_role role = s->single ? PEER_SINGLE : PEER_PUBLISHER;
    enum status st = link_create(n, s, &s->main, role, worker);
    bool subscribes = s->participant->profile.permission.can_subscribe;
    if (st == STATUS_OK && !s->single && s->protocol > 2 && subscribes) {
        st = link_create(n, s, &s->sub, PEER_SUBSCRIBER, worker);
        s->subscriber_primary = st == STATUS_OK;
    }
    return st;
}

static enum status make_session(struct node *n, struct admission *a) {
    struct pool_ref ref;
    struct session *s = pool_take(&n->sessions, &ref);
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    a->s = s;
    const Livekit__ClientInfo *client = a->ev->join.request->client_info;
    s->ref = ref;
    s->host = a->host;
    s->conn = a->ev->conn;
    s->single = a->ev->join.single_peer_connection;
    s->protocol = client ? client->protocol : 0;
    s->offer_id = (uint32_t)rng_below(&n->rng, 256);
    s->life.kind = TIMER_LIFE;
    s->refresh.kind = TIMER_REFRESH;
    list_node_init(&s->in_ending);
    list_node_init(&s->in_unsettled);
    list_init(&s->responses);
    list_init(&s->rpcs);
    list_init(&s->wishes);
    list_node_init(&s->in_looks);
    list_node_init(&s->in_levels);
    list_node_init(&s->in_qualities);
    s->negotiate.kind = TIMER_NEGOTIATE;
    s->simulated.timer.kind = TIMER_SIMULATE;
    s->quality_told = QUALITY_UNKNOWN;
    s->grant = a->grant;
    s->token_expires_s = a->ev->claims->has_expires ? a->ev->claims->expires_s : 0;
    enum status st = text_copy(a->grant.destination_room, &s->destination_room);
    if (st == STATUS_OK) {
        st = make_participant(n, a, s);
    }
    if (st == STATUS_OK) {
        st = make_links(n, s, a->host->worker);
    }
    return st;
}

/* The token may say how a room that it opens shall be. */
static enum status wish_of_token(struct node *n, const struct claims *c, struct room_wish *ret_wish,
                                 struct refusal *ret_refusal) {
    struct room_wish wish = {.preset = c->room_preset};
    if (c->room_config.len > 0) {
        ProtobufCMessage *message = NULL;
        enum status s = proto_decode_json(&livekit__room_configuration__descriptor, c->room_config,
                                          &n->work, &message);
        if (s == STATUS_NO_MEMORY) {
            return s;
        }
        if (s != STATUS_OK) {
            *ret_refusal = (struct refusal){400, SLICE_LIT("cannot read the room configuration")};
            return STATUS_OK;
        }
        const Livekit__RoomConfiguration *r = (const Livekit__RoomConfiguration *)message;
        struct attribute *tags =
            r->n_tags > 0 ? arena_alloc(&n->work, r->n_tags * sizeof(*tags)) : NULL;
        for (size_t i = 0; tags && i < r->n_tags; i++) {
            tags[i] = (struct attribute){node_cstr_slice(r->tags[i]->key),
                                         node_cstr_slice(r->tags[i]->value)};
        }
        wish = (struct room_wish){
            .preset = c->room_preset,
            .metadata = node_cstr_slice(r->metadata),
            .empty_timeout_s = r->empty_timeout,
            .departure_timeout_s = r->departure_timeout,
            .max_participants = r->max_participants,
            .min_playout_delay_ms = r->min_playout_delay,
            .max_playout_delay_ms = r->max_playout_delay,
            .sync_streams = r->sync_streams,
            .agents = r->agents,
            .agents_count = r->n_agents,
            .tags = tags,
            .tags_count = tags ? r->n_tags : 0,
        };
    }
    *ret_wish = wish;
    return n->work.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status enter_room(struct node *n, struct admission *a, struct effects *fx,
                              struct refusal *ret_refusal) {
    struct room_wish wish;
    enum status st = wish_of_token(n, a->ev->claims, &wish, ret_refusal);
    if (st != STATUS_OK || ret_refusal->http_status != 0) {
        return st;
    }
    struct open_refusal refused;
    st = node_open_room(n, a->ev->claims->video.room, &wish, fx, &a->room, &a->opened, &refused);
    if (st != STATUS_OK) {
        return st;
    }
    if (refused.refused) {
        bool full = refused.code == TWIRP_RESOURCE_EXHAUSTED;
        *ret_refusal = full ? (struct refusal){503, SLICE_LIT("node has exceeded its configured"
                                                              " limit")}
                            : (struct refusal){twirp_http_status(refused.code), refused.msg};
        return STATUS_OK;
    }
    a->host = node_host_find(n, a->room.name);
    if (!a->host) {
        st = node_reserve_timers(n, 1, 1);
        if (st == STATUS_OK) {
            st = host_create(n, &a->room, &a->host);
        }
        a->new_host = st == STATUS_OK;
        return st;
    }
    struct participant *same = room_find(&a->host->room, a->identity);
    a->old = same ? node_session_of(n, same) : NULL;
    return node_reserve_timers(n, 0, 1);
}

/* All that the join causes, in the order in which clients must see it. */
static enum status admit_effects(struct node *n, struct admission *a, struct effects *fx) {
    struct session *s = a->s;
    const struct participant *gone = a->old ? a->old->participant : NULL;
    struct room *room = &a->host->room;
    const Livekit__JoinRequest *r = a->ev->join.request;
    struct participant *p = s->participant;
    struct room_counts counts = room_counts_with(room, gone, p, &p->profile);
    if (a->old) {
        struct ending ending = {.reason = LIVEKIT__DISCONNECT_REASON__DUPLICATE_IDENTITY,
                                .tell = true};
        session_leave_effects(n, a->old, &ending, true, fx);
    }
    fx_add(fx, FX_UPGRADE)->conn = s->conn;
    node_tell_join(n, fx, s, &a->room, &counts, gone);
    session_send_token(n, s, &p->profile, fx);
    node_put_route(fx, s, room, &p->profile);
    enum status st = STATUS_OK;
    size_t tracks = MIN(r->n_add_track_requests, (size_t)TRACKS_PER_PARTICIPANT_MAX);
    for (size_t i = 0; i < tracks && st == STATUS_OK; i++) {
        st = session_add_track(n, s, r->add_track_requests[i], fx);
    }
    if (st == STATUS_OK) {
        st = session_subscribe_first(n, s, a->identity, JOIN_SUBSCRIPTIONS_MAX, fx);
    }
    if (st != STATUS_OK) {
        return st;
    }
    if (s->sub.peer) {
        st = session_send_offer(n, s, a->host->worker, fx);
    } else if (r->publisher_offer && node_cstr_slice(r->publisher_offer->sdp).len > 0) {
        st = session_take_offer(n, s, a->host->worker, r->publisher_offer, fx);
    }
    const uint64_t *conns = NULL;
    size_t count = 0;
    if (!p->profile.permission.hidden) {
        count = room_receivers(room, p, &p->profile, gone, &fx->arena, &conns);
        node_tell_participant(n, fx, p, &p->profile, conns, count);
    }
    if ((counts.recorders > 0) != (room->counts.recorders > 0)) {
        count = room_receivers(room, NULL, NULL, gone, &fx->arena, &conns);
        node_tell_room(n, fx, &a->room, &counts, conns, count);
    }
    /* Nothing has been said yet: whatever failed for want of memory can be tried again. */
    return node_ok(n, fx) ? st : STATUS_NO_MEMORY;
}

static enum status tell_directory(struct node *n, const struct admission *a) {
    const struct participant *gone = a->old ? a->old->participant : NULL;
    const struct participant *p = a->s->participant;
    struct room_counts counts = room_counts_with(&a->host->room, gone, p, &p->profile);
    if (cluster_takes_home(n, a->room.home)) {
        enum status st = dir_room_set_home(n->dir, n->now, text_slice(&a->host->room.name));
        if (st != STATUS_OK) {
            return st;
        }
    }
    return host_presence(n, a->host, &counts);
}

static void commit(struct node *n, struct admission *a) {
    struct session *s = a->s;
    struct host *h = a->host;
    if (a->old) {
        session_leave_commit(n, a->old);
    }
    room_add(&h->room, s->participant);
    map_insert(&n->by_conn, &s->by_conn, slice_of(&s->conn, sizeof(s->conn)));
    n->worker_load[h->worker]++;
    heap_set(&n->timers, &s->life.node, n->now.mono_ms + JOIN_TIMEOUT_MS);
    heap_set(&n->timers, &s->refresh.node, n->now.mono_ms + TOKEN_REFRESH_MS);
    host_plan_update(n, h);
    if (n->cluster) {
        cluster_host_look(n, h);
    }
}

/* A session that can come in, or a refusal. */
static enum status prepare(struct node *n, struct admission *a, struct effects *fx,
                           struct refusal *ret_refusal) {
    enum status st = enter_room(n, a, fx, ret_refusal);
    if (st == STATUS_OK && ret_refusal->http_status == 0) {
        st = make_session(n, a);
    }
    if (st == STATUS_EXHAUSTED) {
        *ret_refusal = (struct refusal){500, CLOSED};
        st = STATUS_OK;
    }
    if (st != STATUS_OK || ret_refusal->http_status != 0) {
        return st;
    }
    const struct participant *p = a->s->participant;
    bool dependent = participant_is_dependent(p, &p->profile.permission);
    if (!room_admits(&a->host->room, a->room.settings.max_participants, dependent,
                     a->old ? a->old->participant : NULL)) {
        *ret_refusal = (struct refusal){500, CLOSED};
    }
    return STATUS_OK;
}

enum status node_admit(struct node *n, const struct node_event *ev, struct slice identity,
                       struct effects *fx, struct refusal *ret_refusal) {
    struct admission a = {.ev = ev, .identity = identity, .grant = ev->claims->video};
    if (ev->join.publish.len > 0) {
        a.grant.can_subscribe = TRI_FALSE;
    }
    a.permission = permission_of_grant(&a.grant);
    const struct attribute *attributes = NULL;
    size_t count = list_attributes(n, ev, &attributes);
    if (over_limits(n, ev, attributes, count)) {
        *ret_refusal = (struct refusal){500, CLOSED};
        return STATUS_OK;
    }
    size_t mark = fx->count;
    enum status st = prepare(n, &a, fx, ret_refusal);
    if (st == STATUS_OK && ret_refusal->http_status == 0) {
        st = admit_effects(n, &a, fx);
        if (st == STATUS_OK) {
            st = tell_directory(n, &a);
        } else if (st != STATUS_NO_MEMORY) {
            *ret_refusal = (struct refusal){400, SLICE_LIT("cannot read the publisher offer")};
            st = STATUS_OK;
        }
    }
    if (st == STATUS_OK && ret_refusal->http_status == 0) {
        commit(n, &a);
        return STATUS_OK;
    }
    node_rollback(n, fx, mark);
    abandon(n, &a);
    return st;
}
