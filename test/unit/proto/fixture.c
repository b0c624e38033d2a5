#include "fixture.h"

#include <stdio.h>

#include "mem.h"

int fixture_setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof(*f));
    if (!f) {
        return -1;
    }
    arena_init(&f->arena, 64 << 20);
    buf_init(&f->out, 64 << 20);
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    buf_deinit(&f->out);
    mem_free(f);
    return 0;
}

void fixture_reset(struct fixture *f) {
    arena_reset(&f->arena);
    buf_clear(&f->out);
}

ProtobufCMessage *decode_json_ok(struct fixture *f, const ProtobufCMessageDescriptor *type,
                                 const char *text) {
    ProtobufCMessage *message = NULL;
    enum status s = proto_decode_json(type, slice_from_cstr(text), &f->arena, &message);
    if (s != STATUS_OK) {
        fail_msg("%s from %s", status_name(s), text);
    }
    assert_non_null(message);
    assert_ptr_equal(message->descriptor, type);
    return message;
}

void decode_json_bad(struct fixture *f, const ProtobufCMessageDescriptor *type, struct slice text) {
    ProtobufCMessage *untouched = (ProtobufCMessage *)(void *)f, *message = untouched;
    enum status s = proto_decode_json(type, text, &f->arena, &message);
    if (s != STATUS_MALFORMED) {
        fail_msg("%s from %.*s", status_name(s), SLICE_ARG(text));
    }
    assert_ptr_equal(message, untouched);
}

ProtobufCMessage *decode_ok(struct fixture *f, const ProtobufCMessageDescriptor *type,
                            struct slice bytes) {
    ProtobufCMessage *message = NULL;
    assert_int_equal(proto_decode(type, bytes, &f->arena, &message), STATUS_OK);
    assert_non_null(message);
    assert_ptr_equal(message->descriptor, type);
    return message;
}

void decode_bad(struct fixture *f, const ProtobufCMessageDescriptor *type, struct slice bytes) {
    ProtobufCMessage *untouched = (ProtobufCMessage *)(void *)f, *message = untouched;
    assert_int_equal(proto_decode(type, bytes, &f->arena, &message), STATUS_MALFORMED);
    assert_ptr_equal(message, untouched);
}

void assert_json(struct fixture *f, const ProtobufCMessage *message, enum json_style style,
                 const char *want) {
    buf_clear(&f->out);
    proto_encode_json(message, style, &f->out);
    assert_false(f->out.failed);
    buf_put_u8(&f->out, '\0');
    assert_string_equal((const char *)f->out.data, want);
    buf_clear(&f->out);
}

void assert_rows(struct fixture *f, const ProtobufCMessageDescriptor *type,
                 const struct json_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fixture_reset(f);
        if (rows[i].want) {
            assert_json(f, decode_json_ok(f, type, rows[i].in), JSON_COMPACT, rows[i].want);
        } else {
            decode_json_bad(f, type, slice_from_cstr(rows[i].in));
        }
    }
}
