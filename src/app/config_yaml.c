#include "config.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { YAML_DEPTH_MAX = 8, YAML_PATH_MAX = 128 };

/* Where the reader stands: the mapping keys above, and how long the path was before each. */
struct walk {
    struct settings *settings;
    const char *name;
    struct config_error *error;
    yaml_parser_t parser;
    char path[YAML_PATH_MAX];
    size_t path_len;
};

static enum status refuse(struct walk *w, const yaml_mark_t *at, const char *what,
                          const char *reason) {
    snprintf(w->error->text, sizeof(w->error->text), "%s:%zu: %s: %s", w->name, at->line + 1, what,
             reason);
    return STATUS_INVALID;
}

static enum status next_event(struct walk *w, yaml_event_t *event) {
    if (yaml_parser_parse(&w->parser, event)) {
        return STATUS_OK;
    }
    const char *reason = w->parser.problem ? w->parser.problem : "could not be read";
    return refuse(w, &w->parser.problem_mark, "not valid YAML", reason);
}

static struct slice scalar_of(const yaml_event_t *event) {
    return slice_of(event->data.scalar.value, event->data.scalar.length);
}

static enum status set_scalar(struct walk *w, const yaml_event_t *event) {
    const struct setting_desc *desc = settings_find(slice_of(w->path, w->path_len));
    if (!desc) {
        return refuse(w, &event->start_mark, w->path, "no such setting");
    }
    struct slice value = scalar_of(event);
    bool empty = value.len == 0 || slice_eq_cstr(value, "null") || slice_eq_cstr(value, "~");
    if (empty && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        return STATUS_OK; /* a key without a value keeps its default */
    }
    const char *reason = "out of memory";
    if (settings_set(w->settings, desc, value, &reason) != STATUS_OK) {
        return refuse(w, &event->start_mark, w->path, reason);
    }
    return STATUS_OK;
}

static enum status read_list(struct walk *w, const yaml_mark_t *at) {
    const struct setting_desc *desc = settings_find(slice_of(w->path, w->path_len));
    if (!desc || desc->type != SETTING_LIST) {
        return refuse(w, at, w->path, desc ? "takes one value, not a list" : "no such setting");
    }
    settings_list_clear(w->settings, desc);
    for (;;) {
        yaml_event_t event;
        enum status s = next_event(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (!end && event.type != YAML_SCALAR_EVENT) {
            s = refuse(w, &event.start_mark, w->path, "takes a list of plain values");
        } else if (!end && settings_list_add(w->settings, desc, scalar_of(&event)) != STATUS_OK) {
            s = refuse(w, &event.start_mark, w->path, "has too many entries");
        }
        yaml_event_delete(&event);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

static enum status add_key(struct walk *w, struct slice key, const yaml_event_t *event) {
    if (event->type != YAML_SCALAR_EVENT) {
        return refuse(w, &event->start_mark, "keys", "takes lines of `key: secret`");
    }
    if (settings_key_add(w->settings, key, scalar_of(event)) != STATUS_OK) {
        return refuse(w, &event->start_mark, "keys", "has too many entries");
    }
    return STATUS_OK;
}

static enum status read_mapping(struct walk *w, int depth);

static enum status read_value(struct walk *w, const yaml_event_t *event, int depth) {
    switch (event->type) {
    case YAML_SCALAR_EVENT: return set_scalar(w, event);
    case YAML_SEQUENCE_START_EVENT: return read_list(w, &event->start_mark);
    case YAML_MAPPING_START_EVENT:
        if (depth == YAML_DEPTH_MAX) {
            return refuse(w, &event->start_mark, w->path, "nests too deep");
        }
        return read_mapping(w, depth + 1);
    default: return refuse(w, &event->start_mark, w->path, "is not understood (aliases are not)");
    }
}

/* The value behind one key of a mapping; the path is one name longer meanwhile. */
static enum status read_pair(struct walk *w, struct slice key, const yaml_mark_t *at, int depth) {
    size_t before = w->path_len;
    int added = snprintf(w->path + before, sizeof(w->path) - before, "%s%.*s", before ? "." : "",
                         SLICE_ARG(key));
    if (added < 0 || (size_t)added >= sizeof(w->path) - before) {
        return refuse(w, at, "a setting's name", "is too long");
    }
    bool in_keys = before == 4 && memcmp(w->path, "keys.", 5) == 0;
    w->path_len += (size_t)added;
    yaml_event_t event;
    enum status s = next_event(w, &event);
    if (s != STATUS_OK) {
        return s;
    }
    s = in_keys ? add_key(w, key, &event) : read_value(w, &event, depth);
    yaml_event_delete(&event);
    w->path_len = before;
    w->path[before] = 0;
    return s;
}

static enum status read_mapping(struct walk *w, int depth) {
    for (;;) {
        yaml_event_t key;
        enum status s = next_event(w, &key);
        if (s != STATUS_OK) {
            return s;
        }
        bool end = key.type == YAML_MAPPING_END_EVENT;
        if (!end && key.type != YAML_SCALAR_EVENT) {
            s = refuse(w, &key.start_mark, "a setting's name", "must be plain text");
        } else if (!end) {
            s = read_pair(w, scalar_of(&key), &key.start_mark, depth);
        }
        yaml_event_delete(&key);
        if (end || s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_document(struct walk *w) {
    for (;;) {
        yaml_event_t event;
        enum status s = next_event(w, &event);
        if (s != STATUS_OK) {
            return s;
        }
        yaml_event_type_t type = event.type;
        if (type == YAML_MAPPING_START_EVENT) {
            s = read_mapping(w, 0);
        } else if (type == YAML_SEQUENCE_START_EVENT ||
                   (type == YAML_SCALAR_EVENT && event.data.scalar.length > 0)) {
            s = refuse(w, &event.start_mark, "the file", "must be a mapping of settings");
        }
        yaml_event_delete(&event);
        if (s != STATUS_OK || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT) {
            return s;
        }
    }
}

enum status config_read_yaml(struct settings *s, struct slice text, const char *name,
                             struct config_error *ret_error) {
    struct walk w = {.settings = s, .name = name, .error = ret_error};
    if (!yaml_parser_initialize(&w.parser)) {
        return STATUS_NO_MEMORY;
    }
    yaml_parser_set_input_string(&w.parser, text.data, text.len);
    enum status result = read_document(&w);
    yaml_parser_delete(&w.parser);
    return result;
}
