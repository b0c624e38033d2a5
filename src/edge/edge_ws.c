#include "edge_priv.h"

#include "base64.h"

enum { WS_CLOSE_TRY_LATER = 1013 };

/* ---- out --------------------------------------------------------------------------------------
 */

/* The frame leaves at the end of the turn, with others for the same connection. */
static void put_frame(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    struct edge_thread *t = c->thread;
    ws_put_frame(&c->out, opcode, payload);
    if (c->out.failed || conn_out_left(c) > t->edge->limits.out_bytes_max) {
        metric_inc(&t->metrics.edge_slow_readers);
        conn_end(c);
        return;
    }
    conn_touch(c);
}

void ws_begin(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    const uint8_t *key = c->request->ws_key;
    ws_put_upgrade_head(&c->out, slice_of(key, sizeof(c->request->ws_key)), (struct slice){0});
    request_id_put(c, &c->out);
    http_put_head_end(&c->out);
    ws_assembler_init(&c->assembler, SIGNAL_BYTES_MAX);
    c->tokens_milli = t->edge->limits.signals_burst * 1000;
    c->tokens_at_ms = c->heard_at_ms = loop_now_ms(t->loop);
    http_request_clear(c);
    tcp_set_unsent_max(c->fd, CONN_UNSENT_BYTES_MAX);
    conn_enter(c, CONN_WEBSOCKET);
    conn_set_due(c, t->edge->limits.ping_ms);
    metric_inc(&t->metrics.edge_upgrades);
    if (c->in.len > 0) {
        ws_on_bytes(c);
    }
}

void ws_on_due(struct edge_conn *c) {
    struct edge_thread *t = c->thread;
    const struct edge_limits *limits = &t->edge->limits;
    uint64_t now = loop_now_ms(t->loop);
    if (now - c->heard_at_ms > limits->silent_ms) {
        metric_inc(&t->metrics.edge_ws_silent);
        conn_end(c);
        return;
    }
    if (c->partial_since_ms != 0 && now - c->partial_since_ms > limits->message_ms) {
        metric_inc(&t->metrics.edge_request_timeouts);
        conn_end(c);
        return;
    }
    conn_set_due(c, limits->ping_ms);
    if (conn_out_left(c) == 0) { /* who does not read does not get more to read */
        put_frame(c, WS_PING, (struct slice){0});
    }
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
        conn_end(c);
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

static struct hmac_key *key_of_payload(struct edge_thread *t, struct slice payload) {
    struct arena arena;
    struct slice issuer;
    arena_init(&arena, TOKEN_BYTES_MAX);
    struct hmac_key *key =
        token_find_issuer(payload, &arena, &issuer) ? edge_keys_find(t, issuer) : NULL;
    arena_deinit(&arena);
    return key;
}

void ws_send_refresh_token(struct edge_conn *c, struct slice payload) {
    struct hmac_key *key = key_of_payload(c->thread, payload);
    if (!key) {
        return; /* it is being replaced: control has the next one signed by another */
    }
    struct buf token, encoded;
    buf_init(&token, TOKEN_BYTES_MAX * 2);
    buf_init(&encoded, TOKEN_BYTES_MAX * 2);
    token_put_signing_input(&token, payload);
    uint8_t signature[SHA256_BYTES];
    enum status s = token.failed ? STATUS_NO_MEMORY : hs256_sign(key, buf_slice(&token), signature);
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
    conn_close(c, c->thread->edge->limits.close_flush_ms);
}

/* ---- in ---------------------------------------------------------------------------------------
 */

/* A bucket that refills with time, for messages and pings. False: the client floods. */
static bool take_token(struct edge_conn *c) {
    const struct edge_limits *limits = &c->thread->edge->limits;
    uint64_t now = loop_now_ms(c->thread->loop);
    uint64_t refilled = c->tokens_milli + (now - c->tokens_at_ms) * limits->signals_per_s;
    c->tokens_milli = (uint32_t)MIN(refilled, (uint64_t)limits->signals_burst * 1000);
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

static void refuse_flood(struct edge_conn *c) {
    metric_inc(&c->thread->metrics.edge_signals_flooded);
    ws_close(c, WS_CLOSE_POLICY);
}

static uint16_t close_code_of(enum status s) {
    return s == STATUS_NO_MEMORY ? WS_CLOSE_TOO_LARGE : WS_CLOSE_BAD_TEXT;
}

static void give_to_control(struct edge_conn *c, struct edge_msg *m,
                            const ProtobufCMessage *signal) {
    m->conn = conn_handle(c);
    m->received_us = clock_mono_us();
    m->signal = (const Livekit__SignalRequest *)signal;
    if (!edge_give(c->thread, m)) {
        edge_msg_free(m);
        metric_inc(&c->thread->metrics.edge_control_full);
        ws_close(c, WS_CLOSE_TRY_LATER); /* the client resumes */
    }
}

static void on_message(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    struct metrics *metrics = &c->thread->metrics;
    c->partial_since_ms = 0;
    if (!take_token(c)) {
        refuse_flood(c);
        return;
    }
    if (opcode == WS_TEXT && !ws_text_is_valid(payload)) {
        refuse(c, WS_CLOSE_BAD_TEXT);
        return;
    }
    struct edge_msg *m = edge_msg_create(EDGE_SIGNAL);
    if (!m) {
        metric_inc(&metrics->edge_no_memory);
        ws_close(c, WS_CLOSE_INTERNAL);
        return;
    }
    c->text_mode = opcode == WS_TEXT; /* answers come the way that the client speaks */
    ProtobufCMessage *signal = NULL;
    enum status s =
        proto_decode_as(c->text_mode ? API_JSON : API_PROTOBUF,
                        &livekit__signal_request__descriptor, payload, &m->arena, &signal);
    if (s != STATUS_OK) {
        edge_msg_free(m);
        metric_inc(&metrics->edge_bad_signals);
        ws_close(c, close_code_of(s));
        return;
    }
    metric_inc(&metrics->edge_signals_in);
    give_to_control(c, m, signal);
}

static void on_control_frame(struct edge_conn *c, enum ws_opcode opcode, struct slice payload) {
    uint16_t code = WS_CLOSE_NORMAL;
    struct slice reason;
    switch (opcode) {
    case WS_PING:
        if (take_token(c)) {
            put_frame(c, WS_PONG, payload);
        } else {
            refuse_flood(c);
        }
        break;
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
    size_t done = 0;
    /* c->in stays put while its frames are looked at; it is consumed once, at the end. */
    while (c->state == CONN_WEBSOCKET) {
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
    }
    if (c->state != CONN_WEBSOCKET) {
        return;
    }
    conn_drop_in(c, done);
    bool partial = c->in.len > 0 || c->assembler.opcode != WS_CONTINUATION;
    if (!partial) {
        c->partial_since_ms = 0;
    } else if (c->partial_since_ms == 0) {
        c->partial_since_ms = loop_now_ms(c->thread->loop);
    }
}
