/* h264.h: what begins in an RTP packet of H.264: enough to start forwarding at a key frame.
 * Owns: nothing. Never: looks inside slices further than their first bit.
 * Source: RFC 6184 section 5 (single NAL units, STAP-A, FU-A), H.264 section 7.3.
 * Callers: sfu, media workers. */
#pragma once

#include "slice.h"

enum h264_content {
    H264_SPS = 1, /* sequence parameters: a decoder can begin here */
    H264_PPS = 2,
    H264_IDR = 4, /* the first slice of a picture that needs no other */
};
/* The kinds that begin in this packet, as a set of bits; 0 for others and for what is malformed. */
unsigned h264_contents(struct slice payload);
/* Encoders send the parameters right before each IDR picture, in its packets: where both come, the
 * key frame begins with the parameters. */
static inline bool h264_begins_key_frame(struct slice payload) {
    return (h264_contents(payload) & (H264_SPS | H264_IDR)) != 0;
}
