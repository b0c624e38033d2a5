/* vp9.h: the descriptor before VP9 in RTP, as far as a forwarder looks.
 * Owns: nothing. Never: changes it: VP9 is forwarded as it came.
 * Invariant: what was read lies inside the payload.
 * Source: RFC 9628 section 4.2.
 * Callers: sfu, media workers. */
#pragma once

#include "slice.h"

struct vp9_descriptor {
    bool frame_start, frame_end; /* of one spatial layer */
    bool inter_picture;          /* predicted from earlier pictures */
    bool flexible, has_structure;
    bool has_picture_id;
    uint16_t picture_id;
    bool has_layers;
    uint8_t temporal, spatial; /* 3 bits each */
    bool switching_up;         /* a receiver may climb to this temporal layer here */
    bool inter_layer;          /* predicted from the spatial layer below */
    bool has_tl0_index;        /* only in non-flexible mode */
    uint8_t tl0_index;
    bool key_frame; /* one begins in this packet, at its lowest spatial layer */
};
/* MALFORMED: it reaches outside. What stands behind the layers (references, structure) is not
 * looked at. */
must_check enum status vp9_read(struct slice payload, struct vp9_descriptor *ret_descriptor);
