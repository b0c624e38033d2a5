/* loop.h: one epoll loop with timers; each thread has at most one.
 * Owns: the epoll descriptor and the array of the timer heap. Sources and timers are the callers'.
 * Never: blocks in anything but its one wait; reads the clock for callers more than once a turn.
 * Invariant: a source that was removed is not called again, not even for an event of this turn
 *   already fetched; its memory may be freed at once.
 * Callers: edge, media, control, each on its own thread. The thread that created the loop owns it
 *   until loop_run, then the one that runs it; every function but loop_stop asserts that. */
#pragma once

#include "heap.h"

struct loop;

enum {
    LOOP_READ = 1,  /* wanted or true: readable, or a listener with a connection */
    LOOP_WRITE = 2, /* wanted or true: writable */
    LOOP_HANGUP =
        4,         /* true: the peer closed its half, or an error is pending. Not to be asked for */
    LOOP_EDGE = 8, /* wanted: report changes, not states */
};

enum { LOOP_SOURCE_MAGIC = 0x4c535243, LOOP_TIMER_MAGIC = 0x4c544d52 };

/* A descriptor in a loop. Zeroed is valid and not in a loop. */
struct loop_source {
    uint32_t magic;
    int fd;                                       /* borrowed */
    uint32_t events;                              /* wanted: LOOP_READ, LOOP_WRITE, LOOP_EDGE */
    void (*on_ready)(void *arg, uint32_t events); /* events: LOOP_READ, LOOP_WRITE, LOOP_HANGUP */
    void *arg;
    struct loop *loop; /* borrowed; NULL while not in a loop */
};

/* A timer; zeroed is valid and unused. */
struct loop_timer {
    uint32_t magic;
    struct heap_node node;
    void (*on_due)(void *arg);
    void *arg;
    struct loop *loop; /* borrowed; NULL while unused */
};

/* What a loop did, for metrics; read by its own thread. */
struct loop_stats {
    uint64_t turns, events, timers;
    uint64_t busy_us;     /* between waits, summed: its growth per second is the load */
    uint64_t turn_us_max; /* the longest turn since loop_stats_take */
};

must_check struct loop *loop_create(void); /* NULL without memory or descriptors */
/* No source or timer of it may be used afterwards; they need not be removed before. */
struct loop *loop_destroy(struct loop *l);

/* `fd` is not in this loop yet. Fails only for want of memory or epoll watches. */
must_check enum status loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events,
                                void (*on_ready)(void *arg, uint32_t events), void *arg);
void loop_modify(struct loop_source *s, uint32_t events); /* s is in a loop */
/* Safe anywhere, also for other sources than the one called. Before the descriptor is closed.
 * Not in a loop: nothing. */
void loop_remove(struct loop_source *s);

/* Reserves a place in the heap, so that loop_timer_set cannot fail. */
must_check enum status loop_timer_init(struct loop *l, struct loop_timer *t,
                                       void (*on_due)(void *arg), void *arg);
/* Due at `at_ms` on the monotonic clock; moves a timer already set. A time not after now comes in
 * the next run of timers: this turn's when set by a source, the next turn's when set by a timer. */
void loop_timer_set(struct loop_timer *t, uint64_t at_ms);
void loop_timer_cancel(struct loop_timer *t); /* not set: nothing */
static inline bool loop_timer_is_set(const struct loop_timer *t) {
    return heap_has(&t->node);
}
void loop_timer_deinit(struct loop_timer *t); /* zeroed: fine */

/* Called once a turn, after sources and timers and before the wait: flushes, budgeted work. */
void loop_set_hook(struct loop *l, void (*hook)(void *arg), void *arg);
/* The next wait returns at once: the hook has more work. */
void loop_again(struct loop *l);

/* Turns until loop_stop: wait, sources, timers in order of their time, hook. */
void loop_run(struct loop *l);
/* One turn that waits at most `wait_ms_max`; for tests and for teardown. */
void loop_turn(struct loop *l, uint32_t wait_ms_max);
/* Any thread: the loop ends after the turn it is in. Before loop_run: it makes no turn at all. */
void loop_stop(struct loop *l);

/* The clock of this turn, read when the wait returned. */
uint64_t loop_now_ms(const struct loop *l);
uint64_t loop_now_us(const struct loop *l);
bool loop_is_current(const struct loop *l); /* are we the owning thread */
/* Copies the figures and starts turn_us_max anew. */
struct loop_stats loop_stats_take(struct loop *l);
