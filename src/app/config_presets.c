#include "config_presets.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "proto.h"

#include "livekit_room.pb-c.h"

#define SETTING "room.room_configurations"

static enum status refuse(struct config_error *error, struct slice preset, const char *reason) {
    snprintf(error->text, sizeof(error->text), SETTING ".%.*s: %s", SLICE_ARG(preset), reason);
    return STATUS_INVALID;
}

/* "empty_timeout" is also written "emptyTimeout". */
static bool names_field(const char *field, struct slice key) {
    size_t at = 0;
    bool camel_at = false;
    if (slice_eq_cstr(key, field)) {
        return true;
    }
    for (const char *c = field; *c; c++) {
        if (*c == '_') {
            camel_at = true;
            continue;
        }
        char wanted = camel_at ? (char)(*c - 'a' + 'A') : *c;
        camel_at = false;
        if (at == key.len || (char)key.data[at++] != wanted) {
            return false;
        }
    }
    return at == key.len;
}

/* A misspelt name would be a preset that silently does less. */
static enum status check_names(const struct named_text *preset, struct arena *arena,
                               struct config_error *error) {
    const ProtobufCMessageDescriptor *type = &livekit__room_configuration__descriptor;
    struct json_reader r;
    json_reader_init(&r, preset->json, arena);
    struct json_token token = json_next(&r);
    while ((token = json_next(&r)).type == JSON_KEY) {
        bool known = false;
        for (unsigned i = 0; i < type->n_fields && !known; i++) {
            known = names_field(type->fields[i].name, token.text);
        }
        if (!known) {
            char reason[128];
            snprintf(reason, sizeof(reason), "has no field %.*s",
                     SLICE_ARG(slice_sub(token.text, 0, 64)));
            return refuse(error, preset->name, reason);
        }
        if (!json_skip_value(&r)) {
            break;
        }
    }
    return token.type == JSON_OBJECT_END
               ? STATUS_OK
               : refuse(error, preset->name, "is not a mapping of fields");
}

static struct slice text_of(const char *text) {
    return slice_of(text, strlen(text));
}

static bool take_lists(const Livekit__RoomConfiguration *m, struct arena *arena,
                       struct node_preset *p) {
    struct slice *agents = arena_zalloc(arena, (m->n_agents + 1) * sizeof(*agents));
    struct attribute *tags = arena_zalloc(arena, (m->n_tags + 1) * sizeof(*tags));
    if (!agents || !tags) {
        return false;
    }
    for (size_t i = 0; i < m->n_agents; i++) {
        agents[i] = text_of(m->agents[i]->agent_name);
    }
    for (size_t i = 0; i < m->n_tags; i++) {
        tags[i] = (struct attribute){text_of(m->tags[i]->key), text_of(m->tags[i]->value)};
    }
    p->agents = agents;
    p->agents_count = m->n_agents;
    p->tags = tags;
    p->tags_count = m->n_tags;
    return true;
}

static enum status read_preset(struct settings *s, const struct named_text *from,
                               struct arena *arena, struct node_preset *ret_preset,
                               struct config_error *error) {
    ProtobufCMessage *message = NULL;
    enum status st = check_names(from, arena, error);
    if (st != STATUS_OK) {
        return st;
    }
    st = proto_decode_json(&livekit__room_configuration__descriptor, from->json, arena, &message);
    if (st != STATUS_OK) {
        return st == STATUS_NO_MEMORY ? st
                                      : refuse(error, from->name, "has a value that does not fit");
    }
    const Livekit__RoomConfiguration *m = (const void *)message;
    if (text_of(m->metadata).len > s->max_metadata_size) {
        return refuse(error, from->name, "metadata is longer than limit.max_metadata_size");
    }
    if (m->egress) {
        settings_warn(s, SLICE_LIT(SETTING), SLICE_LIT("egress of a preset has no effect yet"));
    }
    *ret_preset = (struct node_preset){
        .name = arena_copy(arena, from->name),
        .metadata = text_of(m->metadata),
        .empty_timeout_s = m->empty_timeout,
        .departure_timeout_s = m->departure_timeout,
        .max_participants = m->max_participants,
        .min_playout_delay_ms = m->min_playout_delay,
        .max_playout_delay_ms = m->max_playout_delay,
        .sync_streams = m->sync_streams,
    };
    return take_lists(m, arena, ret_preset) ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status config_presets(struct settings *s, struct arena *arena,
                           const struct node_preset **ret_presets, size_t *ret_count,
                           struct config_error *ret_error) {
    const struct named_list *all = &s->room_configurations;
    struct node_preset *presets = arena_zalloc(arena, (all->count + 1) * sizeof(*presets));
    enum status st = presets ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < all->count && st == STATUS_OK; i++) {
        st = read_preset(s, &all->items[i], arena, &presets[i], ret_error);
    }
    if (st == STATUS_OK) {
        *ret_presets = presets;
        *ret_count = all->count;
    }
    return st;
}
