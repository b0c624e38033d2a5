#include <string.h>

#include "settings.h"

enum { INDENT = 2 };

void settings_put_env_name(struct buf *out, const struct setting_desc *desc) {
    buf_put_cstr(out, "LIVEKIT_");
    for (const char *c = desc->path; *c; c++) {
        bool lower = *c >= 'a' && *c <= 'z';
        buf_put_u8(out, (uint8_t)(*c == '.' ? '_' : lower ? *c - 'a' + 'A' : *c));
    }
}

static void put_indent(struct buf *out, size_t depth) {
    for (size_t i = 0; i < depth * INDENT; i++) {
        buf_put_u8(out, ' ');
    }
}

/* How many leading names of its sections a path shares with the one before it. */
static size_t shared_sections(const char *path, const char *before) {
    size_t shared = 0;
    for (size_t i = 0; path[i] && path[i] == before[i]; i++) {
        shared += path[i] == '.';
    }
    return shared;
}

/* The section lines that the path needs below the ones still open; returns its depth. */
static size_t put_sections(struct buf *out, const char *path, const char *before) {
    size_t open = shared_sections(path, before), depth = 0;
    struct slice rest = slice_from_cstr(path);
    while (slice_find(rest, '.') < rest.len) {
        struct slice name = slice_split(&rest, '.');
        if (depth >= open) {
            put_indent(out, depth);
            buf_printf(out, "%.*s:\n", SLICE_ARG(name));
        }
        depth++;
    }
    return depth;
}

static void put_setting(struct buf *out, const struct setting_desc *desc, size_t depth) {
    const char *dot = strrchr(desc->path, '.');
    const char *quote = desc->type == SETTING_TEXT ? "\"" : "";
    const char *preset = desc->type == SETTING_LIST    ? "[]"
                         : desc->type == SETTING_NAMED ? "{}"
                                                       : desc->preset;
    put_indent(out, depth);
    buf_printf(out, "# %s\n", desc->help);
    put_indent(out, depth);
    buf_printf(out, "#%s: %s%s%s\n", dot ? dot + 1 : desc->path, quote, preset, quote);
}

void settings_put_sample(struct buf *out) {
    buf_put_cstr(out, "# All settings with their defaults. Take the # of a setting's line away to "
                      "change it.\n"
                      "# Keys of the API and of access tokens; `stoa generate-keys` makes a pair.\n"
                      "keys:\n"
                      "  #<API key>: <secret of at least 32 characters>\n");
    const char *before = "";
    for (size_t i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_desc *desc = &setting_descs[i];
        if (desc->kind == SETTING_REAL) {
            put_setting(out, desc, put_sections(out, desc->path, before));
            before = desc->path;
        }
    }
}
