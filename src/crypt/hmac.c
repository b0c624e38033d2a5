#include "hmac.h"

/* The digests themselves, not EVP's: there each copy of a state allocates, which makes the check of
 * a token half as dear again. They are deprecated because no provider sees them, not for a fault.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "mem.h"

enum { HMAC_KEY_MAGIC = 0x484d4143, HMAC_BLOCK_BYTES = 64 /* of SHA-1 and of SHA-256 */ };

union digest {
    SHA_CTX sha1;
    SHA256_CTX sha256;
};

/* The digests that have already eaten the padded key: one message costs two copies of them, and
 * not the hashing of the key again. */
struct hmac_key {
    uint32_t magic;
    enum hmac_kind kind;
    union digest inner; /* after key ^ ipad */
    union digest outer; /* after key ^ opad */
};

/* None of these three can fail: OpenSSL's functions return 1. */
static void digest_init(enum hmac_kind kind, union digest *d) {
    (void)(kind == HMAC_SHA1 ? SHA1_Init(&d->sha1) : SHA256_Init(&d->sha256));
}

static void digest_put(enum hmac_kind kind, union digest *d, struct slice in) {
    (void)(kind == HMAC_SHA1 ? SHA1_Update(&d->sha1, in.data, in.len)
                             : SHA256_Update(&d->sha256, in.data, in.len));
}

static void digest_end(enum hmac_kind kind, union digest *d, uint8_t *out) {
    (void)(kind == HMAC_SHA1 ? SHA1_Final(out, &d->sha1) : SHA256_Final(out, &d->sha256));
}

static size_t digest_bytes(enum hmac_kind kind) {
    return kind == HMAC_SHA1 ? SHA1_BYTES : SHA256_BYTES;
}

static void absorb_pad(enum hmac_kind kind, union digest *d, const uint8_t key[HMAC_BLOCK_BYTES],
                       uint8_t pad) {
    uint8_t block[HMAC_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = key[i] ^ pad;
    }
    digest_init(kind, d);
    digest_put(kind, d, slice_of(block, sizeof block));
    OPENSSL_cleanse(block, sizeof block);
}

struct hmac_key *hmac_key_create(enum hmac_kind kind, struct slice secret) {
    struct hmac_key *k = mem_zalloc(sizeof *k);
    if (!k) {
        return NULL;
    }
    k->magic = HMAC_KEY_MAGIC;
    k->kind = kind;
    uint8_t key[HMAC_BLOCK_BYTES] = {0};
    if (secret.len > sizeof key) { /* RFC 2104: longer keys are hashed first */
        union digest d;
        digest_init(kind, &d);
        digest_put(kind, &d, secret);
        digest_end(kind, &d, key);
    } else if (secret.len > 0) {
        memcpy(key, secret.data, secret.len);
    }
    absorb_pad(kind, &k->inner, key, 0x36);
    absorb_pad(kind, &k->outer, key, 0x5c);
    OPENSSL_cleanse(key, sizeof key);
    return k;
}

struct hmac_key *hmac_key_destroy(struct hmac_key *k) {
    if (k) {
        assert(k->magic == HMAC_KEY_MAGIC);
        OPENSSL_cleanse(k, sizeof *k);
        mem_free(k);
    }
    return NULL;
}

size_t hmac_key_bytes(const struct hmac_key *k) {
    return digest_bytes(k->kind);
}

enum status hmac_sign(const struct hmac_key *k, const struct slice *parts, size_t count,
                      uint8_t *ret_mac) {
    assert(k->magic == HMAC_KEY_MAGIC);
    uint8_t inner[SHA256_BYTES];
    union digest d = k->inner;
    for (size_t i = 0; i < count; i++) {
        digest_put(k->kind, &d, parts[i]);
    }
    digest_end(k->kind, &d, inner);
    d = k->outer;
    digest_put(k->kind, &d, slice_of(inner, digest_bytes(k->kind)));
    digest_end(k->kind, &d, ret_mac);
    return STATUS_OK;
}

enum status hmac_check(const struct hmac_key *k, const struct slice *parts, size_t count,
                       struct slice mac) {
    uint8_t right[SHA256_BYTES];
    enum status s = hmac_sign(k, parts, count, right);
    if (s != STATUS_OK) {
        return s;
    }
    return crypt_equal(slice_of(right, digest_bytes(k->kind)), mac) ? STATUS_OK
                                                                    : STATUS_UNAUTHENTICATED;
}

enum status hs256_sign(const struct hmac_key *k, struct slice signing_input,
                       uint8_t ret_signature[SHA256_BYTES]) {
    assert(k->kind == HMAC_SHA256);
    return hmac_sign(k, &signing_input, 1, ret_signature);
}

enum status hs256_check(const struct hmac_key *k, struct slice signing_input,
                        struct slice signature) {
    assert(k->kind == HMAC_SHA256);
    return hmac_check(k, &signing_input, 1, signature);
}

static enum status digest(const EVP_MD *kind, struct slice data, uint8_t *ret_digest) {
    if (EVP_Digest(data.data, data.len, ret_digest, NULL, kind, NULL) != 1) {
        ERR_clear_error(); /* a queue of the thread, where nobody else should find ours */
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
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
