#include "sdp.h"

#include "sdp_priv.h"

#include <string.h>

struct line {
    uint8_t type;                 /* 'v', 'm', 'a', ... */
    enum sdp_attribute attribute; /* of an a= line */
    struct slice value;           /* behind "x=", or behind "a=name:" */
};

struct lines {
    struct line *all;
    size_t count;
};

static enum status split_line(struct slice text, struct line *ret_line, const char **ret_reason) {
    if (text.len > SDP_LINE_BYTES_MAX) {
        *ret_reason = "a line is too long";
        return STATUS_TOO_LARGE;
    }
    if (text.len < 2 || text.data[1] != '=' || text.data[0] < 'a' || text.data[0] > 'z') {
        *ret_reason = "a line does not begin with a letter and =";
        return STATUS_MALFORMED;
    }
    if (slice_find(text, '\r') < text.len) {
        *ret_reason = "a carriage return without line feed";
        return STATUS_MALFORMED;
    }
    struct line line = {
        .type = text.data[0], .attribute = SDP_ATTR_UNKNOWN, .value = slice_after(text, 2)};
    if (line.type == 'a') {
        line.attribute = sdp_attribute_find(slice_split(&line.value, ':'));
    }
    *ret_line = line;
    return STATUS_OK;
}

static size_t count_bytes(struct slice s, uint8_t byte) {
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        count += s.data[i] == byte;
    }
    return count;
}

static enum status split_lines(struct slice text, struct arena *arena, struct lines *ret_lines,
                               const char **ret_reason) {
    if (text.len == 0 || text.data[text.len - 1] != '\n') {
        *ret_reason = "the last line has no end";
        return STATUS_MALFORMED;
    }
    size_t count = count_bytes(text, '\n');
    if (count > SDP_LINES_MAX) {
        *ret_reason = "too many lines";
        return STATUS_TOO_LARGE;
    }
    struct lines lines = {.all = arena_alloc(arena, count * sizeof(*lines.all))};
    if (!lines.all) {
        return STATUS_NO_MEMORY;
    }
    struct slice rest = text;
    while (lines.count < count) {
        struct slice one = slice_split(&rest, '\n');
        if (one.len > 0 && one.data[one.len - 1] == '\r') {
            one.len--;
        }
        enum status s = split_line(one, &lines.all[lines.count], ret_reason);
        if (s != STATUS_OK) {
            return s;
        }
        lines.count++;
    }
    *ret_lines = lines;
    return STATUS_OK;
}

static bool read_origin(struct slice value, struct sdp *sdp) {
    struct slice rest = value;
    (void)slice_split(&rest, ' '); /* user name */
    sdp->session_id = slice_split(&rest, ' ');
    sdp->session_version = slice_split(&rest, ' ');
    /* network type, address type, address: "IN IP4 127.0.0.1" means nothing here */
    return sdp->session_id.len > 0 && sdp->session_version.len > 0 && rest.len > 0;
}

static const char *read_session(struct sdp_fill *f, const struct line *lines, size_t count) {
    bool has_origin = false;
    if (count == 0 || lines[0].type != 'v' || !slice_eq_cstr(lines[0].value, "0")) {
        return "the first line is not v=0";
    }
    for (size_t i = 1; i < count; i++) {
        if (lines[i].type == 'o') {
            if (has_origin || !read_origin(lines[i].value, f->sdp)) {
                return "o= is not right or stands twice";
            }
            has_origin = true;
        } else if (lines[i].type == 'a') {
            const char *reason = sdp_attribute_take(f, lines[i].attribute, lines[i].value);
            if (reason) {
                return reason;
            }
        }
    }
    return has_origin ? NULL : "o= is missing";
}

static enum sdp_kind kind_of(struct slice media) {
    if (slice_eq_cstr(media, "audio")) {
        return SDP_AUDIO;
    }
    if (slice_eq_cstr(media, "video")) {
        return SDP_VIDEO;
    }
    return slice_eq_cstr(media, "application") ? SDP_APPLICATION : SDP_OTHER;
}

/* m=video 9 UDP/TLS/RTP/SAVPF 96 97 */
static const char *read_media_line(struct sdp_fill *f, struct slice value) {
    struct sdp_section *s = f->section;
    struct slice rest = value;
    s->media = slice_split(&rest, ' ');
    struct slice port_text = slice_split(&rest, ' ');
    s->protocol = slice_split(&rest, ' ');
    s->formats_text = rest;
    uint64_t port = 0;
    if (!sdp_number(port_text, UINT16_MAX, &port) || s->media.len == 0 || s->protocol.len == 0 ||
        s->formats_text.len == 0) {
        return "m-line is not media, port, protocol and formats";
    }
    s->port = (uint16_t)port;
    s->kind = kind_of(s->media);
    s->is_rtp = slice_eq_cstr(s->protocol, "UDP/TLS/RTP/SAVPF") ||
                slice_eq_cstr(s->protocol, "TCP/TLS/RTP/SAVPF") ||
                slice_eq_cstr(s->protocol, "RTP/SAVPF");
    s->is_sctp =
        slice_eq_cstr(s->protocol, "UDP/DTLS/SCTP") || slice_eq_cstr(s->protocol, "TCP/DTLS/SCTP");
    return s->is_rtp ? sdp_take_formats(f, s) : NULL;
}

/* Arrays are made as large as the lines that will fill them. */
static bool make_arrays(struct sdp_fill *f, const struct line *lines, size_t count) {
    size_t lines_of[SDP_ATTR_COUNT + 1] = {0};
    struct sdp_section *s = f->section;
    for (size_t i = 0; i < count; i++) {
        lines_of[lines[i].attribute]++;
    }
    s->extensions = arena_alloc(f->arena, lines_of[SDP_ATTR_EXTMAP] * sizeof(*s->extensions));
    s->feedback = arena_alloc(f->arena, lines_of[SDP_ATTR_RTCP_FB] * sizeof(*s->feedback));
    s->ssrcs = arena_alloc(f->arena, lines_of[SDP_ATTR_SSRC] * sizeof(*s->ssrcs));
    s->ssrc_groups = arena_alloc(f->arena, lines_of[SDP_ATTR_SSRC_GROUP] * sizeof(*s->ssrc_groups));
    s->rids = arena_alloc(f->arena, lines_of[SDP_ATTR_RID] * sizeof(*s->rids));
    return !f->arena->failed;
}

/* What the session says holds for each section that says nothing itself. Credentials go together.
 */
static void inherit(struct sdp_transport *t, const struct sdp_transport *session) {
    if (t->ufrag.len == 0 && t->pwd.len == 0) {
        t->ufrag = session->ufrag;
        t->pwd = session->pwd;
    }
    if (!t->has_fingerprint && !t->has_other_fingerprint) {
        t->has_fingerprint = session->has_fingerprint;
        t->has_other_fingerprint = session->has_other_fingerprint;
        memcpy(t->fingerprint, session->fingerprint, sizeof(t->fingerprint));
    }
    if (t->setup == SDP_SETUP_NONE) {
        t->setup = session->setup;
    }
}

static const char *read_section(struct sdp_fill *f, const struct sdp_fill *session,
                                const struct line *lines, size_t count) {
    const char *reason = read_media_line(f, lines[0].value);
    if (reason || !make_arrays(f, lines, count)) {
        return reason ? reason : "out of memory";
    }
    f->direction = session->direction;
    for (size_t i = 1; i < count; i++) {
        if (lines[i].type == 'a') {
            reason = sdp_attribute_take(f, lines[i].attribute, lines[i].value);
            if (reason) {
                return reason;
            }
        }
    }
    f->section->direction = f->direction;
    inherit(f->transport, session->transport);
    return NULL;
}

static size_t next_media_line(const struct lines *lines, size_t from) {
    size_t i = from;
    while (i < lines->count && lines->all[i].type != 'm') {
        i++;
    }
    return i;
}

static const char *read_levels(const struct lines *lines, struct arena *arena, struct sdp *sdp) {
    struct sdp_transport transport = {0};
    struct sdp_fill session = {
        .arena = arena, .sdp = sdp, .transport = &transport, .direction = SDP_SENDRECV};
    size_t at = next_media_line(lines, 0);
    const char *reason = read_session(&session, lines->all, at);
    while (!reason && at < lines->count) {
        size_t end = next_media_line(lines, at + 1);
        struct sdp_section *s = &sdp->sections[sdp->sections_count++];
        struct sdp_fill f = {.arena = arena, .sdp = sdp, .section = s, .transport = &s->transport};
        reason = read_section(&f, &session, lines->all + at, end - at);
        at = end;
    }
    return reason;
}

static enum status make_sections(const struct lines *lines, struct arena *arena, struct sdp *sdp,
                                 const char **ret_reason) {
    size_t count = 0;
    for (size_t i = 0; i < lines->count; i++) {
        count += lines->all[i].type == 'm';
    }
    if (count > SDP_SECTIONS_MAX) {
        *ret_reason = "too many sections";
        return STATUS_TOO_LARGE;
    }
    sdp->sections = arena_zalloc(arena, count * sizeof(*sdp->sections));
    return sdp->sections ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status sdp_read(struct slice text, struct arena *arena, struct sdp *ret_sdp,
                     const char **ret_reason) {
    *ret_reason = "out of memory";
    if (text.len > SDP_BYTES_MAX) {
        *ret_reason = "too long";
        return STATUS_TOO_LARGE;
    }
    if (!slice_is_text(text)) {
        *ret_reason = "NUL or invalid UTF-8";
        return STATUS_MALFORMED;
    }
    struct lines lines = {0};
    struct sdp sdp = {0};
    enum status s = split_lines(text, arena, &lines, ret_reason);
    if (s == STATUS_OK) {
        s = make_sections(&lines, arena, &sdp, ret_reason);
    }
    if (s != STATUS_OK) {
        return s;
    }
    const char *reason = read_levels(&lines, arena, &sdp);
    if (arena->failed) {
        return STATUS_NO_MEMORY;
    }
    if (reason) {
        *ret_reason = reason;
        return STATUS_MALFORMED;
    }
    *ret_reason = NULL;
    *ret_sdp = sdp;
    return STATUS_OK;
}

bool sdp_bundles(const struct sdp *sdp, struct slice mid) {
    struct slice rest = sdp->bundle;
    while (rest.len > 0) {
        if (slice_eq(slice_split(&rest, ' '), mid)) {
            return true;
        }
    }
    return false;
}

const struct sdp_format *sdp_find_format(const struct sdp_section *s, uint8_t payload_type) {
    for (size_t i = 0; i < s->formats_count; i++) {
        if (s->formats[i].payload_type == payload_type) {
            return &s->formats[i];
        }
    }
    return NULL;
}

bool sdp_simulcast_next(struct slice *rest, struct slice *ret_rid, bool *ret_paused) {
    if (rest->len == 0) {
        return false;
    }
    struct slice alternatives = slice_split(rest, ';');
    struct slice rid = slice_split(&alternatives, ',');
    *ret_paused = rid.len > 0 && rid.data[0] == '~';
    *ret_rid = *ret_paused ? slice_after(rid, 1) : rid;
    return true;
}
