#include "fixture.h"

#include "caps.h"

static void the_top_is_one_object(void **state) {
    static const struct json_row rows[] = {
        {"{}", "{}"},
        {" {\"name\":\"r\"} trailing", "{\"name\":\"r\"}"},
        {"{}{", "{}"},
        {"", NULL},
        {" ", NULL},
        {"null", NULL},
        {"[]", NULL},
        {"\"name\"", NULL},
        {"7", NULL},
        {"true", NULL},
        {"{", NULL},
        {"{\"name\"}", NULL},
        {"{\"name\":}", NULL},
        {"{\"name\":\"r\",}", NULL},
        {"{name:\"r\"}", NULL},
        {"{\"name\":'r'}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
}

static void names_are_camel_or_as_declared(void **state) {
    static const struct json_row rows[] = {
        {"{\"emptyTimeout\":1}", "{\"emptyTimeout\":1}"},
        {"{\"empty_timeout\":1}", "{\"emptyTimeout\":1}"},
        {"{\"EmptyTimeout\":1}", "{}"},
        {"{\"emptytimeout\":1}", "{}"},
        {"{\"empty_Timeout\":1}", "{}"},
        {"{\"emptyTimeou\":1}", "{}"},
        {"{\"emptyTimeouts\":1}", "{}"},
        {"{\"\":1}", "{}"},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
    static const struct json_row odd[] = {
        {"{\"aliOSS\":{\"bucket\":\"b\"}}", "{\"aliOSS\":{\"bucket\":\"b\"}}"},
        {"{\"alioss\":{}}", "{}"},
        {"{\"s3\":{\"assumeRoleArn\":\"a\"}}", "{\"s3\":{\"assumeRoleArn\":\"a\"}}"},
    };
    ASSERT_ROWS(*state, TYPE(auto_track_egress), odd);
    static const struct json_row declared_so[] = {
        {"{\"candidateInit\":\"x\"}", "{\"candidateInit\":\"x\"}"},
        {"{\"candidate_init\":\"x\"}", "{}"},
    };
    ASSERT_ROWS(*state, TYPE(trickle_request), declared_so);
}

static void a_field_stands_once(void **state) {
    static const struct json_row rows[] = {
        {"{\"name\":\"a\",\"name\":\"a\"}", NULL},
        {"{\"emptyTimeout\":1,\"empty_timeout\":1}", NULL},
        {"{\"emptyTimeout\":null,\"emptyTimeout\":1}", NULL},
        {"{\"emptyTimeout\":1,\"emptyTimeout\":null}", NULL},
        {"{\"agents\":[],\"agents\":[]}", NULL},
        {"{\"nowhere\":1,\"nowhere\":2}", "{}"},
        {"{\"agents\":[{\"agentName\":\"a\"},{\"agentName\":\"b\"}]}",
         "{\"agents\":[{\"agentName\":\"a\"},{\"agentName\":\"b\"}]}"},
        {"{\"agents\":[{\"agentName\":\"a\",\"agent_name\":\"a\"}]}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
}

static void unknown_fields_are_skipped_whole(void **state) {
    static const struct json_row rows[] = {
        {"{\"x\":{\"name\":[1,{}]},\"name\":\"r\"}", "{\"name\":\"r\"}"},
        {"{\"x\":[[],[null]],\"y\":-1.5e3,\"z\":true,\"name\":\"r\"}", "{\"name\":\"r\"}"},
        {"{\"x\":nul,\"name\":\"r\"}", NULL},
        {"{\"x\":[}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
}

static void null_is_absence(void **state) {
    static const struct json_row rows[] = {
        {"{\"name\":null,\"emptyTimeout\":null,\"agents\":null,\"tags\":null,\"egress\":null,"
         "\"syncStreams\":null}",
         "{}"},
        {"{\"agents\":[null]}", NULL},
        {"{\"tags\":{\"a\":null}}", NULL},
        {"{\"agents\":[{\"restartPolicy\":null}]}", "{\"agents\":[{}]}"},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
    static const struct json_row lists[] = {
        {"{\"names\":[null]}", NULL}, {"{\"names\":[\"a\",\"\"]}", "{\"names\":[\"a\",\"\"]}"},
        {"{\"names\":\"a\"}", NULL},  {"{\"names\":{}}", NULL},
        {"{\"names\":[\"a\"", NULL},  {"{\"names\":[1]}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(list_rooms_request), lists);
}

static void integers_of_32_bits(void **state) {
    static const struct json_row unsigned_rows[] = {
        {"{\"emptyTimeout\":4294967295}", "{\"emptyTimeout\":4294967295}"},
        {"{\"emptyTimeout\":\"4294967295\"}", "{\"emptyTimeout\":4294967295}"},
        {"{\"emptyTimeout\":4294967296}", NULL},
        {"{\"emptyTimeout\":-1}", NULL},
        {"{\"emptyTimeout\":1.0}", "{\"emptyTimeout\":1}"},
        {"{\"emptyTimeout\":1e2}", "{\"emptyTimeout\":100}"},
        {"{\"emptyTimeout\":1.5}", NULL},
        {"{\"emptyTimeout\":1e-1}", NULL},
        {"{\"emptyTimeout\":1e99}", NULL},
        {"{\"emptyTimeout\":\" 1\"}", NULL},
        {"{\"emptyTimeout\":\"1 \"}", NULL},
        {"{\"emptyTimeout\":\"\"}", NULL},
        {"{\"emptyTimeout\":\"0x1\"}", NULL},
        {"{\"emptyTimeout\":\"one\"}", NULL},
        {"{\"emptyTimeout\":true}", NULL},
        {"{\"emptyTimeout\":[1]}", NULL},
        {"{\"emptyTimeout\":{}}", NULL},
        {"{\"emptyTimeout\":01}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), unsigned_rows);
    static const struct json_row signed_rows[] = {
        {"{\"ticks\":2147483647}", "{\"ticks\":2147483647}"},
        {"{\"ticks\":-2147483648}", "{\"ticks\":-2147483648}"},
        {"{\"ticks\":2147483648}", NULL},
        {"{\"ticks\":-2147483649}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(timed_version), signed_rows);
}

static void integers_of_64_bits(void **state) {
    static const struct json_row signed_rows[] = {
        {"{\"revokeTokenTs\":\"123\"}", "{\"revokeTokenTs\":\"123\"}"},
        {"{\"revokeTokenTs\":9223372036854775807}", "{\"revokeTokenTs\":\"9223372036854775807\"}"},
        {"{\"revokeTokenTs\":\"-9223372036854775808\"}",
         "{\"revokeTokenTs\":\"-9223372036854775808\"}"},
        {"{\"revokeTokenTs\":9223372036854775808}", NULL},
        {"{\"revokeTokenTs\":0.5}", NULL},
        {"{\"revokeTokenTs\":null}", "{}"},
    };
    ASSERT_ROWS(*state, TYPE(room_participant_identity), signed_rows);
    static const struct json_row unsigned_rows[] = {
        {"{\"chunkIndex\":\"18446744073709551615\"}", "{\"chunkIndex\":\"18446744073709551615\"}"},
        {"{\"chunkIndex\":18446744073709551616}", NULL},
        {"{\"chunkIndex\":-1}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(data_stream__chunk), unsigned_rows);
}

static void floats(void **state) {
    static const struct json_row singles[] = {
        {"{\"level\":0.5}", "{\"level\":0.5}"},
        {"{\"level\":\"0.25\"}", "{\"level\":0.25}"},
        {"{\"level\":\"NaN\"}", "{\"level\":\"NaN\"}"},
        {"{\"level\":\"Infinity\"}", "{\"level\":\"Infinity\"}"},
        {"{\"level\":\"-Infinity\"}", "{\"level\":\"-Infinity\"}"},
        {"{\"level\":-0.0}", "{\"level\":-0}"},
        {"{\"level\":0}", "{}"},
        {"{\"level\":3.4e38}", "{\"level\":3.4e+38}"},
        {"{\"level\":3.5e38}", NULL},
        {"{\"level\":\"nan\"}", NULL},
        {"{\"level\":NaN}", NULL},
        {"{\"level\":\"\"}", NULL},
        {"{\"level\":true}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(speaker_info), singles);
    static const struct json_row doubles[] = {
        {"{\"keyFrameInterval\":3.5e38}", "{\"keyFrameInterval\":3.5e+38}"},
        {"{\"keyFrameInterval\":1e309}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(encoding_options), doubles);
}

static void bools_are_literals(void **state) {
    static const struct json_row rows[] = {
        {"{\"muted\":true}", "{\"muted\":true}"},
        {"{\"muted\":false}", "{}"},
        {"{\"muted\":\"true\"}", NULL},
        {"{\"muted\":1}", NULL},
        {"{\"muted\":0}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(mute_room_track_request), rows);
}

static void enums_by_name_or_number(void **state) {
    static const struct json_row rows[] = {
        {"{\"kind\":\"LOSSY\"}", "{\"kind\":\"LOSSY\"}"},
        {"{\"kind\":1}", "{\"kind\":\"LOSSY\"}"},
        {"{\"kind\":1.0}", "{\"kind\":\"LOSSY\"}"},
        {"{\"kind\":\"RELIABLE\"}", "{}"},
        {"{\"kind\":\"NOWHERE\"}", "{}"},
        {"{\"kind\":\"lossy\"}", "{}"},
        {"{\"kind\":\"1\"}", "{}"},
        {"{\"kind\":77}", "{\"kind\":77}"},
        {"{\"kind\":-7}", "{\"kind\":-7}"},
        {"{\"kind\":2147483648}", NULL},
        {"{\"kind\":1.5}", NULL},
        {"{\"kind\":true}", NULL},
        {"{\"kind\":[]}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(send_data_request), rows);
    static const struct json_row lists[] = {
        {"{\"canPublishSources\":[\"CAMERA\",\"NOWHERE\",2,9]}",
         "{\"canPublishSources\":[\"CAMERA\",\"MICROPHONE\",9]}"},
        {"{\"canPublishSources\":[\"NOWHERE\"]}", "{}"},
        {"{\"canPublishSources\":\"CAMERA\"}", NULL},
        {"{\"canPublishSources\":[null]}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(participant_permission), lists);
}

static void bytes_in_either_alphabet(void **state) {
    static const struct json_row rows[] = {
        {"{\"data\":\"+/8=\"}", "{\"data\":\"+/8=\"}"},
        {"{\"data\":\"-_8=\"}", "{\"data\":\"+/8=\"}"},
        {"{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}"},
        {"{\"data\":\"\"}", "{}"},
        {"{\"data\":\"AAAA\"}", "{\"data\":\"AAAA\"}"},
        {"{\"data\":\"A\"}", NULL},
        {"{\"data\":\"A?==\"}", NULL},
        {"{\"data\":7}", NULL},
        {"{\"data\":[1]}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(send_data_request), rows);
}

static void a_oneof_has_one_member(void **state) {
    static const struct json_row rows[] = {
        {"{\"requestId\":\"a\",\"payload\":\"\"}", "{\"requestId\":\"a\",\"payload\":\"\"}"},
        {"{\"payload\":\"p\",\"error\":null}", "{\"payload\":\"p\"}"},
        {"{\"error\":null,\"payload\":\"p\"}", "{\"payload\":\"p\"}"},
        {"{\"payload\":null}", "{}"},
        {"{\"error\":{}}", "{\"error\":{}}"},
        {"{\"payload\":\"p\",\"error\":{}}", NULL},
        {"{\"error\":{},\"compressedPayload\":\"AA==\"}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(rpc_response), rows);
    static const struct json_row enums[] = {
        {"{\"preset\":\"H264_720P_30\"}", "{\"preset\":\"H264_720P_30\"}"},
        {"{\"preset\":\"NOWHERE\"}", "{}"},
        {"{\"preset\":\"NOWHERE\",\"advanced\":{}}", NULL},
        {"{\"preset\":1,\"file\":{}}", "{\"file\":{},\"preset\":\"H264_720P_60\"}"},
        {"{\"file\":{},\"stream\":{}}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(room_composite_egress_request), enums);
}

static void what_was_optional_keeps_presence(void **state) {
    static const struct json_row rows[] = {
        {"{\"topic\":\"\"}", "{\"topic\":\"\"}"},
        {"{\"topic\":\"t\"}", "{\"topic\":\"t\"}"},
        {"{\"topic\":null}", "{}"},
        {"{\"topic\":\"t\",\"topic\":\"t\"}", NULL},
    };
    struct fixture *f = *state;
    ASSERT_ROWS(f, TYPE(send_data_request), rows);

    Livekit__SendDataRequest *m =
        (void *)decode_json_ok(f, TYPE(send_data_request), "{\"topic\":\"\"}");
    assert_int_equal(m->opt_topic_case, LIVEKIT__SEND_DATA_REQUEST__OPT_TOPIC_TOPIC);
    proto_encode(&m->base, &f->out);
    assert_int_equal(f->out.len, 2);
    m = (void *)decode_ok(f, TYPE(send_data_request), buf_slice(&f->out));
    assert_int_equal(m->opt_topic_case, LIVEKIT__SEND_DATA_REQUEST__OPT_TOPIC_TOPIC);
    assert_string_equal(m->topic, "");
}

static void maps_are_objects(void **state) {
    static const struct json_row rows[] = {
        {"{\"tags\":{\"a\":\"b\",\"\":\"\"}}", "{\"tags\":{\"a\":\"b\",\"\":\"\"}}"},
        {"{\"tags\":{}}", "{}"},
        {"{\"tags\":{\"a\":\"1\",\"a\":\"1\"}}", NULL},
        {"{\"tags\":{\"a\":\"1\",\"\\u0061\":\"2\"}}", NULL},
        {"{\"tags\":[]}", NULL},
        {"{\"tags\":\"a\"}", NULL},
        {"{\"tags\":{\"a\":1}}", NULL},
        {"{\"tags\":{\"a\":[\"b\"]}}", NULL},
        {"{\"tags\":{\"a\":\"b\"", NULL},
    };
    ASSERT_ROWS(*state, TYPE(create_room_request), rows);
    static const struct json_row numbered[] = {
        {"{\"subHandles\":{\"7\":{\"trackSid\":\"s\"},\"8\":{}}}",
         "{\"subHandles\":{\"7\":{\"trackSid\":\"s\"},\"8\":{}}}"},
        {"{\"subHandles\":{\"7\":{},\"7\":{}}}", NULL},
        {"{\"subHandles\":{\"7\":{},\"7.0\":{}}}", NULL},
        {"{\"subHandles\":{\"-7\":{}}}", NULL},
        {"{\"subHandles\":{\"x\":{}}}", NULL},
        {"{\"subHandles\":{\"\":{}}}", NULL},
        {"{\"subHandles\":{\"7\":null}}", NULL},
    };
    ASSERT_ROWS(*state, TYPE(data_track_subscriber_handles), numbered);
}

/* Above a few entries duplicates are found by sorting. */
static void a_key_stands_once_among_many(void **state) {
    struct fixture *f = *state;
    for (unsigned twice = 0; twice < 2; twice++) {
        fixture_reset(f);
        buf_put_cstr(&f->out, "{\"tags\":{");
        for (unsigned i = 0; i < 1000; i++) {
            buf_printf(&f->out, "\"k%u\":\"\",", i * 7919 % 1000);
        }
        buf_put_cstr(&f->out, twice ? "\"k17\":\"\"}}" : "\"last\":\"\"}}");
        ProtobufCMessage *message;
        assert_int_equal(
            proto_decode_json(TYPE(create_room_request), buf_slice(&f->out), &f->arena, &message),
            twice ? STATUS_MALFORMED : STATUS_OK);
    }
}

static void timestamps(void **state) {
#define AT(text) "{\"normalizedTimestamp\":\"" text "\"}"
    static const struct json_row rows[] = {
        {AT("1970-01-01T00:00:00Z"), AT("1970-01-01T00:00:00Z")},
        {AT("2024-02-29T23:59:59.5Z"), AT("2024-02-29T23:59:59.500Z")},
        {AT("2024-02-29T23:59:59.000001Z"), AT("2024-02-29T23:59:59.000001Z")},
        {AT("2024-02-29T23:59:59.123456789Z"), AT("2024-02-29T23:59:59.123456789Z")},
        {AT("2024-03-01T00:30:00+01:00"), AT("2024-02-29T23:30:00Z")},
        {AT("2023-12-31T23:30:00-01:00"), AT("2024-01-01T00:30:00Z")},
        {AT("0001-01-01T00:00:00Z"), AT("0001-01-01T00:00:00Z")},
        {AT("9999-12-31T23:59:59.999999999Z"), AT("9999-12-31T23:59:59.999999999Z")},
        {AT("1969-12-31T23:59:59.25Z"), AT("1969-12-31T23:59:59.250Z")},
        {AT("0001-01-01T00:00:00+00:01"), NULL},
        {AT("9999-12-31T23:59:59-00:01"), NULL},
        {AT("2023-02-29T00:00:00Z"), NULL},
        {AT("1900-02-29T00:00:00Z"), NULL},
        {AT("2024-13-01T00:00:00Z"), NULL},
        {AT("2024-00-01T00:00:00Z"), NULL},
        {AT("2024-01-00T00:00:00Z"), NULL},
        {AT("2024-01-01T24:00:00Z"), NULL},
        {AT("2024-01-01T00:60:00Z"), NULL},
        {AT("2024-01-01T00:00:60Z"), NULL},
        {AT("2024-01-01T00:00:00"), NULL},
        {AT("2024-01-01T00:00:00z"), NULL},
        {AT("2024-01-01 00:00:00Z"), NULL},
        {AT("2024-01-01T00:00:00.Z"), NULL},
        {AT("2024-01-01T00:00:00.1234567891Z"), NULL},
        {AT("2024-01-01T00:00:00+1:00"), NULL},
        {AT("2024-01-01T00:00:00ZZ"), NULL},
        {AT(""), NULL},
        {"{\"normalizedTimestamp\":{\"seconds\":1}}", NULL},
        {"{\"normalizedTimestamp\":5}", NULL},
        {"{\"normalizedTimestamp\":null}", "{}"},
    };
#undef AT
    ASSERT_ROWS(*state, TYPE(metrics_batch), rows);
}

/* In a name, nested, repeated, as key and as value of a map; in what is skipped too. */
static void text_is_utf8_without_nul(void **state) {
    static const char *const places[] = {
        "{\"name\":\"%s\"}",
        "{\"agents\":[{\"metadata\":\"%s\"}]}",
        "{\"tags\":{\"%s\":\"v\"}}",
        "{\"tags\":{\"k\":\"%s\"}}",
        "{\"%s\":1}",
        "{\"egress\":{\"room\":{\"streamOutputs\":[{\"urls\":[\"%s\"]}]}}}",
    };
    static const char *const bad[] = {"a\\u0000b", "\xff",       "\xc0\x80", "\xed\xa0\x80",
                                      "\\ud800",   "\\ud800\\n", "\xe2\x82", "\xf4\x90\x80\x80",
                                      "\\udc00",   "a\nb"};
    static const char *const good[] = {"a", "\xc3\xa9", "\\u00e9", "\\ud83d\\ude00", "\\n\\\""};
    struct fixture *f = *state;
    for (size_t p = 0; p < ARRAY_LEN(places); p++) {
        for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(good); i++) {
            fixture_reset(f);
            const char *middle = strchr(places[p], '%');
            buf_put(&f->out, slice_of(places[p], (size_t)(middle - places[p])));
            buf_put_cstr(&f->out, i < ARRAY_LEN(bad) ? bad[i] : good[i - ARRAY_LEN(bad)]);
            buf_put_cstr(&f->out, middle + 2);
            ProtobufCMessage *message;
            enum status s = proto_decode_json(TYPE(create_room_request), buf_slice(&f->out),
                                              &f->arena, &message);
            assert_int_equal(s, i < ARRAY_LEN(bad) ? STATUS_MALFORMED : STATUS_OK);
        }
    }
    decode_json_bad(f, TYPE(create_room_request), SLICE_LIT("{\"name\":\"a\0b\"}"));
}

static void nesting_is_bounded(void **state) {
    struct fixture *f = *state;
    buf_put_cstr(&f->out, "{\"x\":");
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        buf_put_u8(&f->out, '[');
    }
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        buf_put_u8(&f->out, ']');
    }
    buf_put_u8(&f->out, '}');
    decode_json_bad(f, TYPE(create_room_request), buf_slice(&f->out));
}

static void elements_are_bounded(void **state) {
    struct fixture *f = *state;
    for (size_t over = 0; over < 2; over++) {
        fixture_reset(f);
        buf_put_cstr(&f->out, "{\"canPublishSources\":[1");
        for (size_t i = 1; i < PROTO_ELEMENTS_MAX + over; i++) {
            buf_put_cstr(&f->out, ",1");
        }
        buf_put_cstr(&f->out, "]}");
        ProtobufCMessage *message;
        assert_int_equal(proto_decode_json(TYPE(participant_permission), buf_slice(&f->out),
                                           &f->arena, &message),
                         over ? STATUS_NO_MEMORY : STATUS_OK);
    }
}

static void a_full_arena_is_no_memory(void **state) {
    struct arena small;
    arena_init(&small, 100);
    ProtobufCMessage *message;
    assert_int_equal(proto_decode_json(TYPE(create_room_request), SLICE_LIT("{\"name\":\"r\"}"),
                                       &small, &message),
                     STATUS_NO_MEMORY);
    arena_deinit(&small);
}

/* What livekit-server-sdk sends (room-api.md 12.1). */
static void a_create_request_of_the_npm_sdk(void **state) {
    struct fixture *f = *state;
    static const char text[] =
        "{\"name\":\"r\",\"emptyTimeout\":10,\"maxParticipants\":3,\"nodeId\":\"n\","
        "\"metadata\":\"m\",\"minPlayoutDelay\":1,\"syncStreams\":true,\"departureTimeout\":5,"
        "\"agents\":[{\"agentName\":\"x\"}],\"tags\":{\"a\":\"b\"}}";
    Livekit__CreateRoomRequest *m = (void *)decode_json_ok(f, TYPE(create_room_request), text);
    assert_string_equal(m->name, "r");
    assert_int_equal(m->empty_timeout, 10);
    assert_int_equal(m->max_participants, 3);
    assert_string_equal(m->node_id, "n");
    assert_string_equal(m->metadata, "m");
    assert_int_equal(m->min_playout_delay, 1);
    assert_int_equal(m->max_playout_delay, 0);
    assert_true(m->sync_streams);
    assert_int_equal(m->departure_timeout, 5);
    assert_int_equal(m->n_agents, 1);
    assert_string_equal(m->agents[0]->agent_name, "x");
    assert_int_equal(m->n_tags, 1);
    assert_string_equal(m->tags[0]->key, "a");
    assert_string_equal(m->tags[0]->value, "b");
    assert_string_equal(m->room_preset, "");
    assert_null(m->egress);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(the_top_is_one_object),
        T(names_are_camel_or_as_declared),
        T(a_field_stands_once),
        T(unknown_fields_are_skipped_whole),
        T(null_is_absence),
        T(integers_of_32_bits),
        T(integers_of_64_bits),
        T(floats),
        T(bools_are_literals),
        T(enums_by_name_or_number),
        T(bytes_in_either_alphabet),
        T(a_oneof_has_one_member),
        T(what_was_optional_keeps_presence),
        T(maps_are_objects),
        T(a_key_stands_once_among_many),
        T(timestamps),
        T(text_is_utf8_without_nul),
        T(nesting_is_bounded),
        T(elements_are_bounded),
        T(a_full_arena_is_no_memory),
        T(a_create_request_of_the_npm_sdk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
