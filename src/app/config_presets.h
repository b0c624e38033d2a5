/* config_presets.h: room.room_configurations as the node wants it.
 * Owns: nothing; what it makes lies in the arena and points into it.
 * Never: accepts a field that no RoomConfiguration has, or a value that does not fit.
 * Source: wire/room-api.md 4.5 and 10.
 * Callers: config_check, serve. */
#pragma once

#include "config.h"
#include "node.h"

/* INVALID with the preset and the field in the error. What a preset asks for and this server does
 * not have is a warning in the settings. */
must_check enum status config_presets(struct settings *s, struct arena *arena,
                                      const struct node_preset **ret_presets, size_t *ret_count,
                                      struct config_error *ret_error);
