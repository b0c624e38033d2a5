#include "hash.h"

/* Both sums take eight bytes a step ("slicing by 8"): table k gives what a byte adds to the sum
 * when k more bytes follow it. A CRC is linear, so the entry of a byte is the xor of the entries of
 * its bits, and those 64 (8 tables, 8 bits) are one sequence: the polynomial, divided by x again
 * and again. The compiler makes the tables from that sequence. */
#define BYTE_SUM(n, b7, b6, b5, b4, b3, b2, b1, b0)                                                \
    (((n)&0x80 ? (b7) : 0u) ^ ((n)&0x40 ? (b6) : 0u) ^ ((n)&0x20 ? (b5) : 0u) ^                    \
     ((n)&0x10 ? (b4) : 0u) ^ ((n)&0x08 ? (b3) : 0u) ^ ((n)&0x04 ? (b2) : 0u) ^                    \
     ((n)&0x02 ? (b1) : 0u) ^ ((n)&0x01 ? (b0) : 0u))
#define SUMS_4(n, ...)                                                                             \
    BYTE_SUM(n, __VA_ARGS__), BYTE_SUM((n) + 1, __VA_ARGS__), BYTE_SUM((n) + 2, __VA_ARGS__),      \
        BYTE_SUM((n) + 3, __VA_ARGS__)
#define SUMS_16(n, ...)                                                                            \
    SUMS_4(n, __VA_ARGS__), SUMS_4((n) + 4, __VA_ARGS__), SUMS_4((n) + 8, __VA_ARGS__),            \
        SUMS_4((n) + 12, __VA_ARGS__)
#define SUMS_64(n, ...)                                                                            \
    SUMS_16(n, __VA_ARGS__), SUMS_16((n) + 16, __VA_ARGS__), SUMS_16((n) + 32, __VA_ARGS__),       \
        SUMS_16((n) + 48, __VA_ARGS__)
#define TABLE(...)                                                                                 \
    {                                                                                              \
        SUMS_64(0, __VA_ARGS__), SUMS_64(64, __VA_ARGS__), SUMS_64(128, __VA_ARGS__),              \
            SUMS_64(192, __VA_ARGS__)                                                              \
    }

struct crc_tables {
    uint32_t by_distance[8][256];
};

/* clang-format off */
/* Polynomial 0x1EDC6F41, bits reversed. */
static const struct crc_tables castagnoli = {{
    TABLE(0x82f63b78u, 0x417b1dbcu, 0x20bd8edeu, 0x105ec76fu,
          0x8ad958cfu, 0xc79a971fu, 0xe13b70f7u, 0xf26b8303u),
    TABLE(0xfbc3faf9u, 0xff17c604u, 0x7f8be302u, 0x3fc5f181u,
          0x9d14c3b8u, 0x4e8a61dcu, 0x274530eeu, 0x13a29877u),
    TABLE(0x8b277743u, 0xc76580d9u, 0xe144fb14u, 0x70a27d8au,
          0x38513ec5u, 0x9edea41au, 0x4f6f520du, 0xa541927eu),
    TABLE(0x52a0c93fu, 0xaba65fe7u, 0xd725148bu, 0xe964b13du,
          0xf64463e6u, 0x7b2231f3u, 0xbf672381u, 0xdd45aab8u),
    TABLE(0x6ea2d55cu, 0x37516aaeu, 0x1ba8b557u, 0x8f2261d3u,
          0xc5670b91u, 0xe045beb0u, 0x7022df58u, 0x38116facu),
    TABLE(0x1c08b7d6u, 0x0e045bebu, 0x85f4168du, 0xc00c303eu,
          0x6006181fu, 0xb2f53777u, 0xdb8ca0c3u, 0xef306b19u),
    TABLE(0xf56e0ef4u, 0x7ab7077au, 0x3d5b83bdu, 0x9c5bfaa6u,
          0x4e2dfd53u, 0xa5e0c5d1u, 0xd0065990u, 0x68032cc8u),
    TABLE(0x34019664u, 0x1a00cb32u, 0x0d006599u, 0x847609b4u,
          0x423b04dau, 0x211d826du, 0x9278fa4eu, 0x493c7d27u),
}};

/* Polynomial 0x04C11DB7, bits reversed. */
static const struct crc_tables ieee = {{
    TABLE(0xedb88320u, 0x76dc4190u, 0x3b6e20c8u, 0x1db71064u,
          0x0edb8832u, 0x076dc419u, 0xee0e612cu, 0x77073096u),
    TABLE(0x3b83984bu, 0xf0794f05u, 0x958424a2u, 0x4ac21251u,
          0xc8d98a08u, 0x646cc504u, 0x32366282u, 0x191b3141u),
    TABLE(0xe1351b80u, 0x709a8dc0u, 0x384d46e0u, 0x1c26a370u,
          0x0e1351b8u, 0x0709a8dcu, 0x0384d46eu, 0x01c26a37u),
    TABLE(0xed59b63bu, 0x9b14583du, 0xa032af3eu, 0x5019579fu,
          0xc5b428efu, 0x8f629757u, 0xaa09c88bu, 0xb8bc6765u),
    TABLE(0xb1e6b092u, 0x58f35849u, 0xc1c12f04u, 0x60e09782u,
          0x30704bc1u, 0xf580a6c0u, 0x7ac05360u, 0x3d6029b0u),
    TABLE(0x1eb014d8u, 0x0f580a6cu, 0x07ac0536u, 0x03d6029bu,
          0xec53826du, 0x9b914216u, 0x4dc8a10bu, 0xcb5cd3a5u),
    TABLE(0x8816eaf2u, 0x440b7579u, 0xcfbd399cu, 0x67de9cceu,
          0x33ef4e67u, 0xf44f2413u, 0x979f1129u, 0xa6770bb4u),
    TABLE(0x533b85dau, 0x299dc2edu, 0xf9766256u, 0x7cbb312bu,
          0xd3e51bb5u, 0x844a0efau, 0x4225077du, 0xccaa009eu),
}};
/* clang-format on */

static uint32_t load_le32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t crc_over(const struct crc_tables *tables, uint32_t crc, struct slice s) {
    const uint32_t(*t)[256] = tables->by_distance;
    size_t at = 0;
    crc = ~crc;
    for (; s.len - at >= 8; at += 8) {
        uint32_t low = load_le32(s.data + at) ^ crc;
        uint32_t high = load_le32(s.data + at + 4);
        crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^ t[4][low >> 24] ^
              t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^ t[1][high >> 16 & 0xff] ^
              t[0][high >> 24];
    }
    for (; at < s.len; at++) {
        crc = crc >> 8 ^ t[0][(crc ^ s.data[at]) & 0xff];
    }
    return ~crc;
}

uint32_t crc32c(uint32_t crc, struct slice s) {
    return crc_over(&castagnoli, crc, s);
}

uint32_t crc32_ieee(uint32_t crc, struct slice s) {
    return crc_over(&ieee, crc, s);
}
