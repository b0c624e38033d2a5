#include "av1.h"

#include "cursor.h"

bool av1_read_aggregation(struct slice payload, struct av1_aggregation *ret_header) {
    struct cursor c = cursor_over(payload);
    uint8_t bits = cursor_u8(&c);
    struct av1_aggregation h = {
        .continues = (bits & 0x80) != 0,
        .goes_on = (bits & 0x40) != 0,
        .count = bits >> 4 & 3,
        .new_sequence = (bits & 0x08) != 0,
    };
    if (c.failed || (h.continues && h.new_sequence)) {
        return false;
    }
    *ret_header = h;
    return true;
}

bool av1_read_descriptor(struct slice value, struct av1_descriptor *ret_descriptor) {
    struct cursor c = cursor_over(value);
    uint8_t bits = cursor_u8(&c);
    struct av1_descriptor d = {
        .frame_start = (bits & 0x80) != 0,
        .frame_end = (bits & 0x40) != 0,
        .template_id = bits & 0x3f,
        .frame_number = cursor_be16(&c),
    };
    if (c.failed) {
        return false;
    }
    /* Optional fields begin with a byte of flags; the first says that the templates follow. */
    d.has_structure = cursor_left(&c) > 0 && (cursor_u8(&c) & 0x80) != 0;
    *ret_descriptor = d;
    return true;
}
