#include "app.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "config_presets.h"
#include "control.h"
#include "entropy.h"
#include "hmac.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "pages.h"
#include "serve_hook.h"
#include "serve_journal.h"
#include "serve_reload.h"
#include "signals.h"

enum {
    SERVER_HOOK_GRACE_MS = 2000,    /* room_finished of a stop still leaves */
    SERVER_JOURNAL_GRACE_MS = 5000, /* what is posted is still written and synced */
    SERVER_MAGIC = 0x53525630,
    WORKERS_MAX = 64,
    ICE_URLS_MAX = 64,
    NODE_IPS_MAX = 2,
    EXTERNAL_IP_WAIT_MS = 5000,
};

/* Everything a running server consists of, in the order it is built. */
struct server {
    uint32_t magic;
    int argc;
    char **argv; /* borrowed: to read the configuration again */
    struct settings settings;
    struct loop *loop;
    struct signals *signals;
    struct control *control;
    struct media *media;
    struct hook *hook;       /* NULL: no webhooks */
    struct journal *journal; /* NULL: memory only */
    struct edge *edge;
    bool drain_asked;
    bool has_journal;
    char journal_path[SERVE_JOURNAL_PATH_MAX];

    /* What the configurations borrow. */
    const char *binds[SETTINGS_LIST_MAX];
    const char *node_ips[NODE_IPS_MAX];
    struct edge_key keys[SETTINGS_KEYS_MAX];
    struct slice candidates[WORKERS_MAX], ice_urls[ICE_URLS_MAX];
    const struct metrics *metrics[WORKERS_MAX + 8];
    struct buf labels;
};

static enum status failed(const char *what, enum status s) {
    log_event(LOG_ERROR, "start_failed", LOG_CSTR("part", what), LOG_STATUS("status", s));
    return s;
}

static const char *text(struct server *v, struct slice s) {
    return s.len ? arena_cstr(&v->settings.arena, s) : NULL;
}

/* A server that told clients an address of its private network would look well and reach nobody. */
static enum status find_external_ip(struct server *v, struct media_config *config) {
    static const struct slice usual[] = {SLICE_LIT("stun.l.google.com:19302")};
    const struct text_list *own = &v->settings.stun_servers;
    char ip[MEDIA_IP_TEXT_MAX];
    enum status st = media_external_ip(own->count ? own->items : usual, own->count ? own->count : 1,
                                       EXTERNAL_IP_WAIT_MS, ip);
    if (st != STATUS_OK) {
        return failed("rtc.use_external_ip", st);
    }
    log_event(LOG_INFO, "external_ip", LOG_CSTR("ip", ip));
    v->node_ips[0] = text(v, slice_from_cstr(ip));
    config->node_ips_count = v->node_ips[0] != NULL;
    return STATUS_OK;
}

static enum status start_media(struct server *v) {
    const struct settings *s = &v->settings;
    struct media_config config = {
        .workers = (uint32_t)s->media_workers,
        .loopback_candidates = s->loopback_candidate,
        .to_control = control_media_mailbox(v->control),
        .node_ips = v->node_ips,
    };
    if (!config_ports(s->udp_port, &config.udp_port_first, &config.udp_port_last)) {
        return failed("rtc.udp_port", STATUS_INVALID);
    }
    config.ice_tcp = s->tcp_port != 0;
    config.tcp_only = s->force_tcp && config.ice_tcp;
    config.tcp_port = config.udp_port_first != 0 ? (uint16_t)s->tcp_port : 0;
    uint32_t ports = (uint32_t)config.udp_port_last - config.udp_port_first + 1;
    if (config.udp_port_first != 0 && ports < config.workers) {
        config.workers = ports; /* worker i takes the i-th port: no more workers than ports */
    }
    struct slice rest = s->node_ip;
    while (rest.len > 0 && config.node_ips_count < NODE_IPS_MAX) {
        v->node_ips[config.node_ips_count] = text(v, slice_trim(slice_split(&rest, ',')));
        config.node_ips_count += v->node_ips[config.node_ips_count] != NULL;
    }
    if (s->use_external_ip && config.node_ips_count == 0) {
        enum status found = find_external_ip(v, &config);
        if (found != STATUS_OK) {
            return found;
        }
    }
    enum status st = media_create(&config, &v->media);
    return st == STATUS_OK ? st : failed("media", st);
}

/* Without a secret of the cluster's, that of the journal: the sids that it brings back are then as
 * they were. */
static enum status derive_cluster_key(const struct server *v, uint8_t key[16]) {
    struct slice secret = v->settings.cluster_secret;
    uint8_t own[JOURNAL_SECRET_BYTES], digest[SHA256_BYTES];
    enum status st = STATUS_OK;
    if (secret.len == 0 && !v->has_journal) {
        entropy_fill(key, 16);
        return STATUS_OK;
    }
    if (secret.len == 0) {
        st = serve_journal_secret(v->journal_path, own);
        secret = slice_of(own, sizeof(own));
    }
    st = st == STATUS_OK ? sha256(secret, digest) : st;
    if (st == STATUS_OK) {
        memcpy(key, digest, 16);
    }
    return st;
}

static void fill_ice_urls(struct server *v, struct node_config *config) {
    const struct text_list *servers = &v->settings.stun_servers;
    for (size_t i = 0; i < servers->count && i < ICE_URLS_MAX; i++) {
        struct buf url;
        buf_init(&url, 1024);
        buf_put_cstr(&url, "stun:");
        buf_put(&url, servers->items[i]);
        v->ice_urls[config->ice_urls_count++] = arena_copy(&v->settings.arena, buf_slice(&url));
        buf_deinit(&url);
    }
    config->ice_urls = v->ice_urls;
}

static enum status start_node(struct server *v) {
    const struct settings *s = &v->settings;
    struct node_config config = {
        .region = s->region,
        .version = SLICE_LIT(STOA_SPEAKS_VERSION),
        .token_issuer = s->keys[0].key,
        .media_workers = media_worker_count(v->media),
        .candidates = v->candidates,
        .auto_create = s->auto_create,
        .enable_remote_unmute = s->enable_remote_unmute,
        .empty_timeout_s = (uint32_t)s->empty_timeout_s,
        .departure_timeout_s = (uint32_t)s->departure_timeout_s,
        .max_participants = (uint32_t)s->room_max_participants,
        .solo_timeout_s = (uint32_t)s->solo_timeout_s,
        .max_duration_s = (uint32_t)s->max_duration_s,
        .room_name_bytes_max = (uint32_t)s->max_room_name_length,
        .identity_bytes_max = (uint32_t)s->max_identity_length,
        .participant_name_bytes_max = (uint32_t)s->max_name_length,
        .metadata_bytes_max = (uint32_t)s->max_metadata_size,
        .attributes_bytes_max = (uint32_t)s->max_attributes_size,
        .rooms_max = s->rooms_max,
        .webhooks = v->hook != NULL,
        .partial_replies = true,
        .performs_rpc = true,
        .journal = v->has_journal,
        .journal_wait_ms = (uint32_t)s->journal_wait_ms,
    };
    for (uint32_t i = 0; i < config.media_workers; i++) {
        v->candidates[i] = media_candidates(v->media, i);
    }
    config.peer.candidates = v->candidates[0];
    memcpy(config.peer.fingerprint, media_fingerprint(v->media), sizeof(config.peer.fingerprint));
    fill_ice_urls(v, &config);
    entropy_fill(config.random_key, sizeof(config.random_key));
    struct config_error error; /* it was checked at the start */
    enum status st = config_presets(&v->settings, &v->settings.arena, &config.room_presets,
                                    &config.room_presets_count, &error);
    if (st == STATUS_OK) {
        st = derive_cluster_key(v, config.cluster_key);
    }
    if (st == STATUS_OK) {
        st = control_prepare(v->control, &config);
    }
    return st == STATUS_OK ? st : failed("node", st);
}

/* All of it is read before anybody is answered. */
static enum status take_journal(struct server *v) {
    if (!v->has_journal) {
        log_event(LOG_INFO, "journal_off", LOG_CSTR("meaning", "rooms live in memory alone"));
        return STATUS_OK;
    }
    enum status st = serve_journal_take(&v->settings, v->journal_path, &v->journal);
    return st == STATUS_OK ? st : failed("journal", st);
}

/* The listener is there already, and says that it is not ready. */
static enum status read_journal(struct server *v) {
    if (!v->journal) {
        return STATUS_OK;
    }
    enum status st = serve_journal_read(v->journal_path, v->control, v->journal);
    return st == STATUS_OK ? st : failed("journal", st);
}

static enum status start_edge(struct server *v) {
    const struct settings *s = &v->settings;
    struct edge_config config = {
        .binds = v->binds,
        .port = (uint16_t)s->port,
        .metrics_bind = text(v, s->metrics_bind),
        .metrics_port = s->prometheus_port ? (int)s->prometheus_port : -1,
        .metrics_user = s->prometheus_username,
        .metrics_password = s->prometheus_password,
        .pages = pages_embedded,
        .pages_count = pages_embedded_count,
        .pages_sign = s->development,
        .version = SLICE_LIT(STOA_VERSION),
        .node = ident_slice(control_node_id(v->control)),
        .tls_certificate = text(v, s->tls_cert_file),
        .tls_key = text(v, s->tls_key_file),
        .keys = v->keys,
        .keys_count = s->keys_count,
        .trusted_proxies = s->trusted_proxies.items,
        .trusted_proxies_count = s->trusted_proxies.count,
        .threads = (uint32_t)s->edge_threads,
        .body_bytes_max = s->max_body_size,
        .to_control = control_edge_mailbox(v->control),
        .loading = v->journal != NULL,
        .other_metrics = v->metrics,
    };
    for (size_t i = 0; i < s->bind_addresses.count; i++) {
        v->binds[config.binds_count] = text(v, s->bind_addresses.items[i]);
        config.binds_count += v->binds[config.binds_count] != NULL;
    }
    for (size_t i = 0; i < s->keys_count; i++) {
        v->keys[i] = (struct edge_key){s->keys[i].key, s->keys[i].secret};
    }
    v->metrics[0] = control_metrics(v->control);
    size_t count = 1 + media_metrics(v->media, v->metrics + 1, ARRAY_LEN(v->metrics) - 1);
    if (v->hook) {
        count += hook_metrics(v->hook, v->metrics + count, ARRAY_LEN(v->metrics) - count);
    }
    if (v->journal) {
        count += journal_metrics(v->journal, v->metrics + count, ARRAY_LEN(v->metrics) - count);
    }
    config.other_metrics_count = count;
    buf_printf(&v->labels, "node_id=\"%s\",node_type=\"SERVER\"",
               control_node_id(v->control)->text);
    config.metric_labels = buf_slice(&v->labels);
    enum status st = edge_create(&config, &v->edge);
    return st == STATUS_OK ? st : failed("edge", st);
}

static void on_stopped(void *arg) {
    struct server *v = OBJ_CAST(struct server, arg, SERVER_MAGIC);
    loop_stop(v->loop);
}

static void on_signal(void *arg, int number) {
    struct server *v = OBJ_CAST(struct server, arg, SERVER_MAGIC);
    log_event(LOG_INFO, "signal", LOG_INT("number", number));
    if (number == SIGHUP) {
        serve_reload(&(struct serve_reload){.argc = v->argc,
                                            .argv = v->argv,
                                            .control = v->control,
                                            .edge = v->edge,
                                            .hook = v->hook});
        return;
    }
    if (v->drain_asked) {
        control_stop(v->control);
    } else {
        v->drain_asked = true;
        control_drain(v->control, (uint32_t)v->settings.drain_seconds);
    }
}

/* What the settings said and will not have, each once. */
static void say_warnings(const struct settings *s) {
    for (size_t i = 0; i < s->warnings_count; i++) {
        log_event(LOG_WARN, "setting", LOG_STR("name", s->warnings[i].setting),
                  LOG_STR("advice", s->warnings[i].advice));
    }
    if (s->warnings_left_out > 0) {
        log_event(LOG_WARN, "settings_left_out", LOG_UINT("count", s->warnings_left_out));
    }
}

/* Where operators look; empty: nowhere. */
static void put_pages_url(const struct server *v, struct buf *out) {
    struct slice host = v->settings.metrics_bind;
    bool v6 = slice_find(host, ':') < host.len;
    if (pages_embedded_count > 0 && edge_metrics_port(v->edge) != 0) {
        buf_printf(out, "http://%s%.*s%s:%u/ui/", v6 ? "[" : "", SLICE_ARG(host), v6 ? "]" : "",
                   edge_metrics_port(v->edge));
    }
}

static void say_ready(struct server *v) {
    const struct settings *s = &v->settings;
    struct slice host = s->bind_addresses.count ? s->bind_addresses.items[0] : SLICE_LIT("0.0.0.0");
    struct buf url;
    buf_init(&url, 512);
    bool v6 = slice_find(host, ':') < host.len;
    buf_printf(&url, "%s://%s%.*s%s:%u", s->tls_cert_file.len ? "https" : "http", v6 ? "[" : "",
               SLICE_ARG(host), v6 ? "]" : "", edge_port(v->edge));
    struct buf pages;
    buf_init(&pages, 512);
    put_pages_url(v, &pages);
    log_event(LOG_INFO, "ready", LOG_STR("url", buf_slice(&url)),
              LOG_UINT("port", edge_port(v->edge)),
              LOG_UINT("metrics_port", edge_metrics_port(v->edge)),
              LOG_STR("pages", buf_slice(&pages)), LOG_CSTR("version", STOA_VERSION),
              LOG_STR("node", ident_slice(control_node_id(v->control))));
    buf_deinit(&url);
    buf_deinit(&pages);
}

static enum status start(struct server *v) {
    v->has_journal = serve_journal_path(&v->settings, v->journal_path);
    v->loop = loop_create();
    v->signals = v->loop ? signals_create(v->loop, on_signal, v) : NULL;
    v->control = control_create();
    if (!v->signals || !v->control) {
        return failed("control", STATUS_NO_MEMORY);
    }
    enum status s = serve_hook_create(&v->settings, &v->hook);
    if (s != STATUS_OK) {
        return failed("webhook", s);
    }
    if (v->hook) {
        control_use_hook(v->control, v->hook);
    }
    s = start_media(v);
    if (s == STATUS_OK) {
        s = start_node(v);
    }
    if (s == STATUS_OK) {
        s = take_journal(v);
    }
    if (s == STATUS_OK) {
        s = start_edge(v);
    }
    if (s == STATUS_OK) {
        s = read_journal(v);
    }
    if (s == STATUS_OK) {
        s = control_start(v->control, v->edge, v->media, on_stopped, v);
    }
    if (s == STATUS_OK) {
        edge_set_ready(v->edge, true, clock_wall_ms()); /* who reads "ready" may call at once */
    }
    return s;
}

/* Reverse order: nobody new comes in, control ends, then what it talked to. */
static void stop(struct server *v) {
    edge_stop_accepting(v->edge);
    control_halt(v->control);
    v->edge = edge_destroy(v->edge, WS_CLOSE_FLUSH_MS);
    v->media = media_destroy(v->media);
    v->hook = hook_destroy(v->hook, SERVER_HOOK_GRACE_MS);
    v->journal = journal_close(v->journal, SERVER_JOURNAL_GRACE_MS);
    v->control = control_destroy(v->control);
    v->signals = signals_destroy(v->signals);
    v->loop = loop_destroy(v->loop);
    buf_deinit(&v->labels);
}

static enum log_level parse_level(struct slice level, bool development) {
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"debug", LOG_DEBUG},
                 {"info", LOG_INFO},
                 {"warn", LOG_WARN},
                 {"warning", LOG_WARN},
                 {"error", LOG_ERROR}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_eq_nocase(level, slice_from_cstr(names[i].name))) {
            return names[i].level;
        }
    }
    return development ? LOG_DEBUG : LOG_INFO;
}

static int run(struct server *v) {
    struct log_config log = {
        .level = parse_level(v->settings.log_level, v->settings.development),
        .format = v->settings.log_json ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
        .fd = STDERR_FILENO,
    };
    if (log_open(&log) != STATUS_OK) {
        fputs("stoa: the log could not be opened\n", stderr);
        return 1;
    }
    say_warnings(&v->settings);
    buf_init(&v->labels, 256);
    enum status s = start(v);
    if (s == STATUS_OK) {
        say_ready(v);
        loop_run(v->loop);
        log_event(LOG_INFO, "stopped");
    }
    stop(v);
    log_close();
    return s == STATUS_OK ? 0 : 1;
}

int app_serve(int argc, char **argv) {
    signals_block();
    struct server *v = mem_zalloc(sizeof(*v));
    if (!v || settings_init(&v->settings) != STATUS_OK) {
        fputs("stoa: out of memory\n", stderr);
        mem_free(v);
        return 1;
    }
    v->magic = SERVER_MAGIC;
    v->argc = argc;
    v->argv = argv;
    struct config_error error;
    enum status s = config_load(&v->settings, argc, argv, &error);
    if (s == STATUS_OK) {
        s = config_check(&v->settings, &error);
    }
    int code = error.usage ? APP_USAGE : APP_FAILED;
    if (s == STATUS_OK) {
        code = run(v);
    } else {
        fprintf(stderr, "stoa: %s\n", error.text);
    }
    settings_deinit(&v->settings);
    mem_free(v);
    return code;
}
