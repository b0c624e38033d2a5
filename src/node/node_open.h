/* node_open.h: a room found or opened, for CreateRoom and for a join that opens its room.
 * Owns: nothing.
 * Never: applies a wish to a room that lives already.
 * Invariant: a refusal has changed nothing.
 * Source: wire/room-api.md 3.3 (CreateRoom), 8.1.
 * Callers: node_api_room, node_admit. */
#pragma once

#include "node_priv.h"

#include "livekit_room.pb-c.h"

/* What a caller asks of a new room; 0 and empty mean the default. */
struct room_wish {
    struct slice preset, metadata;
    uint32_t empty_timeout_s, departure_timeout_s, max_participants;
    uint32_t min_playout_delay_ms, max_playout_delay_ms;
    bool sync_streams;
    Livekit__RoomAgentDispatch **agents;
    size_t agents_count;
    const struct attribute *tags;
    size_t tags_count;
};

struct open_refusal {
    bool refused;
    enum twirp_code code;
    struct slice msg; /* without the prefix of remote errors */
};

/* Finds the living room, or opens one and notes it. NO_MEMORY, or OK with a refusal or a room.
 * The view in ret_room holds until the directory changes again. */
must_check enum status node_open_room(struct node *n, struct slice name,
                                      const struct room_wish *wish, struct effects *fx,
                                      struct dir_room *ret_room, bool *ret_opened,
                                      struct open_refusal *ret_refusal);
