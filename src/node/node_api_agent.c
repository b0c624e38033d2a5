#include "node_call.h"
#include "node_extra.h"

/* Dispatches are kept with their room and listed. No job comes of them: there are no workers. */

enum { DEPLOYMENT_BYTES_MAX = 64 };

static bool is_deployment(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] == '_' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len <= DEPLOYMENT_BYTES_MAX;
}

static bool check(struct call *c, const Livekit__CreateAgentDispatchRequest *r) {
    const struct node_config *config = &c->n->config;
    size_t bytes = 0;
    for (size_t i = 0; i < r->n_attributes; i++) {
        bytes += node_cstr_slice(r->attributes[i]->key).len +
                 node_cstr_slice(r->attributes[i]->value).len;
    }
    const char *refused = NULL;
    if (!is_deployment(node_cstr_slice(r->deployment))) {
        refused = "invalid deployment";
    } else if (config->metadata_bytes_max != 0 &&
               node_cstr_slice(r->metadata).len > config->metadata_bytes_max) {
        refused = "metadata size exceeds limits";
    } else if (config->attributes_bytes_max != 0 && bytes > config->attributes_bytes_max) {
        refused = "attribute size exceeds limits";
    }
    if (refused) {
        call_fail(c, TWIRP_INVALID_ARGUMENT, REMOTE "%s", refused);
    }
    return !refused;
}

/* False: answered. */
static bool find_room(struct call *c, const char *name, struct dir_room *ret_room) {
    if (dir_room_find(c->n->dir, node_cstr_slice(name), ret_room) == STATUS_OK) {
        return true;
    }
    call_fail_missing_room(c);
    return false;
}

/* The room that the dispatch is for; with auto create on it may be new. */
static enum status open_room(struct call *c, const char *name, struct dir_room *ret_room,
                             bool *ret_opened, bool *ret_found) {
    *ret_opened = false;
    *ret_found = true;
    if (!c->n->config.auto_create) {
        *ret_found = find_room(c, name, ret_room);
        return STATUS_OK;
    }
    static const struct room_wish nothing = {0};
    struct open_refusal refusal;
    enum status s = node_open_room(c->n, node_cstr_slice(name), &nothing, c->fx, ret_room,
                                   ret_opened, &refusal);
    if (s == STATUS_OK && refusal.refused) {
        call_fail(c, refusal.code, REMOTE "%.*s", SLICE_ARG(refusal.msg));
        *ret_found = false;
    }
    return s;
}

/* The room's dispatches are these from now on, and the call is answered with `shown`. */
static enum status commit(struct call *c, const struct dir_room *room, struct room_extra *extra,
                          Livekit__AgentDispatch *shown) {
    struct node *n = c->n;
    struct dir_settings settings = room->settings;
    size_t mark = c->fx->count;
    extra->named = true;
    enum status s = extra_write(n, extra, &settings.extra);
    if (s != STATUS_OK) {
        return s;
    }
    shown->room = node_cstr(n, room->name);
    call_reply(c, &shown->base);
    if (!node_ok(n, c->fx)) {
        return STATUS_NO_MEMORY;
    }
    struct slice name = fx_copy(c->fx, room->name); /* the view goes with the change */
    s = node_ok(n, c->fx) ? dir_room_set_settings(n->dir, n->now, name, &settings)
                          : STATUS_NO_MEMORY;
    if (s == STATUS_OK || s == STATUS_NO_MEMORY) {
        return s;
    }
    fx_rollback(c->fx, mark);
    call_fail(c, TWIRP_RESOURCE_EXHAUSTED, "dispatches of this room exceed %u bytes",
              (unsigned)DIR_EXTRA_BYTES_MAX);
    return STATUS_OK;
}

static enum status add(struct call *c, const struct dir_room *room) {
    const Livekit__CreateAgentDispatchRequest *r = (const void *)c->request;
    struct node *n = c->n;
    struct room_extra extra;
    enum status s = extra_read(n, room, &extra);
    Livekit__AgentDispatch *d = s == STATUS_OK ? extra_new_dispatch(n) : NULL;
    Livekit__AgentDispatch **list =
        d ? arena_alloc(&n->work, (extra.dispatches_count + 1) * sizeof(*list)) : NULL;
    if (!list) {
        return STATUS_NO_MEMORY;
    }
    d->agent_name = r->agent_name;
    d->metadata = r->metadata;
    d->restart_policy = r->restart_policy;
    d->deployment = r->deployment;
    /* Entries of both maps have one shape: a key and a value. */
    d->attributes = (Livekit__AgentDispatch__AttributesEntry **)r->attributes;
    d->n_attributes = r->n_attributes;
    for (size_t i = 0; i < extra.dispatches_count; i++) {
        list[i] = extra.dispatches[i];
    }
    list[extra.dispatches_count++] = d;
    extra.dispatches = list;
    return commit(c, room, &extra, d);
}

enum status op_create_dispatch(struct call *c) {
    const Livekit__CreateAgentDispatchRequest *r = (const void *)c->request;
    struct dir_room room;
    bool opened = false, found = false;
    if (!check(c, r)) {
        return STATUS_OK;
    }
    enum status s = open_room(c, r->room, &room, &opened, &found);
    if (s != STATUS_OK || !found) {
        return s;
    }
    s = add(c, &room);
    if (s != STATUS_OK && opened) {
        enum status gone = dir_room_delete(c->n->dir, c->n->now, node_cstr_slice(r->room));
        (void)gone; /* without memory for this, the room ends by its empty timeout */
    }
    return s;
}

enum status op_delete_dispatch(struct call *c) {
    const Livekit__DeleteAgentDispatchRequest *r = (const void *)c->request;
    struct dir_room room;
    struct room_extra extra;
    if (!find_room(c, r->room, &room)) {
        return STATUS_OK;
    }
    enum status s = extra_read(c->n, &room, &extra);
    if (s != STATUS_OK) {
        return s;
    }
    for (size_t i = 0; i < extra.dispatches_count; i++) {
        Livekit__AgentDispatch *d = extra.dispatches[i];
        if (!slice_eq(node_cstr_slice(d->id), node_cstr_slice(r->dispatch_id))) {
            continue;
        }
        for (extra.dispatches_count--; i < extra.dispatches_count; i++) {
            extra.dispatches[i] = extra.dispatches[i + 1];
        }
        if (d->state) {
            d->state->deleted_at = (int64_t)(c->n->now.wall_ms * 1000000);
        }
        return commit(c, &room, &extra, d);
    }
    call_fail(c, TWIRP_NOT_FOUND, REMOTE "dispatch ID not found");
    return STATUS_OK;
}

enum status op_list_dispatch(struct call *c) {
    const Livekit__ListAgentDispatchRequest *r = (const void *)c->request;
    struct slice wanted = node_cstr_slice(r->dispatch_id);
    struct dir_room room;
    struct room_extra extra;
    if (!find_room(c, r->room, &room)) {
        return STATUS_OK;
    }
    enum status s = extra_read(c->n, &room, &extra);
    if (s != STATUS_OK) {
        return s;
    }
    Livekit__ListAgentDispatchResponse response = LIVEKIT__LIST_AGENT_DISPATCH_RESPONSE__INIT;
    response.agent_dispatches = extra.dispatches; /* its own places are used again */
    for (size_t i = 0; i < extra.dispatches_count; i++) {
        Livekit__AgentDispatch *d = extra.dispatches[i];
        if (wanted.len == 0 || slice_eq(wanted, node_cstr_slice(d->id))) {
            d->room = r->room;
            response.agent_dispatches[response.n_agent_dispatches++] = d;
        }
    }
    call_reply(c, &response.base);
    return STATUS_OK;
}
