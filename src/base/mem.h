/* mem.h: checked allocation; the one door to malloc.
 * Owns: nothing but counters, and those only in builds with faults on.
 * Never: aborts. NULL is an answer that every caller handles.
 * Invariant: in fault builds mem_live_blocks() counts what was not freed.
 * Callers: everybody below app. */
#pragma once

#include "base.h"

must_check void *mem_alloc(size_t size);
must_check void *mem_zalloc(size_t size);
/* count * size with overflow check; zeroed. */
must_check void *mem_calloc(size_t count, size_t size);
/* On failure NULL, and p stays valid. */
must_check void *mem_realloc(void *p, size_t size);
void mem_free(void *p); /* NULL: nothing */

#ifdef STOA_MEM_FAULTS
/* Tests: the nth allocation from now (1 = the next) and all after it fail. Whole process. */
void mem_fail_from(uint64_t nth);
void mem_fail_never(void);
uint64_t mem_live_blocks(void);
#endif
