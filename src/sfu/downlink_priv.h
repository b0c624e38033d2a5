/* downlink_priv.h: the inside of a downlink.
 * Callers: downlink*.c. */
#pragma once

#include "downlink.h"
#include "renumber.h"
#include "rtp.h"

enum {
    SENT_VIDEO = 512, /* numbers remembered: a second of 4 Mbit/s */
    SENT_AUDIO = 128,
    EPOCHS = 4, /* the last times on a source, whose packets can be sent again */
    REPORTS_KEPT = 4,
    REPORT_US = 3000000,
    RTT_US = 70000, /* while it is not known */
    RESENDS_MAX = 3,
    RESEND_INTERVAL_MAX_MS = 100,
    KEY_INTERVAL_MIN_US = 200000,
    KEY_INTERVAL_MAX_US = 1000000,
    TIMESTAMP_BEHIND_MS = 50,  /* of a mapped timestamp behind the last one: nudged, */
    TIMESTAMP_AHEAD_MS = 2000, /* and off what the clock says: not believed */
    DEPENDENCY_BYTES_MAX = 96, /* of a descriptor, with its structure; longer ones stay behind */
};

enum sent_flags {
    SENT_USED = 1,
    SENT_FILLER = 2, /* nothing but a number */
    SENT_ENDS = 4,   /* marked: the picture ends here for this receiver */
    SENT_TRIES = 8,  /* times this: resends so far */
};
struct sent {
    uint32_t source;    /* number of the uplink's packet */
    uint32_t send_time; /* abs-send-time, 24 bits */
    uint16_t sequence;
    uint16_t picture_offset;
    uint16_t resent_ms; /* of the last resend; wraps */
    uint8_t epoch;
    uint8_t flags;
};
static_assert(sizeof(struct sent) == 16, "one for each packet of a second, of each subscriber");

/* One time on one source: what is added to its numbers, but for the sequence (renumber.h). */
struct epoch {
    uint32_t source;
    uint32_t timestamp_offset; /* added */
    uint8_t layer;
    uint8_t tl0_offset, key_offset; /* taken off */
};

struct downlink_report_sent {
    uint32_t ntp_middle;
    uint64_t at_us;
};

struct downlink {
    uint32_t ssrc, rtx_ssrc, clock_rate;
    enum rtp_codec codec;
    bool video, renumbers_vp8;
    uint8_t payload_type, rtx_payload_type;
    uint8_t red_payload_type; /* 0: it takes opus alone */
    uint8_t extension_ids[RTP_EXTENSION_KINDS];
    uint8_t mid_len, cname_len;
    char mid[RTP_SECTION_MID_BYTES_MAX];

    struct downlink_want want;
    struct downlink_limit limit;
    uint8_t layer, target; /* DOWNLINK_LAYER_NONE: not sending; no layer can be had */
    uint8_t temporal, temporal_target;
    bool spatials; /* VP9 or AV1 of several layers, as announced: maybe they stand in one stream */
    uint8_t spatial;       /* the highest of those that is sent */
    uint64_t key_asked_us; /* when a key frame of the target was asked for; 0: not yet */

    bool sent_any;
    bool catching_up;         /* the uplink has packets behind the newest that was sent */
    bool held;                /* newer ones shall wait there */
    uint32_t next_sequence;   /* extended, behind the highest sent */
    uint32_t timestamp;       /* of the newest frame sent, */
    uint64_t timestamp_us;    /* and when it was */
    uint32_t frame_timestamp; /* of the source's newest frame here, */
    bool frame_dropped;       /* and whether it is one that is left out */
    uint16_t picture_id;      /* newest numbers sent */
    uint8_t tl0_index, key_index;
    uint16_t rtx_sequence;
    struct renumber numbers;
    uint8_t epoch; /* counts; the last EPOCHS are known */
    struct epoch epochs[EPOCHS];

    uint64_t report_us;
    uint64_t reported_packets; /* as of the last report */
    struct downlink_report_sent reports[REPORTS_KEPT];
    uint8_t reports_next;
    struct downlink_stats stats;

    uint32_t sent_mask;
    struct sent *sent; /* behind the struct; the cname follows */
    char *cname;
};

/* What a packet is written with; the same input gives the same bytes. */
struct downlink_numbers {
    uint16_t sequence;
    uint16_t picture_offset;
    uint32_t send_time;
    const struct epoch *epoch;
    bool filler, ends;
};
void downlink_write(const struct downlink *d, const struct uplink_packet *p,
                    const struct downlink_numbers *n, struct rtp_out *out);
/* What the server itself has to say, with the header `h`: so much padding, or what is put behind.
 */
void downlink_write_own(const struct downlink *d, const struct rtp_header *h, uint32_t send_time,
                        uint8_t padding, struct rtp_out *out);
/* On the RTX stream, with a number of its own. */
void downlink_write_rtx(struct downlink *d, const struct uplink_packet *p,
                        const struct downlink_numbers *n, struct rtp_out *out);

static inline struct epoch *epoch_now(struct downlink *d) {
    return &d->epochs[d->epoch % EPOCHS];
}
static inline struct sent *sent_slot(const struct downlink *d, uint16_t sequence) {
    return &d->sent[sequence & d->sent_mask];
}
/* A packet of the current source that is not newer than what was sent: fills a gap, or nothing. */
must_check bool downlink_forward_late(struct downlink *d, uint64_t now_us,
                                      const struct uplink_packet *p, struct rtp_out *out);
uint32_t downlink_rtt_us(const struct downlink *d);
