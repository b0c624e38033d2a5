#include <string.h>

#include "node_priv.h"

struct credentials {
    char ufrag[UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1];
};

static struct credentials make_credentials(struct node *n) {
    struct credentials c;
    ident_base62(&n->rng, c.ufrag, UFRAG_LEN);
    ident_base62(&n->rng, c.pwd, ICE_PWD_LEN);
    return c;
}

enum status link_create(struct node *n, struct session *s, struct link *l, enum peer_role role,
                        uint32_t worker) {
    struct credentials c = make_credentials(n);
    l->peer = peer_create(role, &n->locals[worker], slice_of(c.ufrag, UFRAG_LEN),
                          slice_of(c.pwd, ICE_PWD_LEN), rng_u64(&n->rng) >> 2);
    if (!l->peer) {
        return STATUS_NO_MEMORY;
    }
    l->session = s;
    l->id = node_new_id(n);
    map_insert(&n->links, &l->by_id, slice_of(&l->id, sizeof(l->id)));
    return STATUS_OK;
}

void link_destroy(struct node *n, struct link *l) {
    if (l->peer) {
        map_remove(&n->links, &l->by_id);
        peer_destroy(l->peer);
        *l = (struct link){0};
    }
}

static struct fx_transport ours(struct effects *fx, const struct link *l, uint32_t worker) {
    return (struct fx_transport){
        .id = l->id,
        .worker = worker,
        .ufrag = fx_copy(fx, peer_local_ufrag(l->peer)),
        .pwd = fx_copy(fx, peer_local_pwd(l->peer)),
    };
}

static void put_open(struct effects *fx, const struct link *l, uint32_t worker,
                     bool opens_channels) {
    struct fx_transport t = ours(fx, l, worker);
    t.opens_channels = opens_channels;
    fx_add(fx, FX_TRANSPORT_OPEN)->transport = t;
}

static void put_remote(struct effects *fx, const struct link *l, uint32_t worker) {
    const struct peer_remote *remote = peer_remote(l->peer);
    struct fx_transport t = {
        .id = l->id,
        .worker = worker,
        .ufrag = fx_copy(fx, remote->ufrag),
        .pwd = fx_copy(fx, remote->pwd),
        .has_data = remote->has_data,
        .max_message_bytes = remote->max_message_bytes,
    };
    static_assert(sizeof(t.fingerprint) == sizeof(remote->fingerprint), "both are SHA-256");
    memcpy(t.fingerprint, remote->fingerprint, sizeof(t.fingerprint));
    fx_add(fx, FX_TRANSPORT_REMOTE)->transport = t;
}

static void put_description(struct node *n, struct effects *fx, const struct session *s,
                            bool is_offer, uint32_t id) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = is_offer ? (char[]){"offer"} : (char[]){"answer"};
    /* Messages want texts that end with a NUL. */
    buf_put_u8(&n->text, '\0');
    fx->failed = fx->failed || n->text.failed;
    d.sdp = (char *)n->text.data;
    d.id = id;
    if (n->text.failed) {
        return;
    }
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    if (is_offer) {
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_OFFER;
        response.offer = &d;
    } else {
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_ANSWER;
        response.answer = &d;
    }
    fx_signal_one(fx, s->conn, &response);
}

/* Writes the answer into n->text. Fresh credentials lie ready in case the offer is an ICE restart:
 * its answer must carry them. */
static enum status answer_offer(struct node *n, struct link *l, struct slice sdp,
                                bool *ret_restarted) {
    struct credentials c = make_credentials(n);
    enum status st = peer_set_local_credentials(l->peer, slice_of(c.ufrag, UFRAG_LEN),
                                                slice_of(c.pwd, ICE_PWD_LEN));
    if (st == STATUS_OK) {
        st = peer_answer(l->peer, sdp, &n->text, ret_restarted);
    }
    return n->text.failed ? STATUS_NO_MEMORY : st;
}

/* A negotiated peer cannot be taken back. So the memory to tell of it comes first: an answer is
 * hardly longer than its offer, and where it is, the rest is allocated as ever. */
static bool hold_memory(struct node *n, size_t offer_len, struct effects *fx) {
    enum { REST_BYTES = 16 * 1024, COMMANDS = 3 };
    size_t bytes = 2 * offer_len + REST_BYTES;
    buf_clear(&n->text);
    return buf_reserve(&n->text, bytes) && fx_hold(fx, bytes, COMMANDS);
}

enum status session_take_offer(struct node *n, struct session *s, uint32_t worker,
                               const Livekit__SessionDescription *offer, struct effects *fx) {
    struct link *l = &s->main;
    struct slice sdp = node_cstr_slice(offer->sdp);
    bool restarted = false;
    if (!hold_memory(n, sdp.len, fx)) {
        return STATUS_NO_MEMORY;
    }
    enum status st = answer_offer(n, l, sdp, &restarted);
    if (st != STATUS_OK) {
        return st;
    }
    if (!peer_remote(l->peer)->has_fingerprint) {
        return STATUS_MALFORMED; /* no way to know whom DTLS would talk to */
    }
    if (!l->open) {
        put_open(fx, l, worker, false);
    } else if (restarted) {
        fx_add(fx, FX_TRANSPORT_RESTART)->transport = ours(fx, l, worker);
    }
    put_remote(fx, l, worker);
    put_description(n, fx, s, false, offer->id);
    if (!node_ok(n, fx)) {
        return STATUS_INTERNAL; /* the peer has gone on, the client does not know: it starts anew */
    }
    l->open = true;
    return STATUS_OK;
}

enum status session_take_answer(struct node *n, struct session *s,
                                const Livekit__SessionDescription *answer, struct effects *fx) {
    struct link *l = &s->sub;
    if (!l->peer || !s->offer_outstanding) {
        return STATUS_OK; /* an answer to nothing: a late one, or a repeated one */
    }
    if (!hold_memory(n, 0, fx)) {
        return STATUS_NO_MEMORY;
    }
    enum status st = peer_take_answer(l->peer, node_cstr_slice(answer->sdp));
    if (st != STATUS_OK) {
        return st;
    }
    if (!peer_remote(l->peer)->has_fingerprint) {
        return STATUS_MALFORMED;
    }
    put_remote(fx, l, s->host->worker);
    if (!node_ok(n, fx)) {
        return STATUS_INTERNAL;
    }
    s->offer_outstanding = false;
    return STATUS_OK;
}

enum status session_send_offer(struct node *n, struct session *s, uint32_t worker,
                               struct effects *fx) {
    assert(s->sub.peer && !s->offer_outstanding);
    buf_clear(&n->text);
    enum status st = peer_offer(s->sub.peer, &n->text);
    if (st != STATUS_OK) {
        return n->text.failed ? STATUS_NO_MEMORY : st;
    }
    if (!s->sub.open) {
        put_open(fx, &s->sub, worker, true);
    }
    put_description(n, fx, s, true, s->offer_id + 1);
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    s->sub.open = true;
    s->offer_id++;
    s->offer_outstanding = true;
    return STATUS_OK;
}
