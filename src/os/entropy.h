/* entropy.h: the only place that asks the kernel for randomness.
 * Owns: nothing.
 * Never: gives fewer bytes or weaker ones: without entropy no key is safe, so the process ends.
 * Source: getrandom(2).
 * Callers: start-up and worker start (keys of rng, map, hash); not per request. Any thread. */
#pragma once

#include "base.h"

void entropy_fill(void *out, size_t len);
