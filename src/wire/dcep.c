#include "dcep.h"

#include "cursor.h"

enum {
    MESSAGE_ACK = 0x02,
    MESSAGE_OPEN = 0x03,
    CHANNEL_UNORDERED = 0x80, /* bit of the channel type; the rest is enum dcep_reliability */
};

enum dcep_kind dcep_classify(struct slice message) {
    if (message.len == 0) {
        return DCEP_UNKNOWN;
    }
    switch (message.data[0]) {
    case MESSAGE_OPEN: return DCEP_OPEN;
    case MESSAGE_ACK: return DCEP_ACK;
    default: return DCEP_UNKNOWN;
    }
}

enum status dcep_read_open(struct slice message, struct dcep_open *ret_open) {
    struct cursor c = cursor_over(message);
    uint8_t type = cursor_u8(&c);
    uint8_t channel = cursor_u8(&c);
    struct dcep_open open = {.unordered = (channel & CHANNEL_UNORDERED) != 0};
    uint8_t reliability = channel & (uint8_t)~CHANNEL_UNORDERED;
    open.priority = cursor_be16(&c);
    open.parameter = cursor_be32(&c);
    uint16_t label_len = cursor_be16(&c);
    uint16_t protocol_len = cursor_be16(&c);
    open.label = cursor_take(&c, label_len);
    open.protocol = cursor_take(&c, protocol_len);
    if (c.failed || cursor_left(&c) != 0 || type != MESSAGE_OPEN ||
        reliability > DCEP_LIFETIME_MAX) {
        return STATUS_MALFORMED;
    }
    if (!slice_is_text(open.label) || !slice_is_text(open.protocol)) {
        return STATUS_MALFORMED;
    }
    open.reliability = (enum dcep_reliability)reliability;
    *ret_open = open;
    return STATUS_OK;
}

void dcep_put_open(struct buf *out, const struct dcep_open *open) {
    assert(open->label.len <= UINT16_MAX && open->protocol.len <= UINT16_MAX);
    buf_put_u8(out, MESSAGE_OPEN);
    buf_put_u8(out, (uint8_t)((open->unordered ? CHANNEL_UNORDERED : 0) | open->reliability));
    buf_put_be16(out, open->priority);
    buf_put_be32(out, open->parameter);
    buf_put_be16(out, (uint16_t)open->label.len);
    buf_put_be16(out, (uint16_t)open->protocol.len);
    buf_put(out, open->label);
    buf_put(out, open->protocol);
}

void dcep_put_ack(struct buf *out) {
    buf_put_u8(out, MESSAGE_ACK);
}
