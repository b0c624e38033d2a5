#include "mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

struct mailbox {
    pthread_mutex_t lock; /* guards all down to woken; held for copies only */
    uint8_t *ring;        /* owned: count_max items */
    size_t item_size;
    uint32_t first, count, count_max;
    uint64_t refused;
    bool woken;  /* the eventfd was written, or is about to be, since the last drain */
    int wake_fd; /* owned eventfd */
};

struct mailbox *mailbox_create(size_t item_size, uint32_t count_max) {
    assert(item_size > 0 && count_max > 0);
    struct mailbox *m = mem_zalloc(sizeof *m);
    if (!m) {
        return NULL;
    }
    m->item_size = item_size;
    m->count_max = count_max;
    m->ring = mem_calloc(count_max, item_size);
    m->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&m->lock, NULL);
    if (!m->ring || m->wake_fd < 0) {
        return mailbox_destroy(m);
    }
    return m;
}

struct mailbox *mailbox_destroy(struct mailbox *m) {
    if (m) {
        fd_close(&m->wake_fd);
        mem_free(m->ring);
        pthread_mutex_destroy(&m->lock);
        mem_free(m);
    }
    return NULL;
}

static void wake(struct mailbox *m) {
    static const uint64_t one = 1;
    ssize_t written;
    do {
        written = write(m->wake_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
    /* Any other failure means that the counter is full, so the descriptor is readable anyway. */
}

static uint8_t *slot_at(struct mailbox *m, uint32_t index) {
    return m->ring + (size_t)index * m->item_size;
}

/* Under the lock: whether the caller has to wake the receiver. */
static bool take_wake(struct mailbox *m) {
    bool mine = m->count > 0 && !m->woken;
    m->woken = m->woken || mine;
    return mine;
}

static bool put(struct mailbox *m, const void *item, bool wakes) {
    pthread_mutex_lock(&m->lock);
    bool fits = m->count < m->count_max;
    if (fits) {
        uint32_t at = (uint32_t)(((uint64_t)m->first + m->count) % m->count_max);
        memcpy(slot_at(m, at), item, m->item_size);
        m->count++;
    } else {
        m->refused++;
    }
    bool wake_it = wakes && take_wake(m);
    pthread_mutex_unlock(&m->lock);
    if (wake_it) {
        wake(m);
    }
    return fits;
}

bool mailbox_push(struct mailbox *m, const void *item) {
    return put(m, item, true);
}

bool mailbox_queue(struct mailbox *m, const void *item) {
    return put(m, item, false);
}

void mailbox_flush(struct mailbox *m) {
    pthread_mutex_lock(&m->lock);
    bool wake_it = take_wake(m);
    pthread_mutex_unlock(&m->lock);
    if (wake_it) {
        wake(m);
    }
}

/* Copies the oldest `n` items out; they may wrap around the end of the ring. */
static void take_first(struct mailbox *m, uint8_t *out, uint32_t n) {
    uint32_t straight = MIN(n, m->count_max - m->first);
    memcpy(out, slot_at(m, m->first), straight * m->item_size);
    memcpy(out + straight * m->item_size, m->ring, (n - straight) * m->item_size);
    m->first = (uint32_t)(((uint64_t)m->first + n) % m->count_max);
    m->count -= n;
}

size_t mailbox_drain(struct mailbox *m, void *items, size_t max) {
    /* The descriptor is cleared before looking, never after: a push in between then costs an idle
     * wake-up, in the other order it would be slept through. */
    uint64_t counter;
    ssize_t cleared = read(m->wake_fd, &counter, sizeof counter);
    (void)cleared; /* nothing to clear is fine */

    pthread_mutex_lock(&m->lock);
    uint32_t n = (uint32_t)MIN((size_t)m->count, max);
    if (n > 0) {
        take_first(m, items, n);
    }
    m->woken = false;
    bool left = take_wake(m); /* no sender may come and do it */
    pthread_mutex_unlock(&m->lock);
    if (left) {
        wake(m);
    }
    return n;
}

bool mailbox_wait(struct mailbox *m, uint32_t timeout_ms) {
    struct pollfd p = {.fd = m->wake_fd, .events = POLLIN};
    int timeout = (int)MIN(timeout_ms, (uint32_t)INT32_MAX);
    return poll(&p, 1, timeout) > 0;
}

int mailbox_fd(const struct mailbox *m) {
    return m->wake_fd;
}

size_t mailbox_count(struct mailbox *m) {
    pthread_mutex_lock(&m->lock);
    size_t count = m->count;
    pthread_mutex_unlock(&m->lock);
    return count;
}

uint64_t mailbox_refused(struct mailbox *m) {
    pthread_mutex_lock(&m->lock);
    uint64_t refused = m->refused;
    pthread_mutex_unlock(&m->lock);
    return refused;
}

size_t mailbox_item_size(const struct mailbox *m) {
    return m->item_size;
}
