/* The calls of the Room API over 64 connections, each request with a token of its own, in both
 * codings; against the bare limit: a server that reads and answers as many bytes and does nothing
 * else, in the same run. The server has one processor, the requests come from the other. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "livekit_room.pb-c.h"
#include "load.h"
#include "mem.h"
#include "proto.h"

enum { CONNECTIONS = 64, REQUESTS = 20000, SERVER_PROCESSOR = 0, OUR_PROCESSOR = 1 };

struct request {
    uint8_t *data;
    size_t len;
};

struct connection {
    int fd;
    size_t answer_left; /* of the answer being read */
    size_t head_len;
    uint64_t sent_us;
    char head[2048];
};

struct result {
    double requests_per_s, cpu_us, p50_ms, p99_ms;
    size_t answer_len;
};

/* ---- requests ---------------------------------------------------------------------------------
 */

enum call { CREATE, LIST, UPDATE, DELETE, CALLS };
static const char *const call_names[CALLS] = {"CreateRoom", "ListRooms", "UpdateRoomMetadata",
                                              "DeleteRoom"};

static void put_json(enum call call, const char *room, struct buf *out) {
    switch (call) {
    case CREATE: buf_printf(out, "{\"name\":\"%s\",\"emptyTimeout\":600}", room); break;
    case LIST: buf_printf(out, "{\"names\":[\"%s\"]}", room); break;
    case UPDATE: buf_printf(out, "{\"room\":\"%s\",\"metadata\":\"some metadata\"}", room); break;
    default: buf_printf(out, "{\"room\":\"%s\"}", room); break;
    }
}

static void put_protobuf(enum call call, char *room, struct buf *out) {
    static char metadata[] = "some metadata";
    Livekit__CreateRoomRequest create = LIVEKIT__CREATE_ROOM_REQUEST__INIT;
    Livekit__ListRoomsRequest list = LIVEKIT__LIST_ROOMS_REQUEST__INIT;
    Livekit__UpdateRoomMetadataRequest update = LIVEKIT__UPDATE_ROOM_METADATA_REQUEST__INIT;
    Livekit__DeleteRoomRequest delete = LIVEKIT__DELETE_ROOM_REQUEST__INIT;
    create.name = update.room = delete.room = room;
    create.empty_timeout = 600;
    list.names = &room;
    list.n_names = 1;
    update.metadata = metadata;
    const ProtobufCMessage *const messages[CALLS] = {&create.base, &list.base, &update.base,
                                                     &delete.base};
    proto_encode(messages[call], out);
}

static struct request make_request(enum call call, bool json, uint64_t number) {
    char room[32];
    snprintf(room, sizeof(room), "bench-%llu", (unsigned long long)number);
    char *token = load_token(number, room, "bench");
    struct buf body, all;
    buf_init(&body, 1024);
    buf_init(&all, 8192);
    if (json) {
        put_json(call, room, &body);
    } else {
        put_protobuf(call, room, &body);
    }
    buf_printf(&all,
               "POST /twirp/livekit.RoomService/%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
               "Authorization: Bearer %s\r\nContent-Type: application/%s\r\n"
               "User-Agent: bench\r\nContent-Length: %zu\r\n\r\n",
               call_names[call], token, json ? "json" : "protobuf", body.len);
    buf_put(&all, buf_slice(&body));
    free(token);
    buf_deinit(&body);
    return (struct request){all.data, all.len};
}

/* ---- the client -------------------------------------------------------------------------------
 */

static void send_next(struct connection *c, const struct request *requests, size_t *next) {
    const struct request *r = &requests[(*next)++];
    c->sent_us = load_now_us();
    c->head_len = 0;
    c->answer_left = SIZE_MAX;
    load_send(c->fd, r->data, r->len);
}

/* True: the whole answer is in. */
static bool take_answer(struct connection *c, size_t *ret_len) {
    char bytes[16384];
    ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);
    if (got <= 0) {
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
        if (strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
            load_fail("%.*s", (int)(end - c->head), c->head);
        }
        const char *length = strstr(c->head, "Content-Length: ");
        size_t whole = (size_t)(end + 4 - c->head) + strtoull(length + 16, NULL, 10);
        *ret_len = whole;
        c->answer_left = whole - c->head_len - (size_t)got;
        return c->answer_left == 0;
    }
    c->head_len += kept;
    return false;
}

static struct result run(uint16_t port, int pid, const struct request *requests) {
    static struct connection connections[CONNECTIONS];
    static double latencies_ms[REQUESTS];
    struct result result = {0};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < CONNECTIONS; i++) {
        connections[i] = (struct connection){.fd = load_connect(port)};
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &connections[i]};
        (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connections[i].fd, &e);
    }
    size_t next = 0, done = 0;
    uint64_t cpu_ns = load_cpu_ns(pid), begin_us = load_now_us();
    for (int i = 0; i < CONNECTIONS; i++) {
        send_next(&connections[i], requests, &next);
    }
    while (done < REQUESTS) {
        struct epoll_event events[CONNECTIONS];
        int count = epoll_wait(epoll_fd, events, CONNECTIONS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (take_answer(c, &result.answer_len)) {
                latencies_ms[done++] = (double)(load_now_us() - c->sent_us) / 1000;
                if (next < REQUESTS) {
                    send_next(c, requests, &next);
                }
            }
        }
    }
    result.requests_per_s = REQUESTS / ((double)(load_now_us() - begin_us) / 1e6);
    result.cpu_us = (double)(load_cpu_ns(pid) - cpu_ns) / 1000 / REQUESTS;
    result.p50_ms = load_percentile(latencies_ms, REQUESTS, 0.5);
    result.p99_ms = load_percentile(latencies_ms, REQUESTS, 0.99);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(connections[i].fd);
    }
    close(epoll_fd);
    return result;
}

/* ---- the bare limit ---------------------------------------------------------------------------
 */

/* Counts the bytes of requests, all of one length, and answers each with the same ones. */
static void serve_bare(int listener, size_t request_len, size_t answer_len) {
    enum { FDS_MAX = 1024, EVENTS = 64 };
    static size_t have[FDS_MAX];
    char *answer = malloc(answer_len + 1);
    memset(answer, 'x', answer_len);
    int head = snprintf(answer, answer_len, "HTTP/1.1 200 OK\r\nContent-Length: ");
    head += snprintf(answer + head, answer_len - (size_t)head, "%06zu\r\n\r\n",
                     answer_len - (size_t)head - 10);
    answer[head] = 'x';
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int on = 1, accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                e = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
                (void)epoll_ctl(epoll_fd, EPOLL_CTL_ADD, accepted, &e);
                have[accepted] = 0;
                continue;
            }
            char bytes[16384];
            ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
            if (got <= 0) {
                close(fd);
                continue;
            }
            for (have[fd] += (size_t)got; have[fd] >= request_len; have[fd] -= request_len) {
                (void)!send(fd, answer, answer_len, MSG_NOSIGNAL);
            }
        }
    }
}

static struct result run_bare(const struct request *requests, size_t answer_len) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        load_fail("no listener: %s", strerror(errno));
    }
    int pid = fork();
    if (pid == 0) {
        load_pin(SERVER_PROCESSOR);
        serve_bare(listener, requests[0].len, answer_len);
    }
    struct result result = run(ntohs(at.sin_port), pid, requests);
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    close(listener);
    return result;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

struct totals {
    double requests_per_s, ratio, p50_ms, p99_ms;
    struct buf json;
};

static void bench_call(const struct load_server *s, enum call call, bool json, struct totals *t) {
    static struct request requests[REQUESTS];
    for (uint64_t i = 0; i < REQUESTS; i++) {
        requests[i] = make_request(call, json, 1000000 + i); /* numbers of one length */
    }
    struct result got = run(s->port, s->pid, requests);
    struct result bare = run_bare(requests, got.answer_len);
    for (size_t i = 0; i < REQUESTS; i++) {
        mem_free(requests[i].data);
    }
    double ratio = got.cpu_us / bare.cpu_us;
    const char *coding = json ? "json" : "protobuf";
    printf("%-18s %-8s %7.0f requests/s, %5.1f us of processor each (bare: %7.0f, %4.1f us: "
           "%.2f times), p50 %.2f ms, p99 %.2f ms\n",
           call_names[call], coding, got.requests_per_s, got.cpu_us, bare.requests_per_s,
           bare.cpu_us, ratio, got.p50_ms, got.p99_ms);
    buf_printf(&t->json,
               ",\"%s_%s_requests_per_s\":%.0f,\"%s_%s_cpu_us\":%.2f,"
               "\"%s_%s_bare_cpu_us\":%.2f",
               call_names[call], coding, got.requests_per_s, call_names[call], coding, got.cpu_us,
               call_names[call], coding, bare.cpu_us);
    t->requests_per_s =
        t->requests_per_s == 0 ? got.requests_per_s : MIN(t->requests_per_s, got.requests_per_s);
    t->ratio = MAX(t->ratio, ratio);
    t->p50_ms = MAX(t->p50_ms, got.p50_ms);
    t->p99_ms = MAX(t->p99_ms, got.p99_ms);
}

int main(int argc, char **argv) {
    struct load_server s = load_start(SERVER_PROCESSOR, NULL);
    load_pin(OUR_PROCESSOR);
    struct totals t = {0};
    buf_init(&t.json, 4096);
    for (int json = 1; json >= 0; json--) {
        for (int call = 0; call < CALLS; call++) {
            bench_call(&s, (enum call)call, json, &t);
        }
    }
    load_stop(&s);
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        printf("{\"requests_per_s\":%.0f,\"cpu_ratio_to_limit\":%.2f,\"p50_ms\":%.3f,"
               "\"p99_ms\":%.3f%.*s}\n",
               t.requests_per_s, t.ratio, t.p50_ms, t.p99_ms, (int)t.json.len,
               (const char *)t.json.data);
    }
    buf_deinit(&t.json);
    return 0;
}
