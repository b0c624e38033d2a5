#include "node_priv.h"

/* A fresh token says what the session may now, so that a client can come back with it after its
 * first one has run out. */
void session_send_token(struct node *n, const struct session *s, const struct profile *as,
                        struct effects *fx) {
    if (s->conn == 0) {
        return;
    }
    const struct participant *p = s->participant;
    double now_s = (double)(n->now.wall_ms / 1000);
    double left_s = s->token_expires_s - now_s;
    struct claims claims = {
        .issuer = n->config.token_issuer,
        .identity = participant_identity(p),
        .name = text_slice(&as->name),
        .metadata = text_slice(&as->metadata),
        .kind = p->kind,
        .kind_details = p->kind_details,
        .attributes = as->attributes.items,
        .attributes_count = as->attributes.count,
        .has_video = true,
        .video = s->grant,
        .has_not_before = true,
        .not_before_s = now_s,
        .has_expires = true,
        .expires_s = now_s + MAX((double)TOKEN_VALID_MIN_S, left_s),
    };
    claims.video.room = text_slice(&s->host->room.name);
    claims.video.destination_room = text_slice(&s->destination_room);
    buf_clear(&n->text);
    claims_write(&n->text, &claims);
    if (n->text.failed) {
        fx->failed = true;
        return;
    }
    fx_token(fx, s->conn, fx_copy(fx, buf_slice(&n->text)));
}

void node_set_token_issuer(struct node *n, struct slice issuer) {
    n->config.token_issuer = issuer;
}
