/* participant_priv.h: what only this folder does with participants. */
#pragma once

#include "participant.h"

/* The change becomes the participant's profile; what it replaced is freed. Cannot fail. */
void change_commit(struct change *c, struct participant *p);
void profile_deinit(struct profile *profile);
