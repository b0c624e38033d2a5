#include "worker_priv.h"

#include <string.h>

#include "datagram.h"
#include "log.h"
#include "mem.h"

enum {
    RECEIVES_PER_TURN_MAX = 8, /* of one socket: timers and mailboxes get their turn */
    SOCKET_RECEIVE_BYTES = 4 << 20,
    SOCKET_SEND_BYTES = 4 << 20,
};

/* Datagrams of this turn on their way to one socket. */
struct outbox {
    size_t count;
    struct udp_outgoing list[UDP_MESSAGES_MAX];
    uint8_t bytes[UDP_MESSAGES_MAX][DATAGRAM_BYTES_MAX];
};

/* Of egress, on its way to one socket: all destinations in few system calls. */
enum { BATCH_MAX = UDP_MESSAGES_MAX * UDP_SEGMENTS_MAX };
struct batch {
    size_t count;
    struct udp_outgoing list[BATCH_MAX];
    struct egress_packet *packets[BATCH_MAX];
};

static size_t family_index(enum net_family family) {
    return family == NET_V6 ? 1 : 0;
}

static void flush_socket(struct worker *w, struct worker_socket *s) {
    if (!s->out || s->out->count == 0) {
        return;
    }
    size_t sent = udp_send(s->socket, s->out->list, s->out->count);
    metric_add(&w->metrics.datagrams_out, sent);
    /* A full socket is a full network: waiting would only make all of it late. */
    metric_add(&w->metrics.datagrams_unsent, s->out->count - sent);
    s->out->count = 0;
}

void worker_io_flush(struct worker *w) {
    for (size_t i = 0; i < WORKER_FAMILIES; i++) {
        flush_socket(w, &w->sockets[i]);
    }
}

uint8_t *worker_io_space(struct worker *w, const struct udp_path *path) {
    if (path_is_tcp(path)) {
        return w->tcp_space;
    }
    struct worker_socket *s = &w->sockets[family_index((enum net_family)path->remote.family)];
    if (!s->socket) {
        return NULL;
    }
    if (s->out->count == UDP_MESSAGES_MAX) {
        flush_socket(w, s);
    }
    return s->out->bytes[s->out->count];
}

void worker_io_commit(struct worker *w, const struct udp_path *path, size_t len) {
    if (path_is_tcp(path)) {
        tcp_links_send(&w->tcp, path, slice_of(w->tcp_space, len));
        return;
    }
    struct outbox *out = w->sockets[family_index((enum net_family)path->remote.family)].out;
    assert(out && out->count < UDP_MESSAGES_MAX && len <= DATAGRAM_BYTES_MAX);
    out->list[out->count] =
        (struct udp_outgoing){.path = *path, .data = slice_of(out->bytes[out->count], len)};
    out->count++;
}

void worker_io_send(struct worker *w, const struct udp_path *path, struct slice datagram) {
    uint8_t *space =
        datagram.len > 0 && datagram.len <= DATAGRAM_BYTES_MAX ? worker_io_space(w, path) : NULL;
    if (space) {
        memcpy(space, datagram.data, datagram.len);
        worker_io_commit(w, path, datagram.len);
    }
}

static void send_batch(struct worker *w, struct worker_socket *s) {
    struct batch *b = s->batch;
    if (!b || b->count == 0) {
        return;
    }
    uint64_t before = udp_stats(s->socket).messages_out;
    size_t sent = udp_send(s->socket, b->list, b->count);
    metric_add(&w->metrics.datagrams_out, sent);
    metric_add(&w->metrics.datagrams_unsent, b->count - sent);
    metric_add(&w->metrics.media_messages_out, udp_stats(s->socket).messages_out - before);
    for (size_t i = 0; i < b->count; i++) {
        egress_done(&w->egress, b->packets[i]);
    }
    b->count = 0;
}

/* Packets of one destination lie side by side, so that the socket can join them. */
static void batch_chain(void *arg, struct egress_queue *q, struct egress_packet *first) {
    struct worker *w = worker_of(arg);
    const struct transport *t = container_of(q, struct transport, egress);
    bool tcp = t->selected && path_is_tcp(&t->selected->path);
    struct worker_socket *s =
        t->selected ? &w->sockets[family_index((enum net_family)t->selected->path.remote.family)]
                    : NULL;
    for (struct egress_packet *p = first, *next; p; p = next) {
        next = p->next;
        if (tcp) {
            tcp_links_send(&w->tcp, &t->selected->path, slice_of(p->bytes, p->len));
        }
        if (tcp || !s || !s->batch) {
            egress_done(&w->egress, p);
            continue;
        }
        if (s->batch->count == BATCH_MAX) {
            send_batch(w, s);
        }
        struct batch *b = s->batch;
        b->list[b->count] =
            (struct udp_outgoing){.path = t->selected->path, .data = slice_of(p->bytes, p->len)};
        b->packets[b->count++] = p;
    }
}

void worker_io_flush_egress(struct worker *w) {
    if (list_empty(&w->egress.ready)) {
        return;
    }
    egress_flush(&w->egress, batch_chain, w);
    for (size_t i = 0; i < WORKER_FAMILIES; i++) {
        send_batch(w, &w->sockets[i]);
    }
}

struct egress_packet *worker_take_buffer(struct worker *w) {
    struct egress_packet *p = egress_take(&w->egress);
    if (!p) {
        egress_expire(&w->egress, UINT64_MAX);
        worker_io_flush_egress(w);
        p = egress_take(&w->egress);
    }
    return p;
}

/* Whatever is no media may end a transport, whose packets may be in the run. */
static void take(struct worker *w, const struct udp_path *path, uint8_t *data, size_t len) {
    struct slice bytes = slice_of(data, len);
    enum datagram_kind kind = datagram_classify(bytes);
    if (kind != DATAGRAM_RTP) {
        worker_forward_run(w);
    }
    switch (kind) {
    case DATAGRAM_STUN: worker_on_stun(w, path, bytes); break;
    case DATAGRAM_DTLS: worker_on_dtls(w, path, bytes); break;
    case DATAGRAM_RTP: worker_on_rtp(w, path, data, len); break;
    case DATAGRAM_RTCP: worker_on_rtcp(w, path, data, len); break;
    case DATAGRAM_TURN_CHANNEL:
    case DATAGRAM_UNKNOWN: metric_inc(&w->metrics.media_unknown_dropped); break;
    }
}

void worker_io_take(void *arg, const struct udp_path *path, uint8_t *data, size_t len) {
    struct worker *w = worker_of(arg);
    take(w, path, data, len);
    worker_forward_run(w);
}

static void receive(struct worker *w, struct worker_socket *s) {
    for (int i = 0; i < RECEIVES_PER_TURN_MAX; i++) {
        const struct udp_datagram *list;
        size_t count = udp_receive(s->socket, w->inbox, &list);
        if (count == 0) {
            return;
        }
        metric_add(&w->metrics.datagrams_in, count);
        for (size_t k = 0; k < count; k++) {
            take(w, list[k].path, list[k].data, list[k].len);
        }
        worker_forward_run(w);
    }
}

static void on_v4(void *arg, uint32_t events) {
    (void)events;
    struct worker *w = worker_of(arg);
    receive(w, &w->sockets[0]);
}

static void on_v6(void *arg, uint32_t events) {
    (void)events;
    struct worker *w = worker_of(arg);
    receive(w, &w->sockets[1]);
}

static enum status open_socket(struct worker *w, enum net_family family, uint16_t port) {
    struct worker_socket *s = &w->sockets[family_index(family)];
    const struct udp_options options = {
        .bind = net_address_any(family, port),
        .receive_bytes = SOCKET_RECEIVE_BYTES,
        .send_bytes = SOCKET_SEND_BYTES,
    };
    enum status status = udp_open(&options, &s->socket);
    if (status != STATUS_OK) {
        return status;
    }
    s->out = mem_zalloc(sizeof *s->out);
    s->batch = mem_zalloc(sizeof *s->batch);
    if (!s->out || !s->batch) {
        return STATUS_NO_MEMORY;
    }
    return loop_add(w->loop, &s->source, udp_fd(s->socket), LOOP_READ,
                    family == NET_V6 ? on_v6 : on_v4, w);
}

enum status worker_io_open(struct worker *w) {
    w->inbox = udp_inbox_create();
    if (!w->inbox) {
        return STATUS_NO_MEMORY;
    }
    enum status status = open_socket(w, NET_V4, w->config.port);
    if (status != STATUS_OK) {
        return status;
    }
    status = open_socket(w, NET_V6, worker_port(w));
    if (status != STATUS_OK && !w->sockets[1].socket) {
        log_event(LOG_WARN, "media_without_ipv6", LOG_UINT("port", worker_port(w)),
                  LOG_STATUS("status", status));
        return STATUS_OK;
    }
    return status;
}

void worker_io_close(struct worker *w) {
    for (size_t i = 0; i < WORKER_FAMILIES; i++) {
        struct worker_socket *s = &w->sockets[i];
        loop_remove(&s->source);
        s->socket = udp_close(s->socket);
        mem_free(TAKE(s->out));
        mem_free(TAKE(s->batch));
    }
    w->inbox = udp_inbox_destroy(w->inbox);
}

uint16_t worker_port(const struct worker *w) {
    return udp_local(w->sockets[0].socket).port;
}

bool worker_has_v6(const struct worker *w) {
    return w->sockets[1].socket != NULL;
}
