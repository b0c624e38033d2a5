#include "h264.h"

#include "cursor.h"

enum {
    NAL_IDR = 5,
    NAL_SPS = 7,
    NAL_PPS = 8,
    NAL_STAP_A = 24,
    NAL_FU_A = 28,
    MASK_TYPE = 0x1f,
    BIT_FRAGMENT_START = 0x80,
};

/* `body`: behind the NAL unit's header. */
static unsigned content_of(uint8_t type, struct slice body) {
    switch (type) {
    case NAL_SPS: return H264_SPS;
    case NAL_PPS: return H264_PPS;
    case NAL_IDR:
        /* The first field of a slice is the number of its first macroblock; 0 is one bit, set. */
        return body.len > 0 && (body.data[0] & 0x80) != 0 ? H264_IDR : 0;
    default: return 0;
    }
}

static unsigned contents_of_aggregate(struct cursor *c) {
    unsigned found = 0;
    while (cursor_left(c) > 0) {
        uint16_t len = cursor_be16(c);
        struct slice unit = cursor_take(c, len);
        if (c->failed || unit.len == 0) {
            return 0;
        }
        found |= content_of(unit.data[0] & MASK_TYPE, slice_after(unit, 1));
    }
    return found;
}

unsigned h264_contents(struct slice payload) {
    struct cursor c = cursor_over(payload);
    uint8_t type = cursor_u8(&c) & MASK_TYPE;
    if (type == NAL_STAP_A) {
        return contents_of_aggregate(&c);
    }
    if (type == NAL_FU_A) {
        uint8_t fragment = cursor_u8(&c);
        bool starts = (fragment & BIT_FRAGMENT_START) != 0;
        return starts ? content_of(fragment & MASK_TYPE, cursor_rest(&c)) : 0;
    }
    return content_of(type, cursor_rest(&c));
}
