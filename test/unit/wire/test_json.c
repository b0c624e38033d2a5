/* The pull tokenizer: what it gives, and what it refuses. */
#include "wire_test.h"

#include "json.h"
#include "mem.h"

/* Reads a document and writes its tokens as one line, so that a story is a string. */
static bool tell(struct slice text, struct arena *arena, struct buf *out) {
    static const char *const marks[] = {
        [JSON_OBJECT_BEGIN] = "{", [JSON_OBJECT_END] = "}", [JSON_ARRAY_BEGIN] = "[",
        [JSON_ARRAY_END] = "]",    [JSON_KEY] = "K:",       [JSON_STRING] = "S:",
        [JSON_NUMBER] = "N:",      [JSON_TRUE] = "true",    [JSON_FALSE] = "false",
        [JSON_NULL] = "null",
    };
    struct json_reader r;
    json_reader_init(&r, text, arena);
    for (;;) {
        struct json_token t = json_next(&r);
        if (t.type == JSON_ERROR || t.type == JSON_END) {
            assert_int_equal(json_next(&r).type, t.type); /* for good */
            return t.type == JSON_END;
        }
        buf_put_cstr(out, marks[t.type]);
        buf_put(out, t.text);
        buf_put_u8(out, ' ');
    }
}

static void check_story(struct slice text, const char *want) {
    struct arena arena;
    struct buf story;
    arena_init(&arena, 1 << 16);
    buf_init(&story, 1 << 16);
    struct slice tight = tight_copy(text);
    bool good = tell(tight, &arena, &story);
    bool same = want ? good && slice_eq_cstr(buf_slice(&story), want) : !good;
    if (!same) {
        print_error("%.*s: %d %.*s\n", SLICE_ARG(text), good, SLICE_ARG(buf_slice(&story)));
    }
    assert_true(same);
    tight_free(tight);
    buf_deinit(&story);
    arena_deinit(&arena);
}

#define TELLS(text, want) check_story(SLICE_LIT(text), want)

static void documents_become_tokens(void **state) {
    TELLS(" {\"a\" : 1 , \"b\":[true,false,null,\"x\"],\"c\":{}}\r\n\t",
          "{ K:a N:1 K:b [ true false null S:x ] K:c { } } ");
    TELLS("[]", "[ ] ");
    TELLS("[[],[[]]]", "[ [ ] [ [ ] ] ] ");
    TELLS("0", "N:0 ");
    TELLS("-0.5e+10", "N:-0.5e+10 ");
    TELLS("[1E5,10,1.0,0e0,-1]", "[ N:1E5 N:10 N:1.0 N:0e0 N:-1 ] ");
    TELLS("\"\"", "S: ");
    TELLS("null trailing", "null ");                    /* json_at_end tells */
    TELLS("{\"a\":1,\"a\":2}", "{ K:a N:1 K:a N:2 } "); /* json_keys_unique tells */
}

static void strings_are_unescaped(void **state) {
    TELLS("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "S:\"\\/\b\f\n\r\t ");
    TELLS("\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\\uffff\"",
          "S:A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbf ");
    TELLS("\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", "S:\xc3\xa9\xf0\x9f\x98\x80\x7f ");
    TELLS("{\"\\u006bey\":\"v\"}", "{ K:key S:v } ");
    struct json_reader r;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct slice in = SLICE_LIT("[\"plain\",\"esc\\n\"]");
    json_reader_init(&r, in, &arena);
    assert_int_equal(json_next(&r).type, JSON_ARRAY_BEGIN);
    assert_ptr_equal(json_next(&r).text.data, in.data + 2); /* a view */
    assert_int_equal(arena.used_bytes, 0);
    assert_slice(json_next(&r).text, "esc\n");
    assert_true(arena.used_bytes > 0);
    arena_deinit(&arena);
}

static const struct {
    const char *data;
    size_t len;
} not_json[] = {
#define ROW(text)                                                                                  \
    { text, sizeof(text) - 1 }
    ROW(""),
    ROW(" "),
    ROW("{"),
    ROW("["),
    ROW("}"),
    ROW("]"),
    ROW("[}"),
    ROW("{]"),
    ROW("[1,]"),
    ROW("[,1]"),
    ROW("[1 2]"),
    ROW("[1,,2]"),
    ROW("{,}"),
    ROW("{\"a\"}"),
    ROW("{\"a\":}"),
    ROW("{\"a\":1,}"),
    ROW("{\"a\" 1}"),
    ROW("{\"a\":1 \"b\":2}"),
    ROW("{a:1}"),
    ROW("{'a':1}"),
    ROW("{1:1}"),
    ROW("{\"a\":1]"),
    ROW("[1}"),
    ROW(":"),
    ROW(","),
    ROW("tru"),
    ROW("True"),
    ROW("nul"),
    ROW("NaN"),
    ROW("Infinity"),
    ROW("-"),
    ROW("+1"),
    ROW(".5"),
    ROW("1."),
    ROW("[1.]"),
    ROW("1e"),
    ROW("1e+"),
    ROW("[01]"),
    ROW("[-01]"),
    ROW("[0x1]"),
    ROW("[1_0]"),
    ROW("- 1"),
    ROW("[1.e5]"),
    ROW("\""),
    ROW("\"\\"),
    ROW("\"\\\""),
    ROW("\"a"),
    ROW("\"\\x41\""),
    ROW("\"\\a\""),
    ROW("\"\\0\""),
    ROW("\"\\u\""),
    ROW("\"\\u004\""),
    ROW("\"\\u004g\""),
    ROW("\"\\U0041\""),
    ROW("\"\n\""),
    ROW("\"\t\""),
    ROW("\"\x1f\""),
    ROW("\"a\0b\""),
    ROW("\"\\u0000\""),
    ROW("{\"admin\\u0000x\":1}"),
    ROW("\"\\ud800\""),
    ROW("\"\\udc00\""),
    ROW("\"\\ud800x\""),
    ROW("\"\\ud800\\u0041\""),
    ROW("\"\\ud800\\ud800\""),
    ROW("\"\\udc00\\ud800\""),
    ROW("\"\\ud800\\udc0\""),
    ROW("\"\x80\""),
    ROW("\"\xc3\""),
    ROW("\"\xc0\xaf\""),
    ROW("\"\xe0\x80\xaf\""),
    ROW("\"\xed\xa0\x80\""),
    ROW("\"\xf5\x80\x80\x80\""),
    ROW("\"\xff\""),
    ROW("\"\\n\xff\""),
    ROW("[\xef\xbb\xbf]"),
    ROW("\xef\xbb\xbf{}"),
    ROW("\0"),
    ROW("[1\0]"),
    ROW("// c\n1"),
    ROW("/**/1"),
    ROW("\f1"),
    ROW("\v1"),
    ROW("\xa0"
        "1"),
#undef ROW
};

static void what_is_not_json_is_refused(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(not_json); i++) {
        check_story(slice_of(not_json[i].data, not_json[i].len), NULL);
    }
}

static void depth_is_bounded(void **state) {
    struct buf text;
    buf_init(&text, 10000);
    for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        for (int objects = 0; objects < 2; objects++) {
            buf_clear(&text);
            for (int i = 0; i < depth; i++) {
                buf_put_cstr(&text, objects ? "{\"a\":" : "[");
            }
            buf_put_cstr(&text, objects ? "1" : "");
            for (int i = 0; i < depth; i++) {
                buf_put_cstr(&text, objects ? "}" : "]");
            }
            struct json_reader r;
            json_reader_init(&r, buf_slice(&text), NULL);
            assert_int_equal(json_skip_value(&r), depth <= JSON_DEPTH_MAX);
        }
    }
    buf_deinit(&text);
}

static void values_can_be_skipped(void **state) {
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct json_reader r;
    json_reader_init(&r, SLICE_LIT("{\"a\":{\"x\":[1,\"\\n\"]},\"b\":[[2]],\"c\":3} "), &arena);
    assert_int_equal(json_next(&r).type, JSON_OBJECT_BEGIN);
    assert_slice(json_next(&r).text, "a");
    assert_true(json_skip_value(&r));
    assert_int_equal(arena.used_bytes, 0); /* what nobody reads costs nothing */
    assert_slice(json_next(&r).text, "b");
    assert_true(json_skip_rest(&r, json_next(&r)));
    assert_slice(json_next(&r).text, "c");
    assert_false(json_at_end(&r));
    assert_true(json_skip_value(&r));
    assert_int_equal(json_next(&r).type, JSON_OBJECT_END);
    assert_true(json_at_end(&r));
    assert_int_equal(json_next(&r).type, JSON_END);

    static const char *const bad[] = {"{\"a\":", "{\"a\":[1,}", "{\"a\":\"\\ud800\"}", "[]",
                                      "{\"a\":[\"\\u0000\"]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        json_reader_init(&r, slice_from_cstr(bad[i]), &arena);
        (void)json_next(&r);
        if (i != 3) {
            assert_int_equal(json_next(&r).type, JSON_KEY);
        }
        assert_false(json_skip_value(&r)); /* at the end of an array there is none */
    }
    json_reader_init(&r, SLICE_LIT("{} x"), &arena);
    assert_true(json_skip_value(&r));
    assert_false(json_at_end(&r));
    arena_deinit(&arena);
}

static void keys_are_compared_as_a_set(void **state) {
    struct slice keys[] = {SLICE_LIT("b"), SLICE_LIT("a"), SLICE_LIT("ab"),
                           SLICE_LIT(""),  SLICE_LIT("c"), SLICE_LIT("B")};
    assert_true(json_keys_unique(keys, ARRAY_LEN(keys)));
    for (size_t i = 1; i < ARRAY_LEN(keys); i++) {
        assert_true(slice_compare(keys[i - 1], keys[i]) < 0);
    }
    keys[5] = keys[1];
    assert_false(json_keys_unique(keys, ARRAY_LEN(keys)));
    assert_true(json_keys_unique(keys, 0));
    assert_true(json_keys_unique(keys, 1));

    static char names[5000][8];
    static struct slice many[5000];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        int len = snprintf(names[i], sizeof(names[i]), "%zu", i * 7919 % 5000);
        many[i] = slice_of(names[i], (size_t)len);
    }
    assert_true(json_keys_unique(many, ARRAY_LEN(many)));
    many[17] = many[4711];
    assert_false(json_keys_unique(many, ARRAY_LEN(many)));
}

static void want_of_memory_is_told_apart(void **state) {
    struct arena arena;
    arena_init(&arena, 16);
    struct json_reader r;
    json_reader_init(&r, SLICE_LIT("\"\\n01234567890123456789\""), &arena);
    assert_int_equal(json_next(&r).type, JSON_ERROR);
    assert_true(arena.failed);
    arena_deinit(&arena);
    arena_init(&arena, 1000);
    json_reader_init(&r, SLICE_LIT("\"\\x"), &arena);
    assert_int_equal(json_next(&r).type, JSON_ERROR);
    assert_false(arena.failed);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_become_tokens),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(values_can_be_skipped),
        cmocka_unit_test(keys_are_compared_as_a_set),
        cmocka_unit_test(want_of_memory_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
