#include "vp9.h"

#include "cursor.h"

enum {
    BIT_PICTURE_ID = 0x80,
    BIT_INTER_PICTURE = 0x40,
    BIT_LAYERS = 0x20,
    BIT_FLEXIBLE = 0x10,
    BIT_START = 0x08,
    BIT_END = 0x04,
    BIT_STRUCTURE = 0x02,
    BIT_WIDE = 0x80,
};

static void read_layers(struct cursor *c, struct vp9_descriptor *d) {
    uint8_t layers = cursor_u8(c);
    d->has_layers = true;
    d->temporal = layers >> 5;
    d->switching_up = (layers & 0x10) != 0;
    d->spatial = layers >> 1 & 7;
    d->inter_layer = (layers & 1) != 0;
    if (!d->flexible) {
        d->has_tl0_index = true;
        d->tl0_index = cursor_u8(c);
    }
}

enum status vp9_read(struct slice payload, struct vp9_descriptor *ret_descriptor) {
    struct cursor c = cursor_over(payload);
    uint8_t first = cursor_u8(&c);
    struct vp9_descriptor d = {
        .inter_picture = (first & BIT_INTER_PICTURE) != 0,
        .flexible = (first & BIT_FLEXIBLE) != 0,
        .frame_start = (first & BIT_START) != 0,
        .frame_end = (first & BIT_END) != 0,
        .has_structure = (first & BIT_STRUCTURE) != 0,
        .has_picture_id = (first & BIT_PICTURE_ID) != 0,
    };
    if (d.has_picture_id) {
        d.picture_id = cursor_u8(&c);
        if ((d.picture_id & BIT_WIDE) != 0) {
            d.picture_id = (uint16_t)((d.picture_id & 0x7f) << 8 | cursor_u8(&c));
        }
    }
    if ((first & BIT_LAYERS) != 0) {
        read_layers(&c, &d);
    }
    if (c.failed) {
        return STATUS_MALFORMED;
    }
    d.key_frame = d.frame_start && !d.inter_picture && d.spatial == 0;
    *ret_descriptor = d;
    return STATUS_OK;
}
