#include "data_thread_priv.h"

#include "entropy.h"
#include "mem.h"
#include "thread.h"

/* A mailbox full of commands: more than that was not there when the packets were. */
enum { COMMAND_ROUNDS_MAX = MAILBOX_MEDIA_MAX / TURN_MESSAGES_MAX };
enum { IDLE_TICK_MS = 1000 };

/* Ticks: often only while there is something to time, for a hundred a second are the most that a
 * server without calls would do. */

static bool is_idle(const struct data_thread *d) {
    return sctp_is_idle(d->stack) && d->router.routes.recent_bytes == 0 && list_empty(&d->owed);
}

static void set_tick(struct data_thread *d, uint64_t now_ms) {
    d->ticked_ms = now_ms;
    d->idle = is_idle(d);
    loop_timer_set(&d->tick, now_ms + (d->idle ? IDLE_TICK_MS : SCTP_TICK_MS));
}

static void wake_up(struct data_thread *d) {
    if (d->idle && !is_idle(d)) {
        set_tick(d, loop_now_ms(d->loop));
    }
}

static void on_tick(void *arg) {
    struct data_thread *d = data_thread_of(arg);
    uint64_t now_ms = loop_now_ms(d->loop);
    sctp_tick(d->stack, (uint32_t)MIN(now_ms - d->ticked_ms, (uint64_t)IDLE_TICK_MS));
    data_router_tick(&d->router, now_ms);
    data_session_retry(d);
    set_tick(d, now_ms);
}

/* Messages of the other threads. */

static void take_command(struct data_thread *d, const struct data_command *c) {
    uint64_t now_ms = loop_now_ms(d->loop);
    switch (c->kind) {
    case DATA_ROUTE_PUT: {
        const struct route *r = routes_put(&d->router.routes, c->route);
        const struct data_link *link = data_links_find(&d->links, r->tx_transport);
        if (link && link->announced) {
            data_router_opened(&d->router, r->tx_transport, now_ms);
        }
        break;
    }
    case DATA_ROUTE_REMOVE:
        handles_remove_participant(&d->router.handles, c->id);
        routes_remove(&d->router.routes, c->id);
        break;
    case DATA_SEND:
        data_router_send(&d->router, c->id, c->reliable ? DATA_KIND_RELIABLE : DATA_KIND_LOSSY,
                         slice_of(c->packet->bytes, c->packet->len), now_ms);
        mem_free(c->packet);
        break;
    case DATA_HANDLE_PUT: handles_put(&d->router.handles, c->subscription); break;
    case DATA_HANDLE_REMOVE:
        handles_remove(&d->router.handles, c->handle.publisher, c->handle.publisher_handle,
                       c->handle.subscriber);
        break;
    }
}

static void take_commands(struct data_thread *d) {
    struct data_command commands[TURN_MESSAGES_MAX];
    size_t count = TURN_MESSAGES_MAX;
    for (int i = 0; i < COMMAND_ROUNDS_MAX && count == TURN_MESSAGES_MAX; i++) {
        count = mailbox_drain(d->commands, commands, TURN_MESSAGES_MAX);
        for (size_t k = 0; k < count; k++) {
            take_command(d, &commands[k]);
        }
    }
}

static void on_commands(void *arg, uint32_t events) {
    (void)events;
    struct data_thread *d = data_thread_of(arg);
    take_commands(d);
    wake_up(d);
}

/* Control commands first and lets clients know afterwards: what a client then sends must find the
 * command carried out, so commands are taken between taking packets out and looking at them. */
static void on_inputs(void *arg, uint32_t events) {
    (void)events;
    struct data_thread *d = data_thread_of(arg);
    struct data_input inputs[TURN_MESSAGES_MAX];
    size_t count = mailbox_drain(d->inputs, inputs, TURN_MESSAGES_MAX);
    take_commands(d);
    for (size_t i = 0; i < count; i++) {
        data_session_input(d, &inputs[i]);
    }
    wake_up(d);
}

static void run(void *arg) {
    struct data_thread *d = data_thread_of(arg);
    loop_run(d->loop);
}

/* Construction. */

static bool start_watching(struct data_thread *d) {
    return loop_add(d->loop, &d->on_commands, mailbox_fd(d->commands), LOOP_READ, on_commands, d) ==
               STATUS_OK &&
           loop_add(d->loop, &d->on_inputs, mailbox_fd(d->inputs), LOOP_READ, on_inputs, d) ==
               STATUS_OK &&
           loop_timer_init(d->loop, &d->tick, on_tick, d) == STATUS_OK;
}

static enum status start_data(struct data_thread *d) {
    const struct sctp_handlers handlers = data_session_handlers(d);
    struct data_router_config router = {.metrics = &d->metrics,
                                        .send = data_session_send,
                                        .send_track = data_session_send_track,
                                        .to_server = data_session_to_server,
                                        .heard = data_session_heard,
                                        .send_arg = d};
    entropy_fill(&router.key, sizeof router.key);
    enum status s = sctp_stack_create(&handlers, &d->stack);
    if (s == STATUS_OK) {
        s = data_links_init(&d->links, router.key, d->stack);
    }
    if (s == STATUS_OK) {
        s = data_router_init(&d->router, &router);
    }
    return s;
}

enum status data_thread_create(struct mailbox *to_control, struct data_thread **ret_thread) {
    struct data_thread *d = mem_zalloc(sizeof *d);
    if (!d) {
        return STATUS_NO_MEMORY;
    }
    d->magic = DATA_THREAD_MAGIC;
    d->to_control = to_control;
    list_init(&d->owed);
    d->commands = mailbox_create(sizeof(struct data_command), MAILBOX_MEDIA_MAX);
    d->inputs = mailbox_create(sizeof(struct data_input), MAILBOX_MEDIA_MAX);
    d->loop = loop_create();
    bool ok = d->commands && d->inputs && d->loop && start_watching(d);
    enum status s = ok ? start_data(d) : STATUS_NO_MEMORY;
    if (s != STATUS_OK) {
        (void)data_thread_destroy(d);
        return s;
    }
    *ret_thread = d;
    return STATUS_OK;
}

enum status data_thread_start(struct data_thread *d, struct mailbox *const *to_workers,
                              uint32_t workers) {
    d->to_workers = to_workers;
    d->workers = workers;
    set_tick(d, loop_now_ms(d->loop));
    return thread_start("stoa-data", run, d, &d->thread);
}

void data_thread_stop(struct data_thread *d) {
    if (d->thread) {
        loop_stop(d->loop);
        d->thread = thread_join(d->thread);
    }
}

/* Nobody runs any more: what still lies in the mailboxes is freed. */
static void empty_mailboxes(struct data_thread *d) {
    struct data_input in;
    while (d->inputs && mailbox_drain(d->inputs, &in, 1) == 1) {
        mem_free(in.packet);
    }
    struct data_command c;
    while (d->commands && mailbox_drain(d->commands, &c, 1) == 1) {
        mem_free(c.packet);
        (void)route_destroy(c.route);
        (void)handle_subscription_destroy(c.subscription);
    }
}

struct data_thread *data_thread_destroy(struct data_thread *d) {
    if (d) {
        assert(!d->thread);
        empty_mailboxes(d);
        while (!list_empty(&d->owed)) {
            list_remove(&d->owed, list_first(&d->owed));
        }
        data_router_deinit(&d->router);
        data_links_deinit(&d->links);
        d->stack = sctp_stack_destroy(d->stack);
        d->loop = loop_destroy(d->loop);
        d->inputs = mailbox_destroy(d->inputs);
        d->commands = mailbox_destroy(d->commands);
        mem_free(d);
    }
    return NULL;
}

struct mailbox *data_thread_commands(struct data_thread *d) {
    return d->commands;
}

struct mailbox *data_thread_inputs(struct data_thread *d) {
    return d->inputs;
}

const struct metrics *data_thread_metrics(const struct data_thread *d) {
    return &d->metrics;
}
