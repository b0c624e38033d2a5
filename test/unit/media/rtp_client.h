/* rtp_client.h: a client that sends and takes SRTP after its handshake.
 * Owns: struct rtp_client its SRTP keys; the connection below it is struct client.
 * Never: keeps more than the last RTP_CLIENT_KEPT packets that came.
 * Callers: tests and benchmarks of media. */
#pragma once

#include "client.h"
#include "rtp.h"
#include "srtp.h"

enum { RTP_CLIENT_KEPT = 64, RTP_CLIENT_BYTES_MAX = 1600 };

struct rtp_client_packet {
    uint64_t received_ns; /* struct client's */
    size_t len;
    uint8_t bytes[RTP_CLIENT_BYTES_MAX];
};

struct rtp_client {
    struct client client;
    struct srtp_session *srtp;
    struct rtp_client_packet rtp[RTP_CLIENT_KEPT], rtcp[RTP_CLIENT_KEPT]; /* rings, opened */
    size_t rtp_count, rtcp_count;                                         /* ever */
};

/* Connected already (client_connect). */
void rtp_client_begin(struct rtp_client *c);
void rtp_client_end(struct rtp_client *c);
/* Seals and sends; the SSRC's first packet makes its stream. */
void rtp_client_send(struct rtp_client *c, const struct rtp_header *h,
                     const struct rtp_extension *list, size_t count, struct slice payload);
void rtp_client_send_rtcp(struct rtp_client *c, struct slice compound);
/* The nth packet that came, counted from 0; it is still kept (asserted). */
struct rtp_view rtp_client_packet_at(const struct rtp_client *c, size_t n);
