#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "os_priv.h"

struct thread {
    pthread_t handle;
    char name[THREAD_NAME_MAX];
    void (*run)(void *arg);
    void *arg;
};

/* Which of ours the calling thread is; NULL on the main thread and on foreign ones. */
static _Thread_local struct thread *thread_current;
static _Thread_local uint64_t thread_self_cached;

static void *thread_main(void *arg) {
    struct thread *t = arg;
    thread_current = t;
    t->run(t->arg);
    return NULL;
}

/* All but those that a thread raises by its own mistake: blocking these hides a crash. */
static void signals_to_block(sigset_t *set) {
    sigfillset(set);
    static const int own_mistakes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < ARRAY_LEN(own_mistakes); i++) {
        sigdelset(set, own_mistakes[i]);
    }
}

enum status thread_start(const char *name, void (*run)(void *arg), void *arg,
                         struct thread **ret_thread) {
    struct thread *t = mem_zalloc(sizeof *t);
    if (!t) {
        return STATUS_NO_MEMORY;
    }
    memcpy(t->name, name, strnlen(name, sizeof t->name - 1));
    t->run = run;
    t->arg = arg;
    /* A thread inherits the mask of its maker: so there is no moment in which it is open. */
    sigset_t blocked, before;
    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(&t->handle, NULL, thread_main, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        mem_free(t);
        return error == EAGAIN ? STATUS_EXHAUSTED : os_status(error);
    }
    (void)pthread_setname_np(t->handle, t->name); /* for ps and debuggers alone */
    *ret_thread = t;
    return STATUS_OK;
}

struct thread *thread_join(struct thread *t) {
    if (t) {
        assert(!thread_is_current(t));
        int error = pthread_join(t->handle, NULL);
        assert(!error);
        (void)error;
        mem_free(t);
    }
    return NULL;
}

/* Looks again and again: a wait with a deadline would be on the wall clock, which may be set. */
struct thread *thread_join_within(struct thread *t, uint32_t ms) {
    enum { LOOK_US = 1000 };
    if (!t) {
        return NULL;
    }
    assert(!thread_is_current(t));
    uint64_t end_ms = clock_mono_ms() + ms;
    int error = pthread_tryjoin_np(t->handle, NULL);
    while (error == EBUSY && clock_mono_ms() < end_ms) {
        (void)usleep(LOOK_US);
        error = pthread_tryjoin_np(t->handle, NULL);
    }
    assert(error == 0 || error == EBUSY);
    if (error == EBUSY) {
        return t;
    }
    mem_free(t);
    return NULL;
}

bool thread_is_current(const struct thread *t) {
    return t && thread_current == t;
}

void thread_yield(void) {
    (void)sched_yield();
}

uint64_t thread_self(void) {
    if (thread_self_cached == 0) {
        thread_self_cached = (uint64_t)gettid();
    }
    return thread_self_cached;
}

const char *thread_name(void) {
    return thread_current ? thread_current->name : "main";
}

uint32_t thread_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* over 1024 processors the set is too small */
    return online > 0 ? (uint32_t)online : 1;
}
