/* api.h: the Twirp services: which methods there are, and the form of their errors.
 * Owns: const tables. Source: wire/room-api.md sections 1.2, 2, 3.1.
 * Callers: edge (routing, decoding), node (operation table). */
#pragma once

#include "proto.h"

/* op, service, method, request message, response message (C names without livekit__) */
#define API_METHODS(M)                                                                             \
    M(CREATE_ROOM, "RoomService", "CreateRoom", create_room_request, room)                         \
    M(LIST_ROOMS, "RoomService", "ListRooms", list_rooms_request, list_rooms_response)             \
    M(DELETE_ROOM, "RoomService", "DeleteRoom", delete_room_request, delete_room_response)         \
    M(UPDATE_ROOM_METADATA, "RoomService", "UpdateRoomMetadata", update_room_metadata_request,     \
      room)                                                                                        \
    M(LIST_PARTICIPANTS, "RoomService", "ListParticipants", list_participants_request,             \
      list_participants_response)                                                                  \
    M(GET_PARTICIPANT, "RoomService", "GetParticipant", room_participant_identity,                 \
      participant_info)                                                                            \
    M(REMOVE_PARTICIPANT, "RoomService", "RemoveParticipant", room_participant_identity,           \
      remove_participant_response)                                                                 \
    M(MUTE_PUBLISHED_TRACK, "RoomService", "MutePublishedTrack", mute_room_track_request,          \
      mute_room_track_response)                                                                    \
    M(UPDATE_PARTICIPANT, "RoomService", "UpdateParticipant", update_participant_request,          \
      participant_info)                                                                            \
    M(UPDATE_SUBSCRIPTIONS, "RoomService", "UpdateSubscriptions", update_subscriptions_request,    \
      update_subscriptions_response)                                                               \
    M(SEND_DATA, "RoomService", "SendData", send_data_request, send_data_response)                 \
    M(FORWARD_PARTICIPANT, "RoomService", "ForwardParticipant", forward_participant_request,       \
      forward_participant_response)                                                                \
    M(MOVE_PARTICIPANT, "RoomService", "MoveParticipant", move_participant_request,                \
      move_participant_response)                                                                   \
    M(PERFORM_RPC, "RoomService", "PerformRpc", perform_rpc_request, perform_rpc_response)         \
    M(CREATE_DISPATCH, "AgentDispatchService", "CreateDispatch", create_agent_dispatch_request,    \
      agent_dispatch)                                                                              \
    M(DELETE_DISPATCH, "AgentDispatchService", "DeleteDispatch", delete_agent_dispatch_request,    \
      agent_dispatch)                                                                              \
    M(LIST_DISPATCH, "AgentDispatchService", "ListDispatch", list_agent_dispatch_request,          \
      list_agent_dispatch_response)

enum api_op {
#define M(op, service, method, request, response) API_##op,
    API_METHODS(M)
#undef M
        API_OP_COUNT
};

struct api_method {
    enum api_op op;
    const char *service, *name;
    const ProtobufCMessageDescriptor *request, *response;
};
const struct api_method *api_method_at(enum api_op op);

enum api_route { API_ROUTE_FOUND, API_ROUTE_NO_SERVICE, API_ROUTE_NO_METHOD };
/* path begins with /twirp/. NO_SERVICE: a plain 404; NO_METHOD: Twirp bad_route. */
enum api_route api_route_find(struct slice path, const struct api_method **ret_method);

#define TWIRP_CODES(C)                                                                             \
    C(CANCELED, "canceled", 408)                                                                   \
    C(UNKNOWN, "unknown", 500)                                                                     \
    C(INVALID_ARGUMENT, "invalid_argument", 400)                                                   \
    C(MALFORMED, "malformed", 400)                                                                 \
    C(DEADLINE_EXCEEDED, "deadline_exceeded", 408)                                                 \
    C(NOT_FOUND, "not_found", 404)                                                                 \
    C(BAD_ROUTE, "bad_route", 404)                                                                 \
    C(ALREADY_EXISTS, "already_exists", 409)                                                       \
    C(PERMISSION_DENIED, "permission_denied", 403)                                                 \
    C(UNAUTHENTICATED, "unauthenticated", 401)                                                     \
    C(RESOURCE_EXHAUSTED, "resource_exhausted", 429)                                               \
    C(FAILED_PRECONDITION, "failed_precondition", 412)                                             \
    C(ABORTED, "aborted", 409)                                                                     \
    C(OUT_OF_RANGE, "out_of_range", 400)                                                           \
    C(UNIMPLEMENTED, "unimplemented", 501)                                                         \
    C(INTERNAL, "internal", 500)                                                                   \
    C(UNAVAILABLE, "unavailable", 503)                                                             \
    C(DATA_LOSS, "data_loss", 500)

enum twirp_code {
#define C(code, name, http) TWIRP_##code,
    TWIRP_CODES(C)
#undef C
        TWIRP_CODE_COUNT
};

struct twirp_error {
    enum twirp_code code;
    struct slice msg;
    struct slice meta_key, meta_value; /* no meta when the key is empty */
};
const char *twirp_code_name(enum twirp_code code);
uint16_t twirp_http_status(enum twirp_code code);
void twirp_error_put(struct buf *out, const struct twirp_error *error);
