#include "worker_priv.h"

#include <string.h>

#include "mem.h"

/* Tells others what they are owed, in order; what a full mailbox refuses stays owed. A transport
 * that is gone is freed when it owes nothing any more. */
static void settle(struct worker *w, struct transport *t) {
    const struct data_input opened = {
        .kind = DATA_INPUT_OPEN,
        .transport = t->id,
        .worker = w->config.index,
        .opens_channels = t->opens_channels,
        .max_message_bytes = t->remote ? t->remote->say.max_message_bytes : 0,
    };
    const struct data_input closed = {.kind = DATA_INPUT_CLOSE, .transport = t->id};
    const struct media_event connected = {.kind = MEDIA_CONNECTED, .transport = t->id};
    const struct media_event silent = {.kind = MEDIA_SILENT, .transport = t->id};
    if (t->owes_data_open) {
        t->owes_data_open = !mailbox_push(w->config.data_inputs, &opened);
    }
    if (t->owes_connected) {
        t->owes_connected = !mailbox_push(w->config.to_control, &connected);
    }
    if (t->owes_silent && !t->owes_connected) {
        t->owes_silent = !mailbox_push(w->config.to_control, &silent);
    }
    if (t->owes_data_close && !t->owes_data_open) {
        t->owes_data_close = !mailbox_push(w->config.data_inputs, &closed);
    }
    if (t->owes_end && !t->owes_connected && !t->owes_silent) {
        t->owes_end = !mailbox_push(w->config.to_control, &t->end);
    }
    bool owes = t->owes_data_open || t->owes_connected || t->owes_silent || t->owes_data_close ||
                t->owes_end;
    bool is_in = list_node_linked(&t->in_owed);
    if (owes && !is_in) {
        metric_inc(&w->metrics.media_mailbox_full);
        list_push_back(&w->owed, &t->in_owed);
        loop_timer_set(&w->retry, loop_now_ms(w->loop) + OWED_RETRY_MS);
    } else if (!owes && is_in) {
        list_remove(&w->owed, &t->in_owed);
    }
    if (!owes && t->state == TRANSPORT_GONE) {
        (void)transport_destroy(t);
    }
}

void worker_retry_owed(struct worker *w) {
    list_each_safe (node, after, &w->owed) {
        settle(w, container_of(node, struct transport, in_owed));
    }
    if (!list_empty(&w->owed)) {
        loop_timer_set(&w->retry, loop_now_ms(w->loop) + OWED_RETRY_MS);
    }
}

/* Out of all tables and lists; what it owes is told first. */
static void drop(struct worker *w, struct transport *t) {
    worker_unqueue_handshake(w, t);
    worker_drop_streams(w, t);
    transports_remove(&w->transports, t);
    loop_timer_deinit(&t->timer);
    t->state = TRANSPORT_GONE;
    metric_set(&w->metrics.transports, w->transports.by_id.count);
    worker_transport_close_data(w, t);
}

void worker_transport_end(struct worker *w, struct transport *t, enum media_event_kind kind,
                          enum status reason) {
    assert(t->state != TRANSPORT_GONE);
    t->owes_end = true;
    t->end = (struct media_event){.kind = kind, .reason = reason, .transport = t->id};
    drop(w, t);
}

void worker_transport_close_data(struct worker *w, struct transport *t) {
    t->owes_data_close = t->data_open && !t->owes_data_open;
    t->owes_data_open = false;
    t->data_open = false;
    settle(w, t);
}

static void open_data(struct worker *w, struct transport *t) {
    if (t->state == TRANSPORT_CONNECTED && !t->dtls_closed && t->remote->say.has_data &&
        !t->data_open) {
        t->data_open = true;
        t->owes_data_open = true;
    }
    settle(w, t);
}

void worker_transport_checked(struct worker *w, struct transport *t) {
    assert(t->state == TRANSPORT_NEW);
    t->state = TRANSPORT_CHECKED;
    t->checked_ms = t->valid_ms;
    worker_transport_set_timer(w, t);
}

void worker_transport_connected(struct worker *w, struct transport *t) {
    assert(t->state == TRANSPORT_CHECKED);
    t->state = TRANSPORT_CONNECTED;
    t->owes_connected = true;
    worker_transport_secure(w, t);
    worker_follow_nomination(w, t); /* it may have chosen another pair meanwhile */
    open_data(w, t);
}

/* Once connected it is the pair in use that has to be checked. */
static uint64_t silent_at(const struct worker *w, const struct transport *t) {
    if (t->silent_due_ms != 0) {
        return t->silent_due_ms;
    }
    uint64_t valid_ms =
        t->state == TRANSPORT_CONNECTED && t->selected ? t->selected->valid_ms : t->valid_ms;
    return valid_ms + w->config.transport_timeout_ms;
}

static void set_timer(struct worker *w, struct transport *t, uint64_t echo_due_ms) {
    uint64_t due_ms = MIN(silent_at(w, t), MIN(t->dtls_due_ms, echo_due_ms));
    if (t->state == TRANSPORT_CHECKED) {
        due_ms = MIN(due_ms, t->checked_ms + w->config.handshake_timeout_ms);
    }
    if (!loop_timer_is_set(&t->timer) || t->timer.node.key != due_ms) {
        loop_timer_set(&t->timer, due_ms);
    }
}

static uint64_t next_echo(const struct transport *t) {
    uint64_t due_ms = UINT64_MAX;
    list_each (node, &t->pairs) {
        const struct pair *p = container_of(node, struct pair, in_transport);
        if (p->echo.sent > 0) {
            due_ms = MIN(due_ms, p->echo.sent_ms + ECHO_RETRY_MS);
        }
    }
    return due_ms;
}

void worker_transport_set_timer(struct worker *w, struct transport *t) {
    assert(t->state == TRANSPORT_CHECKED || t->state == TRANSPORT_CONNECTED);
    set_timer(w, t, next_echo(t));
}

/* Nothing more goes to an address that may be somebody else's by now. All else is kept: its client
 * may be on its way back, by this address or another one. */
static void fall_silent(struct worker *w, struct transport *t, uint64_t now_ms) {
    metric_inc(&w->metrics.transports_silent);
    t->selected = NULL;
    t->silent_due_ms = now_ms + w->config.silent_timeout_ms;
    t->owes_silent = true;
    settle(w, t);
    worker_transport_set_timer(w, t);
}

static void on_timer(void *arg) {
    struct transport *t = OBJ_CAST(struct transport, arg, TRANSPORT_MAGIC);
    struct worker *w = worker_of(t->worker);
    uint64_t now_ms = loop_now_ms(w->loop);
    if (now_ms >= silent_at(w, t) && t->state == TRANSPORT_CONNECTED && t->silent_due_ms == 0) {
        fall_silent(w, t, now_ms);
        return;
    }
    if (now_ms >= silent_at(w, t)) {
        metric_inc(&w->metrics.transports_timed_out);
        worker_transport_end(w, t, MEDIA_DISCONNECTED, STATUS_TIMEOUT);
        return;
    }
    if (t->state == TRANSPORT_CHECKED && now_ms >= t->checked_ms + w->config.handshake_timeout_ms) {
        metric_inc(&w->metrics.dtls_failed_timeout);
        worker_transport_end(w, t, MEDIA_FAILED, STATUS_TIMEOUT);
        return;
    }
    uint64_t echo_due_ms = worker_retry_echoes(w, t);
    if (now_ms >= t->dtls_due_ms) {
        t->dtls_due_ms = UINT64_MAX;
        t->dtls_timed_out = true;
        worker_queue_handshake(w, t);
    }
    set_timer(w, t, echo_due_ms);
}

/* Commands. */

static void open_transport(struct worker *w, struct transport *t) {
    t->worker = w;
    enum status s = loop_timer_init(w->loop, &t->timer, on_timer, t);
    if (s == STATUS_OK) {
        s = transports_add(&w->transports, t);
    }
    metric_set(&w->metrics.transports, w->transports.by_id.count);
    if (s != STATUS_OK) {
        t->state = TRANSPORT_GONE;
        t->owes_end = true;
        t->end = (struct media_event){.kind = MEDIA_FAILED, .reason = s, .transport = t->id};
        settle(w, t);
    }
}

static void set_remote(struct worker *w, struct transport *t, struct transport_remote *remote) {
    bool is_another = t->remote && memcmp(t->remote->say.fingerprint, remote->say.fingerprint,
                                          sizeof remote->say.fingerprint) != 0;
    (void)transport_remote_destroy(t->remote);
    t->remote = remote;
    if (is_another && t->dtls) {
        /* The association is with the holder of the certificate told first. */
        metric_inc(&w->metrics.dtls_failed_fingerprint);
        worker_transport_end(w, t, MEDIA_FAILED, STATUS_DENIED);
        return;
    }
    worker_queue_handshake(w, t);
    open_data(w, t);
}

static void restart(struct worker *w, struct transport *t, struct credentials *next) {
    if (transports_add_credentials(&w->transports, t, next) != STATUS_OK) {
        (void)credentials_destroy(next); /* control drew a ufrag twice: the client will try again */
    }
    if (t->silent_due_ms != 0) {
        t->silent_due_ms = loop_now_ms(w->loop) + w->config.silent_timeout_ms;
        worker_transport_set_timer(w, t);
    }
}

static void close_transport(struct worker *w, struct transport *t) {
    worker_say_goodbye(w, t);
    t->owes_connected = t->owes_silent = false;
    drop(w, t);
}

void worker_take_command(struct worker *w, struct worker_command *c) {
    if (c->kind == WORKER_OPEN) {
        open_transport(w, TAKE(c->open));
        return;
    }
    if (c->kind == WORKER_TCP) {
        worker_on_arrival(w, &c->arrival);
        return;
    }
    struct transport *t = transports_find(&w->transports, c->transport);
    switch (c->kind) {
    case WORKER_OPEN:
    case WORKER_TCP: break;
    case WORKER_REMOTE:
        if (t) {
            set_remote(w, t, TAKE(c->remote));
        } else {
            c->remote = transport_remote_destroy(c->remote);
        }
        break;
    case WORKER_RESTART:
        if (t) {
            restart(w, t, TAKE(c->restart));
        } else {
            c->restart = credentials_destroy(c->restart);
        }
        break;
    case WORKER_BANDWIDTH:
        if (t) {
            budget_fix(&t->budget, c->bitrate_bps);
        }
        break;
    case WORKER_CLOSE:
        if (t) {
            close_transport(w, t);
        }
        break;
    case WORKER_RECEIVE_PUT:
    case WORKER_RECEIVE_REMOVE:
    case WORKER_SEND_PUT:
    case WORKER_SEND_SET:
    case WORKER_SEND_REMOVE: worker_take_stream_command(w, t, c); break;
    }
}

void worker_transports_free(struct worker *w) {
    while (!list_empty(&w->owed)) {
        struct transport *t = container_of(list_first(&w->owed), struct transport, in_owed);
        list_remove(&w->owed, &t->in_owed);
        if (t->state == TRANSPORT_GONE) {
            (void)transport_destroy(t);
        }
    }
    while (w->transports.by_id.count > 0) {
        struct map_node *node = map_any(&w->transports.by_id);
        struct transport *t = container_of(node, struct transport, by_id);
        worker_unqueue_handshake(w, t);
        worker_drop_streams(w, t);
        transports_remove(&w->transports, t);
        (void)transport_destroy(t);
    }
}
