/* DTLS records after the handshake: datagrams of anybody open nothing, those of the peer open once,
 * whatever was done to them on the way is noticed. The input is a list of steps: how, a length, and
 * so many bytes.
 * Covers: src/crypt/dtls_records.c
 * Longest: 4096 bytes. */
#include "dtls_records.h"

#include <string.h>

enum { STEP_HEAD = 3, TEXT_MAX = 512 };

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static EVP_CIPHER_CTX *make_cipher(bool chacha, int sealing) {
    static const uint8_t key[32] = {7};
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *kind = chacha ? EVP_chacha20_poly1305() : EVP_aes_128_gcm();
    must(c && EVP_CipherInit_ex(c, kind, NULL, key, NULL, sealing) == 1);
    return c;
}

/* Ours and the peer's are one: what it seals is what it opens. */
static struct dtls_records make_records(bool chacha) {
    struct dtls_records r = {.nonce_bytes = chacha ? 0 : 8, .in_window = UINT64_MAX};
    r.in.cipher = make_cipher(chacha, 0);
    r.out.cipher = make_cipher(chacha, 1);
    return r;
}

/* The records of a datagram that open; *ret_text: the last one's length. */
static size_t take(struct dtls_records *r, struct slice datagram, uint8_t *out, size_t *ret_text) {
    struct dtls_record record;
    size_t opened = 0, before = datagram.len;
    while (dtls_record_next(&datagram, &record)) {
        must(before - datagram.len == DTLS_HEADER_BYTES + record.body.len);
        before = datagram.len;
        opened += dtls_records_open(r, &record, out, ret_text);
    }
    return opened;
}

static void deliver(struct dtls_records *r, uint8_t how, struct slice text) {
    uint8_t sealed[TEXT_MAX + DTLS_OVERHEAD_BYTES_MAX], out[sizeof(sealed)];
    uint64_t sequence = r->out_sequence, nonce = r->out_nonce;
    size_t len = dtls_records_seal(r, DTLS_RECORD_DATA, text, sealed), opened_len = 0;
    must(len > text.len && len <= text.len + DTLS_OVERHEAD_BYTES_MAX);
    must(r->out_sequence == sequence + 1 && r->out_nonce == nonce + 1);
    size_t at = how >> 2;
    bool changed = (how & 2) != 0 && at < len;
    if (changed) {
        sealed[at] ^= 1;
    }
    size_t opened = take(r, slice_of(sealed, len), out, &opened_len);
    must(opened == !changed);
    if (changed) {
        sealed[at] ^= 1; /* nothing was taken by what was forged */
        must(take(r, slice_of(sealed, len), out, &opened_len) == 1);
    }
    must(opened_len == text.len && memcmp(out, text.data, text.len) == 0);
    must(take(r, slice_of(sealed, len), out, &opened_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct dtls_records r = make_records(data[0] & 1);
    static uint8_t out[4096];
    struct slice rest = slice_of(data + 1, MIN(size - 1, sizeof(out)));
    while (rest.len > STEP_HEAD) {
        uint8_t how = rest.data[0];
        size_t len = (size_t)(rest.data[1] << 8 | rest.data[2]);
        struct slice bytes = slice_sub(slice_after(rest, STEP_HEAD), 0, MAX(len, (size_t)1));
        rest = slice_after(rest, STEP_HEAD + bytes.len);
        size_t opened_len;
        if ((how & 1) != 0) {
            must(take(&r, bytes, out, &opened_len) == 0);
        } else {
            deliver(&r, how, slice_sub(bytes, 0, TEXT_MAX));
        }
    }
    EVP_CIPHER_CTX_free(r.in.cipher);
    EVP_CIPHER_CTX_free(r.out.cipher);
    return 0;
}
