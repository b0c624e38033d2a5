/* renumber.h: sequence numbers of a source as a receiver sees them, without those that it does not
 * get.
 * Owns: nothing beyond its struct.
 * Never: gives one number to two packets of the source, or a number to a packet that was dropped.
 * Invariant: numbers that were lost on the way to us stay gaps, which late packets fill; those that
 *   were dropped leave none. Picture ids go the same way: a dropped frame leaves no gap.
 * Source: wire/realtime.md 5.3 (range map).
 * Callers: downlinks; one for each time that a receiver is on one source. */
#pragma once

#include "base.h"

enum { RENUMBER_RANGES = 64 /* a second, when every other frame is dropped */ };

/* The highest spatial and temporal layer, in one byte. */
#define RENUMBER_LAYERS(spatial, temporal) ((uint8_t)((spatial) << 4 | (temporal)))
static inline uint8_t renumber_spatial(uint8_t layers) {
    return layers >> 4;
}
static inline uint8_t renumber_temporal(uint8_t layers) {
    return layers & 15;
}

/* From this number of the source to where the next range begins. */
struct renumber_range {
    uint32_t from;
    uint32_t offset; /* what is taken off a number */
    uint16_t picture_offset;
    uint8_t layers; /* the highest that were let through: RENUMBER_LAYERS */
    bool dropped;
};
struct renumber {
    uint32_t first, highest; /* of the source: where it began, the newest */
    uint32_t count;          /* of ranges, ever; the last RENUMBER_RANGES are known */
    struct renumber_range ranges[RENUMBER_RANGES];
};

/* The source begins with this number, which becomes `out`. */
void renumber_begin(struct renumber *r, uint32_t source, uint32_t out, uint16_t picture_offset,
                    uint8_t layers);
static inline bool renumber_is_newer(const struct renumber *r, uint32_t source) {
    return (int32_t)(source - r->highest) > 0;
}
/* The range that is in force. */
const struct renumber_range *renumber_now(const struct renumber *r);
/* A newer packet goes on: its number for the receiver. */
uint32_t renumber_pass(struct renumber *r, uint32_t source, uint8_t layers);
/* A newer packet is dropped; new_frame: the first of a frame that is dropped. */
void renumber_drop(struct renumber *r, uint32_t source, bool new_frame, uint8_t layers);
/* The range of a number that is not newer: false when it is from before the beginning, dropped, or
 * so late that its range is forgotten. */
must_check bool renumber_find(const struct renumber *r, uint32_t source,
                              struct renumber_range *ret_range);
/* The other way: which number of the source has the receiver's number. */
must_check bool renumber_source(const struct renumber *r, uint32_t out, uint32_t *ret_source);
