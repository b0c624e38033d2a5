/* config.h: settings from file or body, environment and flags, in this order: the later one wins.
 * Owns: nothing; fills struct settings.
 * Never: starts with a setting it does not know: the error names file, line and reason. What the
 *   reference knows and this server does not have is a warning in the settings.
 * Source: wire/room-api.md section 10.
 * Callers: app's commands. */
#pragma once

#include "settings.h"

enum {
    CONFIG_BYTES_MAX = 1 << 20,
    CONFIG_ERROR_MAX = 512,
    CONFIG_SECRET_BYTES_MIN = 32,
    CONFIG_JOURNAL_PATH_MAX = 440
};

struct config_error {
    char text[CONFIG_ERROR_MAX];
    bool usage; /* the command line is wrong, not a value: exit status 2 */
};

/* YAML text; `name` is for messages. When lax, unknown settings are warnings. */
must_check enum status config_read_yaml(struct settings *s, struct slice text, const char *name,
                                        bool lax, struct config_error *ret_error);
/* YAML text whose mapping is of keys to secrets; it replaces the keys there are. When only_text,
 * secrets that YAML reads as numbers and the like are left out with a warning, as the reference
 * does with LIVEKIT_KEYS. */
must_check enum status config_read_keys(struct settings *s, struct slice text, const char *name,
                                        bool only_text, struct config_error *ret_error);
/* Everything: --config FILE, or instead of it --config-body or LIVEKIT_CONFIG; LIVEKIT_<PATH>;
 * flags: --<path> VALUE, --<path>=VALUE, and the reference's short ones; bool flags may stand
 * alone. Then LIVEKIT_KEYS or --keys, the key file, old names, and what --dev brings. */
must_check enum status config_load(struct settings *s, int argc, char **argv,
                                   struct config_error *ret_error);
/* What a server needs before it starts: keys, and values that fit each other. Short secrets are
 * warnings, or with stoa.keys_strict an error. */
must_check enum status config_check(struct settings *s, struct config_error *ret_error);

/* "50ms" or "always"; false when it is neither. */
must_check bool config_journal_sync(struct slice text, uint32_t *ret_interval_ms, bool *ret_always);
/* "7882" or "7882-7890"; false when it is neither. */
must_check bool config_ports(struct slice text, uint16_t *ret_first, uint16_t *ret_last);
