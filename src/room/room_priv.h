/* room_priv.h: what the files of room share.
 * Owns: nothing. Callers: room.c, room_tracks.c. */
#pragma once

#include "room.h"

bool track_sid_equal(const struct map_node *m, struct slice key);
bool pair_equal(const struct map_node *m, struct slice key);
/* Asserts what must hold of its tracks and subscriptions. */
void participant_check_tracks(const struct participant *p);
