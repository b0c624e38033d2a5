/* fd.h: descriptors as things that are owned.
 * Owns: nothing; -1 stands for none.
 * Never: reports a failed close: the descriptor is gone in any case on Linux.
 * Callers: everybody in the effect folders who holds a descriptor. */
#pragma once

#include "base.h"

void fd_close(int *fd); /* sets -1; -1 is fine: also for _cleanup_(fd_close) */
/* Raises the soft limit of descriptors to the hard one; returns what then holds. */
uint64_t fd_limit_raise(void);
