/* fixture.h: an arena, a buffer, and the checks that the tests of messages share.
 * Owns: its memory, from fixture_setup to fixture_teardown.
 * Callers: test/unit/proto alone. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "livekit_agent.pb-c.h"
#include "livekit_egress.pb-c.h"
#include "livekit_metrics.pb-c.h"
#include "livekit_models.pb-c.h"
#include "livekit_room.pb-c.h"
#include "livekit_rtc.pb-c.h"
#include "livekit_webhook.pb-c.h"
#include "proto.h"

#define TYPE(name) (&livekit__##name##__descriptor)

struct fixture {
    struct arena arena;
    struct buf out;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_reset(struct fixture *f);

/* These fail the test when the status is another. */
ProtobufCMessage *decode_json_ok(struct fixture *f, const ProtobufCMessageDescriptor *type,
                                 const char *text);
void decode_json_bad(struct fixture *f, const ProtobufCMessageDescriptor *type, struct slice text);
ProtobufCMessage *decode_ok(struct fixture *f, const ProtobufCMessageDescriptor *type,
                            struct slice bytes);
void decode_bad(struct fixture *f, const ProtobufCMessageDescriptor *type, struct slice bytes);
void assert_json(struct fixture *f, const ProtobufCMessage *message, enum json_style style,
                 const char *want);

/* Reads `in`, writes it in the short form and compares; want NULL: refused as malformed. */
struct json_row {
    const char *in, *want;
};
void assert_rows(struct fixture *f, const ProtobufCMessageDescriptor *type,
                 const struct json_row *rows, size_t count);
#define ASSERT_ROWS(f, type, rows) assert_rows(f, type, rows, ARRAY_LEN(rows))
