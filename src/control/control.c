#include "control_priv.h"

#include <string.h>

#include "mem.h"

void control_run(struct control *c, const struct node_event *ev) {
    enum status s = node_step(c->node, ev, &c->fx);
    if (s != STATUS_OK) {
        metric_inc(&c->metrics.control_steps_failed);
        log_limited(&c->log_step, c->now.mono_ms, LOG_WARN, "step_failed",
                    LOG_UINT("event", (uint64_t)ev->kind), LOG_STATUS("status", s));
    }
    control_apply(c);
}

static struct node_join join_from(const struct edge_join *j) {
    return (struct node_join){
        .single_peer_connection = j->single_peer_connection,
        .client_gave_metadata_or_attributes = j->has_client_metadata_or_attributes,
        .request = j->request,
        .publish = j->publish,
        .client_address = j->client_address,
    };
}

static void run_edge_msg(struct control *c, const struct edge_msg *m) {
    struct node_event ev = {.time = c->now, .conn = m->conn, .claims = m->claims};
    switch (m->kind) {
    case EDGE_API:
        ev.kind = EV_API;
        ev.api.method = m->method;
        ev.api.coding = m->coding;
        ev.api.request = m->request;
        break;
    case EDGE_VALIDATE:
        ev.kind = EV_VALIDATE;
        ev.join = join_from(&m->join);
        break;
    case EDGE_JOIN:
        ev.kind = EV_JOIN;
        ev.join = join_from(&m->join);
        break;
    case EDGE_PAGE:
        ev.kind = EV_PAGE;
        ev.page = (struct node_page){.of_room = m->page.of_room,
                                     .room = m->page.room,
                                     .prefix = m->page.prefix,
                                     .from = m->page.from,
                                     .limit = m->page.limit};
        break;
    case EDGE_SIGNAL:
        ev.kind = EV_SIGNAL;
        ev.signal = m->signal;
        break;
    case EDGE_CLOSED: ev.kind = EV_SIGNAL_CLOSED; break;
    case EDGE_REPLY_MORE: ev.kind = EV_REPLY_MORE; break;
    case EDGE_REPLY_GONE: ev.kind = EV_REPLY_GONE; break;
    }
    control_run(c, &ev);
}

/* The clocks of this turn: read once, so that all its events happen at one time. */
static void take_time(struct control *c) {
    c->now = (struct dir_time){.wall_ms = clock_wall_ms(), .mono_ms = loop_now_ms(c->loop)};
}

static void on_edge(void *arg, uint32_t events) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    struct edge_msg *batch[CONTROL_BATCH];
    take_time(c);
    size_t count = mailbox_drain(c->from_edge, batch, CONTROL_BATCH);
    for (size_t i = 0; i < count; i++) {
        run_edge_msg(c, batch[i]);
        edge_msg_free(batch[i]);
    }
}

static void run_media_event(struct control *c, const struct media_event *m) {
    if (m->kind >= MEDIA_LEVELS) {
        control_take_streams(c, m);
        return;
    }
    static const enum node_event_kind kinds[] = {
        [MEDIA_CONNECTED] = EV_TRANSPORT_UP,
        [MEDIA_SILENT] = EV_TRANSPORT_SILENT,
        [MEDIA_DISCONNECTED] = EV_TRANSPORT_LOST,
        [MEDIA_FAILED] = EV_TRANSPORT_LOST,
        [MEDIA_DATA_OPEN] = EV_DATA_OPEN,
        [MEDIA_DATA_HEARD] = EV_DATA_HEARD,
        [MEDIA_RPC] = EV_RPC,
    };
    struct node_event ev = {.kind = kinds[m->kind], .time = c->now};
    if (m->kind == MEDIA_RPC) {
        ev.rpc.room_key = m->rpc->room;
        ev.rpc.identity = m->rpc->identity;
        ev.rpc.packet = m->rpc->packet;
    } else {
        ev.transport.id = m->transport;
        ev.transport.reason = m->reason;
        ev.transport.sequence = m->sequence;
    }
    control_run(c, &ev);
}

static void on_media(void *arg, uint32_t events) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    struct media_event batch[CONTROL_BATCH];
    take_time(c);
    size_t count = mailbox_drain(c->from_media, batch, CONTROL_BATCH);
    for (size_t i = 0; i < count; i++) {
        run_media_event(c, &batch[i]);
        media_event_free(&batch[i]);
    }
}

static void step_kind(struct control *c, enum node_event_kind kind) {
    struct node_event ev = {.kind = kind, .time = c->now};
    control_run(c, &ev);
}

static void begin_stop(struct control *c) {
    if (c->state >= CONTROL_STOPPING) {
        return;
    }
    c->state = CONTROL_STOPPING;
    step_kind(c, EV_STOP);
    c->state_deadline_ms = c->now.mono_ms + CONTROL_STOP_FLUSH_MS;
}

static void begin_drain(struct control *c, uint32_t limit_s) {
    if (c->state != CONTROL_SERVING) {
        return;
    }
    c->state = CONTROL_DRAINING;
    c->state_deadline_ms = limit_s ? c->now.mono_ms + (uint64_t)limit_s * 1000 : UINT64_MAX;
    log_event(LOG_INFO, "draining", LOG_UINT("participants", node_counts(c->node).participants));
    edge_set_draining(c->edge);
    step_kind(c, EV_DRAIN);
}

static void take_issuer(struct control *c, struct bytes *issuer) {
    node_set_token_issuer(c->node, bytes_slice(issuer));
    bytes_deinit(&c->issuer); /* the node has let go of it */
    c->issuer = *issuer;
}

static void on_command(void *arg, uint32_t events) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    struct control_command command;
    take_time(c);
    while (mailbox_drain(c->commands, &command, 1) == 1) {
        switch (command.kind) {
        case CONTROL_DRAIN: begin_drain(c, command.limit_s); break;
        case CONTROL_STOP: begin_stop(c); break;
        case CONTROL_ISSUER: take_issuer(c, &command.issuer); break;
        }
    }
}

static void advance_state(struct control *c, const struct node_counts *counts) {
    if (c->state == CONTROL_DRAINING &&
        (counts->participants == 0 || c->now.mono_ms >= c->state_deadline_ms)) {
        begin_stop(c);
    }
    if (c->state == CONTROL_STOPPING && c->now.mono_ms >= c->state_deadline_ms &&
        node_next_deadline_ms(c->node) > c->now.mono_ms) {
        c->state = CONTROL_STOPPED;
        c->on_stopped(c->on_stopped_arg);
    }
}

static void set_gauges(struct control *c, const struct node_counts *counts) {
    metric_set(&c->metrics.rooms, counts->rooms);
    metric_set(&c->metrics.participants, counts->participants);
    metric_set(&c->metrics.sessions, counts->sessions);
    metric_set(&c->metrics.rooms_overdue, counts->overdue_rooms);
    metric_set(&c->metrics.overdue_ms, counts->oldest_overdue_ms);
    metric_set(&c->metrics.scan_findings, counts->scan_findings);
    metric_set(&c->metrics.sweep_last_s, counts->swept_at_ms / 1000);
    metric_set(&c->metrics.sweep_next_s, counts->next_end_ms / 1000);
    struct loop_stats stats = loop_stats_take(c->loop);
    metric_set(&c->metrics.control_turns, stats.turns);
    metric_set(&c->metrics.control_busy_us, stats.busy_us);
    metric_set(&c->metrics.control_turn_us_max, stats.turn_us_max);
    metric_set(&c->metrics.mailbox_full,
               mailbox_refused(c->from_edge) + mailbox_refused(c->from_media));
    metric_set(&c->metrics.log_dropped, log_dropped());
    control_journal_gauges(c);
}

static void on_timer(void *arg) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    take_time(c);
    struct node_counts counts = node_counts(c->node);
    edge_set_ready(c->edge, c->state == CONTROL_SERVING, c->now.wall_ms);
    set_gauges(c, &counts);
    advance_state(c, &counts);
    loop_timer_set(&c->timer,
                   c->now.mono_ms + (c->state == CONTROL_SERVING ? CONTROL_TURN_MS_MAX : 50));
}

/* Once a turn, after all events: deadlines and slices, one budget's worth. */
static void on_turn(void *arg) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    take_time(c);
    control_repair(c);
    bool more = control_journal_turn(c);
    edge_wake(c->edge); /* answers do not wait for a slice of the sweep */
    if (node_next_deadline_ms(c->node) <= c->now.mono_ms) {
        step_kind(c, EV_TICK);
        more = control_journal_turn(c); /* what it ended is written, too */
        edge_wake(c->edge);
    }
    uint64_t due = node_next_deadline_ms(c->node);
    if (more || due <= c->now.mono_ms || c->broken_count > 0 || c->retries_count > 0) {
        thread_yield(); /* a sweep of many rooms takes no processor from calls and media */
        loop_again(c->loop);
    } else if (due != UINT64_MAX) {
        loop_timer_set(&c->tick, due);
    }
}

/* Only wakes the loop: the turn's hook does the work. */
static void on_tick(void *arg) {
}

static void on_journal(void *arg, uint32_t events) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    take_time(c);
    control_journal_events(c);
}

static void control_main(void *arg) {
    struct control *c = OBJ_CAST(struct control, arg, CONTROL_MAGIC);
    loop_run(c->loop);
    take_time(c);
    control_journal_finish(c);
}

struct control *control_create(void) {
    struct control *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->magic = CONTROL_MAGIC;
    effects_init(&c->fx);
    c->from_edge = mailbox_create(sizeof(struct edge_msg *), MAILBOX_CONTROL_MAX);
    c->from_media = mailbox_create(sizeof(struct media_event), MAILBOX_CONTROL_MAX);
    c->commands = mailbox_create(sizeof(struct control_command), 16);
    c->loop = loop_create();
    if (!c->from_edge || !c->from_media || !c->commands || !c->loop) {
        return control_destroy(c);
    }
    return c;
}

struct mailbox *control_edge_mailbox(struct control *c) {
    return c->from_edge;
}

struct mailbox *control_media_mailbox(struct control *c) {
    return c->from_media;
}

struct metrics *control_metrics(struct control *c) {
    return &c->metrics;
}

const struct ident *control_node_id(const struct control *c) {
    return node_id(c->node);
}

enum status control_prepare(struct control *c, struct node_config *config) {
    config->metrics = &c->metrics;
    c->now = (struct dir_time){.wall_ms = clock_wall_ms(), .mono_ms = clock_mono_ms()};
    return node_create(config, c->now, &c->node);
}

void control_use_hook(struct control *c, struct hook *hook) {
    assert(!c->thread);
    c->hook = hook;
}

static enum status add_sources(struct control *c) {
    enum status s =
        loop_add(c->loop, &c->edge_source, mailbox_fd(c->from_edge), LOOP_READ, on_edge, c);
    if (s == STATUS_OK) {
        s = loop_add(c->loop, &c->media_source, mailbox_fd(c->from_media), LOOP_READ, on_media, c);
    }
    if (s == STATUS_OK) {
        s = loop_add(c->loop, &c->command_source, mailbox_fd(c->commands), LOOP_READ, on_command,
                     c);
    }
    if (s == STATUS_OK && c->journal.journal) {
        s = loop_add(c->loop, &c->journal.source, journal_fd(c->journal.journal), LOOP_READ,
                     on_journal, c);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(c->loop, &c->timer, on_timer, c);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(c->loop, &c->journal.timer, on_tick, c);
    }
    if (s == STATUS_OK) {
        s = loop_timer_init(c->loop, &c->tick, on_tick, c);
    }
    return s;
}

enum status control_start(struct control *c, struct edge *edge, struct media *media,
                          void (*on_stopped)(void *arg), void *arg) {
    assert(c->node && !c->thread);
    c->edge = edge;
    c->media = media;
    c->on_stopped = on_stopped;
    c->on_stopped_arg = arg;
    enum status s = add_sources(c);
    if (s != STATUS_OK) {
        return s;
    }
    edge_gather(edge);
    loop_set_hook(c->loop, on_turn, c);
    loop_timer_set(&c->timer, clock_mono_ms());
    return thread_start("control", control_main, c, &c->thread);
}

static bool command(struct control *c, const struct control_command *m) {
    bool taken = mailbox_push(c->commands, m);
    if (!taken) {
        log_event(LOG_WARN, "command_refused", LOG_UINT("kind", m->kind));
    }
    return taken;
}

void control_drain(struct control *c, uint32_t limit_s) {
    (void)command(c, &(struct control_command){.kind = CONTROL_DRAIN, .limit_s = limit_s});
}

void control_stop(struct control *c) {
    (void)command(c, &(struct control_command){.kind = CONTROL_STOP});
}

enum status control_set_issuer(struct control *c, struct slice issuer) {
    struct control_command m = {.kind = CONTROL_ISSUER};
    enum status s = bytes_copy(issuer, &m.issuer);
    if (s == STATUS_OK && !command(c, &m)) {
        bytes_deinit(&m.issuer);
        s = STATUS_EXHAUSTED;
    }
    return s;
}

void control_halt(struct control *c) {
    if (c && c->thread) {
        loop_stop(c->loop);
        c->thread = thread_join(c->thread);
    }
}

struct control *control_destroy(struct control *c) {
    if (!c) {
        return NULL;
    }
    control_halt(c);
    struct edge_msg *left = NULL;
    while (c->from_edge && mailbox_drain(c->from_edge, &left, 1) == 1) {
        edge_msg_free(left);
    }
    struct media_event event;
    while (c->from_media && mailbox_drain(c->from_media, &event, 1) == 1) {
        media_event_free(&event);
    }
    struct control_command unheard;
    while (c->commands && mailbox_drain(c->commands, &unheard, 1) == 1) {
        bytes_deinit(&unheard.issuer);
    }
    c->node = node_destroy(c->node);
    bytes_deinit(&c->issuer);
    effects_deinit(&c->fx);
    buf_deinit(&c->journal.batch);
    c->loop = loop_destroy(c->loop);
    c->from_edge = mailbox_destroy(c->from_edge);
    c->from_media = mailbox_destroy(c->from_media);
    c->commands = mailbox_destroy(c->commands);
    mem_free(c);
    return NULL;
}
