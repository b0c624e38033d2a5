#include "edge_priv.h"

#include <stdio.h>
#include <string.h>

#include "query.h"

static bool refuse(struct edge_thread *t, char *error, size_t size, const char *text) {
    metric_inc(&t->metrics.edge_tokens_refused);
    snprintf(error, size, "%s", text);
    return false;
}

static struct hmac_key *find_key(struct edge_thread *t, struct slice issuer) {
    const struct edge_config *config = &t->edge->config;
    for (size_t i = 0; i < config->keys_count; i++) {
        if (slice_eq(config->keys[i].key, issuer)) {
            return t->hmacs[i];
        }
    }
    return NULL;
}

static bool check_times(struct edge_thread *t, const struct claims *claims, char *error,
                        size_t size) {
    const char *text = NULL;
    switch (claims_check_time(claims, clock_wall_ms() / 1000)) {
    case CLAIMS_IN_TIME: return true;
    case CLAIMS_EXPIRED: text = "token is expired"; break;
    case CLAIMS_NOT_YET: text = "token is not valid yet"; break;
    case CLAIMS_NO_EXPIRY: text = "token is missing required claim: exp claim is required"; break;
    }
    char whole[256];
    snprintf(whole, sizeof(whole), "invalid authorization token: token has invalid claims: %s",
             text);
    return refuse(t, error, size, whole);
}

/* The key of the token's issuer, found before its signature is checked: so read the claims with
 * care first (claims_read trusts nothing), then the signature, then their meaning. */
bool token_check(struct edge_thread *t, struct slice token, struct arena *arena,
                 const struct claims **ret_claims, char *error, size_t error_size) {
    struct token_parts parts;
    if (token.len > TOKEN_BYTES_MAX || token_split(token, arena, &parts) != STATUS_OK) {
        return refuse(t, error, error_size, "invalid authorization token");
    }
    struct claims *claims = arena_zalloc(arena, sizeof(*claims));
    const char *reason = "";
    enum status read =
        claims ? claims_read(parts.payload, arena, claims, &reason) : STATUS_NO_MEMORY;
    if (read == STATUS_NO_MEMORY) {
        return refuse(t, error, error_size, "out of memory");
    }
    char text[256];
    if (read != STATUS_OK) {
        snprintf(text, sizeof(text),
                 "invalid authorization token: token is malformed: could not JSON decode claim: %s",
                 reason);
        return refuse(t, error, error_size, text);
    }
    struct hmac_key *key = find_key(t, claims->issuer);
    if (!key) {
        return refuse(t, error, error_size, "invalid API key");
    }
    if (!slice_eq_cstr(parts.algorithm, "HS256")) {
        snprintf(text, sizeof(text),
                 "invalid authorization token: token signature is invalid: signing method %.*s is "
                 "invalid",
                 (int)MIN(parts.algorithm.len, 32), (const char *)parts.algorithm.data);
        return refuse(t, error, error_size, text);
    }
    if (hs256_check(key, parts.signing_input, parts.signature) != STATUS_OK) {
        return refuse(t, error, error_size,
                      "invalid authorization token: token signature is invalid: signature is "
                      "invalid");
    }
    if (!check_times(t, claims, error, error_size)) {
        return false;
    }
    *ret_claims = claims;
    return true;
}

bool token_from_request(struct edge_thread *t, const struct http_request *r, struct arena *arena,
                        const struct claims **ret_claims, bool *ret_none, char *error,
                        size_t error_size) {
    struct slice token = {0};
    *ret_none = false;
    if (http_header_find(r, "Authorization", &token) && token.len > 0) {
        /* The header parser has trimmed a blank behind "Bearer": that is an empty token. */
        if (slice_eq_cstr(token, "Bearer")) {
            token = (struct slice){0};
        } else if (!slice_starts_with(token, SLICE_LIT("Bearer "))) {
            return refuse(t, error, error_size,
                          "invalid authorization header. Must start with Bearer ");
        } else {
            token = slice_after(token, 7);
        }
    } else if (query_find(r->query, "access_token", arena, &token) == STATUS_MALFORMED) {
        return refuse(t, error, error_size, "invalid authorization token");
    }
    if (token.len == 0) {
        *ret_none = true;
        return true;
    }
    return token_check(t, token, arena, ret_claims, error, error_size);
}
