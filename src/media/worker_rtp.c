/* worker_rtp.c: a packet comes in, is opened, finds its track, and leaves to each subscriber. */
#include "worker_priv.h"

#include "dtls.h"
#include "rtp.h"
#include "srtp.h"
#include "twcc_recorder.h"

static_assert((int)EGRESS_PACKET_BYTES <= (int)DATAGRAM_BYTES_MAX, "fits a datagram");

/* The header of the packet as the client's sections read it. */
struct incoming {
    struct transport *t;
    struct rtp_view v;
    uint64_t now_us;
};

static bool find_extension(const struct incoming *in, const struct receiver *r,
                           enum rtp_extension_kind kind, struct slice *ret_value) {
    uint8_t id = r->say.section.extension_ids[kind];
    return id != 0 && rtp_extension_find(&in->v, id, ret_value);
}

static const struct rtp_format *find_format(const struct receiver *r, uint8_t payload_type,
                                            bool *ret_rtx) {
    *ret_rtx = false;
    if (payload_type != 0 && payload_type == r->say.section.red_payload_type) {
        return &r->say.section.formats[0];
    }
    for (size_t i = 0; i < r->say.section.formats_count; i++) {
        const struct rtp_format *f = &r->say.section.formats[i];
        if (f->payload_type == payload_type || f->rtx_payload_type == payload_type) {
            *ret_rtx = f->payload_type != payload_type;
            return f;
        }
    }
    return NULL;
}

/* RFC 9143 9.2: by the mid; without one, by a payload type that only one section has. */
static struct receiver *find_section(const struct incoming *in) {
    struct receiver *only = NULL;
    size_t fits = 0;
    list_each (node, &in->t->receivers) {
        struct receiver *r = container_of(node, struct receiver, in_transport);
        struct slice value, mid;
        if (find_extension(in, r, RTP_EXTENSION_MID, &value) && rtp_read_mid(value, &mid)) {
            return streams_find_mid(in->t, mid);
        }
        bool rtx;
        if (find_format(r, in->v.header.payload_type, &rtx)) {
            only = r;
            fits++;
        }
    }
    return fits == 1 ? only : NULL;
}

/* A new SSRC says what it is in its first packets. NULL: this one does not. */
static struct ssrc_in *identify(struct worker *w, const struct incoming *in) {
    struct receiver *r = find_section(in);
    bool rtx = false;
    if (!r || !find_format(r, in->v.header.payload_type, &rtx)) {
        return NULL;
    }
    struct slice value, rid;
    uint8_t layer = 0;
    if (r->say.section.rids_count > 0) {
        bool has = find_extension(in, r, RTP_EXTENSION_REPAIRED_RID, &value) && rtx;
        has = has || find_extension(in, r, RTP_EXTENSION_RID, &value);
        if (!has || !rtp_read_rid(value, &rid) || !receiver_layer_of_rid(r, rid, &layer)) {
            return NULL;
        }
    }
    return streams_add_ssrc(&w->streams, r, in->v.header.ssrc, layer, rtx);
}

static void note_arrival(struct worker *w, const struct incoming *in, const struct receiver *r) {
    struct slice value;
    uint16_t sequence;
    if (in->t->twcc && find_extension(in, r, RTP_EXTENSION_TRANSPORT_CC, &value) &&
        rtp_read_transport_sequence(value, &sequence)) {
        twcc_recorder_take(in->t->twcc, in->now_us, sequence, in->v.header.marker);
        worker_report_by(w, twcc_recorder_due_us(in->t->twcc));
    }
}

static void send_sealed(struct worker *w, struct sender *s, struct egress_packet *p, size_t len,
                        enum downlink_resend how, bool urgent, bool ends) {
    struct transport *t = s->transport;
    size_t sealed;
    enum status st = how == DOWNLINK_RESEND_AGAIN
                         ? srtp_seal_again(t->srtp, p->bytes, len, sizeof(p->bytes), &sealed)
                         : srtp_seal(t->srtp, p->bytes, len, sizeof(p->bytes), &sealed);
    if (st != STATUS_OK) {
        metric_inc(&w->metrics.media_unsealed);
        egress_give_back(&w->egress, p);
        return;
    }
    p->len = (uint32_t)sealed;
    t->sent_bytes += sealed;
    pacer_sent(&t->pacer, loop_now_us(w->loop), sealed);
    egress_queue(&w->egress, &t->egress, p, urgent, ends, loop_now_us(w->loop));
}

struct rtp_out worker_packet_space(struct egress_packet *p) {
    return rtp_out_over(p->bytes, sizeof(p->bytes) - SRTP_OVERHEAD_BYTES_MAX);
}

static bool fits(const struct uplink_packet *p) {
    return uplink_packet_bytes(p) + DOWNLINK_HEADER_BYTES_MAX + SRTP_OVERHEAD_BYTES_MAX <=
           EGRESS_PACKET_BYTES;
}

/* The picture ends here for this subscriber, who may get fewer layers of it. */
static bool is_marked(const struct egress_packet *p) {
    return (p->bytes[1] & 0x80) != 0;
}

void worker_send_new(struct worker *w, struct sender *s, struct egress_packet *p, size_t len,
                     bool ends) {
    metric_inc(&w->metrics.media_forwarded);
    metric_add(&w->metrics.media_forwarded_bytes, len);
    send_sealed(w, s, p, len, DOWNLINK_RESEND_FRESH, !s->receiver->say.section.video, ends);
}

void worker_send_padding(struct worker *w, struct sender *s, struct egress_packet *p, size_t len) {
    metric_inc(&w->metrics.media_padding);
    send_sealed(w, s, p, len, DOWNLINK_RESEND_FRESH, false, true);
}

/* A key frame's first packet that came late lets those go that waited for it. */
static void catch_up(struct worker *w, struct sender *s, uint64_t now_us) {
    struct egress_packet *buffer;
    while ((buffer = worker_take_buffer(w)) != NULL) {
        struct rtp_out out = worker_packet_space(buffer);
        if (!downlink_catch_up(s->downlink, s->receiver->uplink, now_us, &out)) {
            egress_give_back(&w->egress, buffer);
            return;
        }
        worker_send_new(w, s, buffer, out.len, false);
    }
}

/* What the pacer does not let go stays in the history. */
static void hold_when_full(struct worker *w, struct sender *s, uint64_t now_us) {
    if (!s->receiver->say.section.video || list_node_linked(&s->in_held) ||
        pacer_is_open(&s->transport->pacer, now_us)) {
        return;
    }
    metric_inc(&w->metrics.media_paced);
    streams_hold_sender(&w->streams, s, now_us);
    if (!loop_timer_is_set(&w->pace)) {
        loop_timer_set(&w->pace, loop_now_ms(w->loop) + 1);
    }
}

/* As much of what was held as may leave; true: that was all. */
static bool let_go(struct worker *w, struct sender *s, uint64_t now_us) {
    bool late = now_us >= s->held_us + PACER_DELAY_MAX_US;
    while (s->receiver && s->receiver->uplink &&
           (late || pacer_is_open(&s->transport->pacer, now_us))) {
        struct egress_packet *buffer = worker_take_buffer(w);
        if (!buffer) {
            return false;
        }
        struct rtp_out out = worker_packet_space(buffer);
        if (!downlink_catch_up(s->downlink, s->receiver->uplink, now_us, &out)) {
            egress_give_back(&w->egress, buffer);
            return true;
        }
        worker_send_new(w, s, buffer, out.len, true);
    }
    return !s->receiver || !s->receiver->uplink;
}

void worker_on_pace(void *arg) {
    struct worker *w = worker_of(arg);
    uint64_t now_us = loop_now_us(w->loop);
    list_each_safe (node, after, &w->streams.held) {
        struct sender *s = container_of(node, struct sender, in_held);
        if (let_go(w, s, now_us)) {
            streams_release_sender(&w->streams, s);
        }
    }
    if (!list_empty(&w->streams.held)) {
        loop_timer_set(&w->pace, loop_now_ms(w->loop) + 1);
    }
}

static void forward(struct worker *w, struct sender *s, const struct run *run, uint64_t now_us) {
    struct egress_packet *buffer = NULL;
    for (size_t i = 0; i < run->count; i++) {
        const struct uplink_packet *p = &run->packets[i];
        hold_when_full(w, s, now_us);
        buffer = buffer ? buffer : worker_take_buffer(w);
        if (!buffer) {
            return;
        }
        struct rtp_out out = worker_packet_space(buffer);
        if (downlink_forward(s->downlink, run->receiver->uplink, now_us, p, &out)) {
            worker_send_new(w, s, buffer, out.len, is_marked(buffer));
            buffer = NULL;
            if (!list_node_linked(&s->in_held)) {
                catch_up(w, s, now_us);
            }
        }
    }
    if (buffer) {
        egress_give_back(&w->egress, buffer);
    }
}

static void forward_to_all(struct worker *w, struct receiver *r, uint64_t now_us) {
    list_each (node, &r->senders) {
        struct sender *s = container_of(node, struct sender, in_receiver);
        if (s->ready) {
            forward(w, s, &w->run, now_us);
        }
        if (egress_full(&w->egress)) {
            worker_io_flush_egress(w);
        }
    }
}

void worker_forward_run(struct worker *w) {
    struct receiver *r = w->run.receiver;
    if (!r) {
        return;
    }
    uint64_t now_us = loop_now_us(w->loop);
    if (w->run.count > 0) { /* else all of it was dropped */
        forward_to_all(w, r, now_us);
    }
    w->run.receiver = NULL;
    w->run.count = 0;
    if (uplink_due_us(r->uplink) <= now_us) {
        worker_feedback(w, r, now_us);
    }
    worker_report_by(w, uplink_due_us(r->uplink));
}

/* A place in the run for the receiver's next packet. */
static struct uplink_packet *run_place(struct worker *w, struct receiver *r) {
    if (w->run.receiver != r || w->run.count == RUN_MAX) {
        worker_forward_run(w);
        w->run.receiver = r;
    }
    return &w->run.packets[w->run.count];
}

static void take_level(struct receiver *r, const struct uplink_packet *p, uint64_t now_us) {
    if (p->has_level && p->newest && !r->say.section.video) {
        uint32_t clock_hz = p->codec == RTP_CODEC_PCMU || p->codec == RTP_CODEC_PCMA ? 8000 : 48000;
        level_take(&r->level, now_us, p->timestamp, clock_hz, p->level.level);
    }
}

static void deliver(struct worker *w, struct receiver *r, uint8_t layer, struct slice packet,
                    uint64_t now_us) {
    if (!r->uplink) {
        metric_inc(&w->metrics.media_unbound);
        return;
    }
    struct uplink_packet *p = run_place(w, r);
    enum status st = uplink_take(r->uplink, now_us, layer, packet, p);
    if (st == STATUS_OK) {
        take_level(r, p, now_us);
    }
    if (st != STATUS_OK || !fits(p)) {
        metric_inc(&w->metrics.media_rtp_dropped);
        return;
    }
    metric_inc(&w->metrics.media_received);
    metric_add(&w->metrics.media_received_bytes, packet.len);
    w->run.count++;
}

/* A resend in a stream of its own becomes the packet that it repeats. */
static void deliver_rtx(struct worker *w, const struct ssrc_in *in, uint8_t *packet, size_t len,
                        uint8_t payload_type, uint64_t now_us) {
    uint8_t original_type;
    uint32_t original_ssrc;
    struct slice original;
    struct receiver *r = in->receiver;
    if (r->uplink &&
        uplink_rtx_origin(r->uplink, in->layer, payload_type, &original_type, &original_ssrc) &&
        rtp_unwrap_rtx(packet, len, original_type, original_ssrc, &original) == STATUS_OK) {
        deliver(w, r, in->layer, original, now_us);
    }
}

void worker_on_rtp(struct worker *w, const struct udp_path *path, uint8_t *packet, size_t len) {
    struct pair *pair = transports_find_pair(&w->transports, path);
    struct transport *t = pair ? pair->transport : NULL;
    if (!t || !t->srtp) {
        metric_inc(&w->metrics.media_rtp_dropped);
        return;
    }
    struct incoming in = {.t = t, .now_us = loop_now_us(w->loop)};
    enum status st = srtp_open(t->srtp, packet, len, &len);
    if (st != STATUS_OK) {
        metric_inc(st == STATUS_UNAUTHENTICATED ? &w->metrics.media_unauthenticated
                                                : &w->metrics.media_replayed);
        return;
    }
    dtls_settle(t->dtls);
    if (rtp_read(slice_of(packet, len), &in.v) != STATUS_OK) {
        metric_inc(&w->metrics.media_rtp_dropped);
        return;
    }
    struct ssrc_in *ssrc = streams_find_ssrc(&w->streams, t->id, in.v.header.ssrc);
    ssrc = ssrc ? ssrc : identify(w, &in);
    if (!ssrc) {
        metric_inc(&w->metrics.media_unbound);
        return;
    }
    note_arrival(w, &in, ssrc->receiver);
    if (ssrc->rtx) {
        deliver_rtx(w, ssrc, packet, len, in.v.header.payload_type, in.now_us);
    } else {
        deliver(w, ssrc->receiver, ssrc->layer, slice_of(packet, len), in.now_us);
    }
}

void worker_resend(struct worker *w, struct sender *s, uint16_t sequence) {
    struct receiver *r = s->receiver;
    bool video = r && r->say.section.video;
    if (video && !budget_may_resend(&s->transport->budget)) {
        metric_inc(&w->metrics.media_resends_refused);
        return;
    }
    struct egress_packet *buffer = s->ready && r && r->uplink ? worker_take_buffer(w) : NULL;
    if (!buffer) {
        return;
    }
    struct rtp_out out = worker_packet_space(buffer);
    enum downlink_resend how =
        downlink_resend(s->downlink, r->uplink, loop_now_us(w->loop), sequence, &out);
    if (how == DOWNLINK_RESEND_NONE) {
        egress_give_back(&w->egress, buffer);
        return;
    }
    metric_inc(&w->metrics.media_resent);
    metric_add(&w->metrics.media_resent_bytes, out.len);
    s->transport->resent_bytes += out.len;
    if (video) {
        budget_take_resent(&s->transport->budget, out.len);
    }
    send_sealed(w, s, buffer, out.len, how, true, true);
}
