#include "edge_priv.h"
#include "entropy.h"
#include "fd.h"

/* ---- messages to control ----------------------------------------------------------------------
 */

struct edge_msg *edge_msg_create(enum edge_msg_kind kind) {
    struct edge_msg *m = mem_zalloc(sizeof(*m));
    if (m) {
        m->kind = kind;
        arena_init(&m->arena, EDGE_MSG_BYTES_MAX);
    }
    return m;
}

void edge_msg_free(struct edge_msg *m) {
    if (m) {
        arena_deinit(&m->arena);
        mem_free(m);
    }
}

static void wake_control(struct edge_thread *t) {
    if (t->given > 0) {
        t->given = 0;
        mailbox_flush(t->edge->config.to_control);
    }
}

/* Control is woken once for what a turn brings it. */
bool edge_give(struct edge_thread *t, struct edge_msg *m) {
    if (!mailbox_queue(t->edge->config.to_control, &m)) {
        return false;
    }
    if (++t->given >= EDGE_GATHER_MAX) {
        wake_control(t);
    }
    return true;
}

/* Closes are never lost: control would keep a ghost. What cannot be sent now is tried again soon,
 * and as long as any waits no join is given to control: so the set never outgrows the connections
 * that there can be. */
static void send_unsent(struct edge_thread *t) {
    while (t->unsent_count > 0) {
        const struct edge_gone *last = &t->unsent[t->unsent_count - 1];
        struct edge_msg *m = edge_msg_create(last->kind);
        if (!m) {
            return;
        }
        m->conn = last->conn;
        if (!edge_give(t, m)) {
            edge_msg_free(m);
            return;
        }
        t->unsent_count--;
    }
}

static void retry_soon(struct edge_thread *t) {
    if (!loop_timer_is_set(&t->retry)) {
        loop_timer_set(&t->retry, loop_now_ms(t->loop) + EDGE_RETRY_MS);
    }
}

void edge_tell_gone(struct edge_thread *t, uint64_t handle, enum edge_msg_kind kind) {
    if (t->tearing_down) {
        return; /* nobody is left to be told */
    }
    if (t->unsent_count == EDGE_UNSENT_MAX) {
        metric_inc(&t->metrics.edge_closes_lost);
        return;
    }
    t->unsent[t->unsent_count++] = (struct edge_gone){.conn = handle, .kind = kind};
    send_unsent(t);
    if (t->unsent_count > 0) {
        retry_soon(t);
    }
}

/* ---- commands of control ----------------------------------------------------------------------
 */

static void on_reply(struct edge_conn *c, struct edge_cmd *cmd) {
    if (c->state == CONN_JOINING) {
        conn_enter(c, CONN_WAITING); /* refused: control has no session for this handle */
        c->request->keep_alive = false;
    }
    if (c->state == CONN_WAITING) {
        http_answer(c, &(struct edge_answer){.status = cmd->http_status,
                                             .content_type = edge_content_type(cmd->body_kind),
                                             .owned = &cmd->bytes});
        http_run(c); /* what was pipelined behind it */
    }
}

static void run_command(struct edge_thread *t, struct edge_cmd *cmd) {
    struct edge_conn *c = conn_resolve(t, cmd->conn);
    if (cmd->kind == CMD_PART) {
        part_take(t, c, cmd);
        return;
    }
    if (!c) {
        return; /* gone meanwhile */
    }
    bool open = c->state == CONN_WEBSOCKET;
    switch (cmd->kind) {
    case CMD_WAKE:
    case CMD_PART: break;
    case CMD_REPLY: on_reply(c, cmd); break;
    case CMD_UPGRADE:
        if (c->state == CONN_JOINING) {
            ws_begin(c);
        }
        break;
    case CMD_SEND:
        if (open) {
            ws_send_signal(c, bytes_slice(&cmd->bytes));
        }
        break;
    case CMD_REFRESH_TOKEN:
        if (open) {
            ws_send_refresh_token(c, bytes_slice(&cmd->bytes));
        }
        break;
    case CMD_CLOSE:
        if (open) {
            ws_close(c, cmd->ws_code);
        } else if (c->state == CONN_JOINING || c->state == CONN_ANSWERING) {
            conn_end(c);
        }
        break;
    }
}

static void on_commands(void *arg, uint32_t events) {
    struct edge_thread *t = OBJ_CAST(struct edge_thread, arg, EDGE_THREAD_MAGIC);
    struct edge_cmd batch[EDGE_CMDS_PER_TURN];
    size_t count = mailbox_drain(t->commands, batch, EDGE_CMDS_PER_TURN);
    for (size_t i = 0; i < count; i++) {
        run_command(t, &batch[i]);
        bytes_deinit(&batch[i].bytes);
    }
}

/* ---- accepting --------------------------------------------------------------------------------
 */

static void listen_for(struct edge_thread *t, uint32_t events) {
    for (size_t i = 0; i < t->listeners_count; i++) {
        if (t->listeners[i].fd >= 0) {
            loop_modify(&t->listeners[i].source, events);
        }
    }
}

static void on_retry(void *arg) {
    struct edge_thread *t = OBJ_CAST(struct edge_thread, arg, EDGE_THREAD_MAGIC);
    t->evictions = 0;
    if (!t->accept_paused) {
        listen_for(t, LOOP_READ);
    }
    send_unsent(t);
    if (t->unsent_count > 0) {
        retry_soon(t);
    }
}

/* False: not now. What waits stays in the kernel's queue. */
static bool accept_one(struct edge_thread *t, struct listener *l) {
    if (t->evictions >= EDGE_EVICTIONS_MAX) {
        listen_for(t, 0);
        retry_soon(t);
        return false;
    }
    int fd = -1;
    struct net_address peer;
    enum status s = tcp_accept(l->fd, &fd, &peer);
    if (s == STATUS_EXHAUSTED) { /* no descriptors: what is open goes on; asked each second */
        metric_inc(&t->metrics.edge_accept_paused);
        t->accept_paused = true;
        listen_for(t, 0);
    }
    if (s != STATUS_OK) {
        return false;
    }
    metric_inc(&t->metrics.edge_accepted);
    if (!conn_create(t, fd, &peer, l->is_metrics)) {
        fd_close(&fd);
    }
    return true;
}

static void on_listener(void *arg, uint32_t events) {
    struct listener *l = arg;
    struct edge_thread *t = OBJ_CAST(struct edge_thread, l->thread, EDGE_THREAD_MAGIC);
    for (int left = EDGE_ACCEPTS_PER_TURN; left > 0 && accept_one(t, l); left--) {
    }
}

static void close_listeners(struct edge_thread *t) {
    for (size_t i = 0; i < t->listeners_count; i++) {
        if (t->listeners[i].fd >= 0) {
            loop_remove(&t->listeners[i].source);
            fd_close(&t->listeners[i].fd);
        }
    }
}

/* ---- turns ------------------------------------------------------------------------------------
 */

static void set_gauges(struct edge_thread *t) {
    struct metrics *m = &t->metrics;
    metric_set(&m->edge_conns, t->conns.count);
    metric_set(&m->edge_strangers, stranger_count(t));
    metric_set(&m->edge_body_bytes, t->body_bytes[false] + t->body_bytes[true]);
    metric_set(&m->edge_websockets, t->websockets);
    metric_set(&m->mailbox_full, mailbox_refused(t->commands));
    struct loop_stats stats = loop_stats_take(t->loop);
    metric_set(&m->edge_busy_us, stats.busy_us);
    metric_set(&m->edge_turn_us_max, stats.turn_us_max);
}

static void on_second(void *arg) {
    struct edge_thread *t = OBJ_CAST(struct edge_thread, arg, EDGE_THREAD_MAGIC);
    set_gauges(t);
    if (t->accept_paused) {
        t->accept_paused = false;
        listen_for(t, LOOP_READ);
    }
    loop_timer_set(&t->second, loop_now_ms(t->loop) + 1000);
}

/* Each connection that something happened to, once: it writes, waits, or goes. What it touches
 * while it is settled comes in the next turn. */
static void settle_touched(struct edge_thread *t) {
    for (size_t left = t->touched.count; left > 0; left--) {
        struct list_node *node = list_first(&t->touched);
        list_remove(&t->touched, node);
        conn_settle(container_of(node, struct edge_conn, in_touched));
    }
    if (!list_empty(&t->touched)) {
        loop_again(t->loop);
    }
}

static void on_turn(void *arg) {
    struct edge_thread *t = OBJ_CAST(struct edge_thread, arg, EDGE_THREAD_MAGIC);
    if (atomic_load(&t->stop_accepting)) {
        close_listeners(t);
    }
    settle_touched(t);
    wake_control(t);
    t->handshake_us = 0;
}

static void edge_thread_main(void *arg) {
    struct edge_thread *t = OBJ_CAST(struct edge_thread, arg, EDGE_THREAD_MAGIC);
    loop_run(t->loop);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct edge_thread *edge_thread_create(struct edge *e, uint32_t index) {
    struct edge_thread *t = mem_zalloc(sizeof(*t));
    if (!t) {
        return NULL;
    }
    t->magic = EDGE_THREAD_MAGIC;
    t->edge = e;
    t->index = index;
    pool_init(&t->conns, sizeof(struct edge_conn), EDGE_CONNS_MAX);
    list_init(&t->touched);
    stranger_places_init(&t->strangers);
    stranger_places_init(&t->metrics_conns);
    struct hash_key hash_key; /* unguessable: addresses are chosen by whoever connects */
    entropy_fill(&hash_key, sizeof(hash_key));
    uint8_t rng_key[32];
    entropy_fill(rng_key, sizeof(rng_key));
    rng_init(&t->rng, rng_key);
    t->loop = loop_create();
    t->commands = mailbox_create(sizeof(struct edge_cmd), MAILBOX_EDGE_MAX);
    bool ok = t->loop && t->commands &&
              map_init(&t->addresses, hash_key, stranger_address_equal) == STATUS_OK &&
              loop_add(t->loop, &t->command_source, mailbox_fd(t->commands), LOOP_READ, on_commands,
                       t) == STATUS_OK &&
              loop_timer_init(t->loop, &t->second, on_second, t) == STATUS_OK &&
              loop_timer_init(t->loop, &t->retry, on_retry, t) == STATUS_OK;
    if (!ok) {
        return edge_thread_destroy(t);
    }
    loop_set_hook(t->loop, on_turn, t);
    loop_timer_set(&t->second, clock_mono_ms());
    return t;
}

enum status edge_thread_listen(struct edge_thread *t, int fd, bool is_metrics) {
    assert(t->listeners_count < EDGE_LISTENERS_MAX);
    struct listener *l = &t->listeners[t->listeners_count++];
    *l = (struct listener){.thread = t, .fd = fd, .is_metrics = is_metrics};
    return loop_add(t->loop, &l->source, fd, LOOP_READ, on_listener, l);
}

enum status edge_thread_start(struct edge_thread *t) {
    return thread_start("edge", edge_thread_main, t, &t->thread);
}

static bool has_output(struct edge_thread *t) {
    for (uint32_t i = 0; i < pool_extent(&t->conns); i++) {
        struct pool_ref ref;
        struct edge_conn *c = pool_at(&t->conns, i, &ref);
        if (c && conn_out_left(c) > 0) {
            return true;
        }
    }
    return false;
}

/* What control said last (leaves, answers) still goes out. */
static void flush_last(struct edge_thread *t, uint64_t until_ms) {
    enum { TURN_MS = 10 };
    do {
        loop_turn(t->loop, TURN_MS);
    } while (clock_mono_ms() < until_ms && (mailbox_count(t->commands) > 0 || has_output(t)));
}

void edge_thread_halt(struct edge_thread *t, uint64_t until_ms) {
    if (t && t->thread) {
        atomic_store(&t->stop_accepting, true);
        loop_stop(t->loop);
        t->thread = thread_join(t->thread);
        flush_last(t, until_ms);
    }
}

struct edge_thread *edge_thread_destroy(struct edge_thread *t) {
    if (!t) {
        return NULL;
    }
    assert(!t->thread);
    t->tearing_down = true;
    for (uint32_t i = 0; i < pool_extent(&t->conns); i++) {
        struct pool_ref ref;
        struct edge_conn *c = pool_at(&t->conns, i, &ref);
        if (c) {
            conn_end(c);
            conn_destroy(c);
        }
    }
    pool_deinit(&t->conns);
    map_deinit(&t->addresses);
    struct edge_cmd left;
    while (t->commands && mailbox_drain(t->commands, &left, 1) == 1) {
        bytes_deinit(&left.bytes);
    }
    for (size_t i = 0; i < t->listeners_count; i++) {
        fd_close(&t->listeners[i].fd);
    }
    edge_keys_deinit(t);
    t->commands = mailbox_destroy(t->commands);
    t->loop = loop_destroy(t->loop);
    mem_free(t);
    return NULL;
}
