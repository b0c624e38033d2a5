#include "edge_priv.h"

#include <string.h>

#include "fd.h"

enum { BINDS_MAX = EDGE_LISTENERS_MAX - 1 };

/* ---- answers of control -----------------------------------------------------------------------
 */

static void wake_thread(struct edge *e, uint32_t index) {
    e->gathered[index] = 0;
    mailbox_flush(e->threads[index]->commands);
}

static bool post(struct edge *e, struct edge_cmd *cmd, struct slice bytes) {
    uint32_t index = (uint32_t)cmd->conn >> 24;
    assert(index < e->threads_count);
    struct edge_thread *t = e->threads[index];
    if (bytes_copy(bytes, &cmd->bytes) != STATUS_OK) {
        return false;
    }
    if (!mailbox_queue(t->commands, cmd)) {
        bytes_deinit(&cmd->bytes);
        return false;
    }
    if (++e->gathered[index] >= (e->gathers ? EDGE_GATHER_MAX : 1)) {
        wake_thread(e, index);
    }
    return true;
}

void edge_gather(struct edge *e) {
    e->gathers = true;
}

void edge_wake(struct edge *e) {
    for (uint32_t i = 0; i < e->threads_count; i++) {
        if (e->gathered[i] > 0) {
            wake_thread(e, i);
        }
    }
}

bool edge_reply(struct edge *e, uint64_t conn, uint16_t http_status, enum edge_body kind,
                struct slice body) {
    struct edge_cmd cmd = {
        .kind = CMD_REPLY, .conn = conn, .http_status = http_status, .body_kind = kind};
    return post(e, &cmd, body);
}

bool edge_reply_part(struct edge *e, uint64_t conn, uint16_t http_status, enum edge_body kind,
                     enum edge_part part, struct slice bytes) {
    struct edge_cmd cmd = {.kind = CMD_PART,
                           .conn = conn,
                           .http_status = http_status,
                           .body_kind = kind,
                           .part = part};
    return post(e, &cmd, bytes);
}

bool edge_upgrade(struct edge *e, uint64_t conn) {
    struct edge_cmd cmd = {.kind = CMD_UPGRADE, .conn = conn};
    return post(e, &cmd, (struct slice){0});
}

bool edge_send(struct edge *e, uint64_t conn, struct slice signal_response) {
    struct edge_cmd cmd = {.kind = CMD_SEND, .conn = conn};
    return post(e, &cmd, signal_response);
}

bool edge_send_refresh_token(struct edge *e, uint64_t conn, struct slice payload) {
    struct edge_cmd cmd = {.kind = CMD_REFRESH_TOKEN, .conn = conn};
    return post(e, &cmd, payload);
}

bool edge_close(struct edge *e, uint64_t conn, uint16_t ws_code) {
    struct edge_cmd cmd = {.kind = CMD_CLOSE, .conn = conn, .ws_code = ws_code};
    return post(e, &cmd, (struct slice){0});
}

/* ---- state that control publishes -------------------------------------------------------------
 */

void edge_set_ready(struct edge *e, bool ready, uint64_t now_wall_ms) {
    atomic_store(&e->ready, ready);
    atomic_store(&e->loading, false);
    atomic_store(&e->ready_at_ms, now_wall_ms);
}

bool edge_is_ready(struct edge *e, uint64_t now_wall_ms) {
    uint64_t at = atomic_load(&e->ready_at_ms);
    return atomic_load(&e->ready) && now_wall_ms < at + EDGE_READY_STALE_MS;
}

void edge_set_draining(struct edge *e) {
    atomic_store(&e->draining, true);
}

bool edge_trusts(const struct edge *e, const struct net_address *peer) {
    for (size_t i = 0; i < e->trusted_count; i++) {
        if (net_prefix_contains(&e->trusted[i], peer)) {
            return true;
        }
    }
    return false;
}

uint16_t edge_port(const struct edge *e) {
    return e->port;
}

uint16_t edge_metrics_port(const struct edge *e) {
    return e->metrics_port;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static enum status refuse_bind(const char *address, uint16_t port, enum status s) {
    log_event(LOG_ERROR, "bind_failed", LOG_CSTR("address", address), LOG_UINT("port", port),
              LOG_STATUS("status", s));
    return s;
}

/* Every thread has its own socket of the port: the kernel spreads connections. A port of 0 is
 * chosen by the first socket and then shared. */
static enum status listen_on(struct edge *e, const char *address, uint16_t *port, bool is_metrics) {
    uint32_t sockets = is_metrics ? 1 : e->threads_count;
    for (uint32_t i = 0; i < sockets; i++) {
        struct net_address bind;
        enum status s = net_address_parse(slice_from_cstr(address), *port, &bind);
        struct tcp_listen_options options = {.reuse_port = sockets > 1};
        int fd = -1;
        if (s == STATUS_OK) {
            s = tcp_listen(&bind, &options, &fd);
        }
        if (s != STATUS_OK) {
            return refuse_bind(address, *port, s);
        }
        struct net_address bound;
        if (tcp_local_address(fd, &bound) == STATUS_OK) {
            *port = bound.port;
        }
        s = edge_thread_listen(e->threads[i], fd, is_metrics);
        if (s != STATUS_OK) {
            return s;
        }
    }
    return STATUS_OK;
}

static enum status listen_all(struct edge *e) {
    static const char *const everywhere[] = {"0.0.0.0", "::"};
    const struct edge_config *config = &e->config;
    bool all = config->binds_count == 0;
    const char *const *binds = all ? everywhere : config->binds;
    size_t count = all ? ARRAY_LEN(everywhere) : MIN(config->binds_count, (size_t)BINDS_MAX);
    e->port = config->port;
    size_t bound = 0;
    for (size_t i = 0; i < count; i++) {
        enum status s = listen_on(e, binds[i], &e->port, false);
        bool family_is_missing = s == STATUS_UNAVAILABLE &&
                                 slice_find(slice_from_cstr(binds[i]), ':') < strlen(binds[i]);
        if (s != STATUS_OK && !family_is_missing) {
            return s;
        }
        bound += s == STATUS_OK;
    }
    if (bound == 0) {
        return STATUS_UNAVAILABLE;
    }
    if (config->metrics_port < 0) {
        return STATUS_OK;
    }
    e->metrics_port = (uint16_t)config->metrics_port;
    return listen_on(e, config->metrics_bind, &e->metrics_port, true);
}

static enum status prepare(struct edge *e) {
    const struct edge_config *config = &e->config;
    for (size_t i = 0; i < config->trusted_proxies_count; i++) {
        if (e->trusted_count == ARRAY_LEN(e->trusted) ||
            net_prefix_parse(config->trusted_proxies[i], &e->trusted[e->trusted_count]) !=
                STATUS_OK) {
            log_event(LOG_ERROR, "bad_trusted_proxy", LOG_STR("value", config->trusted_proxies[i]));
            return STATUS_INVALID;
        }
        e->trusted_count++;
    }
    if (config->tls_certificate) {
        enum status s = tls_context_create(config->tls_certificate, config->tls_key, &e->tls);
        if (s != STATUS_OK) {
            log_event(LOG_ERROR, "tls_failed", LOG_CSTR("certificate", config->tls_certificate),
                      LOG_STATUS("status", s));
            return s;
        }
    }
    e->threads_count = MIN(MAX(config->threads, 1u), (uint32_t)EDGE_THREADS_MAX);
    for (uint32_t i = 0; i < e->threads_count; i++) {
        e->threads[i] = edge_thread_create(e, i);
        if (!e->threads[i]) {
            return STATUS_NO_MEMORY;
        }
    }
    enum status s = edge_set_keys(e, config->keys, config->keys_count);
    return s == STATUS_OK ? listen_all(e) : s;
}

static uint32_t or_default(uint32_t value, uint32_t usual) {
    return value ? value : usual;
}

static struct edge_limits fill_limits(const struct edge_limits *l) {
    return (struct edge_limits){
        .request_ms = or_default(l->request_ms, HTTP_HEAD_TIMEOUT_MS),
        .idle_ms = or_default(l->idle_ms, HTTP_IDLE_TIMEOUT_MS),
        .write_ms = or_default(l->write_ms, HTTP_WRITE_TIMEOUT_MS),
        .write_bytes_min = or_default(l->write_bytes_min, HTTP_WRITE_BYTES_MIN),
        .answer_ms = or_default(l->answer_ms, HTTP_ANSWER_TIMEOUT_MS),
        .linger_ms = or_default(l->linger_ms, HTTP_LINGER_MS),
        .ping_ms = or_default(l->ping_ms, WS_PING_INTERVAL_MS),
        .silent_ms = or_default(l->silent_ms, WS_SILENT_MS),
        .message_ms = or_default(l->message_ms, WS_MESSAGE_TIMEOUT_MS),
        .close_flush_ms = or_default(l->close_flush_ms, WS_CLOSE_FLUSH_MS),
        .signals_per_s = or_default(l->signals_per_s, SIGNAL_RATE_PER_S),
        .signals_burst = or_default(l->signals_burst, SIGNAL_RATE_BURST),
        .out_bytes_max = or_default(l->out_bytes_max, CONN_OUTQ_BYTES_MAX),
        .strangers_max = or_default(l->strangers_max, EDGE_HANDSHAKES_MAX),
        .per_address_max = or_default(l->per_address_max, EDGE_PER_ADDRESS_MAX),
        .metrics_conns_max = or_default(l->metrics_conns_max, EDGE_METRICS_CONNS_MAX),
        .body_bytes_max = or_default(l->body_bytes_max, EDGE_BODY_BYTES_IN_FLIGHT_MAX),
        .control_items = or_default(l->control_items, MAILBOX_CONTROL_MAX),
    };
}

enum status edge_create(const struct edge_config *config, struct edge **ret_edge) {
    if (config->keys_count == 0 || config->keys_count > EDGE_KEYS_MAX) {
        return STATUS_INVALID;
    }
    struct edge *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return STATUS_NO_MEMORY;
    }
    e->magic = EDGE_MAGIC;
    e->config = *config;
    e->limits = fill_limits(&config->limits);
    e->started_ms = clock_wall_ms();
    atomic_init(&e->loading, config->loading);
    fd_limit_raise();
    enum status s = prepare(e);
    for (uint32_t i = 0; i < e->threads_count && s == STATUS_OK; i++) {
        s = edge_thread_start(e->threads[i]);
    }
    if (s != STATUS_OK) {
        edge_destroy(e, 0);
        return s;
    }
    *ret_edge = e;
    return STATUS_OK;
}

void edge_stop_accepting(struct edge *e) {
    for (uint32_t i = 0; e && i < e->threads_count; i++) {
        atomic_store(&e->threads[i]->stop_accepting, true);
        struct edge_cmd wake = {.kind = CMD_WAKE};
        (void)!mailbox_push(e->threads[i]->commands, &wake); /* full: the loop is awake */
    }
}

struct edge *edge_destroy(struct edge *e, uint32_t grace_ms) {
    if (!e) {
        return NULL;
    }
    uint64_t until_ms = clock_mono_ms() + grace_ms; /* of all threads together */
    for (uint32_t i = 0; i < EDGE_THREADS_MAX; i++) {
        edge_thread_halt(e->threads[i], until_ms);
    }
    for (uint32_t i = 0; i < EDGE_THREADS_MAX; i++) {
        e->threads[i] = edge_thread_destroy(e->threads[i]);
    }
    e->tls = tls_context_destroy(e->tls);
    mem_free(e);
    return NULL;
}
