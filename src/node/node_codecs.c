#include "node_priv.h"

/* The codecs that a room tells are the same in each, and most of the fields of an answer about it:
 * they are written once, for JSON as they stand there, for protobuf as a field that the packer
 * copies without a look. */

enum { CODECS_BYTES_MAX = 4096 };

/* A codec that messages may point to: nobody writes to a message that is packed. */
#define CODEC(name)                                                                                \
    {                                                                                              \
        .base = PROTOBUF_C_MESSAGE_INIT(&livekit__codec__descriptor),                              \
        .mime = (char *)(uintptr_t)(name), .fmtp_line = (char *)(uintptr_t) ""                     \
    }
/* As room.enabled_codecs has them by default: told to API callers. */
static const Livekit__Codec ENABLED[] = {
    CODEC("audio/PCMU"), CODEC("audio/PCMA"), CODEC("audio/opus"), CODEC("audio/red"),
    CODEC("video/VP8"),  CODEC("video/H264"), CODEC("video/VP9"),  CODEC("video/AV1"),
    CODEC("video/H265"), CODEC("video/rtx"),
};
static const Livekit__Codec *const ENABLED_LIST[] = {
    &ENABLED[0], &ENABLED[1], &ENABLED[2], &ENABLED[3], &ENABLED[4],
    &ENABLED[5], &ENABLED[6], &ENABLED[7], &ENABLED[8], &ENABLED[9],
};
static_assert(ARRAY_LEN(ENABLED) == ARRAY_LEN(ENABLED_LIST), "the list has them all");

void node_list_codecs(Livekit__Room *m) {
    m->enabled_codecs = (Livekit__Codec **)(uintptr_t)ENABLED_LIST;
    m->n_enabled_codecs = ARRAY_LEN(ENABLED_LIST);
}

static void write_json(struct buf *out) {
    for (size_t i = 0; i < ARRAY_LEN(ENABLED); i++) {
        buf_put_u8(out, i == 0 ? '[' : ',');
        proto_encode_json(&ENABLED[i].base, JSON_TWIRP, out);
    }
    buf_put_u8(out, ']');
}

enum status node_codecs_init(struct node_codecs *c) {
    Livekit__Room room = LIVEKIT__ROOM__INIT;
    node_list_codecs(&room);
    buf_init(&c->json, CODECS_BYTES_MAX);
    buf_init(&c->packed, CODECS_BYTES_MAX);
    write_json(&c->json);
    proto_encode(&room.base, &c->packed);
    if (c->json.failed || c->packed.failed) {
        node_codecs_deinit(c);
        return STATUS_NO_MEMORY;
    }
    c->ready = (struct json_ready){.items = ENABLED_LIST, .text = buf_slice(&c->json)};
    /* The packer writes the first tag, and takes the others for the value. */
    struct slice value = slice_after(buf_slice(&c->packed), 1);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
        &livekit__room__descriptor, "enabled_codecs");
    assert(field && field->id < 16); /* so that its tag is one byte */
    c->field = (ProtobufCMessageUnknownField){
        .tag = field->id,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .len = value.len,
        .data = (uint8_t *)(uintptr_t)value.data,
    };
    return STATUS_OK;
}

void node_codecs_deinit(struct node_codecs *c) {
    buf_deinit(&c->json);
    buf_deinit(&c->packed);
}

void node_ready_codecs(struct node_codecs *c, enum api_coding coding, Livekit__Room *m) {
    if (coding == API_PROTOBUF) {
        m->enabled_codecs = NULL;
        m->n_enabled_codecs = 0;
        m->base.unknown_fields = &c->field;
        m->base.n_unknown_fields = 1;
    }
}
