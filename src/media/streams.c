#include "streams.h"

#include <string.h>

#include "budget.h"
#include "entropy.h"
#include "mem.h"
#include "srtp.h"

static struct slice key_slice(const struct stream_key *k) {
    return slice_of(k, sizeof(*k));
}

static struct slice id_slice(const uint64_t *id) {
    return slice_of(id, sizeof(*id));
}

static bool track_equal(const struct map_node *node, struct slice key) {
    const struct receiver *r = container_of(node, const struct receiver, by_track);
    return slice_eq(id_slice(&r->say.track), key);
}

static bool ssrc_in_equal(const struct map_node *node, struct slice key) {
    return slice_eq(key_slice(&container_of(node, const struct ssrc_in, by_ssrc)->key), key);
}

static bool sender_equal(const struct map_node *node, struct slice key) {
    return slice_eq(id_slice(&container_of(node, const struct sender, by_id)->id), key);
}

static bool ssrc_out_equal(const struct map_node *node, struct slice key) {
    return slice_eq(key_slice(&container_of(node, const struct sender, by_ssrc)->ssrc), key);
}

static bool rtx_out_equal(const struct map_node *node, struct slice key) {
    return slice_eq(key_slice(&container_of(node, const struct sender, by_rtx)->rtx), key);
}

enum status streams_init(struct streams *s, struct hash_key key) {
    *s = (struct streams){0};
    list_init(&s->held);
    list_init(&s->silent);
    enum status st = map_init(&s->by_track, key, track_equal);
    if (st == STATUS_OK) {
        st = map_init(&s->by_ssrc_in, key, ssrc_in_equal);
    }
    if (st == STATUS_OK) {
        st = map_init(&s->senders, key, sender_equal);
    }
    if (st == STATUS_OK) {
        st = map_init(&s->by_ssrc_out, key, ssrc_out_equal);
    }
    if (st == STATUS_OK) {
        st = map_init(&s->by_rtx_out, key, rtx_out_equal);
    }
    return st;
}

void streams_deinit(struct streams *s) {
    assert(s->by_track.count == 0 && s->by_ssrc_in.count == 0 && s->senders.count == 0);
    map_deinit(&s->by_track);
    map_deinit(&s->by_ssrc_in);
    map_deinit(&s->senders);
    map_deinit(&s->by_ssrc_out);
    map_deinit(&s->by_rtx_out);
}

/* Receivers. */

struct receiver *receiver_create(const struct media_receive *say) {
    struct receiver *r = mem_zalloc(sizeof(*r));
    if (r) {
        r->say = *say;
        list_node_init(&r->in_transport);
        list_init(&r->ssrcs);
        list_init(&r->senders);
        level_init(&r->level);
        quality_init(&r->quality);
    }
    return r;
}

struct receiver *receiver_destroy(struct receiver *r) {
    if (r) {
        assert(list_empty(&r->ssrcs) && list_empty(&r->senders));
        r->uplink = uplink_destroy(r->uplink);
        mem_free(r);
    }
    return NULL;
}

static void bind(struct receiver *r, const struct ssrc_in *in) {
    if (in->rtx) {
        uplink_bind_rtx(r->uplink, in->layer, (uint32_t)in->key.ssrc);
    } else {
        uplink_bind(r->uplink, in->layer, (uint32_t)in->key.ssrc);
    }
}

enum status receiver_open(struct receiver *r, struct packet_pool *pool, uint32_t seed) {
    assert(!r->uplink && r->say.track != 0);
    struct uplink_config config = {
        .section = &r->say.section,
        .layers = r->say.layers,
        .rtcp_ssrc = seed | 1,
        .pool = pool,
    };
    memcpy(config.layer_of_rid, r->say.layer_of_rid, sizeof(config.layer_of_rid));
    enum status st = uplink_create(&config, &r->uplink);
    if (st != STATUS_OK) {
        return st;
    }
    list_each (node, &r->ssrcs) {
        const struct ssrc_in *in = container_of(node, struct ssrc_in, in_receiver);
        bind(r, in);
    }
    return STATUS_OK;
}

bool receiver_layer_of_rid(const struct receiver *r, struct slice rid, uint8_t *ret_layer) {
    for (size_t i = 0; i < r->say.section.rids_count; i++) {
        const struct rtp_rid *known = &r->say.section.rids[i];
        if (slice_eq(slice_of(known->text, known->len), rid)) {
            *ret_layer = r->say.layer_of_rid[i];
            return true;
        }
    }
    return false;
}

struct receiver *streams_find_mid(const struct transport *t, struct slice mid) {
    list_each (node, &t->receivers) {
        struct receiver *r = container_of(node, struct receiver, in_transport);
        if (slice_eq(rtp_section_mid(&r->say.section), mid)) {
            return r;
        }
    }
    return NULL;
}

struct receiver *streams_find_track(const struct streams *s, uint64_t track) {
    struct map_node *node = map_find(&s->by_track, id_slice(&track));
    return node ? container_of(node, struct receiver, by_track) : NULL;
}

static void forget_ssrc(struct streams *s, struct ssrc_in *in) {
    map_remove(&s->by_ssrc_in, &in->by_ssrc);
    list_remove(&in->receiver->ssrcs, &in->in_receiver);
    if (in->receiver->transport->srtp) {
        srtp_receiver_forget(in->receiver->transport->srtp, (uint32_t)in->key.ssrc);
    }
    mem_free(in);
}

static void detach_senders(struct receiver *r) {
    while (!list_empty(&r->senders)) {
        struct sender *sender = container_of(list_first(&r->senders), struct sender, in_receiver);
        list_remove(&r->senders, &sender->in_receiver);
        sender->receiver = NULL;
    }
}

/* What it sent before is another track's from now on. */
static void end_track(struct streams *s, struct receiver *r) {
    if (r->say.track != 0) {
        detach_senders(r);
        map_remove(&s->by_track, &r->by_track);
        r->say.track = 0;
    }
    while (!list_empty(&r->ssrcs)) {
        forget_ssrc(s, container_of(list_first(&r->ssrcs), struct ssrc_in, in_receiver));
    }
    r->uplink = uplink_destroy(r->uplink);
}

/* The section goes on as `next` says. */
static void continue_receiver(struct streams *s, struct receiver *r, struct receiver *next) {
    if (r->say.track != 0 && r->say.track != next->say.track) {
        end_track(s, r);
    }
    bool begins = r->say.track == 0 && next->say.track != 0;
    r->say = next->say;
    if (begins) {
        map_insert(&s->by_track, &r->by_track, id_slice(&r->say.track));
    }
    (void)receiver_destroy(next);
}

struct receiver *streams_put_receiver(struct streams *s, struct transport *t, struct receiver *r) {
    struct receiver *there = streams_find_mid(t, rtp_section_mid(&r->say.section));
    if (there) {
        continue_receiver(s, there, r);
        return there;
    }
    if (t->receivers.count >= RECEIVERS_MAX ||
        (r->say.track != 0 && streams_find_track(s, r->say.track))) {
        (void)receiver_destroy(r);
        return NULL;
    }
    r->transport = t;
    list_push_back(&t->receivers, &r->in_transport);
    if (r->say.track != 0) {
        map_insert(&s->by_track, &r->by_track, id_slice(&r->say.track));
    }
    return r;
}

void streams_remove_receiver(struct streams *s, struct receiver *r) {
    end_track(s, r);
    list_remove(&r->transport->receivers, &r->in_transport);
    (void)receiver_destroy(r);
}

struct ssrc_in *streams_find_ssrc(const struct streams *s, uint64_t transport, uint32_t ssrc) {
    const struct stream_key key = {transport, ssrc};
    struct map_node *node = map_find(&s->by_ssrc_in, key_slice(&key));
    return node ? container_of(node, struct ssrc_in, by_ssrc) : NULL;
}

struct ssrc_in *streams_add_ssrc(struct streams *s, struct receiver *r, uint32_t ssrc,
                                 uint8_t layer, bool rtx) {
    struct ssrc_in *in = r->ssrcs.count < RECEIVER_SSRCS_MAX ? mem_zalloc(sizeof(*in)) : NULL;
    if (!in) {
        return NULL;
    }
    list_node_init(&in->in_receiver);
    in->receiver = r;
    in->key = (struct stream_key){r->transport->id, ssrc};
    in->layer = layer;
    in->rtx = rtx;
    list_push_back(&r->ssrcs, &in->in_receiver);
    map_insert(&s->by_ssrc_in, &in->by_ssrc, key_slice(&in->key));
    if (r->uplink) {
        bind(r, in);
    }
    return in;
}

void streams_forget_ssrc(struct streams *s, uint64_t transport, uint32_t ssrc) {
    struct ssrc_in *in = streams_find_ssrc(s, transport, ssrc);
    if (in) {
        forget_ssrc(s, in);
    }
}

/* Senders. */

struct sender *sender_create(const struct media_send *say) {
    struct sender *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return NULL;
    }
    s->id = say->want.send;
    s->track = say->track;
    s->want = say->want;
    s->ssrc.ssrc = say->ssrc;
    s->rtx.ssrc = say->section->formats[0].rtx_payload_type != 0 ? say->rtx_ssrc : 0;
    s->layer_given = BUDGET_LAYER_NONE;
    list_node_init(&s->in_transport);
    list_node_init(&s->in_receiver);
    list_node_init(&s->in_held);
    list_node_init(&s->in_silent);
    quality_init(&s->quality);
    uint32_t seed;
    entropy_fill(&seed, sizeof(seed));
    const struct downlink_config config = {
        .section = say->section,
        .ssrc = say->ssrc,
        .rtx_ssrc = (uint32_t)s->rtx.ssrc,
        .cname = say->cname,
        .seed = seed,
    };
    if (downlink_create(&config, &s->downlink) != STATUS_OK) {
        return sender_destroy(s);
    }
    return s;
}

struct sender *sender_destroy(struct sender *s) {
    if (s) {
        assert(!list_node_linked(&s->in_transport) && !list_node_linked(&s->in_receiver));
        s->downlink = downlink_destroy(s->downlink);
        mem_free(s);
    }
    return NULL;
}

struct sender *streams_find_sender(const struct streams *s, uint64_t id) {
    struct map_node *node = map_find(&s->senders, id_slice(&id));
    return node ? container_of(node, struct sender, by_id) : NULL;
}

struct sender *streams_find_ssrc_out(const struct streams *s, uint64_t transport, uint32_t ssrc) {
    const struct stream_key key = {transport, ssrc};
    struct map_node *node = map_find(&s->by_ssrc_out, key_slice(&key));
    if (node) {
        return container_of(node, struct sender, by_ssrc);
    }
    node = map_find(&s->by_rtx_out, key_slice(&key));
    return node ? container_of(node, struct sender, by_rtx) : NULL;
}

static void attach(struct streams *s, struct sender *sender) {
    struct receiver *r = streams_find_track(s, sender->track);
    if (r && !sender->receiver) {
        sender->receiver = r;
        list_push_back(&r->senders, &sender->in_receiver);
    }
}

struct sender *streams_put_sender(struct streams *s, struct transport *t, struct sender *sender) {
    struct sender *there = streams_find_sender(s, sender->id);
    if (there) {
        there->want = sender->want;
        (void)sender_destroy(sender);
        attach(s, there);
        return there;
    }
    sender->transport = t;
    sender->ssrc.transport = sender->rtx.transport = t->id;
    list_push_back(&t->senders, &sender->in_transport);
    map_insert(&s->senders, &sender->by_id, id_slice(&sender->id));
    map_insert(&s->by_ssrc_out, &sender->by_ssrc, key_slice(&sender->ssrc));
    if (sender->rtx.ssrc != 0) {
        map_insert(&s->by_rtx_out, &sender->by_rtx, key_slice(&sender->rtx));
    }
    attach(s, sender);
    return sender;
}

void streams_hold_sender(struct streams *s, struct sender *sender, uint64_t now_us) {
    assert(!list_node_linked(&sender->in_held));
    list_push_back(&s->held, &sender->in_held);
    sender->held_us = now_us;
    downlink_set_held(sender->downlink, true);
}

void streams_release_sender(struct streams *s, struct sender *sender) {
    list_remove(&s->held, &sender->in_held);
    downlink_set_held(sender->downlink, false);
}

void streams_remove_sender(struct streams *s, struct sender *sender) {
    if (list_node_linked(&sender->in_held)) {
        streams_release_sender(s, sender);
    }
    if (list_node_linked(&sender->in_silent)) {
        list_remove(&s->silent, &sender->in_silent);
    }
    if (sender->receiver) {
        list_remove(&sender->receiver->senders, &sender->in_receiver);
    }
    map_remove(&s->senders, &sender->by_id);
    map_remove(&s->by_ssrc_out, &sender->by_ssrc);
    if (sender->rtx.ssrc != 0) {
        map_remove(&s->by_rtx_out, &sender->by_rtx);
    }
    list_remove(&sender->transport->senders, &sender->in_transport);
    if (sender->ready) {
        srtp_sender_remove(sender->transport->srtp, (uint32_t)sender->ssrc.ssrc);
        if (sender->rtx.ssrc != 0) {
            srtp_sender_remove(sender->transport->srtp, (uint32_t)sender->rtx.ssrc);
        }
    }
    (void)sender_destroy(sender);
}

void streams_drop_transport(struct streams *s, struct transport *t) {
    while (!list_empty(&t->senders)) {
        streams_remove_sender(s,
                              container_of(list_first(&t->senders), struct sender, in_transport));
    }
    while (!list_empty(&t->receivers)) {
        streams_remove_receiver(
            s, container_of(list_first(&t->receivers), struct receiver, in_transport));
    }
}
