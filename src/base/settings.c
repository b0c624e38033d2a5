#include "settings.h"

#include <string.h>

#define S(field, kind_, path_, preset_, least_, most_, help_)                                      \
    {.path = (path_),                                                                              \
     .preset = (preset_),                                                                          \
     .help = (help_),                                                                              \
     .type = SETTING_##kind_,                                                                      \
     .least = (least_),                                                                            \
     .most = (most_),                                                                              \
     .offset = offsetof(struct settings, field)},
const struct setting_desc setting_descs[] = {SETTINGS(S)};
#undef S
const size_t setting_descs_count = ARRAY_LEN(setting_descs);

static void *field_of(struct settings *s, const struct setting_desc *desc) {
    return (char *)s + desc->offset;
}

const struct setting_desc *settings_find(struct slice path) {
    for (size_t i = 0; i < setting_descs_count; i++) {
        if (slice_eq_cstr(path, setting_descs[i].path)) {
            return &setting_descs[i];
        }
    }
    return NULL;
}

static enum status set_bool(bool *field, struct slice value, const char **ret_reason) {
    if (slice_eq_cstr(value, "true") || slice_eq_cstr(value, "1")) {
        *field = true;
    } else if (slice_eq_cstr(value, "false") || slice_eq_cstr(value, "0")) {
        *field = false;
    } else {
        *ret_reason = "must be true or false";
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status set_uint(uint64_t *field, const struct setting_desc *desc, struct slice value,
                            const char **ret_reason) {
    uint64_t number = 0;
    if (!slice_to_u64(value, &number)) {
        *ret_reason = "must be a whole number";
        return STATUS_INVALID;
    }
    if (number < desc->least || number > desc->most) {
        *ret_reason = "is out of its range";
        return STATUS_INVALID;
    }
    *field = number;
    return STATUS_OK;
}

static enum status set_list(struct settings *s, const struct setting_desc *desc,
                            struct slice value) {
    settings_list_clear(s, desc);
    while (value.len > 0) {
        struct slice item = slice_trim(slice_split(&value, ','));
        if (item.len == 0) {
            continue;
        }
        enum status st = settings_list_add(s, desc, item);
        if (st != STATUS_OK) {
            return st;
        }
    }
    return STATUS_OK;
}

enum status settings_set(struct settings *s, const struct setting_desc *desc, struct slice value,
                         const char **ret_reason) {
    if (!slice_is_text(value)) {
        *ret_reason = "must be UTF-8 text";
        return STATUS_INVALID;
    }
    switch (desc->type) {
    case SETTING_BOOL: return set_bool(field_of(s, desc), value, ret_reason);
    case SETTING_UINT: return set_uint(field_of(s, desc), desc, value, ret_reason);
    case SETTING_LIST: return set_list(s, desc, value);
    case SETTING_TEXT: break;
    }
    struct slice copy = arena_copy(&s->arena, value);
    if (s->arena.failed) {
        return STATUS_NO_MEMORY;
    }
    *(struct slice *)field_of(s, desc) = copy;
    return STATUS_OK;
}

void settings_list_clear(struct settings *s, const struct setting_desc *desc) {
    assert(desc->type == SETTING_LIST);
    struct text_list *list = field_of(s, desc);
    list->count = 0;
}

enum status settings_list_add(struct settings *s, const struct setting_desc *desc,
                              struct slice value) {
    assert(desc->type == SETTING_LIST);
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
    for (size_t i = 0; i < setting_descs_count; i++) {
        const char *reason = NULL;
        const struct setting_desc *desc = &setting_descs[i];
        enum status st = settings_set(s, desc, slice_from_cstr(desc->preset), &reason);
        assert(st != STATUS_INVALID); /* the table's own defaults fit */
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

void settings_put_env_name(struct buf *out, const struct setting_desc *desc) {
    buf_put_cstr(out, "LIVEKIT_");
    for (const char *c = desc->path; *c; c++) {
        bool lower = *c >= 'a' && *c <= 'z';
        buf_put_u8(out, (uint8_t)(*c == '.' ? '_' : lower ? *c - 'a' + 'A' : *c));
    }
}

/* The part of the path before its last name: its section in the file. */
static struct slice section_of(const char *path) {
    const char *dot = strrchr(path, '.');
    return slice_of(path, dot ? (size_t)(dot - path) : 0);
}

static void put_sample_line(struct buf *out, const struct setting_desc *desc, bool nested) {
    const char *indent = nested ? "  " : "";
    const char *name = nested ? strrchr(desc->path, '.') + 1 : desc->path;
    buf_printf(out, "%s# %s\n", indent, desc->help);
    if (desc->type == SETTING_LIST) {
        buf_printf(out, "%s# %s: []\n", indent, name);
    } else if (desc->type == SETTING_TEXT) {
        buf_printf(out, "%s# %s: \"%s\"\n", indent, name, desc->preset);
    } else {
        buf_printf(out, "%s# %s: %s\n", indent, name, desc->preset);
    }
}

void settings_put_sample(struct buf *out) {
    buf_put_cstr(out, "# Settings of Stoa with their defaults. Remove the # to change one.\n"
                      "# keys:\n#   <API key>: <secret of at least 32 characters>\n");
    for (size_t i = 0; i < setting_descs_count; i++) {
        struct slice section = section_of(setting_descs[i].path);
        bool first = true;
        for (size_t j = 0; j < i; j++) {
            first = first && !slice_eq(section_of(setting_descs[j].path), section);
        }
        if (section.len == 0) {
            put_sample_line(out, &setting_descs[i], false);
            continue;
        }
        if (!first) {
            continue; /* printed with its section */
        }
        buf_printf(out, "# %.*s:\n", SLICE_ARG(section));
        for (size_t j = i; j < setting_descs_count; j++) {
            if (slice_eq(section_of(setting_descs[j].path), section)) {
                put_sample_line(out, &setting_descs[j], true);
            }
        }
    }
}
