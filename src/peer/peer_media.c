#include "peer_priv.h"

#include <string.h>

struct codec_row {
    const char *encoding;
    uint32_t clock_hz;
    uint8_t channels;
    enum sdp_kind media;
    enum peer_codec_kind kind;
};

static const struct codec_row codec_rows[] = {
    {"opus", 48000, 2, SDP_AUDIO, PEER_CODEC_OPUS}, {"red", 48000, 2, SDP_AUDIO, PEER_CODEC_RED},
    {"PCMU", 8000, 1, SDP_AUDIO, PEER_CODEC_PCMU},  {"PCMA", 8000, 1, SDP_AUDIO, PEER_CODEC_PCMA},
    {"VP8", 90000, 1, SDP_VIDEO, PEER_CODEC_VP8},   {"VP9", 90000, 1, SDP_VIDEO, PEER_CODEC_VP9},
    {"H264", 90000, 1, SDP_VIDEO, PEER_CODEC_H264}, {"AV1", 90000, 1, SDP_VIDEO, PEER_CODEC_AV1},
    {"H265", 90000, 1, SDP_VIDEO, PEER_CODEC_H265},
};

/* `used`: answered whenever offered. The others are kept for sections that ask for them. */
static const struct {
    const char *uri;
    bool used;
} extension_rows[PEER_EXTENSION_COUNT] = {
    [PEER_EXTENSION_MID] = {"urn:ietf:params:rtp-hdrext:sdes:mid", true},
    [PEER_EXTENSION_RID] = {"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", true},
    [PEER_EXTENSION_REPAIRED_RID] = {"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
                                     true},
    [PEER_EXTENSION_AUDIO_LEVEL] = {"urn:ietf:params:rtp-hdrext:ssrc-audio-level", true},
    [PEER_EXTENSION_TRANSPORT_CC] =
        {"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", true},
    [PEER_EXTENSION_ABS_SEND_TIME] = {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
                                      true},
    [PEER_EXTENSION_ABS_CAPTURE_TIME] =
        {"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", true},
    [PEER_EXTENSION_DEPENDENCY_DESCRIPTOR] =
        {"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
         true},
    [PEER_EXTENSION_PLAYOUT_DELAY] = {"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
                                      false},
    [PEER_EXTENSION_VIDEO_ORIENTATION] = {"urn:3gpp:video-orientation", false},
};

static const struct {
    const char *value;
    uint8_t bits;
} feedback_rows[] = {
    {"nack", PEER_FEEDBACK_NACK},      {"nack pli", PEER_FEEDBACK_PLI},
    {"ccm fir", PEER_FEEDBACK_FIR},    {"transport-cc", PEER_FEEDBACK_TRANSPORT_CC},
    {"goog-remb", PEER_FEEDBACK_REMB},
};

/* PCMU and PCMA have payload types of their own and may come without rtpmap (RFC 3551). */
static const struct codec_row *find_codec(const struct sdp_section *from,
                                          const struct sdp_format *f) {
    struct slice encoding = f->encoding;
    uint32_t clock_hz = f->clock_hz;
    if (encoding.len == 0 && (f->payload_type == 0 || f->payload_type == 8)) {
        encoding = f->payload_type == 0 ? SLICE_LIT("PCMU") : SLICE_LIT("PCMA");
        clock_hz = 8000;
    }
    for (size_t i = 0; i < ARRAY_LEN(codec_rows); i++) {
        const struct codec_row *row = &codec_rows[i];
        if (row->media == from->kind && row->clock_hz == clock_hz && row->channels == f->channels &&
            slice_eq_nocase(encoding, slice_from_cstr(row->encoding))) {
            return row;
        }
    }
    return NULL;
}

/* The value of one key in "a=1;b=2". */
static bool find_parameter(struct slice fmtp, const char *key, struct slice *ret_value) {
    struct slice rest = fmtp;
    while (rest.len > 0) {
        struct slice value = slice_trim(slice_split(&rest, ';'));
        if (slice_eq_nocase(slice_split(&value, '='), slice_from_cstr(key))) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static uint32_t number_parameter(struct slice fmtp, const char *key) {
    struct slice text;
    uint64_t value = 0;
    if (!find_parameter(fmtp, key, &text) || !slice_to_u64(text, &value)) {
        return 0;
    }
    return (uint32_t)MIN(value, (uint64_t)UINT32_MAX);
}

static uint32_t h264_profile(struct slice fmtp) {
    struct slice text;
    uint32_t value = 0;
    if (!find_parameter(fmtp, "profile-level-id", &text) || text.len != 6) {
        return 0x420010; /* RFC 6184 8.1: baseline, level 1 */
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i] | 0x20;
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) {
            return 0x420010;
        }
        value = value << 4 | (uint32_t)(is_digit ? text.data[i] - '0' : c - 'a' + 10);
    }
    return value;
}

static uint8_t feedback_of(const struct sdp_section *from, uint8_t payload_type) {
    uint8_t bits = 0;
    for (size_t i = 0; i < from->feedback_count; i++) {
        const struct sdp_feedback *f = &from->feedback[i];
        if (!f->all && f->payload_type != payload_type) {
            continue;
        }
        for (size_t k = 0; k < ARRAY_LEN(feedback_rows); k++) {
            if (slice_eq_cstr(f->value, feedback_rows[k].value)) {
                bits |= feedback_rows[k].bits;
            }
        }
    }
    return bits;
}

static void read_codec(struct peer_section *s, const struct sdp_section *from,
                       const struct sdp_format *f, enum peer_codec_kind kind) {
    struct peer_codec *c = &s->codecs[s->codecs_count++];
    *c = (struct peer_codec){.kind = kind, .payload_type = f->payload_type};
    c->feedback = feedback_of(from, f->payload_type);
    if (kind == PEER_CODEC_H264) {
        c->packetization_mode = (uint8_t)MIN(number_parameter(f->fmtp, "packetization-mode"), 255u);
        c->profile = h264_profile(f->fmtp);
    } else if (kind == PEER_CODEC_VP9) {
        c->profile = number_parameter(f->fmtp, "profile-id");
    } else if (kind == PEER_CODEC_AV1) {
        c->profile = number_parameter(f->fmtp, "profile");
    }
}

/* "rtx" formats name the one that they repeat. */
static void read_rtx(struct peer_section *s, const struct sdp_format *f) {
    struct slice text;
    uint64_t repeated = 0;
    if (!find_parameter(f->fmtp, "apt", &text) || !slice_to_u64(text, &repeated)) {
        return;
    }
    for (size_t i = 0; i < s->codecs_count; i++) {
        if (s->codecs[i].payload_type == repeated) {
            s->codecs[i].rtx_payload_type = f->payload_type;
        }
    }
}

static void read_codecs(struct peer_section *s, const struct sdp_section *from) {
    for (size_t i = 0; i < from->formats_count; i++) {
        const struct codec_row *row = find_codec(from, &from->formats[i]);
        if (row && s->codecs_count < PEER_CODECS_MAX) {
            read_codec(s, from, &from->formats[i], row->kind);
        }
    }
    for (size_t i = 0; i < from->formats_count; i++) {
        if (slice_eq_nocase(from->formats[i].encoding, SLICE_LIT("rtx"))) {
            read_rtx(s, &from->formats[i]);
        }
    }
}

static void read_extensions(struct peer_section *s, const struct sdp_section *from) {
    for (size_t i = 0; i < from->extensions_count; i++) {
        const struct sdp_extension *x = &from->extensions[i];
        for (size_t k = 0; k < PEER_EXTENSION_COUNT; k++) {
            if (x->id <= UINT8_MAX && slice_eq_cstr(x->uri, extension_rows[k].uri)) {
                s->extension_ids[k] = (uint8_t)x->id;
            }
        }
    }
}

void peer_put_extensions(struct buf *out, const struct peer_section *s) {
    for (size_t k = 0; k < PEER_EXTENSION_COUNT; k++) {
        if (s->extension_ids[k] != 0 && extension_rows[k].used) {
            buf_printf(out, "a=extmap:%u %s\r\n", s->extension_ids[k], extension_rows[k].uri);
        }
    }
}

/* The simulcast list decides which rids are layers, and in which order. */
static void read_rids(struct peer_section *s, const struct sdp_section *from) {
    struct slice rest = from->simulcast_send, rid;
    bool paused = false;
    while (s->rids_count < PEER_RIDS_MAX && sdp_simulcast_next(&rest, &rid, &paused)) {
        if (rid.len > 0 && rid.len <= PEER_RID_BYTES_MAX) {
            struct peer_rid *to = &s->rids[s->rids_count++];
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

bool peer_section_read_media(struct peer_section *s, const struct sdp_section *from) {
    s->remote_direction = from->direction;
    s->local_direction = SDP_INACTIVE;
    read_codecs(s, from);
    read_extensions(s, from);
    read_rids(s, from);
    return bytes_copy(find_msid_track(from), &s->msid_track) == STATUS_OK;
}

const struct sdp_format *peer_keep_format(const struct peer_section *s,
                                          const struct sdp_section *from) {
    assert(from->formats_count > 0);
    const struct sdp_format *known = NULL;
    if (s->codecs_count > 0) {
        known = sdp_find_format(from, s->codecs[0].payload_type);
    }
    return known ? known : &from->formats[0];
}
