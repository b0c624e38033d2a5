#include <string.h>

#include "node_media.h"

struct credentials {
    char ufrag[UFRAG_LEN + 1], pwd[ICE_PWD_LEN + 1];
};

static struct credentials make_credentials(struct node *n) {
    struct credentials c;
    ident_base62(&n->rng, c.ufrag, UFRAG_LEN);
    ident_base62(&n->rng, c.pwd, ICE_PWD_LEN);
    return c;
}

const struct peer_local *session_local(const struct node *n, const struct participant *p,
                                       uint32_t worker) {
    bool tcp = p->tcp_only && n->locals_tcp[worker].candidates.len > 0;
    return tcp ? &n->locals_tcp[worker] : &n->locals[worker];
}

enum status link_create(struct node *n, struct session *s, struct link *l, enum peer_role role,
                        uint32_t worker) {
    struct credentials c = make_credentials(n);
    l->peer =
        peer_create(role, session_local(n, s->participant, worker), slice_of(c.ufrag, UFRAG_LEN),
                    slice_of(c.pwd, ICE_PWD_LEN), rng_u64(&n->rng) >> 2);
    if (!l->peer) {
        return STATUS_NO_MEMORY;
    }
    l->session = s;
    l->score = 100;
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

static char *fx_cstr(struct effects *fx, struct slice s) {
    char *text = fx_alloc(fx, s.len + 1);
    if (text) {
        memcpy(text, s.data, s.len);
        text[s.len] = '\0';
    }
    return text;
}

/* Which track each section that we send in carries: all of them, each time (trap T11). */
static void fill_mids(struct effects *fx, const struct peer *p, Livekit__SessionDescription *d) {
    Livekit__SessionDescription__MidToTrackIdEntry *entries, **list;
    struct slice mid, track_id;
    size_t count = 0, at = 0;
    while (peer_next_sending(p, &at, &mid, &track_id)) {
        count++;
    }
    if (count == 0) {
        return;
    }
    entries = fx_alloc(fx, count * sizeof(*entries));
    list = fx_alloc(fx, count * sizeof(*list));
    at = 0;
    for (size_t i = 0; entries && list && peer_next_sending(p, &at, &mid, &track_id); i++) {
        livekit__session_description__mid_to_track_id_entry__init(&entries[i]);
        entries[i].key = fx_cstr(fx, mid);
        entries[i].value = fx_cstr(fx, track_id);
        list[i] = &entries[i];
        d->n_mid_to_track_id = i + 1;
    }
    d->mid_to_track_id = list;
}

static void put_description(struct node *n, struct effects *fx, const struct session *s,
                            const struct peer *p, bool is_offer, uint32_t id) {
    Livekit__SessionDescription d = LIVEKIT__SESSION_DESCRIPTION__INIT;
    d.type = is_offer ? (char[]){"offer"} : (char[]){"answer"};
    /* Messages want texts that end with a NUL. */
    buf_put_u8(&n->text, '\0');
    fx->failed = fx->failed || n->text.failed;
    d.sdp = (char *)n->text.data;
    d.id = id;
    if (session_sending_peer(s) == p) {
        fill_mids(fx, p, &d);
    }
    if (!node_ok(n, fx)) {
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

/* Takes the offer, says what each of its sections is, and writes the answer into n->text. Fresh
 * credentials lie ready in case the offer is an ICE restart: its answer must carry them. */
static enum status answer_offer(struct node *n, struct session *s, struct slice sdp,
                                bool *ret_restarted) {
    struct peer *p = s->main.peer;
    struct credentials c = make_credentials(n);
    enum status st =
        peer_set_local_credentials(p, slice_of(c.ufrag, UFRAG_LEN), slice_of(c.pwd, ICE_PWD_LEN));
    if (st == STATUS_OK) {
        st = peer_take_offer(p, sdp, ret_restarted);
    }
    if (st != STATUS_OK) {
        return st;
    }
    session_bind_sections(n, s);
    st = peer_write_answer(p, &n->text);
    if (st != STATUS_OK) {
        peer_drop_offer(p);
        session_unbind_sections(n, s);
    }
    return n->text.failed ? STATUS_NO_MEMORY : st;
}

/* A negotiated peer cannot be taken back. So the memory to tell of it comes first: an answer is
 * hardly longer than its offer, and where it is, the rest is allocated as ever. */
static bool hold_memory(struct node *n, size_t offer_len, size_t sections, struct effects *fx) {
    enum { REST_BYTES = 16 * 1024, COMMANDS = 3, SECTION_BYTES = 2048, OF_SECTION = 4 };
    size_t bytes = 2 * offer_len + REST_BYTES + sections * SECTION_BYTES;
    buf_clear(&n->text);
    return buf_reserve(&n->text, bytes) && fx_hold(fx, bytes, COMMANDS + OF_SECTION * sections);
}

/* An exchange is over: what has come up meanwhile wants another one. */
static void end_exchange(struct node *n, struct session *s) {
    s->exchanged_ms = n->now.mono_ms;
    s->requirement_out = s->offer_outstanding = false;
    heap_remove(&n->timers, &s->negotiate.node);
    session_plan_exchange(n, s);
}

enum status session_take_offer(struct node *n, struct session *s, uint32_t worker,
                               const Livekit__SessionDescription *offer, struct effects *fx) {
    struct link *l = &s->main;
    struct slice sdp = node_cstr_slice(offer->sdp);
    bool restarted = false;
    if (!hold_memory(n, sdp.len, peer_sections_count(l->peer), fx)) {
        return STATUS_NO_MEMORY;
    }
    enum status st = answer_offer(n, s, sdp, &restarted);
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
    put_description(n, fx, s, l->peer, false, offer->id);
    session_put_receives(n, s, fx);
    if (s->single) {
        session_put_sends(n, s, l->peer, fx);
    }
    if (!node_ok(n, fx)) {
        return STATUS_INTERNAL; /* the peer has gone on, the client does not know: it starts anew */
    }
    l->open = true;
    if (s->single) {
        end_exchange(n, s);
    }
    return STATUS_OK;
}

enum status session_take_answer(struct node *n, struct session *s,
                                const Livekit__SessionDescription *answer, struct effects *fx) {
    struct link *l = &s->sub;
    if (!l->peer || !s->offer_outstanding) {
        return STATUS_OK; /* an answer to nothing: a late one, or a repeated one */
    }
    if (answer->id != 0 && answer->id != s->offer_id) {
        return STATUS_OK; /* to an offer that went with an earlier connection */
    }
    if (!hold_memory(n, 0, peer_sections_count(l->peer), fx)) {
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
    session_put_sends(n, s, l->peer, fx);
    if (!node_ok(n, fx)) {
        return STATUS_INTERNAL;
    }
    end_exchange(n, s);
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
        put_open(fx, &s->sub, worker, s->subscriber_primary);
    }
    put_description(n, fx, s, s->sub.peer, true, s->offer_id + 1);
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    s->sub.open = true;
    s->offer_id++;
    s->offer_outstanding = true;
    return STATUS_OK;
}

enum status session_restart_offer(struct node *n, struct session *s, struct effects *fx) {
    struct credentials c = make_credentials(n);
    enum status st = peer_set_local_credentials(s->sub.peer, slice_of(c.ufrag, UFRAG_LEN),
                                                slice_of(c.pwd, ICE_PWD_LEN));
    bool open = s->sub.open;
    if (st == STATUS_OK) {
        st = session_send_offer(n, s, s->host->worker, fx);
    }
    if (st == STATUS_OK && open) {
        fx_add(fx, FX_TRANSPORT_RESTART)->transport = ours(fx, &s->sub, s->host->worker);
        st = node_ok(n, fx) ? st : STATUS_NO_MEMORY;
    }
    return st;
}

/* ---- exchanges that we ask for */

void session_plan_exchange(struct node *n, struct session *s) {
    const struct peer *p = session_sending_peer(s);
    /* The first one is the client's, or comes with the join. */
    bool begun = s->single ? s->main.open : s->sub.open || !s->subscriber_primary;
    if (!p || !begun || s->conn == 0 || s->requirement_out || s->offer_outstanding ||
        heap_has(&s->negotiate.node) || !peer_needs_negotiation(p)) {
        return;
    }
    bool calm = n->now.mono_ms - s->exchanged_ms > EXCHANGE_PAUSE_MS;
    heap_set(&n->timers, &s->negotiate.node,
             n->now.mono_ms + (calm ? EXCHANGE_DELAY_MS : EXCHANGE_PAUSE_MS));
}

/* Only the client can offer: it is told how many sections its offer lacks. None is an answer, too:
 * it makes an offer all the same. */
static void put_requirement(struct effects *fx, const struct session *s) {
    Livekit__MediaSectionsRequirement requirement = LIVEKIT__MEDIA_SECTIONS_REQUIREMENT__INIT;
    peer_sections_missing(s->main.peer, &requirement.num_audios, &requirement.num_videos);
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_MEDIA_SECTIONS_REQUIREMENT;
    response.media_sections_requirement = &requirement;
    fx_signal_one(fx, s->conn, &response);
}

static void begin_exchange(struct node *n, struct session *s, struct effects *fx) {
    if (s->single) {
        put_requirement(fx, s);
        if (!node_ok(n, fx)) {
            return;
        }
        s->requirement_out = true;
    } else {
        enum status st = session_send_offer(n, s, s->host->worker, fx);
        if (st == STATUS_NO_MEMORY) {
            fx->failed = true; /* the timer is tried again */
            return;
        }
        if (st != STATUS_OK) {
            session_end(n, s, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                        LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
            return;
        }
    }
    heap_set(&n->timers, &s->negotiate.node, n->now.mono_ms + EXCHANGE_TIMEOUT_MS);
}

void session_on_negotiate(struct node *n, struct session *s, struct effects *fx) {
    const struct peer *p = session_sending_peer(s);
    if (s->is_ending || s->conn == 0 || !p) {
        return; /* it begins again when the client is back */
    }
    if (s->requirement_out || s->offer_outstanding) {
        session_end(n, s, LIVEKIT__DISCONNECT_REASON__STATE_MISMATCH,
                    LIVEKIT__LEAVE_REQUEST__ACTION__RECONNECT, true);
    } else if (peer_needs_negotiation(p)) {
        begin_exchange(n, s, fx);
    }
}
