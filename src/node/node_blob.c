#include "node_media.h"

/* Blobs: what a participant stores under keys for others to fetch. */

static enum status refuse(struct node *n, struct session *s, uint32_t request_id, int reason) {
    Livekit__RequestResponse response = LIVEKIT__REQUEST_RESPONSE__INIT;
    response.request_id = request_id;
    response.reason = (Livekit__RequestResponse__Reason)reason;
    response.message = (char *)(uintptr_t) "data blob refused";
    struct response *answer;
    enum status st = response_make(n, &response, &answer);
    if (st == STATUS_OK) {
        response_hold(n, s, answer);
    }
    return st;
}

enum status session_on_store_blob(struct node *n, struct session *s,
                                  const Livekit__StoreDataBlobRequest *r, struct effects *fx) {
    struct participant *p = s->participant;
    if (!p->profile.permission.can_publish_data) {
        return refuse(n, s, r->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_ALLOWED);
    }
    if (!r->blob || !blob_key_valid(r->blob->key)) {
        return refuse(n, s, r->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_REQUEST);
    }
    Livekit__StoreDataBlobResponse stored = LIVEKIT__STORE_DATA_BLOB_RESPONSE__INIT;
    stored.request_id = r->request_id;
    stored.key = r->blob->key;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_STORE_DATA_BLOB_RESPONSE;
    response.store_data_blob_response = &stored;
    size_t mark = fx->count;
    fx_signal_one(fx, s->conn, &response);
    if (!node_ok(n, fx)) {
        return STATUS_NO_MEMORY;
    }
    enum status st = blobs_put(&p->blobs, r->blob);
    if (st == STATUS_EXHAUSTED) {
        node_rollback(n, fx, mark);
        return refuse(n, s, r->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__LIMIT_EXCEEDED);
    }
    return st;
}

enum status session_on_get_blob(struct node *n, struct session *s,
                                const Livekit__GetDataBlobRequest *r, struct effects *fx) {
    const struct participant *p =
        room_find(&s->host->room, node_cstr_slice(r->participant_identity));
    bool visible = p && (p == s->participant || !p->profile.permission.hidden);
    if (!blob_key_valid(r->key)) {
        return refuse(n, s, r->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__INVALID_REQUEST);
    }
    const struct blob *found = visible ? blobs_find(&p->blobs, r->key) : NULL;
    if (!found) {
        return refuse(n, s, r->request_id, LIVEKIT__REQUEST_RESPONSE__REASON__NOT_FOUND);
    }
    Livekit__DataBlob blob = LIVEKIT__DATA_BLOB__INIT;
    blob.key = r->key;
    blob.contents = blob_contents(found);
    Livekit__GetDataBlobResponse got = LIVEKIT__GET_DATA_BLOB_RESPONSE__INIT;
    got.request_id = r->request_id;
    got.blob = &blob;
    Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
    response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_GET_DATA_BLOB_RESPONSE;
    response.get_data_blob_response = &got;
    fx_signal_one(fx, s->conn, &response);
    return STATUS_OK;
}
