#include "node_extra.h"

static const char TAG_SOLO[] = "stoa.solo_timeout";
static const char TAG_DURATION[] = "stoa.max_duration";

static struct open_refusal refuse(enum twirp_code code, struct slice msg) {
    return (struct open_refusal){.refused = true, .code = code, .msg = msg};
}

static struct dir_settings default_settings(const struct node *n) {
    const struct node_config *c = &n->config;
    return (struct dir_settings){
        .empty_timeout_s = c->empty_timeout_s,
        .departure_timeout_s = c->departure_timeout_s,
        .max_participants = c->max_participants,
        .solo_timeout_s = c->solo_timeout_s,
        .max_duration_s = c->max_duration_s,
    };
}

/* False: not a number of seconds. */
static bool read_tag(const struct attribute *tag, const char *name, uint32_t *seconds) {
    uint64_t value;
    if (!slice_eq_cstr(tag->key, name)) {
        return true;
    }
    if (!slice_to_u64(tag->value, &value) || value > UINT32_MAX) {
        return false;
    }
    *seconds = (uint32_t)value;
    return true;
}

static bool apply_wish(const struct room_wish *w, struct dir_settings *s) {
    s->empty_timeout_s = w->empty_timeout_s ? w->empty_timeout_s : s->empty_timeout_s;
    s->departure_timeout_s =
        w->departure_timeout_s ? w->departure_timeout_s : s->departure_timeout_s;
    s->max_participants = w->max_participants ? w->max_participants : s->max_participants;
    s->min_playout_delay_ms = w->min_playout_delay_ms;
    s->max_playout_delay_ms = w->max_playout_delay_ms;
    s->sync_streams = w->sync_streams;
    for (size_t i = 0; i < w->tags_count; i++) {
        if (!read_tag(&w->tags[i], TAG_SOLO, &s->solo_timeout_s) ||
            !read_tag(&w->tags[i], TAG_DURATION, &s->max_duration_s)) {
            return false;
        }
    }
    return true;
}

static const struct node_preset *find_preset(const struct node *n, struct slice name) {
    for (size_t i = 0; i < n->config.room_presets_count; i++) {
        if (slice_eq(n->config.room_presets[i].name, name)) {
            return &n->config.room_presets[i];
        }
    }
    return NULL;
}

static void take_agents(struct node *n, const struct node_preset *p, struct room_wish *w) {
    Livekit__RoomAgentDispatch *agents = arena_alloc(&n->work, p->agents_count * sizeof(*agents));
    w->agents = arena_alloc(&n->work, p->agents_count * sizeof(*w->agents));
    for (size_t i = 0; agents && w->agents && i < p->agents_count; i++) {
        livekit__room_agent_dispatch__init(&agents[i]);
        agents[i].agent_name = node_cstr(n, p->agents[i]);
        w->agents[i] = &agents[i];
        w->agents_count = i + 1;
    }
}

/* The preset's tags, then the wish's over them: of a key, the last one counts. */
static void take_tags(struct node *n, const struct node_preset *p, struct room_wish *w) {
    size_t count = p->tags_count + w->tags_count;
    struct attribute *tags = arena_alloc(&n->work, count * sizeof(*tags));
    for (size_t i = 0; tags && i < count; i++) {
        tags[i] = i < p->tags_count ? p->tags[i] : w->tags[i - p->tags_count];
    }
    w->tags = tags;
    w->tags_count = tags ? count : 0;
}

/* What the wish leaves open, the preset says. */
static void apply_preset(struct node *n, const struct node_preset *p, struct room_wish *w) {
    w->metadata = w->metadata.len > 0 ? w->metadata : p->metadata;
    w->empty_timeout_s = w->empty_timeout_s ? w->empty_timeout_s : p->empty_timeout_s;
    w->departure_timeout_s =
        w->departure_timeout_s ? w->departure_timeout_s : p->departure_timeout_s;
    w->max_participants = w->max_participants ? w->max_participants : p->max_participants;
    if (w->min_playout_delay_ms == 0 && w->max_playout_delay_ms == 0) { /* they go together */
        w->min_playout_delay_ms = p->min_playout_delay_ms;
        w->max_playout_delay_ms = p->max_playout_delay_ms;
    }
    w->sync_streams = w->sync_streams || p->sync_streams;
    if (w->agents_count == 0 && p->agents_count > 0) {
        take_agents(n, p, w);
    }
    if (p->tags_count > 0) {
        take_tags(n, p, w);
    }
}

static bool wishes_settings(const struct room_wish *w) {
    return w->empty_timeout_s || w->departure_timeout_s || w->max_participants ||
           w->min_playout_delay_ms || w->max_playout_delay_ms || w->sync_streams ||
           w->agents_count > 0 || w->tags_count > 0;
}

static struct open_refusal refusal_of(enum status s) {
    switch (s) {
    case STATUS_EXHAUSTED:
        return refuse(TWIRP_RESOURCE_EXHAUSTED, SLICE_LIT("reached configured limit for node"));
    case STATUS_TOO_LARGE:
        return refuse(TWIRP_INVALID_ARGUMENT, SLICE_LIT("room settings exceed limits"));
    case STATUS_INVALID:
        return refuse(TWIRP_INVALID_ARGUMENT, SLICE_LIT("room name is not usable"));
    default: return refuse(TWIRP_INTERNAL, slice_from_cstr(status_name(s)));
    }
}

/* The record that the wish asks for; refusals are those of a room that does not live yet. */
static enum status prepare(struct node *n, const struct room_wish *asked,
                           struct dir_settings *settings, struct dir_create *given,
                           struct open_refusal *ret_refusal) {
    struct room_wish wish = *asked;
    const struct node_preset *preset = find_preset(n, wish.preset);
    if (n->draining) {
        *ret_refusal = refuse(TWIRP_UNAVAILABLE, SLICE_LIT("node is shutting down"));
        return STATUS_OK;
    }
    if (wish.preset.len > 0 && !preset) {
        *ret_refusal = refuse(TWIRP_INVALID_ARGUMENT,
                              SLICE_LIT("unknown room configuration in create room request"));
        return STATUS_OK;
    }
    if (wish.preset.len > 0) {
        apply_preset(n, preset, &wish);
    }
    *settings = default_settings(n);
    if (!apply_wish(&wish, settings)) {
        *ret_refusal =
            refuse(TWIRP_INVALID_ARGUMENT, SLICE_LIT("tag value is not a whole number of seconds"));
        return STATUS_OK;
    }
    *given = (struct dir_create){
        .settings = wishes_settings(&wish) ? settings : NULL,
        .has_metadata = wish.metadata.len > 0,
        .metadata = wish.metadata,
    };
    return extra_of_wish(n, &wish, &settings->extra);
}

enum status node_open_room(struct node *n, struct slice name, const struct room_wish *wish,
                           struct effects *fx, struct dir_room *ret_room, bool *ret_opened,
                           struct open_refusal *ret_refusal) {
    struct dir_room room;
    struct dir_create given = {0};
    struct dir_settings settings;
    enum status s = STATUS_OK;
    *ret_refusal = (struct open_refusal){0};
    if (dir_room_find(n->dir, name, &room) != STATUS_OK) {
        s = prepare(n, wish, &settings, &given, ret_refusal);
    }
    if (s == STATUS_OK && !node_ok(n, fx)) {
        s = STATUS_NO_MEMORY;
    }
    if (s != STATUS_OK || ret_refusal->refused) {
        return s;
    }
    bool created = false;
    s = dir_room_create(n->dir, n->now, name, &given, &room, &created);
    if (s == STATUS_NO_MEMORY) {
        return s;
    }
    if (s != STATUS_OK) {
        *ret_refusal = refusal_of(s);
        return STATUS_OK;
    }
    if (created) {
        node_note_room(n, fx, NOTE_ROOM_STARTED, &room);
        cluster_presence_apply(n, name);
    }
    *ret_room = room;
    *ret_opened = created;
    return STATUS_OK;
}
