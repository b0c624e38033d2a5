/* options.h: the options of a command that is not the server, and where its key comes from.
 * Owns: nothing; values point into argv.
 * Never: takes an option it does not know.
 * Callers: app's commands. */
#pragma once

#include "settings.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_UINT32, OPTION_SECONDS };
struct option {
    const char *name; /* without the dashes */
    enum option_kind kind;
    void *target; /* bool, const char *, uint32_t, uint32_t (from a duration) */
};

enum { OPTIONS_POSITIONALS_MAX = 1000, OPTIONS_CONFIG_MAX = 32 };

struct command_line {
    const char *positionals[OPTIONS_POSITIONALS_MAX];
    size_t positionals_count;
    bool json;
    const char *url, *api_key, *api_secret;
    char *config[OPTIONS_CONFIG_MAX]; /* what config_load is to read: --config, --keys, --dev ... */
    int config_count;
};

/* Reads the command's own options, --json, those about server and key, and the rest as
 * positionals. False after it has said what is wrong: wrong usage. */
must_check bool options_read(struct command_line *line, const struct option *options, size_t count,
                             int argc, char **argv);
/* The key to sign with: --api-key and --api-secret; else the first of the settings when options
 * name some; else LIVEKIT_API_KEY and LIVEKIT_API_SECRET; else the first key of the settings.
 * Text is copied into the settings' arena. False after it has said why there is none. */
must_check bool options_find_key(const struct command_line *line, struct settings *settings,
                                 struct key_secret *ret_key);
/* Text for a terminal: control characters, which could move its cursor, are shown as \u00XX. */
void options_put_printable(struct buf *out, struct slice text);
