#include "cursor.h"
#include "mem.h"
#include "node_call.h"

enum {
    ROOMS_FIELD_TAG = 1 << 3 | 2, /* ListRoomsResponse.rooms, length-delimited */
    LIST_FIRST_BYTES = 1500,      /* of an answer: a room with some metadata */
};

static struct held *held_destroy(struct held *h) {
    buf_deinit(&h->out);
    buf_deinit(&h->names);
    mem_free(h);
    return NULL;
}

static void free_all(struct list *l) {
    list_each_safe (at, after, l) {
        list_remove(l, at);
        held_destroy(container_of(at, struct held, in_held));
    }
}

void node_free_sent(struct node *n) {
    free_all(&n->sent);
}

void node_free_held(struct node *n) {
    free_all(&n->held);
    free_all(&n->held_back);
    free_all(&n->sent);
}

/* A slice: how far it may go, and the answer it adds to. */
struct list_slice {
    struct node *n;
    struct held *h;
    size_t rooms_left, bytes_end;
};

/* One more element of ListRoomsResponse.rooms. */
static void append_field(struct buf *out, const ProtobufCMessage *message) {
    enum { PREFIX_BYTES_MAX = 1 + 10 };
    size_t size = protobuf_c_message_get_packed_size(message);
    if (buf_reserve(out, size + PREFIX_BYTES_MAX)) {
        buf_put_u8(out, ROOMS_FIELD_TAG);
        buf_put_varint(out, size);
        out->len += protobuf_c_message_pack(message, out->data + out->len);
    }
}

/* What users ask of a list and find in no field of old: is anybody still using this room, and when
 * does it go? */
void node_fill_times(const struct node *n, const struct dir_room *room, Livekit__Room *message) {
    struct dir_times times = dir_room_times(n->dir, room);
    uint64_t idle_ms = message->num_participants > 0 ? 0 : n->now.mono_ms - times.since_ms;
    message->opt_stoa_last_active_ms_case =
        LIVEKIT__ROOM__OPT_STOA_LAST_ACTIVE_MS_STOA_LAST_ACTIVE_MS;
    message->stoa_last_active_ms = (int64_t)(n->now.wall_ms - MIN(idle_ms, n->now.wall_ms));
    if (times.deadline_ms != UINT64_MAX) {
        /* Overdue: it goes with the next sweep. */
        uint64_t left_ms = times.deadline_ms - MIN(times.deadline_ms, n->now.mono_ms);
        message->opt_stoa_expires_ms_case = LIVEKIT__ROOM__OPT_STOA_EXPIRES_MS_STOA_EXPIRES_MS;
        message->stoa_expires_ms = (int64_t)(n->now.wall_ms + left_ms);
    }
}

static bool append_room(void *arg, const struct dir_room *room) {
    struct list_slice *l = arg;
    struct held *h = l->h;
    const struct host *host = node_host_find(l->n, room->name);
    Livekit__Room message;
    node_fill_room(l->n, room, host ? &host->room.counts : NULL, &message);
    node_fill_times(l->n, room, &message);
    node_ready_codecs(&l->n->codecs, h->coding, &message);
    if (h->coding == API_PROTOBUF) {
        append_field(&h->out, &message.base);
    } else {
        if (h->count > 0) {
            buf_put_u8(&h->out, ',');
        }
        proto_encode_json_with(&message.base, JSON_TWIRP, &l->n->codecs.ready, &h->out);
    }
    if (l->n->work.failed) {
        h->out.failed = true;
    }
    arena_reset(&l->n->work);
    h->count++;
    l->rooms_left--;
    return !h->out.failed && l->rooms_left > 0 && h->out.len < l->bytes_end;
}

/* True: more names are left. */
static bool list_names(struct list_slice *l) {
    struct held *h = l->h;
    struct cursor c = cursor_over(slice_after(buf_slice(&h->names), h->names_read));
    size_t looked = 0;
    bool go_on = true;
    while (go_on && cursor_left(&c) > 0 && looked < LIST_SLICE_ROOMS) {
        struct slice name = cursor_take(&c, (size_t)cursor_varint(&c));
        struct dir_room room;
        if (dir_room_find(l->n->dir, name, &room) == STATUS_OK) {
            go_on = append_room(l, &room);
        }
        looked++;
    }
    h->names_read = h->names.len - cursor_left(&c);
    return cursor_left(&c) > 0;
}

static struct effect *add_reply(struct held *h, enum part part, uint16_t http_status,
                                struct effects *fx) {
    bool whole = !h->begun && part != PART_FIRST;
    struct effect *e = fx_add(fx, whole ? FX_API_REPLY : FX_API_PART);
    e->conn = h->conn;
    e->http_status = http_status;
    e->body_is_json = h->coding == API_JSON;
    e->part = part;
    return e;
}

static void finish(struct node *n, struct held *h, struct effects *fx) {
    add_reply(h, PART_LAST, 200, fx)->bytes = buf_slice(&h->out);
    list_remove(&n->held, &h->in_held);
    list_push_back(&n->sent, &h->in_held);
}

/* Nothing can be said any more once a part has left: then it breaks off. */
static void give_up(struct list *from, struct held *h, uint16_t http_status, struct slice body,
                    struct effects *fx) {
    struct effect *e = add_reply(h, PART_ABORT, http_status, fx);
    if (!h->begun) {
        e->body_is_json = true;
        e->bytes = body;
    }
    list_remove(from, &h->in_held);
    held_destroy(h);
}

/* What there is of it leaves, and the answer waits until it has left. */
static void send_part(struct node *n, struct held *h, struct effects *fx) {
    /* Not copied: it stays until it has left. */
    add_reply(h, h->begun ? PART_NEXT : PART_FIRST, 200, fx)->bytes = buf_slice(&h->out);
    h->begun = true;
    h->deadline_ms = n->now.mono_ms + HELD_REPLY_TIMEOUT_MS;
    list_remove(&n->held, &h->in_held);
    list_push_back(&n->held_back, &h->in_held);
}

/* At most HELD_REPLIES_MAX are looked at. */
static struct held *find_held_back(struct node *n, uint64_t conn) {
    list_each (at, &n->held_back) {
        struct held *h = container_of(at, struct held, in_held);
        if (h->conn == conn) {
            return h;
        }
    }
    return NULL;
}

void node_reply_more(struct node *n, uint64_t conn) {
    struct held *h = find_held_back(n, conn);
    if (h) {
        buf_clear(&h->out);
        h->deadline_ms = n->now.mono_ms + HELD_REPLY_TIMEOUT_MS;
        list_remove(&n->held_back, &h->in_held);
        list_push_back(&n->held, &h->in_held);
    }
}

/* One in the making is found out when its next part has nowhere to go. */
void node_reply_gone(struct node *n, uint64_t conn) {
    struct held *h = find_held_back(n, conn);
    if (h) {
        list_remove(&n->held_back, &h->in_held);
        held_destroy(h);
    }
}

/* All wait equally long: the first one began first. */
uint64_t node_held_back_until_ms(const struct node *n) {
    struct list_node *first = list_first(&n->held_back);
    return first ? container_of(first, struct held, in_held)->deadline_ms : UINT64_MAX;
}

static void end_overdue(struct node *n, struct effects *fx) {
    while (node_held_back_until_ms(n) <= n->now.mono_ms) {
        if (!fx_reserve(fx, 1)) {
            node_rollback(n, fx, fx->count); /* no memory now: at the next tick */
            return;
        }
        metric_inc(&n->config.metrics->held_timeouts);
        give_up(&n->held_back, container_of(list_first(&n->held_back), struct held, in_held), 0,
                (struct slice){0}, fx);
    }
}

static size_t held_bytes(const struct list *l) {
    size_t bytes = 0;
    list_each (at, l) {
        bytes += container_of(at, struct held, in_held)->out.cap;
    }
    return bytes;
}

/* Encodes one slice. True: there is more. Looking at slots is cheap, encoding is not: the slots
 * looked at are many times the rooms encoded. */
static bool add_slice(struct node *n, struct held *h) {
    enum { SLOTS_PER_ROOM = 16 };
    struct list_slice l = {
        .n = n, .h = h, .rooms_left = LIST_SLICE_ROOMS, .bytes_end = h->out.len + LIST_SLICE_BYTES};
    arena_reset(&n->work);
    bool more = h->by_name ? list_names(&l)
                           : dir_iterate(n->dir, &h->cursor, LIST_SLICE_ROOMS * SLOTS_PER_ROOM,
                                         append_room, &l);
    if (!more && h->coding == API_JSON) {
        buf_put_cstr(&h->out, "]}");
    }
    return more;
}

/* One slice of one answer; the next one gets the next turn. */
void node_run_held(struct node *n, struct effects *fx) {
    end_overdue(n, fx);
    struct list_node *first = list_first(&n->held);
    if (first && !fx_reserve(fx, 1)) {
        node_rollback(n, fx, fx->count); /* no memory now: at the next tick */
        return;
    }
    if (!first) {
        return;
    }
    struct held *h = container_of(first, struct held, in_held);
    bool more = add_slice(n, h);
    if (h->out.failed || held_bytes(&n->held) > HELD_BYTES_MAX) {
        give_up(&n->held, h, twirp_http_status(TWIRP_RESOURCE_EXHAUSTED),
                SLICE_LIT("{\"code\":\"resource_exhausted\",\"msg\":\"the answer is too large\"}"),
                fx);
    } else if (!more) {
        finish(n, h, fx);
    } else if (n->now.mono_ms >= h->deadline_ms) {
        metric_inc(&n->config.metrics->held_timeouts);
        give_up(&n->held, h, twirp_http_status(TWIRP_DEADLINE_EXCEEDED),
                SLICE_LIT("{\"code\":\"deadline_exceeded\",\"msg\":\"the answer took too long\"}"),
                fx);
    } else if (n->config.partial_replies && h->out.len >= LIST_PART_BYTES) {
        send_part(n, h, fx);
    } else {
        list_remove(&n->held, first);
        list_push_back(&n->held, first);
    }
}

enum status op_list_rooms(struct call *c) {
    const Livekit__ListRoomsRequest *r = (const void *)c->request;
    struct node *n = c->n;
    if (!cluster_knows(n)) {
        call_fail(c, TWIRP_UNAVAILABLE, NOT_KNOWN_YET);
        return STATUS_OK;
    }
    if (n->held.count + n->held_back.count >= HELD_REPLIES_MAX) {
        call_fail(c, TWIRP_RESOURCE_EXHAUSTED, "too many lists at once");
        return STATUS_OK;
    }
    struct held *h = mem_zalloc(sizeof(*h));
    if (!h) {
        return STATUS_NO_MEMORY;
    }
    *h = (struct held){.conn = c->ev->conn,
                       .coding = c->ev->api.coding,
                       .deadline_ms = n->now.mono_ms + HELD_REPLY_TIMEOUT_MS,
                       .by_name = r->n_names > 0};
    list_node_init(&h->in_held);
    buf_init(&h->out, LIST_ANSWER_BYTES_MAX);
    buf_init(&h->names, LIST_NAMES_BYTES_MAX);
    for (size_t i = 0; i < r->n_names; i++) {
        struct slice name = node_cstr_slice(r->names[i]);
        buf_put_varint(&h->names, name.len);
        buf_put(&h->names, name);
    }
    if (!buf_reserve(&h->out, LIST_FIRST_BYTES)) {
        held_destroy(h);
        return STATUS_NO_MEMORY;
    }
    if (h->coding == API_JSON) {
        buf_put_cstr(&h->out, "{\"rooms\":[");
    }
    if (h->names.failed || h->out.failed) {
        held_destroy(h);
        return STATUS_NO_MEMORY;
    }
    /* Its first slice comes at once, and mostly it is the only one. */
    list_push_front(&n->held, &h->in_held);
    node_run_held(n, c->fx);
    return STATUS_OK;
}
