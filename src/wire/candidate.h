/* candidate.h: the text of our host candidates, for descriptions and for trickling.
 * Owns: nothing.
 * Never: reads candidates: a lite agent learns addresses from checks, not from what peers list.
 * Invariant: component 1 alone, since RTCP shares the port.
 * Source: RFC 8839 section 5.1 (grammar), RFC 8445 section 5.1.2 (priority), RFC 6544 (TCP).
 * Callers: media's facade or node, once at the start (struct peer_local). */
#pragma once

#include "buf.h"
#include "stun.h"

enum candidate_transport { CANDIDATE_UDP, CANDIDATE_TCP_PASSIVE };

struct candidate {
    enum candidate_transport transport;
    struct stun_address address;
    uint16_t preference; /* local preference: higher first among our own */
};

uint32_t candidate_priority(const struct candidate *c);
/* "candidate:1 1 udp 2130706431 203.0.113.5 50000 typ host", without "a=" and line end. */
void candidate_put(struct buf *out, const struct candidate *c);
/* The same as a line of a description. */
void candidate_put_line(struct buf *out, const struct candidate *c);
/* Dotted quad, or eight groups in hexadecimal; no brackets. */
void candidate_put_ip(struct buf *out, const struct stun_address *address);
