#include "cursor.h"

struct cursor cursor_over(struct slice s) {
    /* Adding 0 to NULL is undefined in C, hence the test. */
    return (struct cursor){.at = s.data, .end = s.len == 0 ? s.data : s.data + s.len};
}

size_t cursor_left(const struct cursor *c) {
    return c->failed || c->at == c->end ? 0 : (size_t)(c->end - c->at);
}

struct slice cursor_take(struct cursor *c, size_t n) {
    if (c->failed || n > cursor_left(c)) {
        c->failed = true;
        return (struct slice){0};
    }
    struct slice taken = slice_of(c->at, n);
    if (n > 0) {
        c->at += n;
    }
    return taken;
}

struct slice cursor_rest(struct cursor *c) {
    return cursor_take(c, cursor_left(c));
}

void cursor_skip(struct cursor *c, size_t n) {
    (void)cursor_take(c, n);
}

/* The next `count` bytes as one big-endian number. */
static uint64_t take_be(struct cursor *c, size_t count) {
    struct slice s = cursor_take(c, count);
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        v = v << 8 | s.data[i];
    }
    return v;
}

uint8_t cursor_u8(struct cursor *c) {
    return (uint8_t)take_be(c, 1);
}

uint16_t cursor_be16(struct cursor *c) {
    return (uint16_t)take_be(c, 2);
}

uint32_t cursor_be32(struct cursor *c) {
    return (uint32_t)take_be(c, 4);
}

uint64_t cursor_be64(struct cursor *c) {
    return take_be(c, 8);
}

uint64_t cursor_varint(struct cursor *c) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cursor_u8(c);
        if (c->failed || (shift == 63 && byte > 1)) {
            break; /* cut short, or bits beyond 64 */
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return v;
        }
    }
    c->failed = true;
    return 0;
}
