#include "track_wait.h"

#include "mem.h"
#include "track.h"

struct track_wait {
    struct list_node node;
    struct slice cid; /* in bytes */
    size_t len;
    uint8_t bytes[]; /* cid, then the packed request */
};

static struct track_wait *wait_of(struct list_node *n) {
    return container_of(n, struct track_wait, node);
}

static struct slice cid_of(const Livekit__AddTrackRequest *r) {
    return r->cid ? slice_from_cstr(r->cid) : (struct slice){0};
}

enum status track_wait_add(struct participant *p, const Livekit__AddTrackRequest *r) {
    struct slice cid = cid_of(r);
    size_t same = 0, size = protobuf_c_message_get_packed_size(&r->base);
    list_each (n, &p->waiting) {
        same += slice_eq(wait_of(n)->cid, cid);
    }
    if (same >= TRACKS_QUEUED_MAX || p->waiting.count >= TRACKS_PENDING_MAX ||
        size > TRACK_INFO_BYTES_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct track_wait *w = mem_alloc(sizeof(*w) + cid.len + size);
    if (!w) {
        return STATUS_NO_MEMORY;
    }
    *w = (struct track_wait){.cid = slice_of(w->bytes, cid.len), .len = size};
    for (size_t i = 0; i < cid.len; i++) {
        w->bytes[i] = cid.data[i];
    }
    protobuf_c_message_pack(&r->base, w->bytes + cid.len);
    list_node_init(&w->node);
    list_push_back(&p->waiting, &w->node);
    return STATUS_OK;
}

static bool is_taken(const struct participant *p, struct slice cid) {
    list_each (n, &p->tracks) {
        if (slice_eq(container_of(n, struct track, in_publisher)->cid, cid)) {
            return true;
        }
    }
    return false;
}

struct track_wait *track_wait_next(const struct participant *p) {
    list_each (n, &p->waiting) {
        if (!is_taken(p, wait_of(n)->cid)) {
            return wait_of(n);
        }
    }
    return NULL;
}

enum status track_wait_read(const struct track_wait *w, struct arena *arena,
                            Livekit__AddTrackRequest **ret_request) {
    ProtobufCMessage *message = NULL;
    enum status s = proto_decode(&livekit__add_track_request__descriptor,
                                 slice_of(w->bytes + w->cid.len, w->len), arena, &message);
    if (s == STATUS_OK) {
        *ret_request = (Livekit__AddTrackRequest *)message;
    }
    return s;
}

void track_wait_drop(struct participant *p, struct track_wait *w) {
    list_remove(&p->waiting, &w->node);
    mem_free(w);
}

void track_waits_drop(struct participant *p) {
    while (!list_empty(&p->waiting)) {
        track_wait_drop(p, wait_of(list_first(&p->waiting)));
    }
}
