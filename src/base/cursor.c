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

uint8_t cursor_u8(struct cursor *c) {
    struct slice s = cursor_take(c, 1);
    return s.len > 0 ? s.data[0] : 0;
}

uint16_t cursor_be16(struct cursor *c) {
    struct slice s = cursor_take(c, 2);
    return s.len > 0 ? (uint16_t)(s.data[0] << 8 | s.data[1]) : 0;
}

/* Written out: compilers see one load in it. */
static uint32_t be32_at(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

uint32_t cursor_be32(struct cursor *c) {
    struct slice s = cursor_take(c, 4);
    return s.len > 0 ? be32_at(s.data) : 0;
}

uint64_t cursor_be64(struct cursor *c) {
    struct slice s = cursor_take(c, 8);
    return s.len > 0 ? (uint64_t)be32_at(s.data) << 32 | be32_at(s.data + 4) : 0;
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
