#include "node_call.h"
#include "node_open.h"

static bool check_agents(struct call *c, const Livekit__CreateRoomRequest *r) {
    for (size_t i = 0; i < r->n_agents; i++) {
        const Livekit__RoomAgentDispatch *agent = r->agents[i];
        size_t bytes = 0;
        for (size_t k = 0; k < agent->n_attributes; k++) {
            bytes += node_cstr_slice(agent->attributes[k]->key).len +
                     node_cstr_slice(agent->attributes[k]->value).len;
        }
        if (!call_check_metadata(c, node_cstr_slice(agent->metadata)) ||
            !call_check_attributes(c, bytes)) {
            return false;
        }
    }
    return true;
}

static bool check_create(struct call *c, const Livekit__CreateRoomRequest *r) {
    uint32_t name_max = c->n->config.room_name_bytes_max;
    if (r->egress) {
        call_fail(c, TWIRP_INTERNAL, REMOTE "egress not connected (redis required)");
        return false;
    }
    if (name_max != 0 && node_cstr_slice(r->name).len > name_max) {
        call_fail(c, TWIRP_INVALID_ARGUMENT,
                  REMOTE "room name length exceeds limits: max length %u", name_max);
        return false;
    }
    return call_check_metadata(c, node_cstr_slice(r->metadata)) && check_agents(c, r);
}

static struct room_wish wish_of(struct node *n, const Livekit__CreateRoomRequest *r) {
    struct attribute *tags =
        r->n_tags > 0 ? arena_alloc(&n->work, r->n_tags * sizeof(*tags)) : NULL;
    for (size_t i = 0; tags && i < r->n_tags; i++) {
        tags[i] = (struct attribute){node_cstr_slice(r->tags[i]->key),
                                     node_cstr_slice(r->tags[i]->value)};
    }
    return (struct room_wish){
        .preset = node_cstr_slice(r->room_preset),
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

static void reply_room(struct call *c, const struct dir_room *room) {
    const struct host *h = node_host_find(c->n, room->name);
    Livekit__Room message;
    node_fill_room(c->n, room, h ? &h->room.counts : NULL, &message);
    node_ready_codecs(&c->n->codecs, c->ev->api.coding, &message);
    call_reply(c, &message.base);
}

enum status op_create_room(struct call *c) {
    const Livekit__CreateRoomRequest *r = (const void *)c->request;
    if (!check_create(c, r)) {
        return STATUS_OK;
    }
    struct room_wish wish = wish_of(c->n, r);
    if (c->n->work.failed) {
        return STATUS_NO_MEMORY;
    }
    struct dir_room room;
    bool opened = false;
    struct open_refusal refusal;
    struct slice name = node_cstr_slice(r->name);
    enum status s = node_open_room(c->n, name, &wish, c->fx, &room, &opened, &refusal);
    if (s != STATUS_OK) {
        return s;
    }
    if (refusal.refused) {
        call_fail(c, refusal.code, REMOTE "%.*s", SLICE_ARG(refusal.msg));
        return STATUS_OK;
    }
    reply_room(c, &room);
    if (node_ok(c->n, c->fx)) {
        return STATUS_OK;
    }
    if (opened) {
        s = dir_room_delete(c->n->dir, c->n->now, name);
    }
    return STATUS_NO_MEMORY;
}

enum status op_delete_room(struct call *c) {
    const Livekit__DeleteRoomRequest *r = (const void *)c->request;
    struct node *n = c->n;
    struct slice name = node_cstr_slice(r->room);
    struct dir_room room;
    if (dir_room_find(n->dir, name, &room) != STATUS_OK) {
        call_fail_missing_room(c);
        return STATUS_OK;
    }
    Livekit__DeleteRoomResponse response = LIVEKIT__DELETE_ROOM_RESPONSE__INIT;
    call_reply(c, &response.base);
    struct host *h = node_host_find(n, name);
    if (h) {
        host_keep(n, h, &room);
    } else {
        node_note_room(n, c->fx, NOTE_ROOM_FINISHED, &room);
    }
    if (!node_ok(n, c->fx)) {
        return STATUS_NO_MEMORY;
    }
    enum status s = dir_room_delete(n->dir, n->now, name);
    if (s == STATUS_OK && h) {
        host_close(n, h, LIVEKIT__DISCONNECT_REASON__ROOM_DELETED);
    }
    return s;
}

bool check_update_room_metadata(struct call *c) {
    const Livekit__UpdateRoomMetadataRequest *r = (const void *)c->request;
    return call_check_metadata(c, node_cstr_slice(r->metadata));
}

enum status op_update_room_metadata(struct call *c) {
    const Livekit__UpdateRoomMetadataRequest *r = (const void *)c->request;
    struct node *n = c->n;
    struct slice name = node_cstr_slice(r->room), metadata = node_cstr_slice(r->metadata);
    struct dir_room room;
    if (dir_room_find(n->dir, name, &room) != STATUS_OK) {
        call_fail_missing_room(c);
        return STATUS_OK;
    }
    bool same = slice_eq(room.metadata, metadata);
    room.metadata = metadata; /* answered and told as it will be */
    reply_room(c, &room);
    struct host *h = node_host_find(n, name);
    if (h && !same) {
        const uint64_t *conns = NULL;
        size_t count = room_receivers(&h->room, NULL, NULL, NULL, &c->fx->arena, &conns);
        node_tell_room(n, c->fx, &room, &h->room.counts, conns, count);
    }
    if (!node_ok(n, c->fx)) {
        return STATUS_NO_MEMORY;
    }
    return same ? STATUS_OK : dir_room_set_metadata(n->dir, n->now, name, metadata);
}
