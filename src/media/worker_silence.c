/* worker_silence.c: a second of silence, where audio stops. */
#include "worker_priv.h"

enum {
    SILENCES = 50, /* a second: decoders' comfort noise has faded to nothing by then */
    SILENCE_MS = DOWNLINK_SILENCE_US / 1000,
};

void worker_begin_silence(struct worker *w, struct sender *s) {
    s->silences = SILENCES;
    if (!list_node_linked(&s->in_silent)) {
        list_push_back(&w->streams.silent, &s->in_silent);
    }
    if (!loop_timer_is_set(&w->silence)) {
        loop_timer_set(&w->silence, loop_now_ms(w->loop) + SILENCE_MS);
    }
}

void worker_end_silence(struct worker *w, struct sender *s) {
    if (list_node_linked(&s->in_silent)) {
        list_remove(&w->streams.silent, &s->in_silent);
    }
}

/* False: there is no more to be said. */
static bool send_one(struct worker *w, struct sender *s, uint64_t now_us) {
    struct egress_packet *buffer = s->receiver && s->silences > 0 ? worker_take_buffer(w) : NULL;
    if (!buffer) {
        return false;
    }
    const struct media_receive *say = &s->receiver->say;
    struct rtp_out out = worker_packet_space(buffer);
    if (!downlink_silence(s->downlink, now_us, slice_of(say->trailer, say->trailer_len), &out)) {
        egress_give_back(&w->egress, buffer);
        return false;
    }
    worker_send_new(w, s, buffer, out.len, true);
    s->silences--;
    return true;
}

void worker_on_silence(void *arg) {
    struct worker *w = worker_of(arg);
    uint64_t now_us = loop_now_us(w->loop);
    list_each_safe (node, after, &w->streams.silent) {
        struct sender *s = container_of(node, struct sender, in_silent);
        if (!send_one(w, s, now_us)) {
            list_remove(&w->streams.silent, &s->in_silent);
        }
        if (egress_full(&w->egress)) {
            worker_io_flush_egress(w);
        }
    }
    if (!list_empty(&w->streams.silent)) {
        loop_timer_set(&w->silence, loop_now_ms(w->loop) + SILENCE_MS);
    }
}
