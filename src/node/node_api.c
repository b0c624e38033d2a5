#include <stdarg.h>
#include <stdio.h>

#include "node_call.h"

enum grant { GRANT_ROOM_CREATE, GRANT_ROOM_LIST, GRANT_ADMIN, GRANT_ADMIN_BOTH };

struct op {
    enum grant grant;
    size_t room_at, destination_at; /* of char * members; ADMIN, ADMIN_BOTH */
    bool (*check)(struct call *c);  /* before the grant, where the reference does; or NULL */
    enum status (*run)(struct call *c);
};

#define ROOM_AT(type) offsetof(Livekit__##type, room)
#define DESTINATION_AT(type) offsetof(Livekit__##type, destination_room)
/* op, grant, where the room and the destination are, check before the grant, handler */
#define OPS(OP)                                                                                    \
    OP(CREATE_ROOM, GRANT_ROOM_CREATE, 0, 0, NULL, op_create_room)                                 \
    OP(LIST_ROOMS, GRANT_ROOM_LIST, 0, 0, NULL, op_list_rooms)                                     \
    OP(DELETE_ROOM, GRANT_ROOM_CREATE, 0, 0, NULL, op_delete_room)                                 \
    OP(UPDATE_ROOM_METADATA, GRANT_ADMIN, ROOM_AT(UpdateRoomMetadataRequest), 0,                   \
       check_update_room_metadata, op_update_room_metadata)                                        \
    OP(LIST_PARTICIPANTS, GRANT_ADMIN, ROOM_AT(ListParticipantsRequest), 0, NULL,                  \
       op_list_participants)                                                                       \
    OP(GET_PARTICIPANT, GRANT_ADMIN, ROOM_AT(RoomParticipantIdentity), 0, NULL,                    \
       op_get_participant)                                                                         \
    OP(REMOVE_PARTICIPANT, GRANT_ADMIN, ROOM_AT(RoomParticipantIdentity), 0, NULL,                 \
       op_remove_participant)                                                                      \
    OP(MUTE_PUBLISHED_TRACK, GRANT_ADMIN, ROOM_AT(MuteRoomTrackRequest), 0, NULL,                  \
       op_mute_published_track)                                                                    \
    OP(UPDATE_PARTICIPANT, GRANT_ADMIN, ROOM_AT(UpdateParticipantRequest), 0,                      \
       check_update_participant, op_update_participant)                                            \
    OP(UPDATE_SUBSCRIPTIONS, GRANT_ADMIN, ROOM_AT(UpdateSubscriptionsRequest), 0, NULL,            \
       op_update_subscriptions)                                                                    \
    OP(SEND_DATA, GRANT_ADMIN, ROOM_AT(SendDataRequest), 0, NULL, op_send_data)                    \
    OP(FORWARD_PARTICIPANT, GRANT_ADMIN_BOTH, ROOM_AT(ForwardParticipantRequest),                  \
       DESTINATION_AT(ForwardParticipantRequest), NULL, op_transfer_participant)                   \
    OP(MOVE_PARTICIPANT, GRANT_ADMIN_BOTH, ROOM_AT(MoveParticipantRequest),                        \
       DESTINATION_AT(MoveParticipantRequest), NULL, op_transfer_participant)                      \
    OP(PERFORM_RPC, GRANT_ADMIN, ROOM_AT(PerformRpcRequest), 0, NULL, op_perform_rpc)              \
    OP(CREATE_DISPATCH, GRANT_ADMIN, ROOM_AT(CreateAgentDispatchRequest), 0, NULL,                 \
       op_create_dispatch)                                                                         \
    OP(DELETE_DISPATCH, GRANT_ADMIN, ROOM_AT(DeleteAgentDispatchRequest), 0, NULL,                 \
       op_delete_dispatch)                                                                         \
    OP(LIST_DISPATCH, GRANT_ADMIN, ROOM_AT(ListAgentDispatchRequest), 0, NULL, op_list_dispatch)

static const struct op OP_TABLE[API_OP_COUNT] = {
#define OP(id, grant, room_at, destination_at, check, run)                                         \
    [API_##id] = {grant, room_at, destination_at, check, run},
    OPS(OP)
#undef OP
};

static struct slice text_at(const ProtobufCMessage *request, size_t offset) {
    const char *const *member = (const void *)((const char *)request + offset);
    return node_cstr_slice(*member);
}

static bool is_granted(const struct op *op, const struct claims *claims,
                       const ProtobufCMessage *request) {
    if (!claims || !claims->has_video) {
        return false;
    }
    const struct video_grant *g = &claims->video;
    switch (op->grant) {
    case GRANT_ROOM_CREATE: return g->room_create;
    case GRANT_ROOM_LIST: return g->room_list;
    case GRANT_ADMIN: return g->room_admin && slice_eq(g->room, text_at(request, op->room_at));
    case GRANT_ADMIN_BOTH:
        return g->room_admin && slice_eq(g->room, text_at(request, op->room_at)) &&
               slice_eq(g->destination_room, text_at(request, op->destination_at));
    }
    return false;
}

static enum status run(struct call *c, const struct op *op) {
    if (op->check && !op->check(c)) {
        return STATUS_OK;
    }
    if (!is_granted(op, c->ev->claims, c->request)) {
        call_fail(c, TWIRP_UNAUTHENTICATED, "permissions denied");
        return STATUS_OK;
    }
    return op->run(c);
}

/* What they change lasts, and a crash may not take it back once it was answered. */
static bool writes_rooms(const struct op *op) {
    return op->run == op_create_room || op->run == op_delete_room ||
           op->run == op_update_room_metadata || op->run == op_create_dispatch ||
           op->run == op_delete_dispatch;
}

enum status node_api(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct call c = {.n = n, .fx = fx, .ev = ev, .request = ev->api.request};
    assert(ev->api.method->op < API_OP_COUNT);
    const struct op *op = &OP_TABLE[ev->api.method->op];
    size_t mark = fx->count;
    metric_inc(&n->config.metrics->api_calls);
    enum status s = run(&c, op);
    if (s == STATUS_OK && !node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    if (s == STATUS_OK && writes_rooms(op)) {
        node_hold_reply(n, fx, mark, ev->conn);
    }
    return s;
}

void node_api_refuse(const struct node_event *ev, struct effects *fx) {
    struct effect *e = fx_add(fx, FX_API_REPLY);
    e->conn = ev->conn;
    e->http_status = twirp_http_status(TWIRP_RESOURCE_EXHAUSTED);
    e->body_is_json = true;
    e->bytes = SLICE_LIT("{\"code\":\"resource_exhausted\",\"msg\":\"out of memory\"}");
}

void call_reply_bytes(struct call *c, struct slice body) {
    struct effect *e = fx_add(c->fx, FX_API_REPLY);
    e->conn = c->ev->conn;
    e->http_status = 200;
    e->body_is_json = c->ev->api.coding == API_JSON;
    e->bytes = body;
}

void call_reply(struct call *c, const ProtobufCMessage *response) {
    if (c->ev->api.coding == API_PROTOBUF) {
        call_reply_bytes(c, fx_encode(c->fx, response));
        return;
    }
    struct buf *text = &c->n->text;
    buf_clear(text);
    proto_encode_json_with(response, JSON_TWIRP, &c->n->codecs.ready, text);
    if (text->failed) {
        c->fx->failed = true;
        return;
    }
    call_reply_bytes(c, fx_copy(c->fx, buf_slice(text)));
}

static void put_error(struct call *c, enum twirp_code code, const char *argument,
                      struct slice msg) {
    struct twirp_error error = {
        .code = code,
        .msg = msg,
        .meta_key = argument ? SLICE_LIT("argument") : (struct slice){0},
        .meta_value = node_cstr_slice(argument),
    };
    struct buf *body = &c->n->text;
    buf_clear(body);
    twirp_error_put(body, &error);
    struct slice bytes = fx_copy(c->fx, buf_slice(body));
    c->fx->failed = c->fx->failed || body->failed;
    struct effect *e = fx_add(c->fx, FX_API_REPLY);
    e->conn = c->ev->conn;
    e->http_status = twirp_http_status(code);
    e->body_is_json = true;
    e->bytes = bytes;
}

printf_like(4, 0) static void put_printed(struct call *c, enum twirp_code code,
                                          const char *argument, const char *fmt, va_list args) {
    enum { TEXT_MAX = 1024 };
    char text[TEXT_MAX];
    int len = vsnprintf(text, sizeof(text), fmt, args);
    put_error(c, code, argument, slice_of(text, len < 0 ? 0 : MIN((size_t)len, sizeof(text) - 1)));
}

void call_fail_text(struct call *c, enum twirp_code code, struct slice msg) {
    put_error(c, code, NULL, msg);
}

void call_fail(struct call *c, enum twirp_code code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    put_printed(c, code, NULL, fmt, args);
    va_end(args);
}

void call_fail_missing_room(struct call *c) {
    if (cluster_knows(c->n)) {
        call_fail(c, TWIRP_NOT_FOUND, REMOTE "requested room does not exist");
    } else {
        call_fail(c, TWIRP_UNAVAILABLE, NOT_KNOWN_YET);
    }
}

void call_fail_argument(struct call *c, const char *argument, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    put_printed(c, TWIRP_INVALID_ARGUMENT, argument, fmt, args);
    va_end(args);
}

bool call_check_metadata(struct call *c, struct slice metadata) {
    uint32_t max = c->n->config.metadata_bytes_max;
    if (max == 0 || metadata.len <= max) {
        return true;
    }
    call_fail_argument(c, "metadata size exceeds limits", "metadata size exceeds limits %u", max);
    return false;
}

bool call_check_attributes(struct call *c, size_t bytes) {
    uint32_t max = c->n->config.attributes_bytes_max;
    if (max == 0 || bytes <= max) {
        return true;
    }
    call_fail_argument(c, "attribute size exceeds limits", "attribute size exceeds limits %u", max);
    return false;
}
