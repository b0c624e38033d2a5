#include <math.h>
#include <stdio.h>

#include "edge_priv.h"
#include "json.h"
#include "query.h"

/* room-api 6.4: the texts and their order are the reference's, so that clients' messages fit. */

#define INVALID_TOKEN "invalid authorization token"

static bool refuse(struct edge_thread *t, char *error, size_t size, const char *text) {
    metric_inc(&t->metrics.edge_tokens_refused);
    snprintf(error, size, "%s", text);
    return false;
}

bool token_find_issuer(struct slice payload, struct arena *arena, struct slice *ret_issuer) {
    struct json_reader r;
    json_reader_init(&r, payload, arena);
    *ret_issuer = (struct slice){0};
    if (json_next(&r).type != JSON_OBJECT_BEGIN) {
        return false;
    }
    struct json_token key;
    while ((key = json_next(&r)).type == JSON_KEY) {
        if (!slice_eq_nocase(key.text, SLICE_LIT("iss"))) {
            if (!json_skip_value(&r)) {
                return false;
            }
            continue;
        }
        struct json_token value = json_next(&r);
        if (value.type != JSON_STRING) {
            return false;
        }
        *ret_issuer = value.text;
    }
    return key.type == JSON_OBJECT_END && json_at_end(&r);
}

static bool check_times(struct edge_thread *t, const struct claims *claims, char *error,
                        size_t size) {
    uint64_t now_s = clock_wall_ms() / 1000;
    const char *expiry = "";
    switch (claims_check_time(claims, now_s)) {
    case CLAIMS_IN_TIME: return true;
    case CLAIMS_EXPIRED: expiry = "token is expired"; break;
    case CLAIMS_NO_EXPIRY: expiry = "token is missing required claim: exp claim is required"; break;
    case CLAIMS_NOT_YET: break;
    }
    /* Each failure is named: so the second one is looked for as if the first were not. */
    struct claims unexpired = *claims;
    unexpired.has_expires = true;
    unexpired.expires_s = HUGE_VAL;
    bool early = claims_check_time(&unexpired, now_s) == CLAIMS_NOT_YET;
    char text[256];
    snprintf(text, sizeof(text), INVALID_TOKEN ": token has invalid claims: %s%s%s", expiry,
             expiry[0] && early ? ", " : "", early ? "token is not valid yet" : "");
    return refuse(t, error, size, text);
}

static bool refuse_claims(struct edge_thread *t, struct slice payload, struct arena *arena,
                          const char *reason, char *error, size_t size) {
    struct slice issuer;
    if (!token_find_issuer(payload, arena, &issuer)) { /* whose key it is comes first */
        return refuse(t, error, size, INVALID_TOKEN);
    }
    if (!edge_keys_find(t, issuer)) {
        return refuse(t, error, size, "invalid API key");
    }
    char text[256];
    snprintf(text, sizeof(text),
             INVALID_TOKEN ": token is malformed: could not JSON decode claim: %s", reason);
    return refuse(t, error, size, text);
}

static bool refuse_algorithm(struct edge_thread *t, struct slice algorithm, char *error,
                             size_t size) {
    char text[256];
    snprintf(text, sizeof(text),
             INVALID_TOKEN ": token signature is invalid: signing method %.*s is invalid",
             (int)MIN(algorithm.len, (size_t)32), (const char *)algorithm.data);
    return refuse(t, error, size, text);
}

/* Nothing of a token is trusted before its signature; but the key of the signature is found by
 * the claims, so these are read first, with the same care as any outside bytes. */
static bool check(struct edge_thread *t, struct slice token, struct arena *arena,
                  const struct claims **ret_claims, char *error, size_t size) {
    struct token_parts parts;
    struct claims *claims = arena_zalloc(arena, sizeof(*claims));
    if (!claims) {
        return refuse(t, error, size, "out of memory");
    }
    if (token_split(token, arena, &parts) != STATUS_OK || parts.algorithm.len == 0) {
        return refuse(t, error, size, arena->failed ? "out of memory" : INVALID_TOKEN);
    }
    const char *reason = "";
    enum status s = claims_read(parts.payload, arena, claims, &reason);
    if (s == STATUS_NO_MEMORY) {
        return refuse(t, error, size, "out of memory");
    }
    if (s != STATUS_OK) {
        return refuse_claims(t, parts.payload, arena, reason, error, size);
    }
    struct hmac_key *key = edge_keys_find(t, claims->issuer);
    if (!key) {
        return refuse(t, error, size, "invalid API key");
    }
    if (!slice_eq_cstr(parts.algorithm, "HS256")) {
        return refuse_algorithm(t, parts.algorithm, error, size);
    }
    if (hs256_check(key, parts.signing_input, parts.signature) != STATUS_OK) {
        return refuse(t, error, size,
                      INVALID_TOKEN ": token signature is invalid: signature is invalid");
    }
    if (!check_times(t, claims, error, size)) {
        return false;
    }
    *ret_claims = claims;
    return true;
}

/* The first parameter of that name; pairs with broken escapes are passed over, as in Go. */
static bool find_parameter(struct slice pairs, struct arena *arena, struct slice *ret_value) {
    struct query_reader r;
    query_reader_init(&r, pairs, arena);
    struct query_pair pair;
    enum status s;
    while ((s = query_next(&r, &pair)) == STATUS_OK || s == STATUS_MALFORMED) {
        if (s == STATUS_OK && slice_eq_cstr(pair.name, "access_token")) {
            *ret_value = pair.value;
            return true;
        }
    }
    return false;
}

bool token_from_request(struct edge_thread *t, const struct http_request *r, struct slice form,
                        struct arena *arena, const struct claims **ret_claims, char *error,
                        size_t error_size) {
    struct slice token = {0};
    if (http_header_find(r, "Authorization", &token) && token.len > 0) {
        /* The header's end was trimmed: "Bearer " is an empty token. */
        if (slice_eq_cstr(token, "Bearer")) {
            token = (struct slice){0};
        } else if (slice_starts_with(token, SLICE_LIT("Bearer "))) {
            token = slice_after(token, 7);
        } else {
            return refuse(t, error, error_size,
                          "invalid authorization header. Must start with Bearer ");
        }
    } else if (!find_parameter(form, arena, &token)) {
        (void)find_parameter(r->query, arena, &token);
    }
    *ret_claims = NULL;
    return token.len == 0 || check(t, token, arena, ret_claims, error, error_size);
}
