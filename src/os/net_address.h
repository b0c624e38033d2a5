/* net_address.h: an IP address with a port, by value, and prefixes of addresses.
 * Owns: nothing; 24 bytes without padding, so equal addresses are equal bytes (a map key).
 * Never: resolves names.
 * Invariant: IPv4 mapped into IPv6 is stored as IPv4; unused bytes of `ip` are 0. Zeroed is "none".
 * Callers: tcp, udp, edge, media. Any thread. */
#pragma once

#include "hash.h"

enum net_family { NET_NONE = 0, NET_V4 = 4, NET_V6 = 6 };
/* "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295]:65535" and the NUL. */
enum { NET_ADDRESS_TEXT_MAX = 72 };

struct net_address {
    uint16_t family; /* enum net_family */
    uint16_t port;   /* host order */
    uint32_t scope;  /* interface index of a link-local IPv6 address, else 0 */
    uint8_t ip[16];  /* network order; IPv4 in the first four */
};
static_assert(sizeof(struct net_address) == 24, "no padding: the bytes are the key");

struct sockaddr;
struct sockaddr_storage;

/* An IP literal without port or brackets. MALFORMED otherwise. */
must_check enum status net_address_parse(struct slice ip, uint16_t port,
                                         struct net_address *ret_address);
/* "1.2.3.4:80" or "[::1]:80". */
must_check enum status net_address_parse_with_port(struct slice text,
                                                   struct net_address *ret_address);
/* 0.0.0.0 or ::, for binding. */
struct net_address net_address_any(enum net_family family, uint16_t port);
struct net_address net_address_loopback(enum net_family family, uint16_t port);

static inline bool net_address_equal(const struct net_address *a, const struct net_address *b) {
    return __builtin_memcmp(a, b, sizeof *a) == 0;
}
bool net_address_same_ip(const struct net_address *a, const struct net_address *b);
static inline struct slice net_address_slice(const struct net_address *a) {
    return slice_of(a, sizeof *a);
}
uint64_t net_address_hash(const struct hash_key *key, const struct net_address *a);
/* The /64 of an IPv6 address, all of an IPv4 one, port 0: what limits per address count by. */
struct net_address net_address_limit_key(const struct net_address *a);

bool net_address_is_any(const struct net_address *a);
bool net_address_is_loopback(const struct net_address *a);
bool net_address_is_link_local(const struct net_address *a);
bool net_address_is_private(const struct net_address *a); /* RFC 1918, RFC 4193, RFC 6598 */

/* NUL-terminated; returns the length. Without and with the port (IPv6 then in brackets). */
size_t net_address_ip_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX]);
size_t net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX]);

/* A range such as 10.0.0.0/8; a bare address is itself alone. */
struct net_prefix {
    struct net_address address;
    uint32_t bits;
};
must_check enum status net_prefix_parse(struct slice text, struct net_prefix *ret_prefix);
bool net_prefix_contains(const struct net_prefix *p, const struct net_address *a);

/* For os alone: to and from the kernel's form. Returns the length for the system call. */
uint32_t net_address_to_sockaddr(const struct net_address *a, struct sockaddr_storage *out);
struct net_address net_address_from_sockaddr(const struct sockaddr *sa);
