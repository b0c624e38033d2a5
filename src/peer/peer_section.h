/* peer_section.h: one section (m-line) as the client described it, in the words of this server.
 * Owns: msid_track.
 * Never: holds codecs or extensions that the server does not know: those are not used.
 * Invariant: index and, unless it was stopped, mid and kind never change.
 * Source: wire/realtime.md 3.6, 4.3 to 4.5.
 * Callers: peer; room and media read it. */
#pragma once

#include "sdp.h"

enum {
    PEER_CODECS_MAX = 24,    /* Chromium offers 15 that we know, with all profiles */
    PEER_RIDS_MAX = 3,       /* q, h, f */
    PEER_RID_BYTES_MAX = 16, /* RFC 8852 */
};

enum peer_codec_kind {
    PEER_CODEC_OPUS,
    PEER_CODEC_RED, /* of audio */
    PEER_CODEC_PCMU,
    PEER_CODEC_PCMA,
    PEER_CODEC_VP8,
    PEER_CODEC_VP9,
    PEER_CODEC_H264,
    PEER_CODEC_AV1,
    PEER_CODEC_H265,
};

/* Bits of peer_codec.feedback. */
enum peer_feedback {
    PEER_FEEDBACK_NACK = 1,
    PEER_FEEDBACK_PLI = 2,
    PEER_FEEDBACK_FIR = 4,
    PEER_FEEDBACK_TRANSPORT_CC = 8,
    PEER_FEEDBACK_REMB = 16,
};

struct peer_codec {
    enum peer_codec_kind kind;
    uint8_t payload_type;
    uint8_t rtx_payload_type;   /* 0: none */
    uint8_t feedback;           /* enum peer_feedback */
    uint8_t packetization_mode; /* H264 */
    uint32_t profile;           /* VP9 profile-id, AV1 profile, H264 profile-level-id */
};

enum peer_extension {
    PEER_EXTENSION_MID,
    PEER_EXTENSION_RID,
    PEER_EXTENSION_REPAIRED_RID,
    PEER_EXTENSION_AUDIO_LEVEL,
    PEER_EXTENSION_TRANSPORT_CC,
    PEER_EXTENSION_ABS_SEND_TIME,
    PEER_EXTENSION_ABS_CAPTURE_TIME,
    PEER_EXTENSION_DEPENDENCY_DESCRIPTOR,
    PEER_EXTENSION_PLAYOUT_DELAY,
    PEER_EXTENSION_VIDEO_ORIENTATION,
    PEER_EXTENSION_COUNT,
};

struct peer_rid {
    uint8_t len;
    char text[PEER_RID_BYTES_MAX];
};

struct peer_section {
    enum sdp_kind kind;
    bool stopped; /* port 0 on either side: its place may be taken by another one */
    uint8_t mid_len;
    char mid[SDP_MID_BYTES_MAX];
    enum sdp_direction remote_direction; /* as the client described it */
    enum sdp_direction local_direction;  /* as we described it last */

    struct peer_codec codecs[PEER_CODECS_MAX]; /* in the client's order */
    size_t codecs_count;
    uint8_t extension_ids[PEER_EXTENSION_COUNT]; /* 0: not offered */
    struct peer_rid rids[PEER_RIDS_MAX];         /* simulcast layers that the client would send */
    size_t rids_count;
    struct bytes msid_track; /* owned; empty when not said */
};

static inline struct slice peer_section_mid(const struct peer_section *s) {
    return slice_of(s->mid, s->mid_len);
}
