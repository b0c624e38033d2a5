/* srtp_packets.h: keys and packets for the tests of SRTP.
 * Owns: nothing.
 * Never: used outside tests.
 * Callers: test_srtp*.c. */
#pragma once

#include "srtp.h"

enum { PACKET_BYTES_MAX = 1500 };

/* A small generator: the same seed gives the same packets on every machine. */
struct packet_maker {
    uint64_t seed;
};
uint32_t packet_random(struct packet_maker *m, uint32_t below);

/* An RTP packet with random payload and, now and then, contributing sources and extensions. */
size_t packet_rtp(struct packet_maker *m, uint32_t ssrc, uint16_t sequence,
                  uint8_t out[PACKET_BYTES_MAX]);
/* Bytes with a header of RTCP. */
size_t packet_rtcp(struct packet_maker *m, uint32_t ssrc, uint8_t out[PACKET_BYTES_MAX]);

/* Two ends of one association: what one calls local is remote to the other. */
struct dtls_srtp packet_keys(enum dtls_srtp_profile profile);
struct dtls_srtp packet_keys_of_peer(enum dtls_srtp_profile profile);
/* Hexadecimal text; spaces are skipped. The count of bytes. */
size_t packet_unhex(const char *hex, uint8_t *out, size_t cap);
