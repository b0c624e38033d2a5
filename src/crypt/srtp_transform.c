/* The SHA-1 of OpenSSL is used below EVP, where it is a plain struct: since version 3.0, copying a
 * digest context of EVP allocates, and an HMAC copies two for each packet. */
#define OPENSSL_API_COMPAT 10100

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "srtp_priv.h"

enum {
    LABEL_CIPHER = 0, /* added to the label of SRTP or SRTCP */
    LABEL_AUTH = 1,
    LABEL_SALT = 2,
    AUTH_KEY_BYTES = SHA_DIGEST_LENGTH,
    BLOCK_BYTES = 16,
    GCM_IV_BYTES = 12,
};

/* OpenSSL keeps errors in a queue of the thread; nobody else should find ours there. */
static enum status failed(enum status status) {
    ERR_clear_error();
    return status;
}

size_t srtp_tag_bytes(enum dtls_srtp_profile profile) {
    return profile == DTLS_SRTP_AEAD_AES_128_GCM ? SRTP_TAG_BYTES_GCM : SRTP_TAG_BYTES_CM;
}

bool srtp_derive(const uint8_t key[SRTP_KEY_BYTES], struct slice salt, uint8_t label,
                 uint8_t *ret_bytes, size_t len) {
    static const uint8_t zeros[32];
    assert(salt.len <= SRTP_SALT_BYTES_MAX && len <= sizeof zeros);
    uint8_t iv[BLOCK_BYTES] = {0}; /* a salt of 12 bytes is filled up behind */
    memcpy(iv, salt.data, salt.len);
    iv[7] ^= label;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int written;
    bool ok = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
              EVP_EncryptUpdate(ctx, ret_bytes, &written, zeros, (int)len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    OPENSSL_cleanse(iv, sizeof iv);
    return ok;
}

static bool absorb_pad(SHA_CTX *c, const uint8_t key[AUTH_KEY_BYTES], uint8_t pad) {
    uint8_t block[SHA_CBLOCK];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < AUTH_KEY_BYTES; i++) {
        block[i] ^= key[i];
    }
    bool ok = SHA1_Init(c) == 1 && SHA1_Update(c, block, sizeof block) == 1;
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

enum status srtp_transform_init(struct srtp_transform *c, enum dtls_srtp_profile profile,
                                const uint8_t key[SRTP_KEY_BYTES], struct slice salt, uint8_t label,
                                bool sealing) {
    *c = (struct srtp_transform){.profile = profile, .ctx = EVP_CIPHER_CTX_new()};
    uint8_t cipher_key[SRTP_KEY_BYTES], auth_key[AUTH_KEY_BYTES];
    bool gcm = profile == DTLS_SRTP_AEAD_AES_128_GCM;
    bool ok = c->ctx && srtp_derive(key, salt, label + LABEL_CIPHER, cipher_key, SRTP_KEY_BYTES) &&
              srtp_derive(key, salt, label + LABEL_SALT, c->salt, salt.len) &&
              EVP_CipherInit_ex(c->ctx, gcm ? EVP_aes_128_gcm() : EVP_aes_128_ctr(), NULL,
                                cipher_key, NULL, sealing) == 1;
    if (!gcm) {
        ok = ok && srtp_derive(key, salt, label + LABEL_AUTH, auth_key, sizeof auth_key) &&
             absorb_pad(&c->inner, auth_key, 0x36) && absorb_pad(&c->outer, auth_key, 0x5c);
    }
    OPENSSL_cleanse(cipher_key, sizeof cipher_key);
    OPENSSL_cleanse(auth_key, sizeof auth_key);
    if (!ok) {
        srtp_transform_deinit(c);
        return failed(STATUS_NO_MEMORY); /* the one way in which these fail */
    }
    return STATUS_OK;
}

void srtp_transform_deinit(struct srtp_transform *c) {
    EVP_CIPHER_CTX_free(c->ctx); /* wipes the key, and takes NULL */
    OPENSSL_cleanse(c, sizeof *c);
}

static void xor_be(uint8_t *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] ^= (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

/* Both transforms mix SSRC and index into the salt, one behind the other; in AES-CM two bytes
 * further back, with the counter of blocks behind them. */
static void make_iv(const struct srtp_transform *c, const struct srtp_job *job,
                    uint8_t iv[BLOCK_BYTES]) {
    size_t at = c->profile == DTLS_SRTP_AEAD_AES_128_GCM ? 2 : 4;
    memset(iv, 0, BLOCK_BYTES);
    memcpy(iv, c->salt, sizeof c->salt);
    xor_be(iv + at, job->ssrc, 4);
    xor_be(iv + at + 4, job->index, 6);
}

static bool update(EVP_CIPHER_CTX *ctx, uint8_t *out, const uint8_t *in, size_t len) {
    int written;
    return len == 0 || EVP_CipherUpdate(ctx, out, &written, in, (int)len) == 1;
}

static bool gcm_run(struct srtp_transform *c, const struct srtp_job *job) {
    uint8_t iv[BLOCK_BYTES];
    make_iv(c, job, iv);
    uint8_t *body = job->packet + job->header_len;
    return EVP_CipherInit_ex(c->ctx, NULL, NULL, NULL, iv, -1) == 1 &&
           update(c->ctx, NULL, job->packet, job->header_len) &&
           update(c->ctx, NULL, job->trailer, job->trailer_len) &&
           update(c->ctx, body, body, job->len - job->header_len);
}

static bool gcm_final(struct srtp_transform *c) {
    uint8_t none[BLOCK_BYTES]; /* a stream mode leaves nothing for the end */
    int written;
    return EVP_CipherFinal_ex(c->ctx, none, &written) == 1;
}

static bool ctr_run(struct srtp_transform *c, const struct srtp_job *job) {
    uint8_t iv[BLOCK_BYTES];
    make_iv(c, job, iv);
    uint8_t *body = job->packet + job->header_len;
    return EVP_CipherInit_ex(c->ctx, NULL, NULL, NULL, iv, -1) == 1 &&
           update(c->ctx, body, body, job->len - job->header_len);
}

static bool hmac_run(const struct srtp_transform *c, const struct srtp_job *job,
                     uint8_t mac[SHA_DIGEST_LENGTH]) {
    SHA_CTX inner = c->inner, outer = c->outer;
    return SHA1_Update(&inner, job->packet, job->len) == 1 &&
           SHA1_Update(&inner, job->trailer, job->trailer_len) == 1 &&
           SHA1_Final(mac, &inner) == 1 && SHA1_Update(&outer, mac, SHA_DIGEST_LENGTH) == 1 &&
           SHA1_Final(mac, &outer) == 1;
}

enum status srtp_transform_seal(struct srtp_transform *c, const struct srtp_job *job,
                                uint8_t *ret_tag) {
    bool ok;
    if (c->profile == DTLS_SRTP_AEAD_AES_128_GCM) {
        ok = gcm_run(c, job) && gcm_final(c) &&
             EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_GET_TAG, SRTP_TAG_BYTES_GCM, ret_tag) == 1;
    } else {
        uint8_t mac[SHA_DIGEST_LENGTH];
        ok = ctr_run(c, job) && hmac_run(c, job, mac);
        if (ok) {
            memcpy(ret_tag, mac, SRTP_TAG_BYTES_CM);
        }
    }
    return ok ? STATUS_OK : failed(STATUS_INTERNAL);
}

static enum status gcm_open(struct srtp_transform *c, const struct srtp_job *job,
                            const uint8_t *tag) {
    uint8_t copy[SRTP_TAG_BYTES_GCM]; /* the call takes no const, and the tag stays as it came */
    memcpy(copy, tag, sizeof copy);
    if (!gcm_run(c, job) ||
        EVP_CIPHER_CTX_ctrl(c->ctx, EVP_CTRL_AEAD_SET_TAG, sizeof copy, copy) != 1) {
        return failed(STATUS_INTERNAL);
    }
    return gcm_final(c) ? STATUS_OK : failed(STATUS_UNAUTHENTICATED);
}

enum status srtp_transform_open(struct srtp_transform *c, const struct srtp_job *job,
                                const uint8_t *tag) {
    if (c->profile == DTLS_SRTP_AEAD_AES_128_GCM) {
        return gcm_open(c, job, tag);
    }
    uint8_t mac[SHA_DIGEST_LENGTH];
    if (!hmac_run(c, job, mac)) {
        return failed(STATUS_INTERNAL);
    }
    if (CRYPTO_memcmp(mac, tag, SRTP_TAG_BYTES_CM) != 0) {
        return STATUS_UNAUTHENTICATED;
    }
    return ctr_run(c, job) ? STATUS_OK : failed(STATUS_INTERNAL);
}
