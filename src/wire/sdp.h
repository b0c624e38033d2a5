/* sdp.h: session descriptions as WebRTC writes them: text to a bounded struct, and lines back.
 * Owns: nothing; the struct and its arrays lie in the arena given, its text points into the input.
 * Never: decides what is agreed (peer does). Unknown lines and attributes are skipped.
 * Invariant: what was returned is text (UTF-8 without NUL) with whole lines within the limits
 * below; transport values of the session level stand in each section that has none of its own.
 * Source: RFC 8866 (SDP), 8839 (ICE), 8842 (fingerprint, setup), 8841 (SCTP), 8843 (BUNDLE), 8285
 *   (extmap), 8851 and 8853 (rid, simulcast), 8830 (msid), 5576 (ssrc), 4585 (rtcp-fb).
 * Callers: peer. */
#pragma once

#include "arena.h"
#include "buf.h"

enum {
    SDP_BYTES_MAX = 3 << 19,       /* 1.5 MB of a signalling message's 2; Chromium's sections have
                                      5 KB, and each section may be one */
    SDP_LINE_BYTES_MAX = 4096,     /* the longest real ones have about 200 */
    SDP_LINES_MAX = 49152,         /* 256 sections of 192 lines; Chromium's have 150 */
    SDP_SECTIONS_MAX = 256,        /* one per track sent or received in single mode */
    SDP_MID_BYTES_MAX = 64,        /* browsers write numbers or UUIDs */
    SDP_ARENA_BYTES_MAX = 8 << 20, /* what sdp_read may need at these limits */
};

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION, SDP_OTHER };

/* Bits: sends 1, receives 2. */
enum sdp_direction { SDP_INACTIVE = 0, SDP_SENDONLY = 1, SDP_RECVONLY = 2, SDP_SENDRECV = 3 };

enum sdp_setup {
    SDP_SETUP_NONE,
    SDP_SETUP_ACTPASS,
    SDP_SETUP_ACTIVE,
    SDP_SETUP_PASSIVE,
    SDP_SETUP_HOLDCONN,
};

struct sdp_transport {
    struct slice ufrag, pwd; /* empty when absent */
    uint8_t fingerprint[32]; /* sha-256 */
    bool has_fingerprint;
    bool has_other_fingerprint; /* one of another hash */
    enum sdp_setup setup;
};

struct sdp_format {
    uint8_t payload_type;
    uint8_t channels; /* 1 unless said */
    uint32_t clock_hz;
    struct slice encoding; /* "VP8"; empty without rtpmap */
    struct slice fmtp;     /* behind the payload type; empty without */
};

struct sdp_extension {
    uint16_t id;
    enum sdp_direction direction;
    struct slice uri;
};

struct sdp_feedback {
    bool all; /* "*": for every payload type */
    uint8_t payload_type;
    struct slice value; /* "nack pli" */
};

struct sdp_ssrc {
    uint32_t ssrc;
    struct slice name, value; /* "cname", "x" */
};

struct sdp_ssrc_group {
    struct slice semantics; /* "FID" */
    uint32_t *ssrcs;
    size_t ssrcs_count;
};

struct sdp_rid {
    struct slice id;
    bool is_send;
};

struct sdp_section {
    enum sdp_kind kind;
    struct slice media, protocol, formats_text; /* of the m-line, as written */
    uint16_t port;
    bool is_rtp, is_sctp; /* by protocol */
    struct slice mid;
    enum sdp_direction direction;
    struct sdp_transport transport;
    bool bundle_only, rtcp_mux, rtcp_rsize;

    struct sdp_format *formats; /* in the order of the m-line; of RTP sections only */
    size_t formats_count;
    struct sdp_extension *extensions;
    size_t extensions_count;
    struct sdp_feedback *feedback;
    size_t feedback_count;
    struct sdp_ssrc *ssrcs;
    size_t ssrcs_count;
    struct sdp_ssrc_group *ssrc_groups;
    size_t ssrc_groups_count;
    struct sdp_rid *rids;
    size_t rids_count;
    struct slice simulcast_send, simulcast_recv; /* lists; see sdp_simulcast_next */

    bool has_msid;
    struct slice msid_stream, msid_track; /* track is empty when not said */

    bool has_sctp_port, has_max_message_bytes;
    uint16_t sctp_port;
    uint32_t max_message_bytes; /* 0: no limit; larger numbers are cut to 32 bits */
};

struct sdp {
    struct slice session_id, session_version;
    bool has_bundle;
    struct slice bundle; /* mids of the first BUNDLE group, separated by spaces */
    bool ice_lite, extmap_allow_mixed;
    struct sdp_section *sections;
    size_t sections_count;
};

/* MALFORMED or TOO_LARGE with *ret_reason (static text) saying why; NO_MEMORY. Lines end with CRLF
 * or LF, also the last. Of things that may stand once only, a second one is refused. */
must_check enum status sdp_read(struct slice text, struct arena *arena, struct sdp *ret_sdp,
                                const char **ret_reason);

/* True when `mid` stands in the BUNDLE group. */
bool sdp_bundles(const struct sdp *sdp, struct slice mid);
/* The format with this payload type, or NULL. */
const struct sdp_format *sdp_find_format(const struct sdp_section *s, uint8_t payload_type);
/* Takes the next stream of a simulcast list (the first of its alternatives); *rest moves on. */
must_check bool sdp_simulcast_next(struct slice *rest, struct slice *ret_rid, bool *ret_paused);

/* Writer: each puts one line with its CRLF. */
void sdp_put_line(struct buf *out, char type, struct slice value);             /* type=value */
void sdp_put_flag(struct buf *out, const char *name);                          /* a=name */
void sdp_put_attribute(struct buf *out, const char *name, struct slice value); /* a=name:value */
void sdp_put_number(struct buf *out, const char *name, uint64_t value);        /* a=name:1 */
void sdp_put_direction(struct buf *out, enum sdp_direction direction);
void sdp_put_fingerprint(struct buf *out, const uint8_t fingerprint[32]); /* sha-256 */
/* a=rtpmap, and a=fmtp when there is one. Nothing for a format without rtpmap. */
void sdp_put_format(struct buf *out, const struct sdp_format *format);
/* v=, o=, s= and t=: the first four lines. */
void sdp_put_session(struct buf *out, uint64_t session_id, uint64_t version);
