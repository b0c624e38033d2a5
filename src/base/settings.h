/* settings.h: the values of settings_table.h, and setting them by path from any source.
 * Owns: texts, in its arena.
 * Never: reads files, environment or flags (app does); never keeps a value it refused.
 * Invariant: every field holds its default or an accepted value; one warning for each setting.
 * Callers: app; the sample file and the docs are printed from the same table. */
#pragma once

#include "arena.h"
#include "buf.h"
#include "caps.h"
#include "settings_known_table.h"
#include "settings_table.h"

enum setting_type {
    SETTING_BOOL,
    SETTING_UINT,
    SETTING_LIMIT,
    SETTING_LENGTH,
    SETTING_DURATION,
    SETTING_TEXT,
    SETTING_INT,   /* these two are checked, never kept */
    SETTING_FLOAT, /* the last that is one value: flags and environment have those */
    SETTING_LIST,
    SETTING_OBJECTS,
    SETTING_FREE,
    SETTING_NAMED,
};

enum setting_kind {
    SETTING_REAL,
    SETTING_WITHOUT_EFFECT, /* known, checked, warned about */
    SETTING_OLD_NAME,       /* waits for settings_apply_old_names */
};

struct text_list {
    struct slice *items; /* in the arena */
    size_t count;
};
struct named_text {
    struct slice name, json; /* the value as JSON */
};
struct named_list {
    struct named_text *items; /* in the arena */
    size_t count;
};
struct key_secret {
    struct slice key, secret;
};
struct setting_warning {
    struct slice setting, advice;
};
enum {
    SETTINGS_KEYS_MAX = 1024,
    SETTINGS_LIST_MAX = 256,
    SETTINGS_BYTES_MAX = 4 << 20,
    SETTINGS_WARNINGS_MAX = 512,
#define S(field, type, path, preset, least, most, help) +1
#define A(type, path, quiet, advice) +1
#define O(path, successor) +1
    SETTINGS_OLD_NAMES_COUNT = 0 SETTINGS_OLD_NAMES(O),
    SETTINGS_COUNT = 0 SETTINGS(S) SETTINGS_WITHOUT_EFFECT(A) SETTINGS_OLD_NAMES(O),
#undef O
#undef A
#undef S
};

#define SETTING_FIELD_BOOL(field) bool field;
#define SETTING_FIELD_UINT(field) uint64_t field;
#define SETTING_FIELD_LIMIT(field) uint64_t field;
#define SETTING_FIELD_LENGTH(field) uint64_t field;
#define SETTING_FIELD_DURATION(field) uint64_t field;
#define SETTING_FIELD_TEXT(field) struct slice field;
#define SETTING_FIELD_LIST(field) struct text_list field;
#define SETTING_FIELD_NAMED(field) struct named_list field;

struct settings {
    struct arena arena;
    struct key_secret keys[SETTINGS_KEYS_MAX];
    size_t keys_count;
    struct setting_warning warnings[SETTINGS_WARNINGS_MAX];
    size_t warnings_count, warnings_left_out;
    struct slice old_names[SETTINGS_OLD_NAMES_COUNT]; /* values given under old names */
#define S(field, type, path, preset, least, most, help) SETTING_FIELD_##type(field)
    SETTINGS(S)
#undef S
};

struct setting_desc {
    const char *path;
    const char *preset; /* WITHOUT_EFFECT: the value that is not warned about */
    const char *help;   /* WITHOUT_EFFECT: the advice; OLD_NAME: the successor's path */
    enum setting_type type;
    enum setting_kind kind;
    uint64_t least, most;
    size_t offset; /* REAL: of the field in struct settings */
};
extern const struct setting_desc setting_descs[SETTINGS_COUNT];

/* All defaults. NO_MEMORY only. */
must_check enum status settings_init(struct settings *s);
void settings_deinit(struct settings *s);
const struct setting_desc *settings_find(struct slice path); /* NULL: no such setting */
/* True when settings lie below this path, which is none itself. */
bool settings_is_section(struct slice path);
static inline bool settings_is_scalar(const struct setting_desc *desc) {
    return desc->type <= SETTING_FLOAT;
}
/* Sets one scalar, or a list from comma-separated text. INVALID with *ret_reason (static text)
 * when the value does not fit; the old value stays. */
must_check enum status settings_set(struct settings *s, const struct setting_desc *desc,
                                    struct slice value, const char **ret_reason);
/* Appends to a list setting; the first append after settings_list_clear starts it anew. */
void settings_list_clear(struct settings *s, const struct setting_desc *desc);
must_check enum status settings_list_add(struct settings *s, const struct setting_desc *desc,
                                         struct slice value);
/* One more entry of a NAMED setting. EXHAUSTED; INVALID: one of that name is there. Copied. */
must_check enum status settings_named_add(struct settings *s, const struct setting_desc *desc,
                                          struct slice name, struct slice json);
/* A later secret for the same key replaces the earlier one. EXHAUSTED past SETTINGS_KEYS_MAX. */
must_check enum status settings_key_add(struct settings *s, struct slice key, struct slice secret);
/* The secret of a key, or NULL. */
const struct slice *settings_secret_of(const struct settings *s, struct slice key);
/* Once, after all sources: what came under old names takes its place. As settings_set. */
must_check enum status settings_apply_old_names(struct settings *s, const char **ret_path,
                                                const char **ret_reason);
/* Once for each setting; later ones about it do nothing. Both are copied. */
void settings_warn(struct settings *s, struct slice setting, struct slice advice);
/* The advice of a setting without effect that has no value to look at. */
void settings_warn_without_effect(struct settings *s, const struct setting_desc *desc);
/* The table as a commented sample file (YAML). */
void settings_put_sample(struct buf *out);
/* "LIVEKIT_" and the path in upper case with dots as underscores. */
void settings_put_env_name(struct buf *out, const struct setting_desc *desc);

/* How values are written; *ret_reason as above. */
must_check enum status setting_read_bool(struct slice text, bool *ret_value,
                                         const char **ret_reason);
/* Decimal digits, a sign, underscores between digits. */
must_check enum status setting_read_int(struct slice text, bool *ret_negative, uint64_t *ret_value,
                                        const char **ret_reason);
must_check enum status setting_check_float(struct slice text, const char **ret_reason);
/* "1m30s", "7.5s", "500ms", "0". In nanoseconds. */
must_check enum status setting_read_duration(struct slice text, bool *ret_negative,
                                             uint64_t *ret_ns, const char **ret_reason);
