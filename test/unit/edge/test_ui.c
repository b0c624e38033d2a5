#include <stdio.h>
#include <string.h>

#include "kit.h"

#include "livekit_room.pb-c.h"

#define HOST "HTTP/1.1\r\nHost: localhost:6789\r\n"
#define PAGE "X-Stoa-Page: 1\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define BASIC "Authorization: Basic cHJvbTpzOjM=\r\n"

static const struct edge_asset assets[] = {
    {.path = "",
     .content_type = "text/html; charset=utf-8",
     .etag = "W/\"one\"",
     .plain = {(const uint8_t *)"<p>plain", 8},
     .gzip = {(const uint8_t *)"\x1f\x8bsmall", 7}},
    {.path = "assets/a.js",
     .content_type = "text/javascript; charset=utf-8",
     .etag = "W/\"two\"",
     .plain = {(const uint8_t *)"let a", 5},
     .immutable = true},
};

static struct kit kit;
static struct client c;

static int set_up(void **state) {
    kit_init(&kit, state);
    kit.config.pages = assets;
    kit.config.pages_count = ARRAY_LEN(assets);
    kit.config.version = SLICE_LIT("1.2.3");
    kit.config.node = SLICE_LIT("ND_1");
    return 0;
}

static int tear_down(void **state) {
    client_close(&c);
    kit_stop(&kit);
    return 0;
}

static void start(void) {
    kit_start(&kit);
    c = client_open_at(edge_metrics_port(kit.edge), false);
}

/* All of `present`, none of `absent`; the body, unless NULL. */
static void expect(int status, const char *const *present, const char *absent, const char *body) {
    struct answer a = client_answer(&c);
    if (a.status != status) {
        fail_msg("%s %s", a.head, a.body);
    }
    for (; present && *present; present++) {
        if (!answer_has(&a, *present)) {
            fail_msg("no %s in %s", *present, a.head);
        }
    }
    if (absent && strstr(a.head, absent)) {
        fail_msg("%s in %s", absent, a.head);
    }
    if (body) {
        assert_string_equal(a.body, body);
    }
    answer_free(&a);
}

static void files_come_with_what_browsers_need(void **state) {
    start();
    client_put(&c, "GET /ui/ " HOST "\r\n");
    expect(200,
           (const char *const[]){"Content-Type: text/html; charset=utf-8", "Content-Length: 8",
                                 "ETag: W/\"one\"", "Cache-Control: no-cache",
                                 "Vary: Accept-Encoding", "X-Frame-Options: DENY",
                                 "X-Content-Type-Options: nosniff", NULL},
           "Content-Encoding", "<p>plain");
    client_put(&c, "GET /ui/assets/a.js?x=y " HOST "Accept-Encoding: gzip\r\n\r\n");
    expect(200,
           (const char *const[]){"Content-Type: text/javascript; charset=utf-8",
                                 "Cache-Control: private, max-age=31536000, immutable", NULL},
           "Content-Encoding", "let a"); /* this one has no smaller form */
    client_put(&c, "GET /ui " HOST "\r\n");
    expect(301, (const char *const[]){"Location: /ui/", NULL}, NULL, "");
    client_put(&c, "GET /ui/none.js " HOST "\r\n");
    expect(404, NULL, NULL, "There is no such page.\n");
    client_put(&c, "POST /ui/ " HOST "Content-Length: 1\r\n\r\nx");
    expect(405, (const char *const[]){"Allow: GET, HEAD", NULL}, NULL, NULL);
}

/* `host` and `query` of a request for `file`, and what it may talk to then. */
static void expect_policy(const char *file, const char *host, const char *connect) {
    char policy[600];
    snprintf(policy, sizeof(policy),
             "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
             "img-src 'self' data:; connect-src %s; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'\r\n",
             connect);
    client_put(&c, "GET /ui/%s HTTP/1.1\r\nHost: %s\r\n" BASIC "\r\n", file, host);
    struct answer a = client_answer(&c);
    if (!strstr(a.head, policy)) {
        fail_msg("no %s in %s", policy, a.head);
    }
    answer_free(&a);
}

static void the_page_talks_to_its_server_alone(void **state) {
    char own[200], v6[200], with[300];
    kit.config.metrics_user = SLICE_LIT("prom");
    kit.config.metrics_password = SLICE_LIT("s:3");
    start();
    unsigned port = edge_port(kit.edge);
    snprintf(own, sizeof(own), "'self' ws://a.example:%u http://a.example:%u", port, port);
    snprintf(v6, sizeof(v6), "'self' ws://[::1]:%u http://[::1]:%u", port, port);
    expect_policy("", "a.example", own);
    expect_policy("", "a.example:6789", own);
    expect_policy("", "[::1]:6789", v6);
    expect_policy("", "a;script-src", "'self'"); /* a host that says more is not repeated */
    expect_policy("assets/a.js", "a.example", "'self'");
    expect_policy("none", "a.example", "'self'");
    snprintf(with, sizeof(with), "%s wss://b.example:444 https://b.example:444", own);
    expect_policy("?server=wss%3A%2F%2Fb.example%3A444", "a.example", with);
    snprintf(with, sizeof(with), "%s ws://10.0.0.1 http://10.0.0.1", own);
    expect_policy("?server=ws://10.0.0.1", "a.example", with);
    static const char *const bad[] = {"*",        "wss:",          "wss://",     "https://b",
                                      "wss://b/", "wss://b%20*",   "wss://b%3B", "wss://*.b",
                                      "wss://b%", "wss://b%0D%0A", "wss://u@b"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char file[64];
        snprintf(file, sizeof(file), "?server=%s", bad[i]);
        expect_policy(file, "a.example", own);
    }
    char file[400];
    snprintf(file, sizeof(file), "?server=wss://%0300d", 0);
    expect_policy(file, "a.example", own);
}

static void gzip_goes_to_those_who_take_it(void **state) {
    static const struct {
        const char *header;
        bool zipped;
    } rows[] = {
        {"Accept-Encoding: gzip\r\n", true},
        {"Accept-Encoding: br, GZIP ;q=0.5, deflate\r\n", true},
        {"Accept-Encoding: br,deflate\r\n", false},
        {"Accept-Encoding: gzip;q=0\r\n", false},
        {"Accept-Encoding: gzip; q=0.0, br\r\n", false},
        {"Accept-Encoding: gzipped\r\n", false},
        {"Accept-Encoding:\r\n", false},
        {"", false},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, "GET /ui/ " HOST "%s\r\n", rows[i].header);
        struct answer a = client_answer(&c);
        assert_int_equal(a.status, 200);
        assert_int_equal(answer_has(&a, "Content-Encoding: gzip"), rows[i].zipped);
        assert_int_equal(a.body_len, rows[i].zipped ? 7 : 8);
        assert_true(answer_has(&a, "ETag: W/\"one\""));
        answer_free(&a);
    }
}

static void what_a_browser_has_is_not_sent_again(void **state) {
    static const char *const known[] = {"W/\"one\"", "W/\"zero\", W/\"one\"", "*"};
    start();
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        client_put(&c, "GET /ui/ " HOST "Accept-Encoding: gzip\r\nIf-None-Match: %s\r\n\r\n",
                   known[i]);
        struct answer a = client_answer_head_only(&c);
        assert_int_equal(a.status, 304);
        assert_true(answer_has(&a, "ETag: W/\"one\""));
        assert_null(strstr(a.head, "Content-Length"));
        assert_null(strstr(a.head, "Content-Encoding"));
        answer_free(&a);
    }
    client_put(&c, "GET /ui/ " HOST "If-None-Match: W/\"other\"\r\n\r\n");
    expect(200, NULL, NULL, "<p>plain");
}

static void head_says_what_get_would(void **state) {
    start();
    client_put(&c, "HEAD /ui/ " HOST "Accept-Encoding: gzip\r\n\r\n");
    struct answer a = client_answer_head_only(&c);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Length: 7"));
    assert_true(answer_has(&a, "Content-Encoding: gzip"));
    answer_free(&a);
    client_put(&c, "GET /ui/ " HOST "\r\n"); /* and nothing came behind it */
    expect(200, NULL, NULL, "<p>plain");
}

static void without_pages_it_says_so(void **state) {
    kit.config.pages_count = 0;
    start();
    client_put(&c, "GET /ui/ " HOST "\r\n");
    expect(404, NULL, NULL,
           "The pages for operators were not built into this program: it was built without npm "
           "(see docs/OPERATING.md).\n");
    client_put(&c, "GET /anything " HOST "\r\n");
    expect(200,
           (const char *const[]){"Content-Type: text/plain; version=0.0.4; charset=utf-8", NULL},
           NULL, NULL);
}

static void the_public_port_has_no_pages(void **state) {
    start();
    client_close(&c);
    c = client_open(&kit);
    static const char *const paths[] = {"/ui/", "/ui", "/ui/assets/a.js", "/ui/api/status"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        client_put(&c, "GET %s " HOST PAGE "\r\n", paths[i]);
        expect(404, NULL, NULL, "The pages for operators are served by the metrics listener.\n");
    }
    client_put(&c, "POST /ui/api/ListRooms " HOST PAGE JSON_TYPE "Content-Length: 2\r\n\r\n{}");
    expect(404, NULL, NULL, NULL);
    kit_expect_no_message(&kit);
}

static void without_a_password_names_of_others_are_refused(void **state) {
    static const char *const ours[] = {"localhost", "LOCALHOST:6789", "127.0.0.1:6789",
                                       "[::1]:6789", "192.168.1.4"};
    static const char *const theirs[] = {"example.com", "localhost.example.com:6789", "127.0.0.1.x",
                                         "a"};
    start();
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        client_put(&c, "GET /ui/ HTTP/1.1\r\nHost: %s\r\n\r\n", ours[i]);
        expect(200, NULL, NULL, "<p>plain");
    }
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
        client_put(&c, "GET /ui/api/status HTTP/1.1\r\nHost: %s\r\n" PAGE "\r\n", theirs[i]);
        expect(403, NULL, NULL, NULL);
    }
}

static void without_a_password_proxies_are_refused(void **state) {
    static const char *const signs[] = {"X-Forwarded-For: 1.2.3.4", "X-Real-IP: 1.2.3.4",
                                        "Forwarded: for=1.2.3.4", "Via: 1.1 x"};
    start();
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        client_put(&c, "GET /ui/ " HOST "%s\r\n\r\n", signs[i]);
        expect(403, NULL, NULL, NULL);
        client_put(&c, "GET /metrics " HOST "%s\r\n\r\n", signs[i]);
        expect(200, NULL, NULL, NULL);
    }
}

static void with_a_password_it_is_asked_for(void **state) {
    kit.config.metrics_user = SLICE_LIT("prom");
    kit.config.metrics_password = SLICE_LIT("s:3");
    start();
    static const char *const paths[] = {"/ui/", "/ui/api/status", "/ui/none"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        client_put(&c, "GET %s HTTP/1.1\r\nHost: stoa.example.com\r\n" PAGE "\r\n", paths[i]);
        expect(401, (const char *const[]){"WWW-Authenticate: Basic realm=\"Protected Area\"", NULL},
               NULL, NULL);
    }
    client_put(&c, "GET /ui/ HTTP/1.1\r\nHost: stoa.example.com\r\nX-Real-IP: 1.2.3.4\r\n" BASIC
                   "\r\n");
    expect(200, NULL, NULL, "<p>plain");
}

#define SELF "GET /ui/api/status " HOST
static void only_the_pages_themselves_may_ask(void **state) {
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {PAGE, 200},
        {PAGE "Sec-Fetch-Site: same-origin\r\n", 200},
        {PAGE "Sec-Fetch-Site: same-origin\r\nOrigin: https://by.proxy\r\n", 200},
        {PAGE "Origin: http://localhost:6789\r\n", 200},
        {PAGE "Origin: https://LOCALHOST:6789\r\n", 200}, /* a proxy has the TLS */
        {"", 403},
        {"X-Stoa-Page: 2\r\n", 403},
        {PAGE "Sec-Fetch-Site: cross-site\r\n", 403},
        {PAGE "Sec-Fetch-Site: same-site\r\n", 403},
        {PAGE "Sec-Fetch-Site: none\r\n", 403},
        {PAGE "Origin: http://localhost\r\n", 403},
        {PAGE "Origin: http://localhost:6788\r\n", 403},
        {PAGE "Origin: http://evil.example\r\n", 403},
        {PAGE "Origin: null\r\n", 403},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, SELF "%s\r\n", rows[i].headers);
        expect(rows[i].status, NULL, "Access-Control", NULL);
    }
    client_put(&c, "OPTIONS /ui/api/CreateRoom " HOST
                   "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: x-stoa-page\r\n\r\n");
    expect(403, NULL, "Access-Control", NULL);
    client_put(&c, "POST /ui/api/CreateRoom " HOST JSON_TYPE
                   "Origin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}");
    expect(403, NULL, "Access-Control", NULL);
    kit_expect_no_message(&kit);
}

static void status_is_told_without_control(void **state) {
    kit.other_metrics.rooms = 7;
    start();
    client_put(&c, "GET /ui/api/status " HOST PAGE "\r\n");
    struct answer a = client_answer(&c);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Content-Type: application/json"));
    assert_true(answer_has(&a, "Cache-Control: no-store"));
    assert_non_null(strstr(a.body, "{\"version\":\"1.2.3\",\"node\":\"ND_1\",\"now_ms\":"));
    assert_non_null(strstr(a.body, "\"metrics\":{\"rooms\":7,\"participants\":0,"));
    assert_non_null(strstr(a.body, "\"bucket_ms\":[5,10,"));
    assert_non_null(
        strstr(a.body, "{\"method\":\"CreateRoom\",\"sum_us\":0,\"statuses\":[0,0,0],"));
    assert_null(strstr(a.body, "\"memory_bytes\":0"));
    answer_free(&a);
    kit_expect_no_message(&kit);
}

/* ---- tokens for the page that joins ------------------------------------------------------------
 */

#define TOKEN "GET /ui/api/token?room=a%%20b&identity=%%C3%%A9va "

static void in_development_tokens_are_made_here(void **state) {
    kit.config.pages_sign = true;
    start();
    client_put(&c, "GET /ui/api/status " HOST PAGE "\r\n");
    struct answer a = client_answer(&c);
    char port[64];
    snprintf(port, sizeof(port), "\"signal_port\":%u,\"signal_tls\":false,", edge_port(kit.edge));
    assert_non_null(strstr(a.body, port));
    assert_non_null(strstr(a.body, "\"signs_tokens\":true"));
    answer_free(&a);
    client_put(&c, TOKEN HOST PAGE "\r\n");
    a = client_answer(&c);
    assert_int_equal(a.status, 200);
    assert_true(answer_has(&a, "Cache-Control: no-store"));
    char token[2000];
    assert_int_equal(sscanf(a.body, "{\"token\":\"%1999[^\"]", token), 1);
    answer_free(&a);
    client_close(&c);
    c = client_open(&kit); /* the server itself takes it, for that room and nothing else */
    client_put(&c, "GET /rtc/validate?access_token=%s " HOST "\r\n", token);
    struct edge_msg *m = kit_next(&kit, EDGE_VALIDATE);
    const struct claims *claims = m->claims;
    assert_true(slice_eq_cstr(claims->issuer, KIT_KEY));
    assert_true(slice_eq_cstr(claims->identity, "\xc3\xa9va"));
    assert_true(claims->video.room_join && slice_eq_cstr(claims->video.room, "a b"));
    assert_false(claims->video.room_admin || claims->video.room_create || claims->video.room_list);
    assert_true(claims->has_expires && claims->has_not_before);
    assert_int_equal((int)(claims->expires_s - claims->not_before_s), 3600);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_TEXT, SLICE_LIT("success")));
    edge_msg_free(m);
    expect(200, NULL, NULL, "success");
}

static void tokens_want_a_room_and_an_identity(void **state) {
    static const char *const bad[] = {"",
                                      "?room=a",
                                      "?room=&identity=b",
                                      "?identity=b",
                                      "?room=a&identity=",
                                      "?room=%00&identity=b",
                                      "?room=a&identity=%ff"};
    kit.config.pages_sign = true;
    start();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        client_put(&c, "GET /ui/api/token%s " HOST PAGE "\r\n", bad[i]);
        expect(400, NULL, NULL, NULL);
    }
    client_put(&c, "GET /ui/api/token?identity=b&room=%01025d " HOST PAGE "\r\n", 0);
    expect(400, NULL, NULL, NULL);
    client_put(&c, "GET /ui/api/token?identity=b&room=%01024d " HOST PAGE "\r\n", 0);
    expect(200, NULL, NULL, NULL);
}

static void nobody_else_is_given_a_token(void **state) {
    start(); /* not in development */
    client_put(&c, TOKEN HOST PAGE "\r\n");
    expect(403, NULL, NULL,
           "Tokens are made here only in development (--dev), and on this machine.");
    client_put(&c, "GET /ui/api/status " HOST PAGE "\r\n");
    struct answer a = client_answer(&c);
    assert_non_null(strstr(a.body, "\"signs_tokens\":false"));
    answer_free(&a);
    client_close(&c);
    kit_stop(&kit);

    kit_init(&kit, state);
    kit.config.pages_sign = true;
    kit.config.metrics_user = SLICE_LIT("prom");
    kit.config.metrics_password = SLICE_LIT("s:3");
    start(); /* the password lets pages be seen from elsewhere; a token is for this machine */
    static const char *const elsewhere[] = {"Host: localhost\r\nX-Forwarded-For: 1.2.3.4\r\n",
                                            "Host: localhost\r\nVia: 1.1 x\r\n",
                                            "Host: stoa.example.com\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        client_put(&c, TOKEN "HTTP/1.1\r\n%s" PAGE BASIC "\r\n", elsewhere[i]);
        expect(403, NULL, NULL, NULL);
    }
    client_put(&c, TOKEN HOST PAGE "\r\n");
    expect(401, NULL, NULL, NULL);
    client_put(&c, TOKEN HOST BASIC "\r\n"); /* another site's form */
    expect(403, NULL, NULL, NULL);
    client_put(&c, TOKEN HOST PAGE BASIC "Sec-Fetch-Site: cross-site\r\n\r\n");
    expect(403, NULL, NULL, NULL);
    client_put(&c, TOKEN HOST PAGE BASIC "\r\n");
    expect(200, NULL, NULL, NULL);
    client_close(&c);
    c = client_open(&kit);
    client_put(&c, TOKEN HOST PAGE "\r\n"); /* nor on the public port */
    expect(404, NULL, NULL, NULL);
}

static void lists_are_asked_of_control(void **state) {
    start();
    client_put(&c, "GET /ui/api/rooms?prefix=a%%20b&from=12&limit=5 " HOST PAGE "\r\n");
    struct edge_msg *m = kit_next(&kit, EDGE_PAGE);
    assert_false(m->page.of_room);
    assert_true(slice_eq_cstr(m->page.prefix, "a b"));
    assert_int_equal(m->page.from, 12);
    assert_int_equal(m->page.limit, 5);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    edge_msg_free(m);
    expect(200, (const char *const[]){"Cache-Control: no-store", NULL}, NULL, "{}");
    client_put(&c, "GET /ui/api/room?room=%%C3%%A9 " HOST PAGE "\r\n");
    m = kit_next(&kit, EDGE_PAGE);
    assert_true(m->page.of_room);
    assert_true(slice_eq_cstr(m->page.room, "\xc3\xa9"));
    assert_int_equal(m->page.from, 0);
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    edge_msg_free(m);
    expect(200, NULL, NULL, "{}");
    static const char *const bad[] = {"rooms?from=x",     "rooms?from=4294967296", "rooms?limit=-1",
                                      "rooms?prefix=%00", "room?room=%ff",         "room?room=%"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        client_put(&c, "GET /ui/api/%s " HOST PAGE "\r\n", bad[i]);
        expect(400, NULL, NULL, NULL);
    }
    kit_expect_no_message(&kit);
}

static void calls_have_every_right_in_their_room(void **state) {
    start();
    client_put(&c, "POST /ui/api/RemoveParticipant " HOST PAGE JSON_TYPE
                   "Content-Length: 29\r\n\r\n{\"room\":\"r\",\"identity\":\"ann\"}");
    struct edge_msg *m = kit_next(&kit, EDGE_API);
    assert_int_equal(m->method->op, API_REMOVE_PARTICIPANT);
    assert_int_equal(m->coding, API_JSON);
    const Livekit__RoomParticipantIdentity *request = (const void *)m->request;
    assert_string_equal(request->identity, "ann");
    const struct video_grant *g = &m->claims->video;
    assert_true(m->claims->has_video && g->room_admin && g->room_create && g->room_list);
    assert_true(slice_eq_cstr(g->room, "r"));
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    edge_msg_free(m);
    expect(200, NULL, NULL, "{}");
    /* What operators do is no load that they are shown. */
    assert_int_equal(kit_metric(&kit,
                                "livekit_node_twirp_request_status{service=\"RoomService\",method="
                                "\"RemoveParticipant\",status=\"200\",code=\"\"}"),
                     0);
}

static void calls_that_are_none_are_refused(void **state) {
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"POST /ui/api/Nope " HOST PAGE JSON_TYPE "Content-Length: 2\r\n\r\n{}", 404},
        {"POST /ui/api/../rtc " HOST PAGE JSON_TYPE "Content-Length: 2\r\n\r\n{}", 404},
        {"GET /ui/api/ListRooms " HOST PAGE "\r\n", 404},
        {"DELETE /ui/api/status " HOST PAGE "\r\n", 405},
        {"POST /ui/api/ListRooms " HOST PAGE "Content-Length: 2\r\n\r\n{}", 415},
        {"POST /ui/api/ListRooms " HOST PAGE "Content-Type: text/plain\r\nContent-Length: "
         "2\r\n\r\n{}",
         415},
        {"POST /ui/api/ListRooms " HOST PAGE
         "Content-Type: application/protobuf\r\nContent-Length: 2\r\n\r\n{}",
         415},
        {"POST /ui/api/ListRooms " HOST PAGE JSON_TYPE "Content-Length: 1\r\n\r\n{", 400},
    };
    start();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&c, "%s", rows[i].request);
        expect(rows[i].status, NULL, NULL, NULL);
    }
    char name[400];
    memset(name, 'a', sizeof(name));
    client_put(&c, "POST /ui/api/%.*s " HOST PAGE JSON_TYPE "Content-Length: 2\r\n\r\n{}",
               (int)sizeof(name), name);
    expect(404, NULL, NULL, NULL);
    kit_expect_no_message(&kit);
    client_put(&c, "POST /ui/api/ListRooms " HOST PAGE JSON_TYPE "Content-Length: 9999999\r\n\r\n");
    expect(413, NULL, NULL, NULL); /* and the connection ends, since the rest is not read */
    client_expect_end(&c);
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_come_with_what_browsers_need),
        TEST(the_page_talks_to_its_server_alone),
        TEST(gzip_goes_to_those_who_take_it),
        TEST(what_a_browser_has_is_not_sent_again),
        TEST(head_says_what_get_would),
        TEST(without_pages_it_says_so),
        TEST(the_public_port_has_no_pages),
        TEST(without_a_password_names_of_others_are_refused),
        TEST(without_a_password_proxies_are_refused),
        TEST(with_a_password_it_is_asked_for),
        TEST(only_the_pages_themselves_may_ask),
        TEST(status_is_told_without_control),
        TEST(in_development_tokens_are_made_here),
        TEST(tokens_want_a_room_and_an_identity),
        TEST(nobody_else_is_given_a_token),
        TEST(lists_are_asked_of_control),
        TEST(calls_have_every_right_in_their_room),
        TEST(calls_that_are_none_are_refused),
    };
    return cmocka_run_group_tests_name("edge_ui", tests, NULL, NULL);
}
