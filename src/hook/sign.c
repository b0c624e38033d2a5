#include <string.h>

#include "base64.h"
#include "claims.h"
#include "hook_priv.h"
#include "json.h"
#include "mem.h"

/* Standard base64 of the digest: receivers compare it with what they compute over the bytes that
 * came, so the body is never written anew after this. */
static enum status put_claims(struct slice issuer, struct slice body, uint64_t now_s,
                              struct buf *out) {
    uint8_t digest[SHA256_BYTES];
    enum status s = sha256(body, digest);
    if (s != STATUS_OK) {
        return s;
    }
    buf_put_cstr(out, "{\"iss\":");
    json_put_string(out, issuer);
    buf_put_cstr(out, ",\"iat\":");
    buf_put_u64_dec(out, now_s);
    buf_put_cstr(out, ",\"nbf\":");
    buf_put_u64_dec(out, now_s);
    buf_put_cstr(out, ",\"exp\":");
    buf_put_u64_dec(out, now_s + HOOK_TOKEN_VALID_S);
    buf_put_cstr(out, ",\"sha256\":\"");
    base64_put(out, slice_of(digest, sizeof digest));
    buf_put_cstr(out, "\"}");
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status sign_body(struct hmac_key *key, struct slice issuer, struct slice body, uint64_t now_s,
                      struct buf *out) {
    _cleanup_(buf_deinit) struct buf payload;
    buf_init(&payload, HOOK_TOKEN_BYTES_MAX);
    enum status s = put_claims(issuer, body, now_s, &payload);
    if (s != STATUS_OK) {
        return s;
    }
    size_t from = out->len;
    token_put_signing_input(out, buf_slice(&payload));
    if (out->failed) {
        return STATUS_NO_MEMORY;
    }
    uint8_t signature[SHA256_BYTES];
    s = hs256_sign(key, slice_after(buf_slice(out), from), signature);
    if (s != STATUS_OK) {
        return s;
    }
    buf_put_u8(out, '.');
    base64url_put(out, slice_of(signature, sizeof signature));
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static struct hook_signer *signer_destroy(struct hook_signer *s) {
    if (s) {
        s->key = hmac_key_destroy(s->key);
        mem_free(s);
    }
    return NULL;
}

enum status hook_set_key(struct hook *h, struct slice key, struct slice secret) {
    if (key.len == 0 || key.len > HOOK_KEY_NAME_BYTES_MAX || secret.len == 0) {
        return STATUS_INVALID;
    }
    struct hook_signer *s = mem_zalloc(sizeof(*s) + key.len);
    if (!s) {
        return STATUS_NO_MEMORY;
    }
    memcpy(s->text, key.data, key.len);
    s->issuer = slice_of(s->text, key.len);
    s->key = hmac_key_create(HMAC_SHA256, secret);
    if (!s->key) {
        signer_destroy(s);
        return STATUS_NO_MEMORY;
    }
    signer_destroy(atomic_exchange(&h->next_signer, s));
    return STATUS_OK;
}

void signer_deinit(struct hook *h) {
    h->signer = signer_destroy(h->signer);
    signer_destroy(atomic_exchange(&h->next_signer, NULL));
}

enum status sign_for(struct hook_target *t, struct slice body, uint64_t now_s, struct buf *out) {
    struct hook *h = t->hook;
    struct hook_signer *next = atomic_exchange(&h->next_signer, NULL);
    if (next) {
        signer_destroy(h->signer);
        h->signer = next;
    }
    return h->signer ? sign_body(h->signer->key, h->signer->issuer, body, now_s, out)
                     : sign_body(t->key, t->issuer, body, now_s, out);
}
