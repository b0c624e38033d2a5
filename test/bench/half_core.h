/* half_core.h: a process that gets half a processor and no more.
 * Owns: a control group that goes when it is empty.
 * Never: fails: where no group can be made, the process runs at the lowest priority.
 * Callers: benchmarks of this folder. */
#pragma once

#include <stdbool.h>

/* Makes the group. What limits, for people: "cgroup v1", "cgroup v2" or "nice 19". */
const char *half_core_begin(void);
void half_core_enter(void); /* this process, from now on */
void half_core_end(void);   /* when all that entered are gone */
