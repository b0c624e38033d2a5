/* claims_priv.h: the names that reader and writer of claims share.
 * Owns: nothing.
 * Never: used outside this folder.
 * Invariant: names are lower case, as the minters write them.
 * Callers: claims.c, claims_write.c. */
#pragma once

#include "claims.h"

struct claim_word {
    const char *name;
    uint32_t value;
};

enum { CLAIM_KINDS = 7, CLAIM_KIND_DETAILS = 6, CLAIM_SOURCES = 5 };

extern const struct claim_word claim_kinds[CLAIM_KINDS];               /* enum participant_kind */
extern const struct claim_word claim_kind_details[CLAIM_KIND_DETAILS]; /* KindDetail */
extern const struct claim_word claim_sources[CLAIM_SOURCES];           /* TrackSource */
