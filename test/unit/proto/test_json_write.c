#include "fixture.h"

#include <math.h>

static char *text(const char *s) {
    return (char *)(uintptr_t)s; /* messages hold char *, which encoding does not write to */
}

/* The answer printed in room-api.md 2.4. */
static void a_room_as_create_room_answers(void **state) {
    Livekit__Codec codec = LIVEKIT__CODEC__INIT;
    codec.mime = text("audio/PCMU");
    Livekit__Codec *codecs[] = {&codec};
    Livekit__Room room = LIVEKIT__ROOM__INIT;
    room.sid = text("RM_xN8fZkQ3vGmP");
    room.name = text("r");
    room.empty_timeout = 300;
    room.departure_timeout = 20;
    room.creation_time = 1700000000;
    room.creation_time_ms = 1700000000123;
    room.turn_password = text("...");
    room.n_enabled_codecs = 1;
    room.enabled_codecs = codecs;
    assert_json(*state, &room.base, JSON_TWIRP,
                "{\"sid\":\"RM_xN8fZkQ3vGmP\",\"name\":\"r\",\"empty_timeout\":300,"
                "\"departure_timeout\":20,\"max_participants\":0,\"creation_time\":\"1700000000\","
                "\"creation_time_ms\":\"1700000000123\",\"turn_password\":\"...\","
                "\"enabled_codecs\":[{\"mime\":\"audio/PCMU\",\"fmtp_line\":\"\"}],\"metadata\":"
                "\"\",\"num_participants\":0,\"num_publishers\":0,\"active_recording\":false,"
                "\"version\":null}");
    assert_json(*state, &room.base, JSON_COMPACT,
                "{\"sid\":\"RM_xN8fZkQ3vGmP\",\"name\":\"r\",\"emptyTimeout\":300,"
                "\"departureTimeout\":20,\"creationTime\":\"1700000000\",\"creationTimeMs\":"
                "\"1700000000123\",\"turnPassword\":\"...\",\"enabledCodecs\":[{\"mime\":"
                "\"audio/PCMU\"}]}");
}

static void empty_answers(void **state) {
    Livekit__DeleteRoomResponse deleted = LIVEKIT__DELETE_ROOM_RESPONSE__INIT;
    assert_json(*state, &deleted.base, JSON_TWIRP, "{}");
    Livekit__ListRoomsResponse rooms = LIVEKIT__LIST_ROOMS_RESPONSE__INIT;
    assert_json(*state, &rooms.base, JSON_TWIRP, "{\"rooms\":[]}");
    assert_json(*state, &rooms.base, JSON_COMPACT, "{}");
    Livekit__MuteRoomTrackResponse muted = LIVEKIT__MUTE_ROOM_TRACK_RESPONSE__INIT;
    assert_json(*state, &muted.base, JSON_TWIRP, "{\"track\":null}");
    assert_json(*state, NULL, JSON_TWIRP, "null");
}

static void defaults_of_every_kind(void **state) {
    Livekit__ParticipantInfo info = LIVEKIT__PARTICIPANT_INFO__INIT;
    assert_json(*state, &info.base, JSON_TWIRP,
                "{\"sid\":\"\",\"identity\":\"\",\"state\":\"JOINING\",\"tracks\":[],\"metadata\":"
                "\"\",\"joined_at\":\"0\",\"joined_at_ms\":\"0\",\"name\":\"\",\"version\":0,"
                "\"permission\":null,\"region\":\"\",\"is_publisher\":false,\"kind\":\"STANDARD\","
                "\"attributes\":{},\"disconnect_reason\":\"UNKNOWN_REASON\",\"kind_details\":[],"
                "\"data_tracks\":[],\"client_protocol\":0,\"capabilities\":[]}");
    assert_json(*state, &info.base, JSON_COMPACT, "{}");
    Livekit__SendDataRequest data = LIVEKIT__SEND_DATA_REQUEST__INIT;
    assert_json(*state, &data.base, JSON_TWIRP,
                "{\"room\":\"\",\"data\":\"\",\"kind\":\"RELIABLE\",\"destination_sids\":[],"
                "\"destination_identities\":[],\"nonce\":\"\"}");
    data.topic = NULL; /* set, though nobody gave a text */
    data.opt_topic_case = LIVEKIT__SEND_DATA_REQUEST__OPT_TOPIC_TOPIC;
    assert_json(*state, &data.base, JSON_COMPACT, "{\"topic\":\"\"}");
}

static void oneof_members_only_when_set(void **state) {
    Livekit__RoomCompositeEgressRequest egress = LIVEKIT__ROOM_COMPOSITE_EGRESS_REQUEST__INIT;
    egress.options_case = LIVEKIT__ROOM_COMPOSITE_EGRESS_REQUEST__OPTIONS_PRESET;
    assert_json(*state, &egress.base, JSON_TWIRP,
                "{\"room_name\":\"\",\"layout\":\"\",\"audio_only\":false,\"audio_mixing\":"
                "\"DEFAULT_MIXING\",\"video_only\":false,\"custom_base_url\":\"\",\"preset\":"
                "\"H264_720P_30\",\"file_outputs\":[],\"stream_outputs\":[],\"segment_outputs\":[],"
                "\"image_outputs\":[],\"webhooks\":[]}");
    assert_json(*state, &egress.base, JSON_COMPACT, "{\"preset\":\"H264_720P_30\"}");
    Livekit__DataTrackInfo track = LIVEKIT__DATA_TRACK_INFO__INIT;
    assert_json(*state, &track.base, JSON_TWIRP,
                "{\"pub_handle\":0,\"sid\":\"\",\"name\":\"\",\"encryption\":\"NONE\"}");
}

static void numbers(void **state) {
    Livekit__DataStream__Chunk chunk;
    livekit__data_stream__chunk__init(&chunk); /* its INIT macro lacks braces, gcc says */
    chunk.chunk_index = UINT64_MAX;
    chunk.version = INT32_MIN;
    assert_json(*state, &chunk.base, JSON_COMPACT,
                "{\"chunkIndex\":\"18446744073709551615\",\"version\":-2147483648}");
    Livekit__TimedVersion version = LIVEKIT__TIMED_VERSION__INIT;
    version.unix_micro = INT64_MIN;
    assert_json(*state, &version.base, JSON_TWIRP,
                "{\"unix_micro\":\"-9223372036854775808\",\"ticks\":0}");
    Livekit__SpeakerInfo speaker = LIVEKIT__SPEAKER_INFO__INIT;
    static const struct {
        float level;
        const char *want;
    } levels[] = {
        {0.1f, "{\"level\":0.1}"},
        {1e21f, "{\"level\":1e+21}"},
        {-INFINITY, "{\"level\":\"-Infinity\"}"},
        {NAN, "{\"level\":\"NaN\"}"},
        {-0.0f, "{\"level\":-0}"},
        {0.0f, "{}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        speaker.level = levels[i].level;
        assert_json(*state, &speaker.base, JSON_COMPACT, levels[i].want);
    }
}

static void enums_by_name_else_number(void **state) {
    Livekit__LeaveRequest leave = LIVEKIT__LEAVE_REQUEST__INIT;
    leave.reason = LIVEKIT__DISCONNECT_REASON__AGENT_ERROR;
    leave.action = (Livekit__LeaveRequest__Action)-5;
    assert_json(*state, &leave.base, JSON_TWIRP,
                "{\"can_reconnect\":false,\"reason\":\"AGENT_ERROR\",\"action\":-5,"
                "\"regions\":null}");
    Livekit__TrackSource sources[] = {LIVEKIT__TRACK_SOURCE__UNKNOWN, 77};
    Livekit__ParticipantPermission permission = LIVEKIT__PARTICIPANT_PERMISSION__INIT;
    permission.n_can_publish_sources = 2;
    permission.can_publish_sources = sources;
    assert_json(*state, &permission.base, JSON_COMPACT, "{\"canPublishSources\":[\"UNKNOWN\",77]}");
}

static void bytes_and_texts(void **state) {
    uint8_t bytes[] = {0xfb, 0xff};
    Livekit__SendDataRequest data = LIVEKIT__SEND_DATA_REQUEST__INIT;
    data.data = (ProtobufCBinaryData){sizeof(bytes), bytes};
    data.room = text("a\"\\\n\x01\xc3\xa9");
    assert_json(*state, &data.base, JSON_COMPACT,
                "{\"room\":\"a\\\"\\\\\\n\\u0001\xc3\xa9\",\"data\":\"+/8=\"}");
    Livekit__DeleteRoomRequest request = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    request.room = text("\xe2\x80\xa8\xff");
    assert_json(*state, &request.base, JSON_COMPACT, "{\"room\":\"\\u2028\\ufffd\"}");
    request.room = text("<a>&");
    assert_json(*state, &request.base, JSON_COMPACT, "{\"room\":\"\\u003ca\\u003e\\u0026\"}");
    request.room = text("plain, with \x7f");
    assert_json(*state, &request.base, JSON_COMPACT, "{\"room\":\"plain, with \x7f\"}");
}

static void maps(void **state) {
    Livekit__DataTrackSubscriberHandles__SubHandlesEntry seven =
        LIVEKIT__DATA_TRACK_SUBSCRIBER_HANDLES__SUB_HANDLES_ENTRY__INIT;
    seven.key = 7;
    Livekit__DataTrackSubscriberHandles__PublishedDataTrack track =
        LIVEKIT__DATA_TRACK_SUBSCRIBER_HANDLES__PUBLISHED_DATA_TRACK__INIT;
    seven.value = &track;
    Livekit__DataTrackSubscriberHandles__SubHandlesEntry *entries[] = {&seven};
    Livekit__DataTrackSubscriberHandles handles = LIVEKIT__DATA_TRACK_SUBSCRIBER_HANDLES__INIT;
    handles.n_sub_handles = 1;
    handles.sub_handles = entries;
    assert_json(*state, &handles.base, JSON_TWIRP,
                "{\"sub_handles\":{\"7\":{\"publisher_identity\":\"\",\"publisher_sid\":\"\","
                "\"track_sid\":\"\"}}}");
    struct fixture *f = *state;
    assert_json(f, decode_json_ok(f, TYPE(room_agent_dispatch), "{\"attributes\":{\"a\":\"<\"}}"),
                JSON_COMPACT, "{\"attributes\":{\"a\":\"\\u003c\"}}");
}

static void timestamps_out_of_range_are_null(void **state) {
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Livekit__MetricSample sample = LIVEKIT__METRIC_SAMPLE__INIT;
    sample.normalized_timestamp = &at;
    static const struct {
        int64_t seconds;
        int32_t nanos;
        const char *want;
    } rows[] = {
        {1700000000, 0, "{\"normalizedTimestamp\":\"2023-11-14T22:13:20Z\"}"},
        {INT64_C(253402300799), 0, "{\"normalizedTimestamp\":\"9999-12-31T23:59:59Z\"}"},
        {INT64_C(253402300800), 0, "{\"normalizedTimestamp\":null}"},
        {INT64_C(-62135596801), 0, "{\"normalizedTimestamp\":null}"},
        {INT64_MIN, 0, "{\"normalizedTimestamp\":null}"},
        {0, -1, "{\"normalizedTimestamp\":null}"},
        {0, 1000000000, "{\"normalizedTimestamp\":null}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        at.seconds = rows[i].seconds;
        at.nanos = rows[i].nanos;
        assert_json(*state, &sample.base, JSON_COMPACT, rows[i].want);
    }
}

/* room-api.md 7.2. */
static void a_webhook_body(void **state) {
    Livekit__Room room = LIVEKIT__ROOM__INIT;
    room.sid = text("RM_1");
    room.name = text("r");
    room.empty_timeout = 300;
    Livekit__WebhookEvent event = LIVEKIT__WEBHOOK_EVENT__INIT;
    event.event = text("room_started");
    event.room = &room;
    event.id = text("EV_1");
    event.created_at = 1700000000;
    assert_json(*state, &event.base, JSON_COMPACT,
                "{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_1\",\"name\":\"r\","
                "\"emptyTimeout\":300},\"id\":\"EV_1\",\"createdAt\":\"1700000000\"}");
}

static void a_full_buffer_fails(void **state) {
    Livekit__Room room = LIVEKIT__ROOM__INIT;
    room.name = text("name");
    for (int style = JSON_TWIRP; style <= JSON_COMPACT; style++) {
        for (size_t max = 1; max < 15; max++) {
            struct buf small;
            buf_init(&small, max);
            proto_encode_json(&room.base, (enum json_style)style, &small);
            assert_true(small.failed);
            buf_deinit(&small);
        }
    }
    struct buf small;
    buf_init(&small, 5);
    proto_encode(&room.base, &small);
    assert_true(small.failed);
    assert_int_equal(small.len, 0);
    buf_deinit(&small);
}

static void codings_are_chosen(void **state) {
    struct fixture *f = *state;
    Livekit__DeleteRoomRequest request = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    request.room = text("r");
    proto_encode_as(API_PROTOBUF, &request.base, &f->out);
    assert_true(slice_eq(buf_slice(&f->out), SLICE_LIT("\x0a\x01r")));
    ProtobufCMessage *m;
    assert_int_equal(
        proto_decode_as(API_PROTOBUF, TYPE(delete_room_request), buf_slice(&f->out), &f->arena, &m),
        STATUS_OK);
    assert_string_equal(((Livekit__DeleteRoomRequest *)(void *)m)->room, "r");
    buf_clear(&f->out);
    proto_encode_as(API_JSON, &request.base, &f->out);
    assert_true(slice_eq(buf_slice(&f->out), SLICE_LIT("{\"room\":\"r\"}")));
    assert_int_equal(
        proto_decode_as(API_JSON, TYPE(delete_room_request), buf_slice(&f->out), &f->arena, &m),
        STATUS_OK);
    assert_string_equal(((Livekit__DeleteRoomRequest *)(void *)m)->room, "r");
}

static void texts_and_c_strings(void **state) {
    struct fixture *f = *state;
    assert_int_equal(proto_text(NULL).len, 0);
    assert_true(slice_eq_cstr(proto_text("ab"), "ab"));
    assert_string_equal(proto_cstr(&f->arena, SLICE_LIT("ab")), "ab");
    assert_string_equal(proto_cstr(&f->arena, (struct slice){0}), "");
    struct arena none;
    arena_init(&none, 1);
    assert_null(proto_cstr(&none, SLICE_LIT("ab")));
    arena_deinit(&none);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_room_as_create_room_answers),
        T(empty_answers),
        T(defaults_of_every_kind),
        T(oneof_members_only_when_set),
        T(numbers),
        T(enums_by_name_else_number),
        T(bytes_and_texts),
        T(maps),
        T(timestamps_out_of_range_are_null),
        T(a_webhook_body),
        T(a_full_buffer_fails),
        T(codings_are_chosen),
        T(texts_and_c_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
