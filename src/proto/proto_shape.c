#include <string.h>

#include "proto_priv.h"
#include "timestamp.pb-c.h"

const uint8_t *proto_order_of(const ProtobufCMessageDescriptor *type) {
    for (size_t i = 0; i < proto_orders_count; i++) {
        if (proto_orders[i].type == type) {
            assert(proto_orders[i].count == type->n_fields);
            return proto_orders[i].indexes;
        }
    }
    return NULL;
}

bool proto_is_map_entry(const ProtobufCMessageDescriptor *entry) {
    if (entry->n_fields != 2 || strcmp(entry->fields[0].name, "key") != 0 ||
        strcmp(entry->fields[1].name, "value") != 0) {
        return false;
    }
    size_t len = strlen(entry->short_name), tail = strlen("Entry");
    return len > tail && strcmp(entry->short_name + len - tail, "Entry") == 0;
}

bool proto_is_timestamp(const ProtobufCMessageDescriptor *type) {
    return type == &google__protobuf__timestamp__descriptor;
}

size_t proto_value_size(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM: return 4;
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_STRING: return sizeof(char *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(ProtobufCMessage *);
    }
    assert(false);
    return 0;
}
