#include "peer_priv.h"

#include <string.h>

static bool has_rid(const struct rtp_section *s, struct slice rid) {
    for (size_t i = 0; i < s->rids_count; i++) {
        if (slice_eq(slice_of(s->rids[i].text, s->rids[i].len), rid)) {
            return true;
        }
    }
    return false;
}

/* The simulcast list decides which rids are layers; its order says nothing (T20). */
static void read_rids(struct rtp_section *s, const struct sdp_section *from) {
    struct slice rest = from->simulcast_send, text, rid;
    bool paused = false;
    while (s->rids_count < RTP_RIDS_MAX && sdp_simulcast_next(&rest, &text, &paused)) {
        if (rtp_read_rid(text, &rid) && !has_rid(s, rid)) {
            struct rtp_rid *to = &s->rids[s->rids_count++];
            to->len = (uint8_t)rid.len;
            memcpy(to->text, rid.data, rid.len);
        }
    }
}

/* The track's name: second word of a=msid, its only word, or the msid of an a=ssrc line. */
static struct slice find_msid_track(const struct sdp_section *from) {
    if (from->has_msid) {
        return from->msid_track.len > 0 ? from->msid_track : from->msid_stream;
    }
    for (size_t i = 0; i < from->ssrcs_count; i++) {
        struct slice rest = from->ssrcs[i].value;
        if (slice_eq_cstr(from->ssrcs[i].name, "msid")) {
            struct slice stream = slice_split(&rest, ' ');
            return rest.len > 0 ? rest : stream;
        }
    }
    return slice_of(NULL, 0);
}

void peer_section_read_media(struct peer_section *s, const struct sdp_section *from) {
    s->remote_direction = from->direction;
    s->local_direction = SDP_INACTIVE;
    s->remote_sends = (from->direction & SDP_SENDONLY) != 0;
    s->msid_track = find_msid_track(from);
    peer_read_formats(&s->rtp, from);
    peer_read_extensions(&s->rtp, from, UINT32_MAX, SDP_SENDRECV);
    read_rids(&s->rtp, from);
}

void peer_section_prefer(struct peer_section *s) {
    size_t first = 0;
    for (size_t i = 0; s->has_preferred && i < s->rtp.formats_count; i++) {
        const struct rtp_format f = s->rtp.formats[i];
        if (f.codec == s->preferred) {
            memmove(&s->rtp.formats[first + 1], &s->rtp.formats[first],
                    (i - first) * sizeof(s->rtp.formats[0]));
            s->rtp.formats[first++] = f;
        }
    }
}

/* RED only around the codec that comes first; what repeats itself is not asked for again. */
static void cut_red(struct rtp_section *s, bool wanted) {
    bool red = wanted && s->formats_count > 0 && s->formats[0].codec == RTP_CODEC_OPUS;
    s->red_payload_type = red ? s->red_payload_type : 0;
    if (s->red_payload_type != 0) {
        s->formats[0].feedback &= (uint8_t)~RTP_FEEDBACK_NACK;
    }
}

void peer_section_choose_red(struct peer_section *s) {
    cut_red(&s->rtp, s->red);
}

static void cut_to_received(const struct peer *p, struct peer_section *s,
                            const struct sdp_section *from) {
    uint8_t wanted = RTP_FEEDBACK_NACK;
    if (s->rtp.video) {
        wanted |= RTP_FEEDBACK_TRANSPORT_CC | RTP_FEEDBACK_FIR | RTP_FEEDBACK_PLI;
        wanted |= p->role == PEER_SINGLE ? RTP_FEEDBACK_REMB : 0;
    }
    for (size_t i = 0; i < s->rtp.formats_count; i++) {
        s->rtp.formats[i].feedback &= wanted;
    }
    cut_red(&s->rtp, s->red);
    peer_read_extensions(&s->rtp, from, peer_extensions_received(p->role, s->rtp.video),
                         SDP_SENDONLY);
}

/* Sends without retransmission of their own do not answer that of the client (T21). */
static void cut_to_sent(struct rtp_section *s, struct rtp_format format,
                        const struct peer_send *send) {
    uint8_t wanted = RTP_FEEDBACK_NACK;
    if (s->video) {
        wanted |= RTP_FEEDBACK_REMB | RTP_FEEDBACK_FIR | RTP_FEEDBACK_PLI;
    }
    format.feedback &= wanted;
    format.rtx_payload_type = send->rtx_ssrc ? format.rtx_payload_type : 0;
    s->formats[0] = format;
    s->formats_count = 1;
    s->rids_count = 0;
    cut_red(s, send->red);
}

void peer_section_agree(const struct peer *p, struct peer_section *s,
                        const struct sdp_section *from) {
    const struct peer_send *send = peer_find_send(p, s->send);
    bool receives = s->remote_sends && s->receive != 0 && s->rtp.formats_count > 0;
    const struct rtp_format *format = send ? peer_fit_format(&s->rtp, send) : NULL;
    bool sends = format && (s->remote_direction & SDP_RECVONLY) != 0 &&
                 (!receives || format == &s->rtp.formats[0]);
    s->send_refused = send && !sends;
    s->local_direction =
        (enum sdp_direction)((sends ? SDP_SENDONLY : 0) | (receives ? SDP_RECVONLY : 0));
    if (receives) {
        cut_to_received(p, s, from);
    } else if (sends) {
        cut_to_sent(&s->rtp, *format, send);
        peer_read_extensions(&s->rtp, from, peer_extensions_sent(p->role, send), SDP_RECVONLY);
    }
}

void peer_section_offer(const struct peer *p, struct peer_section *s) {
    const struct peer_send *send = peer_find_send(p, s->send);
    s->send_refused = false;
    s->local_direction = send && !s->stopped ? SDP_SENDONLY : SDP_INACTIVE;
    if (send) {
        s->rtp.formats[0] = peer_own_format(send);
        s->rtp.formats_count = 1;
        s->rtp.red_payload_type = peer_own_red(send);
        cut_red(&s->rtp, true);
        peer_own_extensions(&s->rtp, peer_extensions_sent(p->role, send));
    }
}

void peer_section_answered(const struct peer *p, struct peer_section *s,
                           const struct peer_section *answer) {
    const struct peer_send *send = peer_find_send(p, s->send);
    s->stopped = s->stopped || answer->stopped;
    s->remote_direction = answer->remote_direction;
    bool takes = !s->stopped && (answer->remote_direction & SDP_RECVONLY) != 0;
    const struct rtp_format *format = send && takes ? peer_fit_format(&answer->rtp, send) : NULL;
    if (s->send == 0 || (!send && takes)) {
        return; /* nothing was offered, or what was is gone since and will be taken back */
    }
    s->send_refused = !format;
    if (!format) {
        s->local_direction = SDP_INACTIVE;
        return;
    }
    s->rtp.red_payload_type = answer->rtp.red_payload_type;
    cut_to_sent(&s->rtp, *format, send);
    for (unsigned k = 0; k < RTP_EXTENSION_KINDS; k++) {
        if (answer->rtp.extension_ids[k] != s->rtp.extension_ids[k]) {
            s->rtp.extension_ids[k] = 0;
        }
    }
}
