#include "packets.h"

static void put_bytes(struct buf *out, uint32_t field, struct slice bytes) {
    buf_put_varint(out, (uint64_t)field << 3 | 2);
    buf_put_varint(out, bytes.len);
    buf_put(out, bytes);
}

static void put_text(struct buf *out, uint32_t field, const char *text) {
    if (text) {
        put_bytes(out, field, slice_from_cstr(text));
    }
}

static void put_user(struct buf *out, const struct packet_spec *spec) {
    struct buf user, payload;
    buf_init(&user, 1 << 20);
    buf_init(&payload, 1 << 20);
    buf_put_cstr(&payload, spec->payload);
    for (size_t i = 0; i < spec->padding; i++) {
        buf_put_u8(&payload, (uint8_t)i);
    }
    put_bytes(&user, 2, buf_slice(&payload));
    put_text(&user, 3, spec->to_sid);
    put_text(&user, 11, spec->nonce);
    put_bytes(out, DATA_VALUE_USER, buf_slice(&user));
    buf_deinit(&payload);
    buf_deinit(&user);
}

void packet_put(struct buf *out, const struct packet_spec *spec) {
    put_text(out, 4, spec->claimed_identity);
    put_text(out, 5, spec->to_identity);
    put_text(out, 5, spec->to_identity_2);
    if (spec->value) {
        put_bytes(out, (uint32_t)spec->value, (struct slice){0});
    } else {
        put_user(out, spec);
    }
    if (spec->sequence) {
        buf_put_varint(out, 16 << 3);
        buf_put_varint(out, spec->sequence);
    }
}

static int digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t packet_unhex(const char *text, uint8_t *out) {
    size_t len = 0;
    while (digit(text[2 * len]) >= 0 && digit(text[2 * len + 1]) >= 0) {
        out[len] = (uint8_t)(digit(text[2 * len]) << 4 | digit(text[2 * len + 1]));
        len++;
    }
    return len;
}
