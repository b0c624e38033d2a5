#include "red.h"

#include "cursor.h"

const uint8_t opus_silence[OPUS_SILENCE_BYTES] = {0xf8, 0xff, 0xfe};

enum { BIT_MORE = 0x80 };

enum status red_split(struct slice payload, struct red_block ret_blocks[RED_BLOCKS_MAX],
                      size_t *ret_count) {
    struct red_block blocks[RED_BLOCKS_MAX] = {0};
    size_t lens[RED_BLOCKS_MAX], count = 0;
    struct cursor c = cursor_over(payload);
    uint8_t first;
    do {
        if (count == RED_BLOCKS_MAX) {
            return STATUS_TOO_LARGE;
        }
        first = cursor_u8(&c);
        blocks[count].payload_type = first & (uint8_t)~BIT_MORE;
        if ((first & BIT_MORE) != 0) { /* 14 bits of offset, 10 of length */
            uint32_t rest = (uint32_t)cursor_u8(&c) << 16;
            rest |= cursor_be16(&c);
            blocks[count].timestamp_offset = (uint16_t)(rest >> 10);
            lens[count] = rest & 0x3ff;
        }
        count++;
    } while ((first & BIT_MORE) != 0); /* behind the end all bytes read as 0 */
    for (size_t i = 0; i + 1 < count; i++) {
        blocks[i].payload = cursor_take(&c, lens[i]);
    }
    blocks[count - 1].payload = cursor_rest(&c);
    if (c.failed) {
        return STATUS_MALFORMED;
    }
    for (size_t i = 0; i < count; i++) {
        ret_blocks[i] = blocks[i];
    }
    *ret_count = count;
    return STATUS_OK;
}

void red_set_payload_type(uint8_t *payload, size_t len, uint8_t payload_type) {
    bool more = true;
    for (size_t at = 0; more && at < len; at += 4) {
        more = (payload[at] & BIT_MORE) != 0;
        payload[at] = (uint8_t)((more ? BIT_MORE : 0) | (payload_type & (uint8_t)~BIT_MORE));
    }
}

bool opus_is_silent(struct slice payload) {
    return payload.len <= OPUS_DTX_BYTES_MAX ||
           slice_eq(payload, slice_of(opus_silence, sizeof opus_silence));
}
