#include "worker_priv.h"

#include <string.h>

#include "ice_lite.h"

/* Sends the pair a check of ours, the same until it is echoed or given up. */
static void send_echo_check(struct worker *w, struct pair *p) {
    struct transport *t = p->transport;
    if (p->echo.sent == 0) {
        rng_bytes(&w->rng, p->echo.transaction, sizeof p->echo.transaction);
    }
    const struct credentials *ours = t->now;
    struct stun_check check = {
        .remote_ufrag = slice_from_cstr(t->remote->say.ufrag),
        .local_ufrag = slice_from_cstr(ours->ufrag),
        .priority = 0x6e7f00ff, /* of a peer-reflexive candidate, RFC 8445 7.1.1 */
        .tie_breaker = w->tie_breaker,
    };
    memcpy(check.transaction, p->echo.transaction, sizeof check.transaction);
    struct stun_message m;
    ice_check(&check, t->remote->key, &m);
    worker_io_send(w, &p->path, stun_message_slice(&m));
    p->echo.sent_ms = loop_now_ms(w->loop);
    p->echo.sent++;
}

/* False when it is given up, or nothing was asked. */
static bool retry_echo(struct worker *w, struct pair *p, uint64_t now_ms) {
    if (p->echo.sent == 0) {
        return false;
    }
    if (now_ms - p->echo.sent_ms < ECHO_RETRY_MS) {
        return true;
    }
    if (p->echo.sent >= ECHO_SENT_MAX || !p->transport->remote) {
        metric_inc(&w->metrics.address_changes_refused);
        p->echo.sent = 0;
        return false;
    }
    send_echo_check(w, p);
    return true;
}

uint64_t worker_retry_echoes(struct worker *w, struct transport *t) {
    uint64_t now_ms = loop_now_ms(w->loop), due_ms = UINT64_MAX;
    list_each (node, &t->pairs) {
        struct pair *p = container_of(node, struct pair, in_transport);
        if (retry_echo(w, p, now_ms)) {
            due_ms = MIN(due_ms, p->echo.sent_ms + ECHO_RETRY_MS);
        }
    }
    return due_ms;
}

/* The client wants to be reached there. While the handshake runs, answers go where its flights
 * come from; later only an address that echoes a check of ours gets what goes to the client:
 * somebody who saw a check of its could send it from an address of a victim. */
void worker_follow_nomination(struct worker *w, struct transport *t) {
    struct pair *p = t->nominated;
    if (p && t->state == TRANSPORT_CONNECTED && p != t->selected && t->remote &&
        p->echo.sent == 0) {
        send_echo_check(w, p);
        worker_transport_set_timer(w, t);
    }
}

static void on_request(struct worker *w, const struct udp_path *path, const struct stun_view *v) {
    struct metrics *m = &w->metrics;
    if (!v->has_username || !v->has_integrity || !v->has_fingerprint) {
        metric_inc(&m->stun_refused);
        return;
    }
    struct credentials *ours = transports_find_ufrag(&w->transports, v->username_local);
    if (!ours) {
        metric_inc(&m->stun_unknown_ufrag);
        return;
    }
    if (!ice_is_authentic(v, ours->key)) {
        metric_inc(&m->stun_bad_integrity);
        return;
    }
    struct stun_message answer;
    if (!ice_answer(v, &path->remote, ours->key, &answer)) {
        metric_inc(&m->stun_refused);
        worker_io_send(w, path, stun_message_slice(&answer));
        return;
    }
    struct transport *t = ours->transport;
    struct pair *p;
    uint64_t now_ms = loop_now_ms(w->loop);
    if (transports_pair(&w->transports, t, path, now_ms, &p) != STATUS_OK) {
        metric_inc(&m->stun_refused);
        return;
    }
    metric_inc(&m->stun_ok);
    worker_io_send(w, path, stun_message_slice(&answer));
    p->valid_ms = now_ms;
    t->valid_ms = now_ms;
    if (ours == t->next) {
        transports_use_next(&w->transports, t);
    }
    if (t->state == TRANSPORT_NEW) {
        worker_transport_checked(w, t);
    }
    if (v->use_candidate) {
        t->nominated = p;
    }
    if (v->use_candidate || t->silent_due_ms != 0) {
        worker_follow_nomination(w, t);
    }
}

static void on_echo(struct worker *w, const struct udp_path *path, const struct stun_view *v) {
    struct pair *p = transports_find_pair(&w->transports, path);
    struct transport *t = p ? p->transport : NULL;
    if (!p || p->echo.sent == 0 || !t->remote ||
        memcmp(p->echo.transaction, v->transaction, sizeof v->transaction) != 0 ||
        !ice_is_authentic(v, t->remote->key)) {
        metric_inc(&w->metrics.stun_echoes_bad);
        return;
    }
    metric_inc(&w->metrics.stun_echoes_ok);
    p->echo.sent = 0;
    p->valid_ms = loop_now_ms(w->loop);
    t->valid_ms = p->valid_ms;
    if (t->nominated == p && t->selected != p) {
        t->selected = p;
        t->silent_due_ms = 0;
        metric_inc(&w->metrics.address_changes);
    }
}

void worker_on_stun(struct worker *w, const struct udp_path *path, struct slice datagram) {
    struct stun_view v;
    if (stun_read(datagram, &v) != STATUS_OK || v.method != STUN_METHOD_BINDING) {
        metric_inc(&w->metrics.stun_malformed);
        return;
    }
    switch (v.kind) {
    case STUN_REQUEST: on_request(w, path, &v); break;
    case STUN_SUCCESS: on_echo(w, path, &v); break;
    case STUN_ERROR: metric_inc(&w->metrics.stun_echoes_bad); break;
    case STUN_INDICATION: break; /* a keepalive: nothing is to be done or believed */
    }
}
