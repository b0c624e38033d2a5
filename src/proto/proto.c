#include <string.h>

#include "proto_priv.h"

static void *arena_alloc_for_c(void *arena, size_t size) {
    return arena_alloc(arena, size);
}

static void arena_free_for_c(void *arena, void *pointer) {
    (void)arena;
    (void)pointer; /* dies with the arena */
}

static enum status settle(ProtobufCMessage *message, struct arena *arena);

/* An entry without value means the default of its type: for messages, an empty one. */
static enum status settle_map(ProtobufCMessage **entries, size_t *count, struct arena *arena) {
    for (size_t i = 0; i < *count; i++) {
        const ProtobufCFieldDescriptor *field = &entries[i]->descriptor->fields[1];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            break;
        }
        ProtobufCMessage **value = proto_value_of(entries[i], field);
        if (!*value) {
            const ProtobufCMessageDescriptor *type = field->descriptor;
            *value = arena_zalloc(arena, type->sizeof_message);
            if (!*value) {
                return STATUS_NO_MEMORY;
            }
            type->message_init(*value);
        }
    }
    return proto_map_keep_last(entries, count, arena);
}

static enum status settle_field(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                                struct arena *arena) {
    void *at = proto_value_of(message, field);
    if (proto_is_oneof(field) && *proto_case_of(message, field) != field->id) {
        return STATUS_OK;
    }
    if (!proto_is_repeated(field)) {
        ProtobufCMessage *value = *(ProtobufCMessage **)at;
        return value ? settle(value, arena) : STATUS_OK;
    }
    ProtobufCMessage **items = *(ProtobufCMessage ***)at;
    size_t *count = proto_count_of(message, field);
    enum status s = STATUS_OK;
    if (*count > 0 && proto_is_map(field)) {
        s = settle_map(items, count, arena);
    }
    for (size_t i = 0; s == STATUS_OK && i < *count; i++) {
        s = settle(items[i], arena);
    }
    return s;
}

/* Brings what was unpacked into the form that JSON decoding gives: maps with each key once. */
static enum status settle(ProtobufCMessage *message, struct arena *arena) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    enum status s = STATUS_OK;
    for (unsigned i = 0; s == STATUS_OK && i < type->n_fields; i++) {
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            s = settle_field(message, &type->fields[i], arena);
        }
    }
    return s;
}

enum status proto_decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
                         struct arena *arena, ProtobufCMessage **ret_message) {
    enum status s = proto_check(type, bytes);
    if (s != STATUS_OK) {
        return s;
    }
    ProtobufCAllocator allocator = {arena_alloc_for_c, arena_free_for_c, arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, bytes.len, bytes.data);
    if (!message) {
        return arena->failed ? STATUS_NO_MEMORY : STATUS_MALFORMED;
    }
    s = settle(message, arena);
    if (s == STATUS_OK) {
        *ret_message = message;
    }
    return s;
}

enum status proto_decode_as(enum api_coding coding, const ProtobufCMessageDescriptor *type,
                            struct slice body, struct arena *arena,
                            ProtobufCMessage **ret_message) {
    return coding == API_JSON ? proto_decode_json(type, body, arena, ret_message)
                              : proto_decode(type, body, arena, ret_message);
}

void proto_encode(const ProtobufCMessage *message, struct buf *out) {
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > 0 && buf_reserve(out, size)) {
        size_t packed = protobuf_c_message_pack(message, out->data + out->len);
        assert(packed == size);
        out->len += packed;
    }
}

void proto_encode_as(enum api_coding coding, const ProtobufCMessage *message, struct buf *out) {
    if (coding == API_JSON) {
        proto_encode_json(message, JSON_TWIRP, out);
    } else {
        proto_encode(message, out);
    }
}

/* Not protobuf_c_empty_string: protobuf-c leaves a oneof member out whose text is that very
 * pointer, and a set but empty `optional` would be lost. */
static const char empty_text[] = "";

char *proto_cstr(struct arena *arena, struct slice text) {
    return text.len > 0 ? arena_cstr(arena, text) : (char *)(uintptr_t)empty_text;
}
