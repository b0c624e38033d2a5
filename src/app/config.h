/* config.h: settings from file, environment and flags, in this order: the later one wins.
 * Owns: nothing; fills struct settings.
 * Never: starts with a setting it does not know: the error names file, line and reason.
 * Source: wire/room-api.md section 10.
 * Callers: app's commands. */
#pragma once

#include "settings.h"

enum { CONFIG_BYTES_MAX = 1 << 20, CONFIG_ERROR_MAX = 512 };

struct config_error {
    char text[CONFIG_ERROR_MAX];
};

/* YAML text; `name` is for messages. */
must_check enum status config_read_yaml(struct settings *s, struct slice text, const char *name,
                                        struct config_error *ret_error);
/* Everything: --config FILE, LIVEKIT_CONFIG, LIVEKIT_KEYS, LIVEKIT_<PATH>, then flags. Flags are
 * --<path> VALUE, --<path>=VALUE, and the reference's short ones; bool flags may stand alone.
 * Afterwards keys are there (devkey with --dev) or an error is. */
must_check enum status config_load(struct settings *s, int argc, char **argv,
                                   struct config_error *ret_error);
