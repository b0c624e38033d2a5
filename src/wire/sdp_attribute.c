#include "sdp_priv.h"

#include <string.h>

enum { AT_SESSION = 1, AT_SECTION = 2, AT_BOTH = AT_SESSION | AT_SECTION };

static const char NO_MEMORY[] = "out of memory";

bool sdp_number(struct slice text, uint64_t max, uint64_t *ret_value) {
    uint64_t value = 0;
    if (!slice_to_u64(text, &value) || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* token of RFC 8866 section 9. */
static bool is_token(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]", c)) {
            return false;
        }
    }
    return s.len > 0;
}

static bool is_ice_text(struct slice s, size_t len_min) {
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.data[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && c != '+' && c != '/') {
            return false;
        }
    }
    return s.len >= len_min && s.len <= 256;
}

static const char *read_group(struct sdp_fill *f, struct slice value) {
    struct slice mids = value;
    if (slice_eq_cstr(slice_split(&mids, ' '), "BUNDLE") && !f->sdp->has_bundle) {
        f->sdp->has_bundle = true;
        f->sdp->bundle = mids;
    }
    return NULL;
}

static const char *read_ice_lite(struct sdp_fill *f, struct slice value) {
    (void)value;
    f->sdp->ice_lite = true;
    return NULL;
}

static const char *read_extmap_allow_mixed(struct sdp_fill *f, struct slice value) {
    (void)value;
    f->sdp->extmap_allow_mixed = true;
    return NULL;
}

static const char *read_ice_ufrag(struct sdp_fill *f, struct slice value) {
    if (!is_ice_text(value, 4)) {
        return "ice-ufrag is not 4 to 256 ice characters";
    }
    if (f->transport->ufrag.len > 0) {
        return "ice-ufrag stands twice";
    }
    f->transport->ufrag = value;
    return NULL;
}

static const char *read_ice_pwd(struct sdp_fill *f, struct slice value) {
    if (!is_ice_text(value, 22)) {
        return "ice-pwd is not 22 to 256 ice characters";
    }
    if (f->transport->pwd.len > 0) {
        return "ice-pwd stands twice";
    }
    f->transport->pwd = value;
    return NULL;
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_fingerprint_bytes(struct slice text, uint8_t ret_bytes[32]) {
    if (text.len != 32 * 3 - 1) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        int high = hex_digit(text.data[i * 3]), low = hex_digit(text.data[i * 3 + 1]);
        if (high < 0 || low < 0 || (i < 31 && text.data[i * 3 + 2] != ':')) {
            return false;
        }
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char *read_fingerprint(struct sdp_fill *f, struct slice value) {
    struct slice bytes = value;
    struct slice hash = slice_split(&bytes, ' ');
    if (!slice_eq_nocase(hash, SLICE_LIT("sha-256"))) {
        f->transport->has_other_fingerprint = true;
        return NULL;
    }
    if (f->transport->has_fingerprint) {
        return "two sha-256 fingerprints";
    }
    if (!read_fingerprint_bytes(bytes, f->transport->fingerprint)) {
        return "fingerprint is not 32 bytes in hexadecimal";
    }
    f->transport->has_fingerprint = true;
    return NULL;
}

static const char *read_setup(struct sdp_fill *f, struct slice value) {
    static const struct {
        const char *name;
        enum sdp_setup setup;
    } roles[] = {
        {"actpass", SDP_SETUP_ACTPASS},
        {"active", SDP_SETUP_ACTIVE},
        {"passive", SDP_SETUP_PASSIVE},
        {"holdconn", SDP_SETUP_HOLDCONN},
    };
    if (f->transport->setup != SDP_SETUP_NONE) {
        return "setup stands twice";
    }
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (slice_eq_cstr(value, roles[i].name)) {
            f->transport->setup = roles[i].setup;
            return NULL;
        }
    }
    return "setup role is unknown";
}

static const char *take_direction(struct sdp_fill *f, enum sdp_direction direction) {
    if (f->has_direction) {
        return "two directions";
    }
    f->has_direction = true;
    f->direction = direction;
    return NULL;
}

static const char *read_sendrecv(struct sdp_fill *f, struct slice value) {
    (void)value;
    return take_direction(f, SDP_SENDRECV);
}

static const char *read_sendonly(struct sdp_fill *f, struct slice value) {
    (void)value;
    return take_direction(f, SDP_SENDONLY);
}

static const char *read_recvonly(struct sdp_fill *f, struct slice value) {
    (void)value;
    return take_direction(f, SDP_RECVONLY);
}

static const char *read_inactive(struct sdp_fill *f, struct slice value) {
    (void)value;
    return take_direction(f, SDP_INACTIVE);
}

static const char *read_mid(struct sdp_fill *f, struct slice value) {
    if (!is_token(value) || value.len > SDP_MID_BYTES_MAX) {
        return "mid is not a token of at most 64 bytes";
    }
    if (f->section->mid.len > 0) {
        return "mid stands twice";
    }
    f->section->mid = value;
    return NULL;
}

static const char *read_bundle_only(struct sdp_fill *f, struct slice value) {
    (void)value;
    f->section->bundle_only = true;
    return NULL;
}

static const char *read_rtcp_mux(struct sdp_fill *f, struct slice value) {
    (void)value;
    f->section->rtcp_mux = true;
    return NULL;
}

static const char *read_rtcp_rsize(struct sdp_fill *f, struct slice value) {
    (void)value;
    f->section->rtcp_rsize = true;
    return NULL;
}

/* The format that "111 rest" speaks of, or NULL when the m-line does not list it. */
static const char *read_payload_type(struct sdp_fill *f, struct slice *rest,
                                     struct sdp_format **ret_format) {
    uint64_t number = 0;
    if (!f->section->is_rtp) {
        return NULL; /* data channels of old drafts have an fmtp of their own kind */
    }
    if (!sdp_number(slice_split(rest, ' '), 127, &number)) {
        return "payload type is not a number below 128";
    }
    *ret_format = f->by_payload[number];
    return NULL;
}

static const char *read_rtpmap(struct sdp_fill *f, struct slice value) {
    struct slice rest = value;
    struct sdp_format *format = NULL;
    const char *reason = read_payload_type(f, &rest, &format);
    if (reason || !format) {
        return reason;
    }
    uint64_t clock = 0, channels = 1;
    struct slice encoding = slice_split(&rest, '/');
    struct slice clock_text = slice_split(&rest, '/');
    if (encoding.len == 0 || !sdp_number(clock_text, UINT32_MAX, &clock) || clock == 0 ||
        (rest.len > 0 && !sdp_number(rest, UINT8_MAX, &channels))) {
        return "rtpmap is not name/clock/channels";
    }
    format->encoding = encoding;
    format->clock_hz = (uint32_t)clock;
    format->channels = (uint8_t)channels;
    return NULL;
}

static const char *read_fmtp(struct sdp_fill *f, struct slice value) {
    struct slice rest = value;
    struct sdp_format *format = NULL;
    const char *reason = read_payload_type(f, &rest, &format);
    if (!reason && format) {
        format->fmtp = rest;
    }
    return reason;
}

static const char *read_rtcp_fb(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    struct slice payload_type = slice_split(&rest, ' ');
    uint64_t number = 0;
    bool all = slice_eq_cstr(payload_type, "*");
    if (!s->is_rtp) {
        return NULL;
    }
    if (!all && !sdp_number(payload_type, 127, &number)) {
        return "rtcp-fb has no payload type";
    }
    s->feedback[s->feedback_count++] =
        (struct sdp_feedback){.all = all, .payload_type = (uint8_t)number, .value = rest};
    return NULL;
}

static const char *read_extmap(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    struct slice which = slice_split(&rest, ' ');
    struct slice id_text = slice_split(&which, '/');
    struct sdp_extension x = {.direction = SDP_SENDRECV, .uri = slice_split(&rest, ' ')};
    if (slice_eq_cstr(which, "sendonly")) {
        x.direction = SDP_SENDONLY;
    } else if (slice_eq_cstr(which, "recvonly")) {
        x.direction = SDP_RECVONLY;
    } else if (slice_eq_cstr(which, "inactive")) {
        x.direction = SDP_INACTIVE;
    }
    uint64_t id = 0;
    /* RFC 8285: 1 to 255 on the wire; 4096 to 4351 ask for an id within the answer. */
    if (!sdp_number(id_text, 4351, &id) || id == 0 || (id > 255 && id < 4096) || x.uri.len == 0) {
        return "extmap is not an id and a URI";
    }
    x.id = (uint16_t)id;
    s->extensions[s->extensions_count++] = x;
    return NULL;
}

static const char *read_msid(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    if (!s->has_msid) {
        struct slice rest = value;
        s->msid_stream = slice_split(&rest, ' ');
        s->msid_track = slice_split(&rest, ' ');
        s->has_msid = true;
    }
    return NULL;
}

static const char *read_ssrc(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    uint64_t ssrc = 0;
    if (!sdp_number(slice_split(&rest, ' '), UINT32_MAX, &ssrc)) {
        return "ssrc is not a 32-bit number";
    }
    struct sdp_ssrc line = {.ssrc = (uint32_t)ssrc};
    line.name = slice_split(&rest, ':');
    line.value = rest;
    s->ssrcs[s->ssrcs_count++] = line;
    return NULL;
}

static size_t count_words(struct slice text) {
    size_t count = text.len > 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == ' ';
    }
    return count;
}

static const char *read_ssrc_group(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    struct sdp_ssrc_group group = {.semantics = slice_split(&rest, ' ')};
    size_t words = count_words(rest);
    group.ssrcs = arena_zalloc(f->arena, (words + 1) * sizeof(*group.ssrcs));
    if (!group.ssrcs) {
        return NO_MEMORY;
    }
    while (rest.len > 0) {
        uint64_t ssrc = 0;
        if (!sdp_number(slice_split(&rest, ' '), UINT32_MAX, &ssrc)) {
            return "ssrc-group lists what is not a 32-bit number";
        }
        group.ssrcs[group.ssrcs_count++] = (uint32_t)ssrc;
    }
    s->ssrc_groups[s->ssrc_groups_count++] = group;
    return NULL;
}

static const char *read_rid(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    struct sdp_rid rid = {.id = slice_split(&rest, ' ')};
    struct slice direction = slice_split(&rest, ' ');
    rid.is_send = slice_eq_cstr(direction, "send");
    if (!is_token(rid.id) || (!rid.is_send && !slice_eq_cstr(direction, "recv"))) {
        return "rid is not an id with send or recv";
    }
    s->rids[s->rids_count++] = rid;
    return NULL;
}

static const char *read_simulcast(struct sdp_fill *f, struct slice value) {
    struct slice rest = value;
    while (rest.len > 0) {
        struct slice direction = slice_split(&rest, ' ');
        struct slice list = slice_split(&rest, ' ');
        bool is_send = slice_eq_cstr(direction, "send");
        if (list.len == 0 || (!is_send && !slice_eq_cstr(direction, "recv"))) {
            return "simulcast is not send or recv with a list";
        }
        if (is_send) {
            f->section->simulcast_send = list;
        } else {
            f->section->simulcast_recv = list;
        }
    }
    return NULL;
}

static const char *read_sctp_port(struct sdp_fill *f, struct slice value) {
    uint64_t port = 0;
    if (!sdp_number(value, UINT16_MAX, &port)) {
        return "sctp-port is not a port";
    }
    f->section->has_sctp_port = true;
    f->section->sctp_port = (uint16_t)port;
    return NULL;
}

static const char *read_max_message_size(struct sdp_fill *f, struct slice value) {
    uint64_t bytes = 0;
    if (!slice_to_u64(value, &bytes)) {
        return "max-message-size is not a number";
    }
    f->section->has_max_message_bytes = true;
    f->section->max_message_bytes = (uint32_t)MIN(bytes, (uint64_t)UINT32_MAX);
    return NULL;
}

/* The length stands there so that most names are told apart without reading them. */
#define NAME(text)                                                                                 \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct {
    struct slice name;
    unsigned levels;
    const char *(*read)(struct sdp_fill *f, struct slice value);
} rows[SDP_ATTR_COUNT] = {
    [SDP_ATTR_GROUP] = {NAME("group"), AT_SESSION, read_group},
    [SDP_ATTR_ICE_LITE] = {NAME("ice-lite"), AT_SESSION, read_ice_lite},
    [SDP_ATTR_EXTMAP_ALLOW_MIXED] = {NAME("extmap-allow-mixed"), AT_SESSION,
                                     read_extmap_allow_mixed},
    [SDP_ATTR_ICE_UFRAG] = {NAME("ice-ufrag"), AT_BOTH, read_ice_ufrag},
    [SDP_ATTR_ICE_PWD] = {NAME("ice-pwd"), AT_BOTH, read_ice_pwd},
    [SDP_ATTR_FINGERPRINT] = {NAME("fingerprint"), AT_BOTH, read_fingerprint},
    [SDP_ATTR_SETUP] = {NAME("setup"), AT_BOTH, read_setup},
    [SDP_ATTR_SENDRECV] = {NAME("sendrecv"), AT_BOTH, read_sendrecv},
    [SDP_ATTR_SENDONLY] = {NAME("sendonly"), AT_BOTH, read_sendonly},
    [SDP_ATTR_RECVONLY] = {NAME("recvonly"), AT_BOTH, read_recvonly},
    [SDP_ATTR_INACTIVE] = {NAME("inactive"), AT_BOTH, read_inactive},
    [SDP_ATTR_MID] = {NAME("mid"), AT_SECTION, read_mid},
    [SDP_ATTR_BUNDLE_ONLY] = {NAME("bundle-only"), AT_SECTION, read_bundle_only},
    [SDP_ATTR_RTCP_MUX] = {NAME("rtcp-mux"), AT_SECTION, read_rtcp_mux},
    [SDP_ATTR_RTCP_RSIZE] = {NAME("rtcp-rsize"), AT_SECTION, read_rtcp_rsize},
    [SDP_ATTR_RTPMAP] = {NAME("rtpmap"), AT_SECTION, read_rtpmap},
    [SDP_ATTR_FMTP] = {NAME("fmtp"), AT_SECTION, read_fmtp},
    [SDP_ATTR_RTCP_FB] = {NAME("rtcp-fb"), AT_SECTION, read_rtcp_fb},
    [SDP_ATTR_EXTMAP] = {NAME("extmap"), AT_SECTION, read_extmap},
    [SDP_ATTR_MSID] = {NAME("msid"), AT_SECTION, read_msid},
    [SDP_ATTR_SSRC] = {NAME("ssrc"), AT_SECTION, read_ssrc},
    [SDP_ATTR_SSRC_GROUP] = {NAME("ssrc-group"), AT_SECTION, read_ssrc_group},
    [SDP_ATTR_RID] = {NAME("rid"), AT_SECTION, read_rid},
    [SDP_ATTR_SIMULCAST] = {NAME("simulcast"), AT_SECTION, read_simulcast},
    [SDP_ATTR_SCTP_PORT] = {NAME("sctp-port"), AT_SECTION, read_sctp_port},
    [SDP_ATTR_MAX_MESSAGE_SIZE] = {NAME("max-message-size"), AT_SECTION, read_max_message_size},
};

enum sdp_attribute sdp_attribute_find(struct slice name) {
    for (unsigned i = 0; i < SDP_ATTR_COUNT; i++) {
        if (name.len == rows[i].name.len && slice_eq(name, rows[i].name)) {
            return (enum sdp_attribute)i;
        }
    }
    return SDP_ATTR_UNKNOWN;
}

const char *sdp_attribute_take(struct sdp_fill *f, enum sdp_attribute attribute,
                               struct slice value) {
    if (attribute >= SDP_ATTR_COUNT) {
        return NULL;
    }
    unsigned level = f->section ? AT_SECTION : AT_SESSION;
    return (rows[attribute].levels & level) != 0 ? rows[attribute].read(f, value) : NULL;
}

const char *sdp_take_formats(struct sdp_fill *f, struct sdp_section *s) {
    struct slice rest = s->formats_text;
    size_t words = count_words(rest);
    if (words > ARRAY_LEN(f->by_payload)) {
        return "m-line lists more payload types than there are";
    }
    s->formats = arena_zalloc(f->arena, words * sizeof(*s->formats));
    if (!s->formats) {
        return NO_MEMORY;
    }
    while (rest.len > 0) {
        uint64_t number = 0;
        if (!sdp_number(slice_split(&rest, ' '), 127, &number)) {
            return "m-line lists what is not a payload type";
        }
        if (f->by_payload[number]) {
            return "m-line lists a payload type twice";
        }
        struct sdp_format *format = &s->formats[s->formats_count++];
        *format = (struct sdp_format){.payload_type = (uint8_t)number, .channels = 1};
        f->by_payload[number] = format;
    }
    return NULL;
}
