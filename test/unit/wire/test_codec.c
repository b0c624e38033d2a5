/* What a forwarder sees of video and audio payloads: descriptors, key frames, renumbering, RED. */
#include "av1.h"
#include "h264.h"
#include "red.h"
#include "vp8.h"
#include "vp9.h"
#include "wire_test.h"

/* A browser's key frame of 640 x 480: wide picture id, TL0 index, temporal layer and key index. */
static const uint8_t vp8_key[] =
    "\x90\xf0\x81\x23\x07\x25\x50\x25\x00\x9d\x01\x2a\x80\x02\xe0\x01rest";

static void vp8_of_a_browser_is_read(void **state) {
    struct vp8_descriptor d;
    assert_int_equal(vp8_read(slice_of(vp8_key, sizeof(vp8_key) - 1), &d), STATUS_OK);
    assert_int_equal(d.bytes, 6);
    assert_true(d.partition_start && d.partition == 0 && !d.non_reference);
    assert_true(d.has_picture_id && d.picture_id_wide && d.picture_id == 0x123);
    assert_true(d.has_tl0_index && d.tl0_index == 7);
    assert_true(d.has_temporal && d.temporal == 0 && d.layer_sync);
    assert_true(d.has_key_index && d.key_index == 5);
    assert_true(d.key_frame);
    assert_int_equal(d.width, 640);
    assert_int_equal(d.height, 480);
}

static void vp8_fields_are_each_optional(void **state) {
    struct vp8_descriptor d;
    assert_int_equal(vp8_read(SLICE_LIT("\x10\x01x"), &d), STATUS_OK);
    assert_int_equal(d.bytes, 1);
    assert_false(d.has_picture_id || d.has_tl0_index || d.has_temporal || d.has_key_index);
    assert_false(d.key_frame); /* an inter frame */
    assert_int_equal(vp8_read(SLICE_LIT("\x10\x00"), &d), STATUS_OK);
    assert_true(d.key_frame && d.width == 0);
    assert_int_equal(vp8_read(SLICE_LIT("\x00\x00"), &d), STATUS_OK);
    assert_false(d.key_frame); /* the middle of a partition */
    assert_int_equal(vp8_read(SLICE_LIT("\x11\x00"), &d), STATUS_OK);
    assert_false(d.key_frame); /* another partition */
    assert_int_equal(vp8_read(SLICE_LIT("\xb0\x80\x7f\x00"), &d), STATUS_OK);
    assert_true(d.has_picture_id && !d.picture_id_wide && d.picture_id == 127 && d.non_reference);
    assert_int_equal(vp8_read(SLICE_LIT("\x90\x20\xbf\x01"), &d), STATUS_OK);
    assert_true(d.has_temporal && d.temporal == 2 && d.layer_sync && !d.has_key_index);
    assert_int_equal(vp8_read(SLICE_LIT("\x90\x10\xbf\x01"), &d), STATUS_OK);
    assert_true(!d.has_temporal && d.has_key_index && d.key_index == 31 && d.temporal == 0);
    assert_int_equal(vp8_read(SLICE_LIT("\x90\xf0\x81\x23\x07\x25"), &d), STATUS_OK);
    assert_false(d.key_frame); /* nothing behind it: padding */
}

static void vp8_that_is_cut_is_refused(void **state) {
    struct vp8_descriptor d = {.bytes = 99};
    for (size_t len = 0; len < 6; len++) {
        struct slice cut = tight_copy(slice_of(vp8_key, len));
        assert_int_equal(vp8_read(cut, &d), STATUS_MALFORMED);
        tight_free(cut);
    }
    assert_int_equal(d.bytes, 99);
}

/* Every combination of fields: the numbers change, the widths and all other bits do not. */
static void vp8_is_renumbered_in_place(void **state) {
    const struct vp8_numbers numbers = {.picture_id = 0x7abc, .tl0_index = 0x99, .key_index = 0x2a};
    for (unsigned present = 0; present < 256; present++) {
        for (unsigned wide = 0; wide < 2; wide++) {
            uint8_t payload[8] = {
                0x90, (uint8_t)present, wide ? 0xff : 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff};
            struct vp8_descriptor before, after;
            assert_int_equal(vp8_read(slice_of(payload, sizeof payload), &before), STATUS_OK);
            vp8_renumber(payload, &before, numbers);
            assert_int_equal(vp8_read(slice_of(payload, sizeof payload), &after), STATUS_OK);
            assert_int_equal(payload[0], 0x90);
            assert_int_equal(payload[1], present);
            assert_int_equal(after.bytes, before.bytes);
            for (size_t i = after.bytes; i < sizeof payload; i++) {
                assert_int_equal(payload[i], i == 2 && !wide ? 0x7f : 0xff);
            }
            assert_int_equal(after.picture_id, !before.has_picture_id   ? 0
                                               : before.picture_id_wide ? 0x7abc
                                                                        : 0x3c);
            assert_int_equal(after.tl0_index, before.has_tl0_index ? 0x99 : 0);
            assert_int_equal(after.key_index, before.has_key_index ? 0x0a : 0);
            assert_int_equal(after.temporal, before.temporal);
            assert_int_equal(after.layer_sync, before.layer_sync);
        }
    }
}

static void vp9_key_frames_are_seen(void **state) {
    struct vp9_descriptor d;
    /* a key frame in non-flexible mode with layers: picture id 0x1234, T0 S0, TL0 5 */
    assert_int_equal(vp9_read(SLICE_LIT("\xaa\x92\x34\x00\x05x"), &d), STATUS_OK);
    assert_true(d.key_frame && d.frame_start && d.has_structure && !d.frame_end);
    assert_true(d.has_picture_id && d.picture_id == 0x1234);
    assert_true(d.has_layers && d.has_tl0_index && d.tl0_index == 5);
    /* the layer above it, of the same picture: predicted from the layer below only */
    assert_int_equal(vp9_read(SLICE_LIT("\xa8\x12\x13\x05"), &d), STATUS_OK);
    assert_true(!d.key_frame && d.spatial == 1 && d.inter_layer && d.switching_up);
    assert_int_equal(d.temporal, 0);
    assert_int_equal(d.picture_id, 0x12);
    /* flexible mode has no TL0 index; an inter picture; not the start of a frame */
    assert_int_equal(vp9_read(SLICE_LIT("\x38\x40"), &d), STATUS_OK);
    assert_true(d.key_frame && d.flexible && !d.has_tl0_index && d.temporal == 2);
    assert_int_equal(vp9_read(SLICE_LIT("\x48"), &d), STATUS_OK);
    assert_true(!d.key_frame && d.inter_picture);
    assert_int_equal(vp9_read(SLICE_LIT("\x04"), &d), STATUS_OK);
    assert_true(!d.key_frame && d.frame_end);
    static const struct slice cut[] = {{0},
                                       {(const uint8_t *)"\x80", 1},
                                       {(const uint8_t *)"\x80\x80", 2},
                                       {(const uint8_t *)"\x20", 1},
                                       {(const uint8_t *)"\x20\x00", 2}};
    for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
        struct slice tight = tight_copy(cut[i]);
        assert_int_equal(vp9_read(tight, &d), STATUS_MALFORMED);
        tight_free(tight);
    }
}

static void h264_key_frames_are_seen(void **state) {
    static const struct {
        struct slice payload;
        unsigned contents;
    } cases[] = {
        {{(const uint8_t *)"\x67\x42\xc0\x1f", 4}, H264_SPS},
        {{(const uint8_t *)"\x68\xce", 2}, H264_PPS},
        {{(const uint8_t *)"\x65\x88", 2}, H264_IDR},
        {{(const uint8_t *)"\x65\x42", 2}, 0}, /* a later slice of the picture */
        {{(const uint8_t *)"\x41\x9a", 2}, 0},
        {{(const uint8_t *)"\x65", 1}, 0},
        {{(const uint8_t *)"\x78\x00\x02\x67\x42\x00\x02\x68\xce", 9}, H264_SPS | H264_PPS},
        {{(const uint8_t *)"\x78\x00\x01\x67\x00\x02\x68\xce\x00\x02\x65\x88", 12},
         H264_SPS | H264_PPS | H264_IDR},
        {{(const uint8_t *)"\x78\x00\x01\x67\x00\x05\x68", 7}, 0}, /* reaches outside */
        {{(const uint8_t *)"\x78\x00\x00\x00\x01\x67", 6}, 0},     /* an empty unit */
        {{(const uint8_t *)"\x78\x00", 2}, 0},
        {{(const uint8_t *)"\x7c\x85\x88", 3}, H264_IDR}, /* first fragment */
        {{(const uint8_t *)"\x7c\x05\x88", 3}, 0},        /* a later one */
        {{(const uint8_t *)"\x7c\x87\x42", 3}, H264_SPS},
        {{(const uint8_t *)"\x7c\x81\x9a", 3}, 0},
        {{(const uint8_t *)"\x7c", 1}, 0},
        {{0}, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice tight = tight_copy(cases[i].payload);
        assert_int_equal(h264_contents(tight), cases[i].contents);
        assert_int_equal(h264_begins_key_frame(tight),
                         (cases[i].contents & (H264_SPS | H264_IDR)) != 0);
        tight_free(tight);
    }
}

static void av1_headers_are_read(void **state) {
    struct av1_aggregation h;
    assert_true(av1_read_aggregation(SLICE_LIT("\x28\x0a"), &h));
    assert_true(h.new_sequence && !h.continues && !h.goes_on && h.count == 2);
    assert_true(av1_read_aggregation(SLICE_LIT("\xd0"), &h));
    assert_true(!h.new_sequence && h.continues && h.goes_on && h.count == 1);
    assert_false(av1_read_aggregation(SLICE_LIT("\x88"), &h));
    assert_false(av1_read_aggregation(SLICE_LIT(""), &h));
    struct av1_descriptor d;
    assert_true(av1_read_descriptor(SLICE_LIT("\xc5\x12\x34"), &d));
    assert_true(d.frame_start && d.frame_end && d.template_id == 5 && d.frame_number == 0x1234);
    assert_false(d.has_structure);
    assert_true(av1_read_descriptor(SLICE_LIT("\x80\x00\x01\x80\x00"), &d));
    assert_true(d.frame_start && !d.frame_end && d.has_structure);
    assert_true(av1_read_descriptor(SLICE_LIT("\x00\x00\x01\x40"), &d));
    assert_false(d.has_structure);
    assert_false(av1_read_descriptor(SLICE_LIT("\x80\x00"), &d));
}

/* Three spatial layers, a template and a decode target each; and two temporal ones. */
#define SPATIALS "\xc0\x00\x01\x80\x02\xae\xa2\x82"
#define TEMPORALS "\xc5\x00\x01\x80\xa1\x7a\x20"

static void av1_structures_are_read(void **state) {
    struct av1_structure s;
    struct av1_layer l;
    assert_true(av1_read_structure(SLICE_LIT(SPATIALS), &s));
    assert_int_equal(s.count, 3);
    for (uint8_t i = 0; i < 3; i++) {
        assert_true(av1_find_layer(&s, i, &l));
        assert_true(l.spatial == i && l.temporal == 0 && l.sync);
    }
    assert_false(av1_find_layer(&s, 3, &l));
    assert_false(av1_find_layer(&s, 63, &l));
    assert_true(av1_read_structure(SLICE_LIT(TEMPORALS), &s));
    assert_true(s.count == 2 && s.id_offset == 5);
    assert_true(av1_find_layer(&s, 6, &l) && l.spatial == 0 && l.temporal == 1 && l.sync);
    assert_false(av1_find_layer(&s, 4, &l));
    assert_false(av1_find_layer(&(struct av1_structure){0}, 0, &l));
}

/* Cut anywhere, without one, and with templates that never end. */
static void av1_structures_that_are_none_are_refused(void **state) {
    struct av1_structure s;
    struct slice whole = SLICE_LIT(SPATIALS);
    for (size_t len = 0; len + 1 < whole.len; len++) {
        assert_false(av1_read_structure(slice_sub(whole, 0, len), &s));
    }
    assert_false(av1_read_structure(SLICE_LIT("\xc0\x00\x01\x00\x02\xae\xa2\x82"), &s));
    uint8_t endless[64] = {0xc0, 0, 1, 0x80};
    assert_false(av1_read_structure(slice_of(endless, sizeof endless), &s));
}

static void red_is_taken_apart(void **state) {
    struct red_block blocks[RED_BLOCKS_MAX];
    size_t count;
    /* as browsers send: one older frame 960 before, 3 bytes, then the primary */
    assert_int_equal(red_split(SLICE_LIT("\xef\x0f\x00\x03\x6f"
                                         "oldnow!"),
                               blocks, &count),
                     STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(blocks[0].payload_type == 111 && blocks[0].timestamp_offset == 960);
    assert_slice(blocks[0].payload, "old");
    assert_true(blocks[1].payload_type == 111 && blocks[1].timestamp_offset == 0);
    assert_slice(blocks[1].payload, "now!");
    assert_int_equal(red_split(SLICE_LIT("\x6f"), blocks, &count), STATUS_OK);
    assert_true(count == 1 && blocks[0].payload.len == 0);
    assert_int_equal(red_split(SLICE_LIT("\xef\xff\xff\xff\x6f"), blocks, &count),
                     STATUS_MALFORMED);
    assert_int_equal(red_split(SLICE_LIT(""), blocks, &count), STATUS_MALFORMED);
    assert_int_equal(red_split(SLICE_LIT("\xef\x0f\x00"), blocks, &count), STATUS_MALFORMED);
    assert_int_equal(red_split(SLICE_LIT("\xef\x0f\x00\x00"), blocks, &count), STATUS_MALFORMED);
    uint8_t many[4 * RED_BLOCKS_MAX + 1];
    for (size_t i = 0; i < RED_BLOCKS_MAX; i++) {
        memcpy(many + 4 * i, "\xef\x00\x00\x00", 4);
    }
    many[4 * RED_BLOCKS_MAX] = 0x6f;
    assert_int_equal(red_split(slice_of(many, sizeof many), blocks, &count), STATUS_TOO_LARGE);
    assert_int_equal(red_split(slice_of(many + 4, sizeof many - 4), blocks, &count), STATUS_OK);
    assert_int_equal(count, RED_BLOCKS_MAX);
}

static void red_blocks_get_another_type(void **state) {
    uint8_t payload[] = "\xef\x0f\x00\x03\x6foldnow!";
    red_set_payload_type(payload, sizeof payload - 1, 96);
    assert_slice(slice_of(payload, sizeof payload - 1), "\xe0\x0f\x00\x03\x60oldnow!");
    uint8_t cut[] = {0xef, 0x0f, 0, 0}; /* never taken apart; but nothing outside is touched */
    red_set_payload_type(cut, sizeof cut, 96);
    assert_int_equal(cut[0], 0xe0);
}

static void silence_of_opus_is_known(void **state) {
    assert_true(opus_is_silent(slice_of(opus_silence, sizeof opus_silence)));
    assert_true(opus_is_silent(SLICE_LIT("\x78")));
    assert_true(opus_is_silent(SLICE_LIT("\x78\x01")));
    assert_false(opus_is_silent(SLICE_LIT("\xf8\xff\xff")));
    assert_false(opus_is_silent(SLICE_LIT("\xf8\xff\xfe\x00")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vp8_of_a_browser_is_read),
        cmocka_unit_test(vp8_fields_are_each_optional),
        cmocka_unit_test(vp8_that_is_cut_is_refused),
        cmocka_unit_test(vp8_is_renumbered_in_place),
        cmocka_unit_test(vp9_key_frames_are_seen),
        cmocka_unit_test(h264_key_frames_are_seen),
        cmocka_unit_test(av1_headers_are_read),
        cmocka_unit_test(av1_structures_are_read),
        cmocka_unit_test(av1_structures_that_are_none_are_refused),
        cmocka_unit_test(red_is_taken_apart),
        cmocka_unit_test(red_blocks_get_another_type),
        cmocka_unit_test(silence_of_opus_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
