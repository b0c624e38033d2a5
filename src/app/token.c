#include "app.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "caps.h"
#include "claims.h"
#include "clock.h"
#include "config.h"
#include "entropy.h"
#include "hmac.h"
#include "ident.h"

enum { TOKEN_LIFETIME_S = 6 * 3600 };

struct token_wish {
    struct claims claims;
    struct slice key, secret;
};

/* What the options ask for; the rest are settings (keys, --dev). */
static bool take_option(struct token_wish *w, const char *name, const char *value, bool *ret_used) {
    struct video_grant *g = &w->claims.video;
    *ret_used = false;
    if (strcmp(name, "--room") == 0 && value) {
        g->room = slice_from_cstr(value);
        *ret_used = true;
    } else if (strcmp(name, "--identity") == 0 && value) {
        w->claims.identity = slice_from_cstr(value);
        *ret_used = true;
    } else if (strcmp(name, "--name") == 0 && value) {
        w->claims.name = slice_from_cstr(value);
        *ret_used = true;
    } else if (strcmp(name, "--join") == 0) {
        g->room_join = true;
    } else if (strcmp(name, "--create") == 0) {
        g->room_create = true;
    } else if (strcmp(name, "--list") == 0) {
        g->room_list = true;
    } else if (strcmp(name, "--admin") == 0) {
        g->room_admin = true;
    } else if (strcmp(name, "--recorder") == 0) {
        g->recorder = true;
    } else {
        return false;
    }
    return true;
}

static enum status print_token(const struct token_wish *w) {
    struct buf payload, token;
    buf_init(&payload, TOKEN_BYTES_MAX);
    buf_init(&token, TOKEN_BYTES_MAX);
    claims_write(&payload, &w->claims);
    token_put_signing_input(&token, buf_slice(&payload));
    struct hmac_key *key = hmac_key_create(HMAC_SHA256, w->secret);
    uint8_t signature[SHA256_BYTES];
    enum status s = STATUS_NO_MEMORY;
    if (key && !payload.failed && !token.failed) {
        s = hs256_sign(key, buf_slice(&token), signature);
    }
    if (s == STATUS_OK) {
        buf_put_u8(&token, '.');
        base64url_put(&token, slice_of(signature, sizeof(signature)));
        printf("%.*s\n", SLICE_ARG(buf_slice(&token)));
    }
    hmac_key_destroy(key);
    buf_deinit(&token);
    buf_deinit(&payload);
    return s;
}

int app_token(int argc, char **argv) {
    struct token_wish w = {.claims = {.has_video = true}};
    const char *rest[64];
    int rest_count = 0;
    for (int i = 0; i < argc; i++) {
        bool used = false;
        if (take_option(&w, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used)) {
            i += used;
        } else if (rest_count < (int)ARRAY_LEN(rest)) {
            rest[rest_count++] = argv[i];
        }
    }
    struct settings settings;
    struct config_error error;
    if (settings_init(&settings) != STATUS_OK) {
        return 1;
    }
    int code = 1;
    if (config_load(&settings, rest_count, (char **)rest, &error) != STATUS_OK) {
        fprintf(stderr, "stoa: %s\n", error.text);
        code = 2;
    } else if (settings.keys_count == 0) {
        fputs("stoa: no key is configured\n", stderr);
    } else {
        uint64_t now_s = clock_wall_ms() / 1000;
        w.secret = settings.keys[0].secret;
        w.claims.issuer = settings.keys[0].key;
        w.claims.has_expires = w.claims.has_not_before = true;
        w.claims.not_before_s = (double)now_s;
        w.claims.expires_s = (double)(now_s + TOKEN_LIFETIME_S);
        code = print_token(&w) == STATUS_OK ? 0 : 1;
    }
    settings_deinit(&settings);
    return code;
}

int app_generate_keys(void) {
    uint8_t seed[32];
    entropy_fill(seed, sizeof(seed));
    struct rng rng;
    rng_init(&rng, seed);
    struct ident key = ident_make(&rng, "API");
    char secret[43 + 1];
    ident_base62(&rng, secret, 43);
    printf("API Key:  %s\nAPI Secret:  %s\n", key.text, secret);
    return 0;
}
