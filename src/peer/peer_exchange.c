#include "peer_priv.h"

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

static struct peer_verdict answer(struct peer *p, struct slice offer_sdp, struct arena *arena,
                                  struct buf *out, bool *ret_restarted) {
    struct sdp offer;
    struct peer_state next = {0};
    if (p->role == PEER_SUBSCRIBER) {
        return PEER_REFUSE(PRECONDITION, "this peer connection is ours to offer");
    }
    struct peer_verdict v = read_description(arena, offer_sdp, &offer);
    if (v.status == STATUS_OK) {
        v = peer_read_remote(p, &offer, true, &next);
    }
    if (v.status != STATUS_OK) {
        return v;
    }
    bool restarted = restarts(p, &next);
    bool renew = restarted && p->has_fresh;
    v = write_whole(out, &(struct peer_description){
                             .local = p->local,
                             .credentials = renew ? &p->fresh : &p->credentials,
                             .state = &next,
                             .offer = &offer,
                             .session_id = p->session_id,
                             .version = p->version + 1,
                         });
    if (v.status != STATUS_OK) {
        peer_state_deinit(&next);
        return v;
    }
    if (renew) {
        take_fresh_credentials(p);
    }
    p->version++;
    peer_take_state(p, &next);
    *ret_restarted = restarted;
    return PEER_FINE;
}

enum status peer_answer(struct peer *p, struct slice offer_sdp, struct buf *out,
                        bool *ret_restarted) {
    struct arena arena;
    arena_init(&arena, SDP_ARENA_BYTES_MAX);
    struct peer_verdict v = answer(p, offer_sdp, &arena, out, ret_restarted);
    arena_deinit(&arena);
    return peer_conclude(p, v);
}

/* The first offer has the data section alone; later ones repeat what there is. */
static bool make_first_offer(struct peer_state *s) {
    if (!peer_state_make_sections(s, 1)) {
        return false;
    }
    s->sections[0] = (struct peer_section){.kind = SDP_APPLICATION, .mid = "0", .mid_len = 1};
    return true;
}

static struct peer_verdict offer(struct peer *p, struct buf *out) {
    if (p->role != PEER_SUBSCRIBER) {
        return PEER_REFUSE(PRECONDITION, "this peer connection is the client's to offer");
    }
    struct peer_state first = {0};
    bool is_first = p->state.sections_count == 0;
    if (is_first && !make_first_offer(&first)) {
        return PEER_REFUSE(NO_MEMORY, "out of memory");
    }
    struct peer_verdict v =
        write_whole(out, &(struct peer_description){
                             .local = p->local,
                             .credentials = p->has_fresh ? &p->fresh : &p->credentials,
                             .state = is_first ? &first : &p->state,
                             .session_id = p->session_id,
                             .version = p->version + 1,
                         });
    if (v.status != STATUS_OK) {
        peer_state_deinit(&first);
        return v;
    }
    if (is_first) {
        peer_take_state(p, &first);
    }
    if (p->has_fresh) {
        take_fresh_credentials(p);
    }
    p->version++;
    p->offer_outstanding = true;
    return PEER_FINE;
}

enum status peer_offer(struct peer *p, struct buf *out) {
    return peer_conclude(p, offer(p, out));
}

static struct peer_verdict take_answer(struct peer *p, struct slice answer_sdp,
                                       struct arena *arena) {
    struct sdp sdp;
    struct peer_state next = {0};
    if (!p->offer_outstanding) {
        return PEER_REFUSE(PRECONDITION, "an answer without an offer of ours");
    }
    struct peer_verdict v = read_description(arena, answer_sdp, &sdp);
    if (v.status == STATUS_OK) {
        v = peer_read_remote(p, &sdp, false, &next);
    }
    if (v.status == STATUS_OK) {
        p->offer_outstanding = false;
        peer_take_state(p, &next);
    }
    return v;
}

enum status peer_take_answer(struct peer *p, struct slice answer_sdp) {
    struct arena arena;
    arena_init(&arena, SDP_ARENA_BYTES_MAX);
    struct peer_verdict v = take_answer(p, answer_sdp, &arena);
    arena_deinit(&arena);
    return peer_conclude(p, v);
}
