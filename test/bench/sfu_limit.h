/* sfu_limit.h: what the kernel and the cipher allow: the same packets sealed and sent by a loop
 * that decides nothing. The yardstick of bench_sfu, in the same run.
 * Owns: nothing that outlives the call.
 * Callers: bench_sfu. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* CPU nanoseconds of one packet of `bytes`, sent to `destinations` in runs of `group` (a segmented
 * send when above 1), received before from a burst over loopback; AES-128-GCM by OpenSSL. */
double sfu_limit_ns(size_t bytes, unsigned destinations, unsigned group, double seconds);
