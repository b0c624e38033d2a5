#include "fixture.h"

#include "api.h"
#include "caps.h"

static void every_method_is_found_by_its_path(void **state) {
    struct fixture *f = *state;
    for (int op = 0; op < API_OP_COUNT; op++) {
        const struct api_method *m = api_method_at((enum api_op)op), *found = NULL;
        assert_int_equal(m->op, op);
        buf_clear(&f->out);
        buf_printf(&f->out, "/twirp/livekit.%s/%s", m->service, m->name);
        assert_int_equal(api_route_find(buf_slice(&f->out), &found), API_ROUTE_FOUND);
        assert_ptr_equal(found, m);
    }
}

static void methods_have_their_messages(void **state) {
    const struct api_method *m = api_method_at(API_CREATE_ROOM);
    assert_string_equal(m->name, "CreateRoom");
    assert_ptr_equal(m->request, TYPE(create_room_request));
    assert_ptr_equal(m->response, TYPE(room));
    m = api_method_at(API_UPDATE_PARTICIPANT);
    assert_ptr_equal(m->request, TYPE(update_participant_request));
    assert_ptr_equal(m->response, TYPE(participant_info));
}

static void paths_are_strict(void **state) {
    static const struct {
        const char *path;
        enum api_route want;
    } rows[] = {
        {"/twirp/livekit.RoomService/Nope", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/CreateRoom/", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/CreateRoom/x", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService//CreateRoom", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/createroom", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/CreateRoo", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService/CreateRoom2", API_ROUTE_NO_METHOD},
        {"/twirp/livekit.RoomService", API_ROUTE_NO_SERVICE},
        {"/twirp/livekit.roomservice/CreateRoom", API_ROUTE_NO_SERVICE},
        {"/twirp/livekit.Nope/CreateRoom", API_ROUTE_NO_SERVICE},
        {"/twirp/other.RoomService/CreateRoom", API_ROUTE_NO_SERVICE},
        {"/twirp/livekit.RoomServices/CreateRoom", API_ROUTE_NO_SERVICE},
        {"/twirp/", API_ROUTE_NO_SERVICE},
        {"/twirp/livekit./", API_ROUTE_NO_SERVICE},
        {"/twirp/x/livekit.RoomService/CreateRoom", API_ROUTE_NO_SERVICE},
    };
    const struct api_method *untouched = api_method_at(API_LIST_ROOMS), *m = untouched;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (api_route_find(slice_from_cstr(rows[i].path), &m) != rows[i].want) {
            fail_msg("%s", rows[i].path);
        }
        assert_ptr_equal(m, untouched);
    }
}

static void codes_have_names_and_statuses(void **state) {
    static const struct {
        enum twirp_code code;
        const char *name;
        uint16_t http;
    } rows[] = {
        {TWIRP_CANCELED, "canceled", 408},
        {TWIRP_BAD_ROUTE, "bad_route", 404},
        {TWIRP_MALFORMED, "malformed", 400},
        {TWIRP_UNAUTHENTICATED, "unauthenticated", 401},
        {TWIRP_RESOURCE_EXHAUSTED, "resource_exhausted", 429},
        {TWIRP_FAILED_PRECONDITION, "failed_precondition", 412},
        {TWIRP_UNAVAILABLE, "unavailable", 503},
        {TWIRP_DATA_LOSS, "data_loss", 500},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(twirp_code_name(rows[i].code), rows[i].name);
        assert_int_equal(twirp_http_status(rows[i].code), rows[i].http);
    }
}

static void assert_error(struct fixture *f, const struct twirp_error *error, const char *want) {
    buf_clear(&f->out);
    twirp_error_put(&f->out, error);
    buf_put_u8(&f->out, '\0');
    assert_string_equal((const char *)f->out.data, want);
}

static void errors_as_go_writes_them(void **state) {
    struct twirp_error e = {.code = TWIRP_NOT_FOUND, .msg = SLICE_LIT("no \"<room>\" & more\n")};
    assert_error(*state, &e,
                 "{\"code\":\"not_found\",\"msg\":\"no \\\"\\u003croom\\u003e\\\" "
                 "\\u0026 more\\n\"}");
    e = (struct twirp_error){.code = TWIRP_BAD_ROUTE,
                             .msg = SLICE_LIT("m"),
                             .meta_key = SLICE_LIT("twirp_invalid_route"),
                             .meta_value = SLICE_LIT("GET /twirp/<x>")};
    assert_error(*state, &e,
                 "{\"code\":\"bad_route\",\"msg\":\"m\",\"meta\":{\"twirp_invalid_route\":"
                 "\"GET /twirp/\\u003cx\\u003e\"}}");
    e = (struct twirp_error){.code = TWIRP_INTERNAL};
    assert_error(*state, &e, "{\"code\":\"internal\",\"msg\":\"\"}");
}

/* The cut falls inside the last character, which goes as a whole. */
static void long_texts_are_cut_between_characters(void **state) {
    struct fixture *f = *state;
    static const struct {
        size_t ascii;
        size_t want;
    } rows[] = {
        {TWIRP_MSG_BYTES_MAX, TWIRP_MSG_BYTES_MAX},
        {TWIRP_MSG_BYTES_MAX - 1, TWIRP_MSG_BYTES_MAX - 1},
        {TWIRP_MSG_BYTES_MAX - 2, TWIRP_MSG_BYTES_MAX - 2},
        {TWIRP_MSG_BYTES_MAX - 3, TWIRP_MSG_BYTES_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fixture_reset(f);
        for (size_t n = 0; n < rows[i].ascii; n++) {
            buf_put_u8(&f->out, 'a');
        }
        buf_put_cstr(&f->out, "\xe2\x82\xac");
        struct slice msg = arena_copy(&f->arena, buf_slice(&f->out));
        buf_clear(&f->out);
        struct twirp_error e = {.code = TWIRP_INTERNAL, .msg = msg};
        twirp_error_put(&f->out, &e);
        size_t frame = strlen("{\"code\":\"internal\",\"msg\":\"\"}");
        assert_int_equal(f->out.len, frame + rows[i].want);
        assert_true(slice_is_text(buf_slice(&f->out)));
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(every_method_is_found_by_its_path),
        T(methods_have_their_messages),
        T(paths_are_strict),
        T(codes_have_names_and_statuses),
        T(errors_as_go_writes_them),
        T(long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
