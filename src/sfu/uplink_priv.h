/* uplink_priv.h: the inside of an uplink.
 * Callers: uplink*.c. */
#pragma once

#include "av1.h"
#include "history.h"
#include "nack_list.h"
#include "uplink.h"

enum {
    REPORT_INTERVAL_US = 1000000,
    RATE_WINDOW_US = 500000,
    LAYER_SILENT_US = 1000000, /* so long behind its siblings a layer is not live */
    SEED_FIRST_US = 200000,    /* a stream's first packets may come in any order */
    SEED_US = 1000000,
    SEED_END_US = 30000000,
    PLI_LOW_US = 500000, /* throttle of the lowest layer: small key frames */
    PLI_HIGH_US = 1000000,
    NACKS_PER_FEEDBACK = 60, /* of a layer; three of them fit UPLINK_FEEDBACK_BYTES_MAX */
    UNKNOWN = 0xff,          /* in the tables by payload type and extension id */
};

/* Bytes and frames of each temporal layer: of this window, and as rates of the last two. */
struct uplink_rate {
    uint64_t since_us;
    uint32_t bytes[UPLINK_TEMPORALS_MAX];
    uint16_t frames[UPLINK_TEMPORALS_MAX];
    uint32_t bps[UPLINK_TEMPORALS_MAX];
    uint16_t fps_q4[UPLINK_TEMPORALS_MAX]; /* of 1/16 */
    uint32_t spatial_bytes[RTP_LAYERS_MAX], spatial_bps[RTP_LAYERS_MAX];
};

struct uplink_layer {
    uint32_t ssrc, rtx_ssrc, source;
    bool bound, has_rtx, started;

    uint32_t base, highest; /* extended numbers, the first and the newest */
    uint16_t jump_next;     /* what would follow a number far off; confirmed, it is a restart */
    bool jumped;
    uint32_t timestamp; /* of the newest */

    uint32_t received, empty, expected_prior, received_prior; /* for report blocks */
    uint32_t jitter_q4;                                       /* of 1/16 RTP units */
    uint32_t transit;
    bool has_clock;
    struct uplink_clock clock;

    struct nack_list nacks;
    bool key_wanted, key_seen, has_parameters;
    struct av1_structure av1; /* of the last key frame that said it */
    uint64_t started_us, last_us, pli_us;
    struct uplink_rate rate;
    struct history history;

    uint32_t stat_packets, stat_bytes, stat_expected, stat_nacks, stat_plis;
    bool stat_reported;
};

struct uplink {
    /* borrowed */ struct packet_pool *pool;
    uint32_t rtcp_ssrc, clock_rate, rtt_us;
    uint64_t report_us; /* when reports were written */
    bool video, muted, nacks;
    uint8_t layers_count;
    uint8_t rids_count, layer_of_rid[RTP_RIDS_MAX];
    struct rtp_rid rids[RTP_RIDS_MAX];
    uint8_t codec_of_type[128];    /* enum rtp_codec or UNKNOWN */
    uint8_t original_of_type[128]; /* of an RTX payload type, or UNKNOWN */
    uint8_t kind_of_id[256];       /* enum rtp_extension_kind or UNKNOWN */
    struct uplink_layer layers[];
};

/* Everything of *p that stands in the packet: not sequence, source, newest, received_us. */
must_check enum status uplink_packet_read(const struct uplink *u, const struct uplink_layer *l,
                                          struct slice packet, struct uplink_packet *p);
void uplink_rate_take(struct uplink_rate *r, uint64_t now_us, const struct uplink_packet *p,
                      size_t bytes, bool frame_begins);
void uplink_rate_turn(struct uplink_rate *r, uint64_t now_us);
