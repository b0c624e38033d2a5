#include "load_http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

void load_pool_open(struct load_pool *p, uint16_t port) {
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* a steady rate is kept to the microsecond */
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        p->conns[i] = (struct load_conn){.fd = load_connect(port)};
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &p->conns[i]};
        if (epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->conns[i].fd, &e) != 0) {
            load_fail("epoll: %s", strerror(errno));
        }
    }
}

void load_pool_close(struct load_pool *p) {
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        close(p->conns[i].fd);
    }
    close(p->epoll_fd);
}

/* ---- one answer -------------------------------------------------------------------------------
 */

/* The head is whole: how much is missing of the body. */
static void take_head(struct load_conn *c, const char *end, size_t beyond, size_t *ret_len) {
    const char *length = strstr(c->head, "\r\nContent-Length: ");
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0 || !length || length > end) {
        load_fail("request %zu: %.*s", c->number, (int)(end - c->head), c->head);
    }
    size_t body = strtoull(length + 18, NULL, 10);
    *ret_len = (size_t)(end + 4 - c->head) + body;
    c->answer_left = body - beyond;
}

/* True: the whole answer is in. */
static bool take_bytes(struct load_conn *c, size_t *ret_len) {
    char bytes[16384];
    ssize_t got = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return false;
    }
    if (got <= 0 || !c->busy) {
        load_fail("the connection ended: %s", got < 0 ? strerror(errno) : "closed");
    }
    if (c->answer_left != SIZE_MAX) {
        c->answer_left -= (size_t)got;
        return c->answer_left == 0;
    }
    size_t kept = MIN((size_t)got, sizeof(c->head) - 1 - c->head_len);
    memcpy(c->head + c->head_len, bytes, kept);
    c->head[c->head_len + kept] = 0;
    const char *end = strstr(c->head, "\r\n\r\n");
    if (end) {
        take_head(c, end, c->head_len + (size_t)got - (size_t)(end + 4 - c->head), ret_len);
        return c->answer_left == 0;
    }
    c->head_len += kept;
    return false;
}

/* ---- a run ------------------------------------------------------------------------------------
 */

struct running {
    struct load_pool *pool;
    struct load_run *run;
    struct load_conn *idle[LOAD_CONNECTIONS];
    size_t idle_count, sent;
    uint64_t begin_ns;
    bool enough;
};

static uint64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* When the request should leave, since the beginning; without a rate: at once. */
static uint64_t due_ns(const struct running *g, size_t number) {
    return g->run->rate > 0 ? (uint64_t)((double)number * 1e9 / g->run->rate) : 0;
}

static uint64_t sent_at_ns[LOAD_CONNECTIONS];

static void send_due(struct running *g) {
    const struct load_run *r = g->run;
    while (g->idle_count > 0 && g->sent < r->count && !g->enough) {
        uint64_t at = now_ns() - g->begin_ns;
        if (due_ns(g, g->sent) > at) {
            return;
        }
        struct load_conn *c = g->idle[--g->idle_count];
        c->busy = true;
        c->number = g->sent++;
        c->head_len = 0;
        c->answer_left = SIZE_MAX;
        sent_at_ns[c - g->pool->conns] = r->rate > 0 ? due_ns(g, c->number) : at;
        struct slice bytes = r->request(r->arg, c->number);
        load_send(c->fd, bytes.data, bytes.len);
    }
}

static void wait_for_answers(struct running *g) {
    struct epoll_event events[LOAD_CONNECTIONS];
    struct load_run *r = g->run;
    bool due_next = g->idle_count > 0 && g->sent < r->count && !g->enough;
    uint64_t at = now_ns() - g->begin_ns, due = due_next ? due_ns(g, g->sent) : 0;
    uint64_t wait_ns = !due_next ? 10 * 1000 * 1000 : due > at ? due - at : 0;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000),
                            .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(g->pool->epoll_fd, events, LOAD_CONNECTIONS, &wait, NULL);
    for (int i = 0; i < count; i++) {
        struct load_conn *c = events[i].data.ptr;
        if (!take_bytes(c, &r->answer_len)) {
            continue;
        }
        if (r->latencies_ms) {
            uint64_t took = now_ns() - g->begin_ns - sent_at_ns[c - g->pool->conns];
            r->latencies_ms[c->number] = (float)took / 1e6F;
        }
        c->busy = false;
        g->idle[g->idle_count++] = c;
        r->done++;
    }
}

void load_pool_run(struct load_pool *p, struct load_run *r) {
    struct running g = {.pool = p, .run = r};
    for (size_t i = 0; i < LOAD_CONNECTIONS; i++) {
        g.idle[g.idle_count++] = &p->conns[i];
    }
    r->done = 0;
    g.begin_ns = now_ns();
    while (r->done < (g.enough ? g.sent : r->count)) {
        send_due(&g);
        wait_for_answers(&g);
        g.enough = g.enough || (r->enough && r->enough(r->enough_arg));
    }
    r->seconds = (double)(now_ns() - g.begin_ns) / 1e9;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

double load_percentile_f(float *values, size_t count, double share) {
    if (count == 0) {
        return 0;
    }
    qsort(values, count, sizeof(values[0]), compare);
    size_t at = (size_t)((double)count * share);
    return (double)values[MIN(at, count - 1)];
}
