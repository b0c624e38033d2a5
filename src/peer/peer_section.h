/* peer_section.h: one section (m-line) as agreed last, in the words of this server.
 * Owns: nothing: texts are views into the peer, which keeps them until its next exchange.
 * Never: holds codecs or extensions that the server does not know: those are not used.
 * Invariant: index and, unless it was stopped, mid and kind never change.
 * Source: wire/realtime.md 3.6 to 3.9, 4.3 to 4.5.
 * Callers: peer; node and media read it. */
#pragma once

#include "rtp_section.h"
#include "sdp.h"

struct peer_section {
    enum sdp_kind kind;
    bool stopped; /* port 0 on either side: its place may be taken by another one */
    enum sdp_direction remote_direction; /* as the client described it */
    enum sdp_direction local_direction;  /* as we described it last */

    /* From the client to us. */
    bool remote_sends;  /* by direction alone: what stopped may still carry its msid (T22) */
    uint64_t receive;   /* the track bound by peer_receive; 0: none, and it is not asked for */
    bool stereo, dtx;   /* as peer_receive said */
    bool red;           /* as peer_receive said */
    bool has_preferred; /* as peer_receive said */
    enum rtp_codec preferred;
    struct slice msid_track; /* the client's name of its track; empty when not said */

    /* From us to the client. */
    uint64_t send; /* of a peer_send that was given this section; 0: none */
    bool
        send_refused; /* the client cannot take its codec, or takes nothing here: nothing is sent */

    /* What each direction in use may carry. Offered and not answered yet, or inactive: all that we
     * take of what the client offered. Receiving: all codecs that we take, the
     * preferred one first, else in the client's order. Sending: formats[0] is the codec sent, the
     * extensions those that may be written. */
    struct rtp_section rtp;
};

static inline struct slice peer_section_mid(const struct peer_section *s) {
    return rtp_section_mid(&s->rtp);
}

/* True when media of `send` flows in this section. */
static inline bool peer_section_sends(const struct peer_section *s) {
    return (s->local_direction & SDP_SENDONLY) != 0;
}

/* True when media of the track `receive` flows in this section. */
static inline bool peer_section_receives(const struct peer_section *s) {
    return (s->local_direction & SDP_RECVONLY) != 0;
}
