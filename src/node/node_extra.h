/* node_extra.h: what node keeps with a room in the directory: agent dispatches and tags.
 * Owns: nothing; what is read points into the step's memory.
 * Never: changes the directory.
 * Invariant: a room whose dispatches were never named has one with an empty agent name; its id is
 *   the same on all nodes.
 * Source: wire/room-api.md 3.4. The bytes: flags, length and bytes of a RoomConfiguration with the
 *   tags, a ListAgentDispatchResponse; none at all for a plain room.
 * Callers: node_open, node_api_agent. */
#pragma once

#include "node_open.h"

struct room_extra {
    struct slice tags; /* an encoded RoomConfiguration; opaque here */
    bool named;        /* else the dispatch is the default one */
    Livekit__AgentDispatch **dispatches;
    size_t dispatches_count;
};

/* What a new room begins with. */
must_check enum status extra_of_wish(struct node *n, const struct room_wish *wish,
                                     struct slice *ret_bytes);
/* Bytes that are none of ours read as none. NO_MEMORY. */
must_check enum status extra_read(struct node *n, const struct dir_room *room,
                                  struct room_extra *ret_extra);
must_check enum status extra_write(struct node *n, const struct room_extra *extra,
                                   struct slice *ret_bytes);
/* With a fresh id, created now; NULL without memory. */
Livekit__AgentDispatch *extra_new_dispatch(struct node *n);
