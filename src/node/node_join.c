#include <string.h>

#include "node_join.h"

static const struct slice NO_PERMISSION = {(const uint8_t *)"no permissions to access the room",
                                           33};

static struct refusal refuse(uint16_t status, struct slice text) {
    return (struct refusal){.http_status = status, .text = text};
}

static struct refusal refuse_length(struct effects *fx, const char *what, uint32_t max) {
    struct buf text;
    buf_init(&text, 128);
    buf_printf(&text, "%s length exceeds limits: max length %u", what, max);
    struct refusal r = refuse(400, fx_copy(fx, buf_slice(&text)));
    fx->failed = fx->failed || text.failed;
    buf_deinit(&text);
    return r;
}

static bool too_long(struct slice s, uint32_t max) {
    return max != 0 && s.len > max;
}

/* The older way to publish over a second connection: "<identity>#<publish>". */
static struct slice joined_identity(struct node *n, const struct node_event *ev) {
    struct slice identity = ev->claims->identity, publish = ev->join.publish;
    if (publish.len == 0) {
        return identity;
    }
    size_t len = identity.len + 1 + publish.len;
    char *text = arena_alloc(&n->work, len);
    if (!text) {
        return identity;
    }
    if (identity.len > 0) {
        memcpy(text, identity.data, identity.len);
    }
    text[identity.len] = '#';
    memcpy(text + identity.len + 1, publish.data, publish.len);
    return slice_of(text, len);
}

/* Grants and names, in the order in which clients know the refusals (room-api 6.5). */
static struct refusal check_token(struct node *n, const struct node_event *ev, struct effects *fx) {
    const struct claims *c = ev->claims;
    const struct node_config *config = &n->config;
    if (!c || !c->has_video) {
        return refuse(401, NO_PERMISSION);
    }
    if (!c->video.room_join) {
        return refuse(401, SLICE_LIT("permissions denied"));
    }
    if (c->identity.len == 0) {
        return refuse(400, SLICE_LIT("identity cannot be empty"));
    }
    if (too_long(c->identity, config->identity_bytes_max)) {
        return refuse_length(fx, "participant identity", config->identity_bytes_max);
    }
    if (c->video.room.len == 0) {
        return refuse(400, SLICE_LIT("no room name"));
    }
    if (too_long(c->video.room, config->room_name_bytes_max)) {
        return refuse_length(fx, "room name", config->room_name_bytes_max);
    }
    if (ev->join.publish.len > 0 && !grant_can_publish(&c->video)) {
        return refuse(401, NO_PERMISSION);
    }
    return (struct refusal){0};
}

static struct refusal check_place(struct node *n, const struct node_event *ev) {
    const struct video_grant *grant = &ev->claims->video;
    struct dir_room room;
    bool lives = dir_room_find(n->dir, grant->room, &room) == STATUS_OK;
    if (!lives && !n->config.auto_create && !grant->room_create) {
        return refuse(404, SLICE_LIT("requested room does not exist"));
    }
    if (n->stopping || (n->draining && !lives)) {
        return refuse(503, SLICE_LIT("node is shutting down"));
    }
    if (n->sessions.count >= SESSIONS_MAX) {
        return refuse(503, SLICE_LIT("node has exceeded its configured limit"));
    }
    if (ev->join.client_gave_metadata_or_attributes && grant->can_update_own_metadata != TRI_TRUE) {
        return refuse(401, NO_PERMISSION);
    }
    return (struct refusal){0};
}

static struct refusal check(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct refusal r = check_token(n, ev, fx);
    return r.http_status != 0 ? r : check_place(n, ev);
}

static void reply(const struct node_event *ev, struct refusal r, struct effects *fx) {
    fx_text(fx, ev->conn, r.http_status, r.text);
}

enum status node_validate(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct refusal r = check(n, ev, fx);
    if (r.http_status == 0) {
        r = refuse(200, SLICE_LIT("success"));
    }
    reply(ev, r, fx);
    return node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The session is not there: the client is told, as its first message, to start anew. */
static void refuse_resume(const struct node_event *ev, struct effects *fx) {
    enum { NEWEST_PROTOCOL = 17 };
    const Livekit__ClientInfo *client = ev->join.request->client_info;
    struct ending ending = {
        .reason = LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
        .action = LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT,
    };
    fx_add(fx, FX_UPGRADE)->conn = ev->conn;
    node_tell_leave(fx, ev->conn, client ? client->protocol : NEWEST_PROTOCOL, &ending);
    fx_close(fx, ev->conn, 1000);
}

enum status node_join(struct node *n, const struct node_event *ev, struct effects *fx) {
    struct refusal r = check(n, ev, fx);
    bool resumes = r.http_status == 0 && ev->join.request->reconnect;
    struct session *mine = resumes ? session_to_resume(n, ev, joined_identity(n, ev)) : NULL;
    if (mine) {
        return session_resume(n, mine, ev, fx);
    }
    uint64_t home = 0;
    if (r.http_status == 0 && !ev->join.here && cluster_relays(n, ev->claims->video.room, &home)) {
        struct effect *e = fx_add(fx, FX_RELAY);
        e->conn = ev->conn;
        e->peer = home;
        return node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (resumes) {
        refuse_resume(ev, fx);
        return node_ok(n, fx) ? STATUS_OK : STATUS_NO_MEMORY;
    }
    enum status s = STATUS_OK;
    if (r.http_status == 0) {
        s = node_admit(n, ev, joined_identity(n, ev), fx, &r);
    }
    if (s == STATUS_OK && r.http_status != 0) {
        reply(ev, r, fx);
    }
    return s == STATUS_OK && !node_ok(n, fx) ? STATUS_NO_MEMORY : s;
}
