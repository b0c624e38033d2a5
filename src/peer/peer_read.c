#include "mem.h"
#include "peer_priv.h"

#include <string.h>

/* One description being read. */
struct reading {
    const struct peer *peer;
    const struct sdp *sdp;
    const struct peer_state *before;
    bool is_offer;
    struct peer_state *next;
};

static bool is_live(const struct sdp_section *s) {
    return s->port != 0 || s->bundle_only; /* RFC 8843: bundle-only sections are offered with 0 */
}

/* What we can carry at all. Others are answered with port 0. */
static bool is_known(const struct sdp_section *s) {
    if (s->kind == SDP_APPLICATION) {
        return s->is_sctp && slice_eq_cstr(s->formats_text, "webrtc-datachannel");
    }
    return (s->kind == SDP_AUDIO || s->kind == SDP_VIDEO) && s->is_rtp;
}

static struct peer_verdict read_place(const struct reading *r, size_t index) {
    const struct sdp_section *from = &r->sdp->sections[index];
    struct peer_section *to = &r->next->sections[index];
    if (from->mid.len == 0) {
        return PEER_REFUSE(MALFORMED, "a section has no mid");
    }
    for (size_t i = 0; i < index; i++) {
        if (slice_eq(peer_section_mid(&r->next->sections[i]), from->mid)) {
            return PEER_REFUSE(MALFORMED, "two sections have one mid");
        }
    }
    if (index < r->before->sections_count) {
        const struct peer_section *before = &r->before->sections[index];
        /* JSEP lets a new section take the place of a stopped one, in offers. */
        bool same = before->kind == from->kind && slice_eq(peer_section_mid(before), from->mid);
        if (!same && !(before->stopped && r->is_offer)) {
            return PEER_REFUSE(PRECONDITION, "a section has another mid or kind than before");
        }
    }
    to->kind = from->kind;
    to->rtp.video = from->kind == SDP_VIDEO;
    to->rtp.mid_len = (uint8_t)from->mid.len;
    memcpy(to->rtp.mid, from->mid.data, from->mid.len);
    return PEER_FINE;
}

static void read_data(struct peer_state *next, const struct sdp_section *from) {
    next->has_data = true;
    next->sctp_port = from->has_sctp_port ? from->sctp_port : PEER_SCTP_PORT;
    next->max_message_bytes = PEER_MESSAGE_BYTES_DEFAULT;
    if (from->has_max_message_bytes) {
        next->max_message_bytes =
            from->max_message_bytes == 0 ? UINT32_MAX : from->max_message_bytes;
    }
}

static struct peer_verdict read_section(const struct reading *r, size_t index) {
    const struct sdp_section *from = &r->sdp->sections[index];
    struct peer_section *to = &r->next->sections[index];
    struct peer_verdict v = read_place(r, index);
    if (v.status != STATUS_OK) {
        return v;
    }
    bool second_data = from->kind == SDP_APPLICATION && r->next->has_data;
    to->stopped = !is_live(from) || !is_known(from) || second_data;
    if (to->stopped) {
        return PEER_FINE;
    }
    if (from->kind == SDP_APPLICATION) {
        read_data(r->next, from);
        return PEER_FINE;
    }
    if (!from->rtcp_mux) {
        return PEER_REFUSE(UNIMPLEMENTED, "media without rtcp-mux");
    }
    peer_section_read_media(to, from);
    return PEER_FINE;
}

/* What the client sends on and what we knew of it stays bound to its mid. */
static void keep_binding(const struct reading *r, size_t index) {
    struct peer_section *to = &r->next->sections[index];
    const struct peer_section *before = peer_agreed_same(r->peer, index, peer_section_mid(to));
    if (before && before->remote_sends && to->remote_sends) {
        to->receive = before->receive;
        to->stereo = before->stereo;
        to->dtx = before->dtx;
        to->has_preferred = before->has_preferred;
        to->preferred = before->preferred;
        peer_section_prefer(to);
        to->red = before->red;
    }
}

/* The tracks' names move from the description into memory of the state's own. */
static bool own_texts(struct peer_state *next) {
    size_t bytes = 0;
    for (size_t i = 0; i < next->sections_count; i++) {
        bytes += next->sections[i].msid_track.len;
    }
    if (bytes == 0) {
        return true;
    }
    next->texts = mem_alloc(bytes);
    if (!next->texts) {
        return false;
    }
    uint8_t *to = next->texts;
    for (size_t i = 0; i < next->sections_count; i++) {
        struct slice *name = &next->sections[i].msid_track;
        if (name->len > 0) {
            memcpy(to, name->data, name->len);
            name->data = to;
            to += name->len;
        }
    }
    return true;
}

static struct peer_verdict read_sections(const struct reading *r) {
    const struct sdp *sdp = r->sdp;
    size_t before = r->before->sections_count;
    if (sdp->sections_count < before || (!r->is_offer && sdp->sections_count != before)) {
        return PEER_REFUSE(PRECONDITION, "sections are missing or too many");
    }
    if (sdp->sections_count == 0) {
        return PEER_REFUSE(MALFORMED, "no sections");
    }
    if (!peer_state_make_sections(r->next, sdp->sections_count)) {
        return PEER_NO_MEMORY;
    }
    for (size_t i = 0; i < sdp->sections_count; i++) {
        struct peer_verdict v = read_section(r, i);
        if (v.status != STATUS_OK) {
            return v;
        }
        keep_binding(r, i);
    }
    return own_texts(r->next) ? PEER_FINE : PEER_NO_MEMORY;
}

/* All sections in use share one transport. */
static struct peer_verdict check_bundle(const struct reading *r) {
    size_t in_use = 0;
    for (size_t i = 0; i < r->next->sections_count; i++) {
        in_use += !r->next->sections[i].stopped;
    }
    if (in_use == 0) {
        return PEER_REFUSE(MALFORMED, "no section that can be used");
    }
    if (in_use == 1 && !r->sdp->has_bundle) {
        return PEER_FINE;
    }
    for (size_t i = 0; i < r->next->sections_count; i++) {
        const struct peer_section *s = &r->next->sections[i];
        if (!s->stopped && !sdp_bundles(r->sdp, peer_section_mid(s))) {
            return PEER_REFUSE(UNIMPLEMENTED, "a section is not in the BUNDLE group");
        }
    }
    return PEER_FINE;
}

/* The section that speaks for the bundle: the first in use that has credentials (bundle-only ones
 * may come without). */
static const struct sdp_transport *find_transport(const struct reading *r) {
    for (size_t i = 0; i < r->next->sections_count; i++) {
        const struct sdp_transport *t = &r->sdp->sections[i].transport;
        if (!r->next->sections[i].stopped && t->ufrag.len > 0 && t->pwd.len > 0) {
            return t;
        }
    }
    return NULL;
}

/* We are always the DTLS server: the client must open the handshake. */
static struct peer_verdict check_setup(const struct reading *r, enum sdp_setup setup) {
    if (setup == SDP_SETUP_NONE) {
        return PEER_REFUSE(MALFORMED, "no DTLS setup role");
    }
    if (setup == SDP_SETUP_ACTIVE || (setup == SDP_SETUP_ACTPASS && r->is_offer)) {
        return PEER_FINE;
    }
    if (setup == SDP_SETUP_ACTPASS) {
        return PEER_REFUSE(MALFORMED, "an answer must decide the DTLS role");
    }
    if (r->peer->state.has_remote) {
        return PEER_REFUSE(PRECONDITION, "the DTLS role has changed");
    }
    return PEER_REFUSE(UNIMPLEMENTED, "the client does not open DTLS");
}

static struct peer_verdict read_fingerprint(const struct reading *r,
                                            const struct sdp_transport *t) {
    const struct peer_state *before = &r->peer->state;
    if (!t->has_fingerprint) {
        return t->has_other_fingerprint
                   ? PEER_REFUSE(UNIMPLEMENTED, "no fingerprint by sha-256, only by another hash")
                   : PEER_REFUSE(MALFORMED, "no fingerprint");
    }
    if (before->has_remote && memcmp(before->fingerprint, t->fingerprint, 32) != 0) {
        return PEER_REFUSE(PRECONDITION, "the fingerprint has changed");
    }
    memcpy(r->next->fingerprint, t->fingerprint, 32);
    return PEER_FINE;
}

static struct peer_verdict read_transport(const struct reading *r) {
    const struct sdp_transport *t = find_transport(r);
    if (!t) {
        return PEER_REFUSE(MALFORMED, "no ICE credentials");
    }
    if (r->sdp->ice_lite) {
        return PEER_REFUSE(UNIMPLEMENTED, "the client is ICE-lite, as we are: nobody would check");
    }
    struct peer_verdict v = check_setup(r, t->setup);
    if (v.status == STATUS_OK) {
        v = read_fingerprint(r, t);
    }
    if (v.status != STATUS_OK) {
        return v;
    }
    assert(t->ufrag.len <= PEER_ICE_TEXT_MAX && t->pwd.len <= PEER_ICE_TEXT_MAX);
    memcpy(r->next->ufrag, t->ufrag.data, t->ufrag.len);
    memcpy(r->next->pwd, t->pwd.data, t->pwd.len);
    r->next->ufrag_len = t->ufrag.len;
    r->next->pwd_len = t->pwd.len;
    r->next->has_remote = true;
    return PEER_FINE;
}

struct peer_verdict peer_read_remote(const struct peer *p, const struct sdp *sdp,
                                     const struct peer_state *before, bool is_offer,
                                     struct peer_state *ret_next) {
    struct peer_state next = {0};
    struct reading r = {
        .peer = p, .sdp = sdp, .before = before, .is_offer = is_offer, .next = &next};
    struct peer_verdict v = read_sections(&r);
    if (v.status == STATUS_OK) {
        v = check_bundle(&r);
    }
    if (v.status == STATUS_OK) {
        v = read_transport(&r);
    }
    if (v.status != STATUS_OK) {
        peer_state_deinit(&next);
        return v;
    }
    *ret_next = next;
    return PEER_FINE;
}
