/* rtp_extension.h: the values of the RTP header extensions that Stoa knows.
 * Owns: nothing; texts are views into the packet.
 * Never: knows an id; those are negotiated per session.
 * Invariant: what a reader returned can be written back as the same bytes.
 * Source: RFC 9143 (mid), RFC 8852 (rid), RFC 6464 (audio level), the abs-send-time,
 *   transport-wide-cc, abs-capture-time and playout-delay pages of WebRTC. The dependency
 *   descriptor is forwarded as it came; av1.h reads its first bits.
 * Callers: media workers, sfu. */
#pragma once

#include "slice.h"

enum {
    RTP_MID_BYTES_MAX = 32, /* ours are numbers, clients' a few letters */
    RTP_RID_BYTES_MAX = 16, /* q, h, f; as libwebrtc limits them */
    RTP_AUDIO_LEVEL_BYTES = 1,
    RTP_ABS_SEND_TIME_BYTES = 3,
    RTP_TRANSPORT_SEQUENCE_BYTES = 2,
    RTP_ABS_CAPTURE_TIME_BYTES_MAX = 16,
    RTP_PLAYOUT_DELAY_BYTES = 3,
    RTP_PLAYOUT_DELAY_MAX = 4095, /* of 10 ms: 12 bits */
    RTP_AUDIO_LEVEL_SILENT = 127,
};

/* Each reader answers false for a value of a wrong length or form, and leaves ret_ alone. */

/* Token characters of RFC 4566, 1 to RTP_MID_BYTES_MAX. */
must_check bool rtp_read_mid(struct slice value, struct slice *ret_mid);
/* Of rid and repaired-rid: letters, digits, '-' and '_', 1 to RTP_RID_BYTES_MAX. */
must_check bool rtp_read_rid(struct slice value, struct slice *ret_rid);

struct rtp_audio_level {
    bool voice;
    uint8_t level; /* -dBov: 0 is loudest, RTP_AUDIO_LEVEL_SILENT silent */
};
must_check bool rtp_read_audio_level(struct slice value, struct rtp_audio_level *ret_level);
void rtp_write_audio_level(struct rtp_audio_level level, uint8_t out[RTP_AUDIO_LEVEL_BYTES]);

/* 24 bits, 18 of them behind the point, of a second; wraps every 64 s. */
must_check bool rtp_read_abs_send_time(struct slice value, uint32_t *ret_time);
void rtp_write_abs_send_time(uint32_t time, uint8_t out[RTP_ABS_SEND_TIME_BYTES]);
uint32_t rtp_abs_send_time_of_us(uint64_t us);

/* Also of the second version of the extension, whose two further bytes ask for feedback. */
must_check bool rtp_read_transport_sequence(struct slice value, uint16_t *ret_sequence);
void rtp_write_transport_sequence(uint16_t sequence, uint8_t out[RTP_TRANSPORT_SEQUENCE_BYTES]);

struct rtp_abs_capture_time {
    uint64_t ntp; /* 32.32 seconds since 1900, of the capturer's clock */
    bool has_offset;
    int64_t offset; /* 32.32 seconds that the sender's clock is behind the capturer's */
};
must_check bool rtp_read_abs_capture_time(struct slice value,
                                          struct rtp_abs_capture_time *ret_time);
/* The bytes used: 8 or 16. */
size_t rtp_write_abs_capture_time(const struct rtp_abs_capture_time *time,
                                  uint8_t out[RTP_ABS_CAPTURE_TIME_BYTES_MAX]);

struct rtp_playout_delay {
    uint16_t min, max; /* of 10 ms; min <= max */
};
must_check bool rtp_read_playout_delay(struct slice value, struct rtp_playout_delay *ret_delay);
void rtp_write_playout_delay(struct rtp_playout_delay delay, uint8_t out[RTP_PLAYOUT_DELAY_BYTES]);
