/* config_priv.h: what the files of the configuration share. */
#pragma once

#include "config.h"

enum { CONFIG_FLAGS_MAX = 512 };

/* One flag of the command line that sets something. */
struct config_flag {
    const struct setting_desc *desc; /* NULL: one of those kept in struct loader */
    struct slice value;
    const char *arg; /* as written, for messages */
};

struct loader {
    struct settings *settings;
    struct config_error *error;
    /* from the command line; NULL: not given */
    const char *file, *body, *keys;
    bool lax;
    struct config_flag flags[CONFIG_FLAGS_MAX];
    size_t flags_count;
};

/* Writes "what: reason" and returns INVALID. */
must_check enum status config_refuse(struct config_error *error, const char *what,
                                     const char *reason);
/* settings_set, its refusal written down under the name `what`. */
must_check enum status config_set(struct loader *l, const struct setting_desc *desc,
                                  struct slice value, const char *what);
must_check enum status config_read_file(struct loader *l, const char *path, struct bytes *ret_text);

/* Sorts the command line into the loader; sets nothing. */
must_check enum status config_parse_flags(struct loader *l, int argc, char **argv);
must_check enum status config_apply_flags(struct loader *l);
/* LIVEKIT_<PATH> and the reference's variables that are not made from a path. */
must_check enum status config_apply_environment(struct loader *l);
/* The setting that one of the reference's short flags or variables stands for, or NULL. */
const struct setting_desc *config_short_flag(struct slice name);
/* --keys or LIVEKIT_KEYS, then key_file, which replaces them. */
must_check enum status config_apply_keys(struct loader *l);
