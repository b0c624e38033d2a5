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
    for (size_t i = 0; i < s->sections_count; i++) {
        bytes_deinit(&s->sections[i].msid_track);
    }
    mem_free(s->sections);
    *s = (struct peer_state){0};
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

struct peer *peer_destroy(struct peer *p) {
    if (p) {
        peer_state_deinit(&p->state);
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
    if (!s->has_remote) {
        return;
    }
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
