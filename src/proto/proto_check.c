/* The walk over protobuf bytes that comes before protobuf_c_message_unpack, which itself cuts
 * strings at NUL, takes any bytes for UTF-8 and knows no bound on depth or number. */
#include "caps.h"
#include "cursor.h"
#include "proto_priv.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5, /* 3 and 4, groups, are in no message of ours and refused */
};
enum { FIELD_NUMBER_MAX = (1 << 29) - 1 };

struct walk {
    size_t elements_left;
    uint32_t depth;
};

static enum status check_message(struct walk *w, const ProtobufCMessageDescriptor *type,
                                 struct slice bytes);

static enum wire_type wire_type_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

static bool walk_count(struct walk *w) {
    if (w->elements_left == 0) {
        return false;
    }
    w->elements_left--;
    return true;
}

static enum status check_packed(struct walk *w, enum wire_type wire, struct slice bytes) {
    struct cursor c = cursor_over(bytes);
    while (cursor_left(&c) > 0) {
        if (!walk_count(w)) {
            return STATUS_NO_MEMORY;
        }
        switch (wire) {
        case WIRE_VARINT: cursor_varint(&c); break;
        case WIRE_FIXED32: cursor_skip(&c, 4); break;
        case WIRE_FIXED64: cursor_skip(&c, 8); break;
        case WIRE_BYTES: return STATUS_MALFORMED;
        }
        if (c.failed) {
            return STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

/* A known field whose wire type is that of its own type, or of its packed form. */
static enum status check_delimited(struct walk *w, const ProtobufCFieldDescriptor *field,
                                   struct slice bytes) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return slice_is_text(bytes) ? STATUS_OK : STATUS_MALFORMED;
    case PROTOBUF_C_TYPE_BYTES: return STATUS_OK;
    case PROTOBUF_C_TYPE_MESSAGE: return check_message(w, field->descriptor, bytes);
    default: break;
    }
    if (!proto_is_repeated(field)) {
        return STATUS_MALFORMED;
    }
    return check_packed(w, wire_type_of(field->type), bytes);
}

static enum status check_field(struct walk *w, const ProtobufCMessageDescriptor *type,
                               struct cursor *c) {
    uint64_t tag = cursor_varint(c);
    uint64_t number = tag >> 3;
    if (c->failed || number == 0 || number > FIELD_NUMBER_MAX) {
        return STATUS_MALFORMED;
    }
    if (!walk_count(w)) {
        return STATUS_NO_MEMORY;
    }
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(type, (unsigned)number);
    enum status s = STATUS_OK;
    uint32_t wire = tag & 7;
    switch (wire) {
    case WIRE_VARINT: cursor_varint(c); break;
    case WIRE_FIXED32: cursor_skip(c, 4); break;
    case WIRE_FIXED64: cursor_skip(c, 8); break;
    case WIRE_BYTES: {
        uint64_t len = cursor_varint(c);
        if (c->failed || len > cursor_left(c)) {
            return STATUS_MALFORMED;
        }
        struct slice bytes = cursor_take(c, (size_t)len);
        if (field) {
            s = check_delimited(w, field, bytes);
        }
        break;
    }
    default: return STATUS_MALFORMED;
    }
    if (c->failed || (field && wire != WIRE_BYTES && wire != wire_type_of(field->type))) {
        return STATUS_MALFORMED;
    }
    return s;
}

static enum status check_message(struct walk *w, const ProtobufCMessageDescriptor *type,
                                 struct slice bytes) {
    if (w->depth == PROTO_DEPTH_MAX) {
        return STATUS_MALFORMED;
    }
    w->depth++;
    struct cursor c = cursor_over(bytes);
    enum status s = STATUS_OK;
    while (s == STATUS_OK && cursor_left(&c) > 0) {
        s = check_field(w, type, &c);
    }
    w->depth--;
    return s;
}

enum status proto_check(const ProtobufCMessageDescriptor *type, struct slice bytes) {
    struct walk w = {.elements_left = PROTO_ELEMENTS_MAX};
    return check_message(&w, type, bytes);
}
