#include "random_message.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "livekit_models.pb-c.h"
#include "livekit_room.pb-c.h"
#include "livekit_rtc.pb-c.h"
#include "livekit_webhook.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &livekit__create_room_request__descriptor,
    &livekit__list_rooms_response__descriptor,
    &livekit__list_participants_response__descriptor,
    &livekit__update_participant_request__descriptor,
    &livekit__update_subscriptions_request__descriptor,
    &livekit__send_data_request__descriptor,
    &livekit__mute_room_track_response__descriptor,
    &livekit__signal_request__descriptor,
    &livekit__signal_response__descriptor,
    &livekit__join_request__descriptor,
    &livekit__data_packet__descriptor,
    &livekit__webhook_event__descriptor,
    &livekit__room_configuration__descriptor,
};

static void *must_alloc(struct arena *arena, size_t size) {
    void *p = arena_zalloc(arena, size);
    assert(p);
    return p;
}

static char *random_text(struct rng *rng, struct arena *arena) {
    static const char *const pieces[] = {"a",  "RM_", "\"", "\\", "\n",           "\x01",
                                         "<&", "é",   "€",  "😀",  "\xe2\x80\xa8", "audio/opus"};
    char text[64] = "";
    for (uint64_t n = rng_below(rng, 4); n > 0; n--) {
        strncat(text, pieces[rng_below(rng, ARRAY_LEN(pieces))], 12);
    }
    return proto_cstr(arena, slice_from_cstr(text));
}

static uint64_t random_bits(struct rng *rng) {
    uint64_t bits = rng_u64(rng) >> rng_below(rng, 64);
    return rng_below(rng, 8) == 0 ? 0 - bits : bits;
}

static double random_double(struct rng *rng) {
    static const double corners[] = {0, -0.0, 1, 0.1, 1e-7, 1e21, 16777217};
    switch (rng_below(rng, 4)) {
    case 0: return corners[rng_below(rng, ARRAY_LEN(corners))];
    case 1: return (double)INFINITY;
    case 2: return (double)(int64_t)rng_u64(rng) / 1024;
    default: return (double)(float)NAN;
    }
}

static void random_bytes(struct rng *rng, struct arena *arena, ProtobufCBinaryData *at) {
    at->len = rng_below(rng, 9);
    at->data = must_alloc(arena, at->len + 1);
    rng_bytes(rng, at->data, at->len);
}

static int32_t random_enum(struct rng *rng, const ProtobufCEnumDescriptor *type) {
    return rng_below(rng, 8) == 0 ? (int32_t)rng_u64(rng)
                                  : type->values[rng_below(rng, type->n_values)].value;
}

static void random_value(struct rng *rng, const ProtobufCFieldDescriptor *field,
                         struct arena *arena, void *at) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32: *(uint32_t *)at = (uint32_t)random_bits(rng); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: *(uint64_t *)at = random_bits(rng); break;
    case PROTOBUF_C_TYPE_FLOAT: *(float *)at = (float)random_double(rng); break;
    case PROTOBUF_C_TYPE_DOUBLE: *(double *)at = random_double(rng); break;
    case PROTOBUF_C_TYPE_BOOL: *(protobuf_c_boolean *)at = rng_below(rng, 2) == 1; break;
    case PROTOBUF_C_TYPE_ENUM: *(int32_t *)at = random_enum(rng, field->descriptor); break;
    case PROTOBUF_C_TYPE_STRING: *(char **)at = random_text(rng, arena); break;
    case PROTOBUF_C_TYPE_BYTES: random_bytes(rng, arena, at); break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = random_message(rng, field->descriptor, arena);
        break;
    default: assert(false); /* a type that no message of ours has */
    }
}

static size_t size_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_ENUM: return sizeof(int32_t);
    default: return sizeof(void *); /* strings and messages: the only others that repeat */
    }
}

/* Map keys are told apart by their number in the list. */
static void number_key(ProtobufCMessage *entry, size_t number, struct arena *arena) {
    const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
    void *at = (uint8_t *)entry + key->offset;
    if (key->type == PROTOBUF_C_TYPE_STRING) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%zu%s", number, *(char **)at);
        *(char **)at = arena_cstr(arena, slice_from_cstr(text));
        if (!slice_is_text(slice_from_cstr(text))) { /* cut inside a character */
            (void)snprintf(*(char **)at, 3, "%02zu", number % 100);
        }
    } else {
        *(uint32_t *)at = (uint32_t)number;
    }
}

static void random_list(struct rng *rng, ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field, struct arena *arena) {
    size_t count = rng_below(rng, rng_below(rng, 20) == 0 ? 40 : 3);
    size_t size = size_of(field->type);
    uint8_t *items = must_alloc(arena, (count + 1) * size);
    for (size_t i = 0; i < count; i++) {
        random_value(rng, field, arena, items + i * size);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            ProtobufCMessage *item = *(ProtobufCMessage **)(void *)(items + i * size);
            if (strstr(item->descriptor->short_name, "Entry")) {
                number_key(item, i, arena);
            }
        }
    }
    *(size_t *)(void *)((uint8_t *)message + field->quantifier_offset) = count;
    *(void **)(void *)((uint8_t *)message + field->offset) = items;
}

static void random_timestamp(struct rng *rng, ProtobufCMessage *message) {
    Google__Protobuf__Timestamp *at = (void *)message;
    at->seconds = INT64_C(-62135596800) + (int64_t)rng_below(rng, 315537897600);
    at->nanos = (int32_t)rng_below(rng, 1000000000);
}

ProtobufCMessage *random_message(struct rng *rng, const ProtobufCMessageDescriptor *type,
                                 struct arena *arena) {
    ProtobufCMessage *message = must_alloc(arena, type->sizeof_message);
    type->message_init(message);
    if (type == &google__protobuf__timestamp__descriptor) {
        random_timestamp(rng, message);
        return message;
    }
    bool is_entry = strstr(type->short_name, "Entry") != NULL;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            random_list(rng, message, field, arena);
        } else if (is_entry || rng_below(rng, 2) == 0) {
            /* Of a oneof the last one drawn stays. */
            if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
                *(uint32_t *)(void *)((uint8_t *)message + field->quantifier_offset) = field->id;
            }
            random_value(rng, field, arena, (uint8_t *)message + field->offset);
        }
    }
    return message;
}

const ProtobufCMessageDescriptor *random_type(struct rng *rng) {
    return types[rng_below(rng, ARRAY_LEN(types))];
}
