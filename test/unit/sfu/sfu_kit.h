/* sfu_kit.h: packets and sections for the tests of sfu.
 * Owns: nothing beyond its structs.
 * Never: used outside tests.
 * Callers: test/unit/sfu, test/fuzz/fuzz_sfu*.c, test/bench/bench_sfu_core.c. */
#pragma once

#include "downlink.h"
#include "packet_pool.h"
#include "uplink.h"

enum {
    KIT_PACKET_BYTES = 1600,
    KIT_POOL_CHUNKS = 4096,
    /* payload types and extension ids: the publisher's and the subscriber's all differ */
    KIT_UP_TYPE = 96,
    KIT_UP_RTX_TYPE = 97,
    KIT_DOWN_TYPE = 120,
    KIT_DOWN_RTX_TYPE = 121,
    KIT_UP_MID = 4,
    KIT_UP_LEVEL = 1,
    KIT_UP_CAPTURE = 5,
    KIT_UP_SEND_TIME = 2,
    KIT_UP_DEPENDENCY = 11,
    KIT_DOWN_DEPENDENCY = 10,
    KIT_DOWN_MID = 9,
    KIT_DOWN_LEVEL = 8,
    KIT_DOWN_CAPTURE = 7,
    KIT_DOWN_SEND_TIME = 6,
};

/* layers > 1: with rids f, h, q, in the order of rtc-node. */
struct rtp_section kit_up_section(enum rtp_codec codec, uint8_t layers);
struct rtp_section kit_down_section(enum rtp_codec codec, bool rtx);
struct uplink *kit_uplink(struct packet_pool *pool, enum rtp_codec codec, uint8_t layers);
struct downlink *kit_downlink(enum rtp_codec codec, uint32_t rtx_ssrc);
uint32_t kit_ssrc(uint8_t layer);

struct kit_vp8 {
    uint16_t picture_id;
    uint8_t tl0_index, key_index, temporal;
    bool layer_sync, start, key;
};
/* The descriptor, a first byte of the frame, then `body`. */
size_t kit_vp8_payload(uint8_t *out, const struct kit_vp8 *v, struct slice body);

struct kit_packet {
    uint16_t sequence;
    uint32_t timestamp, ssrc;
    uint8_t payload_type;
    bool marker;
    int level;               /* -1: no audio level */
    struct slice dependency; /* of AV1; empty: none */
    struct slice payload;
};
struct slice kit_packet(uint8_t out[KIT_PACKET_BYTES], const struct kit_packet *p);

/* A small generator that tests can repeat (splitmix64). */
struct kit_random {
    uint64_t state;
};
uint64_t kit_random(struct kit_random *r);
static inline uint32_t kit_below(struct kit_random *r, uint32_t bound) {
    return (uint32_t)(kit_random(r) % bound);
}
static inline bool kit_chance(struct kit_random *r, uint32_t per_mille) {
    return kit_below(r, 1000) < per_mille;
}
