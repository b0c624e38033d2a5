/* av1.h: AV1 in RTP: the aggregation header, and the first bits of the dependency descriptor.
 * Owns: nothing. Never: follows the descriptor's template structure: it is forwarded as it came.
 * Source: RTP payload format for AV1 (AOMedia), section 4.4 and appendix A.8.
 * Callers: sfu, media workers. */
#pragma once

#include "slice.h"

struct av1_aggregation {
    bool continues;    /* its first element goes on from the packet before */
    bool goes_on;      /* its last element goes on in the next packet */
    uint8_t count;     /* of elements; 0: each has its length */
    bool new_sequence; /* a coded video sequence begins: a key frame */
};
/* False for an empty payload, and where a sequence would begin in the middle of an element. */
must_check bool av1_read_aggregation(struct slice payload, struct av1_aggregation *ret_header);

struct av1_descriptor { /* the extension's value */
    bool frame_start, frame_end;
    uint8_t template_id; /* 6 bits */
    uint16_t frame_number;
    bool has_structure; /* only key frames carry the templates */
};
must_check bool av1_read_descriptor(struct slice value, struct av1_descriptor *ret_descriptor);
