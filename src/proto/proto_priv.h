/* proto_priv.h: what the files of this folder share.
 * Owns: nothing; the tables are const.
 * Invariant: a message has at most PROTO_FIELDS_MAX fields (asserted when it is decoded), so that
 *   a 64-bit set holds those seen.
 * Callers: src/proto alone. */
#pragma once

#include "proto.h"

enum { PROTO_FIELDS_MAX = 64 };

/* Declaration order of the fields of one message, as indexes into descriptor->fields. Messages
 * without a row are declared in the order of their numbers. */
struct proto_order {
    const ProtobufCMessageDescriptor *type;
    const uint8_t *indexes;
    uint8_t count;
};
extern const struct proto_order proto_orders[];
extern const size_t proto_orders_count;
