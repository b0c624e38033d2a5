#include <string.h>

#include "config_walk_priv.h"

/* Reads on to the end of the value that `first` begins; *ret_empty when nothing was in it. */
static enum status skip_rest(struct walk *w, const yaml_event_t *first, bool *ret_empty) {
    uint32_t below = w->depth - (walk_is_start(first) ? 1u : 0u);
    bool empty = walk_is_null(first) || walk_is_start(first);
    while (w->depth > below) {
        yaml_event_t event;
        enum status s = walk_next(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        empty = empty && walk_is_end(&event) && w->depth == below;
        yaml_event_delete(&event);
    }
    *ret_empty = empty;
    return STATUS_OK;
}

static enum status set_scalar(struct walk *w, const struct setting_desc *desc,
                              const yaml_event_t *event) {
    if (walk_is_start(event)) {
        return walk_refuse(w, &event->start_mark, w->path,
                           event->type == YAML_MAPPING_START_EVENT
                               ? "takes one value, not a mapping"
                               : "takes one value, not a list");
    }
    const char *reason = NULL;
    enum status s = settings_set(w->settings, desc, walk_scalar(event), &reason);
    return s == STATUS_INVALID ? walk_refuse(w, &event->start_mark, w->path, reason) : s;
}

static enum status read_mapping(struct walk *w);

static enum status add_item(struct walk *w, const struct setting_desc *desc,
                            const yaml_event_t *event) {
    if (desc->type == SETTING_OBJECTS) {
        if (event->type != YAML_MAPPING_START_EVENT) {
            return walk_refuse(w, &event->start_mark, w->path, "takes a list of mappings");
        }
        settings_warn_without_effect(w->settings, desc);
        return read_mapping(w);
    }
    if (event->type != YAML_SCALAR_EVENT) {
        return walk_refuse(w, &event->start_mark, w->path, "takes a list of plain values");
    }
    if (!slice_is_text(walk_scalar(event))) {
        return walk_refuse(w, &event->start_mark, w->path, "must be UTF-8 text");
    }
    enum status s = settings_list_add(w->settings, desc, walk_scalar(event));
    return s == STATUS_EXHAUSTED
               ? walk_refuse(w, &event->start_mark, w->path, "has too many entries")
               : s;
}

static enum status read_items(struct walk *w, const struct setting_desc *desc) {
    for (;;) {
        yaml_event_t event;
        enum status s = walk_next(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end) {
            s = add_item(w, desc, &event);
        }
        yaml_event_delete(&event);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_list(struct walk *w, const struct setting_desc *desc,
                             const yaml_event_t *event) {
    if (event->type != YAML_SEQUENCE_START_EVENT) {
        return walk_refuse(w, &event->start_mark, w->path, "takes a list");
    }
    size_t before = w->path_len;
    if (desc->type == SETTING_LIST) {
        settings_list_clear(w->settings, desc);
    } else {
        assert(before + sizeof("[]") <= sizeof(w->path)); /* the table's paths are short */
        memcpy(w->path + before, "[]", sizeof("[]"));
        w->path_len += 2;
    }
    enum status s = read_items(w, desc);
    w->path_len = before;
    w->path[before] = 0;
    return s;
}

static enum status read_setting(struct walk *w, const struct setting_desc *desc,
                                const yaml_event_t *event) {
    bool *given = &w->given[desc - setting_descs];
    if (*given && !strchr(desc->path, '[')) {
        return walk_refuse(w, &event->start_mark, w->path, "is given twice");
    }
    *given = true;
    if (walk_is_null(event)) {
        return STATUS_OK;
    }
    if (desc->type == SETTING_LIST || desc->type == SETTING_OBJECTS) {
        return read_list(w, desc, event);
    }
    if (desc->type == SETTING_NAMED) {
        return walk_read_named(w, desc, event);
    }
    if (desc->type == SETTING_FREE) {
        bool empty = false;
        enum status s = skip_rest(w, event, &empty);
        if (s == STATUS_OK && !empty) {
            settings_warn_without_effect(w->settings, desc);
        }
        return s;
    }
    return set_scalar(w, desc, event);
}

static enum status read_section(struct walk *w, const yaml_event_t *event) {
    if (walk_is_null(event)) {
        return STATUS_OK;
    }
    if (event->type != YAML_MAPPING_START_EVENT) {
        return walk_refuse(w, &event->start_mark, w->path, "takes a section of settings");
    }
    return read_mapping(w);
}

static enum status read_unknown(struct walk *w, const yaml_event_t *event) {
    if (!w->lax) {
        return walk_refuse(w, &event->start_mark, w->path, "no such setting");
    }
    bool empty = false;
    settings_warn(w->settings, slice_of(w->path, w->path_len), SLICE_LIT("no such setting"));
    return skip_rest(w, event, &empty);
}

/* Whether YAML itself reads a plain value as something else than text. */
static bool is_text_scalar(const yaml_event_t *event) {
    static const char *const words[] = {"true", "false", ".inf", "-.inf", "+.inf", ".nan"};
    struct slice value = walk_scalar(event);
    const char *reason = NULL;
    bool other = walk_is_null(event) || setting_check_float(value, &reason) == STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        other = other || slice_eq_nocase(value, slice_from_cstr(words[i]));
    }
    bool prefixed = value.len > 2 && value.data[0] == '0' && /* 0x1f, 0o17, 0b11 */
                    (value.data[1] == 'x' || value.data[1] == 'o' || value.data[1] == 'b');
    for (size_t i = 2; prefixed && i < value.len; i++) {
        uint8_t c = value.data[i];
        prefixed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }
    return !walk_is_plain(event) || !(other || prefixed);
}

static enum status add_key(struct walk *w, const yaml_event_t *key, const yaml_event_t *event,
                           bool only_text) {
    struct slice name = walk_scalar(key), secret = walk_scalar(event);
    if (event->type != YAML_SCALAR_EVENT) {
        return walk_refuse(w, &event->start_mark, "keys", "takes lines of `key: secret`");
    }
    if (settings_secret_of(w->settings, name)) {
        return walk_refuse(w, &key->start_mark, "keys", "has one key twice");
    }
    if (only_text && !is_text_scalar(event)) {
        settings_warn(w->settings, name,
                      SLICE_LIT("left out: its secret reads as a number or "
                                "the like; put it in quotes"));
        return STATUS_OK;
    }
    if (name.len == 0 || secret.len == 0 || !slice_is_text(name) || !slice_is_text(secret)) {
        return walk_refuse(w, &key->start_mark, "keys", "has an empty key or secret");
    }
    enum status s = settings_key_add(w->settings, name, secret);
    return s == STATUS_EXHAUSTED
               ? walk_refuse(w, &event->start_mark, "keys", "has too many entries")
               : s;
}

static enum status read_keys(struct walk *w, const yaml_event_t *start, bool only_text) {
    w->settings->keys_count = 0;
    if (walk_is_null(start)) {
        return STATUS_OK;
    }
    if (start->type != YAML_MAPPING_START_EVENT) {
        return walk_refuse(w, &start->start_mark, "keys",
                           "must be `key: secret`, with the space behind the colon");
    }
    for (;;) {
        yaml_event_t key, value;
        enum status s = walk_next(w, &key);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = key.type == YAML_MAPPING_END_EVENT;
        if (!end && key.type != YAML_SCALAR_EVENT) {
            s = walk_refuse(w, &key.start_mark, "keys", "takes lines of `key: secret`");
        } else if (!end && (s = walk_next(w, &value)) == STATUS_OK) {
            s = add_key(w, &key, &value, only_text);
            yaml_event_delete(&value);
        }
        yaml_event_delete(&key);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_value(struct walk *w, const yaml_event_t *event) {
    struct slice path = slice_of(w->path, w->path_len);
    const struct setting_desc *desc = settings_find(path);
    if (slice_eq_cstr(path, "keys")) {
        return read_keys(w, event, false);
    }
    if (desc) {
        return read_setting(w, desc, event);
    }
    return settings_is_section(path) ? read_section(w, event) : read_unknown(w, event);
}

/* The value behind one key of a mapping; the path is one name longer meanwhile. */
static enum status read_pair(struct walk *w, const yaml_event_t *key) {
    struct slice name = walk_scalar(key);
    size_t before = w->path_len, dot = before > 0 ? 1 : 0;
    if (name.len == 0 || !slice_is_text(name) || before + dot + name.len + 1 > sizeof(w->path)) {
        return walk_refuse(w, &key->start_mark, walk_where(w),
                           "has a name that is empty or too long");
    }
    memcpy(w->path + before, ".", dot);
    memcpy(w->path + before + dot, name.data, name.len);
    w->path_len = before + dot + name.len;
    w->path[w->path_len] = 0;
    yaml_event_t event;
    enum status s = walk_next(w, &event);
    if (s != STATUS_OK) {
        return s;
    }
    s = read_value(w, &event);
    yaml_event_delete(&event);
    w->path_len = before;
    w->path[before] = 0;
    return s;
}

static enum status read_mapping(struct walk *w) {
    for (;;) {
        yaml_event_t key;
        enum status s = walk_next(w, &key);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = key.type == YAML_MAPPING_END_EVENT;
        if (!end && key.type != YAML_SCALAR_EVENT) {
            s = walk_refuse(w, &key.start_mark, walk_where(w), "has a name that is not plain text");
        } else if (!end) {
            s = read_pair(w, &key);
        }
        yaml_event_delete(&key);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_settings(struct walk *w, const yaml_event_t *root) {
    if (walk_is_null(root)) {
        return STATUS_OK; /* an empty file, or comments alone */
    }
    return root->type == YAML_MAPPING_START_EVENT
               ? read_mapping(w)
               : walk_refuse(w, &root->start_mark, "the file", "must be a mapping of settings");
}

enum document { DOCUMENT_SETTINGS, DOCUMENT_KEYS, DOCUMENT_KEYS_TEXT_ONLY };

static enum status read_document(struct walk *w, enum document kind) {
    uint32_t documents = 0;
    for (;;) {
        yaml_event_t event;
        enum status s = walk_next(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            s = walk_refuse(w, &event.start_mark, "the file", "must be one document");
        } else if (type == YAML_SCALAR_EVENT || walk_is_start(&event)) {
            s = kind == DOCUMENT_SETTINGS ? read_settings(w, &event)
                                          : read_keys(w, &event, kind == DOCUMENT_KEYS_TEXT_ONLY);
        }
        yaml_event_delete(&event);
        if (s != STATUS_OK || type == YAML_STREAM_END_EVENT) {
            return s;
        }
    }
}

static enum status read_text(struct settings *s, struct slice text, const char *name, bool lax,
                             enum document kind, struct config_error *ret_error) {
    struct walk w = {.settings = s, .name = name, .error = ret_error, .lax = lax};
    if (!yaml_parser_initialize(&w.parser)) {
        return STATUS_NO_MEMORY;
    }
    yaml_parser_set_encoding(&w.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&w.parser, text.data, text.len);
    enum status result = read_document(&w, kind);
    yaml_parser_delete(&w.parser);
    return result;
}

enum status config_read_yaml(struct settings *s, struct slice text, const char *name, bool lax,
                             struct config_error *ret_error) {
    return read_text(s, text, name, lax, DOCUMENT_SETTINGS, ret_error);
}

enum status config_read_keys(struct settings *s, struct slice text, const char *name,
                             bool only_text, struct config_error *ret_error) {
    return read_text(s, text, name, false, only_text ? DOCUMENT_KEYS_TEXT_ONLY : DOCUMENT_KEYS,
                     ret_error);
}
