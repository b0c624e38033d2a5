/* load_http.h: HTTP requests over kept connections, as fast as answers come or at a steady rate.
 * Owns: the connections of a pool.
 * Never: waits in the way of its own schedule: at a rate, a request is late when no connection is
 *   free for it, and its latency counts from the time at which it should have left.
 * Invariant: one request at a time on each connection; answers have a Content-Length.
 * Callers: the benchmarks of this folder. */
#pragma once

#include "slice.h"

enum { LOAD_CONNECTIONS = 64 };

struct load_conn {
    int fd;
    bool busy;
    size_t number;      /* of the request on its way */
    size_t head_len;    /* of the answer's head so far */
    size_t answer_left; /* of its body; SIZE_MAX while the head is not whole */
    char head[2048];
};

struct load_pool {
    int epoll_fd;
    struct load_conn conns[LOAD_CONNECTIONS];
};
void load_pool_open(struct load_pool *p, uint16_t port);
void load_pool_close(struct load_pool *p);

struct load_run {
    size_t count; /* requests */
    double rate;  /* a second, evenly; 0: the next one whenever an answer has come */
    /* The bytes of request `number`, which stay until its answer is in. Called as it leaves. */
    struct slice (*request)(void *arg, size_t number);
    void *arg;
    float *latencies_ms; /* of each request, or NULL */
    /* Looked at in each turn; true: no further request leaves. Or NULL. */
    bool (*enough)(void *arg);
    void *enough_arg;
    /* Results. */
    double seconds;
    size_t done;
    size_t answer_len; /* head and body of the last one */
};
/* Any answer but a 200 ends the benchmark. */
void load_pool_run(struct load_pool *p, struct load_run *r);

/* As load_percentile. */
double load_percentile_f(float *values, size_t count, double share);
