/* bench_journal_server.h: what the journal costs callers of a real server, and a start.
 * Owns: nothing; servers and folders of its own come and go with each call.
 * Callers: bench_journal. */
#pragma once

#include "base.h"

struct server_figures {
    double p50_ms, p99_ms, p999_ms;
};
/* CreateRoom, `count` of them at `rate` a second, each a new room. dir NULL: without a journal;
 * sync as the setting, NULL: its default. */
struct server_figures bench_server_calls(const char *dir, const char *sync, size_t count,
                                         double rate);

struct start_figures {
    double fill_per_s; /* creates a second, as fast as answers come */
    double ready_ms;   /* from exec to the first connection taken, after SIGKILL */
    double bytes;      /* of the journal */
};
struct start_figures bench_server_start(const char *dir, uint64_t rooms);
