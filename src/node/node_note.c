#include <stdio.h>
#include <string.h>

#include "node_priv.h"
#include "track.h"

#include "livekit_webhook.pb-c.h"

/* What happened, told to the log and, ready to be signed, to receivers of webhooks. A body is made
 * as well as memory allows: news that cannot be written down is counted and does not hold up what
 * it tells of. */

static const char *const NAMES[] = {
    [NOTE_ROOM_STARTED] = "room_started",
    [NOTE_ROOM_FINISHED] = "room_finished",
    [NOTE_PARTICIPANT_JOINED] = "participant_joined",
    [NOTE_PARTICIPANT_LEFT] = "participant_left",
    [NOTE_PARTICIPANT_CONNECTION_ABORTED] = "participant_connection_aborted",
    [NOTE_TRACK_PUBLISHED] = "track_published",
    [NOTE_TRACK_UNPUBLISHED] = "track_unpublished",
};

const char *note_name(enum note_kind kind) {
    assert(kind < ARRAY_LEN(NAMES));
    return NAMES[kind];
}

/* The same for the same happening, whichever node tells of it and how often: each of these happens
 * once to a sid. Not to be guessed, so that nobody can fill a receiver's memory of ids ahead. */
static struct ident id_of(const struct node *n, enum note_kind kind, const struct ident *room_sid,
                          const struct ident *participant_sid, uint64_t since_ms) {
    struct hash_key key;
    static_assert(sizeof(key) == sizeof(n->config.cluster_key), "the key of all nodes");
    memcpy(&key, n->config.cluster_key, sizeof(key));
    struct {
        char what[32];
        struct ident room, participant;
        uint64_t since_ms;
    } fact = {.room = *room_sid, .since_ms = since_ms};
    static_assert(sizeof(fact) == 32 + 2 * sizeof(struct ident) + 8, "no padding is hashed");
    snprintf(fact.what, sizeof(fact.what), "%s", NAMES[kind]);
    if (participant_sid) {
        fact.participant = *participant_sid;
    }
    struct hash128 h = hash128(&key, slice_of(&fact, sizeof(fact)));
    return ident_from_bits("EV_", h.lo, h.hi);
}

/* Without memory for it the note has no body, and the step goes on as if none were wanted. */
static struct slice body_of(struct node *n, struct effects *fx, const struct fx_note *note,
                            Livekit__Room *room, Livekit__ParticipantInfo *participant,
                            Livekit__TrackInfo *track) {
    Livekit__WebhookEvent event = LIVEKIT__WEBHOOK_EVENT__INIT;
    event.event = (char *)(uintptr_t)note_name(note->kind);
    event.room = room;
    event.participant = participant;
    event.track = track;
    event.id = (char *)(uintptr_t)note->id.text;
    event.created_at = (int64_t)note->created_s;
    struct buf *text = &n->text;
    buf_clear(text);
    if (!n->work.failed) { /* else the messages have holes */
        proto_encode_json(&event.base, JSON_COMPACT, text);
    }
    struct slice body = text->failed ? (struct slice){0} : arena_copy(&fx->arena, buf_slice(text));
    if (body.len == 0) {
        metric_inc(&n->config.metrics->notes_without_body);
        n->work.failed = fx->arena.failed = false;
    }
    return body;
}

static void put(struct node *n, struct effects *fx, struct fx_note *note, Livekit__Room *room,
                Livekit__ParticipantInfo *participant) {
    note->created_s = n->now.wall_ms / 1000;
    if (room) {
        note->body = body_of(n, fx, note, room, participant, NULL);
    }
    fx_add(fx, FX_NOTE)->note = *note;
}

void node_note_room(struct node *n, struct effects *fx, enum note_kind kind,
                    const struct dir_room *room) {
    struct fx_note note = {
        .kind = kind,
        .room_name = fx_copy(fx, room->name),
        .room_sid = room->sid,
    };
    static const struct room_counts nobody = {0};
    Livekit__Room message;
    bool wanted = n->config.webhooks && node_ok(n, fx);
    if (wanted) {
        note.id = id_of(n, kind, &room->sid, NULL, room->created_ms);
        node_fill_room(n, room, &nobody, &message);
    }
    put(n, fx, &note, wanted ? &message : NULL, NULL);
}

/* As callers see it, or as it was when it closed. */
static void fill_host_room(struct node *n, const struct host *h, const struct room_counts *counts,
                           Livekit__Room *ret_message) {
    struct dir_room view;
    ProtobufCMessage *last = NULL;
    if (!h->closing && dir_room_find(n->dir, text_slice(&h->room.name), &view) == STATUS_OK) {
        node_fill_room(n, &view, counts, ret_message);
        return;
    }
    if (h->last.len > 0 && proto_decode(&livekit__room__descriptor, buf_slice(&h->last), &n->work,
                                        &last) == STATUS_OK) {
        *ret_message = *(const Livekit__Room *)last;
    } else {
        livekit__room__init(ret_message);
        ret_message->name = text_cstr(&h->room.name);
        ret_message->sid = (char *)(uintptr_t)h->sid.text;
    }
    ret_message->num_participants = counts->participants;
    ret_message->num_publishers = counts->publishers;
    ret_message->active_recording = counts->recorders > 0;
}

static struct fx_note about(struct effects *fx, enum note_kind kind, const struct host *h,
                            const struct participant *p) {
    return (struct fx_note){
        .kind = kind,
        .room_name = fx_copy(fx, text_slice(&h->room.name)),
        .room_sid = h->sid,
        .identity = fx_copy(fx, participant_identity(p)),
        .participant_sid = p->sid,
    };
}

void node_note_participant(struct node *n, struct effects *fx, enum note_kind kind,
                           const struct host *h, const struct participant *p,
                           const struct profile *as, const struct room_counts *counts) {
    struct fx_note note = about(fx, kind, h, p);
    note.disconnect_reason = as->disconnect_reason;
    Livekit__Room room;
    Livekit__ParticipantInfo info;
    bool wanted = n->config.webhooks && node_ok(n, fx);
    if (wanted) {
        note.id = id_of(n, kind, &h->sid, &p->sid, p->joined_at_ms);
        fill_host_room(n, h, counts, &room);
        participant_fill(p, as, &n->work, &info);
    }
    put(n, fx, &note, wanted ? &room : NULL, wanted ? &info : NULL);
}

/* Of room and participant no more than who they are. */
void node_note_track(struct node *n, struct effects *fx, enum note_kind kind, const struct host *h,
                     const struct participant *p, const struct track *t) {
    struct fx_note note = about(fx, kind, h, p);
    note.track_sid = t->sid;
    note.created_s = n->now.wall_ms / 1000;
    if (n->config.webhooks && node_ok(n, fx)) {
        Livekit__Room room = LIVEKIT__ROOM__INIT;
        Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
        room.sid = (char *)(uintptr_t)h->sid.text;
        room.name = text_cstr(&h->room.name);
        info.sid = (char *)(uintptr_t)p->sid.text;
        info.identity = text_cstr(&p->identity);
        note.id = id_of(n, kind, &h->sid, &t->sid, p->joined_at_ms);
        note.body = body_of(n, fx, &note, &room, &info, t->info);
    }
    fx_add(fx, FX_NOTE)->note = note;
}

void node_note_closed(struct node *n, struct effects *fx, const struct host *h) {
    struct fx_note note = {
        .kind = NOTE_ROOM_FINISHED,
        .room_name = fx_copy(fx, text_slice(&h->room.name)),
        .room_sid = h->sid,
    };
    Livekit__Room room;
    bool wanted = n->config.webhooks && node_ok(n, fx);
    if (wanted) {
        note.id = id_of(n, NOTE_ROOM_FINISHED, &h->sid, NULL, h->created_ms);
        fill_host_room(n, h, &h->room.counts, &room);
    }
    put(n, fx, &note, wanted ? &room : NULL, NULL);
}

void host_keep(struct node *n, struct host *h, const struct dir_room *room) {
    if (!n->config.webhooks || h->last.len > 0) {
        return;
    }
    bool was_failed = n->work.failed;
    Livekit__Room message;
    node_fill_room(n, room, &h->room.counts, &message);
    size_t size = protobuf_c_message_get_packed_size(&message.base);
    if (!n->work.failed && buf_reserve(&h->last, size)) {
        h->last.len = protobuf_c_message_pack(&message.base, h->last.data);
    }
    n->work.failed = was_failed; /* without memory its last news names the room and no more */
}
