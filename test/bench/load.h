/* load.h: what benchmarks of a running server share: a server of their own, tokens, its costs.
 * Owns: struct load_server its process.
 * Never: measures the making of its own requests: they are made before the clock starts.
 * Invariant: a benchmark that cannot go on says why and exits with 1.
 * Callers: the benchmarks of this folder. */
#pragma once

#include "base.h"

struct load_server {
    int pid;
    uint16_t port, metrics_port;
};

/* Runs `stoa serve --dev` (STOA_BIN, else the one of this build) on free ports, logging errors
 * only, on this processor (-1: any), until it answers. `more`: further arguments, ends in NULL;
 * those in STOA_BENCH_ARGS come behind them. */
struct load_server load_start(int processor, const char *const *more);
void load_stop(struct load_server *s);

/* A token for /rtc, ListRooms and the rest, valid for an hour, different for each number. */
char *load_token(uint64_t number, const char *room, const char *identity); /* free() */

uint64_t load_now_us(void);
uint64_t load_cpu_ns(int pid); /* of all its threads, as getrusage would say */
struct load_memory {
    uint64_t rss, private_dirty; /* bytes */
} load_memory(int pid);
uint64_t load_descriptors(int pid);
/* The sum of a metric over its labels; 0 when it is not there. */
double load_metric(uint16_t metrics_port, const char *name);
void load_pin(int processor); /* the calling process */

int load_connect(uint16_t port); /* connected, blocking, TCP_NODELAY */
void load_send(int fd, const void *data, size_t len);
/* Reads one whole answer; its status, 0 when the connection ended. *ret_len: all of its bytes. */
int load_answer(int fd, size_t *ret_len);

/* --json (returned), --rooms N and, unless seconds is NULL, --seconds N; anything else ends the
 * program. */
bool load_options(int argc, char **argv, const char *name, uint64_t *rooms, uint64_t *seconds);

/* The value below which `share` (0 to 1) of the values are; sorts them. 0 without values. */
double load_percentile(double *values, size_t count, double share);
printf_like(1, 2) _Noreturn void load_fail(const char *format, ...);
