#include "peer_priv.h"

#include "mem.h"

#include <string.h>

static size_t find_sender(const struct peer *p, uint64_t id) {
    size_t i = 0;
    while (i < p->senders_count && p->senders[i].send.id != id) {
        i++;
    }
    return i;
}

const struct peer_send *peer_find_send(const struct peer *p, uint64_t id) {
    size_t i = find_sender(p, id);
    return i < p->senders_count ? &p->senders[i].send : NULL;
}

const struct peer_section *peer_agreed_same(const struct peer *p, size_t index, struct slice mid) {
    const struct peer_state *s = &p->state;
    bool same = index < s->sections_count && slice_eq(peer_section_mid(&s->sections[index]), mid);
    return same ? &s->sections[index] : NULL;
}

static enum sdp_kind kind_of(const struct peer_send *send) {
    return send->codec <= RTP_CODEC_PCMA ? SDP_AUDIO : SDP_VIDEO;
}

/* Who carries what, while sections are given to sends. */
struct placing {
    const struct peer *peer;
    const struct peer_section *sections;
    size_t count;
    bool at_last; /* sections that have to rest count as free: the question is of the future */
    bool taken[SDP_SECTIONS_MAX];
    bool placed[PEER_SENDS_MAX];
};

static void begin_placing(struct placing *pl) {
    for (size_t i = 0; i < pl->count; i++) {
        size_t at = pl->sections[i].send ? find_sender(pl->peer, pl->sections[i].send) : SIZE_MAX;
        if (at < pl->peer->senders_count) {
            pl->taken[i] = true;
            pl->placed[at] = true;
        }
    }
}

static bool client_takes(const struct peer *p, const struct peer_section *s) {
    return p->role == PEER_SUBSCRIBER || (s->remote_direction & SDP_RECVONLY) != 0;
}

/* A section rests for one exchange between two sends, so that the client sees the first one end. */
static bool rests(const struct placing *pl, size_t index) {
    const struct peer_section *s = &pl->sections[index];
    if (pl->at_last) {
        return false;
    }
    const struct peer_section *before = peer_agreed_same(pl->peer, index, peer_section_mid(s));
    return peer_section_sends(s) || (before && peer_section_sends(before));
}

static bool is_free(const struct placing *pl, size_t index, enum sdp_kind kind) {
    const struct peer_section *s = &pl->sections[index];
    return s->kind == kind && !s->stopped && !pl->taken[index] && client_takes(pl->peer, s) &&
           !rests(pl, index);
}

/* How gladly a free section takes a send: 0 not at all. In an answer, one that the client may use
 * for its own media comes last, and takes only what it sends itself: both share one list of codecs.
 * A codec that the client takes nowhere still gets a section, which then says that it is refused.
 */
static unsigned rank(const struct placing *pl, const struct peer_section *s,
                     const struct peer_send *send) {
    if (pl->peer->role == PEER_SUBSCRIBER) {
        return 3;
    }
    const struct rtp_format *fit = peer_fit_format(&s->rtp, send);
    if (s->remote_sends) {
        return fit && fit == &s->rtp.formats[0] ? 2 : 0;
    }
    return fit ? 3 : 1;
}

static size_t pick_section(const struct placing *pl, const struct peer_send *send) {
    size_t best = pl->count;
    unsigned best_rank = 0;
    for (size_t i = 0; i < pl->count && best_rank < 3; i++) {
        unsigned r = is_free(pl, i, kind_of(send)) ? rank(pl, &pl->sections[i], send) : 0;
        if (r > best_rank) {
            best = i;
            best_rank = r;
        }
    }
    return best;
}

void peer_place_sends(const struct peer *p, struct peer_section *sections, size_t count) {
    struct placing pl = {.peer = p, .sections = sections, .count = count};
    begin_placing(&pl);
    for (size_t i = 0; i < count; i++) {
        sections[i].send = pl.taken[i] ? sections[i].send : 0;
    }
    for (size_t k = 0; k < p->senders_count; k++) {
        size_t at = pl.placed[k] ? count : pick_section(&pl, &p->senders[k].send);
        if (at < count) {
            sections[at].send = p->senders[k].send.id;
            pl.taken[at] = true;
        }
    }
}

struct counts {
    size_t audios, videos;
};

static size_t *of_kind(struct counts *c, enum sdp_kind kind) {
    return kind == SDP_AUDIO ? &c->audios : &c->videos;
}

/* Sends that will find no section in the next exchange. */
static struct counts count_missing(const struct peer *p, const struct peer_state *base) {
    struct placing pl = {.peer = p, .sections = base->sections, .count = base->sections_count};
    struct counts missing = {0};
    begin_placing(&pl);
    for (size_t k = 0; k < p->senders_count; k++) {
        const struct peer_send *send = &p->senders[k].send;
        size_t at = pl.placed[k] ? 0 : pick_section(&pl, send);
        if (!pl.placed[k] && at < pl.count) {
            pl.taken[at] = true;
        } else if (!pl.placed[k]) {
            (*of_kind(&missing, kind_of(send)))++;
        }
    }
    return missing;
}

/* How many sections can still be added; our first offer brings the data section along. */
static size_t room_in(const struct peer_state *base) {
    return SDP_SECTIONS_MAX - MAX(base->sections_count, (size_t)1);
}

/* In single mode the client's open offer will decide anew, and is answered at once. */
static const struct peer_state *base_of(const struct peer *p) {
    return p->role == PEER_SUBSCRIBER && p->held ? &p->held->next : &p->state;
}

void peer_sections_missing(const struct peer *p, uint32_t *ret_audios, uint32_t *ret_videos) {
    struct counts missing = count_missing(p, base_of(p));
    size_t room = room_in(base_of(p));
    size_t audios = MIN(missing.audios, room);
    *ret_audios = (uint32_t)audios;
    *ret_videos = (uint32_t)MIN(missing.videos, room - audios);
}

bool peer_needs_negotiation(const struct peer *p) {
    struct placing pl = {.peer = p,
                         .sections = p->state.sections,
                         .count = p->state.sections_count,
                         .at_last = true};
    begin_placing(&pl);
    for (size_t i = 0; i < pl.count; i++) {
        if (peer_section_sends(&pl.sections[i]) && !pl.taken[i]) {
            return true; /* what it sends was removed */
        }
    }
    for (size_t k = 0; k < p->senders_count; k++) {
        const struct peer_send *send = &p->senders[k].send;
        bool has_room = room_in(&p->state) > 0;
        if (!pl.placed[k] && (has_room || pick_section(&pl, send) < pl.count)) {
            return true;
        }
    }
    return false;
}

/* A word in a line of SDP. */
static bool is_name(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] == 0x7f) {
            return false;
        }
    }
    return s.len > 0 && s.len <= PEER_NAME_BYTES_MAX && slice_is_text(s);
}

static bool make_room(struct peer *p) {
    if (p->senders_count < p->senders_cap) {
        return true;
    }
    size_t cap = MIN(MAX(p->senders_cap * 2, (size_t)8), (size_t)PEER_SENDS_MAX);
    struct peer_sender *grown = mem_realloc(p->senders, cap * sizeof(*grown));
    if (grown) {
        p->senders = grown;
        p->senders_cap = cap;
    }
    return grown != NULL;
}

static enum status copy_names(struct peer_sender *to, const struct peer_send *send) {
    size_t stream_len = send->stream_id.len, track_len = send->track_id.len;
    to->names = (struct bytes){.data = mem_alloc(stream_len + track_len)};
    if (!to->names.data) {
        return STATUS_NO_MEMORY;
    }
    to->names.len = stream_len + track_len;
    memcpy(to->names.data, send->stream_id.data, stream_len);
    memcpy(to->names.data + stream_len, send->track_id.data, track_len);
    to->send = *send;
    to->send.stream_id = slice_of(to->names.data, stream_len);
    to->send.track_id = slice_of(to->names.data + stream_len, track_len);
    return STATUS_OK;
}

/* The sender is already counted: every one of them must be able to have a section at last, of
 * those that there are or that can be added. What the client sends in itself is not relied on. */
static bool can_have_sections(const struct peer *p) {
    const struct peer_state *base = base_of(p);
    struct counts sends = {0}, places = {0};
    for (size_t k = 0; k < p->senders_count; k++) {
        (*of_kind(&sends, kind_of(&p->senders[k].send)))++;
    }
    for (size_t i = 0; i < base->sections_count; i++) {
        const struct peer_section *s = &base->sections[i];
        if (s->kind != SDP_APPLICATION && !s->stopped && !s->remote_sends && client_takes(p, s)) {
            (*of_kind(&places, s->kind))++;
        }
    }
    size_t audios = sends.audios - MIN(sends.audios, places.audios);
    size_t videos = sends.videos - MIN(sends.videos, places.videos);
    return audios + videos <= room_in(base);
}

/* Clients refuse a whole description in which two streams have one SSRC. */
static bool has_ssrc(const struct peer *p, uint32_t ssrc) {
    for (size_t i = 0; i < p->senders_count && ssrc != 0; i++) {
        if (p->senders[i].send.ssrc == ssrc || p->senders[i].send.rtx_ssrc == ssrc) {
            return true;
        }
    }
    return false;
}

static struct peer_verdict add_send(struct peer *p, const struct peer_send *send) {
    if (peer_find_send(p, send->id)) {
        return PEER_REFUSE(EXISTS, "a track with this id is being sent");
    }
    if (has_ssrc(p, send->ssrc) || has_ssrc(p, send->rtx_ssrc)) {
        return PEER_REFUSE(EXISTS, "a track with this SSRC is being sent");
    }
    if (!is_name(send->stream_id) || !is_name(send->track_id)) {
        return PEER_REFUSE(INVALID, "a name that cannot stand in a description");
    }
    if (p->senders_count == PEER_SENDS_MAX) {
        return PEER_REFUSE(EXHAUSTED, "too many tracks are being sent");
    }
    if (!make_room(p) || copy_names(&p->senders[p->senders_count], send) != STATUS_OK) {
        return PEER_NO_MEMORY;
    }
    p->senders_count++;
    if (!can_have_sections(p)) {
        bytes_deinit(&p->senders[--p->senders_count].names);
        return PEER_REFUSE(EXHAUSTED, "no section is left for another track");
    }
    return PEER_FINE;
}

enum status peer_send_add(struct peer *p, const struct peer_send *send) {
    assert(p->role != PEER_PUBLISHER);
    assert(send->id != 0 && send->codec != RTP_CODEC_RED);
    assert(send->ssrc != 0 && send->ssrc != send->rtx_ssrc);
    return peer_conclude(p, add_send(p, send));
}

/* Keeps the order: it is that in which sections are given. */
void peer_send_remove(struct peer *p, uint64_t id) {
    size_t at = find_sender(p, id);
    if (at == p->senders_count) {
        return;
    }
    bytes_deinit(&p->senders[at].names);
    p->senders_count--;
    memmove(&p->senders[at], &p->senders[at + 1], (p->senders_count - at) * sizeof(p->senders[at]));
}
