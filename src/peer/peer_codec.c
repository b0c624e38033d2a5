#include "peer_priv.h"

#include <stdio.h>

/* Our own payload types are those of the reference, and where it has none, others that no one uses
 * (not 64 to 95, which RTCP would be mistaken for). Retransmission has the next number. */
static const struct codec_row {
    enum rtp_codec codec;
    uint8_t own_payload_type;
    uint8_t packetization_mode; /* H264 */
    uint32_t profile;
} own_rows[] = {
    {RTP_CODEC_OPUS, 111, 0, 0},        {RTP_CODEC_PCMU, 0, 0, 0},
    {RTP_CODEC_PCMA, 8, 0, 0},          {RTP_CODEC_VP8, 96, 0, 0},
    {RTP_CODEC_VP9, 98, 0, 0},          {RTP_CODEC_VP9, 100, 0, 1},
    {RTP_CODEC_VP9, 112, 0, 2},         {RTP_CODEC_VP9, 114, 0, 3},
    {RTP_CODEC_H264, 108, 1, 0x42e01f}, {RTP_CODEC_H264, 125, 0, 0x42e01f},
    {RTP_CODEC_H264, 102, 1, 0x42001f}, {RTP_CODEC_H264, 104, 0, 0x42001f},
    {RTP_CODEC_H264, 106, 1, 0x4d001f}, {RTP_CODEC_H264, 39, 0, 0x4d001f},
    {RTP_CODEC_H264, 123, 1, 0x640032}, {RTP_CODEC_H264, 41, 0, 0x640032},
    {RTP_CODEC_H264, 45, 1, 0xf4001f},  {RTP_CODEC_H264, 43, 0, 0xf4001f},
    {RTP_CODEC_AV1, 35, 0, 0},          {RTP_CODEC_AV1, 37, 0, 1},
    {RTP_CODEC_AV1, 47, 0, 2},          {RTP_CODEC_H265, 116, 0, 0},
};

static const struct {
    const char *encoding;
    uint32_t clock_hz;
    uint8_t channels;
    enum sdp_kind media;
} names[] = {
    [RTP_CODEC_OPUS] = {"opus", 48000, 2, SDP_AUDIO},
    [RTP_CODEC_RED] = {"red", 48000, 2, SDP_AUDIO},
    [RTP_CODEC_PCMU] = {"PCMU", 8000, 1, SDP_AUDIO},
    [RTP_CODEC_PCMA] = {"PCMA", 8000, 1, SDP_AUDIO},
    [RTP_CODEC_VP8] = {"VP8", 90000, 1, SDP_VIDEO},
    [RTP_CODEC_VP9] = {"VP9", 90000, 1, SDP_VIDEO},
    [RTP_CODEC_H264] = {"H264", 90000, 1, SDP_VIDEO},
    [RTP_CODEC_AV1] = {"AV1", 90000, 1, SDP_VIDEO},
    [RTP_CODEC_H265] = {"H265", 90000, 1, SDP_VIDEO},
};

static const struct {
    const char *value;
    uint8_t bit;
} feedback_rows[] = {
    {"goog-remb", RTP_FEEDBACK_REMB}, {"transport-cc", RTP_FEEDBACK_TRANSPORT_CC},
    {"ccm fir", RTP_FEEDBACK_FIR},    {"nack", RTP_FEEDBACK_NACK},
    {"nack pli", RTP_FEEDBACK_PLI},
};

enum { OWN_RED_TYPE = 63 };
enum { H264_PROFILE_DEFAULT = 0x420010 }; /* RFC 6184 8.1: baseline, level 1 */

/* PCMU and PCMA have payload types of their own and may come without rtpmap (RFC 3551). */
static size_t find_codec(const struct sdp_section *from, const struct sdp_format *f) {
    if (f->encoding.len == 0 && from->kind == SDP_AUDIO && f->payload_type == 0) {
        return RTP_CODEC_PCMU;
    }
    if (f->encoding.len == 0 && from->kind == SDP_AUDIO && f->payload_type == 8) {
        return RTP_CODEC_PCMA;
    }
    size_t i = 0;
    while (i < ARRAY_LEN(names) &&
           !(names[i].media == from->kind && names[i].clock_hz == f->clock_hz &&
             names[i].channels == f->channels &&
             slice_eq_nocase(f->encoding, slice_from_cstr(names[i].encoding)))) {
        i++;
    }
    return i;
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
        return H264_PROFILE_DEFAULT;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i] | 0x20;
        bool is_digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) {
            return H264_PROFILE_DEFAULT;
        }
        value = value << 4 | (uint32_t)(is_digit ? text.data[i] - '0' : c - 'a' + 10);
    }
    return value;
}

/* 0: none that we know. */
static uint8_t feedback_bit(struct slice value) {
    for (size_t k = 0; k < ARRAY_LEN(feedback_rows); k++) {
        if (slice_eq_cstr(value, feedback_rows[k].value)) {
            return feedback_rows[k].bit;
        }
    }
    return 0;
}

static void read_feedback(struct rtp_section *s, const struct sdp_feedback *from) {
    uint8_t bit = feedback_bit(from->value);
    for (size_t i = 0; i < s->formats_count && bit != 0; i++) {
        if (from->all || from->payload_type == s->formats[i].payload_type) {
            s->formats[i].feedback |= bit;
        }
    }
}

static void read_format(struct rtp_section *s, const struct sdp_format *f, enum rtp_codec codec) {
    struct rtp_format *to = &s->formats[s->formats_count++];
    *to = (struct rtp_format){.codec = codec, .payload_type = f->payload_type};
    if (codec == RTP_CODEC_H264) {
        to->packetization_mode =
            (uint8_t)MIN(number_parameter(f->fmtp, "packetization-mode"), 255u);
        to->profile = h264_profile(f->fmtp);
    } else if (codec == RTP_CODEC_VP9) {
        to->profile = number_parameter(f->fmtp, "profile-id");
    } else if (codec == RTP_CODEC_AV1) {
        to->profile = number_parameter(f->fmtp, "profile");
    }
}

/* "rtx" formats name the one that they repeat. */
static void read_rtx(struct rtp_section *s, const struct sdp_format *f) {
    struct slice text;
    uint64_t repeated = 0;
    if (!find_parameter(f->fmtp, "apt", &text) || !slice_to_u64(text, &repeated)) {
        return;
    }
    for (size_t i = 0; i < s->formats_count; i++) {
        if (s->formats[i].payload_type == repeated) {
            s->formats[i].rtx_payload_type = f->payload_type;
        }
    }
}

/* What it repeats is the payload type that its parameters name first: only opus here. */
static void read_red(struct rtp_section *s, const struct sdp_format *f) {
    struct slice rest = f->fmtp;
    uint64_t repeated;
    if (!slice_to_u64(slice_split(&rest, '/'), &repeated)) {
        return;
    }
    for (size_t i = 0; i < s->formats_count; i++) {
        if (s->formats[i].codec == RTP_CODEC_OPUS && s->formats[i].payload_type == repeated) {
            s->red_payload_type = f->payload_type;
        }
    }
}

/* RED is no format of its own, but a way in which opus goes. */
void peer_read_formats(struct rtp_section *s, const struct sdp_section *from) {
    s->formats_count = 0;
    s->red_payload_type = 0;
    for (size_t i = 0; i < from->formats_count; i++) {
        size_t codec = find_codec(from, &from->formats[i]);
        if (codec < ARRAY_LEN(names) && codec != RTP_CODEC_RED &&
            s->formats_count < RTP_FORMATS_MAX) {
            read_format(s, &from->formats[i], (enum rtp_codec)codec);
        }
    }
    for (size_t i = 0; i < from->formats_count; i++) {
        if (slice_eq_nocase(from->formats[i].encoding, SLICE_LIT("rtx"))) {
            read_rtx(s, &from->formats[i]);
        } else if (find_codec(from, &from->formats[i]) == RTP_CODEC_RED) {
            read_red(s, &from->formats[i]);
        }
    }
    for (size_t i = 0; i < from->feedback_count; i++) {
        read_feedback(s, &from->feedback[i]);
    }
}

/* RFC 6184 table 5, as far as WebRTC uses it: a decoder of one class plays those below as well.
 * What calls itself baseline is encoded as constrained baseline there. 0: none of these. */
static unsigned h264_class(uint32_t profile) {
    unsigned idc = profile >> 16, constraints = profile >> 8 & 0xff;
    if (idc == 0x42 || (idc == 0x4d && (constraints & 0x80) != 0)) {
        return 1; /* (constrained) baseline */
    }
    if (idc == 0x4d) {
        return 2; /* main */
    }
    return idc == 0x64 ? 3 : 0; /* high */
}

/* 0: no; more is better. A decoder of packetization mode 1 takes mode 0 too. */
static unsigned h264_fit(const struct rtp_format *f, const struct peer_send *send) {
    bool same_profile = f->profile >> 8 == send->profile >> 8;
    unsigned theirs = h264_class(f->profile), ours = h264_class(send->profile);
    if (!same_profile && (ours == 0 || theirs < ours)) {
        return 0;
    }
    if (f->packetization_mode < send->packetization_mode) {
        return 0;
    }
    return 1u + (theirs == ours) + 2u * same_profile +
           4u * (f->packetization_mode == send->packetization_mode);
}

static unsigned fit(const struct rtp_format *f, const struct peer_send *send) {
    if (f->codec != send->codec) {
        return 0;
    }
    if (f->codec == RTP_CODEC_H264) {
        return h264_fit(f, send);
    }
    bool has_profiles = f->codec == RTP_CODEC_VP9 || f->codec == RTP_CODEC_AV1;
    return !has_profiles || f->profile == send->profile;
}

const struct rtp_format *peer_fit_format(const struct rtp_section *s,
                                         const struct peer_send *send) {
    const struct rtp_format *best = NULL;
    unsigned best_fit = 0;
    for (size_t i = 0; i < s->formats_count; i++) {
        unsigned one = fit(&s->formats[i], send);
        if (one > best_fit) {
            best = &s->formats[i];
            best_fit = one;
        }
    }
    return best;
}

/* The row that fits best, else the codec's first. */
struct rtp_format peer_own_format(const struct peer_send *send) {
    struct rtp_format best = {0};
    unsigned best_fit = 0;
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(own_rows); i++) {
        const struct codec_row *row = &own_rows[i];
        struct rtp_format f = {
            .codec = row->codec,
            .payload_type = row->own_payload_type,
            .packetization_mode = row->packetization_mode,
            .profile = row->profile,
        };
        if (row->codec == send->codec && (!found || fit(&f, send) > best_fit)) {
            best = f;
            best_fit = fit(&f, send);
            found = true;
        }
    }
    assert(found);
    bool video = names[send->codec].media == SDP_VIDEO;
    best.rtx_payload_type = video && send->rtx_ssrc ? (uint8_t)(best.payload_type + 1) : 0;
    best.feedback = RTP_FEEDBACK_NACK;
    if (video) {
        best.feedback |= RTP_FEEDBACK_PLI | RTP_FEEDBACK_FIR | RTP_FEEDBACK_REMB;
    }
    return best;
}

uint8_t peer_own_red(const struct peer_send *send) {
    return send->red && send->codec == RTP_CODEC_OPUS ? OWN_RED_TYPE : 0;
}

void peer_put_red(struct buf *out, const struct rtp_section *s) {
    unsigned type = s->red_payload_type, opus = s->formats[0].payload_type;
    if (type != 0) {
        buf_printf(out, "a=rtpmap:%u red/48000/2\r\na=fmtp:%u %u/%u\r\n", type, type, opus, opus);
    }
}

/* T23: what the client's offer says of stereo is about what it can play, so that opus gets
 * parameters of ours: in sections that receive, what we ask for; in others, what we send. */
static struct slice opus_fmtp(const struct peer_section *s, bool send_stereo) {
#define OPUS_BASE "minptime=10;useinbandfec=1"
#define OPUS_STEREO ";stereo=1;maxaveragebitrate=510000"
    static const struct slice received[2][2] = {
        {{(const uint8_t *)OPUS_BASE, sizeof(OPUS_BASE) - 1},
         {(const uint8_t *)OPUS_BASE ";usedtx=1", sizeof(OPUS_BASE ";usedtx=1") - 1}},
        {{(const uint8_t *)OPUS_BASE OPUS_STEREO, sizeof(OPUS_BASE OPUS_STEREO) - 1},
         {(const uint8_t *)OPUS_BASE ";usedtx=1" OPUS_STEREO,
          sizeof(OPUS_BASE ";usedtx=1" OPUS_STEREO) - 1}},
    };
    if (peer_section_receives(s)) {
        return received[s->stereo][s->dtx];
    }
    return send_stereo ? SLICE_LIT(OPUS_BASE ";stereo=1;sprop-stereo=1") : SLICE_LIT(OPUS_BASE);
#undef OPUS_BASE
#undef OPUS_STEREO
}

static struct slice own_fmtp(const struct rtp_format *f, char fmtp[PEER_FMTP_BYTES_MAX]) {
    int len = 0;
    if (f->codec == RTP_CODEC_VP9) {
        len = snprintf(fmtp, PEER_FMTP_BYTES_MAX, "profile-id=%u", f->profile);
    } else if (f->codec == RTP_CODEC_AV1) {
        len = snprintf(fmtp, PEER_FMTP_BYTES_MAX, "level-idx=5;profile=%u;tier=0", f->profile);
    } else if (f->codec == RTP_CODEC_H264) {
        len = snprintf(fmtp, PEER_FMTP_BYTES_MAX,
                       "level-asymmetry-allowed=1;packetization-mode=%u;profile-level-id=%06x",
                       f->packetization_mode, f->profile);
    }
    assert(len >= 0 && len < PEER_FMTP_BYTES_MAX);
    return slice_of(fmtp, (size_t)len);
}

struct sdp_format peer_name_format(const struct peer_section *s, const struct rtp_format *format,
                                   const struct sdp_section *from, bool send_stereo,
                                   char fmtp[PEER_FMTP_BYTES_MAX]) {
    struct sdp_format f = {
        .payload_type = format->payload_type,
        .channels = names[format->codec].channels,
        .clock_hz = names[format->codec].clock_hz,
        .encoding = slice_from_cstr(names[format->codec].encoding),
    };
    if (format->codec == RTP_CODEC_OPUS) {
        f.fmtp = opus_fmtp(s, send_stereo);
        return f;
    }
    const struct sdp_format *offered = from ? sdp_find_format(from, format->payload_type) : NULL;
    f.fmtp = offered ? offered->fmtp : own_fmtp(format, fmtp);
    return f;
}

void peer_put_feedback(struct buf *out, const struct rtp_format *format) {
    for (size_t k = 0; k < ARRAY_LEN(feedback_rows); k++) {
        if ((format->feedback & feedback_rows[k].bit) != 0) {
            buf_printf(out, "a=rtcp-fb:%u %s\r\n", format->payload_type, feedback_rows[k].value);
        }
    }
}
