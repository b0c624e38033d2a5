#include "config_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "mem.h"

enum status config_refuse(struct config_error *error, const char *what, const char *reason) {
    snprintf(error->text, sizeof(error->text), "%s: %s", what, reason);
    return STATUS_INVALID;
}

enum status config_set(struct loader *l, const struct setting_desc *desc, struct slice value,
                       const char *what) {
    const char *reason = NULL;
    enum status s = settings_set(l->settings, desc, value, &reason);
    return s == STATUS_INVALID ? config_refuse(l->error, what, reason) : s;
}

enum status config_read_file(struct loader *l, const char *path, struct bytes *ret_text) {
    enum status s = file_read(path, CONFIG_BYTES_MAX, ret_text);
    return s == STATUS_OK || s == STATUS_NO_MEMORY ? s
                                                   : config_refuse(l->error, path, status_name(s));
}

static enum status read_body(struct loader *l, const char *body, const char *name) {
    struct slice text = slice_from_cstr(body);
    if (text.len > CONFIG_BYTES_MAX) {
        return config_refuse(l->error, name, status_name(STATUS_TOO_LARGE));
    }
    return config_read_yaml(l->settings, text, name, l->lax, l->error);
}

/* A body, from flag or environment, takes the place of the file. */
static enum status read_yaml(struct loader *l) {
    const char *body = getenv("LIVEKIT_CONFIG");
    if (l->body && *l->body) {
        return read_body(l, l->body, "--config-body");
    }
    if (body && *body) {
        return read_body(l, body, "LIVEKIT_CONFIG");
    }
    if (!l->file) {
        return STATUS_OK;
    }
    _cleanup_(bytes_deinit) struct bytes text = {0};
    enum status s = config_read_file(l, l->file, &text);
    return s == STATUS_OK
               ? config_read_yaml(l->settings, bytes_slice(&text), l->file, l->lax, l->error)
               : s;
}

static enum status apply_old_names(struct loader *l) {
    const char *path = NULL, *reason = NULL;
    enum status s = settings_apply_old_names(l->settings, &path, &reason);
    return s == STATUS_INVALID ? config_refuse(l->error, path, reason) : s;
}

/* What --dev brings: a known pair of keys, and nobody else who could use it. */
static enum status add_development(struct settings *s) {
    if (!s->development) {
        return STATUS_OK;
    }
    s->loopback_candidate = true;
    if (s->keys_count > 0) {
        return STATUS_OK;
    }
    enum status st = settings_key_add(s, SLICE_LIT("devkey"), SLICE_LIT("secret"));
    const struct setting_desc *bind = settings_find(SLICE_LIT("bind_addresses"));
    if (st == STATUS_OK && s->bind_addresses.count == 0) {
        st = settings_list_add(s, bind, SLICE_LIT("127.0.0.1"));
        st = st == STATUS_OK ? settings_list_add(s, bind, SLICE_LIT("::1")) : st;
    }
    return st;
}

static enum status load(struct loader *l, int argc, char **argv) {
    enum status s = config_parse_flags(l, argc, argv);
    if (s == STATUS_OK) {
        s = read_yaml(l);
    }
    if (s == STATUS_OK) {
        s = config_apply_environment(l);
    }
    if (s == STATUS_OK) {
        s = config_apply_flags(l);
    }
    if (s == STATUS_OK) {
        s = config_apply_keys(l);
    }
    if (s == STATUS_OK) {
        s = apply_old_names(l);
    }
    return s == STATUS_OK ? add_development(l->settings) : s;
}

enum status config_load(struct settings *s, int argc, char **argv, struct config_error *ret_error) {
    snprintf(ret_error->text, sizeof(ret_error->text), "out of memory");
    ret_error->usage = false;
    struct loader *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return STATUS_NO_MEMORY;
    }
    l->settings = s;
    l->error = ret_error;
    enum status result = load(l, argc, argv);
    mem_free(l);
    return result;
}
