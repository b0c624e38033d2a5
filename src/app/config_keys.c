#include "config_priv.h"

#include <stdlib.h>

#include "file.h"

enum { KEYS_PATH_BYTES_MAX = 4096 };

static bool is_name_byte(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void put_variable(struct buf *out, struct arena *arena, struct slice name) {
    const char *variable = arena_cstr(arena, name);
    const char *value = variable ? getenv(variable) : NULL;
    buf_put_cstr(out, value ? value : "");
}

/* "~/keys" and "$HOME/keys" or "${HOME}/keys", as the reference writes paths of keys. */
static void put_expanded(struct buf *out, struct arena *arena, struct slice path) {
    if (slice_eq_cstr(path, "~") || slice_starts_with(path, SLICE_LIT("~/"))) {
        put_variable(out, arena, SLICE_LIT("HOME"));
        path = slice_after(path, 1);
    }
    while (path.len > 0) {
        size_t dollar = slice_find(path, '$');
        buf_put(out, slice_sub(path, 0, dollar));
        path = slice_after(path, dollar + 1);
        struct slice name = {0};
        if (path.len > 0 && path.data[0] == '{') {
            path = slice_after(path, 1);
            name = slice_split(&path, '}');
        } else {
            size_t len = 0;
            while (len < path.len && is_name_byte(path.data[len])) {
                len++;
            }
            name = slice_sub(path, 0, len);
            path = slice_after(path, len);
        }
        if (name.len > 0) {
            put_variable(out, arena, name);
        }
    }
}

static enum status read_key_file(struct loader *l, const char *path) {
    if (file_check_private(path) == STATUS_DENIED) {
        return config_refuse(l->error, path, "key file others permissions must be set to 0");
    }
    _cleanup_(bytes_deinit) struct bytes text = {0};
    enum status s = config_read_file(l, path, &text);
    return s == STATUS_OK ? config_read_keys(l->settings, bytes_slice(&text), path, false, l->error)
                          : s;
}

static enum status apply_key_file(struct loader *l) {
    if (l->settings->key_file.len == 0) {
        return STATUS_OK;
    }
    struct buf path;
    buf_init(&path, KEYS_PATH_BYTES_MAX);
    put_expanded(&path, &l->settings->arena, l->settings->key_file);
    buf_put_u8(&path, 0);
    enum status s = path.failed ? config_refuse(l->error, "key_file", "is too long")
                                : read_key_file(l, (const char *)path.data);
    buf_deinit(&path);
    return s;
}

enum status config_apply_keys(struct loader *l) {
    const char *name = l->keys ? "--keys" : "LIVEKIT_KEYS";
    const char *text = l->keys ? l->keys : getenv("LIVEKIT_KEYS");
    enum status s = STATUS_OK;
    if (text && *text) {
        s = config_read_keys(l->settings, slice_from_cstr(text), name, true, l->error);
    }
    return s == STATUS_OK ? apply_key_file(l) : s;
}
