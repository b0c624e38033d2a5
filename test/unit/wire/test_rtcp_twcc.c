/* Transport-wide feedback: a packet byte by byte, chunks of every form, and thousands of
 * random arrivals written and read back. */
#include "rtcp_twcc.h"
#include "wire_test.h"

static struct rtcp_packet only(struct slice bytes) {
    struct rtcp_packet p;
    assert_int_equal(rtcp_next(&bytes, &p), STATUS_OK);
    assert_int_equal(bytes.len, 0);
    return p;
}

/* Base 153, 7 packets, reference 5, count 23; a vector of two bits: small, lost, small, large,
 * lost, small, small; then the deltas. */
static const uint8_t vector[] = "\x8f\xcd\x00\x06\x00\x00\x00\x01\x00\x00\x00\x02"
                                "\x00\x99\x00\x07\x00\x00\x05\x17"
                                "\xd1\x85\x04\x08\xff\xf8\x10\x20";

static void reads_what_arrived_and_when(void **state) {
    struct rtcp_packet p = only(slice_of(vector, sizeof(vector) - 1));
    assert_true(rtcp_is_twcc(&p));
    struct rtcp_twcc t;
    assert_int_equal(rtcp_read_twcc(&p, &t), STATUS_OK);
    assert_true(t.base_sequence == 153 && t.count == 7 && t.feedback_count == 23);
    assert_int_equal(t.reference, 5);
    static const int64_t ticks[] = {4, -1, 12, 4, -1, 20, 52};
    struct rtcp_twcc_walk w = rtcp_twcc_begin(&t);
    for (uint16_t i = 0; i < 7; i++) {
        struct rtcp_twcc_status s;
        assert_true(rtcp_twcc_next(&w, &s));
        assert_int_equal(s.sequence, 153 + i);
        assert_int_equal(s.received, ticks[i] >= 0);
        assert_int_equal(s.arrival_us, s.received ? 5 * 64000 + ticks[i] * 250 : 0);
    }
    struct rtcp_twcc_status s;
    assert_false(rtcp_twcc_next(&w, &s));
}

/* The packet around a body that follows the SSRCs. */
static enum status read_body(struct slice body, struct rtcp_twcc *ret_twcc) {
    uint8_t bytes[128] = {0x8f, 0xcd};
    assert_true(body.len % 4 == 0 && body.len < 100);
    bytes[3] = (uint8_t)(2 + body.len / 4);
    memcpy(bytes + 12, body.data, body.len);
    struct slice tight = tight_copy(slice_of(bytes, 12 + body.len));
    struct rtcp_packet p = only(tight);
    enum status status = rtcp_read_twcc(&p, ret_twcc);
    tight_free(tight);
    return status;
}

static void what_does_not_add_up_is_refused(void **state) {
    struct rtcp_twcc t;
    /* a run of 5 small ones */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\5\0\0\0\0\x20\x05\1\2\3\4\5\0"), &t), STATUS_OK);
    assert_int_equal(t.reference, 0);
    assert_int_equal(t.deltas.len, 5);
    /* chunks for 6 wanted, deltas for 5 there */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\6\0\0\0\0\x20\x06\1\2\3\4\5\0"), &t), STATUS_OK);
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\7\0\0\0\0\x20\x07\1\2\3\4\5\0"), &t),
                     STATUS_MALFORMED);
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\7\0\0\0\0\x00\x06\0\0"), &t), STATUS_MALFORMED);
    /* the reserved symbol, in a run and in a vector */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\1\0\0\0\0\x60\x01\0\0\0\0\0\0"), &t),
                     STATUS_MALFORMED);
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\1\0\0\0\0\xf0\x00\0\0\0\0\0\0"), &t),
                     STATUS_MALFORMED);
    /* but not behind the last packet */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\1\0\0\0\0\xd3\xff\1\0"), &t), STATUS_OK);
    /* empty runs use up the chunks */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\1\0\0\0\0\x20\0\x20\0"), &t), STATUS_MALFORMED);
    static const uint8_t empty_run[] =
        "\x8f\xcd\0\6\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0\0\0\0\x20\1\1\0\0\0";
    struct rtcp_packet p = only(slice_of(empty_run, 28));
    struct rtcp_twcc_status s;
    assert_int_equal(rtcp_read_twcc(&p, &t), STATUS_OK);
    struct rtcp_twcc_walk w = rtcp_twcc_begin(&t);
    assert_true(rtcp_twcc_next(&w, &s) && s.received && s.arrival_us == RTCP_TWCC_TICK_US);
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\1"), &t), STATUS_MALFORMED);
    /* none at all, and a reference before the zero of the clock */
    assert_int_equal(read_body(SLICE_LIT("\0\1\0\0\xff\xff\xff\0"), &t), STATUS_OK);
    assert_int_equal(t.reference, -1);
    w = rtcp_twcc_begin(&t);
    assert_false(rtcp_twcc_next(&w, &s));
    const struct rtcp_packet nack = {RTCP_TRANSPORT_FEEDBACK, 1, SLICE_LIT("0123456789abcdef")};
    assert_int_equal(rtcp_read_twcc(&nack, &t), STATUS_MALFORMED);
}

/* Writes and reads back; how many statuses the packet took. */
static size_t round_trip(const int64_t *arrivals, size_t count, uint16_t base, size_t *ret_bytes) {
    uint8_t space[1200];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    size_t taken = rtcp_put_twcc(&out, 1, 2, 9, base, arrivals, count);
    assert_false(out.failed);
    assert_true(taken > 0 && taken <= count);
    struct slice tight = tight_copy(rtp_out_slice(&out));
    struct rtcp_packet p = only(tight);
    struct rtcp_twcc t;
    assert_int_equal(rtcp_read_twcc(&p, &t), STATUS_OK);
    assert_int_equal(t.count, taken);
    assert_int_equal(p.body.len, 16 + t.chunks.len + t.deltas.len); /* padding says it is some */
    struct rtcp_twcc_walk w = rtcp_twcc_begin(&t);
    struct rtcp_twcc_status s;
    for (size_t i = 0; i < taken; i++) {
        assert_true(rtcp_twcc_next(&w, &s));
        assert_int_equal(s.sequence, (uint16_t)(base + i));
        assert_int_equal(s.received, arrivals[i] != RTCP_TWCC_LOST);
        if (s.received) {
            assert_int_equal(s.arrival_us, arrivals[i] / RTCP_TWCC_TICK_US * RTCP_TWCC_TICK_US);
        }
    }
    assert_false(rtcp_twcc_next(&w, &s));
    tight_free(tight);
    *ret_bytes = out.len;
    return taken;
}

static void random_arrivals_come_back(void **state) {
    static int64_t arrivals[1000];
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        size_t count = 1 + next_random(&seed) % ARRAY_LEN(arrivals), bytes;
        uint32_t loss = next_random(&seed) % 100, spread = 1 + next_random(&seed) % 200000;
        int64_t at = next_random(&seed) % 100000000;
        for (size_t i = 0; i < count; i++) {
            at += next_random(&seed) % spread;
            int64_t late = next_random(&seed) % 10 == 0 ? next_random(&seed) % 50000 : 0;
            bool lost = next_random(&seed) % 100 < loss && i + 1 < count;
            arrivals[i] = lost ? RTCP_TWCC_LOST : MAX(at - late, 0);
        }
        for (size_t from = 0; from < count;) {
            from += round_trip(arrivals + from, count - from, (uint16_t)(65000 + from), &bytes);
            assert_true(bytes <= 952 + 3);
        }
    }
}

/* The forms cost what they should: a run 2 bytes, vectors 14 or 7 packets in 2. */
static void chunks_are_as_small_as_they_can_be(void **state) {
    int64_t arrivals[RTCP_TWCC_STATUSES_MAX + 1];
    size_t bytes;
    for (size_t i = 0; i < ARRAY_LEN(arrivals); i++) {
        arrivals[i] = 64000 + (int64_t)i * 1000;
    }
    assert_int_equal(round_trip(arrivals, 100, 0, &bytes), 100);
    assert_int_equal(bytes, 20 + 2 + 100 + 2);
    assert_int_equal(round_trip(arrivals, ARRAY_LEN(arrivals), 0, &bytes), RTCP_TWCC_STATUSES_MAX);
    for (size_t i = 1; i < 28; i += 2) {
        arrivals[i] = RTCP_TWCC_LOST;
    }
    assert_int_equal(round_trip(arrivals, 28, 0, &bytes), 28);
    assert_int_equal(bytes, 20 + 2 * 2 + 14 + 2);
    for (size_t i = 0; i < 120; i++) { /* runs of each kind, one after another */
        arrivals[i] = i / 30 % 2 == 0 ? 64000 + (int64_t)i * 1000 : RTCP_TWCC_LOST;
    }
    assert_int_equal(round_trip(arrivals, 120, 0, &bytes), 120);
    assert_int_equal(bytes, 20 + 4 * 2 + 60);
    for (size_t i = 0; i < 14; i++) {
        arrivals[i] = i % 2 == 0 ? 64000 + (int64_t)i * 1000 : RTCP_TWCC_LOST;
    }
    arrivals[2] = 64000 + 90000; /* wants two bytes, there and back */
    assert_int_equal(round_trip(arrivals, 14, 0, &bytes), 14);
    assert_int_equal(bytes, 20 + 2 * 2 + 9 + 3);
}

static void a_long_pause_ends_the_packet(void **state) {
    const int64_t arrivals[] = {0, 1000, RTCP_TWCC_LOST, 1000 + 8192000, 1000 + 8193000};
    size_t bytes;
    assert_int_equal(round_trip(arrivals, 5, 10, &bytes), 3);
    assert_int_equal(round_trip(arrivals + 3, 2, 13, &bytes), 2);
    const int64_t back[] = {20000000, 1000000};
    assert_int_equal(round_trip(back, 2, 10, &bytes), 1);
}

static void writers_stop_at_the_end_of_the_space(void **state) {
    const int64_t arrivals[] = {0, 1000, 300000};
    for (size_t cap = 0; cap <= 28; cap++) {
        uint8_t space[32];
        memset(space, 0xee, sizeof space);
        struct rtp_out out = rtp_out_over(space, cap);
        (void)rtcp_put_twcc(&out, 1, 2, 3, 4, arrivals, 3);
        assert_int_equal(out.failed, cap < 28);
        for (size_t i = cap; i < sizeof space; i++) {
            assert_int_equal(space[i], 0xee);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_arrived_and_when),
        cmocka_unit_test(what_does_not_add_up_is_refused),
        cmocka_unit_test(random_arrivals_come_back),
        cmocka_unit_test(chunks_are_as_small_as_they_can_be),
        cmocka_unit_test(a_long_pause_ends_the_packet),
        cmocka_unit_test(writers_stop_at_the_end_of_the_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
