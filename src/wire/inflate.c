#include "inflate.h"

#define ZLIB_CONST
#include <zlib.h>

#include "mem.h"

enum { STEP_BYTES = 16 * 1024 };

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size) {
    return mem_calloc(items, size);
}

static void zlib_free(voidpf opaque, voidpf address) {
    mem_free(address);
}

static void stream_end(z_stream *z) {
    inflateEnd(z);
}

/* Inflates into `out` as far as its bound; a byte more is TOO_LARGE. */
static enum status inflate_all(z_stream *z, struct buf *out) {
    int got = Z_OK;
    while (got != Z_STREAM_END) {
        uint8_t beyond; /* where the byte past the bound shows itself */
        size_t room = MIN(out->bytes_max - out->len, (size_t)STEP_BYTES);
        bool full = room == 0;
        if (!full && !buf_reserve(out, room)) {
            return STATUS_NO_MEMORY;
        }
        z->next_out = full ? &beyond : out->data + out->len;
        z->avail_out = full ? 1 : (uInt)room;
        uInt before = z->avail_out;
        got = inflate(z, Z_NO_FLUSH);
        size_t made = before - z->avail_out;
        if (full && made > 0) {
            return STATUS_TOO_LARGE;
        }
        out->len += made;
        if (got == Z_MEM_ERROR) {
            return STATUS_NO_MEMORY;
        }
        bool stuck = got == Z_OK && made == 0 && z->avail_in == 0;
        if ((got != Z_OK && got != Z_STREAM_END) || stuck) {
            return STATUS_MALFORMED;
        }
    }
    return z->avail_in == 0 ? STATUS_OK : STATUS_MALFORMED;
}

enum status gunzip(struct slice packed, struct buf *out) {
    enum { WINDOW_BITS = 15, GZIP_ONLY = 16 };
    if (packed.len > UINT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (out->failed) {
        return STATUS_TOO_LARGE; /* an earlier append has passed the bound already */
    }
    _cleanup_(stream_end) z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free};
    z.next_in = packed.data;
    z.avail_in = (uInt)packed.len;
    int began = inflateInit2(&z, WINDOW_BITS + GZIP_ONLY);
    if (began != Z_OK) {
        return STATUS_NO_MEMORY;
    }
    size_t len_before = out->len;
    enum status s = inflate_all(&z, out);
    if (s != STATUS_OK) {
        out->len = len_before;
        out->failed = false;
    }
    return s;
}
