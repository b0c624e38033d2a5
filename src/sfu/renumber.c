#include "renumber.h"

static struct renumber_range *last_range(struct renumber *r) {
    return &r->ranges[(r->count - 1) % RENUMBER_RANGES];
}

static void push(struct renumber *r, struct renumber_range range) {
    r->ranges[r->count++ % RENUMBER_RANGES] = range;
}

void renumber_begin(struct renumber *r, uint32_t source, uint32_t out, uint16_t picture_offset,
                    uint8_t layers) {
    r->first = r->highest = source;
    r->count = 0;
    push(r, (struct renumber_range){.from = source,
                                    .offset = source - out,
                                    .picture_offset = picture_offset,
                                    .layers = layers});
}

const struct renumber_range *renumber_now(const struct renumber *r) {
    return &r->ranges[(r->count - 1) % RENUMBER_RANGES];
}

/* From here on packets go through, up to these layers. */
static void open_range(struct renumber *r, uint32_t from, uint8_t layers) {
    struct renumber_range range = *last_range(r);
    if (range.dropped || range.layers != layers) {
        range.from = from;
        range.dropped = false;
        range.layers = layers;
        push(r, range);
    }
}

static uint8_t lower(uint8_t a, uint8_t b) {
    return RENUMBER_LAYERS(MIN(renumber_spatial(a), renumber_spatial(b)),
                           MIN(renumber_temporal(a), renumber_temporal(b)));
}

/* What is missing before this number may still come. It belongs to a frame before the change of
 * layer, or to one that is dropped now: the lower layer of both decides. */
static void open_gap(struct renumber *r, uint32_t source, uint8_t layers) {
    if (source != r->highest + 1) {
        open_range(r, r->highest + 1, lower(last_range(r)->layers, layers));
    }
}

uint32_t renumber_pass(struct renumber *r, uint32_t source, uint8_t layers) {
    assert(renumber_is_newer(r, source));
    open_gap(r, source, layers);
    open_range(r, source, layers);
    r->highest = source;
    return source - last_range(r)->offset;
}

void renumber_drop(struct renumber *r, uint32_t source, bool new_frame, uint8_t layers) {
    assert(renumber_is_newer(r, source));
    open_gap(r, source, layers);
    struct renumber_range range = *last_range(r);
    range.offset++;
    range.picture_offset = (uint16_t)(range.picture_offset + new_frame);
    range.layers = layers;
    if (range.dropped) {
        *last_range(r) = range; /* it covers more now; what comes after it is one more behind */
    } else {
        range.from = source;
        range.dropped = true;
        push(r, range);
    }
    r->highest = source;
}

bool renumber_find(const struct renumber *r, uint32_t source, struct renumber_range *ret_range) {
    if ((int32_t)(source - r->first) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < RENUMBER_RANGES && i < r->count; i++) {
        const struct renumber_range *range = &r->ranges[(r->count - 1 - i) % RENUMBER_RANGES];
        if ((int32_t)(source - range->from) >= 0) {
            if (range->dropped) {
                return false;
            }
            *ret_range = *range;
            return true;
        }
    }
    return false;
}

bool renumber_source(const struct renumber *r, uint32_t out, uint32_t *ret_source) {
    uint32_t end = r->highest + 1; /* of the range looked at */
    for (uint32_t i = 0; i < RENUMBER_RANGES && i < r->count; i++) {
        const struct renumber_range *range = &r->ranges[(r->count - 1 - i) % RENUMBER_RANGES];
        uint32_t source = out + range->offset;
        if (!range->dropped && (int32_t)(source - range->from) >= 0 &&
            (int32_t)(end - source) > 0) {
            *ret_source = source;
            return true;
        }
        end = range->from;
    }
    return false;
}
