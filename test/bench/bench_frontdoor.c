/* The front door with 10,000 idle WebSockets: what each costs, and what a caller of the API feels
 * before and during attacks, one after another. The caller makes a new connection for each call. */
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "certificate.h"
#include "load.h"

enum {
    WEBSOCKETS = 10000,
    TLS_WEBSOCKETS = 2000,
    WARM_UP = 200, /* joined before memory is looked at first */
    PROBES = 600,
    PROBE_PAUSE_US = 4000,
    PROBE_S_MAX = 20, /* a server that is hit hard is asked fewer times */
    HALF_OPEN = 1000,
    SLOW_SENDERS = 100,
};

/* A connection, over TLS or not. */
struct link {
    int fd;
    SSL *ssl;
};

static SSL_CTX *tls_context;

static struct link link_open(uint16_t port, bool tls) {
    struct link l = {.fd = load_connect(port)};
    if (tls) {
        l.ssl = SSL_new(tls_context);
        SSL_set_fd(l.ssl, l.fd);
        if (SSL_connect(l.ssl) != 1) {
            load_fail("no TLS");
        }
    }
    return l;
}

static void link_close(struct link *l) {
    SSL_free(l->ssl);
    close(l->fd);
}

static ssize_t link_recv(struct link *l, char *out, size_t size) {
    return l->ssl ? SSL_read(l->ssl, out, (int)size) : recv(l->fd, out, size, 0);
}

static void link_send(struct link *l, const char *data, size_t len) {
    if (!l->ssl) {
        load_send(l->fd, data, len);
    } else if (SSL_write(l->ssl, data, (int)len) != (int)len) {
        load_fail("the server takes no more");
    }
}

/* Reads up to the end of a head and what came with it; its status. Answers here are small. */
static int link_answer(struct link *l) {
    char in[16384];
    size_t len = 0;
    int status = 0;
    for (;;) {
        ssize_t got = link_recv(l, in + len, sizeof(in) - 1 - len);
        if (got <= 0) {
            return 0;
        }
        len += (size_t)got;
        in[len] = 0;
        const char *end = strstr(in, "\r\n\r\n"), *length = strstr(in, "\r\nContent-Length: ");
        if (end && sscanf(in, "HTTP/1.1 %d", &status) == 1 &&
            (!length || len >= (size_t)(end + 4 - in) + strtoull(length + 18, NULL, 10))) {
            return status;
        }
    }
}

/* ---- idle connections -------------------------------------------------------------------------
 */

static int idle_epoll;

/* Answers pings: a pong for whatever comes in. */
static void *keep_alive(void *arg) {
    static const uint8_t pong[6] = {0x8a, 0x80};
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(idle_epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            char in[16384];
            struct link *l = events[i].data.ptr;
            if (link_recv(l, in, sizeof(in)) > 0) {
                (void)!(l->ssl ? SSL_write(l->ssl, pong, sizeof(pong))
                               : send(l->fd, pong, sizeof(pong), MSG_NOSIGNAL | MSG_DONTWAIT));
            } else {
                (void)epoll_ctl(idle_epoll, EPOLL_CTL_DEL, l->fd, NULL);
            }
        }
    }
    return arg;
}

static void join(struct link *l, uint16_t port, bool tls, uint64_t number) {
    char room[32], request[2048];
    snprintf(room, sizeof(room), "room-%llu", (unsigned long long)number);
    char *token = load_token(number, room, "bench");
    int len = snprintf(request, sizeof(request),
                       "GET /rtc?sdk=js&protocol=16&auto_subscribe=1&access_token=%s HTTP/1.1\r\n"
                       "Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       "Sec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       token);
    free(token);
    *l = link_open(port, tls);
    link_send(l, request, (size_t)len);
    int status = link_answer(l);
    if (status != 101) {
        load_fail("join %llu: %d", (unsigned long long)number, status);
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
    (void)epoll_ctl(idle_epoll, EPOLL_CTL_ADD, l->fd, &e);
}

static size_t call_text(char *out, size_t size, const char *names) {
    char *token = load_token(0, "room-1", "bench");
    int len = snprintf(out, size,
                       "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\n"
                       "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       token, strlen(names), names);
    free(token);
    return (size_t)len;
}

static struct load_memory memory_each(int pid, struct load_memory before, uint64_t count) {
    usleep(300 * 1000); /* what is queued is done by then */
    struct load_memory m = load_memory(pid);
    m.rss = (m.rss - MIN(m.rss, before.rss)) / count;
    m.private_dirty = (m.private_dirty - MIN(m.private_dirty, before.private_dirty)) / count;
    return m;
}

static struct load_memory open_websockets(const struct load_server *s, struct link *links,
                                          uint64_t count, bool tls) {
    struct load_memory before = {0};
    for (uint64_t i = 0; i < WARM_UP + count; i++) {
        if (i == WARM_UP) {
            usleep(300 * 1000);
            before = load_memory(s->pid);
        }
        join(&links[i], s->port, tls, i);
    }
    return memory_each(s->pid, before, count);
}

/* Connections of the API that made one call and wait with keep-alive. */
static struct load_memory open_idle(const struct load_server *s, uint64_t count) {
    static struct link links[WARM_UP + WEBSOCKETS];
    struct load_memory before = {0};
    char call[2048];
    size_t len = call_text(call, sizeof(call), "{\"names\":[\"room-1\"]}");
    for (uint64_t i = 0; i < WARM_UP + count; i++) {
        if (i == WARM_UP) {
            before = load_memory(s->pid);
        }
        links[i] = link_open(s->port, false);
        link_send(&links[i], call, len);
        if (link_answer(&links[i]) != 200) {
            load_fail("idle connection %llu", (unsigned long long)i);
        }
    }
    struct load_memory each = memory_each(s->pid, before, count);
    for (uint64_t i = 0; i < WARM_UP + count; i++) {
        link_close(&links[i]);
    }
    return each;
}

/* ---- attacks: each runs in a process of its own until it is killed ----------------------------
 */

static void slow_reader(uint16_t port) {
    char call[2048], byte;
    size_t len = call_text(call, sizeof(call), "{}"); /* all rooms: megabytes */
    for (;;) {
        int fd = load_connect(port);
        for (int i = 0; i < 64; i++) {
            (void)!send(fd, call, len, MSG_NOSIGNAL);
        }
        while (recv(fd, &byte, 1, 0) > 0) {
            usleep(10 * 1000);
        }
        close(fd);
    }
}

/* From 127.0.0.`host`: the server knows clients by their address. */
static int connect_from(uint16_t port, uint32_t host) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + host)};
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        load_fail("no connection from 127.0.0.%u", host);
    }
    return fd;
}

static uint32_t attacker_host = 1;

/* Keeps `count` connections that begin with this, and sends a byte on each now and then. */
static void many_half_open(uint16_t port, const char *begin, int count, useconds_t pause_us) {
    static int fds[HALF_OPEN];
    memset(fds, -1, sizeof(fds));
    for (;;) {
        for (int i = 0; i < count; i++) {
            if (fds[i] < 0) {
                fds[i] = connect_from(port, attacker_host);
                (void)!send(fds[i], begin, strlen(begin), MSG_NOSIGNAL);
            } else if (pause_us > 0 ? send(fds[i], "x", 1, MSG_NOSIGNAL) < 0
                                    : recv(fds[i], (char[1]){0}, 1, MSG_DONTWAIT) == 0) {
                close(fds[i]);
                fds[i] = -1;
            }
        }
        usleep(pause_us > 0 ? pause_us : 50 * 1000);
    }
}

static void slow_sender(uint16_t port) {
    many_half_open(port, "POST / HTTP/1.1\r\nHost: a\r\nA: ", SLOW_SENDERS, 1000 * 1000);
}

static void half_open(uint16_t port) {
    many_half_open(port, "POST / HTTP/1.1\r\nHost: a\r\n", HALF_OPEN, 0);
}

static void half_open_tls(uint16_t port) {
    many_half_open(port, "\x16\x03\x01\x02", HALF_OPEN, 0);
}

static void half_open_elsewhere(uint16_t port) {
    attacker_host = 2;
    half_open(port);
}

static void half_open_tls_elsewhere(uint16_t port) {
    attacker_host = 2;
    half_open_tls(port);
}

static void send_body(uint16_t port, const char *framing, bool chunked) {
    static char part[65536 + 32];
    char head[2048];
    char *token = load_token(0, "room-1", "bench");
    snprintf(head, sizeof(head),
             "POST /twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: a\r\n"
             "Authorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n",
             token, framing);
    memset(part, ' ', sizeof(part));
    size_t len = 65536;
    if (chunked) {
        memcpy(part, "10000\r\n", 7);
        memcpy(part + 7 + 65536, "\r\n", 2);
        len += 9;
    }
    for (;;) {
        int fd = load_connect(port);
        (void)!send(fd, head, strlen(head), MSG_NOSIGNAL);
        while (send(fd, part, len, MSG_NOSIGNAL) > 0) {
        }
        close(fd);
    }
}

static void declared_body(uint16_t port) {
    send_body(port, "Content-Length: 10737418240", false);
}

static void chunked_body(uint16_t port) {
    send_body(port, "Transfer-Encoding: chunked", true);
}

/* ---- probes -----------------------------------------------------------------------------------
 */

struct report {
    struct buf json;
    double worst_p99_ms;
};

static void probe(struct report *r, const struct load_server *s, bool tls, const char *name) {
    static double ms[PROBES];
    char call[2048];
    size_t len = call_text(call, sizeof(call), "{\"names\":[\"room-1\"]}"), done = 0;
    uint64_t until_us = load_now_us() + PROBE_S_MAX * UINT64_C(1000000);
    while (done < PROBES && load_now_us() < until_us) {
        uint64_t begin_us = load_now_us();
        struct link l = link_open(s->port, tls);
        link_send(&l, call, len);
        int status = link_answer(&l);
        ms[done++] = (double)(load_now_us() - begin_us) / 1000;
        link_close(&l);
        if (status != 200) {
            load_fail("probe during %s: %d", name, status);
        }
        usleep(PROBE_PAUSE_US);
    }
    double p50 = load_percentile(ms, done, 0.5), p99 = load_percentile(ms, done, 0.99);
    printf("%-20s p50 %.2f ms, p99 %.2f ms\n", name, p50, p99);
    buf_printf(&r->json, ",\"probe_p50_ms_%s\":%.3f,\"probe_p99_ms_%s\":%.3f", name, p50, name,
               p99);
    r->worst_p99_ms = MAX(r->worst_p99_ms, p99);
}

static void probe_during(struct report *r, const struct load_server *s, bool tls, const char *name,
                         void (*attack)(uint16_t port)) {
    int pid = fork();
    if (pid == 0) {
        attack(s->port);
        _exit(0);
    }
    usleep(500 * 1000); /* under way */
    probe(r, s, tls, name);
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    usleep(200 * 1000);
}

static void bench_plain(struct report *r) {
    static struct link links[WARM_UP + WEBSOCKETS];
    struct load_server s = load_start(-1, NULL);
    struct load_memory idle = open_idle(&s, WEBSOCKETS);
    struct load_memory each = open_websockets(&s, links, WEBSOCKETS, false);
    printf("%d idle WebSockets: %llu bytes resident each (%llu private and dirty)\n"
           "%d idle keep-alive connections: %llu bytes each\n",
           WEBSOCKETS, (unsigned long long)each.rss, (unsigned long long)each.private_dirty,
           WEBSOCKETS, (unsigned long long)idle.rss);
    buf_printf(&r->json,
               "\"bytes_per_websocket\":%llu,\"dirty_bytes_per_websocket\":%llu,"
               "\"bytes_per_idle_connection\":%llu",
               (unsigned long long)each.rss, (unsigned long long)each.private_dirty,
               (unsigned long long)idle.rss);
    probe(r, &s, false, "before");
    probe_during(r, &s, false, "slow_reader", slow_reader);
    probe_during(r, &s, false, "slow_sender", slow_sender);
    probe_during(r, &s, false, "declared_body", declared_body);
    probe_during(r, &s, false, "chunked_body", chunked_body);
    probe_during(r, &s, false, "half_open", half_open);
    probe_during(r, &s, false, "half_open_elsewhere", half_open_elsewhere);
    probe(r, &s, false, "after");
    load_stop(&s);
}

static void bench_tls(struct report *r) {
    static struct link links[WARM_UP + TLS_WEBSOCKETS];
    char directory[] = "/tmp/bench_frontdoor_XXXXXX", crt[64], key[64];
    if (!mkdtemp(directory)) {
        load_fail("no directory");
    }
    snprintf(crt, sizeof(crt), "%s/tls.crt", directory);
    snprintf(key, sizeof(key), "%s/tls.key", directory);
    struct certificate c;
    certificate_init(&c, 0, "localhost");
    certificate_write(&c, crt, key);
    certificate_deinit(&c);
    tls_context = SSL_CTX_new(TLS_client_method());
    struct load_server s = load_start(
        -1, (const char *const[]){"--stoa.tls_cert_file", crt, "--stoa.tls_key_file", key, NULL});
    struct load_memory each = open_websockets(&s, links, TLS_WEBSOCKETS, true);
    printf("%d idle WebSockets over TLS: %llu bytes resident each\n", TLS_WEBSOCKETS,
           (unsigned long long)each.rss);
    buf_printf(&r->json, ",\"bytes_per_tls_websocket\":%llu", (unsigned long long)each.rss);
    probe(r, &s, true, "tls_before");
    probe_during(r, &s, true, "tls_half_open", half_open_tls);
    probe_during(r, &s, true, "tls_half_open_elsewhere", half_open_tls_elsewhere);
    load_stop(&s);
    unlink(crt);
    unlink(key);
    rmdir(directory);
}

int main(int argc, char **argv) {
    struct report r = {0};
    buf_init(&r.json, 4096);
    idle_epoll = epoll_create1(EPOLL_CLOEXEC);
    pthread_t thread;
    if (pthread_create(&thread, NULL, keep_alive, NULL) != 0) {
        load_fail("no thread");
    }
    bench_plain(&r);
    bench_tls(&r);
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        printf("{%.*s,\"probe_p99_ms_worst\":%.3f}\n", (int)r.json.len, (const char *)r.json.data,
               r.worst_p99_ms);
    }
    buf_deinit(&r.json);
    return 0;
}
