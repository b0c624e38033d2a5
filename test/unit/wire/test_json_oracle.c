/* Our reader and jansson accept the same documents and read the same values, except where they
 * differ on purpose: numbers that jansson cannot hold, nesting over JSON_DEPTH_MAX, bare NULs. */
#include "wire_test.h"

#include "json.h"
#include "json_oracle.h"

enum { CORPUS = 60000, TEXT_MAX = 8192, NESTING = 8 };

static void put_string(struct buf *b, uint64_t *seed) {
    static const char *const parts[] = {
        "",
        "a",
        "key",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\u0000",
        "\\ud800",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "\xe2\x80\xa8",
        "<&>",
        "\x7f",
        "\xed\xa0\x80",
        "\xff",
        "\\x",
        "\\uD83D\\uDE0",
    };
    buf_put_u8(b, '"');
    for (size_t n = next_random(seed) % 4; n > 0; n--) {
        /* Mostly good ones, or next to no document would be accepted. */
        size_t count = next_random(seed) % 16 == 0 ? ARRAY_LEN(parts) : 10;
        buf_put_cstr(b, parts[next_random(seed) % count]);
    }
    buf_put_u8(b, '"');
}

static void put_value(struct buf *b, uint64_t *seed, int depth) {
    static const char *const scalars[] = {
        "0",    "-1",    "1.5",  "1e5", "-0.25E-3", "12345678901234567",
        "true", "false", "null", "0.0", "-0"};
    static const char *const blanks[] = {"", "", "", " ", "\n", "\t\r "};
    uint32_t kind = next_random(seed) % (depth < NESTING ? 4 : 2);
    buf_put_cstr(b, blanks[next_random(seed) % ARRAY_LEN(blanks)]);
    if (kind == 0) {
        buf_put_cstr(b, scalars[next_random(seed) % ARRAY_LEN(scalars)]);
    } else if (kind == 1) {
        put_string(b, seed);
    } else {
        buf_put_u8(b, kind == 2 ? '[' : '{');
        uint32_t count = next_random(seed) % 4;
        for (uint32_t i = 0; i < count; i++) {
            buf_put_cstr(b, i > 0 ? "," : "");
            if (kind == 3) {
                put_string(b, seed);
                buf_put_u8(b, ':');
            }
            put_value(b, seed, depth + 1);
        }
        buf_put_u8(b, kind == 2 ? ']' : '}');
    }
    buf_put_cstr(b, blanks[next_random(seed) % ARRAY_LEN(blanks)]);
}

static void mutate(struct buf *b, uint64_t *seed) {
    static const char spice[] = "[]{},:\"\\0159.eE+-untf \n\0\x1f\x80\xc3\xff";
    if (next_random(seed) % 2 == 0 || b->len == 0) {
        return;
    }
    size_t at = next_random(seed) % b->len;
    uint8_t byte = (uint8_t)spice[next_random(seed) % (sizeof(spice) - 1)];
    switch (next_random(seed) % 3) {
    case 0: b->data[at] = byte; break;
    case 1:
        memmove(b->data + at, b->data + at + 1, b->len - at - 1);
        b->len--;
        break;
    default:
        buf_put_u8(b, 0);
        memmove(b->data + at + 1, b->data + at, b->len - at - 1);
        b->data[at] = byte;
        break;
    }
}

/* Reads the document and writes it again, so that jansson can compare what we understood. */
static bool rewrite(struct slice in, struct arena *arena, struct buf *out) {
    struct json_reader r;
    json_reader_init(&r, in, arena);
    bool comma = false;
    for (;;) {
        struct json_token t = json_next(&r);
        bool closes = t.type == JSON_OBJECT_END || t.type == JSON_ARRAY_END;
        if (comma && !closes && t.type != JSON_END) {
            buf_put_u8(out, ',');
        }
        comma = true;
        switch (t.type) {
        case JSON_ERROR: return false;
        case JSON_END: return json_at_end(&r);
        case JSON_OBJECT_BEGIN:
        case JSON_ARRAY_BEGIN:
            buf_put_u8(out, t.type == JSON_OBJECT_BEGIN ? '{' : '[');
            comma = false;
            break;
        case JSON_OBJECT_END: buf_put_u8(out, '}'); break;
        case JSON_ARRAY_END: buf_put_u8(out, ']'); break;
        case JSON_KEY:
            json_put_string(out, t.text);
            buf_put_u8(out, ':');
            comma = false;
            break;
        case JSON_STRING: json_put_string(out, t.text); break;
        case JSON_NUMBER: buf_put(out, t.text); break;
        case JSON_TRUE: buf_put_cstr(out, "true"); break;
        case JSON_FALSE: buf_put_cstr(out, "false"); break;
        case JSON_NULL: buf_put_cstr(out, "null"); break;
        }
    }
}

static bool compare(struct slice in, struct arena *arena) {
    struct buf again;
    buf_init(&again, 8 * TEXT_MAX);
    arena_reset(arena);
    bool ours = rewrite(in, arena, &again);
    enum json_oracle theirs = json_oracle_ask(in);
    if (slice_find(in, 0) < in.len) {
        assert_false(ours); /* jansson takes a NUL behind the document for the end of the input */
    } else if (theirs != ORACLE_OVERFLOWS) {
        bool same = ours == (theirs == ORACLE_ACCEPTS);
        same = same && (!ours || json_oracle_same(in, buf_slice(&again)));
        if (!same) {
            print_error("ours %d, jansson %d: %.*s\n", ours, theirs, SLICE_ARG(in));
        }
        assert_true(same);
    }
    buf_deinit(&again);
    return ours;
}

static void both_accept_and_read_the_same(void **state) {
    struct arena arena;
    struct buf b;
    arena_init(&arena, 1 << 20);
    buf_init(&b, TEXT_MAX);
    uint64_t seed = 11;
    size_t accepted = 0;
    for (size_t i = 0; i < CORPUS; i++) {
        buf_clear(&b);
        put_value(&b, &seed, 0);
        if (b.failed) {
            continue;
        }
        mutate(&b, &seed);
        accepted += compare(buf_slice(&b), &arena);
    }
    print_message("# %zu of %d accepted\n", accepted, CORPUS);
    assert_true(accepted > CORPUS / 4 && accepted < CORPUS - CORPUS / 8);
    buf_deinit(&b);
    arena_deinit(&arena);
}

static void the_differences_are_these(void **state) {
    static const char *const only_ours[] = {"1e999", "123456789012345678901234567890"};
    struct arena arena;
    struct buf out;
    arena_init(&arena, 1 << 16);
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(only_ours); i++) {
        assert_true(rewrite(slice_from_cstr(only_ours[i]), &arena, &out));
        assert_int_equal(json_oracle_ask(slice_from_cstr(only_ours[i])), ORACLE_OVERFLOWS);
    }
    uint8_t deep[2 * (JSON_DEPTH_MAX + 1)];
    memset(deep, '[', sizeof(deep) / 2);
    memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
    assert_int_equal(json_oracle_ask(slice_of(deep, sizeof(deep))), ORACLE_ACCEPTS);
    assert_false(rewrite(slice_of(deep, sizeof(deep)), &arena, &out));
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_accept_and_read_the_same),
        cmocka_unit_test(the_differences_are_these),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
