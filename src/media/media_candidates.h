/* media_candidates.h: the candidate lines that clients are told.
 * Owns: nothing.
 * Never: tells of an address family that the worker has no socket for.
 * Invariant: each line is complete, "a=candidate:... typ host\r\n"; the first is the preferred one.
 * Source: RFC 8839 section 5.1, RFC 8445 section 5.1.2; wire/realtime.md 4.1.
 * Callers: media.c. */
#pragma once

#include "buf.h"
#include "media.h"
#include "net_address.h"

enum { CANDIDATE_ADDRESSES_MAX = 16 };

struct candidate_addresses {
    struct net_address list[CANDIDATE_ADDRESSES_MAX];
    size_t count;
};

/* The addresses of the configuration, or else of this machine. INVALID: not an IP address. */
must_check enum status candidate_addresses_find(const struct media_config *config,
                                                struct candidate_addresses *ret_addresses);
/* A port of 0: none of its kind. */
void candidates_put(struct buf *out, const struct candidate_addresses *a, uint16_t udp_port,
                    uint16_t tcp_port, bool has_v6);
