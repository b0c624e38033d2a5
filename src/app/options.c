#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

/* Options of the configuration that commands hand on; the second column: takes a value. */
static const struct {
    const char *name;
    bool valued;
} config_options[] = {{"config", true},   {"config-body", true}, {"keys", true},
                      {"key-file", true}, {"dev", false},        {"disable-strict-config", false}};

static bool misused(const char *arg, const char *reason) {
    fprintf(stderr, "stoa: %s: %s\n", arg, reason);
    return false;
}

struct argument {
    const char *arg;
    struct slice name;
    const char *value; /* behind "=", else NULL */
};

static struct argument split(const char *arg) {
    struct argument a = {.arg = arg, .name = slice_after(slice_from_cstr(arg), 2)};
    size_t equals = slice_find(a.name, '=');
    if (equals < a.name.len) {
        a.value = arg + 2 + equals + 1;
        a.name = slice_sub(a.name, 0, equals);
    }
    return a;
}

/* The value of an option that needs one: behind "=", or the next argument. */
static const char *value_of(const struct argument *a, int argc, char **argv, int *i) {
    if (a->value || *i + 1 >= argc) {
        return a->value;
    }
    *i += 1;
    return argv[*i];
}

static bool set_uint32(const struct option *o, const struct argument *a, const char *value) {
    uint64_t number = 0;
    bool negative = false;
    const char *reason = NULL;
    struct slice text = slice_from_cstr(value);
    enum status s = o->kind == OPTION_SECONDS
                        ? setting_read_duration(text, &negative, &number, &reason)
                        : setting_read_int(text, &negative, &number, &reason);
    if (s != STATUS_OK) {
        return misused(a->arg, reason);
    }
    number = o->kind == OPTION_SECONDS ? number / 1000000000 : number;
    if (negative || number > UINT32_MAX) {
        return misused(a->arg, "is out of its range");
    }
    *(uint32_t *)o->target = (uint32_t)number;
    return true;
}

static bool set(const struct option *o, const struct argument *a, int argc, char **argv, int *i) {
    if (o->kind == OPTION_FLAG) {
        *(bool *)o->target = true;
        return !a->value || misused(a->arg, "takes no value");
    }
    const char *value = value_of(a, argc, argv, i);
    if (!value) {
        return misused(a->arg, "needs a value");
    }
    if (!slice_is_text(slice_from_cstr(value))) {
        return misused(a->arg, "must be UTF-8 text");
    }
    if (o->kind != OPTION_TEXT) {
        return set_uint32(o, a, value);
    }
    *(const char **)o->target = value;
    return true;
}

static const struct option *find(const struct option *options, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_cstr(name, options[i].name)) {
            return &options[i];
        }
    }
    return NULL;
}

/* Hands an option on to config_load. */
static bool keep_config(struct command_line *line, const struct argument *a, bool valued, int argc,
                        char **argv, int *i) {
    if (line->config_count + 2 > OPTIONS_CONFIG_MAX) {
        return misused(a->arg, "is one option too many");
    }
    line->config[line->config_count++] = argv[*i];
    if (!valued || a->value) {
        return true;
    }
    const char *value = value_of(a, argc, argv, i);
    if (!value) {
        return misused(a->arg, "needs a value");
    }
    line->config[line->config_count++] = argv[*i];
    return true;
}

static bool read_option(struct command_line *line, const struct option *options, size_t count,
                        int argc, char **argv, int *i) {
    const struct option shared[] = {{"json", OPTION_FLAG, &line->json},
                                    {"url", OPTION_TEXT, &line->url},
                                    {"api-key", OPTION_TEXT, &line->api_key},
                                    {"api-secret", OPTION_TEXT, &line->api_secret}};
    struct argument a = split(argv[*i]);
    const struct option *o = find(options, count, a.name);
    o = o ? o : find(shared, ARRAY_LEN(shared), a.name);
    if (o) {
        return set(o, &a, argc, argv, i);
    }
    for (size_t c = 0; c < ARRAY_LEN(config_options); c++) {
        if (slice_eq_cstr(a.name, config_options[c].name)) {
            return keep_config(line, &a, config_options[c].valued, argc, argv, i);
        }
    }
    return misused(a.arg, "no such option; see stoa help");
}

bool options_read(struct command_line *line, const struct option *options, size_t count, int argc,
                  char **argv) {
    memset(line, 0, sizeof(*line));
    bool good = true, all_positional = false;
    for (int i = 0; i < argc && good; i++) {
        struct slice arg = slice_from_cstr(argv[i]);
        if (!all_positional && slice_eq_cstr(arg, "--")) {
            all_positional = true; /* what follows may begin with dashes */
        } else if (!all_positional && slice_starts_with(arg, SLICE_LIT("--"))) {
            good = read_option(line, options, count, argc, argv, &i);
        } else if (line->positionals_count == OPTIONS_POSITIONALS_MAX) {
            good = misused(argv[i], "is one argument too many");
        } else if (!slice_is_text(arg)) {
            good = misused("argument", "must be UTF-8 text");
        } else {
            line->positionals[line->positionals_count++] = argv[i];
        }
    }
    return good && ((!line->api_key == !line->api_secret) ||
                    misused("--api-key", "and --api-secret are needed together"));
}

static bool key_of_settings(const struct command_line *line, struct settings *settings,
                            struct key_secret *ret_key) {
    struct config_error error;
    if (config_load(settings, line->config_count, (char **)line->config, &error) != STATUS_OK) {
        fprintf(stderr, "stoa: %s\n", error.text);
        return false;
    }
    if (settings->keys_count == 0) {
        fputs("stoa: no key: give --api-key and --api-secret, LIVEKIT_API_KEY and "
              "LIVEKIT_API_SECRET, --config, --keys or --dev\n",
              stderr);
        return false;
    }
    *ret_key = settings->keys[0];
    return true;
}

bool options_find_key(const struct command_line *line, struct settings *settings,
                      struct key_secret *ret_key) {
    const char *key = getenv("LIVEKIT_API_KEY"), *secret = getenv("LIVEKIT_API_SECRET");
    bool by_environment = line->config_count == 0 && key && *key && secret && *secret;
    if (line->api_key) {
        key = line->api_key;
        secret = line->api_secret;
    } else if (!by_environment) {
        return key_of_settings(line, settings, ret_key);
    }
    *ret_key = (struct key_secret){arena_copy(&settings->arena, slice_from_cstr(key)),
                                   arena_copy(&settings->arena, slice_from_cstr(secret))};
    return !settings->arena.failed || misused("--api-key", "out of memory");
}

void options_put_printable(struct buf *out, struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        bool c1 = c == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0; /* U+0080 to U+009F */
        if (c1) {
            i++;
            c = text.data[i];
        }
        if (c1 || c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\u00%02x", c);
        } else {
            buf_put_u8(out, c);
        }
    }
}
