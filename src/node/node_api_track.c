#include "node_call.h"
#include "node_media.h"

/* Calls about tracks, and about moving between rooms. Whether room and participant are there is
 * known at once, where the reference asks around for 3 s and then says 503. */

struct participant *call_find_in_room(struct call *c, const char *room, const char *identity) {
    struct dir_room view;
    if (dir_room_find(c->n->dir, node_cstr_slice(room), &view) != STATUS_OK) {
        call_fail_missing_room(c);
        return NULL;
    }
    return call_find(c, room, identity);
}

/* The client mutes itself; it is told even of tracks that are unknown here. */
static void tell_mute(struct call *c, const struct session *s,
                      const Livekit__MuteRoomTrackRequest *r) {
    Livekit__MuteTrackRequest mute = LIVEKIT__MUTE_TRACK_REQUEST__INIT;
    mute.sid = r->track_sid;
    mute.muted = r->muted;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MUTE;
    response.mute = &mute;
    fx_signal_one(c->fx, s->conn, &response);
}

enum status op_mute_published_track(struct call *c) {
    const Livekit__MuteRoomTrackRequest *r = (const void *)c->request;
    const struct participant *p = call_find_in_room(c, r->room, r->identity);
    if (!p) {
        return STATUS_OK;
    }
    if (!r->muted && !c->n->config.enable_remote_unmute) {
        call_fail(c, TWIRP_FAILED_PRECONDITION, REMOTE "remote unmute not enabled");
        return STATUS_OK;
    }
    struct session *s = node_session_of(c->n, p);
    struct track *t = track_find(p, node_cstr_slice(r->track_sid));
    tell_mute(c, s, r);
    bool before = t && track_muted(t);
    Livekit__MuteRoomTrackResponse response = LIVEKIT__MUTE_ROOM_TRACK_RESPONSE__INIT;
    if (t) { /* an unknown track is no error: it is null */
        response.track = t->info;
        t->info->muted = r->muted;
    }
    call_reply(c, &response.base);
    if (t) {
        t->info->muted = before;
    }
    enum status st = node_ok(c->n, c->fx) ? STATUS_OK : STATUS_NO_MEMORY;
    return st == STATUS_OK && t ? session_mute_track(c->n, s, t, r->muted, c->fx) : st;
}

enum status op_update_subscriptions(struct call *c) {
    const Livekit__UpdateSubscriptionsRequest *r = (const void *)c->request;
    const struct participant *p = call_find_in_room(c, r->room, r->identity);
    if (!p) {
        return STATUS_OK;
    }
    Livekit__UpdateSubscriptionsResponse response = LIVEKIT__UPDATE_SUBSCRIPTIONS_RESPONSE__INIT;
    call_reply(c, &response.base);
    struct session *s = node_session_of(c->n, p);
    enum status st = node_ok(c->n, c->fx) ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; st == STATUS_OK && i < MIN(r->n_track_sids, (size_t)SUBSCRIPTIONS_MAX);
         i++) {
        st = session_choose(c->n, s, node_cstr_slice(r->track_sids[i]), r->subscribe, true);
    }
    for (size_t i = 0; st == STATUS_OK && i < r->n_participant_tracks; i++) {
        const Livekit__ParticipantTracks *of = r->participant_tracks[i];
        for (size_t k = 0;
             st == STATUS_OK && k < MIN(of->n_track_sids, (size_t)TRACKS_PER_PARTICIPANT_MAX);
             k++) {
            st = session_choose(c->n, s, node_cstr_slice(of->track_sids[k]), r->subscribe, true);
        }
    }
    return st == STATUS_EXHAUSTED ? STATUS_OK : st;
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
