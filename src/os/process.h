/* process.h: what the kernel says of this process.
 * Owns: nothing.
 * Never: waits: /proc is memory.
 * Callers: edge (the operators' pages). Any thread. */
#pragma once

#include "base.h"

/* Memory of ours that is in RAM; 0 when the kernel does not say. */
uint64_t process_memory_bytes(void);
