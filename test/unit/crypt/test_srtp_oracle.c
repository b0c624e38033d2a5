/* SRTP against libsrtp2: what one seals the other opens, and both judge a rough network's packets
 * alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "srtp_oracle.h"
#include "srtp_packets.h"

enum { PACKETS = 24000, STREAMS = 3, HELD_MAX = 40 };
static const enum dtls_srtp_profile profiles[] = {DTLS_SRTP_AEAD_AES_128_GCM,
                                                  DTLS_SRTP_AES128_CM_HMAC_SHA1_80};

struct packet {
    size_t len;
    _Alignas(8) uint8_t bytes[PACKET_BYTES_MAX]; /* libsrtp reads words */
};

static struct srtp_session *session_of(struct dtls_srtp keys) {
    struct srtp_session *s;
    assert_int_equal(srtp_session_create(&keys, &s), STATUS_OK);
    return s;
}

/* Streams that begin near the top and lose some: each rolls over. */
struct source {
    struct packet_maker maker;
    uint16_t next[STREAMS];
};

static struct source begin_source(uint64_t seed) {
    return (struct source){.maker.seed = seed, .next = {65000, 32768, 60123}};
}

static void next_rtp(struct source *s, struct packet *p) {
    uint32_t stream = packet_random(&s->maker, STREAMS);
    uint32_t step = packet_random(&s->maker, 50) == 0 ? packet_random(&s->maker, 3000) : 1;
    s->next[stream] = (uint16_t)(s->next[stream] + step);
    p->len = packet_rtp(&s->maker, 77 + stream, s->next[stream], p->bytes);
}

static void next_rtcp(struct source *s, struct packet *p) {
    p->len = packet_rtcp(&s->maker, 77 + packet_random(&s->maker, STREAMS), p->bytes);
}

static void libsrtp_opens_what_we_seal(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct srtp_session *s = session_of(packet_keys(profiles[p]));
        struct dtls_srtp peer = packet_keys_of_peer(profiles[p]);
        struct oracle *o = oracle_create(&peer, false);
        struct source source = begin_source(11);
        for (uint32_t i = 0; i < STREAMS; i++) {
            assert_int_equal(srtp_sender_add(s, 77 + i), STATUS_OK);
        }
        for (int i = 0; i < PACKETS; i++) {
            struct packet plain, sent;
            bool rtcp = i % 10 == 0;
            rtcp ? next_rtcp(&source, &plain) : next_rtp(&source, &plain);
            sent = plain;
            enum status status =
                rtcp ? srtcp_seal(s, sent.bytes, sent.len, PACKET_BYTES_MAX, &sent.len)
                     : srtp_seal(s, sent.bytes, sent.len, PACKET_BYTES_MAX, &sent.len);
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(oracle_unprotect(o, sent.bytes, &sent.len, rtcp), ORACLE_OK);
            assert_int_equal(sent.len, plain.len);
            assert_memory_equal(sent.bytes, plain.bytes, plain.len);
        }
        oracle_destroy(o);
        srtp_session_destroy(s);
    }
}

/* A network that holds packets back, repeats, loses, cuts and spoils them. */
struct network {
    struct packet held[HELD_MAX];
    struct packet old; /* comes again, long after */
    size_t count;
};

enum harm { HARM_NONE, HARM_SPOILT, HARM_CUT };

/* Takes one packet and gives one, of now or of before. */
static enum harm carry(struct network *n, struct packet_maker *m, struct packet *p) {
    size_t at = packet_random(m, HELD_MAX);
    if (packet_random(m, 4) == 0 && at < n->count) {
        struct packet other = n->held[at];
        n->held[at] = *p;
        *p = other;
    } else if (n->count < HELD_MAX) {
        n->held[n->count++] = *p;
    }
    uint32_t fate = packet_random(m, 200);
    if (fate == 0) {
        n->old = *p;
    } else if (fate < 10 && n->old.len > 0) {
        *p = n->old;
    } else if (fate < 30) {
        p->bytes[packet_random(m, (uint32_t)p->len)] ^= (uint8_t)(1 << packet_random(m, 8));
        return HARM_SPOILT;
    } else if (fate < 40) {
        p->len = packet_random(m, (uint32_t)p->len);
        return HARM_CUT;
    }
    return HARM_NONE;
}

struct tally {
    uint32_t by_verdict[ORACLE_OTHER + 1];
};

static void judge_alike(struct srtp_session *s, struct oracle *o, const struct packet *p, bool rtcp,
                        enum harm harm, struct tally *tally) {
    static const enum status as[] = {
        [ORACLE_OK] = STATUS_OK,
        [ORACLE_UNAUTHENTICATED] = STATUS_UNAUTHENTICATED,
        [ORACLE_EXISTS] = STATUS_EXISTS,
        [ORACLE_STALE] = STATUS_STALE,
    };
    struct packet ours = *p, theirs = *p;
    enum status status = rtcp ? srtcp_open(s, ours.bytes, ours.len, &ours.len)
                              : srtp_open(s, ours.bytes, ours.len, &ours.len);
    enum oracle_verdict v = oracle_unprotect(o, theirs.bytes, &theirs.len, rtcp);
    tally->by_verdict[v]++;
    if (harm != HARM_NONE) { /* each may see another reason first */
        assert_int_equal(status == STATUS_OK, v == ORACLE_OK);
        return;
    }
    if (rtcp && v == ORACLE_STALE) { /* for RTCP its window is 128 packets, whatever one asks */
        assert_true(status == STATUS_OK || status == STATUS_EXISTS || status == STATUS_STALE);
        return;
    }
    assert_int_equal(status, as[v]);
    if (v == ORACLE_OK) {
        assert_int_equal(ours.len, theirs.len);
        assert_memory_equal(ours.bytes, theirs.bytes, ours.len);
    }
}

static void both_judge_a_rough_network_alike(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct dtls_srtp ours = packet_keys(profiles[p]), peer = packet_keys_of_peer(profiles[p]);
        struct srtp_session *s = session_of(ours);
        struct oracle *sender = oracle_create(&peer, true), *judge = oracle_create(&ours, false);
        struct source source = begin_source(23);
        static struct network rtp, rtcp;
        memset(&rtp, 0, sizeof rtp);
        memset(&rtcp, 0, sizeof rtcp);
        struct tally tally = {0};
        for (int i = 0; i < PACKETS; i++) {
            struct packet packet;
            bool is_rtcp = i % 10 == 0;
            is_rtcp ? next_rtcp(&source, &packet) : next_rtp(&source, &packet);
            assert_int_equal(oracle_protect(sender, packet.bytes, &packet.len, is_rtcp), ORACLE_OK);
            enum harm harm = carry(is_rtcp ? &rtcp : &rtp, &source.maker, &packet);
            judge_alike(s, judge, &packet, is_rtcp, harm, &tally);
        }
        assert_true(tally.by_verdict[ORACLE_OK] > PACKETS / 2);
        assert_true(tally.by_verdict[ORACLE_UNAUTHENTICATED] > PACKETS / 20);
        assert_true(tally.by_verdict[ORACLE_EXISTS] > PACKETS / 100);
        assert_true(tally.by_verdict[ORACLE_STALE] > PACKETS / 1000);
        oracle_destroy(sender);
        oracle_destroy(judge);
        srtp_session_destroy(s);
    }
}

/* Five rollovers in steps that are large but none too large. */
static void rollovers_are_followed_in_both_directions(void **state) {
    for (size_t p = 0; p < ARRAY_LEN(profiles); p++) {
        struct dtls_srtp ours = packet_keys(profiles[p]), peer = packet_keys_of_peer(profiles[p]);
        struct srtp_session *s = session_of(ours);
        struct oracle *sender = oracle_create(&peer, true), *receiver = oracle_create(&peer, false);
        struct packet_maker m = {.seed = 3};
        assert_int_equal(srtp_sender_add(s, 5), STATUS_OK);
        for (uint32_t at = 30000; at < 6 * 65536; at += 1 + packet_random(&m, 300)) {
            struct packet out, in;
            out.len = in.len = packet_rtp(&m, 5, (uint16_t)at, out.bytes);
            memcpy(in.bytes, out.bytes, in.len);
            assert_int_equal(srtp_seal(s, out.bytes, out.len, PACKET_BYTES_MAX, &out.len),
                             STATUS_OK);
            assert_int_equal(oracle_unprotect(receiver, out.bytes, &out.len, false), ORACLE_OK);
            assert_int_equal(oracle_protect(sender, in.bytes, &in.len, false), ORACLE_OK);
            assert_int_equal(srtp_open(s, in.bytes, in.len, &in.len), STATUS_OK);
            assert_int_equal(in.len, out.len);
            assert_memory_equal(in.bytes, out.bytes, in.len);
        }
        oracle_destroy(sender);
        oracle_destroy(receiver);
        srtp_session_destroy(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libsrtp_opens_what_we_seal),
        cmocka_unit_test(both_judge_a_rough_network_alike),
        cmocka_unit_test(rollovers_are_followed_in_both_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
