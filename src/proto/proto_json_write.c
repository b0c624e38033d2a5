/* Messages to proto3 JSON, by descriptor: answers in the form of room-api.md 2.4 (JSON_TWIRP), and
 * the short canonical form of webhooks and text signals (JSON_COMPACT). */
#include <string.h>

#include "base64.h"
#include "json.h"
#include "proto_priv.h"
#include "word.h"

struct writing {
    struct buf *out; /* borrowed */
    enum json_style style;
    const struct json_ready *ready; /* borrowed; or NULL */
};

static void put_message(const struct writing *w, const ProtobufCMessage *message);

static void put_quoted_u64(struct buf *out, uint64_t v) {
    buf_put_u8(out, '"');
    buf_put_u64_dec(out, v);
    buf_put_u8(out, '"');
}

static void put_quoted_i64(struct buf *out, int64_t v) {
    buf_put_u8(out, '"');
    buf_put_i64_dec(out, v);
    buf_put_u8(out, '"');
}

static void put_enum(struct buf *out, const ProtobufCEnumDescriptor *type, int32_t v) {
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, v);
    if (!known) {
        buf_put_i64_dec(out, v);
        return;
    }
    buf_put_u8(out, '"');
    buf_put_cstr(out, known->name);
    buf_put_u8(out, '"');
}

/* Bytes that need a look before they may stand in a string. */
static bool is_odd(uint8_t c) {
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

static bool has_odd_bytes(struct slice text) {
    size_t at = 0;
    for (; text.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        if (word_plain(text.data + at, 0x20, '"', '\\', '&') < sizeof(uint64_t) ||
            word_plain(text.data + at, 0x20, '<', '>', '>') < sizeof(uint64_t)) {
            return true;
        }
    }
    for (; at < text.len; at++) {
        if (is_odd(text.data[at])) {
            return true;
        }
    }
    return false;
}

/* Text that stands in JSON as it is, which nearly all does, is copied at once. */
static void put_string(struct buf *out, struct slice text) {
    if (has_odd_bytes(text)) {
        json_put_string(out, text);
    } else if (buf_reserve(out, text.len + 2)) {
        uint8_t *at = out->data + out->len;
        *at = '"';
        if (text.len > 0) {
            memcpy(at + 1, text.data, text.len);
        }
        at[text.len + 1] = '"';
        out->len += text.len + 2;
    }
}

static void put_bytes(struct buf *out, const ProtobufCBinaryData *bytes) {
    buf_put_u8(out, '"');
    base64_put(out, slice_of(bytes->data, bytes->len));
    buf_put_u8(out, '"');
}

static void put_timestamp(struct buf *out, const ProtobufCMessage *message) {
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    char text[TIMESTAMP_TEXT_BYTES];
    size_t len = proto_timestamp_write(*(const int64_t *)proto_value_of(message, &fields[0]),
                                       *(const int32_t *)proto_value_of(message, &fields[1]), text);
    if (len == 0) {
        buf_put_cstr(out, "null");
        return;
    }
    buf_put_u8(out, '"');
    buf_put(out, slice_of(text, len));
    buf_put_u8(out, '"');
}

static void put_submessage(const struct writing *w, const ProtobufCMessage *message) {
    if (!message) {
        buf_put_cstr(w->out, "null");
    } else if (proto_is_timestamp(message->descriptor)) {
        put_timestamp(w->out, message);
    } else {
        put_message(w, message);
    }
}

static void put_value(const struct writing *w, const ProtobufCFieldDescriptor *field,
                      const void *at) {
    struct buf *out = w->out;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32: buf_put_i64_dec(out, *(const int32_t *)at); break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: buf_put_u64_dec(out, *(const uint32_t *)at); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: put_quoted_i64(out, *(const int64_t *)at); break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64: put_quoted_u64(out, *(const uint64_t *)at); break;
    case PROTOBUF_C_TYPE_FLOAT: json_put_double(out, (double)*(const float *)at, true); break;
    case PROTOBUF_C_TYPE_DOUBLE: json_put_double(out, *(const double *)at, false); break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_put_cstr(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM: put_enum(out, field->descriptor, *(const int32_t *)at); break;
    case PROTOBUF_C_TYPE_STRING: put_string(out, proto_text(*(char *const *)at)); break;
    case PROTOBUF_C_TYPE_BYTES: put_bytes(out, at); break;
    case PROTOBUF_C_TYPE_MESSAGE: put_submessage(w, *(ProtobufCMessage *const *)at); break;
    }
}

static void put_list(const struct writing *w, const ProtobufCFieldDescriptor *field,
                     const uint8_t *items, size_t count) {
    size_t size = proto_value_size(field->type);
    buf_put_u8(w->out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_put_u8(w->out, ',');
        }
        put_value(w, field, items + i * size);
    }
    buf_put_u8(w->out, ']');
}

/* Keys of every type are strings in JSON; those of 64 bits bring their quotes along. */
static void put_map_key(const struct writing *w, const ProtobufCFieldDescriptor *field,
                        const void *at) {
    bool bare = field->type != PROTOBUF_C_TYPE_STRING && proto_value_size(field->type) == 4;
    if (bare) {
        buf_put_u8(w->out, '"');
    }
    put_value(w, field, at);
    if (bare) {
        buf_put_u8(w->out, '"');
    }
}

static void put_map(const struct writing *w, ProtobufCMessage *const *entries, size_t count) {
    buf_put_u8(w->out, '{');
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *fields = entries[i]->descriptor->fields;
        if (i > 0) {
            buf_put_u8(w->out, ',');
        }
        put_map_key(w, &fields[0], proto_value_of(entries[i], &fields[0]));
        buf_put_u8(w->out, ':');
        put_value(w, &fields[1], proto_value_of(entries[i], &fields[1]));
    }
    buf_put_u8(w->out, '}');
}

/* Copies a name; in the short style empty_timeout becomes emptyTimeout. Returns the end. */
static uint8_t *copy_name(uint8_t *at, struct slice name, enum json_style style) {
    if (style == JSON_TWIRP) {
        memcpy(at, name.data, name.len);
        return at + name.len;
    }
    bool upper = false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (c != '_') {
            *at++ = upper && c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
        }
        upper = c == '_';
    }
    return at;
}

/* Straight into the buffer: names are most of an answer, and a put for each part of each field
 * took half the time of writing a room. */
static void put_name(const struct writing *w, const char *name, bool first) {
    struct slice text = proto_text(name);
    if (!buf_reserve(w->out, text.len + strlen(",\"\":"))) {
        return;
    }
    uint8_t *at = w->out->data + w->out->len;
    if (!first) {
        *at++ = ',';
    }
    *at++ = '"';
    at = copy_name(at, text, w->style);
    *at++ = '"';
    *at++ = ':';
    w->out->len = (size_t)(at - w->out->data);
}

static bool all_zero(const uint8_t *at, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= at[i];
    }
    return any == 0;
}

/* Left out by JSON_COMPACT: what reads back the same when absent. A negative zero does not. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)at;
        return !text || !*text;
    }
    case PROTOBUF_C_TYPE_BYTES: return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE: return !*(ProtobufCMessage *const *)at;
    default: return all_zero(at, proto_value_size(field->type));
    }
}

static bool is_written(const struct writing *w, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field) {
    if (proto_is_oneof(field)) { /* members, and what was `optional` */
        return *proto_case_of(message, field) == field->id;
    }
    if (w->style == JSON_TWIRP) {
        return true;
    }
    return proto_is_repeated(field) ? *proto_count_of(message, field) > 0
                                    : !is_default(field, proto_value_of(message, field));
}

static void put_field(const struct writing *w, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field) {
    const void *at = proto_value_of(message, field);
    if (proto_is_map(field)) {
        put_map(w, *(ProtobufCMessage * *const *)at, *proto_count_of(message, field));
    } else if (proto_is_repeated(field)) {
        const uint8_t *items = *(const uint8_t *const *)at;
        if (w->ready && w->ready->items == items) {
            buf_put(w->out, w->ready->text);
        } else {
            put_list(w, field, items, *proto_count_of(message, field));
        }
    } else {
        put_value(w, field, at);
    }
}

static void put_message(const struct writing *w, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const uint8_t *order = proto_order_of(type);
    bool first = true;
    buf_put_u8(w->out, '{');
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[order ? order[i] : i];
        if (!is_written(w, message, field)) {
            continue;
        }
        put_name(w, field->name, first);
        first = false;
        put_field(w, message, field);
    }
    buf_put_u8(w->out, '}');
}

void proto_encode_json_with(const ProtobufCMessage *message, enum json_style style,
                            const struct json_ready *ready, struct buf *out) {
    assert(!ready || ready->items);
    struct writing w = {out, style, ready};
    put_submessage(&w, message);
}

void proto_encode_json(const ProtobufCMessage *message, enum json_style style, struct buf *out) {
    proto_encode_json_with(message, style, NULL, out);
}
