#include "fixture.h"

#include "caps.h"

static void nothing_is_a_default_message(void **state) {
    struct fixture *f = *state;
    Livekit__CreateRoomRequest *m =
        (void *)decode_ok(f, TYPE(create_room_request), (struct slice){0});
    assert_string_equal(m->name, "");
    assert_int_equal(m->n_agents, 0);
    assert_null(m->egress);
}

static void known_fields_and_unknown_ones(void **state) {
    struct fixture *f = *state;
    /* name, then unknown fields of each wire type, then empty_timeout */
    struct slice bytes = SLICE_LIT("\x0a\x01r"
                                   "\xa0\x06\x05"
                                   "\xa1\x06"
                                   "12345678"
                                   "\xa2\x06\x02\xff\x00"
                                   "\xa5\x06"
                                   "1234"
                                   "\x10\x0a");
    Livekit__CreateRoomRequest *m = (void *)decode_ok(f, TYPE(create_room_request), bytes);
    assert_string_equal(m->name, "r");
    assert_int_equal(m->empty_timeout, 10);
}

static void broken_bytes(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *why;
        struct slice bytes;
    } rows[] = {
        {"tag cut", SLICE_LIT("\x80")},
        {"value cut", SLICE_LIT("\x10\x80")},
        {"value missing", SLICE_LIT("\x10")},
        {"varint of 11 bytes", SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {"varint beyond 64 bits", SLICE_LIT("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
        {"length over the end", SLICE_LIT("\x0a\x02r")},
        {"length near 2^64", SLICE_LIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {"length missing", SLICE_LIT("\x0a")},
        {"field 0", SLICE_LIT("\x02\x00")},
        {"field number too large", SLICE_LIT("\x80\x80\x80\x80\x10\x00")},
        {"group", SLICE_LIT("\xa3\x06\xa4\x06")},
        {"end of group", SLICE_LIT("\xa4\x06")},
        {"wire type 6", SLICE_LIT("\xa6\x06")},
        {"wire type 7", SLICE_LIT("\xa7\x06")},
        {"fixed32 cut", SLICE_LIT("\xa5\x06\x00\x00\x00")},
        {"fixed64 cut", SLICE_LIT("\xa1\x06\x00\x00\x00\x00\x00\x00\x00")},
        {"text as varint", SLICE_LIT("\x08\x01")},
        {"number as bytes", SLICE_LIT("\x12\x01\x01")},
        {"number as fixed32", SLICE_LIT("\x15\x00\x00\x00\x00")},
        {"message as varint", SLICE_LIT("\x30\x01")},
        {"message with broken inside", SLICE_LIT("\x32\x01\x80")},
        {"map entry with broken inside", SLICE_LIT("\x7a\x02\x0a\x05")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_reset(f);
        ProtobufCMessage *m;
        if (proto_decode(TYPE(create_room_request), rows[i].bytes, &f->arena, &m) !=
            STATUS_MALFORMED) {
            fail_msg("%s", rows[i].why);
        }
    }
}

/* In a name, nested, repeated, as key and as value of a map. */
static void text_is_utf8_without_nul(void **state) {
    static const struct {
        const ProtobufCMessageDescriptor *type;
        struct slice before, after;
        uint8_t len_at[3]; /* places of lengths that grow with the text; 255: none */
    } places[] = {
        {TYPE(create_room_request), SLICE_LIT("\x0a\x00"), {0}, {1, 255, 255}},
        {TYPE(create_room_request), SLICE_LIT("\x72\x02\x12\x00"), {0}, {1, 3, 255}},
        {TYPE(create_room_request), SLICE_LIT("\x7a\x02\x0a\x00"), {0}, {1, 3, 255}},
        {TYPE(create_room_request), SLICE_LIT("\x7a\x02\x12\x00"), {0}, {1, 3, 255}},
        {TYPE(list_rooms_request), SLICE_LIT("\x0a\x01q\x0a\x00"), {0}, {4, 255, 255}},
        {TYPE(rpc_response), SLICE_LIT("\x12\x00"), {0}, {1, 255, 255}},
    };
    static const struct slice bad[] = {
        SLICE_LIT("a\0b"),     SLICE_LIT("\0"),           SLICE_LIT("\xff"),
        SLICE_LIT("\xc0\x80"), SLICE_LIT("\xed\xa0\x80"), SLICE_LIT("\xf4\x90\x80\x80"),
        SLICE_LIT("\xe2\x82"),
    };
    static const struct slice good[] = {SLICE_LIT(""), SLICE_LIT("a"), SLICE_LIT("\xc3\xa9"),
                                        SLICE_LIT("\xf0\x9f\x98\x80")};
    struct fixture *f = *state;
    for (size_t p = 0; p < ARRAY_LEN(places); p++) {
        for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(good); i++) {
            struct slice text = i < ARRAY_LEN(bad) ? bad[i] : good[i - ARRAY_LEN(bad)];
            fixture_reset(f);
            buf_put(&f->out, places[p].before);
            buf_put(&f->out, text);
            for (size_t n = 0; n < 3 && places[p].len_at[n] != 255; n++) {
                f->out.data[places[p].len_at[n]] += (uint8_t)text.len;
            }
            if (i < ARRAY_LEN(bad)) {
                decode_bad(f, places[p].type, buf_slice(&f->out));
            } else {
                (void)decode_ok(f, places[p].type, buf_slice(&f->out));
            }
        }
    }
}

static void bytes_may_be_anything(void **state) {
    struct fixture *f = *state;
    Livekit__SendDataRequest *m =
        (void *)decode_ok(f, TYPE(send_data_request), SLICE_LIT("\x12\x03\xff\x00\x80"));
    assert_int_equal(m->data.len, 3);
    assert_memory_equal(m->data.data, "\xff\x00\x80", 3);
}

static void repeated_numbers_packed_or_not(void **state) {
    struct fixture *f = *state;
    struct slice both = SLICE_LIT("\x4a\x03\x01\x02\x03\x48\x04\x4a\x00");
    Livekit__ParticipantPermission *m = (void *)decode_ok(f, TYPE(participant_permission), both);
    assert_int_equal(m->n_can_publish_sources, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(m->can_publish_sources[i], i + 1);
    }
    decode_bad(f, TYPE(participant_permission), SLICE_LIT("\x4a\x02\x01\x80"));
    decode_bad(f, TYPE(participant_permission), SLICE_LIT("\x4d\x01\x00\x00\x00"));
}

/* protobuf: the last one of a singular field counts, messages are merged. */
static void repeated_singular_fields(void **state) {
    struct fixture *f = *state;
    Livekit__RoomParticipantIdentity *m = (void *)decode_ok(
        f, TYPE(room_participant_identity), SLICE_LIT("\x0a\x01y\x0a\x01z\x18\x01\x18\x05"));
    assert_string_equal(m->room, "z");
    assert_int_equal(m->revoke_token_ts, 5);
    Livekit__MuteRoomTrackResponse *r = (void *)decode_ok(
        f, TYPE(mute_room_track_response), SLICE_LIT("\x0a\x03\x0a\x01s\x0a\x03\x1a\x01n"));
    assert_string_equal(r->track->sid, "s");
    assert_string_equal(r->track->name, "n");
    Livekit__RpcResponse *rpc =
        (void *)decode_ok(f, TYPE(rpc_response), SLICE_LIT("\x12\x01p\x1a\x02\x08\x07"));
    assert_int_equal(rpc->value_case, LIVEKIT__RPC_RESPONSE__VALUE_ERROR);
    assert_int_equal(rpc->error->code, 7);
}

static void the_last_entry_of_a_key_counts(void **state) {
    struct fixture *f = *state;
    struct slice entries = SLICE_LIT("\x7a\x06\x0a\x01k\x12\x01"
                                     "1"
                                     "\x7a\x03\x0a\x01o"
                                     "\x7a\x06\x0a\x01k\x12\x01"
                                     "2");
    assert_json(f, decode_ok(f, TYPE(create_room_request), entries), JSON_COMPACT,
                "{\"tags\":{\"o\":\"\",\"k\":\"2\"}}");
    buf_clear(&f->out);
    for (uint8_t i = 0; i < 200; i++) { /* keys a to j, twenty times each, the value counts up */
        buf_put(&f->out, SLICE_LIT("\x7a\x06\x0a\x01"));
        buf_put_u8(&f->out, (uint8_t)('a' + i % 10));
        buf_put(&f->out, SLICE_LIT("\x12\x01"));
        buf_put_u8(&f->out, (uint8_t)('A' + i / 10));
    }
    Livekit__CreateRoomRequest *m =
        (void *)decode_ok(f, TYPE(create_room_request), buf_slice(&f->out));
    assert_int_equal(m->n_tags, 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(m->tags[i]->key[0], 'a' + i);
        assert_string_equal(m->tags[i]->value, "T");
    }
}

static void a_missing_message_in_a_map_is_an_empty_one(void **state) {
    struct fixture *f = *state;
    Livekit__DataTrackSubscriberHandles *m = (void *)decode_ok(
        f, TYPE(data_track_subscriber_handles), SLICE_LIT("\x0a\x02\x08\x07\x0a\x00"));
    assert_int_equal(m->n_sub_handles, 2);
    assert_non_null(m->sub_handles[0]->value);
    assert_int_equal(m->sub_handles[1]->key, 0);
    assert_string_equal(m->sub_handles[1]->value->track_sid, "");
}

static void elements_are_bounded(void **state) {
    struct fixture *f = *state;
    ProtobufCMessage *m;
    for (size_t over = 0; over < 2; over++) {
        fixture_reset(f);
        buf_put_u8(&f->out, 0x4a); /* one packed field and its elements */
        buf_put_varint(&f->out, PROTO_ELEMENTS_MAX - 1 + over);
        for (size_t i = 0; i < PROTO_ELEMENTS_MAX - 1 + over; i++) {
            buf_put_u8(&f->out, 1);
        }
        assert_int_equal(
            proto_decode(TYPE(participant_permission), buf_slice(&f->out), &f->arena, &m),
            over ? STATUS_NO_MEMORY : STATUS_OK);
    }
    buf_clear(&f->out);
    for (size_t i = 0; i <= PROTO_ELEMENTS_MAX; i++) {
        buf_put(&f->out, SLICE_LIT("\x0a\x00")); /* empty names */
    }
    assert_int_equal(proto_decode(TYPE(list_rooms_request), buf_slice(&f->out), &f->arena, &m),
                     STATUS_NO_MEMORY);
}

static void a_full_arena_is_no_memory(void **state) {
    struct arena small;
    arena_init(&small, 64);
    ProtobufCMessage *untouched = (ProtobufCMessage *)(void *)&small, *m = untouched;
    assert_int_equal(proto_decode(TYPE(create_room_request), SLICE_LIT("\x0a\x01r"), &small, &m),
                     STATUS_NO_MEMORY);
    assert_ptr_equal(m, untouched);
    arena_deinit(&small);
}

/* Relaying must not lose what newer clients add. */
static void unknown_fields_survive(void **state) {
    struct fixture *f = *state;
    struct slice bytes = SLICE_LIT("\x0a\x01r\xa2\x06\x02\xff\x00");
    ProtobufCMessage *m = decode_ok(f, TYPE(delete_room_request), bytes);
    proto_encode(m, &f->out);
    assert_true(slice_eq(buf_slice(&f->out), bytes));
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_is_a_default_message),
        T(known_fields_and_unknown_ones),
        T(broken_bytes),
        T(text_is_utf8_without_nul),
        T(bytes_may_be_anything),
        T(repeated_numbers_packed_or_not),
        T(repeated_singular_fields),
        T(the_last_entry_of_a_key_counts),
        T(a_missing_message_in_a_map_is_an_empty_one),
        T(elements_are_bounded),
        T(a_full_arena_is_no_memory),
        T(unknown_fields_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
