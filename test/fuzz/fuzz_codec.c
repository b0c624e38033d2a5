/* Payloads of codecs: each reader meets any bytes; VP8 numbers are written over and read back.
 * Covers: src/wire/vp8.c src/wire/vp9.c src/wire/h264.c src/wire/av1.c src/wire/red.c */
#include "av1.h"
#include "fuzz.h"
#include "h264.h"
#include "red.h"
#include "vp8.h"
#include "vp9.h"

static void vp8(struct slice payload, uint8_t *bytes) {
    struct vp8_descriptor d, back;
    if (vp8_read(payload, &d) != STATUS_OK) {
        return;
    }
    assert(d.bytes > 0 && d.bytes <= payload.len);
    const struct vp8_numbers same = {d.picture_id, d.tl0_index, d.key_index};
    struct slice before = tight_copy(payload);
    vp8_renumber(bytes, &d, same);
    assert(slice_eq(payload, before)); /* the same numbers are the same bytes */
    tight_free(before);
    const struct vp8_numbers other = {(uint16_t)(d.picture_id + 1), (uint8_t)(d.tl0_index + 1),
                                      (uint8_t)(d.key_index + 1)};
    vp8_renumber(bytes, &d, other);
    assert(vp8_read(payload, &back) == STATUS_OK && back.bytes == d.bytes);
    assert(back.key_frame == d.key_frame && back.temporal == d.temporal);
    uint16_t mask = d.picture_id_wide ? 0x7fff : 0x7f;
    assert(!d.has_picture_id || back.picture_id == ((d.picture_id + 1) & mask));
    assert(!d.has_tl0_index || back.tl0_index == (uint8_t)(d.tl0_index + 1));
    assert(!d.has_key_index || back.key_index == ((d.key_index + 1) & 0x1f));
}

static void av1(struct slice payload) {
    struct av1_descriptor d;
    struct av1_structure s;
    struct av1_layer l;
    if (!av1_read_structure(payload, &s)) {
        return;
    }
    assert(av1_read_descriptor(payload, &d) && d.has_structure);
    assert(s.count > 0 && s.count <= AV1_TEMPLATES_MAX);
    unsigned found = 0;
    for (unsigned id = 0; id < 64; id++) {
        found += av1_find_layer(&s, (uint8_t)id, &l);
    }
    assert(found == s.count);
}

static void red(struct slice payload, uint8_t *bytes) {
    struct red_block blocks[RED_BLOCKS_MAX];
    size_t count, total = 0;
    if (red_split(payload, blocks, &count) != STATUS_OK) {
        return;
    }
    assert(count > 0 && count <= RED_BLOCKS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert(inside(blocks[i].payload, payload));
        (void)opus_is_silent(blocks[i].payload);
        total += blocks[i].payload.len;
    }
    assert(total + 4 * (count - 1) + 1 == payload.len);
    size_t again;
    red_set_payload_type(bytes, payload.len, 99);
    assert(red_split(payload, blocks, &again) == STATUS_OK && again == count);
    for (size_t i = 0; i < count; i++) {
        assert(blocks[i].payload_type == 99);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice payload = tight_copy(slice_of(data, size));
    struct vp9_descriptor vp9;
    struct av1_aggregation aggregation;
    struct av1_descriptor descriptor;
    assert(vp9_read(payload, &vp9) != STATUS_OK || !vp9.key_frame || !vp9.inter_picture);
    unsigned contents = h264_contents(payload);
    assert(contents <= (H264_SPS | H264_PPS | H264_IDR));
    assert(!av1_read_aggregation(payload, &aggregation) || size >= 1);
    assert(!av1_read_descriptor(payload, &descriptor) || size >= 3);
    av1(payload);
    uint8_t *bytes = (uint8_t *)(uintptr_t)payload.data;
    red(payload, bytes);
    vp8(payload, bytes);
    tight_free(payload);
    return 0;
}
