/* data_packet.h: livekit.DataPacket as the router of data channels sees it: who, to whom, what.
 * Owns: nothing; a view points into the packet. Walks protobuf by hand, since the inside of most
 *   packets must pass untouched, known fields or not.
 * Never: believes what a sender says of itself: data_packet_rewrite replaces it.
 * Invariant: a view that was returned came from whole, well-formed fields; every string of it is
 *   text (UTF-8 without NUL); there is at most one value.
 * Source: wire/realtime.md 2.8, 3.10 and 3.11.
 * Callers: media's data thread, control (API data, RPC, agents). */
#pragma once

#include "buf.h"
#include "cursor.h"

/* Names in one packet: far above a room's usual size; each costs the router a look-up. */
enum { DATA_PACKET_NAMES_MAX = 4096 };

/* The numbers are the field numbers of the value's case. */
enum data_packet_value {
    DATA_VALUE_NONE = 0, /* none that we know: it may still be one of a later protocol */
    DATA_VALUE_USER = 2,
    DATA_VALUE_SPEAKER = 3,
    DATA_VALUE_SIP_DTMF = 6,
    DATA_VALUE_TRANSCRIPTION = 7,
    DATA_VALUE_METRICS = 8,
    DATA_VALUE_CHAT = 9,
    DATA_VALUE_RPC_REQUEST = 10,
    DATA_VALUE_RPC_ACK = 11,
    DATA_VALUE_RPC_RESPONSE = 12,
    DATA_VALUE_STREAM_HEADER = 13,
    DATA_VALUE_STREAM_CHUNK = 14,
    DATA_VALUE_STREAM_TRAILER = 15,
    DATA_VALUE_ENCRYPTED = 18,
};

enum data_packet_kind { DATA_KIND_RELIABLE = 0, DATA_KIND_LOSSY = 1 };

struct data_packet_view {
    struct slice packet; /* all of it */
    enum data_packet_value value;
    struct slice body; /* the value's own message */

    enum data_packet_kind kind;                         /* as the sender says */
    struct slice participant_identity, participant_sid; /* as the sender says */
    uint32_t sequence;                                  /* 0: unnumbered */
    size_t destination_identities_count;

    /* Of DATA_VALUE_USER. The destinations are the deprecated ones inside; see data_names. */
    size_t user_destination_sids_count, user_destination_identities_count;
    struct slice payload, nonce;

    struct slice topic;  /* user, stream header */
    struct slice id;     /* RPC request id; stream id; id of a user packet or a chat message */
    struct slice method; /* RPC request */
    struct slice transcribed_identity; /* transcription */
    bool generated; /* chat message, text stream header: may speak for another identity */
};

/* MALFORMED: fields that do not add up, a known field of the wrong wire type, two values, a string
 * that is not text. TOO_LARGE: more than DATA_PACKET_NAMES_MAX destinations of one sort. */
must_check enum status data_packet_read(struct slice packet, struct data_packet_view *ret_view);

enum data_packet_names {
    DATA_NAMES_IDENTITIES,      /* DataPacket.destination_identities */
    DATA_NAMES_USER_SIDS,       /* UserPacket.destination_sids */
    DATA_NAMES_USER_IDENTITIES, /* UserPacket.destination_identities */
};

/* Walks the destinations of one sort: for (it = ...; data_names_next(&it, &name);) */
struct data_names {
    struct cursor at;
    uint32_t field;
};
struct data_names data_packet_names(const struct data_packet_view *v, enum data_packet_names sort);
must_check bool data_names_next(struct data_names *names, struct slice *ret_name);

/* No destination of any sort: for everybody. */
bool data_packet_is_broadcast(const struct data_packet_view *v);

/* What the receivers shall believe of the sender. */
struct data_packet_sender {
    struct slice sid, identity; /* identity: the one shown; agents may keep another (3.10) */
    enum data_packet_kind kind; /* of the channel that it came on */
    bool hidden;                /* shown without sid and identity */
};

/* Appends the packet as receivers get it: kind, participant_identity and participant_sid are the
 * sender's, sequence and destinations stay, all other fields pass untouched. In a user packet the
 * deprecated sender fields say the same, and the destination identities of packet and user packet
 * fill each other when one of them is empty, for old peers.
 * TOO_LARGE: `out` could not take it (out->failed is set). */
must_check enum status data_packet_rewrite(const struct data_packet_view *v,
                                           const struct data_packet_sender *sender,
                                           struct buf *out);
