/* What the JSON mapping costs: one CreateRoomRequest read, one Room written, and the same in
 * protobuf for comparison. Prints nanoseconds for each. */
#include <stdio.h>
#include <time.h>

#include "livekit_room.pb-c.h"
#include "proto.h"

enum { ROUNDS = 200000 };

static const char request_text[] =
    "{\"name\":\"r\",\"emptyTimeout\":10,\"maxParticipants\":3,\"nodeId\":\"n\",\"metadata\":\"m\","
    "\"minPlayoutDelay\":1,\"syncStreams\":true,\"departureTimeout\":5,"
    "\"agents\":[{\"agentName\":\"x\"}],\"tags\":{\"a\":\"b\"}}";

/* A room as CreateRoom answers, with the ten default codecs. */
static const char room_text[] =
    "{\"sid\":\"RM_xN8fZkQ3vGmP\",\"name\":\"a room\",\"emptyTimeout\":300,\"departureTimeout\":20,"
    "\"creationTime\":\"1700000000\",\"creationTimeMs\":\"1700000000123\","
    "\"turnPassword\":\"2mB7xJq0aVdR4sWcY6tL9nEpH3kFgU8oZiXyC1vTfQeA\",\"enabledCodecs\":["
    "{\"mime\":\"audio/PCMU\"},{\"mime\":\"audio/PCMA\"},{\"mime\":\"audio/opus\"},"
    "{\"mime\":\"audio/red\"},{\"mime\":\"video/VP8\"},{\"mime\":\"video/H264\"},"
    "{\"mime\":\"video/VP9\"},{\"mime\":\"video/AV1\"},{\"mime\":\"video/H265\"},"
    "{\"mime\":\"video/rtx\"}]}";

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static bool bench_decode(const char *what, enum api_coding coding,
                         const ProtobufCMessageDescriptor *type, struct slice body) {
    struct arena arena;
    arena_init(&arena, 1 << 20);
    bool ok = true;
    uint64_t begin = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        ProtobufCMessage *m;
        arena_reset(&arena);
        ok = proto_decode_as(coding, type, body, &arena, &m) == STATUS_OK && ok;
    }
    printf("%-32s %6.0f ns, %zu bytes\n", what, (double)(now_ns() - begin) / ROUNDS, body.len);
    arena_deinit(&arena);
    return ok;
}

static bool bench_encode(const char *what, enum api_coding coding, const ProtobufCMessage *m,
                         struct buf *out) {
    uint64_t begin = now_ns();
    for (int i = 0; i < ROUNDS; i++) {
        buf_clear(out);
        proto_encode_as(coding, m, out);
    }
    printf("%-32s %6.0f ns, %zu bytes\n", what, (double)(now_ns() - begin) / ROUNDS, out->len);
    return !out->failed;
}

int main(void) {
    const ProtobufCMessageDescriptor *request = &livekit__create_room_request__descriptor;
    struct arena arena;
    struct buf out;
    arena_init(&arena, 1 << 20);
    buf_init(&out, 1 << 20);
    ProtobufCMessage *m, *room;
    bool ok = proto_decode_json(request, slice_from_cstr(request_text), &arena, &m) == STATUS_OK &&
              proto_decode_json(&livekit__room__descriptor, slice_from_cstr(room_text), &arena,
                                &room) == STATUS_OK;
    if (!ok) {
        return 1;
    }
    ok = bench_decode("CreateRoomRequest from JSON", API_JSON, request,
                      slice_from_cstr(request_text));
    ok = bench_encode("CreateRoomRequest to protobuf", API_PROTOBUF, m, &out) && ok;
    ok = bench_decode("CreateRoomRequest from protobuf", API_PROTOBUF, request, buf_slice(&out)) &&
         ok;
    ok = bench_encode("Room to JSON", API_JSON, room, &out) && ok;
    ok = bench_encode("Room to protobuf", API_PROTOBUF, room, &out) && ok;
    arena_deinit(&arena);
    buf_deinit(&out);
    return ok ? 0 : 1;
}
