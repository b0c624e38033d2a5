/* mint.h: access tokens of commands.
 * Owns: nothing.
 * Callers: app's commands. */
#pragma once

#include "claims.h"
#include "settings.h"

/* Signs the claims, valid from now for so long, and appends the token. NO_MEMORY, TOO_LARGE. */
must_check enum status token_mint(const struct claims *claims, const struct key_secret *key,
                                  uint32_t valid_s, struct buf *out);
