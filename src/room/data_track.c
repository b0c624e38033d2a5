#include "data_track.h"

#include "mem.h"
#include "room.h"

enum { HANDLE_MAX = UINT16_MAX };

static struct data_track *track_of(struct list_node *n) {
    return container_of(n, struct data_track, in_publisher);
}

static size_t text_len(const char *s) {
    return s ? slice_from_cstr(s).len : 0;
}

static bool custom_fits(const char *custom) {
    size_t len = text_len(custom);
    return len > 0 && len <= DATA_TRACK_ENCODING_BYTES_MAX;
}

static bool encodings_fit(const Livekit__PublishDataTrackRequest *r) {
    const Livekit__DataTrackFrameEncoding *frame =
        r->opt_frame_encoding_case ==
                LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__OPT_FRAME_ENCODING_FRAME_ENCODING
            ? r->frame_encoding
            : NULL;
    const Livekit__DataTrackSchemaId *schema =
        r->opt_schema_case == LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__OPT_SCHEMA_SCHEMA ? r->schema
                                                                                     : NULL;
    if (frame && frame->value_case == LIVEKIT__DATA_TRACK_FRAME_ENCODING__VALUE_CUSTOM &&
        !custom_fits(frame->custom)) {
        return false;
    }
    if (!schema) {
        return true;
    }
    const Livekit__DataTrackSchemaEncoding *e = schema->encoding;
    size_t name = text_len(schema->name);
    bool custom = e && e->value_case == LIVEKIT__DATA_TRACK_SCHEMA_ENCODING__VALUE_CUSTOM;
    return name > 0 && name <= DATA_TRACK_NAME_BYTES_MAX && (!custom || custom_fits(e->custom));
}

Livekit__RequestResponse__Reason data_track_judge(const struct participant *p,
                                                  const Livekit__PublishDataTrackRequest *r) {
    size_t name_len = text_len(r->name);
    if (!p->profile.permission.can_publish_data) {
        return LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED;
    }
    if (r->pub_handle == 0 || r->pub_handle > HANDLE_MAX) {
        return LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_HANDLE;
    }
    if (name_len == 0 || name_len > DATA_TRACK_NAME_BYTES_MAX) {
        return LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_NAME;
    }
    if (!encodings_fit(r)) {
        return LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_REQUEST;
    }
    list_each (n, &p->data_tracks) {
        const struct data_track *t = track_of(n);
        if (t->handle == r->pub_handle) {
            return LIVEKIT__REQUEST_RESPONSE__REASON__DUPLICATE_HANDLE;
        }
        if (slice_eq_cstr(slice_from_cstr(t->info->name), r->name)) {
            return LIVEKIT__REQUEST_RESPONSE__REASON__DUPLICATE_NAME;
        }
    }
    return p->data_tracks.count < DATA_TRACKS_MAX
               ? LIVEKIT__REQUEST_RESPONSE__REASON__OK
               : LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED;
}

/* Case numbers of the two oneofs are their field numbers, 5 and 6 here, 4 and 5 in the request. */
static void fill_info(const struct data_track *t, const Livekit__PublishDataTrackRequest *r,
                      Livekit__DataTrackInfo *ret_info) {
    livekit__data_track_info__init(ret_info);
    ret_info->pub_handle = r->pub_handle;
    ret_info->sid = (char *)(uintptr_t)t->sid.text;
    ret_info->name = r->name;
    ret_info->encryption = r->encryption;
    if (r->opt_frame_encoding_case ==
        LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__OPT_FRAME_ENCODING_FRAME_ENCODING) {
        ret_info->opt_frame_encoding_case =
            LIVEKIT__DATA_TRACK_INFO__OPT_FRAME_ENCODING_FRAME_ENCODING;
        ret_info->frame_encoding = r->frame_encoding;
    }
    if (r->opt_schema_case == LIVEKIT__PUBLISH_DATA_TRACK_REQUEST__OPT_SCHEMA_SCHEMA) {
        ret_info->opt_schema_case = LIVEKIT__DATA_TRACK_INFO__OPT_SCHEMA_SCHEMA;
        ret_info->schema = r->schema;
    }
}

static enum status keep_info(struct data_track *t, const Livekit__DataTrackInfo *info,
                             struct arena *work) {
    size_t size = protobuf_c_message_get_packed_size(&info->base);
    uint8_t *bytes = arena_alloc(work, size + 1);
    if (!bytes) {
        return STATUS_NO_MEMORY;
    }
    ProtobufCMessage *message = NULL;
    size = protobuf_c_message_pack(&info->base, bytes);
    enum status s = proto_decode(&livekit__data_track_info__descriptor, slice_of(bytes, size),
                                 &t->memory, &message);
    if (s == STATUS_OK) {
        t->info = (Livekit__DataTrackInfo *)message;
    }
    return s == STATUS_OK ? s : STATUS_NO_MEMORY;
}

static void destroy(struct data_track *t) {
    arena_deinit(&t->memory);
    mem_free(t);
}

enum status data_track_create(struct participant *publisher,
                              const Livekit__PublishDataTrackRequest *r, struct rng *rng,
                              struct arena *work, struct data_track **ret_track) {
    struct room *room = publisher->room;
    struct data_track *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return STATUS_NO_MEMORY;
    }
    assert(room);
    arena_init(&t->memory, TRACK_MEMORY_BYTES_MAX);
    list_init(&t->subscriptions);
    list_node_init(&t->in_publisher);
    list_node_init(&t->in_room);
    t->sid = ident_make(rng, "DTR_");
    t->handle = (uint16_t)r->pub_handle;
    Livekit__DataTrackInfo info;
    fill_info(t, r, &info);
    enum status s = keep_info(t, &info, work);
    if (s != STATUS_OK) {
        destroy(t);
        return s;
    }
    t->publisher = publisher;
    t->publisher_sid = publisher->sid;
    t->publisher_key = publisher->key;
    t->order = ++room->last_order;
    list_push_back(&publisher->data_tracks, &t->in_publisher);
    list_push_back(&room->data_tracks, &t->in_room);
    map_insert(&room->data_by_sid, &t->by_sid, ident_slice(&t->sid));
    *ret_track = t;
    return STATUS_OK;
}

struct data_track *data_track_of_handle(const struct participant *p, uint32_t handle) {
    list_each (n, &p->data_tracks) {
        if (track_of(n)->handle == handle) {
            return track_of(n);
        }
    }
    return NULL;
}

void data_track_end(struct data_track *t) {
    struct room *room = t->publisher->room;
    list_remove(&t->publisher->data_tracks, &t->in_publisher);
    list_remove(&room->data_tracks, &t->in_room);
    map_remove(&room->data_by_sid, &t->by_sid);
    t->publisher = NULL;
    if (list_empty(&t->subscriptions)) {
        destroy(t);
    }
}

bool data_track_sid_equal(const struct map_node *m, struct slice key) {
    return ident_equal(&container_of(m, struct data_track, by_sid)->sid, key);
}

struct data_subscription *data_subscription_find(const struct participant *p,
                                                 const struct data_track *t) {
    list_each (n, &p->data_subscriptions) {
        struct data_subscription *s = container_of(n, struct data_subscription, in_subscriber);
        if (s->track == t) {
            return s;
        }
    }
    return NULL;
}

enum status data_subscribe(struct participant *p, struct data_track *t,
                           struct data_subscription **ret_subscription) {
    if (p->data_subscriptions.count >= DATA_SUBSCRIPTIONS_MAX || p->data_handles == HANDLE_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct data_subscription *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    s->track = t;
    s->subscriber = p;
    s->handle = ++p->data_handles;
    list_node_init(&s->in_track);
    list_node_init(&s->in_subscriber);
    list_push_back(&t->subscriptions, &s->in_track);
    list_push_back(&p->data_subscriptions, &s->in_subscriber);
    *ret_subscription = s;
    return STATUS_OK;
}

void data_unsubscribe(struct data_subscription *s) {
    struct data_track *t = s->track;
    list_remove(&t->subscriptions, &s->in_track);
    list_remove(&s->subscriber->data_subscriptions, &s->in_subscriber);
    mem_free(s);
    if (!t->publisher && list_empty(&t->subscriptions)) {
        destroy(t);
    }
}

void data_subscriptions_drop(struct participant *p) {
    list_each_safe (n, after, &p->data_subscriptions) {
        data_unsubscribe(container_of(n, struct data_subscription, in_subscriber));
    }
}
