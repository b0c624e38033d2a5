/* downlink.h: one subscriber's copy of a track: which packets it gets, and with which numbers.
 * Owns: its own SSRC's numbers, the layer it is on, and what it has sent (for resends).
 * Never: allocates after create, sends, or leaves a gap that was none upstream.
 * Invariant: a number is given once; what it stood for is written again byte by byte the same.
 *   Frames leave with rising timestamps and, for VP8, running picture ids, whatever the layers do;
 *   a layer is entered at a key frame only.
 * Source: wire/realtime.md 5.1, 5.3, 5.4, 5.5, 5.7, traps T21, T39, T41, T46.
 * Callers: a media worker, on the thread of the uplink (or of its mirror), which each call names:
 *   always the same one. Packets are written whole: seal them with SRTP and send them. */
#pragma once

#include "rtcp.h"
#include "rtp_section.h"
#include "uplink.h"

struct downlink;

enum {
    DOWNLINK_HEADER_BYTES_MAX = 224, /* what a packet may be longer than its payload */
    DOWNLINK_REPORT_BYTES_MAX = 400, /* of sender report and description */
    DOWNLINK_LAYER_NONE = 0xff,
};

struct downlink_config {
    const struct rtp_section *section; /* the subscriber's; formats[0] is sent; read by create */
    uint32_t ssrc, rtx_ssrc;           /* rtx 0: resends go out as they were */
    struct slice cname;
    uint32_t seed; /* unguessable: the first sequence numbers */
};
/* INVALID: no format, a cname too long. NO_MEMORY. */
must_check enum status downlink_create(const struct downlink_config *config,
                                       struct downlink **ret_downlink);
struct downlink *downlink_destroy(struct downlink *d);

/* What the subscriber asks for. First state: paused. */
struct downlink_want {
    bool paused;
    uint8_t layer_max;
    uint8_t fps_max; /* 0: all */
};
void downlink_set_want(struct downlink *d, const struct downlink_want *want);
/* What its link allows (budget.h); first state: all. A hard limit stops a layer above it at once,
 * before the lower one has a key frame. layer_max DOWNLINK_LAYER_NONE: nothing. */
struct downlink_limit {
    uint8_t layer_max, temporal_max;
    bool hard;
};
void downlink_set_limit(struct downlink *d, struct downlink_limit limit);
uint8_t downlink_layer(const struct downlink *d); /* the one being sent, or NONE */
bool downlink_wanted(const struct downlink *d);   /* neither paused nor limited to nothing */

/* Every 100 ms or so, and after want or limit changed: chooses the layer to be on, and asks the
 * uplink for the key frames that are needed for it. */
void downlink_tick(struct downlink *d, struct uplink *u, uint64_t now_us);

/* For each packet that uplink_take said OK to, of all layers. True: a packet was written at the end
 * of `out`, which has uplink_packet_bytes + DOWNLINK_HEADER_BYTES_MAX left (asserted): srtp_seal,
 * send. */
must_check bool downlink_forward(struct downlink *d, struct uplink *u, uint64_t now_us,
                                 const struct uplink_packet *p, struct rtp_out *out);
/* After downlink_forward said true: a key frame whose first packet came late opened the way for
 * packets that came before it. Each call writes one more, until it says false. */
must_check bool downlink_catch_up(struct downlink *d, struct uplink *u, uint64_t now_us,
                                  struct rtp_out *out);
/* Held: newer packets of the layer that is sent stay in the uplink's history; each call of
 * downlink_catch_up lets one more of them go, in order. Let go of when that says false. */
void downlink_set_held(struct downlink *d, bool held);

/* Opus that is not sent any more, for now: 20 ms of silence, lest a decoder hum on with what it
 * heard last; call it at that pace. `trailer` follows the silence: by it those who decrypt know
 * that the server made this. False: nothing was sent so far, or is sent now. Space as above. */
enum { DOWNLINK_SILENCE_US = 20000 };
must_check bool downlink_silence(struct downlink *d, uint64_t now_us, struct slice trailer,
                                 struct rtp_out *out);

/* Nothing but bytes, on the RTX stream, where they disturb no numbers: to see what a link carries.
 * False: it has none, its receiver never reported, or nothing is sent. Space as above. */
must_check bool downlink_pad(struct downlink *d, uint64_t now_us, struct rtp_out *out);
bool downlink_can_pad(const struct downlink *d);

enum downlink_resend {
    DOWNLINK_RESEND_NONE,  /* nothing is written: not known, or too soon, or too often */
    DOWNLINK_RESEND_FRESH, /* on the RTX stream, or never sent so far: srtp_seal */
    DOWNLINK_RESEND_AGAIN, /* byte by byte what was sent under this number: srtp_seal_again */
};
/* For each number of a NACK. Space as above. */
must_check enum downlink_resend downlink_resend(struct downlink *d, struct uplink *u,
                                                uint64_t now_us, uint16_t sequence,
                                                struct rtp_out *out);
/* RTCP of the subscriber about this SSRC: a report block; a PLI or FIR. */
/* Returns the round trip that it measured; 0: none. */
uint32_t downlink_take_report(struct downlink *d, uint64_t now_us,
                              const struct rtcp_report *report);
void downlink_take_key_request(struct downlink *d, struct uplink *u, uint64_t now_us);

/* Sender report and description when due (every 3 s while packets leave, once the publisher's
 * clock is known). `out` has DOWNLINK_REPORT_BYTES_MAX left (asserted). True: written. */
bool downlink_report(struct downlink *d, const struct uplink *u, uint64_t now_us,
                     struct rtp_out *out);
void downlink_hasten_report(struct downlink *d); /* due at once: its answer measures the way */
uint64_t downlink_report_due_us(const struct downlink *d);

struct downlink_stats {
    uint64_t packets, bytes; /* sent in all, without resends; bytes of payload */
    uint32_t resent, switches;
    uint8_t fraction_lost; /* of 256: as the last report said */
    uint32_t jitter_us;
    uint32_t rtt_us; /* 0: not known yet */
    bool reported;
};
void downlink_read_stats(const struct downlink *d, struct downlink_stats *ret_stats);
size_t downlink_bytes(const struct downlink *d); /* of memory that it takes */
