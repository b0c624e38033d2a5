#include "data_track.h"
#include "participant_priv.h"
#include "track.h"

enum { SOURCES = 32 };

struct permission permission_of_grant(const struct video_grant *grant) {
    return (struct permission){
        .can_subscribe = grant_can_subscribe(grant),
        .can_publish = grant_can_publish(grant),
        .can_publish_data = grant_can_publish_data(grant),
        .publish_sources = grant->can_publish_sources_count > 0 ? grant->can_publish_sources : 0,
        .hidden = grant->hidden,
        .recorder = grant->recorder,
        .agent = grant->agent,
        .can_update_metadata = grant->can_update_own_metadata == TRI_TRUE,
        .can_subscribe_metrics = grant->can_subscribe_metrics == TRI_TRUE,
        .can_manage_agent_session = grant->can_manage_agent_session == TRI_TRUE,
    };
}

struct permission permission_of_message(const Livekit__ParticipantPermission *message) {
    struct permission p = {
        .can_subscribe = message->can_subscribe,
        .can_publish = message->can_publish,
        .can_publish_data = message->can_publish_data,
        .hidden = message->hidden,
        .recorder = message->recorder,
        .agent = message->agent,
        .can_update_metadata = message->can_update_metadata,
        .can_subscribe_metrics = message->can_subscribe_metrics,
        .can_manage_agent_session = message->can_manage_agent_session,
    };
    for (size_t i = 0; i < message->n_can_publish_sources; i++) {
        uint32_t source = (uint32_t)message->can_publish_sources[i];
        /* A source of a later protocol is unknown here: it must not read as "all". */
        p.publish_sources |= BIT(source < SOURCES ? source : LIVEKIT__TRACK_SOURCE__UNKNOWN);
    }
    return p;
}

bool permission_equal(const struct permission *a, const struct permission *b) {
    return a->can_subscribe == b->can_subscribe && a->can_publish == b->can_publish &&
           a->can_publish_data == b->can_publish_data && a->hidden == b->hidden &&
           a->recorder == b->recorder && a->agent == b->agent &&
           a->can_update_metadata == b->can_update_metadata &&
           a->can_subscribe_metrics == b->can_subscribe_metrics &&
           a->can_manage_agent_session == b->can_manage_agent_session &&
           a->publish_sources == b->publish_sources;
}

static enum tristate tristate_of(bool value) {
    return value ? TRI_TRUE : TRI_FALSE;
}

void permission_into_grant(const struct permission *p, struct video_grant *grant) {
    grant->can_subscribe = tristate_of(p->can_subscribe);
    grant->can_publish = tristate_of(p->can_publish);
    grant->can_publish_data = tristate_of(p->can_publish_data);
    grant->can_publish_sources = p->publish_sources;
    grant->can_publish_sources_count = (uint32_t)__builtin_popcount(p->publish_sources);
    grant->hidden = p->hidden;
    grant->recorder = p->recorder;
    grant->agent = p->agent;
    grant->can_update_own_metadata = tristate_of(p->can_update_metadata);
    grant->can_subscribe_metrics = tristate_of(p->can_subscribe_metrics);
    grant->can_manage_agent_session = tristate_of(p->can_manage_agent_session);
}

/* Enum values of the bits of a set, ascending; protobuf-c keeps all enums as int. */
static size_t set_fill(uint32_t set, struct arena *arena, int **ret_values) {
    size_t count = (size_t)__builtin_popcount(set);
    int *values = count > 0 ? arena_alloc(arena, count * sizeof(*values)) : NULL;
    if (!values) {
        return 0;
    }
    size_t at = 0;
    for (int bit = 0; bit < SOURCES; bit++) {
        if (set & BIT(bit)) {
            values[at++] = bit;
        }
    }
    *ret_values = values;
    return count;
}
static_assert(sizeof(Livekit__TrackSource) == sizeof(int), "enums are ints for protobuf-c");

static Livekit__ParticipantPermission *permission_fill(const struct permission *p,
                                                       struct arena *arena) {
    Livekit__ParticipantPermission *message = arena_alloc(arena, sizeof(*message));
    if (!message) {
        return NULL;
    }
    livekit__participant_permission__init(message);
    message->can_subscribe = p->can_subscribe;
    message->can_publish = p->can_publish;
    message->can_publish_data = p->can_publish_data;
    message->hidden = p->hidden;
    message->recorder = p->recorder;
    message->agent = p->agent;
    message->can_update_metadata = p->can_update_metadata;
    message->can_subscribe_metrics = p->can_subscribe_metrics;
    message->can_manage_agent_session = p->can_manage_agent_session;
    int *sources = NULL;
    message->n_can_publish_sources = set_fill(p->publish_sources, arena, &sources);
    message->can_publish_sources = (Livekit__TrackSource *)sources;
    return message;
}

static void attributes_fill(const struct attributes *a, struct arena *arena,
                            Livekit__ParticipantInfo *info) {
    if (a->count == 0) {
        return;
    }
    Livekit__ParticipantInfo__AttributesEntry *entries =
        arena_alloc(arena, a->count * sizeof(*entries));
    Livekit__ParticipantInfo__AttributesEntry **list = arena_alloc(arena, a->count * sizeof(*list));
    if (!entries || !list) {
        return;
    }
    for (size_t i = 0; i < a->count; i++) {
        livekit__participant_info__attributes_entry__init(&entries[i]);
        entries[i].key = (char *)(uintptr_t)a->items[i].key.data;
        entries[i].value = (char *)(uintptr_t)a->items[i].value.data;
        list[i] = &entries[i];
    }
    info->attributes = list;
    info->n_attributes = a->count;
}

/* Those that others may know of, and none any more once the participant has gone. */
static void tracks_fill(const struct participant *p, const struct profile *as, struct arena *arena,
                        Livekit__ParticipantInfo *info) {
    size_t most = as->state == PARTICIPANT_DISCONNECTED ? 0 : p->tracks.count;
    Livekit__TrackInfo **list = most > 0 ? arena_alloc(arena, most * sizeof(*list)) : NULL;
    if (!list) {
        return;
    }
    list_each (n, &p->tracks) {
        const struct track *t = container_of(n, struct track, in_publisher);
        if (t->state != TRACK_PENDING && !t->is_backup) {
            list[info->n_tracks++] = t->info;
        }
    }
    info->tracks = list;
}

static void data_tracks_fill(const struct participant *p, const struct profile *as,
                             struct arena *arena, Livekit__ParticipantInfo *info) {
    size_t most = as->state == PARTICIPANT_DISCONNECTED ? 0 : p->data_tracks.count;
    Livekit__DataTrackInfo **list = most > 0 ? arena_alloc(arena, most * sizeof(*list)) : NULL;
    if (!list) {
        return;
    }
    list_each (n, &p->data_tracks) {
        list[info->n_data_tracks++] = container_of(n, struct data_track, in_publisher)->info;
    }
    info->data_tracks = list;
}

void participant_fill(const struct participant *p, const struct profile *as, struct arena *arena,
                      Livekit__ParticipantInfo *ret_info) {
    Livekit__ParticipantInfo *info = ret_info;
    livekit__participant_info__init(info);
    info->sid = (char *)(uintptr_t)p->sid.text;
    info->identity = text_cstr(&p->identity);
    info->state = (Livekit__ParticipantInfo__State)as->state;
    info->metadata = text_cstr(&as->metadata);
    info->joined_at = (int64_t)(p->joined_at_ms / 1000);
    info->joined_at_ms = (int64_t)p->joined_at_ms;
    info->name = text_cstr(&as->name);
    info->version = as->version;
    info->permission = permission_fill(&as->permission, arena);
    info->region = (char *)(uintptr_t)p->region;
    info->is_publisher = as->is_publisher;
    tracks_fill(p, as, arena, info);
    data_tracks_fill(p, as, arena, info);
    info->kind = (Livekit__ParticipantInfo__Kind)p->kind;
    attributes_fill(&as->attributes, arena, info);
    info->disconnect_reason = (Livekit__DisconnectReason)as->disconnect_reason;
    info->client_protocol = p->client_protocol;
    int *values = NULL;
    info->n_kind_details = set_fill(p->kind_details, arena, &values);
    info->kind_details = (Livekit__ParticipantInfo__KindDetail *)values;
    values = NULL;
    info->n_capabilities = set_fill(p->capabilities, arena, &values);
    info->capabilities = (Livekit__ClientInfo__Capability *)values;
}

struct slice participant_encoded(struct participant *p, struct arena *arena) {
    if (p->encoded.len > 0 && list_empty(&p->tracks) && list_empty(&p->data_tracks)) {
        return bytes_slice(&p->encoded);
    }
    Livekit__ParticipantInfo info;
    participant_fill(p, &p->profile, arena, &info);
    size_t size = protobuf_c_message_get_packed_size(&info.base);
    uint8_t *bytes = arena_alloc(arena, size);
    if (!bytes) {
        return (struct slice){0};
    }
    struct slice encoded = slice_of(bytes, protobuf_c_message_pack(&info.base, bytes));
    bool keeps = list_empty(&p->tracks) && list_empty(&p->data_tracks) && p->encoded.len == 0 &&
                 encoded.len <= PARTICIPANT_ENCODED_BYTES_MAX;
    enum status st = keeps ? bytes_copy(encoded, &p->encoded) : STATUS_OK;
    (void)st; /* without memory for it, it is encoded again */
    return encoded;
}

void participant_check_encoded(const struct participant *p) {
    enum { INFO_BYTES_MAX = 1 << 20 };
    struct arena arena;
    Livekit__ParticipantInfo info;
    if (p->encoded.len == 0 || !list_empty(&p->tracks) || !list_empty(&p->data_tracks)) {
        return;
    }
    arena_init(&arena, INFO_BYTES_MAX);
    participant_fill(p, &p->profile, &arena, &info);
    size_t size = protobuf_c_message_get_packed_size(&info.base);
    uint8_t *bytes = arena_alloc(&arena, size);
    if (bytes) {
        size = protobuf_c_message_pack(&info.base, bytes);
        assert(slice_eq(slice_of(bytes, size), bytes_slice(&p->encoded)));
    }
    arena_deinit(&arena);
}
