/* signals.h: signals as events of a loop.
 * Owns: a signalfd and its source.
 * Never: runs code in a signal handler.
 * Invariant: SIGTERM, SIGINT, SIGQUIT and SIGHUP are blocked in the whole process from
 *   signals_block on; SIGPIPE is ignored.
 * Callers: app. signals_block is the first call of main, before any thread is started. */
#pragma once

#include "loop.h"

struct signals;

void signals_block(void);
/* NULL without memory or descriptors. `on_signal` runs on the loop's thread. */
must_check struct signals *signals_create(struct loop *l, void (*on_signal)(void *arg, int number),
                                          void *arg);
struct signals *signals_destroy(struct signals *s);
