#include "hash.h"
#include "stun_priv.h"

#include <string.h>

static void put(struct stun_message *m, const void *bytes, size_t len) {
    if (m->failed || len > sizeof(m->data) - m->len) {
        m->failed = true;
        return;
    }
    if (len > 0) {
        memcpy(m->data + m->len, bytes, len);
    }
    m->len += len;
}

static void put_be16(struct stun_message *m, uint16_t v) {
    put(m, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_be32(struct stun_message *m, uint32_t v) {
    put_be16(m, (uint16_t)(v >> 16));
    put_be16(m, (uint16_t)v);
}

/* The header of an attribute whose value is already a multiple of four bytes, or is padded by
 * put_padding afterwards. */
static void put_attribute(struct stun_message *m, enum stun_attribute type, size_t len) {
    put_be16(m, (uint16_t)type);
    put_be16(m, (uint16_t)len);
}

static void put_padding(struct stun_message *m, size_t len) {
    static const uint8_t zeros[3] = {0};
    put(m, zeros, (4 - len % 4) % 4);
}

/* The length field counts what follows the header, and `more` bytes that will still come. */
static void set_length(struct stun_message *m, size_t more) {
    size_t length = m->len - STUN_HEADER_BYTES + more;
    m->data[2] = (uint8_t)(length >> 8);
    m->data[3] = (uint8_t)length;
}

static void begin(struct stun_message *m, enum stun_kind kind,
                  const uint8_t transaction[STUN_TRANSACTION_BYTES]) {
    m->len = 0;
    m->failed = false;
    unsigned bits = (unsigned)kind;
    put_be16(m, (uint16_t)(STUN_METHOD_BINDING | (bits & 2) << 7 | (bits & 1) << 4));
    put_be16(m, 0);
    put_be32(m, STUN_MAGIC_COOKIE);
    put(m, transaction, STUN_TRANSACTION_BYTES);
}

void stun_write_success(struct stun_message *m, const uint8_t transaction[STUN_TRANSACTION_BYTES],
                        const struct stun_address *mapped) {
    assert(mapped->family == STUN_IPV4 || mapped->family == STUN_IPV6);
    size_t ip_len = mapped->family == STUN_IPV4 ? 4 : 16;
    uint8_t ip[16];
    begin(m, STUN_SUCCESS, transaction);
    for (size_t i = 0; i < ip_len; i++) {
        ip[i] = mapped->ip[i] ^ m->data[4 + i]; /* cookie, then transaction id */
    }
    put_attribute(m, STUN_ATTR_XOR_MAPPED_ADDRESS, 4 + ip_len);
    put_be16(m, (uint16_t)mapped->family);
    put_be16(m, (uint16_t)(mapped->port ^ (STUN_MAGIC_COOKIE >> 16)));
    put(m, ip, ip_len);
}

static const char *error_reason(enum stun_error code) {
    switch (code) {
    case STUN_ERROR_BAD_REQUEST: return "Bad Request";
    case STUN_ERROR_UNAUTHENTICATED: return "Unauthenticated";
    case STUN_ERROR_UNKNOWN_ATTRIBUTE: return "Unknown Attribute";
    case STUN_ERROR_ROLE_CONFLICT: return "Role Conflict";
    }
    return "";
}

void stun_write_error(struct stun_message *m, const struct stun_view *request,
                      enum stun_error code) {
    const char *reason = error_reason(code);
    size_t reason_len = strlen(reason);
    begin(m, STUN_ERROR, request->transaction);
    put_attribute(m, STUN_ATTR_ERROR_CODE, 4 + reason_len);
    put_be16(m, 0);
    put_be16(m, (uint16_t)((unsigned)code / 100 << 8 | (unsigned)code % 100));
    put(m, reason, reason_len);
    put_padding(m, reason_len);
    if (code == STUN_ERROR_UNKNOWN_ATTRIBUTE) {
        size_t len = request->unknown_count * 2;
        put_attribute(m, STUN_ATTR_UNKNOWN_ATTRIBUTES, len);
        for (size_t i = 0; i < request->unknown_count; i++) {
            put_be16(m, request->unknown[i]);
        }
        put_padding(m, len);
    }
}

void stun_write_check(struct stun_message *m, const struct stun_check *check) {
    size_t username_len = check->remote_ufrag.len + 1 + check->local_ufrag.len;
    begin(m, STUN_REQUEST, check->transaction);
    if (username_len > STUN_USERNAME_BYTES_MAX) {
        m->failed = true;
        return;
    }
    put_attribute(m, STUN_ATTR_USERNAME, username_len);
    put(m, check->remote_ufrag.data, check->remote_ufrag.len);
    put(m, ":", 1);
    put(m, check->local_ufrag.data, check->local_ufrag.len);
    put_padding(m, username_len);
    put_attribute(m, STUN_ATTR_PRIORITY, 4);
    put_be32(m, check->priority);
    put_attribute(m, STUN_ATTR_ICE_CONTROLLED, 8);
    put_be32(m, (uint32_t)(check->tie_breaker >> 32));
    put_be32(m, (uint32_t)check->tie_breaker);
}

struct slice stun_seal_input(struct stun_message *m) {
    if (m->failed) {
        return slice_of(NULL, 0);
    }
    set_length(m, STUN_ATTRIBUTE_HEADER_BYTES + STUN_MAC_BYTES);
    return slice_of(m->data, m->len);
}

void stun_seal(struct stun_message *m, const uint8_t *mac) {
    if (mac) {
        put_attribute(m, STUN_ATTR_MESSAGE_INTEGRITY, STUN_MAC_BYTES);
        put(m, mac, STUN_MAC_BYTES);
    }
    if (m->failed) {
        return;
    }
    set_length(m, STUN_ATTRIBUTE_HEADER_BYTES + STUN_FINGERPRINT_BYTES);
    uint32_t crc = crc32_ieee(0, slice_of(m->data, m->len)) ^ STUN_FINGERPRINT_XOR;
    put_attribute(m, STUN_ATTR_FINGERPRINT, STUN_FINGERPRINT_BYTES);
    put_be32(m, crc);
}

struct slice stun_message_slice(const struct stun_message *m) {
    return m->failed ? slice_of(NULL, 0) : slice_of(m->data, m->len);
}
