/* uplink.h: one published track as it arrives: its layers, what they lack, and what is sent again.
 * Owns: per layer the numbering, the missing packets, the reports, and a history of about a second.
 * Never: allocates, sends or decides who receives; chunks of the history come from a pool.
 * Invariant: a packet is handed on once; its number is extended, so that it never wraps within the
 *   life of a source, and `source` changes when a layer's SSRC does.
 * Source: wire/realtime.md 3.6, 4.8, 5.1, 5.2, 5.4; RFC 3550 appendix A, RFC 4585.
 * Callers: a media worker, one thread: SRTP is off, RTX unwrapped; downlinks read the history. A
 *   worker without the publisher keeps a mirror: it takes the same packets and asks for no
 * feedback. */
#pragma once

#include "rtcp.h"
#include "rtp.h"
#include "rtp_section.h"
#include "vp8.h"

struct packet_pool;
struct uplink;

enum {
    UPLINK_TEMPORALS_MAX = 4,
    UPLINK_FEEDBACK_BYTES_MAX = 1024, /* space that uplink_feedback asks for */
};

struct uplink_config {
    const struct rtp_section *section; /* as agreed with the publisher; read by create only */
    uint8_t layers;                    /* 1 to RTP_LAYERS_MAX; audio 1 */
    uint8_t layer_of_rid[RTP_RIDS_MAX];
    uint32_t rtcp_ssrc;                      /* of our feedback; not 0 */
    /* borrowed */ struct packet_pool *pool; /* of this thread; outlives the uplink */
};
/* INVALID: no layers, or no formats. NO_MEMORY. */
must_check enum status uplink_create(const struct uplink_config *config,
                                     struct uplink **ret_uplink);
struct uplink *uplink_destroy(struct uplink *u);
uint8_t uplink_layers(const struct uplink *u);
size_t uplink_bytes(const struct uplink *u); /* of memory that it takes, packets included */
bool uplink_is_video(const struct uplink *u);
/* Muted by its publisher: silence is no fault then, and no key frame is asked for. */
void uplink_set_muted(struct uplink *u, bool muted);
/* To the publisher and back; paces requests for missing packets. Unknown: 70 ms. */
void uplink_set_rtt(struct uplink *u, uint32_t rtt_us);

/* Which stream is which layer. The rid comes from the packet (of repaired-rid: for RTX); without
 * rids in the section all is layer 0. False: a rid that was not agreed. */
must_check bool uplink_layer_of_rid(const struct uplink *u, struct slice rid, uint8_t *ret_layer);
/* From now on the layer is this SSRC: another one than before is a new source, and receivers go on
 * at its next key frame. */
void uplink_bind(struct uplink *u, uint8_t layer, uint32_t ssrc);
void uplink_bind_rtx(struct uplink *u, uint8_t layer, uint32_t rtx_ssrc);
must_check bool uplink_layer_of_ssrc(const struct uplink *u, uint32_t ssrc, uint8_t *ret_layer,
                                     bool *ret_is_rtx);
/* The arguments of rtp_unwrap_rtx. False: not an RTX type, or the layer's SSRC is not known yet. */
must_check bool uplink_rtx_origin(const struct uplink *u, uint8_t layer, uint8_t rtx_payload_type,
                                  uint8_t *ret_payload_type, uint32_t *ret_ssrc);

/* A packet and what forwarding must know of it. A view: it lives as long as the packet's bytes, or,
 * from uplink_find, until the next uplink_take. */
struct uplink_packet {
    uint64_t received_us;
    uint32_t sequence; /* extended */
    uint32_t timestamp;
    uint32_t source; /* of the layer: which binding of it */
    uint8_t layer;
    enum rtp_codec codec;
    bool marker;
    bool newest;     /* no later one came before it */
    bool empty;      /* padding: nothing to forward, its number is closed up */
    bool key_frame;  /* one begins here: a receiver can start with it */
    bool parameters; /* of H.264: they stand here */
    uint8_t temporal;
    bool layer_sync; /* a receiver may climb to `temporal` here */
    /* Of VP9 and AV1 with spatial layers in one stream: */
    uint8_t spatial;
    bool spatial_end; /* the layer's last packet in its picture */
    struct vp8_descriptor vp8;
    struct slice payload;
    struct slice redundant; /* of RED: all of it, with the payload as its end; empty: it is none */
    bool has_level;
    struct rtp_audio_level level;
    struct slice capture_time, dependency, playout_delay, orientation; /* values; empty: none */
};
/* The most that stands behind a header of it. */
static inline size_t uplink_packet_bytes(const struct uplink_packet *p) {
    return p->redundant.len > 0 ? p->redundant.len : p->payload.len;
}
/* Takes a packet of this layer's SSRC. OK: give it to each downlink of the track, also when empty.
 * MALFORMED: no RTP, or a payload type that was not agreed. EXISTS: came before. STALE: too old to
 * know. */
must_check enum status uplink_take(struct uplink *u, uint64_t now_us, uint8_t layer,
                                   struct slice packet, struct uplink_packet *ret_packet);
/* A packet of the layer's present source that came within the last second or so. */
must_check bool uplink_find(const struct uplink *u, uint8_t layer, uint32_t sequence,
                            struct uplink_packet *ret_packet);
/* The layer's present source, and the number of its newest packet. */
uint32_t uplink_source(const struct uplink *u, uint8_t layer);
uint32_t uplink_newest(const struct uplink *u, uint8_t layer);

/* RTCP of the publisher, for the layer with that SSRC. */
void uplink_take_sender_report(struct uplink *u, uint64_t now_us, uint8_t layer,
                               const struct rtcp_sender *report);

/* A key frame of the layer is needed; asked for as often as wanted, sent as throttles allow. */
void uplink_request_key_frame(struct uplink *u, uint8_t layer);
/* Bits of layers whose key frame is wanted and has not come: what a mirror passes on. */
uint8_t uplink_key_frames_wanted(const struct uplink *u);
/* When uplink_feedback has something to do, at the latest; UINT64_MAX: when packets come. */
uint64_t uplink_due_us(const struct uplink *u);
/* Writes what is due: reports (every second), NACKs, PLIs: whole RTCP packets behind one another.
 * Call it when due, and after a turn of received packets. `out` has UPLINK_FEEDBACK_BYTES_MAX left
 * (asserted). True when something was written. */
bool uplink_feedback(struct uplink *u, uint64_t now_us, struct rtp_out *out);

/* Packets come, as far as the layers beside it show that some should. */
bool uplink_layer_live(const struct uplink *u, uint8_t layer);
/* Of the last second or so, with the temporal layers up to this one. */
uint32_t uplink_bitrate(const struct uplink *u, uint8_t layer, uint8_t temporal);
uint8_t uplink_fps(const struct uplink *u, uint8_t layer, uint8_t temporal);
/* Spatial layers within the layer's stream, as they come: 1 unless it is VP9 or AV1 that has more.
 */
uint8_t uplink_spatials(const struct uplink *u, uint8_t layer);
uint32_t uplink_spatial_bitrate(const struct uplink *u, uint8_t layer, uint8_t spatial);
/* The publisher's clocks at one moment, from the layer's last sender report; false: none came. */
struct uplink_clock {
    uint64_t ntp;
    uint32_t timestamp;
    uint64_t at_us; /* when the report came */
};
must_check bool uplink_layer_clock(const struct uplink *u, uint8_t layer,
                                   struct uplink_clock *ret_clock);

/* Of all layers together, since the last call of uplink_take_stats. */
struct uplink_stats {
    uint32_t packets, bytes; /* received */
    uint32_t expected, lost; /* packets; not found again */
    uint32_t jitter_us;      /* of the worst layer */
    uint8_t layers_live;
    uint32_t nacks, plis; /* sent */
    bool muted, reported; /* a sender report came */
};
void uplink_take_stats(struct uplink *u, struct uplink_stats *ret_stats);
