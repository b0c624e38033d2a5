#include "track_packet.h"

enum { VERSION_SHIFT = 5, FLAG_START = 0x10, FLAG_FINAL = 0x08, HANDLE_AT = 2, FRAME_AT = 6 };

static uint16_t be16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

enum status track_packet_read(struct slice packet, struct track_packet_header *ret_header) {
    if (packet.len > TRACK_PACKET_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (packet.len < TRACK_PACKET_HEADER_BYTES || packet.data[0] >> VERSION_SHIFT != 0 ||
        be16(packet.data + HANDLE_AT) == 0) {
        return STATUS_MALFORMED;
    }
    *ret_header = (struct track_packet_header){
        .start = (packet.data[0] & FLAG_START) != 0,
        .final = (packet.data[0] & FLAG_FINAL) != 0,
        .handle = be16(packet.data + HANDLE_AT),
        .frame = be16(packet.data + FRAME_AT),
    };
    return STATUS_OK;
}

void track_packet_set_handle(uint8_t *packet, uint16_t handle) {
    packet[HANDLE_AT] = (uint8_t)(handle >> 8);
    packet[HANDLE_AT + 1] = (uint8_t)handle;
}
