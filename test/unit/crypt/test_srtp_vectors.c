/* SRTP against the vectors of its standards, and whole packets that libsrtp's own tests know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "srtp_packets.h"
#include "srtp_priv.h"

#define MASTER_KEY "e1f97a0d3e018be0d64fa32c06de4139"
#define MASTER_SALT "0ec675ad498afeebb6960b3aabe6"

static struct slice hex(const char *text, uint8_t *out, size_t cap) {
    return slice_of(out, packet_unhex(text, out, cap));
}

static void assert_bytes(const uint8_t *got, size_t len, const char *want_hex) {
    uint8_t want[PACKET_BYTES_MAX];
    assert_int_equal(packet_unhex(want_hex, want, sizeof want), len);
    assert_memory_equal(got, want, len);
}

/* RFC 3711 appendix B.3. */
static void session_keys_are_derived(void **state) {
    uint8_t key[16], salt_bytes[14], out[32];
    (void)hex(MASTER_KEY, key, sizeof key);
    struct slice salt = hex(MASTER_SALT, salt_bytes, sizeof salt_bytes);
    assert_true(srtp_derive(key, salt, 0, out, 16));
    assert_bytes(out, 16, "c61e7a93744f39ee10734afe3ff7a087");
    assert_true(srtp_derive(key, salt, 2, out, 14));
    assert_bytes(out, 14, "30cbbc08863d8c85d49db34a9ae1");
    assert_true(srtp_derive(key, salt, 1, out, 20));
    assert_bytes(out, 20, "cebe321f6ff7716b6fd4ab49af256a156d38baa4");
}

/* A cipher with the session keys of a vector in the place of derived ones. */
static void session(struct srtp_transform *c, enum dtls_srtp_profile profile, const char *key_hex,
                    const char *salt_hex, bool sealing) {
    uint8_t key[16];
    (void)hex(key_hex, key, sizeof key);
    size_t salt_len = profile == DTLS_SRTP_AEAD_AES_128_GCM ? 12 : 14;
    uint8_t zeros[14] = {0};
    assert_int_equal(srtp_transform_init(c, profile, key, slice_of(zeros, salt_len), 0, sealing),
                     STATUS_OK);
    memset(c->salt, 0, sizeof c->salt);
    assert_int_equal(packet_unhex(salt_hex, c->salt, salt_len), salt_len);
    assert_int_equal(EVP_CipherInit_ex(c->ctx, NULL, NULL, key, NULL, sealing), 1);
}

/* RFC 3711 appendix B.2: the key stream is what comes of zeros. */
static void counter_mode_gives_the_key_stream(void **state) {
    struct srtp_transform c;
    session(&c, DTLS_SRTP_AES128_CM_HMAC_SHA1_80, "2b7e151628aed2a6abf7158809cf4f3c",
            "f0f1f2f3f4f5f6f7f8f9fafbfcfd", true);
    uint8_t body[48] = {0}, tag[SRTP_TAG_BYTES_CM];
    struct srtp_job job = {.packet = body, .len = sizeof body};
    assert_int_equal(srtp_transform_seal(&c, &job, tag), STATUS_OK);
    assert_bytes(body, sizeof body,
                 "e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab"
                 "41e95b3bb0a2e8dd477901e4fca894c0");
    srtp_transform_deinit(&c);
}

#define GCM_KEY "000102030405060708090a0b0c0d0e0f"
#define GCM_SALT "517569642070726f2071756f"

struct gcm_vector {
    const char *plain, *sealed; /* header and body; the latter with the tag */
    size_t header_len;
    uint32_t ssrc;
    uint64_t index;
    const char *trailer;
};

/* RFC 7714 sections 16.1.1 and 17.1. */
static const struct gcm_vector gcm_vectors[] = {
    {.plain = "8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e6973206469766973612069"
              "6e207061727465732074726573",
     .sealed = "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a"
               "51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
     .header_len = 12,
     .ssrc = 0x5501a0b2,
     .index = 0xf17b,
     .trailer = ""},
    {.plain = "81c8000d4d617273 4e5450314e545032525450200000042a0000e9304c756e61"
              "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
     .sealed = "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda"
               "4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade",
     .header_len = 8,
     .ssrc = 0x4d617273,
     .index = 0x5d4,
     .trailer = "800005d4"},
};

static void gcm_gives_the_packets_of_the_standard(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(gcm_vectors); i++) {
        const struct gcm_vector *v = &gcm_vectors[i];
        struct srtp_transform seal, open;
        session(&seal, DTLS_SRTP_AEAD_AES_128_GCM, GCM_KEY, GCM_SALT, true);
        session(&open, DTLS_SRTP_AEAD_AES_128_GCM, GCM_KEY, GCM_SALT, false);
        uint8_t packet[128];
        struct srtp_job job = {
            .packet = packet, .header_len = v->header_len, .ssrc = v->ssrc, .index = v->index};
        job.len = packet_unhex(v->plain, packet, sizeof packet);
        job.trailer_len = packet_unhex(v->trailer, job.trailer, sizeof job.trailer);
        assert_int_equal(srtp_transform_seal(&seal, &job, packet + job.len), STATUS_OK);
        assert_bytes(packet, job.len + SRTP_TAG_BYTES_GCM, v->sealed);
        assert_int_equal(srtp_transform_open(&open, &job, packet + job.len), STATUS_OK);
        assert_bytes(packet, job.len, v->plain);
        srtp_transform_deinit(&seal);
        srtp_transform_deinit(&open);
    }
}

/* Whole packets from master keys, as libsrtp's own tests have them. Its SRTCP index begins with
 * 1, so a first packet goes before. */
struct whole {
    enum dtls_srtp_profile profile;
    const char *key, *salt, *rtp, *rtcp;
};
static const struct whole wholes[] = {
    {DTLS_SRTP_AES128_CM_HMAC_SHA1_80, MASTER_KEY, MASTER_SALT,
     "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
     "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"},
    {DTLS_SRTP_AEAD_AES_128_GCM, GCM_KEY, "a0a1a2a3a4a5a6a7a8a9aaab",
     "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
     "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001"},
};
#define PLAIN_BODY "abababababababababababababababab"
#define PLAIN_RTP "800f1234decafbadcafebabe" PLAIN_BODY
#define PLAIN_RTCP "81c8000bcafebabe" PLAIN_BODY

/* Both ends have the same keys here: what leaves comes back. */
static struct srtp_session *open_whole(const struct whole *w) {
    struct dtls_srtp k = {.profile = w->profile};
    (void)packet_unhex(w->key, k.local_key, sizeof k.local_key);
    memcpy(k.remote_key, k.local_key, sizeof k.local_key);
    k.salt_len = packet_unhex(w->salt, k.local_salt, sizeof k.local_salt);
    memcpy(k.remote_salt, k.local_salt, sizeof k.local_salt);
    struct srtp_session *s;
    assert_int_equal(srtp_session_create(&k, &s), STATUS_OK);
    return s;
}

static void whole_packets_come_of_master_keys(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct srtp_session *s = open_whole(&wholes[i]);
        uint8_t packet[128];
        size_t len = packet_unhex(PLAIN_RTP, packet, sizeof packet);
        assert_int_equal(srtp_sender_add(s, 0xcafebabe), STATUS_OK);
        assert_int_equal(srtp_seal(s, packet, len, sizeof packet, &len), STATUS_OK);
        assert_bytes(packet, len, wholes[i].rtp);
        assert_int_equal(srtp_open(s, packet, len, &len), STATUS_OK);
        assert_bytes(packet, len, PLAIN_RTP);
        for (int nth = 0; nth < 2; nth++) {
            len = packet_unhex(PLAIN_RTCP, packet, sizeof packet);
            assert_int_equal(srtcp_seal(s, packet, len, sizeof packet, &len), STATUS_OK);
        }
        assert_bytes(packet, len, wholes[i].rtcp);
        assert_int_equal(srtcp_open(s, packet, len, &len), STATUS_OK);
        assert_bytes(packet, len, PLAIN_RTCP);
        srtp_session_destroy(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_keys_are_derived),
        cmocka_unit_test(counter_mode_gives_the_key_stream),
        cmocka_unit_test(gcm_gives_the_packets_of_the_standard),
        cmocka_unit_test(whole_packets_come_of_master_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
