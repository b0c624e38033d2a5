/* settings.h: the values of settings_table.h, and setting them by path from any source.
 * Owns: texts, in its arena.
 * Never: reads files, environment or flags (app does); never keeps a value it refused.
 * Invariant: every field holds its default or an accepted value.
 * Callers: app; the sample file and the docs are printed from the same table. */
#pragma once

#include "arena.h"
#include "buf.h"
#include "settings_table.h"

enum setting_type { SETTING_BOOL, SETTING_UINT, SETTING_TEXT, SETTING_LIST };

struct text_list {
    struct slice *items; /* in the arena */
    size_t count;
};
struct key_secret {
    struct slice key, secret;
};
enum { SETTINGS_KEYS_MAX = 1024, SETTINGS_LIST_MAX = 256, SETTINGS_BYTES_MAX = 4 << 20 };

#define SETTING_FIELD_BOOL(field) bool field;
#define SETTING_FIELD_UINT(field) uint64_t field;
#define SETTING_FIELD_TEXT(field) struct slice field;
#define SETTING_FIELD_LIST(field) struct text_list field;

struct settings {
    struct arena arena;
    struct key_secret keys[SETTINGS_KEYS_MAX];
    size_t keys_count;
#define S(field, type, path, preset, least, most, help) SETTING_FIELD_##type(field)
    SETTINGS(S)
#undef S
};

struct setting_desc {
    const char *path, *preset, *help;
    enum setting_type type;
    uint64_t least, most;
    size_t offset; /* of the field in struct settings */
};
extern const struct setting_desc setting_descs[];
extern const size_t setting_descs_count;

/* All defaults. NO_MEMORY only. */
must_check enum status settings_init(struct settings *s);
void settings_deinit(struct settings *s);
const struct setting_desc *settings_find(struct slice path); /* NULL: no such setting */
/* Sets one scalar, or a list from comma-separated text. INVALID with *ret_reason (static text)
 * when the value does not fit; the old value stays. */
must_check enum status settings_set(struct settings *s, const struct setting_desc *desc,
                                    struct slice value, const char **ret_reason);
/* Appends to a list setting; the first append after settings_list_clear starts it anew. */
void settings_list_clear(struct settings *s, const struct setting_desc *desc);
must_check enum status settings_list_add(struct settings *s, const struct setting_desc *desc,
                                         struct slice value);
/* A later secret for the same key replaces the earlier one. EXHAUSTED past SETTINGS_KEYS_MAX. */
must_check enum status settings_key_add(struct settings *s, struct slice key, struct slice secret);
/* The table as a commented sample file (YAML). */
void settings_put_sample(struct buf *out);
/* "LIVEKIT_" and the path in upper case with dots as underscores. */
void settings_put_env_name(struct buf *out, const struct setting_desc *desc);
