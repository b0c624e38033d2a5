#include "base64.h"
#include "clock.h"
#include "edge_priv.h"
#include "hmac.h"
#include "query.h"

/* A token for the page that joins rooms. Whoever gets one has what the holder of the API key could
 * give away, so it is made in development alone, and for who sits at this machine. */

enum { PAGE_TOKEN_VALID_S = 3600, PAGE_NAME_BYTES_MAX = 1024, PAGE_TOKEN_BYTES_MAX = 16 << 10 };

bool ui_signs_tokens(const struct edge_conn *c, const struct http_request *r) {
    return c->thread->edge->config.pages_sign && ui_is_at_home(c, r);
}

/* False: absent, empty, too long, or no text. */
static bool read_name(struct slice query, const char *name, struct arena *arena,
                      struct slice *ret_text) {
    return query_find_text(query, name, arena, ret_text) == STATUS_OK && ret_text->len > 0 &&
           ret_text->len <= PAGE_NAME_BYTES_MAX;
}

static bool sign(struct edge_thread *t, struct claims *claims, struct buf *out) {
    uint8_t signature[SHA256_BYTES];
    struct hmac_key *key = edge_keys_first(t, &claims->issuer);
    if (!key) {
        return false;
    }
    struct buf payload;
    buf_init(&payload, PAGE_TOKEN_BYTES_MAX);
    claims_write(&payload, claims);
    token_put_signing_input(out, buf_slice(&payload));
    bool ok =
        !payload.failed && !out->failed && hs256_sign(key, buf_slice(out), signature) == STATUS_OK;
    buf_deinit(&payload);
    buf_put_u8(out, '.');
    base64url_put(out, slice_of(signature, sizeof(signature)));
    return ok && !out->failed;
}

static void log_token(const struct edge_conn *c, const struct claims *claims) {
    char from[NET_ADDRESS_TEXT_MAX];
    net_address_ip_text(&c->peer, from);
    log_event(LOG_INFO, "operator_token", LOG_STR("room", claims->video.room),
              LOG_STR("identity", claims->identity), LOG_CSTR("from", from));
}

void ui_token_answer(struct edge_conn *c, const struct http_request *r) {
    struct arena *arena = &c->request->msg->arena;
    struct claims claims = {.has_video = true, .video = {.room_join = true}};
    uint64_t now_s = clock_wall_ms() / 1000;
    claims.has_not_before = claims.has_expires = true;
    claims.not_before_s = (double)now_s;
    claims.expires_s = (double)(now_s + PAGE_TOKEN_VALID_S);
    if (!ui_signs_tokens(c, r)) {
        http_answer_text(c, 403,
                         "Tokens are made here only in development (--dev), and on this machine.");
        return;
    }
    if (!read_name(r->query, "room", arena, &claims.video.room) ||
        !read_name(r->query, "identity", arena, &claims.identity)) {
        http_answer_text(c, 400, "A token needs a room and an identity, of 1024 bytes at most.");
        return;
    }
    struct buf token, body;
    buf_init(&token, 2 * PAGE_TOKEN_BYTES_MAX);
    buf_init(&body, 3 * PAGE_TOKEN_BYTES_MAX);
    if (sign(c->thread, &claims, &token)) {
        buf_printf(&body, "{\"token\":\"%.*s\"}", SLICE_ARG(buf_slice(&token)));
    }
    if (body.len > 0 && !body.failed) {
        log_token(c, &claims);
        http_answer(c, &(struct edge_answer){.status = 200,
                                             .content_type = "application/json",
                                             .body = buf_slice(&body)});
    } else {
        metric_inc(&c->thread->metrics.edge_no_memory);
        http_answer_text(c, 503, "out of memory");
    }
    buf_deinit(&body);
    buf_deinit(&token);
}
