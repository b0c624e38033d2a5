/* red.h: redundant audio: one packet with several payloads, taken apart; and silence of opus.
 * Owns: nothing; payloads are views into the packet.
 * Never: allocates, or takes more than RED_BLOCKS_MAX blocks.
 * Source: RFC 2198 section 3; RFC 6716 section 3.1 (opus).
 * Callers: sfu, media workers. */
#pragma once

#include "slice.h"

enum { RED_BLOCKS_MAX = 8 /* clients send 2, at most 3 */ };

struct red_block {
    uint8_t payload_type;
    uint16_t timestamp_offset; /* 14 bits before the packet's timestamp; 0 for the primary */
    struct slice payload;
};
/* Oldest first, as they stand there; the last is the primary. MALFORMED: they do not fill the
 * packet as they say. TOO_LARGE: more than RED_BLOCKS_MAX. */
must_check enum status red_split(struct slice payload, struct red_block ret_blocks[RED_BLOCKS_MAX],
                                 size_t *ret_count);

/* Says of each block that it is of this type; `payload` is one that red_split took. */
void red_set_payload_type(uint8_t *payload, size_t len, uint8_t payload_type);

enum { OPUS_SILENCE_BYTES = 3, OPUS_DTX_BYTES_MAX = 2 };
/* 20 ms of silence, stereo or mono, for any decoder. */
extern const uint8_t opus_silence[OPUS_SILENCE_BYTES];
/* Silence by that frame, or nothing but the table of contents: a sender that saves (DTX). */
bool opus_is_silent(struct slice payload);
