/* worker_probe.c: padding to links that may carry more than they are given. */
#include "worker_priv.h"

enum {
    TICK_MS = 10,
    PAD_BYTES = 300, /* of one packet with all around it, or so */
    PADS_MAX = 16,   /* of one tick: 4 Mbit/s, more than any layer needs */
    LATE_US = 50000, /* what was not sent for so long is not made up for */
};

static struct sender *padded(const struct transport *t) {
    list_each (node, &t->senders) {
        struct sender *s = container_of(node, struct sender, in_transport);
        if (s->ready && s->receiver && downlink_can_pad(s->downlink)) {
            return s;
        }
    }
    return NULL;
}

void worker_follow_probe(struct worker *w, struct transport *t, uint64_t now_us) {
    struct sender *s = t->budget.probe_us != 0 ? padded(t) : NULL;
    if (!s) {
        return;
    }
    downlink_hasten_report(s->downlink); /* the answer tells of a way that fills */
    if (list_node_linked(&t->in_probing)) {
        return;
    }
    metric_inc(&w->metrics.media_probes);
    t->probed_us = now_us;
    list_push_back(&w->probing, &t->in_probing);
    if (!loop_timer_is_set(&w->probe)) {
        loop_timer_set(&w->probe, loop_now_ms(w->loop) + TICK_MS);
    }
}

void worker_end_probe(struct worker *w, struct transport *t) {
    if (list_node_linked(&t->in_probing)) {
        list_remove(&w->probing, &t->in_probing);
    }
}

static bool send_one(struct worker *w, struct sender *s, uint64_t now_us) {
    struct egress_packet *buffer = worker_take_buffer(w);
    if (!buffer) {
        return false;
    }
    struct rtp_out out = worker_packet_space(buffer);
    if (!downlink_pad(s->downlink, now_us, &out)) {
        egress_give_back(&w->egress, buffer);
        return false;
    }
    worker_send_padding(w, s, buffer, out.len);
    return true;
}

/* Pictures go first: padding that would hold them up is left out. */
static void pad(struct worker *w, struct transport *t, uint64_t bps, uint64_t now_us) {
    struct sender *s = padded(t);
    uint64_t for_us = bps == 0 ? 0 : (uint64_t)PAD_BYTES * 8 * 1000000 / bps; /* one stands for */
    t->probed_us = MAX(t->probed_us, now_us - LATE_US);
    for (size_t i = 0; s && i < PADS_MAX && t->probed_us + for_us <= now_us; i++) {
        t->probed_us += for_us;
        if (!pacer_is_open(&t->pacer, now_us) || !send_one(w, s, now_us)) {
            return;
        }
    }
}

void worker_on_probe(void *arg) {
    struct worker *w = worker_of(arg);
    uint64_t now_us = loop_now_us(w->loop);
    list_each_safe (node, after, &w->probing) {
        struct transport *t = container_of(node, struct transport, in_probing);
        uint64_t bps = budget_probe(&t->budget, now_us);
        if (t->budget.probe_us == 0) {
            worker_end_probe(w, t);
        } else if (bps > 0) {
            pad(w, t, bps, now_us);
        }
    }
    if (!list_empty(&w->probing)) {
        loop_timer_set(&w->probe, loop_now_ms(w->loop) + TICK_MS);
    }
}
