/* WebSocket frames: a stream gives the same story however it is cut, and what is written back
 * reads the same.
 * Covers: src/wire/ws.c */
#include "fuzz.h"
#include "ws.h"

enum { MESSAGE_MAX = 4096 };

/* One line of the story for each frame. */
static void tell(struct buf *story, const char *what, unsigned number, struct slice bytes) {
    buf_printf(story, "%s %u ", what, number);
    buf_put(story, bytes);
    buf_put_u8(story, '\n');
}

static void check_written(const struct ws_frame *f, struct slice plain) {
    if (!f->fin) {
        return;
    }
    struct buf out;
    buf_init(&out, MESSAGE_MAX + WS_HEAD_BYTES_MAX);
    ws_put_frame(&out, f->opcode, plain);
    buf_put(&out, SLICE_LIT("\0\0\0\0"));
    assert(!out.failed);
    out.data[1] |= 0x80; /* as if from a client with a mask of zeros */
    size_t head = out.len - 4 - plain.len;
    memmove(out.data + head + 4, out.data + head, plain.len);
    memset(out.data + head, 0, 4);
    struct ws_frame back;
    size_t used;
    uint16_t code;
    assert(ws_frame_next(buf_slice(&out), MESSAGE_MAX, &back, &used, &code) == FRAME_OK);
    assert(used == out.len && back.opcode == f->opcode && slice_eq(back.payload, plain));
    buf_deinit(&out);
}

static void tell_close(struct buf *story, struct slice payload) {
    uint16_t code = 0;
    struct slice reason = {0};
    bool good = ws_close_read(payload, &code, &reason);
    assert(inside(reason, payload) && slice_is_text(reason));
    assert(good || code == WS_CLOSE_PROTOCOL_ERROR || code == WS_CLOSE_BAD_TEXT);
    tell(story, good ? "closed" : "bad close", code, reason);
    if (good) {
        struct buf out;
        buf_init(&out, 200);
        ws_put_close(&out, code, reason);
        assert(slice_eq(slice_after(buf_slice(&out), 2), payload));
        buf_deinit(&out);
    }
}

/* Reads frames while `held` bytes at a time arrive. */
static void read_stream(struct slice in, size_t held, struct buf *story) {
    struct ws_assembler a;
    ws_assembler_init(&a, MESSAGE_MAX);
    size_t at = 0, end = MIN(held, in.len);
    for (;;) {
        struct slice view = tight_copy(slice_sub(in, at, end - at));
        struct ws_frame f;
        size_t used = 0;
        uint16_t code = 0;
        enum ws_opcode opcode = WS_CONTINUATION;
        enum frame_result got = ws_frame_next(view, MESSAGE_MAX, &f, &used, &code);
        enum ws_step step = WS_STEP_BAD;
        if (got == FRAME_OK) {
            assert(used <= view.len && inside(f.payload, view));
            assert(f.payload_at + f.payload.len == used);
            ws_unmask((uint8_t *)(uintptr_t)view.data + f.payload_at, f.payload.len, f.mask);
            check_written(&f, f.payload);
            step = ws_assembler_take(&a, &f, &opcode, &code);
            tell(story, "step", (unsigned)step, f.payload);
            if (step == WS_STEP_CONTROL && opcode == WS_CLOSE) {
                tell_close(story, f.payload);
            }
        }
        tight_free(view);
        at += used;
        if (got == FRAME_BAD || (got == FRAME_OK && step == WS_STEP_BAD)) {
            tell(story, "bad", code, (struct slice){0});
            return;
        }
        if (got == FRAME_MORE && end == in.len) {
            tell(story, "more", (unsigned)at, (struct slice){0});
            return;
        }
        end = got == FRAME_MORE ? MIN(end + held, in.len) : end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    if (size > 1 << 16) {
        return 0;
    }
    struct buf whole, cut;
    buf_init(&whole, 1 << 22);
    buf_init(&cut, 1 << 22);
    read_stream(in, SIZE_MAX / 2, &whole);
    read_stream(in, 1 + cut_of(in, 0) % 64, &cut);
    assert(slice_eq(buf_slice(&whole), buf_slice(&cut)));
    buf_deinit(&whole);
    buf_deinit(&cut);
    return 0;
}
