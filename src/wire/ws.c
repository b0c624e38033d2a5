#include "ws.h"

#include <string.h>

enum {
    BIT_FIN = 0x80,
    BITS_RESERVED = 0x70, /* extensions set them, and none is negotiated */
    BITS_OPCODE = 0x0f,
    BIT_MASKED = 0x80,
    BITS_LENGTH = 0x7f,
    LENGTH_IN_16 = 126,
    LENGTH_IN_64 = 127,
    MASK_LEN = 4,
};

static bool is_control(enum ws_opcode opcode) {
    return opcode >= WS_CLOSE;
}

static bool is_known(uint8_t opcode) {
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

static enum frame_result refuse_frame(uint16_t code, uint16_t *ret_close_code) {
    *ret_close_code = code;
    return FRAME_BAD;
}

static uint64_t be_number(const uint8_t *at, size_t len) {
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        v = v << 8 | at[i];
    }
    return v;
}

enum frame_result ws_frame_next(struct slice in, size_t payload_bytes_max,
                                struct ws_frame *ret_frame, size_t *ret_used,
                                uint16_t *ret_close_code) {
    if (in.len < 2) {
        return FRAME_MORE;
    }
    uint8_t b0 = in.data[0], b1 = in.data[1];
    bool fin = (b0 & BIT_FIN) != 0;
    uint8_t short_len = b1 & BITS_LENGTH;
    if ((b0 & BITS_RESERVED) != 0 || !is_known(b0 & BITS_OPCODE) || (b1 & BIT_MASKED) == 0) {
        return refuse_frame(WS_CLOSE_PROTOCOL_ERROR, ret_close_code);
    }
    enum ws_opcode opcode = (enum ws_opcode)(b0 & BITS_OPCODE);
    if (is_control(opcode) && (!fin || short_len > WS_CONTROL_BYTES_MAX)) {
        return refuse_frame(WS_CLOSE_PROTOCOL_ERROR, ret_close_code);
    }
    size_t long_len = short_len == LENGTH_IN_64 ? 8 : short_len == LENGTH_IN_16 ? 2 : 0;
    if (in.len < 2 + long_len) {
        return FRAME_MORE;
    }
    uint64_t len = long_len > 0 ? be_number(in.data + 2, long_len) : short_len;
    bool minimal = long_len == 0 || (long_len == 2 && len > WS_CONTROL_BYTES_MAX) ||
                   (long_len == 8 && len > UINT16_MAX);
    if (!minimal || len > INT64_MAX) {
        return refuse_frame(WS_CLOSE_PROTOCOL_ERROR, ret_close_code);
    }
    if (!is_control(opcode) && len > payload_bytes_max) {
        return refuse_frame(WS_CLOSE_TOO_LARGE, ret_close_code);
    }
    size_t payload_at = 2 + long_len + MASK_LEN;
    if (in.len < payload_at || in.len - payload_at < len) {
        return FRAME_MORE;
    }
    struct ws_frame f = {.opcode = opcode, .fin = fin, .payload_at = payload_at};
    memcpy(f.mask, in.data + payload_at - MASK_LEN, MASK_LEN);
    f.payload = slice_of(in.data + payload_at, (size_t)len);
    *ret_frame = f;
    *ret_used = payload_at + (size_t)len;
    return FRAME_OK;
}

void ws_unmask(uint8_t *data, size_t len, const uint8_t mask[4]) {
    uint64_t wide;
    uint8_t twice[8];
    memcpy(twice, mask, MASK_LEN);
    memcpy(twice + MASK_LEN, mask, MASK_LEN);
    memcpy(&wide, twice, sizeof(wide));
    size_t i = 0;
    for (; len - i >= sizeof(wide); i += sizeof(wide)) {
        uint64_t word; /* payloads begin anywhere: memcpy, which compiles to one load */
        memcpy(&word, data + i, sizeof(word));
        word ^= wide;
        memcpy(data + i, &word, sizeof(word));
    }
    for (; i < len; i++) {
        data[i] ^= mask[i % MASK_LEN];
    }
}

void ws_assembler_init(struct ws_assembler *a, size_t message_bytes_max) {
    *a = (struct ws_assembler){.opcode = WS_CONTINUATION, .bytes_max = message_bytes_max};
}

static enum ws_step refuse_step(uint16_t code, uint16_t *ret_close_code) {
    *ret_close_code = code;
    return WS_STEP_BAD;
}

enum ws_step ws_assembler_take(struct ws_assembler *a, const struct ws_frame *f,
                               enum ws_opcode *ret_opcode, uint16_t *ret_close_code) {
    assert(a->bytes <= a->bytes_max);
    if (is_control(f->opcode)) {
        *ret_opcode = f->opcode;
        return WS_STEP_CONTROL;
    }
    bool collecting = a->opcode != WS_CONTINUATION;
    bool continues = f->opcode == WS_CONTINUATION;
    if (collecting != continues) { /* a new message inside one, or a part of none */
        return refuse_step(WS_CLOSE_PROTOCOL_ERROR, ret_close_code);
    }
    if (f->payload.len > a->bytes_max - a->bytes) {
        return refuse_step(WS_CLOSE_TOO_LARGE, ret_close_code);
    }
    enum ws_opcode type = continues ? a->opcode : f->opcode;
    if (f->fin) {
        a->opcode = WS_CONTINUATION;
        a->bytes = 0;
    } else {
        a->opcode = type;
        a->bytes += f->payload.len;
    }
    *ret_opcode = type;
    if (f->fin) {
        return continues ? WS_STEP_FINISH : WS_STEP_WHOLE;
    }
    return continues ? WS_STEP_APPEND : WS_STEP_BEGIN;
}

bool ws_text_is_valid(struct slice message) {
    return slice_is_text(message);
}

/* RFC 6455 section 7.4 with the codes registered since; 1004 to 1006 and 1015 never travel. */
static bool close_code_is_valid(uint16_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

bool ws_close_read(struct slice payload, uint16_t *ret_code, struct slice *ret_reason) {
    if (payload.len == 0) {
        *ret_code = WS_CLOSE_NO_STATUS;
        *ret_reason = payload;
        return true;
    }
    uint16_t code = payload.len >= 2 ? (uint16_t)be_number(payload.data, 2) : 0;
    if (!close_code_is_valid(code)) {
        *ret_code = WS_CLOSE_PROTOCOL_ERROR;
        return false;
    }
    struct slice reason = slice_after(payload, 2);
    if (!slice_is_text(reason)) {
        *ret_code = WS_CLOSE_BAD_TEXT;
        return false;
    }
    *ret_code = code;
    *ret_reason = reason;
    return true;
}

void ws_put_frame_head(struct buf *out, enum ws_opcode opcode, size_t payload_len) {
    assert(!is_control(opcode) || payload_len <= WS_CONTROL_BYTES_MAX);
    buf_put_u8(out, (uint8_t)(BIT_FIN | opcode));
    if (payload_len <= WS_CONTROL_BYTES_MAX) {
        buf_put_u8(out, (uint8_t)payload_len);
    } else if (payload_len <= UINT16_MAX) {
        buf_put_u8(out, LENGTH_IN_16);
        buf_put_be16(out, (uint16_t)payload_len);
    } else {
        buf_put_u8(out, LENGTH_IN_64);
        buf_put_be64(out, payload_len);
    }
}

void ws_put_frame(struct buf *out, enum ws_opcode opcode, struct slice payload) {
    ws_put_frame_head(out, opcode, payload.len);
    buf_put(out, payload);
}

void ws_put_close(struct buf *out, uint16_t code, struct slice reason) {
    if (code == WS_CLOSE_NO_STATUS) {
        ws_put_frame_head(out, WS_CLOSE, 0);
        return;
    }
    assert(close_code_is_valid(code));
    size_t len = reason.len;
    if (len > WS_CONTROL_BYTES_MAX - 2) {
        len = WS_CONTROL_BYTES_MAX - 2;
        while (len > 0 && (reason.data[len] & 0xc0) == 0x80) {
            len--; /* not between the bytes of one character */
        }
    }
    ws_put_frame_head(out, WS_CLOSE, 2 + len);
    buf_put_be16(out, code);
    buf_put(out, slice_sub(reason, 0, len));
}
