/* RTCP byte by byte: compound packets of browsers, every kind read and written, and what is
 * refused. */
#include "rtcp.h"
#include "wire_test.h"

/* What a browser sends for one video stream: SR with one report block, SDES, then a NACK and a
 * REMB. */
static const uint8_t compound[] =
    "\x81\xc8\x00\x0c\x11\x22\x33\x44\xe8\x00\x00\x01\x80\x00\x00\x00\x00\x01\x51\x80"
    "\x00\x00\x00\x64\x00\x00\x27\x10\x55\x66\x77\x88\x40\xff\xff\xfe\x00\x01\x00\x05"
    "\x00\x00\x00\x09\x00\x01\x80\x00\x00\x00\x80\x00"
    "\x81\xca\x00\x03\x11\x22\x33\x44\x01\x03"
    "abc\x00\x00\x00"
    "\x81\xcd\x00\x03\x11\x22\x33\x44\x55\x66\x77\x88\xff\xfe\x80\x03"
    "\x8f\xce\x00\x05\x11\x22\x33\x44\x00\x00\x00\x00REMB\x01\x0b\xd0\x90\x55\x66\x77\x88";

#define BYTES(b) slice_of((b), sizeof(b) - 1)

static struct rtcp_packet next_ok(struct slice *rest) {
    struct rtcp_packet p;
    assert_int_equal(rtcp_next(rest, &p), STATUS_OK);
    return p;
}

static struct rtcp_packet only(const struct rtp_out *out) {
    assert_false(out->failed);
    struct slice rest = rtp_out_slice(out);
    struct rtcp_packet p = next_ok(&rest);
    assert_int_equal(rest.len, 0);
    return p;
}

static void reads_reports(struct slice *rest) {
    struct rtcp_packet p = next_ok(rest);
    struct rtcp_reports r;
    assert_int_equal(rtcp_read_reports(&p, &r), STATUS_OK);
    assert_true(r.has_sender && r.ssrc == 0x11223344);
    assert_true(r.sender.ntp == 0xe800000180000000 && r.sender.rtp_timestamp == 86400);
    assert_true(r.sender.packets == 100 && r.sender.bytes == 10000);
    struct rtcp_report b;
    assert_true(rtcp_report_next(&r.blocks, &b));
    assert_true(b.ssrc == 0x55667788 && b.fraction_lost == 64 && b.lost == -2);
    assert_true(b.highest_sequence == 65541 && b.jitter == 9);
    assert_true(b.last_sr == 0x00018000 && b.delay_last_sr == 0x8000);
    assert_false(rtcp_report_next(&r.blocks, &b));
}

static void reads_a_compound_packet(void **state) {
    struct slice rest = BYTES(compound);
    reads_reports(&rest);
    struct rtcp_packet p = next_ok(&rest);
    struct rtcp_sdes_walk walk;
    struct rtcp_sdes_item item;
    assert_int_equal(rtcp_sdes_begin(&p, &walk), STATUS_OK);
    assert_true(rtcp_sdes_next(&walk, &item));
    assert_true(item.ssrc == 0x11223344 && item.type == RTCP_SDES_CNAME);
    assert_slice(item.text, "abc");
    assert_false(rtcp_sdes_next(&walk, &item));
    p = next_ok(&rest);
    assert_true(rtcp_is_nack(&p) && !rtcp_is_pli(&p) && !rtcp_is_twcc(&p));
    struct rtcp_feedback f;
    assert_int_equal(rtcp_read_feedback(&p, &f), STATUS_OK);
    assert_true(f.sender == 0x11223344 && f.media == 0x55667788);
    struct rtcp_nack_walk nack = {.rest = f.control};
    static const uint16_t missed[] = {65534, 65535, 0, 14};
    uint16_t sequence;
    for (size_t i = 0; i < ARRAY_LEN(missed); i++) {
        assert_true(rtcp_nack_next(&nack, &sequence));
        assert_int_equal(sequence, missed[i]);
    }
    assert_false(rtcp_nack_next(&nack, &sequence));
    p = next_ok(&rest);
    struct rtcp_remb remb;
    assert_int_equal(rtcp_read_remb(&p, &remb), STATUS_OK);
    assert_int_equal(remb.bitrate_bps, 0x3d090 << 2); /* exponent 2: 1 Mbit/s */
    uint32_t ssrc;
    assert_true(rtcp_ssrc_next(&remb.ssrcs, &ssrc) && ssrc == 0x55667788);
    assert_false(rtcp_ssrc_next(&remb.ssrcs, &ssrc));
    assert_int_equal(rtcp_next(&rest, &p), STATUS_NOT_FOUND);
}

/* Every cut either ends between two packets or is seen. */
static void cut_packets_are_refused(void **state) {
    for (size_t len = 0; len < sizeof(compound) - 1; len++) {
        struct slice cut = tight_copy(slice_of(compound, len)), rest = cut;
        struct rtcp_packet p;
        enum status status = STATUS_OK;
        while (status == STATUS_OK) {
            status = rtcp_next(&rest, &p);
        }
        bool between = len == 0 || len == 52 || len == 68 || len == 84;
        assert_int_equal(status, between ? STATUS_NOT_FOUND : STATUS_MALFORMED);
        assert_int_equal(rest.len, 0);
        tight_free(cut);
    }
}

static void padding_is_taken_off(void **state) {
    struct slice rest = SLICE_LIT("\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x04");
    struct rtcp_packet p = next_ok(&rest);
    assert_int_equal(p.body.len, 4);
    struct rtcp_bye bye;
    uint32_t ssrc;
    assert_int_equal(rtcp_read_bye(&p, &bye), STATUS_OK);
    assert_true(rtcp_ssrc_next(&bye.ssrcs, &ssrc) && ssrc == 7);
    static const struct slice bad[] = {
        {(const uint8_t *)"\xa1\xcb\x00\x01\x00\x00\x00\x00", 8}, /* counts none */
        {(const uint8_t *)"\xa1\xcb\x00\x01\x00\x00\x00\x05", 8}, /* more than there is */
        {(const uint8_t *)"\xa0\xcb\x00\x00", 4},
        {(const uint8_t *)"\x41\xcb\x00\x01\x00\x00\x00\x05", 8}, /* version 1 */
        {(const uint8_t *)"\x81\xcb\x00", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rest = bad[i];
        assert_int_equal(rtcp_next(&rest, &p), STATUS_MALFORMED);
        assert_int_equal(rtcp_next(&rest, &p), STATUS_NOT_FOUND);
    }
}

/* Each reader wants its own type and all that the count promises. */
static void readers_refuse_what_is_not_theirs(void **state) {
    struct rtcp_reports reports;
    struct rtcp_sdes_walk sdes;
    struct rtcp_bye bye;
    struct rtcp_feedback feedback;
    struct rtcp_remb remb;
    uint32_t ssrc;
    struct slice blocks;
    static const uint8_t zeros[24];
    const struct rtcp_packet other = {.type = 204, .body = {zeros, sizeof zeros}};
    assert_int_equal(rtcp_read_reports(&other, &reports), STATUS_MALFORMED);
    assert_int_equal(rtcp_sdes_begin(&other, &sdes), STATUS_MALFORMED);
    assert_int_equal(rtcp_read_bye(&other, &bye), STATUS_MALFORMED);
    assert_int_equal(rtcp_read_feedback(&other, &feedback), STATUS_MALFORMED);
    assert_int_equal(rtcp_read_remb(&other, &remb), STATUS_MALFORMED);
    assert_int_equal(rtcp_read_xr(&other, &ssrc, &blocks), STATUS_MALFORMED);
    const struct rtcp_packet short_ones[] = {
        {RTCP_SR, 0, {zeros, 23}}, {RTCP_RR, 1, {zeros, 24}}, {RTCP_RR, 0, {zeros, 3}}};
    for (size_t i = 0; i < ARRAY_LEN(short_ones); i++) {
        assert_int_equal(rtcp_read_reports(&short_ones[i], &reports), STATUS_MALFORMED);
    }
    const struct rtcp_packet byes[] = {{RTCP_BYE, 2, {zeros, 7}},
                                       {RTCP_BYE, 0, {(const uint8_t *)"\x04x\0\0", 4}}};
    for (size_t i = 0; i < ARRAY_LEN(byes); i++) {
        assert_int_equal(rtcp_read_bye(&byes[i], &bye), STATUS_MALFORMED);
    }
    const struct rtcp_packet pli = {RTCP_PAYLOAD_FEEDBACK, 1, {zeros, 7}};
    assert_int_equal(rtcp_read_feedback(&pli, &feedback), STATUS_MALFORMED);
    const struct rtcp_packet application = {RTCP_PAYLOAD_FEEDBACK, 15, {zeros, 24}};
    assert_int_equal(rtcp_read_remb(&application, &remb), STATUS_NOT_FOUND);
    const struct rtcp_packet promising = {RTCP_PAYLOAD_FEEDBACK, 15,
                                          SLICE_LIT("\0\0\0\0\0\0\0\0REMB\2\0\0\0\0\0\0\1")};
    assert_int_equal(rtcp_read_remb(&promising, &remb), STATUS_MALFORMED);
}

static void descriptions_are_walked_to_their_end(void **state) {
    struct rtcp_sdes_walk w;
    struct rtcp_sdes_item item;
    /* Three chunks: of two items, of none, and one that reaches outside. */
    const struct rtcp_packet p = {RTCP_SDES, 3,
                                  SLICE_LIT("\0\0\0\1\1\2ab\x0f\0\0\0"
                                            "\0\0\0\2\0\0\0\0"
                                            "\0\0\0\3\1\7cd")};
    assert_int_equal(rtcp_sdes_begin(&p, &w), STATUS_OK);
    assert_true(rtcp_sdes_next(&w, &item) && item.ssrc == 1 && item.type == 1);
    assert_slice(item.text, "ab");
    assert_true(rtcp_sdes_next(&w, &item) && item.ssrc == 1 && item.type == RTCP_SDES_MID);
    assert_int_equal(item.text.len, 0);
    assert_false(rtcp_sdes_next(&w, &item));
    assert_false(rtcp_sdes_next(&w, &item));
    const struct rtcp_packet counted = {RTCP_SDES, 1, SLICE_LIT("\0\0\0\1\1\1a\0\0\0\0\2\1\1b\0")};
    assert_int_equal(rtcp_sdes_begin(&counted, &w), STATUS_OK);
    assert_true(rtcp_sdes_next(&w, &item) && item.ssrc == 1);
    assert_false(rtcp_sdes_next(&w, &item)); /* the second chunk is not promised */
}

static void reports_are_written_as_they_are_read(void **state) {
    uint8_t space[256];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    const struct rtcp_sender sender = {
        .ntp = 0xe800000180000000, .rtp_timestamp = 86400, .packets = 100, .bytes = 10000};
    const struct rtcp_report report = {.ssrc = 0x55667788,
                                       .fraction_lost = 64,
                                       .lost = -2,
                                       .highest_sequence = 65541,
                                       .jitter = 9,
                                       .last_sr = 0x18000,
                                       .delay_last_sr = 0x8000};
    rtcp_put_sr(&out, 0x11223344, &sender, &report, 1);
    rtcp_put_sdes(&out, 0x11223344, SLICE_LIT("abc"), (struct slice){0});
    assert_false(out.failed);
    assert_int_equal(out.len, 68);
    assert_memory_equal(space, compound, 68);
    const struct rtcp_report wild[] = {{.lost = INT32_MAX}, {.lost = INT32_MIN}};
    out = rtp_out_over(space, sizeof space);
    rtcp_put_rr(&out, 9, wild, 2);
    struct rtcp_packet p = only(&out);
    struct rtcp_reports r;
    struct rtcp_report b;
    assert_int_equal(rtcp_read_reports(&p, &r), STATUS_OK);
    assert_true(!r.has_sender && r.ssrc == 9);
    assert_true(rtcp_report_next(&r.blocks, &b) && b.lost == RTCP_LOST_MAX);
    assert_true(rtcp_report_next(&r.blocks, &b) && b.lost == -RTCP_LOST_MAX - 1);
}

static void descriptions_end_at_a_border(void **state) {
    for (size_t len = 0; len < 9; len++) {
        uint8_t space[64];
        struct rtp_out out = rtp_out_over(space, sizeof space);
        struct slice cname = slice_of("abcdefghi", len);
        rtcp_put_sdes(&out, 5, cname, SLICE_LIT("12"));
        struct rtcp_packet p = only(&out);
        struct rtcp_sdes_walk w;
        struct rtcp_sdes_item item;
        assert_int_equal(rtcp_sdes_begin(&p, &w), STATUS_OK);
        assert_true(rtcp_sdes_next(&w, &item) && item.ssrc == 5);
        assert_true(slice_eq(item.text, cname));
        assert_true(rtcp_sdes_next(&w, &item) && item.type == RTCP_SDES_MID);
        assert_slice(item.text, "12");
        assert_false(rtcp_sdes_next(&w, &item));
        assert_int_equal(space[out.len - 1], 0);
    }
}

static void feedback_is_written_as_it_is_read(void **state) {
    uint8_t space[256];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    static const uint16_t missed[] = {65534, 65535, 0, 14};
    static const uint32_t ssrc = 0x55667788;
    rtcp_put_nack(&out, 0x11223344, 0x55667788, missed, ARRAY_LEN(missed));
    rtcp_put_remb(&out, 0x11223344, 1000000, &ssrc, 1);
    assert_false(out.failed);
    assert_int_equal(out.len, sizeof(compound) - 1 - 68);
    assert_memory_equal(space, compound + 68, out.len);

    out = rtp_out_over(space, sizeof space);
    rtcp_put_pli(&out, 1, 2);
    assert_slice(rtp_out_slice(&out), "\x81\xce\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02");
    struct rtcp_packet p = only(&out);
    assert_true(rtcp_is_pli(&p));

    out = rtp_out_over(space, sizeof space);
    const struct rtcp_fir fir = {.ssrc = 8, .sequence = 200};
    rtcp_put_fir(&out, 1, &fir);
    p = only(&out);
    struct rtcp_feedback f;
    struct rtcp_fir back;
    assert_true(rtcp_is_fir(&p) && rtcp_read_feedback(&p, &f) == STATUS_OK);
    assert_true(rtcp_fir_next(&f.control, &back) && back.ssrc == 8 && back.sequence == 200);
    assert_false(rtcp_fir_next(&f.control, &back));

    out = rtp_out_over(space, sizeof space);
    static const uint32_t gone[] = {3, 4};
    rtcp_put_bye(&out, gone, 2);
    assert_slice(rtp_out_slice(&out), "\x82\xcb\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04");
}

/* 17 is one too far for the bits of an entry, and what comes twice or goes back begins anew. */
static void many_missed_packets_take_several_entries(void **state) {
    static const uint16_t missed[] = {100, 116, 117, 134, 134, 90};
    uint8_t space[64];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtcp_put_nack(&out, 1, 2, missed, ARRAY_LEN(missed));
    struct rtcp_packet p = only(&out);
    struct rtcp_feedback f;
    assert_int_equal(rtcp_read_feedback(&p, &f), STATUS_OK);
    assert_int_equal(f.control.len, 5 * 4);
    struct rtcp_nack_walk w = {.rest = f.control};
    uint16_t sequence;
    for (size_t i = 0; i < ARRAY_LEN(missed); i++) {
        assert_true(rtcp_nack_next(&w, &sequence));
        assert_int_equal(sequence, missed[i]);
    }
    assert_false(rtcp_nack_next(&w, &sequence));
}

static void bitrates_keep_eighteen_bits(void **state) {
    static const uint64_t rates[] = {0, 1, 262143, 262144, 10000000, UINT64_C(1) << 50, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        uint8_t space[64];
        struct rtp_out out = rtp_out_over(space, sizeof space);
        rtcp_put_remb(&out, 1, rates[i], NULL, 0);
        struct rtcp_packet p = only(&out);
        struct rtcp_remb remb;
        assert_int_equal(rtcp_read_remb(&p, &remb), STATUS_OK);
        assert_true(remb.bitrate_bps <= rates[i]);
        assert_true(rates[i] - remb.bitrate_bps <= rates[i] >> 17);
    }
    const struct rtcp_packet most = {RTCP_PAYLOAD_FEEDBACK, 15,
                                     SLICE_LIT("\0\0\0\0\0\0\0\0REMB\0\xff\xff\xff")};
    struct rtcp_remb remb;
    assert_int_equal(rtcp_read_remb(&most, &remb), STATUS_OK);
    assert_true(remb.bitrate_bps == UINT64_MAX);
}

static void extended_reports_go_both_ways(void **state) {
    uint8_t space[128];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    rtcp_put_xr_rrtr(&out, 5, 0x0102030405060708);
    struct rtcp_packet p = only(&out);
    uint32_t ssrc;
    struct slice blocks;
    struct rtcp_xr_block b;
    uint64_t ntp = 0;
    assert_int_equal(rtcp_read_xr(&p, &ssrc, &blocks), STATUS_OK);
    assert_int_equal(ssrc, 5);
    assert_true(rtcp_xr_next(&blocks, &b) && rtcp_xr_read_rrtr(&b, &ntp));
    assert_true(ntp == 0x0102030405060708);
    assert_false(rtcp_xr_next(&blocks, &b));

    const struct rtcp_dlrr list[] = {{7, 8, 9}, {10, 11, 12}};
    out = rtp_out_over(space, sizeof space);
    rtcp_put_xr_dlrr(&out, 6, list, 2);
    p = only(&out);
    assert_int_equal(rtcp_read_xr(&p, &ssrc, &blocks), STATUS_OK);
    assert_true(rtcp_xr_next(&blocks, &b) && b.type == RTCP_XR_DLRR);
    assert_false(rtcp_xr_read_rrtr(&b, &ntp));
    for (size_t i = 0; i < 2; i++) {
        struct rtcp_dlrr d;
        assert_true(rtcp_dlrr_next(&b.content, &d));
        assert_memory_equal(&d, &list[i], sizeof d);
    }
    blocks = SLICE_LIT("\x04\x00\x00\x02xxxx");
    assert_false(rtcp_xr_next(&blocks, &b));
    assert_int_equal(blocks.len, 0);
}

static void writers_stop_at_the_end_of_the_space(void **state) {
    static const uint16_t missed[] = {1};
    for (size_t cap = 0; cap <= 16; cap++) {
        uint8_t space[20];
        memset(space, 0xee, sizeof space);
        struct rtp_out out = rtp_out_over(space, cap);
        rtcp_put_nack(&out, 1, 2, missed, 1);
        assert_int_equal(out.failed, cap < 16);
        for (size_t i = cap; i < sizeof space; i++) {
            assert_int_equal(space[i], 0xee);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_compound_packet),
        cmocka_unit_test(cut_packets_are_refused),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(readers_refuse_what_is_not_theirs),
        cmocka_unit_test(descriptions_are_walked_to_their_end),
        cmocka_unit_test(reports_are_written_as_they_are_read),
        cmocka_unit_test(descriptions_end_at_a_border),
        cmocka_unit_test(feedback_is_written_as_it_is_read),
        cmocka_unit_test(many_missed_packets_take_several_entries),
        cmocka_unit_test(bitrates_keep_eighteen_bits),
        cmocka_unit_test(extended_reports_go_both_ways),
        cmocka_unit_test(writers_stop_at_the_end_of_the_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
