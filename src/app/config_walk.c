#include "config_walk_priv.h"

#include <stdio.h>
#include <string.h>

enum status walk_refuse(struct walk *w, const yaml_mark_t *at, const char *what,
                        const char *reason) {
    snprintf(w->error->text, sizeof(w->error->text), "%s:%zu: %s: %s", w->name, at->line + 1, what,
             reason);
    return STATUS_INVALID;
}

const char *walk_where(const struct walk *w) {
    return w->path_len > 0 ? w->path : "the file";
}

/* What YAML offers beyond plain data is refused wherever it stands: an alias could repeat a part
 * without end, a tag changes what a value is. */
static const char *beyond_data(const yaml_event_t *e) {
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    } else if (e->type == YAML_ALIAS_EVENT) {
        return "is an alias (*name): write the value out";
    }
    if (anchor) {
        return "has an anchor (&name): leave it away";
    }
    bool says_text = tag && strcmp((const char *)tag, YAML_STR_TAG) == 0;
    return tag && !says_text ? "has a tag (!name): leave it away" : NULL;
}

bool walk_is_start(const yaml_event_t *e) {
    return e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT;
}

bool walk_is_end(const yaml_event_t *e) {
    return e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT;
}

enum status walk_next(struct walk *w, yaml_event_t *event) {
    if (!yaml_parser_parse(&w->parser, event)) {
        const char *reason = w->parser.problem ? w->parser.problem : "could not be read";
        return walk_refuse(w, &w->parser.problem_mark, "not valid YAML", reason);
    }
    const char *reason = beyond_data(event);
    w->depth += walk_is_start(event) ? 1u : 0u;
    w->depth -= walk_is_end(event) ? 1u : 0u;
    if (!reason && w->depth > YAML_DEPTH_MAX) {
        reason = "nests too deep";
    }
    if (reason) {
        enum status s = walk_refuse(w, &event->start_mark, walk_where(w), reason);
        yaml_event_delete(event);
        return s;
    }
    return STATUS_OK;
}

struct slice walk_scalar(const yaml_event_t *event) {
    return slice_of(event->data.scalar.value, event->data.scalar.length);
}

bool walk_is_plain(const yaml_event_t *event) {
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !event->data.scalar.tag;
}

bool walk_is_null(const yaml_event_t *event) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    bool found = false;
    for (size_t i = 0; event->type == YAML_SCALAR_EVENT && i < ARRAY_LEN(words); i++) {
        found = found || slice_eq_cstr(walk_scalar(event), words[i]);
    }
    return found && walk_is_plain(event);
}
