/* av1.h: AV1 in RTP: the aggregation header, and of the dependency descriptor which layer a frame
 * is of. Owns: nothing. Never: changes a descriptor: it is forwarded as it came. Invariant: a
 * structure that was read holds no more templates than its arrays have room for. Source: RTP
 * payload format for AV1 (AOMedia), section 4.4 and appendix A.8. Callers: sfu, media workers. */
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

/* What key frames say of those that follow: the layers of each template. */
enum { AV1_TEMPLATES_MAX = 64, AV1_TARGETS_MAX = 32 };
struct av1_structure {
    uint8_t id_offset; /* of the first template */
    uint8_t count;     /* 0: not known */
    struct av1_layer {
        uint8_t spatial, temporal;
        bool sync; /* a receiver may climb to this temporal layer here */
    } templates[AV1_TEMPLATES_MAX];
};
/* False: the descriptor holds none, or one that reaches outside or beyond a bound. */
must_check bool av1_read_structure(struct slice value, struct av1_structure *ret_structure);
/* False: a template that the structure does not have. */
must_check bool av1_find_layer(const struct av1_structure *s, uint8_t template_id,
                               struct av1_layer *ret_layer);
