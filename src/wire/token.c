#include "base64.h"
#include "caps.h"
#include "claims.h"
#include "json.h"

/* As the SDKs write the header, which is the same in all their tokens: the algorithm and the type,
 * in either order, or the algorithm alone. */
static bool is_usual_header(struct slice header64) {
    static const char *const usual[] = {"eyJhbGciOiJIUzI1NiJ9",
                                        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
                                        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"};
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        if (slice_eq_cstr(header64, usual[i])) {
            return true;
        }
    }
    return false;
}

/* The header must be one JSON object; alg stays empty when it is missing, which no check accepts.
 * RFC 7515 section 4.1.11: what `crit` asks for must be understood, and nothing is. */
static enum status read_header(struct slice text, struct arena *arena,
                               struct slice *ret_algorithm) {
    struct json_reader r;
    json_reader_init(&r, text, arena);
    struct slice algorithm = {0};
    bool seen = false;
    struct json_token t;
    if (json_next(&r).type != JSON_OBJECT_BEGIN) {
        return STATUS_MALFORMED;
    }
    while ((t = json_next(&r)).type == JSON_KEY) {
        bool is_alg = slice_eq_cstr(t.text, "alg");
        if (slice_eq_cstr(t.text, "crit") || (is_alg && seen)) {
            return STATUS_MALFORMED;
        }
        if (!is_alg) {
            if (!json_skip_value(&r)) {
                return STATUS_MALFORMED;
            }
            continue;
        }
        seen = true;
        t = json_next(&r);
        if (t.type != JSON_STRING) {
            return arena->failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
        }
        algorithm = t.text;
    }
    if (t.type != JSON_OBJECT_END || !json_at_end(&r)) {
        return arena->failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    }
    *ret_algorithm = algorithm;
    return STATUS_OK;
}

static enum status decode_header(struct slice header64, struct arena *arena,
                                 struct slice *ret_algorithm) {
    struct slice header;
    enum status s = base64url_decode_strict(header64, arena, &header);
    return s == STATUS_OK ? read_header(header, arena, ret_algorithm) : s;
}

enum status token_split(struct slice token, struct arena *arena, struct token_parts *ret_parts) {
    if (token.len > TOKEN_BYTES_MAX) {
        return STATUS_MALFORMED;
    }
    struct slice rest = token;
    struct slice header64 = slice_split(&rest, '.');
    struct slice payload64 = slice_split(&rest, '.');
    size_t signing_len = header64.len + 1 + payload64.len;
    if (signing_len >= token.len) { /* no second dot; a third is no digit of the signature */
        return STATUS_MALFORMED;
    }
    struct token_parts parts = {.signing_input = slice_sub(token, 0, signing_len)};
    enum status s = STATUS_OK;
    if (is_usual_header(header64)) {
        parts.algorithm = SLICE_LIT("HS256");
    } else {
        s = decode_header(header64, arena, &parts.algorithm);
    }
    if (s == STATUS_OK) {
        s = base64url_decode_strict(payload64, arena, &parts.payload);
    }
    if (s == STATUS_OK) {
        s = base64url_decode_strict(rest, arena, &parts.signature);
    }
    if (s == STATUS_OK) {
        *ret_parts = parts;
    }
    return s;
}

void token_put_signing_input(struct buf *out, struct slice payload) {
    base64url_put(out, SLICE_LIT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    buf_put_u8(out, '.');
    base64url_put(out, payload);
}
