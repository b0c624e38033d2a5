#include "client.h"

#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "fd.h"
#include "http.h"
#include "tcp.h"

enum { ADDRESSES_MAX = 8, HOST_BYTES_MAX = 256, READ_BYTES = 64 * 1024 };

struct call {
    const struct client_request *request;
    struct client_error *error;
    struct client_url url;
    uint64_t deadline_ms;
    int fd;
    struct buf in;
};

static enum status failed(struct call *c, enum status s, const char *what) {
    snprintf(c->error->text, sizeof(c->error->text), "%s: %s", c->request->url, what);
    return s;
}

/* OK when the descriptor is ready; errors of it show in what is done next. */
static enum status wait_for(struct call *c, short events) {
    for (;;) {
        uint64_t now = clock_mono_ms();
        if (now >= c->deadline_ms) {
            return failed(c, STATUS_TIMEOUT, "no answer in time");
        }
        struct pollfd p = {.fd = c->fd, .events = events};
        if (poll(&p, 1, (int)(c->deadline_ms - now)) > 0) {
            return STATUS_OK;
        }
    }
}

/* The addresses of a name, as text and back, since only os knows the kernel's form. */
static size_t look_up(const char *host, uint16_t port, struct net_address *list, size_t max) {
    struct addrinfo *found = NULL, hints = {.ai_socktype = SOCK_STREAM};
    size_t count = 0;
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        return 0;
    }
    for (struct addrinfo *a = found; a && count < max; a = a->ai_next) {
        char ip[NET_ADDRESS_TEXT_MAX];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof(ip), NULL, 0, NI_NUMERICHOST) == 0 &&
            net_address_parse(slice_from_cstr(ip), port, &list[count]) == STATUS_OK) {
            count++;
        }
    }
    freeaddrinfo(found);
    return count;
}

static size_t find_addresses(const struct client_url *u, struct net_address *list, size_t max) {
    char host[HOST_BYTES_MAX];
    if (net_address_parse(u->host, u->port, &list[0]) == STATUS_OK) {
        return 1;
    }
    if (slice_eq_nocase(u->host, SLICE_LIT("localhost"))) {
        list[0] = net_address_loopback(NET_V4, u->port);
        list[1] = net_address_loopback(NET_V6, u->port);
        return 2;
    }
    if (u->host.len >= sizeof(host)) {
        return 0;
    }
    memcpy(host, u->host.data, u->host.len);
    host[u->host.len] = 0;
    return look_up(host, u->port, list, max);
}

static enum status connect_to(struct call *c, const struct net_address *address) {
    enum status s = tcp_connect(address, &c->fd);
    if (s == STATUS_OK) {
        s = wait_for(c, POLLOUT);
    }
    if (s == STATUS_OK) {
        s = tcp_connect_result(c->fd);
    }
    if (s != STATUS_OK) {
        fd_close(&c->fd);
    }
    return s;
}

static enum status connect_any(struct call *c) {
    struct net_address list[ADDRESSES_MAX];
    size_t count = find_addresses(&c->url, list, ADDRESSES_MAX);
    if (count == 0) {
        return failed(c, STATUS_NOT_FOUND, "no address of that name");
    }
    enum status s = STATUS_UNAVAILABLE;
    for (size_t i = 0; i < count && s != STATUS_OK; i++) {
        s = connect_to(c, &list[i]);
        if (s == STATUS_TIMEOUT) {
            return failed(c, s, "no answer in time");
        }
    }
    return s == STATUS_OK ? s : failed(c, s, "no server answers there");
}

static void put_request(const struct call *c, struct buf *out) {
    const struct client_request *r = c->request;
    buf_printf(out, "POST %.*s%s HTTP/1.1\r\n", SLICE_ARG(c->url.prefix), r->path);
    http_put_header(out, "Host", c->url.authority);
    http_put_header(out, "User-Agent", SLICE_LIT("stoa"));
    http_put_header(out, "Content-Type", slice_from_cstr(r->content_type));
    http_put_header(out, "Connection", SLICE_LIT("close"));
    buf_put_cstr(out, "Authorization: Bearer ");
    buf_put(out, r->token);
    buf_printf(out, "\r\nContent-Length: %zu\r\n\r\n", r->body.len);
    buf_put(out, r->body);
}

/* A server that refuses may close before it has read all; its answer is read in any case. */
static enum status send_request(struct call *c) {
    struct buf out;
    buf_init(&out, HTTP_HEAD_BYTES_MAX + TOKEN_BYTES_MAX + HTTP_BODY_BYTES_MAX);
    put_request(c, &out);
    enum status s =
        out.failed ? failed(c, STATUS_TOO_LARGE, "the request is too large") : STATUS_OK;
    struct slice rest = buf_slice(&out);
    while (rest.len > 0 && s == STATUS_OK) {
        size_t sent = 0;
        enum status got = tcp_write(c->fd, rest, &sent);
        if (got == STATUS_AGAIN) {
            s = wait_for(c, POLLOUT);
        } else if (got != STATUS_OK) {
            break;
        }
        rest = slice_after(rest, sent);
    }
    buf_deinit(&out);
    return s;
}

/* Reads some more; CLOSED at the end of the stream. */
static enum status read_more(struct call *c) {
    for (;;) {
        size_t got = 0;
        if (!buf_reserve(&c->in, READ_BYTES)) {
            return failed(c, STATUS_TOO_LARGE, "the answer is too large");
        }
        enum status s = tcp_read(c->fd, c->in.data + c->in.len, READ_BYTES, &got);
        if (s == STATUS_OK) {
            c->in.len += got;
            return s;
        }
        if (s != STATUS_AGAIN) {
            (void)failed(c, s, "the server closed before its answer was whole");
            return STATUS_CLOSED;
        }
        s = wait_for(c, POLLIN);
        if (s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_head(struct call *c, struct client_head *ret_head) {
    for (;;) {
        enum status s = client_head_read(buf_slice(&c->in), ret_head);
        if (s == STATUS_OK && ret_head->status < 200) { /* an interim answer */
            buf_consume(&c->in, ret_head->head_bytes);
            continue;
        }
        if (s != STATUS_AGAIN) {
            return s == STATUS_OK ? s : failed(c, s, "what answers there is no HTTP server");
        }
        s = read_more(c);
        if (s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_chunks(struct call *c, struct buf *body) {
    struct http_chunked chunks;
    http_chunked_init(&chunks, CLIENT_ANSWER_BYTES_MAX);
    for (;;) {
        struct slice data = {0};
        size_t used = 0;
        struct http_error error;
        enum http_result got = http_chunked_next(&chunks, buf_slice(&c->in), &data, &used, &error);
        if (got == HTTP_BAD) {
            return failed(c, STATUS_MALFORMED, error.reason);
        }
        buf_put(body, data);
        buf_consume(&c->in, used);
        if (got == HTTP_OK || body->failed) {
            return STATUS_OK;
        }
        enum status s = used > 0 ? STATUS_OK : read_more(c);
        if (s != STATUS_OK) {
            return s;
        }
    }
}

static enum status read_body(struct call *c, const struct client_head *head, struct buf *body) {
    enum status s = STATUS_OK;
    if (head->chunked) {
        s = read_chunks(c, body);
    } else if (head->has_length && head->length > CLIENT_ANSWER_BYTES_MAX) {
        s = failed(c, STATUS_TOO_LARGE, "the answer is too large");
    } else {
        while (s == STATUS_OK && !(head->has_length && c->in.len >= head->length)) {
            s = read_more(c);
        }
        if (s == STATUS_CLOSED && !head->has_length) {
            s = STATUS_OK; /* without a length its end is the end of the stream */
        }
        size_t len = head->has_length ? (size_t)head->length : c->in.len;
        if (s == STATUS_OK) {
            buf_put(body, slice_sub(buf_slice(&c->in), 0, len));
        }
    }
    return s == STATUS_OK && body->failed ? failed(c, STATUS_NO_MEMORY, "out of memory") : s;
}

static enum status exchange(struct call *c, struct client_answer *answer) {
    enum status s = connect_any(c);
    if (s == STATUS_OK) {
        s = send_request(c);
    }
    struct client_head head = {0};
    if (s == STATUS_OK) {
        s = read_head(c, &head);
    }
    if (s == STATUS_OK) {
        buf_consume(&c->in, head.head_bytes);
        answer->status = head.status;
        s = read_body(c, &head, &answer->body);
    }
    return s;
}

enum status client_post(const struct client_request *request, struct client_answer *ret_answer,
                        struct client_error *ret_error) {
    struct call c = {.request = request, .error = ret_error, .fd = -1};
    const char *reason = NULL;
    enum status s = client_url_parse(slice_from_cstr(request->url), &c.url, &reason);
    if (s != STATUS_OK) {
        return failed(&c, s, reason);
    }
    c.deadline_ms = clock_mono_ms() + request->deadline_ms;
    buf_init(&c.in, (size_t)CLIENT_ANSWER_BYTES_MAX + HTTP_HEAD_BYTES_MAX + READ_BYTES);
    struct client_answer answer = {0};
    buf_init(&answer.body, CLIENT_ANSWER_BYTES_MAX);
    s = exchange(&c, &answer);
    fd_close(&c.fd);
    buf_deinit(&c.in);
    if (s != STATUS_OK) {
        client_answer_deinit(&answer);
        return s;
    }
    *ret_answer = answer;
    return STATUS_OK;
}

void client_answer_deinit(struct client_answer *a) {
    buf_deinit(&a->body);
}
