#include "ice_tcp.h"

#include <string.h>

#include "fd.h"
#include "mem.h"
#include "tcp.h"

enum {
    FRAME_BYTES = 2,
    LINK_MAGIC = 0x746c6e6b,
    STRANGER_MAGIC = 0x74737472,
    READS_PER_TURN_MAX = 8,
};

/* Bytes of a stream until they make a datagram. */
struct frames {
    size_t len;
    uint8_t bytes[FRAME_BYTES + DATAGRAM_BYTES_MAX];
};

struct tcp_link {
    uint32_t magic;
    struct map_node by_number;
    struct tcp_links *links;
    struct loop_source source;
    int fd; /* owned */
    struct udp_path path;
    struct frames in;
    uint8_t *out; /* owned: not taken by the kernel yet; NULL mostly */
    size_t out_from, out_len;
    bool is_busy, is_closed; /* closed while its datagram was handed on: freed afterwards */
};

/* The next whole datagram at the front; false: more bytes are needed. *ret_bad: a length that no
 * datagram has. */
static bool whole(const struct frames *f, size_t *ret_len, bool *ret_bad) {
    *ret_bad = false;
    if (f->len < FRAME_BYTES) {
        return false;
    }
    size_t len = (size_t)f->bytes[0] << 8 | f->bytes[1];
    *ret_bad = len > DATAGRAM_BYTES_MAX;
    *ret_len = len;
    return !*ret_bad && f->len >= FRAME_BYTES + len;
}

static void take_front(struct frames *f, size_t len) {
    size_t used = FRAME_BYTES + len;
    memmove(f->bytes, f->bytes + used, f->len - used);
    f->len -= used;
}

/* Links. */

static bool number_equal(const struct map_node *node, struct slice key) {
    const struct tcp_link *l = container_of(node, const struct tcp_link, by_number);
    return slice_eq(slice_of(&l->path.local.scope, sizeof(l->path.local.scope)), key);
}

enum status tcp_links_init(struct tcp_links *l, struct hash_key key,
                           const struct tcp_owner *owner) {
    *l = (struct tcp_links){.owner = *owner};
    return map_init(&l->by_number, key, number_equal);
}

static void link_free(struct tcp_link *l) {
    mem_free(l->out);
    mem_free(l);
}

static void link_close(struct tcp_link *l) {
    if (l->is_closed) {
        return;
    }
    l->is_closed = true;
    map_remove(&l->links->by_number, &l->by_number);
    metric_set(&l->links->owner.metrics->ice_tcp_links, l->links->by_number.count);
    loop_remove(&l->source);
    fd_close(&l->fd);
    if (!l->is_busy) {
        link_free(l);
    }
}

void tcp_links_deinit(struct tcp_links *l) {
    struct map_node *node;
    while (l->by_number.count > 0 && (node = map_any(&l->by_number)) != NULL) {
        link_close(container_of(node, struct tcp_link, by_number));
    }
    map_deinit(&l->by_number);
}

/* Hands on what is whole. False: the link is gone. */
static bool hand_on(struct tcp_link *l) {
    size_t len = 0;
    bool bad = false;
    l->is_busy = true;
    while (!l->is_closed && whole(&l->in, &len, &bad)) {
        if (len > 0) {
            l->links->owner.on_datagram(l->links->owner.arg, &l->path, l->in.bytes + FRAME_BYTES,
                                        len);
        }
        take_front(&l->in, len);
    }
    l->is_busy = false;
    if (bad) {
        link_close(l);
        return false;
    }
    if (l->is_closed) {
        link_free(l);
        return false;
    }
    return true;
}

static void flush(struct tcp_link *l) {
    while (l->out_len > 0) {
        size_t written = 0;
        enum status st = tcp_write(l->fd, slice_of(l->out + l->out_from, l->out_len), &written);
        if (st == STATUS_AGAIN) {
            return;
        }
        if (st != STATUS_OK) {
            link_close(l);
            return;
        }
        l->out_from += written;
        l->out_len -= written;
    }
    mem_free(TAKE(l->out));
    l->out_from = 0;
    loop_modify(&l->source, LOOP_READ);
}

static void on_link(void *arg, uint32_t events) {
    struct tcp_link *l = OBJ_CAST(struct tcp_link, arg, LINK_MAGIC);
    if (events & LOOP_WRITE) {
        l->is_busy = true;
        flush(l);
        l->is_busy = false;
        if (l->is_closed) {
            link_free(l);
            return;
        }
    }
    for (int i = 0; i < READS_PER_TURN_MAX; i++) {
        size_t len = 0;
        enum status st =
            tcp_read(l->fd, l->in.bytes + l->in.len, sizeof(l->in.bytes) - l->in.len, &len);
        if (st == STATUS_AGAIN) {
            return;
        }
        if (st != STATUS_OK) {
            link_close(l);
            return;
        }
        l->in.len += len;
        if (!hand_on(l)) {
            return;
        }
    }
}

/* The bytes behind the first datagram fit: both came out of one buffer of frames. */
static struct tcp_link *link_create(struct tcp_links *links, struct tcp_arrival *a) {
    struct tcp_link *l = links->by_number.count < ICE_TCP_LINKS_MAX ? mem_zalloc(sizeof(*l)) : NULL;
    if (!l) {
        return NULL;
    }
    l->magic = LINK_MAGIC;
    l->links = links;
    l->fd = a->fd;
    l->path.remote = a->peer;
    l->path.local = (struct net_address){.family = PATH_TCP, .scope = ++links->last_number};
    if (loop_add(links->owner.loop, &l->source, l->fd, LOOP_READ, on_link, l) != STATUS_OK) {
        mem_free(l);
        return NULL;
    }
    map_insert(&links->by_number, &l->by_number,
               slice_of(&l->path.local.scope, sizeof(l->path.local.scope)));
    metric_set(&links->owner.metrics->ice_tcp_links, links->by_number.count);
    return l;
}

void tcp_links_adopt(struct tcp_links *links, struct tcp_arrival *a) {
    struct tcp_link *l = link_create(links, a);
    if (!l) {
        metric_inc(&links->owner.metrics->ice_tcp_refused);
        tcp_arrival_drop(a);
        return;
    }
    struct packet *first = TAKE(a->first), *rest = TAKE(a->rest);
    a->fd = -1;
    l->in.bytes[0] = (uint8_t)(first->len >> 8);
    l->in.bytes[1] = (uint8_t)first->len;
    memcpy(l->in.bytes + FRAME_BYTES, first->bytes, first->len);
    l->in.len = FRAME_BYTES + first->len;
    if (rest) {
        memcpy(l->in.bytes + l->in.len, rest->bytes, rest->len);
        l->in.len += rest->len;
    }
    mem_free(first);
    mem_free(rest);
    (void)hand_on(l);
}

static bool keep(struct tcp_link *l, const struct slice *parts, size_t from) {
    size_t len = parts[0].len + parts[1].len - from;
    if (l->out_len + len > ICE_TCP_OUT_BYTES_MAX) {
        return false;
    }
    if (!l->out) {
        l->out = mem_alloc(2 * ICE_TCP_OUT_BYTES_MAX);
        if (!l->out) {
            return false;
        }
        l->out_from = 0;
        loop_modify(&l->source, LOOP_READ | LOOP_WRITE);
    }
    if (l->out_from + l->out_len + len > 2 * (size_t)ICE_TCP_OUT_BYTES_MAX) {
        memmove(l->out, l->out + l->out_from, l->out_len);
        l->out_from = 0;
    }
    for (size_t i = 0; i < 2; i++) {
        size_t skip = MIN(from, parts[i].len);
        memcpy(l->out + l->out_from + l->out_len, parts[i].data + skip, parts[i].len - skip);
        l->out_len += parts[i].len - skip;
        from -= skip;
    }
    return true;
}

void tcp_links_send(struct tcp_links *links, const struct udp_path *path, struct slice datagram) {
    struct map_node *node =
        map_find(&links->by_number, slice_of(&path->local.scope, sizeof(path->local.scope)));
    struct tcp_link *l = node ? container_of(node, struct tcp_link, by_number) : NULL;
    if (!l || datagram.len == 0 || datagram.len > DATAGRAM_BYTES_MAX) {
        metric_inc(&links->owner.metrics->datagrams_unsent);
        return;
    }
    const uint8_t frame[FRAME_BYTES] = {(uint8_t)(datagram.len >> 8), (uint8_t)datagram.len};
    const struct slice parts[2] = {slice_of(frame, sizeof(frame)), datagram};
    size_t written = 0;
    enum status st = l->out_len > 0 ? STATUS_AGAIN : tcp_write_parts(l->fd, parts, 2, &written);
    if (st != STATUS_OK && st != STATUS_AGAIN) {
        link_close(l);
        return;
    }
    if (written == FRAME_BYTES + datagram.len) {
        return;
    }
    if (!keep(l, parts, written)) {
        metric_inc(&links->owner.metrics->datagrams_unsent);
        if (written > 0) {
            link_close(l); /* half a datagram is in the stream: nothing can follow it */
        }
    }
}

/* The listener. */

struct stranger {
    uint32_t magic;
    struct list_node in_listener; /* in order of their time */
    struct tcp_listener *listener;
    struct loop_source source;
    int fd; /* owned */
    struct net_address peer;
    uint64_t since_ms;
    struct frames in;
};

struct tcp_listener {
    struct tcp_owner owner;
    int fds[2]; /* owned; -1: no such family */
    struct loop_source sources[2];
    struct list strangers;
    struct loop_timer timer;
    uint16_t port;
};

void tcp_arrival_drop(struct tcp_arrival *a) {
    fd_close(&a->fd);
    mem_free(TAKE(a->first));
    mem_free(TAKE(a->rest));
}

static void stranger_drop(struct stranger *s, bool close) {
    list_remove(&s->listener->strangers, &s->in_listener);
    loop_remove(&s->source);
    if (close) {
        fd_close(&s->fd);
        metric_inc(&s->listener->owner.metrics->ice_tcp_refused);
    }
    mem_free(s);
}

/* It has said whose it is: off to the worker that knows. */
static void introduce(struct stranger *s, size_t len) {
    struct tcp_arrival a = {.fd = s->fd, .peer = s->peer};
    const struct tcp_owner *owner = &s->listener->owner;
    a.first = packet_create(slice_of(s->in.bytes + FRAME_BYTES, len));
    size_t used = FRAME_BYTES + len;
    if (s->in.len > used) {
        a.rest = packet_create(slice_of(s->in.bytes + used, s->in.len - used));
    }
    bool made = a.first && (s->in.len == used || a.rest);
    stranger_drop(s, false);
    if (made) {
        owner->on_first(owner->arg, &a);
    } else {
        metric_inc(&owner->metrics->media_no_memory);
        tcp_arrival_drop(&a);
    }
}

static void on_stranger(void *arg, uint32_t events) {
    struct stranger *s = OBJ_CAST(struct stranger, arg, STRANGER_MAGIC);
    size_t len = 0;
    enum status st =
        tcp_read(s->fd, s->in.bytes + s->in.len, sizeof(s->in.bytes) - s->in.len, &len);
    if (st == STATUS_AGAIN) {
        return;
    }
    s->in.len += len;
    bool bad = false;
    if (st == STATUS_OK && whole(&s->in, &len, &bad) && len > 0) {
        introduce(s, len);
    } else if (st != STATUS_OK || bad || (s->in.len >= FRAME_BYTES && len == 0)) {
        stranger_drop(s, true);
    }
}

static void on_accept(void *arg, uint32_t events) {
    struct tcp_listener *l = arg;
    for (size_t i = 0; i < 2; i++) {
        int fd;
        struct net_address peer;
        while (l->fds[i] >= 0 && l->strangers.count < ICE_TCP_STRANGERS_MAX &&
               tcp_accept(l->fds[i], &fd, &peer) == STATUS_OK) {
            struct stranger *s = mem_zalloc(sizeof(*s));
            if (!s ||
                loop_add(l->owner.loop, &s->source, fd, LOOP_READ, on_stranger, s) != STATUS_OK) {
                fd_close(&fd);
                mem_free(s);
                metric_inc(&l->owner.metrics->ice_tcp_refused);
                continue;
            }
            s->magic = STRANGER_MAGIC;
            list_node_init(&s->in_listener);
            s->listener = l;
            s->fd = fd;
            s->peer = peer;
            s->since_ms = loop_now_ms(l->owner.loop);
            list_push_back(&l->strangers, &s->in_listener);
            metric_inc(&l->owner.metrics->ice_tcp_accepted);
            if (!loop_timer_is_set(&l->timer)) {
                loop_timer_set(&l->timer, s->since_ms + ICE_TCP_FIRST_MS);
            }
        }
    }
    /* At the bound the oldest makes way: who has a right to be here spoke at once. */
    if (l->strangers.count >= ICE_TCP_STRANGERS_MAX) {
        stranger_drop(container_of(list_first(&l->strangers), struct stranger, in_listener), true);
    }
}

static void on_late(void *arg) {
    struct tcp_listener *l = arg;
    uint64_t now_ms = loop_now_ms(l->owner.loop);
    while (!list_empty(&l->strangers)) {
        struct stranger *s = container_of(list_first(&l->strangers), struct stranger, in_listener);
        if (now_ms < s->since_ms + ICE_TCP_FIRST_MS) {
            loop_timer_set(&l->timer, s->since_ms + ICE_TCP_FIRST_MS);
            return;
        }
        stranger_drop(s, true);
    }
}

static enum status listen_on(struct tcp_listener *l, size_t index, enum net_family family) {
    struct net_address at = net_address_any(family, l->port);
    const struct tcp_listen_options options = {0};
    enum status st = tcp_listen(&at, &options, &l->fds[index]);
    if (st == STATUS_OK && l->port == 0) {
        struct net_address bound;
        st = tcp_local_address(l->fds[index], &bound);
        l->port = st == STATUS_OK ? bound.port : 0;
    }
    if (st == STATUS_OK) {
        st = loop_add(l->owner.loop, &l->sources[index], l->fds[index], LOOP_READ, on_accept, l);
    }
    return st;
}

enum status tcp_listener_create(uint16_t port, const struct tcp_owner *owner,
                                struct tcp_listener **ret_listener) {
    struct tcp_listener *l = mem_zalloc(sizeof(*l));
    if (!l) {
        return STATUS_NO_MEMORY;
    }
    l->owner = *owner;
    l->port = port;
    l->fds[0] = l->fds[1] = -1;
    list_init(&l->strangers);
    enum status st = loop_timer_init(owner->loop, &l->timer, on_late, l);
    if (st == STATUS_OK) {
        st = listen_on(l, 0, NET_V4);
    }
    /* A machine without IPv6 is fine, and so is any free port that is none there. */
    if (st == STATUS_OK && listen_on(l, 1, NET_V6) == STATUS_EXISTS && port != 0) {
        st = STATUS_EXISTS;
    }
    if (st != STATUS_OK) {
        (void)tcp_listener_destroy(l);
        return st;
    }
    *ret_listener = l;
    return STATUS_OK;
}

struct tcp_listener *tcp_listener_destroy(struct tcp_listener *l) {
    if (l) {
        while (!list_empty(&l->strangers)) {
            stranger_drop(container_of(list_first(&l->strangers), struct stranger, in_listener),
                          true);
        }
        for (size_t i = 0; i < 2; i++) {
            loop_remove(&l->sources[i]);
            fd_close(&l->fds[i]);
        }
        loop_timer_deinit(&l->timer);
        mem_free(l);
    }
    return NULL;
}

uint16_t tcp_listener_port(const struct tcp_listener *l) {
    return l->port;
}
