/* sdp_priv.h: the attributes that the SDP reader knows, and what their readers share.
 * Owns: nothing. Callers: sdp*.c. */
#pragma once

#include "sdp.h"

enum sdp_attribute {
    SDP_ATTR_GROUP,
    SDP_ATTR_ICE_LITE,
    SDP_ATTR_EXTMAP_ALLOW_MIXED,
    SDP_ATTR_ICE_UFRAG,
    SDP_ATTR_ICE_PWD,
    SDP_ATTR_FINGERPRINT,
    SDP_ATTR_SETUP,
    SDP_ATTR_SENDRECV,
    SDP_ATTR_SENDONLY,
    SDP_ATTR_RECVONLY,
    SDP_ATTR_INACTIVE,
    SDP_ATTR_MID,
    SDP_ATTR_BUNDLE_ONLY,
    SDP_ATTR_RTCP_MUX,
    SDP_ATTR_RTCP_RSIZE,
    SDP_ATTR_RTPMAP,
    SDP_ATTR_FMTP,
    SDP_ATTR_RTCP_FB,
    SDP_ATTR_EXTMAP,
    SDP_ATTR_MSID,
    SDP_ATTR_SSRC,
    SDP_ATTR_SSRC_GROUP,
    SDP_ATTR_RID,
    SDP_ATTR_SIMULCAST,
    SDP_ATTR_SCTP_PORT,
    SDP_ATTR_MAX_MESSAGE_SIZE,
    SDP_ATTR_COUNT,
    SDP_ATTR_UNKNOWN = SDP_ATTR_COUNT,
};

/* Collects one level of a description: the session, or one section. */
struct sdp_fill {
    struct arena *arena;             /* borrowed */
    struct sdp *sdp;                 /* borrowed */
    struct sdp_section *section;     /* borrowed; NULL at session level */
    struct sdp_transport *transport; /* borrowed; of this level */
    bool has_direction;              /* said at this level */
    enum sdp_direction direction;
    struct sdp_format *by_payload[128]; /* borrowed; formats of this section */
};

enum sdp_attribute sdp_attribute_find(struct slice name);
/* Takes one attribute; what does not count at this level is skipped. Returns NULL, or the reason
 * (static text) why the description cannot be. Arrays of the section have room for it. */
const char *sdp_attribute_take(struct sdp_fill *f, enum sdp_attribute attribute,
                               struct slice value);
/* The payload types of an RTP m-line, in s->formats_text. */
const char *sdp_take_formats(struct sdp_fill *f, struct sdp_section *s);
must_check bool sdp_number(struct slice text, uint64_t max, uint64_t *ret_value);
