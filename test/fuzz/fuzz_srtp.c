/* SRTP: any datagram to an open session, and any packet sealed, harmed at a place of the input's
 * choice, and opened. The first byte chooses profile, protocol and harm.
 * Covers: src/crypt/srtp.c src/crypt/srtp_transform.c src/crypt/srtp_streams.c */
#include "fuzz.h"
#include "srtp.h"

enum { SPACE = 4096 };

struct ends {
    struct srtp_session *a, *b;
};

static struct srtp_session *open_with(enum dtls_srtp_profile profile, uint8_t local,
                                      uint8_t remote) {
    struct dtls_srtp k = {.profile = profile,
                          .salt_len = profile == DTLS_SRTP_AEAD_AES_128_GCM ? 12 : 14};
    memset(k.local_key, local, sizeof k.local_key);
    memset(k.remote_key, remote, sizeof k.remote_key);
    memset(k.local_salt, local, k.salt_len);
    memset(k.remote_salt, remote, k.salt_len);
    struct srtp_session *s = NULL;
    enum status status = srtp_session_create(&k, &s);
    assert(status == STATUS_OK);
    return s;
}

/* Made once: keys cost far more than packets. The state that inputs leave behind is that of
 * SSRCs which authenticated. */
static struct ends *ends_of(enum dtls_srtp_profile profile) {
    static struct ends made[2];
    struct ends *e = &made[profile];
    if (!e->a) {
        e->a = open_with(profile, 1, 2);
        e->b = open_with(profile, 2, 1);
    }
    return e;
}

static void stranger(struct ends *e, struct slice input) {
    uint8_t *copy = (uint8_t *)(uintptr_t)tight_copy(input).data;
    size_t len;
    enum status status = srtp_open(e->b, copy, input.len, &len);
    assert(status != STATUS_OK);
    memcpy(copy, input.data, input.len);
    status = srtcp_open(e->b, copy, input.len, &len);
    assert(status != STATUS_OK);
    mem_free(copy);
}

static void rtp(struct ends *e, struct slice plain, size_t harm) {
    static uint8_t sent[SPACE];
    size_t len, opened;
    uint32_t ssrc = plain.len < 12 ? 0
                                   : (uint32_t)plain.data[8] << 24 | (uint32_t)plain.data[9] << 16 |
                                         (uint32_t)plain.data[10] << 8 | plain.data[11];
    memcpy(sent, plain.data, plain.len);
    (void)!srtp_sender_add(e->a, ssrc);
    enum status status = srtp_seal(e->a, sent, plain.len, SPACE, &len);
    if (status == STATUS_OK) {
        assert(len > plain.len && len <= plain.len + SRTP_OVERHEAD_BYTES_MAX);
        if (harm < len) {
            uint8_t *copy = (uint8_t *)(uintptr_t)tight_copy(slice_of(sent, len)).data;
            copy[harm] ^= 1;
            status = srtp_open(e->b, copy, len, &opened);
            assert(status != STATUS_OK);
            mem_free(copy);
        }
        status = srtp_open(e->b, sent, len, &opened);
        assert(status == STATUS_OK && opened == plain.len);
        assert(memcmp(sent, plain.data, plain.len) == 0);
    }
    srtp_sender_remove(e->a, ssrc); /* the next input may begin anywhere */
    srtp_receiver_forget(e->b, ssrc);
}

static void rtcp(struct ends *e, struct slice plain, size_t harm) {
    static uint8_t sent[SPACE];
    size_t len, opened;
    memcpy(sent, plain.data, plain.len);
    enum status status = srtcp_seal(e->a, sent, plain.len, SPACE, &len);
    if (status != STATUS_OK) {
        return;
    }
    assert(len > plain.len && len <= plain.len + SRTP_OVERHEAD_BYTES_MAX);
    if (harm < len) {
        uint8_t *copy = (uint8_t *)(uintptr_t)tight_copy(slice_of(sent, len)).data;
        copy[harm] ^= 1;
        status = srtcp_open(e->b, copy, len, &opened);
        assert(status != STATUS_OK);
        mem_free(copy);
    }
    status = srtcp_open(e->b, sent, len, &opened);
    assert(status == STATUS_OK && opened == plain.len);
    assert(memcmp(sent, plain.data, plain.len) == 0);
    uint32_t ssrc = (uint32_t)plain.data[4] << 24 | (uint32_t)plain.data[5] << 16 |
                    (uint32_t)plain.data[6] << 8 | plain.data[7];
    srtp_receiver_forget(e->b, ssrc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3 || size > SPACE - 64) {
        return 0;
    }
    struct ends *e =
        ends_of(data[0] & 1 ? DTLS_SRTP_AEAD_AES_128_GCM : DTLS_SRTP_AES128_CM_HMAC_SHA1_80);
    size_t harm = (size_t)(data[1] << 8 | data[2]);
    struct slice plain = slice_of(data + 3, size - 3);
    stranger(e, plain);
    if (data[0] & 2) {
        rtcp(e, plain, harm);
    } else {
        rtp(e, plain, harm);
    }
    return 0;
}
