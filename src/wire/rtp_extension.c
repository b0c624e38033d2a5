#include "rtp_extension.h"

#include <string.h>

#include "cursor.h"

static bool is_alphanumeric(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_token(uint8_t c) {
    return is_alphanumeric(c) || (c != 0 && strchr("!#$%&'*+-.^_`{|}~", c) != NULL);
}

static bool is_rid(uint8_t c) {
    return is_alphanumeric(c) || c == '-' || c == '_';
}

static bool read_text(struct slice value, size_t bytes_max, bool (*allowed)(uint8_t),
                      struct slice *ret_text) {
    if (value.len == 0 || value.len > bytes_max) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (!allowed(value.data[i])) {
            return false;
        }
    }
    *ret_text = value;
    return true;
}

static void put_be(uint8_t *at, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
    }
}

bool rtp_read_mid(struct slice value, struct slice *ret_mid) {
    return read_text(value, RTP_MID_BYTES_MAX, is_token, ret_mid);
}

bool rtp_read_rid(struct slice value, struct slice *ret_rid) {
    return read_text(value, RTP_RID_BYTES_MAX, is_rid, ret_rid);
}

bool rtp_read_audio_level(struct slice value, struct rtp_audio_level *ret_level) {
    if (value.len != RTP_AUDIO_LEVEL_BYTES) {
        return false;
    }
    ret_level->voice = (value.data[0] & 0x80) != 0;
    ret_level->level = value.data[0] & 0x7f;
    return true;
}

void rtp_write_audio_level(struct rtp_audio_level level, uint8_t out[RTP_AUDIO_LEVEL_BYTES]) {
    assert(level.level <= RTP_AUDIO_LEVEL_SILENT);
    out[0] = (uint8_t)((level.voice ? 0x80 : 0) | level.level);
}

static bool read_be24(struct slice value, uint32_t *ret_number) {
    if (value.len != 3) {
        return false;
    }
    *ret_number = (uint32_t)value.data[0] << 16 | (uint32_t)value.data[1] << 8 | value.data[2];
    return true;
}

bool rtp_read_abs_send_time(struct slice value, uint32_t *ret_time) {
    return read_be24(value, ret_time);
}

void rtp_write_abs_send_time(uint32_t time, uint8_t out[RTP_ABS_SEND_TIME_BYTES]) {
    put_be(out, time, RTP_ABS_SEND_TIME_BYTES);
}

uint32_t rtp_abs_send_time_of_us(uint64_t us) {
    uint64_t in_64_s = us % (64 * UINT64_C(1000000));
    return (uint32_t)((in_64_s << 18) / 1000000);
}

bool rtp_read_transport_sequence(struct slice value, uint16_t *ret_sequence) {
    if (value.len != RTP_TRANSPORT_SEQUENCE_BYTES && value.len != 4) {
        return false;
    }
    *ret_sequence = (uint16_t)(value.data[0] << 8 | value.data[1]);
    return true;
}

void rtp_write_transport_sequence(uint16_t sequence, uint8_t out[RTP_TRANSPORT_SEQUENCE_BYTES]) {
    put_be(out, sequence, RTP_TRANSPORT_SEQUENCE_BYTES);
}

bool rtp_read_abs_capture_time(struct slice value, struct rtp_abs_capture_time *ret_time) {
    struct cursor c = cursor_over(value);
    struct rtp_abs_capture_time t = {.ntp = cursor_be64(&c), .has_offset = cursor_left(&c) > 0};
    if (t.has_offset) {
        t.offset = (int64_t)cursor_be64(&c);
    }
    if (c.failed || cursor_left(&c) > 0) {
        return false;
    }
    *ret_time = t;
    return true;
}

size_t rtp_write_abs_capture_time(const struct rtp_abs_capture_time *time,
                                  uint8_t out[RTP_ABS_CAPTURE_TIME_BYTES_MAX]) {
    put_be(out, time->ntp, 8);
    if (!time->has_offset) {
        return 8;
    }
    put_be(out + 8, (uint64_t)time->offset, 8);
    return 16;
}

bool rtp_read_playout_delay(struct slice value, struct rtp_playout_delay *ret_delay) {
    uint32_t both;
    if (!read_be24(value, &both) || both >> 12 > (both & 0xfff)) {
        return false;
    }
    ret_delay->min = (uint16_t)(both >> 12);
    ret_delay->max = both & 0xfff;
    return true;
}

void rtp_write_playout_delay(struct rtp_playout_delay delay, uint8_t out[RTP_PLAYOUT_DELAY_BYTES]) {
    assert(delay.min <= delay.max && delay.max <= RTP_PLAYOUT_DELAY_MAX);
    put_be(out, (uint32_t)delay.min << 12 | delay.max, RTP_PLAYOUT_DELAY_BYTES);
}
