/* Transport-wide feedback: every arrival is told, at its time, once the packets are read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rtcp_twcc.h"
#include "sfu_kit.h"
#include "twcc_recorder.h"

struct told {
    bool received[65536];
    uint64_t at_us[65536];
    unsigned packets, statuses;
};
static struct told told;

static void drain(struct twcc_recorder *r, uint64_t now) {
    uint8_t bytes[TWCC_FEEDBACK_BYTES_MAX];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    while (twcc_recorder_write(r, now, 1, 77, &out)) {
        struct slice rest = rtp_out_slice(&out);
        struct rtcp_packet p;
        struct rtcp_twcc t;
        assert_int_equal(rtcp_next(&rest, &p), STATUS_OK);
        assert_int_equal(rtcp_read_twcc(&p, &t), STATUS_OK);
        assert_int_equal(t.media, 77);
        assert_int_equal(t.feedback_count, (uint8_t)told.packets);
        struct rtcp_twcc_walk walk = rtcp_twcc_begin(&t);
        struct rtcp_twcc_status s;
        while (rtcp_twcc_next(&walk, &s)) {
            told.statuses++;
            if (s.received) {
                told.received[s.sequence] = true;
                told.at_us[s.sequence] = (uint64_t)s.arrival_us;
            }
        }
        told.packets++;
        out.len = 0;
    }
}

static void feedback_comes_every_100_ms_or_sooner(void **state) {
    memset(&told, 0, sizeof told);
    static struct twcc_recorder r;
    twcc_recorder_init(&r);
    assert_true(twcc_recorder_due_us(&r) == UINT64_MAX);
    twcc_recorder_take(&r, 1000000, 65534, false);
    assert_int_equal(twcc_recorder_due_us(&r), 1100000);
    drain(&r, 1090000);
    assert_int_equal(told.packets, 0);
    twcc_recorder_take(&r, 1020000, 65535, true); /* a frame ends: sooner */
    twcc_recorder_take(&r, 1021000, 1, false);    /* 0 is lost */
    assert_int_equal(twcc_recorder_due_us(&r), 1050000);
    drain(&r, 1050000);
    assert_int_equal(told.packets, 1);
    assert_int_equal(told.statuses, 4);
    assert_true(told.received[65534] && told.received[65535] && told.received[1]);
    assert_false(told.received[0]);
    assert_int_equal(told.at_us[65535] - told.at_us[65534], 20000);
    assert_true(twcc_recorder_due_us(&r) == UINT64_MAX);
    twcc_recorder_take(&r, 1060000, 0, false); /* late, it is told after all */
    drain(&r, 1200000);
    assert_true(told.received[0]);
    for (unsigned i = 0; i < 64; i++) {
        twcc_recorder_take(&r, 1300000, (uint16_t)(2 + i), false);
    }
    assert_true(twcc_recorder_due_us(&r) <= 1300000);
}

static void every_arrival_is_told(void **state) {
    struct kit_random random = {.state = 7};
    memset(&told, 0, sizeof told);
    static struct twcc_recorder r;
    static bool came[65536];
    static uint64_t at[65536];
    twcc_recorder_init(&r);
    uint64_t now = 1000000;
    uint16_t held = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        uint16_t sequence = (uint16_t)(i + 3000);
        now += kit_below(&random, 3000);
        if (kit_chance(&random, 50)) {
            held = sequence; /* late, or lost */
            continue;
        }
        twcc_recorder_take(&r, now, sequence, kit_chance(&random, 100));
        came[sequence] = true;
        at[sequence] = now;
        if (held != 0 && kit_chance(&random, 100)) {
            twcc_recorder_take(&r, now, held, false);
            if ((uint16_t)(sequence - held) < 900 && !came[held]) {
                came[held] = true;
                at[held] = now;
            }
            held = 0;
        }
        if (twcc_recorder_due_us(&r) <= now) {
            drain(&r, now);
        }
    }
    drain(&r, now + 1000000);
    int64_t shift = (int64_t)(told.at_us[3000] - at[3000]);
    for (uint32_t i = 0; i < 60000; i++) {
        uint16_t sequence = (uint16_t)(i + 3000);
        assert_int_equal(told.received[sequence], came[sequence]);
        int64_t off = (int64_t)(told.at_us[sequence] - at[sequence]) - shift;
        assert_true(!came[sequence] || (off > -1000 && off < 1000));
    }
}

static void a_silent_or_restarted_sender_is_survived(void **state) {
    memset(&told, 0, sizeof told);
    static struct twcc_recorder r;
    twcc_recorder_init(&r);
    twcc_recorder_take(&r, 1000000, 5, true);
    twcc_recorder_take(&r, 21000000, 6, true); /* 20 s: more than one packet can say */
    drain(&r, 21000000);
    assert_int_equal(told.packets, 2);
    assert_true(told.received[5] && told.received[6]);
    twcc_recorder_take(&r, 22000000, 40000, true);
    twcc_recorder_take(&r, 22000000, 40000 + 900, true);
    drain(&r, 22100000);
    assert_true(told.received[40000] && told.received[40900]);
    twcc_recorder_take(&r, 22200000, 40000 + 1900, true);
    twcc_recorder_take(&r, 22200000, 40000 + 2900, true);
    drain(&r, 22300000);
    assert_true(told.received[42900]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_comes_every_100_ms_or_sooner),
        cmocka_unit_test(every_arrival_is_told),
        cmocka_unit_test(a_silent_or_restarted_sender_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
