/* track_packet.h: the header of a packet on the `_data_track` channel.
 * Owns: nothing; the rest of the packet is the publisher's and passes untouched.
 * Source: wire/realtime.md 3.12.
 * Callers: the data thread. */
#pragma once

#include "slice.h"

enum {
    TRACK_PACKET_HEADER_BYTES = 12,
    TRACK_PACKET_BYTES_MAX = 16000, /* what clients send at most */
};

struct track_packet_header {
    bool start, final;
    uint16_t handle; /* not 0 */
    uint16_t frame;
};
/* MALFORMED: too short, of another version, or without a handle. TOO_LARGE. */
must_check enum status track_packet_read(struct slice packet,
                                         struct track_packet_header *ret_header);
/* In place; the packet was read before. */
void track_packet_set_handle(uint8_t *packet, uint16_t handle);
