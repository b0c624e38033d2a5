/* RTP packets byte by byte: views, extensions in both forms, changes in place, resends. */
#include "rtp.h"
#include "rtp_extension.h"
#include "wire_test.h"

/* As a browser sends the first packet of a VP8 key frame: marker off, type 96, extensions
 * abs-send-time (2), transport sequence (3), mid (4) and rid (10), then the payload. */
static const uint8_t video[] =
    "\x90\x60\x1f\x40\x00\x01\x51\x80\x12\x34\x56\x78"
    "\xbe\xde\x00\x04\x22\x0a\x0b\x0c\x31\x00\x2a\x40\x37\xa0\x71\x00\x00\x00\x00\x00"
    "\x90\xe0\x81\x23\x07\x00\x50\x25\x00\x9d\x01\x2a\x80\x02\xe0\x01";

#define BYTES(b) slice_of((b), sizeof(b) - 1)

static struct rtp_view read_ok(struct slice packet) {
    struct rtp_view v;
    assert_int_equal(rtp_read(packet, &v), STATUS_OK);
    return v;
}

static void reads_a_packet_of_a_browser(void **state) {
    struct rtp_view v = read_ok(BYTES(video));
    assert_false(v.header.marker);
    assert_int_equal(v.header.payload_type, 96);
    assert_int_equal(v.header.sequence, 8000);
    assert_int_equal(v.header.timestamp, 86400);
    assert_int_equal(v.header.ssrc, 0x12345678);
    assert_int_equal(v.csrcs.len, 0);
    assert_int_equal(v.padding, 0);
    assert_int_equal(v.payload.len, sizeof(video) - 1 - 12 - 4 - 16);
    struct slice value, mid = {0}, rid = {0};
    uint32_t time = 0;
    uint16_t sequence = 0;
    assert_true(rtp_extension_find(&v, 2, &value) && rtp_read_abs_send_time(value, &time));
    assert_int_equal(time, 0x0a0b0c);
    assert_true(rtp_extension_find(&v, 3, &value) && rtp_read_transport_sequence(value, &sequence));
    assert_int_equal(sequence, 42);
    assert_true(rtp_extension_find(&v, 4, &value) && rtp_read_mid(value, &mid));
    assert_slice(mid, "7");
    assert_true(rtp_extension_find(&v, 10, &value) && rtp_read_rid(value, &rid));
    assert_slice(rid, "q");
    assert_false(rtp_extension_find(&v, 1, &value));
}

static void reads_sources_and_padding(void **state) {
    static const uint8_t packet[] = "\xa2\xef\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03"
                                    "\x00\x00\x00\x04\x00\x00\x00\x05xyz\x00\x00\x03";
    struct rtp_view v = read_ok(BYTES(packet));
    assert_true(v.header.marker);
    assert_int_equal(v.header.payload_type, 111);
    assert_int_equal(v.csrcs.len, 8);
    assert_false(v.has_extension);
    assert_slice(v.payload, "xyz");
    assert_int_equal(v.padding, 3);
}

static void what_does_not_add_up_is_refused(void **state) {
    uint8_t copy[sizeof(video)];
    struct rtp_view v = {.padding = 99};
    for (size_t len = 0; len < 12 + 4 + 16; len++) {
        struct slice cut = tight_copy(slice_of(video, len));
        assert_int_equal(rtp_read(cut, &v), STATUS_MALFORMED);
        tight_free(cut);
    }
    memcpy(copy, video, sizeof copy);
    copy[0] = 0x50; /* version 1 */
    assert_int_equal(rtp_read(BYTES(copy), &v), STATUS_MALFORMED);
    copy[0] = 0xb0; /* padding: the last byte is 1, then 0, then too much */
    assert_int_equal(read_ok(BYTES(copy)).padding, 1);
    copy[sizeof(copy) - 2] = 0;
    assert_int_equal(rtp_read(BYTES(copy), &v), STATUS_MALFORMED);
    copy[sizeof(copy) - 2] = 17;
    assert_int_equal(rtp_read(BYTES(copy), &v), STATUS_MALFORMED);
    copy[sizeof(copy) - 2] = 16; /* all of it */
    assert_int_equal(read_ok(BYTES(copy)).payload.len, 0);
    assert_int_equal(rtp_read(SLICE_LIT("\xa0\x60\0\0\0\0\0\0\0\0\0\0"), &v), STATUS_MALFORMED);
    assert_int_equal(v.padding, 99);
}

/* A packet without payload around an extension block of whole words. */
static size_t around(const char *profile, struct slice block, uint8_t out[128]) {
    memcpy(out, "\x90\x60\0\1\0\0\0\1\0\0\0\1", 12);
    memcpy(out + 12, profile, 2);
    out[14] = 0;
    out[15] = (uint8_t)(block.len / 4);
    memcpy(out + 16, block.data, block.len);
    return 16 + block.len;
}

static void walks_both_forms_of_extensions(void **state) {
    uint8_t packet[128];
    struct rtp_extension e;
    struct slice two = SLICE_LIT("\0\x20\x00\x0f\x03xyz\0\0\x01\x01q\0\0\0");
    struct rtp_view v = read_ok(slice_of(packet, around("\x10\x05", two, packet)));
    struct rtp_extensions walk = rtp_extensions_of(&v);
    assert_true(rtp_extensions_next(&walk, &e));
    assert_int_equal(e.id, 32);
    assert_int_equal(e.value.len, 0);
    assert_true(rtp_extensions_next(&walk, &e));
    assert_int_equal(e.id, 15);
    assert_slice(e.value, "xyz");
    assert_true(rtp_extensions_next(&walk, &e));
    assert_int_equal(e.id, 1);
    assert_slice(e.value, "q");
    assert_false(rtp_extensions_next(&walk, &e));
    assert_false(rtp_extensions_next(&walk, &e));

    v = read_ok(
        slice_of(packet, around("\xbe\xde", SLICE_LIT("\0\0\x10\x61\x20\x62\0\0"), packet)));
    walk = rtp_extensions_of(&v);
    assert_true(rtp_extensions_next(&walk, &e));
    assert_int_equal(e.id, 1);
    assert_slice(e.value, "a");
    assert_true(rtp_extensions_next(&walk, &e));
    assert_int_equal(e.id, 2);
    assert_false(rtp_extensions_next(&walk, &e));
}

static void a_walk_ends_where_it_must(void **state) {
    static const struct {
        const char *profile;
        struct slice block;
    } ends[] = {
        {"\xbe\xde", {(const uint8_t *)"\x10\x61\xf0\x20\x20\x62\0\0", 8}}, /* id 15 */
        {"\xbe\xde", {(const uint8_t *)"\x10\x61\x02\x20\x20\x62\0\0", 8}}, /* id 0 with a length */
        {"\xbe\xde", {(const uint8_t *)"\x10\x61\x24\x62", 4}},             /* reaches outside */
        {"\x10\x00", {(const uint8_t *)"\x01\x01\x61\x02\x02\x62\0\x03", 8}}, /* no length */
        {"\x10\x00", {(const uint8_t *)"\x01\x01\x61\x02\x05\x62\0\0", 8}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        uint8_t packet[128];
        struct rtp_extension e;
        struct rtp_view v =
            read_ok(slice_of(packet, around(ends[i].profile, ends[i].block, packet)));
        struct rtp_extensions walk = rtp_extensions_of(&v);
        assert_true(rtp_extensions_next(&walk, &e));
        assert_int_equal(e.id, 1);
        assert_slice(e.value, "a");
        while (i == 3 && rtp_extensions_next(&walk, &e)) {
            assert_int_equal(e.id, 2);
        }
        assert_false(rtp_extensions_next(&walk, &e));
    }
    uint8_t packet[128];
    struct slice value;
    struct rtp_view v =
        read_ok(slice_of(packet, around("\x12\x34", SLICE_LIT("\x10\x61\0\0"), packet)));
    assert_true(v.has_extension);
    assert_false(rtp_extension_find(&v, 1, &value));
}

static void rewrites_in_place(void **state) {
    uint8_t packet[sizeof(video) - 1];
    memcpy(packet, video, sizeof packet);
    rtp_set_marker(packet, true);
    rtp_set_payload_type(packet, 100);
    rtp_set_sequence(packet, 65535);
    rtp_set_timestamp(packet, 0xfffffffe);
    rtp_set_ssrc(packet, 7);
    assert_true(rtp_set_extension(packet, sizeof packet, 2, SLICE_LIT("\x01\x02\x03")));
    assert_false(rtp_set_extension(packet, sizeof packet, 2, SLICE_LIT("\x01\x02")));
    assert_false(rtp_set_extension(packet, sizeof packet, 9, SLICE_LIT("\x01\x02\x03")));
    struct rtp_view v = read_ok(slice_of(packet, sizeof packet)), before = read_ok(BYTES(video));
    struct slice value;
    assert_true(v.header.marker);
    assert_int_equal(v.header.payload_type, 100);
    assert_int_equal(v.header.sequence, 65535);
    assert_int_equal(v.header.timestamp, 0xfffffffe);
    assert_int_equal(v.header.ssrc, 7);
    assert_true(rtp_extension_find(&v, 2, &value));
    assert_slice(value, "\x01\x02\x03");
    assert_true(rtp_extension_find(&v, 3, &value));
    assert_slice(value, "\x00\x2a");
    assert_true(slice_eq(v.payload, before.payload));
    rtp_set_marker(packet, false);
    assert_int_equal(read_ok(slice_of(packet, sizeof packet)).header.payload_type, 100);
    assert_false(read_ok(slice_of(packet, sizeof packet)).header.marker);
}

/* As a forwarder does: header and payload of one packet with extensions of another's ids. */
static void forwards_with_the_ids_of_the_receiver(void **state) {
    uint8_t space[256];
    struct rtp_view v = read_ok(BYTES(video));
    struct rtp_header h = v.header;
    h.sequence = 3;
    h.payload_type = 98;
    const struct rtp_extension list[] = {{5, SLICE_LIT("7")}, {1, SLICE_LIT("\x0a\x0b\x0c")}};
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtp_put_header(&out, &h, list, ARRAY_LEN(list));
    rtp_put(&out, v.payload);
    assert_false(out.failed);
    assert_slice(slice_sub(rtp_out_slice(&out), 0, 24),
                 "\x90\x62\x00\x03\x00\x01\x51\x80\x12\x34\x56\x78"
                 "\xbe\xde\x00\x02\x50\x37\x12\x0a\x0b\x0c\x00\x00");
    struct rtp_view back = read_ok(rtp_out_slice(&out));
    assert_true(slice_eq(back.payload, v.payload));
    assert_int_equal(back.header.sequence, 3);

    out = rtp_out_over(space, sizeof space);
    rtp_put_header(&out, &h, NULL, 0);
    assert_int_equal(out.len, 12);
    assert_false(read_ok(rtp_out_slice(&out)).has_extension);
}

/* The two-byte form is taken where an id, an empty value or a long one needs it. */
static void chooses_the_form_that_fits(void **state) {
    static const uint8_t long_value[17] = {1};
    const struct rtp_extension needing[] = {
        {15, SLICE_LIT("x")}, {1, {0}}, {3, {long_value, sizeof long_value}}};
    const struct rtp_header h = {.payload_type = 1};
    for (size_t i = 0; i < ARRAY_LEN(needing); i++) {
        uint8_t space[64];
        struct rtp_out out = rtp_out_over(space, sizeof space);
        const struct rtp_extension list[] = {needing[i], {2, SLICE_LIT("ab")}};
        rtp_put_header(&out, &h, list, 2);
        struct rtp_view v = read_ok(rtp_out_slice(&out));
        assert_int_equal(v.extension_profile, 0x1000);
        struct slice value;
        assert_true(rtp_extension_find(&v, needing[i].id, &value));
        assert_true(slice_eq(value, needing[i].value));
        assert_true(rtp_extension_find(&v, 2, &value));
        assert_slice(value, "ab");
    }
}

static void writers_stop_at_the_end_of_the_space(void **state) {
    const struct rtp_extension list[] = {{1, SLICE_LIT("abc")}};
    const struct rtp_header h = {.sequence = 1};
    for (size_t cap = 0; cap <= 12 + 8 + 2 + 4; cap++) {
        uint8_t space[32];
        memset(space, 0xee, sizeof space);
        struct rtp_out out = rtp_out_over(space, cap);
        rtp_put_rtx(&out, &h, list, 1, 77, SLICE_LIT("data"));
        assert_int_equal(out.failed, cap < 26);
        assert_true(out.len <= cap);
        for (size_t i = cap; i < sizeof space; i++) {
            assert_int_equal(space[i], 0xee);
        }
    }
}

static void resends_are_wrapped_and_unwrapped(void **state) {
    uint8_t space[256];
    struct rtp_view v = read_ok(BYTES(video));
    struct rtp_header h = v.header;
    h.payload_type = 97;
    h.sequence = 5;
    h.ssrc = 0x99;
    const struct rtp_extension list[] = {{4, SLICE_LIT("7")}, {11, SLICE_LIT("q")}};
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtp_put_rtx(&out, &h, list, 2, v.header.sequence, v.payload);
    assert_false(out.failed);
    struct slice original;
    assert_int_equal(rtp_unwrap_rtx(space, out.len, 96, 0x12345678, &original), STATUS_OK);
    assert_ptr_equal(original.data + original.len, space + out.len);
    struct rtp_view back = read_ok(original);
    assert_int_equal(back.header.sequence, v.header.sequence);
    assert_int_equal(back.header.payload_type, 96);
    assert_int_equal(back.header.ssrc, 0x12345678);
    assert_int_equal(back.header.timestamp, v.header.timestamp);
    assert_true(slice_eq(back.payload, v.payload));
    struct slice value;
    assert_true(rtp_extension_find(&back, 11, &value));
    assert_slice(value, "q");
}

static void probes_are_no_resends(void **state) {
    uint8_t space[300];
    const struct rtp_header h = {.payload_type = 97, .sequence = 5, .ssrc = 9};
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtp_put_padding_only(&out, &h, NULL, 0, 255);
    assert_false(out.failed);
    struct rtp_view v = read_ok(rtp_out_slice(&out));
    assert_int_equal(v.payload.len, 0);
    assert_int_equal(v.padding, 255);
    struct slice original;
    assert_int_equal(rtp_unwrap_rtx(space, out.len, 96, 1, &original), STATUS_NOT_FOUND);
    assert_int_equal(rtp_unwrap_rtx(space, 11, 96, 1, &original), STATUS_MALFORMED);
}

static void names_of_layers_are_checked(void **state) {
    struct slice got;
    assert_true(rtp_read_rid(SLICE_LIT("h-1_Z"), &got));
    assert_false(rtp_read_rid(SLICE_LIT(""), &got));
    assert_false(rtp_read_rid(SLICE_LIT("a.b"), &got));
    assert_false(rtp_read_rid(SLICE_LIT("a\0"), &got));
    assert_false(rtp_read_rid(SLICE_LIT("abcdefghijklmnopq"), &got));
    assert_true(rtp_read_mid(SLICE_LIT("video.0+~"), &got));
    assert_false(rtp_read_mid(SLICE_LIT("a b"), &got));
    assert_false(rtp_read_mid(SLICE_LIT("a\0"), &got));
    assert_false(rtp_read_mid(SLICE_LIT("\xc3\xa4"), &got));
    assert_false(rtp_read_mid(SLICE_LIT("012345678901234567890123456789012"), &got));
    assert_slice(got, "video.0+~");
}

static void levels_and_delays_are_read_and_written(void **state) {
    struct rtp_audio_level level;
    uint8_t bytes[16];
    assert_true(rtp_read_audio_level(SLICE_LIT("\x9e"), &level));
    assert_true(level.voice);
    assert_int_equal(level.level, 30);
    rtp_write_audio_level(level, bytes);
    assert_int_equal(bytes[0], 0x9e);
    assert_false(rtp_read_audio_level(SLICE_LIT("\x9e\x00"), &level));
    struct rtp_playout_delay delay;
    assert_true(rtp_read_playout_delay(SLICE_LIT("\x00\xaf\xff"), &delay));
    assert_int_equal(delay.min, 10);
    assert_int_equal(delay.max, 4095);
    rtp_write_playout_delay(delay, bytes);
    assert_memory_equal(bytes, "\x00\xaf\xff", 3);
    assert_false(rtp_read_playout_delay(SLICE_LIT("\x00\xb0\x0a"), &delay)); /* min above max */
    assert_false(rtp_read_playout_delay(SLICE_LIT("\x00\x00"), &delay));
}

static void times_are_read_and_written(void **state) {
    uint8_t bytes[17] = {0};
    uint32_t time;
    uint16_t sequence;
    assert_int_equal(rtp_abs_send_time_of_us(1000000), 1 << 18);
    assert_int_equal(rtp_abs_send_time_of_us(64 * 1000000u + 500000), 1 << 17);
    assert_int_equal(rtp_abs_send_time_of_us(63999999) >> 18, 63);
    rtp_write_abs_send_time(0x123456, bytes);
    assert_true(rtp_read_abs_send_time(slice_of(bytes, 3), &time));
    assert_int_equal(time, 0x123456);
    assert_false(rtp_read_abs_send_time(slice_of(bytes, 4), &time));
    rtp_write_transport_sequence(0xfedc, bytes);
    assert_true(rtp_read_transport_sequence(slice_of(bytes, 2), &sequence));
    assert_int_equal(sequence, 0xfedc);
    assert_true(rtp_read_transport_sequence(slice_of(bytes, 4), &sequence));
    assert_false(rtp_read_transport_sequence(slice_of(bytes, 3), &sequence));
    struct rtp_abs_capture_time capture = {
        .ntp = 0x0123456789abcdef, .has_offset = true, .offset = -5};
    struct rtp_abs_capture_time back = {0};
    for (int with = 1; with >= 0; with--) {
        capture.has_offset = with == 1;
        size_t len = rtp_write_abs_capture_time(&capture, bytes);
        assert_int_equal(len, with ? 16 : 8);
        assert_true(rtp_read_abs_capture_time(slice_of(bytes, len), &back));
        assert_true(back.ntp == capture.ntp && back.has_offset == capture.has_offset);
        assert_int_equal(back.offset, with ? -5 : 0);
        assert_false(rtp_read_abs_capture_time(slice_of(bytes, len - 1), &back));
        assert_false(rtp_read_abs_capture_time(slice_of(bytes, len + 1), &back));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_packet_of_a_browser),
        cmocka_unit_test(reads_sources_and_padding),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(walks_both_forms_of_extensions),
        cmocka_unit_test(a_walk_ends_where_it_must),
        cmocka_unit_test(rewrites_in_place),
        cmocka_unit_test(forwards_with_the_ids_of_the_receiver),
        cmocka_unit_test(chooses_the_form_that_fits),
        cmocka_unit_test(writers_stop_at_the_end_of_the_space),
        cmocka_unit_test(resends_are_wrapped_and_unwrapped),
        cmocka_unit_test(probes_are_no_resends),
        cmocka_unit_test(names_of_layers_are_checked),
        cmocka_unit_test(levels_and_delays_are_read_and_written),
        cmocka_unit_test(times_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
