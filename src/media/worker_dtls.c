#include "worker_priv.h"

#include "dtls.h"
#include "mem.h"

static_assert((int)DTLS_DATAGRAM_BYTES_MAX <= (int)DATAGRAM_BYTES_MAX, "fits the outbox");

/* Sends what DTLS wants to say. Without a selected pair it is lost, as on a bad network. */
static void flush_dtls(struct worker *w, struct transport *t) {
    uint8_t lost[DTLS_DATAGRAM_BYTES_MAX];
    for (;;) {
        uint8_t *space = t->selected ? worker_io_space(w, &t->selected->path) : NULL;
        size_t len = dtls_next_out(t->dtls, space ? space : lost);
        if (len == 0) {
            return;
        }
        if (space) {
            worker_io_commit(w, &t->selected->path, len);
        }
    }
}

static void pass_sctp(struct worker *w, struct transport *t, struct slice packet) {
    if (!t->data_open || t->owes_data_open) {
        return; /* the data thread does not know of it yet; the client sends it again */
    }
    struct packet *p = packet_create(packet);
    if (!p) {
        metric_inc(&w->metrics.media_no_memory);
        return;
    }
    const struct data_input in = {.kind = DATA_INPUT_PACKET, .transport = t->id, .packet = p};
    if (!mailbox_push(w->config.data_inputs, &in)) {
        metric_inc(&w->metrics.media_mailbox_full);
        mem_free(p);
    }
}

static void read_records(struct worker *w, struct transport *t) {
    uint8_t record[DTLS_IN_BYTES_MAX];
    size_t len;
    while (dtls_read(t->dtls, record, &len) == STATUS_OK) {
        pass_sctp(w, t, slice_of(record, len));
    }
}

static void count_failure(struct worker *w, enum status reason) {
    struct metrics *m = &w->metrics;
    metric_inc(reason == STATUS_DENIED    ? &m->dtls_failed_fingerprint
               : reason == STATUS_TIMEOUT ? &m->dtls_failed_timeout
                                          : &m->dtls_failed_other);
}

/* After anything that moved DTLS on. False: it ended the transport. */
static bool follow(struct worker *w, struct transport *t) {
    flush_dtls(w, t);
    if (t->state == TRANSPORT_CHECKED && dtls_state(t->dtls) == DTLS_CONNECTED) {
        metric_inc(&w->metrics.dtls_connected);
        worker_transport_connected(w, t);
    }
    switch (dtls_state(t->dtls)) {
    case DTLS_HANDSHAKING: break;
    case DTLS_CONNECTED: read_records(w, t); break;
    case DTLS_CLOSED:
        /* Goodbye ends the data channels; media goes on as long as the checks do. */
        if (t->state == TRANSPORT_CONNECTED) {
            t->dtls_closed = true;
            worker_transport_close_data(w, t);
            break;
        }
        /* fall through */
    case DTLS_FAILED: {
        enum status reason = dtls_reason(t->dtls);
        if (t->state == TRANSPORT_CHECKED) {
            count_failure(w, reason);
        }
        worker_transport_end(w, t, MEDIA_FAILED, reason);
        return false;
    }
    }
    uint64_t wait_ms = dtls_timeout_ms(t->dtls);
    t->dtls_due_ms = wait_ms == UINT64_MAX ? UINT64_MAX : loop_now_ms(w->loop) + wait_ms;
    worker_transport_set_timer(w, t);
    return true;
}

/* False: it ended the transport. */
static bool feed(struct worker *w, struct transport *t, struct slice datagram) {
    enum status s = dtls_feed(t->dtls, datagram);
    assert(s != STATUS_UNAVAILABLE); /* the fingerprint was set before */
    return follow(w, t);             /* the state says what else came of it */
}

/* The handshake costs far more than any packet: it waits for its turn. */
static void hold(struct worker *w, struct transport *t, struct slice datagram) {
    if (!transport_hold(t, datagram)) {
        metric_inc(&w->metrics.dtls_queue_full);
    }
    worker_queue_handshake(w, t);
}

void worker_on_dtls(struct worker *w, const struct udp_path *path, struct slice datagram) {
    struct pair *p = transports_find_pair(&w->transports, path);
    if (!p) {
        metric_inc(&w->metrics.dtls_unchecked);
        return;
    }
    struct transport *t = p->transport;
    if (t->state == TRANSPORT_CHECKED) {
        t->selected = p;
        hold(w, t, datagram);
    } else if (t->state == TRANSPORT_CONNECTED && !t->dtls_closed) {
        (void)feed(w, t, datagram);
    }
}

void worker_queue_handshake(struct worker *w, struct transport *t) {
    bool has_work = t->dtls_timed_out || (t->remote && !list_empty(&t->held));
    if (!has_work || list_node_linked(&t->in_handshakes)) {
        return;
    }
    if (w->handshakes.count >= HANDSHAKES_QUEUED_MAX) {
        for (struct held *h; (h = transport_take_held(t)) != NULL;) {
            metric_inc(&w->metrics.dtls_queue_full);
            mem_free(h);
        }
        return; /* what timed out is tried when the client says something again */
    }
    list_push_back(&w->handshakes, &t->in_handshakes);
    metric_set(&w->metrics.dtls_queued, w->handshakes.count);
}

void worker_unqueue_handshake(struct worker *w, struct transport *t) {
    if (list_node_linked(&t->in_handshakes)) {
        list_remove(&w->handshakes, &t->in_handshakes);
        metric_set(&w->metrics.dtls_queued, w->handshakes.count);
    }
}

/* NULL memory is no reason to give up: the client repeats its flight. */
static bool begin_handshake(struct worker *w, struct transport *t) {
    if (t->dtls) {
        return true;
    }
    struct dtls *d = dtls_create(w->config.identity);
    if (!d || dtls_set_remote_fingerprint(d, t->remote->say.fingerprint) != STATUS_OK) {
        metric_inc(&w->metrics.media_no_memory);
        (void)dtls_destroy(d);
        return false;
    }
    t->dtls = d;
    return true;
}

static void resend(struct worker *w, struct transport *t) {
    if (dtls_on_timeout(t->dtls) != STATUS_OK) {
        assert(dtls_state(t->dtls) == DTLS_FAILED || dtls_state(t->dtls) == DTLS_CLOSED);
    }
    (void)follow(w, t);
}

void worker_run_handshake(struct worker *w) {
    struct list_node *node = list_first(&w->handshakes);
    if (!node) {
        return;
    }
    struct transport *t = container_of(node, struct transport, in_handshakes);
    worker_unqueue_handshake(w, t);
    bool timed_out = t->dtls_timed_out && list_empty(&t->held); /* else there is news */
    t->dtls_timed_out = false;
    if (timed_out) {
        resend(w, t);
        return;
    }
    bool goes_on = begin_handshake(w, t);
    for (struct held *h; goes_on && (h = transport_take_held(t)) != NULL;) {
        goes_on = feed(w, t, slice_of(h->bytes, h->len));
        mem_free(h);
    }
}

void worker_send_sctp(struct worker *w, struct transport *t, struct slice packet) {
    if (t->state == TRANSPORT_CONNECTED && !t->dtls_closed) {
        if (dtls_write(t->dtls, packet) != STATUS_OK) {
            metric_inc(&w->metrics.sctp_unsent); /* as if lost: SCTP sends it again */
        }
        flush_dtls(w, t);
    }
}

void worker_say_goodbye(struct worker *w, struct transport *t) {
    if (t->dtls && t->state == TRANSPORT_CONNECTED) {
        dtls_shutdown(t->dtls);
        flush_dtls(w, t);
    }
}
