/* SRTP between two ends of ours: what is refused and why, what a refusal leaves as it was, windows,
 * rollovers and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "caps.h"
#include "srtp_packets.h"
#include "srtp_priv.h"

static const enum dtls_srtp_profile profiles[] = {DTLS_SRTP_AEAD_AES_128_GCM,
                                                  DTLS_SRTP_AES128_CM_HMAC_SHA1_80};
enum { SSRC = 0x01020304 };

struct ends {
    struct srtp_session *a, *b;
    struct packet_maker maker;
};

static struct ends open_ends(enum dtls_srtp_profile profile) {
    struct ends e = {.maker.seed = 1};
    struct dtls_srtp ours = packet_keys(profile), theirs = packet_keys_of_peer(profile);
    assert_int_equal(srtp_session_create(&ours, &e.a), STATUS_OK);
    assert_int_equal(srtp_session_create(&theirs, &e.b), STATUS_OK);
    assert_int_equal(srtp_sender_add(e.a, SSRC), STATUS_OK);
    return e;
}

static void close_ends(struct ends *e) {
    e->a = srtp_session_destroy(e->a);
    e->b = srtp_session_destroy(e->b);
}

static size_t sealed(struct ends *e, uint32_t ssrc, uint16_t sequence,
                     uint8_t out[PACKET_BYTES_MAX]) {
    size_t len = packet_rtp(&e->maker, ssrc, sequence, out);
    assert_int_equal(srtp_seal(e->a, out, len, PACKET_BYTES_MAX, &len), STATUS_OK);
    return len;
}

/* Opens a copy, so that the packet can come again. */
static enum status opened(struct ends *e, const uint8_t *packet, size_t len) {
    uint8_t copy[PACKET_BYTES_MAX];
    size_t opened_len;
    memcpy(copy, packet, len);
    return srtp_open(e->b, copy, len, &opened_len);
}

static void a_batch_lies_in_one_buffer(void **state) {
    static uint8_t plain[16][PACKET_BYTES_MAX], sent[16 * PACKET_BYTES_MAX];
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct ends e = open_ends(profiles[p]);
        size_t lens[16], sealed_lens[16], at = 0;
        for (uint16_t i = 0; i < 16; i++) {
            lens[i] = packet_rtp(&e.maker, SSRC, i, plain[i]);
            memcpy(sent + at, plain[i], lens[i]);
            assert_int_equal(srtp_seal(e.a, sent + at, lens[i], lens[i] + SRTP_OVERHEAD_BYTES_MAX,
                                       &sealed_lens[i]),
                             STATUS_OK);
            at += sealed_lens[i];
        }
        at = 0;
        for (size_t i = 0; i < 16; i++) {
            size_t len;
            assert_int_equal(srtp_open(e.b, sent + at, sealed_lens[i], &len), STATUS_OK);
            assert_int_equal(len, lens[i]);
            assert_memory_equal(sent + at, plain[i], len);
            at += sealed_lens[i];
        }
        close_ends(&e);
    }
}

static void what_is_spoilt_is_refused_and_leaves_no_trace(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct ends e = open_ends(profiles[p]);
        uint8_t packet[PACKET_BYTES_MAX];
        size_t len = sealed(&e, SSRC, 9, packet);
        for (size_t bit = 16; bit < 8 * len; bit += 3) { /* version and lengths are apart */
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum status status = opened(&e, packet, len);
            bool lengths = bit / 8 == 14 || bit / 8 == 15; /* of the extension, if there is one */
            assert_true(status == STATUS_UNAUTHENTICATED ||
                        (lengths && status == STATUS_MALFORMED));
            packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t cut = 0; cut < len; cut++) {
            enum status status = opened(&e, packet, cut);
            assert_true(status == STATUS_UNAUTHENTICATED || status == STATUS_MALFORMED);
            assert_true(cut >= 12 + srtp_tag_bytes(profiles[p]) || status == STATUS_MALFORMED);
        }
        assert_int_equal(opened(&e, packet, len), STATUS_OK);
        assert_int_equal(opened(&e, packet, len), STATUS_EXISTS);
        close_ends(&e);
    }
}

static void replays_and_strays_are_told_apart(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    static uint8_t packets[SRTP_WINDOW_PACKETS + 1][PACKET_BYTES_MAX];
    size_t lens[SRTP_WINDOW_PACKETS + 1];
    for (uint16_t i = 0; i <= SRTP_WINDOW_PACKETS; i++) {
        lens[i] = sealed(&e, SSRC, (uint16_t)(100 + i), packets[i]);
    }
    assert_int_equal(opened(&e, packets[SRTP_WINDOW_PACKETS], lens[SRTP_WINDOW_PACKETS]),
                     STATUS_OK);
    assert_int_equal(opened(&e, packets[0], lens[0]), STATUS_STALE);
    for (size_t i = SRTP_WINDOW_PACKETS; i > 1; i--) { /* backwards, as late as can be */
        assert_int_equal(opened(&e, packets[i - 1], lens[i - 1]), STATUS_OK);
        assert_int_equal(opened(&e, packets[i - 1], lens[i - 1]), STATUS_EXISTS);
    }
    close_ends(&e);
}

static void a_sender_uses_no_index_twice(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct ends e = open_ends(profiles[p]);
        uint8_t plain[PACKET_BYTES_MAX], first[PACKET_BYTES_MAX], again[PACKET_BYTES_MAX];
        size_t len = packet_rtp(&e.maker, SSRC, 2000, plain), first_len, again_len = 77;
        memcpy(first, plain, len);
        memcpy(again, plain, len);
        assert_int_equal(srtp_seal_again(e.a, again, len, PACKET_BYTES_MAX, &again_len),
                         STATUS_PRECONDITION);
        assert_int_equal(srtp_seal(e.a, first, len, PACKET_BYTES_MAX, &first_len), STATUS_OK);
        assert_int_equal(srtp_seal(e.a, again, len, PACKET_BYTES_MAX, &again_len), STATUS_EXISTS);
        assert_memory_equal(again, plain, len);
        assert_int_equal(again_len, 77);
        assert_int_equal(srtp_seal_again(e.a, again, len, PACKET_BYTES_MAX, &again_len), STATUS_OK);
        assert_int_equal(again_len, first_len);
        assert_memory_equal(again, first, first_len);
        /* A late packet may still leave, one behind the window may not; a resend always may. */
        (void)sealed(&e, SSRC, 1999, again);
        (void)sealed(&e, SSRC, 2000 + SRTP_WINDOW_PACKETS, again);
        size_t old = packet_rtp(&e.maker, SSRC, 1998, again);
        assert_int_equal(srtp_seal(e.a, again, old, PACKET_BYTES_MAX, &old), STATUS_STALE);
        memcpy(again, plain, len);
        assert_int_equal(srtp_seal_again(e.a, again, len, PACKET_BYTES_MAX, &again_len), STATUS_OK);
        assert_memory_equal(again, first, first_len);
        close_ends(&e);
    }
}

static void sending_is_refused_with_its_reason(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    uint8_t packet[PACKET_BYTES_MAX], kept[PACKET_BYTES_MAX];
    size_t len = packet_rtp(&e.maker, SSRC + 1, 5, packet), after = 3;
    assert_int_equal(srtp_seal(e.a, packet, len, sizeof packet, &after), STATUS_NOT_FOUND);
    len = packet_rtp(&e.maker, SSRC, 5, packet);
    memcpy(kept, packet, len);
    assert_int_equal(srtp_seal(e.a, packet, len, len + 15, &after), STATUS_TOO_LARGE);
    assert_int_equal(srtp_seal(e.a, packet, 11, sizeof packet, &after), STATUS_MALFORMED);
    packet[0] = (uint8_t)(packet[0] & 0x3f) | 0x40;
    assert_int_equal(srtp_seal(e.a, packet, len, sizeof packet, &after), STATUS_MALFORMED);
    static const uint8_t reaching[] = {0x90, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xbe, 0xde, 0, 2, 0};
    memcpy(packet, reaching, sizeof reaching);
    assert_int_equal(srtp_seal(e.a, packet, sizeof reaching, sizeof packet, &after),
                     STATUS_MALFORMED);
    assert_int_equal(after, 3);
    memcpy(packet, kept, len);
    assert_int_equal(srtp_seal(e.a, packet, len, len + 16, &after), STATUS_OK);
    assert_int_equal(after, len + 16);
    len = packet_rtcp(&e.maker, SSRC, packet);
    assert_int_equal(srtcp_seal(e.a, packet, len, len + 19, &after), STATUS_TOO_LARGE);
    assert_int_equal(srtcp_seal(e.a, packet, 7, sizeof packet, &after), STATUS_MALFORMED);
    close_ends(&e);
}

static void sequence_numbers_roll_over(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct ends e = open_ends(profiles[p]);
        uint8_t packet[PACKET_BYTES_MAX], late[PACKET_BYTES_MAX];
        size_t late_len = 0;
        for (uint32_t i = 0; i < 3 * 65536; i += 997) {
            size_t len = sealed(&e, SSRC, (uint16_t)(i + 40000), packet);
            assert_int_equal(opened(&e, packet, len), STATUS_OK);
            if (late_len > 0) { /* from before the last step, often before the rollover */
                assert_int_equal(opened(&e, late, late_len), STATUS_OK);
                assert_int_equal(opened(&e, late, late_len), STATUS_EXISTS);
            }
            late_len = sealed(&e, SSRC, (uint16_t)(i + 40000 + 1), late);
        }
        close_ends(&e);
    }
}

static void indexes_are_guessed_as_the_standard_says(void **state) {
    struct srtp_stream s = {.used = true};
    uint64_t index;
    assert_true(srtp_stream_guess(&s, 65535, &index));
    assert_int_equal(index, 65535);
    srtp_stream_note(&s, 10);
    assert_false(srtp_stream_guess(&s, 65535, &index)); /* before the first */
    assert_true(srtp_stream_guess(&s, 10 + 32768, &index));
    assert_int_equal(index, 10 + 32768);
    assert_false(srtp_stream_guess(&s, 10 + 32769, &index));
    srtp_stream_note(&s, 65535);
    assert_true(srtp_stream_guess(&s, 0, &index));
    assert_int_equal(index, 65536);
    srtp_stream_note(&s, 65536 + 5);
    assert_true(srtp_stream_guess(&s, 65535, &index));
    assert_int_equal(index, 65535);
    assert_int_equal(srtp_stream_check(&s, 65535), STATUS_EXISTS);
    assert_int_equal(srtp_stream_check(&s, 65534), STATUS_OK);
    srtp_stream_note(&s, SRTP_INDEX_MAX);
    assert_false(srtp_stream_guess(&s, 0, &index)); /* the end of the key */
    assert_true(srtp_stream_guess(&s, 65534, &index));
    assert_int_equal(index, SRTP_INDEX_MAX - 1);
}

static void rtcp_goes_both_ways_and_is_counted(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct ends e = open_ends(profiles[p]);
        uint8_t plain[PACKET_BYTES_MAX], packet[PACKET_BYTES_MAX], copy[PACKET_BYTES_MAX];
        for (uint32_t i = 0; i < 200; i++) {
            size_t len = packet_rtcp(&e.maker, i % 3, plain), sealed_len, opened_len;
            memcpy(packet, plain, len);
            assert_int_equal(
                srtcp_seal(e.a, packet, len, len + SRTP_OVERHEAD_BYTES_MAX, &sealed_len),
                STATUS_OK);
            assert_true(sealed_len <= len + SRTP_OVERHEAD_BYTES_MAX);
            memcpy(copy, packet, sealed_len);
            copy[8 + i % (sealed_len - 8)] ^= 0x01; /* may hit the index; never the flag */
            assert_int_equal(srtcp_open(e.b, copy, sealed_len, &opened_len),
                             STATUS_UNAUTHENTICATED);
            memcpy(copy, packet, sealed_len);
            assert_int_equal(srtcp_open(e.b, copy, sealed_len, &opened_len), STATUS_OK);
            assert_int_equal(opened_len, len);
            assert_memory_equal(copy, plain, len);
            assert_int_equal(srtcp_open(e.b, packet, sealed_len, &opened_len), STATUS_EXISTS);
        }
        close_ends(&e);
    }
}

static void rtcp_in_the_clear_is_refused(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    uint8_t packet[PACKET_BYTES_MAX];
    size_t len = packet_rtcp(&e.maker, SSRC, packet), sealed_len;
    assert_int_equal(srtcp_seal(e.a, packet, len, sizeof packet, &sealed_len), STATUS_OK);
    packet[sealed_len - 4] &= 0x7f;
    assert_int_equal(srtcp_open(e.b, packet, sealed_len, &len), STATUS_MALFORMED);
    for (size_t cut = 0; cut < 8 + 20; cut++) {
        assert_int_equal(srtcp_open(e.b, packet, cut, &len), STATUS_MALFORMED);
    }
    close_ends(&e);
}

/* The peer's SSRCs are bounded, known ones go on, and a place that was given back is used. */
static void new_streams_stop_at_the_bound(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    uint8_t packet[PACKET_BYTES_MAX];
    size_t len;
    for (uint32_t i = 0; i < SRTP_SSRCS_IN_MAX + 1; i++) {
        assert_int_equal(srtp_sender_add(e.a, 1000 + i), STATUS_OK);
        len = sealed(&e, 1000 + i, 1, packet);
        enum status want = i < SRTP_SSRCS_IN_MAX ? STATUS_OK : STATUS_EXHAUSTED;
        assert_int_equal(opened(&e, packet, len), want);
    }
    srtp_receiver_forget(e.b, 1003);
    srtp_receiver_forget(e.b, 1003);
    assert_int_equal(opened(&e, packet, len), STATUS_OK);
    for (uint32_t i = 0; i < SRTP_SSRCS_IN_MAX; i++) {
        len = sealed(&e, 1000 + i, 2, packet);
        assert_int_equal(opened(&e, packet, len), i == 3 ? STATUS_EXHAUSTED : STATUS_OK);
    }
    close_ends(&e);
}

static void senders_are_added_once_and_bounded(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    assert_int_equal(srtp_sender_add(e.a, SSRC), STATUS_EXISTS);
    for (uint32_t i = 1; i < SRTP_SSRCS_OUT_MAX; i++) {
        assert_int_equal(srtp_sender_add(e.a, SSRC + i * 3), STATUS_OK);
    }
    assert_int_equal(srtp_sender_add(e.a, 1), STATUS_EXHAUSTED);
    srtp_sender_remove(e.a, SSRC + 3);
    srtp_sender_remove(e.a, 999);
    assert_int_equal(srtp_sender_add(e.a, 1), STATUS_OK);
    close_ends(&e);
}

static void reporters_stop_at_the_bound(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AES128_CM_HMAC_SHA1_80);
    uint8_t packet[PACKET_BYTES_MAX], copy[PACKET_BYTES_MAX];
    size_t len, opened_len;
    for (uint32_t i = 0; i <= SRTP_SSRCS_IN_MAX; i++) {
        len = packet_rtcp(&e.maker, 1000 + i, packet);
        assert_int_equal(srtcp_seal(e.a, packet, len, sizeof packet, &len), STATUS_OK);
        memcpy(copy, packet, len);
        enum status want = i < SRTP_SSRCS_IN_MAX ? STATUS_OK : STATUS_EXHAUSTED;
        assert_int_equal(srtcp_open(e.b, copy, len, &opened_len), want);
    }
    assert_memory_equal(copy, packet, len); /* refused before any work */
    srtp_receiver_forget(e.b, 1000);
    assert_int_equal(srtcp_open(e.b, copy, len, &opened_len), STATUS_OK);
    close_ends(&e);
}

/* The last index of a key, and none behind it. */
static void a_key_ends_with_its_indexes(void **state) {
    struct ends e = open_ends(DTLS_SRTP_AEAD_AES_128_GCM);
    uint8_t packet[PACKET_BYTES_MAX];
    struct srtp_stream *s = srtp_streams_find(&e.a->senders, SSRC);
    srtp_stream_note(s, SRTP_INDEX_MAX - 1);
    (void)sealed(&e, SSRC, 65535, packet);
    size_t len = packet_rtp(&e.maker, SSRC, 0, packet);
    assert_int_equal(srtp_seal(e.a, packet, len, sizeof packet, &len), STATUS_EXPIRED);
    e.a->out_rtcp_next = SRTCP_INDEX_MAX;
    len = packet_rtcp(&e.maker, SSRC, packet);
    assert_int_equal(srtcp_seal(e.a, packet, len, sizeof packet, &len), STATUS_OK);
    len = packet_rtcp(&e.maker, SSRC, packet);
    assert_int_equal(srtcp_seal(e.a, packet, len, sizeof packet, &len), STATUS_EXPIRED);
    close_ends(&e);
}

/* A table that is filled and emptied at random holds exactly what it should. */
static void tables_keep_what_is_in_them(void **state) {
    enum { KEYS = 300, ROUNDS = 20000 };
    bool in[KEYS] = {false};
    struct srtp_streams t = {.count_max = KEYS};
    struct packet_maker m = {.seed = 5};
    uint32_t count = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t k = packet_random(&m, KEYS), ssrc = k * 0x01000193;
        struct srtp_stream *s = srtp_streams_find(&t, ssrc);
        assert_int_equal(s != NULL, in[k]);
        if (s) {
            assert_int_equal(s->ssrc, ssrc);
            srtp_streams_remove(&t, ssrc);
            count--;
        } else {
            assert_int_equal(srtp_streams_add(&t, ssrc, &s), STATUS_OK);
            count++;
        }
        in[k] = !in[k];
        assert_int_equal(t.count, count);
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        assert_int_equal(srtp_streams_find(&t, k * 0x01000193) != NULL, in[k]);
    }
    srtp_streams_deinit(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_lies_in_one_buffer),
        cmocka_unit_test(what_is_spoilt_is_refused_and_leaves_no_trace),
        cmocka_unit_test(replays_and_strays_are_told_apart),
        cmocka_unit_test(a_sender_uses_no_index_twice),
        cmocka_unit_test(sending_is_refused_with_its_reason),
        cmocka_unit_test(sequence_numbers_roll_over),
        cmocka_unit_test(indexes_are_guessed_as_the_standard_says),
        cmocka_unit_test(rtcp_goes_both_ways_and_is_counted),
        cmocka_unit_test(rtcp_in_the_clear_is_refused),
        cmocka_unit_test(new_streams_stop_at_the_bound),
        cmocka_unit_test(senders_are_added_once_and_bounded),
        cmocka_unit_test(reporters_stop_at_the_bound),
        cmocka_unit_test(a_key_ends_with_its_indexes),
        cmocka_unit_test(tables_keep_what_is_in_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
