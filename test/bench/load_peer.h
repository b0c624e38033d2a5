/* load_peer.h: a raw client that joins as real ones do: WebSocket, offer, checks, DTLS, SRTP.
 * Owns: struct load_peer its WebSocket and its struct rtp_client.
 * Never: decodes media; understands no more of signalling than a join needs.
 * Invariant: a join that the server refuses ends the program with what it said.
 * Callers: benchmarks and the soak of this folder; one thread for each peer. */
#pragma once

#include "load.h"
#include "rtp_client.h"

enum {
    LOAD_PEER_PUBLISHES = 1,  /* a microphone (mid 0) and a camera (mid 1) */
    LOAD_PEER_SUBSCRIBES = 2, /* places for three tracks of each kind (mids 2 to 7) */
    LOAD_PEER_DATA = 4,       /* a section for data (mid 8), over which it says nothing */
};
enum { LOAD_OPUS = 111, LOAD_VP8 = 96, LOAD_MID_ID = 4, LOAD_LEVEL_ID = 1 };

struct load_peer {
    struct rtp_client rtp;
    int ws;
    uint8_t *in; /* of the WebSocket: what makes no frame yet */
    size_t in_len, in_size;
    uint32_t answers, leaves;
    uint64_t checked_us;
};

/* By /rtc/v1, until the offer is answered: the transport is open, no check was sent yet. */
void load_peer_join(struct load_peer *p, uint16_t port, const char *room, const char *identity,
                    unsigned what);
/* By another WebSocket; the old one breaks off. */
void load_peer_resume(struct load_peer *p, uint16_t port, const char *room, const char *identity);
must_check bool load_peer_connect(struct load_peer *p); /* until media may flow */
/* Takes in what has come, answers pings, and checks when it is time; waits for nothing. False: the
 * server has ended the session. */
must_check bool load_peer_turn(struct load_peer *p);
must_check bool load_peer_tend(struct load_peer *p); /* the same without the socket of media */
void load_peer_leave(struct load_peer *p); /* says so, and waits until the server has closed */
void load_peer_drop(struct load_peer *p);  /* gone without a word */
/* A packet of the microphone, or of the camera, with the time of sending in its payload. */
void load_peer_send(struct load_peer *p, bool video, uint16_t sequence, uint32_t timestamp,
                    struct slice payload, bool marker);
