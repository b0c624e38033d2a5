#include "edge_priv.h"

#include <string.h>

#include "fd.h"

enum { BINDS_MAX = EDGE_LISTENERS_MAX - 1 };

/* ---- answers of control -----------------------------------------------------------------------
 */

static bool post(struct edge *e, struct edge_cmd *cmd, struct slice bytes) {
    uint32_t index = (uint32_t)cmd->conn >> 24;
    assert(index < e->threads_count);
    struct edge_thread *t = e->threads[index];
    if (bytes_copy(bytes, &cmd->bytes) != STATUS_OK) {
        return false;
    }
    if (!mailbox_push(t->commands, cmd)) {
        bytes_deinit(&cmd->bytes);
        return false;
    }
    return true;
}

bool edge_reply(struct edge *e, uint64_t conn, uint16_t http_status, enum edge_body kind,
                struct slice body) {
    struct edge_cmd cmd = {
        .kind = CMD_REPLY, .conn = conn, .http_status = http_status, .body_kind = kind};
    return post(e, &cmd, body);
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
    atomic_store(&e->ready_at_ms, now_wall_ms);
}

bool edge_is_ready(struct edge *e, uint64_t now_wall_ms) {
    uint64_t at = atomic_load(&e->ready_at_ms);
    return atomic_load(&e->ready) && now_wall_ms < at + EDGE_READY_STALE_MS;
}

void edge_set_draining(struct edge *e) {
    atomic_store(&e->draining, true);
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
    return listen_all(e);
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
        struct edge_cmd nothing = {.kind = CMD_CLOSE, .conn = (uint64_t)i << 24};
        (void)!mailbox_push(e->threads[i]->commands, &nothing); /* only wakes the loop */
    }
}

struct edge *edge_destroy(struct edge *e, uint32_t grace_ms) {
    if (!e) {
        return NULL;
    }
    for (uint32_t i = 0; i < EDGE_THREADS_MAX; i++) {
        edge_thread_halt(e->threads[i], grace_ms);
    }
    for (uint32_t i = 0; i < EDGE_THREADS_MAX; i++) {
        e->threads[i] = edge_thread_destroy(e->threads[i]);
    }
    e->tls = tls_context_destroy(e->tls);
    mem_free(e);
    return NULL;
}
