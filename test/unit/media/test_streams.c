/* Media between two clients over loopback: sealed, opened, forwarded, asked for again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fixture.h"
#include "mem.h"
#include "rtcp.h"
#include "rtp_client.h"
#include "rtp_extension.h"

enum {
    OPUS = 111,
    VP8 = 96,
    MID_ID = 4,
    LEVEL_ID = 1,
    TRACK = 77,
    SEND = 88,
    OUT_SSRC = 4242,
    VIDEO_BYTES = 1100
};

struct call {
    struct fixture f;
    struct rtp_client publisher, subscriber;
    struct client_server servers[2];
    uint64_t publish, subscribe; /* transports */
};

static void connect_one(struct fixture *f, struct rtp_client *c, struct client_server *server,
                        uint64_t *ret_transport) {
    uint64_t transport = fixture_open(f, false, server);
    client_init(&c->client, server);
    fixture_set_remote(f, transport, c->client.ufrag, c->client.pwd, c->client.fingerprint, false);
    assert_true(client_connect(&c->client) && c->client.connected);
    (void)fixture_expect(f, MEDIA_CONNECTED, transport);
    rtp_client_begin(c);
    *ret_transport = transport;
}

static void call_init(struct call *c) {
    fixture_init(&c->f, 1, 0, 0);
    connect_one(&c->f, &c->publisher, &c->servers[0], &c->publish);
    connect_one(&c->f, &c->subscriber, &c->servers[1], &c->subscribe);
}

static void call_deinit(struct call *c) {
    rtp_client_end(&c->publisher);
    rtp_client_end(&c->subscriber);
    client_deinit(&c->publisher.client);
    client_deinit(&c->subscriber.client);
    fixture_deinit(&c->f);
}

static struct rtp_section section_of(bool video) {
    struct rtp_section s = {.video = video, .mid_len = 1, .mid = {'3'}, .formats_count = 1};
    s.formats[0] = video ? (struct rtp_format){.codec = RTP_CODEC_VP8,
                                               .payload_type = VP8,
                                               .feedback = RTP_FEEDBACK_NACK | RTP_FEEDBACK_PLI}
                         : (struct rtp_format){.codec = RTP_CODEC_OPUS, .payload_type = OPUS};
    s.extension_ids[RTP_EXTENSION_MID] = MID_ID;
    s.extension_ids[RTP_EXTENSION_AUDIO_LEVEL] = video ? 0 : LEVEL_ID;
    return s;
}

static void publish_as(struct call *c, bool video, uint64_t track, bool muted, bool encrypted) {
    const struct media_receive r = {.transport = c->publish,
                                    .track = track,
                                    .muted = muted,
                                    .layers = 1,
                                    .trailer = {'e', 'n', 'd'},
                                    .trailer_len = encrypted ? 3 : 0,
                                    .section = section_of(video)};
    assert_true(media_receive_put(c->f.media, &r));
}
static void publish(struct call *c, bool video, uint64_t track) {
    publish_as(c, video, track, false, false);
}

static void subscribe(struct call *c, bool video) {
    struct rtp_section section = section_of(video);
    section.formats[0].payload_type = video ? 100 : 63;
    section.extension_ids[RTP_EXTENSION_AUDIO_LEVEL] = 0;
    section.extension_ids[RTP_EXTENSION_MID] = 9;
    section.mid[0] = '5';
    const struct media_send s = {
        .transport = c->subscribe,
        .track = TRACK,
        .ssrc = OUT_SSRC,
        .cname = SLICE_LIT("PA_a|TR_b"),
        .section = &section,
        .want = {.send = SEND, .layer_max = 2, .priority = 1},
    };
    assert_true(media_send_put(c->f.media, &s));
    fixture_await(&c->f, media_senders, 1);
}

static void send_audio(struct call *c, uint16_t n, bool with_mid, uint8_t loudness) {
    const struct rtp_header h = {
        .payload_type = OPUS, .sequence = n, .timestamp = 960u * (uint16_t)(n + 10), .ssrc = 1111};
    const struct rtp_extension list[] = {{LEVEL_ID, slice_of(&loudness, 1)},
                                         {MID_ID, SLICE_LIT("3")}};
    uint8_t payload[4] = {0xf8, (uint8_t)n, 2, 3};
    rtp_client_send(&c->publisher, &h, list, with_mid ? 2 : 1, slice_of(payload, 4));
}

static void await_packets(struct call *c, size_t count) {
    for (int i = 0; i < 1000 && c->subscriber.rtp_count < count; i++) {
        (void)client_pump(&c->subscriber.client, 10);
    }
    if (c->subscriber.rtp_count < count) {
        fail_msg("%zu packets came, not %zu", c->subscriber.rtp_count, count);
    }
}

static void test_audio_is_forwarded(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, false, TRACK);
    subscribe(c, false);
    for (uint16_t n = 0; n < 20; n++) {
        send_audio(c, (uint16_t)(65530 + n), n < 3, 10); /* the mid persists, the numbers wrap */
    }
    await_packets(c, 20);
    struct rtp_view first = rtp_client_packet_at(&c->subscriber, 0);
    for (uint16_t n = 0; n < 20; n++) {
        struct rtp_view v = rtp_client_packet_at(&c->subscriber, n);
        struct slice mid;
        assert_int_equal(v.header.payload_type, 63);
        assert_int_equal(v.header.ssrc, OUT_SSRC);
        assert_int_equal((uint16_t)(v.header.sequence - first.header.sequence), n);
        assert_int_equal(v.header.timestamp - first.header.timestamp, 960u * n);
        assert_int_equal(v.payload.len, 4);
        assert_int_equal(v.payload.data[1], (uint8_t)(65530 + n));
        assert_true(rtp_extension_find(&v, 9, &mid) && slice_eq_cstr(mid, "5"));
    }
    call_deinit(c);
    mem_free(c);
}

static void test_a_section_is_bound_later(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, false, 0);
    send_audio(c, 1, true, 10);
    fixture_await(&c->f, media_unbound, 1);
    publish(c, false, TRACK);
    subscribe(c, false);
    send_audio(c, 2, false, 10); /* its SSRC is known by now */
    await_packets(c, 1);
    assert_int_equal(rtp_client_packet_at(&c->subscriber, 0).payload.data[1], 2);
    call_deinit(c);
    mem_free(c);
}

/* A second of silence follows, and what comes meanwhile does not; then it goes on. */
static void test_what_is_muted_ends_in_silence(void **state) {
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        struct call *c = mem_zalloc(sizeof(*c));
        call_init(c);
        publish_as(c, false, TRACK, false, encrypted);
        subscribe(c, false);
        send_audio(c, 1, true, 10);
        await_packets(c, 1);
        publish_as(c, false, TRACK, true, encrypted);
        await_packets(c, 11);
        send_audio(c, 2, true, 10);
        await_packets(c, 51);
        send_audio(c, 3, true, 10);
        for (int i = 0; i < 10; i++) {
            (void)client_pump(&c->subscriber.client, 10);
        }
        assert_int_equal(c->subscriber.rtp_count, 51);
        struct rtp_view first = rtp_client_packet_at(&c->subscriber, 0);
        for (uint16_t i = 1; i <= 50; i++) {
            struct rtp_view v = rtp_client_packet_at(&c->subscriber, i);
            assert_int_equal(v.header.sequence, (uint16_t)(first.header.sequence + i));
            assert_int_equal(v.header.timestamp, first.header.timestamp + 960u * i);
            assert_true(slice_eq(v.payload, encrypted ? SLICE_LIT("\xf8\xff\xfe"
                                                                  "end")
                                                      : SLICE_LIT("\xf8\xff\xfe")));
        }
        publish_as(c, false, TRACK, false, encrypted);
        send_audio(c, 100, true, 10);
        await_packets(c, 52);
        struct rtp_view last = rtp_client_packet_at(&c->subscriber, 51);
        assert_int_equal(last.header.sequence, (uint16_t)(first.header.sequence + 51));
        assert_int_equal(last.payload.data[1], 100);
        call_deinit(c);
        mem_free(c);
    }
}

static void test_loudness_is_told(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, false, TRACK);
    subscribe(c, false);
    struct media_event e = {0};
    for (uint16_t n = 0; n < 200 && !e.report; n++) {
        send_audio(c, n, n < 3, 10);
        (void)client_pump(&c->publisher.client, 10);
        if (mailbox_drain(c->f.to_control, &e, 1) != 1) {
            e.report = NULL;
        } else if (e.kind == MEDIA_QUALITIES) { /* that all is well comes first */
            media_event_free(&e);
            e.report = NULL;
        }
    }
    assert_int_equal(e.kind, MEDIA_LEVELS);
    assert_non_null(e.report);
    assert_int_equal(e.report->count, 1);
    assert_int_equal(e.report->items[0].id, TRACK);
    assert_true(e.report->items[0].level > 0);
    media_event_free(&e);
    call_deinit(c);
    mem_free(c);
}

static void send_video(struct call *c, uint16_t n, bool key, bool marker) {
    const struct rtp_header h = {
        .payload_type = VP8, .sequence = n, .timestamp = 3000u * n, .ssrc = 2222, .marker = marker};
    const struct rtp_extension list[] = {{MID_ID, SLICE_LIT("3")}};
    /* Descriptor: start of partition 0, no extension; then the frame tag, bit 0 clear: key. */
    uint8_t payload[VIDEO_BYTES] = {0x10, key ? 0 : 1};
    payload[20] = (uint8_t)n;
    rtp_client_send(&c->publisher, &h, list, 1, slice_of(payload, sizeof payload));
}

static void ask_again(struct call *c, uint16_t sequence) {
    uint8_t bytes[64];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    rtcp_put_nack(&out, 1, OUT_SSRC, &sequence, 1);
    rtp_client_send_rtcp(&c->subscriber, rtp_out_slice(&out));
}

static void test_video_begins_with_a_key_frame_and_is_sent_again(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, true, TRACK);
    subscribe(c, true);
    send_video(c, 10, false, true);
    send_video(c, 11, true, true);
    for (uint16_t n = 12; n < 20; n++) {
        send_video(c, n, false, true);
    }
    await_packets(c, 9);
    struct rtp_view first = rtp_client_packet_at(&c->subscriber, 0);
    assert_int_equal(first.payload.data[20], 11);
    uint16_t wanted = rtp_client_packet_at(&c->subscriber, 4).header.sequence;
    /* The same number in the same SRTP stream: a replay for its receiver, which keeps a window. */
    srtp_receiver_forget(c->subscriber.srtp, OUT_SSRC);
    ask_again(c, wanted);
    await_packets(c, 10);
    struct rtp_view again = rtp_client_packet_at(&c->subscriber, 9);
    assert_int_equal(again.header.sequence, wanted);
    assert_int_equal(again.payload.data[20], 15);
    call_deinit(c);
    mem_free(c);
}

static bool has_request(const struct rtp_client *c, bool (*is)(const struct rtcp_packet *p)) {
    for (size_t i = 0; i < MIN(c->rtcp_count, (size_t)RTP_CLIENT_KEPT); i++) {
        struct slice rest = slice_of(c->rtcp[i].bytes, c->rtcp[i].len);
        struct rtcp_packet p;
        while (rtcp_next(&rest, &p) == STATUS_OK) {
            if (is(&p)) {
                return true;
            }
        }
    }
    return false;
}

/* 60 packets of VIDEO_BYTES are more than may leave at once: the rest comes later, in order. */
static void test_a_burst_of_video_is_spread(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, true, TRACK);
    subscribe(c, true);
    for (uint16_t n = 0; n < 60; n++) {
        send_video(c, n, n == 0, true);
    }
    await_packets(c, 60);
    uint16_t first = rtp_client_packet_at(&c->subscriber, 0).header.sequence;
    for (uint16_t n = 0; n < 60; n++) {
        struct rtp_view v = rtp_client_packet_at(&c->subscriber, n);
        assert_int_equal((uint16_t)(v.header.sequence - first), n);
        assert_int_equal(v.payload.data[20], n);
    }
    assert_true(fixture_metric(&c->f, media_paced) > 0);
    call_deinit(c);
    mem_free(c);
}

/* Its subscriber or its publisher goes while packets wait. */
static void test_who_leaves_is_not_waited_for(void **state) {
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct call *c = mem_zalloc(sizeof(*c));
        call_init(c);
        publish(c, true, TRACK);
        subscribe(c, true);
        for (uint16_t n = 0; n < 200; n++) {
            send_video(c, n, n == 0, true);
        }
        fixture_await(&c->f, media_paced, 1);
        assert_true(who == 0 ? media_send_remove(c->f.media, 0, SEND)
                             : media_receive_remove(c->f.media, c->publish, SLICE_LIT("3")));
        call_deinit(c);
        mem_free(c);
    }
}

static void test_key_frames_and_lost_packets_are_asked_for(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, true, TRACK);
    subscribe(c, true);
    send_video(c, 10, false, true);
    for (int i = 0; i < 500 && !has_request(&c->publisher, rtcp_is_pli); i++) {
        (void)client_pump(&c->publisher.client, 10);
    }
    assert_true(has_request(&c->publisher, rtcp_is_pli));
    send_video(c, 11, true, true);
    send_video(c, 13, false, true);
    for (int i = 0; i < 500 && !has_request(&c->publisher, rtcp_is_nack); i++) {
        (void)client_pump(&c->publisher.client, 10);
    }
    assert_true(has_request(&c->publisher, rtcp_is_nack));
    call_deinit(c);
    mem_free(c);
}

static void report_lost(struct call *c, int32_t lost) {
    uint8_t bytes[64];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    const struct rtcp_report report = {.ssrc = OUT_SSRC, .lost = lost, .highest_sequence = 9};
    rtcp_put_rr(&out, 1, &report, 1);
    rtp_client_send_rtcp(&c->subscriber, rtp_out_slice(&out));
}

static void ask_for_key_frames(struct call *c) {
    uint8_t bytes[64];
    struct rtp_out out = rtp_out_over(bytes, sizeof bytes);
    const struct rtcp_fir fir = {.ssrc = OUT_SSRC, .sequence = 1};
    rtcp_put_pli(&out, 1, OUT_SSRC);
    rtcp_put_fir(&out, 1, &fir);
    rtp_client_send_rtcp(&c->subscriber, rtp_out_slice(&out));
}

static void test_what_comes_goes_and_lacks_is_counted(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, true, TRACK);
    subscribe(c, true);
    send_video(c, 11, true, true);
    send_video(c, 12, false, true);
    send_video(c, 14, false, true); /* 13 is lost */
    await_packets(c, 3);
    assert_int_equal(fixture_metric(&c->f, media_received), 3);
    assert_int_equal(fixture_metric(&c->f, media_forwarded), 3);
    uint64_t in = fixture_metric(&c->f, media_received_bytes);
    uint64_t out = fixture_metric(&c->f, media_forwarded_bytes);
    assert_in_range(in, 3 * VIDEO_BYTES, 3 * (VIDEO_BYTES + 60));
    assert_in_range(out, 3 * VIDEO_BYTES, 3 * (VIDEO_BYTES + 60));
    ask_again(c, rtp_client_packet_at(&c->subscriber, 1).header.sequence);
    fixture_await(&c->f, media_resent, 1);
    assert_int_equal(fixture_metric(&c->f, media_nacks_taken), 1);
    assert_in_range(fixture_metric(&c->f, media_resent_bytes), VIDEO_BYTES, VIDEO_BYTES + 60);
    ask_for_key_frames(c);
    fixture_await(&c->f, media_firs_taken, 1);
    assert_int_equal(fixture_metric(&c->f, media_plis_taken), 1);
    report_lost(c, 5);
    report_lost(c, 3); /* duplicates made up for some */
    report_lost(c, 6);
    fixture_await(&c->f, media_lost_video_out, 6);
    fixture_await(&c->f, media_nacks_sent, 1);
    fixture_await(&c->f, media_lost_video_in, 1);
    fixture_await(&c->f, media_plis_sent, 1);
    assert_int_equal(fixture_metric(&c->f, media_lost_video_out), 6);
    assert_int_equal(fixture_metric(&c->f, media_lost_audio_out), 0);
    assert_int_equal(fixture_metric(&c->f, media_lost_audio_in), 0);
    call_deinit(c);
    mem_free(c);
}

static void test_foreign_packets_are_refused(void **state) {
    (void)state;
    struct call *c = mem_zalloc(sizeof(*c));
    call_init(c);
    publish(c, false, TRACK);
    subscribe(c, false);
    uint8_t made_up[64] = {0x80, OPUS, 0, 1};
    client_send_raw(&c->publisher.client, made_up, sizeof made_up);
    fixture_await(&c->f, media_unauthenticated, 1);
    send_audio(c, 5, true, 10);
    await_packets(c, 1);
    call_deinit(c);
    mem_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audio_is_forwarded),
        cmocka_unit_test(test_a_section_is_bound_later),
        cmocka_unit_test(test_what_is_muted_ends_in_silence),
        cmocka_unit_test(test_loudness_is_told),
        cmocka_unit_test(test_video_begins_with_a_key_frame_and_is_sent_again),
        cmocka_unit_test(test_a_burst_of_video_is_spread),
        cmocka_unit_test(test_who_leaves_is_not_waited_for),
        cmocka_unit_test(test_key_frames_and_lost_packets_are_asked_for),
        cmocka_unit_test(test_what_comes_goes_and_lacks_is_counted),
        cmocka_unit_test(test_foreign_packets_are_refused),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
