#include "load_call.h"

#include <stdlib.h>

#include "livekit_room.pb-c.h"
#include "load.h"
#include "mem.h"
#include "proto.h"

const char *const load_call_names[LOAD_CALLS] = {
    [CALL_CREATE] = "create",
    [CALL_LIST] = "list",
    [CALL_UPDATE] = "update",
    [CALL_DELETE] = "delete",
};
static const char *const methods[LOAD_CALLS] = {
    [CALL_CREATE] = "CreateRoom",
    [CALL_LIST] = "ListRooms",
    [CALL_UPDATE] = "UpdateRoomMetadata",
    [CALL_DELETE] = "DeleteRoom",
};

static void put_json(const struct load_call_args *a, struct buf *out) {
    switch (a->call) {
    case CALL_CREATE:
        buf_printf(out, "{\"name\":\"%s\",\"emptyTimeout\":%u", a->room, a->empty_timeout_s);
        if (a->metadata) {
            buf_printf(out, ",\"metadata\":\"%s\"", a->metadata);
        }
        buf_printf(out, "}");
        break;
    case CALL_LIST: buf_printf(out, "{\"names\":[\"%s\"]}", a->room); break;
    case CALL_UPDATE:
        buf_printf(out, "{\"room\":\"%s\",\"metadata\":\"%s\"}", a->room, a->metadata);
        break;
    default: buf_printf(out, "{\"room\":\"%s\"}", a->room); break;
    }
}

static void put_protobuf(const struct load_call_args *a, struct buf *out) {
    char *room = (char *)(uintptr_t)a->room;
    char *metadata = (char *)(uintptr_t)(a->metadata ? a->metadata : "");
    Livekit__CreateRoomRequest create = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    Livekit__ListRoomsRequest list = LIVEKIT__LIST_ROOMS_REQUEST__INIT;
    Livekit__UpdateRoomMetadataRequest update = LIVEKIT__UPDATE_ROOM_METADATA_REQUEST__INIT;
    Livekit__DeleteRoomRequest delete = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    create.name = update.room = delete.room = room;
    create.empty_timeout = a->empty_timeout_s;
    create.metadata = update.metadata = metadata;
    list.names = &room;
    list.n_names = 1;
    const ProtobufCMessage *const messages[LOAD_CALLS] = {&create.base, &list.base, &update.base,
                                                          &delete.base};
    proto_encode(messages[a->call], out);
}

struct slice load_request_make(const struct load_call_args *a, uint64_t number) {
    char *token = load_token(number, a->room, "bench");
    struct buf body, all;
    buf_init(&body, 4096);
    buf_init(&all, 8192);
    if (a->json) {
        put_json(a, &body);
    } else {
        put_protobuf(a, &body);
    }
    buf_printf(&all,
               "POST /twirp/livekit.RoomService/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               "Authorization: Bearer %s\r\nContent-Type: application/%s\r\n"
               "User-Agent: bench\r\nContent-Length: %zu\r\n\r\n",
               methods[a->call], token, a->json ? "json" : "protobuf", body.len);
    buf_put(&all, buf_slice(&body));
    if (all.failed) {
        load_fail("no memory for requests");
    }
    free(token);
    buf_deinit(&body);
    return buf_slice(&all); /* the buffer's memory goes with it */
}

void load_request_free(struct slice *request) {
    mem_free((void *)(uintptr_t)request->data);
    *request = (struct slice){0};
}
