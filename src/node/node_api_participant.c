#include "node_call.h"

struct participant *call_find(struct call *c, const char *room, const char *identity) {
    const struct host *h = node_host_find(c->n, node_cstr_slice(room));
    struct participant *p = h ? room_find(&h->room, node_cstr_slice(identity)) : NULL;
    /* One that is on its way out is gone for callers. */
    if (!p || node_session_of(c->n, p)->is_ending) {
        call_fail(c, TWIRP_NOT_FOUND, MISSING_PARTICIPANT);
        return NULL;
    }
    return p;
}

static void reply_participant(struct call *c, const struct participant *p,
                              const struct profile *as) {
    Livekit__ParticipantInfo info;
    participant_fill(p, as, &c->n->work, &info);
    call_reply(c, &info.base);
}

enum status op_list_participants(struct call *c) {
    const Livekit__ListParticipantsRequest *r = (const void *)c->request;
    const struct host *h = node_host_find(c->n, node_cstr_slice(r->room));
    Livekit__ListParticipantsResponse response = LIVEKIT__LIST_PARTICIPANTS_RESPONSE__INIT;
    if (h) {
        response.n_participants = room_everybody(&h->room, &c->n->work, &response.participants);
    }
    call_reply(c, &response.base);
    return STATUS_OK;
}

enum status op_get_participant(struct call *c) {
    const Livekit__RoomParticipantIdentity *r = (const void *)c->request;
    const struct participant *p = call_find(c, r->room, r->identity);
    if (p) {
        reply_participant(c, p, &p->profile);
    }
    return STATUS_OK;
}

enum status op_remove_participant(struct call *c) {
    const Livekit__RoomParticipantIdentity *r = (const void *)c->request;
    const struct participant *p = call_find(c, r->room, r->identity);
    if (!p) {
        return STATUS_OK;
    }
    Livekit__RemoveParticipantResponse response = LIVEKIT__REMOVE_PARTICIPANT_RESPONSE__INIT;
    call_reply(c, &response.base);
    if (!node_ok(c->n, c->fx)) {
        return STATUS_NO_MEMORY;
    }
    session_end(c->n, node_session_of(c->n, p), LIVEKIT__DISCONNECT_REASON__PARTICIPANT_REMOVED,
                LIVEKIT__LEAVE_REQUEST__ACTION__DISCONNECT, true);
    return STATUS_OK;
}

static size_t list_attributes(struct call *c, const Livekit__UpdateParticipantRequest *r,
                              const struct attribute **ret_list) {
    struct attribute *list =
        r->n_attributes > 0 ? arena_alloc(&c->n->work, r->n_attributes * sizeof(*list)) : NULL;
    if (!list) {
        return 0;
    }
    for (size_t i = 0; i < r->n_attributes; i++) {
        list[i] = (struct attribute){node_cstr_slice(r->attributes[i]->key),
                                     node_cstr_slice(r->attributes[i]->value)};
    }
    *ret_list = list;
    return r->n_attributes;
}

bool check_update_participant(struct call *c) {
    const Livekit__UpdateParticipantRequest *r = (const void *)c->request;
    uint32_t name_max = c->n->config.participant_name_bytes_max;
    if (name_max != 0 && node_cstr_slice(r->name).len > name_max) {
        call_fail(c, TWIRP_INVALID_ARGUMENT, "name length exceeds limits %u", name_max);
        return false;
    }
    const struct attribute *attributes = NULL;
    size_t count = list_attributes(c, r, &attributes);
    return call_check_metadata(c, node_cstr_slice(r->metadata)) &&
           call_check_attributes(c, attributes_bytes(attributes, count));
}

/* Empty means leave as it is; attributes always count as a change. False in *ret_changed: the
 * request says what is so already. */
static enum status prepare(struct call *c, const struct participant *p,
                           const Livekit__UpdateParticipantRequest *r, struct change *change,
                           bool *ret_changed) {
    struct slice name = node_cstr_slice(r->name), metadata = node_cstr_slice(r->metadata);
    const struct attribute *attributes = NULL;
    size_t count = list_attributes(c, r, &attributes);
    enum status s = c->n->work.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (s == STATUS_OK && name.len > 0 && !slice_eq(name, text_slice(&p->profile.name))) {
        s = change_name(change, name);
    }
    if (s == STATUS_OK && metadata.len > 0 &&
        !slice_eq(metadata, text_slice(&p->profile.metadata))) {
        s = change_metadata(change, metadata);
    }
    if (s == STATUS_OK && count > 0) {
        s = change_attributes(change, attributes, count);
    }
    bool permission_changed = false;
    if (r->permission) {
        change->next.permission = permission_of_message(r->permission);
        permission_changed = !permission_equal(&change->next.permission, &p->profile.permission);
    }
    *ret_changed = change->owns_name || change->owns_metadata || count > 0 || permission_changed;
    return s;
}

enum status op_update_participant(struct call *c) {
    const Livekit__UpdateParticipantRequest *r = (const void *)c->request;
    const struct participant *p = call_find(c, r->room, r->identity);
    if (!p) {
        return STATUS_OK;
    }
    struct session *s = node_session_of(c->n, p);
    struct change change;
    bool changed = false;
    change_begin(p, &change);
    enum status st = prepare(c, p, r, &change, &changed);
    if (st == STATUS_OK) {
        change.next.is_publisher = session_publishes(s, &change.next.permission);
        reply_participant(c, p, changed ? &change.next : &p->profile);
        st = changed ? session_change(c->n, s, &change, true, c->fx) : STATUS_OK;
    } else if (st == STATUS_EXHAUSTED) {
        call_fail_argument(c, "attribute size exceeds limits", "attribute size exceeds limits %u",
                           (unsigned)ATTRIBUTES_MERGED_BYTES_MAX);
        st = STATUS_OK;
    }
    change_drop(&change);
    return st;
}
