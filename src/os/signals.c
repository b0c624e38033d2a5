#include "signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

enum { SIGNALS_MAGIC = 0x5349474e };

struct signals {
    uint32_t magic;
    int fd; /* owned */
    struct loop_source source;
    void (*on_signal)(void *arg, int number);
    void *arg;
};

static void our_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGQUIT);
    sigaddset(set, SIGHUP);
}

void signals_block(void) {
    sigset_t set;
    our_signals(&set);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    assert(!error);
    (void)error;
    (void)signal(SIGPIPE, SIG_IGN); /* a write to a closed peer answers with a status instead */
}

static void on_readable(void *arg, uint32_t events) {
    (void)events;
    struct signals *s = OBJ_CAST(struct signals, arg, SIGNALS_MAGIC);
    struct signalfd_siginfo info;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        s->on_signal(s->arg, (int)info.ssi_signo); /* may destroy us: nothing after this */
    }
}

struct signals *signals_create(struct loop *l, void (*on_signal)(void *arg, int number),
                               void *arg) {
    struct signals *s = mem_zalloc(sizeof *s);
    if (!s) {
        return NULL;
    }
    sigset_t set;
    our_signals(&set);
    s->magic = SIGNALS_MAGIC;
    s->on_signal = on_signal;
    s->arg = arg;
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0 || loop_add(l, &s->source, s->fd, LOOP_READ, on_readable, s) != STATUS_OK) {
        return signals_destroy(s);
    }
    return s;
}

struct signals *signals_destroy(struct signals *s) {
    if (s) {
        loop_remove(&s->source);
        fd_close(&s->fd);
        mem_free(s);
    }
    return NULL;
}
