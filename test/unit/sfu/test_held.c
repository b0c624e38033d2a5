/* A downlink that is held for the pacer: what stays behind comes later, whole and in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rtp.h"
#include "sfu_kit.h"

struct fixture {
    struct packet_pool pool;
    struct uplink *u;
    struct downlink *d;
    uint64_t now;
    uint16_t expected; /* number of the next packet to leave */
    bool begun;
};

static int set_up(void **state) {
    static struct fixture f;
    f = (struct fixture){.now = 1000000};
    packet_pool_init(&f.pool, KIT_POOL_CHUNKS);
    f.u = kit_uplink(&f.pool, RTP_CODEC_VP8, 1);
    f.d = kit_downlink(RTP_CODEC_VP8, 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    f->d = downlink_destroy(f->d);
    f->u = uplink_destroy(f->u);
    packet_pool_deinit(&f->pool);
    return 0;
}

static void read_sent(struct fixture *f, struct slice packet, int number) {
    struct rtp_view v;
    assert_int_equal(rtp_read(packet, &v), STATUS_OK);
    if (f->begun) {
        assert_int_equal(v.header.sequence, f->expected);
    }
    f->begun = true;
    f->expected = (uint16_t)(v.header.sequence + 1);
    assert_int_equal(v.payload.data[v.payload.len - 1], number);
}

/* The packet of this number comes, one to a frame; true: it left at once. */
static bool comes(struct fixture *f, int number) {
    uint8_t payload[200] = {0}, packet[KIT_PACKET_BYTES], space[KIT_PACKET_BYTES];
    struct kit_vp8 v = {.picture_id = (uint16_t)number, .start = true, .key = number == 0};
    (void)kit_vp8_payload(payload, &v, (struct slice){0});
    payload[sizeof payload - 1] = (uint8_t)number;
    struct kit_packet k = {.sequence = (uint16_t)(100 + number),
                           .timestamp = 3000u * (uint32_t)number,
                           .ssrc = kit_ssrc(0),
                           .payload_type = KIT_UP_TYPE,
                           .marker = true,
                           .level = -1,
                           .payload = slice_of(payload, sizeof payload)};
    struct uplink_packet p;
    f->now += 1000;
    assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
    assert_int_equal(uplink_take(f->u, f->now, 0, kit_packet(packet, &k), &p), STATUS_OK);
    struct rtp_out out = rtp_out_over(space, sizeof space);
    bool sent = downlink_forward(f->d, f->u, f->now, &p, &out);
    if (sent) {
        read_sent(f, rtp_out_slice(&out), number);
    }
    return sent;
}

static bool goes_on(struct fixture *f, int number) {
    uint8_t space[KIT_PACKET_BYTES];
    struct rtp_out out = rtp_out_over(space, sizeof space);
    bool sent = downlink_catch_up(f->d, f->u, f->now, &out);
    if (sent) {
        read_sent(f, rtp_out_slice(&out), number);
    }
    return sent;
}

static void what_is_held_goes_on_in_order(void **state) {
    struct fixture *f = *state;
    assert_true(comes(f, 0) && comes(f, 1));
    downlink_set_held(f->d, true);
    assert_false(comes(f, 2) || comes(f, 3) || comes(f, 4));
    assert_true(goes_on(f, 2));
    assert_false(comes(f, 5)); /* behind those that wait */
    assert_true(goes_on(f, 3) && goes_on(f, 4) && goes_on(f, 5));
    assert_false(goes_on(f, 0));
    downlink_set_held(f->d, false);
    assert_true(comes(f, 6));
}

static void a_lost_packet_stays_a_gap(void **state) {
    struct fixture *f = *state;
    assert_true(comes(f, 0));
    downlink_set_held(f->d, true);
    assert_false(comes(f, 1) || comes(f, 3));
    assert_true(goes_on(f, 1));
    f->expected++;
    assert_true(goes_on(f, 3));
    assert_false(goes_on(f, 0));
    f->expected -= 2;
    assert_true(comes(f, 2)); /* late, it fills its gap at once */
}

static void nothing_was_held(void **state) {
    struct fixture *f = *state;
    assert_true(comes(f, 0));
    downlink_set_held(f->d, true);
    assert_false(goes_on(f, 0));
}

static void a_pause_forgets_what_was_held(void **state) {
    struct fixture *f = *state;
    assert_true(comes(f, 0));
    downlink_set_held(f->d, true);
    assert_false(comes(f, 1));
    downlink_set_want(f->d, &(struct downlink_want){.paused = true});
    assert_false(goes_on(f, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_held_goes_on_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_packet_stays_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_was_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pause_forgets_what_was_held, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
