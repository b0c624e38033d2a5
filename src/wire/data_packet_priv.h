/* data_packet_priv.h: protobuf fields as the reader and the rewriter of data packets walk them.
 * Owns: nothing. Source: the protobuf encoding guide; wire/realtime.md 2.8. Callers:
 * data_packet*.c. */
#pragma once

#include "data_packet.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* livekit.DataPacket */
enum {
    PACKET_KIND = 1,
    PACKET_IDENTITY = 4,
    PACKET_DESTINATION_IDENTITIES = 5,
    PACKET_SEQUENCE = 16,
    PACKET_SID = 17,
};

/* livekit.UserPacket */
enum {
    USER_SID = 1,
    USER_PAYLOAD = 2,
    USER_DESTINATION_SIDS = 3,
    USER_TOPIC = 4,
    USER_IDENTITY = 5,
    USER_DESTINATION_IDENTITIES = 6,
    USER_ID = 8,
    USER_NONCE = 11,
};

struct proto_field {
    uint32_t number;
    uint8_t wire;
    uint64_t varint;    /* of WIRE_VARINT */
    struct slice bytes; /* of WIRE_BYTES */
    struct slice raw;   /* tag and value, as they came */
};

/* False at the end and at the first bytes that make no field; c->failed tells which. */
must_check bool proto_field_next(struct cursor *c, struct proto_field *ret_field);
