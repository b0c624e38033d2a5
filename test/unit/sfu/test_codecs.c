/* What begins a picture in each codec, and what is done to its packets. */
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
    uint16_t sequence;
    uint64_t now;
    uint8_t in[KIT_PACKET_BYTES], out[KIT_PACKET_BYTES];
    struct rtp_view sent;
    bool av1;
};

static void setup(struct fixture *f, enum rtp_codec up, enum rtp_codec down) {
    *f = (struct fixture){.now = 1000000, .sequence = 100};
    packet_pool_init(&f->pool, KIT_POOL_CHUNKS);
    assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
    f->u = kit_uplink(&f->pool, up, 1);
    f->d = kit_downlink(down, 0);
}

static void teardown(struct fixture *f) {
    f->u = uplink_destroy(f->u);
    f->d = downlink_destroy(f->d);
    packet_pool_deinit(&f->pool);
}

/* One packet of a frame of its own; true when it was sent on. */
static bool forward(struct fixture *f, struct slice payload) {
    struct kit_packet k = {.sequence = f->sequence++,
                           .timestamp = 3000u * f->sequence,
                           .ssrc = kit_ssrc(0),
                           .payload_type = KIT_UP_TYPE,
                           .marker = true,
                           .level = -1,
                           .payload = payload};
    struct uplink_packet p;
    f->now += 33000;
    assert_int_equal(uplink_take(f->u, f->now, 0, kit_packet(f->in, &k), &p), STATUS_OK);
    downlink_tick(f->d, f->u, f->now);
    struct rtp_out out = rtp_out_over(f->out, sizeof f->out);
    if (!downlink_forward(f->d, f->u, f->now, &p, &out)) {
        return false;
    }
    assert_int_equal(rtp_read(rtp_out_slice(&out), &f->sent), STATUS_OK);
    return true;
}

static void h264_begins_with_its_parameters(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_H264, RTP_CODEC_H264);
    assert_false(forward(&f, SLICE_LIT("\x41\x9a")));        /* a slice */
    assert_false(forward(&f, SLICE_LIT("\x68\xce")));        /* PPS alone */
    assert_true(forward(&f, SLICE_LIT("\x67\x42\xe0\x1f"))); /* SPS */
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("\x67\x42\xe0\x1f")));
    uint16_t first = f.sent.header.sequence;
    assert_true(forward(&f, SLICE_LIT("\x65\x88")));
    assert_true(forward(&f, SLICE_LIT("\x41\x9a")));
    assert_int_equal(f.sent.header.sequence, (uint16_t)(first + 2));
    downlink_set_want(f.d, &(struct downlink_want){.paused = true});
    downlink_set_want(f.d, &(struct downlink_want){.layer_max = 2});
    assert_false(forward(&f, SLICE_LIT("\x65\x88"))); /* its parameters were before it */
    assert_true(forward(&f, SLICE_LIT("\x67\x42\xe0\x1f")));
    assert_int_equal(f.sent.header.sequence, (uint16_t)(first + 3));
    teardown(&f);
}

static void h264_with_parameters_elsewhere_begins_at_idr(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_H264, RTP_CODEC_H264);
    assert_false(forward(&f, SLICE_LIT("\x41\x9a")));
    assert_true(forward(&f, SLICE_LIT("\x65\x88")));
    teardown(&f);
}

/* Descriptors of VP9: I, P, L, F, B, E, V, Z; picture id; layers T U S D; TL0PICIDX. */
static void vp9_begins_at_a_key_frame_and_drops_temporal_layers(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_VP9, RTP_CODEC_VP9);
    assert_false(forward(&f, SLICE_LIT("\xec\x81\x00\x00\x01x"))); /* inter */
    assert_true(forward(&f, SLICE_LIT("\xac\x81\x01\x00\x01x")));
    uint16_t first = f.sent.header.sequence;
    assert_true(forward(&f, SLICE_LIT("\xec\x81\x02\x20\x01x"))); /* T1 */
    downlink_set_limit(f.d, (struct downlink_limit){.layer_max = 2, .temporal_max = 0});
    assert_false(forward(&f, SLICE_LIT("\xec\x81\x03\x20\x01x")));
    assert_true(forward(&f, SLICE_LIT("\xec\x81\x04\x00\x02x")));
    assert_int_equal(f.sent.header.sequence, (uint16_t)(first + 2));
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("\xec\x81\x04\x00\x02x")));
    downlink_set_limit(f.d, (struct downlink_limit){.layer_max = 2, .temporal_max = 3});
    assert_false(forward(&f, SLICE_LIT("\xec\x81\x05\x20\x02x"))); /* no switching up point */
    assert_true(forward(&f, SLICE_LIT("\xec\x81\x06\x30\x02x")));
    teardown(&f);
}

/* What stands beside a frame of AV1: which template it is of, and in a key frame what those are. */
#define SPATIALS "\xc0\x00\x01\x80\x02\xae\xa2\x82"

/* One packet of each spatial layer of a picture; how many went on, and how the last was marked. */
static int forward_picture(struct fixture *f, bool key, uint8_t layers, bool *ret_marked) {
    int sent = 0;
    uint32_t timestamp = 3000u * f->sequence;
    f->now += 33000;
    for (uint8_t s = 0; s < layers; s++) {
        uint8_t av1[2] = {key && s == 0 ? 0x18 : 0x10, 9}, beside[3] = {(uint8_t)(0xc0 | s), 0, 1};
        uint8_t payload[6] = {(uint8_t)(0xac | (key ? 0 : 0x40)), 0x81, 1, (uint8_t)(s << 1), 1, 9};
        struct kit_packet k = {.sequence = f->sequence++,
                               .timestamp = timestamp,
                               .ssrc = kit_ssrc(0),
                               .payload_type = KIT_UP_TYPE,
                               .marker = s == layers - 1,
                               .level = -1,
                               .payload = slice_of(payload, sizeof payload)};
        if (f->av1) {
            k.payload = slice_of(av1, sizeof av1);
            k.dependency = key && s == 0 ? SLICE_LIT(SPATIALS) : slice_of(beside, sizeof beside);
        }
        struct uplink_packet p;
        assert_int_equal(packet_pool_refill(&f->pool), STATUS_OK);
        assert_int_equal(uplink_take(f->u, f->now, 0, kit_packet(f->in, &k), &p), STATUS_OK);
        struct rtp_out out = rtp_out_over(f->out, sizeof f->out);
        if (downlink_forward(f->d, f->u, f->now, &p, &out)) {
            uint16_t last = f->sent.header.sequence;
            assert_int_equal(rtp_read(rtp_out_slice(&out), &f->sent), STATUS_OK);
            assert_true(last == 0 || f->sent.header.sequence == (uint16_t)(last + 1));
            *ret_marked = f->sent.header.marker;
            sent++;
        }
    }
    return sent;
}

static void setup_layers(struct fixture *f, enum rtp_codec codec, uint8_t announced,
                         uint8_t layer_max) {
    setup(f, codec, codec);
    f->av1 = codec == RTP_CODEC_AV1;
    f->u = uplink_destroy(f->u);
    f->u = kit_uplink(&f->pool, codec, announced);
    downlink_set_want(f->d, &(struct downlink_want){.layer_max = layer_max});
}

static void setup_spatial(struct fixture *f, uint8_t announced, uint8_t layer_max) {
    setup_layers(f, RTP_CODEC_VP9, announced, layer_max);
}

static void vp9_drops_spatial_layers(void **state) {
    struct fixture f;
    bool marked = false;
    setup_spatial(&f, 3, 1);
    assert_int_equal(forward_picture(&f, true, 3, &marked), 2);
    assert_true(marked); /* the picture ends with the highest layer that goes on */
    assert_int_equal(forward_picture(&f, false, 3, &marked), 2);
    assert_int_equal(forward_picture(&f, false, 1, &marked), 1); /* less than wanted comes */
    assert_true(marked);
    downlink_set_want(f.d, &(struct downlink_want){.layer_max = 0});
    assert_int_equal(forward_picture(&f, false, 3, &marked), 1);
    assert_true(marked);
    teardown(&f);
}

static void vp9_climbs_at_a_key_picture_that_is_asked_for(void **state) {
    struct fixture f;
    bool marked = false;
    setup_spatial(&f, 3, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(forward_picture(&f, i == 0, 3, &marked), 1);
    }
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 0);
    downlink_set_want(f.d, &(struct downlink_want){.layer_max = 2});
    assert_int_equal(forward_picture(&f, false, 3, &marked), 1);
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 1);
    assert_int_equal(forward_picture(&f, true, 3, &marked), 3);
    assert_int_equal(forward_picture(&f, false, 3, &marked), 3);
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 0);
    teardown(&f);
}

/* Bitrates of spatial layers add up, as the budget shares them out. */
static void vp9_measures_spatial_layers(void **state) {
    struct fixture f;
    bool marked = false;
    setup_spatial(&f, 3, 2);
    assert_int_equal(uplink_spatials(f.u, 0), 1);
    for (int i = 0; i < 100; i++) {
        (void)forward_picture(&f, i == 0, 3, &marked);
    }
    assert_int_equal(uplink_spatials(f.u, 0), 3);
    uint32_t low = uplink_spatial_bitrate(f.u, 0, 0);
    assert_true(low > 0);
    assert_in_range(uplink_spatial_bitrate(f.u, 0, 2), 3 * low - 100, 3 * low + 100);
    teardown(&f);
}

/* A client that announced one layer gets all that it sends forwarded. */
static void vp9_that_announced_one_layer_goes_on_whole(void **state) {
    struct fixture f;
    bool marked = false;
    setup_spatial(&f, 1, 0);
    assert_int_equal(forward_picture(&f, true, 3, &marked), 3);
    assert_true(marked);
    teardown(&f);
}

static void av1_drops_spatial_layers(void **state) {
    struct fixture f;
    bool marked = false;
    setup_layers(&f, RTP_CODEC_AV1, 3, 1);
    assert_int_equal(forward_picture(&f, true, 3, &marked), 2);
    assert_true(marked); /* the picture ends with the highest layer that goes on */
    assert_int_equal(forward_picture(&f, false, 3, &marked), 2);
    assert_true(marked);
    assert_int_equal(uplink_spatials(f.u, 0), 3);
    struct slice value;
    assert_true(rtp_extension_find(&f.sent, KIT_DOWN_DEPENDENCY, &value));
    assert_true(slice_eq(value, SLICE_LIT("\xc1\x00\x01")));
    downlink_set_want(f.d, &(struct downlink_want){.layer_max = 0});
    assert_int_equal(forward_picture(&f, false, 3, &marked), 1);
    assert_true(marked);
    downlink_set_want(f.d, &(struct downlink_want){.layer_max = 2});
    assert_int_equal(forward_picture(&f, false, 3, &marked), 1); /* those above need a key frame */
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 1);
    assert_int_equal(forward_picture(&f, true, 3, &marked), 3);
    teardown(&f);
}

static void av1_begins_at_a_sequence(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_AV1, RTP_CODEC_AV1);
    assert_false(forward(&f, SLICE_LIT("\x10\x30x")));
    assert_true(forward(&f, SLICE_LIT("\x18\x0ax")));
    assert_true(forward(&f, SLICE_LIT("\x10\x30x")));
    teardown(&f);
}

static void vp8_without_numbers_stays_as_it_is(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_VP8, RTP_CODEC_VP8);
    assert_true(forward(&f, SLICE_LIT("\x10\x00key")));
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("\x10\x00key")));
    assert_true(forward(&f, SLICE_LIT("\x10\x01inter")));
    uint16_t sequence = f.sent.header.sequence;
    assert_false(forward(&f, SLICE_LIT("\x90\x80"))); /* a descriptor that is cut off */
    assert_true(forward(&f, SLICE_LIT("\x10\x01inter")));
    assert_int_equal(f.sent.header.sequence, (uint16_t)(sequence + 1));
    teardown(&f);
}

static void redundant_audio_goes_on_as_its_primary(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_RED, RTP_CODEC_OPUS);
    /* One redundant block of 3 bytes, then the primary. */
    assert_true(forward(&f, SLICE_LIT("\xef\x0f\x00\x03\x6f"
                                      "oldprimary")));
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("primary")));
    assert_false(forward(&f, SLICE_LIT("\xef\x0f\x03\xff\x6f"
                                       "short")));
    teardown(&f);
}

/* Those who take it get all of it, as what they call opus; what comes without it goes without. */
static void redundant_audio_goes_on_as_it_came(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_RED, RTP_CODEC_OPUS);
    f.d = downlink_destroy(f.d);
    struct rtp_section s = kit_down_section(RTP_CODEC_OPUS, false);
    s.red_payload_type = 63;
    const struct downlink_config config = {.section = &s, .ssrc = 5000, .seed = 1};
    assert_int_equal(downlink_create(&config, &f.d), STATUS_OK);
    downlink_set_want(f.d, &(struct downlink_want){.paused = false});
    assert_true(forward(&f, SLICE_LIT("\xef\x0f\x00\x03\x6f"
                                      "oldprimary")));
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("\xf8\x0f\x00\x03\x78"
                                                   "oldprimary")));
    assert_int_equal(f.sent.header.payload_type, 63);
    assert_false(forward(&f, SLICE_LIT("\xef\x0f\x03\xff\x6f"
                                       "short")));
    teardown(&f);
    setup(&f, RTP_CODEC_OPUS, RTP_CODEC_OPUS);
    f.d = downlink_destroy(f.d);
    assert_int_equal(downlink_create(&config, &f.d), STATUS_OK);
    downlink_set_want(f.d, &(struct downlink_want){.paused = false});
    assert_true(forward(&f, SLICE_LIT("plain")));
    assert_true(slice_eq(f.sent.payload, SLICE_LIT("plain")));
    assert_int_equal(f.sent.header.payload_type, KIT_DOWN_TYPE);
    teardown(&f);
}

static void another_codec_is_not_sent(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_VP8, RTP_CODEC_H264);
    assert_false(forward(&f, SLICE_LIT("\x10\x00key")));
    teardown(&f);
}

static void a_new_source_is_asked_for_a_key_frame(void **state) {
    struct fixture f;
    setup(&f, RTP_CODEC_VP8, RTP_CODEC_VP8);
    assert_true(forward(&f, SLICE_LIT("\x10\x00key")));
    assert_true(forward(&f, SLICE_LIT("\x10\x00key"))); /* the one that was asked for meanwhile */
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 0);
    uplink_bind(f.u, 0, 0x99);
    downlink_tick(f.d, f.u, f.now);
    assert_int_equal(uplink_key_frames_wanted(f.u), 1);
    teardown(&f);
}

/* It disturbs no numbers of the pictures, and goes to nobody who cannot take it apart from them. */
static void padding_goes_beside_the_pictures(void **state) {
    (void)state;
    for (uint32_t rtx = 0; rtx < 2; rtx++) {
        struct fixture f;
        setup(&f, RTP_CODEC_H264, RTP_CODEC_H264);
        f.d = downlink_destroy(f.d);
        f.d = kit_downlink(RTP_CODEC_H264, rtx * 6000);
        uint8_t space[KIT_PACKET_BYTES];
        struct rtp_out out = rtp_out_over(space, sizeof space);
        assert_false(downlink_pad(f.d, f.now, &out)); /* nothing was sent */
        assert_true(forward(&f, SLICE_LIT("\x67\x42\xe0\x1f")));
        uint16_t first = f.sent.header.sequence;
        assert_false(downlink_pad(f.d, f.now, &out)); /* nobody says that it arrived */
        (void)downlink_take_report(f.d, f.now, &(struct rtcp_report){0});
        assert_int_equal(downlink_pad(f.d, f.now, &out), rtx);
        if (rtx) {
            struct rtp_view v;
            assert_int_equal(rtp_read(rtp_out_slice(&out), &v), STATUS_OK);
            assert_int_equal(v.header.ssrc, 6000);
            assert_int_equal(v.header.payload_type, KIT_DOWN_RTX_TYPE);
            assert_int_equal(v.padding, 255);
            struct slice value;
            assert_true(rtp_extension_find(&v, KIT_DOWN_SEND_TIME, &value));
        }
        assert_true(forward(&f, SLICE_LIT("\x41\x9a")));
        assert_int_equal(f.sent.header.sequence, (uint16_t)(first + 1));
        downlink_set_want(f.d, &(struct downlink_want){.paused = true});
        assert_false(downlink_can_pad(f.d));
        teardown(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h264_begins_with_its_parameters),
        cmocka_unit_test(h264_with_parameters_elsewhere_begins_at_idr),
        cmocka_unit_test(vp9_begins_at_a_key_frame_and_drops_temporal_layers),
        cmocka_unit_test(vp9_drops_spatial_layers),
        cmocka_unit_test(vp9_climbs_at_a_key_picture_that_is_asked_for),
        cmocka_unit_test(vp9_measures_spatial_layers),
        cmocka_unit_test(vp9_that_announced_one_layer_goes_on_whole),
        cmocka_unit_test(av1_begins_at_a_sequence),
        cmocka_unit_test(av1_drops_spatial_layers),
        cmocka_unit_test(vp8_without_numbers_stays_as_it_is),
        cmocka_unit_test(redundant_audio_goes_on_as_its_primary),
        cmocka_unit_test(redundant_audio_goes_on_as_it_came),
        cmocka_unit_test(another_codec_is_not_sent),
        cmocka_unit_test(a_new_source_is_asked_for_a_key_frame),
        cmocka_unit_test(padding_goes_beside_the_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
