/* participant_priv.h: what only this folder does with participants. */
#pragma once

#include "participant.h"

/* The change becomes the participant's profile; what it replaced is freed. Cannot fail. */
void change_commit(struct change *c, struct participant *p);
/* What is kept encoded is what it is (asserted). */
void participant_check_encoded(const struct participant *p);
void profile_deinit(struct profile *profile);
