#include "node_call.h"

/* Calls about tracks, and about moving between rooms. No session here has a track: what is asked
 * of an unknown one is answered as the reference does. Whether room and participant are there is
 * known at once, where the reference asks around for 3 s and then says 503. */

struct participant *call_find_in_room(struct call *c, const char *room, const char *identity) {
    struct dir_room view;
    if (dir_room_find(c->n->dir, node_cstr_slice(room), &view) != STATUS_OK) {
        call_fail(c, TWIRP_NOT_FOUND, MISSING_ROOM);
        return NULL;
    }
    return call_find(c, room, identity);
}

enum status op_mute_published_track(struct call *c) {
    const Livekit__MuteRoomTrackRequest *r = (const void *)c->request;
    if (!call_find_in_room(c, r->room, r->identity)) {
        return STATUS_OK;
    }
    if (!r->muted && !c->n->config.enable_remote_unmute) {
        call_fail(c, TWIRP_FAILED_PRECONDITION, REMOTE "remote unmute not enabled");
        return STATUS_OK;
    }
    Livekit__MuteRoomTrackResponse response = LIVEKIT__MUTE_ROOM_TRACK_RESPONSE__INIT;
    call_reply(c, &response.base); /* an unknown track is no error: it is null */
    return STATUS_OK;
}

enum status op_update_subscriptions(struct call *c) {
    const Livekit__UpdateSubscriptionsRequest *r = (const void *)c->request;
    if (call_find_in_room(c, r->room, r->identity)) {
        Livekit__UpdateSubscriptionsResponse response =
            LIVEKIT__UPDATE_SUBSCRIPTIONS_RESPONSE__INIT;
        call_reply(c, &response.base);
    }
    return STATUS_OK;
}

/* Forward and Move share the layout of their requests. */
#define SAME_PLACE(member)                                                                         \
    (offsetof(Livekit__ForwardParticipantRequest, member) ==                                       \
     offsetof(Livekit__MoveParticipantRequest, member))
static_assert(SAME_PLACE(room) && SAME_PLACE(identity) && SAME_PLACE(destination_room),
              "one handler reads both");

/* The reference leaves both to its cloud; what it checks before, and its answer, are kept. */
enum status op_transfer_participant(struct call *c) {
    const Livekit__MoveParticipantRequest *r = (const void *)c->request;
    if (slice_eq(node_cstr_slice(r->room), node_cstr_slice(r->destination_room))) {
        call_fail_argument(c, "destination room cannot be the same as source room",
                           "destination room cannot be the same as source room ");
        return STATUS_OK;
    }
    if (call_find_in_room(c, r->room, r->identity)) {
        call_fail(c, TWIRP_UNKNOWN, REMOTE "not implemented");
    }
    return STATUS_OK;
}
