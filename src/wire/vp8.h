/* vp8.h: the descriptor before VP8 in RTP: what a forwarder reads and renumbers.
 * Owns: nothing.
 * Never: changes the width of a field or adds one: what the sender left out stays out.
 * Invariant: a descriptor that was read lies inside the payload.
 * Source: RFC 7741 section 4; RFC 6386 section 9.1 (size of a key frame).
 * Callers: sfu, media workers. */
#pragma once

#include "slice.h"

struct vp8_descriptor {
    size_t bytes; /* of it; the frame's part lies behind */
    bool non_reference;
    bool partition_start;
    uint8_t partition; /* 3 bits */

    bool has_picture_id, picture_id_wide; /* 15 bits instead of 7 */
    uint16_t picture_id;
    bool has_tl0_index; /* running number of the base temporal layer's frames */
    uint8_t tl0_index;
    bool has_temporal; /* temporal layer, and whether a receiver may climb to it here */
    uint8_t temporal;  /* 2 bits */
    bool layer_sync;
    bool has_key_index;
    uint8_t key_index; /* 5 bits */

    bool key_frame;         /* one begins in this packet */
    uint16_t width, height; /* of it; 0 when the packet does not hold them */
};
/* MALFORMED: it reaches outside. An empty frame part is OK: padding comes so. */
must_check enum status vp8_read(struct slice payload, struct vp8_descriptor *ret_descriptor);

struct vp8_numbers {
    uint16_t picture_id; /* cut to the width that is there */
    uint8_t tl0_index;
    uint8_t key_index;
};
/* Writes the numbers over those of the descriptor `d`, which vp8_read found in this payload; those
 * for absent fields are ignored. */
void vp8_renumber(uint8_t *payload, const struct vp8_descriptor *d, struct vp8_numbers numbers);
