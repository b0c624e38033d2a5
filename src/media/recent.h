/* recent.h: the last few reliable messages of one room, for participants whose channels are about
 * to open.
 * Owns: copies of the messages.
 * Never: holds more than DATA_RECENT_BYTES_MAX, nor anything older than DATA_RECENT_MS once asked.
 * Invariant: numbers rise from the oldest message to the newest.
 * Source: wire/realtime.md 3.10 rule 5.
 * Callers: the data router. Data thread. */
#pragma once

#include "list.h"
#include "slice.h"

struct recent {
    /* owned */ struct list messages; /* struct recent_message, oldest first */
    size_t bytes;
};

struct recent_message {
    struct list_node in_recent;
    uint64_t number; /* of the room, rising */
    uint64_t sender; /* participant, 0: the server */
    uint64_t sent_ms;
    size_t len;
    uint8_t packet[]; /* as receivers get it */
};

void recent_init(struct recent *r);
void recent_deinit(struct recent *r); /* zeroed: fine */
/* False when the message could not be kept: for want of memory, or larger than the bound. Older
 * ones make room. */
bool recent_add(struct recent *r, uint64_t number, uint64_t sender, struct slice packet,
                uint64_t now_ms);
void recent_expire(struct recent *r, uint64_t now_ms);
