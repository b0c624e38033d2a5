/* thread.h: named threads.
 * Owns: struct thread, until it is joined.
 * Never: lets a signal run on one of its threads: all are blocked; signals.h takes them.
 * Invariant: thread_self() is unique among living threads and never 0.
 * Callers: app, log, store; the loops use thread_self for their assertions. */
#pragma once

#include "base.h"

struct thread;

enum { THREAD_NAME_MAX = 16 }; /* with the NUL; the kernel's bound. Longer names are cut. */

must_check enum status thread_start(const char *name, void (*run)(void *arg), void *arg,
                                    struct thread **ret_thread);
/* Waits until the thread has returned, frees it, returns NULL. NULL: nothing. */
struct thread *thread_join(struct thread *t);
/* Waits so long at most: returns NULL as thread_join does, or the thread, which still runs. */
must_check struct thread *thread_join_within(struct thread *t, uint32_t ms);
bool thread_is_current(const struct thread *t);
/* Who waits for this processor goes first: between slices of work that nobody waits for. */
void thread_yield(void);
uint64_t thread_self(void);
/* Of the calling thread; "main" where none was given. */
const char *thread_name(void);
/* Processors that this process may use, at least 1. */
uint32_t thread_processors(void);
