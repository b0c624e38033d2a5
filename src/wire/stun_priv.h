/* stun_priv.h: numbers that the STUN reader and writer share.
 * Owns: nothing. Source: RFC 8489 section 18, RFC 8445 section 16. Callers: stun*.c. */
#pragma once

#include "stun.h"

#define STUN_MAGIC_COOKIE 0x2112a442u
#define STUN_FINGERPRINT_XOR 0x5354554eu

enum {
    STUN_ATTRIBUTE_HEADER_BYTES = 4,
    STUN_FINGERPRINT_BYTES = 4,
    STUN_USERNAME_BYTES_MAX = 513, /* RFC 8489 14.3 */
};

enum stun_attribute {
    STUN_ATTR_USERNAME = 0x0006,
    STUN_ATTR_MESSAGE_INTEGRITY = 0x0008,
    STUN_ATTR_ERROR_CODE = 0x0009,
    STUN_ATTR_UNKNOWN_ATTRIBUTES = 0x000a,
    STUN_ATTR_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_ATTR_PRIORITY = 0x0024,
    STUN_ATTR_USE_CANDIDATE = 0x0025,
    STUN_ATTR_OPTIONAL_FROM = 0x8000, /* from here on: comprehension-optional */
    STUN_ATTR_FINGERPRINT = 0x8028,
    STUN_ATTR_ICE_CONTROLLED = 0x8029,
    STUN_ATTR_ICE_CONTROLLING = 0x802a,
};
