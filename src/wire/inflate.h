/* inflate.h: bounded gunzip (RFC 1952) of small requests.
 * Owns: nothing; zlib's state lives for one call, in checked allocations.
 * Never: writes past the bound of the buffer it is given.
 * Invariant: on failure the buffer holds what it held before.
 * Callers: edge (join requests). */
#pragma once

#include "buf.h"

/* Appends the content of one gzip member to `out`. TOO_LARGE when it would pass out->bytes_max;
 * MALFORMED when it is no gzip, is cut, fails its checksum, or has bytes behind it; NO_MEMORY. */
must_check enum status gunzip(struct slice packed, struct buf *out);
