#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

/* The reference's flags and variables that are not made from a path. */
static const struct short_name {
    const char *flag, *env, *path;
} short_names[] = {
    {"dev", NULL, "development"},          {"bind", NULL, "bind_addresses"},
    {"key-file", NULL, "key_file"},        {"region", "LIVEKIT_REGION", "region"},
    {"node-ip", "NODE_IP", "rtc.node_ip"}, {"udp-port", "UDP_PORT", "rtc.udp_port"},
};

struct loader {
    struct settings *settings;
    struct config_error *error;
    const struct setting_desc *list_begun; /* its first flag replaced what the file said */
};

static enum status refuse(struct loader *l, const char *what, const char *reason) {
    snprintf(l->error->text, sizeof(l->error->text), "%s: %s", what, reason);
    return STATUS_INVALID;
}

static enum status set(struct loader *l, const struct setting_desc *desc, struct slice value,
                       const char *what) {
    const char *reason = "out of memory";
    if (settings_set(l->settings, desc, value, &reason) != STATUS_OK) {
        return refuse(l, what, reason);
    }
    return STATUS_OK;
}

static enum status read_file(struct loader *l, const char *path, struct bytes *ret_text) {
    enum status s = file_read(path, CONFIG_BYTES_MAX, ret_text);
    return s == STATUS_OK ? s : refuse(l, path, status_name(s));
}

static enum status load_file(struct loader *l, const char *path) {
    _cleanup_(bytes_deinit) struct bytes text = {0};
    enum status s = read_file(l, path, &text);
    return s == STATUS_OK ? config_read_yaml(l->settings, bytes_slice(&text), path, l->error) : s;
}

/* "key: secret" lines, as YAML under keys. */
static enum status load_keys(struct loader *l, struct slice text, const char *name) {
    struct buf yaml;
    buf_init(&yaml, CONFIG_BYTES_MAX);
    buf_put_cstr(&yaml, "keys:\n");
    l->settings->keys_count = 0;
    while (text.len > 0) {
        struct slice line = slice_trim(slice_split(&text, '\n'));
        buf_printf(&yaml, "  %.*s\n", SLICE_ARG(line));
    }
    enum status s = yaml.failed ? refuse(l, name, "too large")
                                : config_read_yaml(l->settings, buf_slice(&yaml), name, l->error);
    buf_deinit(&yaml);
    return s;
}

static enum status load_key_file(struct loader *l) {
    struct slice path = l->settings->key_file;
    if (path.len == 0) {
        return STATUS_OK;
    }
    char *name = arena_cstr(&l->settings->arena, path);
    if (!name) {
        return STATUS_NO_MEMORY;
    }
    if (file_check_private(name) == STATUS_DENIED) {
        return refuse(l, name, "key file others permissions must be set to 0");
    }
    _cleanup_(bytes_deinit) struct bytes text = {0};
    enum status s = read_file(l, name, &text);
    return s == STATUS_OK ? load_keys(l, bytes_slice(&text), name) : s;
}

static enum status load_environment(struct loader *l) {
    const char *body = getenv("LIVEKIT_CONFIG");
    enum status s = STATUS_OK;
    if (body && *body) {
        s = config_read_yaml(l->settings, slice_from_cstr(body), "LIVEKIT_CONFIG", l->error);
    }
    for (size_t i = 0; i < setting_descs_count && s == STATUS_OK; i++) {
        struct buf name;
        buf_init(&name, 256);
        settings_put_env_name(&name, &setting_descs[i]);
        buf_put_u8(&name, 0);
        const char *variable = (const char *)name.data;
        const char *value = name.failed ? NULL : getenv(variable);
        if (value && *value) {
            s = set(l, &setting_descs[i], slice_from_cstr(value), variable);
        }
        buf_deinit(&name);
    }
    for (size_t i = 0; i < ARRAY_LEN(short_names) && s == STATUS_OK; i++) {
        const char *value = short_names[i].env ? getenv(short_names[i].env) : NULL;
        if (value && *value) {
            s = set(l, settings_find(slice_from_cstr(short_names[i].path)), slice_from_cstr(value),
                    short_names[i].env);
        }
    }
    const char *keys = getenv("LIVEKIT_KEYS");
    if (keys && *keys && s == STATUS_OK) {
        s = load_keys(l, slice_from_cstr(keys), "LIVEKIT_KEYS");
    }
    return s;
}

static const struct setting_desc *find_flag(struct slice name) {
    for (size_t i = 0; i < ARRAY_LEN(short_names); i++) {
        if (slice_eq_cstr(name, short_names[i].flag)) {
            return settings_find(slice_from_cstr(short_names[i].path));
        }
    }
    return settings_find(name);
}

static enum status take_flag(struct loader *l, const struct setting_desc *desc, struct slice value,
                             const char *arg) {
    if (desc->type != SETTING_LIST) {
        return set(l, desc, value, arg);
    }
    if (l->list_begun != desc) {
        settings_list_clear(l->settings, desc);
        l->list_begun = desc;
    }
    return settings_list_add(l->settings, desc, value) == STATUS_OK
               ? STATUS_OK
               : refuse(l, arg, "has too many values");
}

static bool is_special(struct slice name) {
    return slice_eq_cstr(name, "config") || slice_eq_cstr(name, "config-body") ||
           slice_eq_cstr(name, "keys");
}

static enum status take_special(struct loader *l, struct slice name, const char *value) {
    if (slice_eq_cstr(name, "keys")) {
        return load_keys(l, slice_from_cstr(value), "--keys");
    }
    if (slice_eq_cstr(name, "config")) {
        return load_file(l, value);
    }
    return config_read_yaml(l->settings, slice_from_cstr(value), "--config-body", l->error);
}

/* One pass over the flags. Files first, the rest in a second pass, so that flags beat files. */
static enum status load_flags(struct loader *l, int argc, char **argv, bool files) {
    for (int i = 0; i < argc; i++) {
        struct slice rest = slice_from_cstr(argv[i]);
        if (!slice_starts_with(rest, SLICE_LIT("--"))) {
            return refuse(l, argv[i], "is not an option; see stoa help");
        }
        rest = slice_after(rest, 2);
        const char *equals = strchr(argv[i], '=');
        struct slice name = slice_split(&rest, '=');
        const struct setting_desc *desc = find_flag(name);
        if (!desc && !is_special(name)) {
            return refuse(l, argv[i], "no such option; see stoa help");
        }
        const char *value = equals ? equals + 1 : NULL;
        bool alone = desc && desc->type == SETTING_BOOL &&
                     (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0);
        if (!value && alone) {
            value = "true";
        } else if (!value && i + 1 < argc) {
            value = argv[++i];
        } else if (!value) {
            return refuse(l, argv[i], "needs a value");
        }
        bool is_file = is_special(name) && !slice_eq_cstr(name, "keys");
        if (is_file != files) {
            continue;
        }
        enum status s = desc ? take_flag(l, desc, slice_from_cstr(value), argv[i])
                             : take_special(l, name, value);
        if (s != STATUS_OK) {
            return s;
        }
    }
    return STATUS_OK;
}

static enum status add_development(struct loader *l) {
    struct settings *s = l->settings;
    if (!s->development) {
        return s->keys_count ? STATUS_OK
                             : refuse(l, "keys",
                                      "none is configured: one of keys, key_file, "
                                      "LIVEKIT_KEYS or --dev is needed");
    }
    s->loopback_candidate = true;
    if (s->bind_addresses.count == 0) {
        const struct setting_desc *bind = settings_find(SLICE_LIT("bind_addresses"));
        if (settings_list_add(s, bind, SLICE_LIT("127.0.0.1")) != STATUS_OK ||
            settings_list_add(s, bind, SLICE_LIT("::1")) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
    }
    return s->keys_count ? STATUS_OK
                         : settings_key_add(s, SLICE_LIT("devkey"), SLICE_LIT("secret"));
}

enum status config_load(struct settings *s, int argc, char **argv, struct config_error *ret_error) {
    struct loader l = {.settings = s, .error = ret_error};
    snprintf(ret_error->text, sizeof(ret_error->text), "out of memory");
    enum status result = load_flags(&l, argc, argv, true);
    if (result == STATUS_OK) {
        result = load_environment(&l);
    }
    if (result == STATUS_OK) {
        result = load_flags(&l, argc, argv, false);
    }
    if (result == STATUS_OK) {
        result = load_key_file(&l);
    }
    return result == STATUS_OK ? add_development(&l) : result;
}
