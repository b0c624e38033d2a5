/* JSON: what is read can be written, and reads the same again; skipping judges like reading.
 * Covers: src/wire/json.c src/wire/json_keys.c src/wire/json_number.c */
#include "fuzz.h"
#include "json.h"

static void check_number(struct slice text) {
    int64_t i, i_back;
    uint64_t u, u_back;
    double d, d_back;
    struct buf out;
    buf_init(&out, 100);
    if (json_to_i64(text, &i)) {
        buf_put_i64_dec(&out, i);
        assert(json_to_i64(buf_slice(&out), &i_back) && i == i_back);
    }
    buf_clear(&out);
    if (json_to_u64(text, &u)) {
        buf_put_u64_dec(&out, u);
        assert(json_to_u64(buf_slice(&out), &u_back) && u == u_back);
    }
    buf_clear(&out);
    if (json_to_double(text, &d)) {
        json_put_double(&out, d, false);
        assert(json_to_double(buf_slice(&out), &d_back));
        assert(memcmp(&d, &d_back, sizeof(d)) == 0);
    }
    buf_deinit(&out);
}

static void put_scalar(struct buf *out, struct json_token t) {
    switch (t.type) {
    case JSON_TRUE: buf_put_cstr(out, "true"); break;
    case JSON_FALSE: buf_put_cstr(out, "false"); break;
    case JSON_NULL: buf_put_cstr(out, "null"); break;
    case JSON_NUMBER:
        check_number(t.text);
        buf_put(out, t.text);
        break;
    default:
        assert(slice_is_text(t.text));
        json_put_string(out, t.text);
        break;
    }
}

/* Writes the document again, without blanks. */
static bool rewrite(struct slice in, struct arena *arena, struct buf *out) {
    struct json_reader r;
    json_reader_init(&r, in, arena);
    bool comma = false;
    for (;;) {
        struct json_token t = json_next(&r);
        bool closes = t.type == JSON_OBJECT_END || t.type == JSON_ARRAY_END;
        bool opens = t.type == JSON_OBJECT_BEGIN || t.type == JSON_ARRAY_BEGIN;
        assert(r.at <= r.end && r.depth <= JSON_DEPTH_MAX);
        if (t.type == JSON_ERROR) {
            assert(json_next(&r).type == JSON_ERROR);
            return false;
        }
        if (t.type == JSON_END) {
            return json_at_end(&r);
        }
        if (comma && !closes) {
            buf_put_u8(out, ',');
        }
        if (opens || closes) {
            static const char brackets[] = {[JSON_OBJECT_BEGIN] = '{',
                                            [JSON_OBJECT_END] = '}',
                                            [JSON_ARRAY_BEGIN] = '[',
                                            [JSON_ARRAY_END] = ']'};
            buf_put_u8(out, (uint8_t)brackets[t.type]);
        } else {
            put_scalar(out, t);
        }
        if (t.type == JSON_KEY) {
            buf_put_u8(out, ':');
        }
        comma = !opens && t.type != JSON_KEY;
    }
}

static void fuzz_document(struct slice in) {
    struct arena arena;
    struct buf once, twice;
    arena_init(&arena, 1 << 22);
    buf_init(&once, 1 << 22);
    buf_init(&twice, 1 << 22);
    bool good = rewrite(in, &arena, &once);

    struct json_reader r;
    json_reader_init(&r, in, NULL);
    assert(arena.failed || (json_skip_value(&r) && json_at_end(&r)) == good);
    if (good && !once.failed) {
        assert(rewrite(buf_slice(&once), &arena, &twice));
        assert(twice.failed || slice_eq(buf_slice(&once), buf_slice(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    arena_deinit(&arena);
}

/* Any bytes at all can be written as a string, and text comes back as it was. NUL is written as
 * an escape that our own reader refuses. */
static void fuzz_writer(struct slice in) {
    struct arena arena;
    struct buf out;
    struct json_reader r;
    arena_init(&arena, 1 << 22);
    buf_init(&out, 6 * in.len + 2);
    json_put_string(&out, in);
    assert(!out.failed);
    json_reader_init(&r, buf_slice(&out), &arena);
    struct json_token t = json_next(&r);
    bool has_nul = slice_find(in, '\0') < in.len;
    assert(t.type == (has_nul ? JSON_ERROR : JSON_STRING));
    assert(!slice_is_text(in) || slice_eq(t.text, in));
    buf_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    if (size > 1 << 16) {
        return 0;
    }
    fuzz_document(in);
    fuzz_writer(in);
    check_number(in);
    return 0;
}
