#include "transport.h"

#include <string.h>

#include "dtls.h"
#include "hmac.h"
#include "mem.h"
#include "srtp.h"

struct credentials *credentials_create(const char *ufrag, const char *pwd) {
    size_t len = strnlen(ufrag, UFRAG_LEN + 1);
    assert(len > 0 && len <= UFRAG_LEN);
    struct credentials *c = mem_zalloc(sizeof *c);
    if (!c) {
        return NULL;
    }
    memcpy(c->ufrag, ufrag, len);
    c->key = hmac_key_create(HMAC_SHA1, slice_of(pwd, strnlen(pwd, ICE_PWD_LEN)));
    return c->key ? c : credentials_destroy(c);
}

struct credentials *credentials_destroy(struct credentials *c) {
    if (c) {
        assert(!c->transport);
        c->key = hmac_key_destroy(c->key);
        mem_free(c);
    }
    return NULL;
}

struct transport_remote *transport_remote_create(const struct media_transport_remote *say) {
    struct transport_remote *r = mem_zalloc(sizeof *r);
    if (!r) {
        return NULL;
    }
    r->say = *say;
    r->key = hmac_key_create(HMAC_SHA1, slice_of(say->pwd, strnlen(say->pwd, sizeof say->pwd)));
    return r->key ? r : transport_remote_destroy(r);
}

struct transport_remote *transport_remote_destroy(struct transport_remote *r) {
    if (r) {
        r->key = hmac_key_destroy(r->key);
        mem_free(r);
    }
    return NULL;
}

struct transport *transport_create(const struct media_transport_open *open) {
    assert(open->transport != 0);
    struct transport *t = mem_zalloc(sizeof *t);
    if (!t) {
        return NULL;
    }
    t->magic = TRANSPORT_MAGIC;
    t->id = open->transport;
    t->opens_channels = open->opens_channels;
    t->dtls_due_ms = UINT64_MAX;
    list_init(&t->pairs);
    list_init(&t->held);
    list_node_init(&t->in_handshakes);
    list_node_init(&t->in_owed);
    list_init(&t->receivers);
    list_init(&t->senders);
    list_node_init(&t->in_streaming);
    egress_queue_init(&t->egress);
    budget_init(&t->budget);
    pacer_init(&t->pacer);
    list_node_init(&t->in_probing);
    t->told_score = SCORE_UNTOLD;
    t->now = credentials_create(open->ufrag, open->pwd);
    return t->now ? t : transport_destroy(t);
}

struct transport *transport_destroy(struct transport *t) {
    if (t) {
        assert(list_empty(&t->pairs) && !list_node_linked(&t->in_handshakes));
        assert(!list_node_linked(&t->in_owed));
        assert(list_empty(&t->receivers) && list_empty(&t->senders));
        assert(!list_node_linked(&t->in_streaming) && !list_node_linked(&t->egress.in_waiting));
        for (struct held *h; (h = transport_take_held(t)) != NULL;) {
            mem_free(h);
        }
        loop_timer_deinit(&t->timer);
        t->dtls = dtls_destroy(t->dtls);
        t->srtp = srtp_session_destroy(t->srtp);
        mem_free(TAKE(t->twcc));
        t->remote = transport_remote_destroy(t->remote);
        t->now = credentials_destroy(t->now);
        t->next = credentials_destroy(t->next);
        mem_free(t);
    }
    return NULL;
}

bool transport_hold(struct transport *t, struct slice datagram) {
    if (t->held_bytes + datagram.len > HANDSHAKE_HELD_BYTES_MAX) {
        return false;
    }
    struct held *h = mem_alloc(sizeof *h + datagram.len);
    if (!h) {
        return false;
    }
    h->len = datagram.len;
    memcpy(h->bytes, datagram.data, datagram.len);
    list_node_init(&h->in_transport);
    list_push_back(&t->held, &h->in_transport);
    t->held_bytes += h->len;
    return true;
}

struct held *transport_take_held(struct transport *t) {
    struct list_node *node = list_first(&t->held);
    if (!node) {
        return NULL;
    }
    struct held *h = container_of(node, struct held, in_transport);
    list_remove(&t->held, node);
    assert(t->held_bytes >= h->len);
    t->held_bytes -= h->len;
    return h;
}

struct pair *transport_oldest_pair(struct transport *t) {
    struct pair *oldest = NULL;
    list_each (node, &t->pairs) {
        struct pair *p = container_of(node, struct pair, in_transport);
        if (p != t->selected && (!oldest || p->valid_ms < oldest->valid_ms)) {
            oldest = p;
        }
    }
    return oldest;
}
