/* WebSocket frames, fragments, close payloads and the handshake. */
#include "wire_test.h"

#include "ws.h"

enum { MAX = 1000 };

static void put_client_frame(struct buf *out, uint8_t b0, struct slice payload,
                             const char mask[4]) {
    size_t head = out->len;
    ws_put_frame(out, WS_BINARY, payload);
    out->data[head] = b0;
    out->data[head + 1] |= 0x80;
    size_t payload_at = out->len - payload.len;
    buf_put(out, SLICE_LIT("mask"));
    memmove(out->data + payload_at + 4, out->data + payload_at, payload.len);
    memcpy(out->data + payload_at, mask, 4);
    ws_unmask(out->data + payload_at + 4, payload.len, (const uint8_t *)mask);
}

static void frames_of_all_lengths_are_read(void **state) {
    static const size_t lengths[] = {0, 1, 7, 125, 126, 127, 65535, 65536, 70000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct buf plain, in;
        buf_init(&plain, 100000);
        buf_init(&in, 200000);
        for (size_t at = 0; at < lengths[i]; at++) {
            buf_put_u8(&plain, (uint8_t)(at * 31));
        }
        put_client_frame(&in, 0x82, buf_slice(&plain), "\x37\xfa\x21\x3d");
        size_t frame_len = in.len;
        buf_put_cstr(&in, "next");

        struct ws_frame f;
        size_t used = 0;
        uint16_t code;
        for (size_t cut = 0; cut < MIN(frame_len, (size_t)200); cut++) {
            struct slice part = tight_copy(slice_sub(buf_slice(&in), 0, frame_len - 1 - cut));
            assert_int_equal(ws_frame_next(part, 70000, &f, &used, &code), FRAME_MORE);
            tight_free(part);
        }
        assert_int_equal(ws_frame_next(buf_slice(&in), 70000, &f, &used, &code), FRAME_OK);
        assert_int_equal(used, frame_len);
        assert_true(f.fin && f.opcode == WS_BINARY);
        assert_int_equal(f.payload.len, lengths[i]);
        assert_ptr_equal(f.payload.data, in.data + f.payload_at);
        ws_unmask(in.data + f.payload_at, f.payload.len, f.mask);
        assert_true(slice_eq(f.payload, buf_slice(&plain)));
        buf_deinit(&plain);
        buf_deinit(&in);
    }
}

/* RFC 6455 section 5.7 */
static void the_examples_of_the_rfc_hold(void **state) {
    uint8_t hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    struct ws_frame f;
    size_t used;
    uint16_t code;
    assert_int_equal(ws_frame_next(slice_of(hello, 11), MAX, &f, &used, &code), FRAME_OK);
    ws_unmask(hello + f.payload_at, f.payload.len, f.mask);
    assert_int_equal(f.opcode, WS_TEXT);
    assert_slice(f.payload, "Hello");

    struct buf b;
    buf_init(&b, MAX);
    ws_put_frame(&b, WS_TEXT, SLICE_LIT("Hello"));
    assert_slice(buf_slice(&b), "\x81\x05Hello");
    buf_clear(&b);
    ws_put_frame(&b, WS_PING, SLICE_LIT("Hello"));
    assert_slice(buf_slice(&b), "\x89\x05Hello");
    buf_clear(&b);
    ws_put_frame_head(&b, WS_BINARY, 256);
    assert_slice(buf_slice(&b), "\x82\x7e\x01\x00");
    buf_clear(&b);
    ws_put_frame_head(&b, WS_BINARY, 65536);
    assert_slice(buf_slice(&b), "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
    buf_deinit(&b);
}

static void protocol_abuses_are_refused_by_their_head(void **state) {
#define M "mask"
#define ROW(name, code, text)                                                                      \
    {                                                                                              \
        name, code, {                                                                              \
            (const uint8_t *)("" text), sizeof(text) - 1                                           \
        }                                                                                          \
    }
    static const struct {
        const char *name;
        uint16_t code;
        struct slice text;
    } rows[] = {
        ROW("unmasked", 1002, "\x82\x01x"),
        ROW("unmasked and empty", 1002, "\x82\x00"),
        ROW("RSV1 (compression not negotiated)", 1002, "\xc2\x80" M),
        ROW("RSV2", 1002, "\xa2\x80" M),
        ROW("RSV3", 1002, "\x92\x80" M),
        ROW("RSV1 on ping", 1002, "\xc9\x80" M),
        ROW("opcode 3", 1002, "\x83\x80" M),
        ROW("opcode 7", 1002, "\x87\x80" M),
        ROW("opcode 11", 1002, "\x8b\x80" M),
        ROW("opcode 15", 1002, "\x8f\x80" M),
        ROW("fragmented ping", 1002, "\x09\x80" M),
        ROW("fragmented close", 1002, "\x08\x80" M),
        ROW("ping of 126", 1002, "\x89\xfe\x00\x7e" M),
        ROW("close in 64 bits", 1002, "\x88\xff\x00\x00\x00\x00\x00\x00\x00\x01" M),
        ROW("5 in 16 bits", 1002, "\x82\xfe\x00\x05" M),
        ROW("125 in 16 bits", 1002, "\x82\xfe\x00\x7d" M),
        ROW("126 in 64 bits", 1002, "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x7e" M),
        ROW("65535 in 64 bits", 1002, "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff" M),
        ROW("top bit of 64", 1002, "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" M),
        ROW("largest 63 bits", 1009, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" M),
        ROW("one over the bound", 1009, "\x82\xfe\x03\xe9" M),
    };
#undef ROW
#undef M
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ws_frame f, before;
        memset(&f, 0x5a, sizeof(f));
        before = f;
        size_t used = 77;
        uint16_t code = 0;
        enum frame_result got = ws_frame_next(rows[i].text, MAX, &f, &used, &code);
        if (got != FRAME_BAD || code != rows[i].code) {
            print_error("%s: result %d, code %u\n", rows[i].name, got, code);
            fail();
        }
        assert_memory_equal(&f, &before, sizeof(f));
        assert_int_equal(used, 77);
    }
}

static void unmasking_goes_by_words_and_bytes(void **state) {
    static const uint8_t mask[4] = {0x11, 0x22, 0x44, 0x88};
    for (size_t offset = 0; offset < 8; offset++) {
        for (size_t len = 0; len < 40; len++) {
            uint8_t bytes[64] = {0};
            ws_unmask(bytes + offset, len, mask);
            for (size_t i = 0; i < sizeof(bytes); i++) {
                bool in = i >= offset && i < offset + len;
                assert_int_equal(bytes[i], in ? mask[(i - offset) % 4] : 0);
            }
        }
    }
}

struct scripted {
    enum ws_opcode opcode;
    bool fin;
    size_t len;
    enum ws_step want;
    unsigned want_detail; /* opcode of the message, or the close code */
};

static void run_script(const char *name, const struct scripted *script, size_t count) {
    static const uint8_t zeros[MAX];
    struct ws_assembler a;
    ws_assembler_init(&a, MAX);
    for (size_t i = 0; i < count; i++) {
        const struct scripted *s = &script[i];
        struct ws_frame f = {.opcode = s->opcode, .fin = s->fin, .payload = {zeros, s->len}};
        enum ws_opcode opcode = WS_CONTINUATION;
        uint16_t code = 0;
        enum ws_step got = ws_assembler_take(&a, &f, &opcode, &code);
        unsigned detail = got == WS_STEP_BAD ? code : opcode;
        if (got != s->want || detail != s->want_detail) {
            print_error("%s, frame %zu: step %d, %u\n", name, i, got, detail);
            fail();
        }
    }
}
#define SCRIPT(name, ...)                                                                          \
    run_script(name, (const struct scripted[]){__VA_ARGS__},                                       \
               ARRAY_LEN(((const struct scripted[]){__VA_ARGS__})))

static void fragments_become_messages(void **state) {
    SCRIPT("whole, then fragments with a ping between",
           {WS_BINARY, true, 5, WS_STEP_WHOLE, WS_BINARY},
           {WS_TEXT, false, 400, WS_STEP_BEGIN, WS_TEXT},
           {WS_PING, true, 100, WS_STEP_CONTROL, WS_PING},
           {WS_CONTINUATION, false, 400, WS_STEP_APPEND, WS_TEXT},
           {WS_CONTINUATION, true, 200, WS_STEP_FINISH, WS_TEXT},
           {WS_BINARY, true, MAX, WS_STEP_WHOLE, WS_BINARY});
    SCRIPT("empty parts", {WS_BINARY, false, 0, WS_STEP_BEGIN, WS_BINARY},
           {WS_CONTINUATION, false, 0, WS_STEP_APPEND, WS_BINARY},
           {WS_CONTINUATION, true, 0, WS_STEP_FINISH, WS_BINARY},
           {WS_CLOSE, true, 0, WS_STEP_CONTROL, WS_CLOSE});
}

static void fragment_abuses_are_refused(void **state) {
    SCRIPT("continuation of nothing", {WS_CONTINUATION, true, 1, WS_STEP_BAD, 1002});
    SCRIPT("unfinished continuation of nothing", {WS_CONTINUATION, false, 1, WS_STEP_BAD, 1002});
    SCRIPT("text inside binary", {WS_BINARY, false, 1, WS_STEP_BEGIN, WS_BINARY},
           {WS_TEXT, true, 1, WS_STEP_BAD, 1002});
    SCRIPT("binary begun twice", {WS_BINARY, false, 1, WS_STEP_BEGIN, WS_BINARY},
           {WS_BINARY, false, 1, WS_STEP_BAD, 1002});
    SCRIPT("continuation behind the end", {WS_BINARY, false, 1, WS_STEP_BEGIN, WS_BINARY},
           {WS_CONTINUATION, true, 1, WS_STEP_FINISH, WS_BINARY},
           {WS_CONTINUATION, true, 1, WS_STEP_BAD, 1002});
    SCRIPT("continuation behind a ping", {WS_PING, true, 1, WS_STEP_CONTROL, WS_PING},
           {WS_CONTINUATION, true, 1, WS_STEP_BAD, 1002});
    SCRIPT("parts over the bound together", {WS_BINARY, false, MAX, WS_STEP_BEGIN, WS_BINARY},
           {WS_CONTINUATION, true, 1, WS_STEP_BAD, 1009});
}

static void text_messages_are_text(void **state) {
    assert_true(ws_text_is_valid(SLICE_LIT("{\"a\":\"\xc3\xa9\xf0\x9f\x98\x80\"}")));
    assert_true(ws_text_is_valid(SLICE_LIT("")));
    assert_false(ws_text_is_valid(SLICE_LIT("\xc3")));
    assert_false(ws_text_is_valid(SLICE_LIT("\xed\xa0\x80")));
    assert_false(ws_text_is_valid(SLICE_LIT("a\0b")));
}

static void close_payloads_are_checked(void **state) {
    static const struct {
        uint16_t code;
        bool good;
    } codes[] = {
        {0, false},    {999, false},  {1000, true}, {1001, true}, {1003, true},  {1004, false},
        {1005, false}, {1006, false}, {1007, true}, {1011, true}, {1014, true},  {1015, false},
        {1016, false}, {2999, false}, {3000, true}, {4999, true}, {5000, false}, {65535, false},
    };
    uint16_t code;
    struct slice reason;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        uint8_t payload[] = {(uint8_t)(codes[i].code >> 8), (uint8_t)codes[i].code, 'o', 'k'};
        assert_int_equal(ws_close_read(slice_of(payload, 4), &code, &reason), codes[i].good);
        assert_int_equal(code, codes[i].good ? codes[i].code : 1002);
        if (codes[i].good) {
            assert_slice(reason, "ok");
        }
    }
    assert_true(ws_close_read((struct slice){0}, &code, &reason));
    assert_true(code == WS_CLOSE_NO_STATUS && reason.len == 0);
    assert_true(ws_close_read(SLICE_LIT("\x03\xe8"), &code, &reason));
    assert_true(code == 1000 && reason.len == 0);
    assert_false(ws_close_read(SLICE_LIT("\x03"), &code, &reason)); /* half a code */
    assert_int_equal(code, 1002);
    assert_false(ws_close_read(SLICE_LIT("\x03\xe8\xc3"), &code, &reason));
    assert_int_equal(code, 1007);
}

static void close_frames_fit_a_control_frame(void **state) {
    struct buf b;
    buf_init(&b, MAX);
    ws_put_close(&b, WS_CLOSE_NORMAL, SLICE_LIT("bye"));
    assert_slice(buf_slice(&b), "\x88\x05\x03\xe8"
                                "bye");
    buf_clear(&b);
    ws_put_close(&b, WS_CLOSE_NO_STATUS, SLICE_LIT("ignored"));
    assert_slice(buf_slice(&b), "\x88\x00");

    char reason[200];
    for (size_t lead = 0; lead < 4; lead++) {
        memset(reason, 'x', sizeof(reason));
        for (size_t at = lead; at + 4 <= sizeof(reason); at += 4) {
            memcpy(reason + at, "\xf0\x9f\x98\x80", 4);
        }
        buf_clear(&b);
        ws_put_close(&b, WS_CLOSE_POLICY, slice_of(reason, sizeof(reason)));
        uint16_t code;
        struct slice got;
        assert_true(b.len <= 2 + WS_CONTROL_BYTES_MAX && b.len > WS_CONTROL_BYTES_MAX - 4);
        assert_true(ws_close_read(slice_after(buf_slice(&b), 2), &code, &got));
        assert_int_equal(code, WS_CLOSE_POLICY);
    }
    buf_deinit(&b);
}

static void the_handshake_is_answered(void **state) {
    static const struct {
        const char *key, *accept;
    } rows[] = {
        /* RFC 6455 section 1.3; the others were computed with OpenSSL. */
        {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
        {"/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="},
        {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
    };
    struct buf b;
    buf_init(&b, MAX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        ws_put_accept(&b, slice_from_cstr(rows[i].key));
        if (!slice_eq_cstr(buf_slice(&b), rows[i].accept)) {
            print_error("%s: %.*s\n", rows[i].key, SLICE_ARG(buf_slice(&b)));
            fail();
        }
    }
    buf_clear(&b);
    ws_put_upgrade_head(&b, SLICE_LIT("dGhlIHNhbXBsZSBub25jZQ=="), SLICE_LIT("chat"));
    assert_slice(buf_slice(&b), "HTTP/1.1 101 Switching Protocols\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                                "Sec-WebSocket-Protocol: chat\r\n");
    buf_deinit(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_all_lengths_are_read),
        cmocka_unit_test(the_examples_of_the_rfc_hold),
        cmocka_unit_test(protocol_abuses_are_refused_by_their_head),
        cmocka_unit_test(unmasking_goes_by_words_and_bytes),
        cmocka_unit_test(fragments_become_messages),
        cmocka_unit_test(fragment_abuses_are_refused),
        cmocka_unit_test(text_messages_are_text),
        cmocka_unit_test(close_payloads_are_checked),
        cmocka_unit_test(close_frames_fit_a_control_frame),
        cmocka_unit_test(the_handshake_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
