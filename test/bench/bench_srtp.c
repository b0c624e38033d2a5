/* What sealing and opening a packet costs, ours and libsrtp2's in one run, both profiles, at 100
 * and 1,200 bytes. Prints nanoseconds a packet, the best of a few turns. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "srtp_oracle.h"
#include "srtp_packets.h"

enum { PACKETS = 20000, TURNS = 7 };

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static _Alignas(64) uint8_t packets[PACKETS][1280];
static size_t lens[PACKETS];

static void make(size_t len, uint16_t from) {
    for (size_t i = 0; i < PACKETS; i++) {
        memset(packets[i], 0x5a, len);
        uint16_t sequence = (uint16_t)(from + i);
        const uint8_t header[12] = {
            0x80, 96, (uint8_t)(sequence >> 8), (uint8_t)sequence, 0, 0, 0, 0, 0, 0, 0, 9};
        memcpy(packets[i], header, sizeof header);
        lens[i] = len;
    }
}

struct figures {
    uint64_t seal_ns, open_ns;
};

static bool turn_of_ours(struct srtp_session *a, struct srtp_session *b, struct figures *f) {
    bool ok = true;
    uint64_t begin = now_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        ok = srtp_seal(a, packets[i], lens[i], sizeof packets[i], &lens[i]) == STATUS_OK && ok;
    }
    uint64_t middle = now_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        ok = srtp_open(b, packets[i], lens[i], &lens[i]) == STATUS_OK && ok;
    }
    uint64_t end = now_ns();
    f->seal_ns = middle - begin < f->seal_ns ? middle - begin : f->seal_ns;
    f->open_ns = end - middle < f->open_ns ? end - middle : f->open_ns;
    return ok;
}

static bool turn_of_theirs(struct oracle *a, struct oracle *b, struct figures *f) {
    bool ok = true;
    uint64_t begin = now_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        ok = oracle_protect(a, packets[i], &lens[i], false) == ORACLE_OK && ok;
    }
    uint64_t middle = now_ns();
    for (size_t i = 0; i < PACKETS; i++) {
        ok = oracle_unprotect(b, packets[i], &lens[i], false) == ORACLE_OK && ok;
    }
    uint64_t end = now_ns();
    f->seal_ns = middle - begin < f->seal_ns ? middle - begin : f->seal_ns;
    f->open_ns = end - middle < f->open_ns ? end - middle : f->open_ns;
    return ok;
}

static bool run(enum dtls_srtp_profile profile, const char *name, size_t len) {
    struct dtls_srtp keys = packet_keys(profile), peer = packet_keys_of_peer(profile);
    struct srtp_session *a, *b;
    if (srtp_session_create(&keys, &a) != STATUS_OK ||
        srtp_session_create(&peer, &b) != STATUS_OK || srtp_sender_add(a, 9) != STATUS_OK) {
        return false;
    }
    struct oracle *oa = oracle_create(&keys, true), *ob = oracle_create(&peer, false);
    struct figures ours = {UINT64_MAX, UINT64_MAX}, theirs = ours;
    bool ok = true;
    for (int turn = 0; turn < TURNS; turn++) { /* in turns: both meet the same noise */
        make(len, (uint16_t)(turn * PACKETS));
        ok = turn_of_ours(a, b, &ours) && ok;
        make(len, (uint16_t)(turn * PACKETS));
        ok = turn_of_theirs(oa, ob, &theirs) && ok;
    }
    printf("%-24s %5zu bytes  seal %5.0f (libsrtp2 %5.0f)  open %5.0f (libsrtp2 %5.0f) ns\n", name,
           len, (double)ours.seal_ns / PACKETS, (double)theirs.seal_ns / PACKETS,
           (double)ours.open_ns / PACKETS, (double)theirs.open_ns / PACKETS);
    srtp_session_destroy(a);
    srtp_session_destroy(b);
    oracle_destroy(oa);
    oracle_destroy(ob);
    return ok;
}

int main(void) {
    bool ok = true;
    for (size_t len = 100; len <= 1200; len += 1100) {
        ok = run(DTLS_SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM", len) && ok;
        ok = run(DTLS_SRTP_AES128_CM_HMAC_SHA1_80, "AES_CM_128_HMAC_SHA1_80", len) && ok;
    }
    return ok ? 0 : 1;
}
