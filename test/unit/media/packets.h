/* packets.h: DataPackets as clients write them, and what tests look at in those that arrive.
 * Owns: nothing. Callers: tests of media. */
#pragma once

#include "buf.h"
#include "data_packet.h"

struct packet_spec {
    const char *payload; /* of a user packet */
    uint32_t sequence;
    const char *to_identity, *to_identity_2; /* DataPacket.destination_identities */
    const char *to_sid;                      /* UserPacket.destination_sids */
    const char *claimed_identity;            /* participant_identity, as the sender says */
    const char *nonce;
    size_t padding;               /* bytes added to the payload */
    enum data_packet_value value; /* 0: a user packet; else an empty value of this kind */
};
/* Appends the encoded packet. */
void packet_put(struct buf *out, const struct packet_spec *spec);
/* Reads hexadecimal digits until something else comes; returns the count of bytes. */
size_t packet_unhex(const char *text, uint8_t *out);
