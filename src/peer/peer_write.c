#include "peer_priv.h"

static void put_bundle(struct buf *out, const struct peer_state *s) {
    buf_put(out, SLICE_LIT("a=group:BUNDLE"));
    for (size_t i = 0; i < s->sections_count; i++) {
        if (!s->sections[i].stopped) {
            buf_put_u8(out, ' ');
            buf_put(out, peer_section_mid(&s->sections[i]));
        }
    }
    buf_put(out, SLICE_LIT("\r\n"));
}

static void put_session(struct buf *out, const struct peer_description *d) {
    sdp_put_session(out, d->session_id, d->version);
    if (!d->offer || d->offer->has_bundle) {
        put_bundle(out, d->state);
    }
    sdp_put_flag(out, "ice-lite");
    if (!d->offer || d->offer->extmap_allow_mixed) {
        sdp_put_flag(out, "extmap-allow-mixed");
    }
    sdp_put_attribute(out, "msid-semantic", SLICE_LIT(" WMS *"));
}

/* Up to the formats, which the caller puts before it ends the line. */
static void begin_media(struct buf *out, struct slice media, unsigned port, struct slice protocol) {
    buf_put(out, SLICE_LIT("m="));
    buf_put(out, media);
    buf_put_u8(out, ' ');
    buf_put_u64_dec(out, port);
    buf_put_u8(out, ' ');
    buf_put(out, protocol);
    buf_put_u8(out, ' ');
}

static void end_media(struct buf *out) {
    buf_put(out, SLICE_LIT("\r\nc=IN IP4 0.0.0.0\r\n"));
}

/* The candidates stand in the first section in use, the others share its transport. */
static void put_transport(struct buf *out, const struct peer_description *d, bool is_first) {
    sdp_put_attribute(out, "ice-ufrag", slice_of(d->credentials->ufrag, UFRAG_LEN));
    sdp_put_attribute(out, "ice-pwd", slice_of(d->credentials->pwd, ICE_PWD_LEN));
    sdp_put_attribute(out, "ice-options", SLICE_LIT("trickle"));
    sdp_put_fingerprint(out, d->local->fingerprint);
    sdp_put_attribute(out, "setup", d->offer ? SLICE_LIT("passive") : SLICE_LIT("actpass"));
    if (is_first && d->local->candidates.len > 0) {
        buf_put(out, d->local->candidates);
        sdp_put_flag(out, "end-of-candidates");
    }
}

static void put_stopped(struct buf *out, const struct sdp_section *offered) {
    begin_media(out, offered->media, 0, offered->protocol);
    buf_put(out, offered->formats_text);
    end_media(out);
    sdp_put_attribute(out, "mid", offered->mid);
    sdp_put_direction(out, SDP_INACTIVE);
}

static void put_data(struct buf *out, const struct peer_description *d,
                     const struct peer_section *s, struct slice protocol, bool is_first) {
    begin_media(out, SLICE_LIT("application"), 9, protocol);
    buf_put(out, SLICE_LIT("webrtc-datachannel"));
    end_media(out);
    put_transport(out, d, is_first);
    sdp_put_attribute(out, "mid", peer_section_mid(s));
    sdp_put_number(out, "sctp-port", PEER_SCTP_PORT);
    sdp_put_number(out, "max-message-size", DATA_MESSAGE_BYTES_MAX);
}

/* A section that carries nothing still lists a format that was offered (trap T18), and all the
 * extensions that we use: libwebrtc takes an extension that an answer left out from all its later
 * offers, new sections included, and then cannot offer simulcast any more. */
static void put_unused_media(struct buf *out, const struct peer_description *d,
                             const struct peer_section *s, const struct sdp_section *offered,
                             bool is_first) {
    const struct sdp_format *kept = peer_keep_format(s, offered);
    begin_media(out, offered->media, 9, offered->protocol);
    buf_put_u64_dec(out, kept->payload_type);
    end_media(out);
    put_transport(out, d, is_first);
    sdp_put_attribute(out, "mid", peer_section_mid(s));
    sdp_put_direction(out, s->local_direction);
    sdp_put_flag(out, "rtcp-mux");
    if (offered->rtcp_rsize) {
        sdp_put_flag(out, "rtcp-rsize");
    }
    peer_put_extensions(out, s);
    sdp_put_format(out, kept);
}

/* Our own offers have the data section alone; a client cannot stop it and stay usable. */
static void put_section(struct buf *out, const struct peer_description *d, size_t index,
                        bool is_first) {
    const struct peer_section *s = &d->state->sections[index];
    if (!d->offer) {
        assert(s->kind == SDP_APPLICATION && !s->stopped);
        put_data(out, d, s, SLICE_LIT("UDP/DTLS/SCTP"), is_first);
        return;
    }
    const struct sdp_section *offered = &d->offer->sections[index];
    if (s->stopped) {
        put_stopped(out, offered);
    } else if (s->kind == SDP_APPLICATION) {
        put_data(out, d, s, offered->protocol, is_first);
    } else {
        put_unused_media(out, d, s, offered, is_first);
    }
}

void peer_write(struct buf *out, const struct peer_description *d) {
    bool is_first = true;
    put_session(out, d);
    for (size_t i = 0; i < d->state->sections_count; i++) {
        put_section(out, d, i, is_first);
        is_first = is_first && d->state->sections[i].stopped;
    }
}
