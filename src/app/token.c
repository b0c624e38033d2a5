#include <stdio.h>

#include "app.h"
#include "base64.h"
#include "caps.h"
#include "clock.h"
#include "entropy.h"
#include "hmac.h"
#include "ident.h"
#include "json.h"
#include "mint.h"
#include "options.h"

enum { TOKEN_LIFETIME_S = 6 * 3600, JOIN_TOKEN_LIFETIME_S = 30 * 24 * 3600, SECRET_LEN = 43 };

enum status token_mint(const struct claims *claims, const struct key_secret *key, uint32_t valid_s,
                       struct buf *out) {
    struct claims c = *claims;
    uint64_t now_s = clock_wall_ms() / 1000;
    c.issuer = key->key;
    c.has_expires = c.has_not_before = true;
    c.not_before_s = (double)now_s;
    c.expires_s = (double)(now_s + valid_s);
    struct buf payload, token;
    buf_init(&payload, TOKEN_BYTES_MAX);
    buf_init(&token, TOKEN_BYTES_MAX);
    claims_write(&payload, &c);
    token_put_signing_input(&token, buf_slice(&payload));
    enum status s = payload.failed || token.failed ? STATUS_TOO_LARGE : STATUS_NO_MEMORY;
    struct hmac_key *hmac = hmac_key_create(HMAC_SHA256, key->secret);
    uint8_t signature[SHA256_BYTES];
    if (hmac && s == STATUS_NO_MEMORY) {
        s = hs256_sign(hmac, buf_slice(&token), signature);
    }
    if (s == STATUS_OK) {
        buf_put(out, buf_slice(&token));
        buf_put_u8(out, '.');
        base64url_put(out, slice_of(signature, sizeof(signature)));
    }
    hmac_key_destroy(hmac);
    buf_deinit(&token);
    buf_deinit(&payload);
    return s;
}

/* The token behind `label`, or as JSON. */
static int print_token(const struct command_line *line, const struct claims *claims,
                       uint32_t valid_s, const char *label) {
    struct settings settings;
    struct key_secret key;
    if (settings_init(&settings) != STATUS_OK) {
        return APP_FAILED;
    }
    struct buf token;
    buf_init(&token, 2 * TOKEN_BYTES_MAX);
    int code = APP_FAILED;
    if (options_find_key(line, &settings, &key)) {
        enum status s = token_mint(claims, &key, valid_s, &token);
        if (s != STATUS_OK || token.failed) {
            fprintf(stderr, "stoa: no token: %s\n", status_name(s));
        } else if (line->json) {
            printf("{\"token\":\"%.*s\"}\n", SLICE_ARG(buf_slice(&token)));
            code = APP_OK;
        } else {
            printf("%s%.*s\n", label, SLICE_ARG(buf_slice(&token)));
            code = APP_OK;
        }
    }
    buf_deinit(&token);
    settings_deinit(&settings);
    return code;
}

/* Reads options of a command that takes no other arguments. */
static bool read_line(struct command_line *line, const struct option *options, size_t count,
                      int argc, char **argv) {
    if (!options_read(line, options, count, argc, argv)) {
        return false;
    }
    if (line->positionals_count > 0) {
        fprintf(stderr, "stoa: %s: is not an option; see stoa help\n", line->positionals[0]);
    }
    return line->positionals_count == 0;
}

int app_token_create(int argc, char **argv) {
    struct claims c = {.has_video = true};
    const char *room = "", *identity = "", *name = "", *metadata = "";
    uint32_t valid_s = TOKEN_LIFETIME_S;
    const struct option options[] = {
        {"room", OPTION_TEXT, &room},
        {"identity", OPTION_TEXT, &identity},
        {"name", OPTION_TEXT, &name},
        {"metadata", OPTION_TEXT, &metadata},
        {"valid-for", OPTION_SECONDS, &valid_s},
        {"join", OPTION_FLAG, &c.video.room_join},
        {"create", OPTION_FLAG, &c.video.room_create},
        {"list", OPTION_FLAG, &c.video.room_list},
        {"admin", OPTION_FLAG, &c.video.room_admin},
        {"recorder", OPTION_FLAG, &c.video.recorder},
        {"hidden", OPTION_FLAG, &c.video.hidden},
    };
    struct command_line line;
    if (!read_line(&line, options, ARRAY_LEN(options), argc, argv)) {
        return APP_USAGE;
    }
    c.video.room = slice_from_cstr(room);
    c.identity = slice_from_cstr(identity);
    c.name = slice_from_cstr(name);
    c.metadata = slice_from_cstr(metadata);
    return print_token(&line, &c, valid_s, "");
}

int app_join_token(int argc, char **argv) {
    const char *room = NULL, *identity = NULL;
    struct claims c = {.has_video = true, .video = {.room_join = true}};
    const struct option options[] = {
        {"room", OPTION_TEXT, &room},
        {"identity", OPTION_TEXT, &identity},
        {"recorder", OPTION_FLAG, &c.video.recorder},
    };
    struct command_line line;
    if (!read_line(&line, options, ARRAY_LEN(options), argc, argv)) {
        return APP_USAGE;
    }
    if (!room || !identity) {
        fputs("stoa: create-join-token needs --room and --identity\n", stderr);
        return APP_USAGE;
    }
    c.video.room = slice_from_cstr(room);
    c.identity = slice_from_cstr(identity);
    if (c.video.recorder) { /* it watches, unseen */
        c.video.hidden = true;
        c.video.can_publish = c.video.can_publish_data = TRI_FALSE;
    }
    return print_token(&line, &c, JOIN_TOKEN_LIFETIME_S, "Token: ");
}

int app_generate_keys(int argc, char **argv) {
    struct command_line line;
    if (!read_line(&line, NULL, 0, argc, argv)) {
        return APP_USAGE;
    }
    uint8_t seed[32];
    entropy_fill(seed, sizeof(seed));
    struct rng rng;
    rng_init(&rng, seed);
    struct ident key = ident_make(&rng, "API");
    char secret[SECRET_LEN + 1];
    ident_base62(&rng, secret, SECRET_LEN);
    printf(line.json ? "{\"apiKey\":\"%s\",\"apiSecret\":\"%s\"}\n"
                     : "API Key:  %s\nAPI Secret:  %s\n",
           key.text, secret);
    return APP_OK;
}
