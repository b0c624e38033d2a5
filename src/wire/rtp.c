#include "rtp.h"

#include <string.h>

#include "cursor.h"

enum {
    BIT_PADDING = 0x20,
    BIT_EXTENSION = 0x10,
    MASK_CSRCS = 0x0f,
    BIT_MARKER = 0x80,
    PROFILE_ONE_BYTE = 0xbede,
    PROFILE_TWO_BYTE = 0x1000, /* the low 4 bits are free for applications */
    ID_PADDING = 0,            /* both forms: a single byte without a length */
    ID_STOP = 15,              /* one-byte form */
    ONE_BYTE_ID_MAX = 14,
    ONE_BYTE_VALUE_MAX = 16,
};

static void put_be16_at(uint8_t *at, uint16_t v) {
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put_be32_at(uint8_t *at, uint32_t v) {
    put_be16_at(at, (uint16_t)(v >> 16));
    put_be16_at(at + 2, (uint16_t)v);
}

/* The last byte counts the padding, itself included. */
static bool split_padding(struct slice rest, struct rtp_view *v) {
    if (rest.len == 0) {
        return false;
    }
    v->padding = rest.data[rest.len - 1];
    if (v->padding == 0 || v->padding > rest.len) {
        return false;
    }
    v->payload = slice_sub(rest, 0, rest.len - v->padding);
    return true;
}

enum status rtp_read(struct slice packet, struct rtp_view *ret_view) {
    struct cursor c = cursor_over(packet);
    uint8_t first = cursor_u8(&c), second = cursor_u8(&c);
    struct rtp_view v = {.packet = packet};
    v.header.marker = (second & BIT_MARKER) != 0;
    v.header.payload_type = second & (uint8_t)~BIT_MARKER;
    v.header.sequence = cursor_be16(&c);
    v.header.timestamp = cursor_be32(&c);
    v.header.ssrc = cursor_be32(&c);
    v.csrcs = cursor_take(&c, 4 * (size_t)(first & MASK_CSRCS));
    if ((first & BIT_EXTENSION) != 0) {
        v.has_extension = true;
        v.extension_profile = cursor_be16(&c);
        uint16_t words = cursor_be16(&c);
        v.extensions = cursor_take(&c, 4 * (size_t)words);
    }
    v.payload = cursor_rest(&c);
    if (c.failed || first >> 6 != RTP_VERSION) {
        return STATUS_MALFORMED;
    }
    if ((first & BIT_PADDING) != 0 && !split_padding(v.payload, &v)) {
        return STATUS_MALFORMED;
    }
    *ret_view = v;
    return STATUS_OK;
}

struct rtp_extensions rtp_extensions_of(const struct rtp_view *v) {
    struct rtp_extensions walk = {.rest = v->extensions};
    if ((v->extension_profile & 0xfff0) == PROFILE_TWO_BYTE) {
        walk.two_byte = true;
    } else if (v->extension_profile != PROFILE_ONE_BYTE) {
        walk.rest = (struct slice){0}; /* somebody's own: nothing that we know */
    }
    return walk;
}

bool rtp_extensions_next(struct rtp_extensions *walk, struct rtp_extension *ret_element) {
    struct cursor c = cursor_over(walk->rest);
    uint8_t first = ID_PADDING;
    while (cursor_left(&c) > 0 && first == ID_PADDING) {
        first = cursor_u8(&c);
    }
    if (first == ID_PADDING) {
        walk->rest = (struct slice){0};
        return false;
    }
    struct rtp_extension element = {.id = first};
    size_t len;
    if (walk->two_byte) {
        len = cursor_u8(&c);
    } else {
        element.id = first >> 4;
        len = (size_t)(first & 0x0f) + 1;
        c.failed = element.id == ID_STOP || element.id == ID_PADDING;
    }
    element.value = cursor_take(&c, len);
    if (c.failed) {
        walk->rest = (struct slice){0};
        return false;
    }
    walk->rest = cursor_rest(&c);
    *ret_element = element;
    return true;
}

bool rtp_extension_find(const struct rtp_view *v, uint8_t id, struct slice *ret_value) {
    struct rtp_extensions walk = rtp_extensions_of(v);
    struct rtp_extension e;
    while (rtp_extensions_next(&walk, &e)) {
        if (e.id == id) {
            *ret_value = e.value;
            return true;
        }
    }
    return false;
}

void rtp_set_marker(uint8_t *packet, bool marker) {
    packet[1] = (uint8_t)((packet[1] & ~BIT_MARKER) | (marker ? BIT_MARKER : 0));
}

void rtp_set_payload_type(uint8_t *packet, uint8_t payload_type) {
    assert(payload_type < BIT_MARKER);
    packet[1] = (uint8_t)((packet[1] & BIT_MARKER) | payload_type);
}

void rtp_set_sequence(uint8_t *packet, uint16_t sequence) {
    put_be16_at(packet + 2, sequence);
}

void rtp_set_timestamp(uint8_t *packet, uint32_t timestamp) {
    put_be32_at(packet + 4, timestamp);
}

void rtp_set_ssrc(uint8_t *packet, uint32_t ssrc) {
    put_be32_at(packet + 8, ssrc);
}

bool rtp_set_extension(uint8_t *packet, size_t len, uint8_t id, struct slice value) {
    struct rtp_view v;
    struct slice found;
    if (rtp_read(slice_of(packet, len), &v) != STATUS_OK || !rtp_extension_find(&v, id, &found) ||
        found.len != value.len) {
        return false;
    }
    if (value.len > 0) {
        memcpy(packet + (found.data - packet), value.data, value.len);
    }
    return true;
}

static bool fits_one_byte_form(const struct rtp_extension *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].id > ONE_BYTE_ID_MAX || list[i].value.len == 0 ||
            list[i].value.len > ONE_BYTE_VALUE_MAX) {
            return false;
        }
    }
    return true;
}

static void put_element(struct rtp_out *out, const struct rtp_extension *e, bool one_byte) {
    assert(e->id != ID_PADDING && e->value.len <= RTP_EXTENSION_VALUE_BYTES_MAX);
    if (one_byte) {
        rtp_put_u8(out, (uint8_t)((size_t)e->id << 4 | (e->value.len - 1)));
    } else {
        rtp_put_u8(out, e->id);
        rtp_put_u8(out, (uint8_t)e->value.len);
    }
    rtp_put(out, e->value);
}

static void put_extensions(struct rtp_out *out, const struct rtp_extension *list, size_t count) {
    bool one_byte = fits_one_byte_form(list, count);
    rtp_put_be16(out, one_byte ? PROFILE_ONE_BYTE : PROFILE_TWO_BYTE);
    uint8_t *words = rtp_out_take(out, 2);
    size_t begin = out->len;
    for (size_t i = 0; i < count; i++) {
        put_element(out, &list[i], one_byte);
    }
    rtp_put_zeros(out, (4 - (out->len - begin) % 4) % 4);
    if (words && !out->failed) {
        put_be16_at(words, (uint16_t)((out->len - begin) / 4));
    }
}

void rtp_put_header(struct rtp_out *out, const struct rtp_header *h,
                    const struct rtp_extension *list, size_t count) {
    assert(h->payload_type < BIT_MARKER);
    rtp_put_u8(out, (uint8_t)(RTP_VERSION << 6 | (count > 0 ? BIT_EXTENSION : 0)));
    rtp_put_u8(out, (uint8_t)(h->payload_type | (h->marker ? BIT_MARKER : 0)));
    rtp_put_be16(out, h->sequence);
    rtp_put_be32(out, h->timestamp);
    rtp_put_be32(out, h->ssrc);
    if (count > 0) {
        put_extensions(out, list, count);
    }
}

void rtp_put_padding_only(struct rtp_out *out, const struct rtp_header *h,
                          const struct rtp_extension *list, size_t count, uint8_t padding) {
    assert(padding > 0);
    size_t begin = out->len;
    rtp_put_header(out, h, list, count);
    rtp_put_zeros(out, padding - 1u);
    rtp_put_u8(out, padding);
    if (!out->failed) {
        out->data[begin] |= BIT_PADDING;
    }
}

void rtp_put_rtx(struct rtp_out *out, const struct rtp_header *h, const struct rtp_extension *list,
                 size_t count, uint16_t original_sequence, struct slice payload) {
    rtp_put_header(out, h, list, count);
    rtp_put_be16(out, original_sequence);
    rtp_put(out, payload);
}

enum status rtp_unwrap_rtx(uint8_t *packet, size_t len, uint8_t payload_type, uint32_t ssrc,
                           struct slice *ret_packet) {
    struct rtp_view v;
    enum status status = rtp_read(slice_of(packet, len), &v);
    if (status != STATUS_OK) {
        return status;
    }
    if (v.payload.len < RTP_RTX_BYTES) {
        return STATUS_NOT_FOUND;
    }
    uint16_t original = (uint16_t)(v.payload.data[0] << 8 | v.payload.data[1]);
    memmove(packet + RTP_RTX_BYTES, packet, (size_t)(v.payload.data - packet));
    uint8_t *moved = packet + RTP_RTX_BYTES;
    rtp_set_payload_type(moved, payload_type);
    rtp_set_sequence(moved, original);
    rtp_set_ssrc(moved, ssrc);
    *ret_packet = slice_of(moved, len - RTP_RTX_BYTES);
    return STATUS_OK;
}
