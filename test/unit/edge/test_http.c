#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kit.h"
#include "livekit_room.pb-c.h"

#define LIST "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"

/* One call of the API, with two bytes of body. */
#define CALL LIST JSON_TYPE "Content-Length: 2\r\n\r\n{}"

struct fixture {
    struct kit kit;
    struct client c;
};

static int set_up(void **state) {
    static struct fixture f;
    kit_init(&f.kit, state);
    kit_start(&f.kit);
    f.c = client_open(&f.kit);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    client_close(&f->c);
    kit_stop(&f->kit);
    return 0;
}

static void a_call_reaches_control_decoded(void **state) {
    struct fixture *f = *state;
    char *token = kit_token(KIT_ADMIN);
    client_put(&f->c,
               LIST JSON_TYPE "Authorization: Bearer %s\r\nContent-Length: 19\r\n\r\n"
                              "{\"names\":[\"a\",\"b\"]}",
               token);
    free(token);
    struct edge_msg *m = kit_next(&f->kit, EDGE_API);
    assert_int_equal(m->method->op, API_LIST_ROOMS);
    assert_int_equal(m->coding, API_JSON);
    const Livekit__ListRoomsRequest *r = (const Livekit__ListRoomsRequest *)m->request;
    assert_int_equal(r->n_names, 2);
    assert_string_equal(r->names[1], "b");
    assert_true(m->claims->video.room_list);
    assert_true(slice_eq_cstr(m->claims->identity, "me"));
    assert_true(edge_reply(f->kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{\"rooms\":[]}")));
    edge_msg_free(m);
    struct answer a = client_answer(&f->c);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"rooms\":[]}");
    assert_true(answer_has(&a, "Content-Type: application/json"));
    assert_true(answer_has(&a, "Connection: keep-alive"));
    answer_free(&a);
}

static void protobuf_and_errors_of_control_pass_through(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, LIST "Content-Type: application/protobuf; x=y\r\nContent-Length: 0\r\n\r\n");
    struct edge_msg *m = kit_next(&f->kit, EDGE_API);
    assert_int_equal(m->coding, API_PROTOBUF);
    assert_null(m->claims);
    static const char error[] = "{\"code\":\"not_found\",\"msg\":\"x\"}";
    assert_true(edge_reply(f->kit.edge, m->conn, 404, EDGE_BODY_JSON, slice_from_cstr(error)));
    edge_msg_free(m);
    expect_answer(&f->c, 404, error);
    assert_int_equal(kit_metric(&f->kit,
                                "livekit_node_twirp_request_status{service=\"RoomService\",method="
                                "\"ListRooms\",status=\"4xx\",code=\"not_found\"}"),
                     1);
}

static void many_pipelined_requests_are_answered_in_order(void **state) {
    struct fixture *f = *state;
    enum { REQUESTS = 200 };
    static char all[REQUESTS * 160];
    size_t len = 0;
    for (int i = 0; i < REQUESTS; i++) {
        const char *text = i % 2 ? CALL : "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        memcpy(all + len, text, strlen(text));
        len += strlen(text);
    }
    client_send(&f->c, all, len);
    for (int i = 0; i < REQUESTS; i++) {
        if (i % 2) {
            char body[32];
            snprintf(body, sizeof(body), "{\"n\":%d}", i);
            kit_answer_call(&f->kit, body);
            expect_answer(&f->c, 200, body);
        } else {
            expect_answer(&f->c, 406, NULL); /* control never said that it is ready */
        }
    }
    kit_expect_no_message(&f->kit);
}

static void a_large_answer_leaves_before_the_next_request_is_taken(void **state) {
    struct fixture *f = *state;
    enum { LARGE = 9 << 20 };
    char *large = malloc(LARGE);
    memset(large, 'x', LARGE);
    client_put(&f->c, CALL CALL "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        struct edge_msg *m = kit_next(&f->kit, EDGE_API);
        assert_true(edge_reply(f->kit.edge, m->conn, 200, EDGE_BODY_JSON, slice_of(large, LARGE)));
        edge_msg_free(m);
        struct answer a = client_answer(&f->c);
        assert_int_equal(a.body_len, LARGE);
        assert_memory_equal(a.body, large, LARGE);
        answer_free(&a);
    }
    expect_answer(&f->c, 404, "404 page not found\n");
    free(large);
}

static void a_request_may_be_cut_anywhere(void **state) {
    struct fixture *f = *state;
    static const char *const texts[] = {
        CALL,
        LIST JSON_TYPE
        "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\nT: v\r\n\r\n",
    };
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        size_t len = strlen(texts[t]);
        for (size_t cut = 1; cut < len; cut++) {
            client_send(&f->c, texts[t], cut);
            if (cut % 16 == 0) {
                client_expect_silence(&f->c, 1); /* the server has surely read the first part */
            }
            client_send(&f->c, texts[t] + cut, len - cut);
            kit_answer_call(&f->kit, "{}");
            expect_answer(&f->c, 200, "{}");
        }
    }
}

static void a_request_may_come_byte_by_byte(void **state) {
    struct fixture *f = *state;
    static const char text[] =
        LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    for (size_t i = 0; i < strlen(text); i++) {
        client_send(&f->c, text + i, 1);
    }
    kit_answer_call(&f->kit, "{}");
    expect_answer(&f->c, 200, "{}");
}

static void chunked_bodies_have_the_limit_of_others(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n200000\r\n{");
    struct answer a = client_answer(&f->c);
    assert_int_equal(a.status, 400);
    assert_string_equal(
        a.body, "{\"code\":\"malformed\",\"msg\":\"the json request could not be decoded\"}");
    assert_true(answer_has(&a, "Connection: close"));
    answer_free(&a);
    client_expect_end(&f->c);
    f->c = client_open(&f->kit);
    client_put(&f->c, LIST JSON_TYPE "Content-Length: 1048577\r\n\r\n");
    expect_answer(&f->c, 413, "request body too large");
    client_expect_end(&f->c);
    assert_int_equal(kit_metric(&f->kit, "stoa_edge_refused_total{reason=\"body_too_large\"}"), 2);
    f->c = client_open(&f->kit);
    client_put(&f->c, LIST JSON_TYPE "Content-Length: 10737418240\r\n\r\n");
    expect_answer(&f->c, 413, "request body too large");
    client_expect_end(&f->c);
    f->c = client_open(&f->kit);
}

/* What is left of a body is never read as a request. */
static void an_early_answer_closes_over_an_unread_body(void **state) {
    struct fixture *f = *state;
    static const char *const heads[] = {
        "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        LIST "Authorization: basic x\r\n" JSON_TYPE "Content-Length: 200\r\n\r\n",
        "GET /rtc/validate HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n",
        ("OPTIONS / HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: GET\r\n"
         "Content-Length: 200\r\n\r\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct client c = client_open(&f->kit);
        client_put(&c, "%sGET / HTTP/1.1\r\nHost: a\r\n\r\n", heads[i]);
        struct answer a = client_answer(&c);
        assert_true(a.status != 406);
        assert_true(answer_has(&a, "Connection: close"));
        answer_free(&a);
        assert_false(client_more(&c));
        client_close(&c);
    }
}

static void a_body_that_is_in_is_dropped_with_its_head(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n"
                      "GET /smuggled HTTP/1.1\r\nA: b\r\n"
                      "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&f->c, 404, "404 page not found\n");
    expect_answer(&f->c, 406, NULL);
    client_expect_silence(&f->c, 20);
}

static void what_cannot_be_framed_is_refused_and_closed(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400},
        {LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {LIST JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n", 400},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct client c = client_open(&f->kit);
        client_put(&c, "%s", bad[i].text);
        struct answer a = client_answer(&c);
        assert_int_equal(a.status, bad[i].status);
        assert_true(answer_has(&a, "Connection: close"));
        answer_free(&a);
        client_expect_end(&c);
    }
    kit_expect_no_message(&f->kit);
}

static void connections_are_kept_as_asked(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct answer a = client_answer(&f->c);
    assert_true(answer_has(&a, "Connection: keep-alive"));
    answer_free(&a);
    client_put(&f->c, "GET / HTTP/1.0\r\n\r\n");
    a = client_answer(&f->c);
    assert_true(answer_has(&a, "Connection: close"));
    answer_free(&a);
    client_expect_end(&f->c);
    f->c = client_open(&f->kit);
    client_put(&f->c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" CALL);
    expect_answer(&f->c, 406, NULL);
    client_expect_end(&f->c);
    kit_expect_no_message(&f->kit);
    f->c = client_open(&f->kit);
    edge_set_draining(f->kit.edge);
    client_put(&f->c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    a = client_answer(&f->c);
    assert_true(answer_has(&a, "Connection: close"));
    answer_free(&a);
}

static void head_has_no_body(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, "HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"
                      "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct answer a = client_answer_head_only(&f->c);
    assert_int_equal(a.status, 404);
    assert_true(answer_has(&a, "Content-Length: 19"));
    answer_free(&a);
    a = client_answer_head_only(&f->c);
    assert_int_equal(a.status, 406);
    answer_free(&a);
    client_expect_silence(&f->c, 20);
}

static void expect_continue_is_answered_when_the_body_is_wanted(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, LIST JSON_TYPE "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    struct answer a = client_answer(&f->c);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    client_put(&f->c, "{}");
    kit_answer_call(&f->kit, "{}");
    expect_answer(&f->c, 200, "{}");
    client_put(&f->c, "POST /nowhere HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 2\r\n\r\n");
    expect_answer(&f->c, 404, NULL); /* no 100: nobody wants that body */
    client_expect_end(&f->c);
    f->c = client_open(&f->kit);
}

/* Who has said all it has to say still gets its answers. */
static void a_half_closed_client_gets_its_answers(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, CALL CALL);
    shutdown(f->c.fd, SHUT_WR);
    for (int i = 0; i < 2; i++) {
        struct edge_msg *m = kit_next(&f->kit, EDGE_API);
        client_expect_silence(&f->c, 20);
        assert_true(edge_reply(f->kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
        edge_msg_free(m);
        expect_answer(&f->c, 200, "{}");
    }
    assert_false(client_more(&f->c));
}

static void answers_to_those_who_left_are_dropped(void **state) {
    struct fixture *f = *state;
    client_put(&f->c, CALL);
    struct edge_msg *m = kit_next(&f->kit, EDGE_API);
    uint64_t handle = m->conn;
    edge_msg_free(m);
    struct linger reset = {.l_onoff = 1};
    setsockopt(f->c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client_close(&f->c);
    f->c = client_open(&f->kit);
    client_put(&f->c, CALL);
    m = kit_next(&f->kit, EDGE_API);
    assert_true(m->conn != handle);
    assert_true(edge_reply(f->kit.edge, handle, 200, EDGE_BODY_JSON, SLICE_LIT("{\"old\":1}")));
    assert_true(edge_upgrade(f->kit.edge, handle));
    assert_true(edge_send(f->kit.edge, handle, SLICE_LIT("x")));
    assert_true(edge_close(f->kit.edge, handle, 1000));
    assert_true(edge_upgrade(f->kit.edge, m->conn)); /* no join: means nothing */
    assert_true(edge_reply(f->kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("{}")));
    assert_true(edge_reply(f->kit.edge, m->conn, 200, EDGE_BODY_JSON, SLICE_LIT("twice")));
    edge_msg_free(m);
    expect_answer(&f->c, 200, "{}");
    client_expect_silence(&f->c, 20);
}

/* The value of X-Request-Id; freed by the caller. */
static char *answered_id(struct fixture *f) {
    kit_answer_call(&f->kit, "{}");
    struct answer a = client_answer(&f->c);
    const char *at = strstr(a.head, "\r\nX-Request-Id: ");
    assert_non_null(at);
    at += strlen("\r\nX-Request-Id: ");
    char *id = strndup(at, (size_t)(strchr(at, '\r') - at));
    answer_free(&a);
    return id;
}

static void answers_carry_the_id_of_their_request(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *headers, *id; /* NULL: one of ours */
    } rows[] = {
        {"X-Request-Id: abc-1_2.3:/+=@\r\n", "abc-1_2.3:/+=@"},
        {"X-Livekit-Request-Id: 7d\r\n", "7d"},
        {"X-Livekit-Request-Id: 7d\r\nX-Request-Id: first\r\n", "first"},
        {"X-Livekit-Request-Id: 7d\r\nX-Request-Id: a b\r\n", "7d"},
        {"X-Request-Id:\r\n", NULL},
        {"X-Request-Id: \"quoted\"\r\n", NULL},
        {"X-Request-Id: gr\xc3\xbc\xc3\x9f\r\n", NULL},
        {"X-Request-Id: "
         "0123456789012345678901234567890123456789012345678901234567890123\r\n",
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"X-Request-Id: "
         "01234567890123456789012345678901234567890123456789012345678901234\r\n",
         NULL},
        {"", NULL},
    };
    char *before = strdup("");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        client_put(&f->c, LIST JSON_TYPE "%sContent-Length: 2\r\n\r\n{}", rows[i].headers);
        char *id = answered_id(f);
        if (rows[i].id) {
            assert_string_equal(id, rows[i].id);
        } else {
            assert_memory_equal(id, "RQ_", 3);
            assert_string_not_equal(id, before);
        }
        free(before);
        before = id;
    }
    free(before);
    client_put(&f->c, "GET /rtc/validate HTTP/1.1\r\nHost: a\r\nX-Request-Id: x\r\n\r\n"
                      "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: x\r\n\r\n");
    struct answer refused = client_answer(&f->c), health = client_answer(&f->c);
    assert_true(answer_has(&refused, "X-Request-Id: x"));
    assert_false(answer_has(&health, "X-Request-Id: x"));
    answer_free(&refused);
    answer_free(&health);
}

int main(void) {
    static bool plain = false, tls = true;
#define BOTH(test)                                                                                 \
    {#test, test, set_up, tear_down, &plain}, {                                                    \
#test "_over_tls", test, set_up, tear_down, &tls                                           \
    }
    const struct CMUnitTest tests[] = {
        BOTH(a_call_reaches_control_decoded),
        BOTH(protobuf_and_errors_of_control_pass_through),
        BOTH(many_pipelined_requests_are_answered_in_order),
        BOTH(a_large_answer_leaves_before_the_next_request_is_taken),
        BOTH(a_request_may_be_cut_anywhere),
        BOTH(a_request_may_come_byte_by_byte),
        BOTH(chunked_bodies_have_the_limit_of_others),
        BOTH(an_early_answer_closes_over_an_unread_body),
        BOTH(a_body_that_is_in_is_dropped_with_its_head),
        BOTH(what_cannot_be_framed_is_refused_and_closed),
        BOTH(connections_are_kept_as_asked),
        BOTH(head_has_no_body),
        BOTH(expect_continue_is_answered_when_the_body_is_wanted),
        {"a_half_closed_client_gets_its_answers", a_half_closed_client_gets_its_answers, set_up,
         tear_down, &plain}, /* TLS ends in both directions */
        BOTH(answers_to_those_who_left_are_dropped),
        BOTH(answers_carry_the_id_of_their_request),
    };
    return cmocka_run_group_tests_name("edge_http", tests, NULL, NULL);
}
