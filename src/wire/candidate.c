#include "candidate.h"

enum { HOST_PREFERENCE = 126, COMPONENT_RTP = 1 };

/* RFC 6544 4.2 spends the top three bits of the local preference of TCP candidates on their
 * direction (passive: 4), the rest stays ours; and UDP comes first. */
enum { TCP_PASSIVE_PREFERENCE = 4, TCP_PREFERENCE_BITS = 13, TCP_TYPE_PENALTY = 36 };

uint32_t candidate_priority(const struct candidate *c) {
    uint32_t type = HOST_PREFERENCE, local = c->preference;
    if (c->transport == CANDIDATE_TCP_PASSIVE) {
        type -= TCP_TYPE_PENALTY;
        local = (uint32_t)TCP_PASSIVE_PREFERENCE << TCP_PREFERENCE_BITS |
                (local & ((1u << TCP_PREFERENCE_BITS) - 1));
    }
    return type << 24 | local << 8 | (256 - COMPONENT_RTP);
}

void candidate_put_ip(struct buf *out, const struct stun_address *address) {
    assert(address->family == STUN_IPV4 || address->family == STUN_IPV6);
    if (address->family == STUN_IPV4) {
        buf_printf(out, "%u.%u.%u.%u", address->ip[0], address->ip[1], address->ip[2],
                   address->ip[3]);
        return;
    }
    /* Runs of zeros are not shortened: nobody reads this but parsers. */
    for (size_t i = 0; i < 16; i += 2) {
        unsigned group = (unsigned)address->ip[i] << 8 | address->ip[i + 1];
        buf_printf(out, i == 0 ? "%x" : ":%x", group);
    }
}

/* Equal foundations mark candidates of one base and protocol (RFC 8445 5.1.1.3): each of our
 * addresses has its own, told apart by family, protocol and preference. */
static uint32_t foundation(const struct candidate *c) {
    return (uint32_t)c->preference << 2 | (c->transport == CANDIDATE_TCP_PASSIVE ? 2u : 0u) |
           (c->address.family == STUN_IPV6 ? 1u : 0u);
}

void candidate_put(struct buf *out, const struct candidate *c) {
    bool is_tcp = c->transport == CANDIDATE_TCP_PASSIVE;
    buf_printf(out, "candidate:%u %d %s %u ", foundation(c), COMPONENT_RTP, is_tcp ? "tcp" : "udp",
               candidate_priority(c));
    candidate_put_ip(out, &c->address);
    buf_printf(out, " %u typ host%s", c->address.port, is_tcp ? " tcptype passive" : "");
}

void candidate_put_line(struct buf *out, const struct candidate *c) {
    buf_put(out, SLICE_LIT("a="));
    candidate_put(out, c);
    buf_put(out, SLICE_LIT("\r\n"));
}
