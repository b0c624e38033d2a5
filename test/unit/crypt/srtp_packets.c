#include "srtp_packets.h"

#include <string.h>

uint32_t packet_random(struct packet_maker *m, uint32_t below) {
    m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->seed >> 33) % below;
}

static void put_be(uint8_t *at, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

static void fill(struct packet_maker *m, uint8_t *at, size_t len) {
    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)packet_random(m, 256);
    }
}

size_t packet_rtp(struct packet_maker *m, uint32_t ssrc, uint16_t sequence,
                  uint8_t out[PACKET_BYTES_MAX]) {
    uint32_t sources = packet_random(m, 4) == 0 ? packet_random(m, 16) : 0;
    bool extended = packet_random(m, 2) == 0;
    uint32_t words = extended ? packet_random(m, 20) : 0;
    size_t len = 12;
    out[0] = (uint8_t)(0x80 | (extended ? 0x10 : 0) | sources);
    out[1] = (uint8_t)packet_random(m, 256);
    put_be(out + 2, sequence, 2);
    fill(m, out + 4, 4);
    put_be(out + 8, ssrc, 4);
    fill(m, out + len, 4 * sources);
    len += 4 * sources;
    if (extended) {
        put_be(out + len, 0xbede0000 | words, 4);
        fill(m, out + len + 4, 4 * words);
        len += 4 + 4 * words;
    }
    size_t payload = packet_random(m, 8) == 0 ? packet_random(m, 3) : packet_random(m, 1200);
    fill(m, out + len, payload);
    return len + payload;
}

size_t packet_rtcp(struct packet_maker *m, uint32_t ssrc, uint8_t out[PACKET_BYTES_MAX]) {
    size_t len = 8 + 4 * (size_t)packet_random(m, 100);
    out[0] = 0x81;
    out[1] = 200;
    put_be(out + 2, (uint32_t)(len / 4 - 1), 2);
    put_be(out + 4, ssrc, 4);
    fill(m, out + 8, len - 8);
    return len;
}

struct dtls_srtp packet_keys(enum dtls_srtp_profile profile) {
    struct dtls_srtp k = {
        .profile = profile,
        .salt_len = profile == DTLS_SRTP_AEAD_AES_128_GCM ? 12 : 14,
    };
    struct packet_maker m = {.seed = 7 + (uint64_t)profile};
    fill(&m, k.local_key, sizeof k.local_key);
    fill(&m, k.remote_key, sizeof k.remote_key);
    fill(&m, k.local_salt, k.salt_len);
    fill(&m, k.remote_salt, k.salt_len);
    return k;
}

struct dtls_srtp packet_keys_of_peer(enum dtls_srtp_profile profile) {
    struct dtls_srtp k = packet_keys(profile), peer = k;
    memcpy(peer.local_key, k.remote_key, sizeof k.local_key);
    memcpy(peer.remote_key, k.local_key, sizeof k.local_key);
    memcpy(peer.local_salt, k.remote_salt, sizeof k.local_salt);
    memcpy(peer.remote_salt, k.local_salt, sizeof k.local_salt);
    return peer;
}

static unsigned digit(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

size_t packet_unhex(const char *hex, uint8_t *out, size_t cap) {
    size_t len = 0;
    for (; *hex != '\0' && len < cap; hex++) {
        if (*hex != ' ') {
            out[len++] = (uint8_t)(digit(hex[0]) * 16 + digit(hex[1]));
            hex++;
        }
    }
    return len;
}
