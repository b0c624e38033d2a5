/* ws.h: the server's side of the WebSocket protocol (RFC 6455), without extensions.
 * Owns: nothing. Payloads point into the input, still masked until ws_unmask.
 * Never: accepts unmasked frames, reserved bits or opcodes, lengths that are not minimal, control
 *   frames that are fragmented or over 125 bytes.
 * Invariant: FRAME_BAD depends on the frame's head alone, so it comes before the payload does.
 * Callers: edge. */
#pragma once

#include "buf.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL_ERROR = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
    WS_CLOSE_BAD_TEXT = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_LARGE = 1009,
    WS_CLOSE_INTERNAL = 1011,
};

enum { WS_CONTROL_BYTES_MAX = 125, WS_HEAD_BYTES_MAX = 14 };

enum frame_result {
    FRAME_OK,   /* whole; *ret_frame and *ret_used are filled */
    FRAME_MORE, /* not all of it is here */
    FRAME_BAD,  /* *ret_close_code is filled: send it and close */
};

struct ws_frame {
    enum ws_opcode opcode;
    bool fin;
    uint8_t mask[4];
    size_t payload_at;    /* payload.data - in.data: where to unmask in the caller's own bytes */
    struct slice payload; /* masked */
};

/* Reads one client frame from the begin of `in`. A payload over payload_bytes_max is refused with
 * 1009 (control frames have their own bound). */
must_check enum frame_result ws_frame_next(struct slice in, size_t payload_bytes_max,
                                           struct ws_frame *ret_frame, size_t *ret_used,
                                           uint16_t *ret_close_code);
/* Unmasks (or masks) in place. */
void ws_unmask(uint8_t *data, size_t len, const uint8_t mask[4]);

/* Fragmentation: what to do with each frame, in order of arrival. The bytes are the caller's. */
struct ws_assembler {
    enum ws_opcode opcode; /* of the message being collected; WS_CONTINUATION: none is */
    size_t bytes;          /* collected so far */
    size_t bytes_max;      /* of a whole message */
};

enum ws_step {
    WS_STEP_CONTROL, /* close, ping or pong: act on it now, collected bytes stay */
    WS_STEP_WHOLE,   /* the payload is a message; f->opcode is its type */
    WS_STEP_BEGIN,   /* keep the payload as the first part; f->opcode is the message's type */
    WS_STEP_APPEND,  /* add the payload to what is kept */
    WS_STEP_FINISH,  /* add the payload; what is kept is a message of type *ret_opcode */
    WS_STEP_BAD,     /* *ret_close_code is filled: send it and close */
};

void ws_assembler_init(struct ws_assembler *a, size_t message_bytes_max);
/* *ret_opcode is the type of the message that this frame belongs to, or the control opcode. */
must_check enum ws_step ws_assembler_take(struct ws_assembler *a, const struct ws_frame *f,
                                          enum ws_opcode *ret_opcode, uint16_t *ret_close_code);
/* A whole text message must be UTF-8 without NUL (stricter than the RFC: ours are JSON), else
 * close with WS_CLOSE_BAD_TEXT. */
bool ws_text_is_valid(struct slice message);

/* Reads an unmasked close payload. True: *ret_code is the peer's code (WS_CLOSE_NO_STATUS when
 * it gave none) and *ret_reason a view. False: *ret_code is the code to answer with (1002, 1007).
 */
must_check bool ws_close_read(struct slice payload, uint16_t *ret_code, struct slice *ret_reason);

/* Writers: whole, unmasked frames. */
void ws_put_frame(struct buf *out, enum ws_opcode opcode, struct slice payload);
/* Head alone; the caller appends payload_len bytes. */
void ws_put_frame_head(struct buf *out, enum ws_opcode opcode, size_t payload_len);
/* The reason is cut to what a control frame holds, at a character's border. With
 * WS_CLOSE_NO_STATUS the payload is empty. */
void ws_put_close(struct buf *out, uint16_t code, struct slice reason);

/* Appends Sec-WebSocket-Accept's value for a key: base64 of SHA-1 of key and the RFC's GUID. */
void ws_put_accept(struct buf *out, struct slice key);
/* Appends the 101 response up to its last header; http_put_header may follow, then
 * http_put_head_end. `protocol` is the one chosen, or empty. */
void ws_put_upgrade_head(struct buf *out, struct slice key, struct slice protocol);
