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

enum status node_open_room(struct node *n, struct slice name, const struct room_wish *wish,
                           struct effects *fx, struct dir_room *ret_room, bool *ret_opened,
                           struct open_refusal *ret_refusal) {
    struct dir_room room;
    struct dir_create given = {.metadata = wish->metadata, .has_metadata = wish->metadata.len > 0};
    struct dir_settings settings = default_settings(n);
    *ret_refusal = (struct open_refusal){0};
    bool lives = dir_room_find(n->dir, name, &room) == STATUS_OK;
    if (!lives) {
        if (n->draining) {
            *ret_refusal = refuse(TWIRP_UNAVAILABLE, SLICE_LIT("node is shutting down"));
        } else if (wish->preset.len > 0) {
            *ret_refusal = refuse(TWIRP_INVALID_ARGUMENT,
                                  SLICE_LIT("unknown room configuration in create room request"));
        } else if (!apply_wish(wish, &settings)) {
            *ret_refusal = refuse(TWIRP_INVALID_ARGUMENT,
                                  SLICE_LIT("tag value is not a whole number of seconds"));
        }
        if (ret_refusal->refused) {
            return STATUS_OK;
        }
        enum status packed = extra_of_wish(n, wish, &settings.extra);
        if (packed != STATUS_OK) {
            return packed;
        }
        given.settings = wishes_settings(wish) ? &settings : NULL;
    }
    bool created = false;
    enum status s = dir_room_create(n->dir, n->now, name, &given, &room, &created);
    if (s == STATUS_NO_MEMORY) {
        return s;
    }
    if (s != STATUS_OK) {
        *ret_refusal = refusal_of(s);
        return STATUS_OK;
    }
    if (created) {
        node_note_room(n, fx, NOTE_ROOM_STARTED, &room);
    }
    *ret_room = room;
    *ret_opened = created;
    return STATUS_OK;
}
