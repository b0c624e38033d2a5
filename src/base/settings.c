#include "settings.h"

#include <string.h>

#define S(field, type_, path_, preset_, least_, most_, help_)                                      \
    {.path = (path_),                                                                              \
     .preset = (preset_),                                                                          \
     .help = (help_),                                                                              \
     .type = SETTING_##type_,                                                                      \
     .kind = SETTING_REAL,                                                                         \
     .least = (least_),                                                                            \
     .most = (most_),                                                                              \
     .offset = offsetof(struct settings, field)},
#define A(type_, path_, quiet_, advice_)                                                           \
    {.path = (path_),                                                                              \
     .preset = (quiet_),                                                                           \
     .help = (advice_),                                                                            \
     .type = SETTING_##type_,                                                                      \
     .kind = SETTING_WITHOUT_EFFECT,                                                               \
     .most = UINT32_MAX},
#define O(path_, successor_)                                                                       \
    {.path = (path_),                                                                              \
     .preset = "",                                                                                 \
     .help = (successor_),                                                                         \
     .type = SETTING_TEXT,                                                                         \
     .kind = SETTING_OLD_NAME},
const struct setting_desc setting_descs[SETTINGS_COUNT] = {SETTINGS(S) SETTINGS_WITHOUT_EFFECT(A)
                                                               SETTINGS_OLD_NAMES(O)};
#undef O
#undef A
#undef S

/* Old names end the table, so that their place in it is their place in old_names. */
enum { OLD_NAMES_BEGIN = SETTINGS_COUNT - SETTINGS_OLD_NAMES_COUNT };

static void *field_of(struct settings *s, const struct setting_desc *desc) {
    assert(desc->kind == SETTING_REAL);
    return (char *)s + desc->offset;
}

static struct slice *old_name_value(struct settings *s, const struct setting_desc *desc) {
    size_t index = (size_t)(desc - setting_descs);
    assert(desc->kind == SETTING_OLD_NAME && index >= OLD_NAMES_BEGIN && index < SETTINGS_COUNT);
    return &s->old_names[index - OLD_NAMES_BEGIN];
}

const struct setting_desc *settings_find(struct slice path) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        if (slice_eq_cstr(path, setting_descs[i].path)) {
            return &setting_descs[i];
        }
    }
    return NULL;
}

bool settings_is_section(struct slice path) {
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        struct slice other = slice_from_cstr(setting_descs[i].path);
        if (other.len > path.len && other.data[path.len] == '.' && slice_starts_with(other, path)) {
            return true;
        }
    }
    return false;
}

void settings_warn(struct settings *s, struct slice setting, struct slice advice) {
    for (size_t i = 0; i < s->warnings_count; i++) {
        if (slice_eq(s->warnings[i].setting, setting)) {
            return;
        }
    }
    struct setting_warning w = {arena_copy(&s->arena, setting), arena_copy(&s->arena, advice)};
    if (s->warnings_count == SETTINGS_WARNINGS_MAX || s->arena.failed) {
        s->warnings_left_out++;
        return;
    }
    s->warnings[s->warnings_count++] = w;
}

void settings_warn_without_effect(struct settings *s, const struct setting_desc *desc) {
    assert(desc->kind == SETTING_WITHOUT_EFFECT);
    if (desc->help) { /* else its list has warned */
        settings_warn(s, slice_from_cstr(desc->path), slice_from_cstr(desc->help));
    }
}

static enum status refuse(const char *reason, const char **ret_reason) {
    *ret_reason = reason;
    return STATUS_INVALID;
}

static enum status set_uint(uint64_t *field, const struct setting_desc *desc, struct slice value,
                            const char **ret_reason) {
    bool negative = false;
    uint64_t number = 0;
    enum status st = setting_read_int(value, &negative, &number, ret_reason);
    if (st != STATUS_OK) {
        return st;
    }
    if (negative || number < desc->least || number > desc->most) {
        return refuse("is out of its range", ret_reason);
    }
    *field = number;
    return STATUS_OK;
}

/* What holds is the smaller one of what is asked for and what the server bears. */
static enum status set_limit(struct settings *s, const struct setting_desc *desc,
                             struct slice value, const char **ret_reason) {
    bool negative = false;
    uint64_t number = 0;
    enum status st = setting_read_int(value, &negative, &number, ret_reason);
    if (st != STATUS_OK) {
        return st;
    }
    if (negative && desc->type == SETTING_LENGTH) {
        return refuse("must not be negative; 0 means no limit", ret_reason);
    }
    number = negative ? 0 : number;
    if (desc->most > 0 && (number == 0 || number > desc->most)) {
        number = desc->most;
        settings_warn(s, slice_from_cstr(desc->path),
                      SLICE_LIT("is held at what the server bears, its default"));
    }
    *(uint64_t *)field_of(s, desc) = number;
    return STATUS_OK;
}

static enum status set_duration(uint64_t *field_ms, const struct setting_desc *desc,
                                struct slice value, const char **ret_reason) {
    bool negative = false;
    uint64_t ns = 0;
    enum status st = setting_read_duration(value, &negative, &ns, ret_reason);
    if (st != STATUS_OK) {
        return st;
    }
    uint64_t ms = (ns + 999999) / 1000000; /* up: what is not 0 stays so */
    if (negative || ms < desc->least || ms > desc->most) {
        return refuse("is out of its range", ret_reason);
    }
    *field_ms = ms;
    return STATUS_OK;
}

static enum status set_text(struct settings *s, struct slice *field, struct slice value) {
    struct slice copy = arena_copy(&s->arena, value);
    if (s->arena.failed) {
        return STATUS_NO_MEMORY;
    }
    *field = copy;
    return STATUS_OK;
}

static enum status set_list(struct settings *s, const struct setting_desc *desc, struct slice value,
                            const char **ret_reason) {
    settings_list_clear(s, desc);
    while (value.len > 0) {
        struct slice item = slice_trim(slice_split(&value, ','));
        enum status st = item.len > 0 ? settings_list_add(s, desc, item) : STATUS_OK;
        if (st != STATUS_OK) {
            return st == STATUS_EXHAUSTED ? refuse("has too many entries", ret_reason) : st;
        }
    }
    return STATUS_OK;
}

static enum status set_real(struct settings *s, const struct setting_desc *desc, struct slice value,
                            const char **ret_reason) {
    switch (desc->type) {
    case SETTING_BOOL: return setting_read_bool(value, field_of(s, desc), ret_reason);
    case SETTING_UINT: return set_uint(field_of(s, desc), desc, value, ret_reason);
    case SETTING_LIMIT:
    case SETTING_LENGTH: return set_limit(s, desc, value, ret_reason);
    case SETTING_DURATION: return set_duration(field_of(s, desc), desc, value, ret_reason);
    case SETTING_TEXT: return set_text(s, field_of(s, desc), value);
    case SETTING_LIST: return set_list(s, desc, value, ret_reason);
    case SETTING_NAMED: return value.len == 0 ? STATUS_OK : refuse("is for the file", ret_reason);
    case SETTING_INT:
    case SETTING_FLOAT:
    case SETTING_OBJECTS:
    case SETTING_FREE: break;
    }
    assert(false); /* a real setting of a type that is only checked has no field */
    return STATUS_INTERNAL;
}

static enum status check_type(const struct setting_desc *desc, struct slice value,
                              const char **ret_reason) {
    bool flag = false;
    uint64_t number = 0;
    switch (desc->type) {
    case SETTING_BOOL: return setting_read_bool(value, &flag, ret_reason);
    case SETTING_UINT: return set_uint(&number, desc, value, ret_reason);
    case SETTING_LIMIT:
    case SETTING_LENGTH:
    case SETTING_INT: return setting_read_int(value, &flag, &number, ret_reason);
    case SETTING_FLOAT: return setting_check_float(value, ret_reason);
    case SETTING_DURATION: return setting_read_duration(value, &flag, &number, ret_reason);
    case SETTING_TEXT:
    case SETTING_LIST:
    case SETTING_OBJECTS:
    case SETTING_FREE:
    case SETTING_NAMED: break;
    }
    return STATUS_OK;
}

/* Numbers below 0 ask for "off", as 0 does. */
static bool changes_nothing(const struct setting_desc *desc, struct slice value) {
    bool off = slice_eq_cstr(slice_from_cstr(desc->preset), "0") && value.len > 0 &&
               (value.data[0] == '-' || slice_eq_cstr(value, "0s"));
    return value.len == 0 || off || slice_eq_cstr(value, desc->preset);
}

static enum status set_without_effect(struct settings *s, const struct setting_desc *desc,
                                      struct slice value, const char **ret_reason) {
    enum status st = check_type(desc, value, ret_reason);
    bool flag = false, quiet = false;
    const char *ignored = NULL;
    if (st == STATUS_OK && desc->type == SETTING_BOOL && desc->preset[0] &&
        setting_read_bool(value, &flag, &ignored) == STATUS_OK &&
        setting_read_bool(slice_from_cstr(desc->preset), &quiet, &ignored) == STATUS_OK &&
        flag == quiet) {
        return STATUS_OK;
    }
    if (st == STATUS_OK && !changes_nothing(desc, value)) {
        settings_warn_without_effect(s, desc);
    }
    return st;
}

enum status settings_set(struct settings *s, const struct setting_desc *desc, struct slice value,
                         const char **ret_reason) {
    if (!slice_is_text(value)) {
        return refuse("must be UTF-8 text", ret_reason);
    }
    switch (desc->kind) {
    case SETTING_REAL: return set_real(s, desc, value, ret_reason);
    case SETTING_WITHOUT_EFFECT: return set_without_effect(s, desc, value, ret_reason);
    case SETTING_OLD_NAME: break;
    }
    const struct setting_desc *successor = settings_find(slice_from_cstr(desc->help));
    assert(successor && successor->kind == SETTING_REAL);
    enum status st = check_type(successor, value, ret_reason);
    return st == STATUS_OK ? set_text(s, old_name_value(s, desc), value) : st;
}

enum status settings_apply_old_names(struct settings *s, const char **ret_path,
                                     const char **ret_reason) {
    for (size_t i = OLD_NAMES_BEGIN; i < SETTINGS_COUNT; i++) {
        const struct setting_desc *desc = &setting_descs[i];
        struct slice value = *old_name_value(s, desc);
        if (value.len == 0 || slice_eq_cstr(value, "0")) {
            continue;
        }
        const char *reason = NULL;
        enum status st =
            settings_set(s, settings_find(slice_from_cstr(desc->help)), value, &reason);
        if (st != STATUS_OK) {
            *ret_path = desc->path;
            *ret_reason = reason;
            return st;
        }
        struct buf advice;
        buf_init(&advice, 256);
        buf_printf(&advice, "old name: write it as %s", desc->help);
        settings_warn(s, slice_from_cstr(desc->path), buf_slice(&advice));
        buf_deinit(&advice);
    }
    return STATUS_OK;
}

void settings_list_clear(struct settings *s, const struct setting_desc *desc) {
    assert(desc->type == SETTING_LIST);
    if (desc->kind == SETTING_REAL) {
        struct text_list *list = field_of(s, desc);
        list->count = 0;
    }
}

enum status settings_list_add(struct settings *s, const struct setting_desc *desc,
                              struct slice value) {
    assert(desc->type == SETTING_LIST);
    if (desc->kind != SETTING_REAL) {
        settings_warn_without_effect(s, desc);
        return STATUS_OK;
    }
    struct text_list *list = field_of(s, desc);
    if (list->count == SETTINGS_LIST_MAX) {
        return STATUS_EXHAUSTED;
    }
    if (!list->items) {
        list->items = arena_zalloc(&s->arena, SETTINGS_LIST_MAX * sizeof(*list->items));
    }
    struct slice copy = arena_copy(&s->arena, value);
    if (s->arena.failed) {
        return STATUS_NO_MEMORY;
    }
    list->items[list->count++] = copy;
    return STATUS_OK;
}

enum status settings_named_add(struct settings *s, const struct setting_desc *desc,
                               struct slice name, struct slice json) {
    assert(desc->type == SETTING_NAMED);
    struct named_list *list = field_of(s, desc);
    for (size_t i = 0; i < list->count; i++) {
        if (slice_eq(list->items[i].name, name)) {
            return STATUS_INVALID;
        }
    }
    if (list->count == SETTINGS_LIST_MAX) {
        return STATUS_EXHAUSTED;
    }
    if (!list->items) {
        list->items = arena_zalloc(&s->arena, SETTINGS_LIST_MAX * sizeof(*list->items));
    }
    struct named_text item = {arena_copy(&s->arena, name), arena_copy(&s->arena, json)};
    if (s->arena.failed) {
        return STATUS_NO_MEMORY;
    }
    list->items[list->count++] = item;
    return STATUS_OK;
}

const struct slice *settings_secret_of(const struct settings *s, struct slice key) {
    for (size_t i = 0; i < s->keys_count; i++) {
        if (slice_eq(s->keys[i].key, key)) {
            return &s->keys[i].secret;
        }
    }
    return NULL;
}

enum status settings_key_add(struct settings *s, struct slice key, struct slice secret) {
    struct key_secret *place = NULL;
    for (size_t i = 0; i < s->keys_count; i++) {
        if (slice_eq(s->keys[i].key, key)) {
            place = &s->keys[i];
        }
    }
    if (!place && s->keys_count == SETTINGS_KEYS_MAX) {
        return STATUS_EXHAUSTED;
    }
    struct key_secret pair = {arena_copy(&s->arena, key), arena_copy(&s->arena, secret)};
    if (s->arena.failed) {
        return STATUS_NO_MEMORY;
    }
    if (!place) {
        place = &s->keys[s->keys_count++];
    }
    *place = pair;
    return STATUS_OK;
}

enum status settings_init(struct settings *s) {
    memset(s, 0, sizeof(*s));
    arena_init(&s->arena, SETTINGS_BYTES_MAX);
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const char *reason = NULL;
        const struct setting_desc *desc = &setting_descs[i];
        if (desc->kind != SETTING_REAL) {
            continue;
        }
        enum status st = settings_set(s, desc, slice_from_cstr(desc->preset), &reason);
        assert(st != STATUS_INVALID && s->warnings_count == 0); /* the table's defaults fit */
        if (st != STATUS_OK) {
            settings_deinit(s);
            return st;
        }
    }
    return STATUS_OK;
}

void settings_deinit(struct settings *s) {
    arena_deinit(&s->arena);
    memset(s, 0, sizeof(*s));
}
