#include "node_join.h"

enum { PROTOCOL = 17, PING_INTERVAL_S = 5, PING_TIMEOUT_S = 15 };

static void fill_codecs(struct node *n, Livekit__JoinResponse *join) {
    size_t count = 0;
    while (track_publish_mime(count)) {
        count++;
    }
    Livekit__Codec *codecs = arena_alloc(&n->work, count * sizeof(*codecs));
    Livekit__Codec **list = arena_alloc(&n->work, count * sizeof(*list));
    if (!codecs || !list) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        livekit__codec__init(&codecs[i]);
        codecs[i].mime = (char *)(uintptr_t)track_publish_mime(i);
        list[i] = &codecs[i];
    }
    join->enabled_publish_codecs = list;
    join->n_enabled_publish_codecs = count;
}

size_t node_fill_ice_servers(struct node *n, Livekit__ICEServer ***ret_list) {
    size_t count = n->config.ice_urls_count;
    if (count == 0) {
        return 0;
    }
    Livekit__ICEServer *server = arena_alloc(&n->work, sizeof(*server));
    Livekit__ICEServer **list = arena_alloc(&n->work, sizeof(*list));
    char **urls = arena_alloc(&n->work, count * sizeof(*urls));
    if (!server || !list || !urls) {
        return 0;
    }
    livekit__iceserver__init(server);
    for (size_t i = 0; i < count; i++) {
        urls[i] = node_cstr(n, n->config.ice_urls[i]);
    }
    server->urls = urls;
    server->n_urls = count;
    list[0] = server;
    *ret_list = list;
    return 1;
}

void node_fill_server(struct node *n, Livekit__ServerInfo *ret_server) {
    livekit__server_info__init(ret_server);
    ret_server->version = text_cstr(&n->version);
    ret_server->protocol = PROTOCOL;
    ret_server->region = text_cstr(&n->region);
    ret_server->node_id = n->id.text;
}

/* Who listens is encoded once for all who join; who publishes costs a microsecond each time. */
void node_tell_join(struct node *n, struct effects *fx, const struct session *s,
                    const struct dir_room *room, const struct room_counts *counts,
                    const struct participant *gone) {
    Livekit__Room room_message;
    node_fill_room(n, room, counts, &room_message);
    Livekit__ParticipantInfo self;
    participant_fill(s->participant, &s->participant->profile, &n->work, &self);
    Livekit__ServerInfo server;
    node_fill_server(n, &server);
    Livekit__JoinResponse join = LIVEKIT__JOIN_RESPONSE__INIT;
    join.room = &room_message;
    join.participant = &self;
    join.server_version = text_cstr(&n->version);
    join.server_region = text_cstr(&n->region);
    join.server_info = &server;
    join.subscriber_primary = s->subscriber_primary;
    join.ping_interval = PING_INTERVAL_S;
    join.ping_timeout = PING_TIMEOUT_S;
    join.sif_trailer.data = s->host->room.sif_trailer;
    join.sif_trailer.len = sizeof(s->host->room.sif_trailer);
    join.fast_publish = true; /* false makes some clients deadlock (trap T10) */
    fill_codecs(n, &join);
    join.n_ice_servers = node_fill_ice_servers(n, &join.ice_servers);
    enum { JOIN_OTHERS = 3 }; /* the number of JoinResponse.other_participants */
    struct encoded_list others;
    if (room_others_encoded(&s->host->room, gone, &n->work, &others)) {
        fx_signal_list(fx, s->conn, &join.base,
                       &(struct fx_list){.field = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN,
                                         .item = JOIN_OTHERS,
                                         .items = others.items,
                                         .count = others.count});
    }
}
