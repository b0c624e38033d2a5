#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "caps.h"
#include "clock.h"
#include "fd.h"
#include "mem.h"
#include "thread.h"

struct loop {
    int epoll_fd, wake_fd; /* owned; the eventfd carries loop_stop from other threads */
    uint64_t owner;        /* thread_self of the owner; 0: the next caller becomes it */
    bool running;
    bool stop; /* atomic: set by any thread */
    bool again;
    struct heap timers;
    uint32_t timer_places; /* timers made, each with a place in the heap */
    void (*hook)(void *arg);
    void *hook_arg;
    uint64_t now_us;
    struct loop_stats stats;
    struct epoll_event batch[LOOP_EVENTS_PER_TURN]; /* data.ptr NULL: removed meanwhile */
    int batch_next, batch_count;
};

bool loop_is_current(const struct loop *l) {
    return l->owner == thread_self();
}

static void check_owner(struct loop *l) {
    if (l->owner == 0) {
        l->owner = thread_self();
    }
    assert(loop_is_current(l));
}

static bool watch_wake_fd(struct loop *l) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &e) == 0;
}

struct loop *loop_create(void) {
    struct loop *l = mem_zalloc(sizeof *l);
    if (!l) {
        return NULL;
    }
    heap_init(&l->timers);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->wake_fd < 0 || !watch_wake_fd(l)) {
        return loop_destroy(l);
    }
    l->owner = thread_self();
    l->now_us = clock_mono_us();
    return l;
}

struct loop *loop_destroy(struct loop *l) {
    if (l) {
        assert(!l->running);
        fd_close(&l->epoll_fd);
        fd_close(&l->wake_fd);
        heap_deinit(&l->timers);
        mem_free(l);
    }
    return NULL;
}

/* A half-close is asked for together with reading only: a reader that pauses must not be woken
 * over and over by it. */
static uint32_t wanted_to_epoll(uint32_t events) {
    assert((events & ~(uint32_t)(LOOP_READ | LOOP_WRITE | LOOP_EDGE)) == 0);
    uint32_t e = 0;
    e |= events & LOOP_READ ? (uint32_t)(EPOLLIN | EPOLLRDHUP) : 0;
    e |= events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0;
    e |= events & LOOP_EDGE ? (uint32_t)EPOLLET : 0;
    return e;
}

static uint32_t epoll_to_true(uint32_t e) {
    uint32_t events = 0;
    events |= e & EPOLLIN ? (uint32_t)LOOP_READ : 0;
    events |= e & EPOLLOUT ? (uint32_t)LOOP_WRITE : 0;
    events |= e & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) ? (uint32_t)LOOP_HANGUP : 0;
    return events;
}

enum status loop_add(struct loop *l, struct loop_source *s, int fd, uint32_t events,
                     void (*on_ready)(void *arg, uint32_t events), void *arg) {
    check_owner(l);
    assert(fd >= 0 && on_ready && !s->loop);
    struct epoll_event e = {.events = wanted_to_epoll(events), .data.ptr = s};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        assert(errno == ENOMEM || errno == ENOSPC); /* others are mistakes of ours */
        return STATUS_NO_MEMORY;
    }
    *s = (struct loop_source){.magic = LOOP_SOURCE_MAGIC,
                              .fd = fd,
                              .events = events,
                              .on_ready = on_ready,
                              .arg = arg,
                              .loop = l};
    return STATUS_OK;
}

void loop_modify(struct loop_source *s, uint32_t events) {
    assert(s->magic == LOOP_SOURCE_MAGIC && s->loop);
    check_owner(s->loop);
    if (s->events == events) {
        return;
    }
    struct epoll_event e = {.events = wanted_to_epoll(events), .data.ptr = s};
    int failed = epoll_ctl(s->loop->epoll_fd, EPOLL_CTL_MOD, s->fd, &e);
    assert(!failed); /* changing allocates nothing */
    (void)failed;
    s->events = events;
}

/* What was fetched for this source in the current turn must not reach it any more. A batch holds
 * a source at most once, and few enough to look at all. */
static void forget_fetched(struct loop *l, const struct loop_source *s) {
    for (int i = l->batch_next; i < l->batch_count; i++) {
        if (l->batch[i].data.ptr == s) {
            l->batch[i].data.ptr = NULL;
            return;
        }
    }
}

void loop_remove(struct loop_source *s) {
    struct loop *l = s->loop;
    if (!l) {
        return;
    }
    assert(s->magic == LOOP_SOURCE_MAGIC);
    check_owner(l);
    int failed = epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    assert(!failed); /* closed before it was removed? */
    (void)failed;
    forget_fetched(l, s);
    *s = (struct loop_source){0};
}

void loop_set_hook(struct loop *l, void (*hook)(void *arg), void *arg) {
    check_owner(l);
    l->hook = hook;
    l->hook_arg = arg;
}

void loop_again(struct loop *l) {
    check_owner(l);
    l->again = true;
}

/* How long epoll may wait, rounded up to the millisecond that it counts in. */
static int wait_ms(struct loop *l, uint32_t wait_ms_max) {
    uint64_t now_us = clock_mono_us();
    if (l->stats.turns > 0) {
        uint64_t turn_us = now_us - l->now_us;
        l->stats.busy_us += turn_us;
        l->stats.turn_us_max = MAX(l->stats.turn_us_max, turn_us);
    }
    if (l->again) {
        return 0;
    }
    uint64_t wait = wait_ms_max;
    uint64_t due_ms = heap_next_key(&l->timers);
    if (due_ms < UINT64_MAX / 1000) {
        uint64_t due_us = due_ms * 1000;
        uint64_t left_ms = due_us > now_us ? (due_us - now_us + 999) / 1000 : 0;
        wait = MIN(wait, left_ms);
    }
    return (int)MIN(wait, (uint64_t)INT32_MAX);
}

static void run_sources(struct loop *l) {
    while (l->batch_next < l->batch_count) {
        struct epoll_event e = l->batch[l->batch_next++];
        if (e.data.ptr == l) {
            uint64_t counter;
            ssize_t cleared = read(l->wake_fd, &counter, sizeof counter);
            (void)cleared;
        } else if (e.data.ptr) {
            struct loop_source *s = OBJ_CAST(struct loop_source, e.data.ptr, LOOP_SOURCE_MAGIC);
            l->stats.events++;
            s->on_ready(s->arg, epoll_to_true(e.events));
        }
    }
    l->batch_next = l->batch_count = 0;
}

/* At most as many as were set at the start: a timer that sets itself to "now" waits a turn, so
 * that sources get theirs. */
static void run_timers(struct loop *l) {
    uint64_t now_ms = loop_now_ms(l);
    for (uint32_t left = l->timers.count; left > 0 && heap_next_key(&l->timers) <= now_ms; left--) {
        struct heap_node *node = heap_pop(&l->timers);
        struct loop_timer *t = container_of(node, struct loop_timer, node);
        assert(t->magic == LOOP_TIMER_MAGIC && t->loop == l);
        l->stats.timers++;
        t->on_due(t->arg);
    }
}

void loop_turn(struct loop *l, uint32_t wait_ms_max) {
    check_owner(l);
    int wait = wait_ms(l, wait_ms_max);
    l->again = false;
    int count = epoll_wait(l->epoll_fd, l->batch, LOOP_EVENTS_PER_TURN, wait);
    assert(count >= 0 || errno == EINTR);
    l->now_us = clock_mono_us();
    l->stats.turns++;
    l->batch_next = 0;
    l->batch_count = MAX(count, 0);
    run_sources(l);
    run_timers(l);
    if (l->hook) {
        l->hook(l->hook_arg);
    }
}

void loop_run(struct loop *l) {
    assert(!l->running);
    l->running = true;
    l->owner = thread_self();
    while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
        loop_turn(l, UINT32_MAX);
    }
    __atomic_store_n(&l->stop, false, __ATOMIC_RELAXED);
    l->running = false;
    l->owner = 0; /* whoever tears down may */
}

void loop_stop(struct loop *l) {
    static const uint64_t one = 1;
    __atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
    ssize_t written;
    do {
        written = write(l->wake_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

uint64_t loop_now_ms(const struct loop *l) {
    return l->now_us / 1000;
}

uint64_t loop_now_us(const struct loop *l) {
    return l->now_us;
}

struct loop_stats loop_stats_take(struct loop *l) {
    check_owner(l);
    struct loop_stats stats = l->stats;
    l->stats.turn_us_max = 0;
    return stats;
}

enum status loop_timer_init(struct loop *l, struct loop_timer *t, void (*on_due)(void *arg),
                            void *arg) {
    check_owner(l);
    assert(on_due && !t->loop);
    enum status s = heap_reserve(&l->timers, l->timer_places + 1);
    if (s != STATUS_OK) {
        return s;
    }
    l->timer_places++;
    *t = (struct loop_timer){.magic = LOOP_TIMER_MAGIC, .on_due = on_due, .arg = arg, .loop = l};
    return STATUS_OK;
}

void loop_timer_set(struct loop_timer *t, uint64_t at_ms) {
    assert(t->magic == LOOP_TIMER_MAGIC && t->loop);
    check_owner(t->loop);
    heap_set(&t->loop->timers, &t->node, at_ms);
}

void loop_timer_cancel(struct loop_timer *t) {
    assert(t->magic == LOOP_TIMER_MAGIC && t->loop);
    check_owner(t->loop);
    heap_remove(&t->loop->timers, &t->node);
}

void loop_timer_deinit(struct loop_timer *t) {
    struct loop *l = t->loop;
    if (l) {
        loop_timer_cancel(t);
        assert(l->timer_places > 0);
        l->timer_places--;
        *t = (struct loop_timer){0};
    }
}
