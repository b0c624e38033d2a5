#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kit.h"

#define HOST "HTTP/1.1\r\nHost: a\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define ROOMS "/twirp/livekit.RoomService/"

static struct kit kit;
static struct client c;

static int set_up(void **state) {
    kit_init(&kit, state);
    return 0;
}

static int tear_down(void **state) {
    client_close(&c);
    kit_stop(&kit);
    return 0;
}

static void start(void) {
    kit_start(&kit);
    c = client_open(&kit);
}

static void expect_headers(int status, const char *const *present, const char *absent) {
    struct answer a = client_answer(&c);
    assert_int_equal(a.status, status);
    for (; *present; present++) {
        if (!answer_has(&a, *present)) {
            fail_msg("no %s in %s", *present, a.head);
        }
    }
    if (absent && strstr(a.head, absent)) {
        fail_msg("%s in %s", absent, a.head);
    }
    answer_free(&a);
}

static void health_is_as_control_last_said(void **state) {
    start();
    edge_set_ready(kit.edge, false, 0);
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 406, "Not Ready\nNode Updated At 1970-01-01 00:00:00 +0000 UTC");
    edge_set_ready(kit.edge, true, clock_wall_ms());
    client_put(&c, "POST / " HOST "Content-Length: 3\r\n\r\nabc");
    expect_answer(&c, 200, "OK");
    client_put(&c, "GET //?a=b " HOST "\r\n"); /* one slash of two is dropped */
    expect_answer(&c, 200, "OK");
    edge_set_ready(kit.edge, true, 1709210096789); /* stale */
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 406, "Not Ready\nNode Updated At 2024-02-29 12:34:56.789 +0000 UTC");
    edge_set_ready(kit.edge, true, 951782400100);
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 406, "Not Ready\nNode Updated At 2000-02-29 00:00:00.1 +0000 UTC");
    edge_set_ready(kit.edge, true, 978307199050);
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 406, "Not Ready\nNode Updated At 2000-12-31 23:59:59.05 +0000 UTC");
}

/* The listener is there before the rooms are. */
static void while_loading_all_is_unavailable(void **state) {
    (void)state;
    kit.config.loading = true;
    start();
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 503, "Not Ready\nThe server is starting");
    char *token = kit_token(KIT_ADMIN);
    client_put(&c,
               "POST " ROOMS "ListRooms " HOST JSON_TYPE
               "Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}",
               token);
    expect_answer(&c, 503, "{\"code\":\"unavailable\",\"msg\":\"the server is starting\"}");
    free(token);
    edge_set_ready(kit.edge, true, clock_wall_ms());
    client_put(&c, "GET / " HOST "\r\n");
    expect_answer(&c, 200, "OK");
}

static void routes_that_are_none_say_why(void **state) {
    static const struct {
        const char *request;
        int status;
        const char *body;
    } rows[] = {
        {"GET /nowhere " HOST "\r\n", 404, "404 page not found\n"},
        {"POST /twirp/livekit.Nope/ListRooms " HOST "\r\n", 404, "404 page not found\n"},
        {"GET " ROOMS "ListRooms " HOST "\r\n", 404,
         "{\"code\":\"bad_route\",\"msg\":\"unsupported method \\\"GET\\\" (only POST is "
         "allowed)\",\"meta\":{\"twirp_invalid_route\":\"GET " ROOMS "ListRooms\"}}"},
        {"POST " ROOMS "listRooms " HOST "\r\n", 404,
         "{\"code\":\"bad_route\",\"msg\":\"no handler for path \\\"" ROOMS
         "listRooms\\\"\",\"meta\":{\"twirp_invalid_route\":\"POST " ROOMS "listRooms\"}}"},
        {"POST " ROOMS "ListRooms " HOST "\r\n", 404,
         "{\"code\":\"bad_route\",\"msg\":\"unexpected Content-Type: "
         "\\\"\\\"\",\"meta\":{\"twirp_invalid_route\":\"POST " ROOMS "ListRooms\"}}"},
        {"POST " ROOMS "ListRooms " HOST "Content-Type: a\xff\r\n\r\n", 404,
         "{\"code\":\"bad_route\",\"msg\":\"unexpected Content-Type: "
         "\\\"a\\ufffd\\\"\",\"meta\":{\"twirp_invalid_route\":\"POST " ROOMS "ListRooms\"}}"},
        {"POST " ROOMS "ListRooms " HOST JSON_TYPE "\r\n", 400,
         "{\"code\":\"malformed\",\"msg\":\"the json request could not be decoded\"}"},
        {"POST " ROOMS "ListRooms " HOST
         "Content-Type: application/protobuf\r\nContent-Length: 1\r\n\r\n\xff",
         400, "{\"code\":\"malformed\",\"msg\":\"the protobuf request could not be decoded\"}"},
        {"GET /rtc " HOST "\r\n", 404, ""},
        {"GET /rtc/v1 " HOST "\r\n", 404, ""},
        {"GET /rtc/validate " HOST "\r\n", 401, "no permissions to access the room"},
        {"GET /rtc " HOST "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "8\r\n\r\n",
         426, "WebSocket version 13 is required"},
        {"GET /rtc " HOST "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "13\r\nSec-WebSocket-Key: x\r\n\r\n",
         400, "not a valid WebSocket handshake"},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, "%s", rows[i].request);
        expect_answer(&c, rows[i].status, rows[i].body);
    }
}

static void known_services_that_are_not_offered_say_so(void **state) {
    static const char *const paths[] = {"Egress/StartEgress", "Ingress/ListIngress",
                                        "SIP/CreateSIPParticipant"};
    start();
    char *token = kit_token(KIT_ADMIN);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        client_put(&c, "POST /twirp/livekit.%s " HOST JSON_TYPE "Content-Length: 2\r\n\r\n{}",
                   paths[i]);
        expect_answer(&c, 401, "{\"code\":\"unauthenticated\",\"msg\":\"permissions denied\"}");
        client_put(&c,
                   "POST /twirp/livekit.%s " HOST JSON_TYPE
                   "Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}",
                   paths[i], token);
        expect_answer(&c, 501,
                      "{\"code\":\"unimplemented\",\"msg\":\"this service is not offered by this "
                      "server\"}");
    }
    free(token);
    client_put(&c, "POST /twirp/livekit.SIP/Nope " HOST JSON_TYPE "\r\n");
    expect_answer(&c, 404, NULL);
}

static void unclean_paths_are_redirected(void **state) {
    static const char *const rows[][2] = {
        {"/a//b", "Location: /a/b"},
        {"///x", "Location: /x"},
        {"/a/../rtc?x=y", "Location: /rtc?x=y"},
        {"/../../..", "Location: /"},
        {"/a/./b/", "Location: /a/b/"},
        {"/twirp/livekit.RoomService", "Location: /twirp/livekit.RoomService/"},
        {"/twirp/livekit.Egress?q", "Location: /twirp/livekit.Egress/?q"},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, "GET %s " HOST "\r\n", rows[i][0]);
        expect_headers(301, (const char *const[]){rows[i][1], "Content-Length: 0", NULL}, NULL);
    }
    client_put(&c, "GET /.well-known/x " HOST "\r\n");
    expect_answer(&c, 404, "404 page not found\n");
}

static void browsers_are_told_what_they_may(void **state) {
    start();
    client_put(&c, "OPTIONS " ROOMS "ListRooms " HOST
                   "Origin: https://b\r\nAccess-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: x-a, x-b\r\n\r\n");
    expect_headers(204,
                   (const char *const[]){"Vary: Origin, Access-Control-Request-Method, "
                                         "Access-Control-Request-Headers",
                                         "Access-Control-Allow-Origin: https://b",
                                         "Access-Control-Allow-Methods: POST",
                                         "Access-Control-Allow-Headers: x-a, x-b",
                                         "Access-Control-Max-Age: 86400", "Connection: keep-alive",
                                         NULL},
                   "Content-Length");
    client_put(&c,
               "OPTIONS / " HOST "Origin: https://b\r\nAccess-Control-Request-Method: PUT\r\n\r\n");
    expect_headers(204, (const char *const[]){NULL}, "Access-Control-Allow-Origin");
    client_put(&c, "OPTIONS " ROOMS "ListRooms " HOST "Origin: https://b\r\n\r\n");
    expect_headers(404, /* no preflight: a route like others */
                   (const char *const[]){"Vary: Origin", "Access-Control-Allow-Origin: https://b",
                                         "Access-Control-Expose-Headers: *",
                                         "X-Content-Type-Options: nosniff", NULL},
                   NULL);
    client_put(&c, "PUT /x " HOST "Origin: https://b\r\n\r\n");
    expect_headers(404, (const char *const[]){"Vary: Origin", NULL}, "Access-Control-Allow");
    client_put(&c, "GET /x " HOST "\r\n");
    expect_headers(404, (const char *const[]){"Vary: Origin", NULL}, "Access-Control");
    client_put(&c, "GET /rtc/validate " HOST "Origin: https://b\r\n\r\n");
    expect_headers(401,
                   (const char *const[]){"Access-Control-Allow-Origin: *",
                                         "Access-Control-Expose-Headers: *", NULL},
                   "https://b");
    client_put(&c, "GET /rtc/v1/validate " HOST "Authorization: x\r\n\r\n");
    expect_headers(401, (const char *const[]){"Access-Control-Allow-Origin: *", NULL}, "Expose");
}

static struct edge_msg *ask_validate(const char *path, const char *headers) {
    char *token = kit_token(KIT_ADMIN);
    client_put(&c, "GET %s " HOST "Authorization: Bearer %s\r\n%s\r\n", path, token, headers);
    free(token);
    return kit_next(&kit, EDGE_VALIDATE);
}

static void done(struct edge_msg *m) {
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_TEXT, SLICE_LIT("success")));
    edge_msg_free(m);
    expect_answer(&c, 200, "success");
}

static void parameters_make_a_join_request(void **state) {
    start();
    struct edge_msg *m = ask_validate(
        "/rtc/validate?sdk=node&os=Debian&protocol=17&auto_subscribe=0&adaptive_stream=1&reconnect="
        "1&sid=PA_1&publish=screen&capabilities=CAP_PACKET_TRAILER%2CCAP_COMPRESSION_DEFLATE_RAW&"
        "attributes=eyJhIjoiYiJ9",
        "");
    assert_false(m->join.single_peer_connection);
    assert_int_equal(m->join.request->client_info->sdk, LIVEKIT__CLIENT_INFO__SDK__NODE);
    assert_string_equal(m->join.request->client_info->os, "Debian");
    assert_int_equal(m->join.request->client_info->protocol, 17);
    assert_int_equal(m->join.request->client_info->n_capabilities, 2);
    assert_false(m->join.request->connection_settings->auto_subscribe);
    assert_true(m->join.request->connection_settings->adaptive_stream);
    assert_true(m->join.request->reconnect);
    assert_string_equal(m->join.request->participant_sid, "PA_1");
    assert_true(slice_eq_cstr(m->join.publish, "screen"));
    assert_true(m->join.has_client_metadata_or_attributes);
    assert_string_equal(m->join.request->participant_attributes[0]->value, "b");
    assert_true(slice_eq_cstr(m->join.client_address, "127.0.0.1"));
    done(m);
    m = ask_validate("/rtc/validate", "X-Forwarded-For: 9.9.9.9\r\n");
    assert_true(m->join.request->connection_settings->auto_subscribe);
    assert_true(slice_eq_cstr(m->join.client_address, "127.0.0.1")); /* no proxy is trusted */
    done(m);
    /* WrappedJoinRequest { join_request: JoinRequest { metadata: "m" } } */
    m = ask_validate("/rtc/v1/validate?join_request=EgMaAW0=", "");
    assert_true(m->join.single_peer_connection);
    assert_string_equal(m->join.request->metadata, "m");
    done(m);
}

static void parameters_that_do_not_fit_are_refused(void **state) {
    static const char *const rows[][2] = {
        {"/rtc/v1/validate", "join_request is required"},
        {"/rtc/v1/validate?join_request=%21", "cannot base64 decode wrapped join request"},
        {"/rtc/v1/validate?join_request=_w==", "cannot unmarshal wrapped join request"},
        {"/rtc/v1/validate?join_request=EgH_", "cannot unmarshal join request"},
        {"/rtc/v1/validate?join_request=CAESAf8=", "cannot read decompressed join request"},
        {"/rtc/validate?attributes=%21", "cannot decode attributes"},
        {"/rtc/validate?attributes=W10", "cannot decode attributes"},
    };
    start();
    char *token = kit_token(KIT_ADMIN);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, "GET %s " HOST "Authorization: Bearer %s\r\n\r\n", rows[i][0], token);
        expect_answer(&c, 400, rows[i][1]);
    }
    free(token);
    kit_expect_no_message(&kit);
}

static void proxies_tell_the_client_address(void **state) {
    static const struct slice proxies[] = {SLICE_LIT("127.0.0.1"), SLICE_LIT("10.0.0.0/8")};
    static const char *const rows[][2] = {
        {"", "127.0.0.1"},
        {"X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"},
        /* The client wrote the first, the outer proxy the second, the inner one the third. */
        {"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.1.1.1\r\n", "1.2.3.4"},
        {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4:99\r\n", "1.2.3.4"},
        {"X-Forwarded-For: [2001:db8::1]:443\r\n", "2001:db8::1"},
        {"X-Forwarded-For: 10.2.2.2, 10.1.1.1\r\n", "10.2.2.2"},
        {"X-Forwarded-For: unknown\r\nX-Real-IP: 5.6.7.8\r\n", "5.6.7.8"},
        {"CF-Connecting-IP: 7.7.7.7\r\n", "7.7.7.7"},
        {"CF-Connecting-IP: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4"},
        {"X-Real-IP: \xff\r\n", "127.0.0.1"},
    };
    kit.config.trusted_proxies = proxies;
    kit.config.trusted_proxies_count = 2;
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct edge_msg *m = ask_validate("/rtc/validate", rows[i][0]);
        if (!slice_eq_cstr(m->join.client_address, rows[i][1])) {
            fail_msg("row %zu: %.*s", i, SLICE_ARG(m->join.client_address));
        }
        done(m);
    }
}

static void metrics_may_need_a_password(void **state) {
    kit.config.metrics_user = SLICE_LIT("prom");
    kit.config.metrics_password = SLICE_LIT("s:3");
    start();
    client_close(&c);
    c = client_open_at(edge_metrics_port(kit.edge), false);
    static const char *const wrong[] = {"", "Authorization: Bearer x\r\n",
                                        "Authorization: Basic cHJvbTpzOjQ=\r\n",
                                        "Authorization: Basic \r\n"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        client_put(&c, "GET /metrics " HOST "%s\r\n", wrong[i]);
        expect_headers(
            401, (const char *const[]){"WWW-Authenticate: Basic realm=\"Protected Area\"", NULL},
            "Access-Control");
    }
    client_put(&c, "GET /any/path " HOST "Authorization: Basic cHJvbTpzOjM=\r\n\r\n");
    struct answer a = client_answer(&c);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: text/plain; version=0.0.4; charset=utf-8"));
    assert_non_null(strstr(a.body, "\n# TYPE stoa_connections gauge\n"));
    assert_non_null(strstr(a.body, "livekit_node_twirp_request_latency_ms_bucket{service="));
    answer_free(&a);
    client_close(&c);
    c = client_open(&kit); /* and the public port has no metrics */
    client_put(&c, "GET /metrics " HOST "\r\n");
    expect_answer(&c, 404, "404 page not found\n");
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(health_is_as_control_last_said),  TEST(while_loading_all_is_unavailable),
        TEST(routes_that_are_none_say_why),    TEST(known_services_that_are_not_offered_say_so),
        TEST(unclean_paths_are_redirected),    TEST(browsers_are_told_what_they_may),
        TEST(parameters_make_a_join_request),  TEST(parameters_that_do_not_fit_are_refused),
        TEST(proxies_tell_the_client_address), TEST(metrics_may_need_a_password),
    };
    return cmocka_run_group_tests_name("edge_routes", tests, NULL, NULL);
}
