#include "node_call.h"

enum { NONCE_LEN = 16 };

static void put_packet(struct call *c, const Livekit__SendDataRequest *r, const struct room *room) {
    Livekit__UserPacket user = LIVEKIT__USER_PACKET__INIT;
    user.payload = r->data;
    user.destination_sids = r->destination_sids;
    user.n_destination_sids = r->n_destination_sids;
    user.destination_identities = r->destination_identities;
    user.n_destination_identities = r->n_destination_identities;
    if (r->opt_topic_case == LIVEKIT__SEND_DATA_REQUEST__OPT_TOPIC_TOPIC) {
        user.opt_topic_case = LIVEKIT__USER_PACKET__OPT_TOPIC_TOPIC;
        user.topic = r->topic;
    }
    user.nonce = r->nonce;
    Livekit__DataPacket packet = LIVEKIT__DATA_PACKET__INIT;
    packet.kind = r->kind;
    packet.destination_identities = r->destination_identities;
    packet.n_destination_identities = r->n_destination_identities;
    packet.value_case = LIVEKIT__DATA_PACKET__VALUE_USER;
    packet.user = &user;
    struct slice bytes = fx_encode(c->fx, &packet.base);
    struct effect *e = fx_add(c->fx, FX_DATA_SEND);
    e->room_key = room->key;
    e->reliable = r->kind != LIVEKIT__DATA_PACKET__KIND__LOSSY;
    e->bytes = bytes;
}

enum status op_send_data(struct call *c) {
    const Livekit__SendDataRequest *r = (const void *)c->request;
    struct slice name = node_cstr_slice(r->room);
    if (r->nonce.len != 0 && r->nonce.len != NONCE_LEN) {
        call_fail(c, TWIRP_INVALID_ARGUMENT,
                  "nonce should be 16-bytes or not present, got: %zu bytes", r->nonce.len);
        return STATUS_OK;
    }
    struct dir_room room;
    if (dir_room_find(c->n->dir, name, &room) != STATUS_OK) {
        /* The reference retries for 3 s in vain, then says 503. The answer is known at once. */
        call_fail_missing_room(c);
        return STATUS_OK;
    }
    Livekit__SendDataResponse response = LIVEKIT__SEND_DATA_RESPONSE__INIT;
    size_t mark = c->fx->count;
    struct host *h = node_host_find(c->n, name);
    if (h) {
        put_packet(c, r, &h->room);
    }
    call_reply(c, &response.base);
    if (!node_ok(c->n, c->fx)) {
        return STATUS_NO_MEMORY;
    }
    if (h && r->nonce.len == NONCE_LEN && room_nonce_repeats(&h->room, r->nonce.data)) {
        fx_rollback(c->fx, mark);
        call_reply(c, &response.base);
    }
    return STATUS_OK;
}
