#include "node_extra.h"

#include <string.h>

#include "cursor.h"

enum { DISPATCHES_NAMED = BIT(0) };
enum { NS_PER_MS = 1000000 };

static struct slice pack(struct node *n, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = size > 0 ? arena_alloc(&n->work, size) : NULL;
    return bytes ? slice_of(bytes, protobuf_c_message_pack(message, bytes)) : (struct slice){0};
}

static struct slice pack_tags(struct node *n, const struct room_wish *w) {
    Livekit__RoomConfiguration c = LIVEKIT__ROOM_CONFIGURATION__INIT;
    Livekit__RoomConfiguration__TagsEntry *tags =
        w->tags_count > 0 ? arena_alloc(&n->work, w->tags_count * sizeof(*tags)) : NULL;
    c.tags = tags ? arena_alloc(&n->work, w->tags_count * sizeof(*c.tags)) : NULL;
    for (size_t i = 0; c.tags && i < w->tags_count; i++) {
        livekit__room_configuration__tags_entry__init(&tags[i]);
        tags[i].key = node_cstr(n, w->tags[i].key);
        tags[i].value = node_cstr(n, w->tags[i].value);
        c.tags[c.n_tags++] = &tags[i];
    }
    return n->work.failed ? (struct slice){0} : pack(n, &c.base);
}

static Livekit__AgentDispatch *new_dispatch(struct node *n, struct slice id, uint64_t created_ms) {
    Livekit__AgentDispatch *d = arena_alloc(&n->work, sizeof(*d));
    Livekit__AgentDispatchState *state = arena_alloc(&n->work, sizeof(*state));
    char *text = node_cstr(n, id);
    if (!d || !state || !text) {
        return NULL;
    }
    livekit__agent_dispatch__init(d);
    livekit__agent_dispatch_state__init(state);
    state->created_at = (int64_t)(created_ms * NS_PER_MS);
    d->id = text;
    d->state = state;
    return d;
}

Livekit__AgentDispatch *extra_new_dispatch(struct node *n) {
    struct ident id = ident_make(&n->rng, "AD_");
    return new_dispatch(n, ident_slice(&id), n->now.wall_ms);
}

enum status extra_of_wish(struct node *n, const struct room_wish *w, struct slice *ret_bytes) {
    struct room_extra extra = {0};
    if (w->tags_count == 0 && w->agents_count == 0) {
        *ret_bytes = (struct slice){0};
        return STATUS_OK;
    }
    extra.tags = pack_tags(n, w);
    extra.named = w->agents_count > 0;
    if (w->agents_count > 0) {
        extra.dispatches = arena_alloc(&n->work, w->agents_count * sizeof(extra.dispatches[0]));
    }
    for (size_t i = 0; extra.dispatches && i < w->agents_count; i++) {
        const Livekit__RoomAgentDispatch *agent = w->agents[i];
        Livekit__AgentDispatch *d = extra_new_dispatch(n);
        if (!d) {
            return STATUS_NO_MEMORY;
        }
        d->agent_name = agent->agent_name;
        d->metadata = agent->metadata;
        d->restart_policy = agent->restart_policy;
        d->deployment = agent->deployment;
        /* Entries of both maps have one shape: a key and a value. */
        d->attributes = (Livekit__AgentDispatch__AttributesEntry **)agent->attributes;
        d->n_attributes = agent->n_attributes;
        extra.dispatches[extra.dispatches_count++] = d;
    }
    return n->work.failed ? STATUS_NO_MEMORY : extra_write(n, &extra, ret_bytes);
}

enum status extra_write(struct node *n, const struct room_extra *extra, struct slice *ret_bytes) {
    Livekit__ListAgentDispatchResponse list = LIVEKIT__LIST_AGENT_DISPATCH_RESPONSE__INIT;
    list.agent_dispatches = extra->dispatches;
    list.n_agent_dispatches = extra->dispatches_count;
    struct slice dispatches = extra->named ? pack(n, &list.base) : (struct slice){0};
    struct buf *out = &n->text;
    buf_clear(out);
    buf_put_u8(out, extra->named ? DISPATCHES_NAMED : 0);
    buf_put_varint(out, extra->tags.len);
    buf_put(out, extra->tags);
    buf_put(out, dispatches);
    struct slice bytes = arena_copy(&n->work, buf_slice(out));
    if (out->failed || n->work.failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_bytes = bytes;
    return STATUS_OK;
}

/* Never named: agents without a name are sent to every room. */
static enum status default_dispatch(struct node *n, const struct dir_room *room,
                                    struct room_extra *extra) {
    struct hash_key key;
    memcpy(&key, n->config.cluster_key, sizeof(key));
    struct hash128 h = hash128(&key, ident_slice(&room->sid));
    struct ident id = ident_from_bits("AD_", h.lo, h.hi);
    extra->dispatches = arena_alloc(&n->work, sizeof(extra->dispatches[0]));
    Livekit__AgentDispatch *d = new_dispatch(n, ident_slice(&id), room->created_ms);
    if (!extra->dispatches || !d) {
        return STATUS_NO_MEMORY;
    }
    extra->dispatches[0] = d;
    extra->dispatches_count = 1;
    return STATUS_OK;
}

enum status extra_read(struct node *n, const struct dir_room *room, struct room_extra *ret_extra) {
    struct room_extra extra = {0};
    struct cursor c = cursor_over(room->settings.extra);
    uint8_t flags = cursor_left(&c) > 0 ? cursor_u8(&c) : 0;
    if (cursor_left(&c) > 0) {
        extra.tags = arena_copy(&n->work, cursor_take(&c, (size_t)cursor_varint(&c)));
    }
    ProtobufCMessage *message = NULL;
    enum status s = STATUS_MALFORMED;
    if ((flags & DISPATCHES_NAMED) && !c.failed) {
        s = proto_decode(&livekit__list_agent_dispatch_response__descriptor, cursor_rest(&c),
                         &n->work, &message);
    }
    if (s == STATUS_OK) {
        const Livekit__ListAgentDispatchResponse *list = (const void *)message;
        extra.named = true;
        extra.dispatches = list->agent_dispatches;
        extra.dispatches_count = list->n_agent_dispatches;
    } else if (s == STATUS_MALFORMED) {
        s = default_dispatch(n, room, &extra);
    }
    if (s != STATUS_OK || n->work.failed) {
        return STATUS_NO_MEMORY;
    }
    *ret_extra = extra;
    return STATUS_OK;
}
