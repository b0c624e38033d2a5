#include "vp8.h"

#include "cursor.h"

enum {
    BIT_EXTENDED = 0x80,
    BIT_NON_REFERENCE = 0x20,
    BIT_START = 0x10,
    MASK_PARTITION = 0x07,
    BIT_PICTURE_ID = 0x80, /* of the second byte */
    BIT_TL0_INDEX = 0x40,
    BIT_TEMPORAL = 0x20,
    BIT_KEY_INDEX = 0x10,
    BIT_WIDE = 0x80, /* of the picture id */
    BIT_LAYER_SYNC = 0x20,
    MASK_KEY_INDEX = 0x1f,
    BIT_INTER_FRAME = 0x01, /* of the frame's first byte */
    DIMENSION_MASK = 0x3fff,
};

static void read_extension(struct cursor *c, struct vp8_descriptor *d) {
    uint8_t present = cursor_u8(c);
    if ((present & BIT_PICTURE_ID) != 0) {
        d->has_picture_id = true;
        uint8_t first = cursor_u8(c);
        d->picture_id_wide = (first & BIT_WIDE) != 0;
        d->picture_id = first & (uint8_t)~BIT_WIDE;
        if (d->picture_id_wide) {
            d->picture_id = (uint16_t)(d->picture_id << 8 | cursor_u8(c));
        }
    }
    if ((present & BIT_TL0_INDEX) != 0) {
        d->has_tl0_index = true;
        d->tl0_index = cursor_u8(c);
    }
    if ((present & (BIT_TEMPORAL | BIT_KEY_INDEX)) != 0) { /* one byte for both */
        uint8_t both = cursor_u8(c);
        d->has_temporal = (present & BIT_TEMPORAL) != 0;
        d->temporal = d->has_temporal ? both >> 6 : 0;
        d->layer_sync = d->has_temporal && (both & BIT_LAYER_SYNC) != 0;
        d->has_key_index = (present & BIT_KEY_INDEX) != 0;
        d->key_index = d->has_key_index ? both & MASK_KEY_INDEX : 0;
    }
}

/* The frame header: 3 bytes of tag, 3 of start code, width and height with 2 bits of scale each,
 * low byte first. */
static void read_frame(struct slice frame, struct vp8_descriptor *d) {
    if (!d->partition_start || d->partition != 0 || frame.len == 0 ||
        (frame.data[0] & BIT_INTER_FRAME) != 0) {
        return;
    }
    d->key_frame = true;
    if (frame.len >= 10 && slice_eq(slice_sub(frame, 3, 3), SLICE_LIT("\x9d\x01\x2a"))) {
        d->width = (uint16_t)((frame.data[7] << 8 | frame.data[6]) & DIMENSION_MASK);
        d->height = (uint16_t)((frame.data[9] << 8 | frame.data[8]) & DIMENSION_MASK);
    }
}

enum status vp8_read(struct slice payload, struct vp8_descriptor *ret_descriptor) {
    struct cursor c = cursor_over(payload);
    uint8_t first = cursor_u8(&c);
    struct vp8_descriptor d = {
        .non_reference = (first & BIT_NON_REFERENCE) != 0,
        .partition_start = (first & BIT_START) != 0,
        .partition = first & MASK_PARTITION,
    };
    if ((first & BIT_EXTENDED) != 0) {
        read_extension(&c, &d);
    }
    if (c.failed) {
        return STATUS_MALFORMED;
    }
    d.bytes = payload.len - cursor_left(&c);
    read_frame(cursor_rest(&c), &d);
    *ret_descriptor = d;
    return STATUS_OK;
}

void vp8_renumber(uint8_t *payload, const struct vp8_descriptor *d, struct vp8_numbers numbers) {
    uint8_t *at = payload + 2; /* behind the two bytes that say what is present */
    if (d->has_picture_id && d->picture_id_wide) {
        at[0] = (uint8_t)(BIT_WIDE | (numbers.picture_id >> 8 & 0x7f));
        at[1] = (uint8_t)numbers.picture_id;
        at += 2;
    } else if (d->has_picture_id) {
        *at++ = numbers.picture_id & 0x7f;
    }
    if (d->has_tl0_index) {
        *at++ = numbers.tl0_index;
    }
    if (d->has_key_index) {
        *at = (uint8_t)((*at & ~MASK_KEY_INDEX) | (numbers.key_index & MASK_KEY_INDEX));
    }
}
