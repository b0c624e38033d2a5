/* proto.h: LiveKit's messages as bytes and as JSON, checked on the way in.
 * Owns: nothing; decoded messages live in the arena given (never call *__free_unpacked).
 * Never: lets a string with NUL or invalid UTF-8 through, in either coding.
 * Source: wire/room-api.md 2.4 and 2.5 (JSON mapping), 2.2 (errors).
 * Callers: edge (requests), node (replies, signals), control. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "arena.h"
#include "buf.h"

enum api_coding { API_JSON, API_PROTOBUF };

/* Bytes are walked by descriptor first (bounds, nesting, UTF-8, NUL), then unpacked.
 * MALFORMED, or NO_MEMORY: the arena's bound, or more than PROTO_ELEMENTS_MAX fields and items.
 * Of a map's entries the last of each key is kept. Unknown fields survive encoding again. */
must_check enum status proto_decode(const ProtobufCMessageDescriptor *type, struct slice bytes,
                                    struct arena *arena, ProtobufCMessage **ret_message);
/* proto3 JSON as protojson reads it; unknown fields ignored. The first value of the text counts,
 * bytes behind it are not looked at. Answers as above. */
must_check enum status proto_decode_json(const ProtobufCMessageDescriptor *type, struct slice text,
                                         struct arena *arena, ProtobufCMessage **ret_message);
must_check enum status proto_decode_as(enum api_coding coding,
                                       const ProtobufCMessageDescriptor *type, struct slice body,
                                       struct arena *arena, ProtobufCMessage **ret_message);

enum json_style {
    JSON_TWIRP,   /* snake_case, defaults written, declaration order */
    JSON_COMPACT, /* lowerCamelCase, defaults left out (webhooks, text signals, CLI) */
};
void proto_encode(const ProtobufCMessage *message, struct buf *out); /* out->failed when full */
void proto_encode_json(const ProtobufCMessage *message, enum json_style style, struct buf *out);
/* A repeated field that is the same in many messages, with the JSON of it that was made once. */
struct json_ready {
    const void *items; /* what the field points to */
    struct slice text; /* with its brackets */
};
void proto_encode_json_with(const ProtobufCMessage *message, enum json_style style,
                            const struct json_ready *ready, struct buf *out);
void proto_encode_as(enum api_coding coding, const ProtobufCMessage *message, struct buf *out);

/* protobuf-c strings are NUL-terminated; checked text has none inside, so this is whole. */
static inline struct slice proto_text(const char *s) { /* NULL: empty */
    return s ? slice_from_cstr(s) : (struct slice){0};
}
/* A slice of checked text as a C string in the arena; "" when empty, NULL without memory. */
char *proto_cstr(struct arena *arena, struct slice text);
