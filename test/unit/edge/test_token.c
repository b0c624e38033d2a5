#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kit.h"

#define INVALID "invalid authorization token"
#define HS256 "{\"alg\":\"HS256\"}"

static struct kit kit;
static struct client c;

static int set_up(void **state) {
    kit_init(&kit, state);
    kit_start(&kit);
    edge_set_ready(kit.edge, true, clock_wall_ms());
    c = client_open(&kit);
    return 0;
}

static int tear_down(void **state) {
    client_close(&c);
    kit_stop(&kit);
    return 0;
}

static void expect_refusal(const char *authorization, const char *text) {
    static const char *const paths[] = {"/", "/nowhere", "/rtc",
                                        "/twirp/livekit.Egress/ListEgress"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        client_put(&c, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n", paths[i],
                   authorization);
        struct answer a = client_answer(&c);
        assert_string_equal(a.body, text);
        assert_int_equal(a.status, 401);
        assert_true(answer_has(&a, "Content-Type: text/plain; charset=utf-8"));
        answer_free(&a);
    }
}

static void expect_token_refusal(const char *header, const char *payload, const char *secret,
                                 const char *text) {
    char *token = kit_token_with(header, payload, secret), bearer[1024];
    snprintf(bearer, sizeof(bearer), "Bearer %s", token);
    free(token);
    expect_refusal(bearer, text);
}

static void refusals_have_the_references_texts(void **state) {
    static const struct {
        const char *header, *payload, *secret, *text;
    } rows[] = {
        {HS256, "[]", KIT_SECRET, INVALID},
        {HS256, "{\"iss\":5,\"exp\":1}", KIT_SECRET, INVALID},
        {"{}", KIT_ADMIN, KIT_SECRET, INVALID},
        {HS256, "{\"exp\":4102444800}", KIT_SECRET, "invalid API key"},
        {HS256, "{\"iss\":\"other\",\"exp\":1}", KIT_SECRET, "invalid API key"},
        {HS256, "{\"video\":5,\"iss\":\"other\"}", KIT_SECRET, "invalid API key"},
        {HS256, "{\"video\":5,\"iss\":\"devkey\"}", "wrong",
         INVALID ": token is malformed: could not JSON decode claim: video is not an object"},
        {HS256, "{\"iss\":\"devkey\",\"sub\":\"a\\u0000b\",\"exp\":4102444800}", KIT_SECRET,
         INVALID},
        {"{\"alg\":\"HS512\"}", KIT_ADMIN, KIT_SECRET,
         INVALID ": token signature is invalid: signing method HS512 is invalid"},
        {"{\"alg\":\"none\"}", KIT_ADMIN, KIT_SECRET,
         INVALID ": token signature is invalid: signing method none is invalid"},
        {HS256, KIT_ADMIN, "wrong", INVALID ": token signature is invalid: signature is invalid"},
        {HS256, "{\"iss\":\"devkey\",\"exp\":1}", KIT_SECRET,
         INVALID ": token has invalid claims: token is expired"},
        {HS256, "{\"iss\":\"devkey\",\"exp\":4102444800,\"nbf\":4102444700}", KIT_SECRET,
         INVALID ": token has invalid claims: token is not valid yet"},
        {HS256, "{\"iss\":\"devkey\"}", KIT_SECRET,
         INVALID ": token has invalid claims: token is missing required claim: exp claim is "
                 "required"},
        {HS256, "{\"iss\":\"devkey\",\"exp\":1,\"nbf\":4102444700}", KIT_SECRET,
         INVALID ": token has invalid claims: token is expired, token is not valid yet"},
        {HS256, "{\"iss\":\"devkey\",\"nbf\":4102444700}", KIT_SECRET,
         INVALID ": token has invalid claims: token is missing required claim: exp claim is "
                 "required, token is not valid yet"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_token_refusal(rows[i].header, rows[i].payload, rows[i].secret, rows[i].text);
    }
    expect_refusal("Bearer garbage", INVALID);
    expect_refusal("Bearer a.b.c", INVALID);
    expect_refusal("bearer x", "invalid authorization header. Must start with Bearer ");
    expect_refusal("Basic x", "invalid authorization header. Must start with Bearer ");
    expect_refusal("Bearerx", "invalid authorization header. Must start with Bearer ");
    assert_int_equal(kit_metric(&kit, "stoa_edge_refused_total{reason=\"bad_token\"}"),
                     4 * (ARRAY_LEN(rows) + 5));
    client_put(&c, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \r\n\r\n"
                   "GET / HTTP/1.1\r\nHost: a\r\nAuthorization:\r\n\r\n");
    expect_answer(&c, 200, "OK"); /* nobody, which is somebody else than a liar */
    expect_answer(&c, 200, "OK");
}

static void expect_validate(bool allowed) {
    if (!allowed) {
        expect_answer(&c, 401, "no permissions to access the room");
        return;
    }
    struct edge_msg *m = kit_next(&kit, EDGE_VALIDATE);
    assert_true(slice_eq_cstr(m->claims->identity, "me"));
    assert_true(edge_reply(kit.edge, m->conn, 200, EDGE_BODY_TEXT, SLICE_LIT("success")));
    edge_msg_free(m);
    expect_answer(&c, 200, "success");
}

static void the_query_may_hold_the_token(void **state) {
    char *token = kit_token(KIT_ADMIN);
    client_put(&c, "GET /rtc/validate?access_token=%s HTTP/1.1\r\nHost: a\r\n\r\n", token);
    expect_validate(true);
    client_put(&c, "GET /rtc/validate?%%zz=1&a=%%z&access%%5ftoken=%s HTTP/1.1\r\nHost: a\r\n\r\n",
               token);
    expect_validate(true); /* broken pairs are passed over */
    client_put(&c, "GET /rtc/validate?access_token=&access_token=%s HTTP/1.1\r\nHost: a\r\n\r\n",
               token);
    expect_validate(false); /* the first one counts */
    client_put(&c, "GET /rtc/validate?access_token=x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&c, 401, INVALID);
    client_put(&c,
               "GET /rtc/validate?access_token=x HTTP/1.1\r\nHost: a\r\n"
               "Authorization: Bearer %s\r\n\r\n",
               token);
    expect_validate(true); /* the header wins */
    free(token);
}

static void put_form(const char *query, const char *type, const char *body) {
    client_put(&c,
               "POST /rtc/validate?sdk=js%s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n"
               "Content-Length: %zu\r\n\r\n%s",
               query, type, strlen(body), body);
}

static void a_form_may_hold_the_token_and_wins(void **state) {
    static const char form[] = "application/x-www-form-urlencoded";
    char *token = kit_token(KIT_ADMIN), body[1024], query[1024];
    snprintf(body, sizeof(body), "a=b&access_token=%s&c=d", token);
    snprintf(query, sizeof(query), "&access_token=%s", token);
    put_form("", form, body);
    expect_validate(true);
    put_form("&access_token=x", "Application/X-WWW-Form-URLencoded; charset=utf-8", body);
    expect_validate(true);
    put_form(query, form, "access_token=x");
    expect_answer(&c, 401, INVALID);
    put_form(query, form, "access_token=");
    expect_validate(false);
    put_form(query, form, "a=b");
    expect_validate(true);
    put_form(query, form, "");
    expect_validate(true);
    put_form("", "text/plain", body);
    expect_validate(false);
    client_put(&c,
               "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\nContent-Type: "
               "%s\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
               form, strlen(body), body);
    expect_answer(&c, 404,
                  "{\"code\":\"bad_route\",\"msg\":\"unexpected Content-Type: "
                  "\\\"application/x-www-form-urlencoded\\\"\",\"meta\":{\"twirp_invalid_route\":"
                  "\"POST /twirp/livekit.RoomService/ListRooms\"}}");
    free(token);
}

static struct edge_key key_of(const char *key, const char *secret) {
    return (struct edge_key){slice_from_cstr(key), slice_from_cstr(secret)};
}

static void expect_valid(const char *secret, bool valid) {
    char *token = kit_token_with(HS256, KIT_ADMIN, secret);
    client_put(&c, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", token);
    expect_answer(&c, valid ? 200 : 401, NULL);
    free(token);
}

static void keys_are_replaced_as_a_whole(void **state) {
    expect_valid(KIT_SECRET, true);
    char name[] = KIT_KEY, secret[] = "another";
    struct edge_key changed[] = {key_of("other", "x"), key_of(name, secret)};
    assert_int_equal(edge_set_keys(kit.edge, changed, 2), STATUS_OK);
    name[0] = secret[0] = '?'; /* copied */
    expect_valid("another", true);
    expect_valid(KIT_SECRET, false);
    assert_int_equal(edge_set_keys(kit.edge, changed, 0), STATUS_INVALID);
    expect_valid("another", true);
    struct edge_key back = key_of(KIT_KEY, KIT_SECRET), gone = key_of("other", "x");
    assert_int_equal(edge_set_keys(kit.edge, &back, 1), STATUS_OK); /* never looked at */
    assert_int_equal(edge_set_keys(kit.edge, &gone, 1), STATUS_OK);
    expect_token_refusal(HS256, KIT_ADMIN, KIT_SECRET, "invalid API key");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_replaced_as_a_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_have_the_references_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_query_may_hold_the_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_form_may_hold_the_token_and_wins, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("edge_token", tests, NULL, NULL);
}
