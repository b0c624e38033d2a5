/* worker_streams.c: commands about streams, SRTP keys, and the clock of reports. */
#include "worker_priv.h"

#include <string.h>

#include "dtls.h"
#include "log.h"
#include "mem.h"
#include "srtp.h"
#include "twcc_recorder.h"

enum {
    REPORT_TICK_US = 10 * 1000, /* how soon a missed packet is asked for again at the latest */
    TICK_US = 100 * 1000,       /* layers are chosen anew, and senders report */
};

static void follow_streaming(struct worker *w, struct transport *t) {
    bool streams = !list_empty(&t->receivers) || !list_empty(&t->senders);
    bool is_in = list_node_linked(&t->in_streaming);
    if (streams && !is_in) {
        list_push_back(&w->streaming, &t->in_streaming);
        worker_report_by(w, loop_now_us(w->loop));
    } else if (!streams && is_in) {
        list_remove(&w->streaming, &t->in_streaming);
    }
    metric_set(&w->metrics.media_receivers, w->streams.by_track.count);
    metric_set(&w->metrics.media_senders, w->streams.senders.count);
}

/* Audio that its publisher muted is sent to nobody, even if it comes: the last of it may be in the
 * middle of a word. */
static void want(struct worker *w, struct sender *s) {
    const struct media_receive *say = s->receiver ? &s->receiver->say : NULL;
    const struct downlink_want wanted = {
        .paused = s->want.paused || (say && say->muted && !say->section.video),
        .layer_max = s->want.layer_max,
        .fps_max = s->want.fps_max,
    };
    bool was_sending = downlink_layer(s->downlink) != DOWNLINK_LAYER_NONE;
    downlink_set_want(s->downlink, &wanted);
    if (!wanted.paused) {
        worker_end_silence(w, s);
    } else if (was_sending && say && !say->section.video) {
        worker_begin_silence(w, s);
    }
    if (s->ready && s->receiver && s->receiver->uplink) {
        downlink_tick(s->downlink, s->receiver->uplink, loop_now_us(w->loop));
        worker_report_by(w, uplink_due_us(s->receiver->uplink));
    }
}

/* From here on nothing that it sends needs memory. */
static void make_ready(struct worker *w, struct sender *s) {
    struct srtp_session *srtp = s->transport->srtp;
    if (s->ready || !srtp) {
        return;
    }
    enum status st = srtp_sender_add(srtp, (uint32_t)s->ssrc.ssrc);
    if (st == STATUS_OK && s->rtx.ssrc != 0) {
        st = srtp_sender_add(srtp, (uint32_t)s->rtx.ssrc);
        if (st != STATUS_OK) {
            srtp_sender_remove(srtp, (uint32_t)s->ssrc.ssrc);
        }
    }
    if (st != STATUS_OK) {
        metric_inc(&w->metrics.media_no_memory);
        return;
    }
    s->ready = true;
    want(w, s);
}

void worker_transport_secure(struct worker *w, struct transport *t) {
    struct dtls_srtp keys;
    enum status st = dtls_export_srtp(t->dtls, &keys);
    if (st == STATUS_NOT_FOUND) {
        return; /* a client with data alone */
    }
    if (st == STATUS_OK) {
        st = srtp_session_create(&keys, &t->srtp);
    }
    explicit_bzero(&keys, sizeof(keys));
    if (st != STATUS_OK) {
        metric_inc(&w->metrics.media_no_memory);
        return;
    }
    list_each (node, &t->senders) {
        make_ready(w, container_of(node, struct sender, in_transport));
    }
}

void worker_drop_streams(struct worker *w, struct transport *t) {
    egress_drop(&w->egress, &t->egress);
    worker_end_probe(w, t);
    streams_drop_transport(&w->streams, t);
    follow_streaming(w, t);
}

static void put_receiver(struct worker *w, struct transport *t, struct receiver *r) {
    struct receiver *there = streams_put_receiver(&w->streams, t, r);
    if (!there) {
        metric_inc(&w->metrics.media_streams_refused);
        return;
    }
    uint8_t id = there->say.section.extension_ids[RTP_EXTENSION_TRANSPORT_CC];
    if (id != 0 && !t->twcc) {
        t->twcc = mem_alloc(sizeof(*t->twcc));
        if (t->twcc) {
            twcc_recorder_init(t->twcc);
        }
    }
    if (there->say.track != 0 && !there->uplink &&
        receiver_open(there, &w->pool, (uint32_t)rng_u64(&w->rng)) != STATUS_OK) {
        metric_inc(&w->metrics.media_no_memory);
    }
    if (there->uplink) {
        uplink_set_muted(there->uplink, there->say.muted);
    }
    if (!there->say.section.video) {
        list_each (node, &there->senders) {
            want(w, container_of(node, struct sender, in_receiver));
        }
    }
}

static void put_sender(struct worker *w, struct transport *t, struct sender *s) {
    struct sender *there = streams_put_sender(&w->streams, t, s);
    make_ready(w, there);
    want(w, there);
}

static void set_want(struct worker *w, const struct media_want *wanted) {
    struct sender *s = streams_find_sender(&w->streams, wanted->send);
    if (s) {
        s->want = *wanted;
        want(w, s);
    }
}

static void remove_sender(struct worker *w, uint64_t id) {
    struct sender *s = streams_find_sender(&w->streams, id);
    if (s) {
        struct transport *t = s->transport;
        streams_remove_sender(&w->streams, s);
        follow_streaming(w, t);
    }
}

void worker_take_stream_command(struct worker *w, struct transport *t, struct worker_command *c) {
    struct receiver *r;
    switch (c->kind) {
    case WORKER_RECEIVE_PUT:
        if (t) {
            put_receiver(w, t, TAKE(c->receive));
        } else {
            c->receive = receiver_destroy(c->receive);
        }
        break;
    case WORKER_RECEIVE_REMOVE:
        r = t ? streams_find_mid(t, slice_of(c->mid.text, c->mid.len)) : NULL;
        if (r) {
            streams_remove_receiver(&w->streams, r);
        }
        break;
    case WORKER_SEND_PUT:
        if (t) {
            put_sender(w, t, TAKE(c->send));
        } else {
            c->send = sender_destroy(c->send);
        }
        break;
    case WORKER_SEND_SET: set_want(w, &c->want); return;
    case WORKER_SEND_REMOVE: remove_sender(w, c->transport); return;
    default: assert(false);
    }
    if (t) {
        follow_streaming(w, t);
    }
}

void worker_report_by(struct worker *w, uint64_t due_us) {
    if (due_us == UINT64_MAX) {
        return;
    }
    uint64_t at_us = MAX(due_us, w->reports_us + REPORT_TICK_US);
    if (!loop_timer_is_set(&w->reports) || at_us < w->reports_due_us) {
        w->reports_due_us = at_us;
        loop_timer_set(&w->reports, (at_us + 999) / 1000);
    }
}

static void tell_control(struct worker *w, uint64_t now_us) {
    if (now_us >= w->levels_due_us) {
        w->levels_due_us = now_us + LEVEL_INTERVAL_US;
        worker_tell_levels(w, now_us);
    }
    if (now_us >= w->quality_due_us) {
        w->quality_due_us = now_us + QUALITY_INTERVAL_US;
        worker_tell_qualities(w, now_us);
    }
}

/* Ticks are those of all transports together: each apart would wake the worker all the time. */
void worker_on_reports(void *arg) {
    struct worker *w = worker_of(arg);
    uint64_t now_us = loop_now_us(w->loop), due_us = UINT64_MAX;
    bool tick = now_us >= w->tick_due_us;
    w->reports_us = now_us;
    if (tick) {
        w->tick_due_us = now_us - now_us % TICK_US + TICK_US;
    }
    list_each (node, &w->streaming) {
        struct transport *t = container_of(node, struct transport, in_streaming);
        due_us = MIN(due_us, worker_report(w, t, now_us, tick));
        if (tick && now_us >= t->budget_due_us) {
            t->budget_due_us = w->tick_due_us + BUDGET_INTERVAL_US - TICK_US;
            worker_share_budget(w, t, now_us);
        }
    }
    if (tick) {
        tell_control(w, now_us);
    }
    if (!list_empty(&w->streaming)) {
        worker_report_by(w, MIN(due_us, w->tick_due_us));
    }
}
