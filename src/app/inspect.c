#include <stdio.h>
#include <string.h>

#include "app.h"
#include "config.h"
#include "json.h"
#include "options.h"

/* Commands that tell about settings and program, without a server. */

/* Takes --json out of the arguments; the others are for config_load. */
static bool take_json(int *argc, char **argv) {
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "--json") != 0) {
            argv[kept++] = argv[i];
        }
    }
    bool found = kept < *argc;
    *argc = kept;
    return found;
}

static int print(struct buf *out) {
    bool good =
        !out->failed && fwrite(out->data, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
    buf_deinit(out);
    if (!good) {
        fputs("stoa: the answer could not be written\n", stderr);
    }
    return good ? APP_OK : APP_FAILED;
}

static void put_check_json(struct buf *out, const struct settings *s, const char *error) {
    buf_printf(out, "{\"ok\":%s", error ? "false" : "true");
    if (error) {
        buf_put_cstr(out, ",\"error\":");
        json_put_string(out, slice_from_cstr(error));
    }
    buf_put_cstr(out, ",\"warnings\":[");
    for (size_t i = 0; i < s->warnings_count; i++) {
        buf_put_cstr(out, i ? ",{\"setting\":" : "{\"setting\":");
        json_put_string(out, s->warnings[i].setting);
        buf_put_cstr(out, ",\"advice\":");
        json_put_string(out, s->warnings[i].advice);
        buf_put_u8(out, '}');
    }
    buf_put_cstr(out, "]}\n");
}

static void put_check_text(struct buf *out, const struct settings *s, const char *error) {
    for (size_t i = 0; i < s->warnings_count; i++) {
        buf_put_cstr(out, "warning: ");
        options_put_printable(out, s->warnings[i].setting);
        buf_put_cstr(out, ": ");
        options_put_printable(out, s->warnings[i].advice);
        buf_put_u8(out, '\n');
    }
    buf_put_cstr(out, error ? "" : "OK\n");
}

/* Once the rest is out, so that a terminal shows it last. */
static void say_error(const char *error) {
    struct buf out;
    buf_init(&out, 8 * CONFIG_ERROR_MAX);
    options_put_printable(&out, slice_from_cstr(error));
    fprintf(stderr, "stoa: %.*s\n", SLICE_ARG(buf_slice(&out)));
    buf_deinit(&out);
}

int app_config_check(int argc, char **argv) {
    bool json = take_json(&argc, argv);
    struct settings settings;
    struct config_error error;
    if (settings_init(&settings) != STATUS_OK) {
        return APP_FAILED;
    }
    enum status s = config_load(&settings, argc, argv, &error);
    if (s == STATUS_OK) {
        s = config_check(&settings, &error);
    }
    int code = s == STATUS_OK ? APP_OK : error.usage ? APP_USAGE : APP_FAILED;
    struct buf out;
    buf_init(&out, 8 << 20);
    (json ? put_check_json : put_check_text)(&out, &settings, s == STATUS_OK ? NULL : error.text);
    int printed = print(&out);
    if (code != APP_OK && !json) {
        say_error(error.text);
    }
    settings_deinit(&settings);
    return code == APP_OK ? printed : code;
}

/* True, or said and false: this command takes nothing. */
static bool takes_nothing(int argc, char **argv) {
    if (argc > 0) {
        fprintf(stderr, "stoa: %s: is one argument too many\n", argv[0]);
    }
    return argc == 0;
}

int app_config_sample(int argc, char **argv) {
    if (!takes_nothing(argc, argv)) {
        return APP_USAGE;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    settings_put_sample(&out);
    return print(&out);
}

struct port_line {
    const char *protocol, *text;
    uint32_t first, last;
};

static void put_port(struct buf *out, const struct port_line *p, bool json, bool first) {
    if (json) {
        buf_printf(out, "%s{\"protocol\":\"%s\",\"first\":%u,\"last\":%u,\"for\":\"%s\"}",
                   first ? "" : ",", p->protocol, p->first, p->last, p->text);
    } else if (p->first == p->last) {
        buf_printf(out, "%u/%s  %s\n", p->first, p->protocol, p->text);
    } else {
        buf_printf(out, "%u-%u/%s  %s\n", p->first, p->last, p->protocol, p->text);
    }
}

int app_ports(int argc, char **argv) {
    bool json = take_json(&argc, argv);
    struct settings s;
    struct config_error error;
    uint16_t first = 0, last = 0;
    if (settings_init(&s) != STATUS_OK) {
        return APP_FAILED;
    }
    enum status st = config_load(&s, argc, argv, &error);
    bool good = st == STATUS_OK && config_ports(s.udp_port, &first, &last);
    if (!good) {
        fprintf(stderr, "stoa: %s\n",
                st == STATUS_OK ? "rtc.udp_port: must be a port or a range" : error.text);
        settings_deinit(&s);
        return st != STATUS_OK && error.usage ? APP_USAGE : APP_FAILED;
    }
    uint32_t used = s.media_workers < (uint64_t)(last - first) + 1 ? (uint32_t)s.media_workers
                                                                   : (uint32_t)(last - first) + 1;
    const struct port_line lines[] = {
        {"tcp", "HTTP API and WebSocket signalling", (uint32_t)s.port, (uint32_t)s.port},
        {"udp", "media and data", first, first == 0 ? 0 : first + used - 1},
        {"tcp", "media of clients without UDP", (uint32_t)s.tcp_port, (uint32_t)s.tcp_port},
        {"tcp", "metrics", (uint32_t)s.prometheus_port, (uint32_t)s.prometheus_port},
    };
    struct buf out;
    buf_init(&out, 4096);
    buf_put_cstr(&out, json ? "[" : "");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        bool is_off = i >= 2 && lines[i].first == 0;
        if (!is_off) {
            put_port(&out, &lines[i], json, i == 0);
        }
    }
    buf_put_cstr(&out, json ? "]\n" : "");
    settings_deinit(&s);
    return print(&out);
}

int app_version(int argc, char **argv) {
    bool json = take_json(&argc, argv);
    if (!takes_nothing(argc, argv)) {
        return APP_USAGE;
    }
    printf(json ? "{\"version\":\"%s\",\"speaks\":\"%s\"}\n" : "stoa %s (speaks LiveKit %s)\n",
           STOA_VERSION, STOA_SPEAKS_VERSION);
    return APP_OK;
}
