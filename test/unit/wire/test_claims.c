/* Tokens: splitting, claims, times, grants, and claims written back. */
#include "wire_test.h"

#include "base64.h"
#include "caps.h"
#include "claims.h"
#include "mem.h"

static struct arena arena;

static int set_up(void **state) {
    arena_init(&arena, 4 << 20);
    return 0;
}

static int tear_down(void **state) {
    arena_deinit(&arena);
    return 0;
}

static struct claims read_ok(const char *payload) {
    struct claims c;
    const char *reason = "";
    enum status s = claims_read(slice_from_cstr(payload), &arena, &c, &reason);
    if (s != STATUS_OK) {
        print_error("%s: %s\n", payload, reason);
    }
    assert_int_equal(s, STATUS_OK);
    return c;
}

static void all_claims_are_read(void **state) {
    struct claims c = read_ok(
        "{\"iss\":\"APIkey\",\"sub\":\"alice\",\"jti\":\"old\",\"identity\":\"other\","
        "\"exp\":1700000600.5,\"nbf\":1700000000,\"iat\":\"whatever\",\"aud\":[1],"
        "\"name\":\"Al\\u0069ce\",\"kind\":\"SIP\",\"kindDetails\":[\"forwarded\",\"new\","
        "\"Simulation\"],"
        "\"metadata\":\"{\\\"a\\\":1}\",\"attributes\":{\"k\":\"v\",\"\":\"e\"},"
        "\"video\":{\"room\":\"lobby\",\"roomJoin\":true,\"canPublish\":false,\"hidden\":true,"
        "\"canPublishSources\":[\"camera\",\"SCREEN_share\",\"smell\"],\"destinationRoom\":\"d\"},"
        "\"sip\":{\"admin\":true,\"call\":false,\"x\":[]},\"agent\":{\"admin\":true},"
        "\"roomConfig\" : { \"name\" : \"x\",\"agents\":[{}] } ,\"roomPreset\":\"p\","
        "\"sha256\":\"hash\",\"unknown\":{\"deep\":[1,2,{\"a\":null}]}}\n");
    assert_slice(c.issuer, "APIkey");
    assert_slice(c.identity, "alice");
    assert_slice(c.name, "Alice");
    assert_slice(c.metadata, "{\"a\":1}");
    assert_int_equal(c.kind, KIND_SIP);
    assert_int_equal(c.kind_details, BIT(1) | BIT(5));
    assert_int_equal(c.attributes_count, 2);
    assert_slice(c.attributes[0].key, "k");
    assert_slice(c.attributes[0].value, "v");
    assert_slice(c.attributes[1].value, "e");
    assert_true(c.has_expires && c.expires_s > 1700000600.4 && c.expires_s < 1700000600.6);
    assert_true(c.has_not_before && c.has_video);
    assert_slice(c.video.room, "lobby");
    assert_slice(c.video.destination_room, "d");
    assert_true(c.video.room_join && c.video.hidden && !c.video.room_admin);
    assert_int_equal(c.video.can_publish, TRI_FALSE);
    assert_int_equal(c.video.can_subscribe, TRI_ABSENT);
    assert_int_equal(c.video.can_publish_sources_count, 3);
    assert_int_equal(c.video.can_publish_sources, BIT(0) | BIT(1) | BIT(3));
    assert_true(c.sip_admin && !c.sip_call);
    assert_slice(c.room_config, "{ \"name\" : \"x\",\"agents\":[{}] }");
    assert_slice(c.room_preset, "p");
    assert_slice(c.sha256, "hash");
}

static void names_match_in_any_case(void **state) {
    struct claims c = read_ok("{\"ISS\":\"k\",\"Sub\":\"a\",\"VIDEO\":{\"ROOMJOIN\":true,"
                              "\"CanPublishdata\":true},\"KindDetails\":[\"CLOUD_AGENT\"]}");
    assert_slice(c.issuer, "k");
    assert_slice(c.identity, "a");
    assert_true(c.video.room_join && c.video.can_publish_data == TRI_TRUE);
    assert_int_equal(c.kind_details, BIT(0));
}

static void absent_and_null_claims_keep_their_defaults(void **state) {
    static const char *const rows[] = {
        "{}",
        "{\"iss\":null,\"sub\":null,\"jti\":null,\"exp\":null,\"nbf\":null,\"kind\":null,"
        "\"kindDetails\":null,\"attributes\":null,\"video\":null,\"sip\":null,\"roomConfig\":null,"
        "\"name\":null,\"metadata\":null,\"agent\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct claims c = read_ok(rows[i]);
        struct claims zero = {0};
        assert_int_equal(c.issuer.len + c.identity.len + c.name.len + c.room_config.len, 0);
        assert_true(!c.has_expires && !c.has_not_before && !c.has_video);
        assert_int_equal(c.kind, zero.kind);
        assert_int_equal(c.attributes_count + c.kind_details, 0);
    }
    struct claims c =
        read_ok("{\"video\":{\"canPublish\":null,\"room\":null,\"canPublishSources\":[]}}");
    assert_true(c.has_video && c.video.can_publish == TRI_ABSENT);
    assert_int_equal(c.video.can_publish_sources_count, 0);
    assert_slice(read_ok("{\"sub\":\"\",\"jti\":\"j\"}").identity, "j");
    assert_slice(read_ok("{\"identity\":\"i\"}").identity, "");
    assert_int_equal(read_ok("{\"kind\":\"robot\"}").kind, KIND_STANDARD);
    assert_int_equal(read_ok("{\"kind\":\"Bridge\"}").kind, KIND_BRIDGE);
}

#define ROW(text, reason)                                                                          \
    { {(const uint8_t *)("" text), sizeof(text) - 1}, reason }
static const struct {
    struct slice text;
    const char *reason; /* a part of it */
} bad_payloads[] = {
    ROW("{\"iss\":1}", "iss"),
    ROW("{\"sub\":{}}", "sub"),
    ROW("{\"jti\":[\"a\"]}", "jti"),
    ROW("{\"identity\":5}", "identity"),
    ROW("{\"exp\":\"1700000000\"}", "exp"),
    ROW("{\"exp\":true}", "exp"),
    ROW("{\"exp\":1e999}", "exp"),
    ROW("{\"nbf\":[]}", "nbf"),
    ROW("{\"name\":false}", "name"),
    ROW("{\"kind\":4}", "kind"),
    ROW("{\"kindDetails\":\"forwarded\"}", "kindDetails"),
    ROW("{\"kindDetails\":[1]}", "kindDetails"),
    ROW("{\"metadata\":{}}", "metadata"),
    ROW("{\"attributes\":[]}", "attributes"),
    ROW("{\"attributes\":{\"a\":1}}", "attributes"),
    ROW("{\"attributes\":{\"a\":\"x\",\"b\":null}}", "attributes"),
    ROW("{\"attributes\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", "attributes"),
    ROW("{\"video\":true}", "video"),
    ROW("{\"video\":[]}", "video"),
    ROW("{\"video\":{\"room\":7}}", "room"),
    ROW("{\"video\":{\"roomJoin\":\"true\"}}", "roomJoin"),
    ROW("{\"video\":{\"roomJoin\":1}}", "roomJoin"),
    ROW("{\"video\":{\"canPublish\":\"no\"}}", "canPublish"),
    ROW("{\"video\":{\"canPublishSources\":[1,2]}}", "canPublishSources"),
    ROW("{\"video\":{\"canPublishSources\":[\"camera\",null]}}", "canPublishSources"),
    ROW("{\"video\":{\"canPublishSources\":\"camera\"}}", "canPublishSources"),
    ROW("{\"sip\":{\"admin\":\"x\"}}", "admin"),
    ROW("{\"agent\":1}", "agent"),
    ROW("{\"roomConfig\":\"{}\"}", "roomConfig"),
    ROW("{\"roomPreset\":{}}", "roomPreset"),
    ROW("{\"sha256\":0}", "sha256"),
    ROW("{\"sub\":\"a\",\"sub\":\"b\"}", "twice"),
    ROW("{\"sub\":\"a\",\"SUB\":\"a\"}", "twice"),
    ROW("{\"video\":{},\"Video\":{}}", "twice"),
    ROW("{\"video\":{\"room\":\"a\",\"ROOM\":\"b\"}}", "twice"),
    ROW("{\"exp\":null,\"exp\":1}", "twice"),
    ROW("", "JSON"),
    ROW("[]", "JSON"),
    ROW("null", "JSON"),
    ROW("{", "JSON"),
    ROW("{} {}", "JSON"),
    ROW("{\"sub\":\"a\"}x", "JSON"),
    ROW("{\"sub\":\"a\\u0000b\"}", "JSON"),
    ROW("{\"sub\":\"a\0b\"}", "JSON"),
    ROW("{\"sub\":\"\xff\"}", "JSON"),
    ROW("{\"unknown\":\"\xff\"}", "JSON"),
    ROW("{\"unknown\":\"\\u0000\"}", "JSON"),
    ROW("{\"unknown\":[\"\\ud800\"]}", "JSON"),
    ROW("{\"roomConfig\":{\"name\":\"\\u0000\"}}", "JSON"),
    ROW("{\"attributes\":{\"a\\u0000\":\"x\"}}", "JSON"),
    ROW("{\"attributes\":{\"a\":\"x\"", "JSON"),
    ROW("{\"video\":{\"room\":\"a\"]}", "JSON"),
};
#undef ROW

static void bad_payloads_are_refused_with_a_reason(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(bad_payloads); i++) {
        struct claims c, before;
        memset(&c, 0x5a, sizeof(c));
        before = c;
        const char *reason = "";
        enum status s = claims_read(bad_payloads[i].text, &arena, &c, &reason);
        if (s != STATUS_MALFORMED || !strstr(reason, bad_payloads[i].reason)) {
            print_error("%.*s: %s, %s\n", SLICE_ARG(bad_payloads[i].text), status_name(s), reason);
            fail();
        }
        assert_memory_equal(&c, &before, sizeof(c));
    }
}

static void times_have_a_leeway_of_a_minute(void **state) {
    struct claims c = {0};
    assert_int_equal(claims_check_time(&c, 1000), CLAIMS_NO_EXPIRY);
    c.has_expires = true;
    c.expires_s = 1000;
    assert_int_equal(claims_check_time(&c, 1059), CLAIMS_IN_TIME);
    assert_int_equal(claims_check_time(&c, 1060), CLAIMS_EXPIRED);
    c.expires_s = 1000.5;
    assert_int_equal(claims_check_time(&c, 1060), CLAIMS_IN_TIME);
    c.has_not_before = true;
    c.not_before_s = 500;
    assert_int_equal(claims_check_time(&c, 440), CLAIMS_IN_TIME);
    assert_int_equal(claims_check_time(&c, 439), CLAIMS_NOT_YET);
    c.not_before_s = 500.5;
    assert_int_equal(claims_check_time(&c, 440), CLAIMS_NOT_YET);
}

static void absent_grants_have_defaults(void **state) {
    struct video_grant g = {0};
    assert_true(grant_can_publish(&g) && grant_can_subscribe(&g) && grant_can_publish_data(&g));
    g.can_publish = TRI_FALSE;
    assert_false(grant_can_publish(&g));
    assert_false(grant_can_publish_data(&g)); /* follows can_publish */
    g.can_publish_data = TRI_TRUE;
    assert_true(grant_can_publish_data(&g));
    g.can_publish = TRI_TRUE;
    g.can_publish_data = TRI_FALSE;
    assert_false(grant_can_publish_data(&g));
    g.can_subscribe = TRI_FALSE;
    assert_false(grant_can_subscribe(&g));
}

/* Written, read and written again: the texts are equal, so no meaning was lost. */
static void written_claims_read_the_same(void **state) {
    static const char *const rows[] = {
        "{}",
        "{\"iss\":\"k\",\"sub\":\"a<b>\\\"\\u2028\",\"exp\":1700000600.25,\"nbf\":-5,\"video\":{}}",
        "{\"kind\":\"connector\",\"kindDetails\":[\"simulation\",\"cloud_agent\"],\"name\":\"n\"}",
        "{\"attributes\":{\"a\":\"\",\"\\\\\":\"\\n\"},\"metadata\":\"\xf0\x9f\x98\x80\"}",
        "{\"video\":{\"roomCreate\":true,\"roomList\":true,\"roomRecord\":true,\"roomAdmin\":true,"
        "\"roomJoin\":true,\"room\":\"r\",\"destinationRoom\":\"d\",\"ingressAdmin\":true,"
        "\"canPublish\":false,\"canSubscribe\":true,\"canPublishData\":false,"
        "\"canPublishSources\":[\"x\",\"camera\",\"microphone\",\"screen_share\",\"screen_share_"
        "audio\"],"
        "\"canUpdateOwnMetadata\":true,\"hidden\":true,\"recorder\":true,\"agent\":true,"
        "\"canSubscribeMetrics\":false,\"canManageAgentSession\":true},"
        "\"sip\":{\"call\":true},\"roomConfig\":{\"a\":[1]},\"roomPreset\":\"p\",\"sha256\":\"s\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct claims first = read_ok(rows[i]), second;
        struct buf once, twice;
        const char *reason;
        buf_init(&once, 10000);
        buf_init(&twice, 10000);
        claims_write(&once, &first);
        assert_int_equal(claims_read(buf_slice(&once), &arena, &second, &reason), STATUS_OK);
        claims_write(&twice, &second);
        assert_true(slice_eq(buf_slice(&once), buf_slice(&twice)));
        assert_true(slice_eq(first.identity, second.identity));
        assert_int_equal(first.video.can_publish_sources, second.video.can_publish_sources);
        buf_deinit(&once);
        buf_deinit(&twice);
    }
    struct claims c = read_ok(rows[4]);
    struct buf b;
    buf_init(&b, 10000);
    claims_write(&b, &c);
    assert_true(c.video.can_publish_sources == 0x1f && b.len > 0);
    assert_non_null(memmem(b.data, b.len, "\"canPublish\":false", 18));
    assert_null(memmem(b.data, b.len, "\"name\"", 6));
    buf_deinit(&b);
}

static void tokens_split_in_three(void **state) {
    /* RFC 7515 appendix A.1 */
    struct slice token = SLICE_LIT(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct token_parts parts;
    assert_int_equal(token_split(token, &arena, &parts), STATUS_OK);
    assert_slice(parts.algorithm, "HS256");
    assert_slice(parts.payload, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                                "\"http://example.com/is_root\":true}");
    assert_int_equal(parts.signature.len, 32);
    assert_int_equal(parts.signing_input.len, token.len - 44);
    assert_ptr_equal(parts.signing_input.data, token.data);
}

static void bad_tokens_are_refused(void **state) {
    static const struct {
        const char *name, *header, *rest;
    } rows[] = {
        {"no segments", "", ""},
        {"one dot", "{\"alg\":\"HS256\"}", ".e30"},
        {"three dots", "{\"alg\":\"HS256\"}", ".e30.AA.AA"},
        {"trailing dot", "{\"alg\":\"HS256\"}", ".e30.AA."},
        {"padded payload", "{\"alg\":\"HS256\"}", ".e30=.AA"},
        {"standard alphabet", "{\"alg\":\"HS256\"}", ".e30.+/"},
        {"spare bits", "{\"alg\":\"HS256\"}", ".e30.AB"},
        {"space", "{\"alg\":\"HS256\"}", ".e30 .AA"},
        {"header empty", "", ".e30.AA"},
        {"header a list", "[\"HS256\"]", ".e30.AA"},
        {"header not JSON", "{alg}", ".e30.AA"},
        {"header goes on", "{\"alg\":\"HS256\"}{}", ".e30.AA"},
        {"alg twice", "{\"alg\":\"none\",\"alg\":\"HS256\"}", ".e30.AA"},
        {"alg twice, escaped", "{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}", ".e30.AA"},
        {"alg a number", "{\"alg\":256}", ".e30.AA"},
        {"alg null", "{\"alg\":null}", ".e30.AA"},
        {"alg with NUL", "{\"alg\":\"HS256\\u0000\"}", ".e30.AA"},
        {"crit", "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", ".e30.AA"},
    };
    struct buf b;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_parts parts;
        buf_clear(&b);
        base64url_put(&b, slice_from_cstr(rows[i].header));
        buf_put_cstr(&b, rows[i].rest);
        enum status s = token_split(buf_slice(&b), &arena, &parts);
        if (s != STATUS_MALFORMED) {
            print_error("%s: %s\n", rows[i].name, status_name(s));
            fail();
        }
    }
    buf_clear(&b);
    base64url_put(&b, SLICE_LIT("{\"typ\":\"JWT\"}"));
    buf_put_cstr(&b, ".e30.");
    struct token_parts parts;
    assert_int_equal(token_split(buf_slice(&b), &arena, &parts), STATUS_OK);
    assert_int_equal(parts.algorithm.len + parts.signature.len, 0); /* for the check to refuse */
    buf_deinit(&b);
}

static void tokens_have_a_bound(void **state) {
    struct buf b;
    buf_init(&b, TOKEN_BYTES_MAX + 100);
    struct token_parts parts;
    buf_put_cstr(&b, "eyJhbGciOiJIUzI1NiJ9.");
    while (b.len < TOKEN_BYTES_MAX - 4) {
        buf_put_cstr(&b, "AAAA");
    }
    b.len = TOKEN_BYTES_MAX - (TOKEN_BYTES_MAX - 21) % 4 - 4;
    buf_put_cstr(&b, ".AA");
    assert_int_equal(token_split(buf_slice(&b), &arena, &parts), STATUS_OK);
    b.len -= 3;
    buf_put_cstr(&b, "AAAAAAAA.AA");
    assert_true(b.len > TOKEN_BYTES_MAX);
    assert_int_equal(token_split(buf_slice(&b), &arena, &parts), STATUS_MALFORMED);
    buf_deinit(&b);
}

static void a_written_token_splits_again(void **state) {
    struct buf b;
    buf_init(&b, 1000);
    token_put_signing_input(&b, SLICE_LIT("{\"sub\":\"a\"}"));
    size_t len = b.len;
    buf_put_cstr(&b, ".AAAA");
    struct token_parts parts;
    assert_int_equal(token_split(buf_slice(&b), &arena, &parts), STATUS_OK);
    assert_slice(parts.algorithm, "HS256");
    assert_slice(parts.payload, "{\"sub\":\"a\"}");
    assert_int_equal(parts.signing_input.len, len);
    buf_deinit(&b);
}

static const char *const rich = "{\"sub\":\"a\\n\",\"attributes\":{\"a\\n\":\"b\\n\",\"c\":\"d\"},"
                                "\"video\":{\"room\":\"\\u0041\"}}";

static void a_small_arena_is_no_memory(void **state) {
    for (size_t bytes = 16;; bytes += 16) {
        struct arena small;
        struct claims c;
        const char *reason;
        arena_init(&small, bytes);
        enum status s = claims_read(slice_from_cstr(rich), &small, &c, &reason);
        arena_deinit(&small);
        if (s == STATUS_OK) {
            assert_true(bytes > 32);
            return;
        }
        assert_int_equal(s, STATUS_NO_MEMORY);
    }
}

#ifdef STOA_MEM_FAULTS
static void each_refused_allocation_is_no_memory(void **state) {
    uint64_t blocks = mem_live_blocks();
    enum status s = STATUS_NO_MEMORY;
    for (uint64_t nth = 1; s != STATUS_OK; nth++) {
        struct arena a;
        struct buf token;
        struct token_parts parts;
        struct claims c;
        const char *reason;
        arena_init(&a, 1 << 20);
        buf_init(&token, 1000);
        mem_fail_from(nth);
        token_put_signing_input(&token, slice_from_cstr(rich));
        buf_put_cstr(&token, ".AAAA");
        s = token.failed ? STATUS_NO_MEMORY : token_split(buf_slice(&token), &a, &parts);
        if (s == STATUS_OK) {
            s = claims_read(parts.payload, &a, &c, &reason);
        }
        mem_fail_never();
        assert_true(s == STATUS_OK || s == STATUS_NO_MEMORY);
        buf_deinit(&token);
        arena_deinit(&a);
        assert_int_equal(mem_live_blocks(), blocks);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_claims_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_match_in_any_case, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_and_null_claims_keep_their_defaults, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bad_payloads_are_refused_with_a_reason, set_up, tear_down),
        cmocka_unit_test(times_have_a_leeway_of_a_minute),
        cmocka_unit_test(absent_grants_have_defaults),
        cmocka_unit_test_setup_teardown(written_claims_read_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_split_in_three, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_tokens_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tokens_have_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_written_token_splits_again, set_up, tear_down),
        cmocka_unit_test(a_small_arena_is_no_memory),
#ifdef STOA_MEM_FAULTS
        cmocka_unit_test(each_refused_allocation_is_no_memory),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
