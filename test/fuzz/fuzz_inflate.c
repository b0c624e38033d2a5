/* Gunzip: never past the bound, and the bound decides exactly.
 * Covers: src/wire/inflate.c */
#include "fuzz.h"
#include "inflate.h"

enum { BYTES_MAX = 1 << 18 };

static enum status unpack(struct slice in, size_t bytes_max, struct buf *out) {
    buf_init(out, bytes_max);
    enum status s = gunzip(in, out);
    assert(out->len <= bytes_max && !out->failed);
    assert(s == STATUS_OK || (out->len == 0 && (s == STATUS_MALFORMED || s == STATUS_TOO_LARGE)));
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct buf first, again;
    if (unpack(in, BYTES_MAX, &first) == STATUS_OK && first.len > 1) {
        assert(unpack(in, first.len, &again) == STATUS_OK);
        assert(slice_eq(buf_slice(&first), buf_slice(&again)));
        buf_deinit(&again);
        assert(unpack(in, first.len - 1, &again) == STATUS_TOO_LARGE);
        buf_deinit(&again);
    }
    buf_deinit(&first);
    return 0;
}
