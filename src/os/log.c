/* log.c: the sink. Callers append whole lines to the front buffer under a lock held for the copy;
 * the log thread swaps front and back and writes without the lock. */
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "caps.h"
#include "clock.h"
#include "mem.h"
#include "thread.h"

enum { LEVEL_OFF = INT_MAX };

/* The one log of the process. */
static struct {
    pthread_mutex_t lock;  /* guards what follows, up to dropped */
    pthread_cond_t filled; /* front is no longer empty, or stopping */
    char *front, *back;    /* owned, LOG_QUEUE_BYTES_MAX each; back is the thread's */
    size_t front_len;
    bool open, stopping;
    uint64_t stop_by_ms;     /* output that is still stuck then is given up */
    uint64_t dropped_untold; /* since the last line that told it */
    uint64_t dropped;        /* atomic */
    int level;               /* atomic; LEVEL_OFF while closed. Set last: publishes what follows */
    enum log_format format;  /* constant while open, as are fd and thread */
    int fd;
    struct thread *thread;
} sink = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .level = LEVEL_OFF};

/* Without blocking for good: a pipe whose reader stalls holds us up only while we live. Pieces of
 * at most PIPE_BUF fit whenever poll says that a pipe is writable. */
static bool write_all(const char *data, size_t len) {
    while (len > 0) {
        struct pollfd p = {.fd = sink.fd, .events = POLLOUT};
        int ready = poll(&p, 1, 100);
        pthread_mutex_lock(&sink.lock);
        bool give_up = sink.stopping && clock_mono_ms() >= sink.stop_by_ms;
        pthread_mutex_unlock(&sink.lock);
        if (give_up) {
            return false;
        }
        if (ready <= 0) {
            continue;
        }
        ssize_t written = write(sink.fd, data, MIN(len, (size_t)PIPE_BUF));
        if (written < 0 && errno != EINTR && errno != EAGAIN) {
            return false; /* nobody is there to read; nothing better to do than go on */
        }
        if (written > 0) {
            data += written;
            len -= (size_t)written;
        }
    }
    return true;
}

static void tell_dropped(uint64_t count) {
    if (count > 0) {
        char line[LOG_LINE_BYTES_MIN];
        const struct log_field field = LOG_UINT("count", count);
        size_t len = log_format_line(sink.format, clock_wall_ms(), LOG_WARN, "log_dropped", &field,
                                     1, line, sizeof line);
        (void)write_all(line, len);
    }
}

static void log_main(void *arg) {
    (void)arg;
    for (;;) {
        pthread_mutex_lock(&sink.lock);
        while (sink.front_len == 0 && !sink.stopping) {
            pthread_cond_wait(&sink.filled, &sink.lock);
        }
        char *full = sink.front;
        size_t len = sink.front_len;
        uint64_t dropped = sink.dropped_untold;
        sink.front = sink.back;
        sink.back = full;
        sink.front_len = 0;
        sink.dropped_untold = 0;
        bool last = sink.stopping && len == 0;
        pthread_mutex_unlock(&sink.lock);
        (void)write_all(full, len);
        tell_dropped(dropped);
        if (last) {
            return;
        }
    }
}

static void free_buffers(void) {
    mem_free(sink.front);
    mem_free(sink.back);
    sink.front = sink.back = NULL;
}

enum status log_open(const struct log_config *config) {
    assert(!sink.open);
    sink.front = mem_alloc(LOG_QUEUE_BYTES_MAX);
    sink.back = mem_alloc(LOG_QUEUE_BYTES_MAX);
    if (!sink.front || !sink.back) {
        free_buffers();
        return STATUS_NO_MEMORY;
    }
    sink.front_len = 0;
    sink.dropped_untold = 0;
    sink.stopping = false;
    sink.format = config->format;
    sink.fd = config->fd;
    __atomic_store_n(&sink.dropped, 0, __ATOMIC_RELAXED);
    enum status s = thread_start("log", log_main, NULL, &sink.thread);
    if (s != STATUS_OK) {
        free_buffers();
        return s;
    }
    pthread_mutex_lock(&sink.lock);
    sink.open = true;
    pthread_mutex_unlock(&sink.lock);
    log_set_level(config->level);
    return STATUS_OK;
}

void log_close(void) {
    __atomic_store_n(&sink.level, LEVEL_OFF, __ATOMIC_RELEASE);
    pthread_mutex_lock(&sink.lock);
    bool was_open = sink.open;
    sink.open = false;
    sink.stopping = true;
    sink.stop_by_ms = clock_mono_ms() + LOG_CLOSE_WAIT_MS;
    pthread_cond_signal(&sink.filled);
    pthread_mutex_unlock(&sink.lock);
    if (was_open) {
        sink.thread = thread_join(sink.thread);
        free_buffers();
    }
}

void log_set_level(enum log_level level) {
    __atomic_store_n(&sink.level, (int)level, __ATOMIC_RELEASE);
}

bool log_enabled(enum log_level level) {
    return (int)level >= __atomic_load_n(&sink.level, __ATOMIC_ACQUIRE);
}

uint64_t log_dropped(void) {
    return __atomic_load_n(&sink.dropped, __ATOMIC_RELAXED);
}

static void append(const char *line, size_t len) {
    pthread_mutex_lock(&sink.lock);
    if (sink.open) {
        bool was_empty = sink.front_len == 0;
        if (len <= LOG_QUEUE_BYTES_MAX - sink.front_len) {
            memcpy(sink.front + sink.front_len, line, len);
            sink.front_len += len;
        } else {
            sink.dropped_untold++;
            __atomic_add_fetch(&sink.dropped, 1, __ATOMIC_RELAXED);
        }
        if (was_empty) {
            pthread_cond_signal(&sink.filled);
        }
    }
    pthread_mutex_unlock(&sink.lock);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields,
               size_t count) {
    if (!log_enabled(level)) {
        return;
    }
    char line[LOG_LINE_BYTES_MAX];
    size_t len = log_format_line(sink.format, clock_wall_ms(), level, event, fields, count, line,
                                 sizeof line);
    append(line, len);
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ms) {
    uint64_t second = now_ms / 1000;
    if (limit->second != second) {
        limit->second = second;
        limit->count = 0;
    }
    if (limit->count >= LOG_LIMITED_PER_S) {
        limit->left_out++;
        return false;
    }
    limit->count++;
    return true;
}

uint32_t log_limit_take(struct log_limit *limit) {
    uint32_t left_out = limit->left_out;
    limit->left_out = 0;
    return left_out;
}
