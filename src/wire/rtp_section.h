/* rtp_section.h: what two sides agreed about one RTP section (an m-line of SDP).
 * Owns: nothing beyond its bytes: a section is copied from floor to floor by value.
 * Never: holds codecs or extensions that the server does not know: those are not used.
 * Invariant: counts are within the arrays; ids and payload types are those of the client.
 * Source: wire/realtime.md 3.6, 4.3 to 4.5; RFC 8285, RFC 8852, RFC 9143.
 * Callers: peer agrees it, node hands it on, media and sfu read it. */
#pragma once

#include "rtp_extension.h"

enum {
    RTP_FORMATS_MAX = 24,           /* Chromium offers 15 that we know, with all profiles */
    RTP_RIDS_MAX = 3,               /* q, h, f */
    RTP_LAYERS_MAX = 3,             /* low, medium, high */
    RTP_SECTION_MID_BYTES_MAX = 64, /* browsers write numbers or UUIDs */
};

enum rtp_codec {
    RTP_CODEC_OPUS,
    RTP_CODEC_RED, /* of audio */
    RTP_CODEC_PCMU,
    RTP_CODEC_PCMA,
    RTP_CODEC_VP8,
    RTP_CODEC_VP9,
    RTP_CODEC_H264,
    RTP_CODEC_AV1,
    RTP_CODEC_H265,
};

/* Bits of rtp_format.feedback. */
enum rtp_feedback {
    RTP_FEEDBACK_NACK = 1,
    RTP_FEEDBACK_PLI = 2,
    RTP_FEEDBACK_FIR = 4,
    RTP_FEEDBACK_TRANSPORT_CC = 8,
    RTP_FEEDBACK_REMB = 16,
};

struct rtp_format {
    enum rtp_codec codec;
    uint8_t payload_type;
    uint8_t rtx_payload_type;   /* 0: none */
    uint8_t feedback;           /* enum rtp_feedback */
    uint8_t packetization_mode; /* H264 */
    uint32_t profile;           /* VP9 profile-id, AV1 profile, H264 profile-level-id */
};

enum rtp_extension_kind {
    RTP_EXTENSION_MID,
    RTP_EXTENSION_RID,
    RTP_EXTENSION_REPAIRED_RID,
    RTP_EXTENSION_AUDIO_LEVEL,
    RTP_EXTENSION_TRANSPORT_CC,
    RTP_EXTENSION_ABS_SEND_TIME,
    RTP_EXTENSION_ABS_CAPTURE_TIME,
    RTP_EXTENSION_DEPENDENCY_DESCRIPTOR,
    RTP_EXTENSION_PLAYOUT_DELAY,
    RTP_EXTENSION_VIDEO_ORIENTATION,
    RTP_EXTENSION_KINDS,
};

struct rtp_rid {
    uint8_t len;
    char text[RTP_RID_BYTES_MAX];
};

struct rtp_section {
    bool video;
    uint8_t mid_len;
    char mid[RTP_SECTION_MID_BYTES_MAX];
    struct rtp_format formats[RTP_FORMATS_MAX]; /* most wanted first */
    size_t formats_count;
    uint8_t red_payload_type; /* opus may also come with repeated blocks, as this; 0: it does not */
    uint8_t extension_ids[RTP_EXTENSION_KINDS]; /* 0: not agreed */
    struct rtp_rid rids[RTP_RIDS_MAX];          /* simulcast layers that the client may send */
    size_t rids_count;
};

static inline struct slice rtp_section_mid(const struct rtp_section *s) {
    return slice_of(s->mid, s->mid_len);
}
