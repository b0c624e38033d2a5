#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

enum { BUF_BYTES_FIRST = 64, VARINT_BYTES_MAX = 10, DECIMAL_BYTES_MAX = 21 };

void buf_init(struct buf *b, size_t bytes_max) {
    assert(bytes_max > 0 && bytes_max < SIZE_MAX);
    *b = (struct buf){.bytes_max = bytes_max};
}

void buf_deinit(struct buf *b) {
    if (b) {
        mem_free(b->data);
        *b = (struct buf){.bytes_max = b->bytes_max};
    }
}

void buf_clear(struct buf *b) {
    b->len = 0;
    b->failed = false;
}

/* The block has one byte more than cap, where buf_printf's NUL may go. */
bool buf_grow(struct buf *b, size_t more) {
    assert(b->len <= b->cap && b->cap <= b->bytes_max);
    if (b->failed) {
        return false;
    }
    if (more > b->bytes_max - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = MAX(b->len + more, (size_t)BUF_BYTES_FIRST);
    cap = MAX(cap, b->cap <= b->bytes_max / 2 ? b->cap * 2 : b->bytes_max);
    cap = MIN(cap, b->bytes_max);
    uint8_t *data = mem_realloc(b->data, cap + 1);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_put_be16(struct buf *b, uint16_t v) {
    uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    buf_put(b, slice_of(bytes, sizeof(bytes)));
}

void buf_put_be32(struct buf *b, uint32_t v) {
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    buf_put(b, slice_of(bytes, sizeof(bytes)));
}

void buf_put_be64(struct buf *b, uint64_t v) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(v >> (56 - 8 * i));
    }
    buf_put(b, slice_of(bytes, sizeof(bytes)));
}

void buf_put_varint(struct buf *b, uint64_t v) {
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t len = 0;
    while (v >= 0x80) {
        bytes[len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[len++] = (uint8_t)v;
    buf_put(b, slice_of(bytes, len));
}

static void put_decimal(struct buf *b, bool negative, uint64_t size) {
    uint8_t digits[DECIMAL_BYTES_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (negative) {
        digits[--at] = '-';
    }
    buf_put(b, slice_of(digits + at, sizeof(digits) - at));
}

void buf_put_u64_dec(struct buf *b, uint64_t v) {
    put_decimal(b, false, v);
}

void buf_put_i64_dec(struct buf *b, int64_t v) {
    put_decimal(b, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_put_hex(struct buf *b, struct slice s) {
    static const char digits[] = "0123456789abcdef";
    if (s.len > SIZE_MAX / 2) {
        b->failed = true;
        return;
    }
    if (s.len == 0 || !buf_reserve(b, 2 * s.len)) {
        return;
    }
    for (size_t i = 0; i < s.len; i++) {
        b->data[b->len++] = (uint8_t)digits[s.data[i] >> 4];
        b->data[b->len++] = (uint8_t)digits[s.data[i] & 0xf];
    }
}

/* Formats into what is free; when that was too short, makes room for the length now known and
 * formats again. */
void buf_printf(struct buf *b, const char *fmt, ...) {
    for (int attempt = 0; attempt < 2; attempt++) {
        if (!buf_reserve(b, 1)) {
            return;
        }
        size_t room = b->cap - b->len;
        va_list args;
        va_start(args, fmt);
        int wanted = vsnprintf((char *)b->data + b->len, room + 1, fmt, args);
        va_end(args);
        if (wanted < 0) {
            b->failed = true;
            return;
        }
        if ((size_t)wanted <= room) {
            b->len += (size_t)wanted;
            return;
        }
        if (!buf_reserve(b, (size_t)wanted)) {
            return;
        }
    }
    b->failed = true;
}

void buf_consume(struct buf *b, size_t n) {
    assert(n <= b->len);
    if (n > 0) {
        b->len -= n;
        memmove(b->data, b->data + n, b->len);
    }
}
