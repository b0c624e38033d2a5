/* channels.h: the three data channels of a transport, by the labels that clients know.
 * Owns: nothing; a small struct by value. Pure.
 * Never: sends: it says which stream carries what.
 * Invariant: a label has at most one stream, and the newest OPEN of it wins; an open channel has
 *   one.
 * Source: wire/realtime.md 3.10; RFC 8832.
 * Callers: the data thread. */
#pragma once

#include "dcep.h"

enum channel { CHANNEL_RELIABLE, CHANNEL_LOSSY, CHANNEL_DATA_TRACK, CHANNELS };

struct channel_state {
    bool asked; /* we sent an OPEN and wait for its ACK */
    bool open;
    uint16_t stream;
    bool unordered;
    enum dcep_reliability reliability;
    uint32_t parameter;
};
struct channels {
    struct channel_state of[CHANNELS];
};

/* The peer opened a channel. CHANNELS: a label that is not served. */
enum channel channels_on_open(struct channels *c, uint16_t stream, const struct dcep_open *open);
/* How we open channel `which`: on the odd stream that a DTLS server uses. */
struct dcep_open channels_ask(struct channels *c, enum channel which);
void channels_on_ack(struct channels *c, uint16_t stream);
/* The peer closed the stream. CHANNELS: it carried none of ours. */
enum channel channels_on_reset(struct channels *c, uint16_t stream);
/* Which channel a message on this stream belongs to, CHANNELS when to none. */
enum channel channels_find(const struct channels *c, uint16_t stream);
/* `_reliable` and `_lossy` are open. */
bool channels_ready(const struct channels *c);
