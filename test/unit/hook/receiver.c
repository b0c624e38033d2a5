#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "tcp.h"

enum { CONNS_MAX = 512, INPUT_MAX = 12 << 20 };

struct conn {
    int fd;
    uint32_t number;
    uint8_t *in;
    size_t len;
    struct answer answer;
    bool is_open;    /* a request waits for its answer */
    bool is_flooded; /* with what has no end */
};

struct receiver {
    int listen_fd, wake_fd;
    answer_to answer;
    void *arg;
    char url[64];
    pthread_t thread;
    struct conn conns[CONNS_MAX];
    size_t conns_count;
    uint32_t accepted;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct request requests[RECEIVER_REQUESTS_MAX];
    size_t requests_count, open_count, open_max;
    bool released, stopped;
};

static struct slice copy(struct slice s) {
    uint8_t *bytes = malloc(s.len + 1);
    assert_non_null(bytes);
    memcpy(bytes, s.data, s.len);
    return slice_of(bytes, s.len);
}

static void send_all(int fd, const char *text) {
    size_t len = strlen(text);
    ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
    (void)sent; /* who went away does not want it */
}

static void send_answer(const struct conn *c, const char *body) {
    char head[512];
    (void)snprintf(head, sizeof head, "HTTP/1.1 %d Said\r\nContent-Length: %zu\r\n%s\r\n%s",
                   c->answer.status, strlen(body), c->answer.headers ? c->answer.headers : "",
                   body);
    send_all(c->fd, head);
}

static void set_open(struct receiver *r, struct conn *c, bool is_open) {
    pthread_mutex_lock(&r->lock);
    if (c->is_open != is_open) {
        c->is_open = is_open;
        r->open_count = is_open ? r->open_count + 1 : r->open_count - 1;
        r->open_max = MAX(r->open_max, r->open_count);
    }
    pthread_mutex_unlock(&r->lock);
}

static void drop_conn(struct receiver *r, struct conn *c) {
    set_open(r, c, false);
    fd_close(&c->fd);
    free(c->in);
    *c = r->conns[--r->conns_count];
}

/* False: the connection is gone. */
static bool give_answer(struct receiver *r, struct conn *c) {
    switch (c->answer.kind) {
    case ANSWER_HELD:
    case ANSWER_NEVER: return true;
    case ANSWER:
        send_answer(c, "");
        set_open(r, c, false);
        return true;
    case CLOSE_IN_HEAD: send_all(c->fd, "HTTP/1.1 200 OK\r\nContent-Le"); break;
    case CLOSE_IN_BODY: send_all(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); break;
    case ANSWER_GARBAGE: send_all(c->fd, "220 mail.example.com ready\r\n\r\n"); break;
    case CLOSE_AT_ONCE: break;
    case ENDLESS_HEAD:
        send_all(c->fd, "HTTP/1.1 200 OK\r\n");
        c->is_flooded = true;
        return true;
    case ENDLESS_BODY:
        send_all(c->fd, "HTTP/1.1 200 OK\r\n\r\n");
        c->is_flooded = true;
        return true;
    }
    drop_conn(r, c);
    return false;
}

/* The length of the first request in the input, 0 while it is not whole. */
static size_t whole_request(const struct conn *c, size_t *ret_head) {
    const uint8_t *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    if (!end) {
        return 0;
    }
    size_t head = (size_t)(end - c->in) + 4;
    struct request r = {.head = slice_of(c->in, head)};
    uint64_t body = 0;
    assert_true(slice_to_u64(request_header(&r, "Content-Length"), &body));
    *ret_head = head;
    return c->len >= head + body ? head + body : 0;
}

/* False: the connection is gone. */
static bool take_request(struct receiver *r, struct conn *c, size_t head, size_t len) {
    struct request request = {.head = copy(slice_of(c->in, head)),
                              .body = copy(slice_of(c->in + head, len - head)),
                              .at_ms = clock_mono_ms(),
                              .connection = c->number};
    memmove(c->in, c->in + len, c->len - len);
    c->len -= len;
    set_open(r, c, true);
    pthread_mutex_lock(&r->lock);
    size_t nth = r->requests_count;
    assert_true(nth < RECEIVER_REQUESTS_MAX);
    c->answer = r->answer(r->arg, &request, nth);
    if (c->answer.kind == ANSWER_HELD && r->released) {
        c->answer.kind = ANSWER;
    }
    r->requests[r->requests_count++] = request;
    pthread_mutex_unlock(&r->lock);
    bool stays = give_answer(r, c);
    pthread_mutex_lock(&r->lock);
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return stays;
}

static void read_conn(struct receiver *r, struct conn *c) {
    if (!c->in) {
        c->in = malloc(INPUT_MAX);
        assert_non_null(c->in);
    }
    ssize_t got = read(c->fd, c->in + c->len, INPUT_MAX - c->len);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            drop_conn(r, c);
        }
        return;
    }
    c->len += (size_t)got;
    size_t head, len;
    while (c->len > 0 && (len = whole_request(c, &head)) > 0) {
        if (!take_request(r, c, head, len)) {
            return;
        }
    }
}

static void flood(struct receiver *r, struct conn *c) {
    static const char line[] = "X-More: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    if (send(c->fd, line, sizeof line - 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) {
        drop_conn(r, c);
    }
}

static void accept_all(struct receiver *r) {
    int fd;
    struct net_address peer;
    while (tcp_accept(r->listen_fd, &fd, &peer) == STATUS_OK) {
        assert_true(r->conns_count < CONNS_MAX);
        r->conns[r->conns_count++] = (struct conn){.fd = fd, .number = ++r->accepted};
    }
}

static void release_held(struct receiver *r) {
    pthread_mutex_lock(&r->lock);
    bool released = r->released;
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; released && i < r->conns_count; i++) {
        struct conn *c = &r->conns[i];
        if (c->is_open && c->answer.kind == ANSWER_HELD) {
            c->answer.kind = ANSWER;
            (void)give_answer(r, c);
        }
    }
}

static void *run(void *arg) {
    struct receiver *r = arg;
    static __thread struct pollfd polled[CONNS_MAX + 2];
    for (;;) {
        pthread_mutex_lock(&r->lock);
        bool stopped = r->stopped;
        pthread_mutex_unlock(&r->lock);
        if (stopped) {
            return NULL;
        }
        polled[0] = (struct pollfd){.fd = r->listen_fd, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = r->wake_fd, .events = POLLIN};
        size_t count = r->conns_count;
        for (size_t i = 0; i < count; i++) {
            short events = r->conns[i].is_flooded ? POLLIN | POLLOUT : POLLIN;
            polled[i + 2] = (struct pollfd){.fd = r->conns[i].fd, .events = events};
        }
        (void)poll(polled, count + 2, 1000);
        /* Backwards: a connection that goes is replaced by the last one, seen already. */
        for (size_t i = count; i-- > 0;) {
            struct conn *c = &r->conns[i];
            if (polled[i + 2].revents & ~POLLOUT) {
                read_conn(r, c);
            } else if (polled[i + 2].revents & POLLOUT) {
                flood(r, c);
            }
        }
        if (polled[1].revents) {
            uint64_t counter;
            ssize_t cleared = read(r->wake_fd, &counter, sizeof counter);
            (void)cleared;
        }
        release_held(r);
        accept_all(r);
    }
}

struct receiver *receiver_start(answer_to answer, void *arg) {
    struct receiver *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->answer = answer;
    r->arg = arg;
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    struct net_address at = net_address_loopback(NET_V4, 0);
    assert_int_equal(tcp_listen(&at, &(struct tcp_listen_options){0}, &r->listen_fd), STATUS_OK);
    assert_int_equal(tcp_local_address(r->listen_fd, &at), STATUS_OK);
    (void)snprintf(r->url, sizeof r->url, "http://127.0.0.1:%u/hook", at.port);
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_true(r->wake_fd >= 0);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    return r;
}

static void tell(struct receiver *r, bool *what) {
    pthread_mutex_lock(&r->lock);
    *what = true;
    pthread_mutex_unlock(&r->lock);
    static const uint64_t one = 1;
    assert_int_equal(write(r->wake_fd, &one, sizeof one), sizeof one);
}

void receiver_release(struct receiver *r) {
    tell(r, &r->released);
}

struct receiver *receiver_stop(struct receiver *r) {
    tell(r, &r->stopped);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    while (r->conns_count > 0) {
        drop_conn(r, &r->conns[0]);
    }
    for (size_t i = 0; i < r->requests_count; i++) {
        free((void *)(uintptr_t)r->requests[i].head.data);
        free((void *)(uintptr_t)r->requests[i].body.data);
    }
    fd_close(&r->listen_fd);
    fd_close(&r->wake_fd);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
    return NULL;
}

const char *receiver_url(const struct receiver *r) {
    return r->url;
}

bool receiver_wait(struct receiver *r, size_t requests) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RECEIVER_WAIT_MS / 1000;
    int failed = 0;
    pthread_mutex_lock(&r->lock);
    while (r->requests_count < requests && failed == 0) {
        failed = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    bool came = r->requests_count >= requests;
    pthread_mutex_unlock(&r->lock);
    return came;
}

size_t receiver_count(struct receiver *r) {
    pthread_mutex_lock(&r->lock);
    size_t count = r->requests_count;
    pthread_mutex_unlock(&r->lock);
    return count;
}

size_t receiver_open_max(struct receiver *r) {
    pthread_mutex_lock(&r->lock);
    size_t max = r->open_max;
    pthread_mutex_unlock(&r->lock);
    return max;
}

const struct request *receiver_get(struct receiver *r, size_t index) {
    assert_true(index < receiver_count(r));
    return &r->requests[index];
}

struct slice request_header(const struct request *r, const char *name) {
    struct slice rest = r->head;
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        line.len -= line.len > 0 && line.data[line.len - 1] == '\r';
        struct slice value = line;
        struct slice key = slice_split(&value, ':');
        if (slice_eq_nocase(key, slice_from_cstr(name))) {
            return slice_trim(value);
        }
    }
    return (struct slice){0};
}
