#include "datagram.h"

enum {
    STUN_HEADER = 20,
    DTLS_RECORD_HEADER = 13,
    TURN_CHANNEL_HEADER = 4,
    RTP_HEADER = 12,
    RTCP_HEADER = 8, /* the shortest that carries an SSRC */
};

static enum datagram_kind if_at_least(struct slice d, size_t bytes_min, enum datagram_kind kind) {
    return d.len >= bytes_min ? kind : DATAGRAM_UNKNOWN;
}

enum datagram_kind datagram_classify(struct slice datagram) {
    if (datagram.len < 2) {
        return DATAGRAM_UNKNOWN;
    }
    uint8_t first = datagram.data[0], second = datagram.data[1];
    if (first <= 3) {
        return if_at_least(datagram, STUN_HEADER, DATAGRAM_STUN);
    }
    if (first >= 20 && first <= 63) {
        return if_at_least(datagram, DTLS_RECORD_HEADER, DATAGRAM_DTLS);
    }
    if (first >= 64 && first <= 79) {
        return if_at_least(datagram, TURN_CHANNEL_HEADER, DATAGRAM_TURN_CHANNEL);
    }
    if (first >= 128 && first <= 191) {
        /* RFC 5761: RTP payload types 64 to 95 are never used, so that RTCP types stand out. */
        if (second >= 192 && second <= 223) {
            return if_at_least(datagram, RTCP_HEADER, DATAGRAM_RTCP);
        }
        return if_at_least(datagram, RTP_HEADER, DATAGRAM_RTP);
    }
    return DATAGRAM_UNKNOWN;
}
