/* word.h: eight bytes looked at in one step, for text that is nearly always plain.
 * Owns: nothing.
 * Never: reads past the eight bytes at its pointer.
 * Invariant: an answer "no" may be wrong for a byte behind one that was found, so that callers look
 *   at each byte of a word that is not plain; an answer "yes" is always right.
 * Callers: base, wire, proto: checks of text, HTTP and JSON. */
#pragma once

#include <string.h>

#include "base.h"

static inline uint64_t word_each(uint8_t byte) {
    return byte * 0x0101010101010101u;
}

/* No byte of it is above ASCII, below `least` (at most 0x80), or equal to one of three others. */
static inline bool word_is_plain(const uint8_t *at, uint8_t least, uint8_t no, uint8_t nor,
                                 uint8_t neither) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t odd = word | (word - word_each(least));
    odd |= (word ^ word_each(no)) - word_each(1);
    odd |= (word ^ word_each(nor)) - word_each(1);
    odd |= (word ^ word_each(neither)) - word_each(1);
    return (odd & word_each(0x80)) == 0;
}
