#include <string.h>

#include "edge_priv.h"
#include "ident.h"

/* By its id a call is found again: in the caller's log, in a proxy's, in ours. The caller's own is
 * kept when it is short and plain; else we make one. */

static bool is_plain(struct slice id) {
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = id.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != 0 && strchr("-_.:/+=@", c) != NULL);
        if (!plain) {
            return false;
        }
    }
    return id.len > 0;
}

static bool take(struct edge_request *q, const struct http_request *r, const char *header) {
    struct slice id;
    if (!http_header_find(r, header, &id) || id.len >= sizeof(q->id) || !is_plain(id)) {
        return false;
    }
    memcpy(q->id, id.data, id.len);
    q->id[id.len] = 0;
    return true;
}

void request_id_take(struct edge_conn *c, const struct http_request *r) {
    struct edge_request *q = c->request;
    if (!take(q, r, "X-Request-Id") && !take(q, r, "X-Livekit-Request-Id")) {
        struct rng *rng = &c->thread->rng;
        struct ident id = ident_from_bits("RQ_", rng_u64(rng), rng_u64(rng));
        memcpy(q->id, id.text, strlen(id.text) + 1);
    }
}

void request_id_put(const struct edge_conn *c, struct buf *out) {
    if (c->request->id[0]) {
        http_put_header(out, "X-Request-Id", slice_from_cstr(c->request->id));
    }
}
