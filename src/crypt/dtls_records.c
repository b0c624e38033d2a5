#include "dtls_records.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <string.h>

#include "mem.h"

enum {
    EPOCH = 1, /* there is no other without renegotiation */
    EXPLICIT_BYTES = 8,
    KEY_BYTES_MAX = 32,
    RANDOM_BYTES = 32, /* SSL3_RANDOM_SIZE */
    WINDOW = 64,
};

static void put_be(uint8_t *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

bool dtls_record_next(struct slice *datagram, struct dtls_record *ret_record) {
    const uint8_t *at = datagram->data;
    if (datagram->len < DTLS_HEADER_BYTES) {
        return false;
    }
    size_t len = (size_t)dtls_get_be(at + 11, 2);
    if (len > datagram->len - DTLS_HEADER_BYTES) {
        return false;
    }
    *ret_record = (struct dtls_record){
        .type = at[0],
        .epoch = (uint16_t)dtls_get_be(at + 3, 2),
        .sequence = dtls_get_be(at + 5, 6),
        .header = slice_of(at, DTLS_HEADER_BYTES),
        .body = slice_of(at + DTLS_HEADER_BYTES, len),
    };
    *datagram = slice_of(at + DTLS_HEADER_BYTES + len, datagram->len - DTLS_HEADER_BYTES - len);
    return true;
}

/* Keys. */

struct suite {
    uint16_t id; /* of the registry */
    const EVP_CIPHER *(*cipher)(void);
    const char *digest; /* of the key derivation */
    size_t key_bytes, fixed_bytes;
};

static const struct suite *suite_of(const SSL *ssl) {
    static const struct suite suites[] = {
        {0xc02b, EVP_aes_128_gcm, "SHA256", 16, 4},
        {0xc02c, EVP_aes_256_gcm, "SHA384", 32, 4},
        {0xcca9, EVP_chacha20_poly1305, "SHA256", 32, DTLS_NONCE_BYTES},
    };
    const SSL_CIPHER *chosen = SSL_get_current_cipher(ssl);
    for (size_t i = 0; chosen && i < ARRAY_LEN(suites); i++) {
        if (SSL_CIPHER_get_protocol_id(chosen) == suites[i].id) {
            return &suites[i];
        }
    }
    return NULL;
}

/* The key block, from secret and randoms of the handshake. */
static bool expand(SSL *ssl, const struct suite *suite, uint8_t *block, size_t len) {
    uint8_t secret[SSL_MAX_MASTER_KEY_LENGTH], client[RANDOM_BYTES], server[RANDOM_BYTES];
    static char label[] = "key expansion";
    size_t secret_len = SSL_SESSION_get_master_key(SSL_get0_session(ssl), secret, sizeof(secret));
    bool ok = SSL_get_client_random(ssl, client, sizeof(client)) == sizeof(client) &&
              SSL_get_server_random(ssl, server, sizeof(server)) == sizeof(server);
    char digest[8];
    memcpy(digest, suite->digest, strlen(suite->digest) + 1);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof(label) - 1),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, server, sizeof(server)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, client, sizeof(client)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    ok = ok && secret_len > 0 && ctx && EVP_KDF_derive(ctx, block, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(secret, sizeof(secret));
    return ok;
}

static bool direction_init(struct dtls_direction *d, const struct suite *suite, const uint8_t *key,
                           const uint8_t *fixed, int sealing) {
    memcpy(d->iv, fixed, suite->fixed_bytes);
    d->cipher = EVP_CIPHER_CTX_new();
    return d->cipher &&
           EVP_CipherInit_ex(d->cipher, suite->cipher(), NULL, key, NULL, sealing) == 1;
}

enum status dtls_records_create(SSL *ssl, const struct dtls_used *used,
                                struct dtls_records **ret_records) {
    const struct suite *suite = SSL_is_init_finished(ssl) ? suite_of(ssl) : NULL;
    if (!suite) {
        return STATUS_INTERNAL;
    }
    struct dtls_records *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return STATUS_NO_MEMORY;
    }
    r->nonce_bytes = suite->fixed_bytes == DTLS_NONCE_BYTES ? 0 : EXPLICIT_BYTES;
    r->out_sequence = used->out_sequence;
    r->out_nonce = used->out_nonce;
    r->in_sequence = used->in_sequence;
    r->in_window = UINT64_MAX; /* what came before was taken, or is lost */
    /* client's key, server's key, client's fixed part of nonces, server's; we are the server */
    uint8_t block[2 * (KEY_BYTES_MAX + DTLS_NONCE_BYTES)];
    size_t keys = 2 * suite->key_bytes;
    ERR_clear_error();
    bool ok = expand(ssl, suite, block, keys + 2 * suite->fixed_bytes) &&
              direction_init(&r->in, suite, block, block + keys, 0) &&
              direction_init(&r->out, suite, block + suite->key_bytes,
                             block + keys + suite->fixed_bytes, 1);
    OPENSSL_cleanse(block, sizeof(block));
    ERR_clear_error();
    if (!ok) {
        (void)dtls_records_destroy(r);
        return STATUS_NO_MEMORY; /* the one way in which these fail */
    }
    *ret_records = r;
    return STATUS_OK;
}

struct dtls_records *dtls_records_destroy(struct dtls_records *r) {
    if (r) {
        EVP_CIPHER_CTX_free(r->in.cipher); /* wipes the key, and takes NULL */
        EVP_CIPHER_CTX_free(r->out.cipher);
        OPENSSL_cleanse(r, sizeof(*r));
        mem_free(r);
    }
    return NULL;
}

/* Records. */

/* AES-GCM: a fixed part, and one that stands in the record. ChaCha20: the number of the record,
 * mixed into the fixed part. */
static void make_nonce(const struct dtls_records *r, const struct dtls_direction *d,
                       const uint8_t *epoch_and_sequence, const uint8_t *stated,
                       uint8_t nonce[DTLS_NONCE_BYTES]) {
    memcpy(nonce, d->iv, DTLS_NONCE_BYTES);
    if (r->nonce_bytes > 0) {
        memcpy(nonce + DTLS_NONCE_BYTES - EXPLICIT_BYTES, stated, EXPLICIT_BYTES);
        return;
    }
    for (size_t i = 0; i < 8; i++) {
        nonce[DTLS_NONCE_BYTES - 8 + i] ^= epoch_and_sequence[i];
    }
}

/* What is authenticated beside the text: its number, type, version and length. */
static void make_extra(const uint8_t header[DTLS_HEADER_BYTES], size_t len,
                       uint8_t extra[DTLS_HEADER_BYTES]) {
    memcpy(extra, header + 3, 8);
    memcpy(extra + 8, header, 3);
    put_be(extra + 11, len, 2);
}

static bool run(EVP_CIPHER_CTX *cipher, const uint8_t nonce[DTLS_NONCE_BYTES],
                const uint8_t extra[DTLS_HEADER_BYTES], struct slice text, uint8_t *out) {
    int written;
    return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, nonce, -1) == 1 &&
           EVP_CipherUpdate(cipher, NULL, &written, extra, DTLS_HEADER_BYTES) == 1 &&
           EVP_CipherUpdate(cipher, out, &written, text.data, (int)text.len) == 1;
}

size_t dtls_records_seal(struct dtls_records *r, uint8_t type, struct slice plain, uint8_t *out) {
    assert(plain.len > 0 && plain.len <= UINT16_MAX - DTLS_OVERHEAD_BYTES_MAX);
    uint8_t nonce[DTLS_NONCE_BYTES], extra[DTLS_HEADER_BYTES], none[16];
    uint8_t *body = out + DTLS_HEADER_BYTES, *text = body + r->nonce_bytes;
    out[0] = type;
    put_be(out + 1, DTLS1_2_VERSION, 2);
    put_be(out + 3, EPOCH, 2);
    put_be(out + 5, ++r->out_sequence, 6); /* 48 bits outlive any session */
    put_be(out + 11, r->nonce_bytes + plain.len + DTLS_TAG_BYTES, 2);
    put_be(body, ++r->out_nonce, r->nonce_bytes);
    make_nonce(r, &r->out, out + 3, body, nonce);
    make_extra(out, plain.len, extra);
    int written;
    bool ok = run(r->out.cipher, nonce, extra, plain, text) &&
              EVP_CipherFinal_ex(r->out.cipher, none, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(r->out.cipher, EVP_CTRL_AEAD_GET_TAG, DTLS_TAG_BYTES,
                                  text + plain.len) == 1;
    ERR_clear_error();
    return ok ? (size_t)(text - out) + plain.len + DTLS_TAG_BYTES : 0;
}

static bool is_new(const struct dtls_records *r, uint64_t sequence) {
    if (sequence > r->in_sequence) {
        return true;
    }
    uint64_t back = r->in_sequence - sequence;
    return back < WINDOW && (r->in_window >> back & 1) == 0;
}

static void take_sequence(struct dtls_records *r, uint64_t sequence) {
    if (sequence > r->in_sequence) {
        uint64_t ahead = sequence - r->in_sequence;
        r->in_window = ahead < WINDOW ? r->in_window << ahead : 0;
        r->in_sequence = sequence;
    }
    r->in_window |= UINT64_C(1) << (r->in_sequence - sequence);
}

bool dtls_records_open(struct dtls_records *r, const struct dtls_record *record, uint8_t *out,
                       size_t *ret_len) {
    if (record->epoch != EPOCH || record->body.len < r->nonce_bytes + DTLS_TAG_BYTES ||
        !is_new(r, record->sequence)) {
        return false;
    }
    uint8_t nonce[DTLS_NONCE_BYTES], extra[DTLS_HEADER_BYTES], tag[DTLS_TAG_BYTES], none[16];
    struct slice text = slice_of(record->body.data + r->nonce_bytes,
                                 record->body.len - r->nonce_bytes - DTLS_TAG_BYTES);
    make_nonce(r, &r->in, record->header.data + 3, record->body.data, nonce);
    make_extra(record->header.data, text.len, extra);
    memcpy(tag, text.data + text.len, sizeof(tag)); /* the call takes no const */
    int written;
    bool ok = run(r->in.cipher, nonce, extra, text, out) &&
              EVP_CIPHER_CTX_ctrl(r->in.cipher, EVP_CTRL_AEAD_SET_TAG, DTLS_TAG_BYTES, tag) == 1 &&
              EVP_CipherFinal_ex(r->in.cipher, none, &written) == 1;
    ERR_clear_error();
    if (ok) {
        take_sequence(r, record->sequence);
        *ret_len = text.len;
    }
    return ok;
}
