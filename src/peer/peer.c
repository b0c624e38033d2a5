#include "peer.h"

#include "mem.h"
#include "peer_priv.h"

#include <string.h>

bool peer_state_make_sections(struct peer_state *s, size_t count) {
    assert(!s->sections && count > 0);
    s->sections = mem_calloc(count, sizeof(*s->sections));
    s->sections_count = s->sections ? count : 0;
    return s->sections != NULL;
}

void peer_state_deinit(struct peer_state *s) {
    mem_free(s->sections);
    mem_free(s->texts);
    *s = (struct peer_state){0};
}

/* Room for the offer's text, what it reads into, and its sections as answered. */
struct peer_held *peer_held_create(void) {
    struct peer_held *h = mem_zalloc(sizeof(*h));
    if (h) {
        arena_init(&h->arena, SDP_ARENA_BYTES_MAX + SDP_BYTES_MAX +
                                  SDP_SECTIONS_MAX * (sizeof(struct peer_section) + 16));
    }
    return h;
}

struct peer_held *peer_held_destroy(struct peer_held *h) {
    if (h) {
        arena_deinit(&h->arena);
        peer_state_deinit(&h->next);
        mem_free(h);
    }
    return NULL;
}

static bool set_credentials(struct peer_credentials *c, struct slice ufrag, struct slice pwd) {
    if (ufrag.len != UFRAG_LEN || pwd.len != ICE_PWD_LEN) {
        return false;
    }
    memcpy(c->ufrag, ufrag.data, UFRAG_LEN);
    memcpy(c->pwd, pwd.data, ICE_PWD_LEN);
    return true;
}

struct peer *peer_create(enum peer_role role, const struct peer_local *local, struct slice ufrag,
                         struct slice pwd, uint64_t session_id) {
    struct peer *p = mem_zalloc(sizeof(*p));
    if (!p) {
        return NULL;
    }
    bool right_length = set_credentials(&p->credentials, ufrag, pwd);
    assert(right_length);
    (void)right_length;
    p->role = role;
    p->local = local;
    p->session_id = session_id & INT64_MAX; /* readers keep it in a signed number */
    p->reason = "ok";
    return p;
}

void peer_use_local(struct peer *p, const struct peer_local *local) {
    assert(memcmp(local->fingerprint, p->local->fingerprint, sizeof(local->fingerprint)) == 0);
    p->local = local;
}

struct peer *peer_destroy(struct peer *p) {
    if (p) {
        p->held = peer_held_destroy(p->held);
        peer_state_deinit(&p->state);
        for (size_t i = 0; i < p->senders_count; i++) {
            bytes_deinit(&p->senders[i].names);
        }
        mem_free(p->senders);
        mem_free(p);
    }
    return NULL;
}

enum status peer_set_local_credentials(struct peer *p, struct slice ufrag, struct slice pwd) {
    if (!set_credentials(&p->fresh, ufrag, pwd)) {
        return peer_conclude(p, PEER_REFUSE(INVALID, "credentials of wrong length"));
    }
    p->has_fresh = true;
    return STATUS_OK;
}

enum status peer_conclude(struct peer *p, struct peer_verdict verdict) {
    if (verdict.status != STATUS_OK) {
        p->reason = verdict.reason;
    }
    return verdict.status;
}

void peer_take_state(struct peer *p, struct peer_state *next) {
    peer_state_deinit(&p->state);
    p->state = *next;
    *next = (struct peer_state){0};
    const struct peer_state *s = &p->state;
    p->remote = (struct peer_remote){
        .ufrag = slice_of(s->ufrag, s->ufrag_len),
        .pwd = slice_of(s->pwd, s->pwd_len),
        .has_fingerprint = true,
        .has_data = s->has_data,
        .sctp_port = s->sctp_port,
        .max_message_bytes = s->max_message_bytes,
    };
    memcpy(p->remote.fingerprint, s->fingerprint, sizeof(p->remote.fingerprint));
}

const struct peer_remote *peer_remote(const struct peer *p) {
    return &p->remote;
}

struct slice peer_local_ufrag(const struct peer *p) {
    return slice_of(p->credentials.ufrag, UFRAG_LEN);
}

struct slice peer_local_pwd(const struct peer *p) {
    return slice_of(p->credentials.pwd, ICE_PWD_LEN);
}

const char *peer_reason(const struct peer *p) {
    return p->reason;
}

size_t peer_sections_count(const struct peer *p) {
    return p->state.sections_count;
}

const struct peer_section *peer_section_at(const struct peer *p, size_t index) {
    assert(index < p->state.sections_count);
    return &p->state.sections[index];
}

size_t peer_offered_count(const struct peer *p) {
    return p->held ? p->held->next.sections_count : 0;
}

const struct peer_section *peer_offered_at(const struct peer *p, size_t index) {
    assert(p->held && index < p->held->next.sections_count);
    return &p->held->next.sections[index];
}

void peer_receive(struct peer *p, size_t offered_index, const struct peer_receive *how) {
    assert(p->role != PEER_SUBSCRIBER && p->held);
    assert(offered_index < p->held->next.sections_count && how->track != 0);
    struct peer_section *s = &p->held->next.sections[offered_index];
    assert(s->remote_sends);
    s->receive = how->track;
    s->stereo = how->stereo;
    s->dtx = how->dtx;
    s->has_preferred = how->has_preferred;
    s->preferred = how->preferred;
    peer_section_prefer(s);
    s->red = how->red;
    peer_section_choose_red(s);
}

void peer_drop_offer(struct peer *p) {
    if (p->role != PEER_SUBSCRIBER) {
        p->held = peer_held_destroy(p->held);
    }
}

bool peer_next_sending(const struct peer *p, size_t *at, struct slice *ret_mid,
                       struct slice *ret_track_id) {
    bool is_offered = p->role == PEER_SUBSCRIBER && p->held;
    const struct peer_state *said = is_offered ? &p->held->next : &p->state;
    while (*at < said->sections_count) {
        const struct peer_section *s = &said->sections[(*at)++];
        const struct peer_send *send = peer_section_sends(s) ? peer_find_send(p, s->send) : NULL;
        if (send) {
            *ret_mid = peer_section_mid(s);
            *ret_track_id = send->track_id;
            return true;
        }
    }
    return false;
}
