#include "peer_priv.h"

/* A section being written. */
struct writing {
    struct buf *out;
    const struct peer *peer;
    const struct peer_section *section;
    const struct sdp_section *from; /* the client's offer of it; NULL: the offer is ours */
    const struct peer_send *send;   /* what flows to the client, or NULL */
};

/* A section that carries nothing still lists a format that was offered (trap T18): the first that
 * we know, else the first of all. In an offer of ours it is the one that every client has. */
static struct sdp_format unused_format(const struct writing *w) {
    const struct rtp_section *rtp = &w->section->rtp;
    if (w->from) {
        const struct sdp_format *known = NULL;
        if (rtp->formats_count > 0) {
            known = sdp_find_format(w->from, rtp->formats[0].payload_type);
        }
        return known ? *known : w->from->formats[0];
    }
    struct rtp_format own =
        peer_own_format(&(struct peer_send){.codec = rtp->video ? RTP_CODEC_VP8 : RTP_CODEC_OPUS});
    return peer_name_format(w->section, &own, NULL, false, NULL);
}

static bool is_unused(const struct writing *w) {
    return w->section->local_direction == SDP_INACTIVE;
}

static void put_payload_types(const struct writing *w) {
    const struct rtp_section *rtp = &w->section->rtp;
    if (is_unused(w)) {
        buf_put_u64_dec(w->out, unused_format(w).payload_type);
        return;
    }
    if (rtp->red_payload_type != 0) {
        buf_printf(w->out, "%u ", rtp->red_payload_type);
    }
    for (size_t i = 0; i < rtp->formats_count; i++) {
        buf_printf(w->out, i > 0 ? " %u" : "%u", rtp->formats[i].payload_type);
        if (rtp->formats[i].rtx_payload_type != 0) {
            buf_printf(w->out, " %u", rtp->formats[i].rtx_payload_type);
        }
    }
}

static void put_formats(const struct writing *w) {
    const struct rtp_section *rtp = &w->section->rtp;
    if (is_unused(w)) {
        struct sdp_format kept = unused_format(w);
        sdp_put_format(w->out, &kept);
        return;
    }
    peer_put_red(w->out, rtp);
    for (size_t i = 0; i < rtp->formats_count; i++) {
        const struct rtp_format *format = &rtp->formats[i];
        char fmtp[PEER_FMTP_BYTES_MAX];
        struct sdp_format named =
            peer_name_format(w->section, format, w->from, w->send && w->send->stereo, fmtp);
        sdp_put_format(w->out, &named);
        peer_put_feedback(w->out, format);
        if (format->rtx_payload_type != 0) {
            buf_printf(w->out, "a=rtpmap:%u rtx/90000\r\na=fmtp:%u apt=%u\r\n",
                       format->rtx_payload_type, format->rtx_payload_type, format->payload_type);
        }
    }
}

/* Beside the extensions that a sending section uses it repeats those that the client would use when
 * it sends: libwebrtc takes an extension that an answer left out from all its later offers, new
 * sections included, and then cannot offer simulcast any more. */
static void put_extensions(const struct writing *w) {
    enum peer_role role = w->peer->role;
    uint32_t set = w->from ? peer_extensions_received(role, w->section->rtp.video) : 0;
    set |= w->send ? peer_extensions_sent(role, w->send) : 0;
    peer_put_extensions(w->out, w->from, set);
}

static struct slice rid_at(const struct rtp_section *rtp, size_t i) {
    return slice_of(rtp->rids[i].text, rtp->rids[i].len);
}

/* Also while the client may not send: an answer without layers leaves it with one for ever. */
static void put_layers(const struct writing *w) {
    const struct rtp_section *rtp = &w->section->rtp;
    if (rtp->rids_count == 0) {
        return;
    }
    for (size_t i = 0; i < rtp->rids_count; i++) {
        buf_printf(w->out, "a=rid:%.*s recv\r\n", SLICE_ARG(rid_at(rtp, i)));
    }
    buf_put(w->out, SLICE_LIT("a=simulcast:recv "));
    for (size_t i = 0; i < rtp->rids_count; i++) {
        buf_printf(w->out, i > 0 ? ";%.*s" : "%.*s", SLICE_ARG(rid_at(rtp, i)));
    }
    buf_put(w->out, SLICE_LIT("\r\n"));
}

static void put_ssrc(const struct writing *w, uint32_t ssrc) {
    const struct peer_send *send = w->send;
    buf_printf(w->out, "a=ssrc:%u cname:%.*s\r\n", ssrc, SLICE_ARG(send->stream_id));
    buf_printf(w->out, "a=ssrc:%u msid:%.*s %.*s\r\n", ssrc, SLICE_ARG(send->stream_id),
               SLICE_ARG(send->track_id));
}

/* Clients tell our streams apart by these lines (T29). */
static void put_stream(const struct writing *w) {
    const struct peer_send *send = w->send;
    if (!send) {
        return;
    }
    bool has_rtx = w->section->rtp.formats[0].rtx_payload_type != 0;
    buf_printf(w->out, "a=msid:%.*s %.*s\r\n", SLICE_ARG(send->stream_id),
               SLICE_ARG(send->track_id));
    if (has_rtx) {
        buf_printf(w->out, "a=ssrc-group:FID %u %u\r\n", send->ssrc, send->rtx_ssrc);
    }
    put_ssrc(w, send->ssrc);
    if (has_rtx) {
        put_ssrc(w, send->rtx_ssrc);
    }
}

void peer_put_media(struct buf *out, const struct peer_description *d, size_t index,
                    bool has_candidates) {
    const struct peer_section *s = &d->sections[index];
    const struct writing w = {
        .out = out,
        .peer = d->peer,
        .section = s,
        .from = d->offer ? &d->offer->sections[index] : NULL,
        .send = peer_section_sends(s) ? peer_find_send(d->peer, s->send) : NULL,
    };
    peer_begin_media(out, s->rtp.video ? SLICE_LIT("video") : SLICE_LIT("audio"), 9,
                     w.from ? w.from->protocol : SLICE_LIT("UDP/TLS/RTP/SAVPF"));
    put_payload_types(&w);
    peer_end_media(out);
    peer_put_transport(out, d, has_candidates);
    sdp_put_attribute(out, "mid", peer_section_mid(s));
    sdp_put_direction(out, s->local_direction);
    sdp_put_flag(out, "rtcp-mux");
    if (!w.from || w.from->rtcp_rsize) {
        sdp_put_flag(out, "rtcp-rsize");
    }
    put_extensions(&w);
    put_formats(&w);
    put_layers(&w);
    put_stream(&w);
}
