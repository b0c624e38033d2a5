#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "mem.h"
#include "node_priv.h"

void kit_open(struct kit *k, void (*tune)(struct node_config *config)) {
    static const struct slice candidates[] = {
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7882 typ host\r\n", 47},
        {(const uint8_t *)"a=candidate:1 1 udp 1 127.0.0.1 7883 typ host\r\n", 47},
    };
    memset(k, 0, sizeof(*k));
    k->now = (struct dir_time){.wall_ms = 1700000000000, .mono_ms = 1000};
    k->config = (struct node_config){
        .random_key = {1, 2, 3},
        .cluster_key = {4, 5, 6},
        .region = SLICE_LIT("eu"),
        .version = SLICE_LIT("1.13.5"),
        .token_issuer = SLICE_LIT("devkey"),
        .candidates = candidates,
        .media_workers = 2,
        .auto_create = true,
        .empty_timeout_s = 300,
        .departure_timeout_s = 20,
        .room_name_bytes_max = 256,
        .identity_bytes_max = 256,
        .participant_name_bytes_max = 256,
        .metadata_bytes_max = 512 * 1024,
        .attributes_bytes_max = 64 * 1024,
        .rooms_max = 100000,
        .metrics = &k->metrics,
    };
    if (tune) {
        tune(&k->config);
    }
    arena_init(&k->arena, 256 << 20);
    effects_init(&k->fx);
    assert_int_equal(node_create(&k->config, k->now, &k->n), STATUS_OK);
}

void kit_check(const struct kit *k) {
    node_check(k->n);
}

void kit_close(struct kit *k) {
    node_check(k->n);
    node_destroy(k->n);
    effects_deinit(&k->fx);
    arena_deinit(&k->arena);
}

#ifdef STOA_MEM_FAULTS
/* Memory kept from earlier steps would hide what this one needs: it starts with none. */
static void drop_spare_memory(struct kit *k) {
    struct node *n = k->n;
    size_t text_max = n->text.bytes_max;
    effects_deinit(&k->fx);
    effects_init(&k->fx);
    arena_deinit(&n->work);
    arena_init(&n->work, STEP_BYTES_MAX);
    buf_deinit(&n->text);
    buf_init(&n->text, text_max);
}
#endif

enum status kit_step(struct kit *k, struct node_event *ev) {
    ev->time = k->now;
    effects_clear(&k->fx);
#ifdef STOA_MEM_FAULTS
    if (k->fail_from != 0) {
        drop_spare_memory(k);
        mem_fail_from(k->fail_from);
    }
#endif
    enum status s = node_step(k->n, ev, &k->fx);
#ifdef STOA_MEM_FAULTS
    mem_fail_never();
#endif
    assert_true(fx_ok(&k->fx));
    return s;
}

static void tick(struct kit *k) {
    struct node_event ev = {.kind = EV_TICK, .time = k->now};
    assert_int_equal(node_step(k->n, &ev, &k->fx), STATUS_OK);
}

size_t kit_settle(struct kit *k) {
    size_t ticks = 0;
    effects_clear(&k->fx);
    while (node_next_deadline_ms(k->n) <= k->now.mono_ms) {
        tick(k);
        ticks++;
        assert_true(ticks < 100000);
    }
    return ticks;
}

void kit_pass(struct kit *k, uint64_t ms) {
    uint64_t end = k->now.mono_ms + ms;
    effects_clear(&k->fx);
    for (;;) {
        uint64_t next = MAX(node_next_deadline_ms(k->n), k->now.mono_ms);
        if (next > end) {
            break;
        }
        k->now.wall_ms += next - k->now.mono_ms;
        k->now.mono_ms = next;
        tick(k);
    }
    k->now.wall_ms += end - k->now.mono_ms;
    k->now.mono_ms = end;
}

const struct claims *kit_create_claims(void) {
    static struct claims c;
    c = (struct claims){.has_video = true, .video = {.room_create = true}};
    return &c;
}

const struct claims *kit_list_claims(void) {
    static struct claims c;
    c = (struct claims){.has_video = true, .video = {.room_list = true}};
    return &c;
}

const struct claims *kit_admin_claims(const char *room) {
    static struct claims c;
    c = (struct claims){.has_video = true,
                        .video = {.room_admin = true, .room = slice_from_cstr(room)}};
    return &c;
}

struct claims kit_join_claims(const char *room, const char *identity) {
    return (struct claims){
        .has_video = true,
        .identity = slice_from_cstr(identity),
        .has_expires = true,
        .expires_s = 1700003600,
        .video = {.room_join = true, .room = slice_from_cstr(room)},
    };
}

struct answer kit_answer(const struct kit *k, enum effect_kind kind, uint64_t conn) {
    for (size_t i = 0; i < k->fx.count; i++) {
        const struct effect *e = &k->fx.items[i];
        if (e->kind == kind && e->conn == conn) {
            return (struct answer){e->http_status, e->body_is_json, e->bytes};
        }
    }
    return (struct answer){0};
}

struct answer kit_call_as(struct kit *k, enum api_op op, enum api_coding coding,
                          const struct claims *claims, const char *json) {
    enum { CONN = 7 };
    arena_reset(&k->arena);
    ProtobufCMessage *request = NULL;
    const struct api_method *method = api_method_at(op);
    assert_int_equal(proto_decode_json(method->request, slice_from_cstr(json), &k->arena, &request),
                     STATUS_OK);
    struct node_event ev = {.kind = EV_API, .conn = CONN, .claims = claims};
    ev.api.method = method;
    ev.api.coding = coding;
    ev.api.request = request;
    enum status s = kit_step(k, &ev);
    assert_true(s == STATUS_OK || (s == STATUS_NO_MEMORY && k->fail_from != 0));
    return kit_answer(k, FX_API_REPLY, CONN);
}

struct answer kit_call(struct kit *k, enum api_op op, const struct claims *claims,
                       const char *json) {
    return kit_call_as(k, op, API_JSON, claims, json);
}

const void *kit_read(struct kit *k, enum api_op op, struct answer a) {
    assert_int_equal(a.status, 200);
    ProtobufCMessage *message = NULL;
    assert_int_equal(proto_decode_as(a.is_json ? API_JSON : API_PROTOBUF,
                                     api_method_at(op)->response, a.body, &k->arena, &message),
                     STATUS_OK);
    return message;
}

void kit_assert_error(struct answer a, unsigned status, const char *body) {
    assert_true(a.is_json);
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(a.body));
    assert_string_equal(text, body);
    assert_int_equal(a.status, status);
}

void kit_create_room(struct kit *k, const char *json) {
    struct answer a = kit_call(k, API_CREATE_ROOM, kit_create_claims(), json);
    assert_int_equal(a.status, 200);
}

enum status kit_join(struct kit *k, const struct kit_join *j) {
    struct claims claims = j->claims ? *j->claims : kit_join_claims(j->room, j->identity);
    Livekit__ClientInfo client = LIVEKIT__CLIENT_INFO__INIT;
    client.protocol = j->protocol ? j->protocol : 17;
    client.client_protocol = 2;
    Livekit__SessionDescription offer = LIVEKIT__SESSION_DESCRIPTION__INIT;
    offer.type = (char[]){"offer"};
    offer.sdp = (char *)(uintptr_t)j->offer;
    offer.id = 1;
    Livekit__JoinRequest request = LIVEKIT__JOIN_REQUEST__INIT;
    request.client_info = &client;
    Livekit__ConnectionSettings settings = LIVEKIT__CONNECTION_SETTINGS__INIT;
    settings.auto_subscribe = j->auto_subscribe;
    settings.adaptive_stream = j->adaptive;
    settings.opt_auto_subscribe_data_track_case =
        LIVEKIT__CONNECTION_SETTINGS__OPT_AUTO_SUBSCRIBE_DATA_TRACK_AUTO_SUBSCRIBE_DATA_TRACK;
    settings.auto_subscribe_data_track = j->auto_data;
    request.connection_settings = &settings;
    Livekit__AddTrackRequest *tracks[] = {j->add};
    request.add_track_requests = tracks;
    request.n_add_track_requests = j->add ? 1 : 0;
    request.reconnect = j->reconnect;
    if (j->sid) {
        request.participant_sid = (char *)(uintptr_t)j->sid;
    }
    request.publisher_offer = j->offer ? &offer : NULL;
    if (j->metadata) {
        request.metadata = (char *)(uintptr_t)j->metadata;
    }
    struct node_event ev = {.kind = EV_JOIN, .conn = j->conn, .claims = &claims};
    ev.join.single_peer_connection = j->single;
    ev.join.client_gave_metadata_or_attributes = j->gave_metadata;
    ev.join.request = &request;
    ev.join.publish = j->publish ? slice_from_cstr(j->publish) : (struct slice){0};
    return kit_step(k, &ev);
}

uint64_t kit_enter(struct kit *k, uint64_t conn, const char *room, const char *identity) {
    assert_int_equal(
        kit_join(k, &(struct kit_join){.conn = conn, .room = room, .identity = identity}),
        STATUS_OK);
    assert_int_equal(kit_count(k, FX_UPGRADE), 1);
    const struct effect *open = kit_effect(k, FX_TRANSPORT_OPEN, 0);
    assert_non_null(open);
    assert_true(open->transport.opens_channels);
    return open->transport.id;
}

/* Facts are taken even when memory for what follows from them is not there yet. */
static void transport(struct kit *k, enum node_event_kind kind, uint64_t id) {
    struct node_event ev = {.kind = kind, .transport = {.id = id, .reason = STATUS_TIMEOUT}};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

void kit_up(struct kit *k, uint64_t id) {
    transport(k, EV_TRANSPORT_UP, id);
}

void kit_silent(struct kit *k, uint64_t id) {
    transport(k, EV_TRANSPORT_SILENT, id);
}

void kit_lost(struct kit *k, uint64_t id) {
    transport(k, EV_TRANSPORT_LOST, id);
}

void kit_closed(struct kit *k, uint64_t conn) {
    struct node_event ev = {.kind = EV_SIGNAL_CLOSED, .conn = conn};
    assert_int_equal(kit_step(k, &ev), STATUS_OK);
}

void kit_signal(struct kit *k, uint64_t conn, const Livekit__SignalRequest *request) {
    assert_int_equal(kit_try_signal(k, conn, request), STATUS_OK);
}

enum status kit_try_signal(struct kit *k, uint64_t conn, const Livekit__SignalRequest *request) {
    struct node_event ev = {.kind = EV_SIGNAL, .conn = conn, .signal = request};
    enum status s = kit_step(k, &ev);
    assert_true(s == STATUS_OK || (s == STATUS_NO_MEMORY && k->fail_from != 0));
    return s;
}

size_t kit_count(const struct kit *k, enum effect_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < k->fx.count; i++) {
        count += k->fx.items[i].kind == kind;
    }
    return count;
}

const struct effect *kit_effect(const struct kit *k, enum effect_kind kind, size_t nth) {
    for (size_t i = 0; i < k->fx.count; i++) {
        if (k->fx.items[i].kind == kind && nth-- == 0) {
            return &k->fx.items[i];
        }
    }
    return NULL;
}

size_t kit_notes(const struct kit *k, enum note_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < k->fx.count; i++) {
        count += k->fx.items[i].kind == FX_NOTE && k->fx.items[i].note.kind == kind;
    }
    return count;
}

const struct fx_note *kit_note(const struct kit *k, enum note_kind kind) {
    for (size_t i = 0; i < k->fx.count; i++) {
        if (k->fx.items[i].kind == FX_NOTE && k->fx.items[i].note.kind == kind) {
            return &k->fx.items[i].note;
        }
    }
    return NULL;
}

static bool goes_to(const struct effect *e, uint64_t conn) {
    for (size_t i = 0; i < e->conns_count; i++) {
        if (e->conns[i] == conn) {
            return true;
        }
    }
    return e->conn == conn && conn != 0;
}

static const Livekit__SignalResponse *decode(struct kit *k, const struct effect *e) {
    ProtobufCMessage *message = NULL;
    assert_int_equal(
        proto_decode(&livekit__signal_response__descriptor, e->bytes, &k->arena, &message),
        STATUS_OK);
    return (const void *)message;
}

const Livekit__SignalResponse *kit_told(struct kit *k, uint64_t conn,
                                        Livekit__SignalResponse__MessageCase kind, size_t nth) {
    for (size_t i = 0; i < k->fx.count; i++) {
        const struct effect *e = &k->fx.items[i];
        if (e->kind == FX_SIGNAL && goes_to(e, conn)) {
            const Livekit__SignalResponse *r = decode(k, e);
            if (r->message_case == kind && nth-- == 0) {
                return r;
            }
        }
    }
    return NULL;
}

static void put_update(struct buf *out, const Livekit__ParticipantUpdate *update) {
    static const char *const states[] = {"JOINING", "JOINED", "ACTIVE", "DISCONNECTED"};
    buf_put_cstr(out, "update");
    for (size_t i = 0; i < update->n_participants; i++) {
        const Livekit__ParticipantInfo *p = update->participants[i];
        buf_printf(out, ":%s=%s", p->identity, states[p->state]);
        for (size_t t = 0; t < p->n_tracks; t++) {
            buf_put_u8(out, p->tracks[t]->muted ? '~' : '+');
        }
    }
}

static void put_signal(struct kit *k, struct buf *out, const struct effect *e) {
    const Livekit__SignalResponse *r = decode(k, e);
    switch (r->message_case) {
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_JOIN: buf_put_cstr(out, "join"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER: buf_put_cstr(out, "offer"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER: buf_put_cstr(out, "answer"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG: buf_put_cstr(out, "pong"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_PONG_RESP: buf_put_cstr(out, "pong_resp"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ROOM_UPDATE: buf_put_cstr(out, "room"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_UPDATE: put_update(out, r->update); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_LEAVE:
        buf_printf(out, "leave:%d/%d", (int)r->leave->reason, (int)r->leave->action);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REQUEST_RESPONSE:
        buf_printf(out, "response:%d", (int)r->request_response->reason);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_PUBLISHED: buf_put_cstr(out, "published"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_UNPUBLISHED:
        buf_put_cstr(out, "unpublished");
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_TRACK_SUBSCRIBED: buf_put_cstr(out, "subscribed"); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MUTE: buf_printf(out, "mute:%d", r->mute->muted); break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT:
        buf_printf(out, "require:%u/%u", r->media_sections_requirement->num_audios,
                   r->media_sections_requirement->num_videos);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_PERMISSION_UPDATE:
        buf_printf(out, "allowed:%d", r->subscription_permission_update->allowed);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SUBSCRIPTION_RESPONSE:
        buf_printf(out, "subscription:%d", (int)r->subscription_response->err);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_SPEAKERS_CHANGED:
        buf_printf(out, "speaker:%.3f", (double)r->speakers_changed->speakers[0]->level);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_CONNECTION_QUALITY:
        buf_printf(out, "quality:%d", (int)r->connection_quality->updates[0]->quality);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STREAM_STATE_UPDATE:
        buf_printf(out, "stream:%d", (int)r->stream_state_update->stream_states[0]->state);
        break;
    case LIVEKIT__SIGNAL_RESPONSE__MESSAGE_RECONNECT: buf_put_cstr(out, "reconnect"); break;
    default: buf_printf(out, "case%d", (int)r->message_case); break;
    }
}

const char *kit_story(struct kit *k, uint64_t conn) {
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < k->fx.count; i++) {
        const struct effect *e = &k->fx.items[i];
        bool told = e->kind == FX_SIGNAL || e->kind == FX_UPGRADE || e->kind == FX_REFRESH_TOKEN ||
                    e->kind == FX_CLOSE_SIGNAL;
        if (!told || !goes_to(e, conn)) {
            continue;
        }
        if (out.len > 0) {
            buf_put_u8(&out, ' ');
        }
        switch (e->kind) {
        case FX_UPGRADE: buf_put_cstr(&out, "101"); break;
        case FX_REFRESH_TOKEN: buf_put_cstr(&out, "token"); break;
        case FX_CLOSE_SIGNAL: buf_printf(&out, "close:%u", e->ws_code); break;
        default: put_signal(k, &out, e); break;
        }
    }
    char *text = arena_cstr(&k->arena, buf_slice(&out));
    buf_deinit(&out);
    assert_non_null(text);
    return text;
}

const char *kit_sdp(struct kit *k, const char *name) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", SDP_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = arena_zalloc(&k->arena, 64 * 1024);
    assert_non_null(text);
    size_t len = fread(text, 1, 64 * 1024 - 1, f);
    assert_true(len > 0);
    fclose(f);
    return text;
}
