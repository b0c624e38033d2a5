#include "config_priv.h"

#include <string.h>

/* The reference's flags that are not made from a path. */
static const struct {
    const char *flag, *path;
} short_flags[] = {
    {"dev", "development"},
    {"bind", "bind_addresses"},
    {"key-file", "key_file"},
    {"node-ip", "rtc.node_ip"},
    {"udp-port", "rtc.udp_port"},
    {"redis-host", "redis.address"},
    {"turn-cert", "turn.cert_file"},
    {"turn-key", "turn.key_file"},
    {"redis-password", "redis.password"},
};

const struct setting_desc *config_short_flag(struct slice name) {
    for (size_t i = 0; i < ARRAY_LEN(short_flags); i++) {
        if (slice_eq_cstr(name, short_flags[i].flag)) {
            return settings_find(slice_from_cstr(short_flags[i].path));
        }
    }
    return NULL;
}

/* Flags stand for one value or a list of texts; what holds more is for the file. */
static const struct setting_desc *find_setting(struct slice name) {
    const struct setting_desc *desc = config_short_flag(name);
    desc = desc ? desc : settings_find(name);
    bool usable = desc && (settings_is_scalar(desc) || desc->type == SETTING_LIST) &&
                  slice_find(name, '[') == name.len;
    return usable ? desc : NULL;
}

static enum status misused(struct loader *l, const char *arg, const char *reason) {
    l->error->usage = true;
    return config_refuse(l->error, arg, reason);
}

/* One argument with its value split off. */
struct argument {
    const char *arg;
    struct slice name;
    const char *value; /* NULL: none yet */
};

static bool is_bool_word(const char *text) {
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

/* The value of an argument without "=": the next one. Bool flags may stand alone. */
static enum status find_value(struct loader *l, struct argument *a, bool is_bool, int argc,
                              char **argv, int *i) {
    bool next = *i + 1 < argc;
    if (is_bool && !(next && is_bool_word(argv[*i + 1]))) {
        a->value = "true";
    } else if (next) {
        *i += 1;
        a->value = argv[*i];
    } else {
        return misused(l, a->arg, "needs a value");
    }
    return STATUS_OK;
}

static enum status keep(struct loader *l, const struct argument *a,
                        const struct setting_desc *desc) {
    if (l->flags_count == CONFIG_FLAGS_MAX) {
        return misused(l, a->arg, "is one option too many");
    }
    l->flags[l->flags_count++] =
        (struct config_flag){.desc = desc, .value = slice_from_cstr(a->value), .arg = a->arg};
    return STATUS_OK;
}

static const char **kept_text(struct loader *l, struct slice name) {
    if (slice_eq_cstr(name, "config")) {
        return &l->file;
    }
    if (slice_eq_cstr(name, "config-body")) {
        return &l->body;
    }
    return slice_eq_cstr(name, "keys") ? &l->keys : NULL;
}

static enum status parse_one(struct loader *l, int argc, char **argv, int *i) {
    struct argument a = {.arg = argv[*i], .name = slice_from_cstr(argv[*i])};
    if (!slice_starts_with(a.name, SLICE_LIT("--")) || a.name.len == 2) {
        return misused(l, a.arg, "is not an option; see stoa help");
    }
    a.name = slice_after(a.name, 2);
    size_t equals = slice_find(a.name, '=');
    if (equals < a.name.len) {
        a.value = a.arg + 2 + equals + 1;
        a.name = slice_sub(a.name, 0, equals);
    }
    bool lax = slice_eq_cstr(a.name, "disable-strict-config");
    const char **text = kept_text(l, a.name);
    const struct setting_desc *desc = text || lax ? NULL : find_setting(a.name);
    if (slice_eq_cstr(a.name, "cpuprofile") || slice_eq_cstr(a.name, "memprofile")) {
        return misused(l, a.arg, "is not served here; perf or heaptrack profile from outside");
    }
    if (!text && !lax && !desc) {
        return misused(l, a.arg, "no such option; see stoa help");
    }
    enum status s = STATUS_OK;
    if (!a.value) {
        s = find_value(l, &a, lax || (desc && desc->type == SETTING_BOOL), argc, argv, i);
    }
    if (s != STATUS_OK) {
        return s;
    }
    if (lax) {
        const char *reason = NULL;
        s = setting_read_bool(slice_from_cstr(a.value), &l->lax, &reason);
        return s == STATUS_OK ? s : misused(l, a.arg, reason);
    }
    if (text) {
        *text = a.value;
        return STATUS_OK;
    }
    return keep(l, &a, desc);
}

enum status config_parse_flags(struct loader *l, int argc, char **argv) {
    enum status s = STATUS_OK;
    for (int i = 0; i < argc && s == STATUS_OK; i++) {
        s = parse_one(l, argc, argv, &i);
    }
    return s;
}

/* The first flag of a list replaces what other sources said, the next ones add. */
static enum status apply_to_list(struct loader *l, size_t at) {
    const struct config_flag *flag = &l->flags[at];
    bool first = true;
    for (size_t i = 0; i < at; i++) {
        first = first && l->flags[i].desc != flag->desc;
    }
    if (first) {
        settings_list_clear(l->settings, flag->desc);
    }
    struct slice rest = flag->value;
    enum status s = STATUS_OK;
    while (rest.len > 0 && s == STATUS_OK) {
        struct slice item = slice_trim(slice_split(&rest, ','));
        bool text = slice_is_text(item);
        s = !text ? STATUS_INVALID : settings_list_add(l->settings, flag->desc, item);
    }
    return s == STATUS_OK || s == STATUS_NO_MEMORY
               ? s
               : config_refuse(l->error, flag->arg,
                               s == STATUS_INVALID ? "must be UTF-8 text" : "has too many values");
}

enum status config_apply_flags(struct loader *l) {
    enum status s = STATUS_OK;
    for (size_t i = 0; i < l->flags_count && s == STATUS_OK; i++) {
        const struct config_flag *flag = &l->flags[i];
        s = flag->desc->type == SETTING_LIST ? apply_to_list(l, i)
                                             : config_set(l, flag->desc, flag->value, flag->arg);
    }
    return s;
}
