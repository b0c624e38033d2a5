/* The handshake's answer. SHA-1 stands here, and nowhere else, because RFC 6455 asks for it as a
 * checksum that proves the peer speaks WebSocket; nothing secret depends on it. */
#include <string.h>

#include "base64.h"
#include "http.h"
#include "ws.h"

enum { SHA1_BLOCK = 64, SHA1_LEN = 20 };

static uint32_t rotate_left(uint32_t v, unsigned bits) {
    return v << bits | v >> (32 - bits);
}

static uint32_t load_be32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_be32(uint8_t *at, uint32_t v) {
    at[0] = (uint8_t)(v >> 24);
    at[1] = (uint8_t)(v >> 16);
    at[2] = (uint8_t)(v >> 8);
    at[3] = (uint8_t)v;
}

/* FIPS 180-4 section 6.1.2. */
static void sha1_block(uint32_t h[5], const uint8_t block[SHA1_BLOCK]) {
    uint32_t w[80];
    for (size_t t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (size_t t = 0; t < 80; t++) {
        uint32_t f, k;
        if (t < 20) {
            f = (b & c) ^ (~b & d);
            k = 0x5a827999;
        } else if (t < 40) {
            f = b ^ c ^ d;
            k = 0x6ed9eba1;
        } else if (t < 60) {
            f = (b & c) ^ (b & d) ^ (c & d);
            k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d;
            k = 0xca62c1d6;
        }
        uint32_t next = rotate_left(a, 5) + f + e + k + w[t];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Of at most two blocks' worth of text: a key and the GUID are 60 bytes. */
static void sha1_short(const uint8_t *text, size_t len, uint8_t ret_digest[SHA1_LEN]) {
    uint8_t padded[2 * SHA1_BLOCK] = {0};
    assert(len + 1 + 8 <= sizeof(padded));
    memcpy(padded, text, len);
    padded[len] = 0x80;
    size_t total = len + 1 + 8 <= SHA1_BLOCK ? SHA1_BLOCK : 2 * SHA1_BLOCK;
    store_be32(padded + total - 4, (uint32_t)(len * 8));

    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    for (size_t at = 0; at < total; at += SHA1_BLOCK) {
        sha1_block(h, padded + at);
    }
    for (size_t i = 0; i < 5; i++) {
        store_be32(ret_digest + 4 * i, h[i]);
    }
}

void ws_put_accept(struct buf *out, struct slice key) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    enum { KEY_LEN = 24, GUID_LEN = sizeof(guid) - 1 };
    assert(key.len == KEY_LEN); /* http_request_next has checked it */
    uint8_t text[KEY_LEN + GUID_LEN];
    memcpy(text, key.data, KEY_LEN);
    memcpy(text + KEY_LEN, guid, GUID_LEN);
    uint8_t digest[SHA1_LEN];
    sha1_short(text, sizeof(text), digest);
    base64_put(out, slice_of(digest, sizeof(digest)));
}

void ws_put_upgrade_head(struct buf *out, struct slice key, struct slice protocol) {
    http_put_response_head(out, 101, NULL, HTTP_NO_LENGTH, true);
    buf_put_cstr(out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
    ws_put_accept(out, key);
    buf_put_cstr(out, "\r\n");
    if (protocol.len > 0) {
        http_put_header(out, "Sec-WebSocket-Protocol", protocol);
    }
}
