/* node_call.h: one call of the API inside a step, and its answers.
 * Owns: nothing.
 * Never: answers a call twice; a handler returns right after it answered.
 * Invariant: a handler that returns other than STATUS_OK has changed nothing, and is answered by
 *   node_api with a refusal.
 * Source: wire/room-api.md 2.2, 2.3, 3.
 * Callers: node_api and the files of its handlers. */
#pragma once

#include "node_priv.h"

#include "livekit_room.pb-c.h"

struct call {
    struct node *n;
    struct effects *fx;
    const struct node_event *ev;
    const ProtobufCMessage *request;
};

/* Errors that the reference's own floors make elsewhere come with this before them. */
#define REMOTE "twirp error unknown: "

#define NOT_KNOWN_YET "what rooms there are is not known yet"
#define MISSING_PARTICIPANT REMOTE "participant does not exist"

void call_reply(struct call *c, const ProtobufCMessage *response);
/* A body that is encoded already, as the call asked for it. */
void call_reply_bytes(struct call *c, struct slice body);
printf_like(3, 4) void call_fail(struct call *c, enum twirp_code code, const char *fmt, ...);
void call_fail_text(struct call *c, enum twirp_code code, struct slice msg);
/* There is no such room; or it is not known yet whether there is (cluster_knows). */
void call_fail_missing_room(struct call *c);
/* With meta {"argument": argument}. */
printf_like(3, 4) void call_fail_argument(struct call *c, const char *argument, const char *fmt,
                                          ...);
/* The limits that several calls share; false: answered. */
must_check bool call_check_metadata(struct call *c, struct slice metadata);
must_check bool call_check_attributes(struct call *c, size_t bytes);

/* NULL: answered, MISSING_PARTICIPANT. */
must_check struct participant *call_find(struct call *c, const char *room, const char *identity);

/* Likewise, but a missing room is told apart: call_fail_missing_room. */
must_check struct participant *call_find_in_room(struct call *c, const char *room,
                                                 const char *identity);

/* Handlers, by file. */
enum status op_create_room(struct call *c); /* node_api_room.c */
enum status op_delete_room(struct call *c);
enum status op_update_room_metadata(struct call *c);
bool check_update_room_metadata(struct call *c);
enum status op_list_rooms(struct call *c);        /* node_list.c */
enum status op_list_participants(struct call *c); /* node_api_participant.c */
enum status op_get_participant(struct call *c);
enum status op_remove_participant(struct call *c);
enum status op_update_participant(struct call *c);
bool check_update_participant(struct call *c);
enum status op_mute_published_track(struct call *c); /* node_api_track.c */
enum status op_update_subscriptions(struct call *c);
enum status op_transfer_participant(struct call *c);
enum status op_create_dispatch(struct call *c); /* node_api_agent.c */
enum status op_delete_dispatch(struct call *c);
enum status op_list_dispatch(struct call *c);
enum status op_perform_rpc(struct call *c); /* node_rpc.c */
enum status op_send_data(struct call *c);   /* node_data.c */
