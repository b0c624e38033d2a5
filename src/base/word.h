/* word.h: eight bytes looked at in one step, for text that is nearly always plain.
 * Owns: nothing.
 * Never: reads past the eight bytes at its pointer.
 * Invariant: the first byte told of is one; those behind it are not looked at.
 * Callers: base, wire, proto: checks of text, HTTP and JSON. */
#pragma once

#include <string.h>

#include "base.h"

static inline uint64_t word_each(uint8_t byte) {
    return byte * 0x0101010101010101u;
}

/* How many bytes from `at` on are plain, up to 8: not above ASCII, not below `least` (at most
 * 0x80), not one of three others. */
static inline size_t word_plain(const uint8_t *at, uint8_t least, uint8_t no, uint8_t nor,
                                uint8_t neither) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word); /* the first byte is the lowest */
#endif
    /* A borrow goes up, never down: the lowest mark is always right. */
    uint64_t odd = word | (word - word_each(least));
    odd |= (word ^ word_each(no)) - word_each(1);
    odd |= (word ^ word_each(nor)) - word_each(1);
    odd |= (word ^ word_each(neither)) - word_each(1);
    odd &= word_each(0x80);
    return odd == 0 ? sizeof(word) : (size_t)__builtin_ctzll(odd) / 8;
}
