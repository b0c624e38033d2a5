/* The first-byte split: every first byte, every second byte, and what is too short. */
#include "datagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum datagram_kind kind_of(uint8_t first, uint8_t second, size_t len) {
    uint8_t bytes[32] = {first, second};
    return datagram_classify(slice_of(bytes, len));
}

static void splits_by_the_first_byte(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        enum datagram_kind expected = first <= 3                    ? DATAGRAM_STUN
                                      : first < 20                  ? DATAGRAM_UNKNOWN
                                      : first <= 63                 ? DATAGRAM_DTLS
                                      : first <= 79                 ? DATAGRAM_TURN_CHANNEL
                                      : first < 128 || first >= 192 ? DATAGRAM_UNKNOWN
                                                                    : DATAGRAM_RTP;
        assert_int_equal(kind_of((uint8_t)first, 111, 32), expected);
    }
}

static void tells_rtcp_by_the_second_byte(void **state) {
    (void)state;
    for (unsigned second = 0; second < 256; second++) {
        bool is_rtcp = second >= 192 && second <= 223;
        assert_int_equal(kind_of(0x80, (uint8_t)second, 32),
                         is_rtcp ? DATAGRAM_RTCP : DATAGRAM_RTP);
    }
    assert_int_equal(kind_of(0xbf, 200, 32), DATAGRAM_RTCP);
}

static void shorter_than_a_header_is_unknown(void **state) {
    (void)state;
    static const struct {
        uint8_t first, second;
        size_t bytes_min;
        enum datagram_kind kind;
    } rows[] = {
        {0, 1, 20, DATAGRAM_STUN},         {22, 0xfe, 13, DATAGRAM_DTLS},
        {64, 0, 4, DATAGRAM_TURN_CHANNEL}, {128, 96, 12, DATAGRAM_RTP},
        {129, 201, 8, DATAGRAM_RTCP},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 0; len < 32; len++) {
            assert_int_equal(kind_of(rows[i].first, rows[i].second, len),
                             len >= rows[i].bytes_min ? rows[i].kind : DATAGRAM_UNKNOWN);
        }
    }
    assert_int_equal(datagram_classify(slice_of(NULL, 0)), DATAGRAM_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_by_the_first_byte),
        cmocka_unit_test(tells_rtcp_by_the_second_byte),
        cmocka_unit_test(shorter_than_a_header_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
