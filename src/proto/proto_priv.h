/* proto_priv.h: what the files of this folder share: the shape of messages, read off descriptors.
 * Owns: nothing; the tables are const.
 * Never: knows a message by name, but for google.protobuf.Timestamp, which has a JSON form alone.
 * Invariant: no message has more than PROTO_FIELDS_MAX fields, so that 64 bits hold those seen.
 * Callers: src/proto alone. */
#pragma once

#include "proto.h"

enum {
    PROTO_FIELDS_MAX = 64,
    TIMESTAMP_TEXT_BYTES = 30, /* 9999-12-31T23:59:59.999999999Z */
};

/* Declaration order of the fields of one message, as indexes into type->fields. Messages without
 * a row are declared in the order of their numbers. */
struct proto_order {
    const ProtobufCMessageDescriptor *type;
    const uint8_t *indexes;
    uint8_t count;
};
extern const struct proto_order proto_orders[];
extern const size_t proto_orders_count;
/* NULL: in the order of type->fields. */
const uint8_t *proto_order_of(const ProtobufCMessageDescriptor *type);

static inline bool proto_is_oneof(const ProtobufCFieldDescriptor *field) {
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}
static inline bool proto_is_repeated(const ProtobufCFieldDescriptor *field) {
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}
/* protobuf-c turns map<K, V> into repeated messages `...Entry { K key = 1; V value = 2; }`. */
bool proto_is_map_entry(const ProtobufCMessageDescriptor *type);
static inline bool proto_is_map(const ProtobufCFieldDescriptor *field) {
    return proto_is_repeated(field) && field->type == PROTOBUF_C_TYPE_MESSAGE &&
           proto_is_map_entry(field->descriptor);
}
bool proto_is_timestamp(const ProtobufCMessageDescriptor *type);
/* Bytes of one value of this type in the C struct, or of one element in a repeated field. */
size_t proto_value_size(ProtobufCType type);

/* The C members behind a descriptor. The count of a repeated field and the case of a oneof lie at
 * the same kind of place, the quantifier. */
static inline void *proto_value_of(const ProtobufCMessage *message,
                                   const ProtobufCFieldDescriptor *field) {
    return (void *)((uintptr_t)message + field->offset);
}
static inline size_t *proto_count_of(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *field) {
    return (void *)((uintptr_t)message + field->quantifier_offset);
}
static inline uint32_t *proto_case_of(const ProtobufCMessage *message,
                                      const ProtobufCFieldDescriptor *field) {
    return (void *)((uintptr_t)message + field->quantifier_offset);
}

/* Checks the wire form of a whole message: MALFORMED, or NO_MEMORY with too many elements. */
must_check enum status proto_check(const ProtobufCMessageDescriptor *type, struct slice bytes);

/* True when no two entries of a map have one key. NO_MEMORY when the arena is full. */
must_check enum status proto_map_is_unique(ProtobufCMessage *const *entries, size_t count,
                                           struct arena *arena, bool *ret_unique);
/* Keeps the last entry of each key, as protobuf asks. */
must_check enum status proto_map_keep_last(ProtobufCMessage **entries, size_t *count,
                                           struct arena *arena);

/* RFC 3339. The writer gives 0 for moments that the text form cannot hold. */
must_check bool proto_timestamp_read(struct slice text, int64_t *ret_seconds, int32_t *ret_nanos);
size_t proto_timestamp_write(int64_t seconds, int32_t nanos, char out[TIMESTAMP_TEXT_BYTES]);
