/* worker_rtcp.c: what publishers and subscribers report and ask for, and what they are told. */
#include "worker_priv.h"

#include "dtls.h"
#include "rtcp.h"
#include "srtp.h"
#include "twcc_recorder.h"

enum {
    RESENDS_PER_REQUEST_MAX =
        64,       /* of one NACK: more than a burst's loss is not mended by resends */
    LOST_MIN = 4, /* packets since the report before; fewer are a large share of very little */
};

/* Of one datagram. */
struct requests {
    struct worker *w;
    struct transport *t;
    uint64_t now_us;
    uint8_t worst_lost;
    bool has_reports;
};

/* What is lost in all may fall, by duplicates, and rise again. True: so much that its share counts.
 */
static bool count_lost(struct worker *w, struct sender *s, int32_t lost) {
    bool many = lost >= s->lost + LOST_MIN;
    bool video = s->receiver && s->receiver->say.section.video;
    if (lost > s->lost) {
        metric_add(video ? &w->metrics.media_lost_video_out : &w->metrics.media_lost_audio_out,
                   (uint64_t)(lost - s->lost));
        s->lost = lost;
    }
    return many;
}

static void take_blocks(struct requests *q, struct slice blocks) {
    struct rtcp_report report;
    while (rtcp_report_next(&blocks, &report)) {
        struct sender *s = streams_find_ssrc_out(&q->w->streams, q->t->id, report.ssrc);
        if (s && s->ssrc.ssrc == report.ssrc) {
            uint32_t rtt_us = downlink_take_report(s->downlink, q->now_us, &report);
            if (rtt_us > 0) {
                budget_take_rtt(&q->t->budget, rtt_us);
            }
            if (count_lost(q->w, s, report.lost)) {
                q->worst_lost = MAX(q->worst_lost, report.fraction_lost);
            }
            q->has_reports = true;
        }
    }
}

static void take_reports(struct requests *q, const struct rtcp_packet *p) {
    struct rtcp_reports r;
    if (rtcp_read_reports(p, &r) != STATUS_OK) {
        return;
    }
    const struct ssrc_in *in = streams_find_ssrc(&q->w->streams, q->t->id, r.ssrc);
    if (r.has_sender && in && !in->rtx && in->receiver->uplink) {
        uplink_take_sender_report(in->receiver->uplink, q->now_us, in->layer, &r.sender);
    }
    take_blocks(q, r.blocks);
}

static void take_nack(struct requests *q, struct sender *s, struct slice control) {
    struct rtcp_nack_walk walk = {.rest = control};
    uint16_t sequence;
    for (size_t i = 0; i < RESENDS_PER_REQUEST_MAX && rtcp_nack_next(&walk, &sequence); i++) {
        metric_inc(&q->w->metrics.media_nacks_taken);
        worker_resend(q->w, s, sequence);
    }
}

static void request_key_frame(struct requests *q, struct sender *s) {
    if (s && s->receiver && s->receiver->uplink) {
        metric_inc(&q->w->metrics.media_key_frames_asked);
        downlink_take_key_request(s->downlink, s->receiver->uplink, q->now_us);
        worker_report_by(q->w, uplink_due_us(s->receiver->uplink));
    }
}

static void take_feedback(struct requests *q, const struct rtcp_packet *p) {
    struct rtcp_feedback f;
    struct rtcp_remb remb;
    struct rtcp_fir fir;
    if (rtcp_read_feedback(p, &f) != STATUS_OK) {
        return;
    }
    struct sender *s = streams_find_ssrc_out(&q->w->streams, q->t->id, f.media);
    if (rtcp_is_nack(p) && s) {
        take_nack(q, s, f.control);
    } else if (rtcp_is_pli(p)) {
        metric_inc(&q->w->metrics.media_plis_taken);
        request_key_frame(q, s);
    } else if (rtcp_is_fir(p)) {
        struct slice control = f.control;
        while (rtcp_fir_next(&control, &fir)) {
            metric_inc(&q->w->metrics.media_firs_taken);
            request_key_frame(q, streams_find_ssrc_out(&q->w->streams, q->t->id, fir.ssrc));
        }
    } else if (rtcp_read_remb(p, &remb) == STATUS_OK) {
        budget_take_remb(&q->t->budget, q->now_us, remb.bitrate_bps, q->t->sent_bps);
    }
}

static void take_bye(struct requests *q, const struct rtcp_packet *p) {
    struct rtcp_bye bye;
    uint32_t ssrc;
    if (rtcp_read_bye(p, &bye) != STATUS_OK) {
        return;
    }
    while (rtcp_ssrc_next(&bye.ssrcs, &ssrc)) {
        streams_forget_ssrc(&q->w->streams, q->t->id, ssrc);
    }
}

/* Appends to what waits, sealed on its own. */
static void send_report(struct worker *w, struct transport *t, struct egress_packet *p,
                        size_t len) {
    size_t sealed;
    if (srtcp_seal(t->srtp, p->bytes, len, sizeof(p->bytes), &sealed) != STATUS_OK) {
        metric_inc(&w->metrics.media_unsealed);
        egress_give_back(&w->egress, p);
        return;
    }
    p->len = (uint32_t)sealed;
    metric_inc(&w->metrics.media_reports_out);
    egress_queue(&w->egress, &t->egress, p, true, true, loop_now_us(w->loop));
}

/* The receiver's clock asks for an echo, by which it measures the way. */
static void answer_clock(struct requests *q, const struct rtcp_packet *p) {
    uint32_t ssrc;
    struct slice blocks;
    struct rtcp_xr_block block;
    uint64_t ntp;
    if (rtcp_read_xr(p, &ssrc, &blocks) != STATUS_OK) {
        return;
    }
    while (rtcp_xr_next(&blocks, &block)) {
        struct egress_packet *buffer;
        if (rtcp_xr_read_rrtr(&block, &ntp) && (buffer = worker_take_buffer(q->w)) != NULL) {
            struct rtp_out out = rtp_out_over(buffer->bytes, 128);
            const struct rtcp_dlrr dlrr = {.ssrc = ssrc, .last_rr = (uint32_t)(ntp >> 16)};
            rtcp_put_xr_dlrr(&out, 1, &dlrr, 1);
            send_report(q->w, q->t, buffer, out.len);
            return;
        }
    }
}

static void take_packet(struct requests *q, const struct rtcp_packet *p) {
    switch (p->type) {
    case RTCP_SR:
    case RTCP_RR: take_reports(q, p); break;
    case RTCP_BYE: take_bye(q, p); break;
    case RTCP_TRANSPORT_FEEDBACK:
    case RTCP_PAYLOAD_FEEDBACK: take_feedback(q, p); break;
    case RTCP_XR: answer_clock(q, p); break;
    default: break;
    }
}

void worker_on_rtcp(struct worker *w, const struct udp_path *path, uint8_t *packet, size_t len) {
    struct pair *pair = transports_find_pair(&w->transports, path);
    struct transport *t = pair ? pair->transport : NULL;
    if (!t || !t->srtp) {
        metric_inc(&w->metrics.media_rtcp_dropped);
        return;
    }
    enum status st = srtcp_open(t->srtp, packet, len, &len);
    if (st != STATUS_OK) {
        metric_inc(st == STATUS_UNAUTHENTICATED ? &w->metrics.media_unauthenticated
                                                : &w->metrics.media_replayed);
        return;
    }
    dtls_settle(t->dtls);
    metric_inc(&w->metrics.media_reports_in);
    struct requests q = {.w = w, .t = t, .now_us = loop_now_us(w->loop)};
    struct slice rest = slice_of(packet, len);
    struct rtcp_packet p;
    while (rtcp_next(&rest, &p) == STATUS_OK) {
        take_packet(&q, &p);
    }
    if (q.has_reports) {
        budget_take_loss(&t->budget, q.now_us, q.worst_lost, t->sent_bps);
    }
}

/* Reports gather in one datagram. */
struct letter {
    struct worker *w;
    struct transport *t;
    struct egress_packet *buffer;
    struct rtp_out out;
};

static void post(struct letter *l) {
    if (l->buffer && l->out.len > 0) {
        send_report(l->w, l->t, TAKE(l->buffer), l->out.len);
    } else if (l->buffer) {
        egress_give_back(&l->w->egress, TAKE(l->buffer));
    }
}

/* Room for so many bytes more; what was written goes first when there is none. */
static bool make_room(struct letter *l, size_t bytes) {
    if (l->buffer && l->out.cap - l->out.len < bytes) {
        post(l);
    }
    if (!l->buffer) {
        l->buffer = worker_take_buffer(l->w);
        if (l->buffer) {
            l->out = rtp_out_over(l->buffer->bytes, REPORT_DATAGRAM_BYTES);
        }
    }
    return l->buffer != NULL;
}

void worker_feedback(struct worker *w, struct receiver *r, uint64_t now_us) {
    struct letter l = {.w = w, .t = r->transport};
    if (make_room(&l, UPLINK_FEEDBACK_BYTES_MAX)) {
        (void)uplink_feedback(r->uplink, now_us, &l.out);
    }
    post(&l);
}

static uint32_t some_ssrc(const struct transport *t) {
    list_each (node, &t->receivers) {
        const struct receiver *r = container_of(node, const struct receiver, in_transport);
        if (!list_empty(&r->ssrcs)) {
            return (uint32_t)container_of(list_first(&r->ssrcs), const struct ssrc_in, in_receiver)
                ->key.ssrc;
        }
    }
    return 0;
}

static void tell_arrivals(struct letter *l, uint64_t now_us) {
    struct transport *t = l->t;
    if (!t->twcc || twcc_recorder_due_us(t->twcc) > now_us) {
        return;
    }
    uint32_t media = some_ssrc(t);
    while (make_room(l, TWCC_FEEDBACK_BYTES_MAX) &&
           twcc_recorder_write(t->twcc, now_us, 1, media, &l->out)) {
    }
}

/* Layers are chosen anew, and reports that are due are written. */
static void tick_senders(struct letter *l, uint64_t now_us) {
    list_each (node, &l->t->senders) {
        struct sender *s = container_of(node, struct sender, in_transport);
        if (!s->ready || !s->receiver || !s->receiver->uplink) {
            continue;
        }
        downlink_tick(s->downlink, s->receiver->uplink, now_us);
        worker_report_by(l->w, uplink_due_us(s->receiver->uplink));
        if (downlink_report_due_us(s->downlink) <= now_us &&
            make_room(l, DOWNLINK_REPORT_BYTES_MAX)) {
            (void)downlink_report(s->downlink, s->receiver->uplink, now_us, &l->out);
        }
    }
}

uint64_t worker_report(struct worker *w, struct transport *t, uint64_t now_us, bool tick) {
    uint64_t due_us = UINT64_MAX;
    if (!t->srtp) {
        return due_us;
    }
    struct letter l = {.w = w, .t = t};
    list_each (node, &t->receivers) {
        const struct receiver *r = container_of(node, const struct receiver, in_transport);
        if (r->uplink && uplink_due_us(r->uplink) <= now_us &&
            make_room(&l, UPLINK_FEEDBACK_BYTES_MAX)) {
            (void)uplink_feedback(r->uplink, now_us, &l.out);
        }
        due_us = r->uplink ? MIN(due_us, uplink_due_us(r->uplink)) : due_us;
    }
    tell_arrivals(&l, now_us);
    if (tick) {
        tick_senders(&l, now_us);
    }
    post(&l);
    return t->twcc ? MIN(due_us, twcc_recorder_due_us(t->twcc)) : due_us;
}
