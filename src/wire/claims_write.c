#include "claims_priv.h"
#include "json.h"

/* An object being written: knows whether a comma is due. */
struct members {
    struct buf *out; /* borrowed */
    bool any;
};

static void members_begin(struct members *m, struct buf *out) {
    *m = (struct members){.out = out};
    buf_put_u8(out, '{');
}

static void members_end(struct members *m) {
    buf_put_u8(m->out, '}');
}

static void put_key(struct members *m, struct slice name) {
    if (m->any) {
        buf_put_u8(m->out, ',');
    }
    m->any = true;
    json_put_string(m->out, name);
    buf_put_u8(m->out, ':');
}

static void put_text(struct members *m, const char *name, struct slice text) {
    if (text.len > 0) {
        put_key(m, slice_from_cstr(name));
        json_put_string(m->out, text);
    }
}

static void put_flag(struct members *m, const char *name, bool flag) {
    if (flag) {
        put_key(m, slice_from_cstr(name));
        buf_put_cstr(m->out, "true");
    }
}

static void put_tristate(struct members *m, const char *name, enum tristate state) {
    if (state != TRI_ABSENT) {
        put_key(m, slice_from_cstr(name));
        buf_put_cstr(m->out, state == TRI_TRUE ? "true" : "false");
    }
}

static void put_time(struct members *m, const char *name, bool has, double seconds) {
    if (has) {
        put_key(m, slice_from_cstr(name));
        json_put_double(m->out, seconds, false);
    }
}

static void put_words(struct members *m, const char *name, const struct claim_word *words,
                      size_t count, uint32_t bits) {
    if (bits == 0) {
        return;
    }
    put_key(m, slice_from_cstr(name));
    buf_put_u8(m->out, '[');
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if ((bits & BIT(words[i].value)) != 0) {
            buf_put_cstr(m->out, any ? "," : "");
            any = true;
            json_put_string(m->out, slice_from_cstr(words[i].name));
        }
    }
    buf_put_u8(m->out, ']');
}

static void put_kind(struct members *m, enum participant_kind kind) {
    for (size_t i = 0; i < CLAIM_KINDS; i++) {
        if (kind != KIND_STANDARD && claim_kinds[i].value == kind) {
            put_text(m, "kind", slice_from_cstr(claim_kinds[i].name));
        }
    }
}

static void put_attributes(struct members *m, const struct claims *c) {
    if (c->attributes_count == 0) {
        return;
    }
    put_key(m, SLICE_LIT("attributes"));
    struct members pairs;
    members_begin(&pairs, m->out);
    for (size_t i = 0; i < c->attributes_count; i++) {
        put_key(&pairs, c->attributes[i].key);
        json_put_string(m->out, c->attributes[i].value);
    }
    members_end(&pairs);
}

static void put_video(struct members *m, const struct video_grant *g) {
    put_key(m, SLICE_LIT("video"));
    struct members v;
    members_begin(&v, m->out);
    put_flag(&v, "roomCreate", g->room_create);
    put_flag(&v, "roomList", g->room_list);
    put_flag(&v, "roomRecord", g->room_record);
    put_flag(&v, "roomAdmin", g->room_admin);
    put_flag(&v, "roomJoin", g->room_join);
    put_text(&v, "room", g->room);
    put_text(&v, "destinationRoom", g->destination_room);
    put_flag(&v, "ingressAdmin", g->ingress_admin);
    put_tristate(&v, "canPublish", g->can_publish);
    put_tristate(&v, "canSubscribe", g->can_subscribe);
    put_tristate(&v, "canPublishData", g->can_publish_data);
    if (g->can_publish_sources_count > 0) {
        put_words(&v, "canPublishSources", claim_sources, CLAIM_SOURCES, g->can_publish_sources);
    }
    put_tristate(&v, "canUpdateOwnMetadata", g->can_update_own_metadata);
    put_flag(&v, "hidden", g->hidden);
    put_flag(&v, "recorder", g->recorder);
    put_flag(&v, "agent", g->agent);
    put_tristate(&v, "canSubscribeMetrics", g->can_subscribe_metrics);
    put_tristate(&v, "canManageAgentSession", g->can_manage_agent_session);
    members_end(&v);
}

static void put_sip(struct members *m, const struct claims *c) {
    if (!c->sip_admin && !c->sip_call) {
        return;
    }
    put_key(m, SLICE_LIT("sip"));
    struct members s;
    members_begin(&s, m->out);
    put_flag(&s, "admin", c->sip_admin);
    put_flag(&s, "call", c->sip_call);
    members_end(&s);
}

void claims_write(struct buf *out, const struct claims *c) {
    struct members m;
    members_begin(&m, out);
    put_text(&m, "iss", c->issuer);
    put_text(&m, "sub", c->identity);
    put_time(&m, "nbf", c->has_not_before, c->not_before_s);
    put_time(&m, "exp", c->has_expires, c->expires_s);
    put_text(&m, "name", c->name);
    put_text(&m, "metadata", c->metadata);
    put_attributes(&m, c);
    put_kind(&m, c->kind);
    put_words(&m, "kindDetails", claim_kind_details, CLAIM_KIND_DETAILS, c->kind_details);
    if (c->has_video) {
        put_video(&m, &c->video);
    }
    put_sip(&m, c);
    put_text(&m, "roomPreset", c->room_preset);
    if (c->room_config.len > 0) { /* was JSON when it was read */
        put_key(&m, SLICE_LIT("roomConfig"));
        buf_put(out, c->room_config);
    }
    put_text(&m, "sha256", c->sha256);
    members_end(&m);
}
