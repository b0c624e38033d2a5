#include <string.h>

#include "mem.h"
#include "room.h"
#include "track.h"

static struct slice text_of(const char *s) {
    return s ? slice_from_cstr(s) : (struct slice){0};
}

bool track_source_allowed(const struct permission *as, uint32_t source) {
    enum { SOURCES = 32 };
    return as->can_publish &&
           (as->publish_sources == 0 || (source < SOURCES && (as->publish_sources & BIT(source))));
}

static size_t count_state(const struct participant *p, enum track_state state) {
    size_t count = 0;
    list_each (n, &p->tracks) {
        count += container_of(n, struct track, in_publisher)->state == state;
    }
    return count;
}

static bool has_cid(const struct participant *p, struct slice cid) {
    list_each (n, &p->tracks) {
        if (slice_eq(container_of(n, struct track, in_publisher)->cid, cid)) {
            return true;
        }
    }
    return false;
}

enum track_refusal track_judge(const struct participant *p, const Livekit__AddTrackRequest *r) {
    if (!track_source_allowed(&p->profile.permission, (uint32_t)r->source)) {
        return TRACK_NOT_ALLOWED;
    }
    if (r->type != LIVEKIT__TRACK_TYPE__AUDIO && r->type != LIVEKIT__TRACK_TYPE__VIDEO) {
        return TRACK_UNSUPPORTED;
    }
    struct slice sid = text_of(r->sid);
    bool second = false;
    if (sid.len > 0) {
        const struct track *t = track_find(p, sid);
        second = t && t->backup_wanted && !t->backup; /* more than that nobody needs */
        if (!second) {
            return t ? TRACK_UNSUPPORTED : TRACK_UNKNOWN;
        }
    }
    if (text_of(r->cid).len > TRACK_CID_BYTES_MAX) {
        return TRACK_TOO_MUCH;
    }
    if (has_cid(p, text_of(r->cid))) {
        return second ? TRACK_UNSUPPORTED : TRACK_WAITS;
    }
    if (p->tracks.count >= TRACKS_PER_PARTICIPANT_MAX ||
        count_state(p, TRACK_PENDING) >= TRACKS_PENDING_MAX) {
        return TRACK_TOO_MUCH;
    }
    return second ? TRACK_SECOND : TRACK_FINE;
}

static struct ident make_sid(struct rng *rng, bool video, Livekit__TrackSource source) {
    static const char letters[] = {[LIVEKIT__TRACK_SOURCE__CAMERA] = 'C',
                                   [LIVEKIT__TRACK_SOURCE__MICROPHONE] = 'M',
                                   [LIVEKIT__TRACK_SOURCE__SCREEN_SHARE] = 'S',
                                   [LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO] = 's'};
    bool known = (size_t)source < sizeof(letters);
    char prefix[8] = "TR_V";
    prefix[3] = video ? 'V' : 'A';
    prefix[4] = known ? letters[source] : '\0';
    return ident_make(rng, prefix);
}

/* The info lives in memory of its own: it is packed and read back. */
static enum status keep_info(struct track *t, const Livekit__TrackInfo *info, struct arena *work) {
    size_t size = protobuf_c_message_get_packed_size(&info->base);
    if (size > TRACK_INFO_BYTES_MAX) {
        return STATUS_EXHAUSTED;
    }
    uint8_t *bytes = arena_alloc(work, size + 1);
    if (!bytes) {
        return STATUS_NO_MEMORY;
    }
    ProtobufCMessage *message = NULL;
    size = protobuf_c_message_pack(&info->base, bytes);
    enum status s =
        proto_decode(&livekit__track_info__descriptor, slice_of(bytes, size), &t->memory, &message);
    if (s == STATUS_OK) {
        t->info = (Livekit__TrackInfo *)message;
    }
    return s;
}

/* "PA_...|TR_...": what subscribers read the publisher and the track from. */
static void make_stream_id(struct track *t) {
    struct slice a = ident_slice(&t->publisher_sid), b = ident_slice(&t->sid);
    char *text = arena_alloc(&t->memory, a.len + 1 + b.len + 1);
    if (text) {
        memcpy(text, a.data, a.len);
        text[a.len] = '|';
        memcpy(text + a.len + 1, b.data, b.len);
        text[a.len + 1 + b.len] = '\0';
        t->stream_id = slice_of(text, a.len + 1 + b.len);
    }
}

static void init_plain(struct track *t, const struct participant *publisher,
                       const Livekit__AddTrackRequest *r, struct rng *rng, uint64_t id) {
    arena_init(&t->memory, TRACK_MEMORY_BYTES_MAX);
    list_init(&t->subscriptions);
    list_node_init(&t->in_publisher);
    list_node_init(&t->in_room);
    list_node_init(&t->in_ends);
    list_node_init(&t->in_rises);
    list_node_init(&t->in_falls);
    t->video = r->type == LIVEKIT__TRACK_TYPE__VIDEO;
    t->sid = make_sid(rng, t->video, r->source);
    t->publisher_sid = publisher->sid;
    t->id = id;
    t->quality_told = LIVEKIT__VIDEO_QUALITY__HIGH;
}

enum status track_create(const struct participant *publisher, const Livekit__AddTrackRequest *r,
                         struct rng *rng, uint64_t id, struct arena *work,
                         struct track **ret_track) {
    struct track *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return STATUS_NO_MEMORY;
    }
    init_plain(t, publisher, r, rng, id);
    Livekit__TrackInfo info;
    track_info_of_request(r, &t->sid, work, &info);
    t->stereo = info.stereo;
    t->dtx = !info.disable_dtx;
    enum status s = work->failed ? STATUS_NO_MEMORY : keep_info(t, &info, work);
    if (s == STATUS_OK) {
        t->info->mid = t->mid;
        t->cid = arena_copy(&t->memory, text_of(r->cid));
        make_stream_id(t);
        s = t->memory.failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (s != STATUS_OK) {
        track_destroy(t);
        return s;
    }
    *ret_track = t;
    return STATUS_OK;
}

bool track_can_have_backup(const struct track *t) {
    return t->video && t->info->n_codecs > 1 && !t->is_backup &&
           !slice_eq(text_of(t->info->codecs[1]->mime_type), text_of(t->info->mime_type)) &&
           t->info->encryption == LIVEKIT__ENCRYPTION__TYPE__NONE;
}

bool track_has_backup(const struct track *t) {
    const struct track *b = t->backup;
    return b && b->state == TRACK_BOUND && b->has_receive && !list_node_linked(&b->in_ends);
}

void track_part(struct track *t) {
    if (t->backup) {
        t->backup->backs_up = NULL;
    }
    if (t->backs_up) {
        t->backs_up->backup = NULL;
    }
    t->backup = t->backs_up = NULL;
}

/* What the request says of the codec is not relied on: clients name the first one there. */
enum status track_create_backup(struct track *t, const Livekit__AddTrackRequest *r, struct rng *rng,
                                uint64_t id, struct arena *work, struct track **ret_track) {
    assert(track_can_have_backup(t) && !t->backup);
    Livekit__SimulcastCodec codec = LIVEKIT__SIMULCAST_CODEC__INIT, *codecs[] = {&codec};
    if (r->n_simulcast_codecs > 0) {
        codec = *r->simulcast_codecs[0];
    }
    codec.codec = t->info->codecs[1]->mime_type;
    codec.cid = r->cid;
    Livekit__AddTrackRequest second = *r;
    second.sid = NULL;
    second.type = LIVEKIT__TRACK_TYPE__VIDEO;
    second.simulcast_codecs = codecs;
    second.n_simulcast_codecs = 1;
    struct track *b = NULL;
    enum status s = track_create(t->publisher, &second, rng, id, work, &b);
    if (s != STATUS_OK) {
        return s;
    }
    b->is_backup = true;
    b->backs_up = t;
    t->backup = b;
    *ret_track = b;
    return STATUS_OK;
}

struct track *track_destroy(struct track *t) {
    if (t) {
        track_part(t);
        assert(list_empty(&t->subscriptions));
        assert(!list_node_linked(&t->in_publisher) && !list_node_linked(&t->in_room));
        assert(!list_node_linked(&t->in_ends) && !list_node_linked(&t->in_rises) &&
               !list_node_linked(&t->in_falls));
        arena_deinit(&t->memory);
        mem_free(t);
    }
    return NULL;
}

struct track *track_find(const struct participant *p, struct slice sid) {
    list_each (n, &p->tracks) {
        struct track *t = container_of(n, struct track, in_publisher);
        if (ident_equal(&t->sid, sid)) {
            return t;
        }
    }
    return NULL;
}

struct track *track_of_mid(const struct participant *p, struct slice mid) {
    list_each (n, &p->tracks) {
        struct track *t = container_of(n, struct track, in_publisher);
        bool stays = t->state != TRACK_PENDING && !list_node_linked(&t->in_ends);
        if (stays && slice_eq(slice_of(t->mid, t->mid_len), mid)) {
            return t;
        }
    }
    return NULL;
}

/* Clients may name a codec's own id where they name the track's elsewhere. */
static bool is_named(const struct track *t, struct slice msid_track) {
    if (msid_track.len == 0 || slice_eq(t->cid, msid_track)) {
        return msid_track.len > 0;
    }
    for (size_t i = 0; i < t->info->n_codecs; i++) {
        if (slice_eq(text_of(t->info->codecs[i]->cid), msid_track)) {
            return true;
        }
    }
    return false;
}

struct track *track_match(const struct participant *p, struct slice msid_track, bool video) {
    struct track *oldest = NULL;
    list_each (n, &p->tracks) {
        struct track *t = container_of(n, struct track, in_publisher);
        if (t->state != TRACK_PENDING || t->video != video || list_node_linked(&t->in_ends)) {
            continue;
        }
        if (is_named(t, msid_track)) {
            return t;
        }
        oldest = oldest ? oldest : t;
    }
    return oldest;
}
