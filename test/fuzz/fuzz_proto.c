/* Messages in both codings, the type chosen by the first byte and the coding by the second: what
 * is accepted must read back the same from either coding.
 * Covers: src/proto/proto.c src/proto/proto_check.c src/proto/proto_json_read.c */
#include <math.h>
#include <stdlib.h>

#include "livekit_models.pb-c.h"
#include "livekit_room.pb-c.h"
#include "livekit_rtc.pb-c.h"
#include "livekit_webhook.pb-c.h"
#include "proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const types[] = {
    &livekit__create_room_request__descriptor,
    &livekit__list_rooms_response__descriptor,
    &livekit__participant_info__descriptor,
    &livekit__send_data_request__descriptor,
    &livekit__update_participant_request__descriptor,
    &livekit__signal_request__descriptor,
    &livekit__signal_response__descriptor,
    &livekit__join_request__descriptor,
    &livekit__data_packet__descriptor,
    &livekit__webhook_event__descriptor,
};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

/* JSON carries neither unknown fields nor the spare bits of a NaN: both go before the comparison.
 */
static void reduce(ProtobufCMessage *message) {
    message->n_unknown_fields = 0;
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        uint8_t *base = (uint8_t *)message;
        void *at = base + field->offset, *quantifier = base + field->quantifier_offset;
        if (field->type == PROTOBUF_C_TYPE_FLOAT && isnan(*(float *)at)) {
            *(float *)at = NAN; /* no message has repeated floats */
        }
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            for (size_t n = 0; n < *(size_t *)quantifier; n++) {
                reduce((*(ProtobufCMessage ***)at)[n]);
            }
        } else if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
                   *(uint32_t *)quantifier == field->id) {
            if (*(ProtobufCMessage **)at) {
                reduce(*(ProtobufCMessage **)at);
            }
        }
    }
}

static ProtobufCMessage *read_again(enum api_coding coding, const ProtobufCMessage *message,
                                    struct arena *arena, struct buf *out) {
    buf_clear(out);
    proto_encode_as(coding, message, out);
    require(!out->failed);
    ProtobufCMessage *again;
    require(proto_decode_as(coding, message->descriptor, buf_slice(out), arena, &again) ==
            STATUS_OK);
    return again;
}

static struct slice wire_form(const ProtobufCMessage *message, struct arena *arena,
                              struct buf *out) {
    buf_clear(out);
    proto_encode(message, out);
    require(!out->failed);
    return arena_copy(arena, buf_slice(out));
}

/* The text form of a timestamp that is out of range is null: it does not come back. */
static bool has_metrics(const ProtobufCMessage *message) {
    return message->descriptor == &livekit__data_packet__descriptor &&
           ((const Livekit__DataPacket *)(const void *)message)->value_case ==
               LIVEKIT__DATA_PACKET__VALUE_METRICS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const ProtobufCMessageDescriptor *type = types[data[0] % ARRAY_LEN(types)];
    enum api_coding coding = data[1] % 2 == 0 ? API_JSON : API_PROTOBUF;
    struct arena arena;
    struct buf out;
    arena_init(&arena, 64 << 20);
    buf_init(&out, 64 << 20);
    ProtobufCMessage *message = NULL;
    struct slice body = slice_of(data + 2, size - 2);
    if (proto_decode_as(coding, type, body, &arena, &message) == STATUS_OK) {
        struct slice first = wire_form(message, &arena, &out);
        ProtobufCMessage *again = read_again(API_PROTOBUF, message, &arena, &out);
        require(slice_eq(wire_form(again, &arena, &out), first));
        if (!has_metrics(message)) {
            reduce(message);
            first = wire_form(message, &arena, &out);
            again = read_again(API_JSON, message, &arena, &out);
            require(slice_eq(wire_form(again, &arena, &out), first));
        }
    }
    arena_deinit(&arena);
    buf_deinit(&out);
    return 0;
}
