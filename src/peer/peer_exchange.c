#include "peer_priv.h"

#include <stdio.h>
#include <string.h>

static struct peer_verdict read_description(struct arena *arena, struct slice text,
                                            struct sdp *ret_sdp) {
    const char *reason = NULL;
    enum status s = sdp_read(text, arena, ret_sdp, &reason);
    return s == STATUS_OK ? PEER_FINE : (struct peer_verdict){s, reason};
}

static bool restarts(const struct peer *p, const struct peer_state *next) {
    const struct peer_state *now = &p->state;
    return now->has_remote &&
           !(slice_eq(slice_of(now->ufrag, now->ufrag_len),
                      slice_of(next->ufrag, next->ufrag_len)) &&
             slice_eq(slice_of(now->pwd, now->pwd_len), slice_of(next->pwd, next->pwd_len)));
}

/* Writes a whole description or nothing. */
static struct peer_verdict write_whole(struct buf *out, const struct peer_description *d) {
    size_t before = out->len;
    peer_write(out, d);
    if (out->failed) {
        out->len = before;
        return PEER_REFUSE(TOO_LARGE, "no room for our description");
    }
    return PEER_FINE;
}

static void take_fresh_credentials(struct peer *p) {
    p->credentials = p->fresh;
    p->has_fresh = false;
    memset(&p->fresh, 0, sizeof(p->fresh));
}

/* Sections stay views into the text, so that it is copied. */
static struct peer_verdict hold_offer(const struct peer *p, struct slice text,
                                      struct peer_held *h) {
    if (p->role == PEER_SUBSCRIBER) {
        return PEER_REFUSE(PRECONDITION, "this peer connection is ours to offer");
    }
    if (text.len > SDP_BYTES_MAX) {
        return PEER_REFUSE(TOO_LARGE, "too long");
    }
    struct slice copy = arena_copy(&h->arena, text);
    if (h->arena.failed) {
        return PEER_NO_MEMORY;
    }
    struct peer_verdict v = read_description(&h->arena, copy, &h->offer);
    if (v.status == STATUS_OK) {
        v = peer_read_remote(p, &h->offer, &p->state, true, &h->next);
    }
    if (v.status != STATUS_OK) {
        return v;
    }
    h->agreed = arena_alloc(&h->arena, h->next.sections_count * sizeof(*h->agreed));
    h->restarted = restarts(p, &h->next);
    return h->agreed ? PEER_FINE : PEER_NO_MEMORY;
}

enum status peer_take_offer(struct peer *p, struct slice sdp, bool *ret_restarted) {
    struct peer_held *h = peer_held_create();
    if (!h) {
        return peer_conclude(p, PEER_NO_MEMORY);
    }
    struct peer_verdict v = hold_offer(p, sdp, h);
    if (v.status == STATUS_OK) {
        peer_held_destroy(p->held);
        p->held = TAKE(h);
        *ret_restarted = p->held->restarted;
    }
    peer_held_destroy(h);
    return peer_conclude(p, v);
}

/* Sends stay in their sections; those that have none get one. */
static void agree(const struct peer *p, struct peer_held *h) {
    size_t count = h->next.sections_count;
    memcpy(h->agreed, h->next.sections, count * sizeof(*h->agreed));
    for (size_t i = 0; i < count; i++) {
        struct peer_section *s = &h->agreed[i];
        const struct peer_section *before = peer_agreed_same(p, i, peer_section_mid(s));
        s->send = before && !s->stopped ? before->send : 0;
    }
    peer_place_sends(p, h->agreed, count);
    for (size_t i = 0; i < count; i++) {
        struct peer_section *s = &h->agreed[i];
        if (!s->stopped && s->kind != SDP_APPLICATION) {
            peer_section_agree(p, s, &h->offer.sections[i]);
        }
    }
}

static struct peer_verdict write_answer(struct peer *p, struct buf *out) {
    struct peer_held *h = p->held;
    if (!h || p->role == PEER_SUBSCRIBER) {
        return PEER_REFUSE(PRECONDITION, "no offer to answer");
    }
    agree(p, h);
    bool renew = h->restarted && p->has_fresh;
    struct peer_verdict v = write_whole(out, &(struct peer_description){
                                                 .peer = p,
                                                 .credentials = renew ? &p->fresh : &p->credentials,
                                                 .sections = h->agreed,
                                                 .sections_count = h->next.sections_count,
                                                 .offer = &h->offer,
                                             });
    if (v.status != STATUS_OK) {
        return v;
    }
    if (renew) {
        take_fresh_credentials(p);
    }
    p->version++;
    memcpy(h->next.sections, h->agreed, h->next.sections_count * sizeof(*h->agreed));
    peer_take_state(p, &h->next);
    p->held = peer_held_destroy(h);
    return PEER_FINE;
}

enum status peer_write_answer(struct peer *p, struct buf *out) {
    return peer_conclude(p, write_answer(p, out));
}

enum status peer_answer(struct peer *p, struct slice offer_sdp, struct buf *out,
                        bool *ret_restarted) {
    bool restarted = false;
    enum status s = peer_take_offer(p, offer_sdp, &restarted);
    if (s != STATUS_OK) {
        return s;
    }
    s = peer_write_answer(p, out);
    if (s != STATUS_OK) {
        peer_drop_offer(p);
        return s;
    }
    *ret_restarted = restarted;
    return STATUS_OK;
}

/* Mids of ours count up. */
static void begin_section(struct peer_section *s, size_t index, enum sdp_kind kind) {
    *s = (struct peer_section){.kind = kind, .rtp.video = kind == SDP_VIDEO};
    s->rtp.mid_len = (uint8_t)snprintf(s->rtp.mid, sizeof(s->rtp.mid), "%zu", index);
}

/* What there was, also in an offer that was not answered, and new sections for sends that find no
 * free one. The first offer has the data section, even when it has nothing else (T25). */
static bool make_offered_sections(const struct peer *p, struct peer_state *next) {
    const struct peer_state *base = p->held ? &p->held->next : &p->state;
    size_t at = base->sections_count, kept = MAX(at, (size_t)1);
    uint32_t audios = 0, videos = 0;
    peer_sections_missing(p, &audios, &videos);
    if (!peer_state_make_sections(next, kept + audios + videos)) {
        return false;
    }
    if (at > 0) {
        memcpy(next->sections, base->sections, at * sizeof(*next->sections));
    } else {
        begin_section(&next->sections[at++], 0, SDP_APPLICATION);
    }
    for (; at < next->sections_count; at++) {
        begin_section(&next->sections[at], at, at < kept + audios ? SDP_AUDIO : SDP_VIDEO);
    }
    peer_place_sends(p, next->sections, next->sections_count);
    for (size_t i = 0; i < next->sections_count; i++) {
        if (next->sections[i].kind != SDP_APPLICATION) {
            peer_section_offer(p, &next->sections[i]);
        }
    }
    return true;
}

static struct peer_verdict write_offer(struct peer *p, struct peer_held *h, struct buf *out) {
    if (p->role != PEER_SUBSCRIBER) {
        return PEER_REFUSE(PRECONDITION, "this peer connection is the client's to offer");
    }
    if (!make_offered_sections(p, &h->next)) {
        return PEER_NO_MEMORY;
    }
    return write_whole(out, &(struct peer_description){
                                .peer = p,
                                .credentials = p->has_fresh ? &p->fresh : &p->credentials,
                                .sections = h->next.sections,
                                .sections_count = h->next.sections_count,
                            });
}

enum status peer_offer(struct peer *p, struct buf *out) {
    struct peer_held *h = peer_held_create();
    if (!h) {
        return peer_conclude(p, PEER_NO_MEMORY);
    }
    struct peer_verdict v = write_offer(p, h, out);
    if (v.status == STATUS_OK) {
        if (p->has_fresh) {
            take_fresh_credentials(p);
        }
        p->version++;
        peer_held_destroy(p->held);
        p->held = TAKE(h);
    }
    peer_held_destroy(h);
    return peer_conclude(p, v);
}

/* A client that wants no data section cannot be one of ours. */
static bool refuses_data(const struct peer_state *answer) {
    for (size_t i = 0; i < answer->sections_count; i++) {
        if (answer->sections[i].kind == SDP_APPLICATION && answer->sections[i].stopped) {
            return true;
        }
    }
    return false;
}

/* The sections are ours, as the answer lets them be; the rest is the client's. */
static void merge_answer(struct peer *p, struct peer_held *h, struct peer_state *answer) {
    for (size_t i = 0; i < answer->sections_count; i++) {
        peer_section_answered(p, &h->next.sections[i], &answer->sections[i]);
    }
    struct peer_section *theirs = answer->sections;
    answer->sections = h->next.sections;
    h->next.sections = theirs;
    peer_take_state(p, answer);
}

static struct peer_verdict take_answer(struct peer *p, struct slice text, struct arena *arena) {
    struct sdp sdp;
    struct peer_state answer = {0};
    struct peer_held *h = p->held;
    if (p->role != PEER_SUBSCRIBER || !h) {
        return PEER_REFUSE(PRECONDITION, "an answer without an offer of ours");
    }
    struct peer_verdict v = read_description(arena, text, &sdp);
    if (v.status == STATUS_OK) {
        v = peer_read_remote(p, &sdp, &h->next, false, &answer);
    }
    if (v.status != STATUS_OK) {
        return v;
    }
    if (refuses_data(&answer)) {
        peer_state_deinit(&answer);
        return PEER_REFUSE(UNIMPLEMENTED, "the data section was refused");
    }
    merge_answer(p, h, &answer);
    p->held = peer_held_destroy(h);
    return PEER_FINE;
}

enum status peer_take_answer(struct peer *p, struct slice answer_sdp) {
    struct arena arena;
    arena_init(&arena, SDP_ARENA_BYTES_MAX);
    struct peer_verdict v = take_answer(p, answer_sdp, &arena);
    arena_deinit(&arena);
    return peer_conclude(p, v);
}
