#include "net_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t v4_mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t v6_loopback[16] = {[15] = 1};
static const uint8_t zeros[16];

static struct net_address from_v4(const void *ip, uint16_t port) {
    struct net_address a = {.family = NET_V4, .port = port};
    memcpy(a.ip, ip, 4);
    return a;
}

static struct net_address from_v6(const uint8_t *ip, uint16_t port, uint32_t scope) {
    if (memcmp(ip, v4_mapped_prefix, sizeof v4_mapped_prefix) == 0) {
        return from_v4(ip + 12, port);
    }
    struct net_address a = {.family = NET_V6, .port = port};
    memcpy(a.ip, ip, 16);
    a.scope = net_address_is_link_local(&a) ? scope : 0;
    return a;
}

/* The scope behind "%", as a number. True, and 0, when there is none. */
static bool split_scope(struct slice *ip, uint32_t *ret_scope) {
    size_t percent = slice_find(*ip, '%');
    uint64_t scope = 0;
    if (percent < ip->len &&
        (!slice_to_u64(slice_after(*ip, percent + 1), &scope) || scope > UINT32_MAX)) {
        return false;
    }
    *ip = slice_sub(*ip, 0, percent);
    *ret_scope = (uint32_t)scope;
    return true;
}

enum status net_address_parse(struct slice ip, uint16_t port, struct net_address *ret_address) {
    uint32_t scope;
    char text[INET6_ADDRSTRLEN];
    if (!split_scope(&ip, &scope) || ip.len == 0 || ip.len >= sizeof text ||
        slice_find(ip, 0) < ip.len) {
        return STATUS_MALFORMED;
    }
    memcpy(text, ip.data, ip.len);
    text[ip.len] = 0;
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1 && scope == 0) {
        *ret_address = from_v4(bytes, port);
    } else if (inet_pton(AF_INET6, text, bytes) == 1) {
        *ret_address = from_v6(bytes, port, scope);
    } else {
        return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

enum status net_address_parse_with_port(struct slice text, struct net_address *ret_address) {
    struct slice ip, port_text;
    bool bracket = text.len > 0 && text.data[0] == '[';
    if (bracket) {
        struct slice rest = slice_after(text, 1);
        size_t end = slice_find(rest, ']');
        ip = slice_sub(rest, 0, end);
        rest = slice_after(rest, end + 1);
        if (rest.len == 0 || rest.data[0] != ':') {
            return STATUS_MALFORMED;
        }
        port_text = slice_after(rest, 1);
    } else {
        size_t colon = slice_find(text, ':');
        ip = slice_sub(text, 0, colon);
        port_text = slice_after(text, colon + 1);
    }
    uint64_t port;
    struct net_address a;
    if (!slice_to_u64(port_text, &port) || port > UINT16_MAX ||
        net_address_parse(ip, (uint16_t)port, &a) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    *ret_address = a;
    return STATUS_OK;
}

struct net_address net_address_any(enum net_family family, uint16_t port) {
    assert(family == NET_V4 || family == NET_V6);
    return (struct net_address){.family = (uint16_t)family, .port = port};
}

struct net_address net_address_loopback(enum net_family family, uint16_t port) {
    struct net_address a = net_address_any(family, port);
    if (family == NET_V4) {
        a.ip[0] = 127;
        a.ip[3] = 1;
    } else {
        memcpy(a.ip, v6_loopback, sizeof v6_loopback);
    }
    return a;
}

bool net_address_same_ip(const struct net_address *a, const struct net_address *b) {
    return a->family == b->family && a->scope == b->scope && memcmp(a->ip, b->ip, 16) == 0;
}

uint64_t net_address_hash(const struct hash_key *key, const struct net_address *a) {
    return hash64(key, net_address_slice(a));
}

struct net_address net_address_limit_key(const struct net_address *a) {
    struct net_address k = *a;
    k.port = 0;
    if (k.family == NET_V6) {
        memset(k.ip + 8, 0, 8);
    }
    return k;
}

bool net_address_is_any(const struct net_address *a) {
    return a->family != NET_NONE && memcmp(a->ip, zeros, sizeof zeros) == 0;
}

bool net_address_is_loopback(const struct net_address *a) {
    return (a->family == NET_V4 && a->ip[0] == 127) ||
           (a->family == NET_V6 && memcmp(a->ip, v6_loopback, sizeof v6_loopback) == 0);
}

bool net_address_is_link_local(const struct net_address *a) {
    return (a->family == NET_V4 && a->ip[0] == 169 && a->ip[1] == 254) ||
           (a->family == NET_V6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
}

bool net_address_is_private(const struct net_address *a) {
    const uint8_t *ip = a->ip;
    if (a->family == NET_V6) {
        return (ip[0] & 0xfe) == 0xfc;
    }
    return a->family == NET_V4 &&
           (ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
            (ip[0] == 192 && ip[1] == 168) || (ip[0] == 100 && (ip[1] & 0xc0) == 64));
}

size_t net_address_ip_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX]) {
    if (a->family == NET_NONE) {
        return (size_t)snprintf(out, NET_ADDRESS_TEXT_MAX, "none");
    }
    int family = a->family == NET_V4 ? AF_INET : AF_INET6;
    const char *text = inet_ntop(family, a->ip, out, NET_ADDRESS_TEXT_MAX);
    assert(text);
    size_t len = strlen(text);
    if (a->scope != 0) {
        int more = snprintf(out + len, NET_ADDRESS_TEXT_MAX - len, "%%%u", (unsigned)a->scope);
        len += (size_t)more;
    }
    return len;
}

size_t net_address_text(const struct net_address *a, char out[NET_ADDRESS_TEXT_MAX]) {
    char ip[NET_ADDRESS_TEXT_MAX];
    (void)net_address_ip_text(a, ip);
    bool v6 = a->family == NET_V6;
    /* 56 characters are the longest IPv6 text, 45, with its scope, 11. */
    return (size_t)snprintf(out, NET_ADDRESS_TEXT_MAX, "%s%.56s%s:%u", v6 ? "[" : "", ip,
                            v6 ? "]" : "", (unsigned)a->port);
}

enum status net_prefix_parse(struct slice text, struct net_prefix *ret_prefix) {
    size_t slash = slice_find(text, '/');
    struct net_prefix p;
    if (net_address_parse(slice_sub(text, 0, slash), 0, &p.address) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    uint64_t bits_max = p.address.family == NET_V4 ? 32 : 128;
    uint64_t bits = bits_max;
    if (slash < text.len &&
        (!slice_to_u64(slice_after(text, slash + 1), &bits) || bits > bits_max)) {
        return STATUS_MALFORMED;
    }
    p.bits = (uint32_t)bits;
    *ret_prefix = p;
    return STATUS_OK;
}

bool net_prefix_contains(const struct net_prefix *p, const struct net_address *a) {
    if (p->address.family != a->family) {
        return false;
    }
    size_t whole = p->bits / 8;
    uint32_t rest = p->bits % 8;
    if (memcmp(p->address.ip, a->ip, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || ((p->address.ip[whole] ^ a->ip[whole]) & mask) == 0;
}

uint32_t net_address_to_sockaddr(const struct net_address *a, struct sockaddr_storage *out) {
    if (a->family == NET_V4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&v4.sin_addr, a->ip, 4);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    assert(a->family == NET_V6);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    memcpy(&v6.sin6_addr, a->ip, 16);
    v6.sin6_scope_id = a->scope;
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}

struct net_address net_address_from_sockaddr(const struct sockaddr *sa) {
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sa, sizeof v4);
        return from_v4(&v4.sin_addr, ntohs(v4.sin_port));
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sa, sizeof v6);
        return from_v6((const uint8_t *)&v6.sin6_addr, ntohs(v6.sin6_port), v6.sin6_scope_id);
    }
    return (struct net_address){0};
}
