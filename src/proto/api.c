#include "api.h"

#include "caps.h"
#include "json.h"
#include "livekit_agent.pb-c.h"
#include "livekit_models.pb-c.h"
#include "livekit_room.pb-c.h"

static const struct api_method methods[API_OP_COUNT] = {
#define M(op, service, method, request, response)                                                  \
    [API_##op] = {API_##op, service, method, &livekit__##request##__descriptor,                    \
                  &livekit__##response##__descriptor},
    API_METHODS(M)
#undef M
};

static const struct {
    const char *name;
    uint16_t http;
} codes[TWIRP_CODE_COUNT] = {
#define C(code, name, http) [TWIRP_##code] = {name, http},
    TWIRP_CODES(C)
#undef C
};

const struct api_method *api_method_at(enum api_op op) {
    assert(op < API_OP_COUNT);
    return &methods[op];
}

enum api_route api_route_find(struct slice path, const struct api_method **ret_method) {
    struct slice prefix = SLICE_LIT("/twirp/livekit.");
    if (!slice_starts_with(path, prefix)) {
        return API_ROUTE_NO_SERVICE;
    }
    struct slice rest = slice_after(path, prefix.len);
    bool has_method = slice_find(rest, '/') < rest.len;
    struct slice service = slice_split(&rest, '/'); /* rest: what should be a method's name */
    enum api_route route = API_ROUTE_NO_SERVICE;
    for (size_t i = 0; has_method && i < ARRAY_LEN(methods); i++) {
        if (!slice_eq_cstr(service, methods[i].service)) {
            continue;
        }
        route = API_ROUTE_NO_METHOD;
        if (slice_eq_cstr(rest, methods[i].name)) {
            *ret_method = &methods[i];
            return API_ROUTE_FOUND;
        }
    }
    return route;
}

const char *twirp_code_name(enum twirp_code code) {
    assert(code < TWIRP_CODE_COUNT);
    return codes[code].name;
}

uint16_t twirp_http_status(enum twirp_code code) {
    assert(code < TWIRP_CODE_COUNT);
    return codes[code].http;
}

/* At most max bytes, and no half of a character at the end. */
static struct slice cut_text(struct slice text, size_t max) {
    if (text.len <= max) {
        return text;
    }
    size_t len = max;
    while (len > 0 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    return slice_sub(text, 0, len);
}

void twirp_error_put(struct buf *out, const struct twirp_error *error) {
    buf_put_cstr(out, "{\"code\":\"");
    buf_put_cstr(out, twirp_code_name(error->code));
    buf_put_cstr(out, "\",\"msg\":");
    json_put_string(out, cut_text(error->msg, TWIRP_MSG_BYTES_MAX));
    if (error->meta_key.len > 0) {
        buf_put_cstr(out, ",\"meta\":{");
        json_put_string(out, error->meta_key);
        buf_put_u8(out, ':');
        json_put_string(out, error->meta_value);
        buf_put_u8(out, '}');
    }
    buf_put_u8(out, '}');
}
