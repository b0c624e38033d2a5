#include "stun.h"

#include "cursor.h"
#include "hash.h"
#include "stun_priv.h"

#include <string.h>

struct stun_attribute_view {
    uint16_t type;
    size_t at; /* offset of its header in the message */
    struct slice value;
};

static void read_username(struct slice value, struct stun_view *v) {
    v->has_username = true;
    v->username = value;
    size_t colon = slice_find(value, ':');
    if (colon < value.len) {
        v->username_local = slice_sub(value, 0, colon);
        v->username_remote = slice_after(value, colon + 1);
    }
}

static bool read_mapped(struct slice value, struct stun_view *v) {
    struct cursor c = cursor_over(value);
    cursor_skip(&c, 1);
    struct stun_address a = {.family = (enum stun_family)cursor_u8(&c)};
    a.port = (uint16_t)(cursor_be16(&c) ^ (STUN_MAGIC_COOKIE >> 16));
    struct slice ip = cursor_rest(&c);
    size_t expected = a.family == STUN_IPV4 ? 4 : a.family == STUN_IPV6 ? 16 : SIZE_MAX;
    if (c.failed || ip.len != expected) {
        return false;
    }
    /* The mask is the cookie followed by the transaction id: bytes 4 to 19 of the header. */
    for (size_t i = 0; i < ip.len; i++) {
        a.ip[i] = ip.data[i] ^ v->message.data[4 + i];
    }
    v->has_mapped = true;
    v->mapped = a;
    return true;
}

static bool read_error_code(struct slice value, struct stun_view *v) {
    if (value.len < 4) {
        return false;
    }
    uint8_t hundreds = value.data[2] & 7, rest = value.data[3];
    if (hundreds < 3 || hundreds > 6 || rest > 99) {
        return false;
    }
    v->error_code = (uint16_t)(hundreds * 100 + rest);
    return true;
}

static bool read_role(struct slice value, enum stun_ice_role role, struct stun_view *v) {
    struct cursor c = cursor_over(value);
    v->tie_breaker = cursor_be64(&c);
    v->role = role;
    return value.len == 8;
}

static bool read_priority(struct slice value, struct stun_view *v) {
    struct cursor c = cursor_over(value);
    v->priority = cursor_be32(&c);
    v->has_priority = true;
    return value.len == 4;
}

static bool read_integrity(const struct stun_attribute_view *a, struct stun_view *v) {
    v->has_integrity = true;
    v->integrity_at = a->at;
    v->integrity = a->value;
    return a->value.len == STUN_MAC_BYTES;
}

static bool read_fingerprint(const struct stun_attribute_view *a, struct stun_view *v) {
    struct cursor c = cursor_over(a->value);
    uint32_t said = cursor_be32(&c);
    /* The length field already counts this attribute, which is the last: no adjusting needed. */
    uint32_t found = crc32_ieee(0, slice_sub(v->message, 0, a->at)) ^ STUN_FINGERPRINT_XOR;
    size_t end = a->at + STUN_ATTRIBUTE_HEADER_BYTES + STUN_FINGERPRINT_BYTES;
    v->has_fingerprint = true;
    return a->value.len == STUN_FINGERPRINT_BYTES && end == v->message.len && said == found;
}

static void note_unknown(uint16_t type, struct stun_view *v) {
    if (type < STUN_ATTR_OPTIONAL_FROM && v->unknown_count < STUN_UNKNOWN_MAX) {
        v->unknown[v->unknown_count++] = type;
    }
}

/* RFC 8489 14: of an attribute that comes twice, the first counts and the others are ignored. */
static bool read_attribute(const struct stun_attribute_view *a, struct stun_view *v) {
    if (a->type == STUN_ATTR_FINGERPRINT) {
        return !v->has_fingerprint && read_fingerprint(a, v);
    }
    if (v->has_integrity) {
        return true; /* not covered by the MAC */
    }
    switch (a->type) {
    case STUN_ATTR_USERNAME:
        if (!v->has_username) {
            read_username(a->value, v);
        }
        return a->value.len <= STUN_USERNAME_BYTES_MAX;
    case STUN_ATTR_MESSAGE_INTEGRITY: return read_integrity(a, v);
    case STUN_ATTR_PRIORITY: return v->has_priority || read_priority(a->value, v);
    case STUN_ATTR_USE_CANDIDATE: v->use_candidate = true; return a->value.len == 0;
    case STUN_ATTR_ICE_CONTROLLING:
        return v->role != STUN_ROLE_NONE || read_role(a->value, STUN_ROLE_CONTROLLING, v);
    case STUN_ATTR_ICE_CONTROLLED:
        return v->role != STUN_ROLE_NONE || read_role(a->value, STUN_ROLE_CONTROLLED, v);
    case STUN_ATTR_XOR_MAPPED_ADDRESS: return v->has_mapped || read_mapped(a->value, v);
    case STUN_ATTR_ERROR_CODE: return v->error_code != 0 || read_error_code(a->value, v);
    case STUN_ATTR_UNKNOWN_ATTRIBUTES: return true;
    default: note_unknown(a->type, v); return true;
    }
}

static bool read_header(struct cursor *c, struct slice datagram, struct stun_view *v) {
    uint16_t type = cursor_be16(c);
    uint16_t length = cursor_be16(c);
    uint32_t cookie = cursor_be32(c);
    struct slice transaction = cursor_take(c, STUN_TRANSACTION_BYTES);
    if (c->failed || (type & 0xc000) != 0 || cookie != STUN_MAGIC_COOKIE || length % 4 != 0 ||
        length != cursor_left(c)) {
        return false;
    }
    v->message = datagram;
    memcpy(v->transaction, transaction.data, STUN_TRANSACTION_BYTES);
    /* RFC 8489 figure 3: class bits C1 and C0 lie between the method bits. */
    v->kind = (enum stun_kind)(((type >> 7) & 2) | ((type >> 4) & 1));
    v->method = (uint16_t)((type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2));
    return true;
}

enum status stun_read(struct slice datagram, struct stun_view *ret_view) {
    struct cursor c = cursor_over(datagram);
    struct stun_view v = {0};
    if (!read_header(&c, datagram, &v)) {
        return STATUS_MALFORMED;
    }
    while (cursor_left(&c) > 0) {
        struct stun_attribute_view a = {.at = datagram.len - cursor_left(&c)};
        a.type = cursor_be16(&c);
        uint16_t len = cursor_be16(&c);
        a.value = cursor_take(&c, len);
        cursor_skip(&c, (4 - len % 4u) % 4u);
        if (c.failed || !read_attribute(&a, &v)) {
            return STATUS_MALFORMED;
        }
    }
    *ret_view = v;
    return STATUS_OK;
}

void stun_integrity_input(const struct stun_view *v, uint8_t ret_header[STUN_HEADER_BYTES],
                          struct slice *ret_rest) {
    assert(v->has_integrity && v->integrity_at >= STUN_HEADER_BYTES);
    size_t length =
        v->integrity_at - STUN_HEADER_BYTES + STUN_ATTRIBUTE_HEADER_BYTES + STUN_MAC_BYTES;
    memcpy(ret_header, v->message.data, STUN_HEADER_BYTES);
    ret_header[2] = (uint8_t)(length >> 8);
    ret_header[3] = (uint8_t)length;
    *ret_rest = slice_sub(v->message, STUN_HEADER_BYTES, v->integrity_at - STUN_HEADER_BYTES);
}

bool stun_integrity_matches(const struct stun_view *v, const uint8_t mac[STUN_MAC_BYTES]) {
    if (!v->has_integrity || v->integrity.len != STUN_MAC_BYTES) {
        return false;
    }
    uint8_t differs = 0;
    for (size_t i = 0; i < STUN_MAC_BYTES; i++) {
        differs |= (uint8_t)(v->integrity.data[i] ^ mac[i]);
    }
    return differs == 0;
}
