/* datagram.h: tells by the first bytes what a datagram of a media port is.
 * Owns: nothing. Pure.
 * Never: says more than the kind: each parser checks its own bytes.
 * Invariant: a kind other than UNKNOWN has at least the bytes of that protocol's fixed header.
 * Source: RFC 7983 section 7; RFC 5761 section 4 (RTCP by its second byte).
 * Callers: media workers, for UDP and for RFC 4571 frames alike. */
#pragma once

#include "slice.h"

enum datagram_kind {
    DATAGRAM_UNKNOWN,
    DATAGRAM_STUN,
    DATAGRAM_DTLS,
    DATAGRAM_TURN_CHANNEL,
    DATAGRAM_RTP,
    DATAGRAM_RTCP,
};

enum datagram_kind datagram_classify(struct slice datagram);
