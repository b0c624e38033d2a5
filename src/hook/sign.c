#include "base64.h"
#include "claims.h"
#include "hook_priv.h"
#include "json.h"

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
