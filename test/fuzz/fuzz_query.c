/* Queries, escapes and base 64.
 * Covers: src/wire/query.c src/wire/base64.c */
#include "base64.h"
#include "fuzz.h"
#include "query.h"

static void fuzz_pairs(struct slice in, struct arena *arena) {
    struct slice path, query;
    query_split(in, &path, &query);
    assert(inside(path, in) && inside(query, in) && path.len + query.len <= in.len);

    struct query_reader r;
    struct query_pair pair;
    query_reader_init(&r, query, arena);
    size_t total = 0;
    struct slice first = {0};
    bool found = false, clean = true;
    enum status s;
    while ((s = query_next(&r, &pair)) != STATUS_NOT_FOUND) {
        clean = clean && s == STATUS_OK;
        if (s == STATUS_OK) {
            total += pair.name.len + pair.value.len;
            if (!found && slice_eq_cstr(pair.name, "a")) {
                found = true;
                first = pair.value;
            }
        }
    }
    assert(total <= query.len);
    struct slice value;
    s = query_find(query, "a", arena, &value);
    if (clean) {
        assert(s == (found ? STATUS_OK : STATUS_NOT_FOUND));
        assert(!found || slice_eq(value, first));
    }
    if (query_find_text(query, "a", arena, &value) == STATUS_OK) {
        assert(slice_is_text(value));
    }
}

static void fuzz_escapes(struct slice in, struct arena *arena) {
    struct slice text;
    for (int plus = 0; plus < 2; plus++) {
        enum status s = percent_decode(in, plus != 0, arena, &text);
        assert(s == STATUS_OK || s == STATUS_MALFORMED);
        assert(s != STATUS_OK || text.len <= in.len);
    }
    /* All bytes escaped come back. */
    struct buf escaped;
    buf_init(&escaped, 3 * in.len + 1);
    for (size_t i = 0; i < in.len; i++) {
        buf_printf(&escaped, i % 2 == 0 ? "%%%02x" : "%%%02X", in.data[i]);
    }
    assert(percent_decode(buf_slice(&escaped), true, arena, &text) == STATUS_OK);
    assert(slice_eq(text, in));
    buf_deinit(&escaped);
}

static void fuzz_base64(struct slice in, struct arena *arena) {
    struct buf text;
    struct slice bytes;
    buf_init(&text, 2 * in.len + 8);
    if (base64url_decode_strict(in, arena, &bytes) == STATUS_OK) {
        base64url_put(&text, bytes);
        assert(slice_eq(buf_slice(&text), in)); /* one value, one text */
    }
    buf_clear(&text);
    base64_put(&text, in);
    assert(!text.failed);
    assert(base64_decode_any(buf_slice(&text), arena, &bytes) == STATUS_OK);
    assert(slice_eq(bytes, in));
    (void)base64_decode_any(in, arena, &bytes);
    buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 1 << 14) {
        return 0;
    }
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct slice in = slice_of(data, size);
    fuzz_pairs(in, &arena);
    fuzz_escapes(in, &arena);
    fuzz_base64(in, &arena);
    arena_deinit(&arena);
    return 0;
}
