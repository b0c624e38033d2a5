/* config_walk_priv.h: going through a YAML document, for the files that read it.
 * Owns: struct walk its parser. Never: accepts what YAML has beyond plain data.
 * Callers: config_yaml.c, config_named.c. */
#pragma once

#include <yaml.h>

#include "config_priv.h"

enum { YAML_DEPTH_MAX = 32, YAML_PATH_MAX = 256 };

/* Where the reader stands: the mapping keys above, joined by dots, [] for an item of a list. */
struct walk {
    struct settings *settings;
    const char *name;
    struct config_error *error;
    bool lax;
    yaml_parser_t parser;
    uint32_t depth;
    char path[YAML_PATH_MAX];
    size_t path_len;
    bool given[SETTINGS_COUNT]; /* by this document */
};

/* Writes "file:line: what: reason" and returns INVALID. */
must_check enum status walk_refuse(struct walk *w, const yaml_mark_t *at, const char *what,
                                   const char *reason);
const char *walk_where(const struct walk *w);
/* The next event, which the caller deletes; none is there to delete when this fails. */
must_check enum status walk_next(struct walk *w, yaml_event_t *event);
bool walk_is_start(const yaml_event_t *e);
bool walk_is_end(const yaml_event_t *e);
struct slice walk_scalar(const yaml_event_t *event);
bool walk_is_plain(const yaml_event_t *event);
/* A key without a value, or one that says so: its default stays. */
bool walk_is_null(const yaml_event_t *event);
/* The value of a NAMED setting: names, each with a section of its own, kept as JSON. */
must_check enum status walk_read_named(struct walk *w, const struct setting_desc *desc,
                                       const yaml_event_t *start);
