#include "peer_priv.h"

/* The directions in which we use an extension. */
enum {
    FROM_AUDIO = 1,
    FROM_VIDEO = 2,
    FROM_VIDEO_SINGLE = 4, /* single mode alone */
    TO_AUDIO = 8,
    TO_VIDEO = 16,
    TO_SINGLE = 32,  /* single mode alone; dual mode tells streams apart by a=ssrc */
    TO_LAYERED = 64, /* codecs with layers in one stream: layers of others are not one stream */
};

/* Ids of our own offers are places in this table. The transport-wide sequence is answered in video
 * alone, since only there do we send feedback about it (T40). */
static const struct {
    const char *uri;
    uint8_t own_id; /* 0: not in offers of ours */
    unsigned uses;
} rows[RTP_EXTENSION_KINDS] = {
    [RTP_EXTENSION_MID] = {"urn:ietf:params:rtp-hdrext:sdes:mid", 0,
                           FROM_AUDIO | FROM_VIDEO | TO_SINGLE},
    [RTP_EXTENSION_RID] = {"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", 0,
                           FROM_AUDIO | FROM_VIDEO},
    [RTP_EXTENSION_REPAIRED_RID] = {"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", 0,
                                    FROM_VIDEO},
    [RTP_EXTENSION_AUDIO_LEVEL] = {"urn:ietf:params:rtp-hdrext:ssrc-audio-level", 0, FROM_AUDIO},
    [RTP_EXTENSION_TRANSPORT_CC] =
        {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 0,
         FROM_VIDEO},
    [RTP_EXTENSION_ABS_SEND_TIME] = {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
                                     1, FROM_VIDEO_SINGLE | TO_VIDEO},
    [RTP_EXTENSION_ABS_CAPTURE_TIME] =
        {"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", 2,
         FROM_AUDIO | FROM_VIDEO | TO_AUDIO | TO_VIDEO},
    [RTP_EXTENSION_DEPENDENCY_DESCRIPTOR] =
        {"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
         3, FROM_VIDEO | TO_LAYERED},
    [RTP_EXTENSION_PLAYOUT_DELAY] = {"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
                                     0, 0},
    [RTP_EXTENSION_VIDEO_ORIENTATION] = {"urn:3gpp:video-orientation", 0, 0},
};

static uint32_t used_for(unsigned uses) {
    uint32_t set = 0;
    for (unsigned k = 0; k < RTP_EXTENSION_KINDS; k++) {
        set |= (rows[k].uses & uses) != 0 ? BIT(k) : 0;
    }
    return set;
}

uint32_t peer_extensions_received(enum peer_role role, bool video) {
    if (!video) {
        return used_for(FROM_AUDIO);
    }
    return used_for(FROM_VIDEO | (role == PEER_SINGLE ? FROM_VIDEO_SINGLE : 0u));
}

uint32_t peer_extensions_sent(enum peer_role role, const struct peer_send *send) {
    bool video = send->codec >= RTP_CODEC_VP8;
    bool layered = send->codec == RTP_CODEC_VP9 || send->codec == RTP_CODEC_AV1;
    return used_for((video ? TO_VIDEO : TO_AUDIO) | (layered ? TO_LAYERED : 0u) |
                    (role == PEER_SINGLE ? TO_SINGLE : 0u));
}

/* RTP_EXTENSION_KINDS when we do not know it, or its id is not one that packets can carry. */
static unsigned find_kind(const struct sdp_extension *x) {
    unsigned k = 0;
    while (k < RTP_EXTENSION_KINDS && !slice_eq_cstr(x->uri, rows[k].uri)) {
        k++;
    }
    return x->id <= UINT8_MAX ? k : RTP_EXTENSION_KINDS;
}

void peer_read_extensions(struct rtp_section *s, const struct sdp_section *from, uint32_t set,
                          enum sdp_direction flow) {
    for (unsigned k = 0; k < RTP_EXTENSION_KINDS; k++) {
        s->extension_ids[k] = 0;
    }
    for (size_t i = 0; i < from->extensions_count; i++) {
        const struct sdp_extension *x = &from->extensions[i];
        unsigned k = find_kind(x);
        if (k < RTP_EXTENSION_KINDS && (set & BIT(k)) != 0 && (x->direction & flow) != 0 &&
            s->extension_ids[k] == 0) {
            s->extension_ids[k] = (uint8_t)x->id;
        }
    }
}

void peer_own_extensions(struct rtp_section *s, uint32_t set) {
    for (unsigned k = 0; k < RTP_EXTENSION_KINDS; k++) {
        s->extension_ids[k] = (set & BIT(k)) != 0 ? rows[k].own_id : 0;
    }
}

static void put_extension(struct buf *out, unsigned id, const char *direction, unsigned kind) {
    buf_printf(out, "a=extmap:%u%s %s\r\n", id, direction, rows[kind].uri);
}

/* An answer turns directions around: what the client only sends, we only receive. Said are those
 * that peer_read_extensions reads: the first of their kind in some direction. */
static void put_answered(struct buf *out, const struct sdp_section *from, uint32_t set) {
    static const char *const turned[] = {
        [SDP_SENDONLY] = "/recvonly", [SDP_RECVONLY] = "/sendonly", [SDP_SENDRECV] = ""};
    uint32_t left[] = {[SDP_SENDONLY] = set, [SDP_RECVONLY] = set};
    for (size_t i = 0; i < from->extensions_count; i++) {
        const struct sdp_extension *x = &from->extensions[i];
        unsigned k = find_kind(x);
        bool said = false;
        for (unsigned flow = SDP_SENDONLY; flow <= SDP_RECVONLY; flow++) {
            if (k < RTP_EXTENSION_KINDS && (left[flow] & BIT(k)) != 0 && (x->direction & flow)) {
                left[flow] &= ~BIT(k);
                said = true;
            }
        }
        if (said) {
            put_extension(out, x->id, turned[x->direction], k);
        }
    }
}

void peer_put_extensions(struct buf *out, const struct sdp_section *from, uint32_t set) {
    if (from) {
        put_answered(out, from, set);
        return;
    }
    for (unsigned k = 0; k < RTP_EXTENSION_KINDS; k++) {
        if ((set & BIT(k)) != 0 && rows[k].own_id != 0) {
            put_extension(out, rows[k].own_id, "", k);
        }
    }
}
