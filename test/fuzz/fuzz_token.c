/* Tokens and claims: written claims read the same; texts that come out are texts.
 * Covers: src/wire/token.c src/wire/claims.c */
#include "base64.h"
#include "claims.h"
#include "fuzz.h"

static void check_texts(const struct claims *c) {
    struct slice texts[] = {c->issuer,      c->identity,   c->name,
                            c->metadata,    c->video.room, c->video.destination_room,
                            c->room_preset, c->sha256,     c->room_config};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert(slice_is_text(texts[i]));
    }
    for (size_t i = 0; i < c->attributes_count; i++) {
        assert(slice_is_text(c->attributes[i].key) && slice_is_text(c->attributes[i].value));
    }
    (void)claims_check_time(c, 1700000000);
}

static void fuzz_claims(struct slice payload, struct arena *arena) {
    struct claims c, back;
    const char *reason = NULL;
    enum status s = claims_read(payload, arena, &c, &reason);
    if (s != STATUS_OK) {
        assert(reason && reason[0]);
        return;
    }
    check_texts(&c);
    struct buf once, twice;
    buf_init(&once, 1 << 22);
    buf_init(&twice, 1 << 22);
    claims_write(&once, &c);
    s = claims_read(buf_slice(&once), arena, &back, &reason);
    assert(s == STATUS_OK || arena->failed);
    if (s == STATUS_OK) {
        claims_write(&twice, &back);
        assert(slice_eq(buf_slice(&once), buf_slice(&twice)));
        assert(c.has_video == back.has_video && c.kind == back.kind);
        assert(c.attributes_count == back.attributes_count);
    }
    buf_deinit(&once);
    buf_deinit(&twice);
}

static void fuzz_token(struct slice token, struct arena *arena) {
    struct token_parts parts;
    if (token_split(token, arena, &parts) != STATUS_OK) {
        return;
    }
    assert(inside(parts.signing_input, token) && parts.signing_input.data == token.data);
    fuzz_claims(parts.payload, arena);
    struct buf again;
    buf_init(&again, 1 << 22);
    buf_put(&again, parts.signing_input);
    buf_put_u8(&again, '.');
    base64url_put(&again, parts.signature);
    assert(slice_eq(buf_slice(&again), token)); /* one token, one text */
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    if (size > 1 << 16) {
        return 0;
    }
    struct arena arena;
    arena_init(&arena, 1 << 22);
    fuzz_token(in, &arena);
    fuzz_claims(in, &arena);

    struct buf token;
    buf_init(&token, 1 << 22);
    token_put_signing_input(&token, in);
    buf_put_cstr(&token, ".AAAA");
    struct token_parts parts;
    if (token_split(buf_slice(&token), &arena, &parts) == STATUS_OK) {
        assert(slice_eq(parts.payload, in) && slice_eq_cstr(parts.algorithm, "HS256"));
    } else {
        assert(arena.failed);
    }
    buf_deinit(&token);
    arena_deinit(&arena);
    return 0;
}
