#include "egress.h"

#include "mem.h"

enum status egress_init(struct egress *e) {
    *e = (struct egress){0};
    list_init(&e->ready);
    list_init(&e->waiting);
    e->buffers = mem_calloc(EGRESS_PACKETS_MAX, sizeof(*e->buffers));
    e->spare = mem_calloc(EGRESS_PACKETS_MAX, sizeof(struct egress_packet *));
    if (!e->buffers || !e->spare) {
        egress_deinit(e);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < EGRESS_PACKETS_MAX; i++) {
        egress_give_back(e, &e->buffers[i]);
    }
    return STATUS_OK;
}

void egress_deinit(struct egress *e) {
    mem_free(e->buffers);
    mem_free(e->spare);
    *e = (struct egress){0};
}

struct egress_packet *egress_take(struct egress *e) {
    if (e->spare_count == 0) {
        return NULL;
    }
    struct egress_packet *p = e->spare[--e->spare_count];
    p->next = NULL;
    p->len = 0;
    if (e->spare_count > 0) { /* the next one is fetched while this one is filled */
        __builtin_prefetch(e->spare[e->spare_count - 1], 1);
    }
    return p;
}

void egress_give_back(struct egress *e, struct egress_packet *p) {
    e->spare[e->spare_count++] = p;
}

static void append(struct egress_chain *c, struct egress_packet *p) {
    p->next = NULL;
    if (c->last) {
        c->last->next = p;
    } else {
        c->first = p;
    }
    c->last = p;
}

static void make_ready(struct egress *e, struct egress_queue *q) {
    if (!list_node_linked(&q->in_ready)) {
        list_push_back(&e->ready, &q->in_ready);
    }
}

void egress_queue(struct egress *e, struct egress_queue *q, struct egress_packet *p, bool urgent,
                  bool ends, uint64_t now_us) {
    assert(p->len > 0 && p->len <= EGRESS_PACKET_BYTES);
    append(urgent ? &q->urgent : &q->bulk, p);
    e->queued++;
    if (urgent || ends) {
        make_ready(e, q);
    }
    bool waits = list_node_linked(&q->in_waiting);
    if (!urgent && ends && waits) {
        list_remove(&e->waiting, &q->in_waiting);
    } else if (!urgent && !ends && !waits) {
        list_push_back(&e->waiting, &q->in_waiting);
        q->since_us = now_us;
    }
}

void egress_expire(struct egress *e, uint64_t now_us) {
    while (!list_empty(&e->waiting)) {
        struct egress_queue *q =
            container_of(list_first(&e->waiting), struct egress_queue, in_waiting);
        if (now_us < q->since_us + EGRESS_HOLD_US) {
            return;
        }
        list_remove(&e->waiting, &q->in_waiting);
        make_ready(e, q);
    }
}

void egress_done(struct egress *e, struct egress_packet *p) {
    assert(e->queued > 0);
    e->queued--;
    egress_give_back(e, p);
}

static void drop_chain(struct egress *e, struct egress_chain *c) {
    for (struct egress_packet *p = TAKE(c->first), *next; p; p = next) {
        next = p->next;
        egress_done(e, p);
    }
    c->last = NULL;
}

void egress_drop(struct egress *e, struct egress_queue *q) {
    drop_chain(e, &q->urgent);
    drop_chain(e, &q->bulk);
    if (list_node_linked(&q->in_ready)) {
        list_remove(&e->ready, &q->in_ready);
    }
    if (list_node_linked(&q->in_waiting)) {
        list_remove(&e->waiting, &q->in_waiting);
    }
}

void egress_flush(struct egress *e, egress_send_fn send, void *arg) {
    list_each (node, &e->ready) {
        struct egress_queue *q = container_of(node, struct egress_queue, in_ready);
        if (q->urgent.first) {
            q->urgent.last = NULL;
            send(arg, q, TAKE(q->urgent.first));
        }
    }
    while (!list_empty(&e->ready)) {
        struct egress_queue *q = container_of(list_first(&e->ready), struct egress_queue, in_ready);
        list_remove(&e->ready, &q->in_ready);
        if (q->bulk.first && !list_node_linked(&q->in_waiting)) {
            q->bulk.last = NULL;
            send(arg, q, TAKE(q->bulk.first));
        }
    }
}
