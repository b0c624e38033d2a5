#include "node_priv.h"

struct slice node_cstr_slice(const char *s) {
    return s ? slice_from_cstr(s) : (struct slice){0};
}

char *node_cstr(struct node *n, struct slice s) {
    return proto_cstr(&n->work, s);
}

void node_fill_room(struct node *n, const struct dir_room *room, const struct room_counts *local,
                    Livekit__Room *ret_message) {
    Livekit__Room *m = ret_message;
    livekit__room__init(m);
    char password[DIR_TURN_PASSWORD_LEN + 1];
    dir_room_turn_password(n->dir, room, password);
    m->sid = node_cstr(n, ident_slice(&room->sid));
    m->name = node_cstr(n, room->name);
    m->empty_timeout = room->settings.empty_timeout_s;
    m->departure_timeout = room->settings.departure_timeout_s;
    m->max_participants = room->settings.max_participants;
    m->creation_time = (int64_t)(room->created_ms / 1000);
    m->creation_time_ms = (int64_t)room->created_ms;
    m->turn_password = node_cstr(n, slice_of(password, DIR_TURN_PASSWORD_LEN));
    node_list_codecs(m);
    m->metadata = node_cstr(n, room->metadata);
    /* The directory's sum holds our own count of before this step. */
    uint32_t elsewhere = room->participants - MIN(room->participants, room->local.participants);
    m->num_participants = elsewhere + (local ? local->participants : 0);
    m->num_publishers = local ? local->publishers : 0;
    m->active_recording = local && local->recorders > 0;
}

void node_tell_room(struct node *n, struct effects *fx, const struct dir_room *room,
                    const struct room_counts *local, const uint64_t *conns, size_t count) {
    if (count == 0) {
        return;
    }
    Livekit__Room message;
    node_fill_room(n, room, local, &message);
    Livekit__RoomUpdate update = LIVEKIT__ROOM_UPDATE__INIT;
    update.room = &message;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE;
    response.room_update = &update;
    fx_signal(fx, conns, count, &response);
}

void node_tell_participant(struct node *n, struct effects *fx, const struct participant *p,
                           const struct profile *as, const uint64_t *conns, size_t count) {
    if (count == 0) {
        return;
    }
    Livekit__ParticipantInfo info;
    participant_fill(p, as, &n->work, &info);
    Livekit__ParticipantInfo *infos[] = {&info};
    Livekit__ParticipantUpdate update = LIVEKIT__PARTICIPANT_UPDATE__INIT;
    update.participants = infos;
    update.n_participants = 1;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE;
    response.update = &update;
    fx_signal(fx, conns, count, &response);
}

void node_tell_leave(struct effects *fx, uint64_t conn, int32_t protocol,
                     const struct ending *ending) {
    enum { PROTOCOL_WITH_ACTION = 13 };
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = (Livekit__DisconnectReason)ending->reason;
    leave.action = ending->action;
    /* Older clients know no action, only whether to come back. */
    leave.can_reconnect = protocol < PROTOCOL_WITH_ACTION &&
                          ending->action != LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE;
    response.leave = &leave;
    fx_signal_one(fx, conn, &response);
}

void node_put_route(struct effects *fx, const struct session *s, const struct room *room,
                    const struct profile *as) {
    const struct participant *p = s->participant;
    struct fx_route route = {
        .participant = p->key,
        .room_key = room->key,
        .sid = p->sid,
        .identity = fx_copy(fx, participant_identity(p)),
        .rx_transport = s->main.id,
        .tx_transport = s->subscriber_primary ? s->sub.id : s->main.id,
        .can_publish_data = as->permission.can_publish_data,
        .hidden = as->permission.hidden,
        .agent = p->kind == KIND_AGENT || as->permission.agent,
        .active = as->state == PARTICIPANT_ACTIVE,
    };
    fx_add(fx, FX_ROUTE_PUT)->route = route;
}
