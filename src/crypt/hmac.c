#include "hmac.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "mem.h"

enum { HMAC_KEY_MAGIC = 0x484d4143, HMAC_BLOCK_BYTES = 64 /* of SHA-1 and of SHA-256 */ };

/* The digests that have already eaten the padded key: one message costs two copies of them, and
 * not the hashing of the key again. */
struct hmac_key {
    uint32_t magic;
    size_t bytes;        /* of the result */
    EVP_MD_CTX *inner;   /* owned; after key ^ ipad */
    EVP_MD_CTX *outer;   /* owned; after key ^ opad */
    EVP_MD_CTX *scratch; /* owned */
};

/* OpenSSL keeps errors in a queue of the thread; nobody else should find ours there. */
static enum status forget_error(void) {
    ERR_clear_error();
    return STATUS_NO_MEMORY; /* the one way in which digests fail */
}

static const EVP_MD *digest_of(enum hmac_kind kind) {
    return kind == HMAC_SHA1 ? EVP_sha1() : EVP_sha256();
}

static bool absorb_pad(EVP_MD_CTX *c, const EVP_MD *digest, const uint8_t key[HMAC_BLOCK_BYTES],
                       uint8_t pad) {
    uint8_t block[HMAC_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = key[i] ^ pad;
    }
    bool ok = c && EVP_DigestInit_ex(c, digest, NULL) == 1 &&
              EVP_DigestUpdate(c, block, sizeof block) == 1;
    OPENSSL_cleanse(block, sizeof block);
    return ok;
}

static bool set_up(struct hmac_key *k, const EVP_MD *digest, struct slice secret) {
    uint8_t key[HMAC_BLOCK_BYTES] = {0};
    bool ok = true;
    if (secret.len > sizeof key) { /* RFC 2104: longer keys are hashed first */
        ok = EVP_Digest(secret.data, secret.len, key, NULL, digest, NULL) == 1;
    } else if (secret.len > 0) {
        memcpy(key, secret.data, secret.len);
    }
    k->inner = EVP_MD_CTX_new();
    k->outer = EVP_MD_CTX_new();
    k->scratch = EVP_MD_CTX_new();
    ok = ok && k->scratch && absorb_pad(k->inner, digest, key, 0x36) &&
         absorb_pad(k->outer, digest, key, 0x5c);
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

struct hmac_key *hmac_key_create(enum hmac_kind kind, struct slice secret) {
    struct hmac_key *k = mem_zalloc(sizeof *k);
    if (!k) {
        return NULL;
    }
    k->magic = HMAC_KEY_MAGIC;
    k->bytes = kind == HMAC_SHA1 ? SHA1_BYTES : SHA256_BYTES;
    if (!set_up(k, digest_of(kind), secret)) {
        (void)forget_error();
        return hmac_key_destroy(k);
    }
    return k;
}

struct hmac_key *hmac_key_destroy(struct hmac_key *k) {
    if (k) {
        assert(k->magic == HMAC_KEY_MAGIC);
        EVP_MD_CTX_free(k->inner); /* wipes the state, and takes NULL */
        EVP_MD_CTX_free(k->outer);
        EVP_MD_CTX_free(k->scratch);
        mem_free(k);
    }
    return NULL;
}

size_t hmac_key_bytes(const struct hmac_key *k) {
    return k->bytes;
}

enum status hmac_sign(struct hmac_key *k, const struct slice *parts, size_t count,
                      uint8_t *ret_mac) {
    assert(k->magic == HMAC_KEY_MAGIC);
    uint8_t inner[SHA256_BYTES], mac[SHA256_BYTES];
    bool ok = EVP_MD_CTX_copy_ex(k->scratch, k->inner) == 1;
    for (size_t i = 0; ok && i < count; i++) {
        ok = EVP_DigestUpdate(k->scratch, parts[i].data, parts[i].len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(k->scratch, inner, NULL) == 1 &&
         EVP_MD_CTX_copy_ex(k->scratch, k->outer) == 1 &&
         EVP_DigestUpdate(k->scratch, inner, k->bytes) == 1 &&
         EVP_DigestFinal_ex(k->scratch, mac, NULL) == 1;
    if (!ok) {
        return forget_error();
    }
    memcpy(ret_mac, mac, k->bytes);
    return STATUS_OK;
}

enum status hmac_check(struct hmac_key *k, const struct slice *parts, size_t count,
                       struct slice mac) {
    uint8_t right[SHA256_BYTES];
    enum status s = hmac_sign(k, parts, count, right);
    if (s != STATUS_OK) {
        return s;
    }
    return crypt_equal(slice_of(right, k->bytes), mac) ? STATUS_OK : STATUS_UNAUTHENTICATED;
}

enum status hs256_sign(struct hmac_key *k, struct slice signing_input,
                       uint8_t ret_signature[SHA256_BYTES]) {
    assert(k->bytes == SHA256_BYTES);
    return hmac_sign(k, &signing_input, 1, ret_signature);
}

enum status hs256_check(struct hmac_key *k, struct slice signing_input, struct slice signature) {
    assert(k->bytes == SHA256_BYTES);
    return hmac_check(k, &signing_input, 1, signature);
}

static enum status digest(const EVP_MD *kind, struct slice data, uint8_t *ret_digest) {
    bool ok = EVP_Digest(data.data, data.len, ret_digest, NULL, kind, NULL) == 1;
    return ok ? STATUS_OK : forget_error();
}

enum status sha256(struct slice data, uint8_t ret_digest[SHA256_BYTES]) {
    return digest(EVP_sha256(), data, ret_digest);
}

enum status sha1(struct slice data, uint8_t ret_digest[SHA1_BYTES]) {
    return digest(EVP_sha1(), data, ret_digest);
}

bool crypt_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
