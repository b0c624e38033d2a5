#include "peer_priv.h"

static void put_bundle(struct buf *out, const struct peer_description *d) {
    buf_put(out, SLICE_LIT("a=group:BUNDLE"));
    for (size_t i = 0; i < d->sections_count; i++) {
        if (!d->sections[i].stopped) {
            buf_put_u8(out, ' ');
            buf_put(out, peer_section_mid(&d->sections[i]));
        }
    }
    buf_put(out, SLICE_LIT("\r\n"));
}

static void put_session(struct buf *out, const struct peer_description *d) {
    sdp_put_session(out, d->peer->session_id, d->peer->version + 1);
    if (!d->offer || d->offer->has_bundle) {
        put_bundle(out, d);
    }
    sdp_put_flag(out, "ice-lite");
    if (!d->offer || d->offer->extmap_allow_mixed) {
        sdp_put_flag(out, "extmap-allow-mixed");
    }
    sdp_put_attribute(out, "msid-semantic", SLICE_LIT(" WMS *"));
}

void peer_begin_media(struct buf *out, struct slice media, unsigned port, struct slice protocol) {
    buf_put(out, SLICE_LIT("m="));
    buf_put(out, media);
    buf_put_u8(out, ' ');
    buf_put_u64_dec(out, port);
    buf_put_u8(out, ' ');
    buf_put(out, protocol);
    buf_put_u8(out, ' ');
}

void peer_end_media(struct buf *out) {
    buf_put(out, SLICE_LIT("\r\nc=IN IP4 0.0.0.0\r\n"));
}

/* The candidates stand in the first section in use, the others share its transport. */
void peer_put_transport(struct buf *out, const struct peer_description *d, bool has_candidates) {
    const struct peer_local *local = d->peer->local;
    sdp_put_attribute(out, "ice-ufrag", slice_of(d->credentials->ufrag, UFRAG_LEN));
    sdp_put_attribute(out, "ice-pwd", slice_of(d->credentials->pwd, ICE_PWD_LEN));
    sdp_put_attribute(out, "ice-options", SLICE_LIT("trickle"));
    sdp_put_fingerprint(out, local->fingerprint);
    sdp_put_attribute(out, "setup", d->offer ? SLICE_LIT("passive") : SLICE_LIT("actpass"));
    if (has_candidates && local->candidates.len > 0) {
        buf_put(out, local->candidates);
        sdp_put_flag(out, "end-of-candidates");
    }
}

/* `offered` is NULL in an offer of ours: the client has stopped the section with an answer. */
static void put_stopped(struct buf *out, const struct peer_section *s,
                        const struct sdp_section *offered) {
    struct slice media = s->rtp.video ? SLICE_LIT("video") : SLICE_LIT("audio");
    peer_begin_media(out, offered ? offered->media : media, 0,
                     offered ? offered->protocol : SLICE_LIT("UDP/TLS/RTP/SAVPF"));
    buf_put(out, offered ? offered->formats_text : SLICE_LIT("0"));
    peer_end_media(out);
    sdp_put_attribute(out, "mid", peer_section_mid(s));
    sdp_put_direction(out, SDP_INACTIVE);
}

static void put_data(struct buf *out, const struct peer_description *d,
                     const struct peer_section *s, struct slice protocol, bool has_candidates) {
    peer_begin_media(out, SLICE_LIT("application"), 9, protocol);
    buf_put(out, SLICE_LIT("webrtc-datachannel"));
    peer_end_media(out);
    peer_put_transport(out, d, has_candidates);
    sdp_put_attribute(out, "mid", peer_section_mid(s));
    sdp_put_number(out, "sctp-port", PEER_SCTP_PORT);
    sdp_put_number(out, "max-message-size", DATA_MESSAGE_BYTES_MAX);
}

static void put_section(struct buf *out, const struct peer_description *d, size_t index,
                        bool has_candidates) {
    const struct peer_section *s = &d->sections[index];
    const struct sdp_section *offered = d->offer ? &d->offer->sections[index] : NULL;
    if (s->stopped) {
        put_stopped(out, s, offered);
    } else if (s->kind == SDP_APPLICATION) {
        put_data(out, d, s, offered ? offered->protocol : SLICE_LIT("UDP/DTLS/SCTP"),
                 has_candidates);
    } else {
        peer_put_media(out, d, index, has_candidates);
    }
}

void peer_write(struct buf *out, const struct peer_description *d) {
    bool is_first = true;
    put_session(out, d);
    for (size_t i = 0; i < d->sections_count; i++) {
        put_section(out, d, i, is_first);
        is_first = is_first && d->sections[i].stopped;
    }
}
