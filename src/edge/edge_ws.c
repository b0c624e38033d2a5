#include "edge_priv.h"

#include <string.h>

#include "base64.h"

/* ---- out --------------------------------------------------------------------------------------
 */

static void put_frame(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    ws_put_frame(&c->out, opcode, payload);
    if (conn_out_is_bounded(c)) {
        (void)!conn_flush(c);
    }
}

void ws_begin(struct edge_conn *c) {
    ws_put_upgrade_head(&c->out, slice_of(c->ws_key, c->ws_key_len), (struct slice){0});
    http_put_head_end(&c->out);
    ws_assembler_init(&c->assembler, SIGNAL_BYTES_MAX);
    c->state = CONN_WEBSOCKET;
    c->tokens_milli = SIGNAL_RATE_BURST * 1000;
    c->tokens_at_ms = c->heard_at_ms = loop_now_ms(c->thread->loop);
    http_request_clear(c);
    conn_set_deadline(c, WS_PING_INTERVAL_MS);
    metric_inc(&c->thread->metrics.edge_upgrades);
    c->reading_wanted = true;
    struct edge_thread *t = c->thread;
    uint64_t handle = conn_handle(c);
    if (conn_flush(c)) {
        c = conn_resolve(t, handle);
        if (c && c->in.len > 0) {
            ws_on_bytes(c);
        }
    }
}

void ws_on_ping_due(struct edge_conn *c) {
    if (loop_now_ms(c->thread->loop) - c->heard_at_ms > EDGE_WS_SILENT_MS) {
        metric_inc(&c->thread->metrics.edge_ws_silent);
        conn_destroy(c);
        return;
    }
    conn_set_deadline(c, WS_PING_INTERVAL_MS);
    put_frame(c, WS_PING, (struct slice){0});
}

/* Text clients are rare: only they pay for decoding again. */
static void send_as_text(struct edge_conn *c, struct slice signal_response) {
    struct arena arena;
    arena_init(&arena, EDGE_MSG_BYTES_MAX);
    struct buf text;
    buf_init(&text, CONN_OUTQ_BYTES_MAX);
    ProtobufCMessage *message = NULL;
    if (proto_decode(&livekit__signal_response__descriptor, signal_response, &arena, &message) ==
        STATUS_OK) {
        proto_encode_json(message, JSON_COMPACT, &text);
    }
    if (message && !text.failed) {
        put_frame(c, WS_TEXT, buf_slice(&text));
    } else {
        metric_inc(&c->thread->metrics.edge_no_memory);
        conn_destroy(c);
    }
    buf_deinit(&text);
    arena_deinit(&arena);
}

void ws_send_signal(struct edge_conn *c, struct slice signal_response) {
    metric_inc(&c->thread->metrics.edge_signals_out);
    if (c->text_mode) {
        send_as_text(c, signal_response);
    } else {
        put_frame(c, WS_BINARY, signal_response);
    }
}

void ws_send_refresh_token(struct edge_conn *c, struct slice payload) {
    struct buf token, encoded;
    buf_init(&token, TOKEN_BYTES_MAX * 2);
    buf_init(&encoded, TOKEN_BYTES_MAX * 2);
    token_put_signing_input(&token, payload);
    uint8_t signature[SHA256_BYTES];
    enum status s = token.failed ? STATUS_NO_MEMORY
                                 : hs256_sign(c->thread->hmacs[0], buf_slice(&token), signature);
    buf_put_u8(&token, '.');
    base64url_put(&token, slice_of(signature, sizeof(signature)));
    buf_put_u8(&token, 0);
    if (s == STATUS_OK && !token.failed) {
        Livekit__SignalResponse response = LIVEKIT__SIGNAL_RESPONSE__INIT;
        response.message_case = LIVEKIT__SIGNAL_RESPONSE__MESSAGE_REFRESH_TOKEN;
        response.refresh_token = (char *)token.data;
        proto_encode(&response.base, &encoded);
    }
    if (encoded.len > 0 && !encoded.failed) {
        ws_send_signal(c, buf_slice(&encoded));
    } else {
        metric_inc(&c->thread->metrics.edge_no_memory); /* the next one comes in five minutes */
    }
    buf_deinit(&encoded);
    buf_deinit(&token);
}

void ws_close(struct edge_conn *c, uint16_t code) {
    if (!c->close_sent) {
        c->close_sent = true;
        ws_put_close(&c->out, code, (struct slice){0});
    }
    conn_close_after_flush(c);
}

/* ---- in ---------------------------------------------------------------------------------------
 */

/* A bucket that refills with time. False: the client floods. */
static bool take_token(struct edge_conn *c) {
    uint64_t now = loop_now_ms(c->thread->loop);
    uint64_t refilled = c->tokens_milli + (now - c->tokens_at_ms) * SIGNAL_RATE_PER_S;
    c->tokens_milli = (uint32_t)MIN(refilled, (uint64_t)SIGNAL_RATE_BURST * 1000);
    c->tokens_at_ms = now;
    if (c->tokens_milli < 1000) {
        return false;
    }
    c->tokens_milli -= 1000;
    return true;
}

static void refuse(struct edge_conn *c, uint16_t code) {
    metric_inc(&c->thread->metrics.edge_ws_refused);
    ws_close(c, code);
}

static void on_message(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    struct edge_thread *t = c->thread;
    metric_inc(&t->metrics.edge_signals_in);
    if (!take_token(c)) {
        metric_inc(&t->metrics.edge_signals_flooded);
        refuse(c, WS_CLOSE_POLICY);
        return;
    }
    struct edge_msg *m = edge_msg_create(EDGE_SIGNAL);
    if (!m) {
        refuse(c, WS_CLOSE_INTERNAL);
        return;
    }
    c->text_mode = opcode == WS_TEXT;
    ProtobufCMessage *signal = NULL;
    enum status s =
        proto_decode_as(c->text_mode ? API_JSON : API_PROTOBUF,
                        &livekit__signal_request__descriptor, payload, &m->arena, &signal);
    if (s != STATUS_OK) {
        edge_msg_free(m);
        metric_inc(&t->metrics.edge_bad_signals);
        refuse(c, s == STATUS_NO_MEMORY ? WS_CLOSE_INTERNAL : WS_CLOSE_BAD_TEXT);
        return;
    }
    m->conn = conn_handle(c);
    m->received_us = clock_mono_us();
    m->signal = (const Livekit__SignalRequest *)signal;
    if (!mailbox_push(t->edge->config.to_control, &m)) {
        edge_msg_free(m);
        metric_inc(&t->metrics.edge_control_full);
        refuse(c, 1013); /* try again later: the client resumes */
    }
}

static void on_control_frame(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    uint16_t code = WS_CLOSE_NORMAL;
    struct slice reason;
    switch (opcode) {
    case WS_PING: put_frame(c, WS_PONG, payload); break;
    case WS_CLOSE:
        if (!ws_close_read(payload, &code, &reason)) {
            metric_inc(&c->thread->metrics.edge_ws_refused);
        }
        ws_close(c, code);
        break;
    default: break; /* a pong: bytes in are the sign of life */
    }
}

static void on_frame(struct edge_conn *c, const struct ws_frame *f) {
    ws_unmask(c->in.data + f->payload_at, f->payload.len, f->mask);
    enum ws_opcode opcode = f->opcode;
    uint16_t code = 0;
    switch (ws_assembler_take(&c->assembler, f, &opcode, &code)) {
    case WS_STEP_CONTROL: on_control_frame(c, opcode, f->payload); return;
    case WS_STEP_WHOLE: on_message(c, opcode, f->payload); return;
    case WS_STEP_BEGIN:
        buf_clear(&c->message);
        buf_put(&c->message, f->payload);
        break;
    case WS_STEP_APPEND: buf_put(&c->message, f->payload); break;
    case WS_STEP_FINISH: {
        struct buf whole = c->message;
        buf_init(&c->message, SIGNAL_BYTES_MAX);
        buf_put(&whole, f->payload);
        if (!whole.failed) {
            on_message(c, opcode, buf_slice(&whole));
        } else {
            refuse(c, WS_CLOSE_INTERNAL);
        }
        buf_deinit(&whole);
        return;
    }
    case WS_STEP_BAD: refuse(c, code); return;
    }
    if (c->message.failed) {
        refuse(c, WS_CLOSE_INTERNAL);
    }
}

void ws_on_bytes(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    uint64_t handle = conn_handle(c);
    size_t done = 0;
    /* c->in stays put while its frames are looked at; it is consumed once, at the end. */
    while (c && c->state == CONN_WEBSOCKET) {
        struct slice rest = slice_after(buf_slice(&c->in), done);
        struct ws_frame frame;
        size_t used = 0;
        uint16_t code = 0;
        enum frame_result got = ws_frame_next(rest, SIGNAL_BYTES_MAX, &frame, &used, &code);
        if (got == FRAME_BAD) {
            refuse(c, code);
            return;
        }
        if (got == FRAME_MORE) {
            break;
        }
        frame.payload_at += done;
        done += used;
        on_frame(c, &frame);
        c = conn_resolve(t, handle);
    }
    if (!c || c->state != CONN_WEBSOCKET) {
        return;
    }
    buf_consume(&c->in, done);
    if (c->in.len == 0) {
        size_t bound = c->in.bytes_max;
        buf_deinit(&c->in);
        buf_init(&c->in, bound);
    }
}
