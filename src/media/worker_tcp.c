/* worker_tcp.c: which worker a TCP connection belongs to. */
#include "worker_priv.h"

static struct tcp_owner owner_of(struct worker *w) {
    return (struct tcp_owner){
        .arg = w,
        .loop = w->loop,
        .metrics = &w->metrics,
        .on_datagram = worker_io_take,
        .on_first = worker_on_arrival,
    };
}

enum status worker_tcp_open(struct worker *w, struct hash_key key) {
    const struct tcp_owner owner = owner_of(w);
    enum status st = tcp_links_init(&w->tcp, key, &owner);
    if (st == STATUS_OK && w->config.listens) {
        st = tcp_listener_create(w->config.tcp_port, &owner, &w->listener);
    }
    return st;
}

void worker_tcp_close(struct worker *w) {
    w->listener = tcp_listener_destroy(w->listener);
    tcp_links_deinit(&w->tcp);
}

static bool is_ours(const struct worker *w, const struct packet *first) {
    struct stun_view v;
    return stun_read(slice_of(first->bytes, first->len), &v) == STATUS_OK && v.has_username &&
           transports_find_ufrag(&w->transports, v.username_local);
}

void worker_on_arrival(void *arg, struct tcp_arrival *a) {
    struct worker *w = worker_of(arg);
    if (is_ours(w, a->first)) {
        tcp_links_adopt(&w->tcp, a);
        return;
    }
    struct worker_command c = {.kind = WORKER_TCP, .arrival = *a};
    if (++c.arrival.asked >= w->ring || !mailbox_push(w->next, &c)) {
        metric_inc(&w->metrics.ice_tcp_refused);
        tcp_arrival_drop(a);
    }
}

void worker_set_next(struct worker *w, struct mailbox *commands, uint32_t workers) {
    w->next = commands;
    w->ring = workers;
}

uint16_t worker_tcp_port(const struct worker *w) {
    return w->listener ? tcp_listener_port(w->listener) : 0;
}
